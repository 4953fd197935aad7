//! Rules as POSIX writes them in `TZ`: `std offset [dst [offset] [,start[/time],end[/time]]]`.

use super::Offset;
use crate::{Date, days_since_epoch};

/// When summer time is in force without a rule: as in the United States, as the C library has it.
const DEFAULT: &str = ",M3.2.0,M11.1.0";
/// Seconds of a clock change without a time: 02:00.
const AT_TWO: i64 = 7200;

/// A day of each year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// 1 to 365; the 29th of February is never counted.
    Julian(i64),
    /// 0 to 365.
    Counted(i64),
    /// Month, week (5 is the last), weekday.
    Weekday(i64, i64, i64),
}

impl Day {
    /// The day, counted from 1970.
    fn of(self, year: i64) -> i64 {
        let january = days_since_epoch(year, 1, 1);
        match self {
            Self::Counted(day) => january + day,
            Self::Julian(day) => {
                let leap = days_since_epoch(year + 1, 1, 1) - january == 366;
                january + day - 1 + i64::from(leap && day >= 60)
            }
            Self::Weekday(month, week, weekday) => {
                let first = days_since_epoch(year, month, 1);
                let next = if month == 12 {
                    days_since_epoch(year + 1, 1, 1)
                } else {
                    days_since_epoch(year, month + 1, 1)
                };
                // The first of January 1970 was a Thursday.
                let mut day = first + (weekday - first - 4).rem_euclid(7) + (week - 1) * 7;
                while day >= next {
                    day -= 7;
                }
                day
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Summer {
    offset: Offset,
    /// The day and the time on the clocks before the change.
    start: (Day, i64),
    end: (Day, i64),
}

/// The offsets of all years.
#[derive(Clone, Debug)]
pub struct Rule {
    standard: Offset,
    summer: Option<Summer>,
}

impl Rule {
    /// One offset, always.
    pub const fn fixed(standard: Offset) -> Self {
        Self {
            standard,
            summer: None,
        }
    }

    /// Reads a rule; nothing if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let name = abbreviation(&mut rest)?;
        let seconds = -clock(&mut rest)?;
        let standard = Offset {
            seconds,
            name,
            summer: false,
        };
        if rest.is_empty() {
            return Some(Self::fixed(standard));
        }
        let name = abbreviation(&mut rest)?;
        let seconds = if rest.is_empty() || rest.starts_with(',') {
            standard.seconds + 3600
        } else {
            -clock(&mut rest)?
        };
        let offset = Offset {
            seconds,
            name,
            summer: true,
        };
        if rest.is_empty() {
            rest = DEFAULT;
        }
        let start = change(&mut rest)?;
        let end = change(&mut rest)?;
        rest.is_empty().then_some(Self {
            standard,
            summer: Some(Summer { offset, start, end }),
        })
    }

    /// The offset at a moment.
    pub fn at(&self, seconds: i64) -> &Offset {
        let Some(summer) = &self.summer else {
            return &self.standard;
        };
        // The C library knows no rule of a year before 1970: that year's counts.
        let year = Date::from_seconds(seconds + self.standard.seconds)
            .year
            .max(1970);
        let moment = |(day, time): (Day, i64), before: &Offset| {
            day.of(year) * 86_400 + time - before.seconds
        };
        let start = moment(summer.start, &self.standard);
        let end = moment(summer.end, &summer.offset);
        let inside = if start < end {
            (start..end).contains(&seconds)
        } else {
            !(end..start).contains(&seconds)
        };
        if inside {
            &summer.offset
        } else {
            &self.standard
        }
    }
}

/// Takes `EST` or `<+03>` off the front.
fn abbreviation(rest: &mut &str) -> Option<String> {
    if let Some(quoted) = rest.strip_prefix('<') {
        let (name, after) = quoted.split_once('>')?;
        *rest = after;
        return Some(name.to_owned());
    }
    let end = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    (name.len() >= 3).then(|| name.to_owned())
}

fn number(rest: &mut &str) -> Option<i64> {
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    digits.parse().ok().filter(|n| *n < 1000)
}

/// Takes `[+-]hh[:mm[:ss]]` off the front, in seconds.
fn clock(rest: &mut &str) -> Option<i64> {
    let negative = rest.starts_with('-');
    *rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let mut seconds = number(rest)? * 3600;
    for unit in [60, 1] {
        if let Some(after) = rest.strip_prefix(':') {
            *rest = after;
            seconds += number(rest)? * unit;
        }
    }
    Some(if negative { -seconds } else { seconds })
}

/// Takes `,day[/time]` off the front.
fn change(rest: &mut &str) -> Option<(Day, i64)> {
    *rest = rest.strip_prefix(',')?;
    let day = if let Some(after) = rest.strip_prefix('M') {
        *rest = after;
        let month = number(rest)?;
        *rest = rest.strip_prefix('.')?;
        let week = number(rest)?;
        *rest = rest.strip_prefix('.')?;
        let weekday = number(rest)?;
        if !(1..=12).contains(&month) || !(1..=5).contains(&week) || weekday > 6 {
            return None;
        }
        Day::Weekday(month, week, weekday)
    } else if let Some(after) = rest.strip_prefix('J') {
        *rest = after;
        Day::Julian(number(rest)?)
    } else {
        Day::Counted(number(rest)?)
    };
    let Some(after) = rest.strip_prefix('/') else {
        return Some((day, AT_TWO));
    };
    *rest = after;
    Some((day, clock(rest)?))
}
