//! `ts`: the time in front of each line.

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant, SystemTime};

use secure_exec_cli::{Args, Date, Outcome, Syntax, flag};

const SYNTAX: Syntax = Syntax {
    options: &[flag('i', "i"), flag('s', "s"), flag('m', "m")],
    usage: "[-i | -s] [-m] [format]",
    usage_status: 255,
    operand_ends: false,
};

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let elapsed = parsed.has("i") || parsed.has("s");
    let given = parsed
        .operands
        .first()
        .map(|format| format.to_string_lossy().into_owned());
    let format = given.unwrap_or_else(|| {
        if elapsed {
            "%H:%M:%S"
        } else {
            "%b %d %H:%M:%S"
        }
        .to_owned()
    });
    let mut since = Instant::now();
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(0);
        }
        let now = if elapsed {
            let passed = since.elapsed();
            if parsed.has("i") {
                since = Instant::now();
            }
            passed
        } else {
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
        };
        let mut out = io::stdout().lock();
        write!(out, "{} ", stamp(&format, now))?;
        out.write_all(&line)?;
        out.flush()?;
    }
}

/// A moment by a format of `strftime(3)`; `%.S`, `%.s` and `%.T` have microseconds.
fn stamp(format: &str, at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let date = Date::from_seconds(seconds);
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let Some(letter) = letters.next() else {
            out.push('%');
            break;
        };
        if letter == '.' {
            match letters.next() {
                Some(inner @ ('S' | 's' | 'T')) => {
                    out.push_str(&field(inner, &date, seconds));
                    out.push_str(&format!(".{:06}", at.subsec_micros()));
                }
                other => {
                    out.push_str("%.");
                    out.extend(other);
                }
            }
        } else {
            out.push_str(&field(letter, &date, seconds));
        }
    }
    out
}

fn field(letter: char, date: &Date, seconds: i64) -> String {
    let short = |name: &str| name.chars().take(3).collect::<String>();
    let all = |format: &str| {
        format
            .chars()
            .map(|c| {
                if c.is_ascii_alphabetic() {
                    field(c, date, seconds)
                } else {
                    c.to_string()
                }
            })
            .collect()
    };
    let half = (date.hour + 11) % 12 + 1;
    match letter {
        'Y' => date.year.to_string(),
        'C' => format!("{:02}", date.year / 100),
        'y' => format!("{:02}", date.year % 100),
        'm' => format!("{:02}", date.month),
        'd' => format!("{:02}", date.day),
        'e' => format!("{:2}", date.day),
        'H' => format!("{:02}", date.hour),
        'I' => format!("{half:02}"),
        'k' => format!("{:2}", date.hour),
        'l' => format!("{half:2}"),
        'M' => format!("{:02}", date.minute),
        'S' => format!("{:02}", date.second),
        'j' => format!("{:03}", date.yearday + 1),
        'b' | 'h' => short(date.month_name()),
        'B' => date.month_name().to_owned(),
        'a' => short(date.weekday_name()),
        'A' => date.weekday_name().to_owned(),
        'u' => ((date.weekday + 6) % 7 + 1).to_string(),
        'w' => date.weekday.to_string(),
        'p' => if date.hour < 12 { "AM" } else { "PM" }.to_owned(),
        's' => seconds.to_string(),
        'T' => all("H:M:S"),
        'R' => all("H:M"),
        'F' => all("Y-m-d"),
        'D' | 'x' => all("m/d/y"),
        'X' => all("H:M:S"),
        'c' => all("a b e H:M:S Y"),
        'Z' => "UTC".to_owned(),
        'z' => "+0000".to_owned(),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        other => format!("%{other}"),
    }
}
