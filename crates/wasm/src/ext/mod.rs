//! The import module `secure_exec`: what preview 1 lacks. Described in `docs/design/wasm-imports.md`.

mod descriptor;
mod fork;
mod option_bytes;
mod path;
mod process;
mod request;
mod signal;
mod socket;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of tests are small"
)]
mod socket_tests;
mod stat_record;
mod system;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of tests are small"
)]
mod tests;
mod tty;

use wasmtime::{Linker, Result};

use crate::call::{State, link_errno, link_value};

/// Name of the module.
pub(crate) const MODULE: &str = "secure_exec";

/// Export that the child of `proc_fork_call` is entered through.
pub(crate) const FORK_ENTRY: &str = "secure_exec_fork_entry";

/// Defines the module.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    link_processes(linker)?;
    link_signals(linker)?;
    link_files(linker)?;
    link_sockets(linker)?;
    link_terminals(linker)
}

fn link_processes(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "proc_spawn" => process::proc_spawn, (request: u32, length: u32, pid_out: u32);
        "proc_exec" => process::proc_exec, (request: u32, length: u32);
        "proc_wait" => process::proc_wait, (pid: i32, options: i32, pid_out: u32, status_out: u32);
        "proc_kill" => process::proc_kill, (pid: i32, signal: i32);
        "proc_getpgid" => process::proc_getpgid, (pid: i32, out: u32);
        "proc_setpgid" => process::proc_setpgid, (pid: i32, pgid: i32);
        "proc_getsid" => process::proc_getsid, (pid: i32, out: u32);
        "proc_setsid" => process::proc_setsid, (out: u32);
        "proc_times" => process::proc_times, (out: u32);
        "proc_getrlimit" => process::proc_getrlimit, (resource: i32, out: u32);
        "proc_setrlimit" => process::proc_setrlimit, (resource: i32, limit: u32);
        "proc_ids" => process::proc_ids, (out: u32);
        "proc_argv0" => process::proc_argv0, (buf: u32, room: u32, length_out: u32);
    });
    link_value!(linker, MODULE, {
        "proc_getpid" => process::proc_getpid, ();
        "proc_getppid" => process::proc_getppid, ();
        "proc_umask" => path::proc_umask, (mask: u32);
    });
    linker.func_wrap(MODULE, "proc_fork_call", fork::proc_fork_call)?;
    Ok(())
}

fn link_signals(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "sig_action" => signal::sig_action, (signal: i32, disposition: i32, old_out: u32);
        "sig_wait" => signal::sig_wait, (timeout_ms: i32, out: u32);
    });
    link_value!(linker, MODULE, {
        "sig_take" => signal::sig_take, ();
    });
    Ok(())
}

fn link_files(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "fd_pipe" => descriptor::fd_pipe, (out: u32, flags: i32);
        "fd_dup" => descriptor::fd_dup, (fd: i32, minimum: i32, cloexec: i32, out: u32);
        "fd_dup2" => descriptor::fd_dup2, (oldfd: i32, newfd: i32, flags: i32);
        "fd_cloexec" => descriptor::fd_cloexec, (fd: i32, set: i32);
        "fd_stat" => descriptor::fd_stat, (fd: i32, out: u32);
        "fd_chdir" => descriptor::fd_chdir, (fd: i32);
        "fd_chmod" => descriptor::fd_chmod, (fd: i32, mode: u32);
        "path_chdir" => path::path_chdir, (path: u32, length: u32);
        "path_getcwd" => path::path_getcwd, (buf: u32, room: u32, length_out: u32);
        "path_openat" => path::path_openat, (dirfd: i32, path: u32, length: u32, flags: i32, mode: u32, out: u32);
        "path_stat" => path::path_stat, (dirfd: i32, path: u32, length: u32, flags: i32, out: u32);
        "path_access" => path::path_access, (path: u32, length: u32, mode: i32);
        "path_chmod" => path::path_chmod, (path: u32, length: u32, mode: u32);
        "path_chown" => path::path_chown, (path: u32, length: u32, uid: u32, gid: u32, flags: i32);
        "path_mkfifo" => path::path_mkfifo, (path: u32, length: u32, mode: u32);
        "path_mkdir" => path::path_mkdir, (path: u32, length: u32, mode: u32);
        "path_statfs" => path::path_statfs, (path: u32, length: u32, out: u32);
    });
    Ok(())
}

fn link_sockets(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "sock_open" => socket::sock_open, (domain: i32, kind: i32, protocol: i32, out: u32);
        "sock_pair" => socket::sock_pair, (domain: i32, kind: i32, protocol: i32, out: u32);
        "sock_bind" => socket::sock_bind, (fd: i32, address: u32, length: u32);
        "sock_listen" => socket::sock_listen, (fd: i32, backlog: i32);
        "sock_accept4" => socket::sock_accept4, (fd: i32, flags: i32, out: u32);
        "sock_connect" => socket::sock_connect, (fd: i32, address: u32, length: u32);
        "sock_end" => socket::sock_end, (fd: i32, how: i32);
        "sock_name" => socket::sock_name, (fd: i32, buf: u32, room: u32, length_out: u32);
        "sock_peer" => socket::sock_peer, (fd: i32, buf: u32, room: u32, length_out: u32);
        "sock_getopt" => socket::sock_getopt,
            (fd: i32, level: i32, name: i32, buf: u32, room: u32, length_out: u32);
        "sock_setopt" => socket::sock_setopt, (fd: i32, level: i32, name: i32, value: u32, length: u32);
        "sock_sendto" => socket::sock_sendto,
            (fd: i32, buf: u32, length: u32, flags: i32, to: u32, to_length: u32, sent_out: u32);
        "sock_recvfrom" => socket::sock_recvfrom,
            (fd: i32, buf: u32, room: u32, flags: i32, from: u32, from_room: u32, from_length_out: u32, count_out: u32,
             flags_out: u32);
    });
    Ok(())
}

fn link_terminals(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "tty_winsize" => tty::tty_winsize, (fd: i32, out: u32);
        "tty_set_winsize" => tty::tty_set_winsize, (fd: i32, size: u32);
        "tty_getattr" => tty::tty_getattr, (fd: i32, out: u32);
        "tty_setattr" => tty::tty_setattr, (fd: i32, action: i32, termios: u32);
        "tty_getpgrp" => tty::tty_getpgrp, (fd: i32, out: u32);
        "tty_setpgrp" => tty::tty_setpgrp, (fd: i32, pgid: i32);
        "tty_acquire" => tty::tty_acquire, (fd: i32);
        "sys_uname" => system::sys_uname, (buf: u32, room: u32, length_out: u32);
    });
    link_value!(linker, MODULE, {
        "tty_isatty" => tty::tty_isatty, (fd: i32);
    });
    Ok(())
}
