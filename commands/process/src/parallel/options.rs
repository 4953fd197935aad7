//! The options, and what they set.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use regex::bytes::Regex;
use secure_exec_cli::{
    Failure, Parsed, Syntax, bytes, flag, parse_duration, parse_size, required, unescape,
};

use super::halt::Halt;
use super::{WRONG, error};

pub const SYNTAX: Syntax = Syntax {
    options: &[
        flag('0', "null"),
        required('a', "arg-file"),
        flag('\0', "bar"),
        required('\0', "block"),
        required('\0', "block-size"),
        flag('\0', "citation"),
        required('C', "colsep"),
        required('\0', "delay"),
        required('d', "delimiter"),
        flag('\0', "dry-run"),
        required('E', "E"),
        required('\0', "env"),
        flag('\0', "eta"),
        flag('\0', "group"),
        required('\0', "halt"),
        required('\0', "halt-on-error"),
        required('\0', "header"),
        required('I', "I"),
        required('\0', "joblog"),
        required('j', "jobs"),
        flag('k', "keep-order"),
        required('L', "L"),
        flag('\0', "lb"),
        flag('\0', "line-buffer"),
        flag('\0', "linebuffer"),
        flag('\0', "link"),
        required('n', "max-args"),
        required('s', "max-chars"),
        required('\0', "max-lines"),
        required('P', "max-procs"),
        required('N', "max-replace-args"),
        flag('m', "m"),
        required('\0', "nice"),
        flag('r', "no-run-if-empty"),
        flag('\0', "no-notice"),
        flag('\0', "number-of-cores"),
        flag('\0', "number-of-cpus"),
        flag('\0', "number-of-threads"),
        flag('\0', "pipe"),
        flag('\0', "plus"),
        flag('\0', "progress"),
        flag('q', "quote"),
        required('\0', "recend"),
        required('\0', "recstart"),
        required('\0', "results"),
        flag('\0', "resume"),
        flag('\0', "resume-failed"),
        required('\0', "retries"),
        flag('\0', "round-robin"),
        flag('\0', "silent"),
        flag('\0', "tag"),
        required('\0', "tagstring"),
        required('\0', "timeout"),
        required('\0', "tmpdir"),
        required('\0', "trim"),
        flag('t', "trace"),
        flag('u', "ungroup"),
        flag('v', "verbose"),
        flag('\0', "version"),
        required('\0', "wd"),
        required('\0', "workdir"),
        flag('\0', "will-cite"),
        flag('X', "X"),
        flag('x', "exit"),
        flag('\0', "xapply"),
        flag('\0', "xargs"),
    ],
    usage: "[OPTION]... [COMMAND [ARGUMENT]...] [::: ARGUMENT... | :::: FILE...]...",
    usage_status: WRONG,
    operand_ends: true,
};

/// The longest command line unless `-s` says otherwise.
const COMMAND_SIZE: usize = 131_071;
/// Bytes of a block of `--pipe`.
const BLOCK: usize = 1 << 20;

/// When the output of jobs is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// All of a job when it ends.
    Grouped,
    /// Lines as they come.
    Lines,
    /// The jobs write by themselves.
    Direct,
}

/// How several arguments come into one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// Not at all, but what `-n` says.
    No,
    /// Where the marker stands (`-m`, `--xargs`).
    AtMarker,
    /// The word around the marker is repeated (`-X`).
    InContext,
}

/// What is cut off at the ends of arguments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trim {
    pub left: bool,
    pub right: bool,
}

#[derive(Debug)]
pub struct Settings {
    /// Jobs at a time.
    pub jobs: usize,
    pub keeps_order: bool,
    pub output: Output,
    pub several: Several,
    /// Whether the arguments left at the end are shared among the jobs.
    pub spreads: bool,
    pub max_args: Option<usize>,
    pub max_chars: usize,
    pub files: Vec<OsString>,
    pub delimiter: u8,
    pub column: Option<Regex>,
    pub header: bool,
    pub trim: Trim,
    pub end: Option<Vec<u8>>,
    pub skips_empty: bool,
    pub links: bool,
    pub marker: Vec<u8>,
    pub plus: bool,
    pub quotes: bool,
    pub dry_run: bool,
    pub traces: bool,
    pub verbose: bool,
    /// What stands before each line: a template.
    pub tag: Option<Vec<u8>>,
    pub halt: Halt,
    pub joblog: Option<PathBuf>,
    pub resumes: bool,
    pub resumes_failed: bool,
    pub results: Option<Vec<u8>>,
    pub retries: usize,
    pub timeout: Option<Duration>,
    pub delay: Duration,
    pub folder: PathBuf,
    pub workdir: PathBuf,
    pub pipe: bool,
    pub block: usize,
    pub record_end: Vec<u8>,
    pub record_start: Vec<u8>,
    pub round_robin: bool,
}

/// Prints what options ask for instead of jobs; `false`: nothing.
pub fn informs(parsed: &Parsed) -> bool {
    if parsed.has("version") {
        println!(
            "GNU parallel 20221122 (compatible; secure-exec {})",
            env!("CARGO_PKG_VERSION")
        );
        return true;
    }
    if parsed
        .last_of(&["number-of-cores", "number-of-cpus", "number-of-threads"])
        .is_some()
    {
        println!("{}", processors());
        return true;
    }
    // GNU parallel shows how to cite it, and waits for a promise: this is not that program.
    parsed.has("citation")
}

/// Processors that the machine shows, one at least.
fn processors() -> usize {
    let listed = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let count = listed.lines().filter(|line| line.starts_with("processor"));
    count.count().max(1)
}

impl Settings {
    /// # Errors
    /// A value that is none.
    pub fn new(parsed: &Parsed) -> Result<Self, Failure> {
        let text = |name: &str| parsed.value(name).map(|value| bytes(&value.os()).to_vec());
        let max_args = ["max-args", "max-replace-args", "L", "max-lines"];
        let max_args = match parsed.last_of(&max_args) {
            Some(name) => Some(
                number(parsed, name)?
                    .filter(|&number| number > 0)
                    .ok_or_else(|| error(format_args!("--{name} must be a number above 0")))?,
            ),
            None => None,
        };
        let several = match parsed.last_of(&["m", "xargs", "X"]) {
            Some("X") => Several::InContext,
            Some(_) => Several::AtMarker,
            None if max_args.is_some_and(|number| number > 1) => Several::InContext,
            None => Several::No,
        };
        let column = parsed
            .value("colsep")
            .map(|value| Regex::new(&value.text()));
        let block = text("block").or_else(|| text("block-size"));
        Ok(Self {
            jobs: jobs(parsed)?,
            keeps_order: parsed.has("keep-order"),
            output: output(parsed),
            spreads: max_args.is_none() && parsed.last_of(&["m", "xargs", "X"]) != Some("xargs"),
            several,
            max_args,
            max_chars: number(parsed, "max-chars")?.unwrap_or(COMMAND_SIZE),
            files: parsed
                .options
                .iter()
                .filter(|(name, _)| *name == "arg-file")
                .map(|(_, value)| value.os())
                .collect(),
            delimiter: delimiter(parsed)?,
            column: column
                .transpose()
                .map_err(|_| error("--colsep is no regular expression"))?,
            header: parsed.has("header"),
            trim: trim(parsed)?,
            end: text("E"),
            skips_empty: parsed.has("no-run-if-empty"),
            links: parsed.has("link") || parsed.has("xapply"),
            marker: text("I").unwrap_or_else(|| b"{}".to_vec()),
            plus: parsed.has("plus"),
            quotes: parsed.has("quote"),
            dry_run: parsed.has("dry-run"),
            traces: parsed.has("trace"),
            verbose: parsed.has("verbose"),
            tag: text("tagstring").or_else(|| parsed.has("tag").then(|| b"{}".to_vec())),
            halt: match parsed.last_of(&["halt", "halt-on-error"]) {
                Some(name) => Halt::new(&String::from_utf8_lossy(&text(name).unwrap_or_default()))?,
                None => Halt::default(),
            },
            joblog: parsed.value("joblog").map(|value| value.os().into()),
            resumes: parsed.has("resume") || parsed.has("resume-failed"),
            resumes_failed: parsed.has("resume-failed"),
            results: text("results"),
            retries: number(parsed, "retries")?.unwrap_or(1).max(1),
            timeout: duration(parsed, "timeout")?,
            delay: duration(parsed, "delay")?.unwrap_or_default(),
            folder: parsed
                .value("tmpdir")
                .map(secure_exec_cli::Value::os)
                .or_else(|| std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty()))
                .map_or_else(|| "/tmp".into(), PathBuf::from),
            workdir: match parsed.last_of(&["wd", "workdir"]) {
                Some(name) => parsed.value(name).map(|value| value.os().into()),
                None => None,
            }
            .unwrap_or_default(),
            pipe: parsed.has("pipe"),
            block: match block {
                Some(size) => size_of(&String::from_utf8_lossy(&size))?,
                None => BLOCK,
            },
            // A start alone has records end wherever the next begins.
            record_end: text("recend").map_or_else(
                || {
                    if parsed.has("recstart") {
                        Vec::new()
                    } else {
                        b"\n".to_vec()
                    }
                },
                |text| unescaped(&text),
            ),
            record_start: text("recstart").map_or_else(Vec::new, |text| unescaped(&text)),
            round_robin: parsed.has("round-robin"),
        })
    }
}

fn number(parsed: &Parsed, name: &str) -> Result<Option<usize>, Failure> {
    let Some(value) = parsed.value(name) else {
        return Ok(None);
    };
    let text = value.text();
    let number = text
        .parse()
        .map_err(|_| error(format_args!("--{name} must be a number, and is '{text}'")))?;
    Ok(Some(number))
}

fn duration(parsed: &Parsed, name: &str) -> Result<Option<Duration>, Failure> {
    let Some(value) = parsed.value(name) else {
        return Ok(None);
    };
    let text = value.text();
    let found = parse_duration(&text)
        .ok_or_else(|| error(format_args!("--{name} must be seconds, and is '{text}'")))?;
    Ok(Some(found))
}

fn size_of(text: &str) -> Result<usize, Failure> {
    parse_size(text)
        .and_then(|size| usize::try_from(size).ok())
        .filter(|&size| size > 0)
        .ok_or_else(|| error(format_args!("--block must be a size, and is '{text}'")))
}

/// `N`, `+N` and `-N` of the processors, `N%` of them; 0 for as many as there are jobs.
fn jobs(parsed: &Parsed) -> Result<usize, Failure> {
    /// As many jobs as the machine may have processes, and each is a shell and its command.
    const MOST: usize = 250;
    let Some(name) = parsed.last_of(&["jobs", "max-procs"]) else {
        return Ok(processors());
    };
    let text = parsed
        .value(name)
        .map(secure_exec_cli::Value::text)
        .unwrap_or_default();
    let wrong = || error("Parsing of --jobs/-j/--max-procs/-P failed.");
    let count = |digits: &str| digits.parse::<usize>().map_err(|_| wrong());
    let jobs = if let Some(share) = text.strip_suffix('%') {
        let share = share.parse::<f64>().map_err(|_| wrong())?;
        // Rounded down, as a person counts processors.
        (processors() as f64 * share / 100.0).clamp(1.0, MOST as f64) as usize
    } else if let Some(more) = text.strip_prefix('+') {
        processors().saturating_add(count(more)?)
    } else if let Some(fewer) = text.strip_prefix('-') {
        processors().saturating_sub(count(fewer)?)
    } else {
        match count(&text)? {
            0 => MOST,
            jobs => jobs,
        }
    };
    Ok(jobs.clamp(1, MOST))
}

fn output(parsed: &Parsed) -> Output {
    match parsed.last_of(&["ungroup", "line-buffer", "linebuffer", "lb", "group"]) {
        Some("ungroup") => Output::Direct,
        Some("group") | None => Output::Grouped,
        Some(_) => Output::Lines,
    }
}

fn delimiter(parsed: &Parsed) -> Result<u8, Failure> {
    match parsed.last_of(&["null", "delimiter"]) {
        None => Ok(b'\n'),
        Some("null") => Ok(0),
        Some(_) => {
            let given = parsed
                .value("delimiter")
                .map(secure_exec_cli::Value::os)
                .unwrap_or_default();
            match unescaped(bytes(&given))[..] {
                [byte] => Ok(byte),
                _ => Err(error("-d takes one character")),
            }
        }
    }
}

fn trim(parsed: &Parsed) -> Result<Trim, Failure> {
    let Some(value) = parsed.value("trim") else {
        return Ok(Trim::default());
    };
    match value.text().as_str() {
        "n" => Ok(Trim::default()),
        "l" => Ok(Trim {
            left: true,
            right: false,
        }),
        "r" => Ok(Trim {
            left: false,
            right: true,
        }),
        "lr" | "rl" => Ok(Trim {
            left: true,
            right: true,
        }),
        _ => Err(error("--trim must be one of: r l rl lr.")),
    }
}

/// A value with `\n`, `\t`, `\0` and their kin.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        match (first, unescape(after)) {
            (b'\\', Some((byte, length))) => {
                out.push(byte);
                rest = &after[length..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}
