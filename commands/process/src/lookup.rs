//! Processes by name: `pgrep`, `pkill`, `killall`.

use regex::Regex;
use secure_exec_cli::{
    Args, Failure, Opt, Outcome, Parsed, Syntax, bytes, fail, flag, quote, required, warn,
};
use secure_exec_sys::errno;
use secure_exec_sys::process::{getpid, kill};
use secure_exec_sys::signal::{self, SIGTERM};
use secure_exec_sys::users;

use crate::kill::parse as parse_signal;
use crate::procfs::{Process, processes};

/// The length to which the kernel shortens names.
const NAME_LENGTH: usize = 15;

const OPTIONS: &[Opt] = &[
    flag('a', "list-full"),
    flag('c', "count"),
    required('d', "delimiter"),
    flag('e', "echo"),
    flag('f', "full"),
    required('g', "pgroup"),
    flag('i', "ignore-case"),
    flag('l', "list-name"),
    flag('n', "newest"),
    flag('o', "oldest"),
    required('P', "parent"),
    required('s', "session"),
    required('\0', "signal"),
    required('u', "euid"),
    required('U', "uid"),
    flag('v', "inverse"),
    flag('x', "exact"),
];

const fn syntax(usage: &'static str) -> Syntax {
    Syntax {
        options: OPTIONS,
        usage,
        usage_status: 2,
        operand_ends: false,
    }
}

const PGREP: Syntax = syntax("[OPTION]... PATTERN");
const PKILL: Syntax = syntax("[-SIGNAL] [OPTION]... PATTERN");

pub fn pgrep(args: &Args) -> Outcome {
    let parsed = PGREP.parse(args)?;
    let found = matching(args, &PGREP, &parsed)?;
    if parsed.has("count") {
        println!("{}", found.len());
        return Ok(i32::from(found.is_empty()));
    }
    let delimiter = parsed
        .value("delimiter")
        .map_or_else(|| "\n".to_owned(), secure_exec_cli::Value::text);
    let lines: Vec<String> = found
        .iter()
        .map(
            |process| match parsed.last_of(&["list-full", "list-name"]) {
                Some("list-full") => format!("{} {}", process.pid, process.command_line()),
                Some(_) => format!("{} {}", process.pid, process.comm),
                None => process.pid.to_string(),
            },
        )
        .collect();
    if !lines.is_empty() {
        println!("{}", lines.join(&delimiter));
    }
    Ok(i32::from(found.is_empty()))
}

pub fn pkill(args: &Args) -> Outcome {
    let (args, number) = take_signal(args);
    let parsed = PKILL.parse(&args)?;
    let number = match parsed.value("signal") {
        Some(value) => parse_signal(&value.text())?,
        None => number.unwrap_or(SIGTERM),
    };
    let found = matching(&args, &PKILL, &parsed)?;
    let mut killed = 0;
    for process in &found {
        match kill(process.pid, number) {
            Ok(()) => {
                killed += 1;
                if parsed.has("echo") {
                    println!("{} killed (pid {})", process.comm, process.pid);
                }
            }
            Err(error) => {
                warn(
                    &args.name,
                    format_args!(
                        "killing pid {} failed: {}",
                        process.pid,
                        errno::message(&error)
                    ),
                );
            }
        }
    }
    if parsed.has("count") {
        println!("{killed}");
    }
    Ok(i32::from(killed == 0))
}

/// Takes out `-TERM` or `-15`.
fn take_signal(args: &Args) -> (Args, Option<i32>) {
    let mut args = args.clone();
    let number = |text: &[u8]| {
        let text = std::str::from_utf8(text.strip_prefix(b"-")?).ok()?;
        let by_number = text
            .parse()
            .ok()
            .filter(|number| (0..=signal::MAX).contains(number));
        by_number.or_else(|| signal::number(text).filter(|_| text.len() > 1))
    };
    let found = args
        .list
        .iter()
        .position(|arg| number(bytes(arg)).is_some());
    let signal = found.and_then(|at| number(bytes(&args.list.remove(at))));
    (args, signal)
}

fn matching(args: &Args, syntax: &Syntax, parsed: &Parsed) -> Result<Vec<Process>, Failure> {
    let criteria = ["pgroup", "parent", "session", "euid", "uid"];
    let pattern = match parsed.operands.as_slice() {
        [] if criteria.iter().any(|name| parsed.has(name)) => None,
        [] => return Err(syntax.wrong(args, "no matching criteria specified")),
        [pattern] => Some(compile(parsed, &pattern.to_string_lossy())?),
        _ => return Err(syntax.wrong(args, "only one pattern can be provided")),
    };
    let me = getpid();
    let mut found: Vec<Process> = processes()
        .into_iter()
        .filter(|process| process.pid != me)
        .filter(|process| {
            let by_name = pattern.as_ref().is_none_or(|pattern| {
                let is_full = parsed.has("full");
                pattern.is_match(&if is_full {
                    process.command_line()
                } else {
                    process.comm.clone()
                })
            });
            (by_name && meets(parsed, process)) != parsed.has("inverse")
        })
        .collect();
    match parsed.last_of(&["newest", "oldest"]) {
        Some("newest") => {
            found = found
                .into_iter()
                .max_by_key(|process| (process.start, process.pid))
                .into_iter()
                .collect()
        }
        Some(_) => {
            found = found
                .into_iter()
                .min_by_key(|process| (process.start, process.pid))
                .into_iter()
                .collect()
        }
        None => {}
    }
    Ok(found)
}

fn compile(parsed: &Parsed, pattern: &str) -> Result<Regex, Failure> {
    let shape = if parsed.has("exact") {
        format!("^(?:{pattern})$")
    } else {
        pattern.to_owned()
    };
    let shape = if parsed.has("ignore-case") {
        format!("(?i){shape}")
    } else {
        shape
    };
    Regex::new(&shape).map_err(|_| Failure {
        status: 2,
        message: format!("invalid regular expression: {}", quote(pattern)),
    })
}

fn meets(parsed: &Parsed, process: &Process) -> bool {
    let listed = |name: &str, value: i64| {
        parsed
            .value(name)
            .is_none_or(|list| list.text().split(',').any(|each| each.parse() == Ok(value)))
    };
    let user = |name: &str| {
        parsed.value(name).is_none_or(|list| {
            list.text().split(',').any(|each| {
                let uid = users::user_by_name(each)
                    .map(|user| user.uid)
                    .or_else(|| each.parse().ok());
                uid == Some(process.uid)
            })
        })
    };
    listed("pgroup", process.pgid.into())
        && listed("parent", process.ppid.into())
        && listed("session", process.sid.into())
        && user("euid")
        && user("uid")
}

const KILLALL: Syntax = Syntax {
    options: &[
        flag('e', "exact"),
        flag('I', "ignore-case"),
        flag('i', "interactive"),
        flag('l', "list"),
        flag('q', "quiet"),
        flag('r', "regexp"),
        required('s', "signal"),
        required('u', "user"),
        flag('v', "verbose"),
        flag('w', "wait"),
    ],
    usage: "[-SIGNAL] [OPTION]... NAME...",
    usage_status: 1,
    operand_ends: false,
};

pub fn killall(args: &Args) -> Outcome {
    let (args, number) = take_signal(args);
    let parsed = KILLALL.parse(&args)?;
    if parsed.has("list") {
        let names: Vec<String> = (1..=31).filter_map(signal::name).collect();
        println!("{}", names.join(" "));
        return Ok(0);
    }
    if parsed.operands.is_empty() {
        return Err(KILLALL.wrong(&args, "no process name given"));
    }
    let number = match parsed.value("signal") {
        Some(value) => parse_signal(&value.text())?,
        None => number.unwrap_or(SIGTERM),
    };
    let all = processes();
    let me = getpid();
    let mut status = 0;
    for operand in &parsed.operands {
        let name = operand.to_string_lossy().into_owned();
        let matches = name_matcher(&parsed, &name)?;
        let mut killed = false;
        for process in all
            .iter()
            .filter(|process| process.pid != me && matches(process))
        {
            match kill(process.pid, number) {
                Ok(()) => killed = true,
                Err(error) => {
                    warn(
                        &args.name,
                        format_args!(
                            "{}({}): {}",
                            process.comm,
                            process.pid,
                            errno::message(&error)
                        ),
                    );
                }
            }
            if killed && parsed.has("verbose") {
                warn(
                    &args.name,
                    format_args!(
                        "Killed {}({}) with signal {number}",
                        process.comm, process.pid
                    ),
                );
            }
        }
        if !killed {
            status = 1;
            if !parsed.has("quiet") {
                // Without the name of this command in front, as elsewhere.
                eprintln!("{name}: no process found");
            }
        }
    }
    Ok(status)
}

/// Tells whether a process is meant.
type Matcher = Box<dyn Fn(&Process) -> bool>;

fn name_matcher(parsed: &Parsed, name: &str) -> Result<Matcher, Failure> {
    if parsed.has("regexp") {
        let shape = if parsed.has("ignore-case") {
            format!("(?i){name}")
        } else {
            name.to_owned()
        };
        let pattern =
            Regex::new(&shape).map_err(|_| fail(format!("Bad regular expression: {name}")))?;
        return Ok(Box::new(move |process| pattern.is_match(&process.comm)));
    }
    let ignores_case = parsed.has("ignore-case");
    let short =
        String::from_utf8_lossy(&name.as_bytes()[..name.len().min(NAME_LENGTH)]).into_owned();
    Ok(Box::new(move |process| {
        if ignores_case {
            process.comm.eq_ignore_ascii_case(&short)
        } else {
            process.comm == short
        }
    }))
}

const PIDOF: Syntax = Syntax {
    options: &[
        flag('s', "single-shot"),
        flag('q', "quiet"),
        flag('x', "scripts"),
        flag('c', "check-root"),
        required('o', "omit-pid"),
        required('S', "separator"),
    ],
    usage: "[options] [program [...]]",
    usage_status: 1,
    operand_ends: false,
};

/// Numbers of the processes that run programs, the newest first.
pub fn pidof(args: &Args) -> Outcome {
    let parsed = PIDOF.parse(args)?;
    let omitted: Vec<String> = parsed
        .options
        .iter()
        .filter(|(name, _)| *name == "omit-pid")
        .flat_map(|(_, value)| {
            value
                .text()
                .split(',')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut all = processes();
    all.sort_by_key(|process| std::cmp::Reverse(process.pid));
    let mut found = Vec::new();
    for operand in &parsed.operands {
        let wanted = base(&operand.to_string_lossy());
        for process in &all {
            let runs = process.comm == wanted
                || process
                    .args
                    .first()
                    .is_some_and(|word| base(word) == wanted)
                || (parsed.has("scripts")
                    && process.args.get(1).is_some_and(|word| base(word) == wanted));
            if runs && !omitted.contains(&process.pid.to_string()) {
                found.push(process.pid.to_string());
            }
        }
    }
    if parsed.has("single-shot") {
        found.truncate(1);
    }
    let separator = parsed
        .value("separator")
        .map_or_else(|| " ".to_owned(), secure_exec_cli::Value::text);
    if !found.is_empty() && !parsed.has("quiet") {
        println!("{}", found.join(&separator));
    }
    Ok(i32::from(found.is_empty()))
}
