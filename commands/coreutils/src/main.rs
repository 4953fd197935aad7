//! The coreutils as one program: the name it is called by decides which it is. Called `coreutils`, the
//! first argument is the name.
//!
//! Most of what works on text comes from uutils (`uutils.rs`). What deals in modes, owners, processes and terminals,
//! which WASI preview 1 lacks, is written here on `secure_exec_sys`.

mod cat;
mod checksum;
mod chmod;
mod chown;
mod copying;
mod csplit;
mod date;
mod dd;
mod df;
mod du;
mod env;
mod expr;
mod expression;
mod head;
mod identity;
mod input;
mod launch;
mod links;
mod ls;
mod machine;
mod make;
mod nl;
mod pr;
mod printf;
mod removal;
mod sort;
mod split;
mod stat;
mod stty;
mod tac;
mod tail;
mod test;
mod touch;
mod tree;
mod uutils;
mod version;

use std::process::ExitCode;

use secure_exec_cli::{Args, Outcome, dispatch, finish};

type Tool = fn(&Args) -> Outcome;

/// The tools of this crate. Cargo.toml lists all names; a test compares.
const OWN: &[(&str, Tool)] = &[
    ("[", test::bracket),
    ("arch", machine::arch),
    ("cat", cat::cat),
    ("chgrp", chown::chgrp),
    ("chmod", chmod::main),
    ("chown", chown::chown),
    ("cp", copying::cp),
    ("csplit", csplit::main),
    ("date", date::main),
    ("dd", dd::main),
    ("df", df::main),
    ("dir", ls::dir),
    ("du", du::main),
    ("env", env::main),
    ("expr", expr::main),
    ("groups", identity::groups),
    ("hostname", machine::hostname),
    ("id", identity::id),
    ("install", copying::install),
    ("link", links::link),
    ("logname", identity::logname),
    ("ls", ls::ls),
    ("mkdir", make::mkdir),
    ("mkfifo", make::mkfifo),
    ("mv", copying::mv),
    ("nice", launch::nice),
    ("nl", nl::main),
    ("nohup", launch::nohup),
    ("nproc", machine::nproc),
    ("pr", pr::main),
    ("rm", removal::rm),
    ("sort", sort::main),
    ("split", split::main),
    ("stat", stat::main),
    ("stty", stty::main),
    ("sync", machine::sync),
    ("tac", tac::main),
    ("test", test::main),
    ("timeout", launch::timeout),
    ("tty", machine::tty),
    ("uname", machine::uname),
    ("unlink", links::unlink),
    ("users", identity::users),
    ("vdir", ls::vdir),
    ("who", identity::who),
    ("whoami", identity::whoami),
];

fn main() -> ExitCode {
    let own = OWN.iter().map(|(name, tool)| (*name, Some(*tool)));
    let tools: Vec<_> = own
        .chain(uutils::NAMES.iter().map(|name| (*name, None)))
        .collect();
    dispatch("coreutils", &tools, |tool, name, arguments| match tool {
        Some(tool) => finish(name, tool(&Args::new(name, arguments))),
        None => tail::follow(name, &arguments)
            .or_else(|| checksum::check(name, &arguments))
            .unwrap_or_else(|| uutils::run(name, arguments)),
    })
}
