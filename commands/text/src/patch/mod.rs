//! patch: applies diffs.

mod apply;
mod merge;
mod options;
mod output;
mod parse;
mod patcher;
mod place;
mod rejects;
mod script;
mod stamp;

use crate::{bytes, message};
use options::{Options, Quoting, Verbosity};
use parse::{FilePatch, Format, Reader};
use patcher::Patcher;
use std::cell::RefCell;
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
    let mut reader = Reader::new(&text, options);
    let changed = RefCell::new(Vec::new());
    let mut any = false;
    let mut status = 0;
    loop {
        match reader.next_file() {
            Ok(Some(patch)) => {
                verbosely(options, || introduction(&patch, any));
                any = true;
                let patcher = Patcher {
                    options,
                    changed: &changed,
                    patch,
                };
                status = status.max(patcher.file()?);
            }
            Ok(None) if any || text.is_empty() => {
                if reader.has_more() {
                    verbosely(options, || {
                        "Hmm...  Ignoring the trailing garbage.".to_owned()
                    });
                }
                verbosely(options, || "done".to_owned());
                return Ok(status);
            }
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
    if !options.is_silent() {
        tell(options, text);
    }
}

/// Says what is told also under `-s`, which is about what went well.
fn tell(options: &Options, text: &str) {
    // Nobody reads it if this fails.
    let _ = if options.output.as_deref() == Some(b"-") {
        writeln!(io::stderr(), "{text}")
    } else {
        writeln!(io::stdout(), "{text}")
    };
}

/// Says what only `--verbose` says.
fn verbosely(options: &Options, text: impl FnOnce() -> String) {
    if options.verbosity == Verbosity::Verbose {
        say(options, &text());
    }
}

/// What is said of a patch before it is applied.
fn introduction(patch: &FilePatch, again: bool) -> String {
    let kind = match patch.format {
        Format::Unified => "a unified diff",
        Format::Context => "a new-style context diff",
        Format::Normal => "a normal diff",
        Format::Ed => "an ed script",
    };
    let start = if again {
        "The next patch looks"
    } else {
        "Looks"
    };
    let text = format!("Hmm...  {start} like {kind} to me...");
    let leading = leading(patch);
    if leading.is_empty() {
        text
    } else {
        format!("{text}\n{}", leading.trim_end())
    }
}

/// What stands before the hunks, as it is shown.
fn leading(patch: &FilePatch) -> String {
    if patch.leading.is_empty() {
        return String::new();
    }
    let mut text = format!("The text leading up to this was:\n{RULE}\n");
    for line in &patch.leading {
        text.push_str(&format!("|{}\n", String::from_utf8_lossy(line)));
    }
    text + RULE + "\n"
}

const RULE: &str = "--------------------------";

fn is_null(name: Option<&Vec<u8>>) -> bool {
    name.is_some_and(|name| name == b"/dev/null")
}

/// A name as messages have it.
fn quoted(options: &Options, name: &Path) -> String {
    let raw = name.as_os_str().as_encoded_bytes();
    let text = name.display().to_string();
    match options.quoting {
        Quoting::Literal => text,
        Quoting::Shell => secure_exec_cli::shell_escape(raw, false),
        Quoting::ShellAlways => secure_exec_cli::shell_escape(raw, true),
        Quoting::C => format!("\"{}\"", escaped(&text, true)),
        Quoting::Escape => escaped(&text, false),
    }
}

/// A name with C's escapes, also of quotes if it stands between them.
fn escaped(text: &str, between_quotes: bool) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '"' if between_quotes => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\{:03o}", u32::from(letter))),
            other => out.push(other),
        }
    }
    out
}
