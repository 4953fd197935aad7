//! The commands, by their letters.

use std::io::{self, Write};
use std::rc::Rc;

use super::buffer::Line;
use super::{
    Editor, INVALID_ADDRESS, INVALID_SUFFIX, MODIFIED, UNEXPECTED_SUFFIX, Wrong, delimited,
};

/// The addresses of a command.
#[derive(Clone, Copy)]
struct Range {
    from: usize,
    to: usize,
    count: usize,
}

impl Editor {
    pub fn execute(&mut self, line: &[u8], warned: bool) -> Result<(), Wrong> {
        let mut rest = line;
        let (from, to, count) = self.addresses(&mut rest)?;
        let mut range = Range { from, to, count };
        if range.from > range.to {
            return Err(INVALID_ADDRESS);
        }
        let Some((&letter, after)) = rest.split_first() else {
            let next = if count == 0 {
                self.buffer.dot + 1
            } else {
                range.to
            };
            return self.print(next, next, b"p");
        };
        let all = |editor: &Self, range: &mut Range| {
            if range.count == 0 {
                (range.from, range.to) = (editor.buffer.last().min(1), editor.buffer.last());
            }
        };
        match letter {
            b'#' => Ok(()),
            b'p' | b'n' | b'l' => {
                if after.iter().any(|byte| !b"pnl".contains(byte)) {
                    return Err(INVALID_SUFFIX);
                }
                self.print(range.from, range.to, rest)
            }
            b'z' => {
                let mut rest = after;
                let lines = if rest.first().is_some_and(u8::is_ascii_digit) {
                    super::number(&mut rest)
                        .filter(|lines| *lines > 0)
                        .ok_or("Window size out of range")?
                } else {
                    22
                };
                if rest.iter().any(|byte| !b"pnl".contains(byte)) {
                    return Err(INVALID_SUFFIX);
                }
                let start = if count == 0 {
                    self.buffer.dot + 1
                } else {
                    range.to
                };
                self.print(
                    start,
                    self.buffer.last().min(start.saturating_add(lines - 1)),
                    if rest.is_empty() { b"p" } else { rest },
                )
            }
            b'=' => {
                self.check_suffix(after)?;
                println!(
                    "{}",
                    if count == 0 {
                        self.buffer.last()
                    } else {
                        range.to
                    }
                );
                Ok(())
            }
            b'q' | b'Q' => {
                if count > 0 {
                    return Err("Unexpected address");
                }
                if !after.is_empty() {
                    return Err(INVALID_SUFFIX);
                }
                self.guard(letter == b'Q', warned)?;
                self.quits = true;
                Ok(())
            }
            b'h' | b'H' | b'P' => {
                if count > 0 {
                    return Err("Unexpected address");
                }
                self.check_suffix(after)?;
                match letter {
                    b'h' if self.last_error.is_empty() => {}
                    b'h' => println!("{}", self.last_error),
                    b'P' => {
                        self.prompt = if self.prompt.is_some() {
                            None
                        } else {
                            Some("*".to_owned())
                        }
                    }
                    _ => {
                        self.verbose = !self.verbose;
                        if self.verbose && !self.last_error.is_empty() {
                            println!("{}", self.last_error);
                        }
                    }
                }
                Ok(())
            }
            b'f' | b'e' | b'E' | b'r' | b'w' | b'W' => {
                self.file_command(letter, range, after, warned)
            }
            b'!' => {
                let command = String::from_utf8_lossy(after).into_owned();
                self.shell(&command)
            }
            b'k' => {
                let name = after
                    .first()
                    .copied()
                    .filter(u8::is_ascii_lowercase)
                    .ok_or("Invalid mark character")?;
                let line = range
                    .to
                    .checked_sub(1)
                    .and_then(|at| self.buffer.lines.get(at))
                    .ok_or(INVALID_ADDRESS)?;
                self.buffer.marks.insert(name, Rc::clone(line));
                self.check_suffix(&after[1..])
            }
            b'g' | b'v' => {
                all(self, &mut range);
                self.global(letter == b'g', range, after)
            }
            b'u' => {
                self.check_suffix(after)?;
                std::mem::swap(&mut self.buffer, &mut self.undo);
                self.modified = true;
                Ok(())
            }
            _ => self.change(letter, range, after),
        }
    }

    /// What follows a command may only print the current line.
    fn check_suffix(&mut self, text: &[u8]) -> Result<(), Wrong> {
        if text.iter().any(|byte| !b"pnl".contains(byte)) {
            return Err(INVALID_SUFFIX);
        }
        if text.is_empty() {
            Ok(())
        } else {
            self.print(self.buffer.dot, self.buffer.dot, text)
        }
    }

    fn guard(&mut self, forced: bool, warned: bool) -> Result<(), Wrong> {
        if self.modified && !forced && !warned {
            self.warned = true;
            return Err(MODIFIED);
        }
        Ok(())
    }

    pub fn print(&mut self, from: usize, to: usize, how: &[u8]) -> Result<(), Wrong> {
        if from == 0 || to > self.buffer.last() {
            return Err(INVALID_ADDRESS);
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        for number in from..=to {
            let mut text = Vec::new();
            if how.contains(&b'n') {
                text.extend(format!("{number}\t").into_bytes());
            }
            let line = &self.buffer.lines[number - 1];
            if how.contains(&b'l') {
                for &byte in line.iter() {
                    match byte {
                        b'\t' => text.extend(b"\\t"),
                        b'\x08' => text.extend(b"\\b"),
                        b'\x07' => text.extend(b"\\a"),
                        b'\x0c' => text.extend(b"\\f"),
                        b'\x0b' => text.extend(b"\\v"),
                        b'\r' => text.extend(b"\\r"),
                        b'\\' | b'$' => text.extend([b'\\', byte]),
                        b' '..=b'~' => text.push(byte),
                        _ => text.extend(format!("\\{byte:03o}").into_bytes()),
                    }
                }
                text.push(b'$');
            } else {
                text.extend_from_slice(line);
            }
            text.push(b'\n');
            out.write_all(&text).map_err(|_| "Cannot write")?;
        }
        out.flush().map_err(|_| "Cannot write")?;
        self.buffer.dot = to;
        Ok(())
    }

    fn file_command(
        &mut self,
        letter: u8,
        range: Range,
        after: &[u8],
        warned: bool,
    ) -> Result<(), Wrong> {
        let (quits, after) = match (letter, after.first()) {
            (b'w', Some(b'q')) => (true, &after[1..]),
            _ => (false, after),
        };
        if after
            .first()
            .is_some_and(|byte| !byte.is_ascii_whitespace() && *byte != b'!')
        {
            return Err(UNEXPECTED_SUFFIX);
        }
        if matches!(letter, b'f' | b'e' | b'E') && range.count > 0 {
            return Err("Unexpected address");
        }
        let given = String::from_utf8_lossy(after).trim().to_owned();
        let name = if given.is_empty() {
            self.file.clone()
        } else {
            given.clone()
        };
        if letter == b'f' {
            self.file.clone_from(&name);
        }
        if name.is_empty() {
            return Err("No current filename");
        }
        let is_file = !name.starts_with('!');
        match letter {
            b'f' => println!("{name}"),
            b'e' | b'E' => {
                self.guard(letter == b'E', warned)?;
                self.buffer = super::Buffer::default();
                if is_file {
                    self.file.clone_from(&name);
                }
                self.read(&name, 0)?;
                self.modified = false;
            }
            b'r' => {
                if self.file.is_empty() && is_file {
                    self.file.clone_from(&name);
                }
                self.undo = self.buffer.clone();
                let behind = if range.count == 0 {
                    self.buffer.last()
                } else {
                    range.to
                };
                self.read(&name, behind)?;
            }
            _ => {
                if self.file.is_empty() && is_file {
                    self.file.clone_from(&name);
                }
                let last = self.buffer.last();
                let (from, to) = if range.count == 0 {
                    (last.min(1), last)
                } else {
                    (range.from, range.to)
                };
                if range.count > 0 && from == 0 {
                    return Err(INVALID_ADDRESS);
                }
                self.write(&name, from, to, letter == b'W')?;
                if to - from + 1 >= last && is_file {
                    self.modified = false;
                }
                if quits {
                    self.guard(false, warned)?;
                    self.quits = true;
                }
            }
        }
        Ok(())
    }

    /// The lines of text up to a single point.
    fn text(&mut self) -> Result<Vec<Line>, Wrong> {
        let mut lines = Vec::new();
        while let Some(line) = self.next_line().map_err(|_| "Cannot read")? {
            if line == b"." {
                break;
            }
            lines.push(Rc::new(line));
        }
        Ok(lines)
    }

    /// Commands that change lines.
    fn change(&mut self, letter: u8, range: Range, after: &[u8]) -> Result<(), Wrong> {
        let Range { from, to, count } = range;
        let before = self.buffer.clone();
        match letter {
            b'a' | b'i' | b'c' => {
                self.check_suffix(after)?;
                let lines = self.text()?;
                if letter == b'c' {
                    if from == 0 {
                        return Err(INVALID_ADDRESS);
                    }
                    self.buffer.delete(from, to);
                    if !lines.is_empty() {
                        self.buffer.insert(from - 1, lines);
                    }
                } else if !lines.is_empty() {
                    self.buffer.insert(
                        if letter == b'a' {
                            to
                        } else {
                            to.saturating_sub(1)
                        },
                        lines,
                    );
                } else {
                    self.buffer.dot = to;
                    return Ok(());
                }
            }
            b'd' => {
                if from == 0 {
                    return Err(INVALID_ADDRESS);
                }
                if after.iter().any(|byte| !b"pnl".contains(byte)) {
                    return Err(INVALID_SUFFIX);
                }
                self.buffer.delete(from, to);
                if !after.is_empty() {
                    self.print(self.buffer.dot, self.buffer.dot, after)?;
                }
            }
            b'j' => {
                let (from, to) = if count == 0 { (to, to + 1) } else { (from, to) };
                if from == 0 || to > self.buffer.last() {
                    return Err(INVALID_ADDRESS);
                }
                if from == to {
                    return Ok(());
                }
                let joined: Vec<u8> = self.buffer.lines[from - 1..to]
                    .iter()
                    .flat_map(|line| line.iter().copied())
                    .collect();
                self.buffer.lines.splice(from - 1..to, [Rc::new(joined)]);
                self.buffer.dot = from;
                self.check_suffix(after)?;
            }
            b'm' | b't' => self.move_lines(letter == b'm', range, after)?,
            b's' => {
                if to == 0 {
                    return Err(INVALID_ADDRESS);
                }
                let made = self.parse_substitution(after)?;
                self.substitute(&made, from, to)?;
            }
            _ => return Err("Unknown command"),
        }
        self.modified = true;
        if !self.in_global {
            self.undo = before;
        }
        Ok(())
    }

    fn move_lines(&mut self, moves: bool, range: Range, after: &[u8]) -> Result<(), Wrong> {
        let Range { from, to, .. } = range;
        let mut rest = after;
        let target = self.address(&mut rest)?.unwrap_or(self.buffer.dot);
        if from == 0 || (moves && (from..to).contains(&target)) {
            return Err(if from == 0 {
                INVALID_ADDRESS
            } else {
                "Invalid destination"
            });
        }
        let lines: Vec<Line> = self.buffer.lines[from - 1..to].to_vec();
        if moves {
            self.buffer.lines.drain(from - 1..to);
            let target = if target >= to {
                target - lines.len()
            } else {
                target
            };
            self.buffer.insert(target, lines);
        } else {
            let copies = lines.iter().map(|line| Rc::new(line.to_vec())).collect();
            self.buffer.insert(target, copies);
        }
        self.check_suffix(rest)
    }

    /// Runs commands for all lines that match, or that do not.
    fn global(&mut self, matching: bool, range: Range, after: &[u8]) -> Result<(), Wrong> {
        if self.in_global {
            return Err("Cannot nest global commands");
        }
        let mark = *after
            .first()
            .filter(|byte| !b" \n".contains(byte))
            .ok_or("Invalid pattern delimiter")?;
        let (expression, rest) = delimited(&after[1..], mark);
        let mut commands = vec![rest.to_vec()];
        while commands
            .last()
            .is_some_and(|line| line.last() == Some(&b'\\'))
        {
            if let Some(line) = commands.last_mut() {
                line.pop();
            }
            commands.extend(self.next_line().map_err(|_| "Cannot read")?);
        }
        if commands == [Vec::<u8>::new()] {
            commands[0] = b"p".to_vec();
        }
        let pattern = self.compile(&expression, false)?;
        if range.from == 0 {
            return Err(INVALID_ADDRESS);
        }
        let chosen: Vec<Line> = self.buffer.lines[range.from - 1..range.to]
            .iter()
            .filter(|line| pattern.is_match(line) == matching)
            .cloned()
            .collect();
        if chosen.is_empty() {
            return if matching { Err("No match") } else { Ok(()) };
        }
        let before = self.buffer.clone();
        let outer = std::mem::take(&mut self.pending);
        self.in_global = true;
        let mut outcome = Ok(());
        for line in chosen {
            let Some(number) = self.buffer.number_of(&line) else {
                continue;
            };
            self.buffer.dot = number;
            self.pending = commands.iter().cloned().collect();
            while outcome.is_ok()
                && let Some(command) = self.pending.pop_front()
            {
                outcome = self.execute(&command, false);
            }
            if outcome.is_err() {
                break;
            }
        }
        self.in_global = false;
        self.pending = outer;
        self.undo = before;
        outcome
    }
}
