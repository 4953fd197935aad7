//! Starts programs and waits for them.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use secure_exec_cli::{bytes, os_string};
use secure_exec_sys::Pid;
use secure_exec_sys::child::{program, wait_for};
use secure_exec_sys::errno::{self, ENOENT};
use secure_exec_sys::process::{self, Action, Program, WaitStatus};

/// The statuses of a shell for what could not be started: found, and not found.
pub const CANNOT_RUN: i32 = 126;
pub const NOT_FOUND: i32 = 127;

pub fn assignment(name: &OsString, value: &OsString) -> OsString {
    let mut text = bytes(name).to_vec();
    text.push(b'=');
    text.extend(bytes(value));
    os_string(text)
}

/// Starts a command in a directory (empty: this one), with actions on its descriptors.
///
/// # Errors
/// As `execve(2)`.
pub fn start(command: &[OsString], cwd: PathBuf, actions: Vec<Action>) -> io::Result<Pid> {
    process::spawn(&Program {
        cwd,
        actions,
        ..program(command)
    })
}

/// Runs a command to its end.
///
/// # Errors
/// As `execve(2)`.
pub fn run(command: &[OsString], cwd: PathBuf) -> io::Result<WaitStatus> {
    wait_for(start(command, cwd, Vec::new())?)
}

/// The status of a shell for a command that could not be started.
#[must_use]
pub fn failure_status(error: &io::Error) -> i32 {
    if errno::is(error, ENOENT) {
        NOT_FOUND
    } else {
        CANNOT_RUN
    }
}
