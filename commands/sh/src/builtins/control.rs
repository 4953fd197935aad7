//! What changes the flow: loops, functions, `exit`, `eval`, `.`, `exec`.

use std::rc::Rc;

use secure_exec_sys as sys;

use crate::exec::lookup::DEFAULT_PATH;
use crate::shell::{Exec, Flow, Frame, Shell};
use crate::syntax::Input;
use crate::text;

pub fn colon(_: &mut Shell, _: &[String]) -> Exec {
    Ok(0)
}

pub fn false_(_: &mut Shell, _: &[String]) -> Exec {
    Ok(1)
}

/// Refuses what follows the one operand that a builtin takes in bash.
pub(super) fn at_most_one(shell: &mut Shell, words: &[String]) -> Result<(), Flow> {
    if shell.bash && words.len() > 2 {
        shell.error(&format!("{}: too many arguments", words[0]));
        // It gives everything up that is read as one text, which an argument of `-c` is.
        let whole = shell.command_string && !shell.interactive;
        return Err(if whole { Flow::Exit(1) } else { Flow::Discard });
    }
    Ok(())
}

fn levels(shell: &mut Shell, words: &[String]) -> Result<u32, Flow> {
    let Some(word) = words.get(1) else {
        return Ok(1);
    };
    match word.parse::<i64>() {
        Ok(n) if n > 0 => {
            at_most_one(shell, words)?;
            Ok(u32::try_from(n).unwrap_or(u32::MAX))
        }
        Ok(n) if shell.bash => {
            shell.error(&format!("{}: {n}: loop count out of range", words[0]));
            shell.break_status = 1;
            Err(Flow::Break(shell.loops))
        }
        _ if shell.bash => {
            shell.error(&format!("{}: {word}: numeric argument required", words[0]));
            Err(if shell.interactive {
                Flow::Discard
            } else {
                Flow::Exit(128)
            })
        }
        _ => {
            shell.error(&format!("{}: Illegal number: {word}", words[0]));
            Err(Flow::Abort(2))
        }
    }
}

pub fn break_loop(shell: &mut Shell, words: &[String]) -> Exec {
    if shell.loops == 0 {
        return Ok(0);
    }
    let n = levels(shell, words)?.min(shell.loops);
    if n == 0 { Ok(0) } else { Err(Flow::Break(n)) }
}

pub fn continue_loop(shell: &mut Shell, words: &[String]) -> Exec {
    if shell.loops == 0 {
        return Ok(0);
    }
    let n = levels(shell, words)?.min(shell.loops);
    if n == 0 {
        Ok(0)
    } else {
        Err(Flow::Continue(n))
    }
}

fn status_argument(shell: &mut Shell, words: &[String]) -> Result<i32, Flow> {
    let Some(word) = words.get(1) else {
        return Ok(shell.status);
    };
    match word.trim().parse::<i64>() {
        Ok(_) if shell.bash && words.len() > 2 => {
            at_most_one(shell, words)?;
            Ok(1)
        }
        Ok(n) if shell.bash => Ok(i32::try_from(n & 0xff).unwrap_or(0)),
        Ok(n) if (0..=i64::from(i32::MAX)).contains(&n) => Ok(i32::try_from(n).unwrap_or(0)),
        _ => {
            let message = if shell.bash {
                format!("{}: {word}: numeric argument required", words[0])
            } else {
                format!("{}: Illegal number: {word}", words[0])
            };
            shell.error(&message);
            if shell.bash {
                Ok(2)
            } else {
                Err(Flow::Abort(2))
            }
        }
    }
}

pub fn return_from(shell: &mut Shell, words: &[String]) -> Exec {
    if shell.frames.is_empty() && shell.bash {
        shell.error("return: can only `return' from a function or sourced script");
        return Ok(2);
    }
    Err(Flow::Return(status_argument(shell, words)?))
}

pub fn exit(shell: &mut Shell, words: &[String]) -> Exec {
    let words = if words.get(1).is_some_and(|w| w == "--") {
        &words[1..]
    } else {
        words
    };
    let status = match shell.traps.status_before {
        Some(before) if words.len() < 2 => before,
        _ => status_argument(shell, words)?,
    };
    if shell.subshell == 0 && shell.warns_of_stopped_jobs() {
        return Ok(i32::from(shell.bash));
    }
    Err(Flow::Exit(status))
}

pub fn eval(shell: &mut Shell, words: &[String]) -> Exec {
    let rest = if words.get(1).is_some_and(|w| w == "--" && !shell.dash) {
        &words[2..]
    } else {
        &words[1..]
    };
    if let Some(option) = words
        .get(1)
        .filter(|w| shell.bash && w.starts_with('-') && w.len() > 1 && *w != "--")
    {
        return shell.misuse_special(&format!("eval: {option}: invalid option"));
    }
    let source = rest.join(" ");
    let line = shell.line;
    match shell.eval_text(&source, line) {
        // A syntax error in eval is bash's failed command, dash's end.
        Err(Flow::Abort(2)) if shell.bash && !shell.options.posix => Ok(shell.status.max(1)),
        other => other,
    }
}

pub fn dot(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = &words[1..];
    if rest.first().is_some_and(|w| w == "--") {
        rest = &rest[1..];
    }
    let Some(name) = rest.first() else {
        if shell.bash {
            return shell.misuse_special(&format!("{}: filename argument required", words[0]));
        }
        return Ok(0);
    };
    let Some(path) = locate(shell, name) else {
        let message = if shell.bash {
            format!("{}: {name}: file not found", words[0])
        } else {
            format!(".: {name}: not found")
        };
        return not_readable(shell, &message);
    };
    let bytes = match std::fs::read(text::path(&path)) {
        Ok(bytes) => bytes,
        Err(error) => {
            let reason = sys::errno::message(&error);
            let message = if shell.bash {
                format!("{name}: {reason}")
            } else {
                format!(
                    ".: cannot open {name}: {}",
                    reason.replace("No such file or directory", "No such file")
                )
            };
            return not_readable(shell, &message);
        }
    };
    let source = text::decode(&bytes);
    let positional = (rest.len() > 1 && shell.bash)
        .then(|| std::mem::replace(&mut shell.positional, rest[1..].to_vec()));
    let frame = Frame {
        name: "source".to_owned(),
        line: shell.line,
        file: Rc::from(path.as_str()),
        is_function: false,
        options: None,
    };
    shell.frames.push(frame);
    let mut input = Input::text(&source, 1);
    let result = shell.run_input(&mut input, false);
    let returned = shell.run_pseudo_trap("RETURN");
    shell.frames.pop();
    if let Some(positional) = positional {
        shell.positional = positional;
    }
    returned?;
    match result {
        Err(Flow::Return(status)) => {
            shell.status = status;
            Ok(status)
        }
        // A syntax error is bash's failed command.
        Err(Flow::Abort(2)) if shell.bash && !shell.options.posix => Ok(2),
        other => other,
    }
}

fn not_readable(shell: &mut Shell, message: &str) -> Exec {
    shell.error(message);
    if shell.bash && !shell.options.posix {
        Ok(1)
    } else {
        Err(Flow::Abort(2))
    }
}

fn locate(shell: &Shell, name: &str) -> Option<String> {
    if name.contains('/') {
        return Some(name.to_owned());
    }
    let path = shell.var("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned());
    let readable = |p: &String| sys::path::stat(text::path(p)).is_ok_and(|s| s.is_file());
    let found = path
        .split(':')
        .map(|d| {
            if d.is_empty() {
                name.to_owned()
            } else {
                format!("{d}/{name}")
            }
        })
        .find(readable);
    found.or_else(|| (shell.bash && readable(&name.to_owned())).then(|| name.to_owned()))
}

pub fn exec(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = &words[1..];
    let mut argv0 = None;
    let mut clear = false;
    let mut login = false;
    while let Some(word) = rest.first().filter(|w| w.starts_with('-') && w.len() > 1) {
        if word == "--" && !shell.dash {
            rest = &rest[1..];
            break;
        }
        if !shell.bash {
            break;
        }
        match word.as_str() {
            "-a" if rest.len() > 1 => {
                argv0 = Some(rest[1].clone());
                rest = &rest[1..];
            }
            "-c" => clear = true,
            "-l" => login = true,
            _ => return shell.misuse_special(&format!("exec: {word}: invalid option")),
        }
        rest = &rest[1..];
    }
    if rest.is_empty() {
        return Ok(0);
    }
    let mut program = match shell.program(rest) {
        Ok(program) => program,
        Err(status) => return failed_exec(shell, status),
    };
    if let Some(name) = argv0 {
        program.args[0] = text::os(&name);
    }
    if login {
        program.args[0] = text::os(&format!("-{}", text::from_os(&program.args[0])));
    }
    if clear {
        program.env.clear();
    }
    let status = shell.exec(program);
    failed_exec(shell, status)
}

fn failed_exec(shell: &mut Shell, status: i32) -> Exec {
    if shell.interactive {
        Ok(status)
    } else {
        Err(Flow::Exit(status))
    }
}
