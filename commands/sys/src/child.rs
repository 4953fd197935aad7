//! Children that a command starts, reads from, writes to and waits for, as `system(3)` and `popen(3)` do.

use std::ffi::OsString;
use std::io::{self, Read, Write};

use crate::fd::{self, Cloexec};
use crate::process::{self, Action, Program, SEARCH_PATH, WaitStatus};
use crate::{Fd, Pid};

/// First descriptor above those that a child is given anew.
const HIGH: Fd = 10;

/// This process's environment as `NAME=value`.
#[must_use]
pub fn environment() -> Vec<OsString> {
    let pairs = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    pairs.collect()
}

/// A program that is found by `PATH` and gets this process's environment.
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

/// The shell with a command line.
#[must_use]
pub fn shell(command: impl Into<OsString>) -> Program {
    program(&["sh".into(), "-c".into(), command.into()])
}

/// Starts a program with further actions on its descriptors.
///
/// # Errors
/// As [`process::spawn`].
pub fn start(mut program: Program, actions: Vec<Action>) -> io::Result<Pid> {
    program.actions.extend(actions);
    process::spawn(&program)
}

/// Waits for the end of one child, whatever signals come before.
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

/// Runs a program to its end.
///
/// # Errors
/// As [`process::spawn`].
pub fn run(program: Program) -> io::Result<WaitStatus> {
    wait_for(start(program, Vec::new())?)
}

/// Moves a descriptor above those that a child is given anew, closed in programs.
///
/// # Errors
/// `EMFILE`: too many open files.
pub fn high(low: Fd) -> io::Result<Fd> {
    let high = fd::dup_from(low, HIGH, Cloexec::Set);
    fd::close(low)?;
    high
}

/// A pipe whose ends are above the standard descriptors and closed in programs: to read from and to write to.
///
/// # Errors
/// `EMFILE`: too many open files.
pub fn high_pipe() -> io::Result<(Fd, Fd)> {
    let (read, write) = fd::pipe(0)?;
    Ok((high(read)?, high(write)?))
}

/// Makes `fd` what descriptor `standard` is in a child.
#[must_use]
pub fn becomes(fd: Fd, standard: Fd) -> Action {
    Action::Dup2 {
        oldfd: fd,
        fd: standard,
    }
}

/// A program with a pipe to or from it.
pub struct Piped {
    pid: Pid,
    fd: Option<Fd>,
}

impl Piped {
    /// Starts a program whose output is read from the result; `input` is what it reads, unless that is this process's.
    ///
    /// # Errors
    /// As [`process::spawn`], [`high_pipe`].
    pub fn reading(program: Program, input: Option<Fd>) -> io::Result<Self> {
        let (ours, theirs) = high_pipe()?;
        Self::with(program, (theirs, 1), input.map(|fd| (fd, 0)), ours)
    }

    /// Starts a program that reads what is written to the result; `output` is what it writes to, unless that is this
    /// process's.
    ///
    /// # Errors
    /// As [`process::spawn`], [`high_pipe`].
    pub fn writing(program: Program, output: Option<Fd>) -> io::Result<Self> {
        let (theirs, ours) = high_pipe()?;
        Self::with(program, (theirs, 0), output.map(|fd| (fd, 1)), ours)
    }

    fn with(
        program: Program,
        pipe: (Fd, Fd),
        file: Option<(Fd, Fd)>,
        ours: Fd,
    ) -> io::Result<Self> {
        let ends = file.into_iter().filter(|(from, to)| from != to);
        let actions = ends.chain([pipe]).map(|(from, to)| becomes(from, to));
        let pid = start(program, actions.collect());
        fd::close(pipe.0)?;
        match pid {
            Ok(pid) => Ok(Self {
                pid,
                fd: Some(ours),
            }),
            Err(error) => {
                fd::close(ours)?;
                Err(error)
            }
        }
    }

    /// Closes the pipe and waits for the program.
    ///
    /// # Errors
    /// The pipe cannot be closed.
    pub fn finish(mut self) -> io::Result<WaitStatus> {
        if let Some(fd) = self.fd.take() {
            fd::close(fd)?;
        }
        wait_for(self.pid)
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fd.map_or(Ok(0), |fd| fd::read(fd, buffer))
    }
}

impl Write for Piped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fd.map_or(Err(io::ErrorKind::BrokenPipe.into()), |fd| {
            fd::write(fd, bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a program prints, and how it ends.
///
/// # Errors
/// As [`Piped::reading`].
pub fn output(program: Program) -> io::Result<(Vec<u8>, WaitStatus)> {
    let mut piped = Piped::reading(program, None)?;
    let mut printed = Vec::new();
    let read = piped.read_to_end(&mut printed);
    let status = piped.finish()?;
    read.map(|_| (printed, status))
}
