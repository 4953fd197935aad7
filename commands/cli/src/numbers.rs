//! Sizes and durations with suffixes.

use std::time::Duration;

use crate::command::{Failure, fail};
use crate::options::{Parsed, Value};
use crate::quote::quote;

/// The factors of a size's suffix: `K` 1024, `kB` 1000, and so on; a bare `b` is 512.
fn factor(suffix: &str) -> Option<u64> {
    if suffix.is_empty() {
        return Some(1);
    }
    if suffix == "b" {
        return Some(512);
    }
    if suffix == "c" {
        return Some(1);
    }
    let mut characters = suffix.chars();
    let power = match characters.next()?.to_ascii_uppercase() {
        'K' => 1,
        'M' => 2,
        'G' => 3,
        'T' => 4,
        'P' => 5,
        'E' => 6,
        _ => return None,
    };
    match characters.as_str() {
        "" | "iB" => 1024_u64.checked_pow(power),
        "B" => 1000_u64.checked_pow(power),
        _ => None,
    }
}

/// A size as `dd`, `head` and `du` take it: `10`, `4K`, `1MB`, `2GiB`.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor = factor(suffix)?;
    if number.is_empty() {
        return (!suffix.is_empty()).then_some(factor);
    }
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A duration as `sleep` and `timeout` take it: `1.5`, `2m`, `1h`, `infinity`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3600.0),
        (at, 'd') => (&text[..at], 86_400.0),
        _ => (text, 1.0),
    };
    let seconds: f64 = number
        .parse()
        .ok()
        .filter(|seconds: &f64| *seconds >= 0.0)?;
    Some(Duration::try_from_secs_f64(seconds * unit).unwrap_or(Duration::MAX))
}

/// A size for people: at most one decimal below 10, rounded up, `1.5K`, `12M`. `base` is 1024 or 1000.
#[must_use]
pub fn human_size(size: u64, base: u64) -> String {
    let units: &[u8] = if base == 1000 { b"kMGTPE" } else { b"KMGTPE" };
    if size < base {
        return size.to_string();
    }
    let mut divisor = u128::from(base);
    let mut unit = 0;
    while u128::from(size) >= divisor * u128::from(base) && unit + 1 < units.len() {
        divisor *= u128::from(base);
        unit += 1;
    }
    let tenths = (u128::from(size) * 10).div_ceil(divisor);
    if tenths < 100 {
        return format!("{}.{}{}", tenths / 10, tenths % 10, units[unit] as char);
    }
    let whole = u128::from(size).div_ceil(divisor);
    if whole >= u128::from(base) && unit + 1 < units.len() {
        return format!("1.0{}", units[unit + 1] as char);
    }
    format!("{whole}{}", units[unit] as char)
}

/// How sizes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// As a number of units of so many bytes, rounded up.
    Units(u64),
    /// For people, by powers of 1024 or 1000.
    Human(u64),
}

impl Sizes {
    /// By the options of `df` and `du`, of which the last given counts: `--block-size`, `--human-readable`,
    /// `--si`, `-k`, `-m`, and `--bytes` of `du`.
    ///
    /// # Errors
    /// A block size that is none.
    pub fn of_options(parsed: &Parsed) -> Result<Self, Failure> {
        let names = ["bytes", "block-size", "human-readable", "si", "k", "m"];
        Ok(match parsed.last_of(&names) {
            Some("bytes") => Self::Units(1),
            Some("human-readable") => Self::Human(1024),
            Some("si") => Self::Human(1000),
            Some("m") => Self::Units(1 << 20),
            Some("block-size") => {
                let text = parsed
                    .value("block-size")
                    .map(Value::text)
                    .unwrap_or_default();
                let size = parse_size(&text).filter(|size| *size > 0);
                Self::Units(size.ok_or_else(|| {
                    fail(format!("invalid --block-size argument {}", quote(&text)))
                })?)
            }
            _ => Self::Units(1024),
        })
    }

    #[must_use]
    pub fn show(self, size: u64) -> String {
        match self {
            Self::Units(unit) => size.div_ceil(unit).to_string(),
            Self::Human(base) => human_size(size, base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{human_size, parse_duration, parse_size};
    use std::time::Duration;

    #[test]
    fn sizes_have_suffixes() {
        assert_eq!(parse_size("4K"), Some(4096));
        assert_eq!(parse_size("1MB"), Some(1_000_000));
        assert_eq!(parse_size("2b"), Some(1024));
        assert_eq!(parse_size("x"), None);
        assert_eq!(parse_size(""), None);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("-1"), None);
        assert_eq!(parse_duration("infinity"), Some(Duration::MAX));
    }

    #[test]
    fn sizes_for_people_round_up() {
        assert_eq!(human_size(1023, 1024), "1023");
        assert_eq!(human_size(1024, 1024), "1.0K");
        assert_eq!(human_size(1025, 1024), "1.1K");
        assert_eq!(human_size(10_241, 1024), "11K");
        assert_eq!(human_size(1_048_575, 1024), "1.0M");
    }
}
