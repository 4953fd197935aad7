//! The backend inside the machine.

mod c_library;
mod files;
mod imports;
#[cfg(wasi_libc_2022)]
mod old_c_library;
mod processes;
mod sockets;
mod terminals;

use std::io;

pub(crate) use files::*;
pub(crate) use processes::*;
pub(crate) use sockets::*;
pub(crate) use terminals::*;

/// Prepares the process: tells the C library the working directory, which preview 1 does not know.
pub fn init() {
    files::tell_c_library();
}

/// The result of an import as std's error. The numbers are preview 1's, which the C library shares.
fn check(errno: i32) -> io::Result<()> {
    if errno == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(errno))
    }
}
