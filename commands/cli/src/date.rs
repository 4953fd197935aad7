//! Dates of the Gregorian calendar, in UTC. [`crate::Zone`] has what clocks elsewhere show.

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The months, by their English names.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A date and the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    pub year: i64,
    /// 1 is January.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// 0 is Sunday.
    pub weekday: i64,
    /// 0 is the first of January.
    pub yearday: i64,
}

impl Date {
    /// The date that is `seconds` after 1970.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400);
        let rest = seconds.rem_euclid(86_400);
        // Years that begin with March have their leap day at the end, and eras of 400 years equal lengths.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days + 4).rem_euclid(7),
            yearday: days - days_since_epoch(year, 1, 1),
        }
    }

    /// The year and week of ISO 8601, whose weeks begin with Monday and belong to the year of their Thursday.
    #[must_use]
    pub fn iso_week(&self) -> (i64, i64) {
        let monday = (self.weekday + 6) % 7;
        let week = (self.yearday - monday + 10) / 7;
        let long = |year: i64| {
            let first = (days_since_epoch(year, 1, 1) + 3).rem_euclid(7);
            let leap = days_since_epoch(year + 1, 1, 1) - days_since_epoch(year, 1, 1) == 366;
            first == 3 || (leap && first == 2)
        };
        if week < 1 {
            (self.year - 1, if long(self.year - 1) { 53 } else { 52 })
        } else if week == 53 && !long(self.year) {
            (self.year + 1, 1)
        } else {
            (self.year, week)
        }
    }

    /// `Sunday`; the first three letters are the short name.
    #[must_use]
    pub fn weekday_name(&self) -> &'static str {
        WEEKDAYS[usize::try_from(self.weekday).unwrap_or(0)]
    }

    /// `January`; the first three letters are the short name.
    #[must_use]
    pub fn month_name(&self) -> &'static str {
        MONTHS[usize::try_from(self.month - 1).unwrap_or(0)]
    }
}

/// Days from 1970-01-01 to a date.
#[must_use]
pub fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Date, days_since_epoch};

    #[test]
    fn dates_have_names() {
        let date = Date::from_seconds(951_827_696);
        assert_eq!((date.year, date.month, date.day), (2000, 2, 29));
        assert_eq!((date.hour, date.minute, date.second), (12, 34, 56));
        assert_eq!((date.weekday_name(), date.yearday), ("Tuesday", 59));
        assert_eq!(date.month_name(), "February");
    }

    #[test]
    fn days_go_there_and_back() {
        for days in -800_000..800_000 {
            let date = Date::from_seconds(days * 86_400);
            assert_eq!(days_since_epoch(date.year, date.month, date.day), days);
        }
    }
}
