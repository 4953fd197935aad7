//! `watch`, by the manual page of procps: a command again and again, and what it prints on the whole screen.

mod screen;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use screen::Screen;
use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, fail, flag, optional, quote, required,
};
use secure_exec_sys::child::{becomes, high_pipe, wait_for};
use secure_exec_sys::process::WaitStatus;
use secure_exec_sys::signal::{self, Disposition, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use secure_exec_sys::termios::{ECHO, ICANON};
use secure_exec_sys::{errno, fd, tty};

use crate::clock::{local, now};
use crate::run::{failure_status, start};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "beep"),
        flag('c', "color"),
        flag('C', "no-color"),
        optional('d', "differences"),
        flag('e', "errexit"),
        flag('g', "chgexit"),
        required('n', "interval"),
        flag('p', "precise"),
        required('q', "equexit"),
        flag('r', "no-rerun"),
        flag('t', "no-title"),
        flag('v', "version"),
        flag('w', "no-wrap"),
        flag('x', "exec"),
    ],
    usage: "[-bcCegprtwx] [-d[permanent]] [-n SECONDS] [-q CYCLES] COMMAND [ARG]...",
    usage_status: 1,
    operand_ends: true,
};

/// The status when a command failed and `-e` was given.
const COMMAND_FAILED: i32 = 8;

struct Watch {
    parsed: Parsed,
    command: Vec<OsString>,
    /// The command as the title has it.
    line: String,
    interval: Duration,
    /// How many equal screens end it.
    cycles: Option<u64>,
    /// Standard input is a terminal whose keys are read.
    keys: bool,
}

/// What a pause ended with.
enum Next {
    Run,
    End,
}

fn number(text: &str) -> Result<f64, Failure> {
    let value = text.replace(',', ".").parse::<f64>().ok();
    value.filter(|value| value.is_finite()).ok_or_else(|| {
        fail(format!(
            "failed to parse argument: {}: Invalid argument",
            quote(text)
        ))
    })
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("watch (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    if parsed.operands.is_empty() {
        return Err(SYNTAX.missing_operand(args));
    }
    let given = parsed
        .value("interval")
        .map(secure_exec_cli::Value::text)
        .or_else(|| std::env::var("WATCH_INTERVAL").ok());
    // As short as a tenth of a second, as long as the manual allows.
    let seconds = given
        .map_or(Ok(2.0), |text| number(&text))?
        .clamp(0.1, f64::from(u32::MAX));
    let cycles = match parsed.value("equexit") {
        None => None,
        Some(value) => {
            let text = value.text();
            let count = text.parse().ok().filter(|count| *count > 0);
            Some(count.ok_or_else(|| {
                fail(format!(
                    "failed to parse argument: {}: Invalid argument",
                    quote(&text)
                ))
            })?)
        }
    };
    let words: Vec<String> = parsed
        .operands
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    let command = if parsed.has("exec") {
        parsed.operands.clone()
    } else {
        vec!["sh".into(), "-c".into(), line.clone().into()]
    };
    Watch {
        parsed,
        command,
        line,
        interval: Duration::from_secs_f64(seconds),
        cycles,
        keys: tty::isatty(0) && tty::isatty(1),
    }
    .run()
}

impl Watch {
    fn run(&self) -> Outcome {
        for each in [SIGWINCH, SIGHUP, SIGTERM, SIGINT] {
            signal::action(each, Disposition::Catch)?;
        }
        let before = if self.keys {
            Some(tty::getattr(0)?)
        } else {
            None
        };
        if let Some(before) = &before {
            let mut single = *before;
            single.lflag &= !(ICANON | ECHO);
            tty::setattr(0, tty::When::Drain, &single)?;
        }
        let outcome = self.screens();
        if let Some(before) = &before {
            tty::setattr(0, tty::When::Drain, before)?;
        }
        let (rows, _) = tty::screen_size(1);
        print!("\x1b[{rows};1H");
        io::stdout().flush()?;
        if self.keys {
            println!();
        }
        outcome
    }

    /// Runs the command until something ends it.
    fn screens(&self) -> Outcome {
        let stays = self
            .parsed
            .value("differences")
            .is_some_and(secure_exec_cli::Value::is_given);
        let marks = self.parsed.has("differences");
        let mut last: Option<Screen> = None;
        let mut equal = 0;
        let mut due = Instant::now();
        loop {
            let size = tty::screen_size(1);
            let Some((printed, status)) = self.output()? else {
                return Ok(0);
            };
            let top = if self.parsed.has("no-title") {
                0
            } else {
                2.min(size.0)
            };
            let wraps = !self.parsed.has("no-wrap");
            let colors = self.parsed.last_of(&["color", "no-color"]) == Some("color");
            let mut screen = Screen::new(&printed, (size.0 - top, size.1), wraps, colors);
            let differs = last
                .as_ref()
                .is_some_and(|last| screen.compare(last, stays));
            let clears = if last.is_none() { "\x1b[H\x1b[2J" } else { "" };
            let title = if top > 0 {
                self.title(size.1)
            } else {
                String::new()
            };
            print!(
                "{clears}{title}{}\x1b[{};{}H",
                screen.draw(top, marks),
                size.0,
                size.1
            );
            let failed = status.shell_status() != 0;
            if failed && self.parsed.has("beep") {
                print!("\x07");
            }
            io::stdout().flush()?;
            if failed && self.parsed.has("errexit") {
                self.wait_for_key(size)?;
                return Ok(COMMAND_FAILED);
            }
            equal = if differs || last.is_none() {
                0
            } else {
                equal + 1
            };
            if (differs && self.parsed.has("chgexit"))
                || self.cycles.is_some_and(|most| equal >= most)
            {
                return Ok(0);
            }
            last = Some(screen);
            due = if self.parsed.has("precise") {
                due + self.interval
            } else {
                Instant::now() + self.interval
            };
            if matches!(self.pause(due)?, Next::End) {
                return Ok(0);
            }
        }
    }

    /// The line above the command's: what runs and how often on the left, the machine and the time on the right.
    fn title(&self, columns: usize) -> String {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let right = format!("{}: {}", name.trim(), local(now(), "%a %b %e %H:%M:%S %Y"));
        let mut text = String::from("\x1b[1;1H\x1b[K");
        text.push_str(&title(
            columns,
            self.interval.as_secs_f64(),
            &self.line,
            &right,
        ));
        text + "\x1b[2;1H\x1b[K"
    }

    /// Says that the command failed in the last row, and waits for a key.
    fn wait_for_key(&self, (rows, columns): (usize, usize)) -> io::Result<()> {
        let text = "command exit with a non-zero status, press a key to exit";
        let text: String = text.chars().take(columns).collect();
        print!("\x1b[{rows};1H{text}\x1b[K");
        io::stdout().flush()?;
        if !self.keys {
            return Ok(());
        }
        match fd::read(0, &mut [0]) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until the command is due again, or a key or signal says otherwise.
    fn pause(&self, due: Instant) -> io::Result<Next> {
        loop {
            match signal::take() {
                Some(SIGWINCH) if self.parsed.has("no-rerun") => continue,
                Some(SIGWINCH) => return Ok(Next::Run),
                Some(_) => return Ok(Next::End),
                None => {}
            }
            let rest = due.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(Next::Run);
            }
            // A part of a millisecond too little would be asked for many times.
            let rest = rest
                .max(Duration::from_millis(1))
                .min(Duration::from_secs(86_400));
            if !self.keys {
                let milliseconds = u32::try_from(rest.as_millis()).unwrap_or(u32::MAX);
                match signal::wait(Some(milliseconds)) {
                    Ok(SIGWINCH) => return Ok(Next::Run),
                    Ok(_) => return Ok(Next::End),
                    Err(_) => continue,
                }
            }
            if !fd::wait_readable(0, rest) {
                continue;
            }
            let mut key = [0];
            match fd::read(0, &mut key) {
                Ok(0) => return Ok(Next::End),
                Ok(_) if key[0] == b'q' => return Ok(Next::End),
                Ok(_) if key[0] == b' ' => return Ok(Next::Run),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What the command prints on both streams, and how it ends. Nothing if a signal ended the watching meanwhile.
    fn output(&self) -> Result<Option<(String, WaitStatus)>, Failure> {
        let (high, write) = high_pipe()?;
        let actions = [1, 2].map(|standard| becomes(write, standard));
        let pid = start(&self.command, PathBuf::new(), actions.to_vec());
        fd::close(write)?;
        let pid = match pid {
            Ok(pid) => pid,
            Err(error) => {
                fd::close(high)?;
                let name = self.command[0].to_string_lossy();
                let text = format!(
                    "watch: unable to execute '{name}': {}\n",
                    errno::message(&error)
                );
                return Ok(Some((text, WaitStatus(failure_status(&error) << 8))));
            }
        };
        let mut printed = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match fd::read(high, &mut buffer) {
                Ok(0) => break,
                Ok(length) => printed.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => match signal::take() {
                    None | Some(SIGWINCH) => {}
                    Some(_) => return Ok(None),
                },
                Err(error) => return Err(error.into()),
            }
        }
        fd::close(high)?;
        let status = wait_for(pid)?;
        Ok(Some((
            String::from_utf8_lossy(&printed).into_owned(),
            status,
        )))
    }
}

/// The title in so many columns: the right part alone where there is too little room, and a command that is too long
/// ends in dots.
fn title(columns: usize, interval: f64, line: &str, right: &str) -> String {
    let every = format!("Every {interval:.1}s: ");
    let room = right.chars().count();
    if columns <= room {
        return String::new();
    }
    let mut left = String::new();
    if columns >= every.len() + room + 2 {
        let whole = format!("{every}{}", line.replace(char::is_control, " "));
        left = if whole.chars().count() < columns - room {
            whole
        } else if columns >= every.len() + room + 3 {
            let cut: String = whole.chars().take(columns - room - 5).collect();
            cut + "..."
        } else {
            every
        };
    }
    let gap = columns - room - left.chars().count();
    format!("{left}{}{right}", " ".repeat(gap))
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn titles_have_what_there_is_room_for() {
        let title = |columns, line| title(columns, 0.1, line, "vm: Wed Dec  2 05:14:43 2026");
        let right = "vm: Wed Dec  2 05:14:43 2026";
        assert_eq!(title(28, "true"), "");
        assert_eq!(title(29, "true"), format!(" {right}"));
        assert_eq!(title(42, "true"), format!("Every 0.1s:   {right}"));
        assert_eq!(title(43, "true"), format!("Every 0.1s...  {right}"));
        assert_eq!(title(45, "true"), format!("Every 0.1s: true {right}"));
        assert_eq!(
            title(48, "echo abc"),
            format!("Every 0.1s: ech...  {right}")
        );
    }
}
