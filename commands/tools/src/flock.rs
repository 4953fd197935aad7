//! `flock`: one holder of a lock at a time. The machine's files have no locks, so that a lock is an entry in a
//! directory, which ends with the process that holds it: the command, or that which has the descriptor open.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, bytes, fail, flag, required, warn};
use secure_exec_sys::child;
use secure_exec_sys::process;
use secure_exec_sys::stat::Stat;
use secure_exec_sys::{errno, fd, path};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('s', "shared"),
        flag('x', "exclusive"),
        flag('e', "e"),
        flag('u', "unlock"),
        flag('n', "nonblock"),
        flag('\0', "nb"),
        required('w', "timeout"),
        required('\0', "wait"),
        required('E', "conflict-exit-code"),
        flag('o', "close"),
        flag('F', "no-fork"),
        required('c', "command"),
        flag('\0', "verbose"),
    ],
    usage: "[options] <file>|<directory>|<file descriptor> [-c] [<command> [<argument>...]]",
    usage_status: 64,
    operand_ends: true,
};

/// Of `sysexits.h`: a wrong number, a file that cannot be opened, a command that cannot be started.
const WRONG_DATA: i32 = 65;
const NO_INPUT: i32 = 66;
const UNAVAILABLE: i32 = 69;

const FOLDER: &str = "/tmp/.flock";
const PAUSE: Duration = Duration::from_millis(5);

/// Who holds a lock: a process, as long as it has the descriptor open, if it is of one.
#[derive(Clone, Copy)]
struct Holder {
    pid: i32,
    fd: Option<i32>,
}

struct Lock {
    file: Stat,
    holder: Holder,
    shared: bool,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let Some(target) = parsed.operands.first() else {
        return Err(SYNTAX.wrong(args, "not enough arguments"));
    };
    let number = |names: &[&str]| {
        parsed
            .last_of(names)
            .and_then(|name| parsed.value(name))
            .map(|value| value.text())
    };
    let conflict = match number(&["conflict-exit-code"]) {
        None => 1,
        Some(text) => text.parse::<u8>().map(i32::from).map_err(|_| Failure {
            status: 64,
            message: "exit code out of range (expected 0 to 255)".to_owned(),
        })?,
    };
    let timeout = match number(&["timeout", "wait"]) {
        None => None,
        Some(text) => {
            let seconds = text
                .parse::<f64>()
                .ok()
                .and_then(|each| Duration::try_from_secs_f64(each).ok());
            Some(seconds.ok_or_else(|| Failure {
                status: 64,
                message: format!("invalid timeout value: '{text}'"),
            })?)
        }
    };
    let timeout = if parsed.has("nonblock") || parsed.has("nb") {
        Some(Duration::ZERO)
    } else {
        timeout
    };
    let mut command: Vec<OsString> = parsed.operands[1..].to_vec();
    if command
        .first()
        .is_some_and(|word| word == "-c" || word == "--command")
    {
        if command.len() != 2 {
            return Err(fail(format!(
                "{} requires exactly one command argument",
                command[0].to_string_lossy()
            ))
            .with(64));
        }
        command = vec!["/bin/sh".into(), "-c".into(), command[1].clone()];
    }
    let lock = lock_of(
        target,
        &command,
        parsed.last_of(&["shared", "exclusive", "e"]) == Some("shared"),
    )?;
    if parsed.has("unlock") {
        lock.release()?;
    } else if !lock.acquire(timeout)? {
        if parsed.has("verbose") {
            let why = if timeout == Some(Duration::ZERO) {
                "failed to get lock"
            } else {
                "timeout while waiting to get lock"
            };
            warn(&args.name, why);
        }
        return Ok(conflict);
    }
    if command.is_empty() {
        return Ok(0);
    }
    let status = run(&command);
    lock.release()?;
    status
}

trait WithStatus {
    fn with(self, status: i32) -> Self;
}

impl WithStatus for Failure {
    fn with(mut self, status: i32) -> Self {
        self.status = status;
        self
    }
}

/// The lock of a file that is made if it is not there, or of a descriptor that the caller has open.
fn lock_of(target: &OsString, command: &[OsString], shared: bool) -> Result<Lock, Failure> {
    let name = target.to_string_lossy();
    if command.is_empty() {
        let fd: i32 = name.parse().map_err(|_| Failure {
            status: 64,
            message: format!("bad file descriptor: '{name}'"),
        })?;
        let file = fd::stat(fd)
            .map_err(|error| fail(format!("{fd}: {}", errno::message(&error))).with(WRONG_DATA))?;
        let holder = Holder {
            pid: process::getppid(),
            fd: Some(fd),
        };
        return Ok(Lock {
            file,
            holder,
            shared,
        });
    }
    let there = path::stat(target);
    let file = there.or_else(|_| {
        fs::File::options()
            .append(true)
            .create(true)
            .open(target)
            .and_then(|_| path::stat(target))
    });
    let file = file.map_err(|error| {
        fail(format!(
            "cannot open lock file {name}: {}",
            errno::message(&error)
        ))
        .with(NO_INPUT)
    })?;
    let holder = Holder {
        pid: process::getpid(),
        fd: None,
    };
    Ok(Lock {
        file,
        holder,
        shared,
    })
}

fn run(command: &[OsString]) -> Outcome {
    let started = process::spawn(&child::program(command));
    let pid = started.map_err(|error| {
        let name = command[0].to_string_lossy();
        fail(format!(
            "failed to execute {name}: {}",
            errno::message(&error)
        ))
        .with(UNAVAILABLE)
    })?;
    match child::wait_for(pid) {
        Ok(status) => Ok(status.shell_status()),
        Err(error) => Err(fail(errno::message(&error))),
    }
}

impl Lock {
    fn base(&self) -> String {
        format!("{}-{}", self.file.dev, self.file.ino)
    }

    fn exclusive_entry(&self) -> PathBuf {
        Path::new(FOLDER).join(self.base())
    }

    fn shared_entry(&self) -> PathBuf {
        let fd = self.holder.fd.map_or_else(String::new, |fd| fd.to_string());
        Path::new(FOLDER).join(format!("{}.{}.{fd}", self.base(), self.holder.pid))
    }

    fn text(&self) -> String {
        let fd = self
            .holder
            .fd
            .map_or_else(|| "-".to_owned(), |fd| fd.to_string());
        format!("{} {fd}\n", self.holder.pid)
    }

    /// Tries until the time is over. Whether it was got.
    fn acquire(&self, timeout: Option<Duration>) -> Result<bool, Failure> {
        let started = Instant::now();
        loop {
            let got = self
                .attempt()
                .map_err(|error| fail(format!("{FOLDER}: {}", errno::message(&error))).with(71))?;
            if got {
                return Ok(true);
            }
            if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn attempt(&self) -> io::Result<bool> {
        match fs::create_dir(FOLDER) {
            // All users of the machine lock here.
            Ok(()) => path::chmod(FOLDER, 0o777)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let exclusive = self.exclusive_entry();
        if self.is_held(&exclusive)? {
            return Ok(false);
        }
        if self.shared {
            write_entry(&self.shared_entry(), &self.text())?;
            // One that came in between goes first.
            if self.is_held(&exclusive)? {
                fs::remove_file(self.shared_entry())?;
                return Ok(false);
            }
            return Ok(true);
        }
        match write_entry(&exclusive, &self.text()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        }
        let prefix = format!("{}.", self.base());
        for entry in fs::read_dir(FOLDER)? {
            let entry = entry?;
            if bytes(&entry.file_name()).starts_with(prefix.as_bytes())
                && self.is_held(&entry.path())?
            {
                fs::remove_file(&exclusive)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an entry stands for a holder other than this one that is still there; else it is removed.
    fn is_held(&self, entry: &Path) -> io::Result<bool> {
        let text = match fs::read_to_string(entry) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut words = text.split_whitespace();
        let Some(pid) = words.next().and_then(|word| word.parse::<i32>().ok()) else {
            // It is being written.
            return Ok(true);
        };
        let fd = words.next().and_then(|word| word.parse::<i32>().ok());
        let own = pid == self.holder.pid && fd == self.holder.fd;
        let alive = match fd {
            Some(fd) => path::stat(format!("/proc/{pid}/fd/{fd}"))
                .is_ok_and(|found| found.same_file(&self.file)),
            None => {
                process::kill(pid, 0).is_ok_and(|()| true)
                    || Path::new(&format!("/proc/{pid}")).exists()
            }
        };
        if alive && !own {
            return Ok(true);
        }
        match fs::remove_file(entry) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(false),
        }
    }

    fn release(&self) -> Result<(), Failure> {
        for entry in [self.exclusive_entry(), self.shared_entry()] {
            if fs::read_to_string(&entry).is_ok_and(|text| text == self.text()) {
                fs::remove_file(&entry).map_err(|error| fail(errno::message(&error)))?;
            }
        }
        Ok(())
    }
}

/// An entry comes into being with its text in it.
fn write_entry(entry: &Path, text: &str) -> io::Result<()> {
    let own = Path::new(FOLDER).join(format!("new.{}", process::getpid()));
    fs::File::create(&own)?.write_all(text.as_bytes())?;
    let linked = fs::hard_link(&own, entry);
    fs::remove_file(&own)?;
    linked
}
