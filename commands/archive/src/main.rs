//! Archivers and compressors as one program: the name it is called by decides which it is.

mod gzip;
mod link;
mod moment;
mod tar;
mod unzip;
mod zip;

use secure_exec_cli::{Args, Outcome, dispatch, finish};
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
    dispatch("archive", TOOLS, |tool, name, arguments| {
        finish(name, tool(Args::new(name, arguments)))
    })
}
