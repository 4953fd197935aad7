//! The pieces: which lines each has, and their files.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;

use secure_exec_cli::{Failure, fail};
use secure_exec_sys::errno;

use super::control::{Control, Place, Times, shown};
use super::naming::Naming;
use crate::expression::Expression;

pub struct Pieces<'a> {
    naming: Naming,
    text: &'a [u8],
    /// Where the lines begin, and where the text ends.
    starts: Vec<usize>,
    /// The first line that is in no piece yet, from 0.
    at: usize,
    /// The first line where a match is looked for, from 0.
    search: usize,
    made: Vec<OsString>,
    /// No sizes are printed.
    pub is_quiet: bool,
    /// Empty pieces are left out.
    pub elides: bool,
    /// The line that ends a piece is left out.
    pub suppresses: bool,
}

impl<'a> Pieces<'a> {
    pub fn new(naming: Naming, text: &'a [u8]) -> Self {
        let mut starts = vec![0];
        let newlines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        starts.extend(newlines.map(|(at, _)| at + 1));
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        Self {
            naming,
            text,
            starts,
            at: 0,
            search: 0,
            made: Vec::new(),
            is_quiet: false,
            elides: false,
            suppresses: false,
        }
    }

    fn lines(&self) -> usize {
        self.starts.len() - 1
    }

    /// Makes all pieces, the last one of what is left.
    pub fn make(&mut self, controls: &[Control]) -> Result<(), Failure> {
        for control in controls {
            let mut repetition = 0;
            while match control.times {
                Times::Count(count) => repetition <= count,
                Times::AsOftenAsPossible => true,
            } {
                let more = match &control.place {
                    Place::Line(line) => self.until_line(control, *line, repetition)?,
                    Place::Match {
                        expression,
                        offset,
                        skips,
                    } => self.until_match(control, expression, (*offset, *skips), repetition)?,
                };
                if !more {
                    return Ok(());
                }
                repetition += 1;
            }
        }
        self.piece(self.lines())
    }

    /// Ends a piece before a line. Whether there may be more pieces.
    fn until_line(
        &mut self,
        control: &Control,
        line: u64,
        repetition: u64,
    ) -> Result<bool, Failure> {
        let times = repetition.saturating_add(1);
        let target = usize::try_from(line.saturating_mul(times) - 1).unwrap_or(usize::MAX);
        let end = self.lines();
        if target > end || (target == end && (!self.suppresses || self.at == end)) {
            self.piece(end)?;
            return Err(trouble(control, "line number out of range", repetition));
        }
        self.piece(target.max(self.at))?;
        self.search = self.search.max(self.at);
        self.suppress();
        Ok(true)
    }

    /// Ends a piece by the next match. Whether there may be more pieces.
    fn until_match(
        &mut self,
        control: &Control,
        expression: &Expression,
        (offset, skips): (i64, bool),
        repetition: u64,
    ) -> Result<bool, Failure> {
        let end = self.lines();
        let first = self.search.max(self.at);
        let Some(found) = (first..end).find(|&line| expression.is_match(self.line(line))) else {
            if !skips {
                self.piece(end)?;
            }
            if control.times == Times::AsOftenAsPossible {
                return Ok(false);
            }
            return Err(trouble(control, "match not found", repetition));
        };
        let target = i64::try_from(found)
            .unwrap_or(i64::MAX)
            .saturating_add(offset);
        let target = usize::try_from(target)
            .ok()
            .filter(|target| *target >= self.at);
        let is_in_range = target.is_some_and(|target| target <= end);
        let target = target.map_or(self.at, |target| target.min(end));
        if skips {
            self.at = target;
        } else {
            self.piece(target)?;
        }
        if !is_in_range {
            return Err(trouble(control, "line number out of range", 0));
        }
        self.search = found.max(target) + 1;
        self.suppress();
        Ok(true)
    }

    fn suppress(&mut self) {
        if self.suppresses && self.at < self.lines() {
            self.at += 1;
        }
    }

    /// A line without its newline.
    fn line(&self, line: usize) -> &'a [u8] {
        let text = &self.text[self.starts[line]..self.starts[line + 1]];
        text.strip_suffix(b"\n").unwrap_or(text)
    }

    /// Writes the lines before `end` to the next file.
    fn piece(&mut self, end: usize) -> Result<(), Failure> {
        let text = &self.text[self.starts[self.at]..self.starts[end]];
        self.at = end;
        let name = self.naming.name(self.made.len() as u64);
        let written = File::create(&name).and_then(|mut file| {
            self.made.push(name.clone());
            file.write_all(text)
        });
        written.map_err(|error| {
            let (name, why) = (name.to_string_lossy(), errno::message(&error));
            fail(format!("{name}: {why}"))
        })?;
        if text.is_empty() && self.elides {
            self.made.pop();
            let _ = fs::remove_file(&name);
        } else if !self.is_quiet {
            writeln!(std::io::stdout(), "{}", text.len())?;
        }
        Ok(())
    }

    /// Removes what was written.
    pub fn remove(&mut self) {
        for name in self.made.drain(..) {
            // What is gone already need not be removed.
            let _ = fs::remove_file(name);
        }
    }
}

fn trouble(control: &Control, what: &str, repetition: u64) -> Failure {
    let mut message = format!("{}: {what}", shown(&control.text));
    if repetition > 0 {
        message += &format!(" on repetition {repetition}");
    }
    fail(message)
}
