//! Commands of one key and more.

use crate::editor::buffer::Place;
use crate::editor::terminal::Key;

use super::change::Span;
use super::motion::Extent;
use super::{Done, Mode, Stop, Vi};

/// Commands that wait for a motion.
const OPERATORS: &str = "dcy<>!";

impl Vi<'_> {
    /// One command, with its count and its register.
    pub(super) fn command(&mut self) -> Done {
        self.keys.clear();
        self.repeats = false;
        self.selected = None;
        let (mut count, mut name) = (None, None);
        let key = loop {
            let key = self.key()?;
            match key {
                Key::Char('"') => name = Some(self.character()?),
                Key::Char(c) if c.is_ascii_digit() && (c != '0' || count.is_some()) => {
                    count = Some(with_digit(count, c))
                }
                key => break key,
            }
        };
        let before = self.editor.cursor;
        let result = self.named(key, count, name);
        if self.repeats {
            self.editor.again.dot = std::mem::take(&mut self.keys);
        }
        if !is_vertical(key) && before != self.editor.cursor {
            self.wanted = None;
        }
        result
    }

    fn named(&mut self, key: Key, count: Option<usize>, name: Option<char>) -> Done {
        let times = count.unwrap_or(1);
        match key {
            Key::Char('g') => return self.long(count, name),
            Key::Char(operator) if OPERATORS.contains(operator) => {
                return self.operator(operator, operator, count, name);
            }
            _ => {}
        }
        if let Some(motion) = self.motion(key, count, None)? {
            self.editor.cursor = motion.to;
            return Ok(());
        }
        match key {
            Key::Char('i') | Key::Insert => self.insert(times, false),
            Key::Char('I') => {
                self.go_to_first();
                self.insert(times, false)
            }
            Key::Char('a') => {
                self.editor.cursor.column = (self.editor.cursor.column + 1).min(self.line().len());
                self.insert(times, false)
            }
            Key::Char('A') => {
                self.editor.cursor.column = self.line().len();
                self.insert(times, false)
            }
            Key::Char('o') => self.open_line(times, false),
            Key::Char('O') => self.open_line(times, true),
            Key::Char('R') => self.insert(times, true),
            Key::Char('x') | Key::Delete => self.here('d', times, true, name),
            Key::Char('X') => self.here('d', times, false, name),
            Key::Char('s') => self.here('c', times, true, name),
            Key::Char('S') => self.lines('c', times, name),
            Key::Char('Y') => self.lines('y', times, name),
            Key::Char(c @ ('D' | 'C')) => self.up_to_end(c.to_ascii_lowercase(), times, name),
            Key::Char('p') => self.put(name, false, times),
            Key::Char('P') => self.put(name, true, times),
            Key::Char('r') => self.replace_characters(times),
            Key::Char('~') => self.turn_case(times),
            Key::Char('J') => self.join(times, false),
            Key::Char('u') => self.back(times, true),
            Key::Ctrl('r') => self.back(times, false),
            Key::Char('.') => self.again(count),
            Key::Char('&') => {
                self.repeats = true;
                self.ex(&['&']);
                Ok(())
            }
            Key::Char('v') => self.visual(Mode::Visual),
            Key::Char('V') => self.visual(Mode::VisualLine),
            Key::Char('m') => {
                let name = self.character()?;
                let cursor = self.editor.cursor;
                if !name.is_ascii_alphabetic() && name != '\'' && name != '`' {
                    return Err(Stop::Bell);
                }
                self.editor
                    .marks
                    .insert(if name == '`' { '\'' } else { name }, cursor);
                Ok(())
            }
            Key::Char('q') => self.record(),
            Key::Char('@') => self.play(times),
            Key::Char(':') => self.colon(count),
            Key::Char('Z') => match self.character()? {
                'Z' => self.finish(false),
                'Q' => self.finish(true),
                _ => Err(Stop::Bell),
            },
            Key::Ctrl('a') => self.add(i64::try_from(times).unwrap_or(i64::MAX)),
            Key::Ctrl('x') => self.add(-i64::try_from(times).unwrap_or(i64::MAX)),
            Key::Ctrl('z') => {
                self.suspend();
                Ok(())
            }
            Key::Ctrl('g') => {
                self.editor.message = self.editor.status();
                Ok(())
            }
            Key::Ctrl('c') | Key::Escape => Ok(()),
            key => self.scroll(key, count),
        }
    }

    /// Commands that begin with `g`.
    fn long(&mut self, count: Option<usize>, name: Option<char>) -> Done {
        let second = self.character()?;
        match second {
            'u' | 'U' | '~' => self.operator(second, second, count, name),
            'J' => self.join(count.unwrap_or(1), true),
            'v' => {
                let (from, to, mode) = self.last_visual.ok_or(Stop::Bell)?;
                self.editor.cursor = to;
                self.visual_from(from, mode)
            }
            'i' => {
                if let Ok(place) = self.editor.mark('^') {
                    self.editor.cursor = Place {
                        column: place.column.min(self.editor.buffer.line(place.row).len()),
                        ..place
                    };
                }
                self.insert(count.unwrap_or(1), false)
            }
            '&' => {
                self.ex(&"%s//~/&".chars().collect::<Vec<_>>());
                Ok(())
            }
            _ => {
                let motion = self.long_motion(second, count)?.ok_or(Stop::Bell)?;
                self.editor.cursor = motion.to;
                Ok(())
            }
        }
    }

    /// An operator, and the motion behind it; the operator again means lines.
    fn operator(
        &mut self,
        operator: char,
        again: char,
        count: Option<usize>,
        name: Option<char>,
    ) -> Done {
        let mut second = None;
        let key = loop {
            match self.key()? {
                Key::Char(c) if c.is_ascii_digit() && (c != '0' || second.is_some()) => {
                    second = Some(with_digit(second, c))
                }
                key => break key,
            }
        };
        let count = match (count, second) {
            (Some(first), Some(second)) => Some(first.saturating_mul(second)),
            (first, second) => first.or(second),
        };
        let times = count.unwrap_or(1);
        let motion = match key {
            Key::Char(c) if c == again => return self.lines(operator, times, name),
            Key::Char(kind @ ('i' | 'a')) => self.object(kind == 'a', times)?,
            Key::Char('g') => {
                let second = self.character()?;
                if second == again {
                    return self.lines(operator, times, name);
                }
                self.long_motion(second, count)?.ok_or(Stop::Bell)?
            }
            Key::Escape | Key::Ctrl('c') => return Ok(()),
            key => self.motion(key, count, Some(operator))?.ok_or(Stop::Bell)?,
        };
        let span = self.span(motion);
        // The place within the line stays, where lines are copied upwards or shifted.
        if operator == 'y' && motion.extent == Extent::Lines {
            self.editor.cursor.column = motion.to.column.min(self.editor.cursor.column);
        }
        self.operate(operator, span, name, 1)
    }

    /// So many lines from the cursor's on.
    fn lines(&mut self, operator: char, times: usize, name: Option<char>) -> Done {
        let row = self.editor.cursor.row;
        let last = self.editor.buffer.len() - 1;
        let to = row.saturating_add(times - 1).min(last);
        let at = |row: usize| Place { row, column: 0 };
        self.operate(
            operator,
            Span {
                from: at(row),
                to: at(to),
                is_linewise: true,
            },
            name,
            1,
        )
    }

    /// Characters from the cursor on, or before it.
    fn here(&mut self, operator: char, times: usize, behind: bool, name: Option<char>) -> Done {
        let cursor = self.editor.cursor;
        let length = self.line().len();
        let (from, to) = if behind {
            (
                cursor.column,
                cursor.column.saturating_add(times).min(length),
            )
        } else {
            (cursor.column.saturating_sub(times), cursor.column)
        };
        if from == to && operator == 'd' {
            return Err(Stop::Bell);
        }
        let at = |column: usize| Place { column, ..cursor };
        self.operate(
            operator,
            Span {
                from: at(from),
                to: at(to),
                is_linewise: false,
            },
            name,
            1,
        )
    }

    fn up_to_end(&mut self, operator: char, times: usize, name: Option<char>) -> Done {
        let cursor = self.editor.cursor;
        let row = cursor
            .row
            .saturating_add(times - 1)
            .min(self.editor.buffer.len() - 1);
        let to = Place {
            row,
            column: self.editor.buffer.line(row).len(),
        };
        self.operate(
            operator,
            Span {
                from: cursor,
                to,
                is_linewise: false,
            },
            name,
            1,
        )
    }

    fn join(&mut self, times: usize, kept: bool) -> Done {
        let row = self.editor.cursor.row;
        if row + 1 >= self.editor.buffer.len() {
            return Err(Stop::Bell);
        }
        self.repeats = true;
        self.editor
            .join(row, row.saturating_add(times.max(2) - 1), kept);
        Ok(())
    }

    fn back(&mut self, times: usize, undo: bool) -> Done {
        for _ in 0..times.min(10_000) {
            self.editor.message.clear();
            if self.editor.back(undo).is_err() || self.editor.message.starts_with("Already") {
                return Err(Stop::Bell);
            }
        }
        Ok(())
    }

    fn finish(&mut self, forced: bool) -> Done {
        let result = if forced {
            self.editor.leave(true)
        } else {
            self.editor.write_and_leave(None, false, false)
        };
        result.map_err(|message| {
            self.editor.message = message;
            Stop::Bell
        })
    }

    fn colon(&mut self, count: Option<usize>) -> Done {
        let begin = match count {
            Some(1) => ".".to_owned(),
            Some(count) => format!(".,.+{}", count - 1),
            None => String::new(),
        };
        if let Some(text) = self.ask_with(':', begin.chars().collect())? {
            self.editor.again.line.clone_from(&text);
            self.ex(&text);
        }
        Ok(())
    }
}

/// Whether a key moves to another line in the same column.
pub(super) fn is_vertical(key: Key) -> bool {
    matches!(
        key,
        Key::Char('j' | 'k' | '$') | Key::Up | Key::Down | Key::End | Key::Ctrl('n' | 'p' | 'j')
    )
}

/// A count with one more digit.
pub(super) fn with_digit(count: Option<usize>, digit: char) -> usize {
    let digit = digit.to_digit(10).unwrap_or(0) as usize;
    count
        .unwrap_or(0)
        .saturating_mul(10)
        .saturating_add(digit)
        .min(1_000_000_000)
}
