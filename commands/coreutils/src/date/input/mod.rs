//! The moment that a text names: GNU's manual, "Date input formats".

mod grammar;
mod token;
mod word;

use std::cell::Cell;

use grammar::{Items, Place, items};
use secure_exec_cli::{Date, Zone, days_since_epoch};
use token::{Token, tokens};

const DAY: i64 = 86_400;
/// The years that a `struct tm` has room for.
pub const YEARS: std::ops::RangeInclusive<i64> = -2_147_481_748..=2_147_485_547;

/// Seconds after 1970 and nanoseconds.
pub type Moment = (i64, u32);

/// The moment that a text names on the clocks of a zone; nothing if it names none. `named` gives the zone of a value of
/// `TZ`, with which a text may begin.
pub fn moment(
    text: &[u8],
    now: Moment,
    zone: &Zone,
    guess: &Guess,
    named: impl FnOnce(&str) -> Zone,
) -> Option<Moment> {
    let (own, text) = leading_zone(text.trim_ascii_start(), named)?;
    let zone = own.as_ref().unwrap_or(zone);
    let tokens = tokens(text)?;
    if tokens.first() == Some(&Token::Sign(b'@')) {
        return match tokens[1..] {
            [Token::Number(number)] => Some((number.value, 0)),
            [
                Token::Fraction {
                    seconds,
                    nanoseconds,
                    ..
                },
            ] => Some((seconds, nanoseconds)),
            _ => None,
        };
    }
    let items = items(&tokens, &names(zone, now.0))?;
    resolve(&items, now, zone, guess)
}

/// The zone of `TZ="NAME"` at the start of a text, and what is behind it.
fn leading_zone(text: &[u8], named: impl FnOnce(&str) -> Zone) -> Option<(Option<Zone>, &[u8])> {
    let Some(rest) = text.strip_prefix(b"TZ=\"") else {
        return Some((None, text));
    };
    let mut name = Vec::new();
    let mut at = 0;
    loop {
        match rest.get(at)? {
            b'"' => break,
            b'\\' if matches!(rest.get(at + 1), Some(b'\\' | b'"')) => {
                name.push(rest[at + 1]);
                at += 2;
            }
            b'\\' => return None,
            byte => {
                name.push(*byte);
                at += 1;
            }
        }
    }
    let zone = named(&String::from_utf8_lossy(&name));
    Some((Some(zone), &rest[at + 1..]))
}

/// The names that the clocks of a zone use within a year, and whether each is that of summer time, if there are two.
fn names(zone: &Zone, now: i64) -> Vec<(String, Option<bool>)> {
    let mut found: Vec<(String, Option<bool>)> = Vec::new();
    for quarter in 0..4 {
        let offset = zone.offset(now + quarter * 90 * DAY);
        match found.iter_mut().find(|(name, _)| *name == offset.name) {
            Some((_, summer)) if *summer != Some(offset.summer) => *summer = None,
            Some(_) => {}
            None => found.push((offset.name, Some(offset.summer))),
        }
    }
    found
}

/// The days of a date after 1970. Months may be beyond the year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let months = year.checked_mul(12)?.checked_add(month.checked_sub(1)?)?;
    let year = months.div_euclid(12);
    if !YEARS.contains(&year) {
        return None;
    }
    days_since_epoch(year, months.rem_euclid(12) + 1, 1).checked_add(day.checked_sub(1)?)
}

/// Whether a month has such a day.
fn is_date(year: i64, month: i64, day: i64) -> bool {
    let length = || Some(days(year, month + 1, 1)? - days(year, month, 1)?);
    YEARS.contains(&year)
        && (1..=12).contains(&month)
        && day >= 1
        && (day <= 28
            || (year, month, day) <= (*YEARS.end(), 12, 31) && month == 12 && day <= 31
            || length().is_some_and(|length| day <= length))
}

/// Where clocks show the same twice, which of the two counts depends on what offset is tried first, as in the C
/// library: none at the start, later the one that was found last.
#[derive(Default)]
pub struct Guess(Cell<i64>);

impl Guess {
    /// The moment at which the clocks of a zone show what `shown` is as a date in UTC; one that they leave out is as much
    /// later as they are put forward. `summer` is whether they show summer time, if that is known.
    fn moment(&self, shown: i64, summer: Option<bool>, zone: &Zone) -> Option<i64> {
        let found = match summer {
            Some(summer) => in_season(shown, summer, zone)?,
            None => {
                let first = zone.offset(shown.checked_sub(self.0.get())?).seconds;
                let second = zone.offset(shown.checked_sub(first)?).seconds;
                let third = zone.offset(shown.checked_sub(second)?).seconds;
                if third == second {
                    shown.checked_sub(second)?
                } else {
                    zone.moment(shown)
                }
            }
        };
        self.0.set(zone.offset(found).seconds);
        Some(found)
    }
}

/// The moment at which clocks that have summer time, or have not, show something. At a time of the year when they never
/// do, what they would show then counts.
fn in_season(shown: i64, summer: bool, zone: &Zone) -> Option<i64> {
    let mut fallback = None;
    for days in [0, 1, -1, 90, -90, 180, -180, 270, -270] {
        let offset = zone.offset(shown.checked_add(days * DAY)?);
        if offset.summer != summer {
            continue;
        }
        let found = shown.checked_sub(offset.seconds)?;
        let there = zone.offset(found);
        if there.seconds == offset.seconds && there.summer == summer {
            return Some(found);
        }
        fallback.get_or_insert(found);
    }
    Some(fallback.unwrap_or_else(|| zone.moment(shown)))
}

fn resolve(items: &Items, now: Moment, zone: &Zone, guess: &Guess) -> Option<Moment> {
    let today: Date = zone.date(now.0);
    let (time, nanoseconds) = match items.time {
        Some(time) => (time.seconds, i64::from(time.nanoseconds)),
        None if items.keep_time() => (
            today.hour * 3600 + today.minute * 60 + today.second,
            i64::from(now.1),
        ),
        None => (0, 0),
    };
    let summer = match items.place {
        Some(Place::Local(Some(summer))) => Some(summer),
        _ if items.keep_time() => Some(zone.offset(now.0).summer),
        _ => None,
    };
    let (mut year, mut month, mut day) = (today.year, today.month, today.day);
    if let Some(given) = items.day {
        (year, month, day) = (given.year.unwrap_or(year), given.month, given.day);
    }
    if !is_date(year, month, day) {
        return None;
    }
    let mut shown = days(year, month, day)?
        .checked_mul(DAY)?
        .checked_add(time)?;
    let mut seconds = guess.moment(shown, summer, zone)?;
    let is_shown = seconds + zone.offset(seconds).seconds == shown;
    match items.place {
        Some(Place::East(_)) => {}
        _ if !is_shown => return None,
        _ => shown = seconds + zone.offset(seconds).seconds,
    }
    if let Some((which, weekday)) = items.weekday
        && items.day.is_none()
    {
        let present = Date::from_seconds(shown).weekday;
        let weeks = which - i64::from(which > 0 && weekday != present);
        let distance = weeks
            .checked_mul(7)?
            .checked_add((weekday - present + 7) % 7)?;
        let there = days(year, month, small(day.checked_add(distance)?)?)?;
        shown = there.checked_mul(DAY)?.checked_add(time)?;
        seconds = guess.moment(shown, summer, zone)?;
        shown = seconds + zone.offset(seconds).seconds;
        let date = Date::from_seconds(shown);
        (year, month, day) = (date.year, date.month, date.day);
    }
    let change = items.change.unwrap_or_default();
    if change.years != 0 || change.months != 0 || change.days != 0 {
        let there = days(
            small(year.checked_add(change.years)?)?,
            small(month.checked_add(change.months)?)?,
            small(day.checked_add(change.days)?)?,
        )?;
        shown = there.checked_mul(DAY)?.checked_add(time)?;
        seconds = guess.moment(shown, summer, zone)?;
        shown = seconds + zone.offset(seconds).seconds;
        if !YEARS.contains(&Date::from_seconds(shown).year) {
            return None;
        }
    }
    if let Some(Place::East(east)) = items.place {
        seconds = shown.checked_sub(east)?;
    }
    let nanoseconds = nanoseconds.checked_add(change.nanoseconds)?;
    let carried = nanoseconds.div_euclid(1_000_000_000);
    seconds = seconds.checked_add(change.seconds)?.checked_add(carried)?;
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
    Some((seconds, rest))
}

/// A number that the C library has room for in a date.
fn small(number: i64) -> Option<i64> {
    i32::try_from(number).ok().map(i64::from)
}
