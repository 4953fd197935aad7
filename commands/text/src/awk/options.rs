//! The command line of awk, POSIX's and gawk's.

use super::in_place;
use super::input;
use super::source;
use crate::getopt::{Argument, Grammar, Long};
use crate::{bytes, message};
use std::collections::HashSet;
use std::path::PathBuf;

/// The version of gawk that this is like.
pub const VERSION: &str = "5.2.1";

const FAILURE: u8 = 2;

/// The status of a command line or program that cannot be read.
const UNREADABLE: u8 = 1;

#[derive(Default)]
pub struct Options {
    /// The name that the command was called by.
    pub name: Vec<u8>,
    pub separator: Option<Vec<u8>>,
    pub assignments: Vec<Vec<u8>>,
    pub program: Option<Vec<u8>>,
    pub operands: Vec<Vec<u8>>,
    /// POSIX's language without gawk's additions, `-c` and `-P`.
    pub traditional: bool,
    /// `-S`.
    pub sandbox: bool,
    /// Every byte is a character, `-b`.
    pub bytes: bool,
    /// Input may be octal and hexadecimal, `-n`.
    pub non_decimal: bool,
    /// Operands are files, also `name=value`: `-E`.
    pub plain_operands: bool,
    /// `-i inplace`.
    pub in_place: bool,
    /// The texts of `-i`, which come before the program.
    preamble: Vec<u8>,
    /// The files that were read by `-i`.
    included: HashSet<PathBuf>,
}

const LONG: &[Long] = &[
    ("assign", Argument::Required, 'v'),
    ("bignum", Argument::No, 'M'),
    ("characters-as-bytes", Argument::No, 'b'),
    ("copyright", Argument::No, 'C'),
    ("debug", Argument::Optional, 'D'),
    ("dump-variables", Argument::Optional, 'd'),
    ("exec", Argument::Required, 'E'),
    ("field-separator", Argument::Required, 'F'),
    ("file", Argument::Required, 'f'),
    ("gen-pot", Argument::No, 'g'),
    ("help", Argument::No, 'h'),
    ("include", Argument::Required, 'i'),
    ("lint", Argument::Optional, 'L'),
    ("lint-old", Argument::No, 't'),
    ("load", Argument::Required, 'l'),
    ("no-optimize", Argument::No, 's'),
    ("non-decimal-data", Argument::No, 'n'),
    ("optimize", Argument::No, 'O'),
    ("posix", Argument::No, 'P'),
    ("pretty-print", Argument::Optional, 'o'),
    ("profile", Argument::Optional, 'p'),
    ("re-interval", Argument::No, 'r'),
    ("sandbox", Argument::No, 'S'),
    ("source", Argument::Required, 'e'),
    ("trace", Argument::No, 'I'),
    ("traditional", Argument::No, 'c'),
    ("use-lc-numeric", Argument::No, 'N'),
    ("version", Argument::No, 'V'),
];

const GRAMMAR: Grammar = Grammar {
    short: "F:f:v:W:bcCd::D::e:E:ghi:Il:L::nNo::Op::MPrSstV",
    long: LONG,
    in_order: true,
};

const USAGE: &str = "\
usage: awk [-F fs] [-v var=value] [-bcPnrS] [-e prog | -f progfile | -E progfile | -i file | prog] [file ...]";

fn usage() -> u8 {
    eprintln!("{USAGE}");
    UNREADABLE
}

fn fatal(text: &str) -> u8 {
    message::warn("awk", &format!("fatal: {text}"));
    FAILURE
}

impl Options {
    /// Options end at the first operand, as POSIX has it: what follows belongs to the program. Fails with a status.
    pub fn parse(name: &str, arguments: Vec<Vec<u8>>) -> Result<Self, u8> {
        let mut options = Self {
            name: name.as_bytes().to_vec(),
            ..Self::default()
        };
        let (arguments, behind) = up_to_exec(arguments);
        let parsed = GRAMMAR.parse(arguments).map_err(|text| {
            message::warn("awk", &text);
            usage()
        })?;
        for (letter, value) in parsed.options {
            options.option(letter, value)?;
        }
        options.operands = parsed.operands;
        options.operands.extend(behind);
        if options.program.is_none() {
            if options.operands.is_empty() {
                return Err(usage());
            }
            options.program = Some(options.operands.remove(0));
        }
        let mut text = std::mem::take(&mut options.preamble);
        text.extend(options.program.take().unwrap_or_default());
        options.program = Some(text);
        Ok(options)
    }

    fn add_program(&mut self, text: &[u8]) {
        let program = self.program.get_or_insert_with(Vec::new);
        program.extend_from_slice(text);
        program.push(b'\n');
    }

    /// `-W long`, POSIX's way to name what is not in it.
    fn long(&mut self, text: &[u8]) -> Result<(), u8> {
        let mut argument = b"--".to_vec();
        argument.extend_from_slice(text);
        let parsed = GRAMMAR.parse(vec![argument]).map_err(|text| {
            message::warn("awk", &text);
            usage()
        })?;
        for (letter, value) in parsed.options {
            self.option(letter, value)?;
        }
        Ok(())
    }

    fn option(&mut self, letter: char, value: Option<Vec<u8>>) -> Result<(), u8> {
        let value = value.unwrap_or_default();
        match letter {
            'F' if value == b"t" && !self.traditional => self.separator = Some(b"\\t".to_vec()),
            'F' => self.separator = Some(value),
            'v' => {
                if input::assignment(&value).is_none() {
                    let text = String::from_utf8_lossy(&value).into_owned();
                    return Err(fatal(&format!(
                        "`{text}' argument to `-v' not in `var=value' form"
                    )));
                }
                self.assignments.push(value);
            }
            'f' | 'E' => {
                self.plain_operands |= letter == 'E';
                let (_, text) = source::find(&value).map_err(|text| fatal(&text))?;
                self.add_program(&text);
            }
            'i' if value == b"inplace" => {
                self.in_place = true;
                self.preamble.extend_from_slice(in_place::VARIABLES);
            }
            'i' => {
                let (path, text) = source::find(&value).map_err(|text| fatal(&text))?;
                let path = std::fs::canonicalize(bytes::path(&path)).unwrap_or_default();
                if self.included.insert(path) {
                    self.preamble.extend_from_slice(&text);
                    self.preamble.push(b'\n');
                }
            }
            'e' => self.add_program(&value),
            'W' => self.long(&value)?,
            'b' => self.bytes = true,
            'c' | 'P' => self.traditional = true,
            'n' => self.non_decimal = true,
            'S' => self.sandbox = true,
            'M' => message::warn(
                "awk",
                "warning: -M ignored: MPFR/GMP support not compiled in",
            ),
            'l' => return Err(fatal(&source::no_library(&value))),
            'd' | 'D' | 'g' | 'o' | 'p' | 'I' => {
                return Err(fatal(&format!("option -{letter} is not supported")));
            }
            'V' | 'C' => {
                println!(
                    "awk (secure-exec) {}, like GNU Awk {VERSION}",
                    env!("CARGO_PKG_VERSION")
                );
                return Err(0);
            }
            'h' => {
                println!("{USAGE}");
                return Err(0);
            }
            // Warnings, speed, the decimal point of the locale: `-L -t -O -s -N -r`.
            _ => {}
        }
        Ok(())
    }
}

/// The arguments up to `-E` and its file, and those behind, which are all operands.
fn up_to_exec(mut arguments: Vec<Vec<u8>>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let end = arguments
        .iter()
        .position(|argument| !argument.starts_with(b"-") || argument == b"--");
    let exec = arguments
        .iter()
        .position(|argument| argument.starts_with(b"-E") || argument.starts_with(b"--exec"));
    let Some(exec) = exec.filter(|exec| end.is_none_or(|end| *exec < end)) else {
        return (arguments, Vec::new());
    };
    let takes_next = arguments[exec] == b"-E" || arguments[exec] == b"--exec";
    let at = (exec + 1 + usize::from(takes_next)).min(arguments.len());
    let behind = arguments.split_off(at);
    (arguments, behind)
}
