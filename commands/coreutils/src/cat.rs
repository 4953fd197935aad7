//! `cat`: prints files.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use secure_exec_cli::{Args, Outcome, Parsed, Syntax, flag, quote, visible, warn};
use secure_exec_sys::fd;
use secure_exec_sys::path::stat;
use secure_exec_sys::{errno, stat::S_IFREG};

const CAT: Syntax = Syntax {
    options: &[
        flag('A', "show-all"),
        flag('b', "number-nonblank"),
        flag('e', "e"),
        flag('E', "show-ends"),
        flag('n', "number"),
        flag('s', "squeeze-blank"),
        flag('t', "t"),
        flag('T', "show-tabs"),
        flag('u', "u"),
        flag('v', "show-nonprinting"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// How lines are shown, and where in a line the output is.
struct Lines {
    numbers: Option<bool>,
    squeezes: bool,
    ends: bool,
    tabs: bool,
    nonprinting: bool,
    count: u64,
    blanks: u64,
    at_start: bool,
}

pub fn cat(args: &Args) -> Outcome {
    let parsed = CAT.parse(args)?;
    let has = |names: &[&str]| names.iter().any(|name| parsed.has(name));
    let numbers = if parsed.has("number-nonblank") {
        Some(false)
    } else {
        parsed.has("number").then_some(true)
    };
    let mut lines = Lines {
        numbers,
        squeezes: parsed.has("squeeze-blank"),
        ends: has(&["show-ends", "show-all", "e"]),
        tabs: has(&["show-tabs", "show-all", "t"]),
        nonprinting: has(&["show-nonprinting", "show-all", "e", "t"]),
        count: 0,
        blanks: 0,
        at_start: true,
    };
    let is_plain = parsed.options.iter().all(|(name, _)| *name == "u");
    let mut status = 0;
    for operand in operands(&parsed) {
        let copied = if is_plain {
            copy(&operand)
        } else {
            show(&operand, &mut lines)
        };
        if let Err(error) = copied {
            match error {
                Trouble::Input(error) => warn(
                    &args.name,
                    format_args!("{}: {}", shown(&operand), errno::message(&error)),
                ),
                Trouble::Same => warn(
                    &args.name,
                    format_args!("{}: input file is output file", shown(&operand)),
                ),
                Trouble::Output(error) => return Err(error.into()),
            }
            status = 1;
        }
    }
    Ok(status)
}

enum Trouble {
    Input(io::Error),
    Output(io::Error),
    Same,
}

fn operands(parsed: &Parsed) -> Vec<OsString> {
    if parsed.operands.is_empty() {
        vec!["-".into()]
    } else {
        parsed.operands.clone()
    }
}

/// A name in messages, in quotes only where it has to be.
pub fn shown(operand: &OsString) -> String {
    let quoted = quote(operand);
    let text = operand.to_string_lossy();
    // In quotes only where the name has to be protected.
    if quoted == format!("'{text}'") && !text.contains([' ', ':']) {
        text.into_owned()
    } else {
        quoted
    }
}

fn open(operand: &OsString) -> Result<Box<dyn Read>, Trouble> {
    let found = if operand == "-" {
        fd::stat(0)
    } else {
        stat(operand)
    };
    let found = found.map_err(Trouble::Input)?;
    if found.is_dir() {
        return Err(Trouble::Input(errno::error(errno::EISDIR)));
    }
    // Reading what is written would never end.
    if found.kind() == S_IFREG
        && found.size > 0
        && fd::stat(1).is_ok_and(|output| output.same_file(&found))
    {
        return Err(Trouble::Same);
    }
    if operand == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(operand).map_err(Trouble::Input)?))
}

/// Copies as it comes: no byte waits for others.
fn copy(operand: &OsString) -> Result<(), Trouble> {
    let mut input = open(operand)?;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => fd::write_all(1, &buffer[..length]).map_err(Trouble::Output)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::Input(error)),
        }
    }
}

fn show(operand: &OsString, lines: &mut Lines) -> Result<(), Trouble> {
    let mut input = open(operand)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Trouble::Input(error)),
        };
        let mut out = BufWriter::new(io::stdout().lock());
        for &byte in &buffer[..length] {
            lines.put(&mut out, byte).map_err(Trouble::Output)?;
        }
        out.flush().map_err(Trouble::Output)?;
    }
}

impl Lines {
    fn put(&mut self, out: &mut impl Write, byte: u8) -> io::Result<()> {
        if self.at_start && byte == b'\n' {
            self.blanks += 1;
            if self.squeezes && self.blanks > 1 {
                return Ok(());
            }
        }
        if self.at_start
            && (self.numbers == Some(true) || self.numbers == Some(false) && byte != b'\n')
        {
            self.count += 1;
            write!(out, "{:>6}\t", self.count)?;
        }
        self.at_start = byte == b'\n';
        match byte {
            b'\n' if self.ends => out.write_all(b"$\n"),
            b'\n' => out.write_all(b"\n"),
            _ => {
                self.blanks = 0;
                match byte {
                    b'\t' if self.tabs => out.write_all(b"^I"),
                    b'\t' => out.write_all(b"\t"),
                    _ if self.nonprinting => out.write_all(visible(byte).as_bytes()),
                    _ => out.write_all(&[byte]),
                }
            }
        }
    }
}
