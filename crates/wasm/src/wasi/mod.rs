//! WASI preview 1 over the kernel: `wasi_snapshot_preview1`, all 46 functions.
//!
//! Descriptors are the kernel's. They may do what they were opened for, except what the program has given up
//! ([`rights`]). Descriptor 3 is the exception that the C library of preview 1 needs, see [`path::resolve`].

mod clock;
mod descriptor;
mod directory;
mod environment;
mod filestat;
mod io;
mod path;
mod poll;
mod rights;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod rights_tests;
pub(crate) mod socket;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of tests are small"
)]
mod tests;

pub(crate) use path::{open_waiting, path_at};
pub(crate) use rights::Descriptors;
use wasmtime::{Linker, Result};

use crate::call::{State, link_errno};

const MODULE: &str = "wasi_snapshot_preview1";

/// The descriptor that stands for the root directory.
pub(crate) const ROOT_FD: i32 = 3;

/// Defines the module.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    link_environment(linker)?;
    link_descriptors(linker)?;
    link_paths(linker)?;
    link_errno!(linker, MODULE, {
        "poll_oneoff" => poll::poll_oneoff, (subscriptions: u32, events: u32, count: u32, count_out: u32);
        "sock_accept" => socket::sock_accept, (fd: i32, flags: u32, out: u32);
        "sock_recv" => socket::sock_recv, (fd: i32, vectors: u32, count: u32, flags: u32, length_out: u32, flags_out: u32);
        "sock_send" => socket::sock_send, (fd: i32, vectors: u32, count: u32, flags: u32, length_out: u32);
        "sock_shutdown" => socket::sock_shutdown, (fd: i32, how: u32);
    });
    Ok(())
}

fn link_environment(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "args_get" => environment::args_get, (pointers: u32, buf: u32);
        "args_sizes_get" => environment::args_sizes_get, (count_out: u32, size_out: u32);
        "environ_get" => environment::environ_get, (pointers: u32, buf: u32);
        "environ_sizes_get" => environment::environ_sizes_get, (count_out: u32, size_out: u32);
        "clock_res_get" => clock::clock_res_get, (clock: u32, out: u32);
        "clock_time_get" => clock::clock_time_get, (clock: u32, precision: u64, out: u32);
        "proc_raise" => environment::proc_raise, (signal: u32);
        "random_get" => environment::random_get, (buf: u32, length: u32);
        "sched_yield" => environment::sched_yield, ();
    });
    // The only one without a result.
    linker.func_wrap(MODULE, "proc_exit", |status: i32| -> Result<()> {
        Err(crate::ending::End::Exit(status).into())
    })?;
    Ok(())
}

fn link_descriptors(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "fd_advise" => descriptor::fd_advise, (fd: i32, offset: u64, length: u64, advice: u32);
        "fd_allocate" => descriptor::fd_allocate, (fd: i32, offset: u64, length: u64);
        "fd_close" => descriptor::fd_close, (fd: i32);
        "fd_datasync" => descriptor::fd_datasync, (fd: i32);
        "fd_fdstat_get" => descriptor::fd_fdstat_get, (fd: i32, out: u32);
        "fd_fdstat_set_flags" => descriptor::fd_fdstat_set_flags, (fd: i32, flags: u32);
        "fd_fdstat_set_rights" => descriptor::fd_fdstat_set_rights, (fd: i32, base: u64, inheriting: u64);
        "fd_filestat_get" => filestat::fd_filestat_get, (fd: i32, out: u32);
        "fd_filestat_set_size" => filestat::fd_filestat_set_size, (fd: i32, size: u64);
        "fd_filestat_set_times" => filestat::fd_filestat_set_times, (fd: i32, atime: u64, mtime: u64, flags: u32);
        "fd_pread" => io::fd_pread, (fd: i32, vectors: u32, count: u32, offset: u64, out: u32);
        "fd_prestat_get" => descriptor::fd_prestat_get, (fd: i32, out: u32);
        "fd_prestat_dir_name" => descriptor::fd_prestat_dir_name, (fd: i32, buf: u32, length: u32);
        "fd_pwrite" => io::fd_pwrite, (fd: i32, vectors: u32, count: u32, offset: u64, out: u32);
        "fd_read" => io::fd_read, (fd: i32, vectors: u32, count: u32, out: u32);
        "fd_readdir" => directory::fd_readdir, (fd: i32, buf: u32, length: u32, cookie: u64, out: u32);
        "fd_renumber" => descriptor::fd_renumber, (fd: i32, to: i32);
        "fd_seek" => descriptor::fd_seek, (fd: i32, offset: i64, whence: u32, out: u32);
        "fd_sync" => descriptor::fd_sync, (fd: i32);
        "fd_tell" => descriptor::fd_tell, (fd: i32, out: u32);
        "fd_write" => io::fd_write, (fd: i32, vectors: u32, count: u32, out: u32);
    });
    Ok(())
}

fn link_paths(linker: &mut Linker<State>) -> Result<()> {
    link_errno!(linker, MODULE, {
        "path_create_directory" => path::path_create_directory, (fd: i32, path: u32, length: u32);
        "path_filestat_get" => filestat::path_filestat_get, (fd: i32, lookup: u32, path: u32, length: u32, out: u32);
        "path_filestat_set_times" => filestat::path_filestat_set_times,
            (fd: i32, lookup: u32, path: u32, length: u32, atime: u64, mtime: u64, flags: u32);
        "path_link" => path::path_link,
            (fd: i32, lookup: u32, path: u32, length: u32, newfd: i32, new: u32, new_length: u32);
        "path_open" => path::path_open,
            (fd: i32, lookup: u32, path: u32, length: u32, oflags: u32, base: u64, inheriting: u64, flags: u32, out: u32);
        "path_readlink" => path::path_readlink, (fd: i32, path: u32, length: u32, buf: u32, room: u32, out: u32);
        "path_remove_directory" => path::path_remove_directory, (fd: i32, path: u32, length: u32);
        "path_rename" => path::path_rename, (fd: i32, path: u32, length: u32, newfd: i32, new: u32, new_length: u32);
        "path_symlink" => path::path_symlink, (target: u32, target_length: u32, fd: i32, path: u32, length: u32);
        "path_unlink_file" => path::path_unlink_file, (fd: i32, path: u32, length: u32);
    });
    Ok(())
}
