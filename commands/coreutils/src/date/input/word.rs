//! What the words in a text that names a time mean: GNU's manual, "Date input formats".

/// A unit of relative items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Years(i64),
    Months(i64),
    Days(i64),
    Seconds(i64),
}

/// The meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Of the hours that are noon and midnight: whether it is behind noon.
    Meridian(bool),
    /// From 1.
    Month(i64),
    /// 0 is Sunday.
    Day(i64),
    /// Seconds east of Greenwich.
    Zone(i64),
    /// The same, with summer time in it.
    SummerZone(i64),
    /// The letter `t`, a zone or between a date and a time.
    LetterT,
    /// A name that the clocks of the zone use: whether it is that of summer time, if they have another one for winter.
    Local(Option<bool>),
    /// Summer time, behind a zone.
    Summer,
    Unit(Unit),
    /// `tomorrow`: by how many days from today.
    Shift(i64),
    /// `next`, `third`.
    Ordinal(i64),
    /// `ago` is -1, `hence` 1.
    Direction(i64),
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const DAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

/// Abbreviations of more than three letters.
const ABBREVIATIONS: [(&str, Word); 5] = [
    ("sept", Word::Month(9)),
    ("tues", Word::Day(2)),
    ("wednes", Word::Day(3)),
    ("thur", Word::Day(4)),
    ("thurs", Word::Day(4)),
];

/// Zones by their names, in hours east of Greenwich.
const ZONES: &[(&str, f64)] = &[
    ("wet", 0.0),
    ("art", -3.0),
    ("brt", -3.0),
    ("nst", -3.5),
    ("ast", -4.0),
    ("clt", -4.0),
    ("est", -5.0),
    ("cst", -6.0),
    ("mst", -7.0),
    ("pst", -8.0),
    ("akst", -9.0),
    ("hst", -10.0),
    ("hast", -10.0),
    ("sst", -12.0),
    ("wat", 1.0),
    ("cet", 1.0),
    ("met", 1.0),
    ("mez", 1.0),
    ("eet", 2.0),
    ("cat", 2.0),
    ("sast", 2.0),
    ("eat", 3.0),
    ("msk", 3.0),
    ("ist", 5.5),
    ("sgt", 8.0),
    ("kst", 9.0),
    ("jst", 9.0),
    ("gst", 10.0),
    ("nzst", 12.0),
];

/// Zones with summer time, in hours east of Greenwich without it.
const SUMMER_ZONES: &[(&str, f64)] = &[
    ("west", 0.0),
    ("bst", 0.0),
    ("brst", -3.0),
    ("ndt", -3.5),
    ("adt", -4.0),
    ("clst", -4.0),
    ("edt", -5.0),
    ("cdt", -6.0),
    ("mdt", -7.0),
    ("pdt", -8.0),
    ("akdt", -9.0),
    ("hadt", -10.0),
    ("cest", 1.0),
    ("mest", 1.0),
    ("mesz", 1.0),
    ("eest", 2.0),
    ("msd", 3.0),
    ("nzdt", 12.0),
];

/// Half hours are the smallest part of a zone in the tables.
fn seconds(hours: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the tables have halves of small numbers"
    )]
    let halves = (hours * 2.0) as i64;
    halves * 1800
}

fn zone(name: &str) -> Option<Word> {
    let find = |table: &[(&str, f64)]| {
        let row = table.iter().find(|(each, _)| *each == name)?;
        Some(seconds(row.1))
    };
    find(ZONES)
        .map(Word::Zone)
        .or_else(|| find(SUMMER_ZONES).map(|east| Word::SummerZone(east + 3600)))
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name {
        "year" => Unit::Years(1),
        "month" => Unit::Months(1),
        "fortnight" => Unit::Days(14),
        "week" => Unit::Days(7),
        "day" => Unit::Days(1),
        "hour" => Unit::Seconds(3600),
        "minute" | "min" => Unit::Seconds(60),
        "second" | "sec" => Unit::Seconds(1),
        _ => return None,
    })
}

fn relative(name: &str) -> Option<Word> {
    Some(match name {
        "tomorrow" => Word::Shift(1),
        "yesterday" => Word::Shift(-1),
        "today" | "now" => Word::Shift(0),
        "last" => Word::Ordinal(-1),
        "this" => Word::Ordinal(0),
        "next" | "first" => Word::Ordinal(1),
        "third" => Word::Ordinal(3),
        "fourth" => Word::Ordinal(4),
        "fifth" => Word::Ordinal(5),
        "sixth" => Word::Ordinal(6),
        "seventh" => Word::Ordinal(7),
        "eighth" => Word::Ordinal(8),
        "ninth" => Word::Ordinal(9),
        "tenth" => Word::Ordinal(10),
        "eleventh" => Word::Ordinal(11),
        "twelfth" => Word::Ordinal(12),
        "ago" => Word::Direction(-1),
        "hence" => Word::Direction(1),
        _ => return None,
    })
}

/// The zones of seafarers, each a letter.
fn letter(name: &str) -> Option<Word> {
    let [letter] = name.as_bytes() else {
        return None;
    };
    let hours = match letter {
        b't' => return Some(Word::LetterT),
        b'a'..=b'i' => letter - b'a' + 1,
        b'k'..=b'm' => letter - b'a',
        b'n'..=b'y' => return Some(Word::Zone(-3600 * i64::from(letter - b'm'))),
        b'z' => 0,
        _ => return None,
    };
    Some(Word::Zone(3600 * i64::from(hours)))
}

/// The month or the day of a name, which may be its first three letters, also with a period.
fn of_calendar(name: &str) -> Option<Word> {
    let short = match name.strip_suffix('.').unwrap_or(name) {
        short if short.len() == 3 => Some(short),
        _ => None,
    };
    let find = |names: &[&str]| {
        names
            .iter()
            .position(|each| *each == name || short.is_some_and(|short| each[..3] == *short))
            .and_then(|at| i64::try_from(at).ok())
    };
    find(&MONTHS)
        .map(|at| Word::Month(at + 1))
        .or_else(|| find(&DAYS).map(Word::Day))
        .or_else(|| {
            let row = ABBREVIATIONS.iter().find(|(each, _)| *each == name)?;
            Some(row.1)
        })
}

/// The meaning of a word in small letters; `local` has the names that the clocks of the zone use.
pub fn meaning(name: &str, local: &[(String, Option<bool>)]) -> Option<Word> {
    match name {
        "am" | "a.m." => return Some(Word::Meridian(false)),
        "pm" | "p.m." => return Some(Word::Meridian(true)),
        _ => {}
    }
    if let Some(word) = of_calendar(name) {
        return Some(word);
    }
    if matches!(name, "gmt" | "ut" | "utc") {
        return Some(Word::Zone(0));
    }
    if let Some((_, summer)) = local
        .iter()
        .find(|(each, _)| each.eq_ignore_ascii_case(name))
    {
        return Some(Word::Local(*summer));
    }
    if let Some(word) = zone(name) {
        return Some(word);
    }
    if name == "dst" {
        return Some(Word::Summer);
    }
    if let Some(unit) = unit(name).or_else(|| unit(name.strip_suffix('s')?)) {
        return Some(Word::Unit(unit));
    }
    relative(name).or_else(|| letter(name)).or_else(|| {
        let bare = name.replace('.', "");
        (bare != name).then(|| zone(&bare)).flatten()
    })
}
