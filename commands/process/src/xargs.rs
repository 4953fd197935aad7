//! `xargs`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/xargs.html), with the
//! options `-0`, `-a`, `-d`, `-P` and `-r` of the GNU tool.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, optional, os_string, quote,
};
use secure_exec_cli::{required, warn};
use secure_exec_sys::errno;
use secure_exec_sys::fd::O_RDONLY;
use secure_exec_sys::process::{self, Action, WaitStatus};
use secure_exec_sys::tty::isatty;

use crate::run::{failure_status, start};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('0', "null"),
        required('a', "arg-file"),
        required('d', "delimiter"),
        required('E', "E"),
        optional('e', "eof"),
        required('I', "I"),
        optional('i', "replace"),
        required('L', "L"),
        optional('l', "max-lines"),
        required('n', "max-args"),
        flag('o', "open-tty"),
        required('P', "max-procs"),
        flag('p', "interactive"),
        flag('r', "no-run-if-empty"),
        required('s', "max-chars"),
        flag('t', "verbose"),
        flag('x', "exit"),
    ],
    usage: "[OPTION]... [COMMAND [INITIAL-ARGS]...]",
    usage_status: 1,
    operand_ends: true,
};

/// The longest command line unless `-s` says otherwise, as elsewhere.
const COMMAND_SIZE: usize = 131_072;

/// A command failed, failed badly, was killed.
const SOME_FAILED: i32 = 123;
const STOPPED: i32 = 124;
const KILLED: i32 = 125;

struct Xargs {
    name: String,
    command: Vec<OsString>,
    replaced: Option<Vec<u8>>,
    max_args: usize,
    max_lines: usize,
    max_size: usize,
    max_procs: usize,
    exits_if_too_long: bool,
    runs_on_empty: bool,
    traces: bool,
    asks: bool,
    input_is_stdin: bool,
    running: usize,
    status: i32,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let mut xargs = settings(args, &parsed)?;
    let items = read_items(&parsed, xargs.replaced.is_some())?;
    let done = if xargs.replaced.is_some() {
        xargs.replace(items)
    } else {
        xargs.batches(items)
    };
    while xargs.running > 0 {
        xargs.reap()?;
    }
    done?;
    Ok(xargs.status)
}

fn settings(args: &Args, parsed: &Parsed) -> Result<Xargs, Failure> {
    let number = |name: &str, option: &str| -> Result<Option<usize>, Failure> {
        let Some(value) = parsed.value(name).filter(|value| value.is_given()) else {
            return Ok(None);
        };
        let text = value.text();
        let number = text.parse::<usize>().map_err(|_| {
            SYNTAX.wrong(
                args,
                &format!("invalid number \"{text}\" for -{option} option"),
            )
        })?;
        if number == 0 && option != "P" {
            return Err(SYNTAX.wrong(
                args,
                &format!("value 0 for -{option} option should be >= 1"),
            ));
        }
        Ok(Some(number))
    };
    // One argument for each command is what a replacement takes anyway: `-n 1` leaves it in force.
    let one_each = parsed
        .value("max-args")
        .is_some_and(|value| value.text() == "1");
    let excluding: &[&str] = if one_each {
        &["I", "replace", "L", "max-lines"]
    } else {
        &["I", "replace", "L", "max-lines", "max-args"]
    };
    let replaced = match parsed.last_of(excluding) {
        Some("I") => parsed.value("I").map(|value| bytes(&value.os()).to_vec()),
        Some("replace") => {
            let given = parsed.value("replace").filter(|value| value.is_given());
            Some(given.map_or_else(|| b"{}".to_vec(), |value| bytes(&value.os()).to_vec()))
        }
        _ => None,
    };
    let max_lines = match parsed.last_of(&["L", "max-lines"]) {
        Some("max-lines") => number("max-lines", "l")?.unwrap_or(1),
        Some(_) => number("L", "L")?.unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let mut command = parsed.operands.clone();
    if command.is_empty() {
        command.push("echo".into());
    }
    Ok(Xargs {
        name: args.name.clone(),
        command,
        replaced,
        max_args: number("max-args", "n")?.unwrap_or(usize::MAX),
        max_lines,
        max_size: number("max-chars", "s")?.unwrap_or(COMMAND_SIZE),
        max_procs: number("max-procs", "P")?
            .map_or(1, |number| if number == 0 { usize::MAX } else { number }),
        exits_if_too_long: parsed.has("exit") || max_lines != usize::MAX,
        runs_on_empty: !parsed.has("no-run-if-empty"),
        traces: parsed.has("verbose") || parsed.has("interactive"),
        asks: parsed.has("interactive"),
        input_is_stdin: !parsed.has("arg-file"),
        running: 0,
        status: 0,
    })
}

/// An argument and whether a line ended behind it.
struct Item {
    text: Vec<u8>,
    ends_line: bool,
}

fn read_items(parsed: &Parsed, by_line: bool) -> Result<VecDeque<Item>, Failure> {
    let mut input: Box<dyn BufRead> = match parsed.value("arg-file") {
        Some(file) => {
            let path = file.os();
            let opened = std::fs::File::open(&path);
            let opened = opened.map_err(|error| {
                fail(format!(
                    "Cannot open input file {}: {}",
                    quote(&path),
                    errno::message(&error)
                ))
            })?;
            Box::new(BufReader::new(opened))
        }
        None => Box::new(io::stdin().lock()),
    };
    let mut text = Vec::new();
    input
        .read_to_end(&mut text)
        .map_err(|error| fail(errno::message(&error)))?;
    let delimiter = match parsed.last_of(&["null", "delimiter"]) {
        Some("null") => Some(0),
        Some(_) => Some(delimiter(
            &parsed
                .value("delimiter")
                .map(secure_exec_cli::Value::text)
                .unwrap_or_default(),
        )?),
        None => None,
    };
    if let Some(delimiter) = delimiter {
        if text.last() == Some(&delimiter) {
            text.pop();
        } else if text.is_empty() {
            return Ok(VecDeque::new());
        }
        let parts = text.split(|&byte| byte == delimiter);
        return Ok(parts
            .map(|part| Item {
                text: part.to_vec(),
                ends_line: true,
            })
            .collect());
    }
    let end = match parsed.last_of(&["E", "eof"]) {
        Some("E") => parsed.value("E").map(|value| bytes(&value.os()).to_vec()),
        Some(_) => parsed
            .value("eof")
            .filter(|value| value.is_given())
            .map(|value| bytes(&value.os()).to_vec()),
        None => None,
    };
    split(&text, by_line, end.as_deref().filter(|end| !end.is_empty()))
}

fn delimiter(text: &str) -> Result<u8, Failure> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        b"\\n" => Ok(b'\n'),
        b"\\t" => Ok(b'\t'),
        b"\\0" => Ok(0),
        b"\\\\" => Ok(b'\\'),
        _ => Err(fail(format!(
            "Invalid input delimiter specification {text}: the delimiter must be one character"
        ))),
    }
}

/// Splits at blanks and newlines, or only at these; quotes and backslashes protect.
fn split(text: &[u8], by_line: bool, end: Option<&[u8]>) -> Result<VecDeque<Item>, Failure> {
    let mut items = VecDeque::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote_mark = None;
    let mut bytes = text.iter().copied();
    let mut finish = |word: Option<Vec<u8>>, ends_line: bool| -> bool {
        match word {
            Some(text) if end == Some(text.as_slice()) => return false,
            Some(text) => items.push_back(Item { text, ends_line }),
            None => {}
        }
        true
    };
    while let Some(byte) = bytes.next() {
        match (quote_mark, byte) {
            (Some(mark), byte) if byte == mark => quote_mark = None,
            (Some(mark), b'\n') => {
                let which = if mark == b'"' { "double" } else { "single" };
                return Err(fail(format!(
                    "unmatched {which} quote; by default quotes are special to xargs unless you use the -0 option"
                )));
            }
            (None, b'"' | b'\'') => {
                quote_mark = Some(byte);
                word.get_or_insert_default();
            }
            (None, b'\\') => word.get_or_insert_default().extend(bytes.next()),
            (None, b'\n') => {
                // A blank before the end of the line continues it, which `-L` counts as one.
                if !finish(word.take(), true) {
                    return Ok(items);
                }
            }
            (None, b' ' | b'\t') if !by_line => {
                if word.is_some() && !finish(word.take(), false) {
                    return Ok(items);
                }
            }
            (None, b' ' | b'\t') if word.is_none() => {}
            (_, byte) => word.get_or_insert_default().push(byte),
        }
    }
    if let Some(mark) = quote_mark {
        let which = if mark == b'"' { "double" } else { "single" };
        return Err(fail(format!(
            "unmatched {which} quote; by default quotes are special to xargs unless you use the -0 option"
        )));
    }
    if word.is_some() {
        finish(word, true);
    }
    Ok(items)
}

impl Xargs {
    /// One command for each item, which replaces the marker wherever it stands.
    fn replace(&mut self, items: VecDeque<Item>) -> Result<(), Failure> {
        let marker = self.replaced.clone().unwrap_or_default();
        for item in items {
            let replaced =
                |argument: &OsString| os_string(substitute(bytes(argument), &marker, &item.text));
            let command: Vec<OsString> = self.command.iter().map(replaced).collect();
            if size(&command) > self.max_size {
                return Err(fail("argument line too long"));
            }
            if !self.launch(&command)? {
                break;
            }
        }
        Ok(())
    }

    /// As many items for each command as fit.
    fn batches(&mut self, mut items: VecDeque<Item>) -> Result<(), Failure> {
        if items.is_empty() && self.runs_on_empty {
            let command = self.command.clone();
            self.launch(&command)?;
        }
        while !items.is_empty() {
            let mut command = self.command.clone();
            let (mut count, mut lines, mut length) = (0, 0, size(&command));
            while let Some(item) = items.front() {
                if count >= self.max_args || lines >= self.max_lines {
                    break;
                }
                if length + item.text.len() + 1 > self.max_size {
                    if count == 0 || self.exits_if_too_long {
                        return Err(fail("argument line too long"));
                    }
                    break;
                }
                length += item.text.len() + 1;
                count += 1;
                lines += usize::from(item.ends_line);
                command.extend(items.pop_front().map(|item| os_string(item.text)));
            }
            if !self.launch(&command)? {
                break;
            }
        }
        Ok(())
    }

    /// Starts a command, waiting first while enough run. `false`: no more commands.
    fn launch(&mut self, command: &[OsString]) -> Result<bool, Failure> {
        while self.running >= self.max_procs {
            self.reap()?;
        }
        if self.status == STOPPED || self.status == KILLED {
            return Ok(false);
        }
        if self.traces && !self.agrees(command) {
            return Ok(true);
        }
        // The input is for this command alone.
        let actions = if self.input_is_stdin {
            vec![Action::Open {
                fd: 0,
                path: "/dev/null".into(),
                flags: O_RDONLY,
                mode: 0,
            }]
        } else {
            Vec::new()
        };
        match start(command, std::path::PathBuf::new(), actions) {
            Ok(_) => {
                self.running += 1;
                if self.max_procs == 1 {
                    self.reap()?;
                }
                Ok(self.status != STOPPED && self.status != KILLED)
            }
            Err(error) => {
                let message = format!(
                    "{}: {}",
                    command[0].to_string_lossy(),
                    errno::message(&error)
                );
                Err(Failure {
                    status: failure_status(&error),
                    message,
                })
            }
        }
    }

    fn agrees(&self, command: &[OsString]) -> bool {
        let words: Vec<String> = command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let line = words.join(" ");
        if !self.asks {
            eprintln!("{line}");
            return true;
        }
        eprint!("{line} ?...");
        let mut answer = String::new();
        let read = match std::fs::File::open("/dev/tty") {
            Ok(terminal) => BufReader::new(terminal.take(4096)).read_line(&mut answer),
            Err(_) if isatty(2) => BufReader::new(io::stdin()).read_line(&mut answer),
            Err(_) => return false,
        };
        read.is_ok() && answer.starts_with(['y', 'Y'])
    }

    /// Waits for one command.
    fn reap(&mut self) -> Result<(), Failure> {
        match process::wait(-1, 0) {
            Ok(Some((_, status))) => {
                self.running -= 1;
                self.account(status);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(fail(errno::message(&error))),
        }
    }

    fn account(&mut self, status: WaitStatus) {
        let command = self.command[0].to_string_lossy().into_owned();
        if let Some(number) = status.signaled() {
            warn(
                &self.name,
                format_args!("{command}: terminated by signal {number}"),
            );
            self.status = KILLED;
            return;
        }
        match status.exited() {
            Some(0) | None => {}
            Some(255) => {
                warn(
                    &self.name,
                    format_args!("{command}: exited with status 255; aborting"),
                );
                self.status = STOPPED;
            }
            Some(_) if self.status == 0 => self.status = SOME_FAILED,
            Some(_) => {}
        }
    }
}

/// The room that arguments take, each with its end.
fn size(command: &[OsString]) -> usize {
    command.iter().map(|word| word.len() + 1).sum()
}

fn substitute(text: &[u8], marker: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while !marker.is_empty()
        && let Some(at) = rest
            .windows(marker.len())
            .position(|window| window == marker)
    {
        out.extend(&rest[..at]);
        out.extend(with);
        rest = &rest[at + marker.len()..];
    }
    out.extend(rest);
    out
}
