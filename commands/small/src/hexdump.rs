//! `hexdump` and `hd`, with the formats that have options of their own.

use std::io::{self, Write};

use secure_exec_cli::{Args, Failure, Outcome, Parsed, Syntax, fail, flag, parse_size, required};

use crate::hexdump_format::{self, Format};
use crate::input;
use crate::printable::printable;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "one-byte-octal"),
        flag('c', "one-byte-char"),
        flag('C', "canonical"),
        flag('d', "two-bytes-decimal"),
        flag('o', "two-bytes-octal"),
        flag('x', "two-bytes-hex"),
        required('n', "length"),
        required('s', "skip"),
        flag('v', "no-squeezing"),
        required('e', "format"),
        required('f', "format-file"),
    ],
    usage: "[options] <file>...",
    usage_status: 1,
    operand_ends: false,
};

/// Bytes of a line.
const WIDTH: usize = 16;

pub fn hexdump(args: &Args) -> Outcome {
    run(args, None)
}

pub fn hd(args: &Args) -> Outcome {
    run(args, Some("canonical"))
}

fn run(args: &Args, default: Option<&'static str>) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let number = |name: &str| -> Result<Option<usize>, Failure> {
        let Some(value) = parsed.value(name) else {
            return Ok(None);
        };
        let text = value.text();
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => parse_size(&text),
        };
        let number = number.and_then(|number| usize::try_from(number).ok());
        let wrong = || fail(format!("failed to parse {name}: '{text}'"));
        number.map(Some).ok_or_else(wrong)
    };
    let skip = number("skip")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(usize::MAX);
    let (all, failed) = input::joined(&args.name, &parsed.operands);
    let bytes = &all[skip.min(all.len())..];
    let bytes = &bytes[..length.min(bytes.len())];
    let shown: Vec<&str> = parsed
        .options
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| FORMATS.contains(name))
        .collect();
    let shown = if shown.is_empty() {
        vec![default.unwrap_or("two-bytes")]
    } else {
        shown
    };
    let mut out = io::BufWriter::new(io::stdout());
    let mut own = formats(&parsed)?;
    if !own.is_empty() {
        if parsed
            .options
            .iter()
            .any(|(name, _)| FORMATS.contains(name))
        {
            return Err(fail(
                "-e and -f together with other formats are not supported",
            ));
        }
        let verbose = parsed.has("no-squeezing");
        hexdump_format::dump(&mut out, bytes, skip, &mut own, verbose)?;
        out.flush()?;
        return Ok(i32::from(failed));
    }
    dump(&mut out, bytes, skip, &shown, parsed.has("no-squeezing"))?;
    out.flush()?;
    Ok(i32::from(failed))
}

/// Formats of one's own: those of `-e`, and the lines of files (`-f`) that are no comments.
fn formats(parsed: &Parsed) -> Result<Vec<Format>, Failure> {
    let mut formats = Vec::new();
    for (name, value) in &parsed.options {
        match *name {
            "format" => formats.push(Format::parse(&value.text()).map_err(fail)?),
            "format-file" => {
                let text = input::read(&value.os()).map_err(|error| {
                    let why = secure_exec_sys::errno::message(&error);
                    fail(format!("can't read {}: {why}", value.text()))
                })?;
                for line in String::from_utf8_lossy(&text).lines() {
                    let line = line.trim();
                    if !line.is_empty() && !line.starts_with('#') {
                        formats.push(Format::parse(line).map_err(fail)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(formats)
}

const FORMATS: &[&str] = &[
    "one-byte-octal",
    "one-byte-char",
    "canonical",
    "two-bytes-decimal",
    "two-bytes-octal",
    "two-bytes-hex",
];

fn dump(
    out: &mut impl Write,
    bytes: &[u8],
    start: usize,
    formats: &[&str],
    verbose: bool,
) -> io::Result<()> {
    let mut squeezing = false;
    let mut previous: Option<&[u8]> = None;
    for (index, line) in bytes.chunks(WIDTH).enumerate() {
        if !verbose && previous == Some(line) && line.len() == WIDTH {
            if !squeezing {
                writeln!(out, "*")?;
                squeezing = true;
            }
            continue;
        }
        squeezing = false;
        previous = Some(line);
        for format in formats {
            write_line(out, line, start + index * WIDTH, format)?;
        }
    }
    if !bytes.is_empty() {
        let end = start + bytes.len();
        if formats.last() == Some(&"canonical") {
            writeln!(out, "{end:08x}")?;
        } else {
            writeln!(out, "{end:07x}")?;
        }
    }
    Ok(())
}

fn write_line(out: &mut impl Write, line: &[u8], offset: usize, format: &str) -> io::Result<()> {
    if format == "canonical" {
        return canonical(out, line, offset);
    }
    write!(out, "{offset:07x}")?;
    let words = || {
        line.chunks(2)
            .map(|pair| u16::from(pair[0]) | pair.get(1).map_or(0, |&high| u16::from(high) << 8))
    };
    // What is missing of the last line is blank.
    let (count, width) = match format {
        "one-byte-octal" => {
            line.iter()
                .try_for_each(|byte| write!(out, " {byte:03o}"))?;
            (WIDTH - line.len(), 4)
        }
        "one-byte-char" => {
            line.iter()
                .try_for_each(|&byte| write!(out, " {:>3}", character(byte)))?;
            (WIDTH - line.len(), 4)
        }
        "two-bytes-decimal" => {
            words().try_for_each(|word| write!(out, "   {word:05}"))?;
            (WIDTH / 2 - line.len().div_ceil(2), 8)
        }
        "two-bytes-octal" => {
            words().try_for_each(|word| write!(out, "  {word:06o}"))?;
            (WIDTH / 2 - line.len().div_ceil(2), 8)
        }
        "two-bytes-hex" => {
            words().try_for_each(|word| write!(out, "    {word:04x}"))?;
            (WIDTH / 2 - line.len().div_ceil(2), 8)
        }
        _ => {
            words().try_for_each(|word| write!(out, " {word:04x}"))?;
            (WIDTH / 2 - line.len().div_ceil(2), 5)
        }
    };
    writeln!(out, "{}", " ".repeat(count * width))
}

fn canonical(out: &mut impl Write, line: &[u8], offset: usize) -> io::Result<()> {
    write!(out, "{offset:08x} ")?;
    for at in 0..WIDTH {
        if at == WIDTH / 2 {
            write!(out, " ")?;
        }
        match line.get(at) {
            Some(byte) => write!(out, " {byte:02x}")?,
            None => write!(out, "   ")?,
        }
    }
    let text = printable(line);
    writeln!(out, "  |{text}|")
}

/// A byte as `-c` shows it.
pub fn character(byte: u8) -> String {
    match byte {
        0 => "\\0".to_owned(),
        7 => "\\a".to_owned(),
        8 => "\\b".to_owned(),
        12 => "\\f".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        11 => "\\v".to_owned(),
        0x20..=0x7e => char::from(byte).to_string(),
        _ => format!("{byte:03o}"),
    }
}
