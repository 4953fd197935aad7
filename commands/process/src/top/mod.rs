//! `top`, by its manual page: the processes that use the most, in a list for programs (`-b`) or on the screen.

mod summary;

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, fail, flag, parse_duration, required,
};
use secure_exec_sys::signal::{self, Disposition, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use secure_exec_sys::tty::{self, When};
use secure_exec_sys::{Pid, fd, process, users};

use crate::procfs::{self, Process, TICKS, printable};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "batch"),
        flag('c', "cmdline-toggle"),
        required('d', "delay"),
        required('e', "scale-task-mem"),
        required('E', "scale-summary-mem"),
        flag('H', "threads-show"),
        flag('i', "idle-toggle"),
        required('n', "iterations"),
        required('o', "sort-override"),
        required('p', "pid"),
        flag('S', "accum-time-toggle"),
        required('u', "filter-only-euser"),
        required('U', "filter-any-user"),
        flag('v', "version"),
        required('w', "width"),
    ],
    usage: "[-bciv] [-d SECONDS] [-n ITERATIONS] [-o FIELD] [-p PID]... [-u USER] [-w COLUMNS]",
    usage_status: 1,
    operand_ends: false,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Processor,
    Memory,
    Time,
    Pid,
}

struct Top {
    delay: Duration,
    order: Order,
    reverse: bool,
    lines: bool,
    /// Only those that do something.
    busy: bool,
    pids: Vec<Pid>,
    uid: Option<u32>,
    width: usize,
    /// Times of the last list, and when that was.
    before: HashMap<Pid, u64>,
    looked: Option<Instant>,
    names: HashMap<u32, String>,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("top (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let iterations = match parsed.value("iterations") {
        None => usize::MAX,
        Some(value) => value
            .text()
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| fail(format!("bad iterations argument '{}'", value.text())))?,
    };
    let mut top = settings(&parsed)?;
    if parsed.has("batch") {
        for at in 0..iterations {
            if at > 0 {
                println!();
                std::thread::sleep(top.delay);
            }
            let list = top.list(usize::MAX);
            io::stdout().write_all(list.as_bytes())?;
            io::stdout().flush()?;
        }
        return Ok(0);
    }
    if !tty::isatty(0) || !tty::isatty(1) {
        return Err(fail("failed tty get"));
    }
    top.show(iterations)
}

fn settings(parsed: &Parsed) -> Result<Top, Failure> {
    let delay = match parsed.value("delay") {
        None => Duration::from_secs(3),
        Some(value) => parse_duration(&value.text())
            .ok_or_else(|| fail(format!("bad delay interval '{}'", value.text())))?,
    };
    let mut pids = Vec::new();
    for (_, value) in parsed.options.iter().filter(|(name, _)| *name == "pid") {
        for pid in value.text().split(',') {
            pids.push(pid.parse().map_err(|_| fail(format!("bad pid '{pid}'")))?);
        }
    }
    let uid = match parsed
        .last_of(&["filter-only-euser", "filter-any-user"])
        .and_then(|name| parsed.value(name))
    {
        None => None,
        Some(value) => {
            let text = value.text();
            let by_name = users::user_by_name(&text).map(|user| user.uid);
            Some(
                by_name
                    .or_else(|| text.parse().ok())
                    .ok_or_else(|| fail("Invalid user"))?,
            )
        }
    };
    let field = parsed
        .value("sort-override")
        .map(secure_exec_cli::Value::text)
        .unwrap_or_default();
    let order = match field.trim_start_matches(['+', '-']) {
        "" | "%CPU" => Order::Processor,
        "%MEM" | "RES" | "VIRT" => Order::Memory,
        "TIME" | "TIME+" => Order::Time,
        "PID" => Order::Pid,
        other => return Err(fail(format!("unrecognized field name '{other}'"))),
    };
    Ok(Top {
        delay,
        order,
        reverse: field.starts_with('-'),
        lines: parsed.has("cmdline-toggle"),
        busy: parsed.has("idle-toggle"),
        pids,
        uid,
        width: match parsed.value("width") {
            Some(value) => value
                .text()
                .parse()
                .map_err(|_| fail(format!("bad width arg '{}'", value.text())))?,
            None => 512,
        },
        before: HashMap::new(),
        looked: None,
        names: HashMap::new(),
    })
}

/// What follows a list.
enum Next {
    List,
    /// By this signal, if it is one.
    End(Option<i32>),
}

/// A process with its share of a processor since the last list, in percent.
struct Row {
    process: Process,
    share: f64,
}

impl Top {
    /// Shows lists until `q`.
    fn show(&mut self, iterations: usize) -> Outcome {
        let before = tty::getattr(0)?;
        for each in [SIGWINCH, SIGHUP, SIGTERM, SIGINT] {
            signal::action(each, Disposition::Catch)?;
        }
        tty::setattr(0, When::Drain, &before.raw_input())?;
        let shown = self.screens(iterations);
        tty::setattr(0, When::Drain, &before)?;
        println!();
        // A signal ends it with the terminal as it was.
        if let Some(number) = shown? {
            signal::action(number, Disposition::Default)?;
            process::kill(process::getpid(), number)?;
        }
        Ok(0)
    }

    /// Gives the signal that ended it, if one did.
    fn screens(&mut self, iterations: usize) -> io::Result<Option<i32>> {
        for _ in 0..iterations {
            let rows;
            (rows, self.width) = tty::screen_size(1);
            let list = self.list(rows);
            let mut text = String::from("\x1b[H\x1b[2J");
            for (at, line) in list.lines().take(rows).enumerate() {
                if at > 0 {
                    text.push_str("\r\n");
                }
                text.push_str(line);
            }
            io::stdout().write_all(text.as_bytes())?;
            io::stdout().flush()?;
            match self.keys()? {
                Next::List => {}
                Next::End(signal) => return Ok(signal),
            }
        }
        Ok(None)
    }

    /// Waits for the next list.
    fn keys(&mut self) -> io::Result<Next> {
        let until = Instant::now() + self.delay.min(Duration::from_secs(86_400));
        loop {
            match signal::take() {
                Some(SIGWINCH) => return Ok(Next::List),
                Some(number) => return Ok(Next::End(Some(number))),
                None => {}
            }
            let rest = until.saturating_duration_since(Instant::now());
            if !fd::wait_readable(0, rest) {
                if rest.is_zero() {
                    return Ok(Next::List);
                }
                continue;
            }
            let mut key = [0];
            match fd::read(0, &mut key) {
                Ok(0) => return Ok(Next::End(None)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            match key[0] {
                b'q' | 3 => return Ok(Next::End(None)),
                b'P' => self.order = Order::Processor,
                b'M' => self.order = Order::Memory,
                b'T' => self.order = Order::Time,
                b'N' => self.order = Order::Pid,
                b'R' => self.reverse = !self.reverse,
                b'c' => self.lines = !self.lines,
                b'i' => self.busy = !self.busy,
                b' ' | b'\r' | b'\n' => {}
                _ => continue,
            }
            return Ok(Next::List);
        }
    }

    fn rows(&mut self, processes: Vec<Process>) -> Vec<Row> {
        let since = self.looked.map(|looked| looked.elapsed().as_secs_f64());
        self.looked = Some(Instant::now());
        let uptime = procfs::uptime();
        let mut rows: Vec<Row> = Vec::new();
        let mut times = HashMap::new();
        for process in processes {
            // The first list has the share since each one began.
            let begun = uptime - process.start as f64 / TICKS as f64;
            let (used, time) = match (self.before.get(&process.pid), since) {
                (Some(before), Some(since)) => (process.time.saturating_sub(*before), since),
                (None, Some(since)) => (process.time, begun.min(since)),
                _ => (process.time, begun),
            };
            times.insert(process.pid, process.time);
            let share = if time > 0.01 {
                used as f64 / TICKS as f64 / time * 100.0
            } else {
                0.0
            };
            rows.push(Row { process, share });
        }
        self.before = times;
        rows
    }

    /// The list, with so many lines.
    fn list(&mut self, most: usize) -> String {
        let processes = procfs::processes();
        let mut out = summary::head(&processes);
        let mut rows = self.rows(processes);
        rows.retain(|row| {
            let process = &row.process;
            (self.pids.is_empty() || self.pids.contains(&process.pid))
                && self.uid.is_none_or(|uid| uid == process.uid)
                && (!self.busy || row.share > 0.0)
        });
        rows.sort_by(|a, b| {
            let by = match self.order {
                Order::Processor => b.share.total_cmp(&a.share),
                Order::Memory => b.process.resident_kib.cmp(&a.process.resident_kib),
                Order::Time => b.process.time.cmp(&a.process.time),
                Order::Pid => b.process.pid.cmp(&a.process.pid),
            };
            by.then(a.process.pid.cmp(&b.process.pid))
        });
        if self.reverse {
            rows.reverse();
        }
        let digits = procfs::pid_digits().max(7);
        out.push_str(&format!(
            "\n{:>digits$} USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n",
            "PID"
        ));
        let memory = procfs::memory_kib().max(1) as f64;
        for row in rows.iter().take(most.saturating_sub(7)) {
            let process = &row.process;
            let hundredths = process.time * 100 / TICKS;
            let time = format!(
                "{}:{:02}.{:02}",
                hundredths / 6000,
                hundredths / 100 % 60,
                hundredths % 100
            );
            let command = if self.lines {
                process.command_line()
            } else {
                printable(&process.comm)
            };
            let line = format!(
                "{:>digits$} {:<8.8} {:>3} {:>3} {:>7} {:>6} {:>6} {} {:>5.1} {:>5.1} {time:>9} {command}",
                process.pid,
                self.user(process.uid),
                20 + process.nice,
                process.nice,
                process.virtual_kib,
                process.resident_kib,
                0,
                process.state,
                row.share,
                process.resident_kib as f64 * 100.0 / memory,
            );
            out.extend(line.chars().take(self.width));
            out.push('\n');
        }
        out
    }

    fn user(&mut self, uid: u32) -> String {
        let name = self.names.entry(uid);
        name.or_insert_with(|| users::user_name(uid)).clone()
    }
}
