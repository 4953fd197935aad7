//! `ts`: the time in front of each line, or in place of the times in them.

mod found;

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant, SystemTime};

use secure_exec_cli::{Args, Date, Outcome, Syntax, Zone, flag};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('r', "r"),
        flag('i', "i"),
        flag('s', "s"),
        flag('m', "m"),
    ],
    usage: "[-r] [-i | -s] [-m] [format]",
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
    // Lengths of time are the same everywhere.
    let zone = if elapsed {
        Zone::named(None)
    } else {
        Zone::local()
    };
    if parsed.has("r") {
        return replace(given.as_deref(), &Zone::local());
    }
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
        write!(out, "{} ", stamp(&format, now, &zone))?;
        out.write_all(&line)?;
        out.flush()?;
    }
}

/// Writes the lines with their first timestamp as how long ago it was, or in a form.
fn replace(format: Option<&str>, zone: &Zone) -> Outcome {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(0);
        }
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        if let Some(found) = found::first(&line, zone, now) {
            let shown = match format {
                None => found::ago(now.saturating_sub(found.seconds)),
                Some(format) => stamp_at(format, found.seconds, 0, zone),
            };
            line.splice(found.start..found.end, shown.into_bytes());
        }
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()?;
    }
}

fn stamp(format: &str, at: Duration, zone: &Zone) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    stamp_at(format, seconds, at.subsec_micros(), zone)
}

/// A moment by a format of `strftime(3)`; `%.S`, `%.s` and `%.T` have microseconds.
fn stamp_at(format: &str, seconds: i64, micros: u32, zone: &Zone) -> String {
    let date = zone.date(seconds);
    let field = |letter: char, date: &Date, seconds: i64| match letter {
        'Z' => zone.offset(seconds).name,
        'z' => zone.offset(seconds).digits(),
        letter => field(letter, date, seconds),
    };
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
                    out.push_str(&format!(".{micros:06}"));
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
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        other => format!("%{other}"),
    }
}
