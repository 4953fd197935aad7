//! `clear`, `reset` and the capabilities of `tput` that scripts use, for terminals that know ANSI's
//! sequences.

use std::io::{self, Write};

use secure_exec_cli::{Args, Failure, Outcome, fail, quote};
use secure_exec_sys::tty::winsize;

pub fn clear(_args: &Args) -> Outcome {
    put("\x1b[H\x1b[2J\x1b[3J")
}

pub fn reset(_args: &Args) -> Outcome {
    put("\x1bc\x1b[!p\x1b[?3;4l\x1b[4l\x1b>")
}

fn put(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(0)
}

pub fn tput(args: &Args) -> Outcome {
    let mut list: Vec<String> = args
        .list
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    if list.first().is_some_and(|first| first == "-T") {
        list.drain(..list.len().min(2));
    } else if list.first().is_some_and(|first| first.starts_with("-T")) {
        list.remove(0);
    }
    let Some(name) = list.first() else {
        return Err(Failure {
            status: 2,
            message: "usage: tput [-T TERM] CAPABILITY [PARAMETER]...".into(),
        });
    };
    let number = |index: usize| {
        list.get(index)
            .and_then(|text| text.parse::<u32>().ok())
            .unwrap_or(0)
    };
    let fixed = match name.as_str() {
        "clear" => "\x1b[H\x1b[2J\x1b[3J",
        "bold" => "\x1b[1m",
        "dim" => "\x1b[2m",
        "sitm" => "\x1b[3m",
        "ritm" => "\x1b[23m",
        "smul" => "\x1b[4m",
        "rmul" => "\x1b[24m",
        "rev" | "smso" => "\x1b[7m",
        "rmso" => "\x1b[27m",
        "blink" => "\x1b[5m",
        "sgr0" => "\x1b(B\x1b[m",
        "el" => "\x1b[K",
        "el1" => "\x1b[1K",
        "ed" => "\x1b[J",
        "home" => "\x1b[H",
        "civis" => "\x1b[?25l",
        "cnorm" => "\x1b[?12l\x1b[?25h",
        "smcup" => "\x1b[?1049h",
        "rmcup" => "\x1b[?1049l",
        "sc" => "\x1b7",
        "rc" => "\x1b8",
        "bel" => "\x07",
        "cuu1" => "\x1b[A",
        "cud1" => "\n",
        "reset" | "init" => "\x1bc",
        _ => "",
    };
    if !fixed.is_empty() {
        return put(fixed);
    }
    match name.as_str() {
        "cols" => put(&format!("{}\n", size("COLUMNS", |size| size.columns, 80))),
        "lines" => put(&format!("{}\n", size("LINES", |size| size.rows, 24))),
        "colors" => put("256\n"),
        "longname" => put("ANSI terminal"),
        "cup" => put(&format!("\x1b[{};{}H", number(1) + 1, number(2) + 1)),
        "cuu" => put(&format!("\x1b[{}A", number(1))),
        "cud" => put(&format!("\x1b[{}B", number(1))),
        "setaf" => put(&color(number(1), 30)),
        "setab" => put(&color(number(1), 40)),
        _ => Err(Failure {
            status: 4,
            ..fail(format!("unknown terminfo capability {}", quote(name)))
        }),
    }
}

fn color(number: u32, base: u32) -> String {
    match number {
        0..=7 => format!("\x1b[{}m", base + number),
        8..=15 => format!("\x1b[{}m", base + 60 + number - 8),
        _ => format!("\x1b[{};5;{number}m", base + 8),
    }
}

fn size(variable: &str, field: fn(secure_exec_sys::tty::Winsize) -> u16, default: u16) -> u16 {
    let of_terminal = [1, 2, 0]
        .into_iter()
        .find_map(|fd| winsize(fd).ok())
        .map(field)
        .filter(|size| *size > 0);
    let from_env = || std::env::var(variable).ok()?.parse().ok();
    of_terminal.or_else(from_env).unwrap_or(default)
}
