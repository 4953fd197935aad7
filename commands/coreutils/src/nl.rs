//! `nl`: lines with numbers before them (POSIX.1-2024, `nl`; the manual of the GNU coreutils).

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, quote, required, warn,
};
use secure_exec_sys::errno;

use crate::expression::Expression;
use crate::input;

const SYNTAX: Syntax = Syntax {
    options: &[
        required('b', "body-numbering"),
        required('d', "section-delimiter"),
        required('f', "footer-numbering"),
        required('h', "header-numbering"),
        required('i', "line-increment"),
        required('l', "join-blank-lines"),
        required('n', "number-format"),
        flag('p', "no-renumber"),
        required('s', "number-separator"),
        required('v', "starting-line-number"),
        required('w', "number-width"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// Which lines get a number.
enum Style {
    All,
    NonEmpty,
    None,
    Matching(Expression),
}

#[derive(Clone, Copy)]
enum Format {
    Left,
    Right,
    Zeros,
}

/// The sections of a page, by the times that the delimiter is in the line before them, less one.
const FOOTER: usize = 0;
const BODY: usize = 1;

struct Numbering {
    /// Of footer, body and header.
    styles: [Style; 3],
    section: usize,
    /// What begins a section, once; empty: there are none.
    delimiter: Vec<u8>,
    increment: i64,
    /// How many empty lines count as one.
    joined: i64,
    format: Format,
    renumbers: bool,
    separator: Vec<u8>,
    start: i64,
    width: usize,
    /// The next number; nothing behind the largest.
    number: Option<i64>,
    /// Empty lines since the last one that was numbered.
    empty: i64,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let mut numbering = Numbering::of_options(args, &parsed)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut status = 0;
    for operand in input::operands(&parsed) {
        let mut file = match input::open(&operand) {
            Ok(file) => file,
            Err(error) => {
                out.flush()?;
                warn(&args.name, message(&operand, &error));
                status = 1;
                continue;
            }
        };
        loop {
            match input::line(&mut *file) {
                Ok(Some(line)) => numbering.put(&line, &mut out)?,
                Ok(None) => break,
                Err(error) => {
                    out.flush()?;
                    warn(&args.name, message(&operand, &error));
                    status = 1;
                    break;
                }
            }
        }
    }
    out.flush()?;
    Ok(status)
}

fn message(operand: &OsStr, error: &io::Error) -> String {
    format!("{}: {}", operand.to_string_lossy(), errno::message(error))
}

/// A number of the command line.
fn number(value: &OsStr, least: i64, most: i64, what: &str) -> Result<i64, Failure> {
    input::integer(value, least..=most)
        .map_err(|why| fail(format!("invalid {what}: {}{why}", quote(value))))
}

impl Numbering {
    fn of_options(args: &Args, parsed: &Parsed) -> Result<Self, Failure> {
        let mut numbering = Self {
            styles: [Style::None, Style::NonEmpty, Style::None],
            section: BODY,
            delimiter: b"\\:".to_vec(),
            increment: 1,
            joined: 1,
            format: Format::Right,
            renumbers: !parsed.has("no-renumber"),
            separator: b"\t".to_vec(),
            start: 1,
            width: 6,
            number: None,
            empty: 0,
        };
        for (name, value) in &parsed.options {
            let value = value.os();
            match *name {
                "footer-numbering" => numbering.styles[0] = style(args, &value, "footer")?,
                "body-numbering" => numbering.styles[1] = style(args, &value, "body")?,
                "header-numbering" => numbering.styles[2] = style(args, &value, "header")?,
                "section-delimiter" => {
                    // One or two characters stand for the first ones of what is there.
                    let given = bytes(&value);
                    if (1..=2).contains(&given.len()) {
                        for (old, &new) in numbering.delimiter.iter_mut().zip(given) {
                            *old = new;
                        }
                    } else {
                        numbering.delimiter = given.to_vec();
                    }
                }
                "line-increment" => {
                    numbering.increment =
                        number(&value, i64::MIN, i64::MAX, "line number increment")?;
                }
                "join-blank-lines" => {
                    numbering.joined = number(&value, 1, i64::MAX, "line number of blank lines")?;
                }
                "starting-line-number" => {
                    numbering.start = number(&value, i64::MIN, i64::MAX, "starting line number")?;
                }
                "number-width" => {
                    let what = "line number field width";
                    let width = number(&value, i64::MIN, i64::MAX, what)?;
                    let why = match i32::try_from(width) {
                        Err(_) => input::TOO_LARGE,
                        Ok(..=0) => input::OUT_OF_RANGE,
                        Ok(_) => "",
                    };
                    if !why.is_empty() {
                        return Err(fail(format!("invalid {what}: {}{why}", quote(&value))));
                    }
                    numbering.width = usize::try_from(width).unwrap_or(usize::MAX);
                }
                "number-separator" => numbering.separator = bytes(&value).to_vec(),
                "number-format" => {
                    numbering.format = match bytes(&value) {
                        b"ln" => Format::Left,
                        b"rn" => Format::Right,
                        b"rz" => Format::Zeros,
                        _ => {
                            let text = format!("invalid line numbering format: {}", quote(&value));
                            return Err(SYNTAX.wrong(args, &text));
                        }
                    };
                }
                _ => {}
            }
        }
        numbering.number = Some(numbering.start);
        Ok(numbering)
    }

    /// Prints a line; one that begins a section becomes an empty one.
    fn put(&mut self, line: &[u8], out: &mut impl Write) -> Result<(), Failure> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if let Some(section) = self.begins(line) {
            self.section = section;
            if self.renumbers {
                self.number = Some(self.start);
            }
            out.write_all(b"\n")?;
            return Ok(());
        }
        let is_numbered = match &self.styles[self.section] {
            Style::All if line.is_empty() && self.joined > 1 => {
                self.empty += 1;
                self.empty == self.joined
            }
            Style::All => true,
            Style::NonEmpty => !line.is_empty(),
            Style::None => false,
            Style::Matching(expression) => expression.is_match(line),
        };
        if is_numbered {
            if matches!(self.styles[self.section], Style::All) {
                self.empty = 0;
            }
            self.put_number(out)?;
        } else {
            let blanks = self.width + self.separator.len();
            fill(out, b' ', blanks)?;
        }
        out.write_all(line)?;
        out.write_all(b"\n")?;
        Ok(())
    }

    /// The section that a line begins.
    fn begins(&self, line: &[u8]) -> Option<usize> {
        let unit = self.delimiter.as_slice();
        let times = line.len().checked_div(unit.len())?;
        ((FOOTER + 1..=3).contains(&times) && line == unit.repeat(times)).then(|| times - 1)
    }

    fn put_number(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        let Some(number) = self.number else {
            out.flush()?;
            return Err(fail("line number overflow"));
        };
        let digits = number.unsigned_abs().to_string();
        let sign = if number < 0 { "-" } else { "" };
        let room = self.width.saturating_sub(sign.len() + digits.len());
        match self.format {
            Format::Left => {
                write!(out, "{sign}{digits}")?;
                fill(out, b' ', room)?;
            }
            Format::Right => {
                fill(out, b' ', room)?;
                write!(out, "{sign}{digits}")?;
            }
            Format::Zeros => {
                write!(out, "{sign}")?;
                fill(out, b'0', room)?;
                write!(out, "{digits}")?;
            }
        }
        out.write_all(&self.separator)?;
        self.number = number.checked_add(self.increment);
        Ok(())
    }
}

/// Writes a byte many times: a width may be larger than those of `write!`.
fn fill(out: &mut impl Write, byte: u8, times: usize) -> io::Result<()> {
    let some = [byte; 64];
    let mut left = times;
    while left > 0 {
        let length = left.min(some.len());
        out.write_all(&some[..length])?;
        left -= length;
    }
    Ok(())
}

/// A style; what follows the letters `a`, `t` and `n` does not matter.
fn style(args: &Args, value: &OsStr, section: &str) -> Result<Style, Failure> {
    match bytes(value) {
        [b'a', ..] => Ok(Style::All),
        [b't', ..] => Ok(Style::NonEmpty),
        [b'n', ..] => Ok(Style::None),
        [b'p', pattern @ ..] => Expression::basic(pattern)
            .map(Style::Matching)
            .map_err(fail),
        _ => {
            let text = format!("invalid {section} numbering style: {}", quote(value));
            Err(SYNTAX.wrong(args, &text))
        }
    }
}
