//! Programs that an archive goes through: `tar -I` and the greps of compressed files.

use secure_exec_cli::bytes;
use secure_exec_sys::Fd;
use secure_exec_sys::fd::{self, Cloexec};
use secure_exec_sys::process::{self, Action, Program, SEARCH_PATH, WaitStatus};
use std::ffi::OsString;
use std::io::{self, Read, Write};

/// This process's environment as `NAME=value`.
fn environment() -> Vec<OsString> {
    std::env::vars_os()
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        })
        .collect()
}

/// Starts a program found by `PATH`.
///
/// # Errors
/// As `execve(2)`.
pub fn start(command: &[OsString], actions: Vec<Action>) -> io::Result<secure_exec_sys::Pid> {
    process::spawn(&Program {
        flags: SEARCH_PATH,
        file: command.first().cloned().unwrap_or_default().into(),
        args: command.to_vec(),
        env: environment(),
        actions,
        ..Program::default()
    })
}

/// Waits for one child.
///
/// # Errors
/// `ECHILD`: no such child.
pub fn wait_for(pid: secure_exec_sys::Pid) -> io::Result<WaitStatus> {
    loop {
        match process::wait(pid, 0) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A pipe whose ends are above the standard descriptors and closed in children: to read from and to write to.
///
/// # Errors
/// `EMFILE`: too many open files.
pub fn high_pipe() -> io::Result<(Fd, Fd)> {
    let (read, write) = fd::pipe(0)?;
    let high = |fd| -> io::Result<Fd> {
        let high = fd::dup_from(fd, 10, Cloexec::Set)?;
        fd::close(fd)?;
        Ok(high)
    };
    Ok((high(read)?, high(write)?))
}

/// The words of a command as a shell splits them: by blanks, with quotes and backslashes.
pub fn words(command: &OsString) -> Vec<OsString> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut text = bytes(command).iter().copied();
    while let Some(byte) = text.next() {
        match (quote, byte) {
            (None, b' ' | b'\t' | b'\n') => words.extend(word.take()),
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == byte => quote = None,
            (None | Some(b'"'), b'\\') => word.get_or_insert_default().extend(text.next()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(secure_exec_cli::os_string).collect()
}

/// A program with a pipe to or from it.
pub struct Filter {
    pid: secure_exec_sys::Pid,
    fd: Option<Fd>,
}

impl Filter {
    /// Starts a program that reads from the result and writes to `output`.
    ///
    /// # Errors
    /// As `execve(2)`.
    pub fn writing(command: &[OsString], output: Fd) -> io::Result<Self> {
        let (read, write) = high_pipe()?;
        Self::with(command, (read, 0), (output, 1), write)
    }

    /// Starts a program that reads `input` and whose output is read from the result.
    ///
    /// # Errors
    /// As `execve(2)`.
    pub fn reading(command: &[OsString], input: Fd) -> io::Result<Self> {
        let (read, write) = high_pipe()?;
        Self::with(command, (write, 1), (input, 0), read)
    }

    fn with(command: &[OsString], pipe: (Fd, Fd), file: (Fd, Fd), ours: Fd) -> io::Result<Self> {
        let actions = [file, pipe]
            .into_iter()
            .filter(|(from, to)| from != to)
            .map(|(oldfd, fd)| Action::Dup2 { oldfd, fd })
            .collect();
        let pid = start(command, actions);
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

impl Read for Filter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fd.map_or(Ok(0), |fd| fd::read(fd, buffer))
    }
}

impl Write for Filter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fd.map_or(Err(io::ErrorKind::BrokenPipe.into()), |fd| {
            fd::write(fd, bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
