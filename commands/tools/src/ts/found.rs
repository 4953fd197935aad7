//! Timestamps in a line (`ts -r`), in the forms of syslog, mail, web servers and ISO 8601.

use secure_exec_cli::{Date, Zone, days_since_epoch};

/// A timestamp: where it stands, and its moment in seconds after 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub start: usize,
    pub end: usize,
    pub seconds: i64,
}

/// What is left of a line.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn blanks(&mut self) -> Option<()> {
        self.take(b" ")?;
        self.0 = self.0.trim_ascii_start();
        Some(())
    }

    /// A number of at least and at most so many digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self
            .0
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit());
        let digits = digits.count();
        if digits < least || self.0.get(digits).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    /// A month's short name.
    fn month(&mut self) -> Option<i64> {
        let name = self.0.get(..3)?;
        let month = (1..=12).find(|month| {
            let date = Date::from_seconds(days_since_epoch(2000, *month, 1) * 86_400);
            date.month_name().as_bytes()[..3] == *name
        })?;
        self.0 = &self.0[3..];
        Some(month)
    }

    /// Hours, minutes and seconds, as seconds.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.number(2, 2)?;
        self.take(b":")?;
        let minute = self.number(2, 2)?;
        self.take(b":")?;
        let second = self.number(2, 2)?;
        (hour < 24 && minute < 60 && second < 61).then_some(hour * 3600 + minute * 60 + second)
    }

    /// What a zone is east of Greenwich, in seconds: `+0100`, `-05:00`, `Z`, `UTC`, `GMT`.
    fn zone(&mut self) -> Option<i64> {
        for name in [&b"Z"[..], b"UTC", b"GMT"] {
            if self.take(name).is_some() {
                return Some(0);
            }
        }
        let sign = match self.0.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let mut rest = Rest(&self.0[1..]);
        let minutes = if rest.0.get(2) == Some(&b':') {
            let hours = rest.number(2, 2)?;
            rest.take(b":")?;
            hours * 60 + rest.number(2, 2)?
        } else {
            let both = rest.number(4, 4)?;
            both / 100 * 60 + both % 100
        };
        *self = rest;
        Some(sign * minutes * 60)
    }

    /// A zone behind a blank, if there is one.
    fn zone_behind(&mut self) -> Option<i64> {
        let mut rest = *self;
        rest.blanks()?;
        let east = rest.zone()?;
        *self = rest;
        Some(east)
    }
}

/// The moment of a date in seconds; without a zone it is a local one.
fn moment(
    (year, month, day): (i64, i64, i64),
    clock: i64,
    east: Option<i64>,
    zone: &Zone,
) -> Option<i64> {
    if !(1..=31).contains(&day) || !(1..=12).contains(&month) {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + clock;
    Some(east.map_or_else(|| zone.moment(seconds), |east| seconds - east))
}

/// `Dec  2 05:14:43`, of the last twelve months.
fn syslog(rest: &mut Rest, zone: &Zone, now: i64) -> Option<i64> {
    let month = rest.month()?;
    rest.blanks()?;
    let day = rest.number(1, 2)?;
    rest.blanks()?;
    let clock = rest.clock()?;
    let today = zone.date(now);
    let year = today.year - i64::from(month > today.month);
    moment((year, month, day), clock, None, zone)
}

/// `Wed, 02 Dec 2026 05:14:43 +0000`, the weekday and the zone may be missing.
fn mail(rest: &mut Rest, zone: &Zone) -> Option<i64> {
    if rest.0.get(3) == Some(&b',') && rest.0[..3].iter().all(u8::is_ascii_alphabetic) {
        rest.0 = &rest.0[4..];
        rest.blanks()?;
    }
    let day = rest.number(1, 2)?;
    rest.blanks()?;
    let month = rest.month()?;
    rest.blanks()?;
    let year = rest.number(4, 4)?;
    rest.blanks()?;
    let clock = rest.clock()?;
    let east = rest.zone_behind();
    moment((year, month, day), clock, east, zone)
}

/// `02/Dec/2026:05:14:43 +0000`.
fn server(rest: &mut Rest, zone: &Zone) -> Option<i64> {
    let day = rest.number(1, 2)?;
    rest.take(b"/")?;
    let month = rest.month()?;
    rest.take(b"/")?;
    let year = rest.number(4, 4)?;
    rest.take(b":")?;
    let clock = rest.clock()?;
    let east = rest.zone_behind();
    moment((year, month, day), clock, east, zone)
}

/// `2026-12-02T05:14:43.25+01:00`; a fraction or a zone must be there.
fn iso(rest: &mut Rest, zone: &Zone) -> Option<i64> {
    let year = rest.number(4, 4)?;
    rest.take(b"-")?;
    let month = rest.number(2, 2)?;
    rest.take(b"-")?;
    let day = rest.number(2, 2)?;
    rest.take(b"T")?;
    let clock = rest.clock()?;
    let fraction = rest.take(b".").and_then(|()| {
        let digits = rest
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        rest.0 = &rest.0[digits..];
        (digits > 0).then_some(())
    });
    let east = rest.zone();
    if fraction.is_none() && east.is_none() {
        return None;
    }
    moment((year, month, day), clock, east, zone)
}

/// How timestamps are written, as they are tried.
#[derive(Clone, Copy)]
enum Form {
    Iso,
    Mail,
    Server,
    Syslog,
}

/// The first timestamp in a line. `now`: seconds after 1970.
pub fn first(line: &[u8], zone: &Zone, now: i64) -> Option<Found> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    for start in 0..line.len() {
        if !line[start].is_ascii_alphanumeric() || (start > 0 && word(line[start - 1])) {
            continue;
        }
        for form in [Form::Iso, Form::Mail, Form::Server, Form::Syslog] {
            let mut rest = Rest(&line[start..]);
            let read = match form {
                Form::Iso => iso(&mut rest, zone),
                Form::Mail => mail(&mut rest, zone),
                Form::Server => server(&mut rest, zone),
                Form::Syslog => syslog(&mut rest, zone, now),
            };
            let seconds = read.filter(|_| !rest.0.first().is_some_and(|byte| word(*byte)));
            if let Some(seconds) = seconds {
                let end = line.len() - rest.0.len();
                return Some(Found {
                    start,
                    end,
                    seconds,
                });
            }
        }
    }
    None
}

/// How long ago something was, by the two largest units: `1h22m ago`, `5s from now`.
pub fn ago(seconds: i64) -> String {
    const UNITS: [(u64, char); 5] = [
        (365 * 86_400, 'y'),
        (86_400, 'd'),
        (3600, 'h'),
        (60, 'm'),
        (1, 's'),
    ];
    let parts = |mut rest: u64| {
        let mut parts = Vec::new();
        for (unit, letter) in UNITS {
            if rest >= unit {
                parts.push((rest / unit, unit, letter));
                rest %= unit;
            }
        }
        parts
    };
    let whole = seconds.unsigned_abs();
    if whole == 0 {
        return "right now".to_owned();
    }
    let unit = parts(whole).get(1).map_or(1, |part| part.1);
    let rounded = (whole + unit / 2) / unit * unit;
    let shown: String = parts(rounded)
        .iter()
        .take(2)
        .map(|(count, _, letter)| format!("{count}{letter}"))
        .collect();
    format!("{shown} {}", if seconds < 0 { "from now" } else { "ago" })
}

#[cfg(test)]
mod tests {
    use super::{ago, first};
    use secure_exec_cli::Zone;

    #[test]
    fn durations_have_two_units() {
        let shown: Vec<String> = [
            1, 60, 61, 3605, 3689, 3691, 86_399, 31_535_999, 31_845_200, -3700, 0,
        ]
        .into_iter()
        .map(ago)
        .collect();
        assert_eq!(
            shown,
            [
                "1s ago",
                "1m ago",
                "1m1s ago",
                "1h5s ago",
                "1h1m ago",
                "1h2m ago",
                "1d ago",
                "1y ago",
                "1y4d ago",
                "1h2m from now",
                "right now"
            ]
        );
    }

    #[test]
    fn zones_shift_moments_and_nothing_is_found_in_words() {
        let zone = Zone::named(Some("EST5"));
        let at =
            |line: &str| first(line.as_bytes(), &zone, 1_796_188_483).map(|found| found.seconds);
        assert_eq!(at("x 2026-12-02T05:14:43Z"), Some(1_796_188_483));
        assert_eq!(at("2026-12-02T06:14:43+01:00 x"), Some(1_796_188_483));
        assert_eq!(at("Dec  2 00:14:43 host"), Some(1_796_188_483));
        assert_eq!(at("aDec  2 00:14:43"), None);
        assert_eq!(at("2026-12-02T05:14:43"), None);
        assert_eq!(at("99/Dec/2026:05:14:43 +0000"), None);
        assert_eq!(at(""), None);
    }
}
