//! What is split.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Cursor, Read};

use secure_exec_cli::{Failure, fail, report};
use secure_exec_sys::stat::{S_IFREG, Stat};
use secure_exec_sys::{errno, fd, path};

use super::trouble;

pub struct Source {
    pub name: OsString,
    input: Box<dyn Read>,
    found: Stat,
    /// What was read by the last [`Source::read`].
    buffer: Vec<u8>,
}

impl Source {
    pub fn open(name: &OsStr) -> Result<Self, Failure> {
        let opened = if name == "-" {
            fd::stat(0).map(|found| (found, Box::new(io::stdin().lock()) as Box<dyn Read>))
        } else {
            path::stat(name).and_then(|found| {
                let file = File::open(name)?;
                Ok((found, Box::new(file) as Box<dyn Read>))
            })
        };
        let (found, input) = opened.map_err(|error| {
            let what = report("cannot open", name, &error);
            fail(what.replacen("': ", "' for reading: ", 1))
        })?;
        Ok(Self {
            name: name.to_owned(),
            input,
            found,
            buffer: vec![0; 128 * 1024],
        })
    }

    /// The file itself, if a piece could overwrite it.
    pub fn identity(&self) -> Option<Stat> {
        (self.found.kind() == S_IFREG).then_some(self.found)
    }

    /// The next bytes; none at the end.
    pub fn read(&mut self) -> Result<&[u8], Failure> {
        if self.found.is_dir() {
            return Err(trouble(&self.name, &errno::error(errno::EISDIR)));
        }
        loop {
            match self.input.read(&mut self.buffer) {
                Ok(length) => return Ok(&self.buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(trouble(&self.name, &error)),
            }
        }
    }

    /// How many bytes there are. What is no file, or one without a size, is read for that.
    pub fn size(&mut self) -> Result<u64, Failure> {
        if self.found.is_dir() {
            let (name, why) = (self.name.to_string_lossy(), "Is a directory");
            return Err(fail(format!("{name}: cannot determine file size: {why}")));
        }
        if self.found.kind() == S_IFREG && self.found.size > 0 {
            let at = if self.name == "-" {
                fd::seek_by(0, 0).unwrap_or(0)
            } else {
                0
            };
            return Ok(self.found.size.saturating_sub(at));
        }
        let mut all = Vec::new();
        self.input
            .read_to_end(&mut all)
            .map_err(|error| trouble(&self.name, &error))?;
        let size = all.len() as u64;
        self.input = Box::new(Cursor::new(all));
        Ok(size)
    }
}
