//! `kill`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/kill.html).

use std::ffi::OsString;

use secure_exec_cli::{Args, Failure, Outcome, bytes, fail, quote, warn};
use secure_exec_sys::errno;
use secure_exec_sys::process::kill;
use secure_exec_sys::signal::{self, SIGTERM};

const USAGE: &str = "usage: kill [-s SIGNAL | -SIGNAL] PID...\n   or: kill -l [STATUS]...";

pub fn main(args: &Args) -> Outcome {
    let mut list = args.list.as_slice();
    let mut number = SIGTERM;
    if let Some(first) = list.first() {
        let text = first.to_string_lossy().into_owned();
        match text.as_str() {
            "-l" | "--list" | "-L" | "--table" => return names(&list[1..]),
            "-s" | "--signal" | "-n" => {
                let name = list.get(1).ok_or_else(|| fail(USAGE))?;
                number = parse(&name.to_string_lossy())?;
                list = &list[2..];
            }
            "--" => {}
            _ if text.starts_with("--signal=") => {
                number = parse(&text[9..])?;
                list = &list[1..];
            }
            _ if text.len() > 1 && text.starts_with('-') => {
                let name = text[1..]
                    .strip_prefix('s')
                    .filter(|rest| signal::number(rest).is_some());
                number = parse(name.unwrap_or(&text[1..]))?;
                list = &list[1..];
            }
            _ => {}
        }
    }
    if list.first().is_some_and(|first| first == "--") {
        list = &list[1..];
    }
    if list.is_empty() {
        return Err(fail(USAGE));
    }
    Ok(send(args, list, number))
}

fn send(args: &Args, list: &[OsString], number: i32) -> i32 {
    let mut status = 0;
    for operand in list {
        let text = operand.to_string_lossy();
        match text.trim().parse() {
            Ok(pid) => {
                if let Err(error) = kill(pid, number) {
                    warn(
                        &args.name,
                        format_args!("({text}): {}", errno::message(&error)),
                    );
                    status = 1;
                }
            }
            Err(_) => {
                warn(
                    &args.name,
                    format_args!("failed to parse argument: {}", quote(operand)),
                );
                status = 1;
            }
        }
    }
    status
}

/// A signal by name, with `SIG` or without, or by number.
pub fn parse(text: &str) -> Result<i32, Failure> {
    let by_number = text
        .parse()
        .ok()
        .filter(|number| (0..=signal::MAX).contains(number));
    let found = by_number.or_else(|| signal::number(text).filter(|number| *number > 0));
    found.ok_or_else(|| fail(format!("{}: invalid signal name or number", quote(text))))
}

/// `-l`: all names, or the names of numbers and the numbers of names. A status above 128 is a signal's.
fn names(list: &[OsString]) -> Outcome {
    if list.is_empty() {
        let all: Vec<String> = (1..=signal::MAX).filter_map(signal::name).collect();
        println!("{}", all.join("\n"));
        return Ok(0);
    }
    let mut status = 0;
    for operand in list {
        let text = String::from_utf8_lossy(bytes(operand)).into_owned();
        let shown = match text.parse::<i32>() {
            Ok(number) => signal::name(if number > 128 {
                number - 128
            } else {
                number & 0x7f
            }),
            Err(_) => signal::number(&text).map(|number| number.to_string()),
        };
        match shown {
            Some(shown) => println!("{shown}"),
            None => {
                warn("kill", format_args!("{}: invalid signal", quote(&text)));
                status = 1;
            }
        }
    }
    Ok(status)
}
