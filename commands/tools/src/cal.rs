//! `cal`: months of the calendar, weeks from Sunday on. Before September 1752 it is the Julian one.

use std::time::SystemTime;

use secure_exec_cli::{Args, Date, Failure, MONTHS, Outcome, Syntax, flag, required};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('1', "1"),
        flag('3', "3"),
        flag('h', "h"),
        flag('j', "j"),
        flag('y', "y"),
        required('d', "d"),
        required('m', "m"),
        required('A', "A"),
        required('B', "B"),
    ],
    usage: "[-13hjy] [-d yyyy-mm] [-A months] [-B months] [-m month] [[month] year]",
    usage_status: 64,
    operand_ends: false,
};

/// How days are shown, and how wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Days {
    /// Of the month.
    Month,
    /// Of the year (`-j`).
    Year,
}

impl Days {
    /// Columns of a day with the blank behind it.
    fn column(self) -> usize {
        match self {
            Self::Month => 3,
            Self::Year => 4,
        }
    }

    /// Columns of a month with what stands between it and the next.
    fn block(self) -> usize {
        self.column() * 7 + 1
    }

    /// Columns in front of the year above all of its months.
    fn indent(self) -> usize {
        match self {
            Self::Month => 28,
            Self::Year => 25,
        }
    }

    /// Months side by side.
    fn months(self) -> usize {
        match self {
            Self::Month => 3,
            Self::Year => 2,
        }
    }

    fn header(self) -> String {
        let width = self.column() - 1;
        let names = ["Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"];
        let names: String = names
            .iter()
            .map(|name| format!("{name:>width$} "))
            .collect();
        format!("{names} ")
    }
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let seconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let today = Date::from_seconds(i64::try_from(seconds).unwrap_or_default());
    let mut current = (today.month, today.year);
    if let Some(given) = parsed.value("d") {
        current =
            year_and_month(&given.text()).ok_or_else(|| SYNTAX.wrong(args, "-d takes yyyy-mm"))?;
    }
    let days = if parsed.has("j") {
        Days::Year
    } else {
        Days::Month
    };
    let words: Vec<String> = parsed
        .operands
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let option = parsed.value("m").map(|value| value.text());
    let (month, year) = match (words.as_slice(), &option) {
        ([], None) => (Some(current.0), current.1),
        ([], Some(name)) => (Some(month(name)?), current.1),
        ([text], Some(name)) => (Some(month(name)?), year(text)?),
        ([text], None) => (None, year(text)?),
        ([name, text], None) => (Some(month(name)?), year(text)?),
        _ => return Err(SYNTAX.wrong(args, "too many operands")),
    };
    let count = |name: &str| -> Result<i64, Failure> {
        let beside = i64::from(parsed.has("3"));
        let Some(value) = parsed.value(name) else {
            return Ok(beside);
        };
        let text = value.text();
        text.parse::<i64>()
            .ok()
            .filter(|count| (0..=1200).contains(count))
            .map(|count| count + beside)
            .ok_or_else(|| {
                SYNTAX.wrong(
                    args,
                    &format!("argument to -{name} must be positive: '{text}'"),
                )
            })
    };
    let (before, after) = (count("B")?, count("A")?);
    let Some(month) = month.filter(|_| !parsed.has("y")) else {
        println!("{:width$}{year}", "", width = days.indent());
        let months: Vec<i64> = (1..=12).collect();
        for (at, row) in months.chunks(days.months()).enumerate() {
            if at > 0 {
                println!();
            }
            let months = row.iter().map(|&at| block(year, at, false, days));
            print_row(&months.collect::<Vec<_>>());
        }
        return Ok(0);
    };
    let first = year * 12 + month - 1 - before;
    let months: Vec<i64> = (first..=first + before + after).collect();
    let year_of = |at: &i64| at.div_euclid(12);
    // Three months of one year have it above them all.
    let is_one_year = before + after == 2
        && parsed.last_of(&["3", "A", "B"]) == Some("3")
        && months.first().map(year_of) == months.last().map(year_of);
    if is_one_year {
        println!("{:width$}{year}", "", width = days.indent());
    }
    for (at, row) in months.chunks(days.months()).enumerate() {
        if at > 0 {
            println!();
        }
        let months = row.iter();
        let months = months.map(|at| block(year_of(at), at.rem_euclid(12) + 1, !is_one_year, days));
        print_row(&months.collect::<Vec<_>>());
    }
    Ok(0)
}

fn wrong(message: String) -> Failure {
    Failure {
        status: 64,
        message,
    }
}

fn month(text: &str) -> Result<i64, Failure> {
    let lower = text.to_ascii_lowercase();
    let named = MONTHS
        .iter()
        .position(|name| lower.len() >= 3 && name.to_ascii_lowercase().starts_with(&lower));
    let number = named
        .and_then(|at| i64::try_from(at + 1).ok())
        .or_else(|| text.parse().ok().filter(|number| (1..=12).contains(number)));
    number.ok_or_else(|| {
        wrong(format!(
            "{text} is neither a month number (1..12) nor a name"
        ))
    })
}

/// `yyyy-mm`.
fn year_and_month(text: &str) -> Option<(i64, i64)> {
    let (year, month) = text.split_once('-')?;
    let (year, month) = (year.parse().ok()?, month.parse().ok()?);
    ((1..=9999).contains(&year) && (1..=12).contains(&month)).then_some((month, year))
}

fn year(text: &str) -> Result<i64, Failure> {
    let number: i64 = text
        .parse()
        .map_err(|_| wrong(format!("not a valid year {text}")))?;
    if (1..=9999).contains(&number) {
        Ok(number)
    } else {
        Err(wrong(format!("year `{text}' not in range 1..9999")))
    }
}

/// Months side by side.
fn print_row(blocks: &[Vec<String>]) {
    for line in 0..8 {
        let parts: Vec<&str> = blocks.iter().map(|block| block[line].as_str()).collect();
        println!("{}", parts.concat());
    }
}

fn block(year: i64, month: i64, with_year: bool, days: Days) -> Vec<String> {
    let name = usize::try_from(month - 1).map_or("", |at| MONTHS[at]);
    let title = if with_year {
        format!("{name} {year}")
    } else {
        name.to_owned()
    };
    let (column, width) = (days.column(), days.block());
    let left = (width - 2 - title.len()) / 2;
    let mut lines = vec![
        format!("{:width$}", format!("{:left$}{title}", "")),
        days.header(),
    ];
    let mut weekday = weekday(year, month, 1);
    let blank = " ".repeat(column);
    let mut line = blank.repeat(usize::try_from(weekday).unwrap_or_default());
    let is_there = |month: i64, day: i64| (year, month) != (1752, 9) || !(3..=13).contains(&day);
    let mut number: i64 = match days {
        Days::Month => 0,
        Days::Year => (1..month)
            .map(|month| {
                let whole = 1..=length(year, month);
                let there = whole.filter(|&day| is_there(month, day)).count();
                i64::try_from(there).unwrap_or_default()
            })
            .sum(),
    };
    for day in 1..=length(year, month) {
        if !is_there(month, day) {
            continue;
        }
        number += 1;
        let shown = if days == Days::Year { number } else { day };
        line.push_str(&format!("{shown:digits$} ", digits = column - 1));
        weekday += 1;
        if weekday == 7 {
            lines.push(format!("{line:width$}"));
            line.clear();
            weekday = 0;
        }
    }
    lines.push(format!("{line:width$}"));
    lines.resize(8, " ".repeat(width));
    lines
}

fn is_julian(year: i64, month: i64, day: i64) -> bool {
    (year, month, day) < (1752, 9, 14)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 => {
            28 + i64::from(
                year % 4 == 0 && (is_julian(year, 2, 29) || year % 100 != 0 || year % 400 == 0),
            )
        }
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// 0 is Sunday.
fn weekday(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin with March have their leap day at the end.
    let (shifted, month_of) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = shifted * 365 + shifted.div_euclid(4) + (153 * month_of + 2) / 5 + day;
    let leaps = if is_julian(year, month, day) {
        -2
    } else {
        shifted.div_euclid(400) - shifted.div_euclid(100)
    };
    (days + leaps + 2).rem_euclid(7)
}
