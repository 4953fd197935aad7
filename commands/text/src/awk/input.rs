//! The main input, the files of `ARGV`, and `getline`.

use super::ast::{ArrayRef, Builtin, Expr, Place, Source, Special};
use super::machine::{Machine, Result, Unwind};
use super::options::VERSION;
use super::streams::{Reader, Streams};
use super::syntax::unescape;
use super::value::Value;
use crate::message;
use secure_exec_sys::process;
use std::rc::Rc;

#[derive(Default)]
pub struct MainInput {
    reader: Option<Reader>,
    /// The next element of `ARGV` to look at.
    next: usize,
    any_file: bool,
    pub missing: bool,
}

/// The number of a global variable that always exists, in the order of [`super::GLOBALS`].
pub const ENVIRON: usize = 0;
pub const ARGV: usize = 1;
pub const ARGC: usize = 2;
pub const PROCINFO: usize = 3;
pub const ERRNO: usize = 4;
pub const ARGIND: usize = 5;
pub const FUNCTAB: usize = 6;

/// Their names.
pub const GLOBALS: [&str; 7] = [
    "ENVIRON", "ARGV", "ARGC", "PROCINFO", "ERRNO", "ARGIND", "FUNCTAB",
];

impl Machine<'_> {
    /// Sets a variable as `-v` and operands of the form `name=value` do.
    pub fn command_line_assignment(&mut self, name: &str, value: &[u8]) -> Result<()> {
        let value = Value::input(&unescape(value));
        let name = name.strip_prefix("awk::").unwrap_or(name);
        if let Some(special) = self.special_named(name) {
            return self.set_special(special, value);
        }
        // A variable that the program does not name cannot be seen by it.
        if let Some(global) = self.program.globals.iter().position(|known| known == name) {
            return self.set_variable(super::ast::Slot::Global(global), value);
        }
        Ok(())
    }

    /// The special variable of that name, in the language that was asked for.
    fn special_named(&self, name: &str) -> Option<Special> {
        let special = Special::named(name)?;
        (!self.options.traditional || !special.is_extension()).then_some(special)
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
                let name = Rc::new(b"-".to_vec());
                let shown = if self.program.begin_file.is_empty() {
                    Rc::default()
                } else {
                    Rc::clone(&name)
                };
                if self.open_file(&name, shown)? {
                    return Ok(true);
                }
                continue;
            }
            let index = self.input.next;
            self.input.next += 1;
            let Some(name) = self.argument_text(index)? else {
                continue;
            };
            if !self.options.plain_operands
                && let Some((variable, value)) = assignment(&name)
            {
                self.command_line_assignment(&variable, value)?;
                continue;
            }
            self.globals[ARGIND] = Value::Number(index as f64);
            self.input.any_file = true;
            if self.open_file(&name, Rc::clone(&name))? {
                return Ok(true);
            }
        }
    }

    /// The text of an element of `ARGV`, if there is one that is not empty.
    fn argument_text(&mut self, index: usize) -> Result<Option<Rc<Vec<u8>>>> {
        let arguments = self.array(&ArrayRef::Global(ARGV))?;
        let element = arguments
            .borrow()
            .peek(index.to_string().as_bytes())
            .cloned();
        let text = element.map(|element| self.text_of(&element));
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// Opens a file of the main input and runs the `BEGINFILE` rules. False if these, or what the file is, have it
    /// skipped.
    fn open_file(&mut self, name: &Rc<Vec<u8>>, shown: Rc<Vec<u8>>) -> Result<bool> {
        self.specials.filename = Value::Input(shown);
        self.specials.fnr = 0.0;
        self.globals[ERRNO] = Value::text(Vec::new());
        let text = String::from_utf8_lossy(name).into_owned();
        if self.options.sandbox && name.as_slice() != b"-" && !self.options.operands.contains(name)
        {
            return Err(Unwind::Fatal(format!(
                "cannot add a new file ({text}) to ARGV in sandbox mode"
            )));
        }
        match Reader::open(name) {
            Ok(reader) => self.input.reader = Some(reader),
            Err(error) => {
                let directory = error.kind() == std::io::ErrorKind::IsADirectory;
                if self.program.begin_file.is_empty() {
                    if directory && !self.options.traditional {
                        let text =
                            format!("command line argument `{text}' is a directory: skipped");
                        message::warn("awk", &format!("warning: {text}"));
                        return Ok(false);
                    }
                } else {
                    self.set_errno(&error);
                    match self.file_rules(&self.program.begin_file) {
                        Err(Unwind::NextFile) => return Ok(false),
                        other => other?,
                    }
                }
                let reason = message::reason(&error);
                return Err(Unwind::Fatal(format!(
                    "cannot open file `{text}' for reading: {reason}"
                )));
            }
        }
        self.begin_in_place(name)?;
        match self.file_rules(&self.program.begin_file) {
            Err(Unwind::NextFile) => {
                self.end_file()?;
                Ok(false)
            }
            other => other.map(|()| true),
        }
    }

    /// Ends the file of the main input: at its end, or before it by `nextfile`.
    pub fn end_file(&mut self) -> Result<()> {
        if self.input.reader.take().is_none() {
            return Ok(());
        }
        self.finish_in_place()?;
        match self.file_rules(&self.program.end_file) {
            Err(Unwind::Next | Unwind::NextFile) => Ok(()),
            other => other,
        }
    }

    /// Tells the program why something failed.
    pub fn set_errno(&mut self, error: &std::io::Error) {
        let reason = match error.kind() {
            std::io::ErrorKind::IsADirectory => "Is a directory".to_owned(),
            _ => message::reason(error),
        };
        // Of a redirection that fails only the reason.
        let reason = match (
            reason.starts_with("cannot redirect to "),
            reason.rsplit_once(": "),
        ) {
            (true, Some((_, reason))) => reason.to_owned(),
            _ => reason,
        };
        self.globals[ERRNO] = Value::text(reason.into_bytes());
    }

    /// Fails where gawk's `-S` does not let a program do a thing.
    pub fn refuse_in_sandbox(&self, what: &str) -> Result<()> {
        if self.options.sandbox {
            return Err(Unwind::Fatal(format!("{what} not allowed in sandbox mode")));
        }
        Ok(())
    }

    /// Whether a program wants to go on behind output that fails.
    pub fn is_nonfatal(&self, name: &[u8]) -> bool {
        let mut key = name.to_vec();
        key.extend_from_slice(&self.specials.subsep);
        key.extend_from_slice(b"NONFATAL");
        let Value::Array(information) = &self.globals[PROCINFO] else {
            return false;
        };
        let information = information.borrow();
        information.contains(b"NONFATAL") || information.contains(&key)
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
            self.end_file()?;
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
    #[inline(never)]
    pub fn getline(&mut self, source: &Source, place: Option<&Place>) -> Result<f64> {
        let mut text = Vec::new();
        let read = match source {
            Source::Main => self.read_main(&mut text).map(Some)?,
            Source::File(name) => {
                let name = self.redirection(name)?;
                if name.as_slice() == b"-" {
                    self.streams.flush_all()?;
                }
                self.read_from(&name, Streams::file, &mut text)
            }
            Source::Command(command) => {
                let command = self.redirection(command)?;
                let read = self.read_from(&command, Streams::command, &mut text);
                if read == Some(true) && place.is_none() {
                    self.specials.nr += 1.0;
                }
                read
            }
            Source::Coprocess(command) => {
                let command = self.redirection(command)?;
                self.read_from(&command, Streams::coprocess, &mut text)
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

    /// The name that a redirected `getline` reads from.
    fn redirection(&mut self, name: &Expr) -> Result<Rc<Vec<u8>>> {
        let name = self.value(name)?;
        let name = self.text_of(&name);
        self.refuse_in_sandbox("redirection")?;
        if name.is_empty() {
            return Err(Unwind::Fatal(
                "expression for redirection has null string value".to_owned(),
            ));
        }
        Ok(name)
    }

    /// Reads a record of a file or command. None on failure, which `ERRNO` has the reason of.
    fn read_from(
        &mut self,
        name: &[u8],
        open: for<'s> fn(&'s mut Streams, &[u8]) -> std::io::Result<&'s mut Reader>,
        text: &mut Vec<u8>,
    ) -> Option<bool> {
        let specials = &mut self.specials;
        let read = open(&mut self.streams, name)
            .and_then(|reader| reader.record(&specials.separator, text, &mut specials.rt));
        match read {
            Ok(more) => Some(more),
            Err(error) => {
                self.set_errno(&error);
                None
            }
        }
    }

    /// Fills `ENVIRON`, `ARGV`, `ARGC`, `PROCINFO` and `FUNCTAB`.
    pub fn set_up(&mut self, operands: &[Vec<u8>]) -> Result<()> {
        let environment = self.array(&ArrayRef::Global(ENVIRON))?;
        for (name, value) in std::env::vars_os() {
            let (name, value) = (crate::bytes::from_os(name), crate::bytes::from_os(value));
            environment
                .borrow_mut()
                .set(&name, Value::Input(Rc::new(value)));
        }
        let arguments = self.array(&ArrayRef::Global(ARGV))?;
        arguments
            .borrow_mut()
            .set(b"0", Value::text(self.options.name.clone()));
        for (index, operand) in operands.iter().enumerate() {
            let key = (index + 1).to_string();
            arguments
                .borrow_mut()
                .set(key.as_bytes(), Value::input(operand));
        }
        self.globals[ARGC] = Value::Number((operands.len() + 1) as f64);
        self.globals[ARGIND] = Value::Number(0.0);
        self.globals[ERRNO] = Value::text(Vec::new());
        self.set_up_process_information()?;
        let table = self.array(&ArrayRef::Global(FUNCTAB))?;
        let functions = self.program.functions.iter();
        let names = functions.map(|function| function.name.as_str());
        for name in names.chain(Builtin::NAMES.iter().map(|builtin| builtin.0)) {
            table
                .borrow_mut()
                .set(name.as_bytes(), Value::text(name.as_bytes().to_vec()));
        }
        Ok(())
    }

    fn set_up_process_information(&mut self) -> Result<()> {
        let information = self.array(&ArrayRef::Global(PROCINFO))?;
        let mut information = information.borrow_mut();
        if self.options.traditional {
            return Ok(());
        }
        for (name, text) in [
            ("version", VERSION),
            ("platform", "posix"),
            ("FS", "FS"),
            ("api_major", "3"),
            ("api_minor", "2"),
        ] {
            information.set(name.as_bytes(), Value::input(text.as_bytes()));
        }
        information.set(b"strftime", Value::text(super::clock::DEFAULT.to_vec()));
        let mut numbers = vec![
            ("pid", i64::from(process::getpid())),
            ("ppid", i64::from(process::getppid())),
        ];
        if let Ok(group) = process::getpgid(0) {
            numbers.push(("pgrpid", i64::from(group)));
        }
        if let Ok(ids) = process::ids() {
            numbers.extend([
                ("uid", i64::from(ids.uid)),
                ("euid", i64::from(ids.euid)),
                ("gid", i64::from(ids.gid)),
                ("egid", i64::from(ids.egid)),
            ]);
        }
        for (name, number) in numbers {
            information.set(name.as_bytes(), Value::Number(number as f64));
        }
        let arguments = super::array::Array::shared();
        for (index, argument) in std::env::args_os().enumerate() {
            let text = crate::bytes::from_os(argument);
            let key = index.to_string();
            arguments
                .borrow_mut()
                .set(key.as_bytes(), Value::text(text));
        }
        information.set(b"argv", Value::Array(arguments));
        Ok(())
    }
}

/// Splits `name=value`.
pub fn assignment(operand: &[u8]) -> Option<(String, &[u8])> {
    let at = operand.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&operand[..at], &operand[at + 1..]);
    let mut parts = name.split(|&byte| byte == b':');
    let word = |part: &[u8]| {
        part.first()
            .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
            && part
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    // gawk's `namespace::name` has an empty part between its colons.
    let valid = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(name), None, ..) => word(name),
        (Some(space), Some(b""), Some(name), None) => word(space) && word(name),
        _ => false,
    };
    valid.then(|| (String::from_utf8_lossy(name).into_owned(), value))
}
