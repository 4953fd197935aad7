//! `xxd`: a dump in hexadecimal, and back.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use secure_exec_cli::{Args, Failure, Outcome, Parsed, Syntax, fail, flag, required};
use secure_exec_sys::errno;

use crate::input;
use crate::printable::printable;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "autoskip"),
        flag('b', "bits"),
        required('c', "cols"),
        flag('E', "EBCDIC"),
        flag('e', "e"),
        required('g', "groupsize"),
        flag('i', "include"),
        required('l', "len"),
        required('n', "name"),
        required('o', "offset"),
        flag('p', "plain"),
        flag('\0', "ps"),
        flag('r', "revert"),
        required('s', "seek"),
        flag('u', "upper"),
    ],
    usage: "[options] [infile [outfile]]",
    usage_status: 1,
    operand_ends: false,
};

struct Layout {
    columns: usize,
    group: usize,
    upper: bool,
    bits: bool,
    little_endian: bool,
    skips_zeros: bool,
    /// Added to the offsets that are shown.
    shown_from: usize,
}

pub fn main(args: &Args) -> Outcome {
    // Words behind one dash, too: `-ps`, `-len 4`.
    let list = args.list.iter().map(|word| {
        let text = word.to_string_lossy();
        const WORDS: &[&str] = &[
            "-ps",
            "-bits",
            "-cols",
            "-groupsize",
            "-include",
            "-len",
            "-plain",
            "-postscript",
            "-revert",
            "-seek",
            "-autoskip",
        ];
        match WORDS.iter().find(|name| **name == text) {
            Some(&"-postscript") => "--plain".into(),
            Some(name) => format!("-{name}").into(),
            None => word.clone(),
        }
    });
    let args = &Args {
        name: args.name.clone(),
        list: list.collect(),
    };
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("EBCDIC") {
        return Err(fail("-E is not supported"));
    }
    let plain = parsed.has("plain") || parsed.has("ps");
    let from = parsed
        .operands
        .first()
        .map_or_else(|| "-".into(), Clone::clone);
    let bytes = input::read(&from).map_err(|error| Failure {
        status: 2,
        message: format!("{}: {}", from.to_string_lossy(), errno::message(&error)),
    })?;
    let to = parsed.operands.get(1).filter(|name| *name != "-");
    if parsed.has("revert") {
        // A line has as many bytes as a dump of its kind; what follows is its text.
        let columns = number(&parsed, "cols")?.and_then(|columns| usize::try_from(columns).ok());
        return revert(
            &bytes,
            plain,
            columns.filter(|columns| *columns > 0).unwrap_or(16),
            number(&parsed, "seek")?.unwrap_or(0),
            to.map(std::ffi::OsString::as_os_str),
        );
    }
    let mut out: Box<dyn Write> = match to {
        Some(name) => Box::new(File::create(name).map_err(|error| Failure {
            status: 3,
            message: format!("{}: {}", name.to_string_lossy(), errno::message(&error)),
        })?),
        None => Box::new(io::stdout()),
    };
    let mut text = Vec::new();
    let skip = number(&parsed, "seek")?.unwrap_or(0);
    let length =
        number(&parsed, "len")?.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
    let start = if skip < 0 {
        bytes
            .len()
            .saturating_sub(usize::try_from(-skip).unwrap_or(usize::MAX))
    } else {
        bytes.len().min(usize::try_from(skip).unwrap_or(usize::MAX))
    };
    let shown = &bytes[start..];
    let shown = &shown[..length.min(shown.len())];
    let (bits, little_endian) = (parsed.has("bits"), parsed.has("e"));
    let include = parsed.has("include");
    let columns = number(&parsed, "cols")?.and_then(|columns| usize::try_from(columns).ok());
    let default = if plain {
        30
    } else if include {
        12
    } else if bits {
        6
    } else {
        16
    };
    let given_group = number(&parsed, "groupsize")?.and_then(|group| usize::try_from(group).ok());
    let columns = match columns {
        Some(0) if plain => usize::MAX,
        Some(0) | None => default,
        Some(columns) => columns,
    };
    let group = match given_group.unwrap_or(if bits {
        1
    } else if little_endian {
        4
    } else {
        2
    }) {
        0 => columns,
        group => group,
    };
    let layout = Layout {
        columns,
        group,
        upper: parsed.has("upper"),
        bits,
        little_endian,
        skips_zeros: parsed.has("autoskip"),
        shown_from: start
            + number(&parsed, "offset")?
                .and_then(|offset| usize::try_from(offset).ok())
                .unwrap_or(0),
    };
    if include {
        let name = parsed.value("name").map(secure_exec_cli::Value::text);
        let name = name.or_else(|| (from != "-").then(|| from.to_string_lossy().into_owned()));
        layout.include(&mut text, shown, name.as_deref());
    } else if plain {
        for line in shown.chunks(layout.columns) {
            line.iter()
                .for_each(|&byte| text.extend(layout.hex(byte).bytes()));
            text.push(b'\n');
        }
    } else {
        layout.dump(&mut text, shown);
    }
    out.write_all(&text)?;
    out.flush()?;
    Ok(0)
}

/// A number as C writes it: also octal and hexadecimal.
fn number(parsed: &Parsed, name: &str) -> Result<Option<i64>, Failure> {
    let Some(value) = parsed.value(name) else {
        return Ok(None);
    };
    let text = value.text();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let number = if let Some(digits) = digits.strip_prefix("0x") {
        i64::from_str_radix(digits, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(digits, 8)
    } else {
        digits.parse()
    };
    number
        .map(|number| Some(sign * number))
        .map_err(|_| fail(format!("invalid number '{text}'")))
}

impl Layout {
    fn hex(&self, byte: u8) -> String {
        match (self.bits, self.upper) {
            (true, _) => format!("{byte:08b}"),
            (_, true) => format!("{byte:02X}"),
            _ => format!("{byte:02x}"),
        }
    }

    fn dump(&self, text: &mut Vec<u8>, bytes: &[u8]) {
        let digits = if self.bits { 8 } else { 2 };
        let width = self.columns * digits + self.columns.div_ceil(self.group);
        let mut zeros = 0;
        let count = bytes.len().div_ceil(self.columns);
        for (index, line) in bytes.chunks(self.columns).enumerate() {
            if self.skips_zeros && line.iter().all(|&byte| byte == 0) && index + 1 < count {
                zeros += 1;
                if zeros > 1 {
                    if zeros == 2 {
                        text.extend_from_slice(b"*\n");
                    }
                    continue;
                }
            } else {
                zeros = 0;
            }
            let mut hex = String::new();
            for group in line.chunks(self.group) {
                if self.little_endian {
                    (group.len()..self.group).for_each(|_| hex.push_str("  "));
                    group
                        .iter()
                        .rev()
                        .for_each(|&byte| hex.push_str(&self.hex(byte)));
                } else {
                    group.iter().for_each(|&byte| hex.push_str(&self.hex(byte)));
                }
                hex.push(' ');
            }
            let shown = printable(line);
            let offset = self.shown_from + index * self.columns;
            text.extend_from_slice(format!("{offset:08x}: {hex:width$} {shown}\n").as_bytes());
        }
    }

    /// An array of C, and its length, under a name; without one only what is between the braces.
    fn include(&self, text: &mut Vec<u8>, bytes: &[u8], name: Option<&str>) {
        let mut identifier = String::new();
        for letter in name.unwrap_or_default().chars() {
            if identifier.is_empty() && letter.is_ascii_digit() {
                identifier.push_str("__");
            }
            identifier.push(if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            });
        }
        if name.is_some() {
            text.extend_from_slice(format!("unsigned char {identifier}[] = {{\n").as_bytes());
        }
        let lines: Vec<String> = bytes
            .chunks(self.columns)
            .map(|line| {
                let line: Vec<String> = line
                    .iter()
                    .map(|&byte| format!("0x{}", self.hex(byte)))
                    .collect();
                format!("  {}", line.join(", "))
            })
            .collect();
        text.extend_from_slice(lines.join(",\n").as_bytes());
        if !lines.is_empty() {
            text.push(b'\n');
        }
        if name.is_some() {
            text.extend_from_slice(
                format!("}};\nunsigned int {identifier}_len = {};\n", bytes.len()).as_bytes(),
            );
        }
    }
}

/// The bytes of digits that stand side by side, but for blanks. Another character takes the digit before it along; two of
/// them behind a byte, or three in a row, end the line.
fn plain_bytes(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The last characters, as digits.
    let (mut second, mut first) = (None, None);
    let (mut skips, mut seen) = (false, 0);
    for &byte in text {
        if byte == b'\n' {
            skips = false;
        }
        if skips || byte.is_ascii_whitespace() {
            continue;
        }
        let digit = char::from(byte).to_digit(16);
        seen += 1;
        let third = second;
        second = first;
        first = digit.and_then(|digit| u8::try_from(digit).ok());
        match (third, second, first) {
            (_, Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                first = None;
            }
            (None, None, None) if seen > 2 => skips = true,
            _ => {}
        }
    }
    bytes
}

/// Makes bytes of a dump. Offsets are places in the output, which is patched where it can be.
fn revert(text: &[u8], plain: bool, columns: usize, shift: i64, to: Option<&OsStr>) -> Outcome {
    if plain {
        let bytes = plain_bytes(text);
        match to {
            Some(name) => std::fs::write(name, bytes)?,
            None => io::stdout().write_all(&bytes)?,
        }
        return Ok(0);
    }
    let mut parts = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let line = String::from_utf8_lossy(line).into_owned();
        let line = line.trim_start();
        let length = line.bytes().take_while(u8::is_ascii_hexdigit).count();
        let Ok(offset) = i64::from_str_radix(&line[..length], 16) else {
            continue;
        };
        let rest = &line[length..];
        // Two blanks end the digits.
        let rest = rest.strip_prefix(':').unwrap_or(rest).trim_start();
        let digits = rest.split("  ").next().unwrap_or_default();
        let digits: Vec<u8> = digits
            .chars()
            .take_while(|c| c.is_ascii_hexdigit() || *c == ' ')
            .filter_map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .take(columns)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect();
        if bytes.is_empty() {
            continue;
        }
        parts.push((
            u64::try_from(offset + shift).map_err(|_| fail("Sorry, cannot seek backwards."))?,
            bytes,
        ));
    }
    if let Some(name) = to {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(name)?;
        for (offset, bytes) in parts {
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&bytes)?;
        }
        return Ok(0);
    }
    let mut out = Vec::new();
    for (offset, bytes) in parts {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if offset < out.len() {
            io::stdout().write_all(&out)?;
            return Err(fail("Sorry, cannot seek backwards."));
        }
        if offset - out.len() > 1 << 30 {
            return Err(fail("the offset is too far behind what was written"));
        }
        out.resize(offset, 0);
        out.extend_from_slice(&bytes);
    }
    io::stdout().write_all(&out)?;
    Ok(0)
}
