//! The values that a program reads.

use super::options::Options;
use crate::{bytes, message};
use jaq_json::{Val, read};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::rc::Rc;

type Values = Box<dyn Iterator<Item = io::Result<Val>>>;

pub struct Input {
    files: VecDeque<Vec<u8>>,
    current: Option<Values>,
    raw: bool,
    slurp: bool,
    stream: bool,
    seq: bool,
    /// What `--stream` still has to give of a value.
    events: VecDeque<Val>,
    /// The name of the file being read.
    pub name: Rc<RefCell<String>>,
    /// A file could not be read.
    pub failed: Rc<Cell<bool>>,
    finished: bool,
}

/// Lines without their newlines.
struct Lines<R>(R);

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Val>;

    fn next(&mut self) -> Option<io::Result<Val>> {
        let mut line = Vec::new();
        match self.0.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                Some(Ok(lossy(&line)))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

fn lossy(text: &[u8]) -> Val {
    Val::utf8_str(String::from_utf8_lossy(text).into_owned())
}

/// Drops the record separators of RFC 7464.
struct Unseparated<R>(R);

impl<R: io::Read> io::Read for Unseparated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        for byte in &mut buffer[..length] {
            if *byte == 0x1e {
                *byte = b' ';
            }
        }
        Ok(length)
    }
}

impl Input {
    pub fn new(options: &Options) -> Self {
        let mut files: VecDeque<_> = options.files.clone().into();
        if files.is_empty() {
            files.push_back(b"-".to_vec());
        }
        Self {
            files,
            current: None,
            raw: options.raw_input,
            slurp: options.slurp,
            stream: options.stream,
            seq: options.seq,
            events: VecDeque::new(),
            name: Rc::default(),
            failed: Rc::default(),
            finished: false,
        }
    }

    /// Opens the next file that can be read.
    fn open(&mut self) -> Option<Box<dyn BufRead>> {
        while let Some(name) = self.files.pop_front() {
            if name == b"-" {
                *self.name.borrow_mut() = "<stdin>".to_owned();
                return Some(Box::new(BufReader::with_capacity(1 << 16, io::stdin())));
            }
            let path = bytes::path(&name);
            let shown = path.display().to_string();
            let opened = match File::open(path) {
                Ok(_) if path.is_dir() => Err(io::Error::other("Is a directory")),
                other => other,
            };
            match opened {
                Ok(file) => {
                    *self.name.borrow_mut() = shown;
                    return Some(Box::new(BufReader::with_capacity(1 << 16, file)));
                }
                Err(error) => {
                    let reason = message::reason(&error);
                    message::warn("jq", &format!("error: Could not open {shown}: {reason}"));
                    self.failed.set(true);
                }
            }
        }
        None
    }

    fn plain(&mut self) -> Option<io::Result<Val>> {
        loop {
            if self.current.is_none() {
                let reader = self.open()?;
                self.current = Some(if self.raw {
                    Box::new(Lines(reader))
                } else if self.seq {
                    Box::new(read::read_many(BufReader::new(Unseparated(reader))))
                } else {
                    Box::new(read::read_many(reader))
                });
            }
            match self.current.as_mut().and_then(Iterator::next) {
                Some(value) => return Some(value),
                None => self.current = None,
            }
        }
    }

    /// All input as one value: an array, or one string with `-R`.
    fn slurped(&mut self) -> io::Result<Val> {
        if self.raw {
            let mut text = Vec::new();
            while let Some(mut reader) = self.open() {
                reader.read_to_end(&mut text)?;
            }
            return Ok(lossy(&text));
        }
        let mut values = Vec::new();
        while let Some(value) = self.plain() {
            values.push(value?);
        }
        Ok(values.into_iter().collect())
    }
}

impl Iterator for Input {
    type Item = Result<Val, String>;

    fn next(&mut self) -> Option<Result<Val, String>> {
        if let Some(event) = self.events.pop_front() {
            return Some(Ok(event));
        }
        if self.finished {
            return None;
        }
        let value = if self.slurp {
            self.finished = true;
            Some(self.slurped())
        } else {
            self.plain()
        };
        match value? {
            Ok(value) if self.stream => {
                events(&value, &mut Vec::new(), &mut self.events);
                self.next()
            }
            Ok(value) => Some(Ok(value)),
            Err(error) => {
                self.finished = true;
                Some(Err(error.to_string()))
            }
        }
    }
}

/// The events of `--stream` for a value.
fn events(value: &Val, path: &mut Vec<Val>, out: &mut VecDeque<Val>) {
    let here = |path: &[Val]| -> Val { path.iter().cloned().collect() };
    let leaf = match value {
        Val::Arr(array) => array.is_empty(),
        Val::Obj(object) => object.is_empty(),
        _ => true,
    };
    if leaf {
        out.push_back([here(path), value.clone()].into_iter().collect());
        return;
    }
    let mut last = Val::Null;
    let mut visit = |key: Val, element: &Val| {
        path.push(key.clone());
        events(element, path, out);
        path.pop();
        last = key;
    };
    match value {
        Val::Arr(array) => {
            for (index, element) in array.iter().enumerate() {
                visit(
                    Val::from(isize::try_from(index).unwrap_or(isize::MAX)),
                    element,
                );
            }
        }
        Val::Obj(object) => object
            .iter()
            .for_each(|(key, element)| visit(key.clone(), element)),
        _ => {}
    }
    path.push(last);
    out.push_back(std::iter::once(here(path)).collect());
    path.pop();
}
