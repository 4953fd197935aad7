//! The thread that starts VM processes. It never ends, because a VM process dies with the thread that started it.

use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use secure_exec_protocol::channel::halves;
use secure_exec_protocol::{FilesSocket, FrameReader, FrameWriter, VmFrame};

use crate::process::{Child, Life, ProcessId};
use crate::settings::Settings;
use crate::snapshot;

/// The descriptors on which a VM process finds its socket, and its end of the files channel.
const SOCKET_FD: RawFd = 3;
const FILES_FD: RawFd = 4;

/// `spawn.h`; the C libraries of Linux have it as an extension.
const POSIX_SPAWN_SETSID: libc::c_int = 0x80;

/// What is to be started.
pub(crate) struct Order {
    pub(crate) process: ProcessId,
    pub(crate) start: Start,
}

/// What a process is started with. Processes that are started alike can stand for each other until they serve a VM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Start {
    pub(crate) in_process: bool,
    /// It is for VMs of this group.
    pub(crate) group: Option<u64>,
    /// Directories of commands, whose files it gets open.
    pub(crate) command_dirs: Vec<String>,
    /// It may go on where the system has no system call filters.
    pub(crate) lax: bool,
    /// The startup snapshot, if it is not the package's.
    pub(crate) heap: Option<PathBuf>,
}

/// A process that was started: the halves of its socket, the files channel, and the child if it is one.
pub(crate) struct Started {
    pub(crate) writer: FrameWriter,
    pub(crate) reader: FrameReader<VmFrame>,
    pub(crate) files: FilesSocket,
    pub(crate) child: Option<Box<dyn Life>>,
}

/// A started process, or why it did not start.
pub(crate) type Outcome = Result<Started, String>;

/// Starts the thread. What became of an order is told to `tell`, which says whether to go on.
pub(crate) fn start(
    settings: Settings,
    tell: impl Fn(ProcessId, Outcome) -> ControlFlow<()> + Send + 'static,
) -> io::Result<Sender<Order>> {
    let (orders, inbox) = channel();
    std::thread::Builder::new()
        .name("secure-exec-spawn".into())
        .spawn(move || serve(&settings, &inbox, tell))?;
    Ok(orders)
}

fn serve(
    settings: &Settings,
    inbox: &Receiver<Order>,
    tell: impl Fn(ProcessId, Outcome) -> ControlFlow<()>,
) {
    let mut identities = Identities::default();
    for order in inbox {
        let outcome = fulfil(settings, &order, &mut identities);
        if tell(order.process, outcome).is_break() {
            return;
        }
    }
}

/// Snapshots that have been verified. That of the package belongs to the addon that this process has loaded: another in its
/// place is none. One of the embedder's may be made anew.
#[derive(Default)]
struct Identities(HashMap<PathBuf, String>);

impl Identities {
    fn of(&mut self, snapshot: Option<&Path>, is_packages: bool) -> Result<String, String> {
        let Some(path) = snapshot else {
            return Ok(String::new());
        };
        if let Some(known) = self.0.get(path)
            && (is_packages || snapshot::is_still(path, known))
        {
            return Ok(known.clone());
        }
        let identity = snapshot::verify(path)?;
        self.0.insert(path.into(), identity.clone());
        Ok(identity)
    }
}

fn fulfil(settings: &Settings, order: &Order, identities: &mut Identities) -> Outcome {
    let snapshot = order.start.heap.as_ref().or(settings.snapshot.as_ref());
    let is_packages = order.start.heap.is_none();
    let identity = identities.of(snapshot.map(PathBuf::as_path), is_packages)?;
    let (ours, theirs) = UnixStream::pair().map_err(|error| format!("socketpair: {error}"))?;
    let (writer, reader) = halves(ours).map_err(|error| format!("socket: {error}"))?;
    let (files, their_files) =
        FilesSocket::pair().map_err(|error| format!("socketpair: {error}"))?;
    if order.start.in_process {
        let serve = settings
            .in_process
            .ok_or("this build cannot run a VM in the host process")?;
        let snapshot = snapshot.cloned();
        std::thread::Builder::new()
            .name("secure-exec-vm".into())
            .spawn(move || serve(theirs.into(), their_files, snapshot.as_deref()))
            .map_err(|error| format!("thread: {error}"))?;
        return Ok(Started {
            writer,
            reader,
            files,
            child: None,
        });
    }
    let child = launch(
        settings,
        &order.start,
        (snapshot.map(PathBuf::as_path), &identity),
        [&theirs.into(), &their_files],
    )
    .map_err(|error| format!("the launcher: {error}"))?;
    Ok(Started {
        writer,
        reader,
        files,
        child: Some(Box::new(child)),
    })
}

/// Runs `launcher <addon> <our pid> <snapshot> <its identity> <mode> <uid> <directory>...` with an empty environment, a
/// session of its own (a Ctrl-C at the terminal is for the host alone), no signal blocked or ignored, and the sockets.
fn launch(
    settings: &Settings,
    start: &Start,
    (snapshot, identity): (Option<&Path>, &str),
    sockets: [&OwnedFd; 2],
) -> io::Result<Child> {
    let launcher = c_string(settings.launcher.as_os_str().as_bytes())?;
    let mode = if start.lax { "lax" } else { "strict" };
    let mut arguments = vec![
        launcher.clone(),
        c_string(settings.addon.as_os_str().as_bytes())?,
        c_string(std::process::id().to_string().as_bytes())?,
        c_string(snapshot.map_or(&b""[..], |path| path.as_os_str().as_bytes()))?,
        c_string(identity.as_bytes())?,
        c_string(mode.as_bytes())?,
        c_string(settings.uid.to_string().as_bytes())?,
    ];
    for dir in &start.command_dirs {
        arguments.push(c_string(dir.as_bytes())?);
    }
    let mut argv: Vec<*mut c_char> = arguments
        .iter()
        .map(|argument| argument.as_ptr().cast_mut())
        .collect();
    argv.push(std::ptr::null_mut());
    let envp: [*mut c_char; 1] = [std::ptr::null_mut()];
    let actions = FileActions::new(sockets)?;
    let attributes = Attributes::new()?;
    let mut pid = 0;
    // SAFETY: every pointer is valid for the call, and argv and envp end with null.
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            launcher.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            argv.as_ptr(),
            envp.as_ptr(),
        )
    })?;
    Child::adopt(pid)
}

/// The actions, and a descriptor that has to be open while they are done.
struct FileActions(libc::posix_spawn_file_actions_t, Option<OwnedFd>);

impl FileActions {
    fn new([socket, files]: [&OwnedFd; 2]) -> io::Result<FileActions> {
        // One of them may be where the other is to be: out of the way first.
        let files = duplicate(files, FILES_FD + 1)?;
        // SAFETY: the type is plain data that the init function fills.
        let mut actions = FileActions(unsafe { std::mem::zeroed() }, None);
        // SAFETY: `actions` is valid for writes; the path is a C string that is copied.
        unsafe {
            check(libc::posix_spawn_file_actions_init(&raw mut actions.0))?;
            for fd in 0..SOCKET_FD {
                let path = c"/dev/null".as_ptr();
                check(libc::posix_spawn_file_actions_addopen(
                    &raw mut actions.0,
                    fd,
                    path,
                    libc::O_RDWR,
                    0,
                ))?;
            }
            // A dup2 onto itself also clears CLOEXEC (POSIX, `posix_spawn_file_actions_adddup2`).
            for (fd, place) in [
                (socket.as_raw_fd(), SOCKET_FD),
                (files.as_raw_fd(), FILES_FD),
            ] {
                check(libc::posix_spawn_file_actions_adddup2(
                    &raw mut actions.0,
                    fd,
                    place,
                ))?;
            }
        }
        actions.1 = Some(files);
        Ok(actions)
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: initialised in `new` (glibc's destroy also accepts a zeroed one).
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Attributes> {
        // SAFETY: the types are plain data that the init functions fill.
        let (mut attributes, mut none, mut all) = unsafe {
            (
                Attributes(std::mem::zeroed()),
                std::mem::zeroed(),
                std::mem::zeroed(),
            )
        };
        let flags = POSIX_SPAWN_SETSID | libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        // SAFETY: all pointers are valid for the calls.
        unsafe {
            check(libc::posix_spawnattr_init(&raw mut attributes.0))?;
            libc::sigemptyset(&raw mut none);
            libc::sigfillset(&raw mut all);
            check(libc::posix_spawnattr_setsigmask(
                &raw mut attributes.0,
                &raw const none,
            ))?;
            check(libc::posix_spawnattr_setsigdefault(
                &raw mut attributes.0,
                &raw const all,
            ))?;
            check(libc::posix_spawnattr_setflags(
                &raw mut attributes.0,
                i16::try_from(flags).unwrap_or(0),
            ))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// Another descriptor of a file, none below `least`.
fn duplicate(fd: &OwnedFd, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes plain numbers; returns a new descriptor or -1.
    let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(code))
    }
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(io::Error::other)
}
