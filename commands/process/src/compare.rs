//! `cmp`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/cmp.html).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, fail, flag, parse_size, quote, required, visible,
};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;

use crate::diff::prefix_hint;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "print-bytes"),
        required('i', "ignore-initial"),
        flag('l', "verbose"),
        required('n', "bytes"),
        flag('s', "quiet"),
        flag('\0', "silent"),
    ],
    usage: "[OPTION]... FILE1 [FILE2 [SKIP1 [SKIP2]]]",
    usage_status: 2,
    operand_ends: false,
};

fn trouble(message: impl Into<String>) -> Failure {
    Failure {
        status: 2,
        ..fail(message)
    }
}

pub fn cmp(args: &Args) -> Outcome {
    compare(args).map_err(prefix_hint)
}

fn compare(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let Some(first) = parsed.operands.first() else {
        return Err(SYNTAX.wrong(
            args,
            &format!("missing operand after {}", quote(&args.name)),
        ));
    };
    let dash = OsString::from("-");
    let second = parsed.operands.get(1).unwrap_or(&dash);
    if first == second {
        return Ok(0);
    }
    let (skip_first, skip_second) = skips(&parsed)?;
    let limit = match parsed.value("bytes") {
        None => u64::MAX,
        Some(value) => size(&value.text())?,
    };
    let quiet = parsed.has("quiet") || parsed.has("silent");
    let open = |name: &OsString, skip: u64| -> Result<BufReader<Box<dyn Read>>, Failure> {
        let failed = |error: &io::Error| match quiet {
            true => Failure::silent(2),
            false => trouble(format!(
                "{}: {}",
                name.to_string_lossy(),
                errno::message(error)
            )),
        };
        let mut input: Box<dyn Read> = if name == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(name).map_err(|error| failed(&error))?)
        };
        io::copy(&mut input.by_ref().take(skip), &mut io::sink())
            .map_err(|error| failed(&error))?;
        Ok(BufReader::with_capacity(
            64 * 1024,
            Box::new(input.take(limit)),
        ))
    };
    let left = open(first, skip_first)?;
    let right = open(second, skip_second)?;
    let sizes = [(first, skip_first), (second, skip_second)]
        .into_iter()
        .filter_map(|(name, skip)| {
            let found = stat(name).ok().filter(|found| found.is_file())?;
            Some(found.size.saturating_sub(skip))
        });
    let most = sizes
        .chain([limit.min(i64::MAX.unsigned_abs())])
        .min()
        .unwrap_or(0);
    let width = most.to_string().len();
    let names = (
        first.to_string_lossy().into_owned(),
        second.to_string_lossy().into_owned(),
    );
    let mut comparison = Comparison {
        names,
        quiet,
        parsed: &parsed,
        differs: false,
        width,
    };
    comparison.run(left, right)
}

fn size(text: &str) -> Result<u64, Failure> {
    parse_size(text).ok_or_else(|| trouble(format!("invalid --bytes value {}", quote(text))))
}

fn skips(parsed: &Parsed) -> Result<(u64, u64), Failure> {
    if let Some(value) = parsed.value("ignore-initial") {
        let text = value.text();
        let (first, second) = text.split_once(':').unwrap_or((&text, &text));
        return Ok((size(first)?, size(second)?));
    }
    let operand = |index: usize| match parsed.operands.get(index) {
        Some(text) => size(&text.to_string_lossy()),
        None => Ok(0),
    };
    Ok((operand(2)?, operand(3)?))
}

struct Comparison<'a> {
    names: (String, String),
    quiet: bool,
    parsed: &'a Parsed,
    differs: bool,
    /// Digits of the offsets that are listed.
    width: usize,
}

impl Comparison<'_> {
    fn run(&mut self, left: impl BufRead, right: impl BufRead) -> Outcome {
        let (mut left, mut right) = (left.bytes(), right.bytes());
        let (mut at, mut line) = (0_u64, 1_u64);
        let mut last = b'\n';
        let lists = self.parsed.has("verbose");
        let mut out = io::stdout().lock();
        loop {
            let read = |byte: Option<io::Result<u8>>| {
                byte.transpose()
                    .map_err(|error| trouble(errno::message(&error)))
            };
            match (read(left.next())?, read(right.next())?) {
                (None, None) => return Ok(i32::from(self.differs)),
                (Some(a), Some(b)) => {
                    at += 1;
                    if a != b {
                        self.differs = true;
                        if self.quiet {
                            return Ok(1);
                        }
                        if !lists {
                            writeln!(out, "{}", self.first_difference(at, line, a, b))?;
                            return Ok(1);
                        }
                        writeln!(out, "{}", self.listed(at, a, b))?;
                    }
                    line += u64::from(a == b'\n');
                    last = a;
                }
                (a, _) => {
                    let shorter = if a.is_none() {
                        &self.names.0
                    } else {
                        &self.names.1
                    };
                    if !self.quiet {
                        out.flush()?;
                        eprintln!("cmp: EOF on {shorter} {}", end_text(at, line, last, lists));
                    }
                    return Ok(1);
                }
            }
        }
    }

    fn first_difference(&self, at: u64, line: u64, a: u8, b: u8) -> String {
        let (first, second) = &self.names;
        if self.parsed.has("print-bytes") {
            let (left, right) = (visible(a), visible(b));
            return format!(
                "{first} {second} differ: byte {at}, line {line} is {a:3o} {left} {b:3o} {right}"
            );
        }
        format!("{first} {second} differ: char {at}, line {line}")
    }

    fn listed(&self, at: u64, a: u8, b: u8) -> String {
        let width = self.width;
        if self.parsed.has("print-bytes") {
            return format!("{at:>width$} {a:3o} {:4} {b:3o} {}", visible(a), visible(b));
        }
        format!("{at:>width$} {a:3o} {b:3o}")
    }
}

fn end_text(at: u64, line: u64, last: u8, lists: bool) -> String {
    if at == 0 {
        return "which is empty".to_owned();
    }
    if lists {
        return format!("after byte {at}");
    }
    if last == b'\n' {
        return format!("after byte {at}, line {}", line - 1);
    }
    format!("after byte {at}, in line {line}")
}
