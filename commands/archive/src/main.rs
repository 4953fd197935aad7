//! Archivers and compressors as one program: the name it is called by decides which it is.

mod ar;
mod codec;
mod cpio;
mod filter;
mod funzip;
mod gzip;
mod holes;
mod link;
mod moment;
mod packer;
mod tar;
mod through;
mod unzip;
mod zip;
mod zipfile;
mod zipgrep;
mod zstd_stream;

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
    ("bunzip2", packer::main),
    ("bzcat", packer::main),
    ("bzip2", packer::main),
    ("lzcat", packer::main),
    ("lzma", packer::main),
    ("unlzma", packer::main),
    ("unxz", packer::main),
    ("unzstd", packer::main),
    ("xz", packer::main),
    ("xzcat", packer::main),
    ("zstd", packer::main),
    ("zstdcat", packer::main),
    ("zstdmt", packer::main),
    ("funzip", funzip::main),
    ("zipgrep", zipgrep::main),
    ("zipinfo", unzip::zipinfo::main),
    ("ar", ar::main),
    ("cpio", cpio::main),
    ("bzegrep", through::grep),
    ("bzfgrep", through::grep),
    ("bzgrep", through::grep),
    ("xzegrep", through::grep),
    ("xzfgrep", through::grep),
    ("xzgrep", through::grep),
    ("zegrep", through::grep),
    ("zfgrep", through::grep),
    ("zgrep", through::grep),
    ("zstdgrep", through::grep),
    ("bzless", through::pager),
    ("bzmore", through::pager),
    ("xzless", through::pager),
    ("xzmore", through::pager),
    ("zless", through::pager),
    ("zmore", through::pager),
    ("zstdless", through::pager),
    ("bzcmp", through::compare),
    ("bzdiff", through::compare),
    ("xzcmp", through::compare),
    ("xzdiff", through::compare),
    ("zcmp", through::compare),
    ("zdiff", through::compare),
];

fn main() -> ExitCode {
    dispatch("archive", TOOLS, |tool, name, arguments| {
        finish(name, tool(Args::new(name, arguments)))
    })
}
