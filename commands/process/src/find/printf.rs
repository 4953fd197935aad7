//! `-printf` and `-ls`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secure_exec_cli::{bytes, unescape};
use secure_exec_sys::stat::{Time, mode_string};
use secure_exec_sys::users;

use super::evaluate::{base_name, letter};
use super::walk::Found;

/// Half a Gregorian year: older files show the year in place of the time.
const RECENT_SECONDS: i64 = 31_556_952 / 2;

/// Replaces directives and escapes of a format.
pub fn expand(format: &str, found: &Found<'_>) -> Vec<u8> {
    let raw = format.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        match raw[at] {
            b'\\' if at + 1 < raw.len() => match escape(&raw[at + 1..]) {
                Some((byte, length)) => {
                    out.push(byte);
                    at += length;
                }
                // `\c` ends the output.
                None => return out,
            },
            b'%' if at + 1 < raw.len() => at += directive(&raw[at + 1..], found, &mut out),
            byte => out.push(byte),
        }
        at += 1;
    }
    out
}

/// The byte that an escape names, and its length; none for the one that ends the output.
fn escape(raw: &[u8]) -> Option<(u8, usize)> {
    unescape(raw).filter(|_| raw[0] != b'c')
}

/// Writes one directive; gives its length.
fn directive(raw: &[u8], found: &Found<'_>, out: &mut Vec<u8>) -> usize {
    if raw[0] == b'%' {
        out.push(b'%');
        return 1;
    }
    let flags = raw
        .iter()
        .take_while(|byte| b"-0#+ ".contains(byte))
        .count();
    let digits = raw[flags..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let width: usize = std::str::from_utf8(&raw[flags..flags + digits])
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut end = flags + digits;
    let mut precision = None;
    if raw.get(end) == Some(&b'.') {
        let digits = raw[end + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let text = std::str::from_utf8(&raw[end + 1..=end + digits]).unwrap_or_default();
        precision = Some(text.parse().unwrap_or(0));
        end += 1 + digits;
    }
    let Some(&name) = raw.get(end) else {
        out.push(b'%');
        return 0;
    };
    let (mut text, length) = match name {
        b'A' | b'C' | b'T' if raw.len() > end + 1 => {
            let time = match name {
                b'A' => found.stat.atime,
                b'C' => found.stat.ctime,
                _ => found.stat.mtime,
            };
            (time_field(time, raw[end + 1]).into_bytes(), end + 2)
        }
        _ => match field(name, found) {
            Some(text) => (text, end + 1),
            None => {
                out.push(b'%');
                out.push(name);
                return end + 1;
            }
        },
    };
    // Depths and modes are numbers to printf(3), all else are texts.
    if let Some(precision) = precision
        && !matches!(name, b'd' | b'm')
    {
        text.truncate(precision);
    }
    let missing = width.saturating_sub(text.len());
    let is_left = raw[..flags].contains(&b'-');
    let fill = if raw[..flags].contains(&b'0') && !is_left {
        b'0'
    } else {
        b' '
    };
    if !is_left {
        out.extend(std::iter::repeat_n(fill, missing));
    }
    out.extend(text);
    if is_left {
        out.extend(std::iter::repeat_n(b' ', missing));
    }
    length
}

fn field(name: u8, found: &Found<'_>) -> Option<Vec<u8>> {
    let file = &found.stat;
    let path = bytes(found.path);
    let user = || users::user_name(file.uid);
    let group = || users::group_name(file.gid);
    let target = || {
        std::fs::read_link(found.path)
            .map(|target| bytes(&target).to_vec())
            .unwrap_or_default()
    };
    Some(match name {
        b'p' => path.to_vec(),
        b'f' => base_name(path).to_vec(),
        b'h' => directory_name(path).to_vec(),
        b'P' => {
            let rest = path.strip_prefix(bytes(found.start)).unwrap_or(path);
            rest.strip_prefix(b"/").unwrap_or(rest).to_vec()
        }
        b'H' => bytes(found.start).to_vec(),
        b'l' => {
            if file.is_symlink() {
                target()
            } else {
                Vec::new()
            }
        }
        b'd' => found.depth.to_string().into(),
        b's' => file.size.to_string().into(),
        b'b' => file.blocks.to_string().into(),
        b'k' => file.blocks.div_ceil(2).to_string().into(),
        b'm' => format!("{:o}", file.permissions()).into(),
        b'M' => mode_string(file.mode).into(),
        b'n' => file.nlink.to_string().into(),
        b'i' => file.ino.to_string().into(),
        b'D' => file.dev.to_string().into(),
        b'u' => user().into(),
        b'U' => file.uid.to_string().into(),
        b'g' => group().into(),
        b'G' => file.gid.to_string().into(),
        b'y' => vec![letter(file)],
        b'Y' => {
            vec![secure_exec_sys::path::stat(found.path).map_or(b'N', |target| letter(&target))]
        }
        b't' => asctime(file.mtime).into(),
        b'a' => asctime(file.atime).into(),
        b'c' => asctime(file.ctime).into(),
        _ => return None,
    })
}

/// What is before the last component; `.` if there is nothing.
fn directory_name(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) => b"",
        Some(at) => &path[..at],
        None => b".",
    }
}

fn zoned(time: Time) -> jiff::Zoned {
    let nanoseconds = i32::try_from(time.nanoseconds).unwrap_or(0);
    Timestamp::new(time.seconds, nanoseconds)
        .unwrap_or_default()
        .to_zoned(TimeZone::system())
}

fn format_time(time: Time, format: &str) -> String {
    jiff::fmt::strtime::format(format, &zoned(time)).unwrap_or_default()
}

/// With ten digits of the second's fraction, of which the last is always 0.
fn asctime(time: Time) -> String {
    format_time(time, "%a %b %e %H:%M:%S.%9f0 %Y")
}

fn time_field(time: Time, directive: u8) -> String {
    match directive {
        b'@' => format!("{}.{:09}0", time.seconds, time.nanoseconds),
        b'+' => format_time(time, "%Y-%m-%d+%H:%M:%S.%9f0"),
        b'S' => format_time(time, "%S.%9f0"),
        b'T' => format_time(time, "%H:%M:%S.%9f0"),
        b'X' => format_time(time, "%H:%M:%S.%9f0"),
        b'x' | b'D' => format_time(time, "%m/%d/%y"),
        b'c' => format_time(time, "%a %b %e %H:%M:%S.%9f0 %Y"),
        other => format_time(time, &format!("%{}", other as char)),
    }
}

/// What `-ls` shows before the name.
pub fn listing(found: &Found<'_>) -> String {
    let file = &found.stat;
    let user = users::user_name(file.uid);
    let group = users::group_name(file.gid);
    let age = crate::clock::now() - file.mtime.seconds;
    let format = if (0..RECENT_SECONDS).contains(&age) {
        "%b %e %H:%M"
    } else {
        "%b %e  %Y"
    };
    format!(
        "{:>9} {:>6} {} {:>3} {user:<8} {group:<8} {:>8} {} ",
        file.ino,
        file.blocks.div_ceil(2),
        mode_string(file.mode),
        file.nlink,
        file.size,
        format_time(file.mtime, format),
    )
}

/// Where a link leads, for `-ls`.
pub fn target_arrow(found: &Found<'_>) -> String {
    match std::fs::read_link(found.path) {
        Ok(target) if found.stat.is_symlink() => format!(" -> {}", target.display()),
        _ => String::new(),
    }
}
