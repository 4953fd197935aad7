//! `pv`, by its manual page: passes its input on, and shows on standard error how that goes.

mod display;

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, parse_duration, parse_size,
    required, warn,
};
use secure_exec_sys::fd::{self, O_CLOEXEC, O_RDONLY};
use secure_exec_sys::{Fd, errno, path, tty};

use display::{Display, Parts, Progress};

/// The status for a wrong command line, of those for files that cannot be opened and read (they are added up),
/// and where none could be.
const USAGE: i32 = 64;
const NOT_OPENED: i32 = 2;
const NOTHING: i32 = 8;
const NOT_READ: i32 = 16;

const BUFFER: usize = 64 << 10;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "average-rate"),
        required('B', "buffer-size"),
        flag('b', "bytes"),
        flag('c', "cursor"),
        required('D', "delay-start"),
        flag('e', "eta"),
        flag('I', "fineta"),
        flag('f', "force"),
        required('F', "format"),
        required('H', "height"),
        required('i', "interval"),
        flag('l', "line-mode"),
        required('N', "name"),
        flag('0', "null"),
        flag('n', "numeric"),
        flag('p', "progress"),
        flag('q', "quiet"),
        flag('r', "rate"),
        required('L', "rate-limit"),
        required('s', "size"),
        flag('S', "stop-at-size"),
        flag('t', "timer"),
        flag('V', "version"),
        flag('W', "wait"),
        required('w', "width"),
    ],
    usage: "[OPTION] [FILE]...",
    usage_status: USAGE,
    operand_ends: false,
};

struct Settings {
    /// What is counted in place of bytes.
    separator: Option<u8>,
    size: Option<u64>,
    stops: bool,
    /// Bytes a second.
    limit: Option<u64>,
    buffer: usize,
    interval: Duration,
    delay: Duration,
    waits: bool,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("pv (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let mut files = parsed.operands.clone();
    if files.is_empty() {
        files.push("-".into());
    }
    let settings = settings(args, &parsed, &files)?;
    let shows =
        !parsed.has("quiet") && (parsed.has("force") || parsed.has("numeric") || tty::isatty(2));
    let display = shows.then(|| display_of(&parsed, &settings)).transpose()?;
    Passing {
        name: &args.name,
        settings,
        display,
        progress: Progress::default(),
        bytes: 0,
        started: Instant::now(),
        shown: None,
        status: 0,
    }
    .run(&files)
}

fn number(args: &Args, parsed: &Parsed, name: &str, letter: char) -> Result<Option<u64>, Failure> {
    let Some(value) = parsed.value(name) else {
        return Ok(None);
    };
    let text = value.text();
    // `pv` takes letters of both cases.
    let number = parse_size(&text.to_ascii_uppercase());
    let number = number
        .ok_or_else(|| SYNTAX.wrong(args, &format!("-{letter}: integer argument expected")))?;
    Ok(Some(number))
}

fn seconds(
    args: &Args,
    parsed: &Parsed,
    name: &str,
    letter: char,
) -> Result<Option<Duration>, Failure> {
    let Some(value) = parsed.value(name) else {
        return Ok(None);
    };
    let time = parse_duration(&value.text())
        .ok_or_else(|| SYNTAX.wrong(args, &format!("-{letter}: numeric argument expected")))?;
    Ok(Some(time))
}

fn settings(args: &Args, parsed: &Parsed, files: &[OsString]) -> Result<Settings, Failure> {
    let separator = match parsed.last_of(&["null", "line-mode"]) {
        Some("null") => Some(0),
        Some(_) => Some(b'\n'),
        None => None,
    };
    let size = match number(args, parsed, "size", 's')? {
        Some(size) => Some(size),
        // The sizes of files are known, if all are files.
        None if separator.is_none() => files.iter().map(size_of).sum::<Option<u64>>(),
        None => None,
    };
    let interval = seconds(args, parsed, "interval", 'i')?;
    Ok(Settings {
        separator,
        size: size.filter(|&size| size > 0),
        stops: parsed.has("stop-at-size"),
        limit: number(args, parsed, "rate-limit", 'L')?.filter(|&limit| limit > 0),
        buffer: number(args, parsed, "buffer-size", 'B')?
            .and_then(|size| usize::try_from(size).ok())
            .filter(|&size| size > 0)
            .unwrap_or(BUFFER)
            .min(1 << 24),
        interval: interval
            .unwrap_or(Duration::from_secs(1))
            .max(Duration::from_millis(100)),
        delay: seconds(args, parsed, "delay-start", 'D')?.unwrap_or_default(),
        waits: parsed.has("wait"),
    })
}

fn size_of(file: &OsString) -> Option<u64> {
    let found = if bytes(file) == b"-" {
        fd::stat(0).ok()?
    } else {
        path::stat(file).ok()?
    };
    found.is_file().then_some(found.size)
}

fn display_of(parsed: &Parsed, settings: &Settings) -> Result<Display, Failure> {
    let name = parsed.value("name").map(secure_exec_cli::Value::text);
    let chosen: Vec<&str> = [
        "bytes",
        "timer",
        "rate",
        "average-rate",
        "progress",
        "eta",
        "fineta",
    ]
    .into_iter()
    .filter(|each| parsed.has(each))
    .collect();
    let numeric = parsed.has("numeric");
    let format = match (parsed.value("format"), chosen.is_empty()) {
        (Some(format), _) => format.text(),
        (None, true) => Parts::all(name.is_some()),
        (None, false) => Parts::some(&chosen, name.is_some()),
    };
    let width = match parsed.value("width") {
        Some(value) => value
            .text()
            .parse()
            .map_err(|_| fail("-w: integer argument expected"))?,
        None => tty::winsize(2)
            .ok()
            .map(|size| usize::from(size.columns))
            .filter(|&columns| columns > 0)
            .unwrap_or(80),
    };
    Ok(Display {
        format,
        numeric: numeric.then(|| chosen.iter().map(|each| (*each).to_owned()).collect()),
        name: name.unwrap_or_default(),
        width: width.clamp(1, 1000),
        counts_lines: settings.separator.is_some(),
        size: settings.size,
    })
}

struct Passing<'a> {
    name: &'a str,
    settings: Settings,
    display: Option<Display>,
    progress: Progress,
    /// What came, whatever is counted.
    bytes: u64,
    started: Instant,
    shown: Option<Instant>,
    status: i32,
}

impl Passing<'_> {
    fn run(mut self, files: &[OsString]) -> Outcome {
        let mut opened = 0;
        for file in files {
            let input = if bytes(file) == b"-" {
                Ok(0)
            } else {
                fd::open(file, O_RDONLY | O_CLOEXEC, 0)
            };
            let failed = match input {
                Ok(input) => {
                    opened += 1;
                    self.pass(input)?.map(|error| (NOT_READ, error))
                }
                Err(error) => Some((NOT_OPENED, error)),
            };
            if let Some((status, error)) = failed {
                warn(
                    self.name,
                    format_args!("{}: {}", file.to_string_lossy(), errno::message(&error)),
                );
                self.status |= status;
            }
        }
        if opened == 0 {
            self.status |= NOTHING;
        }
        if let Some(display) = &self.display
            && (self.shown.is_some() || self.progress.count > 0 || !self.settings.waits)
        {
            self.progress.elapsed = self.started.elapsed();
            self.progress.ended = true;
            display.show(&mut self.progress)?;
            display.finish()?;
        }
        Ok(self.status)
    }

    /// Passes on what can be read; gives why no more can.
    fn pass(&mut self, input: Fd) -> Result<Option<io::Error>, Failure> {
        let mut buffer = vec![0; self.settings.buffer];
        loop {
            self.show()?;
            let room = self.room(buffer.len());
            if room == 0 {
                if self.settings.stops && self.is_full() {
                    return Ok(None);
                }
                // Nothing may pass before some time has.
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            if self.display.is_some() && !fd::wait_readable(input, self.settings.interval) {
                continue;
            }
            let length = match fd::read(input, &mut buffer[..room]) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Some(error)),
            };
            let piece = &buffer[..length];
            fd::write_all(1, piece)?;
            if self.bytes == 0 && self.settings.waits {
                self.started = Instant::now();
            }
            self.bytes += length as u64;
            self.progress.count += match self.settings.separator {
                Some(separator) => piece.iter().filter(|&&byte| byte == separator).count() as u64,
                None => length as u64,
            };
        }
        if input != 0 {
            fd::close(input)?;
        }
        Ok(None)
    }

    fn is_full(&self) -> bool {
        self.settings
            .size
            .is_some_and(|size| self.progress.count >= size)
    }

    /// How much may be read now.
    fn room(&self, most: usize) -> usize {
        let mut room = most as u64;
        if let Some(limit) = self.settings.limit {
            // A tenth of a second ahead.
            let allowed = (self.started.elapsed().as_secs_f64() + 0.1) * limit as f64;
            room = room.min((allowed as u64).saturating_sub(self.bytes));
        }
        if self.settings.stops
            && let Some(size) = self.settings.size
        {
            room = room.min(size.saturating_sub(self.progress.count));
        }
        usize::try_from(room).unwrap_or(most)
    }

    fn show(&mut self) -> Result<(), Failure> {
        let Some(display) = &self.display else {
            return Ok(());
        };
        let elapsed = self.started.elapsed();
        let due = match self.shown {
            Some(shown) => shown.elapsed() >= self.settings.interval,
            None => elapsed >= self.settings.interval.max(self.settings.delay),
        };
        if due && !(self.settings.waits && self.bytes == 0) {
            self.progress.elapsed = elapsed;
            display.show(&mut self.progress)?;
            self.shown = Some(Instant::now());
        }
        Ok(())
    }
}
