//! `dc`, the calculator with a stack, by the manual of the GNU tool: numbers of any length and strings, registers that
//! are stacks with arrays, macros.

mod machine;
mod value;

use std::ffi::OsString;

use secure_exec_cli::{Args, Outcome, Syntax, bytes, flag, required, warn};

use crate::input;
use machine::Machine;

const SYNTAX: Syntax = Syntax {
    options: &[
        required('e', "expression"),
        required('f', "file"),
        flag('V', "version"),
    ],
    usage: "[OPTION] [file ...]",
    usage_status: 1,
    operand_ends: false,
};

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("dc (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let mut machine = Machine::new();
    let mut texts = Vec::new();
    for (name, value) in &parsed.options {
        match *name {
            "expression" => texts.push(Some(bytes(&value.os()).to_vec())),
            _ => texts.push(read(&value.os())),
        }
    }
    texts.extend(parsed.operands.iter().map(read));
    if texts.is_empty() {
        machine.interact()?;
    }
    for text in texts.into_iter().flatten() {
        if !machine.run(text)? {
            break;
        }
    }
    Ok(0)
}

/// A file, or nothing where it cannot be read, which is told and changes nothing else.
fn read(name: &OsString) -> Option<Vec<u8>> {
    let read = input::read(name).ok();
    if read.is_none() {
        let name = name.to_string_lossy();
        warn("dc", format_args!("Could not open file {name}"));
    }
    read
}
