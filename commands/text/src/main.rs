//! Text tools as one program: the name it is called by decides which it is.

mod awk;
mod bytes;
mod ed;
mod editor;
mod getopt;
mod grep;
mod message;
mod patch;
mod rg;
mod search;
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
    ("gawk", awk::main),
    ("mawk", awk::main),
    ("patch", patch::main),
    ("rg", rg::main),
    ("ed", run_ed),
    ("vi", run_editor),
    ("view", run_editor),
    ("ex", run_editor),
    ("nano", run_editor),
];

fn run_ed(name: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let args = secure_exec_cli::Args {
        name: name.to_owned(),
        list: arguments
            .into_iter()
            .map(secure_exec_cli::os_string)
            .collect(),
    };
    let status = secure_exec_cli::finish(name, ed::main(&args));
    u8::try_from(status).unwrap_or(1)
}

fn run_editor(name: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let list: Vec<_> = arguments
        .into_iter()
        .map(secure_exec_cli::os_string)
        .collect();
    let outcome = match name {
        "ex" => editor::vi::run_ex(name, &list),
        "nano" => editor::nano::run(&list),
        _ => editor::vi::run_vi(name, &list),
    };
    u8::try_from(secure_exec_cli::finish(name, outcome)).unwrap_or(1)
}

fn main() -> ExitCode {
    dispatch("text", TOOLS, |tool, name, arguments| {
        let arguments = arguments.into_iter().skip(1).map(bytes::from_os);
        tool(name, arguments.collect()).into()
    })
}
