//! patch: applies diffs.

mod apply;
mod options;
mod output;
mod parse;
mod patcher;

use crate::{bytes, message};
use options::Options;
use parse::Reader;
use patcher::Patcher;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

const REJECTED: u8 = 1;
const TROUBLE: u8 = 2;

pub fn main(_: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    match run(&options) {
        Ok(status) => status,
        Err(text) => {
            message::warn("patch", &format!("**** {text}"));
            TROUBLE
        }
    }
}

fn read_patch(options: &Options) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    match &options.input {
        Some(name) if name != b"-" => fs::read(bytes::path(name)).map_err(|error| {
            let name = String::from_utf8_lossy(name);
            format!("Can't open patch file {name} : {}", message::reason(&error))
        }),
        _ => {
            io::stdin()
                .read_to_end(&mut text)
                .map_err(|error| message::reason(&error))?;
            Ok(text)
        }
    }
}

fn run(options: &Options) -> Result<u8, String> {
    if let Some(directory) = &options.directory {
        secure_exec_sys::path::chdir(bytes::path(directory)).map_err(|error| {
            let name = String::from_utf8_lossy(directory);
            format!(
                "Can't change to directory {name} : {}",
                message::reason(&error)
            )
        })?;
        secure_exec_sys::init();
    }
    let mut text = read_patch(options)?;
    if !options.binary && has_carriage_returns(&text) {
        say(
            options,
            "(Stripping trailing CRs from patch; use --binary to disable.)",
        );
        text = without_carriage_returns(&text);
    }
    let mut reader = Reader::new(&text);
    let mut any = false;
    let mut status = 0;
    loop {
        match reader.next_file() {
            Ok(Some(patch)) => {
                any = true;
                status = status.max(Patcher { options, patch }.file()?);
            }
            Ok(None) if any || text.is_empty() => return Ok(status),
            Ok(None) => return Err("Only garbage was found in the patch input.".to_owned()),
            Err(text) => return Err(text),
        }
    }
}

/// Whether the header of a patch ends its lines as on Windows.
fn has_carriage_returns(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| {
        line.ends_with(b"\r")
            && [&b"--- "[..], b"+++ ", b"*** "]
                .iter()
                .any(|mark| line.starts_with(mark))
    })
}

fn without_carriage_returns(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let mut plain = Vec::with_capacity(text.len());
    for line in lines {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                plain.extend_from_slice(line);
                plain.push(b'\n');
            }
            None => plain.extend_from_slice(line),
        }
    }
    plain
}

fn say(options: &Options, text: &str) {
    if !options.silent {
        // Nobody reads it if this fails.
        let _ = writeln!(io::stdout(), "{text}");
    }
}

fn is_null(name: Option<&Vec<u8>>) -> bool {
    name.is_some_and(|name| name == b"/dev/null")
}

fn quoted(name: &Path) -> String {
    let text = name.display().to_string();
    if text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+,=@%:".contains(c))
    {
        text
    } else {
        format!("'{text}'")
    }
}
