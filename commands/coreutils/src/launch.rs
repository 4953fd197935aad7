//! Commands that run another: `nice`, `nohup`, `timeout`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secure_exec_cli::{
    Args, Failure, Outcome, Syntax, bytes, flag, os_string, parse_duration, quote, required, warn,
};
use secure_exec_sys::Fd;
use secure_exec_sys::errno::{self, ENOENT};
use secure_exec_sys::fd::{self, Cloexec, O_APPEND, O_CREAT, O_WRONLY};
use secure_exec_sys::process::{self, Program, SEARCH_PATH, WNOHANG, WaitStatus};
use secure_exec_sys::signal::{
    self, Disposition, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGTERM,
};
use secure_exec_sys::tty::isatty;

/// The statuses of `exec`: found but not started, not found.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;
/// The command itself failed.
const TROUBLE: i32 = 125;
const TIMED_OUT: i32 = 124;

fn program(operands: Vec<OsString>, variables: Vec<(OsString, OsString)>) -> Program {
    let env = variables.into_iter().map(|(name, value)| {
        let mut text = bytes(&name).to_vec();
        text.push(b'=');
        text.extend(bytes(&value));
        os_string(text)
    });
    Program {
        flags: SEARCH_PATH,
        file: operands.first().cloned().unwrap_or_default().into(),
        args: operands,
        env: env.collect(),
        ..Program::default()
    }
}

fn cannot_run(what: &str, name: &OsString, error: &io::Error) -> Failure {
    let status = if errno::is(error, ENOENT) {
        NOT_FOUND
    } else {
        CANNOT_RUN
    };
    Failure {
        status,
        message: format!("{what}{}: {}", quote(name), errno::message(error)),
    }
}

/// Becomes another program. Returns only to say why not.
pub fn replace(
    args: &Args,
    operands: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    name: Option<OsString>,
) -> Outcome {
    let file = operands[0].clone();
    let mut program = program(operands, variables);
    if let Some(name) = name {
        program.args[0] = name;
    }
    let error = process::exec(&program);
    let what = if args.name == "nohup" {
        "failed to run command "
    } else {
        ""
    };
    let mut failure = cannot_run(what, &file, &error);
    if args.name == "env" && failure.status == NOT_FOUND && bytes(&file).contains(&b' ') {
        failure.message += "\nenv: use -[v]S to pass options in shebang lines";
    }
    Err(failure)
}

const NICE: Syntax = Syntax {
    options: &[required('n', "adjustment")],
    usage: "[OPTION] [COMMAND [ARG]...]",
    usage_status: TROUBLE,
    operand_ends: true,
};

/// All processes of this machine have the same priority: the adjustment is checked and has no effect.
pub fn nice(args: &Args) -> Outcome {
    let mut args = args.clone();
    // `nice -5 command`, as it was once.
    if let Some(first) = args.list.first()
        && let Some(number) = bytes(first).strip_prefix(b"-")
        && !number.is_empty()
        && number
            .iter()
            .skip(usize::from(number[0] == b'-'))
            .all(u8::is_ascii_digit)
    {
        let number = os_string(number);
        args.list.splice(0..1, ["-n".into(), number]);
    }
    let parsed = NICE.parse(&args)?;
    if let Some(value) = parsed.value("adjustment") {
        let text = value.text();
        if text.parse::<i32>().is_err() {
            return Err(Failure {
                status: TROUBLE,
                message: format!("invalid adjustment {}", quote(&text)),
            });
        }
        if parsed.operands.is_empty() {
            return Err(NICE.wrong(&args, "a command must be given with an adjustment"));
        }
    }
    if parsed.operands.is_empty() {
        println!("0");
        return Ok(0);
    }
    replace(&args, parsed.operands, std::env::vars_os().collect(), None)
}

const NOHUP: Syntax = Syntax {
    options: &[],
    usage: "COMMAND [ARG]...",
    usage_status: TROUBLE,
    operand_ends: true,
};

pub fn nohup(args: &Args) -> Outcome {
    let parsed = NOHUP.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(NOHUP.missing_operand(args));
    }
    let cannot = |what: &str, error: &io::Error| Failure {
        status: TROUBLE,
        message: format!("{what}: {}", errno::message(error)),
    };
    let (input, output, errors) = (isatty(0), isatty(1), isatty(2));
    if input {
        // Reading from it fails, as the descriptor is for writing.
        let null = fd::open("/dev/null", O_WRONLY, 0)
            .map_err(|error| cannot("failed to open /dev/null", &error))?;
        put(null, 0).map_err(|error| cannot("failed to render standard input unusable", &error))?;
    }
    if output {
        let (file, name) =
            open_log().map_err(|error| cannot("failed to open 'nohup.out'", &error))?;
        let what = if input {
            "ignoring input and appending output to"
        } else {
            "appending output to"
        };
        warn(&args.name, format_args!("{what} {}", quote(&name)));
        put(file, 1).map_err(|error| cannot("failed to redirect standard output", &error))?;
    } else if input && !errors {
        warn(&args.name, "ignoring input");
    }
    let terminal = if errors {
        if !output {
            let what = if input {
                "ignoring input and redirecting stderr to stdout"
            } else {
                "redirecting stderr to stdout"
            };
            warn(&args.name, what);
        }
        // Where the command cannot be run, that is told to the user.
        let terminal = fd::dup_from(2, 3, Cloexec::Set).ok();
        fd::dup2(1, 2).map_err(|error| cannot("failed to redirect standard error", &error))?;
        terminal
    } else {
        None
    };
    signal::action(SIGHUP, Disposition::Ignore)
        .map_err(|error| cannot("cannot ignore SIGHUP", &error))?;
    let failed = replace(args, parsed.operands, std::env::vars_os().collect(), None);
    if let Some(terminal) = terminal {
        // The message then goes to the log.
        let _ = fd::dup2(terminal, 2);
    }
    failed
}

/// Moves an open file to a descriptor.
fn put(file: Fd, target: Fd) -> io::Result<()> {
    if file != target {
        fd::dup2(file, target)?;
        fd::close(file)?;
    }
    Ok(())
}

fn open_log() -> io::Result<(Fd, PathBuf)> {
    let open = |path: PathBuf| {
        let file = fd::open(&path, O_WRONLY | O_CREAT | O_APPEND, 0o600)?;
        Ok((file, path))
    };
    open("nohup.out".into()).or_else(|error| {
        let home = std::env::var_os("HOME").ok_or(error)?;
        open(Path::new(&home).join("nohup.out"))
    })
}

const TIMEOUT: Syntax = Syntax {
    options: &[
        required('k', "kill-after"),
        required('s', "signal"),
        flag('\0', "preserve-status"),
        flag('p', "p"),
        flag('f', "f"),
        flag('\0', "foreground"),
        flag('v', "verbose"),
    ],
    usage: "[OPTION] DURATION COMMAND [ARG]...",
    usage_status: TROUBLE,
    operand_ends: true,
};

struct Limit {
    after: Duration,
    kill_after: Option<Duration>,
    signal: i32,
    foreground: bool,
    preserve: bool,
    verbose: bool,
}

pub fn timeout(args: &Args) -> Outcome {
    let parsed = TIMEOUT.parse(args)?;
    let mut operands = parsed.operands.clone();
    if operands.len() < 2 {
        eprintln!("Try '{} --help' for more information.", args.name);
        return Err(Failure::silent(TROUBLE));
    }
    let duration = |text: &str| {
        parse_duration(text)
            .ok_or_else(|| TIMEOUT.wrong(args, &format!("invalid time interval {}", quote(text))))
    };
    let limit = Limit {
        after: duration(&operands.remove(0).to_string_lossy())?,
        kill_after: parsed
            .value("kill-after")
            .map(|value| duration(&value.text()))
            .transpose()?,
        signal: match parsed.value("signal").map(secure_exec_cli::Value::text) {
            None => SIGTERM,
            Some(name) => {
                let number = name
                    .parse()
                    .ok()
                    .filter(|number| signal::name(*number).is_some());
                let number = number.or_else(|| signal::number(&name));
                number.ok_or_else(|| {
                    TIMEOUT.wrong(args, &format!("{}: invalid signal", quote(&name)))
                })?
            }
        },
        foreground: parsed.has("foreground") || parsed.has("f"),
        preserve: parsed.has("preserve-status") || parsed.has("p"),
        verbose: parsed.has("verbose"),
    };
    run_limited(args, operands, &limit)
}

fn run_limited(args: &Args, operands: Vec<OsString>, limit: &Limit) -> Outcome {
    if !limit.foreground {
        // A group of its own, so that the whole of it can be signalled. A session's leader stays.
        let _ = process::setpgid(0, 0);
    }
    for number in [SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGALRM] {
        let _ = signal::action(number, Disposition::Catch);
    }
    let file = operands[0].clone();
    let mut program = program(operands, std::env::vars_os().collect());
    program.flags |= process::RESET_SIGNALS;
    let child = process::spawn(&program)
        .map_err(|error| cannot_run("failed to run command ", &file, &error))?;
    let mut deadline = Instant::now()
        .checked_add(limit.after)
        .filter(|_| !limit.after.is_zero());
    let mut pending = limit.signal;
    let mut timed_out = false;
    loop {
        if let Some((_, status)) = process::wait(child, WNOHANG)? {
            return Ok(final_status(status, timed_out, limit));
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            send(args, child, pending, limit, &file);
            timed_out = true;
            deadline = limit
                .kill_after
                .filter(|_| pending != SIGKILL)
                .and_then(|after| Instant::now().checked_add(after));
            pending = SIGKILL;
            continue;
        }
        let milliseconds = left.map(|left| {
            u32::try_from(left.as_millis())
                .unwrap_or(u32::MAX)
                .saturating_add(1)
        });
        match signal::wait(milliseconds) {
            Ok(SIGCHLD) | Err(_) => {}
            // What ends this command is passed on.
            Ok(number) => send(args, child, number, limit, &file),
        }
    }
}

fn send(args: &Args, child: i32, number: i32, limit: &Limit, file: &OsString) {
    if limit.verbose {
        let name = signal::name(number).unwrap_or_default();
        warn(
            &args.name,
            format_args!("sending signal {name} to command {}", quote(file)),
        );
    }
    // The child may be gone in the meantime.
    let _ = process::kill(child, number);
    if !limit.foreground {
        let ignored = signal::action(number, Disposition::Ignore);
        let _ = process::kill(0, number);
        if ignored.is_ok() && number != limit.signal {
            let _ = signal::action(number, Disposition::Catch);
        }
        if number != SIGKILL && number != SIGCONT {
            let _ = process::kill(child, SIGCONT);
        }
    }
}

fn final_status(status: WaitStatus, timed_out: bool, limit: &Limit) -> i32 {
    let own = status
        .exited()
        .unwrap_or_else(|| 128 + status.signaled().unwrap_or(0));
    match timed_out {
        // Killed: that is reported even where the status is not preserved.
        true if status.signaled() == Some(SIGKILL) => own,
        true if !limit.preserve => TIMED_OUT,
        _ => own,
    }
}
