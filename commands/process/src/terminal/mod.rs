//! `clear`, `reset` and `tput`.

mod known;

use std::io::{self, BufRead, Write};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, Value, fail, flag, quote, required};
use secure_exec_sys::tty::winsize;

use known::{Answer, Terminal};

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

const TPUT: Syntax = Syntax {
    options: &[
        flag('S', "S"),
        required('T', "T"),
        flag('V', "V"),
        flag('x', "x"),
    ],
    usage: "[-S] [-T TERM] [-x] CAPABILITY [PARAMETER]...",
    usage_status: 2,
    operand_ends: true,
};

/// The statuses of `tput`, by its manual page.
const NO_CAPABILITY: i32 = 1;
const WRONG_USAGE: i32 = 2;
const UNKNOWN_TERMINAL: i32 = 3;
const UNKNOWN_CAPABILITY: i32 = 4;

pub fn tput(args: &Args) -> Outcome {
    let parsed = TPUT.parse(args)?;
    if parsed.has("V") {
        println!("tput (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let from_environment = || std::env::var("TERM").ok();
    let name = parsed.value("T").map(Value::text).or_else(from_environment);
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(Failure {
            status: WRONG_USAGE,
            ..fail("No value for $TERM and no -T specified")
        });
    };
    if parsed.operands.is_empty() && !parsed.has("S") {
        return Err(TPUT.wrong(args, "no capability is named"));
    }
    let Some(terminal) = Terminal::named(&name) else {
        return Err(Failure {
            status: UNKNOWN_TERMINAL,
            ..fail(format!("unknown terminal \"{name}\""))
        });
    };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    let lines: Vec<Vec<String>> = if parsed.has("S") {
        let lines: Result<Vec<String>, _> = io::stdin().lock().lines().collect();
        let lines: Vec<Vec<String>> = lines?.iter().map(|line| words(line)).collect();
        lines
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect()
    } else {
        let operands = parsed.operands.iter();
        vec![
            operands
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        ]
    };
    let mut status = 0;
    for line in &lines {
        status = capability(&terminal, line, parsed.has("x"))?;
    }
    // With several the status tells of mistakes only.
    Ok(if parsed.has("S") { 0 } else { status })
}

/// Prints one capability.
fn capability(terminal: &Terminal, words: &[String], keeps_scrollback: bool) -> Outcome {
    let Some((name, parameters)) = words.split_first() else {
        return Ok(0);
    };
    let text = |name: &str| match terminal.answer(name, parameters) {
        Some(Answer::Text(text)) => text,
        _ => String::new(),
    };
    match name.as_str() {
        "clear" => {
            let clear = text("clear");
            if clear.is_empty() {
                return Ok(WRONG_USAGE);
            }
            return put(&format!(
                "{clear}{}",
                if keeps_scrollback {
                    String::new()
                } else {
                    text("E3")
                }
            ));
        }
        "init" => return put(&text("is2")),
        "reset" => return put(&format!("{}{}", text("rs1"), text("rs2"))),
        "longname" => return put(terminal.long_name),
        "cols" => return put(&format!("{}\n", size("COLUMNS", |size| size.columns, 80))),
        "lines" => return put(&format!("{}\n", size("LINES", |size| size.rows, 24))),
        _ => {}
    }
    match terminal.answer(name, parameters) {
        Some(Answer::Text(text)) => put(&text),
        Some(Answer::Number(number)) => put(&format!("{number}\n")),
        Some(Answer::Flag(is_set)) => Ok(i32::from(!is_set)),
        Some(Answer::Absent) => Ok(NO_CAPABILITY),
        None => Err(Failure {
            status: UNKNOWN_CAPABILITY,
            ..fail(format!("unknown terminfo capability {}", quote(name)))
        }),
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
