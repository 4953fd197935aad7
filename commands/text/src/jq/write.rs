//! Values as jq writes them.

use super::options::{Options, Strings};
use jaq_json::{Num, Val};
use std::io::{self, Write};

/// How a value is laid out.
struct Style<'a> {
    indent: Option<&'a str>,
    sort: bool,
    ascii: bool,
    color: bool,
}

const PLAIN: Style<'static> = Style {
    indent: None,
    sort: false,
    ascii: false,
    color: false,
};

mod color {
    pub const NULL: &str = "\x1b[1;30m";
    pub const PLAIN: &str = "\x1b[0;39m";
    pub const TEXT: &str = "\x1b[0;32m";
    pub const CONTAINER: &str = "\x1b[1;39m";
    pub const KEY: &str = "\x1b[34;1m";
    pub const RESET: &str = "\x1b[0m";
}

/// Writes one output of the program.
pub fn output(out: &mut dyn Write, value: &Val, options: &Options) -> io::Result<()> {
    if options.seq {
        out.write_all(b"\x1e")?;
    }
    match (value, options.strings) {
        (Val::TStr(text) | Val::BStr(text), Strings::Raw | Strings::Joined | Strings::Nul)
            if !options.ascii =>
        {
            out.write_all(text)?;
        }
        _ => {
            let style = Style {
                indent: options.indent.as_deref(),
                sort: options.sort_keys,
                ascii: options.ascii,
                color: options.color,
            };
            let mut text = Vec::with_capacity(256);
            append(&mut text, value, &style, 0);
            out.write_all(&text)?;
        }
    }
    match options.strings {
        Strings::Joined => {}
        Strings::Nul => out.write_all(b"\0")?,
        _ => out.write_all(b"\n")?,
    }
    if options.unbuffered {
        out.flush()
    } else {
        Ok(())
    }
}

/// Appends a value on one line.
pub fn compact(out: &mut Vec<u8>, value: &Val) {
    append(out, value, &PLAIN, 0);
}

/// What follows `jq: error (at ...)` for an error value.
pub fn error_text(value: Val) -> String {
    match value {
        Val::TStr(text) => format!(": {}", String::from_utf8_lossy(&text)),
        other => {
            let mut text = Vec::new();
            compact(&mut text, &other);
            format!(" (not a string): {}", String::from_utf8_lossy(&text))
        }
    }
}

fn colored(out: &mut Vec<u8>, style: &Style, code: &str, write: impl FnOnce(&mut Vec<u8>)) {
    if !style.color {
        return write(out);
    }
    out.extend_from_slice(code.as_bytes());
    write(out);
    out.extend_from_slice(color::RESET.as_bytes());
}

fn append(out: &mut Vec<u8>, value: &Val, style: &Style, depth: usize) {
    match value {
        Val::Null => colored(out, style, color::NULL, |out| {
            out.extend_from_slice(b"null")
        }),
        Val::Bool(flag) => {
            let text: &[u8] = if *flag { b"true" } else { b"false" };
            colored(out, style, color::PLAIN, |out| out.extend_from_slice(text));
        }
        Val::Num(number) => colored(out, style, color::PLAIN, |out| append_number(out, number)),
        Val::TStr(text) | Val::BStr(text) => {
            colored(out, style, color::TEXT, |out| {
                append_text(out, text, style.ascii)
            });
        }
        Val::Arr(array) => {
            let elements: Vec<(Option<&Val>, &Val)> =
                array.iter().map(|element| (None, element)).collect();
            container(out, style, depth, [b'[', b']'], &elements);
        }
        Val::Obj(object) => {
            let mut members: Vec<(Option<&Val>, &Val)> = object
                .iter()
                .map(|(key, value)| (Some(key), value))
                .collect();
            if style.sort {
                members.sort_by(|left, right| left.0.cmp(&right.0));
            }
            container(out, style, depth, [b'{', b'}'], &members);
        }
    }
}

fn new_line(out: &mut Vec<u8>, style: &Style, depth: usize) {
    if let Some(indent) = style.indent {
        out.push(b'\n');
        for _ in 0..depth {
            out.extend_from_slice(indent.as_bytes());
        }
    }
}

fn container(
    out: &mut Vec<u8>,
    style: &Style,
    depth: usize,
    marks: [u8; 2],
    members: &[(Option<&Val>, &Val)],
) {
    let start = |out: &mut Vec<u8>| {
        if style.color {
            out.extend_from_slice(color::CONTAINER.as_bytes());
        }
    };
    start(out);
    out.push(marks[0]);
    if members.is_empty() {
        out.push(marks[1]);
    } else {
        for (index, (key, value)) in members.iter().enumerate() {
            if index > 0 {
                start(out);
                out.push(b',');
            }
            new_line(out, style, depth + 1);
            if style.color {
                out.extend_from_slice(color::RESET.as_bytes());
            }
            if let Some(key) = key {
                member_key(out, style, key);
                start(out);
                out.push(b':');
                if style.indent.is_some() {
                    out.push(b' ');
                }
                if style.color {
                    out.extend_from_slice(color::RESET.as_bytes());
                }
            }
            append(out, value, style, depth + 1);
        }
        start(out);
        new_line(out, style, depth);
        start(out);
        out.push(marks[1]);
    }
    if style.color {
        out.extend_from_slice(color::RESET.as_bytes());
    }
}

fn member_key(out: &mut Vec<u8>, style: &Style, key: &Val) {
    colored(out, style, color::KEY, |out| match key {
        Val::TStr(text) | Val::BStr(text) => append_text(out, text, style.ascii),
        other => append(out, other, &PLAIN, 0),
    });
}

fn append_number(out: &mut Vec<u8>, number: &Num) {
    let float = match number {
        Num::Int(integer) => {
            out.extend_from_slice(integer.to_string().as_bytes());
            return;
        }
        Num::BigInt(integer) => {
            let text = integer.to_string();
            if text.len() <= 17 {
                out.extend_from_slice(text.as_bytes());
                return;
            }
            text.parse().unwrap_or(f64::NAN)
        }
        Num::Float(float) => *float,
        Num::Dec(text) => text.parse().unwrap_or(f64::NAN),
    };
    append_float(out, float);
}

/// The shortest digits that give the number back, with an exponent where C's would have one.
fn append_float(out: &mut Vec<u8>, float: f64) {
    if float.is_nan() {
        out.extend_from_slice(b"null");
        return;
    }
    let float = float.clamp(f64::MIN, f64::MAX);
    if float == 0.0 {
        out.extend_from_slice(if float.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        });
        return;
    }
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent + 1;
    out.extend_from_slice(sign.as_bytes());
    if point <= -4 || point > count + 15 {
        out.extend_from_slice(mantissa.as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    } else {
        out.extend_from_slice(format!("{}", float.abs()).as_bytes());
    }
}

fn append_text(out: &mut Vec<u8>, text: &[u8], ascii: bool) {
    out.push(b'"');
    let valid = String::from_utf8_lossy(text);
    for character in valid.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\x08' => out.extend_from_slice(b"\\b"),
            '\x0c' => out.extend_from_slice(b"\\f"),
            '\0'..='\x1f' | '\x7f' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            _ if ascii && !character.is_ascii() => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
