//! awk: POSIX.1-2024's, with gawk's additions (arrays of arrays, `BEGINFILE`, `switch`, `gensub`, `strftime`,
//! coprocesses, `-i inplace`, ...) as its manual of version 5.2 has them.

mod array;
mod ast;
mod clock;
mod deep;
mod evaluation;
mod format;
mod function;
mod in_place;
mod input;
mod lowering;
mod machine;
mod options;
mod order;
mod parts;
mod random;
mod record;
mod source;
mod special;
mod statement;
mod streams;
mod strings;
mod syntax;
mod text;
mod value;
mod variable;

use crate::message;
use crate::pattern::bytes_locale;
use machine::{Machine, Unwind};
use options::Options;
use std::io;

const FAILURE: u8 = 2;

/// The status of a program that cannot be read.
const UNREADABLE: u8 = 1;

pub fn main(name: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let mut options = match Options::parse(name, arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    if options.bytes {
        text::count_bytes();
    }
    if options.non_decimal {
        value::allow_non_decimal();
    }
    let unicode = !options.bytes && !bytes_locale();
    let text = options.program.take().unwrap_or_default();
    let program = match syntax::parse(&text, unicode, !options.traditional) {
        Ok(program) => program,
        Err(failure) => {
            message::warn("awk", &failure.text);
            return if failure.fatal { FAILURE } else { UNREADABLE };
        }
    };
    let mut machine = Machine::new(&program, options, unicode);
    let result = set_up(&mut machine).and_then(|()| machine.run());
    // A program that fails leaves the file that it was changing as it is.
    let closed = machine.streams.close_all();
    machine.abandon_in_place();
    let status = match result {
        Ok(status) => status,
        Err(Unwind::Fatal(text)) => {
            message::warn("awk", &format!("fatal: {text}"));
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

fn set_up(machine: &mut Machine) -> machine::Result<()> {
    let operands = machine.options.operands.clone();
    machine.set_up(&operands)?;
    if let Some(separator) = machine.options.separator.take() {
        machine.command_line_assignment("FS", &separator)?;
    }
    for assignment in std::mem::take(&mut machine.options.assignments) {
        if let Some((name, value)) = input::assignment(&assignment) {
            machine.command_line_assignment(&name, value)?;
        }
    }
    Ok(())
}
