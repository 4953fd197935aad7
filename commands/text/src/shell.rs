//! Running command lines with `sh`, as `system(3)` and `popen(3)` do.

use secure_exec_sys::fd::{self, Cloexec};
use secure_exec_sys::process::{self, Action, Program, SEARCH_PATH, WaitStatus};
use secure_exec_sys::{Fd, Pid};
use std::ffi::OsString;
use std::io::{self, Read, Write};

/// Which end of a pipe the parent holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the standard output of the command.
    Read,
    /// To its standard input.
    Write,
}

/// A command connected by a pipe.
pub struct Piped {
    pid: Pid,
    fd: Option<Fd>,
}

fn program(command: &[u8], actions: Vec<Action>) -> Program {
    let environment = std::env::vars_os().map(|(name, value)| {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        pair
    });
    Program {
        flags: SEARCH_PATH,
        file: "sh".into(),
        args: vec![
            "sh".into(),
            "-c".into(),
            OsString::from(crate::bytes::os(command)),
        ],
        env: environment.collect(),
        actions,
        ..Program::default()
    }
}

fn wait(pid: Pid) -> io::Result<WaitStatus> {
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
pub fn system(command: &[u8]) -> io::Result<WaitStatus> {
    wait(process::spawn(&program(command, Vec::new()))?)
}

impl Piped {
    pub fn start(command: &[u8], direction: Direction) -> io::Result<Self> {
        // Both ends above the standard descriptors, which the command is given anew.
        let (read, write) = fd::pipe(0)?;
        let (ours, theirs, standard) = match direction {
            Direction::Read => (read, write, 1),
            Direction::Write => (write, read, 0),
        };
        let high = fd::dup_from(ours, 10, Cloexec::Set)?;
        fd::close(ours)?;
        let theirs_high = fd::dup_from(theirs, 10, Cloexec::Set)?;
        fd::close(theirs)?;
        let actions = vec![Action::Dup2 {
            oldfd: theirs_high,
            fd: standard,
        }];
        let pid = process::spawn(&program(command, actions));
        fd::close(theirs_high)?;
        match pid {
            Ok(pid) => Ok(Self {
                pid,
                fd: Some(high),
            }),
            Err(error) => {
                fd::close(high)?;
                Err(error)
            }
        }
    }

    /// Closes the pipe and waits for the command.
    pub fn finish(mut self) -> io::Result<WaitStatus> {
        if let Some(fd) = self.fd.take() {
            fd::close(fd)?;
        }
        wait(self.pid)
    }
}

/// A command with a pipe to its standard input and another from its standard output, each closed apart.
pub struct Coprocess {
    pid: Pid,
    pub to: PipeEnd,
    pub from: PipeEnd,
}

/// Our end of a pipe.
pub struct PipeEnd(Option<Fd>);

impl PipeEnd {
    pub fn close(&mut self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), fd::close)
    }

    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.map_or(Ok(0), |fd| fd::read(fd, buffer))
    }

    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.map_or(Err(io::ErrorKind::BrokenPipe.into()), |fd| {
            fd::write_all(fd, bytes)
        })
    }
}

/// A pipe with both ends out of the way of the standard descriptors, not inherited.
fn high_pipe() -> io::Result<(Fd, Fd)> {
    let (read, write) = fd::pipe(0)?;
    let high_read = fd::dup_from(read, 10, Cloexec::Set)?;
    fd::close(read)?;
    let high_write = fd::dup_from(write, 10, Cloexec::Set)?;
    fd::close(write)?;
    Ok((high_read, high_write))
}

impl Coprocess {
    pub fn start(command: &[u8]) -> io::Result<Self> {
        let (their_input, to) = high_pipe()?;
        let (from, their_output) = high_pipe()?;
        let actions = vec![
            Action::Dup2 {
                oldfd: their_input,
                fd: 0,
            },
            Action::Dup2 {
                oldfd: their_output,
                fd: 1,
            },
        ];
        let pid = process::spawn(&program(command, actions));
        fd::close(their_input)?;
        fd::close(their_output)?;
        Ok(Self {
            pid: pid?,
            to: PipeEnd(Some(to)),
            from: PipeEnd(Some(from)),
        })
    }

    /// Closes both pipes and waits for the command.
    pub fn finish(&mut self) -> io::Result<WaitStatus> {
        self.to.close()?;
        self.from.close()?;
        wait(self.pid)
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

/// The standard output of a command that runs to its end.
pub fn output(command: &[u8]) -> io::Result<Vec<u8>> {
    let mut piped = Piped::start(command, Direction::Read)?;
    let mut text = Vec::new();
    piped.read_to_end(&mut text)?;
    piped.finish()?;
    Ok(text)
}
