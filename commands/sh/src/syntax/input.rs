//! Where the text comes from, line by line when it must.

use secure_exec_sys as sys;

use crate::interactive;
use crate::shell::Shell;
use crate::text;

/// What gives more text when the buffer ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing: all of it is in the buffer.
    Text,
    /// A descriptor read up to the end of each line, so that commands can read what follows.
    Fd(i32),
    /// The line editor on a terminal.
    Editor,
}

/// Text being parsed and how far that came.
#[derive(Debug)]
pub struct Input {
    pub(super) chars: Vec<char>,
    pub(super) pos: usize,
    pub(super) line: u32,
    source: Source,
    ended: bool,
    /// Up to where `set -v` has shown the text.
    told: usize,
    /// It ended because a user gave the unfinished command up.
    interrupted: bool,
}

impl Input {
    pub fn text(text: &str, line: u32) -> Self {
        Self {
            chars: text.chars().collect(),
            pos: 0,
            line,
            source: Source::Text,
            ended: false,
            told: 0,
            interrupted: false,
        }
    }

    pub fn from(source: Source) -> Self {
        Self {
            chars: Vec::new(),
            pos: 0,
            line: 1,
            source,
            ended: false,
            told: 0,
            interrupted: false,
        }
    }

    /// Whether all of it was there from the beginning.
    pub fn is_text(&self) -> bool {
        self.source == Source::Text
    }

    /// Whether more is certain not to come.
    pub fn at_end(&self) -> bool {
        self.pos >= self.chars.len() && (self.source == Source::Text || self.ended)
    }

    /// The lines up to here that `set -v` has not shown: text is read at once, but told as lines are.
    pub fn untold_lines(&mut self) -> Option<String> {
        if self.source != Source::Text {
            return None;
        }
        let ended = self.pos > 0 && self.chars.get(self.pos - 1) == Some(&'\n');
        let rest = self.chars.get(self.pos..).unwrap_or_default();
        let end = match rest.iter().position(|c| *c == '\n') {
            _ if ended => self.pos,
            Some(at) => self.pos + at + 1,
            None => self.chars.len(),
        };
        let from = self.told.min(end);
        self.told = end;
        let mut lines: String = self.chars[from..end].iter().collect();
        if lines.is_empty() {
            return None;
        }
        if !lines.ends_with('\n') {
            lines.push('\n');
        }
        Some(lines)
    }

    /// Whether the text ended because a user gave the unfinished command up.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// Makes ready for the next command: forgets what was parsed, so that the buffer does not grow. An end typed on a
    /// terminal inside a command has ended that command only.
    pub(super) fn begin_command(&mut self) {
        if self.source != Source::Text {
            self.chars.drain(..self.pos);
            self.pos = 0;
        }
        if self.source == Source::Editor {
            self.ended = false;
            self.interrupted = false;
        }
    }

    /// Drops the rest of what was read, after an error at a terminal.
    pub fn discard(&mut self) {
        self.pos = self.chars.len();
        self.ended = false;
    }

    /// Reads one more line; false at the end.
    pub(super) fn more(&mut self, shell: &mut Shell, continued: bool) -> bool {
        if self.ended {
            return false;
        }
        let line = match self.source {
            Source::Text => None,
            Source::Fd(fd) => read_line(fd),
            Source::Editor => interactive::read_command_line(shell, continued),
        };
        let Some(line) = line else {
            self.ended = true;
            self.interrupted = self.source == Source::Editor && shell.traps.interrupted;
            return false;
        };
        if shell.options.verbose {
            shell.print_error_raw(&line);
        }
        self.chars.extend(line.chars());
        true
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
