//! `getconf`: limits and paths of the system, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/getconf.html).

use std::io;

use secure_exec_cli::{Args, Failure, Outcome, fail, quote};
use secure_exec_sys::path::statfs;
use secure_exec_sys::process::{RLIM_INFINITY, getrlimit};

use crate::procfs::{TICKS, memory_kib};

/// `RLIMIT_STACK`, `RLIMIT_NPROC` and `RLIMIT_NOFILE` of Linux.
const RLIMIT_STACK: i32 = 3;
const RLIMIT_NPROC: i32 = 6;
const RLIMIT_NOFILE: i32 = 7;

/// What does not depend on the process or a path.
const FIXED: &[(&str, &str)] = &[
    ("CHAR_BIT", "8"),
    ("HOST_NAME_MAX", "64"),
    ("INT_MAX", "2147483647"),
    ("INT_MIN", "-2147483648"),
    ("IOV_MAX", "1024"),
    ("LINE_MAX", "2048"),
    ("LINK_MAX", "127"),
    ("LOGIN_NAME_MAX", "256"),
    ("LONG_BIT", "64"),
    ("MAX_CANON", "255"),
    ("MAX_INPUT", "255"),
    ("NGROUPS_MAX", "65536"),
    ("PAGESIZE", "4096"),
    ("PAGE_SIZE", "4096"),
    ("PATH", "/bin:/usr/bin"),
    ("PATH_MAX", "4096"),
    ("PIPE_BUF", "4096"),
    ("SSIZE_MAX", "32767"),
    ("SYMLOOP_MAX", "40"),
    ("TTY_NAME_MAX", "32"),
    ("UINT_MAX", "4294967295"),
    ("WORD_BIT", "32"),
    ("_POSIX_VERSION", "200809"),
    ("_POSIX2_VERSION", "200809"),
    ("POSIX2_VERSION", "200809"),
    ("_XOPEN_VERSION", "700"),
    ("_POSIX_JOB_CONTROL", "1"),
    ("_POSIX_SAVED_IDS", "1"),
];

/// Bytes that arguments of a process may have: `ARG_MAX`, a quarter of the stack (execve(2)).
pub fn argument_bytes() -> io::Result<u64> {
    Ok(getrlimit(RLIMIT_STACK)?.soft / 4)
}

pub fn main(args: &Args) -> Outcome {
    let mut words: Vec<String> = args
        .list
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    if words.first().is_some_and(|first| first == "-v") {
        words.drain(..words.len().min(2));
    }
    if words.first().is_some_and(|first| first == "-a") {
        println!("{:<35}{}", "ARG_MAX", argument_bytes()?);
        for (name, value) in FIXED {
            println!("{name:<35}{value}");
        }
        return Ok(0);
    }
    let [name, rest @ ..] = words.as_slice() else {
        return Err(Failure {
            status: 2,
            message: "usage: getconf [-v SPECIFICATION] VARIABLE [PATH]".into(),
        });
    };
    println!("{}", value(name, rest.first())?);
    Ok(0)
}

fn value(name: &str, path: Option<&String>) -> Result<String, Failure> {
    if let Some((_, value)) = FIXED.iter().find(|(each, _)| *each == name) {
        return Ok((*value).to_owned());
    }
    let limit = |resource: i32| -> Result<String, Failure> {
        let soft = getrlimit(resource)?.soft;
        Ok(if soft == RLIM_INFINITY {
            "undefined".to_owned()
        } else {
            soft.to_string()
        })
    };
    match name {
        "NAME_MAX" => {
            let path = path.map_or("/", String::as_str);
            let found = statfs(path)
                .map_err(|error| fail(secure_exec_cli::report("cannot ask about", path, &error)))?;
            Ok(found.name_max.to_string())
        }
        "ARG_MAX" => Ok(argument_bytes()?.to_string()),
        "OPEN_MAX" => limit(RLIMIT_NOFILE),
        "CHILD_MAX" => limit(RLIMIT_NPROC),
        "CLK_TCK" => Ok(TICKS.to_string()),
        "_PHYS_PAGES" => Ok((memory_kib() / 4).to_string()),
        "_NPROCESSORS_ONLN" | "_NPROCESSORS_CONF" => {
            let listed = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
            Ok(listed
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count()
                .max(1)
                .to_string())
        }
        "GNU_LIBC_VERSION" => Ok("undefined".to_owned()),
        _ => Err(Failure {
            status: 2,
            message: format!("unrecognized variable {}", quote(name)),
        }),
    }
}
