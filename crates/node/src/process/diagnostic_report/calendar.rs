//! When a report is made.

use crate::env::Env;

/// Milliseconds of the kernel's wall clock.
pub(in crate::process) fn wall_clock(env: &Env) -> i64 {
    let kernel = env.try_process().and_then(|process| process.kernel().ok());
    kernel.map_or(0, |kernel| {
        let now = kernel.clock().realtime();
        now.sec * 1000 + i64::from(now.nsec / 1_000_000)
    })
}

/// Year, month, day, hour, minute, second of UTC seconds since the epoch (proleptic Gregorian calendar).
pub(in crate::process) fn civil(seconds: i64) -> (i64, i64, i64, i64, i64, i64) {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn seconds_become_calendar_dates() {
        assert_eq!(civil(0), (1970, 1, 1, 0, 0, 0));
        assert_eq!(civil(951_782_400), (2000, 2, 29, 0, 0, 0));
        assert_eq!(civil(1_763_717_696), (2025, 11, 21, 9, 34, 56));
    }
}
