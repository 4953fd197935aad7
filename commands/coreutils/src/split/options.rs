//! The command line of `split`.

use std::ffi::{OsStr, OsString};

use secure_exec_cli::{
    Args, Failure, Parsed, Syntax, bytes, fail, flag, optional, os_string, quote, required,
};

use super::suffix::{Alphabet, Suffixes};
use crate::input::{OUT_OF_RANGE, TOO_LARGE};

const SYNTAX: Syntax = Syntax {
    options: &[
        required('a', "suffix-length"),
        required('\0', "additional-suffix"),
        required('b', "bytes"),
        required('C', "line-bytes"),
        flag('d', "d"),
        optional('\0', "numeric-suffixes"),
        flag('x', "x"),
        optional('\0', "hex-suffixes"),
        flag('e', "elide-empty-files"),
        required('\0', "filter"),
        required('l', "lines"),
        required('n', "number"),
        required('t', "separator"),
        flag('u', "unbuffered"),
        flag('\0', "verbose"),
        // The digits of `-15`, an old form of `-l 15`.
        flag('0', "0"),
        flag('1', "1"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "9"),
    ],
    usage: "[OPTION]... [FILE [PREFIX]]",
    usage_status: 1,
    operand_ends: false,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Byte,
    Line,
    /// Lines go to the pieces in turn.
    Turn,
}

/// The value of `-n`.
#[derive(Clone, Copy, Debug)]
pub struct Chunks {
    pub unit: Unit,
    pub count: u64,
    /// The only piece that is wanted, from 0; it goes to standard output.
    pub wanted: Option<u64>,
    /// Empty pieces are left out.
    pub elides: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Division {
    Bytes(u64),
    Lines(u64),
    LineBytes(u64),
    Chunks(Chunks),
}

pub struct Options {
    pub division: Division,
    pub separator: u8,
    pub suffixes: Suffixes,
    pub additional: OsString,
    pub filter: Option<OsString>,
    pub is_verbose: bool,
    pub file: OsString,
    pub prefix: OsString,
}

impl Options {
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let parsed = SYNTAX.parse(args)?;
        let mut division = None;
        let (mut digits, mut separator) = (String::new(), None);
        for (name, value) in &parsed.options {
            let value = value.os();
            let found = match *name {
                "bytes" => Division::Bytes(size(&value)?),
                "line-bytes" => Division::LineBytes(size(&value)?),
                "lines" => Division::Lines(whole(&value, "number of lines")?),
                "number" => Division::Chunks(chunks(&value, parsed.has("elide-empty-files"))?),
                "separator" => {
                    let given = separator_of(&value)?;
                    if separator.is_some_and(|known| known != given) {
                        return Err(fail("multiple separator characters specified"));
                    }
                    separator = Some(given);
                    continue;
                }
                digit if digit.len() == 1 && digit.as_bytes()[0].is_ascii_digit() => {
                    digits.push_str(digit);
                    let count = whole(OsStr::new(&digits), "number of lines")?;
                    if digits.len() > 1 {
                        division = None;
                    }
                    Division::Lines(count)
                }
                _ => continue,
            };
            if division.replace(found).is_some() {
                return Err(SYNTAX.wrong(args, "cannot split in more than one way"));
            }
        }
        let division = division.unwrap_or(Division::Lines(1000));
        let additional = additional(args, &parsed)?;
        let suffixes = suffixes(args, &parsed, division)?;
        let filter = parsed.value("filter").map(|value| value.os());
        let is_printed = matches!(division, Division::Chunks(chunks) if chunks.wanted.is_some());
        if filter.is_some() && is_printed {
            let text = "--filter does not process a chunk extracted to stdout";
            return Err(SYNTAX.wrong(args, text));
        }
        let mut operands = parsed.operands.iter().cloned();
        let file = operands.next().unwrap_or_else(|| "-".into());
        let prefix = operands.next().unwrap_or_else(|| "x".into());
        if let Some(extra) = operands.next() {
            return Err(SYNTAX.wrong(args, &format!("extra operand {}", quote(&extra))));
        }
        Ok(Self {
            division,
            separator: separator.unwrap_or(b'\n'),
            suffixes,
            additional,
            filter,
            is_verbose: parsed.has("verbose"),
            file,
            prefix,
        })
    }
}

fn separator_of(value: &OsStr) -> Result<u8, Failure> {
    match bytes(value) {
        [] => Err(fail("empty record separator")),
        [byte] => Ok(*byte),
        b"\\0" => Ok(0),
        _ => Err(fail(format!("multi-character separator {}", quote(value)))),
    }
}

fn additional(args: &Args, parsed: &Parsed) -> Result<OsString, Failure> {
    let value = parsed
        .value("additional-suffix")
        .map(|value| value.os())
        .unwrap_or_default();
    if bytes(&value).contains(&b'/') {
        let text = format!(
            "invalid suffix {}, contains directory separator",
            quote(&value)
        );
        return Err(SYNTAX.wrong(args, &text));
    }
    Ok(value)
}

fn suffixes(args: &Args, parsed: &Parsed, division: Division) -> Result<Suffixes, Failure> {
    let mut found = Suffixes {
        alphabet: Alphabet::Letters,
        length: 2,
        start: 0,
        widens: true,
    };
    let mut length = 0;
    if let Some(value) = parsed.value("suffix-length") {
        let value = value.os();
        length = unsigned(bytes(&value))
            .and_then(|length| usize::try_from(length).map_err(|_| TOO_LARGE))
            .map_err(|why| fail(format!("invalid suffix length: {}{why}", quote(&value))))?;
    }
    for (name, value) in &parsed.options {
        found.alphabet = match *name {
            "d" | "numeric-suffixes" => Alphabet::Decimal,
            "x" | "hex-suffixes" => Alphabet::Hexadecimal,
            _ => continue,
        };
        let text = value.text();
        if !text.is_empty() {
            found.start = start(args, &text, found.alphabet)?;
            found.widens = false;
        }
    }
    if let Division::Chunks(chunks) = division {
        // A start beyond the number of pieces does not make names longer, as in 9.1.
        let first = if found.start < chunks.count {
            found.start
        } else {
            0
        };
        let needed = found.alphabet.length_of(chunks.count - 1 + first);
        if length > 0 && length < needed {
            let text = format!("the suffix length needs to be at least {needed}");
            return Err(fail(text));
        }
        found.length = needed.max(2);
        found.widens = false;
    }
    if length > 0 {
        found.length = length;
        found.widens = false;
    }
    if found.start > 0 && found.alphabet.length_of(found.start) > found.length {
        let text = "numerical suffix start value is too large for the suffix length";
        return Err(SYNTAX.wrong(args, text));
    }
    Ok(found)
}

fn start(args: &Args, text: &str, alphabet: Alphabet) -> Result<u64, Failure> {
    let (radix, kind) = match alphabet {
        Alphabet::Hexadecimal => (16, "hexadecimal"),
        _ => (10, "numerical"),
    };
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
    let number = u64::from_str_radix(text, radix).ok().filter(|_| is_number);
    number.ok_or_else(|| {
        let shown = quote(OsStr::new(text));
        SYNTAX.wrong(
            args,
            &format!("{shown}: invalid start value for {kind} suffix"),
        )
    })
}

/// A whole number without a sign before it.
fn unsigned(text: &[u8]) -> Result<u64, &'static str> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("");
    }
    let text = String::from_utf8_lossy(digits);
    let number = text.parse::<u64>().ok();
    number
        .filter(|number| i64::try_from(*number).is_ok())
        .ok_or(TOO_LARGE)
}

fn whole(value: &OsStr, what: &str) -> Result<u64, Failure> {
    unsigned(bytes(value))
        .and_then(|number| {
            if number == 0 {
                Err(OUT_OF_RANGE)
            } else {
                Ok(number)
            }
        })
        .map_err(|why| fail(format!("invalid {what}: {}{why}", quote(value))))
}

/// A number of bytes: `K`, `KiB`, `kB` and their kind may follow it, or stand alone.
fn size(value: &OsStr) -> Result<u64, Failure> {
    let text = bytes(value);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let number = if digits.is_empty() && !unit.is_empty() {
        Ok(1)
    } else {
        unsigned(digits)
    };
    let found = number.and_then(|number| {
        let unit = multiplier(unit).ok_or("")?;
        let size = unit.and_then(|unit| number.checked_mul(unit));
        size.filter(|size| i64::try_from(*size).is_ok())
            .ok_or(TOO_LARGE)
    });
    found
        .and_then(|size| {
            if size == 0 {
                Err(OUT_OF_RANGE)
            } else {
                Ok(size)
            }
        })
        .map_err(|why| fail(format!("invalid number of bytes: {}{why}", quote(value))))
}

/// What a unit stands for: nothing if there is no such unit, `Some(None)` beyond 64 bits.
fn multiplier(unit: &[u8]) -> Option<Option<u64>> {
    let (letter, base) = match unit {
        [] => return Some(Some(1)),
        b"b" => return Some(Some(512)),
        [letter] | [letter, b'i', b'B'] => (*letter, 1024_u64),
        [letter, b'B'] => (*letter, 1000),
        _ => return None,
    };
    let power = match letter {
        b'k' => 1,
        b'm' => 2,
        letter => 1 + u32::try_from(b"KMGTPEZY".iter().position(|each| *each == letter)?).ok()?,
    };
    Some(base.checked_pow(power))
}

/// Reads `[l|r/][K/]N`.
fn chunks(value: &OsStr, elides: bool) -> Result<Chunks, Failure> {
    let text = bytes(value);
    let (unit, text) = match text {
        [b'l', b'/', rest @ ..] => (Unit::Line, rest),
        [b'r', b'/', rest @ ..] => (Unit::Turn, rest),
        _ => (Unit::Byte, text),
    };
    let slash = text.iter().position(|&byte| byte == b'/');
    let (piece, count) = match slash {
        Some(at) => (
            Some(&text[..at]).filter(|piece| !piece.is_empty()),
            &text[at + 1..],
        ),
        None => (None, text),
    };
    let count = whole(&os_string(count), "number of chunks")?;
    let wanted = match piece {
        Some(text) => {
            let text = os_string(text);
            let number = whole(&text, "chunk number")?;
            if number > count {
                let shown = quote(&text);
                return Err(fail(format!("invalid chunk number: {shown}{OUT_OF_RANGE}")));
            }
            Some(number - 1)
        }
        None => None,
    };
    Ok(Chunks {
        unit,
        count,
        wanted,
        elides,
    })
}
