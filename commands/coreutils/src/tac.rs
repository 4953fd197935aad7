//! `tac`: records from the last to the first (the manual of the GNU coreutils).

use std::ffi::OsStr;
use std::io::{self, BufWriter, Read, Write};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, bytes, fail, flag, quote, required, warn};
use secure_exec_sys::errno;

use crate::expression::Expression;
use crate::input;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "before"),
        flag('r', "regex"),
        required('s', "separator"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// What is between two records.
enum Separator {
    Text(Vec<u8>),
    Matching(Expression),
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let text = parsed
        .value("separator")
        .map_or_else(|| b"\n".to_vec(), |value| bytes(&value.os()).to_vec());
    let separator = match (parsed.has("regex"), text.is_empty()) {
        (true, true) => return Err(fail("separator cannot be empty")),
        (true, false) => Separator::Matching(Expression::of_separator(&text).map_err(fail)?),
        // An empty text is the byte 0.
        (false, true) => Separator::Text(vec![0]),
        (false, false) => Separator::Text(text),
    };
    let mut status = 0;
    for operand in input::operands(&parsed) {
        match read(&operand) {
            Ok(content) => separator.reverse(&content, parsed.has("before"))?,
            Err(error) => {
                warn(&args.name, message(&operand, &error));
                status = 1;
            }
        }
    }
    Ok(status)
}

fn read(operand: &OsStr) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    input::open(operand)?.read_to_end(&mut content)?;
    Ok(content)
}

fn message(operand: &OsStr, error: &io::Error) -> String {
    let name = operand.to_string_lossy();
    if errno::is(error, errno::EISDIR) {
        // The GNU tool seeks to the end of a directory, which is what fails.
        return format!("{name}: read error: Invalid argument");
    }
    let why = errno::message(error);
    format!("failed to open {} for reading: {why}", quote(operand))
}

impl Separator {
    /// The last separator in `text`: its start and end.
    fn find_last(&self, text: &[u8]) -> Option<(usize, usize)> {
        match self {
            Self::Matching(expression) => expression.find_last(text),
            Self::Text(separator) => {
                let (&last, front) = separator.split_last()?;
                let mut end = text.len();
                while let Some(at) = text[..end].iter().rposition(|&byte| byte == last) {
                    if text[..at].ends_with(front) {
                        return Some((at - front.len(), at + 1));
                    }
                    end = at;
                }
                None
            }
        }
    }

    /// Writes the records from the last to the first; each ends, or begins, with the separator.
    fn reverse(&self, content: &[u8], before: bool) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        // What is not written yet, and what of it is not searched yet.
        let (mut rest, mut limit) = (content.len(), content.len());
        while let Some((start, end)) = self.find_last(&content[..limit]) {
            let cut = if before { start } else { end };
            out.write_all(&content[cut..rest])?;
            rest = cut;
            limit = start;
        }
        out.write_all(&content[..rest])?;
        out.flush()?;
        Ok(())
    }
}
