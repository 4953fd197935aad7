//! `sort`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/sort.html) with the options of
//! the GNU tool, in the order of bytes. All lines are in memory, and there is one thread: the crate of uutils starts
//! others for `-c`, `-C` and `-m`, which WASI lacks, and joins files at their ends there.

mod key;
mod number;
mod options;

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::File;
use std::hash::RandomState;
use std::io::{self, BufWriter, Read, Write};

use secure_exec_cli::{Args, Failure, Outcome};
use secure_exec_sys::errno;
use secure_exec_sys::fd::{self, O_CREAT, O_TRUNC, O_WRONLY};

use options::{Options, Task, failure};

/// Lines are out of order.
const DISORDER: i32 = 1;

/// A line, and where the parts of the keys are in it.
struct Line<'a> {
    text: &'a [u8],
    parts: Vec<&'a [u8]>,
}

struct Sorter {
    options: Options,
    random: RandomState,
}

pub fn main(args: &Args) -> Outcome {
    let options = Options::parse(args)?;
    let texts = inputs(&options)?;
    let sorter = Sorter {
        options,
        random: RandomState::new(),
    };
    match sorter.options.task {
        Task::Check | Task::CheckQuietly => Ok(sorter.check(args, &texts[0])),
        Task::Sort => {
            let mut lines: Vec<Line> = texts.iter().flat_map(|text| sorter.lines(text)).collect();
            lines.sort_by(|a, b| sorter.compare(a, b));
            sorter.write(lines.iter()).map(|()| 0)
        }
        Task::Merge => {
            let files: Vec<Vec<Line>> = texts
                .iter()
                .map(|text| sorter.lines(text).collect())
                .collect();
            let merged = sorter.merged(&files);
            sorter.write(merged.into_iter()).map(|()| 0)
        }
    }
}

/// The text of a file, or of standard input for `-`.
fn read(name: &OsStr) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if name == "-" {
        io::stdin().lock().read_to_end(&mut text)?;
    } else {
        File::open(name)?.read_to_end(&mut text)?;
    }
    Ok(text)
}

/// Reads all inputs; nothing is written if one of them is not there, or the output cannot be.
fn inputs(options: &Options) -> Result<Vec<Vec<u8>>, Failure> {
    let opened = |name: &OsStr, error: &io::Error| {
        let name = name.to_string_lossy();
        failure(format!("cannot read: {name}: {}", errno::message(error)))
    };
    let mut texts = Vec::with_capacity(options.files.len());
    for name in &options.files {
        texts.push(read(name).map_err(|error| {
            if errno::is(&error, libc::EISDIR) {
                let name = name.to_string_lossy();
                return failure(format!("read failed: {name}: {}", errno::message(&error)));
            }
            opened(name, &error)
        })?);
    }
    Ok(texts)
}

impl Sorter {
    fn lines<'a>(&self, text: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
        let terminator = self.options.terminator;
        let whole = text.strip_suffix(&[terminator]).unwrap_or(text);
        let parts = whole.split(move |&byte| byte == terminator);
        let count = if text.is_empty() { 0 } else { usize::MAX };
        parts.take(count).map(|text| self.line(text))
    }

    fn line<'a>(&self, text: &'a [u8]) -> Line<'a> {
        let keys = self.options.keys.iter();
        let parts = keys
            .map(|key| key.part(text, self.options.separator))
            .collect();
        Line { text, parts }
    }

    /// By the keys alone.
    fn by_keys(&self, a: &Line, b: &Line) -> Ordering {
        if self.options.keys.is_empty() {
            let order = a.text.cmp(b.text);
            return if self.options.manner.reverse {
                order.reverse()
            } else {
                order
            };
        }
        for ((key, a), b) in self.options.keys.iter().zip(&a.parts).zip(&b.parts) {
            let order = key::compare(a, b, &key.manner, &self.random);
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }

    /// By the keys, and by the whole line where these are equal.
    fn compare(&self, a: &Line, b: &Line) -> Ordering {
        let order = self.by_keys(a, b);
        if order.is_ne()
            || self.options.stable
            || self.options.unique
            || self.options.keys.is_empty()
        {
            return order;
        }
        let order = a.text.cmp(b.text);
        if self.options.manner.reverse {
            order.reverse()
        } else {
            order
        }
    }

    /// Whether a file is in order.
    fn check(&self, args: &Args, text: &[u8]) -> i32 {
        let mut previous: Option<Line> = None;
        for (index, line) in self.lines(text).enumerate() {
            let order = previous
                .as_ref()
                .map_or(Ordering::Less, |previous| self.compare(previous, &line));
            if order.is_gt() || (order.is_eq() && self.options.unique) {
                if self.options.task == Task::Check {
                    let name = self.options.files[0].to_string_lossy().into_owned();
                    let mut message =
                        format!("{}: {name}:{}: disorder: ", args.name, index + 1).into_bytes();
                    message.extend_from_slice(line.text);
                    message.push(b'\n');
                    // With stderr gone there is nobody left to tell.
                    let _ = io::stderr().write_all(&message);
                }
                return DISORDER;
            }
            previous = Some(line);
        }
        0
    }

    /// The lines of files that are in order each, put together; of equal ones those of earlier files first.
    fn merged<'l, 'a>(&self, files: &'l [Vec<Line<'a>>]) -> Vec<&'l Line<'a>> {
        let mut heads = vec![0; files.len()];
        let mut merged = Vec::with_capacity(files.iter().map(Vec::len).sum());
        loop {
            let mut least: Option<(usize, &Line)> = None;
            for (index, file) in files.iter().enumerate() {
                let Some(line) = file.get(heads[index]) else {
                    continue;
                };
                if least.is_none_or(|(_, known)| self.compare(line, known).is_lt()) {
                    least = Some((index, line));
                }
            }
            let Some((index, _)) = least else {
                return merged;
            };
            merged.push(&files[index][heads[index]]);
            heads[index] += 1;
        }
    }

    /// Writes lines; of those that are equal the first, if only that is wanted.
    fn write<'l, 'a: 'l>(&self, lines: impl Iterator<Item = &'l Line<'a>>) -> Result<(), Failure> {
        let output = match &self.options.output {
            Some(name) => {
                let opened = fd::open(name, O_WRONLY | O_CREAT | O_TRUNC, 0o666);
                opened.map_err(|error| {
                    let name = name.to_string_lossy();
                    failure(format!("open failed: {name}: {}", errno::message(&error)))
                })?
            }
            None => 1,
        };
        let mut writer = BufWriter::with_capacity(1 << 16, Descriptor(output));
        let write = || -> io::Result<()> {
            let mut previous: Option<&Line> = None;
            for line in lines {
                if self.options.unique
                    && previous.is_some_and(|previous| self.by_keys(previous, line).is_eq())
                {
                    continue;
                }
                previous = Some(line);
                writer.write_all(line.text)?;
                writer.write_all(&[self.options.terminator])?;
            }
            writer.flush()
        };
        write().map_err(|error| failure(format!("write failed: {}", errno::message(&error))))
    }
}

/// A descriptor to write to.
struct Descriptor(secure_exec_sys::Fd);

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fd::write(self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
