//! What the parser asks of the shell, and the lines it reads.

use std::rc::Rc;

use secure_exec_sys as sys;

use crate::builtins;
use crate::interactive;
use crate::shell::Shell;
use crate::syntax::{Dialect, Line, Origin, Source};
use crate::text;

impl Source for Shell {
    fn dialect(&self) -> Dialect {
        Dialect {
            bash: self.bash,
            dash: self.dash,
            posix: self.options.posix,
            extglob: self.options.extglob,
            aliases: !self.aliases.is_empty() && self.expands_aliases(),
            monitor: self.options.monitor,
        }
    }

    fn read_line(&mut self, origin: Origin, continued: bool) -> Line {
        let line = match origin {
            Origin::Text => None,
            Origin::Fd(fd) if continued => read_line(fd),
            Origin::Fd(fd) => self.read_expanded(fd),
            Origin::Editor => interactive::read_command_line(self, continued),
        };
        match line {
            None if origin == Origin::Editor && self.traps.interrupted => Line::GivenUp,
            None => Line::End,
            Some(line) => {
                if self.options.verbose {
                    self.print_error_raw(&line);
                }
                Line::Text(line)
            }
        }
    }

    fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str)
    }

    fn is_special_builtin(&self, name: &str) -> bool {
        builtins::find(name, false).is_some_and(|(_, special)| special)
    }

    fn file(&self) -> Rc<str> {
        self.source_name()
    }

    fn warn(&self, message: &str, line: u32) {
        self.error_at(message, line);
    }

    fn names_pid(&mut self) {
        self.names_pid = true;
    }
}

impl Shell {
    /// The line that a command begins with, after history expansion where a script has asked for it.
    fn read_expanded(&mut self, fd: i32) -> Option<String> {
        let line = read_line(fd)?;
        if !self.records() || !self.options.histexpand || self.interactive {
            return Some(line);
        }
        // What is not run is as an empty line.
        Some(self.expand_history(line).unwrap_or_else(|| "\n".to_owned()))
    }
}

/// Reads up to the end of a line, byte by byte unless the descriptor can go back.
fn read_line(fd: i32) -> Option<String> {
    let mut bytes = Vec::new();
    let step = if sys::fd::seek_by(fd, 0).is_ok() {
        512
    } else {
        1
    };
    loop {
        let mut buffer = [0; 512];
        let n = match sys::fd::read(fd, &mut buffer[..step]) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                sys::signal::set_aside();
                continue;
            }
            Err(_) => break,
        };
        if let Some(end) = buffer[..n].iter().position(|b| *b == b'\n') {
            bytes.extend_from_slice(&buffer[..=end]);
            let back = i64::try_from(n - end - 1).unwrap_or(0);
            if back > 0 && sys::fd::seek_by(fd, -back).is_err() {
                return None;
            }
            break;
        }
        bytes.extend_from_slice(&buffer[..n]);
    }
    bytes.retain(|b| *b != 0);
    (!bytes.is_empty()).then(|| text::decode(&bytes))
}
