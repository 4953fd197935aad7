//! The main input, the files of `ARGV`, and `getline`.

use super::ast::{Place, Source, Special};
use super::machine::{Machine, Result, Unwind};
use super::streams::Reader;
use super::syntax::unescape;
use super::value::Value;
use crate::message;
use std::rc::Rc;

#[derive(Default)]
pub struct MainInput {
    reader: Option<Reader>,
    /// The next element of `ARGV` to look at.
    next: usize,
    any_file: bool,
    pub missing: bool,
}

impl MainInput {
    pub fn skip_file(&mut self) {
        self.reader = None;
    }
}

/// The number of a global variable that always exists, in the order of [`super::GLOBALS`].
pub const ENVIRON: usize = 0;
pub const ARGV: usize = 1;
pub const ARGC: usize = 2;
pub const PROCINFO: usize = 3;

impl Machine<'_> {
    /// Sets a variable as `-v` and operands of the form `name=value` do.
    pub fn command_line_assignment(&mut self, name: &str, value: &[u8]) -> Result<()> {
        let value = Value::input(&unescape(value));
        if let Some(special) = Special::named(name) {
            return self.set_special(special, value);
        }
        // A variable that the program does not name cannot be seen by it.
        if let Some(global) = self.program.globals.iter().position(|known| known == name) {
            self.globals[global] = value;
        }
        Ok(())
    }

    /// Opens the next file of `ARGV`. False if there is none.
    fn open_next(&mut self) -> Result<bool> {
        loop {
            let count = self.globals[ARGC].number() as usize;
            if self.input.next == 0 {
                self.input.next = 1;
            }
            if self.input.next >= count {
                if self.input.any_file {
                    return Ok(false);
                }
                self.input.any_file = true;
                self.specials.filename = Value::text(Vec::new());
                self.specials.fnr = 0.0;
                self.input.reader = Some(Reader::open(b"-")?);
                return Ok(true);
            }
            let key = self.input.next.to_string();
            self.input.next += 1;
            let element = self.arrays[ARGV].borrow().peek(key.as_bytes()).cloned();
            let Some(element) = element else { continue };
            let name = self.text_of(&element);
            if name.is_empty() {
                continue;
            }
            if let Some((variable, value)) = assignment(&name) {
                self.command_line_assignment(&variable, value)?;
                continue;
            }
            self.input.any_file = true;
            match Reader::open(&name) {
                Ok(reader) => {
                    self.specials.filename = Value::Input(Rc::clone(&name));
                    self.specials.fnr = 0.0;
                    self.input.reader = Some(reader);
                    return Ok(true);
                }
                Err(error) => {
                    let text = String::from_utf8_lossy(&name);
                    let reason = message::reason(&error);
                    return Err(Unwind::Fatal(format!("cannot open \"{text}\" ({reason})")));
                }
            }
        }
    }

    /// Reads a record of the main input into `record`.
    fn read_main(&mut self, record: &mut Vec<u8>) -> Result<bool> {
        loop {
            if self.input.reader.is_none() && !self.open_next()? {
                return Ok(false);
            }
            let Some(reader) = &mut self.input.reader else {
                return Ok(false);
            };
            match reader.record(&self.specials.separator, record, &mut self.specials.rt) {
                Ok(true) => {
                    self.specials.nr += 1.0;
                    self.specials.fnr += 1.0;
                    return Ok(true);
                }
                Ok(false) => {}
                Err(error) => {
                    let name = self.text_of(&self.specials.filename);
                    message::warn_file("awk", &name, &error);
                    self.input.missing = true;
                }
            }
            self.input.reader = None;
        }
    }

    /// Reads the next record of the main input into `$0`.
    pub fn next_record(&mut self) -> Result<bool> {
        // At the end `$0` keeps the last record.
        let mut text = std::mem::take(&mut self.spare);
        let more = self.read_main(&mut text)?;
        if more {
            self.spare = self.record.buffer();
            self.record.set(Rc::new(text));
        } else {
            self.spare = text;
        }
        Ok(more)
    }

    /// `getline` in all its forms: 1 for a record, 0 at the end, -1 on failure.
    pub fn getline(&mut self, source: &Source, place: Option<&Place>) -> Result<f64> {
        let mut text = Vec::new();
        let read = match source {
            Source::Main => self.read_main(&mut text).map(Some)?,
            Source::File(name) => {
                let name = self.value(name)?;
                let name = self.text_of(&name);
                if name.as_slice() == b"-" {
                    self.streams.flush_all()?;
                }
                let specials = &mut self.specials;
                self.streams.file(&name).ok().and_then(|reader| {
                    reader
                        .record(&specials.separator, &mut text, &mut specials.rt)
                        .ok()
                })
            }
            Source::Command(command) => {
                let command = self.value(command)?;
                let command = self.text_of(&command);
                let specials = &mut self.specials;
                let read = self.streams.command(&command).ok().and_then(|reader| {
                    reader
                        .record(&specials.separator, &mut text, &mut specials.rt)
                        .ok()
                });
                if read == Some(true) && place.is_none() {
                    self.specials.nr += 1.0;
                }
                read
            }
        };
        match read {
            None => return Ok(-1.0),
            Some(false) => return Ok(0.0),
            Some(true) => {}
        }
        match place {
            Some(place) => self.assign(place, Value::Input(Rc::new(text)))?,
            None => self.record.set(Rc::new(text)),
        }
        Ok(1.0)
    }

    /// Fills `ENVIRON`, `ARGV` and `ARGC`.
    pub fn set_up(&mut self, operands: &[Vec<u8>]) {
        {
            let mut environment = self.arrays[ENVIRON].borrow_mut();
            for (name, value) in std::env::vars_os() {
                let (name, value) = (crate::bytes::from_os(name), crate::bytes::from_os(value));
                environment.set(&name, Value::Input(Rc::new(value)));
            }
        }
        {
            let mut arguments = self.arrays[ARGV].borrow_mut();
            arguments.set(b"0", Value::text(b"awk".to_vec()));
            for (index, operand) in operands.iter().enumerate() {
                arguments.set((index + 1).to_string().as_bytes(), Value::input(operand));
            }
        }
        self.globals[ARGC] = Value::Number((operands.len() + 1) as f64);
    }
}

/// Splits `name=value`.
pub fn assignment(operand: &[u8]) -> Option<(String, &[u8])> {
    let at = operand.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&operand[..at], &operand[at + 1..]);
    let first = *name.first()?;
    let valid = (first.is_ascii_alphabetic() || first == b'_')
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    valid.then(|| (String::from_utf8_lossy(name).into_owned(), value))
}
