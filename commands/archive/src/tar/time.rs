//! Times on the command line.

use secure_exec_sys::child;
use secure_exec_sys::process::{Action, Program};
use std::ffi::OsString;

/// The seconds of `--mtime`: a number behind `@`, the time of a file, or a date, with a time and `UTC`, `Z` or an offset
/// behind it.
pub fn modification_time(text: &str) -> Option<i64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.split('.').next()?.parse().ok();
    }
    if text.starts_with(['/', '.']) {
        let found = secure_exec_sys::path::stat(text).ok()?;
        return Some(found.mtime.seconds);
    }
    let zone = std::env::var_os("TZ").filter(|zone| !zone.is_empty() && zone != "UTC");
    let plain = if zone.is_none() {
        plain_time(text)
    } else {
        None
    };
    plain.or_else(|| time_by_date(text))
}

/// What the command `date` makes of a time in words.
fn time_by_date(text: &str) -> Option<i64> {
    let silent = Action::Open {
        fd: 2,
        path: "/dev/null".into(),
        flags: secure_exec_sys::fd::O_WRONLY,
        mode: 0,
    };
    let command = ["date", "-d", text, "+%s"].map(OsString::from);
    let program = Program {
        actions: vec![silent],
        ..child::program(&command)
    };
    let (answer, status) = child::output(program).ok()?;
    if status.exited() != Some(0) {
        return None;
    }
    std::str::from_utf8(&answer).ok()?.trim().parse().ok()
}

/// A date, with a time and an offset.
fn plain_time(text: &str) -> Option<i64> {
    let text = text.replace("UTC", "").replace("GMT", "").replace('T', " ");
    let mut words = text.trim().trim_end_matches('Z').split_ascii_whitespace();
    let mut date = words
        .next()?
        .splitn(3, '-')
        .map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let clock = |text: &str| {
        let mut parts = text
            .splitn(3, ':')
            .map(|part| part.split('.').next()?.parse::<i64>().ok());
        Some(parts.next()?? * 3600 + parts.next()?? * 60 + parts.next().unwrap_or(Some(0))?)
    };
    let mut seconds = secure_exec_cli::days_since_epoch(year, month, day) * 86_400;
    for word in words {
        // A time, or an offset of the zone.
        if let Some(offset) = word.strip_prefix('+').or_else(|| word.strip_prefix('-')) {
            let offset = if offset.len() == 4 && !offset.contains(':') {
                clock(&format!("{}:{}", &offset[..2], &offset[2..]))?
            } else {
                clock(&format!("{offset}:0"))?
            };
            seconds -= if word.starts_with('-') {
                -offset
            } else {
                offset
            };
        } else {
            seconds += clock(word)?;
        }
    }
    Some(seconds)
}
