//! Time zones: what `TZ` names, as POSIX writes it (`EST5EDT,M3.2.0,M11.1.0`) or by a name of the database of zones.
//!
//! The database is in one program only: `date --tzif=NAME` writes what it has of a zone, which is asked for once, unless
//! there is a `/usr/share/zoneinfo`.

mod posix;
mod tzif;

use crate::Date;
use posix::Rule;
use tzif::Transitions;

/// What a clock on the wall differs by from UTC at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// East of Greenwich, in seconds.
    pub seconds: i64,
    /// `EST`.
    pub name: String,
    /// Whether it is that of summer time.
    pub summer: bool,
}

impl Offset {
    fn utc(name: &str) -> Self {
        Self {
            seconds: 0,
            name: name.to_owned(),
            summer: false,
        }
    }

    /// `-0500`.
    #[must_use]
    pub fn digits(&self) -> String {
        let minutes = self.seconds.abs() / 60;
        let sign = if self.seconds < 0 { '-' } else { '+' };
        format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
    }
}

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone {
    transitions: Transitions,
    /// From the last transition on.
    rule: Rule,
}

impl Zone {
    /// The zone that a value of `TZ` names; UTC without one, or if it names none.
    #[must_use]
    pub fn named(tz: Option<&str>) -> Self {
        Self::with_database(tz, |name| output_of("/bin/date", &format!("--tzif={name}")))
    }

    /// As [`Zone::named`], for a program that has the database of zones: `file` gives the file of a name.
    #[must_use]
    pub fn with_database(tz: Option<&str>, file: impl FnOnce(&str) -> Option<Vec<u8>>) -> Self {
        let name = tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz));
        let name = name.filter(|name| !name.is_empty()).unwrap_or("UTC");
        if matches!(name, "UTC" | "GMT" | "Etc/UTC") {
            // Nobody has to be asked for it.
            let letters = name.rsplit('/').next().unwrap_or(name);
            return Self::of(Rule::fixed(Offset::utc(letters)));
        }
        // These are rules of POSIX, and the database has them with what was before the rule.
        let in_both = matches!(name, "EST5EDT" | "CST6CDT" | "MST7MDT" | "PST8PDT");
        let own = Rule::parse(name);
        if let Some(rule) = own.clone().filter(|_| !in_both) {
            return Self::of(rule);
        }
        let file = in_filesystem(name, file);
        if let Some((transitions, footer)) = file.as_deref().and_then(tzif::parse)
            && let Some(rule) = Rule::parse(&footer).or_else(|| transitions.last_rule())
        {
            return Self { transitions, rule };
        }
        if let Some(rule) = own {
            return Self::of(rule);
        }
        // What the C library makes of a name that it does not find: the letters it begins with.
        let letters: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
        Self::of(Rule::fixed(Offset::utc(&letters)))
    }

    /// The zone of the environment's `TZ`.
    #[must_use]
    pub fn local() -> Self {
        Self::named(std::env::var("TZ").ok().as_deref())
    }

    fn of(rule: Rule) -> Self {
        Self {
            transitions: Transitions::default(),
            rule,
        }
    }

    /// The offset at a moment, in seconds after 1970.
    #[must_use]
    pub fn offset(&self, seconds: i64) -> Offset {
        match self.transitions.at(seconds) {
            Some(offset) => offset.clone(),
            None => self.rule.at(seconds).clone(),
        }
    }

    /// The date that clocks show at a moment.
    #[must_use]
    pub fn date(&self, seconds: i64) -> Date {
        Date::from_seconds(seconds + self.offset(seconds).seconds)
    }

    /// The moment at which clocks show what `seconds` is as a date in UTC: the first of two; one that they leave out is as
    /// much later as they are put forward.
    #[must_use]
    pub fn moment(&self, seconds: i64) -> i64 {
        const DAY: i64 = 86_400;
        let before = self.offset(seconds - DAY).seconds;
        let after = self.offset(seconds + DAY).seconds;
        for offset in [before, after] {
            if self.offset(seconds - offset).seconds == offset {
                return seconds - offset;
            }
        }
        seconds - before
    }
}

/// The file of a zone, from the filesystem or else from the database.
fn in_filesystem(name: &str, database: impl FnOnce(&str) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    if !name.chars().all(plain) || name.starts_with('/') {
        return None;
    }
    std::fs::read(format!("/usr/share/zoneinfo/{name}"))
        .ok()
        .or_else(|| database(name))
}

/// What a program writes; nothing if it fails.
fn output_of(path: &str, argument: &str) -> Option<Vec<u8>> {
    use secure_exec_sys::{fd, process};
    let (read, write) = fd::pipe(fd::O_CLOEXEC).ok()?;
    let program = process::Program {
        file: path.into(),
        args: vec![path.into(), argument.into()],
        actions: vec![process::Action::Dup2 {
            oldfd: write,
            fd: 1,
        }],
        ..process::Program::default()
    };
    let started = process::spawn(&program);
    // It is the child's alone.
    let _ = fd::close(write);
    let mut bytes = Vec::new();
    if started.is_ok() {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = fd::read(read, &mut buffer) {
            bytes.extend_from_slice(&buffer[..count]);
        }
    }
    let _ = fd::close(read);
    let (_, status) = process::wait(started.ok()?, 0).ok()??;
    (status.exited() == Some(0)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::Zone;

    fn shown(tz: &str, seconds: i64) -> String {
        let zone = Zone::named(Some(tz));
        let (date, offset) = (zone.date(seconds), zone.offset(seconds));
        format!(
            "{}-{:02}-{:02} {:02}:{:02} {} {}",
            date.year,
            date.month,
            date.day,
            date.hour,
            date.minute,
            offset.digits(),
            offset.name
        )
    }

    #[test]
    fn zones_of_posix() {
        for (tz, seconds, expected) in [
            ("", 0, "1970-01-01 00:00 +0000 UTC"),
            ("UTC0", 0, "1970-01-01 00:00 +0000 UTC"),
            ("JST-9", 0, "1970-01-01 09:00 +0900 JST"),
            ("<+0545>-5:45", 0, "1970-01-01 05:45 +0545 +0545"),
            ("EST5EDT", 1_719_835_200, "2024-07-01 08:00 -0400 EDT"),
            (
                "EST5EDT,M3.2.0,M11.1.0",
                1_704_110_400,
                "2024-01-01 07:00 -0500 EST",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_711_846_799,
                "2024-03-31 01:59 +0100 CET",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_711_846_800,
                "2024-03-31 03:00 +0200 CEST",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_729_990_799,
                "2024-10-27 02:59 +0200 CEST",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_729_990_800,
                "2024-10-27 02:00 +0100 CET",
            ),
            (
                "AEST-10AEDT,M10.1.0,M4.1.0/3",
                1_704_067_200,
                "2024-01-01 11:00 +1100 AEDT",
            ),
            (
                "AAA3BBB,J60,300/1:30",
                1_709_269_200,
                "2024-03-01 03:00 -0200 BBB",
            ),
            ("Nowhere/Land", 0, "1970-01-01 00:00 +0000 Nowhere"),
        ] {
            assert_eq!(shown(tz, seconds), expected, "{tz} {seconds}");
        }
    }

    #[test]
    fn dates_become_moments() {
        let zone = Zone::named(Some("CET-1CEST,M3.5.0,M10.5.0/3"));
        let wall = |hour: i64, days: i64| days * 86_400 + hour * 3600;
        // 2024-03-31 has no 02:00, 2024-10-27 has it twice.
        assert_eq!(zone.moment(wall(1, 19_813)), 1_711_843_200);
        assert_eq!(zone.moment(wall(2, 19_813)), 1_711_846_800);
        assert_eq!(zone.moment(wall(3, 19_813)), 1_711_846_800);
        assert_eq!(zone.moment(wall(2, 20_023)), 1_729_987_200);
    }
}
