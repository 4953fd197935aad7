//! Processes.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::check;
use super::files::c_string;
use crate::Pid;
use crate::process::{
    Action, FOREGROUND, Ids, Program, RESET_SIGNALS, Rlimit, SEARCH_PATH, SETPGID, SETSID,
    WaitStatus,
};

/// What `execve(2)` takes, made before the fork.
struct Image {
    files: Vec<CString>,
    args: Vec<CString>,
    env: Vec<CString>,
}

fn c_strings(list: &[OsString]) -> io::Result<Vec<CString>> {
    list.iter().map(|text| c_string(text.as_bytes())).collect()
}

fn pointers(list: &[CString]) -> Vec<*const libc::c_char> {
    list.iter()
        .map(|text| text.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

impl Image {
    fn of(program: &Program) -> io::Result<Self> {
        let file = program.file.as_os_str().as_bytes();
        let mut files = Vec::new();
        if program.flags & SEARCH_PATH != 0 && !file.contains(&b'/') {
            let path = program
                .env
                .iter()
                .find_map(|e| e.as_bytes().strip_prefix(b"PATH="));
            for dir in path.unwrap_or(b"/usr/bin:/bin").split(|b| *b == b':') {
                let dir = if dir.is_empty() { b"." } else { dir };
                files.push(c_string(&[dir, b"/", file].concat())?);
            }
        } else {
            files.push(c_string(file)?);
        }
        Ok(Self {
            files,
            args: c_strings(&program.args)?,
            env: c_strings(&program.env)?,
        })
    }

    fn exec(&self) -> io::Error {
        let (args, env) = (pointers(&self.args), pointers(&self.env));
        let mut error = io::Error::from_raw_os_error(libc::ENOENT);
        for file in &self.files {
            // SAFETY: C strings and arrays of them that end in null.
            unsafe { libc::execve(file.as_ptr(), args.as_ptr(), env.as_ptr()) };
            let this = io::Error::last_os_error();
            if this.raw_os_error() != Some(libc::ENOENT) {
                error = this;
            }
        }
        error
    }
}

fn act(action: &Action) -> io::Result<()> {
    match action {
        Action::Open {
            fd,
            path,
            flags,
            mode,
        } => {
            let opened = super::path_openat(crate::fd::AT_FDCWD, path, *flags, *mode)?;
            if opened != *fd {
                super::fd_dup2(opened, *fd, 0)?;
                super::fd_close(opened)?;
            }
            Ok(())
        }
        Action::Close { fd } => super::fd_close(*fd),
        Action::Dup2 { oldfd, fd } if oldfd == fd => super::fd_cloexec(*fd, false),
        Action::Dup2 { oldfd, fd } => super::fd_dup2(*oldfd, *fd, 0),
    }
}

/// Makes this process's group the foreground of its terminal, which one in the background may do when it does not
/// hear `SIGTTOU`.
fn take_foreground() -> io::Result<()> {
    let terminal = super::path_openat(
        crate::fd::AT_FDCWD,
        std::path::Path::new("/dev/tty"),
        libc::O_RDWR,
        0,
    )?;
    // SAFETY: changes the disposition of a signal for the time of one call.
    let before = unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
    // SAFETY: takes no arguments.
    let taken = super::tty_setpgrp(terminal, unsafe { libc::getpgrp() });
    // SAFETY: what the disposition was.
    unsafe { libc::signal(libc::SIGTTOU, before) };
    super::fd_close(terminal)?;
    taken
}

fn prepare(program: &Program) -> io::Result<()> {
    if program.flags & SETSID != 0 {
        proc_setsid()?;
    }
    if program.flags & SETPGID != 0 {
        proc_setpgid(0, program.pgid)?;
    }
    if program.flags & FOREGROUND != 0 {
        // Without a terminal there is no foreground.
        let _ = take_foreground();
    }
    if program.flags & RESET_SIGNALS != 0 {
        for signal in (1..32).filter(|s| ![libc::SIGKILL, libc::SIGSTOP].contains(s)) {
            // SAFETY: sets a default disposition.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
    if program.cwd != OsStr::new("") {
        super::path_chdir(&program.cwd)?;
    }
    program.actions.iter().try_for_each(act)
}

pub(crate) fn proc_spawn(program: &Program) -> io::Result<Pid> {
    let image = Image::of(program)?;
    let (read, write) = super::fd_pipe(libc::O_CLOEXEC)?;
    let write = super::fd_dup(write, 100, true).inspect(|_| drop(super::fd_close(write)))?;
    // SAFETY: the child only makes system calls and exits.
    let pid = check(unsafe { libc::fork() })?;
    if pid == 0 {
        let error = prepare(program).err().unwrap_or_else(|| image.exec());
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        let _ = super::fd_write(write, &errno.to_ne_bytes());
        // SAFETY: ends the copy without the parent's cleanup.
        unsafe { libc::_exit(127) }
    }
    super::fd_close(write)?;
    let mut errno = [0; 4];
    let got = loop {
        match super::fd_read(read, &mut errno) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    super::fd_close(read)?;
    if got? == 4 {
        // SAFETY: reaps the child that failed.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)));
    }
    Ok(pid)
}

pub(crate) fn proc_exec(program: &Program) -> io::Error {
    match Image::of(program) {
        Ok(image) => image.exec(),
        Err(error) => error,
    }
}

pub(crate) fn proc_fork_call<F: FnOnce() -> i32>(child: F) -> io::Result<Pid> {
    // SAFETY: commands have one thread.
    let pid = check(unsafe { libc::fork() })?;
    if pid == 0 {
        super::signals::forget();
        let status = child();
        // SAFETY: ends the copy without the parent's cleanup.
        unsafe { libc::_exit(status) }
    }
    Ok(pid)
}

pub(crate) fn proc_wait(pid: Pid, options: i32) -> io::Result<Option<(Pid, WaitStatus)>> {
    let mut status = 0;
    // SAFETY: room for the status.
    let found = check(unsafe { libc::waitpid(pid, &raw mut status, options) })?;
    Ok((found != 0).then_some((found, WaitStatus(status))))
}

pub(crate) fn proc_kill(pid: Pid, signal: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::kill(pid, signal) })?;
    Ok(())
}

pub(crate) fn proc_getpid() -> Pid {
    // SAFETY: no pointers.
    unsafe { libc::getpid() }
}

pub(crate) fn proc_argv0() -> io::Result<Vec<u8>> {
    let name = std::env::args_os().next().unwrap_or_default();
    Ok(name.into_encoded_bytes())
}

pub(crate) fn proc_getppid() -> Pid {
    // SAFETY: no pointers.
    unsafe { libc::getppid() }
}

pub(crate) fn proc_getpgid(pid: Pid) -> io::Result<Pid> {
    // SAFETY: no pointers.
    check(unsafe { libc::getpgid(pid) })
}

pub(crate) fn proc_setpgid(pid: Pid, pgid: Pid) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::setpgid(pid, pgid) })?;
    Ok(())
}

pub(crate) fn proc_getsid(pid: Pid) -> io::Result<Pid> {
    // SAFETY: no pointers.
    check(unsafe { libc::getsid(pid) })
}

pub(crate) fn proc_setsid() -> io::Result<Pid> {
    // SAFETY: no pointers.
    check(unsafe { libc::setsid() })
}

pub(crate) fn proc_umask(mask: u32) -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::umask(mask) }
}

pub(crate) fn proc_times() -> io::Result<[u64; 4]> {
    let mut out = [0; 4];
    for (at, who) in [(0, libc::RUSAGE_SELF), (2, libc::RUSAGE_CHILDREN)] {
        // SAFETY: a struct of numbers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: room for the struct.
        check(unsafe { libc::getrusage(who, &raw mut usage) })?;
        for (i, time) in [usage.ru_utime, usage.ru_stime].into_iter().enumerate() {
            let micros = time.tv_sec * 1_000_000 + time.tv_usec;
            out[at + i] = u64::try_from(micros).unwrap_or(0) * 1000;
        }
    }
    Ok(out)
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = i32;

fn resource(number: i32) -> io::Result<Resource> {
    Resource::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

pub(crate) fn proc_getrlimit(number: i32) -> io::Result<Rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: room for the struct.
    check(unsafe { libc::getrlimit(resource(number)?, &raw mut limit) })?;
    Ok(Rlimit {
        soft: limit.rlim_cur,
        hard: limit.rlim_max,
    })
}

pub(crate) fn proc_setrlimit(number: i32, limit: Rlimit) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: limit.soft,
        rlim_max: limit.hard,
    };
    // SAFETY: a whole struct.
    check(unsafe { libc::setrlimit(resource(number)?, &raw const limit) })?;
    Ok(())
}

pub(crate) fn proc_ids() -> io::Result<Ids> {
    let mut groups = vec![0; 256];
    // SAFETY: room for 256 groups.
    let count = check(unsafe { libc::getgroups(256, groups.as_mut_ptr()) })?;
    groups.truncate(usize::try_from(count).unwrap_or(0));
    // SAFETY: no pointers.
    let [uid, euid, gid, egid] = unsafe {
        [
            libc::getuid(),
            libc::geteuid(),
            libc::getgid(),
            libc::getegid(),
        ]
    };
    Ok(Ids {
        uid,
        euid,
        gid,
        egid,
        groups,
    })
}
