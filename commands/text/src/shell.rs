//! Running command lines with `sh`, as `system(3)` and `popen(3)` do.

use secure_exec_sys::child::{self, Piped, becomes, high_pipe, start, wait_for};
use secure_exec_sys::fd;
use secure_exec_sys::process::{Program, WaitStatus};
use secure_exec_sys::{Fd, Pid};
use std::io;

/// The shell with a command line.
pub fn program(command: &[u8]) -> Program {
    child::shell(crate::bytes::os(command))
}

/// Runs a command to its end.
pub fn system(command: &[u8]) -> io::Result<WaitStatus> {
    child::run(program(command))
}

/// The standard output of a command that runs to its end.
pub fn output(command: &[u8]) -> io::Result<Vec<u8>> {
    child::output(program(command)).map(|(text, _)| text)
}

/// A command whose output is read.
pub fn reading(command: &[u8]) -> io::Result<Piped> {
    Piped::reading(program(command), None)
}

/// A command that reads what is written.
pub fn writing(command: &[u8]) -> io::Result<Piped> {
    Piped::writing(program(command), None)
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

impl Coprocess {
    pub fn start(command: &[u8]) -> io::Result<Self> {
        let (their_input, to) = high_pipe()?;
        let (from, their_output) = high_pipe()?;
        let actions = vec![becomes(their_input, 0), becomes(their_output, 1)];
        let pid = start(program(command), actions);
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
        wait_for(self.pid)
    }
}
