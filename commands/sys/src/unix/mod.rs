//! The backend on the host, for developing and testing commands.

mod files;
mod processes;
mod signals;
mod sockets;
mod terminals;

use std::io;

pub(crate) use files::*;
pub(crate) use processes::*;
pub(crate) use signals::*;
pub(crate) use sockets::*;
pub(crate) use terminals::*;

/// Prepares the process: undoes that Rust's runtime ignores `SIGPIPE`, which the machine's does not.
pub fn init() {
    // SAFETY: sets a default disposition.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// The result of a call that says -1 when it failed.
fn check(result: i32) -> io::Result<i32> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
