//! Commands around processes and trees of files, as one program: the name it is called by decides which.

mod clock;
mod compare;
mod diff;
mod file;
mod find;
mod getconf;
mod kill;
mod lookup;
mod npm;
mod procfs;
mod ps;
mod run;
mod terminal;
mod time;
mod tree;
mod which;
mod xargs;

use std::ffi::OsString;
use std::process::ExitCode;

use secure_exec_cli::{Args, Outcome, bytes, finish, warn};

type Tool = fn(&Args) -> Outcome;

/// The tools. Cargo.toml lists the names for the build; a test compares.
const TOOLS: &[(&str, Tool)] = &[
    ("clear", terminal::clear),
    ("cmp", compare::cmp),
    ("diff", diff::main),
    ("file", file::main),
    ("find", find::main),
    ("getconf", getconf::main),
    ("kill", kill::main),
    ("killall", lookup::killall),
    ("npm", npm::npm),
    ("npx", npm::npx),
    ("pgrep", lookup::pgrep),
    ("pkill", lookup::pkill),
    ("ps", ps::main),
    ("reset", terminal::reset),
    ("time", time::time),
    ("tput", terminal::tput),
    ("tree", tree::main),
    ("watch", time::watch),
    ("which", which::main),
    ("xargs", xargs::main),
];

fn main() -> ExitCode {
    secure_exec_sys::init();
    let mut list: Vec<OsString> = std::env::args_os().collect();
    let mut name = base_name(list.first());
    if name == "process" && list.len() > 1 {
        list.remove(0);
        name = base_name(list.first());
    }
    if name == "--list" {
        TOOLS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let Some((_, tool)) = TOOLS.iter().find(|(each, _)| *each == name) else {
        warn("process", format_args!("{name}: not one of these commands"));
        return ExitCode::from(127);
    };
    let args = Args {
        name: name.clone(),
        list: list.into_iter().skip(1).collect(),
    };
    let status = finish(&name, tool(&args));
    ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1))
}

/// The last component, without the ending of the module's file.
fn base_name(argument: Option<&OsString>) -> String {
    let raw = argument
        .map(|name| bytes(name).to_vec())
        .unwrap_or_default();
    let base = raw.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let base = base.strip_suffix(b".wasm").unwrap_or(base);
    String::from_utf8_lossy(base).into_owned()
}
