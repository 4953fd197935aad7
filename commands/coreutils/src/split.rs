//! `split --filter`: what uutils leaves out on WASI. The pieces are written to a directory of their own and then given to
//! the command, one after the other.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use secure_exec_cli::{bytes, os_string, warn};
use secure_exec_sys::fd::O_RDONLY;
use secure_exec_sys::process::{self, Action, Program, SEARCH_PATH};

/// Letters of options that take a value.
const VALUED: &[u8] = b"abClnt";
const VALUED_LONG: &[&str] = &[
    "--suffix-length",
    "--bytes",
    "--line-bytes",
    "--lines",
    "--number",
    "--separator",
    "--additional-suffix",
];

/// A command line with `--filter`, taken apart.
struct Filtered {
    command: OsString,
    /// What is left, without the prefix of the pieces' names.
    rest: Vec<OsString>,
    prefix: OsString,
}

/// Takes `--filter` out of a command line. Nothing if it is not there.
fn taken(list: &[OsString]) -> Option<Filtered> {
    let (mut command, mut rest, mut operands) = (None, Vec::new(), Vec::new());
    let mut words = list.iter();
    while let Some(word) = words.next() {
        let text = bytes(word);
        if text == b"--" {
            operands.extend(words.by_ref().cloned());
        } else if text == b"--filter" {
            command = words.next().cloned();
        } else if let Some(value) = text.strip_prefix(b"--filter=") {
            command = Some(os_string(value));
        } else if text.starts_with(b"--") {
            rest.push(word.clone());
            if VALUED_LONG.iter().any(|name| name.as_bytes() == text) {
                rest.extend(words.next().cloned());
            }
        } else if text.len() > 1 && text[0] == b'-' {
            rest.push(word.clone());
            let valued = text[1..].iter().position(|letter| VALUED.contains(letter));
            if valued.is_some_and(|at| at + 2 == text.len()) {
                rest.extend(words.next().cloned());
            }
        } else {
            operands.push(word.clone());
        }
    }
    let mut operands = operands.into_iter();
    rest.push("--".into());
    rest.push(operands.next().unwrap_or_else(|| "-".into()));
    Some(Filtered {
        command: command?,
        prefix: operands.next().unwrap_or_else(|| "x".into()),
        rest,
    })
}

/// Runs `split` by `run`.
pub fn main(list: Vec<OsString>, run: impl FnOnce(Vec<OsString>) -> i32) -> i32 {
    let Some(filtered) = list.get(1..).and_then(taken) else {
        return run(list);
    };
    let folder = std::env::var_os("TMPDIR")
        .filter(|folder| !folder.is_empty())
        .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
        .join(format!(".split-{}", process::getpid()));
    if let Err(error) = fs::create_dir_all(&folder) {
        let why = secure_exec_sys::errno::message(&error);
        warn("split", format_args!("{}: {why}", folder.display()));
        return 1;
    }
    let mut words = vec![OsString::from("split")];
    words.extend(filtered.rest.clone());
    words.push(folder.join("x").into());
    let mut status = run(words);
    if status == 0 {
        status = feed(&folder, &filtered);
    }
    if let Err(error) = fs::remove_dir_all(&folder) {
        let why = secure_exec_sys::errno::message(&error);
        warn("split", format_args!("{}: {why}", folder.display()));
        status = status.max(1);
    }
    status
}

/// Gives all pieces to the command.
fn feed(folder: &PathBuf, filtered: &Filtered) -> i32 {
    let mut names: Vec<OsString> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    let mut worst = 0;
    for name in names {
        let mut env: Vec<OsString> = std::env::vars_os()
            .filter(|(name, _)| name != "FILE")
            .map(|(mut name, value)| {
                name.push("=");
                name.push(value);
                name
            })
            .collect();
        let suffix = bytes(&name).get(1..).unwrap_or_default().to_vec();
        env.push(os_string(
            [b"FILE=", bytes(&filtered.prefix), &suffix].concat(),
        ));
        let child = process::spawn(&Program {
            flags: SEARCH_PATH,
            file: "sh".into(),
            args: vec!["sh".into(), "-c".into(), filtered.command.clone()],
            env,
            actions: vec![Action::Open {
                fd: 0,
                path: folder.join(&name),
                flags: O_RDONLY,
                mode: 0,
            }],
            ..Program::default()
        });
        let ended = child.and_then(|pid| {
            loop {
                match process::wait(pid, 0) {
                    Ok(Some((_, status))) => return Ok(status),
                    Ok(None) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        });
        match ended {
            Ok(status) if status.exited() == Some(0) => {}
            Ok(status) => {
                let file = String::from_utf8_lossy(&suffix).into_owned();
                let prefix = filtered.prefix.to_string_lossy();
                let command = filtered.command.to_string_lossy();
                let how = status.exited().map_or_else(
                    || format!("signal {}", status.signaled().unwrap_or(0)),
                    |status| format!("status {status}"),
                );
                let text = format!("with FILE={prefix}{file}, {how} from command: {command}");
                warn("split", text);
                worst = 1;
            }
            Err(error) => {
                let why = secure_exec_sys::errno::message(&error);
                warn("split", format_args!("sh: {why}"));
                return 1;
            }
        }
    }
    worst
}
