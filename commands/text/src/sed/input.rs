//! The lines of the input files, one after the other.

use crate::{bytes, message};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

pub struct Input {
    files: VecDeque<Vec<u8>>,
    current: Option<Box<dyn BufRead>>,
    /// The name of the file that the last line came from.
    pub name: Vec<u8>,
    pub line: u64,
    terminator: u8,
    /// Each file has a last line of its own.
    separate: bool,
    /// Files are edited in place: `-` is one of them.
    in_place: bool,
    /// Bytes that were read ahead of the standard input belong to the next reader of it.
    is_stdin: bool,
    pub missing: bool,
    /// A file was opened whose name is here: its output is to begin.
    pub opened: Option<Vec<u8>>,
    /// The last line read had no terminator.
    pub unterminated: bool,
}

impl Input {
    pub fn new(files: Vec<Vec<u8>>, terminator: u8, separate: bool, in_place: bool) -> Self {
        Self {
            files: files.into(),
            current: None,
            name: b"-".to_vec(),
            line: 0,
            terminator,
            separate,
            in_place,
            is_stdin: false,
            missing: false,
            opened: None,
            unterminated: false,
        }
    }

    /// Opens files until one has something to read. False at the end of the input.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            if let Some(current) = &mut self.current {
                match current.fill_buf() {
                    Ok(buffer) if !buffer.is_empty() => return Ok(true),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => self.complain("read error on", &error),
                }
                self.current = None;
            }
            let Some(name) = self.files.pop_front() else {
                return Ok(false);
            };
            self.open(name)?;
        }
    }

    fn open(&mut self, name: Vec<u8>) -> io::Result<()> {
        self.name = name;
        self.is_stdin = self.name == b"-" && !self.in_place;
        if self.is_stdin {
            if self.separate {
                self.line = 0;
                self.opened = Some(self.name.clone());
            }
            self.current = Some(Box::new(BufReader::with_capacity(1 << 16, io::stdin())));
            return Ok(());
        }
        let path = bytes::path(&self.name);
        if path.is_dir() {
            let text = if self.in_place {
                format!("couldn't edit {}: not a regular file", path.display())
            } else {
                format!("read error on {}: Is a directory", path.display())
            };
            if !self.in_place {
                return Err(io::Error::other(text));
            }
            message::warn("sed", &text);
            self.missing = true;
            return Ok(());
        }
        match File::open(path) {
            Ok(file) => {
                self.current = Some(Box::new(BufReader::with_capacity(1 << 16, file)));
                if self.separate {
                    self.line = 0;
                    self.opened = Some(self.name.clone());
                }
            }
            Err(error) => {
                let text = format!("can't read {}", path.display());
                message::warn("sed", &format!("{text}: {}", message::reason(&error)));
                self.missing = true;
            }
        }
        Ok(())
    }

    fn complain(&mut self, text: &str, error: &io::Error) {
        let name = String::from_utf8_lossy(&self.name);
        message::warn("sed", &format!("{text} {name}: {}", message::reason(error)));
        self.missing = true;
    }

    /// Reads the next line into `line`, without its terminator. False at the end of the input.
    pub fn read(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        if !self.advance()? {
            return Ok(false);
        }
        let Some(current) = &mut self.current else {
            return Ok(false);
        };
        line.clear();
        current.read_until(self.terminator, line)?;
        self.unterminated = line.last() != Some(&self.terminator);
        if !self.unterminated {
            line.pop();
        }
        self.line += 1;
        Ok(true)
    }

    /// Whether no line follows: in this file if files are separate, else anywhere.
    pub fn is_last(&mut self) -> io::Result<bool> {
        if self.separate {
            if let Some(current) = &mut self.current {
                return Ok(current.fill_buf().map_or(true, <[u8]>::is_empty));
            }
            return Ok(true);
        }
        // Looking ahead may open the next file; the name stays that of the last line.
        let name = self.name.clone();
        let more = self.advance()?;
        self.name = name;
        Ok(!more)
    }

    /// Gives what was read ahead of a standard input that can be rewound back to it.
    pub fn leave(&mut self) {
        if !self.is_stdin {
            return;
        }
        if let Some(current) = &mut self.current
            && let Ok(ahead) = current.fill_buf()
            && let Ok(ahead) = i64::try_from(ahead.len())
        {
            // A pipe or a terminal keeps nothing for others.
            let _ = secure_exec_sys::fd::seek_by(0, -ahead);
        }
    }

    /// Whether there is another line at all.
    pub fn at_end(&mut self) -> io::Result<bool> {
        if self.separate {
            let last = self.is_last()?;
            return Ok(last && self.files.is_empty());
        }
        self.is_last()
    }
}
