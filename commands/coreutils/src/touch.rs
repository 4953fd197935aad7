//! What `touch` does beyond uutils, which takes dates without a zone for UTC.

use std::ffi::OsString;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// Dates on local clocks.
const LOCAL: [&str; 3] = [
    "%a %b %e %H:%M:%S %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
];
/// A date whose offset uutils does not look at.
const WITH_OFFSET: &str = "%Y-%m-%d %H:%M %z";

/// The same moment in UTC; nothing if it is a date that uutils understands as it is.
fn in_utc(text: &str) -> Option<String> {
    let local = |format: &&str| {
        let date = strtime::parse(format, text).ok()?.to_datetime().ok()?;
        TimeZone::system().to_timestamp(date).ok()
    };
    let moment = match LOCAL.iter().find_map(local) {
        Some(moment) => moment,
        None => strtime::parse(WITH_OFFSET, text)
            .ok()?
            .to_timestamp()
            .ok()?,
    };
    let utc = moment.to_zoned(TimeZone::UTC);
    strtime::format("%Y-%m-%d %H:%M:%S.%9f", &utc).ok()
}

/// Writes the dates of `-d` in UTC.
pub fn put_dates_into_utc(list: &mut [OsString]) {
    let mut is_value = false;
    for word in list.iter_mut().skip(1) {
        let text = word.to_string_lossy().into_owned();
        let (option, value) = if std::mem::take(&mut is_value) {
            (String::new(), text)
        } else if text == "--" {
            return;
        } else if text == "--date" {
            is_value = true;
            continue;
        } else if let Some(value) = text.strip_prefix("--date=") {
            ("--date=".to_owned(), value.to_owned())
        } else if text.starts_with('-')
            && !text.starts_with("--")
            && let Some(at) = text.find(['d', 'r', 't'])
            && text[at..].starts_with('d')
        {
            let (option, value) = text.split_at(at + 1);
            is_value = value.is_empty();
            (option.to_owned(), value.to_owned())
        } else {
            continue;
        };
        if let Some(date) = in_utc(&value) {
            *word = format!("{option}{date}").into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_utc;

    #[test]
    fn offsets_count_and_other_words_stay() {
        assert_eq!(
            in_utc("2024-07-01 12:00 -0400").as_deref(),
            Some("2024-07-01 16:00:00.000000000")
        );
        for text in ["yesterday", "@5", "2024-07-01", "2024-07-01T12:00:00Z"] {
            assert_eq!(in_utc(text), None, "{text}");
        }
    }
}
