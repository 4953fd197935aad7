//! Where the text comes from, line by line when it must.

use crate::source::{Line, Source};

/// Where text comes from when the buffer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
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
    pub(crate) chars: Vec<char>,
    pub(crate) pos: usize,
    pub(crate) line: u32,
    origin: Origin,
    ended: bool,
    /// Up to where `set -v` has shown the text.
    told: usize,
    /// Up to where commands have been taken into the history.
    noted: usize,
    /// It ended because a user gave the unfinished command up.
    interrupted: bool,
}

impl Input {
    pub fn text(text: &str, line: u32) -> Self {
        Self {
            chars: text.chars().collect(),
            pos: 0,
            line,
            origin: Origin::Text,
            ended: false,
            told: 0,
            noted: 0,
            interrupted: false,
        }
    }

    pub fn from(origin: Origin) -> Self {
        Self {
            chars: Vec::new(),
            pos: 0,
            line: 1,
            origin,
            ended: false,
            told: 0,
            noted: 0,
            interrupted: false,
        }
    }

    /// Whether all of it was there from the beginning.
    pub fn is_text(&self) -> bool {
        self.origin == Origin::Text
    }

    /// Whether more is certain not to come.
    pub fn at_end(&self) -> bool {
        self.pos >= self.chars.len() && (self.origin == Origin::Text || self.ended)
    }

    /// The lines up to here that `set -v` has not shown: text is read at once, but told as lines are.
    pub fn untold_lines(&mut self) -> Option<String> {
        if self.origin != Origin::Text {
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

    /// The lines of the command that has been parsed, with what stands before it.
    pub fn command_lines(&mut self, wanted: bool) -> Option<String> {
        let from = if self.origin == Origin::Text {
            std::mem::replace(&mut self.noted, self.pos)
        } else {
            0
        };
        let lines = self.chars.get(from..self.pos).filter(|_| wanted)?;
        Some(lines.iter().collect())
    }

    /// The line that is parsed next, if it is there already.
    pub fn next_line(&self) -> Option<String> {
        let rest = self.chars.get(self.pos..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|c| *c == '\n');
        let end = end.map_or(rest.len(), |at| at + 1);
        Some(rest[..end].iter().collect())
    }

    /// Puts another line in the place of the next one.
    pub fn replace_line(&mut self, line: &str) {
        let rest = self.chars.get(self.pos..).unwrap_or_default();
        let end = rest.iter().position(|c| *c == '\n');
        let end = self.pos + end.map_or(rest.len(), |at| at + 1);
        self.chars.splice(self.pos..end, line.chars());
    }

    /// Whether the text ended because a user gave the unfinished command up.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// Makes ready for the next command: forgets what was parsed, so that the buffer does not grow. An end typed on a
    /// terminal inside a command has ended that command only.
    pub(crate) fn begin_command(&mut self) {
        if self.origin != Origin::Text {
            self.chars.drain(..self.pos);
            self.pos = 0;
        }
        if self.origin == Origin::Editor {
            self.ended = false;
            self.interrupted = false;
        }
    }

    /// Drops the rest of what was read, after an error at a terminal.
    pub fn discard(&mut self) {
        self.pos = self.chars.len();
        self.ended = false;
    }

    /// Has one more line read; false at the end.
    pub(crate) fn more(&mut self, source: &mut dyn Source, continued: bool) -> bool {
        if self.ended {
            return false;
        }
        let line = match self.origin {
            Origin::Text => Line::End,
            origin => source.read_line(origin, continued),
        };
        if let Line::Text(line) = line {
            self.chars.extend(line.chars());
            return true;
        }
        self.ended = true;
        self.interrupted = line == Line::GivenUp;
        false
    }
}
