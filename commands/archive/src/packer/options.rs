//! The command lines of bzip2, xz and zstd.

use super::{Action, Packer};
use crate::codec::Codec;
use secure_exec_cli::{
    Args, Failure, Syntax, Value, bytes, fail, flag, optional, os_string, required,
};
use std::ffi::OsString;

/// Which of the three programs it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Bzip2,
    Xz,
    Zstd,
}

const BZIP2: Syntax = Syntax {
    options: &[
        flag('c', "stdout"),
        flag('d', "decompress"),
        flag('z', "compress"),
        flag('k', "keep"),
        flag('f', "force"),
        flag('t', "test"),
        flag('s', "small"),
        flag('q', "quiet"),
        flag('v', "verbose"),
        flag('1', "fast"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "best"),
        flag('\0', "repetitive-fast"),
        flag('\0', "repetitive-best"),
    ],
    usage: "[flags and input files in any order]",
    usage_status: 1,
    operand_ends: false,
};

const XZ: Syntax = Syntax {
    options: &[
        flag('c', "stdout"),
        flag('\0', "to-stdout"),
        flag('d', "decompress"),
        flag('\0', "uncompress"),
        flag('z', "compress"),
        flag('k', "keep"),
        flag('f', "force"),
        flag('t', "test"),
        flag('l', "list"),
        flag('q', "quiet"),
        flag('v', "verbose"),
        flag('Q', "no-warn"),
        flag('e', "extreme"),
        required('S', "suffix"),
        required('F', "format"),
        required('C', "check"),
        required('T', "threads"),
        required('M', "memlimit"),
        required('\0', "memory"),
        required('\0', "memlimit-compress"),
        required('\0', "memlimit-decompress"),
        required('\0', "block-size"),
        optional('\0', "lzma1"),
        optional('\0', "lzma2"),
        optional('\0', "files"),
        optional('\0', "files0"),
        flag('\0', "no-sparse"),
        flag('\0', "no-adjust"),
        flag('\0', "no-sync"),
        flag('\0', "ignore-check"),
        flag('\0', "single-stream"),
        flag('\0', "robot"),
        flag('0', "0"),
        flag('1', "fast"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "best"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

const ZSTD: Syntax = Syntax {
    options: &[
        flag('c', "stdout"),
        flag('d', "decompress"),
        flag('\0', "uncompress"),
        flag('z', "compress"),
        flag('k', "keep"),
        flag('\0', "rm"),
        flag('f', "force"),
        flag('t', "test"),
        flag('l', "list"),
        flag('q', "quiet"),
        flag('v', "verbose"),
        flag('r', "recursive"),
        flag('C', "check"),
        required('o', "output"),
        required('D', "dict"),
        required('\0', "output-dir-flat"),
        required('\0', "format"),
        required('\0', "filelist"),
        optional('T', "threads"),
        optional('M', "memory"),
        optional('\0', "fast"),
        optional('\0', "long"),
        optional('\0', "adapt"),
        optional('\0', "stream-size"),
        optional('\0', "size-hint"),
        flag('\0', "ultra"),
        flag('\0', "no-check"),
        flag('\0', "no-progress"),
        flag('\0', "progress"),
        flag('\0', "sparse"),
        flag('\0', "no-sparse"),
        flag('\0', "single-thread"),
        flag('\0', "rsyncable"),
        flag('\0', "content-size"),
        flag('\0', "no-content-size"),
        flag('\0', "no-dictID"),
        flag('\0', "exclude-compressed"),
        flag('\0', "pass-through"),
        flag('\0', "no-pass-through"),
        flag('0', "0"),
        flag('1', "1"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "9"),
    ],
    usage: "[OPTIONS...] [INPUT... | -] [-o OUTPUT]",
    usage_status: 1,
    operand_ends: false,
};

fn tool_of(name: &str) -> (Tool, Codec) {
    match name {
        "bzip2" | "bunzip2" | "bzcat" => (Tool::Bzip2, Codec::Bzip2),
        "lzma" | "unlzma" | "lzcat" => (Tool::Xz, Codec::Lzma),
        "xz" | "unxz" | "xzcat" => (Tool::Xz, Codec::Xz),
        _ => (Tool::Zstd, Codec::Zstd),
    }
}

/// The program as the command line says, and the files.
pub fn parse(args: &Args) -> Result<(Packer, Vec<OsString>), Failure> {
    let (tool, codec) = tool_of(&args.name);
    let syntax = match tool {
        Tool::Bzip2 => BZIP2,
        Tool::Xz => XZ,
        Tool::Zstd => ZSTD,
    };
    let parsed = syntax.parse(args)?;
    let cat = args.name.ends_with("cat");
    let mut packer = Packer {
        name: args.name.clone(),
        tool,
        codec,
        only: codec == Codec::Lzma,
        action: if cat || args.name.contains("un") {
            Action::Decompress
        } else {
            Action::Compress
        },
        stdout: cat,
        // As zstdcat does, files that are not compressed go through.
        force: args.name == "zstdcat",
        keep: tool == Tool::Zstd,
        recursive: false,
        verbose: false,
        quiet: 0,
        robot: false,
        level: codec.default_level(),
        suffix: None,
        output: None,
        output_directory: None,
        several: false,
        status: 0,
        totals: super::list::Totals::default(),
    };
    let mut operands = parsed.operands;
    let mut digits = String::new();
    for (name, value) in &parsed.options {
        packer.apply(name, value, &mut operands, &mut digits)?;
    }
    if let Ok(level) = digits.parse() {
        packer.level = level;
    }
    packer.several = operands.len() > 1;
    Ok((packer, operands))
}

impl Packer {
    fn apply(
        &mut self,
        name: &str,
        value: &Value,
        operands: &mut Vec<OsString>,
        digits: &mut String,
    ) -> Result<(), Failure> {
        match name {
            "stdout" | "to-stdout" => self.stdout = true,
            "decompress" | "uncompress" => self.action = Action::Decompress,
            "compress" => self.action = Action::Compress,
            "test" => self.action = Action::Test,
            "list" => self.action = Action::List,
            "keep" => self.keep = true,
            "rm" => self.keep = false,
            "force" | "pass-through" => self.force = true,
            "quiet" => self.quiet += 1,
            "verbose" => self.verbose = true,
            "recursive" => self.recursive = true,
            "robot" => self.robot = true,
            "fast" => self.level = 1,
            "best" => self.level = 9,
            "suffix" => self.suffix = Some(bytes(&value.os()).to_vec()),
            "output" => self.output = Some(value.os().into()),
            "output-dir-flat" => self.output_directory = Some(value.os().into()),
            "dict" => return Err(fail("dictionaries are not supported")),
            "format" => self.format(&value.text())?,
            "files" | "files0" | "filelist" => {
                let separator = if name == "files0" { 0 } else { b'\n' };
                let text = if value.is_given() {
                    std::fs::read(value.os()).map_err(|error| {
                        fail(secure_exec_cli::report("cannot open", value.os(), &error))
                    })?
                } else {
                    let mut text = Vec::new();
                    std::io::Read::read_to_end(&mut std::io::stdin(), &mut text)?;
                    text
                };
                let names = text.split(|&byte| byte == separator);
                operands.extend(names.filter(|name| !name.is_empty()).map(os_string));
            }
            digit if digit.len() == 1 => {
                if self.tool != Tool::Zstd {
                    digits.clear();
                }
                digits.push_str(digit);
            }
            _ => {}
        }
        Ok(())
    }

    fn format(&mut self, format: &str) -> Result<(), Failure> {
        self.only = format != "auto";
        self.codec = match (self.tool, format) {
            (_, "auto") => self.codec,
            (_, "xz") => Codec::Xz,
            (_, "lzma") | (Tool::Xz, "alone") => Codec::Lzma,
            (Tool::Zstd, "zstd") => Codec::Zstd,
            (Tool::Zstd, "gzip") => Codec::Gzip,
            _ => return Err(fail(format!("{format}: Unknown file format type"))),
        };
        if self.codec != Codec::Zstd {
            self.level = self.codec.default_level();
        }
        Ok(())
    }
}
