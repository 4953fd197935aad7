//! `uuencode` and `uudecode`, historical and base64.

use std::fs::{self, File};
use std::io::{self, Read, Write};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, fail, flag, required};
use secure_exec_sys::{errno, path, process};

const ENCODE: Syntax = Syntax {
    options: &[flag('m', "base64"), flag('e', "encode-file-name")],
    usage: "[ -<flag> ]... [<in-file>] <output-name>",
    usage_status: 64,
    operand_ends: false,
};

const DECODE: Syntax = Syntax {
    options: &[required('o', "output-file"), flag('c', "ignore-chmod")],
    usage: "[ -<flag> [<val>] ]... [<file>...]",
    usage_status: 64,
    operand_ends: false,
};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE: usize = 45;

pub fn uuencode(args: &Args) -> Outcome {
    let parsed = ENCODE.parse(args)?;
    let mut data = Vec::new();
    let (name, mode) = match parsed.operands.as_slice() {
        [name] => {
            io::stdin().read_to_end(&mut data)?;
            // That of a file that would be made now.
            let mask = process::umask(0);
            let _ = process::umask(mask);
            (name, 0o666 & !mask)
        }
        [file, name] => {
            let read = File::open(file).and_then(|mut file| file.read_to_end(&mut data));
            let found = read
                .and_then(|_| path::stat(file))
                .map_err(|error| Failure {
                    status: 1,
                    message: format!(
                        "fopen-ing {}: {}",
                        file.to_string_lossy(),
                        errno::message(&error)
                    ),
                })?;
            (name, found.permissions())
        }
        _ => return Err(ENCODE.wrong(args, "an output name is needed")),
    };
    let base64 = parsed.has("base64");
    let word = if base64 { "begin-base64" } else { "begin" };
    let mut out = io::BufWriter::new(io::stdout());
    writeln!(out, "{word} {:o} {}", mode & 0o777, name.to_string_lossy())?;
    for line in data.chunks(LINE) {
        let mut text = Vec::new();
        if !base64 {
            text.push(letter(u8::try_from(line.len()).unwrap_or_default()));
        }
        for group in line.chunks(3) {
            let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
                let six = (bits >> shift) & 63;
                text.push(match base64 {
                    true if place > group.len() => b'=',
                    true => BASE64[six as usize],
                    false => letter(six.to_le_bytes()[0]),
                });
            }
        }
        text.push(b'\n');
        out.write_all(&text)?;
    }
    out.write_all(if base64 { b"====\n" } else { b"`\nend\n" })?;
    out.flush()?;
    Ok(0)
}

fn letter(six: u8) -> u8 {
    if six == 0 { b'`' } else { six + 32 }
}

pub fn uudecode(args: &Args) -> Outcome {
    let parsed = DECODE.parse(args)?;
    let mut status = 0;
    let names = if parsed.operands.is_empty() {
        vec!["-".into()]
    } else {
        parsed.operands.clone()
    };
    for name in names {
        let shown = if name == "-" {
            "standard input".to_owned()
        } else {
            name.to_string_lossy().into_owned()
        };
        let mut text = Vec::new();
        let read = if name == "-" {
            io::stdin().read_to_end(&mut text)
        } else {
            File::open(&name).and_then(|mut file| file.read_to_end(&mut text))
        };
        let done = read.map_err(|error| fail(format!("{shown}: {}", errno::message(&error))));
        let done = done.and_then(|_| {
            decode(
                &text,
                &shown,
                parsed.value("output-file").map(|value| value.text()),
            )
        });
        if let Err(failure) = done {
            secure_exec_cli::warn(&args.name, failure.message);
            status = 2;
        }
    }
    Ok(status)
}

fn decode(text: &[u8], shown: &str, output: Option<String>) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
    let header = lines.by_ref().find_map(|line| {
        let (base64, rest) = match line.strip_prefix("begin-base64 ") {
            Some(rest) => (true, rest),
            None => (false, line.strip_prefix("begin ")?),
        };
        let (mode, name) = rest.split_once(' ')?;
        Some((base64, u32::from_str_radix(mode, 8).ok()?, name.to_owned()))
    });
    let (base64, mode, name) =
        header.ok_or_else(|| fail(format!("{shown}: Invalid or missing 'begin' line")))?;
    let mut data = Vec::new();
    let mut ended = false;
    for line in lines {
        if line == if base64 { "====" } else { "end" } {
            ended = true;
            break;
        }
        if base64 {
            let sixes: Vec<u8> = line
                .bytes()
                .filter_map(|byte| BASE64.iter().position(|each| *each == byte))
                .filter_map(|at| u8::try_from(at).ok())
                .collect();
            let length = sixes.len() * 3 / 4;
            data.extend(joined(&sixes).into_iter().take(length));
        } else {
            let sixes: Vec<u8> = line
                .bytes()
                .map(|byte| byte.wrapping_sub(32) & 63)
                .collect();
            let Some((length, rest)) = sixes.split_first() else {
                continue;
            };
            data.extend(joined(rest).into_iter().take(usize::from(*length)));
        }
    }
    if !ended {
        return Err(fail(format!("{shown}: No 'end' line")));
    }
    let target = output.unwrap_or(name);
    if target == "-" || target == "/dev/stdout" {
        io::stdout().write_all(&data)?;
        return Ok(());
    }
    let written = fs::write(&target, data).and_then(|()| path::chmod(&target, mode & 0o777));
    written.map_err(|error| fail(format!("{target}: {}", errno::message(&error))))
}

/// Three bytes of each four groups of six bits.
fn joined(sixes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for group in sixes.chunks(4) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 18 | at(1) << 12 | at(2) << 6 | at(3);
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    out
}
