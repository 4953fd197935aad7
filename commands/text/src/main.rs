//! Text tools as one program: the name it is called by decides which it is.

mod awk;
mod bytes;
mod getopt;
mod grep;
mod message;
mod patch;
mod rg;
mod sed;
mod shell;

use secure_exec_cli::dispatch;
use secure_exec_pattern as pattern;
use std::process::ExitCode;

/// A tool: its arguments without the name, and its exit status.
type Tool = fn(&str, Vec<Vec<u8>>) -> u8;

const TOOLS: &[(&str, Tool)] = &[
    ("grep", grep::main),
    ("egrep", grep::main),
    ("fgrep", grep::main),
    ("sed", sed::main),
    ("awk", awk::main),
    ("patch", patch::main),
    ("rg", rg::main),
];

fn main() -> ExitCode {
    dispatch("text", TOOLS, |tool, name, arguments| {
        let arguments = arguments.into_iter().skip(1).map(bytes::from_os);
        tool(name, arguments.collect()).into()
    })
}
