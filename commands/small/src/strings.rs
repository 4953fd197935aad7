//! `strings`: the printable texts in files, as the GNU tool finds them with `-a`.

use std::io::{self, Write};

use secure_exec_cli::{Args, Outcome, Syntax, fail, flag, required};

use crate::input;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "all"),
        flag('d', "data"),
        flag('f', "print-file-name"),
        required('n', "bytes"),
        required('t', "radix"),
        flag('o', "o"),
        flag('w', "include-all-whitespace"),
        required('s', "output-separator"),
    ],
    usage: "[option(s)] [file(s)]",
    usage_status: 1,
    operand_ends: false,
};

/// The shortest text that is told unless `-n` says otherwise.
const LEAST: usize = 4;

pub fn main(args: &Args) -> Outcome {
    // `-8` is `-n 8`.
    let list = args.list.iter().map(|word| {
        let text = word.to_string_lossy();
        match text.strip_prefix('-') {
            Some(digits)
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                format!("-n{digits}").into()
            }
            _ => word.clone(),
        }
    });
    let args = &Args {
        name: args.name.clone(),
        list: list.collect(),
    };
    let parsed = SYNTAX.parse(args)?;
    let least = match parsed.value("bytes") {
        Some(value) => {
            let text = value.text();
            match text.parse() {
                Ok(0) | Err(_) => {
                    return Err(fail(format!("invalid minimum string length {text}")));
                }
                Ok(number) => number,
            }
        }
        None => LEAST,
    };
    let radix = parsed.value("radix").map(secure_exec_cli::Value::text);
    let radix = match radix.as_deref() {
        None if parsed.has("o") => Some('o'),
        None => None,
        Some(text @ ("d" | "o" | "x")) => text.chars().next(),
        Some(text) => return Err(SYNTAX.wrong(args, &format!("invalid radix {text}"))),
    };
    let whitespace = parsed.has("include-all-whitespace");
    let separator = parsed
        .value("output-separator")
        .map_or_else(|| "\n".to_owned(), secure_exec_cli::Value::text);
    let mut out = io::BufWriter::new(io::stdout());
    let mut status = 0;
    for name in input::operands(&parsed.operands) {
        let bytes = match input::read(&name) {
            Ok(bytes) => bytes,
            Err(error) => {
                let shown = name.to_string_lossy();
                let text = match error.kind() {
                    io::ErrorKind::NotFound => format!("'{shown}': No such file"),
                    _ => format!("{shown}: {}", secure_exec_sys::errno::message(&error)),
                };
                secure_exec_cli::warn(&args.name, text);
                status = 1;
                continue;
            }
        };
        let printable = |byte: u8| {
            (0x20..0x7f).contains(&byte)
                || byte == b'\t'
                || (whitespace && byte.is_ascii_whitespace())
        };
        let mut at = 0;
        while at < bytes.len() {
            let length = bytes[at..]
                .iter()
                .take_while(|&&byte| printable(byte))
                .count();
            if length >= least {
                if parsed.has("print-file-name") {
                    let shown = if name == "-" {
                        "{standard input}".into()
                    } else {
                        name.to_string_lossy()
                    };
                    write!(out, "{shown}: ")?;
                }
                match radix {
                    Some('d') => write!(out, "{at:7} ")?,
                    Some('o') => write!(out, "{at:7o} ")?,
                    Some(_) => write!(out, "{at:7x} ")?,
                    None => {}
                }
                out.write_all(&bytes[at..at + length])?;
                out.write_all(separator.as_bytes())?;
            }
            at += length + 1;
        }
    }
    out.flush()?;
    Ok(status)
}
