//! The coreutils as one program: the name it is called by decides which it is. Called `coreutils`, the
//! first argument is the name.
//!
//! What works on text comes from uutils (`uutils.rs`). What deals in modes, owners, processes and terminals,
//! which WASI preview 1 lacks, is written here on `secure_exec_sys`.

mod cat;
mod chmod;
mod chown;
mod copying;
mod dd;
mod df;
mod du;
mod env;
mod fifos;
mod identity;
mod launch;
mod links;
mod ls;
mod machine;
mod make;
mod removal;
mod stat;
mod stty;
mod tail;
mod test;
mod times;
mod tree;
mod uutils;

use std::ffi::OsString;
use std::process::ExitCode;

use secure_exec_cli::{Args, Outcome, bytes, finish, warn};

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
    ("dd", dd::main),
    ("df", df::main),
    ("dir", ls::dir),
    ("du", du::main),
    ("env", env::main),
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
    ("nohup", launch::nohup),
    ("nproc", machine::nproc),
    ("rm", removal::rm),
    ("stat", stat::main),
    ("stty", stty::main),
    ("sync", machine::sync),
    ("tac", cat::tac),
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
    secure_exec_sys::init();
    let mut list: Vec<OsString> = std::env::args_os().collect();
    let mut name = base_name(list.first());
    if name == "coreutils" && list.len() > 1 {
        list.remove(0);
        name = base_name(list.first());
    }
    if name == "--list" {
        list_names();
        return ExitCode::SUCCESS;
    }
    ExitCode::from(u8::try_from(run(&name, list) & 0xff).unwrap_or(1))
}

fn run(name: &str, list: Vec<OsString>) -> i32 {
    if let Some((_, tool)) = OWN.iter().find(|(own, _)| *own == name) {
        let args = Args {
            name: name.to_owned(),
            list: list.into_iter().skip(1).collect(),
        };
        return finish(name, tool(&args));
    }
    if let Some(status) = tail::follow(name, &list) {
        return status;
    }
    uutils::run(name, list).unwrap_or_else(|| {
        warn(
            "coreutils",
            format_args!("{name}: not one of the coreutils"),
        );
        127
    })
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

fn list_names() {
    let own = OWN.iter().map(|(name, _)| *name);
    let mut names: Vec<&str> = own.chain(uutils::NAMES.iter().copied()).collect();
    names.sort_unstable();
    for name in names {
        println!("{name}");
    }
}
