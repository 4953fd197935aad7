//! Text tools as one program: the name it is called by decides which it is.

mod awk;
mod bytes;
mod getopt;
mod grep;
mod jq;
mod message;
mod patch;
mod pattern;
mod rg;
mod sed;
mod shell;

use std::process::ExitCode;

/// A tool: its arguments without the name, and its exit status.
type Tool = fn(&str, Vec<Vec<u8>>) -> u8;

const TOOLS: &[(&str, Tool)] = &[
    ("grep", grep::main),
    ("egrep", grep::main),
    ("fgrep", grep::main),
    ("sed", sed::main),
    ("awk", awk::main),
    ("jq", jq::main),
    ("patch", patch::main),
    ("rg", rg::main),
];

fn main() -> ExitCode {
    secure_exec_sys::init();
    let mut arguments = std::env::args_os().map(bytes::from_os);
    let name = arguments.next().unwrap_or_default();
    let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let base = base.strip_suffix(b".wasm").unwrap_or(base);
    let mut arguments: Vec<Vec<u8>> = arguments.collect();
    let mut called = String::from_utf8_lossy(base).into_owned();
    if called == "text" && !arguments.is_empty() {
        called = String::from_utf8_lossy(&arguments.remove(0)).into_owned();
    }
    let Some((name, tool)) = TOOLS.iter().find(|(name, _)| *name == called) else {
        eprintln!("{called}: not one of the text tools");
        return ExitCode::from(127);
    };
    ExitCode::from(tool(name, arguments))
}
