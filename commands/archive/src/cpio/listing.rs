//! The lines of `cpio -tv`.

use super::Run;
use super::header::Member;
use crate::moment::Moment;
use secure_exec_sys::stat::{S_IFBLK, S_IFCHR, mode_string};
use secure_exec_sys::users;
use std::collections::HashMap;

/// Half a year, as `ls` has it, in seconds.
const RECENT: i64 = 6 * 30 * 24 * 60 * 60;

/// Names of users and groups.
pub struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    now: i64,
}

impl Names {
    pub fn new() -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self {
            users: users::user_names(),
            groups: users::group_names(),
            now: i64::try_from(now).unwrap_or(0),
        }
    }

    /// The line of a member without what ends it.
    pub fn long_line(&self, run: &Run, member: &Member, target: Option<&[u8]>) -> Vec<u8> {
        let shown = |known: &HashMap<u32, String>, number: u32| match known.get(&number) {
            Some(name) if !run.options.numeric => name.chars().take(8).collect(),
            _ => number.to_string(),
        };
        let user = shown(&self.users, member.uid);
        let group = shown(&self.groups, member.gid);
        let size = if matches!(member.kind(), S_IFCHR | S_IFBLK) {
            format!("{:3}, {:3}", member.rdev.0, member.rdev.1)
        } else {
            format!("{:8}", member.size)
        };
        let mut line = format!(
            "{} {:3} {user:<8} {group:<8} {size} {} ",
            mode_string(member.mode),
            member.nlink,
            self.time(member.mtime)
        )
        .into_bytes();
        line.extend_from_slice(&member.name);
        if let Some(target) = target {
            line.extend_from_slice(b" -> ");
            line.extend_from_slice(target);
        }
        line
    }

    fn time(&self, seconds: u64) -> String {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let moment = Moment::from_seconds(seconds);
        let month = MONTHS
            .get(usize::from(moment.month).wrapping_sub(1))
            .unwrap_or(&"Jan");
        let age = self.now - seconds;
        if (0..=RECENT).contains(&age) {
            format!(
                "{month} {:2} {:02}:{:02}",
                moment.day, moment.hour, moment.minute
            )
        } else {
            format!("{month} {:2}  {:4}", moment.day, moment.year)
        }
    }
}
