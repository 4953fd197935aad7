//! `xargs`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/xargs.html), with the
//! options of the GNU tool.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, optional, os_string, quote,
};
use secure_exec_cli::{required, warn};
use secure_exec_sys::Pid;
use secure_exec_sys::errno;
use secure_exec_sys::fd::O_RDONLY;
use secure_exec_sys::process::{self, Action, Program, WaitStatus};
use secure_exec_sys::tty::isatty;

use crate::getconf::argument_bytes;
use crate::run::{assignment, failure_status};
use secure_exec_sys::child::{environment, program};

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
        required('\0', "process-slot-var"),
        flag('\0', "show-limits"),
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

/// Bytes that are left to a program that changes its environment, as POSIX asks.
const ROOM: usize = 2048;

/// The least that any system takes.
const SMALLEST_ARG_MAX: usize = 4096;

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
    /// The variable that tells a command its slot, and the process in each slot.
    slot_variable: Option<OsString>,
    slots: Vec<Option<Pid>>,
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
    let mut batch = Batch::default();
    for (option, value) in &parsed.options {
        match *option {
            "I" => batch.replace(&args.name, bytes(&value.os()).to_vec()),
            "replace" if value.is_given() => {
                batch.replace(&args.name, bytes(&value.os()).to_vec());
            }
            "replace" => batch.replace(&args.name, b"{}".to_vec()),
            "L" => batch.by_lines(&args.name, "-L", number("L", "L")?),
            "max-lines" => {
                let lines = number("max-lines", "l")?.or(Some(1));
                batch.by_lines(&args.name, "--max-lines/-l", lines);
            }
            "max-args" => batch.by_arguments(&args.name, number("max-args", "n")?),
            _ => {}
        }
    }
    let slot_variable = parsed
        .value("process-slot-var")
        .map(secure_exec_cli::Value::os);
    if slot_variable
        .as_ref()
        .is_some_and(|name| bytes(name).contains(&b'='))
    {
        return Err(fail(
            "option --process-slot-var may not be set to a value which includes `='",
        ));
    }
    let largest = largest_size()?;
    let max_size = match number("max-chars", "s")? {
        Some(size) if size > largest => {
            let text = format!("value {size} for -s option should be <= {largest}");
            warn(&args.name, format_args!("{text}"));
            largest
        }
        size => size.unwrap_or(COMMAND_SIZE.min(largest)),
    };
    if parsed.has("show-limits") {
        show_limits(max_size, largest);
    }
    let mut command = parsed.operands.clone();
    if command.is_empty() {
        command.push("echo".into());
    }
    Ok(Xargs {
        name: args.name.clone(),
        command,
        replaced: batch.replaced,
        max_args: batch.arguments.unwrap_or(usize::MAX),
        max_lines: batch.lines.unwrap_or(usize::MAX),
        max_size,
        slot_variable,
        slots: Vec::new(),
        max_procs: number("max-procs", "P")?
            .map_or(1, |number| if number == 0 { usize::MAX } else { number }),
        exits_if_too_long: parsed.has("exit") || batch.lines.is_some(),
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
    let wrong = || {
        fail(format!(
            "Invalid escape sequence {text} in input delimiter specification."
        ))
    };
    let number = |digits: &str, base: u32| u8::from_str_radix(digits, base).map_err(|_| wrong());
    match text.as_bytes() {
        [byte] => Ok(*byte),
        [b'\\', b'x'] => Ok(0),
        [b'\\', b'x', ..] => number(&text[2..], 16),
        [b'\\', b'0'..=b'7', ..] => match u32::from_str_radix(&text[1..], 8) {
            Ok(code) if code > 0o377 => Err(fail(format!(
                "Invalid escape sequence {text} in input delimiter specification; character values \
                 must not exceed 377."
            ))),
            _ => number(&text[1..], 8),
        },
        [b'\\', letter] => match letter {
            b'a' => Ok(7),
            b'b' => Ok(8),
            b'f' => Ok(12),
            b'n' => Ok(b'\n'),
            b'r' => Ok(b'\r'),
            b't' => Ok(b'\t'),
            b'v' => Ok(11),
            b'\\' => Ok(b'\\'),
            _ => Err(wrong()),
        },
        [b'\\', ..] => Err(wrong()),
        _ => Err(fail(format!(
            "Invalid input delimiter specification {text}: the delimiter must be either a single \
             character or an escape sequence starting with \\."
        ))),
    }
}

/// Bytes of the environment, each of its strings with its NUL.
fn environment_size() -> usize {
    environment().iter().map(|entry| entry.len() + 1).sum()
}

/// The most that `-s` may ask for: what the system takes beside the environment.
fn largest_size() -> io::Result<usize> {
    let most = usize::try_from(argument_bytes()?).unwrap_or(usize::MAX);
    Ok(most.saturating_sub(environment_size() + ROOM).max(1))
}

/// What `--show-limits` says.
fn show_limits(size: usize, largest: usize) {
    let used = environment_size();
    eprintln!("Your environment variables take up {used} bytes");
    eprintln!("POSIX upper limit on argument length (this system): {largest}");
    eprintln!(
        "POSIX smallest allowable upper limit on argument length (all systems): {SMALLEST_ARG_MAX}"
    );
    eprintln!(
        "Maximum length of command we could actually use: {}",
        largest.saturating_sub(used)
    );
    eprintln!("Size of command buffer we are actually using: {size}");
    eprintln!(
        "Maximum parallelism (--max-procs must be no greater): {}",
        i32::MAX
    );
}

/// How many arguments a command gets: the options about it exclude each other, and the last one counts.
#[derive(Default)]
struct Batch {
    replaced: Option<Vec<u8>>,
    lines: Option<usize>,
    arguments: Option<usize>,
}

impl Batch {
    fn replace(&mut self, name: &str, marker: Vec<u8>) {
        self.ignore(name, "--replace/-I/-i", [false, true, true]);
        self.replaced = Some(marker);
    }

    fn by_lines(&mut self, name: &str, option: &str, lines: Option<usize>) {
        self.ignore(name, option, [true, false, true]);
        self.lines = lines;
    }

    fn by_arguments(&mut self, name: &str, arguments: Option<usize>) {
        if self.replaced.is_some() && arguments == Some(1) {
            // It is what a replacement takes anyway.
            return;
        }
        self.ignore(name, "--max-args/-n", [true, true, false]);
        self.arguments = arguments;
    }

    /// Forgets what was said before by options of these kinds: of replacement, lines, arguments.
    fn ignore(&mut self, name: &str, option: &str, [replaced, lines, arguments]: [bool; 3]) {
        let ignored = [
            (replaced && self.replaced.take().is_some(), "--replace"),
            (lines && self.lines.take().is_some(), "--max-lines"),
            (arguments && self.arguments.take().is_some(), "--max-args"),
        ];
        for (is_ignored, other) in ignored {
            if is_ignored {
                warn(
                    name,
                    format_args!(
                        "warning: options {other} and {option} are mutually exclusive, ignoring \
                         previous {other} value"
                    ),
                );
            }
        }
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
        let free = self.slots.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.slots.len());
        let mut program = Program {
            actions,
            ..program(command)
        };
        if let Some(name) = &self.slot_variable {
            let set = assignment(name, &OsString::from(""));
            let has_name = |entry: &OsString| bytes(entry).starts_with(bytes(&set));
            program.env.retain(|entry| !has_name(entry));
            program.env.push(assignment(name, &slot.to_string().into()));
        }
        match process::spawn(&program) {
            Ok(pid) => {
                self.running += 1;
                if slot == self.slots.len() {
                    self.slots.push(None);
                }
                self.slots[slot] = Some(pid);
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
            Ok(Some((pid, status))) => {
                self.running -= 1;
                for slot in &mut self.slots {
                    if *slot == Some(pid) {
                        *slot = None;
                    }
                }
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
