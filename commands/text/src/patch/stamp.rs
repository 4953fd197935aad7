//! The dates in the headers of patches, `2024-01-01 00:00:00.000000000 +0000`.

use secure_exec_cli::{Zone, days_since_epoch};

/// Seconds and nanoseconds since the epoch of a date. One that names no zone is in the one given.
pub fn seconds(text: &[u8], zone: &Zone) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split_ascii_whitespace();
    let (date, time) = (words.next()?, words.next()?);
    let mut parts = date.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let day: i64 = parts.next()?.parse().ok()?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    let nanoseconds = format!("{fraction:0<9.9}").parse().ok()?;
    let days = days_since_epoch(year, month, day);
    let shown = days * 86_400 + hours * 3600 + minutes * 60 + seconds;
    let total = match words.next() {
        None => zone.moment(shown),
        Some(zone) => {
            let (sign, digits) = match zone.split_at_checked(1)? {
                ("-", digits) => (-1, digits),
                ("+", digits) => (1, digits),
                _ => return None,
            };
            let (hours, minutes) = digits.split_at_checked(2)?;
            let minutes: i64 = minutes.trim_start_matches(':').parse().ok()?;
            shown - sign * (hours.parse::<i64>().ok()? * 3600 + minutes * 60)
        }
    };
    Some((total, nanoseconds))
}
