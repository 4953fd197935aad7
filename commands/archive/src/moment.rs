//! Points in time as dates, in UTC: the machine has no other time zone.

use secure_exec_cli::{Date, days_since_epoch};

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
        let date = Date::from_seconds(seconds.clamp(-62_135_596_800, 253_402_300_799));
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
        days_since_epoch(self.year, self.month.into(), self.day.into()) * 86_400
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
    }

    /// `2026-01-31 12:00`.
    pub fn minute_text(self) -> String {
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute
        )
    }
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
