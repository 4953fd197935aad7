//! The executable of a VM process: loads the addon and calls its VM entry.
//!
//! - `secure-exec-vm <addon> <parent pid> ...` serves the socket on descriptor 3. Everything else that
//!   was inherited is closed, and the process dies with the thread that started it.
//! - `secure-exec-vm --mksnapshot <addon> <file>` makes the startup snapshot.
//! - `secure-exec-vm --mkcaches <addon> <file>` and `--check-caches <addon> <file>` add code caches to it and check them.
//! - `secure-exec-vm --precompile <addon> <module> <file>` compiles a WebAssembly command.
//!
//! All pass their whole command line to `secure_exec_vm_main`, whose result is the exit status.

use secure_exec_glibc_floor as _;
use std::ffi::{CStr, CString, OsString, c_char, c_int};
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

/// First descriptor that is not the launcher's own: 0 to 2 are standard, 3 is the socket.
const FIRST_STRAY_FD: libc::c_uint = 4;

/// Status of `env(1)` and shells for a program that could not be started.
const CANNOT_START: u8 = 126;

/// First arguments of the build's calls.
const BUILDING: [&str; 4] = [
    "--mksnapshot",
    "--mkcaches",
    "--check-caches",
    "--precompile",
];

type VmMain = unsafe extern "C" fn(c_int, *const *const c_char) -> c_int;

fn main() -> ExitCode {
    match run(std::env::args_os().collect()) {
        Ok(status) => ExitCode::from(status),
        Err(message) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "secure-exec-vm: {message}");
            ExitCode::from(CANNOT_START)
        }
    }
}

fn run(arguments: Vec<OsString>) -> Result<u8, String> {
    let building = arguments
        .get(1)
        .is_some_and(|argument| BUILDING.iter().any(|mode| argument == mode));
    let addon = arguments.get(if building { 2 } else { 1 }).cloned();
    let addon = addon.ok_or("the path of the addon is missing")?;
    if !building {
        let parent = arguments
            .get(2)
            .and_then(|argument| argument.to_str()?.parse().ok());
        bind_to_parent(parent.ok_or("the pid of the parent is missing")?)?;
        close_stray_fds();
    }
    let entry = load(&c_string(addon)?)?;
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

/// Makes the kernel kill this process when the starting thread ends, even by SIGKILL.
fn bind_to_parent(parent: libc::pid_t) -> Result<(), String> {
    // SAFETY: takes plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(format!("prctl: {}", std::io::Error::last_os_error()));
    }
    // SAFETY: cannot fail.
    if unsafe { libc::getppid() } != parent {
        return Err("the parent is gone".into());
    }
    Ok(())
}

/// Closes what the host process leaked into its child: descriptors that other code of it opened without CLOEXEC.
fn close_stray_fds() {
    // SAFETY: the launcher has opened nothing itself; no object owns any of these descriptors.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST_STRAY_FD, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    // Linux before 5.9.
    for fd in 4..65_536 {
        // SAFETY: as above; closing a free number does nothing.
        unsafe { libc::close(fd) };
    }
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
