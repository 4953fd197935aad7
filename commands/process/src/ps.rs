//! `ps`: the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/ps.html)'s options, and
//! the usual ones of BSD (`aux`, `ax`, `-o`, `--no-headers`, `--sort`).

use std::io::{self, Write};

use secure_exec_cli::{Args, Failure, Outcome, fail};
use secure_exec_sys::process::{getpid, ids};
use secure_exec_sys::tty::{isatty, winsize};
use secure_exec_sys::users;

use crate::clock::{cumulative, elapsed, local, now};
use crate::procfs::{self, Process, TICKS};

/// A column: its names, its heading, and the width it has at least.
struct Column {
    names: &'static [&'static str],
    heading: &'static str,
    width: Width,
    left: bool,
    text: fn(&Process) -> String,
}

enum Width {
    Fixed(usize),
    /// That of the largest process id.
    Pid,
}

const fn pid(
    names: &'static [&'static str],
    heading: &'static str,
    text: fn(&Process) -> String,
) -> Column {
    Column {
        names,
        heading,
        width: Width::Pid,
        left: false,
        text,
    }
}

const fn right(
    names: &'static [&'static str],
    heading: &'static str,
    width: usize,
    text: fn(&Process) -> String,
) -> Column {
    Column {
        names,
        heading,
        width: Width::Fixed(width),
        left: false,
        text,
    }
}

const fn left(
    names: &'static [&'static str],
    heading: &'static str,
    width: usize,
    text: fn(&Process) -> String,
) -> Column {
    Column {
        names,
        heading,
        width: Width::Fixed(width),
        left: true,
        text,
    }
}

const COLUMNS: &[Column] = &[
    pid(&["pid", "tgid"], "PID", |p| p.pid.to_string()),
    pid(&["ppid"], "PPID", |p| p.ppid.to_string()),
    pid(&["pgid", "pgrp"], "PGID", |p| p.pgid.to_string()),
    pid(&["sid", "sess", "session"], "SID", |p| p.sid.to_string()),
    pid(&["tpgid"], "TPGID", |p| p.foreground.to_string()),
    right(&["uid", "euid"], "UID", 5, |p| p.uid.to_string()),
    left(&["user", "euser", "uname", "ruser"], "USER", 8, |p| {
        users::user_name(p.uid)
    }),
    left(&["group", "egroup", "rgroup"], "GROUP", 8, |p| {
        group_name(p.uid)
    }),
    left(&["tty", "tt", "tname"], "TT", 8, Process::tty_name),
    right(&["time", "cputime"], "TIME", 8, |p| {
        cumulative(p.time / TICKS)
    }),
    right(&["bsdtime"], "TIME", 6, |p| {
        format!("{}:{:02}", p.time / TICKS / 60, p.time / TICKS % 60)
    }),
    right(&["etime"], "ELAPSED", 11, |p| elapsed(age(p))),
    right(&["etimes"], "ELAPSED", 7, |p| age(p).to_string()),
    left(&["comm", "ucmd", "ucomm"], "COMMAND", 15, |p| {
        p.comm.clone()
    }),
    left(
        &["args", "cmd", "command"],
        "COMMAND",
        27,
        Process::command_line,
    ),
    left(&["state", "s"], "S", 1, |p| p.state.to_string()),
    left(&["stat"], "STAT", 4, long_state),
    right(&["nice", "ni"], "NI", 3, |p| p.nice.to_string()),
    right(&["pri"], "PRI", 3, |p| (19 - p.nice).to_string()),
    right(&["vsz", "vsize"], "VSZ", 6, |p| p.virtual_kib.to_string()),
    right(&["rss", "rssize"], "RSS", 5, |p| p.resident_kib.to_string()),
    right(&["pcpu", "%cpu"], "%CPU", 4, |p| {
        format!("{:.1}", cpu_percent(p))
    }),
    // Two digits, as in procps.
    right(&["c"], "C", 2, |p| {
        format!("{:.0}", cpu_percent(p).min(99.0))
    }),
    right(&["pmem", "%mem"], "%MEM", 4, |p| {
        format!("{:.1}", memory_percent(p))
    }),
    right(&["start", "stime", "bsdstart"], "START", 5, |p| {
        start_text(p)
    }),
    right(&["lstart"], "STARTED", 24, |p| {
        local(start_seconds(p), "%a %b %e %H:%M:%S %Y")
    }),
    right(&["nlwp", "thcount"], "NLWP", 4, |p| p.threads.to_string()),
];

/// What is shown by default, with `-f`, `-l`, `-j`, and in BSD's long forms. A heading follows `=`.
const SHORT: &[&str] = &["pid=PID", "tty=TTY", "time", "comm=CMD"];
const FULL: &[&str] = &[
    "user=UID",
    "pid",
    "ppid",
    "c",
    "stime=STIME",
    "tty=TTY",
    "time",
    "args=CMD",
];
const LONG: &[&str] = &[
    "s", "uid", "pid", "ppid", "c", "pri", "ni", "rss", "tty=TTY", "time", "comm=CMD",
];
const JOBS: &[&str] = &["pid", "pgid", "sid", "tty=TTY", "time", "comm=CMD"];
const BSD: &[&str] = &["pid", "tty=TTY", "stat", "bsdtime", "args"];
const BSD_USER: &[&str] = &[
    "user", "pid", "%cpu", "%mem", "vsz", "rss", "tty=TTY", "stat", "start", "bsdtime", "args",
];

#[derive(Default)]
struct Request {
    columns: Vec<(usize, String)>,
    everything: bool,
    without_leaders: bool,
    with_terminal: bool,
    own: bool,
    pids: Vec<i32>,
    parents: Vec<i32>,
    groups: Vec<i32>,
    users: Vec<u32>,
    names: Vec<String>,
    no_headings: bool,
    wide: bool,
    order: Vec<(usize, bool)>,
    negated: bool,
}

pub fn main(args: &Args) -> Outcome {
    let request = parse(args)?;
    let mut chosen: Vec<Process> = procfs::processes();
    let me = procfs::process(getpid()).unwrap_or_default();
    let my_uid = ids()?.euid;
    chosen.retain(|process| is_chosen(&request, process, &me, my_uid) != request.negated);
    for (column, descending) in request.order.iter().rev() {
        chosen.sort_by(|a, b| {
            let (a, b) = ((COLUMNS[*column].text)(a), (COLUMNS[*column].text)(b));
            let order = match (a.trim().parse::<f64>(), b.trim().parse::<f64>()) {
                (Ok(a), Ok(b)) => a.total_cmp(&b),
                _ => a.cmp(&b),
            };
            if *descending { order.reverse() } else { order }
        });
    }
    print(&request, &chosen)?;
    Ok(i32::from(chosen.is_empty()))
}

fn is_chosen(request: &Request, process: &Process, me: &Process, my_uid: u32) -> bool {
    let lists = !request.pids.is_empty()
        || !request.parents.is_empty()
        || !request.groups.is_empty()
        || !request.users.is_empty()
        || !request.names.is_empty();
    if lists {
        return request.pids.contains(&process.pid)
            || request.parents.contains(&process.ppid)
            || request.groups.contains(&process.sid)
            || request.groups.contains(&process.pgid)
            || request.users.contains(&process.uid)
            || request.names.contains(&process.comm);
    }
    if request.everything {
        return true;
    }
    if request.without_leaders {
        return process.pid != process.sid && process.tty != 0;
    }
    if request.with_terminal {
        return process.tty != 0;
    }
    if request.own {
        return process.uid == my_uid && process.tty != 0;
    }
    process.uid == my_uid && process.tty == me.tty
}

fn parse(args: &Args) -> Result<Request, Failure> {
    let mut request = Request::default();
    let mut list = args
        .list
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = list.next() {
        if let Some(long) = arg.strip_prefix("--") {
            let (name, attached) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            long_option(&mut request, name, attached, &mut list)?;
        } else if let Some(letters) = arg.strip_prefix('-') {
            unix_options(&mut request, letters, &mut list)?;
        } else if arg.starts_with(|c: char| c.is_ascii_digit()) {
            request.pids.extend(numbers(&arg)?);
        } else {
            bsd_options(&mut request, &arg, &mut list)?;
        }
    }
    if request.columns.is_empty() {
        set_columns(&mut request, SHORT)?;
    }
    Ok(request)
}

fn long_option(
    request: &mut Request,
    name: &str,
    attached: Option<String>,
    list: &mut impl Iterator<Item = String>,
) -> Result<(), Failure> {
    let mut value = || attached.clone().or_else(|| list.next()).ok_or_else(usage);
    match name {
        "no-headers" | "no-headings" | "no-heading" => request.no_headings = true,
        "headers" => request.no_headings = false,
        "pid" => request.pids.extend(numbers(&value()?)?),
        "ppid" => request.parents.extend(numbers(&value()?)?),
        "sid" | "group" => request.groups.extend(numbers(&value()?)?),
        "user" => request.users.extend(user_list(&value()?)?),
        "format" => add_columns(request, &value()?)?,
        "sort" => {
            for key in value()?.split(',') {
                let bare = key.trim_start_matches(['+', '-']);
                request
                    .order
                    .push((column_named(bare)?, key.starts_with('-')));
            }
        }
        "deselect" => request.negated = true,
        "forest" | "cumulative" => {}
        "help" => {
            println!("Usage: ps [-aAdefjlN] [-o FORMAT] [-p PIDS] [-u USERS] [-C NAMES] [aux]");
            return Err(Failure::silent(0));
        }
        _ => return Err(fail("error: unknown gnu long option")),
    }
    Ok(())
}

fn unix_options(
    request: &mut Request,
    letters: &str,
    list: &mut impl Iterator<Item = String>,
) -> Result<(), Failure> {
    for (at, letter) in letters.char_indices() {
        let rest = &letters[at + letter.len_utf8()..];
        let mut value = || {
            if rest.is_empty() {
                list.next().ok_or_else(usage)
            } else {
                Ok(rest.to_owned())
            }
        };
        match letter {
            'A' | 'e' => request.everything = true,
            'a' => request.without_leaders = true,
            'd' => (request.everything, request.without_leaders) = (false, true),
            'f' | 'F' => set_columns(request, FULL)?,
            'l' | 'y' => set_columns(request, LONG)?,
            'j' => set_columns(request, JOBS)?,
            'N' => request.negated = true,
            'w' => request.wide = true,
            'H' | 'c' | 'L' | 'T' | 'M' => {}
            'x' => request.own = true,
            'o' => return add_columns(request, &value()?),
            'O' => {
                set_columns(request, &["pid"])?;
                add_columns(request, &value()?)?;
                return add_columns(request, "s,tty,time,args");
            }
            'p' | 'q' => {
                request.pids.extend(numbers(&value()?)?);
                return Ok(());
            }
            's' | 'g' => {
                request.groups.extend(numbers(&value()?)?);
                return Ok(());
            }
            'u' | 'U' => {
                request.users.extend(user_list(&value()?)?);
                return Ok(());
            }
            'C' => {
                request.names.extend(value()?.split(',').map(str::to_owned));
                return Ok(());
            }
            't' => {
                value()?;
                request.with_terminal = true;
                return Ok(());
            }
            _ => return Err(fail(format!("error: unsupported option -{letter}"))),
        }
    }
    Ok(())
}

fn bsd_options(
    request: &mut Request,
    letters: &str,
    list: &mut impl Iterator<Item = String>,
) -> Result<(), Failure> {
    set_columns(request, BSD)?;
    let has = |letter| letters.contains(letter);
    match (has('a'), has('x')) {
        (true, true) => request.everything = true,
        (true, false) => request.with_terminal = true,
        (false, true) => request.own = true,
        (false, false) => {}
    }
    for (at, letter) in letters.char_indices() {
        let rest = &letters[at + letter.len_utf8()..];
        let mut value = || {
            if rest.is_empty() {
                list.next().ok_or_else(usage)
            } else {
                Ok(rest.to_owned())
            }
        };
        match letter {
            'a' | 'x' | 'f' | 'e' | 'H' | 'r' | 'g' => {}
            'w' => request.wide = true,
            'h' => request.no_headings = true,
            'u' => set_columns(request, BSD_USER)?,
            'l' => set_columns(request, LONG)?,
            'j' => set_columns(request, JOBS)?,
            'o' => {
                request.columns.clear();
                return add_columns(request, &value()?);
            }
            'p' => {
                request.pids.extend(numbers(&value()?)?);
                return Ok(());
            }
            'U' => {
                request.users.extend(user_list(&value()?)?);
                return Ok(());
            }
            _ => return Err(fail(format!("error: unsupported option {letter}"))),
        }
    }
    Ok(())
}

fn usage() -> Failure {
    fail("error: list of process IDs, names or columns must follow the option")
}

fn numbers(text: &str) -> Result<Vec<i32>, Failure> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.parse()
                .map_err(|_| fail("error: process ID list syntax error"))
        })
        .collect()
}

fn user_list(text: &str) -> Result<Vec<u32>, Failure> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let uid = |part: &str| {
        users::user_by_name(part)
            .map(|user| user.uid)
            .or_else(|| part.parse().ok())
    };
    parts
        .map(|part| uid(part).ok_or_else(|| fail("error: user name does not exist")))
        .collect()
}

fn column_named(name: &str) -> Result<usize, Failure> {
    let found = COLUMNS
        .iter()
        .position(|column| column.names.contains(&name.to_lowercase().as_str()));
    found.ok_or_else(|| {
        fail(format!(
            "error: unknown user-defined format specifier \"{name}\""
        ))
    })
}

fn set_columns(request: &mut Request, list: &[&str]) -> Result<(), Failure> {
    request.columns.clear();
    list.iter().try_for_each(|each| add_column(request, each))
}

/// `pid,comm` or `pid= comm=NAME`: a heading reaches to the end of the argument.
fn add_columns(request: &mut Request, text: &str) -> Result<(), Failure> {
    let (list, heading) = match text.split_once('=') {
        Some((list, heading)) => (list, Some(heading)),
        None => (text, None),
    };
    // `pid=,comm=` names several columns without headings.
    if let Some(heading) = heading
        && heading.contains('=')
        && heading.starts_with(',')
    {
        add_column(request, &format!("{list}="))?;
        return add_columns(request, &heading[1..]);
    }
    let mut names: Vec<String> = list
        .split([',', ' '])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if let (Some(last), Some(heading)) = (names.last_mut(), heading) {
        *last += &format!("={heading}");
    }
    names.iter().try_for_each(|name| add_column(request, name))
}

fn add_column(request: &mut Request, text: &str) -> Result<(), Failure> {
    let (name, heading) = text
        .split_once('=')
        .map_or((text, None), |(name, heading)| (name, Some(heading)));
    let index = column_named(name)?;
    let heading = heading.map_or_else(|| COLUMNS[index].heading.to_owned(), str::to_owned);
    request.columns.push((index, heading));
    Ok(())
}

fn print(request: &Request, processes: &[Process]) -> io::Result<()> {
    let rows: Vec<Vec<String>> = processes
        .iter()
        .map(|process| {
            request
                .columns
                .iter()
                .map(|(index, _)| (COLUMNS[*index].text)(process))
                .collect()
        })
        .collect();
    let pid_digits = procfs::pid_digits();
    let widths: Vec<usize> = request
        .columns
        .iter()
        .enumerate()
        .map(|(at, (index, heading))| {
            let widest = rows
                .iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap_or(0);
            let least = match COLUMNS[*index].width {
                Width::Fixed(width) => width,
                Width::Pid => pid_digits,
            };
            widest.max(heading.len()).max(least)
        })
        .collect();
    let limit = if request.wide || !isatty(1) {
        usize::MAX
    } else {
        winsize(1).map_or(80, |size| usize::from(size.columns.max(20)))
    };
    let mut out = io::stdout().lock();
    if !request.no_headings
        && request
            .columns
            .iter()
            .any(|(_, heading)| !heading.is_empty())
    {
        let headings: Vec<String> = request
            .columns
            .iter()
            .map(|(_, heading)| heading.clone())
            .collect();
        writeln!(out, "{}", line(request, &headings, &widths, limit))?;
    }
    for row in &rows {
        writeln!(out, "{}", line(request, row, &widths, limit))?;
    }
    Ok(())
}

fn line(request: &Request, cells: &[String], widths: &[usize], limit: usize) -> String {
    let mut out = String::new();
    for (at, cell) in cells.iter().enumerate() {
        let column = &COLUMNS[request.columns[at].0];
        let is_last = at + 1 == cells.len();
        let width = widths[at];
        match (column.left, is_last) {
            (true, true) => out += cell,
            (true, false) => out += &format!("{cell:<width$} "),
            (false, true) => out += &format!("{cell:>width$}"),
            (false, false) => out += &format!("{cell:>width$} "),
        }
    }
    out.chars().take(limit).collect()
}

fn group_name(uid: u32) -> String {
    let gid = users::user_by_uid(uid).map_or(uid, |user| user.gid);
    users::group_name(gid)
}

fn start_seconds(process: &Process) -> i64 {
    procfs::boot_time() + i64::try_from(process.start / TICKS).unwrap_or(0)
}

fn start_text(process: &Process) -> String {
    let start = start_seconds(process);
    local(
        start,
        if now() - start < 86_400 {
            "%H:%M"
        } else {
            "%b%d"
        },
    )
}

fn age(process: &Process) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds since the start are few"
    )]
    let up = procfs::uptime() as u64;
    up.saturating_sub(process.start / TICKS)
}

#[expect(clippy::cast_precision_loss, reason = "a percentage with one decimal")]
fn cpu_percent(process: &Process) -> f64 {
    let seconds = age(process).max(1) as f64;
    process.time as f64 / TICKS as f64 * 100.0 / seconds
}

#[expect(clippy::cast_precision_loss, reason = "a percentage with one decimal")]
fn memory_percent(process: &Process) -> f64 {
    match procfs::memory_kib() {
        0 => 0.0,
        total => process.resident_kib as f64 * 100.0 / total as f64,
    }
}

/// The state with what BSD adds: leads a session, several threads, in the foreground.
fn long_state(process: &Process) -> String {
    let mut out = process.state.to_string();
    for (applies, mark) in [
        (process.nice < 0, '<'),
        (process.nice > 0, 'N'),
        (process.pid == process.sid, 's'),
        (process.threads > 1, 'l'),
        (process.tty != 0 && process.foreground == process.pgid, '+'),
    ] {
        if applies {
            out.push(mark);
        }
    }
    out
}
