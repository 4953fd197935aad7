//! What POSIX has the clock set to: `MMDDhhmm[[CC]YY][.ss]`.

use secure_exec_cli::{Zone, days_since_epoch};

use super::input::Moment;

/// The moment that digits name on the clocks of a zone; nothing if they name none.
pub fn moment(text: &[u8], now: Moment, zone: &Zone) -> Option<Moment> {
    let (digits, second) = match text.iter().position(|&byte| byte == b'.') {
        Some(at) if text.len() == at + 3 => (&text[..at], pair(&text[at + 1..])?),
        Some(_) => return None,
        None => (text, 0),
    };
    let pairs: Vec<i64> = digits.chunks(2).map(pair).collect::<Option<_>>()?;
    let (fields, year) = match pairs[..] {
        [month, day, hour, minute] => ([month, day, hour, minute], zone.date(now.0).year),
        [month, day, hour, minute, year] => {
            let century = if year < 69 { 2000 } else { 1900 };
            ([month, day, hour, minute], century + year)
        }
        [month, day, hour, minute, century, year] => {
            ([month, day, hour, minute], century * 100 + year)
        }
        _ => return None,
    };
    let [month, day, hour, minute] = fields;
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (next_year, next) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    let length = days_since_epoch(next_year, next, 1) - days_since_epoch(year, month, 1);
    if day < 1 || day > length {
        return None;
    }
    let days = days_since_epoch(year, month, day);
    let shown = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some((zone.moment(shown), 0))
}

fn pair(digits: &[u8]) -> Option<i64> {
    match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::moment;
    use secure_exec_cli::Zone;

    #[test]
    fn digits_name_a_moment() {
        let zone = Zone::named(None);
        let found = |text: &str| moment(text.as_bytes(), (0, 0), &zone).map(|found| found.0);
        assert_eq!(found("01020304"), Some(97_440));
        assert_eq!(found("0101000070.05"), Some(5));
        assert_eq!(found("010100002000"), Some(946_684_800));
        for text in [
            "",
            "01",
            "13010000",
            "02300000",
            "01012400",
            "0101000.0",
            "01010000.5",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
