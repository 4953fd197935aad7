//! Commands that change lines as they are: `rev`, `dos2unix`, `unix2dos` and `sponge`.

use std::io::{self, Write};

use secure_exec_cli::{Args, Outcome, Syntax, fail, flag};
use secure_exec_sys::errno;

use crate::input;

const REV: Syntax = Syntax {
    options: &[flag('0', "zero")],
    usage: "[options] [file ...]",
    usage_status: 1,
    operand_ends: false,
};

/// Writes each line with its characters in the opposite order.
pub fn rev(args: &Args) -> Outcome {
    let parsed = REV.parse(args)?;
    let end = if parsed.has("zero") { 0 } else { b'\n' };
    let mut out = io::BufWriter::new(io::stdout());
    let mut status = 0;
    for name in input::operands(&parsed.operands) {
        let text = match input::read(&name) {
            Ok(text) => text,
            Err(error) => {
                let name = name.to_string_lossy();
                secure_exec_cli::warn(
                    &args.name,
                    format_args!("cannot open {name}: {}", errno::message(&error)),
                );
                status = 1;
                continue;
            }
        };
        for line in text.split_inclusive(|&byte| byte == end) {
            let (line, terminator) = match line.split_last() {
                Some((last, line)) if *last == end => (line, &[end][..]),
                _ => (line, &[][..]),
            };
            out.write_all(&reversed(line))?;
            out.write_all(terminator)?;
        }
    }
    out.flush()?;
    Ok(status)
}

/// The characters of a line from the last on; bytes that are none stay bytes.
fn reversed(line: &[u8]) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for chunk in line.utf8_chunks() {
        parts.extend(chunk.valid().chars().map(|c| c.to_string().into_bytes()));
        parts.extend(chunk.invalid().iter().map(|&byte| vec![byte]));
    }
    parts.into_iter().rev().flatten().collect()
}

const CONVERSION: Syntax = Syntax {
    options: &[
        flag('n', "newfile"),
        flag('o', "oldfile"),
        flag('q', "quiet"),
        flag('k', "keepdate"),
        flag('f', "force"),
    ],
    usage: "[options] [file ...] [-n infile outfile ...]",
    usage_status: 1,
    operand_ends: false,
};

pub fn dos2unix(args: &Args) -> Outcome {
    convert(args, "Unix", |text| {
        let mut out = Vec::with_capacity(text.len());
        for (at, &byte) in text.iter().enumerate() {
            if byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
                out.push(byte);
            }
        }
        out
    })
}

pub fn unix2dos(args: &Args) -> Outcome {
    convert(args, "DOS", |text| {
        let mut out = Vec::with_capacity(text.len() + text.len() / 16);
        for (at, &byte) in text.iter().enumerate() {
            if byte == b'\n' && (at == 0 || text[at - 1] != b'\r') {
                out.push(b'\r');
            }
            out.push(byte);
        }
        out
    })
}

/// Converts files in place, pairs of files with `-n`, or standard input.
fn convert(args: &Args, format: &str, change: impl Fn(&[u8]) -> Vec<u8>) -> Outcome {
    let parsed = CONVERSION.parse(args)?;
    if parsed.operands.is_empty() {
        let text = input::read("-".as_ref()).map_err(|error| fail(errno::message(&error)))?;
        io::stdout().write_all(&change(&text))?;
        return Ok(0);
    }
    let pairs: Vec<_> = if parsed.has("newfile") {
        let pairs = parsed.operands.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return Err(fail("target of the last file is missing"));
        }
        pairs
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect()
    } else {
        parsed
            .operands
            .iter()
            .map(|name| (name.clone(), name.clone()))
            .collect()
    };
    let mut status = 0;
    for (from, to) in pairs {
        let done = input::read(&from).and_then(|text| {
            // A file that needs no change keeps its date.
            let changed = change(&text);
            if from == to && changed == text {
                Ok(())
            } else {
                std::fs::write(&to, changed)
            }
        });
        match done {
            Ok(()) if parsed.has("quiet") => {}
            Ok(()) => eprintln!(
                "{}: converting file {} to {format} format...",
                args.name,
                from.to_string_lossy()
            ),
            Err(error) => {
                input::complain(&args.name, &from, &error);
                status = 2;
            }
        }
    }
    Ok(status)
}

const SPONGE: Syntax = Syntax {
    options: &[flag('a', "append")],
    usage: "[-a] [file]",
    usage_status: 1,
    operand_ends: false,
};

/// Reads all of its input before it opens the file to write it to.
pub fn sponge(args: &Args) -> Outcome {
    let parsed = SPONGE.parse(args)?;
    let text = input::read("-".as_ref()).map_err(|error| fail(errno::message(&error)))?;
    let Some(name) = parsed.operands.first() else {
        io::stdout().write_all(&text)?;
        return Ok(0);
    };
    let opened = if parsed.has("append") {
        std::fs::File::options()
            .append(true)
            .create(true)
            .open(name)
    } else {
        std::fs::File::create(name)
    };
    opened
        .and_then(|mut file| file.write_all(&text))
        .map_err(|error| {
            fail(format!(
                "error opening output file: {}: {}",
                name.to_string_lossy(),
                errno::message(&error)
            ))
        })?;
    Ok(0)
}
