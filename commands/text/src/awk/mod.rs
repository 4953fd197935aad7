//! awk: POSIX.1-2024's, with what scripts use of gawk's (`gensub`, `strftime`, regular expressions as `RS`,
//! `length` of an array, `nextfile`, `switch`, `PROCINFO["sorted_in"]`, ...).

mod array;
mod ast;
mod clock;
mod evaluation;
mod format;
mod function;
mod input;
mod machine;
mod random;
mod record;
mod statement;
mod streams;
mod strings;
mod syntax;
mod text;
mod value;
mod variable;

use crate::pattern::bytes_locale;
use crate::{bytes, message};
use machine::{Machine, Unwind};
use std::io::{self, Read};

/// Variables that exist in every program; `input` knows them by number.
const GLOBALS: [&str; 4] = ["ENVIRON", "ARGV", "ARGC", "PROCINFO"];

const FAILURE: u8 = 2;

#[derive(Default)]
struct Options {
    separator: Option<Vec<u8>>,
    assignments: Vec<Vec<u8>>,
    program: Option<Vec<u8>>,
    operands: Vec<Vec<u8>>,
}

fn usage() -> u8 {
    eprintln!("usage: awk [-F fs] [-v var=value] [prog | -f progfile] [file ...]");
    FAILURE
}

fn read_program(name: &[u8]) -> io::Result<Vec<u8>> {
    if name == b"-" || name == b"/dev/stdin" {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text)?;
        return Ok(text);
    }
    std::fs::read(bytes::path(name))
}

impl Options {
    fn add_program(&mut self, text: &[u8]) {
        let program = self.program.get_or_insert_with(Vec::new);
        program.extend_from_slice(text);
        program.push(b'\n');
    }

    /// Options end at the first operand, as POSIX has it: what follows belongs to the program.
    fn parse(arguments: Vec<Vec<u8>>) -> Result<Self, u8> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == b"--" {
                options.operands.extend(arguments.by_ref());
                break;
            }
            if argument.len() < 2 || argument[0] != b'-' {
                options.operands.push(argument);
                options.operands.extend(arguments.by_ref());
                break;
            }
            if argument.starts_with(b"--") {
                options.long(&argument[2..], &mut arguments)?;
                continue;
            }
            let letter = argument[1];
            if !b"Fvfe".contains(&letter) {
                if b"bcghnNoOPrsStW".contains(&letter) {
                    continue;
                }
                if letter == b'V' {
                    return Err(version());
                }
                message::warn("awk", &format!("unknown option -{}", char::from(letter)));
                return Err(usage());
            }
            let value = if argument.len() > 2 {
                argument[2..].to_vec()
            } else {
                arguments.next().ok_or_else(usage)?
            };
            options.option(letter, value)?;
        }
        Ok(options)
    }

    fn long(
        &mut self,
        text: &[u8],
        arguments: &mut impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), u8> {
        let (name, value) = match text.iter().position(|&byte| byte == b'=') {
            Some(at) => (&text[..at], Some(text[at + 1..].to_vec())),
            None => (text, None),
        };
        let letter = match name {
            b"field-separator" => b'F',
            b"assign" => b'v',
            b"file" => b'f',
            b"source" => b'e',
            b"version" => return Err(version()),
            b"help" => {
                usage();
                return Err(0);
            }
            // gawk's switches for warnings, locales and the like.
            _ => return Ok(()),
        };
        let value = value.or_else(|| arguments.next()).ok_or_else(usage)?;
        self.option(letter, value)
    }

    fn option(&mut self, letter: u8, value: Vec<u8>) -> Result<(), u8> {
        match letter {
            b'F' => {
                self.separator = Some(if value == b"t" {
                    b"\\t".to_vec()
                } else {
                    value
                })
            }
            b'v' => {
                if input::assignment(&value).is_none() {
                    let text = String::from_utf8_lossy(&value).into_owned();
                    message::warn("awk", &format!("invalid -v argument: {text}"));
                    return Err(FAILURE);
                }
                self.assignments.push(value);
            }
            b'f' => {
                let text = read_program(&value).map_err(|error| {
                    let name = String::from_utf8_lossy(&value);
                    let reason = message::reason(&error);
                    message::warn("awk", &format!("cannot open \"{name}\" ({reason})"));
                    FAILURE
                })?;
                self.add_program(&text);
            }
            _ => self.add_program(&value),
        }
        Ok(())
    }
}

fn version() -> u8 {
    println!("awk (secure-exec) {}", env!("CARGO_PKG_VERSION"));
    0
}

pub fn main(_: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let mut options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let text = match options.program.take() {
        Some(text) => text,
        None if options.operands.is_empty() => return usage(),
        None => options.operands.remove(0),
    };
    let unicode = !bytes_locale();
    let program = match syntax::parse(&text, unicode) {
        Ok(program) => program,
        Err(text) => {
            message::warn("awk", &text);
            return FAILURE;
        }
    };
    let mut machine = Machine::new(&program, unicode);
    let result = set_up(&mut machine, &options).and_then(|()| machine.run());
    let closed = machine.streams.close_all();
    let status = match result {
        Ok(status) => status,
        Err(Unwind::Fatal(text)) => {
            message::warn("awk", &text);
            return FAILURE;
        }
        Err(Unwind::Io(error)) => return failed(&error),
        Err(_) => {
            message::warn("awk", "next or exit used where it has no meaning");
            return FAILURE;
        }
    };
    if let Err(error) = closed {
        return failed(&error);
    }
    if status == 0 && machine.input.missing {
        FAILURE
    } else {
        status
    }
}

fn failed(error: &io::Error) -> u8 {
    if error.kind() != io::ErrorKind::BrokenPipe {
        message::warn("awk", &message::reason(error));
    }
    FAILURE
}

fn set_up(machine: &mut Machine, options: &Options) -> machine::Result<()> {
    machine.set_up(&options.operands);
    if let Some(separator) = &options.separator {
        machine.command_line_assignment("FS", separator)?;
    }
    for assignment in &options.assignments {
        if let Some((name, value)) = input::assignment(assignment) {
            machine.command_line_assignment(&name, value)?;
        }
    }
    Ok(())
}
