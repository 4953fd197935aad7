//! Where the pieces go: files, commands (`--filter`) or standard output.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use secure_exec_cli::{Failure, bytes, fail, os_string, quote, warn};
use secure_exec_sys::child::{self, Piped};
use secure_exec_sys::fd;
use secure_exec_sys::signal::{self, Disposition, SIGPIPE};
use secure_exec_sys::stat::Stat;
use secure_exec_sys::{errno, path};

use super::options::Options;
use super::suffix::Suffixes;
use super::trouble;

/// Files that are open at once; those beyond are opened anew for each write.
const OPEN_FILES: usize = 200;

enum Piece {
    File(File),
    /// A file that was begun and is closed.
    Closed(OsString),
    Command {
        piped: Piped,
        /// Until the command stops reading.
        is_read: bool,
        name: OsString,
    },
}

pub struct Output<'a> {
    pub separator: u8,
    prefix: &'a OsString,
    additional: &'a OsString,
    suffixes: &'a Suffixes,
    command: Option<&'a OsString>,
    is_verbose: bool,
    source: Option<Stat>,
    count: u64,
    pieces: Vec<Piece>,
}

impl<'a> Output<'a> {
    pub fn new(options: &'a Options, source: Option<Stat>) -> Self {
        if options.filter.is_some() {
            // A command that reads no more is no end of split.
            let _ = signal::action(SIGPIPE, Disposition::Ignore);
        }
        Self {
            separator: options.separator,
            prefix: &options.prefix,
            additional: &options.additional,
            suffixes: &options.suffixes,
            command: options.filter.as_ref(),
            is_verbose: options.is_verbose,
            source,
            count: 0,
            pieces: Vec::new(),
        }
    }

    pub fn separator_in(&self, text: &[u8]) -> Option<usize> {
        text.iter().position(|&byte| byte == self.separator)
    }

    /// Ends the piece and begins another.
    pub fn next(&mut self) -> Result<(), Failure> {
        self.finish()?;
        self.another()
    }

    /// Begins one more piece.
    pub fn another(&mut self) -> Result<(), Failure> {
        let suffix = self
            .suffixes
            .name(self.count)
            .ok_or_else(|| fail("output file suffixes exhausted"))?;
        self.count += 1;
        let parts = [
            bytes(self.prefix),
            suffix.as_bytes(),
            bytes(self.additional),
        ];
        let name = os_string(parts.concat());
        let piece = match self.command {
            Some(command) => self.start(command, name)?,
            None => self.create(name)?,
        };
        self.pieces.push(piece);
        Ok(())
    }

    fn create(&self, name: OsString) -> Result<Piece, Failure> {
        if self.is_verbose {
            writeln!(io::stdout(), "creating file {}", quote(&name))?;
        }
        let is_source =
            |source: Stat| path::stat(&name).is_ok_and(|found| found.same_file(&source));
        if self.source.is_some_and(is_source) {
            let shown = quote(&name);
            return Err(fail(format!("{shown} would overwrite input; aborting")));
        }
        let file = File::create(&name).map_err(|error| trouble(&name, &error))?;
        if self.pieces.len() < OPEN_FILES {
            Ok(Piece::File(file))
        } else {
            Ok(Piece::Closed(name))
        }
    }

    fn start(&self, command: &OsString, name: OsString) -> Result<Piece, Failure> {
        if self.is_verbose {
            writeln!(
                io::stdout(),
                "executing with FILE={}",
                quote(&name).trim_matches('\'')
            )?;
        }
        let started = start(command, &name);
        let started = started.map_err(|error| fail(format!("sh: {}", errno::message(&error))))?;
        Ok(Piece::Command {
            piped: started,
            is_read: true,
            name,
        })
    }

    /// Writes to the last piece that was begun.
    pub fn write(&mut self, text: &[u8]) -> Result<(), Failure> {
        match self.pieces.last_mut() {
            Some(piece) => piece.write(text),
            None => Ok(()),
        }
    }

    /// Writes to the piece of a number, from 0.
    pub fn write_to(&mut self, piece: u64, text: &[u8]) -> Result<(), Failure> {
        let at = usize::try_from(piece).unwrap_or(usize::MAX);
        match self.pieces.get_mut(at) {
            Some(piece) => piece.write(text),
            None => Ok(()),
        }
    }

    /// Writes to standard output.
    pub fn print(&mut self, text: &[u8]) -> Result<(), Failure> {
        fd::write_all(1, text).map_err(Failure::from)
    }

    /// Ends all pieces that were begun.
    ///
    /// # Errors
    /// The status of a command that failed, which was told.
    pub fn finish(&mut self) -> Result<(), Failure> {
        for piece in std::mem::take(&mut self.pieces) {
            if let Piece::Command { piped, name, .. } = piece
                && let Some(command) = self.command
            {
                wait(piped, &name, command)?;
            }
        }
        Ok(())
    }
}

impl Piece {
    fn write(&mut self, text: &[u8]) -> Result<(), Failure> {
        let written = match self {
            Self::File(file) => file.write_all(text),
            Self::Closed(name) => {
                let opened = OpenOptions::new().append(true).open(name);
                opened.and_then(|mut file| file.write_all(text))
            }
            Self::Command { is_read: false, .. } => Ok(()),
            Self::Command { piped, is_read, .. } => match piped.write_all(text) {
                Err(error) if errno::is(&error, errno::EPIPE) => {
                    *is_read = false;
                    Ok(())
                }
                written => written,
            },
        };
        written.map_err(Failure::from)
    }
}

/// Starts a command with the name in `FILE`.
fn start(command: &OsString, name: &OsString) -> io::Result<Piped> {
    let mut program = child::shell(command);
    program
        .env
        .retain(|pair| !bytes(pair).starts_with(b"FILE="));
    program
        .env
        .push(os_string([b"FILE=", bytes(name)].concat()));
    Piped::writing(program, None)
}

/// Waits for a command.
fn wait(piped: Piped, name: &OsString, command: &OsString) -> Result<(), Failure> {
    let ended = piped.finish();
    let status = ended.map_err(|error| {
        fail(format!(
            "waiting for child process: {}",
            errno::message(&error)
        ))
    })?;
    let (how, code) = match (status.exited(), status.signaled()) {
        (Some(0), _) | (None, Some(SIGPIPE)) => return Ok(()),
        (Some(code), _) => (format!("exit {code}"), code),
        (None, signal) => {
            let number = signal.unwrap_or(0);
            let name = signal::name(number).unwrap_or_else(|| number.to_string());
            (format!("signal {name}"), number + 128)
        }
    };
    let (name, command) = (name.to_string_lossy(), command.to_string_lossy());
    warn(
        "split",
        format_args!("with FILE={name}, {how} from command: {command}"),
    );
    Err(Failure::silent(code))
}
