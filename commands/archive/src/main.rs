//! Archivers and compressors as one program: the name it is called by decides which it is.

mod gzip;
mod link;
mod moment;
mod tar;
mod unzip;
mod zip;

use secure_exec_cli::{Args, Outcome, bytes, finish};
use std::process::ExitCode;

type Tool = fn(Args) -> Outcome;

const TOOLS: &[(&str, Tool)] = &[
    ("tar", tar::main),
    ("gzip", gzip::main),
    ("gunzip", gzip::main),
    ("zcat", gzip::main),
    ("zip", zip::main),
    ("unzip", unzip::main),
];

fn main() -> ExitCode {
    secure_exec_sys::init();
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let base = bytes(&name)
        .rsplit(|&byte| byte == b'/')
        .next()
        .unwrap_or_default();
    let base = base.strip_suffix(b".wasm").unwrap_or(base);
    let mut called = String::from_utf8_lossy(base).into_owned();
    let mut list: Vec<_> = arguments.collect();
    if called == "archive" && !list.is_empty() {
        called = list.remove(0).to_string_lossy().into_owned();
    }
    let Some((name, tool)) = TOOLS.iter().find(|(name, _)| *name == called) else {
        eprintln!("{called}: not one of the archive tools");
        return ExitCode::from(127);
    };
    let outcome = tool(Args {
        name: (*name).to_owned(),
        list,
    });
    ExitCode::from(u8::try_from(finish(name, outcome) & 0xff).unwrap_or(1))
}
