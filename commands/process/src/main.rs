//! Commands around processes and trees of files, as one program: the name it is called by decides which.

mod clock;
mod compare;
mod diff;
mod diff3;
mod file;
mod find;
mod getconf;
mod kill;
mod lookup;
mod npm;
mod parallel;
mod procfs;
mod ps;
mod pstree;
mod run;
mod sdiff;
mod session;
mod terminal;
mod time;
mod top;
mod tree;
mod watch;
mod which;
mod xargs;

use std::process::ExitCode;

use secure_exec_cli::{Args, Outcome, dispatch, finish};

type Tool = fn(&Args) -> Outcome;

/// The tools. Cargo.toml lists the names for the build; a test compares.
const TOOLS: &[(&str, Tool)] = &[
    ("clear", terminal::clear),
    ("cmp", compare::cmp),
    ("diff", diff::main),
    ("diff3", diff3::main),
    ("file", file::main),
    ("find", find::main),
    ("getconf", getconf::main),
    ("kill", kill::main),
    ("killall", lookup::killall),
    ("npm", npm::npm),
    ("npx", npm::npx),
    ("parallel", parallel::main),
    ("pgrep", lookup::pgrep),
    ("pidof", lookup::pidof),
    ("pkill", lookup::pkill),
    ("ps", ps::main),
    ("pstree", pstree::main),
    ("reset", terminal::reset),
    ("sdiff", sdiff::main),
    ("setsid", session::setsid),
    ("time", time::time),
    ("top", top::main),
    ("tput", terminal::tput),
    ("tree", tree::main),
    ("watch", watch::main),
    ("which", which::main),
    ("xargs", xargs::main),
];

fn main() -> ExitCode {
    dispatch("process", TOOLS, |tool, name, arguments| {
        finish(name, tool(&Args::new(name, arguments)))
    })
}
