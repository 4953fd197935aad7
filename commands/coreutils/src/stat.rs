//! `stat`: what is known of files and filesystems, with the formats of the GNU tool.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secure_exec_cli::warn_path;
use secure_exec_cli::{
    Args, Outcome, Parsed, Syntax, bytes, flag, required, shell_escape, unescape,
};
use secure_exec_sys::path::{Statfs, lstat, stat, statfs};
use secure_exec_sys::stat::{
    S_IFBLK, S_IFCHR, Stat, Time, device_major, device_minor, mode_string,
};
use secure_exec_sys::users;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('L', "dereference"),
        flag('f', "file-system"),
        required('c', "format"),
        required('\0', "printf"),
        flag('t', "terse"),
        required('\0', "cached"),
    ],
    usage: "[OPTION]... FILE...",
    usage_status: 1,
    operand_ends: false,
};

const FILE: &str = "  File: %\x01\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\nDevice: %Hd,%Ld\tInode: %-11i \
                    Links: %h\nAccess: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\nAccess: %x\nModify: %y\n\
                    Change: %z\n Birth: %w\n";
const DEVICE: &str = "  File: %\x01\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\nDevice: %Hd,%Ld\tInode: %-11i \
                      Links: %-5h Device type: %Hr,%Lr\nAccess: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: \
                      (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z\n Birth: %w\n";
const TERSE: &str = "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %W %o\n";
const FILESYSTEM: &str = "  File: \"%n\"\n    ID: %-8i Namelen: %-7l Type: %T\nBlock size: %-10s Fundamental \
                          block size: %S\nBlocks: Total: %-10b Free: %-10f Available: %a\nInodes: Total: %-10c \
                          Free: %d\n";
const FILESYSTEM_TERSE: &str = "%n %i %l %t %s %S %b %f %a %c %d\n";

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(SYNTAX.missing_operand(args));
    }
    let mut status = 0;
    for operand in &parsed.operands {
        let done = if parsed.has("file-system") {
            filesystem(&parsed, operand)
        } else {
            file(&parsed, operand)
        };
        if let Err(error) = done {
            let what = if parsed.has("file-system") {
                "cannot read file system information for"
            } else {
                "cannot statx"
            };
            warn_path(&args.name, what, Path::new(operand), &error);
            status = 1;
        }
    }
    Ok(status)
}

/// The chosen format and whether backslashes in it mean something.
fn format(parsed: &Parsed, default: &str) -> (String, bool) {
    match parsed.last_of(&["format", "printf"]) {
        Some("format") => (
            parsed
                .value("format")
                .map(secure_exec_cli::Value::text)
                .unwrap_or_default()
                + "\n",
            false,
        ),
        Some(_) => (
            parsed
                .value("printf")
                .map(secure_exec_cli::Value::text)
                .unwrap_or_default(),
            true,
        ),
        None => (default.to_owned(), false),
    }
}

fn file(parsed: &Parsed, name: &OsString) -> io::Result<()> {
    let found = if name == "-" {
        secure_exec_sys::fd::stat(0)?
    } else if parsed.has("dereference") {
        stat(name)?
    } else {
        lstat(name)?
    };
    let default = match found.kind() {
        _ if parsed.has("terse") => TERSE,
        S_IFBLK | S_IFCHR => DEVICE,
        _ => FILE,
    };
    let (format, escapes) = format(parsed, default);
    let text = expand(&format, escapes, |directive| {
        file_field(directive, name, &found)
    });
    io::stdout().write_all(&text)
}

fn filesystem(parsed: &Parsed, name: &OsString) -> io::Result<()> {
    let found = statfs(name)?;
    let default = if parsed.has("terse") {
        FILESYSTEM_TERSE
    } else {
        FILESYSTEM
    };
    let (format, escapes) = format(parsed, default);
    let text = expand(&format, escapes, |directive| {
        filesystem_field(directive, name, &found)
    });
    io::stdout().write_all(&text)
}

/// Replaces the directives of a format. `field` gives the text of one, which flags and width then shape.
fn expand(format: &str, escapes: bool, field: impl Fn(&str) -> Option<Vec<u8>>) -> Vec<u8> {
    let raw = format.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        match raw[at] {
            b'\\' if escapes && at + 1 < raw.len() => {
                if let Some((byte, length)) = unescape(&raw[at + 1..]) {
                    out.push(byte);
                    at += length;
                }
            }
            // At the end it stands for itself, also before the newline that is put there.
            b'%' if matches!(&raw[at + 1..], [] | [b'\n']) => out.push(b'%'),
            b'%' if raw.get(at + 1) == Some(&b'%') => {
                out.push(b'%');
                at += 1;
            }
            b'%' => at += directive(&raw[at + 1..], &field, &mut out),
            byte => out.push(byte),
        }
        at += 1;
    }
    out
}

/// Writes one directive; gives its length.
fn directive(raw: &[u8], field: &impl Fn(&str) -> Option<Vec<u8>>, out: &mut Vec<u8>) -> usize {
    let flags = raw
        .iter()
        .take_while(|byte| b"-#0+ '".contains(byte))
        .count();
    let width = raw[flags..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let mut end = flags + width;
    let mut precision = None;
    if raw.get(end) == Some(&b'.') {
        let digits = raw[end + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        precision = Some(number(&raw[end + 1..end + 1 + digits]));
        end += 1 + digits;
    }
    let length = if matches!(raw.get(end), Some(b'H' | b'L')) && raw.len() > end + 1 {
        2
    } else {
        1
    };
    let name = raw
        .get(end..end + length)
        .and_then(|name| std::str::from_utf8(name).ok())
        .unwrap_or_default();
    let Some(mut text) = field(name) else {
        out.push(b'?');
        return end + length;
    };
    if matches!(name, "X" | "Y" | "Z" | "W") {
        shape_seconds(&mut text, precision);
    } else if let Some(Some(precision)) = precision {
        text.truncate(precision);
    }
    let flags = &raw[..flags];
    if flags.contains(&b'#') && name == "a" {
        text.insert(0, b'0');
    }
    let wanted = number(&raw[flags.len()..flags.len() + width]).unwrap_or(0);
    let missing = wanted.saturating_sub(text.len());
    let (left, fill) = (
        flags.contains(&b'-'),
        if flags.contains(&b'0') { b'0' } else { b' ' },
    );
    if !left {
        out.extend(std::iter::repeat_n(fill, missing));
    }
    out.extend(text);
    if left {
        out.extend(std::iter::repeat_n(b' ', missing));
    }
    end + length
}

/// Cuts the fraction of seconds to as many digits as were asked for: none without a point, all behind a bare one.
fn shape_seconds(text: &mut Vec<u8>, precision: Option<Option<usize>>) {
    let whole = text.iter().position(|byte| *byte == b'.');
    let Some(whole) = whole else { return };
    match precision {
        None | Some(Some(0)) => text.truncate(whole),
        Some(digits) => text.resize(whole + 1 + digits.unwrap_or(NANOSECOND_DIGITS), b'0'),
    }
}

const NANOSECOND_DIGITS: usize = 9;

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn file_field(directive: &str, name: &OsString, found: &Stat) -> Option<Vec<u8>> {
    let user = || users::user_by_uid(found.uid).map_or_else(|| "UNKNOWN".into(), |user| user.name);
    let group =
        || users::group_by_gid(found.gid).map_or_else(|| "UNKNOWN".into(), |group| group.name);
    Some(
        match directive {
            "n" => return Some(bytes(name).to_vec()),
            "N" => quoted(name, found, true),
            // Of the default format: in quotes only where that is needed.
            "\x01" => quoted(name, found, false),
            "a" => format!("{:o}", found.permissions()),
            "A" => mode_string(found.mode),
            "b" => found.blocks.to_string(),
            "B" => "512".into(),
            "d" => found.dev.to_string(),
            "D" => format!("{:x}", found.dev),
            "Hd" => device_major(found.dev).to_string(),
            "Ld" => device_minor(found.dev).to_string(),
            "f" => format!("{:x}", found.mode),
            "F" => found.kind_words().into(),
            "g" => found.gid.to_string(),
            "G" => group(),
            "h" => found.nlink.to_string(),
            "i" => found.ino.to_string(),
            "m" => "/".into(),
            "o" => found.blksize.to_string(),
            "s" => found.size.to_string(),
            "r" => found.rdev.to_string(),
            "R" => format!("{:x}", found.rdev),
            "t" => format!("{:x}", device_major(found.rdev)),
            "T" => format!("{:x}", device_minor(found.rdev)),
            "Hr" => device_major(found.rdev).to_string(),
            "Lr" => device_minor(found.rdev).to_string(),
            "u" => found.uid.to_string(),
            "U" => user(),
            "x" => moment(found.atime),
            "y" => moment(found.mtime),
            "z" => moment(found.ctime),
            "X" => seconds(found.atime),
            "Y" => seconds(found.mtime),
            "Z" => seconds(found.ctime),
            // The filesystem does not record when a file was made.
            "w" => "-".into(),
            "W" => "0.000000000".into(),
            _ => return None,
        }
        .into_bytes(),
    )
}

fn quoted(name: &OsString, found: &Stat, always: bool) -> String {
    let own = shell_escape(bytes(name), always);
    match std::fs::read_link(name) {
        Ok(target) if found.is_symlink() => {
            format!("{own} -> {}", shell_escape(bytes(&target), always))
        }
        _ => own,
    }
}

/// Seconds since 1970 with their fraction.
fn seconds(time: Time) -> String {
    if time.seconds < 0 && time.nanoseconds > 0 {
        // Half a second before 1970 is one second less and half a second more.
        let (whole, rest) = (time.seconds + 1, 1_000_000_000 - time.nanoseconds);
        let sign = if whole == 0 { "-" } else { "" };
        return format!("{sign}{whole}.{rest:09}");
    }
    format!("{}.{:09}", time.seconds, time.nanoseconds)
}

fn moment(time: Time) -> String {
    let nanoseconds = i32::try_from(time.nanoseconds).unwrap_or(0);
    let Ok(stamp) = Timestamp::new(time.seconds, nanoseconds) else {
        return time.seconds.to_string();
    };
    let zoned = stamp.to_zoned(TimeZone::system());
    jiff::fmt::strtime::format("%Y-%m-%d %H:%M:%S.%9f %z", &zoned).unwrap_or_default()
}

fn filesystem_field(directive: &str, name: &OsString, found: &Statfs) -> Option<Vec<u8>> {
    Some(
        match directive {
            "n" => return Some(bytes(name).to_vec()),
            "a" => found.available.to_string(),
            "b" => found.blocks.to_string(),
            "c" => found.files.to_string(),
            "d" => found.files_free.to_string(),
            "f" => found.free.to_string(),
            "i" => "0".into(),
            "l" => found.name_max.to_string(),
            "s" | "S" => found.block_size.to_string(),
            "t" => format!("{:x}", found.kind),
            "T" => filesystem_name(found.kind),
            _ => return None,
        }
        .into_bytes(),
    )
}

/// By the magic numbers of `statfs(2)`.
fn filesystem_name(kind: u64) -> String {
    match kind {
        0x0102_1994 => "tmpfs".into(),
        0x9fa0 => "proc".into(),
        0x794c_7630 => "overlayfs".into(),
        0xef53 => "ext2/ext3".into(),
        0x6265_6572 => "sysfs".into(),
        other => format!("UNKNOWN (0x{other:x})"),
    }
}
