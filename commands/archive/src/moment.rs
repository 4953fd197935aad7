//! Points in time as dates on local clocks, and as the times of files.

use secure_exec_cli::{Zone, days_since_epoch};
use secure_exec_sys::stat::Time;
use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The zone that `TZ` names.
static LOCAL: LazyLock<Zone> = LazyLock::new(Zone::local);

/// A date and time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub year: i64,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Moment {
    /// The moment that is `seconds` after 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        let date = LOCAL.date(seconds.clamp(-62_135_596_800, 253_402_300_799));
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        Self {
            year: date.year,
            month: small(date.month),
            day: small(date.day),
            hour: small(date.hour),
            minute: small(date.minute),
            second: small(date.second),
        }
    }

    pub fn seconds(self) -> i64 {
        local_seconds(
            days_since_epoch(self.year, self.month.into(), self.day.into()) * 86_400
                + i64::from(self.hour) * 3600
                + i64::from(self.minute) * 60
                + i64::from(self.second),
        )
    }

    /// `2026-01-31 12:00`.
    pub fn minute_text(self) -> String {
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute
        )
    }
}

/// The moment at which local clocks show what `seconds` is as a date in UTC.
fn local_seconds(seconds: i64) -> i64 {
    LOCAL.moment(seconds)
}

/// Sets the time of the last change of a file.
pub fn set_modified(path: &Path, modified: SystemTime) -> io::Result<()> {
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Time {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: since.subsec_nanos(),
    };
    secure_exec_sys::times::set(path, time, time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_there_and_back() {
        let moment = Moment::from_seconds(951_827_696);
        assert_eq!(moment.minute_text(), "2000-02-29 12:34");
        assert_eq!(moment.seconds(), 951_827_696);
    }
}
