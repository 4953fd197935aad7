//! A command line of `date` that shows one time.

use super::format::Moment;
use super::{is_date, wide};
use secure_exec_cli::{Zone, bytes, quote, warn};
use std::ffi::{OsStr, OsString};
use std::io::Write;

/// What is asked for: a time, in UTC or in the zone of the environment, in a format.
struct Request {
    time: String,
    utc: bool,
    format: Vec<u8>,
}

/// The format of `-I` and `--rfc-3339` for a precision.
fn iso(precision: &str, between: char, comma: char) -> Option<String> {
    let words = ["date", "hours", "minutes", "seconds", "ns"];
    let found = words.iter().position(|word| {
        *word == precision || (!precision.is_empty() && word.starts_with(precision))
    })?;
    let time = ["", "%H", "%H:%M", "%H:%M:%S", "%H:%M:%S"][found];
    let fraction = if found == 4 {
        format!("{comma}%N")
    } else {
        String::new()
    };
    Some(if found == 0 {
        "%Y-%m-%d".to_owned()
    } else {
        format!("%Y-%m-%d{between}{time}{fraction}%:z")
    })
}

impl Request {
    /// Reads the arguments behind the name. Nothing if they ask for something else, or are wrong: uutils says so.
    fn parse(list: &[OsString]) -> Option<Self> {
        let mut request = Self {
            time: String::new(),
            utc: false,
            format: b"%a %b %e %H:%M:%S %Z %Y".to_vec(),
        };
        let mut words = list.iter();
        while let Some(word) = words.next() {
            let text = word.to_str()?;
            if let Some(format) = bytes(word).strip_prefix(b"+") {
                request.format = format.to_vec();
            } else if let Some(long) = text.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (long, None),
                };
                match name {
                    "utc" | "universal" | "uct" => request.utc = true,
                    "rfc-email" | "rfc-822" | "rfc-2822" => {
                        request.format = b"%a, %d %b %Y %H:%M:%S %z".to_vec();
                    }
                    "iso-8601" => {
                        request.format = iso(value.unwrap_or("date"), 'T', ',')?.into_bytes();
                    }
                    "rfc-3339" => request.format = iso(value?, ' ', '.')?.into_bytes(),
                    _ if is_date(&text[..name.len() + 2]) && name.starts_with('d') => {
                        request.time = match value {
                            Some(value) => value.to_owned(),
                            None => words.next()?.to_str()?.to_owned(),
                        };
                    }
                    _ => return None,
                }
            } else {
                request.letters(text.strip_prefix('-')?, &mut words)?;
            }
        }
        (!request.time.is_empty()).then_some(request)
    }

    fn letters<'a>(
        &mut self,
        letters: &str,
        words: &mut impl Iterator<Item = &'a OsString>,
    ) -> Option<()> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            match letter {
                'u' => self.utc = true,
                'R' => self.format = b"%a, %d %b %Y %H:%M:%S %z".to_vec(),
                'I' => {
                    let precision = if rest.is_empty() { "date" } else { rest };
                    self.format = iso(precision, 'T', ',')?.into_bytes();
                    return Some(());
                }
                'd' => {
                    self.time = match rest {
                        "" => words.next()?.to_str()?.to_owned(),
                        _ => rest.to_owned(),
                    };
                    return Some(());
                }
                _ => return None,
            }
        }
        Some(())
    }
}

/// Shows a time that is beyond what uutils knows; the status. Nothing for all others.
pub fn show(list: &[OsString]) -> Option<i32> {
    let request = Request::parse(list.get(1..)?)?;
    let zone = if request.utc {
        Zone::named(None)
    } else {
        Zone::local()
    };
    match wide::moment(&request.time, &zone) {
        Ok(moment) => Some(written(&moment, &request.format)),
        Err(wide::Wide::Known) => None,
        Err(wide::Wide::OutOfRange) => {
            let time = request.time.trim_start_matches('@');
            warn(
                "date",
                format_args!("time {} is out of range", quote(OsStr::new(time))),
            );
            Some(1)
        }
    }
}

fn written(moment: &Moment, format: &[u8]) -> i32 {
    let mut text = moment.format(format);
    text.push(b'\n');
    i32::from(std::io::stdout().write_all(&text).is_err())
}
