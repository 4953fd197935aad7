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
    let text = read_patch(options)?;
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
