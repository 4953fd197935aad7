//! The executable of a VM process: takes rights away from itself, loads the addon and calls its VM entry.
//!
//! - `secure-exec-vm <addon> <parent pid> <snapshot> <its identity> <mode> <uid> <directory>...` serves the socket on
//!   descriptor 3 and asks for files on descriptor 4. `<mode>` is `strict`, or `lax` to go on where the system has no system call filters; `<uid>` is who
//!   to be where the host is root. The snapshot and the files of the directories are opened here.
//! - `secure-exec-vm --self-attack <addon> <parent pid> <attack> <target pid> <mode> <uid>` confines itself in the same
//!   way and then does what it must not be able to do.
//! - `secure-exec-vm --mksnapshot <addon> <file>` makes the startup snapshot.
//! - `secure-exec-vm --mkcaches <addon> <file>` and `--check-caches <addon> <file>` add code caches to it and check them.
//! - `secure-exec-vm --precompile <addon> <module> <file>` compiles a WebAssembly command.
//!
//! All pass their command line to `secure_exec_vm_main`, whose result is the exit status; that of a VM process has
//! `<descriptor>:<path>` for each open file instead of the directories.
//!
//! There is one thread until the addon starts others, so that whatever is set here holds for all of them. Rights are
//! dropped before the addon is loaded, except for what loading it needs: the addon may be where only the host's user can
//! read it, so the process becomes another user directly behind that.

mod descriptors;
mod limits;
mod namespaces;
mod privileges;
mod session;

use secure_exec_glibc_floor as _;
use std::ffi::{CStr, CString, OsString, c_char, c_int};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use privileges::User;

/// Status of `env(1)` and shells for a program that could not be started.
const CANNOT_START: u8 = 126;

/// `secure_exec_protocol::launch::CANNOT_CONFINE`, which would bring all of the protocol along.
const CANNOT_CONFINE: u8 = 71;

/// Why there is no VM process: the exit status, and what to say.
struct Failure(u8, String);

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure(CANNOT_START, message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Failure {
        message.to_owned().into()
    }
}

/// A step of the confinement that the system refused.
fn refused(what: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure(CANNOT_CONFINE, format!("{what}: {error}"))
}

/// First arguments of the build's calls.
const BUILDING: [&str; 4] = [
    "--mksnapshot",
    "--mkcaches",
    "--check-caches",
    "--precompile",
];

const ATTACK: &str = "--self-attack";

/// The mode of a process that goes on without a filter of system calls.
const LAX: &str = "lax";

type VmMain = unsafe extern "C" fn(c_int, *const *const c_char) -> c_int;

fn main() -> ExitCode {
    match run(std::env::args_os().collect()) {
        Ok(status) => ExitCode::from(status),
        Err(Failure(status, message)) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "secure-exec-vm: {message}");
            ExitCode::from(status)
        }
    }
}

fn run(mut arguments: Vec<OsString>) -> Result<u8, Failure> {
    let mode = arguments.get(1).and_then(|argument| argument.to_str());
    let building = mode.is_some_and(|mode| BUILDING.contains(&mode));
    let attack = mode == Some(ATTACK);
    let at = if building || attack { 2 } else { 1 };
    let addon = arguments.get(at).cloned();
    let addon = c_string(addon.ok_or("the path of the addon is missing")?)?;
    let entry = if building {
        load(&addon)?
    } else {
        let parent = number(&arguments, at + 1).ok_or("the pid of the parent is missing")?;
        let user = number(&arguments, at + 5).ok_or("the user is missing")?;
        let directories = arguments.split_off(arguments.len().min(at + 6));
        let snapshot = arguments.get(3).filter(|path| !attack && !path.is_empty());
        let lax = arguments.get(at + 4).is_some_and(|mode| mode == LAX);
        let files = separate(parent, lax, snapshot, &directories)?;
        let entry = load(&addon)?;
        drop_rights(User::of(user), parent)?;
        arguments.extend(files);
        entry
    };
    Ok(call(entry, arguments)?)
}

/// Parts from the process that started this one. Gives what the entry is told about the open files.
fn separate(
    parent: libc::pid_t,
    lax: bool,
    snapshot: Option<&OsString>,
    directories: &[OsString],
) -> Result<Vec<OsString>, Failure> {
    session::leave().map_err(refused("session"))?;
    descriptors::close_strays();
    session::bind_to_parent(parent)?;
    session::offer_to_oom_killer();
    privileges::renounce_new().map_err(refused("no_new_privs"))?;
    if lax {
        namespaces::leave();
    }
    let files = descriptors::open(snapshot, directories);
    limits::apply(files.len()).map_err(refused("resource limits"))?;
    Ok(files)
}

/// Gives up what loading the addon may have needed.
fn drop_rights(user: User, parent: libc::pid_t) -> Result<(), Failure> {
    privileges::drop_all(user).map_err(refused("privileges"))?;
    privileges::forbid_inspection().map_err(refused("dumpable"))?;
    privileges::limit_speculation();
    // The change of the user has undone it.
    Ok(session::bind_to_parent(parent)?)
}

fn number<T: std::str::FromStr>(arguments: &[OsString], at: usize) -> Option<T> {
    arguments.get(at)?.to_str()?.parse().ok()
}

fn call(entry: VmMain, arguments: Vec<OsString>) -> Result<u8, String> {
    let arguments = arguments
        .into_iter()
        .map(c_string)
        .collect::<Result<Vec<_>, _>>()?;
    let mut argv: Vec<*const c_char> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    let argc = c_int::try_from(argv.len()).map_err(|_| "too many arguments")?;
    argv.push(std::ptr::null());
    // SAFETY: the addon exports the entry with this signature; argv is null-terminated and outlives the call.
    let status = unsafe { entry(argc, argv.as_ptr()) };
    Ok(u8::try_from(status).unwrap_or(CANNOT_START))
}

fn load(addon: &CStr) -> Result<VmMain, String> {
    // SAFETY: a valid C string; the addon's constructors are our own.
    let handle = unsafe { libc::dlopen(addon.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(dl_error());
    }
    // SAFETY: an open handle and a valid C string.
    let entry = unsafe { libc::dlsym(handle, c"secure_exec_vm_main".as_ptr()) };
    if entry.is_null() {
        return Err(dl_error());
    }
    // SAFETY: the addon exports this symbol as a function of this type; it is never unloaded.
    Ok(unsafe { std::mem::transmute::<*mut libc::c_void, VmMain>(entry) })
}

fn dl_error() -> String {
    // SAFETY: returns null or a C string valid until the next dl call of this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "cannot load the addon".into();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

fn c_string(text: OsString) -> Result<CString, String> {
    CString::new(text.into_vec()).map_err(|_| "an argument contains NUL".into())
}
