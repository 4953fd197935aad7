//! Structures as strace shows them, abbreviated as it does without `-v`.

use super::flags::FileMode;
use super::text::Quoted;
use crate::abi::resource::{RLIM_INFINITY, Rlimit};
use crate::abi::stat::{S_IFBLK, S_IFCHR, S_IFMT, SetTime, Stat, StatFs, Timespec};
use crate::abi::utsname::Utsname;
use core::fmt;

/// A structure of Linux's, as strace shows it.
pub(crate) struct Shown<'a, T>(pub &'a T);

impl fmt::Display for Shown<'_, Stat> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{st_mode={}, ", FileMode(self.0.mode))?;
        if matches!(self.0.mode & S_IFMT, S_IFCHR | S_IFBLK) {
            // As `makedev(3)` puts them together.
            let major = (self.0.rdev >> 8) & 0xfff | (self.0.rdev >> 32) & !0xfff;
            let minor = self.0.rdev & 0xff | (self.0.rdev >> 12) & !0xff;
            write!(f, "st_rdev=makedev({major:#x}, {minor:#x}), ...}}")
        } else {
            write!(f, "st_size={}, ...}}", self.0.size)
        }
    }
}

impl fmt::Display for Shown<'_, StatFs> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            0x0102_1994 => f.write_str("{f_type=TMPFS_MAGIC")?,
            0x9fa0 => f.write_str("{f_type=PROC_SUPER_MAGIC")?,
            0x1cd1 => f.write_str("{f_type=DEVPTS_SUPER_MAGIC")?,
            0x5049_5045 => f.write_str("{f_type=PIPEFS_MAGIC")?,
            other => write!(f, "{{f_type={other:#x}")?,
        }
        write!(
            f,
            ", f_bsize={}, f_blocks={}, f_bfree={}, f_bavail={}, f_files={}, f_ffree={}, f_namelen={}, ...}}",
            self.0.bsize,
            self.0.blocks,
            self.0.bfree,
            self.0.bavail,
            self.0.files,
            self.0.ffree,
            self.0.namelen
        )
    }
}

impl fmt::Display for Shown<'_, Timespec> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{tv_sec={}, tv_nsec={}}}", self.0.sec, self.0.nsec)
    }
}

impl fmt::Display for Shown<'_, Utsname> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (system, node) = (
            Quoted(self.0.sysname.as_bytes()),
            Quoted(self.0.nodename.as_bytes()),
        );
        write!(f, "{{sysname={system}, nodename={node}, ...}}")
    }
}

/// A bound, in units of 1024 where it is a multiple of that.
struct Bound(u64);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RLIM_INFINITY => f.write_str("RLIM64_INFINITY"),
            bound if bound > 1024 && bound.is_multiple_of(1024) => {
                write!(f, "{}*1024", bound / 1024)
            }
            bound => write!(f, "{bound}"),
        }
    }
}

impl fmt::Display for Shown<'_, Rlimit> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (soft, hard) = (Bound(self.0.soft), Bound(self.0.hard));
        write!(f, "{{rlim_cur={soft}, rlim_max={hard}}}")
    }
}

/// Times that `utimensat(2)` sets.
pub(crate) struct SetTimes(pub [SetTime; 2]);

impl fmt::Display for SetTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == [SetTime::Now; 2] {
            return f.write_str("NULL");
        }
        super::list(f, &self.0, |time, f| match time {
            SetTime::Now => f.write_str("UTIME_NOW"),
            SetTime::Omit => f.write_str("UTIME_OMIT"),
            SetTime::At(time) => write!(f, "{} /* {} */", Shown(time), Date(*time)),
        })
    }
}

/// A time as a date.
struct Date(Timespec);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timespec { sec, nsec } = self.0;
        let (days, second) = (sec.div_euclid(86_400), sec.rem_euclid(86_400));
        // From days since 1970 to the date, with years that begin in March: leap days come last then.
        let shifted = days + 719_468;
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = year + era * 400 + next;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if nsec != 0 {
            write!(f, ".{nsec:09}")?;
        }
        f.write_str("+0000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::stat::{S_IFDIR, S_IFREG};

    #[test]
    fn files_by_size_and_devices_by_number() {
        let stat = |mode, size, rdev| {
            let stat = Stat {
                mode,
                size,
                rdev,
                ..Stat::default()
            };
            Shown(&stat).to_string()
        };
        let shown = [
            stat(S_IFREG | 0o644, 1221, 0),
            stat(S_IFDIR | 0o1777, 4096, 0),
            stat(S_IFCHR | 0o600, 0, 0x8802),
        ];
        assert_eq!(
            shown,
            [
                "{st_mode=S_IFREG|0644, st_size=1221, ...}",
                "{st_mode=S_IFDIR|S_ISVTX|0777, st_size=4096, ...}",
                "{st_mode=S_IFCHR|0600, st_rdev=makedev(0x88, 0x2), ...}",
            ]
        );
    }

    #[test]
    fn times_with_their_date() {
        let at = |sec, nsec| SetTime::At(Timespec { sec, nsec });
        assert_eq!(
            SetTimes([at(1, 2), SetTime::Omit]).to_string(),
            "[{tv_sec=1, tv_nsec=2} /* 1970-01-01T00:00:01.000000002+0000 */, UTIME_OMIT]"
        );
        assert_eq!(SetTimes([SetTime::Now; 2]).to_string(), "NULL");
        let dates =
            [951_782_400, 4_107_542_400, -1].map(|sec| Date(Timespec { sec, nsec: 0 }).to_string());
        assert_eq!(
            dates,
            [
                "2000-02-29T00:00:00+0000",
                "2100-03-01T00:00:00+0000",
                "1969-12-31T23:59:59+0000"
            ]
        );
    }

    #[test]
    fn limits_in_units() {
        let limit = Rlimit {
            soft: 8 << 20,
            hard: RLIM_INFINITY,
        };
        assert_eq!(
            Shown(&limit).to_string(),
            "{rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}"
        );
    }
}
