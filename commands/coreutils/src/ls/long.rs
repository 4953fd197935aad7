//! The long listing.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use secure_exec_cli::bytes;
use secure_exec_sys::stat::{
    S_IFBLK, S_IFCHR, Stat, Time, device_major, device_minor, mode_string,
};
use secure_exec_sys::users::{self, Group, User};

use super::layout::{block_text, indicator, name_cell};
use super::options::{Indicator, Options, Stamp, TimeStyle};
use super::{Entry, Target};

/// Half a Gregorian year: older files show the year in place of the time.
const RECENT_SECONDS: i64 = 31_556_952 / 2;

/// The columns of one entry before its name.
struct Row {
    inode: String,
    blocks: String,
    mode: String,
    links: String,
    owner: String,
    group: String,
    author: String,
    /// Of a device.
    major: String,
    size: String,
    time: String,
}

/// Names of users and groups, read once.
struct Names {
    users: Vec<User>,
    groups: Vec<Group>,
}

pub fn print(
    out: &mut impl Write,
    entries: &[Entry],
    also: &[Entry],
    options: &Options,
) -> io::Result<()> {
    let names = if options.numeric_ids {
        Names {
            users: Vec::new(),
            groups: Vec::new(),
        }
    } else {
        Names {
            users: users::users(),
            groups: users::groups(),
        }
    };
    let zone = TimeZone::system();
    let now = Timestamp::now().as_second();
    let rows: Vec<Row> = entries
        .iter()
        .chain(also)
        .map(|entry| row(entry, options, &names, &zone, now))
        .collect();
    let width = |field: fn(&Row) -> &String| {
        rows.iter()
            .map(|row| field(row).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (inode, blocks) = (width(|row| &row.inode), width(|row| &row.blocks));
    let (links, owner, group) = (
        width(|row| &row.links),
        width(|row| &row.owner),
        width(|row| &row.group),
    );
    let (author, major, time) = (
        width(|row| &row.author),
        width(|row| &row.major),
        width(|row| &row.time),
    );
    let widest = |of_devices: bool| {
        let of_kind = rows.iter().filter(|row| row.major.is_empty() != of_devices);
        of_kind.map(|row| row.size.len()).max().unwrap_or(0)
    };
    let minor = widest(true);
    let size = widest(false).max(if major > 0 { major + 2 + minor } else { 0 });
    for (entry, row) in entries.iter().zip(&rows) {
        let mut line = String::new();
        if options.inodes {
            line += &format!("{:>inode$} ", row.inode);
        }
        if options.blocks {
            line += &format!("{:>blocks$} ", row.blocks);
        }
        line += &format!("{} {:>links$} ", row.mode, row.links);
        for (is_shown, text, width) in [
            (options.owner, &row.owner, owner),
            (options.group, &row.group, group),
            (options.author, &row.author, author),
        ] {
            if is_shown && options.numeric_ids {
                line += &format!("{text:>width$} ");
            } else if is_shown {
                line += &format!("{text:<width$} ");
            }
        }
        if options.contexts {
            line += "? ";
        }
        line += &sizes(row, minor, size);
        line += &format!("{:>time$} ", row.time);
        out.write_all(line.as_bytes())?;
        out.write_all(&name_cell(entry, options).into_text())?;
        if let Some(target) = &entry.target {
            out.write_all(&arrow(target, options))?;
        }
        out.write_all(if options.zero { b"\0" } else { b"\n" })?;
    }
    Ok(())
}

/// The size, or for devices the two numbers, in a column that has room for both.
fn sizes(row: &Row, minor: usize, size: usize) -> String {
    if row.major.is_empty() {
        return format!("{:>size$} ", row.size);
    }
    let major = size - 2 - minor;
    format!("{:>major$}, {:>minor$} ", row.major, row.size)
}

fn arrow(target: &Target, options: &Options) -> Vec<u8> {
    let raw = bytes(&target.path);
    let shown = options.shown_name(raw);
    let shown = match &options.palette {
        Some(palette) => palette.paint_target(&shown, raw, target.stat.as_ref()),
        None => shown,
    };
    let mut out = format!(" -> {shown}").into_bytes();
    if options.indicator != Indicator::None {
        out.extend(
            target
                .stat
                .as_ref()
                .and_then(|found| indicator(found, options)),
        );
    }
    out
}

fn row(entry: &Entry, options: &Options, names: &Names, zone: &TimeZone, now: i64) -> Row {
    let Some(found) = &entry.stat else {
        return unknown();
    };
    let (major, size) = match found.kind() {
        S_IFCHR | S_IFBLK => (
            device_major(found.rdev).to_string(),
            device_minor(found.rdev).to_string(),
        ),
        _ => (String::new(), options.file_sizes.show(found.size)),
    };
    let owner = names.user(found.uid);
    Row {
        inode: found.ino.to_string(),
        blocks: block_text(entry, options),
        mode: mode_string(found.mode),
        links: found.nlink.to_string(),
        author: owner.clone(),
        owner,
        group: names.group(found.gid),
        major,
        size,
        time: time_text(stamp(found, options), options, zone, now),
    }
}

/// A file of which nothing can be had.
fn unknown() -> Row {
    let mark = || "?".to_owned();
    Row {
        inode: mark(),
        blocks: mark(),
        mode: "??????????".to_owned(),
        links: mark(),
        owner: mark(),
        group: mark(),
        author: mark(),
        major: String::new(),
        size: mark(),
        time: mark(),
    }
}

impl Names {
    fn user(&self, uid: u32) -> String {
        let found = self.users.iter().find(|user| user.uid == uid);
        found.map_or_else(|| uid.to_string(), |user| user.name.clone())
    }

    fn group(&self, gid: u32) -> String {
        let found = self.groups.iter().find(|group| group.gid == gid);
        found.map_or_else(|| gid.to_string(), |group| group.name.clone())
    }
}

fn stamp(found: &Stat, options: &Options) -> Time {
    match options.stamp {
        Stamp::Modified => found.mtime,
        Stamp::Accessed => found.atime,
        Stamp::Changed => found.ctime,
    }
}

fn time_text(time: Time, options: &Options, zone: &TimeZone, now: i64) -> String {
    let nanoseconds = i32::try_from(time.nanoseconds).unwrap_or(0);
    let Ok(moment) = Timestamp::new(time.seconds, nanoseconds) else {
        return time.seconds.to_string();
    };
    let zoned: Zoned = moment.to_zoned(zone.clone());
    let is_recent = time.seconds <= now && time.seconds > now - RECENT_SECONDS;
    let format = match &options.time_style {
        TimeStyle::FullIso => "%Y-%m-%d %H:%M:%S.%9f %z",
        TimeStyle::LongIso => "%Y-%m-%d %H:%M",
        TimeStyle::Iso if is_recent => "%m-%d %H:%M",
        TimeStyle::Iso => "%Y-%m-%d ",
        TimeStyle::Locale if is_recent => "%b %e %H:%M",
        TimeStyle::Locale => "%b %e  %Y",
        TimeStyle::Format(text) => {
            // A second line is for recent files.
            let mut lines = text.split('\n');
            let first = lines.next().unwrap_or_default();
            if is_recent {
                lines.next().unwrap_or(first)
            } else {
                first
            }
        }
    };
    let format = format.replace("%N", "%9f");
    jiff::fmt::strtime::format(&format, &zoned).unwrap_or_else(|_| format.clone())
}
