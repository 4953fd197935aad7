//! Processes and signals.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::ManuallyDrop;

use super::{check, imports};
use crate::Pid;
use crate::process::{Action, Ids, Program, Rlimit, SEARCH_PATH, WaitStatus};
use crate::signal::Disposition;

/// A spawn request under construction.
struct Request(Vec<u8>);

impl Request {
    fn word(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn count(&mut self, n: usize) {
        self.word(u32::try_from(n).unwrap_or(u32::MAX));
    }

    fn string(&mut self, text: &OsStr) {
        let bytes = text.as_encoded_bytes();
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn strings(&mut self, list: &[OsString]) {
        self.count(list.len());
        for text in list {
            self.string(text);
        }
    }

    fn action(&mut self, action: &Action) {
        let (kind, fd, other, mode, path) = match action {
            Action::Open {
                fd,
                path,
                flags,
                mode,
            } => (1, *fd, *flags, *mode, path.as_os_str()),
            Action::Close { fd } => (2, *fd, 0, 0, OsStr::new("")),
            Action::Dup2 { oldfd, fd } => (3, *fd, *oldfd, 0, OsStr::new("")),
        };
        self.word(kind);
        self.word(fd.cast_unsigned());
        self.word(other.cast_unsigned());
        self.word(mode);
        self.string(path);
    }

    fn of(program: &Program, flags: u32) -> Vec<u8> {
        let mut request = Self(Vec::with_capacity(1024));
        request.word(flags);
        request.word(program.pgid.cast_unsigned());
        request.string(program.file.as_os_str());
        request.strings(&program.args);
        request.strings(&program.env);
        request.string(program.cwd.as_os_str());
        request.count(program.actions.len());
        for action in &program.actions {
            request.action(action);
        }
        request.0
    }
}

pub(crate) fn proc_spawn(program: &Program) -> io::Result<Pid> {
    let request = Request::of(program, program.flags);
    let mut pid = 0;
    // SAFETY: the request with its length, room for the pid.
    check(unsafe { imports::proc_spawn(request.as_ptr(), request.len(), &raw mut pid) })?;
    Ok(pid)
}

pub(crate) fn proc_exec(program: &Program) -> io::Error {
    let request = Request::of(program, program.flags & SEARCH_PATH);
    // SAFETY: the request with its length.
    let errno = unsafe { imports::proc_exec(request.as_ptr(), request.len()) };
    io::Error::from_raw_os_error(errno)
}

/// Where the copy of an instance begins: calls the function of the indirect table.
#[unsafe(no_mangle)]
pub extern "C" fn secure_exec_fork_entry(function: usize, argument: usize) -> i32 {
    // SAFETY: `proc_fork_call` passed a function of this type, and the copy has the same table.
    let function: extern "C" fn(usize) -> i32 = unsafe { std::mem::transmute(function) };
    function(argument)
}

extern "C" fn run<F: FnOnce() -> i32>(argument: usize) -> i32 {
    // SAFETY: the parent's closure lies at this address of the copied memory; the parent drops its own.
    let child = unsafe { (argument as *const F).read() };
    child()
}

pub(crate) fn proc_fork_call<F: FnOnce() -> i32>(child: F) -> io::Result<Pid> {
    // The copy moves its closure out; the original is dropped when this returns in the parent.
    let mut child = ManuallyDrop::new(child);
    let function: extern "C" fn(usize) -> i32 = run::<F>;
    let mut pid = 0;
    // SAFETY: the closure stays where it is during the call, and the copy is taken within it.
    let errno = unsafe {
        imports::proc_fork_call(
            function as usize,
            (&raw const *child) as usize,
            &raw mut pid,
        )
    };
    // SAFETY: dropped once, here.
    unsafe { ManuallyDrop::drop(&mut child) };
    check(errno)?;
    Ok(pid)
}

pub(crate) fn proc_wait(pid: Pid, options: i32) -> io::Result<Option<(Pid, WaitStatus)>> {
    let (mut found, mut status) = (0, 0);
    // SAFETY: room for both results.
    check(unsafe { imports::proc_wait(pid, options, &raw mut found, &raw mut status) })?;
    Ok((found != 0).then_some((found, WaitStatus(status))))
}

pub(crate) fn proc_kill(pid: Pid, signal: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::proc_kill(pid, signal) })
}

pub(crate) fn proc_getpid() -> Pid {
    // SAFETY: no pointers.
    unsafe { imports::proc_getpid() }
}

pub(crate) fn proc_argv0() -> io::Result<Vec<u8>> {
    let mut name = vec![0; 4096];
    let mut length = 0;
    // SAFETY: the buffer with its length, room for the result's.
    check(unsafe { imports::proc_argv0(name.as_mut_ptr(), name.len(), &raw mut length) })?;
    name.truncate(length);
    Ok(name)
}

pub(crate) fn proc_getppid() -> Pid {
    // SAFETY: no pointers.
    unsafe { imports::proc_getppid() }
}

pub(crate) fn proc_getpgid(pid: Pid) -> io::Result<Pid> {
    let mut out = 0;
    // SAFETY: room for the result.
    check(unsafe { imports::proc_getpgid(pid, &raw mut out) })?;
    Ok(out)
}

pub(crate) fn proc_setpgid(pid: Pid, pgid: Pid) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::proc_setpgid(pid, pgid) })
}

pub(crate) fn proc_getsid(pid: Pid) -> io::Result<Pid> {
    let mut out = 0;
    // SAFETY: room for the result.
    check(unsafe { imports::proc_getsid(pid, &raw mut out) })?;
    Ok(out)
}

pub(crate) fn proc_setsid() -> io::Result<Pid> {
    let mut out = 0;
    // SAFETY: room for the result.
    check(unsafe { imports::proc_setsid(&raw mut out) })?;
    Ok(out)
}

pub(crate) fn proc_umask(mask: u32) -> u32 {
    // SAFETY: no pointers.
    unsafe { imports::proc_umask(mask) }
}

pub(crate) fn proc_times() -> io::Result<[u64; 4]> {
    let mut out = [0; 4];
    // SAFETY: room for four numbers.
    check(unsafe { imports::proc_times(out.as_mut_ptr()) })?;
    Ok(out)
}

pub(crate) fn proc_getrlimit(resource: i32) -> io::Result<Rlimit> {
    let mut out = [0; 2];
    // SAFETY: room for two numbers.
    check(unsafe { imports::proc_getrlimit(resource, out.as_mut_ptr()) })?;
    Ok(Rlimit {
        soft: out[0],
        hard: out[1],
    })
}

pub(crate) fn proc_setrlimit(resource: i32, limit: Rlimit) -> io::Result<()> {
    let limits = [limit.soft, limit.hard];
    // SAFETY: two numbers.
    check(unsafe { imports::proc_setrlimit(resource, limits.as_ptr()) })
}

pub(crate) fn proc_ids() -> io::Result<Ids> {
    let mut out = [0; 37];
    // SAFETY: room for five numbers and 32 groups.
    check(unsafe { imports::proc_ids(out.as_mut_ptr()) })?;
    let count = (out[4] as usize).min(32);
    Ok(Ids {
        uid: out[0],
        euid: out[1],
        gid: out[2],
        egid: out[3],
        groups: out[5..5 + count].to_vec(),
    })
}

pub(crate) fn sig_action(signal: i32, disposition: Disposition) -> io::Result<Disposition> {
    let mut old = 0;
    // SAFETY: room for the old disposition.
    check(unsafe { imports::sig_action(signal, disposition as i32, &raw mut old) })?;
    Ok(match old {
        1 => Disposition::Ignore,
        2 => Disposition::Catch,
        _ => Disposition::Default,
    })
}

pub(crate) fn sig_take() -> Option<i32> {
    // SAFETY: no pointers.
    let signal = unsafe { imports::sig_take() };
    (signal != 0).then_some(signal)
}

pub(crate) fn sig_wait(timeout_ms: Option<u32>) -> io::Result<i32> {
    let timeout = timeout_ms.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX));
    let mut signal = 0;
    // SAFETY: room for the signal.
    check(unsafe { imports::sig_wait(timeout, &raw mut signal) })?;
    Ok(signal)
}
