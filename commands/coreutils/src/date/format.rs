//! The directives of `date`: GNU's manual, "Time conversion specifiers".

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
    /// Whether it is of a year, which `+` gives a sign.
    signed: bool,
}

/// A moment with its date on the clocks of a zone.
pub struct Shown {
    pub date: Date,
    pub offset: Offset,
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Shown {
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
            let mut end = at + 1 + length;
            let modifier = format.get(end).copied().filter(|byte| b"EO".contains(byte));
            end += usize::from(modifier.is_some());
            let letter = format.get(end).copied();
            let text = letter.and_then(|letter| match modifier {
                Some(modifier) => self.modified(modifier, letter, flags),
                // With anything between it is no directive.
                None if letter == b'%' => (length == 0).then(|| "%".to_owned()),
                None => self.directive(letter, flags),
            });
            end += usize::from(letter.is_some());
            match text {
                Some(text) => out.extend_from_slice(text.as_bytes()),
                None => {
                    if flags.colons > 0 {
                        // The colons end it.
                        end = at + 1 + length;
                    }
                    let mut raw = format[at..end].to_vec();
                    let names =
                        flags.opposite && letter.is_some_and(|byte| b"aAbBh".contains(&byte));
                    if flags.upper || names {
                        raw.make_ascii_uppercase();
                    }
                    // One `%` at the end does not count.
                    let length = raw.len() - usize::from(raw.len() > 1 && raw.ends_with(b"%"));
                    let missing = flags.width.unwrap_or(0).saturating_sub(length);
                    let pad = match flags.pad {
                        Some(b'-') => None,
                        Some(b'0' | b'+') => Some(b'0'),
                        _ => Some(b' '),
                    };
                    out.extend(
                        pad.into_iter()
                            .flat_map(|pad| std::iter::repeat_n(pad, missing)),
                    );
                    out.extend_from_slice(&raw);
                }
            }
            at = end;
        }
        out
    }

    /// A directive with `E` or `O`, which mean nothing in the POSIX locale: the C library writes what it stands for.
    fn modified(&self, modifier: u8, letter: u8, flags: Flags) -> Option<String> {
        let allowed: &[u8] = match modifier {
            b'E' => b"cCxXyYuzZrRTPpsq",
            _ => b"CbBhdeHIjklmMNqSuUVwWyzZrRTPpsgG",
        };
        if !allowed.contains(&letter) {
            return None;
        }
        let plain = match letter {
            b'C' if modifier == b'E' => format!("{:02}", self.date.year.div_euclid(100)),
            b'y' => format!("{:02}", self.date.year.rem_euclid(100)),
            b'g' => format!("{:02}", self.date.iso_week().0.rem_euclid(100)),
            b'Y' => self.date.year.to_string(),
            b'c' | b'x' | b'X' => self.directive(letter, Flags::default())?,
            b'q' if modifier == b'O' => "%Oq".to_owned(),
            _ if modifier == b'O' && b"deHIjklmMSuUVwW".contains(&letter) => {
                self.directive(letter, Flags::default())?
            }
            _ => return self.directive(letter, flags),
        };
        Some(word(&plain, flags))
    }

    fn directive(&self, letter: u8, flags: Flags) -> Option<String> {
        let date = &self.date;
        let hour12 = (date.hour + 11) % 12 + 1;
        let afternoon = date.hour >= 12;
        let upper = false;
        let lower = Flags { upper, ..flags };
        let (iso_year, iso_week) = date.iso_week();
        Some(match letter {
            b'n' => "\n".to_owned(),
            b't' => "\t".to_owned(),
            b'a' => name(&date.weekday_name()[..3], flags),
            b'A' => name(date.weekday_name(), flags),
            b'b' | b'h' => name(&date.month_name()[..3], flags),
            b'B' => name(date.month_name(), flags),
            b'p' if flags.opposite => word(if afternoon { "pm" } else { "am" }, lower),
            b'p' => word(if afternoon { "PM" } else { "AM" }, flags),
            b'P' => word(if afternoon { "pm" } else { "am" }, lower),
            b'Z' if flags.opposite => word(&self.offset.name.to_ascii_lowercase(), lower),
            b'Z' => word(&self.offset.name, flags),
            b'z' => self.zone(flags),
            b'Y' => year(date.year, 4, flags),
            b'G' => year(iso_year, 4, flags),
            b'C' => century(date.year, flags),
            b'y' => year(date.year.abs() % 100, 2, flags),
            b'g' => year(iso_year.abs() % 100, 2, flags),
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
            b'D' if flags.pad == Some(b'-') => self.composed("%m/%d/%-y", flags),
            b'D' if flags.pad == Some(b'_') => self.composed("%m/%d/%_y", flags),
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
        let unset = if flags.pad.is_none() { 10 } else { 0 };
        let flags = Flags {
            pad: flags.pad.or(flags.width.is_none().then_some(b'+')),
            width: Some(flags.width.unwrap_or(unset).saturating_sub(6)),
            ..flags
        };
        let start = year(self.date.year, 4, flags);
        format!("{start}-{:02}-{:02}", self.date.month, self.date.day)
    }

    /// `%N`, whose width is a precision.
    fn fraction(&self, flags: Flags) -> String {
        let digits = format!("{:09}", self.nanoseconds);
        let width = flags.width.unwrap_or(9);
        let mut text: String = digits.chars().take(width).collect();
        let shortens = match flags.pad {
            Some(b'-') => flags.width.is_some(),
            pad => pad == Some(b'_'),
        };
        if shortens {
            let kept = text.trim_end_matches('0').len().max(1);
            text.truncate(kept);
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
        let least = digits.len() + 1;
        // As of a number, whose zeros in front are there for the width.
        let bare = digits.trim_start_matches('0');
        let is_digit = bare.starts_with(|first: char| first.is_ascii_digit());
        let digits = &digits[digits.len() - bare.len() - usize::from(!is_digit)..];
        let width = match flags.pad {
            Some(b'-') => 0,
            _ => flags.width.unwrap_or(least),
        };
        let missing = width.saturating_sub(digits.len() + 1);
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

/// The name of a day or a month, whose opposite case is that of capitals.
fn name(text: &str, flags: Flags) -> String {
    let upper = flags.upper || flags.opposite;
    word(text, Flags { upper, ..flags })
}

/// A number of at least so many digits, padded as its directive has it where no flag says otherwise.
fn number(value: i64, digits: usize, pad: u8, flags: Flags) -> String {
    padded(value < 0, value.unsigned_abs(), digits, pad, flags)
}

fn padded(negative: bool, value: u64, digits: usize, pad: u8, flags: Flags) -> String {
    let text = value.to_string();
    let plus = flags.pad == Some(b'+')
        && flags.signed
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
    let signed = true;
    number(value, digits, b'0', Flags { signed, ..flags })
}

/// `%C`: of years before 0 with their sign, also where it is none.
fn century(year: i64, flags: Flags) -> String {
    let signed = true;
    let flags = Flags { signed, ..flags };
    padded(year < 0, year.unsigned_abs() / 100, 2, b'0', flags)
}
