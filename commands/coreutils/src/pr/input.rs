//! What is printed: lines, and the form feeds between pages.

use std::ffi::{OsStr, OsString};
use std::io::Read;

use secure_exec_sys::{fd, path, stat::Stat};

use crate::input;

/// A file and how far it was printed.
pub struct Input {
    pub name: OsString,
    pub found: Option<Stat>,
    text: Vec<u8>,
    at: usize,
    /// A form feed was met: the page of this file is at its end.
    pub is_fed: bool,
}

impl Input {
    pub fn open(name: &OsStr) -> std::io::Result<Self> {
        let mut text = Vec::new();
        input::open(name)?.read_to_end(&mut text)?;
        let found = if name == "-" {
            None
        } else {
            path::stat(name).or_else(|_| fd::stat(0)).ok()
        };
        Ok(Self {
            name: name.to_owned(),
            found,
            text,
            at: 0,
            is_fed: false,
        })
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    /// The next line of the page, without its end; nothing at the end of the file or of the page. A form feed ends a
    /// line, unless that is empty.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        if self.is_fed || self.is_done() {
            return None;
        }
        let rest = &self.text[self.at..];
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n' || byte == b'\x0c');
        let line = rest[..end.unwrap_or(rest.len())].to_vec();
        self.at += end.map_or(rest.len(), |end| end + 1);
        if end.is_some_and(|end| rest[end] == b'\x0c') {
            self.is_fed = true;
            // A newline behind a form feed ends the same line.
            if self.text.get(self.at) == Some(&b'\n') {
                self.at += 1;
            }
            if line.is_empty() {
                return None;
            }
        }
        Some(line)
    }

    /// Takes a form feed that follows a full page: that one ends without it.
    pub fn skip_feed(&mut self) {
        if !self.is_fed && self.text.get(self.at) == Some(&b'\x0c') {
            self.at += 1;
            if self.text.get(self.at) == Some(&b'\n') {
                self.at += 1;
            }
        }
    }
}
