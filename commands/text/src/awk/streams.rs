//! Files and commands that a program reads and writes.

use crate::pattern::Pattern;
use crate::shell::{Coprocess, reading, writing};
use crate::{bytes, message};
use secure_exec_sys::child::Piped;
use secure_exec_sys::process::WaitStatus;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::rc::Rc;

/// What ends a record.
#[derive(Clone)]
pub enum RecordSeparator {
    Byte(u8),
    /// Blank lines.
    Paragraph,
    Regex(Rc<Pattern>),
}

enum Origin {
    File(File),
    Stdin,
    Command(Piped),
    Coprocess(Rc<RefCell<Coprocess>>),
}

impl Read for Origin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stdin => io::stdin().read(buffer),
            Self::Command(command) => command.read(buffer),
            Self::Coprocess(command) => command.borrow().from.read(buffer),
        }
    }
}

/// Writes to a coprocess.
struct ToCoprocess(Rc<RefCell<Coprocess>>);

impl Write for ToCoprocess {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow().to.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads records.
pub struct Reader {
    origin: Origin,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    finished: bool,
}

const CHUNK: usize = 1 << 16;

impl Reader {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            finished: false,
        }
    }

    pub fn open(name: &[u8]) -> io::Result<Self> {
        if name == b"-" || name == b"/dev/stdin" {
            return Ok(Self::new(Origin::Stdin));
        }
        let path = bytes::path(name);
        let file = File::open(path)?;
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self::new(Origin::File(file)))
    }

    /// Reads more behind what is there. False at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.finished {
            return Ok(false);
        }
        // The byte before what is left stays: `^` matches only at the beginning of a file.
        if self.start > 1 {
            let kept = self.start - 1;
            self.buffer.copy_within(kept..self.end, 0);
            self.end -= kept;
            self.start = 1;
        }
        if self.buffer.len() < self.end + CHUNK {
            self.buffer
                .resize((self.end + CHUNK).max(self.buffer.len() * 2).max(CHUNK), 0);
        }
        loop {
            match self.origin.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.finished = true;
                    return Ok(false);
                }
                Ok(length) => {
                    self.end += length;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads a record and what ended it. False at the end of the input.
    pub fn record(
        &mut self,
        separator: &RecordSeparator,
        record: &mut Vec<u8>,
        terminator: &mut Vec<u8>,
    ) -> io::Result<bool> {
        record.clear();
        terminator.clear();
        match separator {
            RecordSeparator::Byte(byte) => self.up_to_byte(*byte, record, terminator),
            RecordSeparator::Paragraph => self.paragraph(record, terminator),
            RecordSeparator::Regex(pattern) => self.up_to_regex(pattern, record, terminator),
        }
    }

    fn up_to_byte(
        &mut self,
        byte: u8,
        record: &mut Vec<u8>,
        terminator: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let mut searched = 0;
        loop {
            let pending = &self.buffer[self.start..self.end];
            if let Some(found) = memchr::memchr(byte, &pending[searched..]) {
                let length = searched + found;
                record.extend_from_slice(&pending[..length]);
                terminator.push(byte);
                self.start += length + 1;
                return Ok(true);
            }
            searched = pending.len();
            if !self.fill()? {
                return Ok(self.rest(record));
            }
        }
    }

    /// What is left at the end of the input.
    fn rest(&mut self, record: &mut Vec<u8>) -> bool {
        record.extend_from_slice(&self.buffer[self.start..self.end]);
        let any = self.end > self.start;
        self.start = self.end;
        any
    }

    fn paragraph(&mut self, record: &mut Vec<u8>, terminator: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            while self.start < self.end && self.buffer[self.start] == b'\n' {
                self.start += 1;
            }
            if self.start < self.end {
                break;
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
        loop {
            let pending = &self.buffer[self.start..self.end];
            let found = memchr::memmem::find(pending, b"\n\n");
            if let Some(length) = found {
                let newlines = pending[length..]
                    .iter()
                    .take_while(|&&byte| byte == b'\n')
                    .count();
                if length + newlines < pending.len() || self.finished {
                    record.extend_from_slice(&pending[..length]);
                    terminator.extend_from_slice(&pending[length..length + newlines]);
                    self.start += length + newlines;
                    return Ok(true);
                }
            }
            if !self.fill()? && found.is_none() {
                self.rest(record);
                if record.last() == Some(&b'\n') {
                    record.pop();
                    terminator.push(b'\n');
                }
                return Ok(true);
            }
        }
    }

    fn up_to_regex(
        &mut self,
        pattern: &Pattern,
        record: &mut Vec<u8>,
        terminator: &mut Vec<u8>,
    ) -> io::Result<bool> {
        loop {
            let first = self.start.min(1);
            let pending = &self.buffer[self.start - first..self.end];
            let mut at = first;
            while let Some((from, to)) = pattern.find_at(pending, at) {
                if from == to {
                    at = to + 1;
                    if at > pending.len() {
                        break;
                    }
                    continue;
                }
                // A match at the end of what was read may go on.
                if to == pending.len() && !self.finished {
                    break;
                }
                record.extend_from_slice(&pending[first..from]);
                terminator.extend_from_slice(&pending[from..to]);
                self.start += to - first;
                return Ok(true);
            }
            if !self.fill()? {
                let first = self.start.min(1);
                let pending = &self.buffer[self.start - first..self.end];
                if let Some((from, to)) = pattern.find_at(pending, first)
                    && to > from
                {
                    continue;
                }
                return Ok(self.rest(record));
            }
        }
    }
}

/// Something written to.
enum Writer {
    File(BufWriter<File>),
    Command(BufWriter<Piped>),
    Coprocess(BufWriter<ToCoprocess>),
    Stdout,
    Stderr,
}

/// How to open what is written to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Create,
    Append,
    Command,
    Coprocess,
}

/// What of a coprocess is closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Both,
    /// The pipe to it.
    To,
    /// The pipe from it.
    From,
}

pub struct Streams {
    pub stdout: BufWriter<io::StdoutLock<'static>>,
    writers: HashMap<Vec<u8>, Writer>,
    readers: HashMap<Vec<u8>, Reader>,
    pub interactive: bool,
}

/// A wait status as awk shows it.
pub fn status_number(status: WaitStatus) -> f64 {
    match (status.exited(), status.signaled()) {
        (Some(code), _) => f64::from(code),
        (None, Some(signal)) => f64::from(256 + signal),
        _ => -1.0,
    }
}

impl Streams {
    pub fn new() -> Self {
        Self {
            stdout: BufWriter::with_capacity(CHUNK, io::stdout().lock()),
            writers: HashMap::new(),
            readers: HashMap::new(),
            interactive: io::IsTerminal::is_terminal(&io::stdout()),
        }
    }

    pub fn print(&mut self, text: &[u8]) -> io::Result<()> {
        self.stdout.write_all(text)?;
        if self.interactive {
            self.stdout.flush()
        } else {
            Ok(())
        }
    }

    /// Writes to a file or command, which is opened the first time.
    pub fn print_to(&mut self, name: &[u8], mode: Mode, text: &[u8]) -> io::Result<()> {
        if !self.writers.contains_key(name) {
            if matches!(mode, Mode::Command | Mode::Coprocess) {
                self.flush_all()?;
            }
            if mode == Mode::Coprocess {
                self.start_coprocess(name)?;
            } else {
                self.writers.insert(name.to_vec(), open_writer(name, mode)?);
            }
        }
        match self.writers.get_mut(name) {
            Some(Writer::File(file)) => file.write_all(text),
            Some(Writer::Command(command)) => command.write_all(text),
            Some(Writer::Coprocess(command)) => command.write_all(text),
            Some(Writer::Stderr) => {
                self.stdout.flush()?;
                io::stderr().write_all(text)
            }
            _ => self.print(text),
        }
    }

    /// The reader of a file, opened the first time.
    pub fn file(&mut self, name: &[u8]) -> io::Result<&mut Reader> {
        if !self.readers.contains_key(name) {
            self.readers.insert(name.to_vec(), Reader::open(name)?);
        }
        self.readers
            .get_mut(name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The reader of a command's output, started the first time.
    pub fn command(&mut self, name: &[u8]) -> io::Result<&mut Reader> {
        if !self.readers.contains_key(name) {
            self.flush_all()?;
            let command = reading(name)?;
            self.readers
                .insert(name.to_vec(), Reader::new(Origin::Command(command)));
        }
        self.readers
            .get_mut(name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn start_coprocess(&mut self, name: &[u8]) -> io::Result<()> {
        if name.starts_with(b"/inet") {
            return Err(io::Error::other(format!(
                "{}: connections are not supported",
                String::from_utf8_lossy(name)
            )));
        }
        let command = Rc::new(RefCell::new(Coprocess::start(name)?));
        let writer = Writer::Coprocess(BufWriter::new(ToCoprocess(Rc::clone(&command))));
        self.writers.insert(name.to_vec(), writer);
        let reader = Reader::new(Origin::Coprocess(command));
        self.readers.insert(name.to_vec(), reader);
        Ok(())
    }

    /// The reader of a coprocess, started the first time.
    pub fn coprocess(&mut self, name: &[u8]) -> io::Result<&mut Reader> {
        if !self.readers.contains_key(name) {
            self.flush_all()?;
            self.start_coprocess(name)?;
        }
        if let Some(writer) = self.writers.get_mut(name) {
            flush(writer)?;
        }
        self.readers
            .get_mut(name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub fn flush_all(&mut self) -> io::Result<()> {
        self.stdout.flush()?;
        for writer in self.writers.values_mut() {
            flush(writer)?;
        }
        Ok(())
    }

    /// Flushes one file or command. False if there is none of that name.
    pub fn flush_one(&mut self, name: &[u8]) -> io::Result<bool> {
        match self.writers.get_mut(name) {
            Some(Writer::Stdout) => self.stdout.flush().map(|()| true),
            Some(writer) => flush(writer).map(|()| true),
            None => Ok(false),
        }
    }

    /// Closes; the result is the status, -1 if nothing was open.
    pub fn close(&mut self, name: &[u8], end: End) -> io::Result<f64> {
        let mut result = -1.0;
        let coprocess = match (self.readers.get(name), self.writers.get(name)) {
            (Some(reader), _) if matches!(reader.origin, Origin::Coprocess(_)) => true,
            (_, Some(Writer::Coprocess(_))) => true,
            _ => false,
        };
        if coprocess {
            return self.close_coprocess(name, end);
        }
        if let Some(reader) = self.readers.remove(name) {
            result = match reader.origin {
                Origin::Command(command) => status_number(command.finish()?),
                _ => 0.0,
            };
        }
        if let Some(writer) = self.writers.remove(name) {
            self.stdout.flush()?;
            result = finish(writer)?;
        }
        Ok(result)
    }

    /// Closes one or both ends of a coprocess, and waits for it when none is left.
    fn close_coprocess(&mut self, name: &[u8], end: End) -> io::Result<f64> {
        let mut command = None;
        if end != End::From
            && let Some(Writer::Coprocess(mut writer)) = self.writers.remove(name)
        {
            ignore_broken_pipe(writer.flush())?;
            let (writer, _) = writer.into_parts();
            writer.0.borrow_mut().to.close()?;
            command = Some(writer.0);
        }
        if end != End::To
            && let Some(reader) = self.readers.remove(name)
            && let Origin::Coprocess(reader) = reader.origin
        {
            reader.borrow_mut().from.close()?;
            command = Some(reader);
        }
        let Some(command) = command else {
            return Ok(-1.0);
        };
        let mut command = command.borrow_mut();
        if command.to.is_open() || command.from.is_open() {
            return Ok(0.0);
        }
        command.finish().map(status_number)
    }

    /// Ends everything at the end of the program.
    pub fn close_all(&mut self) -> io::Result<()> {
        let mut result = self.stdout.flush();
        let coprocesses: Vec<Vec<u8>> = self
            .readers
            .iter()
            .filter(|(_, reader)| matches!(reader.origin, Origin::Coprocess(_)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in coprocesses {
            let finished = self.close_coprocess(&name, End::Both).map(|_| ());
            result = result.and(finished);
        }
        for (_, writer) in self.writers.drain() {
            let finished = finish(writer).map(|_| ());
            result = result.and(finished);
        }
        for (_, reader) in self.readers.drain() {
            if let Origin::Command(command) = reader.origin {
                let finished = command.finish().map(|_| ());
                result = result.and(finished);
            }
        }
        result
    }
}

fn open_writer(name: &[u8], mode: Mode) -> io::Result<Writer> {
    if mode == Mode::Command {
        return Ok(Writer::Command(BufWriter::new(writing(name)?)));
    }
    match name {
        b"/dev/stdout" | b"-" => return Ok(Writer::Stdout),
        b"/dev/stderr" => return Ok(Writer::Stderr),
        _ => {}
    }
    let path = bytes::path(name);
    let file = if mode == Mode::Append {
        File::options().append(true).create(true).open(path)
    } else {
        File::create(path)
    };
    let file = file.map_err(|error| {
        let name = String::from_utf8_lossy(name);
        io::Error::other(format!(
            "cannot redirect to `{name}': {}",
            message::reason(&error)
        ))
    })?;
    Ok(Writer::File(BufWriter::new(file)))
}

fn flush(writer: &mut Writer) -> io::Result<()> {
    let result = match writer {
        Writer::File(file) => file.flush(),
        Writer::Command(command) => command.flush(),
        Writer::Coprocess(command) => command.flush(),
        Writer::Stdout | Writer::Stderr => Ok(()),
    };
    ignore_broken_pipe(result)
}

/// A command that ended before it read everything is no failure of the program.
fn ignore_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn finish(writer: Writer) -> io::Result<f64> {
    match writer {
        Writer::File(mut file) => file.flush().map(|()| 0.0),
        Writer::Command(mut command) => {
            ignore_broken_pipe(command.flush())?;
            let (piped, _) = command.into_parts();
            Ok(status_number(piped.finish()?))
        }
        Writer::Coprocess(command) => {
            let (command, unwritten) = command.into_parts();
            let mut command = command.0.borrow_mut();
            ignore_broken_pipe(command.to.write_all(&unwritten.unwrap_or_default()))?;
            Ok(status_number(command.finish()?))
        }
        Writer::Stdout | Writer::Stderr => Ok(0.0),
    }
}
