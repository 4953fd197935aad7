//! The operands that say where a file is split.

use std::ffi::{OsStr, OsString};

use secure_exec_cli::{Failure, bytes, fail, os_string, quote, warn};

use crate::expression::Expression;

/// Where a piece ends.
pub enum Place {
    /// Before the line of this number, times the repetition.
    Line(u64),
    /// Before the line that is `offset` behind the next match.
    Match {
        expression: Expression,
        offset: i64,
        /// The lines before it are no piece.
        skips: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Count(u64),
    AsOftenAsPossible,
}

pub struct Control {
    pub place: Place,
    /// How often it is repeated.
    pub times: Times,
    /// The operand, for messages.
    pub text: OsString,
}

/// Reads the operands behind the file.
pub fn parse(name: &str, operands: &[OsString]) -> Result<Vec<Control>, Failure> {
    let mut controls: Vec<Control> = Vec::new();
    let mut last_line = 0;
    let mut list = operands.iter().peekable();
    while let Some(operand) = list.next() {
        let place = place(operand)?;
        if let Place::Line(line) = place {
            follows(name, operand, line, last_line)?;
            last_line = line;
        }
        let mut times = Times::Count(0);
        if let Some(repeat) = list.next_if(|next| bytes(*next).starts_with(b"{")) {
            times = repetitions(repeat)?;
        }
        controls.push(Control {
            place,
            times,
            text: operand.clone(),
        });
    }
    Ok(controls)
}

/// Line numbers must not go back.
fn follows(name: &str, operand: &OsStr, line: u64, last: u64) -> Result<(), Failure> {
    let text = operand.to_string_lossy();
    if line == 0 {
        return Err(fail(format!(
            "{text}: line number must be greater than zero"
        )));
    }
    if line < last {
        let shown = shown(operand);
        return Err(fail(format!(
            "line number {shown} is smaller than preceding line number, {last}"
        )));
    }
    if line == last {
        let shown = shown(operand);
        warn(
            name,
            format_args!("warning: line number {shown} is the same as preceding line number"),
        );
    }
    Ok(())
}

fn place(operand: &OsStr) -> Result<Place, Failure> {
    let raw = bytes(operand);
    match raw {
        [delimiter @ (b'/' | b'%'), rest @ ..] => matching(operand, *delimiter, rest),
        _ => unsigned(raw)
            .map(Place::Line)
            .ok_or_else(|| fail(format!("{}: invalid pattern", shown(operand)))),
    }
}

/// Reads `/RE/OFFSET`, whose first character was read. The last delimiter ends the expression.
fn matching(operand: &OsStr, delimiter: u8, rest: &[u8]) -> Result<Place, Failure> {
    let end = rest
        .iter()
        .rposition(|&byte| byte == delimiter)
        .ok_or_else(|| {
            let (text, delimiter) = (operand.to_string_lossy(), char::from(delimiter));
            fail(format!("{text}: closing delimiter '{delimiter}' missing"))
        })?;
    let expression = Expression::basic(&rest[..end]).map_err(|why| {
        let shown = shown(&os_string(&operand_through(operand, end + 2)[..]));
        fail(format!("{shown}: invalid regular expression: {why}"))
    })?;
    let text = &rest[end + 1..];
    let offset = if text.is_empty() {
        Some(0)
    } else {
        signed(text)
    };
    Ok(Place::Match {
        expression,
        offset: offset.ok_or_else(|| {
            fail(format!(
                "{}: integer expected after delimiter",
                shown(operand)
            ))
        })?,
        skips: delimiter == b'%',
    })
}

fn operand_through(operand: &OsStr, end: usize) -> Vec<u8> {
    bytes(operand).iter().copied().take(end).collect()
}

/// Reads `{N}` or `{*}`.
fn repetitions(text: &OsStr) -> Result<Times, Failure> {
    let raw = bytes(text);
    let inner = raw
        .strip_prefix(b"{")
        .and_then(|rest| rest.strip_suffix(b"}"))
        .ok_or_else(|| fail(format!("{}: '}}' is required in repeat count", shown(text))))?;
    if inner == b"*" {
        return Ok(Times::AsOftenAsPossible);
    }
    unsigned(inner).map(Times::Count).ok_or_else(|| {
        let shown = shown(&os_string(&raw[..raw.len() - 1]));
        fail(format!("{shown}}}: integer required between '{{' and '}}'"))
    })
}

fn unsigned(text: &[u8]) -> Option<u64> {
    signed(text).and_then(|value| u64::try_from(value).ok())
}

/// As `strtol(3)`: blanks and a sign may precede the digits.
fn signed(text: &[u8]) -> Option<i64> {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace());
    let number = &text[blanks.count()..];
    let digits = number
        .strip_prefix(b"+")
        .or_else(|| number.strip_prefix(b"-"));
    let all = digits.unwrap_or(number).iter().all(u8::is_ascii_digit);
    all.then(|| std::str::from_utf8(number).ok()?.parse().ok())
        .flatten()
}

/// An operand in quotes; the GNU tool escapes backslashes in those.
pub fn shown(operand: &OsStr) -> String {
    quote(operand).replace('\\', "\\\\")
}
