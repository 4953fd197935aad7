//! `tail -f`: what uutils leaves to the system, done by looking again after a while, which is soon where something has come.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use secure_exec_cli::warn;
use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, finish, flag, optional, parse_duration, quote, required,
};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;
use secure_exec_sys::process::kill;

use crate::uutils;

const SYNTAX: Syntax = Syntax {
    options: &[
        required('c', "bytes"),
        optional('\0', "follow"),
        flag('f', "f"),
        flag('F', "F"),
        required('n', "lines"),
        required('\0', "pid"),
        flag('q', "quiet"),
        flag('\0', "silent"),
        flag('\0', "retry"),
        required('s', "sleep-interval"),
        flag('v', "verbose"),
        flag('z', "zero-terminated"),
        required('\0', "max-unchanged-stats"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// How long a file that has just grown is left alone, and one that has not for long. GNU's tail is told of changes by
/// inotify(7), whatever `-s` says, which preview 1 does not have.
const SOONEST: Duration = Duration::from_millis(20);
const LATEST: Duration = Duration::from_millis(160);

/// A file that is followed.
struct Followed {
    name: OsString,
    file: Option<File>,
    position: u64,
    inode: u64,
}

/// Runs `tail` with `-f` or `-F`; `None`: that was not asked for.
pub fn follow(name: &str, list: &[OsString]) -> Option<i32> {
    if name != "tail" {
        return None;
    }
    let args = Args {
        name: name.to_owned(),
        list: list.iter().skip(1).cloned().collect(),
    };
    // What is wrong with the command line is told by the tool that prints the end of files.
    let parsed = SYNTAX.parse(&args).ok()?;
    parsed.last_of(&["f", "F", "follow"])?;
    Some(finish(name, run(&args, &parsed)))
}

fn run(args: &Args, parsed: &Parsed) -> Outcome {
    let by_name = parsed.has("F")
        || parsed
            .value("follow")
            .is_some_and(|value| value.text() == "name");
    let retries = parsed.has("F") || parsed.has("retry");
    if let Some(value) = parsed.value("sleep-interval") {
        parse_duration(&value.text()).ok_or_else(|| {
            let text = format!("invalid number of seconds: {}", quote(&value.text()));
            Failure {
                status: 1,
                message: text,
            }
        })?;
    }
    let watched = parsed
        .value("pid")
        .and_then(|value| value.text().parse::<i32>().ok());
    let mut files: Vec<Followed> = parsed
        .operands
        .iter()
        .map(|name| Followed::new(name.clone()))
        .collect();
    let status = uutils::run("tail", without_follow(parsed));
    io::stdout().flush()?;
    // A pipe on standard input has been read to its end.
    if files.is_empty() {
        return Ok(status);
    }
    files.retain(|followed| followed.file.is_some() || retries);
    if files.is_empty() {
        return Err(Failure {
            status: 1,
            message: "no files remaining".into(),
        });
    }
    let has_titles = parsed.operands.len() > 1 && !parsed.has("quiet") && !parsed.has("silent");
    let mut last = files.len() - 1;
    let mut pause = SOONEST;
    loop {
        pause = (pause * 2).min(LATEST);
        let is_gone = watched.is_some_and(|pid| kill(pid, 0).is_err());
        // The file that was shown last comes first: what it got needs no title.
        let count = files.len();
        let shown = last;
        for index in (0..count).map(|step| (shown + step) % count) {
            let followed = &mut files[index];
            if by_name {
                followed.reopen(args);
            }
            let news = followed.news(args)?;
            if news.is_empty() {
                continue;
            }
            if has_titles && last != index {
                print!("\n==> {} <==\n", followed.name.to_string_lossy());
            }
            last = index;
            pause = SOONEST;
            io::stdout().write_all(&news)?;
            io::stdout().flush()?;
        }
        if is_gone {
            return Ok(status);
        }
        std::thread::sleep(pause);
    }
}

/// The command line that prints what is there now.
fn without_follow(parsed: &Parsed) -> Vec<OsString> {
    let mut list: Vec<OsString> = vec!["tail".into()];
    for (name, value) in &parsed.options {
        let option = match *name {
            "bytes" | "lines" => {
                let mut text = OsString::from(format!("--{name}="));
                text.push(value.os());
                text
            }
            "quiet" | "silent" | "verbose" | "zero-terminated" => format!("--{name}").into(),
            _ => continue,
        };
        list.push(option);
    }
    list.push("--".into());
    list.extend(parsed.operands.iter().cloned());
    list
}

impl Followed {
    /// What is there already is not news.
    fn new(name: OsString) -> Self {
        let found = stat(&name)
            .ok()
            .filter(secure_exec_sys::stat::Stat::is_file);
        let file = File::open(&name).ok();
        Self {
            file,
            position: found.map_or(0, |found| found.size),
            inode: found.map_or(0, |found| found.ino),
            name,
        }
    }

    /// Another file may have taken the name.
    fn reopen(&mut self, args: &Args) {
        match stat(&self.name) {
            Ok(found) if found.ino != self.inode || self.file.is_none() => {
                let what = if self.file.is_some() {
                    "has been replaced"
                } else {
                    "has appeared"
                };
                warn(
                    &args.name,
                    format_args!("{} {what};  following new file", quote(&self.name)),
                );
                (self.file, self.inode, self.position) =
                    (File::open(&self.name).ok(), found.ino, 0);
            }
            Ok(_) => {}
            Err(error) if self.file.is_some() => {
                let why = errno::message(&error);
                warn(
                    &args.name,
                    format_args!("{} has become inaccessible: {why}", quote(&self.name)),
                );
                self.file = None;
            }
            Err(_) => {}
        }
    }

    fn news(&mut self, args: &Args) -> io::Result<Vec<u8>> {
        let Some(file) = &mut self.file else {
            return Ok(Vec::new());
        };
        let length = file.metadata()?.len();
        if length < self.position {
            warn(
                &args.name,
                format_args!("{}: file truncated", self.name.to_string_lossy()),
            );
            self.position = 0;
        }
        let mut news = Vec::new();
        file.seek(SeekFrom::Start(self.position))?;
        file.read_to_end(&mut news)?;
        self.position += u64::try_from(news.len()).unwrap_or(0);
        Ok(news)
    }
}
