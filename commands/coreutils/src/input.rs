//! Files to be read by the line, and whole numbers of command lines.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader};

use secure_exec_cli::{Parsed, bytes};
use secure_exec_sys::fd;
use secure_exec_sys::{errno, path};

/// The operands; standard input if there are none.
pub fn operands(parsed: &Parsed) -> Vec<OsString> {
    if parsed.operands.is_empty() {
        vec!["-".into()]
    } else {
        parsed.operands.clone()
    }
}

/// Opens a file; `-` is standard input.
///
/// # Errors
/// EISDIR: it is a directory. Those of `open(2)`.
pub fn open(operand: &OsStr) -> io::Result<Box<dyn BufRead>> {
    let is_stdin = operand == "-";
    let found = if is_stdin {
        fd::stat(0)?
    } else {
        path::stat(operand)?
    };
    if found.is_dir() {
        return Err(errno::error(errno::EISDIR));
    }
    if is_stdin {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::with_capacity(
        64 * 1024,
        File::open(operand)?,
    )))
}

/// Reads a line with its newline, which the last one may lack. Nothing at the end.
///
/// # Errors
/// Those of `read(2)`.
pub fn line(input: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    Ok((input.read_until(b'\n', &mut line)? > 0).then_some(line))
}

/// Why a word is no whole number, as the GNU tools end such messages.
pub const TOO_LARGE: &str = ": Value too large for defined data type";
pub const OUT_OF_RANGE: &str = ": Numerical result out of range";

/// Reads a whole number as `strtoimax(3)` does in base 10; nothing may follow it.
///
/// # Errors
/// The end of the message: empty for what is no number, [`TOO_LARGE`] beyond 64 bits, [`OUT_OF_RANGE`].
pub fn integer(text: &OsStr, range: std::ops::RangeInclusive<i64>) -> Result<i64, &'static str> {
    let raw = bytes(text);
    let blanks = raw.iter().take_while(|byte| byte.is_ascii_whitespace());
    let number = &raw[blanks.count()..];
    let digits = number
        .strip_prefix(b"+")
        .or_else(|| number.strip_prefix(b"-"));
    let digits = digits.unwrap_or(number);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("");
    }
    let value = std::str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse::<i64>().ok())
        .ok_or(TOO_LARGE)?;
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(OUT_OF_RANGE)
    }
}
