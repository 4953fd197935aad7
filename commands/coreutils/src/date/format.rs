//! The directives of `date` for times of any year, GNU's manual, "Time conversion specifiers": of the calendar's own
//! range uutils writes them.

use secure_exec_cli::{Date, Offset};

/// What stands between `%` and the letter.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// `-`, `_`, `0` or `+`, the last one given.
    pad: Option<u8>,
    upper: bool,
    opposite: bool,
    width: Option<usize>,
    colons: usize,
}

/// A moment with its date on the clocks of a zone.
pub struct Moment {
    pub date: Date,
    pub offset: Offset,
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Moment {
    /// The text by a format.
    pub fn format(&self, format: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(format.len() * 2);
        let mut at = 0;
        while at < format.len() {
            if format[at] != b'%' {
                out.push(format[at]);
                at += 1;
                continue;
            }
            let (flags, length) = flags(&format[at + 1..]);
            let end = at + 1 + length;
            match format
                .get(end)
                .and_then(|letter| self.directive(*letter, flags))
            {
                Some(text) => {
                    out.extend_from_slice(text.as_bytes());
                    at = end + 1;
                }
                None => {
                    out.push(b'%');
                    at += 1;
                }
            }
        }
        out
    }

    fn directive(&self, letter: u8, flags: Flags) -> Option<String> {
        let date = &self.date;
        let hour12 = (date.hour + 11) % 12 + 1;
        let afternoon = date.hour >= 12;
        let (iso_year, iso_week) = date.iso_week();
        Some(match letter {
            b'%' => "%".to_owned(),
            b'n' => "\n".to_owned(),
            b't' => "\t".to_owned(),
            b'a' => word(&date.weekday_name()[..3], flags),
            b'A' => word(date.weekday_name(), flags),
            b'b' | b'h' => word(&date.month_name()[..3], flags),
            b'B' => word(date.month_name(), flags),
            b'p' if flags.opposite => word(if afternoon { "pm" } else { "am" }, flags),
            b'p' => word(if afternoon { "PM" } else { "AM" }, flags),
            b'P' => word(if afternoon { "pm" } else { "am" }, flags),
            b'Z' if flags.opposite => word(&self.offset.name.to_ascii_lowercase(), flags),
            b'Z' => word(&self.offset.name, flags),
            b'z' => self.zone(flags),
            b'Y' => year(date.year, 4, flags),
            b'G' => year(iso_year, 4, flags),
            b'C' => century(date.year, flags),
            b'y' => number(date.year.abs() % 100, 2, b'0', flags),
            b'g' => number(iso_year.abs() % 100, 2, b'0', flags),
            b'm' => number(date.month, 2, b'0', flags),
            b'd' => number(date.day, 2, b'0', flags),
            b'e' => number(date.day, 2, b'_', flags),
            b'H' => number(date.hour, 2, b'0', flags),
            b'k' => number(date.hour, 2, b'_', flags),
            b'I' => number(hour12, 2, b'0', flags),
            b'l' => number(hour12, 2, b'_', flags),
            b'j' => number(date.yearday + 1, 3, b'0', flags),
            b'M' => number(date.minute, 2, b'0', flags),
            b'S' => number(date.second, 2, b'0', flags),
            b'q' => number((date.month - 1) / 3 + 1, 1, b'0', flags),
            b's' => number(self.seconds, 1, b'0', flags),
            b'u' => number((date.weekday + 6) % 7 + 1, 1, b'0', flags),
            b'w' => number(date.weekday, 1, b'0', flags),
            b'U' => number((date.yearday + 7 - date.weekday) / 7, 2, b'0', flags),
            b'W' => {
                let monday = (date.weekday + 6) % 7;
                number((date.yearday + 7 - monday) / 7, 2, b'0', flags)
            }
            b'V' => number(iso_week, 2, b'0', flags),
            b'N' => self.fraction(flags),
            b'D' => self.composed("%m/%d/%y", flags),
            b'T' | b'X' => self.composed("%H:%M:%S", flags),
            b'R' => self.composed("%H:%M", flags),
            b'r' => self.composed("%I:%M:%S %p", flags),
            b'F' => self.day(flags),
            // These come from the C library, whose years are plain numbers.
            b'c' => word(
                &format!("{} {}", self.text("%a %b %e %T"), date.year),
                flags,
            ),
            b'x' => word(
                &format!("{}/{:02}", self.text("%m/%d"), date.year.rem_euclid(100)),
                flags,
            ),
            _ => return None,
        })
    }

    fn text(&self, format: &str) -> String {
        String::from_utf8_lossy(&self.format(format.as_bytes())).into_owned()
    }

    /// What other directives make up.
    fn composed(&self, format: &str, flags: Flags) -> String {
        word(&self.text(format), flags)
    }

    /// `%F`, whose width goes to the year.
    fn day(&self, flags: Flags) -> String {
        let flags = Flags {
            pad: flags.pad.or(flags.width.is_none().then_some(b'+')),
            width: flags.width.map(|width| width.saturating_sub(6)),
            ..flags
        };
        let start = match flags.width {
            Some(0) => self.date.year.to_string(),
            _ => year(self.date.year, 4, flags),
        };
        format!("{start}-{:02}-{:02}", self.date.month, self.date.day)
    }

    /// `%N`, whose width is a precision.
    fn fraction(&self, flags: Flags) -> String {
        let digits = format!("{:09}", self.nanoseconds);
        let width = flags.width.unwrap_or(9);
        let mut text: String = digits.chars().take(width).collect();
        if flags.pad == Some(b'-') {
            text.truncate(text.trim_end_matches('0').len());
        }
        while text.len() < width && flags.pad != Some(b'-') {
            text.push(if flags.pad == Some(b'_') { ' ' } else { '0' });
        }
        text
    }

    /// `%z`, with colons as many as were asked for.
    fn zone(&self, flags: Flags) -> String {
        let east = self.offset.seconds;
        let sign = if east < 0 { "-" } else { "+" };
        let (hours, minutes, seconds) = (east.abs() / 3600, east.abs() / 60 % 60, east.abs() % 60);
        let digits = match flags.colons {
            0 => format!("{hours:02}{minutes:02}"),
            1 => format!("{hours:02}:{minutes:02}"),
            2 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
            _ if seconds != 0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
            _ if minutes != 0 => format!("{hours:02}:{minutes:02}"),
            _ => format!("{hours:02}"),
        };
        let missing = flags.width.unwrap_or(0).saturating_sub(digits.len() + 1);
        if flags.pad == Some(b'_') {
            return format!("{}{sign}{digits}", " ".repeat(missing));
        }
        format!("{sign}{}{digits}", "0".repeat(missing))
    }
}

/// Reads flags, width and colons, and how many bytes they are.
fn flags(text: &[u8]) -> (Flags, usize) {
    let mut flags = Flags::default();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'-' | b'_' | b'0' | b'+' => flags.pad = Some(byte),
            b'^' => flags.upper = true,
            b'#' => flags.opposite = true,
            _ => break,
        }
        at += 1;
    }
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        let width = flags.width.unwrap_or(0) * 10 + usize::from(digit - b'0');
        flags.width = Some(width.min(4096));
        at += 1;
    }
    while text.get(at) == Some(&b':') && flags.colons < 3 {
        flags.colons += 1;
        at += 1;
    }
    (flags, at)
}

fn word(text: &str, flags: Flags) -> String {
    let text = if flags.upper {
        text.to_uppercase()
    } else {
        text.to_owned()
    };
    let missing = flags.width.unwrap_or(0).saturating_sub(text.len());
    match flags.pad {
        Some(b'-') => text,
        Some(b'0' | b'+') => "0".repeat(missing) + &text,
        _ => " ".repeat(missing) + &text,
    }
}

/// A number of at least so many digits, padded as its directive has it where no flag says otherwise.
fn number(value: i64, digits: usize, pad: u8, flags: Flags) -> String {
    padded(value < 0, value.unsigned_abs(), digits, pad, flags)
}

fn padded(negative: bool, value: u64, digits: usize, pad: u8, flags: Flags) -> String {
    let text = value.to_string();
    let plus = flags.pad == Some(b'+')
        && !negative
        && (text.len() > digits || flags.width.unwrap_or(0) > digits)
        && digits > 1;
    let sign = match (negative, plus) {
        (true, _) => "-",
        (_, true) => "+",
        _ => "",
    };
    let width = flags.width.unwrap_or(digits);
    let missing = width.saturating_sub(text.len() + sign.len());
    match flags.pad.unwrap_or(pad) {
        b'-' => format!("{sign}{text}"),
        b'_' => format!("{}{sign}{text}", " ".repeat(missing)),
        _ => format!("{sign}{}{text}", "0".repeat(missing)),
    }
}

fn year(value: i64, digits: usize, flags: Flags) -> String {
    number(value, digits, b'0', flags)
}

/// `%C`: of years before 0 with their sign, also where it is none.
fn century(year: i64, flags: Flags) -> String {
    padded(year < 0, year.unsigned_abs() / 100, 2, b'0', flags)
}
