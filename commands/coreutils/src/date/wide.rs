//! Times that the calendar of uutils has no place for: before the year 1 and behind the last day of 9999.
//!
//! What names a time is read here in the forms that scripts use for these: `@seconds`, a date with or without a time
//! and a zone, and changes by units, GNU's manual, "Date input formats".

use super::format::Moment;
use secure_exec_cli::{Date, Zone, days_since_epoch};

const DAY: i64 = 86_400;

/// The times that uutils writes, with a day to spare at both ends for the zones.
const KNOWN: std::ops::Range<i64> = -62_135_510_400..253_402_128_000;

/// The years that a `struct tm` has room for.
const YEARS: std::ops::RangeInclusive<i64> = -2_147_481_748..=2_147_485_547;

/// Why there is no time.
#[derive(Debug, PartialEq, Eq)]
pub enum Wide {
    /// Nothing that has to be dealt with here.
    Known,
    /// Behind what a date can be.
    OutOfRange,
}

/// The units that a date is changed by: seconds of them, or months.
enum Unit {
    Seconds(i64),
    Days(i64),
    Months(i64),
}

fn unit(word: &str) -> Option<Unit> {
    let singular = word.strip_suffix('s').filter(|stem| stem.len() > 2);
    Some(match singular.unwrap_or(word) {
        "sec" | "second" => Unit::Seconds(1),
        "min" | "minute" => Unit::Seconds(60),
        "hour" => Unit::Seconds(3600),
        "day" => Unit::Days(1),
        "week" => Unit::Days(7),
        "fortnight" => Unit::Days(14),
        "month" => Unit::Months(1),
        "year" => Unit::Months(12),
        _ => return None,
    })
}

/// What a text names, as far as it is read.
#[derive(Default)]
struct Parts {
    /// Seconds after 1970 for `@`, days after it for a date.
    epoch: Option<i64>,
    nanoseconds: u32,
    year: i64,
    month: i64,
    day: i64,
    time: i64,
    /// East of Greenwich, if the text has a zone.
    zone: Option<i64>,
    months: i64,
    days: i64,
    seconds: i64,
}

/// A text as words: blanks separate, and so does a sign before a number that follows a letter or a digit. A sign that stands
/// alone belongs to what follows.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut signs = String::new();
    for word in text.split_ascii_whitespace() {
        signs.push_str(&word.to_ascii_lowercase());
        if signs.ends_with(['+', '-']) && signs.trim_start_matches(['+', '-']).is_empty() {
            continue;
        }
        let word = std::mem::take(&mut signs);
        let mut rest = word.as_str();
        // `9999-12-31T10:00`, `9999-12-31+1day`, `12:00+02`.
        if let Some((date, time)) = rest.split_once('t')
            && date.starts_with(|first: char| first.is_ascii_digit())
            && time.starts_with(|first: char| first.is_ascii_digit())
        {
            words.push(date.to_owned());
            rest = time;
        }
        let body = rest.trim_start_matches(['+', '-', '@']);
        let lead = rest.len() - body.len();
        match body.find('+') {
            Some(at) => words.extend([rest[..lead + at].to_owned(), body[at..].to_owned()]),
            None => words.push(rest.to_owned()),
        }
    }
    if !signs.is_empty() {
        words.push(signs);
    }
    words
}

fn parse(text: &str) -> Option<Parts> {
    let words = words(text);
    let mut words = words.iter().map(String::as_str).peekable();
    let mut parts = Parts::default();
    let first = words.next()?;
    if let Some(number) = first.strip_prefix('@') {
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
        let mut seconds: i64 = whole.parse().ok()?;
        parts.nanoseconds = nanoseconds(fraction)?;
        if whole.starts_with('-') && parts.nanoseconds > 0 {
            seconds = seconds.checked_sub(1)?;
            parts.nanoseconds = 1_000_000_000 - parts.nanoseconds;
        }
        parts.epoch = Some(seconds);
    } else {
        let mut numbers = first.splitn(3, '-').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<i64>().ok()).flatten()
        });
        (parts.year, parts.month) = (numbers.next()??, numbers.next()??);
        parts.day = numbers.next()??;
        if first.split('-').next()?.len() < 4 {
            // Two digits are years of this time.
            return None;
        }
    }
    while let Some(word) = words.next() {
        if word.contains(':') {
            parts.time = time(word)?;
            if word.ends_with('z') {
                parts.zone = Some(0);
            }
        } else if matches!(word, "z" | "utc" | "gmt") {
            parts.zone = Some(0);
        } else {
            let (count, name) = change(word, &mut words)?;
            let ago = if words.next_if_eq(&"ago").is_some() {
                -1
            } else {
                1
            };
            let count = count.checked_mul(ago)?;
            match unit(&name)? {
                Unit::Seconds(size) => {
                    parts.seconds = parts.seconds.checked_add(count.checked_mul(size)?)?;
                }
                Unit::Days(size) => {
                    parts.days = parts.days.checked_add(count.checked_mul(size)?)?
                }
                Unit::Months(size) => {
                    parts.months = parts.months.checked_add(count.checked_mul(size)?)?;
                }
            }
        }
    }
    Some(parts)
}

/// `+3 days`, `3days`, `next year`, `tomorrow`: a number and a unit.
fn change<'a>(word: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<(i64, String)> {
    match word {
        "tomorrow" => return Some((1, "day".to_owned())),
        "yesterday" => return Some((-1, "day".to_owned())),
        "next" => return Some((1, words.next()?.to_owned())),
        "last" => return Some((-1, words.next()?.to_owned())),
        _ => {}
    }
    let digits = word.trim_start_matches(['+', '-']);
    let end = digits.find(|byte: char| !byte.is_ascii_digit());
    let (number, name) = digits.split_at(end.unwrap_or(digits.len()));
    let negative = word[..word.len() - digits.len()].matches('-').count() % 2 == 1;
    if number.is_empty() {
        let bare = unit(name).is_some() && word == digits;
        return bare.then(|| (1, name.to_owned()));
    }
    let number: i64 = number.parse().ok()?;
    let name = if name.is_empty() { words.next()? } else { name };
    Some((if negative { -number } else { number }, name.to_owned()))
}

/// The seconds of `HH:MM[:SS]`.
fn time(word: &str) -> Option<i64> {
    let word = word.trim_end_matches('z');
    let mut numbers = word.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (numbers.next()??, numbers.next()??);
    let second = match numbers.next() {
        Some(second) => second?,
        None => 0,
    };
    let right = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    (right && numbers.next().is_none()).then_some(hour * 3600 + minute * 60 + second)
}

fn nanoseconds(digits: &str) -> Option<u32> {
    let mut text: String = digits.chars().take(9).collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    while text.len() < 9 {
        text.push('0');
    }
    text.parse().ok()
}

/// The days of a date after 1970. Months may be beyond the year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let months = year.checked_mul(12)?.checked_add(month - 1)?;
    let year = months.div_euclid(12);
    if !YEARS.contains(&year) {
        return None;
    }
    days_since_epoch(year, months.rem_euclid(12) + 1, 1).checked_add(day - 1)
}

fn is_date(parts: &Parts) -> bool {
    let next = (parts.year + parts.month / 12, parts.month % 12 + 1);
    (1..=12).contains(&parts.month)
        && parts.year <= *YEARS.end()
        && parts.day >= 1
        && parts.day
            <= days_since_epoch(next.0, next.1, 1) - days_since_epoch(parts.year, parts.month, 1)
}

/// The moment that a text names, if it or where it counts from is beyond what uutils knows.
///
/// # Errors
/// [`Wide::Known`] for all other texts, also for those that name no time.
pub fn moment(text: &str, zone: &Zone) -> Result<Moment, Wide> {
    let parts = parse(text).ok_or(Wide::Known)?;
    let (mut year, mut month, mut day, mut time);
    let from = if let Some(epoch) = parts.epoch {
        if !KNOWN.contains(&epoch) && epoch.checked_abs().is_none_or(|size| size > 1 << 56) {
            return Err(Wide::OutOfRange);
        }
        let date = zone.date(epoch);
        (year, month, day) = (date.year, date.month, date.day);
        time = date.hour * 3600 + date.minute * 60 + date.second;
        epoch
    } else {
        if !is_date(&parts) {
            return Err(Wide::Known);
        }
        (year, month, day, time) = (parts.year, parts.month, parts.day, parts.time);
        days_since_epoch(year, month, day) * DAY + time
    };
    let changes = parts.months != 0 || parts.days != 0;
    let mut seconds = from;
    if changes || parts.epoch.is_none() {
        year += parts.months.div_euclid(12);
        month += parts.months.rem_euclid(12);
        day += parts.days;
        let shown = days(year, month, day)
            .and_then(|days| days.checked_mul(DAY))
            .and_then(|seconds| seconds.checked_add(std::mem::take(&mut time)))
            .ok_or(Wide::OutOfRange)?;
        seconds = match parts.zone {
            Some(east) => shown - east,
            None => zone.moment(shown),
        };
    }
    seconds = seconds.checked_add(parts.seconds).ok_or(Wide::OutOfRange)?;
    if KNOWN.contains(&from) && KNOWN.contains(&seconds) {
        return Err(Wide::Known);
    }
    let offset = zone.offset(seconds);
    let date: Date = zone.date(seconds);
    if !YEARS.contains(&date.year) {
        return Err(Wide::OutOfRange);
    }
    Ok(Moment {
        date,
        offset,
        seconds,
        nanoseconds: parts.nanoseconds,
    })
}

#[cfg(test)]
mod tests {
    use super::{Wide, moment};
    use secure_exec_cli::Zone;

    #[test]
    fn times_beyond_the_calendar_are_counted() {
        let utc = Zone::named(None);
        for (text, seconds) in [
            ("@253402300739", 253_402_300_739),
            ("9999-12-31 + 1 day", 253_402_300_800),
            ("9999-12-31+1day", 253_402_300_800),
            ("0001-01-01 -1 day", -62_135_683_200),
            ("10000-01-01", 253_402_300_800),
            ("0000-03-01 1 month ago", -62_164_540_800),
        ] {
            let found = moment(text, &utc).map(|moment| moment.seconds);
            assert_eq!(found, Ok(seconds), "{text}");
        }
        assert_eq!(moment("2024-01-01", &utc).err(), Some(Wide::Known));
        assert_eq!(
            moment("@9999999999999999999", &utc).err(),
            Some(Wide::Known)
        );
        assert_eq!(moment("9999-13-01", &utc).err(), Some(Wide::Known));
    }
}
