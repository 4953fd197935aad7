//! `time`.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, flag, required};
use secure_exec_sys::errno;
use secure_exec_sys::process::{WaitStatus, times};

use crate::run::{failure_status, run};

const TIME: Syntax = Syntax {
    options: &[
        flag('p', "portability"),
        required('f', "format"),
        required('o', "output"),
        flag('a', "append"),
        flag('v', "verbose"),
        flag('q', "quiet"),
    ],
    usage: "[-apqv] [-f FORMAT] [-o FILE] COMMAND [ARG]...",
    usage_status: 125,
    operand_ends: true,
};

const VERBOSE: &str = "\tCommand being timed: \"%C\"
\tUser time (seconds): %U
\tSystem time (seconds): %S
\tPercent of CPU this job got: %P
\tElapsed (wall clock) time (h:mm:ss or m:ss): %E
\tExit status: %x";

/// What a command took.
struct Usage {
    command: String,
    status: WaitStatus,
    real: Duration,
    user: Duration,
    system: Duration,
}

impl Usage {
    /// A report in a form: what is known behind `%`, with `?` for what is not, as in GNU's `time`.
    fn report(&self, form: &str) -> String {
        let seconds = |time: Duration| format!("{:.2}", time.as_secs_f64());
        let mut text = String::new();
        let mut letters = form.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '%' => match letters.next() {
                    Some('e') => text += &seconds(self.real),
                    Some('U') => text += &seconds(self.user),
                    Some('S') => text += &seconds(self.system),
                    Some('E') => text += &self.clock(),
                    Some('P') => text += &self.percent(),
                    Some('C') => text += &self.command,
                    Some('x') => text += &self.status.exited().unwrap_or(0).to_string(),
                    // The machine does not count these.
                    Some(
                        'c' | 'D' | 'F' | 'I' | 'K' | 'M' | 'O' | 'R' | 'W' | 'X' | 'k' | 'p' | 'r'
                        | 's' | 't' | 'w',
                    ) => {
                        text.push('0');
                    }
                    Some('Z') => text += "4096",
                    Some('%') => text.push('%'),
                    Some(other) => {
                        text.push('?');
                        text.push(other);
                    }
                    None => text.push('?'),
                },
                '\\' => match letters.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('\\') => text.push('\\'),
                    other => {
                        text += "?\\";
                        text.extend(other);
                    }
                },
                _ => text.push(letter),
            }
        }
        text
    }

    /// Hours, minutes and seconds: `1:02:03`, or `0:01.50`.
    fn clock(&self) -> String {
        let whole = self.real.as_secs();
        let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
        if hours > 0 {
            format!("{hours}:{minutes:02}:{seconds:02}")
        } else {
            let hundredths = self.real.subsec_millis() / 10;
            format!("{minutes}:{seconds:02}.{hundredths:02}")
        }
    }

    fn percent(&self) -> String {
        let real = self.real.as_secs_f64();
        if real < 0.001 {
            return "?%".to_owned();
        }
        let used = (self.user + self.system).as_secs_f64();
        format!("{:.0}%", (100.0 * used / real).floor())
    }
}

/// Whether a form ends with a percent sign that begins something.
fn ends_in_percent(form: &str) -> bool {
    let mut letters = form.chars();
    while let Some(letter) = letters.next() {
        if matches!(letter, '%' | '\\') && letters.next().is_none() {
            return letter == '%';
        }
    }
    false
}

/// By the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/time.html), with the forms of GNU's.
pub fn time(args: &Args) -> Outcome {
    let parsed = TIME.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(TIME.missing_operand(args));
    }
    let start = Instant::now();
    let result = run(&parsed.operands, PathBuf::new());
    let real = start.elapsed();
    let words: Vec<String> = parsed
        .operands
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let (status, mut message, wait) = match result {
        Ok(status) => (status.shell_status(), String::new(), status),
        Err(error) => {
            let name = &words[0];
            let status = failure_status(&error);
            let message = format!("time: {name}: {}\n", errno::message(&error));
            (status, message, WaitStatus(status << 8))
        }
    };
    let used = times()?;
    let usage = Usage {
        command: words.join(" "),
        status: wait,
        real,
        user: used.children_user,
        system: used.children_system,
    };
    let form = match parsed.last_of(&["portability", "format", "verbose"]) {
        Some("format") => parsed
            .value("format")
            .map_or_else(String::new, secure_exec_cli::Value::text),
        Some("verbose") => VERBOSE.to_owned(),
        _ => "real %e\nuser %U\nsys %S".to_owned(),
    };
    if parsed.has("format") && !parsed.has("quiet") {
        if let Some(signal) = wait.signaled() {
            message += &format!("Command terminated by signal {signal}\n");
        } else if status != 0 && message.is_empty() {
            message += &format!("Command exited with non-zero status {status}\n");
        }
    }
    message += &usage.report(&form);
    // A percent sign at the end swallows the end of the line, as in GNU's.
    if !ends_in_percent(&form) {
        message.push('\n');
    }
    match parsed.value("output") {
        None => eprint!("{message}"),
        Some(path) => {
            let mut options = std::fs::File::options();
            if parsed.has("append") {
                options.append(true);
            } else {
                options.write(true).truncate(true);
            }
            let mut file = options
                .create(true)
                .open(path.os())
                .map_err(|error| Failure {
                    status: 125,
                    message: secure_exec_cli::report("cannot open", path.os(), &error),
                })?;
            file.write_all(message.as_bytes())?;
        }
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::Usage;
    use secure_exec_sys::process::WaitStatus;
    use std::time::Duration;

    #[test]
    fn reports_have_the_forms_of_gnus_time() {
        let usage = Usage {
            command: "make all".to_owned(),
            status: WaitStatus(0x0200),
            real: Duration::from_millis(61_500),
            user: Duration::from_millis(30_750),
            system: Duration::ZERO,
        };
        assert_eq!(
            usage.report("%e %U %S %E %P %x %C %% \\t|%q"),
            "61.50 30.75 0.00 1:01.50 50% 2 make all % \t|?q"
        );
    }
}
