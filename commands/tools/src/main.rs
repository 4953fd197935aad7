//! Tools of developers and of scripts, as one program: the name it is called by decides which.

mod cal;
mod flock;
mod iconv;
mod make;
mod pv;
mod ts;
mod uu;
mod yq;

use std::process::ExitCode;

use secure_exec_cli::{Args, Outcome, dispatch, finish};

type Tool = fn(&Args) -> Outcome;

/// The tools. Cargo.toml lists the names for the build; a test compares.
const TOOLS: &[(&str, Tool)] = &[
    ("cal", cal::main),
    ("flock", flock::main),
    ("iconv", iconv::main),
    ("make", make::main),
    ("pv", pv::main),
    ("ts", ts::main),
    ("uudecode", uu::uudecode),
    ("uuencode", uu::uuencode),
    ("yq", yq::main),
];

fn main() -> ExitCode {
    dispatch("tools", TOOLS, |tool, name, arguments| {
        finish(name, tool(&Args::new(name, arguments)))
    })
}
