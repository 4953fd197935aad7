//! `-l`: what differs goes through `pr`, which makes pages of it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use secure_exec_cli::Failure;
use secure_exec_sys::process::Action;
use secure_exec_sys::{errno, fd};

use super::trouble;
use crate::run::start;
use secure_exec_sys::child::wait_for;

/// Prints a text with a title on each page.
///
/// # Errors
/// There is no `pr`, or it fails.
pub fn print(title: &str, text: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| trouble(format!("pr: {}", errno::message(&error)));
    let (read, write) = fd::pipe(fd::O_CLOEXEC).map_err(failed)?;
    let command = ["pr", "-h", title].map(OsString::from);
    let input = Action::Dup2 { oldfd: read, fd: 0 };
    let pid = start(&command, PathBuf::new(), vec![input]);
    fd::close(read).map_err(failed)?;
    let written = match &pid {
        Ok(_) => fd::write_all(write, text),
        Err(_) => Ok(()),
    };
    fd::close(write).map_err(failed)?;
    let status = wait_for(pid.map_err(failed)?).map_err(failed)?;
    match (written, status.exited()) {
        (Err(error), _) if !errno::is(&error, errno::EPIPE) => Err(failed(error)),
        (_, Some(0)) => Ok(()),
        (_, status) => Err(trouble(format!(
            "subsidiary program 'pr' failed (exit status {})",
            status.unwrap_or(-1)
        ))),
    }
}
