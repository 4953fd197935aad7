//! Tools of developers and of scripts, as one program: the name it is called by decides which.

mod make;

use std::process::ExitCode;

use secure_exec_cli::{Args, Outcome, dispatch, finish};

type Tool = fn(&Args) -> Outcome;

/// The tools. Cargo.toml lists the names for the build; a test compares.
const TOOLS: &[(&str, Tool)] = &[("make", make::main)];

fn main() -> ExitCode {
    dispatch("tools", TOOLS, |tool, name, arguments| {
        finish(name, tool(&Args::new(name, arguments)))
    })
}
