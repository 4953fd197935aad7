//! Puts the words of a text together to the items it consists of: dates, times of day, zones, days of the week, and
//! changes relative to them. GNU's manual, "Date input formats".

use super::token::{Number, Token};
use super::word::{Unit, Word, meaning};

/// A day of the year; the year is the present one if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    pub year: Option<i64>,
    pub month: i64,
    pub day: i64,
}

/// A time of day in nanoseconds and seconds after midnight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// Where clocks show what the text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Seconds east of Greenwich.
    East(i64),
    /// The zone of the reader, at a time when there is summer time or is not, if its names tell.
    Local(Option<bool>),
}

/// What a date is changed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub years: i64,
    pub months: i64,
    pub days: i64,
    pub seconds: i64,
    pub nanoseconds: i64,
}

impl Change {
    fn add(&mut self, count: i64, unit: Unit) -> Option<()> {
        let (sum, size) = match unit {
            Unit::Years(size) => (&mut self.years, size),
            Unit::Months(size) => (&mut self.months, size),
            Unit::Days(size) => (&mut self.days, size),
            Unit::Seconds(size) => (&mut self.seconds, size),
        };
        *sum = sum.checked_add(count.checked_mul(size)?)?;
        Some(())
    }
}

/// The items of a text. None may be there twice but changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Items {
    pub day: Option<Day>,
    pub time: Option<Time>,
    pub place: Option<Place>,
    /// Which one, and the day of the week.
    pub weekday: Option<(i64, i64)>,
    pub change: Option<Change>,
}

impl Items {
    /// Whether they count from the present time of day.
    pub const fn keep_time(&self) -> bool {
        self.change.is_some() && self.time.is_none() && self.day.is_none() && self.weekday.is_none()
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    local: &'a [(String, Option<bool>)],
    items: Items,
}

/// The items of a text that is no count of seconds; nothing if it is none.
pub fn items(tokens: &[Token], local: &[(String, Option<bool>)]) -> Option<Items> {
    let mut parser = Parser {
        tokens,
        local,
        items: Items::default(),
    };
    while !parser.tokens.is_empty() {
        parser.item()?;
    }
    Some(parser.items)
}

/// A year as it is written: of two digits it is one near the present.
fn year(number: Number) -> i64 {
    let value = number.value.abs();
    match number.digits {
        2 if value < 69 => value + 2000,
        2 => value + 1900,
        _ => value,
    }
}

impl Parser<'_> {
    fn word(&self, at: usize) -> Option<Word> {
        match self.tokens.get(at)? {
            Token::Word(name) => meaning(name, self.local),
            _ => None,
        }
    }

    fn number(&self, at: usize, signed: bool) -> Option<Number> {
        match self.tokens.get(at)? {
            Token::Number(number) if number.signed == signed => Some(*number),
            _ => None,
        }
    }

    fn is_sign(&self, at: usize, sign: u8) -> bool {
        self.tokens.get(at) == Some(&Token::Sign(sign))
    }

    /// Goes on behind so many tokens.
    fn skip(&mut self, count: usize) -> Option<()> {
        self.tokens = self.tokens.get(count..)?;
        Some(())
    }

    fn set_day(&mut self, year: Option<i64>, month: i64, day: i64) -> Option<()> {
        if self.items.day.is_some() {
            return None;
        }
        self.items.day = Some(Day { year, month, day });
        Some(())
    }

    fn set_place(&mut self, place: Place) -> Option<()> {
        if self.items.place.is_some() {
            return None;
        }
        self.items.place = Some(place);
        Some(())
    }

    fn set_weekday(&mut self, which: i64, day: i64) -> Option<()> {
        if self.items.weekday.is_some() {
            return None;
        }
        self.items.weekday = Some((which, day));
        Some(())
    }

    fn item(&mut self) -> Option<()> {
        match self.tokens.first()? {
            Token::Number(number) if number.signed => self.signed(),
            Token::Number(number) => self.unsigned(*number),
            Token::Fraction { .. } => self.fraction(),
            Token::Word(_) => {
                let word = self.word(0)?;
                self.named(word)
            }
            Token::Sign(_) => None,
        }
    }

    /// `+3 days`.
    fn signed(&mut self) -> Option<()> {
        let number = self.number(0, true)?;
        let Some(Word::Unit(unit)) = self.word(1) else {
            return None;
        };
        self.change(2, number.value, unit)
    }

    /// `1.5 seconds`.
    fn fraction(&mut self) -> Option<()> {
        let &Token::Fraction {
            seconds,
            nanoseconds,
            ..
        } = self.tokens.first()?
        else {
            return None;
        };
        let Some(Word::Unit(Unit::Seconds(1))) = self.word(1) else {
            return None;
        };
        let back = self.direction(2);
        let change = self.items.change.get_or_insert_default();
        change.add(seconds.checked_mul(back)?, Unit::Seconds(1))?;
        change.nanoseconds = change
            .nanoseconds
            .checked_add(i64::from(nanoseconds) * back)?;
        let tokens = 2 + usize::from(matches!(self.word(2), Some(Word::Direction(_))));
        self.skip(tokens)
    }

    fn direction(&self, at: usize) -> i64 {
        match self.word(at) {
            Some(Word::Direction(direction)) => direction,
            _ => 1,
        }
    }

    /// A change that is `tokens` long, with the direction behind it.
    fn change(&mut self, tokens: usize, count: i64, unit: Unit) -> Option<()> {
        let count = count.checked_mul(self.direction(tokens))?;
        self.items.change.get_or_insert_default().add(count, unit)?;
        let behind = usize::from(matches!(self.word(tokens), Some(Word::Direction(_))));
        self.skip(tokens + behind)
    }

    /// What begins with a word.
    fn named(&mut self, word: Word) -> Option<()> {
        match word {
            Word::Month(month) => self.behind_month(month),
            Word::Day(day) => {
                self.set_weekday(0, day)?;
                let comma = usize::from(self.is_sign(1, b','));
                self.skip(1 + comma)
            }
            Word::Zone(east) => self.zone(east, true),
            Word::LetterT => self.zone(-7 * 3600, false),
            Word::SummerZone(east) => {
                self.set_place(Place::East(east))?;
                self.skip(1)
            }
            Word::Local(summer) => {
                let behind = self.word(1) == Some(Word::Summer);
                self.set_place(Place::Local(if behind { Some(true) } else { summer }))?;
                self.skip(1 + usize::from(behind))
            }
            Word::Unit(unit) => self.change(1, 1, unit),
            Word::Shift(days) => {
                let change = self.items.change.get_or_insert_default();
                change.add(days, Unit::Days(1))?;
                self.skip(1)
            }
            Word::Ordinal(count) => match self.word(1)? {
                Word::Unit(unit) => self.change(2, count, unit),
                Word::Day(day) => {
                    self.set_weekday(count, day)?;
                    self.skip(2)
                }
                _ => None,
            },
            Word::Meridian(_) | Word::Summer | Word::Direction(_) => None,
        }
    }

    /// A zone by its name, with summer time, a distance or a change behind it.
    fn zone(&mut self, east: i64, has_distance: bool) -> Option<()> {
        if has_distance && self.word(1) == Some(Word::Summer) {
            self.set_place(Place::East(east + 3600))?;
            return self.skip(2);
        }
        let changes = matches!(self.word(2), Some(Word::Unit(_)));
        if has_distance && !changes && self.number(1, true).is_some() {
            let (more, tokens) = self.distance(1)?;
            self.set_place(Place::East(east + more))?;
            return self.skip(1 + tokens);
        }
        self.set_place(Place::East(east))?;
        self.skip(1)
    }

    /// `+1`, `+0130`, `+1:30` at a place: seconds east of Greenwich, and how many tokens they are.
    fn distance(&self, at: usize) -> Option<(i64, usize)> {
        let number = self.number(at, true)?;
        let minutes = self
            .number(at + 2, false)
            .filter(|_| self.is_sign(at + 1, b':'));
        let (total, tokens) = match minutes {
            Some(minutes) => {
                let hours = number.value.checked_mul(60)?;
                let sum = if self.is_negative(at) {
                    hours.checked_sub(minutes.value)?
                } else {
                    hours.checked_add(minutes.value)?
                };
                (sum, 3)
            }
            None if number.digits <= 2 => (number.value * 60, 1),
            None => (number.value / 100 * 60 + number.value % 100, 1),
        };
        (total.abs() <= 24 * 60).then_some((total * 60, tokens))
    }

    /// Whether a number is below zero. Of `-0` that cannot be told any more; it counts as `+0`.
    fn is_negative(&self, at: usize) -> bool {
        self.number(at, true).is_some_and(|number| number.value < 0)
    }

    /// `jan 1`, `jan 1, 2020`, `jan-1-2020`.
    fn behind_month(&mut self, month: i64) -> Option<()> {
        if let (Some(day), Some(year_)) = (self.number(1, true), self.number(2, true)) {
            self.set_day(Some(year(year_)), month, day.value.checked_neg()?)?;
            return self.skip(3);
        }
        let day = self.number(1, false)?;
        if self.is_sign(2, b',') {
            let year_ = self.number(3, false)?;
            self.set_day(Some(year(year_)), month, day.value)?;
            return self.skip(4);
        }
        self.set_day(None, month, day.value)?;
        self.skip(2)
    }

    /// What begins with a number without a sign.
    fn unsigned(&mut self, first: Number) -> Option<()> {
        if self.is_sign(1, b':') {
            return self.clock(0, true);
        }
        if self.is_sign(1, b'/') {
            return self.slashes(first);
        }
        if let Some(second) = self.number(1, true) {
            if let Some(third) = self.number(2, true) {
                let (month, day) = (second.value.checked_neg()?, third.value.checked_neg()?);
                self.set_day(Some(year(first)), month, day)?;
                self.skip(3)?;
                return self.behind_iso_date();
            }
            if let Some(Word::Unit(unit)) = self.word(2) {
                self.bare(first)?;
                return self.change(3, second.value, unit);
            }
            return self.hour(first, 0);
        }
        match self.word(1) {
            Some(Word::Month(month)) => {
                let behind = self.number(2, true).or_else(|| self.number(2, false));
                self.set_day(behind.map(year), month, first.value)?;
                self.skip(2 + usize::from(behind.is_some()))
            }
            Some(Word::Meridian(afternoon)) => {
                self.set_time(first.value, 0, (0, 0), Some(afternoon))?;
                self.skip(2)
            }
            Some(Word::Day(day)) => {
                self.set_weekday(first.value, day)?;
                self.skip(2)
            }
            Some(Word::Unit(unit)) => self.change(2, first.value, unit),
            _ => {
                self.bare(first)?;
                self.skip(1)
            }
        }
    }

    /// `T12:00` behind a date of ISO 8601.
    fn behind_iso_date(&mut self) -> Option<()> {
        if self.word(0) != Some(Word::LetterT) {
            return Some(());
        }
        if self.is_sign(2, b':') {
            return self.clock(1, false);
        }
        let hour = self.number(1, false)?;
        self.hour(hour, 1)
    }

    /// An hour at a place with a distance from Greenwich behind it.
    fn hour(&mut self, hour: Number, at: usize) -> Option<()> {
        let (east, tokens) = self.distance(at + 1)?;
        self.set_place(Place::East(east))?;
        self.set_time(hour.value, 0, (0, 0), None)?;
        self.skip(at + 1 + tokens)
    }

    /// `12:00`, `12:00:30.5`, with `am` or `pm` if allowed, or a distance from Greenwich.
    fn clock(&mut self, at: usize, allows_meridian: bool) -> Option<()> {
        let (hour, minute) = (self.number(at, false)?, self.number(at + 2, false)?);
        let mut end = at + 3;
        let mut seconds = (0, 0);
        if self.is_sign(end, b':') {
            seconds = match self.tokens.get(end + 1)? {
                Token::Number(number) if !number.signed => (number.value, 0),
                Token::Fraction {
                    seconds,
                    nanoseconds,
                    signed: false,
                } => (*seconds, *nanoseconds),
                _ => return None,
            };
            end += 2;
        }
        let meridian = match self.word(end) {
            Some(Word::Meridian(afternoon)) if allows_meridian => Some(afternoon),
            _ => None,
        };
        if meridian.is_some() {
            end += 1;
        } else if self.number(end, true).is_some() {
            let (east, tokens) = self.distance(end)?;
            self.set_place(Place::East(east))?;
            end += tokens;
        }
        self.set_time(hour.value, minute.value, seconds, meridian)?;
        self.skip(end)
    }

    fn set_time(
        &mut self,
        hour: i64,
        minute: i64,
        (second, nanoseconds): (i64, u32),
        afternoon: Option<bool>,
    ) -> Option<()> {
        let hour = match afternoon {
            None => (0..24).contains(&hour).then_some(hour),
            Some(afternoon) => (1..=12)
                .contains(&hour)
                .then_some(hour % 12 + if afternoon { 12 } else { 0 }),
        }?;
        let is_time = (0..60).contains(&minute) && (0..60).contains(&second);
        if !is_time || self.items.time.is_some() {
            return None;
        }
        self.items.time = Some(Time {
            seconds: hour * 3600 + minute * 60 + second,
            nanoseconds,
        });
        Some(())
    }

    /// `1/2`, `1/2/2020`, `2020/1/2`.
    fn slashes(&mut self, first: Number) -> Option<()> {
        let second = self.number(2, false)?;
        if !self.is_sign(3, b'/') {
            self.set_day(None, first.value, second.value)?;
            return self.skip(3);
        }
        let third = self.number(4, false)?;
        if first.digits >= 4 {
            self.set_day(Some(year(first)), second.value, third.value)?;
        } else {
            self.set_day(Some(year(third)), first.value, second.value)?;
        }
        self.skip(5)
    }

    /// A number alone: a year behind a date without one, a date of more than four digits, or a time.
    fn bare(&mut self, number: Number) -> Option<()> {
        let value = number.value;
        let is_year =
            self.items.change.is_none() && (self.items.time.is_some() || number.digits > 2);
        if let Some(day) = self
            .items
            .day
            .as_mut()
            .filter(|day| is_year && day.year.is_none())
        {
            day.year = Some(year(number));
            return Some(());
        }
        if number.digits > 4 {
            let start = Number {
                value: value / 10_000,
                digits: number.digits - 4,
                ..number
            };
            return self.set_day(Some(year(start)), value / 100 % 100, value % 100);
        }
        let (hour, minute) = if number.digits <= 2 {
            (value, 0)
        } else {
            (value / 100, value % 100)
        };
        self.set_time(hour, minute, (0, 0), None)
    }
}
