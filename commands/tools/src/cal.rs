//! `cal`: months of the calendar, weeks from Sunday on. Before September 1752 it is the Julian one.

use std::time::SystemTime;

use secure_exec_cli::{Args, Date, Failure, Outcome, Syntax, flag, required};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('1', "1"),
        flag('3', "3"),
        flag('h', "h"),
        flag('y', "y"),
        required('m', "m"),
        required('A', "A"),
        required('B', "B"),
    ],
    usage: "[-13hy] [-A months] [-B months] [-m month] [[month] year]",
    usage_status: 64,
    operand_ends: false,
};

const NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const HEADER: &str = "Su Mo Tu We Th Fr Sa  ";

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let seconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let today = Date::from_seconds(i64::try_from(seconds).unwrap_or_default());
    let words: Vec<String> = parsed
        .operands
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let option = parsed.value("m").map(|value| value.text());
    let (month, year) = match (words.as_slice(), &option) {
        ([], None) => (Some(today.month), today.year),
        ([], Some(name)) => (Some(month(name)?), today.year),
        ([text], Some(name)) => (Some(month(name)?), year(text)?),
        ([text], None) => (None, year(text)?),
        ([name, text], None) => (Some(month(name)?), year(text)?),
        _ => return Err(SYNTAX.wrong(args, "too many operands")),
    };
    let count = |name: &str| -> Result<i64, Failure> {
        let Some(value) = parsed.value(name) else {
            return Ok(i64::from(parsed.has("3")));
        };
        let text = value.text();
        text.parse::<i64>()
            .ok()
            .filter(|count| (0..=1200).contains(count))
            .ok_or_else(|| {
                SYNTAX.wrong(
                    args,
                    &format!("argument to -{name} must be positive: '{text}'"),
                )
            })
    };
    let (before, after) = (count("B")?, count("A")?);
    let Some(month) = month.filter(|_| !parsed.has("y")) else {
        println!("{:28}{year}", "");
        for quarter in 0..4 {
            if quarter > 0 {
                println!();
            }
            print_row(
                (1..=3)
                    .map(|at| block(year, quarter * 3 + at, false))
                    .collect(),
            );
        }
        return Ok(0);
    };
    let first = year * 12 + month - 1 - before;
    let months: Vec<i64> = (first..=first + before + after).collect();
    for row in months.chunks(3) {
        print_row(
            row.iter()
                .map(|at| block(at.div_euclid(12), at.rem_euclid(12) + 1, true))
                .collect(),
        );
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
    let named = NAMES
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
fn print_row(blocks: Vec<Vec<String>>) {
    for line in 0..8 {
        let parts: Vec<&str> = blocks.iter().map(|block| block[line].as_str()).collect();
        println!("{}", parts.concat());
    }
}

fn block(year: i64, month: i64, with_year: bool) -> Vec<String> {
    let name = usize::try_from(month - 1).map_or("", |at| NAMES[at]);
    let title = if with_year {
        format!("{name} {year}")
    } else {
        name.to_owned()
    };
    let left = (20 - title.len()) / 2;
    let mut lines = vec![
        format!("{:22}", format!("{:left$}{title}", "")),
        HEADER.to_owned(),
    ];
    let mut column = weekday(year, month, 1);
    let mut line = "   ".repeat(usize::try_from(column).unwrap_or_default());
    for day in 1..=length(year, month) {
        if (year, month) == (1752, 9) && (3..=13).contains(&day) {
            continue;
        }
        line.push_str(&format!("{day:2} "));
        column += 1;
        if column == 7 {
            lines.push(format!("{line:22}"));
            line.clear();
            column = 0;
        }
    }
    lines.push(format!("{line:22}"));
    lines.resize(8, " ".repeat(22));
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
