//! `umask`, `ulimit`, `times`, and the time for `printf`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secure_exec_cli::{Date, Zone};
use secure_exec_sys as sys;
use sys::process::{RLIM_INFINITY, Rlimit};

use crate::shell::{Exec, Shell};

pub fn umask(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, rest) = match shell.letters(words, if shell.bash { "Sp" } else { "S" }) {
        Ok((letters, rest)) => (letters, rest.to_vec()),
        Err(message) => return Ok(shell.misuse(&message)),
    };
    let (symbolic, print) = (letters.contains('S'), letters.contains('p'));
    let operand = rest.first();
    let old = sys::process::umask(0);
    let Some(text) = operand else {
        let _ = sys::process::umask(old);
        let text = if symbolic {
            symbolic_mask(old)
        } else {
            format!("{old:04o}")
        };
        let text = match (print, symbolic) {
            (true, true) => format!("umask -S {text}"),
            (true, false) => format!("umask {text}"),
            (false, _) => text,
        };
        return Ok(shell.print("umask", &format!("{text}\n")));
    };
    let new = if text.starts_with(|c: char| c.is_ascii_digit()) {
        let most = if shell.bash { 0o7777 } else { u32::MAX };
        let mask = u32::from_str_radix(text, 8).ok().filter(|m| *m <= most);
        mask.map(|mask| mask & 0o777)
    } else if shell.bash {
        parse_simple_symbolic(text, old).filter(|_| !text.is_empty())
    } else {
        parse_symbolic(text, old)
    };
    let _ = sys::process::umask(new.unwrap_or(old));
    if let Some(mask) = new {
        if symbolic && shell.bash {
            let text = format!("{}\n", symbolic_mask(mask));
            return Ok(shell.print("umask", &text));
        }
        return Ok(0);
    }
    let message = match (shell.bash, text.starts_with(|c: char| c.is_ascii_digit())) {
        (true, true) => format!("umask: {text}: octal number out of range"),
        (true, false) => format!("umask: `{text}': invalid symbolic mode operator"),
        (false, true) => format!("umask: Illegal number: {text}"),
        (false, false) => format!("umask: Illegal mode: {text}"),
    };
    shell.error(&message);
    Ok(if shell.bash { 1 } else { 2 })
}

fn symbolic_mask(mask: u32) -> String {
    let part = |shift: u32| {
        let bits = !(mask >> shift) & 7;
        [(4, 'r'), (2, 'w'), (1, 'x')]
            .iter()
            .filter(|(b, _)| bits & b != 0)
            .map(|(_, c)| *c)
            .collect::<String>()
    };
    format!("u={},g={},o={}", part(6), part(3), part(0))
}

/// bash's symbolic masks: in each clause one operator, and the letters `r`, `w` and `x`.
fn parse_simple_symbolic(text: &str, old: u32) -> Option<u32> {
    let plain = |clause: &str| {
        let body = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        let body = body.strip_prefix(['+', '-', '=']);
        body.is_some_and(|body| body.chars().all(|c| "rwx".contains(c)))
    };
    if text.split(',').all(plain) {
        parse_symbolic(text, old)
    } else {
        None
    }
}

fn parse_symbolic(text: &str, old: u32) -> Option<u32> {
    let mut allowed = !old & 0o777;
    if text.is_empty() {
        return Some(old);
    }
    for clause in text.split(',').filter(|clause| !clause.is_empty()) {
        let split = clause.find(['+', '-', '='])?;
        let (who, mut rest) = clause.split_at(split);
        let mut mask = 0;
        for c in who.chars() {
            mask |= match c {
                'u' => 0o700,
                'g' => 0o070,
                'o' => 0o007,
                'a' => 0o777,
                _ => return None,
            };
        }
        if who.is_empty() {
            mask = 0o777;
        }
        while let Some(operator) = rest.chars().next() {
            let body = &rest[1..];
            let end = body.find(['+', '-', '=']).unwrap_or(body.len());
            let mut bits = 0;
            for c in body[..end].chars() {
                bits |= match c {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' => 0o111,
                    's' => 0,
                    'u' => (allowed >> 6 & 7) * 0o111,
                    'g' => (allowed >> 3 & 7) * 0o111,
                    'o' => (allowed & 7) * 0o111,
                    _ => return None,
                };
            }
            match operator {
                '+' => allowed |= bits & mask,
                '-' => allowed &= !(bits & mask),
                '=' => allowed = allowed & !mask | bits & mask,
                _ => return None,
            }
            rest = &body[end..];
        }
    }
    Some(!allowed & 0o777)
}

/// Letter, resource, unit in bytes, name in bash's list, name in dash's.
const LIMITS: [(char, i32, u64, &str, &str); 11] = [
    (
        'c',
        4,
        512,
        "core file size              (blocks, -c)",
        "coredump(blocks)    ",
    ),
    (
        'd',
        2,
        1024,
        "data seg size               (kbytes, -d)",
        "data(kbytes)        ",
    ),
    (
        'e',
        13,
        1,
        "scheduling priority                 (-e)",
        "nice                ",
    ),
    (
        'f',
        1,
        512,
        "file size                   (blocks, -f)",
        "file(blocks)        ",
    ),
    (
        'l',
        8,
        1024,
        "max locked memory           (kbytes, -l)",
        "locked memory(kbytes)",
    ),
    (
        'm',
        5,
        1024,
        "max memory size             (kbytes, -m)",
        "memory(kbytes)      ",
    ),
    (
        'n',
        7,
        1,
        "open files                          (-n)",
        "nofiles             ",
    ),
    (
        's',
        3,
        1024,
        "stack size                  (kbytes, -s)",
        "stack(kbytes)       ",
    ),
    (
        't',
        0,
        1,
        "cpu time                   (seconds, -t)",
        "time(seconds)       ",
    ),
    (
        'u',
        6,
        1,
        "max user processes                  (-u)",
        "process             ",
    ),
    (
        'v',
        9,
        1024,
        "virtual memory              (kbytes, -v)",
        "vmemory(kbytes)     ",
    ),
];

pub fn ulimit(shell: &mut Shell, words: &[String]) -> Exec {
    let (mut hard, mut soft, mut all, mut which) = (false, false, false, 'f');
    let mut at = 1;
    while let Some(letters) = words
        .get(at)
        .and_then(|w| w.strip_prefix('-'))
        .filter(|l| !l.is_empty())
    {
        for letter in letters.chars() {
            match letter {
                'H' => hard = true,
                'S' => soft = true,
                'a' => all = true,
                letter if LIMITS.iter().any(|(l, ..)| *l == letter) => which = letter,
                letter => {
                    let message = if shell.bash {
                        format!("ulimit: -{letter}: invalid option")
                    } else {
                        format!("ulimit: Illegal option -{letter}")
                    };
                    return Ok(shell.misuse(&message));
                }
            }
        }
        at += 1;
    }
    let unit = |unit: u64| {
        if shell.bash && unit == 512 {
            1024
        } else {
            unit
        }
    };
    let show = |value: u64, unit: u64| {
        if value == RLIM_INFINITY {
            "unlimited".to_owned()
        } else {
            (value / unit).to_string()
        }
    };
    if all && !shell.bash && words.len() > at {
        return Ok(shell.misuse("ulimit: too many arguments"));
    }
    if all {
        let mut out = String::new();
        for (_, resource, size, bash, dash) in LIMITS {
            let Ok(limit) = sys::process::getrlimit(resource) else {
                continue;
            };
            let value = show(if hard { limit.hard } else { limit.soft }, unit(size));
            out.push_str(&format!(
                "{} {value}\n",
                if shell.bash { bash } else { dash }
            ));
        }
        return Ok(shell.print("ulimit", &out));
    }
    let Some((_, resource, size, ..)) = LIMITS.into_iter().find(|(l, ..)| *l == which) else {
        return Ok(2);
    };
    let limit = match sys::process::getrlimit(resource) {
        Ok(limit) => limit,
        Err(error) => {
            shell.error(&format!("ulimit: {}", sys::errno::message(&error)));
            return Ok(1);
        }
    };
    if !shell.bash && words.len() > at + 1 {
        return Ok(shell.misuse("ulimit: too many arguments"));
    }
    let Some(word) = words.get(at) else {
        let value = show(if hard { limit.hard } else { limit.soft }, unit(size));
        return Ok(shell.print("ulimit", &format!("{value}\n")));
    };
    let value = match word.as_str() {
        "unlimited" => Some(RLIM_INFINITY),
        "hard" => Some(limit.hard),
        "soft" => Some(limit.soft),
        number => number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(unit(size))),
    };
    let Some(value) = value else {
        return Ok(if shell.bash {
            shell.error(&format!("ulimit: {word}: invalid number"));
            1
        } else {
            shell.misuse(&format!("ulimit: bad number: {word}"))
        });
    };
    let both = !hard && !soft;
    let new = Rlimit {
        soft: if soft || both { value } else { limit.soft },
        hard: if hard || both { value } else { limit.hard },
    };
    match sys::process::setrlimit(resource, new) {
        Ok(()) => Ok(0),
        Err(error) => {
            shell.error(&format!(
                "ulimit: error setting limit: {}",
                sys::errno::message(&error)
            ));
            Ok(if shell.bash { 1 } else { 2 })
        }
    }
}

pub fn times(shell: &mut Shell, _: &[String]) -> Exec {
    let times = sys::process::times().unwrap_or_default();
    let show = |d: Duration| {
        format!(
            "{}m{}.{:0width$}s",
            d.as_secs() / 60,
            d.as_secs() % 60,
            if shell.bash {
                d.subsec_millis()
            } else {
                d.subsec_micros()
            },
            width = if shell.bash { 3 } else { 6 }
        )
    };
    let text = format!(
        "{} {}\n{} {}\n",
        show(times.user),
        show(times.system),
        show(times.children_user),
        show(times.children_system)
    );
    Ok(shell.print("times", &text))
}

pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(0)
}

/// The year and the number of the week, which begins with its Monday, as ISO 8601 counts them.
fn iso_week(date: &Date) -> (i64, i64) {
    let days_from_monday = (date.weekday + 6) % 7;
    // The week belongs to the year of its Thursday.
    let thursday = date.yearday + 3 - days_from_monday;
    let length = |year: i64| {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if leap { 366 } else { 365 }
    };
    if thursday < 0 {
        return (date.year - 1, (thursday + length(date.year - 1)) / 7 + 1);
    }
    if thursday >= length(date.year) {
        return (date.year + 1, (thursday - length(date.year)) / 7 + 1);
    }
    (date.year, thursday / 7 + 1)
}

/// `strftime(3)` in a time zone.
pub fn strftime(format: &str, seconds: i64, zone: &Zone) -> String {
    let (date, offset) = (zone.date(seconds), zone.offset(seconds));
    let Date {
        year,
        month,
        day,
        hour,
        minute,
        second,
        weekday,
        ..
    } = date;
    let (weekday_name, month_name) = (date.weekday_name(), date.month_name());
    let mut out = String::new();
    let mut chars = if format.is_empty() {
        "%H:%M:%S"
    } else {
        format
    }
    .chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('Y') => out.push_str(&year.to_string()),
            Some('y') => out.push_str(&format!("{:02}", year.rem_euclid(100))),
            Some('m') => out.push_str(&format!("{month:02}")),
            Some('d') => out.push_str(&format!("{day:02}")),
            Some('e') => out.push_str(&format!("{day:2}")),
            Some('H') => out.push_str(&format!("{hour:02}")),
            Some('I') => out.push_str(&format!("{:02}", (hour + 11) % 12 + 1)),
            Some('M') => out.push_str(&format!("{minute:02}")),
            Some('S') => out.push_str(&format!("{second:02}")),
            Some('p') => out.push_str(if hour < 12 { "AM" } else { "PM" }),
            Some('s') => out.push_str(&seconds.to_string()),
            Some('F') => out.push_str(&format!("{year}-{month:02}-{day:02}")),
            Some('T') => out.push_str(&format!("{hour:02}:{minute:02}:{second:02}")),
            Some('R') => out.push_str(&format!("{hour:02}:{minute:02}")),
            Some('D') => out.push_str(&format!("{month:02}/{day:02}/{:02}", year.rem_euclid(100))),
            Some('a') => out.push_str(&weekday_name[..3]),
            Some('A') => out.push_str(weekday_name),
            Some('b' | 'h') => out.push_str(&month_name[..3]),
            Some('B') => out.push_str(month_name),
            Some('c') => out.push_str(&format!(
                "{} {} {day:2} {hour:02}:{minute:02}:{second:02} {year}",
                &weekday_name[..3],
                &month_name[..3]
            )),
            Some('u') => out.push_str(&(if weekday == 0 { 7 } else { weekday }).to_string()),
            Some('w') => out.push_str(&weekday.to_string()),
            Some('j') => out.push_str(&format!("{:03}", date.yearday + 1)),
            Some('U') => out.push_str(&format!("{:02}", (date.yearday + 7 - weekday) / 7)),
            Some('W') => {
                let since_monday = (weekday + 6) % 7;
                out.push_str(&format!("{:02}", (date.yearday + 7 - since_monday) / 7));
            }
            Some('V') => out.push_str(&format!("{:02}", iso_week(&date).1)),
            Some('G') => out.push_str(&iso_week(&date).0.to_string()),
            Some('g') => out.push_str(&format!("{:02}", iso_week(&date).0.rem_euclid(100))),
            Some('C') => out.push_str(&format!("{:02}", year.div_euclid(100))),
            Some('k') => out.push_str(&format!("{hour:2}")),
            Some('l') => out.push_str(&format!("{:2}", (hour + 11) % 12 + 1)),
            Some('P') => out.push_str(if hour < 12 { "am" } else { "pm" }),
            Some('x') => {
                out.push_str(&format!("{month:02}/{day:02}/{:02}", year.rem_euclid(100)));
            }
            Some('X') => out.push_str(&format!("{hour:02}:{minute:02}:{second:02}")),
            Some('r') => {
                let half = if hour < 12 { "AM" } else { "PM" };
                let twelve = (hour + 11) % 12 + 1;
                out.push_str(&format!("{twelve:02}:{minute:02}:{second:02} {half}"));
            }
            Some('Z') => out.push_str(&offset.name),
            Some('z') => out.push_str(&offset.digits()),
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('%') => out.push('%'),
            Some(other) => out.extend(['%', other]),
            None => out.push('%'),
        }
    }
    out
}
