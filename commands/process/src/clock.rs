//! Moments and durations as process lists show them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `MM:SS`, `HH:MM:SS` or `D-HH:MM:SS`.
#[must_use]
pub fn elapsed(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let seconds = seconds % 60;
    match (days, hours) {
        (0, 0) => format!("{minutes:02}:{seconds:02}"),
        (0, _) => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{days}-{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// `HH:MM:SS` with days before it where there are some.
#[must_use]
pub fn cumulative(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let clock = format!("{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if days == 0 {
        clock
    } else {
        format!("{days}-{clock}")
    }
}

/// A moment in the local time zone by a format of `strftime(3)`.
#[must_use]
pub fn local(seconds: i64, format: &str) -> String {
    let Ok(stamp) = Timestamp::from_second(seconds) else {
        return "?".to_owned();
    };
    let zoned = stamp.to_zoned(TimeZone::system());
    jiff::fmt::strtime::format(format, &zoned).unwrap_or_else(|_| "?".to_owned())
}

#[must_use]
pub fn now() -> i64 {
    Timestamp::now().as_second()
}
