//! `time` and `watch`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use secure_exec_cli::{
    Args, Failure, Outcome, Syntax, fail, flag, parse_duration, quote, required,
};
use secure_exec_sys::errno;
use secure_exec_sys::process::times;

use crate::clock::{local, now};
use crate::run::{failure_status, run, shell_status};

const TIME: Syntax = Syntax {
    options: &[flag('p', "portability")],
    usage: "[-p] COMMAND [ARG]...",
    usage_status: 1,
    operand_ends: true,
};

/// By the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/time.html).
pub fn time(args: &Args) -> Outcome {
    let parsed = TIME.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(TIME.missing_operand(args));
    }
    let start = Instant::now();
    let result = run(&parsed.operands, PathBuf::new());
    let real = start.elapsed();
    let (status, message) = match result {
        Ok(status) => (shell_status(status), String::new()),
        Err(error) => {
            let name = parsed.operands[0].to_string_lossy();
            (
                failure_status(&error),
                format!("time: {name}: {}\n", errno::message(&error)),
            )
        }
    };
    let used = times()?;
    let show = |time: Duration| format!("{:.2}", time.as_secs_f64());
    let (user, system) = (show(used.children_user), show(used.children_system));
    eprint!("{message}real {}\nuser {user}\nsys {system}\n", show(real));
    Ok(status)
}

const WATCH: Syntax = Syntax {
    options: &[
        required('n', "interval"),
        flag('t', "no-title"),
        flag('x', "exec"),
        flag('e', "errexit"),
        flag('g', "chgexit"),
        flag('d', "differences"),
    ],
    usage: "[OPTION]... COMMAND [ARG]...",
    usage_status: 1,
    operand_ends: true,
};

pub fn watch(args: &Args) -> Outcome {
    let parsed = WATCH.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(WATCH.missing_operand(args));
    }
    if parsed.has("chgexit") || parsed.has("differences") {
        return Err(fail("-g and -d are not supported"));
    }
    let interval = match parsed.value("interval") {
        None => Duration::from_secs(2),
        Some(value) => parse_duration(&value.text()).ok_or_else(|| {
            fail(format!(
                "failed to parse argument: {}",
                quote(&value.text())
            ))
        })?,
    };
    let words: Vec<String> = parsed
        .operands
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    let command = if parsed.has("exec") {
        parsed.operands.clone()
    } else {
        vec!["sh".into(), "-c".into(), line.clone().into()]
    };
    loop {
        print!("\x1b[H\x1b[2J");
        if !parsed.has("no-title") {
            println!(
                "Every {:.1}s: {line}    {}\n",
                interval.as_secs_f64(),
                local(now(), "%a %b %e %H:%M:%S %Y")
            );
        }
        let status = run(&command, PathBuf::new()).map_err(|error| Failure {
            status: failure_status(&error),
            message: errno::message(&error),
        })?;
        if parsed.has("errexit") && shell_status(status) != 0 {
            return Ok(8);
        }
        std::thread::sleep(interval.max(Duration::from_millis(100)));
    }
}
