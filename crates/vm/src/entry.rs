//! The command line of a VM process.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::Instant;

use secure_exec_node::{Snapshot, V8Options, code_cache, initialize_v8};
use secure_exec_protocol::launch::CANNOT_CONFINE;
use secure_exec_protocol::{Phase, VmLimits};

use crate::guests::Runtimes;
use crate::lockdown::{self, Confinement, Demand, descriptors, overdraft};
use crate::profile;
use crate::server;

/// The descriptors of the socket that the host is behind, and of the files channel.
const SOCKET_FD: i32 = 3;
const FILES_FD: i32 = 4;

/// `sysexits.h`: EX_SOFTWARE, EX_NOINPUT, EX_USAGE.
const INTERNAL_ERROR: i32 = 70;
const NO_SNAPSHOT: i32 = 66;
const USAGE: i32 = 64;

/// Where the words of a VM process's command line are.
const SNAPSHOT: usize = 3;
const IDENTITY: usize = 4;
const DEMAND: usize = 5;
const FILES: usize = 7;

/// And of a self-attack's.
const ATTACK: usize = 4;
const TARGET: usize = 5;
const ATTACK_DEMAND: usize = 6;

/// Runs a VM process and gives its exit status.
///
/// - `<launcher> <addon> <parent> <snapshot> <its identity> <mode> <uid> <descriptor>:<path>...` serves, as the launcher
///   describes.
/// - `<launcher> --self-attack <addon> <parent> <attack> <target> <mode> <uid>` gives the errno of what must be refused.
/// - `<launcher> --mksnapshot <addon> <file> [<program>]` makes the startup snapshot, of a heap in which a program has run.
/// - `<launcher> --mkcaches <addon> <file>` adds the code caches of the library's other modules to it.
/// - `<launcher> --check-caches <addon> <file>` fails if V8 does not accept them.
/// - `<launcher> --precompile <addon> <module> <file>` compiles a WebAssembly command.
#[must_use]
pub fn vm_main(arguments: &[OsString]) -> i32 {
    let run = || {
        let mode = arguments.get(1).and_then(|argument| argument.to_str());
        let file = |index| arguments.get(index).map(Path::new);
        let made = match (mode, file(3), file(4)) {
            (Some("--mksnapshot"), Some(file), program) => Some(make_snapshot(file, program)),
            (Some("--mkcaches"), Some(file), _) => Some(add_code_caches(file)),
            (Some("--check-caches"), Some(file), _) => Some(check_code_caches(file)),
            (Some("--precompile"), Some(module), Some(file)) => Some(precompile(module, file)),
            _ => None,
        };
        if let Some(made) = made {
            return build_status(made);
        }
        let word = |index: usize| arguments.get(index).map(|word| word.to_string_lossy());
        if mode == Some("--self-attack") {
            let words = (word(ATTACK), word(TARGET), word(ATTACK_DEMAND));
            let (Some(name), Some(target), Some(demand)) = words else {
                return USAGE;
            };
            return attack_itself(&name, &target, Demand::of(&demand));
        }
        let snapshot = file(SNAPSHOT);
        let (Some(snapshot), Some(identity), Some(demand)) =
            (snapshot, word(IDENTITY), word(DEMAND))
        else {
            return USAGE;
        };
        let files = arguments.get(FILES..).unwrap_or_default();
        serve_process(snapshot, &identity, Demand::of(&demand), files)
    };
    // The panic hook has said what there is to say.
    catch_unwind(run).unwrap_or(INTERNAL_ERROR)
}

fn serve_process(snapshot: &Path, identity: &str, demand: Demand, files: &[OsString]) -> i32 {
    let start = Instant::now();
    if lockdown::enclose().is_err() {
        return CANNOT_CONFINE;
    }
    lockdown::keep_freed_memory();
    // SAFETY: the launcher's contract; nobody else in this process knows of the descriptors.
    let mut files = unsafe { descriptors::take_over(files) };
    let Ok(snapshot) = map_verified(files.remove(snapshot), identity) else {
        return NO_SNAPSHOT;
    };
    secure_exec_wasm::host_files::restrict_to(files);
    initialize_v8(V8Options::default());
    overdraft::install();
    if lockdown::confine(demand).is_err() {
        return CANNOT_CONFINE;
    }
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let phases = vec![Phase {
        name: "engine".into(),
        micros,
    }];
    // SAFETY: the launcher's contract; nobody else in this process knows of the descriptors.
    let (socket, channel) = unsafe {
        (
            OwnedFd::from_raw_fd(SOCKET_FD),
            OwnedFd::from_raw_fd(FILES_FD),
        )
    };
    let Ok(snapshot) = snapshot.map(parse_snapshot).transpose() else {
        return NO_SNAPSHOT;
    };
    let guests = Box::new(Runtimes::new(snapshot));
    let status = match server::serve(socket, channel, guests, Confinement::Process, phases) {
        Ok(()) => 0,
        Err(_) => INTERNAL_ERROR,
    };
    // Guest threads may be anywhere in V8: its destructors must not run under them.
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(status) }
}

/// Confines the process as one that serves, and does what it must not be able to do.
fn attack_itself(name: &str, target: &str, demand: Demand) -> i32 {
    let Ok(target) = target.parse() else {
        return USAGE;
    };
    if lockdown::enclose().is_err() {
        return CANNOT_CONFINE;
    }
    initialize_v8(V8Options::default());
    let limited = lockdown::limit_memory(&VmLimits::default());
    if limited.is_err() || lockdown::confine(demand).is_err() {
        return CANNOT_CONFINE;
    }
    let status = lockdown::attack(name, target).unwrap_or(USAGE);
    // SAFETY: ends the process at once. It may be the child of an attack.
    unsafe { libc::_exit(status) }
}

/// Serves a socket, with its files channel, on the calling thread of a process that is not ours.
pub fn serve_in_process(socket: OwnedFd, files: OwnedFd, snapshot: Option<&Path>) {
    let run = || {
        initialize_v8(V8Options::default());
        let snapshot = snapshot.and_then(|path| map_file(&File::open(path).ok()?).ok());
        let snapshot = snapshot.and_then(|bytes| parse_snapshot(bytes).ok());
        let guests = Box::new(Runtimes::new(snapshot));
        // A broken socket is seen by the host as the end of this server.
        let _ = server::serve(socket, files, guests, Confinement::None, Vec::new());
    };
    // The host sees the socket close and settles its calls.
    let _ = catch_unwind(std::panic::AssertUnwindSafe(run));
}

/// Maps the snapshot whose content the host has verified: it must still be the same file, unchanged. Without an identity
/// there is none.
fn map_verified(file: Option<File>, identity: &str) -> io::Result<Option<&'static [u8]>> {
    if identity.is_empty() {
        return Ok(None);
    }
    let file = file.ok_or(io::ErrorKind::NotFound)?;
    let stat = file.metadata()?;
    let found = format!(
        "{}:{}:{}:{}.{}",
        stat.dev(),
        stat.ino(),
        stat.size(),
        stat.mtime(),
        stat.mtime_nsec()
    );
    if found != identity {
        return Err(io::Error::other(
            "the snapshot is not the one that was verified",
        ));
    }
    map_file(&file).map(Some)
}

/// Maps a file read-only for the life of the process.
fn map_file(file: &File) -> io::Result<&'static [u8]> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    // SAFETY: a new mapping, never unmapped. The installation's files are replaced, not written into.
    unsafe {
        let address = libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ,
            libc::MAP_PRIVATE,
            file.as_raw_fd(),
            0,
        );
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(std::slice::from_raw_parts(address.cast(), length))
    }
}

fn parse_snapshot(bytes: &'static [u8]) -> Result<&'static Snapshot, String> {
    Ok(Box::leak(Box::new(Snapshot::parse(bytes)?)))
}

fn make_snapshot(file: &Path, program: Option<&Path>) -> Result<(), String> {
    let program = program.map(std::fs::read_to_string).transpose();
    let program = program.map_err(|error| error.to_string())?;
    initialize_v8(V8Options {
        building_snapshot: true,
        ..V8Options::default()
    });
    profile::run(None)?;
    replace(file, &Snapshot::create(program.as_deref())?)
}

fn add_code_caches(file: &Path) -> Result<(), String> {
    let snapshot = open_snapshot(file)?;
    profile::run(Some(snapshot))?;
    replace(file, &snapshot.with_code_caches())
}

/// Runs what the caches were made by, with the caches. V8 says nothing when it refuses one, it is only slow.
fn check_code_caches(file: &Path) -> Result<(), String> {
    profile::run(Some(open_snapshot(file)?))?;
    let rejected = code_cache::current().rejected();
    if rejected.is_empty() {
        return Ok(());
    }
    Err(format!(
        "V8 refuses the code caches of {}",
        rejected.join(", ")
    ))
}

fn open_snapshot(file: &Path) -> Result<&'static Snapshot, String> {
    initialize_v8(V8Options::default());
    let bytes = File::open(file).and_then(|file| map_file(&file));
    parse_snapshot(bytes.map_err(|error| error.to_string())?)
}

fn precompile(module: &Path, file: &Path) -> Result<(), String> {
    let bytes = std::fs::read(module).map_err(|error| error.to_string())?;
    replace(file, &secure_exec_wasm::precompile(&bytes)?)
}

/// Puts a new file in the place of one that may be mapped.
fn replace(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, file))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn build_status(made: Result<(), String>) -> i32 {
    match made {
        Ok(()) => 0,
        Err(message) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "secure-exec: {message}");
            INTERNAL_ERROR
        }
    }
}
