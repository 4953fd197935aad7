//! `strftime` and `mktime`, in the time zone of the environment or in UTC.

use std::sync::LazyLock;

use secure_exec_cli::{Date, Offset, Zone, days_since_epoch};

/// The format of `strftime` where none is given.
pub const DEFAULT: &[u8] = b"%a %b %e %H:%M:%S %Z %Y";

/// The zone that `TZ` names.
static LOCAL: LazyLock<Zone> = LazyLock::new(Zone::local);

/// UTC, of which an argument asks.
static UTC: LazyLock<Zone> = LazyLock::new(|| Zone::named(None));

fn zone(utc: bool) -> &'static Zone {
    if utc { &UTC } else { &LOCAL }
}

fn conversion(letter: u8, time: &Date, offset: &Offset, seconds: i64) -> Option<String> {
    let nested = |format: &[u8]| {
        String::from_utf8_lossy(&written(format, time, offset, seconds)).into_owned()
    };
    let day = time.weekday_name();
    let month = time.month_name();
    let hour12 = if time.hour % 12 == 0 {
        12
    } else {
        time.hour % 12
    };
    Some(match letter {
        b'a' => day[..3].to_owned(),
        b'A' => day.to_owned(),
        b'b' | b'h' => month[..3].to_owned(),
        b'B' => month.to_owned(),
        b'c' => nested(b"%a %b %e %H:%M:%S %Y"),
        b'C' => format!("{:02}", time.year.div_euclid(100)),
        b'd' => format!("{:02}", time.day),
        b'D' | b'x' => nested(b"%m/%d/%y"),
        b'e' => format!("{:2}", time.day),
        b'F' => nested(b"%Y-%m-%d"),
        b'g' => format!("{:02}", time.iso_week().0.rem_euclid(100)),
        b'G' => time.iso_week().0.to_string(),
        b'H' => format!("{:02}", time.hour),
        b'I' => format!("{hour12:02}"),
        b'j' => format!("{:03}", time.yearday + 1),
        b'k' => format!("{:2}", time.hour),
        b'l' => format!("{hour12:2}"),
        b'm' => format!("{:02}", time.month),
        b'M' => format!("{:02}", time.minute),
        b'n' => "\n".to_owned(),
        b'p' => (if time.hour < 12 { "AM" } else { "PM" }).to_owned(),
        b'r' => nested(b"%I:%M:%S %p"),
        b'R' => nested(b"%H:%M"),
        b's' => seconds.to_string(),
        b'S' => format!("{:02}", time.second),
        b't' => "\t".to_owned(),
        b'T' | b'X' => nested(b"%H:%M:%S"),
        b'u' => (if time.weekday == 0 { 7 } else { time.weekday }).to_string(),
        b'U' => format!("{:02}", (time.yearday + 7 - time.weekday) / 7),
        b'V' => format!("{:02}", time.iso_week().1),
        b'w' => time.weekday.to_string(),
        b'W' => format!("{:02}", (time.yearday + 7 - (time.weekday + 6) % 7) / 7),
        b'y' => format!("{:02}", time.year.rem_euclid(100)),
        b'Y' => time.year.to_string(),
        b'z' => offset.digits(),
        b'Z' => offset.name.clone(),
        b'%' => "%".to_owned(),
        _ => return None,
    })
}

/// A moment by a format, on local clocks or in UTC.
pub fn strftime(format: &[u8], seconds: i64, utc: bool) -> Vec<u8> {
    let inside = seconds.clamp(-100_000_000_000_000, 100_000_000_000_000);
    let zone = zone(utc);
    written(format, &zone.date(inside), &zone.offset(inside), seconds)
}

fn written(format: &[u8], time: &Date, offset: &Offset, seconds: i64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < format.len() {
        let byte = format[at];
        at += 1;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let start = at;
        if matches!(format.get(at), Some(b'E' | b'O')) {
            at += 1;
        }
        let text = format
            .get(at)
            .and_then(|letter| conversion(*letter, time, offset, seconds));
        match text {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                at += 1;
            }
            None => {
                out.push(b'%');
                at = start;
            }
        }
    }
    out
}

/// Seconds of `YYYY MM DD HH MM SS` on local clocks or in UTC; -1 if it is none.
pub fn mktime(text: &[u8], utc: bool) -> f64 {
    let text = String::from_utf8_lossy(text);
    let parts: Vec<i64> = text
        .split_whitespace()
        .map_while(|part| part.parse().ok())
        .collect();
    let [year, month, day, hour, minute, second, ..] = parts[..] else {
        return -1.0;
    };
    if year.abs() > 1_000_000 {
        return -1.0;
    }
    let months = year * 12 + month - 1;
    let days = days_since_epoch(months.div_euclid(12), months.rem_euclid(12) + 1, 1) + day - 1;
    let shown = days * 86_400 + hour * 3600 + minute * 60 + second;
    zone(utc).moment(shown) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(
            strftime(b"%Y-%m-%d %H:%M:%S %a %j", 951_827_696, true),
            b"2000-02-29 12:34:56 Tue 060"
        );
        assert_eq!(mktime(b"2000 02 29 12 34 56", true), 951_827_696.0);
        assert_eq!(strftime(b"%G-%V", 1_609_459_200, true), b"2020-53");
    }
}
