//! Small commands that scripts take for granted, as one program: the name it is called by decides which.

mod bc;
mod column;
mod dc;
mod environment;
mod getent;
mod getopt;
mod hexdump;
mod hexdump_format;
mod input;
mod lines;
mod machine;
mod pager;
mod printable;
mod strings;
mod xxd;

use std::process::ExitCode;

use secure_exec_cli::{Args, Outcome, dispatch, finish};

type Tool = fn(&Args) -> Outcome;

/// The tools. Cargo.toml lists the names for the build; a test compares.
const TOOLS: &[(&str, Tool)] = &[
    ("bc", bc::main),
    ("column", column::main),
    ("dc", dc::main),
    ("dos2unix", lines::dos2unix),
    ("envsubst", environment::envsubst),
    ("free", machine::free),
    ("getent", getent::main),
    ("getopt", getopt::main),
    ("hd", hexdump::hd),
    ("hexdump", hexdump::hexdump),
    ("less", pager::main),
    ("locale", environment::locale),
    ("more", pager::main),
    ("rev", lines::rev),
    ("sponge", lines::sponge),
    ("stdbuf", environment::stdbuf),
    ("strings", strings::main),
    ("unix2dos", lines::unix2dos),
    ("uptime", machine::uptime),
    ("uuidgen", machine::uuidgen),
    ("xxd", xxd::main),
];

fn main() -> ExitCode {
    dispatch("small", TOOLS, |tool, name, arguments| {
        finish(name, tool(&Args::new(name, arguments)))
    })
}
