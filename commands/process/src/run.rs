//! Starts programs and waits for them.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use secure_exec_cli::{bytes, os_string};
use secure_exec_sys::Pid;
use secure_exec_sys::errno::{self, ENOENT};
use secure_exec_sys::process::{self, Action, Program, SEARCH_PATH, WaitStatus};

/// The statuses of a shell for what could not be started: found, and not found.
pub const CANNOT_RUN: i32 = 126;
pub const NOT_FOUND: i32 = 127;

/// This process's environment as `NAME=value`.
#[must_use]
pub fn environment() -> Vec<OsString> {
    std::env::vars_os()
        .map(|(name, value)| assignment(&name, &value))
        .collect()
}

pub fn assignment(name: &OsString, value: &OsString) -> OsString {
    let mut text = bytes(name).to_vec();
    text.push(b'=');
    text.extend(bytes(value));
    os_string(text)
}

/// A program found by `PATH`, with this process's environment.
#[must_use]
pub fn program(command: &[OsString]) -> Program {
    Program {
        flags: SEARCH_PATH,
        file: command.first().cloned().unwrap_or_default().into(),
        args: command.to_vec(),
        env: environment(),
        ..Program::default()
    }
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

/// Waits for one child.
///
/// # Errors
/// `ECHILD`: no such child.
pub fn wait_for(pid: Pid) -> io::Result<WaitStatus> {
    loop {
        match process::wait(pid, 0) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// As `execve(2)`.
pub fn run(command: &[OsString], cwd: PathBuf) -> io::Result<WaitStatus> {
    wait_for(start(command, cwd, Vec::new())?)
}

/// The status of a shell for how a child ended.
#[must_use]
pub fn shell_status(status: WaitStatus) -> i32 {
    status
        .exited()
        .unwrap_or_else(|| 128 + status.signaled().unwrap_or(0))
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
