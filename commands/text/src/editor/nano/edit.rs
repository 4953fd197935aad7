//! Moving the cursor and changing the text.

use crate::editor::buffer::Place;
use crate::editor::line::{Line, indent};
use crate::editor::screen::{character_at, column_of};
use crate::editor::terminal::Key;

use super::Nano;

impl Nano {
    fn line(&self) -> &[char] {
        self.buffer.line(self.cursor.row)
    }

    fn last_row(&self) -> usize {
        self.buffer.len() - 1
    }

    /// Goes to a line and a column, which count from 1.
    pub(super) fn go_to(&mut self, row: usize, column: usize) {
        let row = row.saturating_sub(1).min(self.last_row());
        let column = column.saturating_sub(1).min(self.buffer.line(row).len());
        self.cursor = Place { row, column };
    }

    fn vertical(&mut self, row: usize) {
        let wanted = self
            .wanted
            .unwrap_or_else(|| column_of(self.line(), self.cursor.column, self.tabstop));
        self.wanted = Some(wanted);
        let row = row.min(self.last_row());
        let column = character_at(self.buffer.line(row), wanted, self.tabstop);
        self.cursor = Place { row, column };
    }

    /// Goes to the character before, over the ends of lines; whether there is one.
    fn left(&mut self) -> bool {
        let Place { row, column } = self.cursor;
        if column > 0 {
            self.cursor.column -= 1;
        } else if row > 0 {
            self.cursor = Place {
                row: row - 1,
                column: self.buffer.line(row - 1).len(),
            };
        }
        row > 0 || column > 0
    }

    /// Whether a key moves the cursor; it is moved then.
    pub(super) fn moves(&mut self, key: Key) -> bool {
        let Place { row, column } = self.cursor;
        let length = self.line().len();
        let page = self.text_rows().saturating_sub(2).max(1);
        match key {
            Key::Left | Key::Ctrl('b') => {
                self.left();
            }
            Key::Right | Key::Ctrl('f') => {
                if column < length {
                    self.cursor.column += 1;
                } else if row < self.last_row() {
                    self.cursor = Place {
                        row: row + 1,
                        column: 0,
                    };
                }
            }
            Key::Up | Key::Ctrl('p') => {
                if row > 0 {
                    self.vertical(row - 1);
                }
            }
            Key::Down | Key::Ctrl('n') => {
                if row < self.last_row() {
                    self.vertical(row + 1);
                }
            }
            Key::PageUp | Key::Ctrl('y') => {
                self.top = self.top.saturating_sub(page);
                self.vertical(row.saturating_sub(page));
            }
            Key::PageDown | Key::Ctrl('v') => {
                self.top = (self.top + page).min(self.last_row());
                self.vertical(row + page);
            }
            Key::Home | Key::Ctrl('a') => self.cursor.column = 0,
            Key::End | Key::Ctrl('e') => self.cursor.column = length,
            Key::WordRight | Key::Alt(' ') => self.word(true),
            Key::WordLeft => self.word(false),
            Key::Alt('\\' | '|') => self.cursor = Place::default(),
            Key::Alt('/' | '?') => self.go_to(usize::MAX, usize::MAX),
            _ => return false,
        }
        true
    }

    fn word(&mut self, forwards: bool) {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let line = self.line();
        let column = self.cursor.column;
        let to = if forwards {
            let end = (column..line.len())
                .find(|&at| !word(line[at]))
                .unwrap_or(line.len());
            (end..line.len()).find(|&at| word(line[at]))
        } else {
            let end = line[..column].iter().rposition(|&c| word(c));
            end.map(|end| {
                line[..end]
                    .iter()
                    .rposition(|&c| !word(c))
                    .map_or(0, |at| at + 1)
            })
        };
        match to {
            Some(column) => self.cursor.column = column,
            None if forwards && self.cursor.row < self.last_row() => {
                let row = self.cursor.row + 1;
                let first = self.buffer.line(row).iter().position(|&c| word(c));
                self.cursor = Place {
                    row,
                    column: first.unwrap_or(0),
                };
            }
            None if !forwards && self.cursor.row > 0 => {
                let row = self.cursor.row - 1;
                self.cursor = Place {
                    row,
                    column: self.buffer.line(row).len(),
                };
            }
            None => {}
        }
    }

    /// Keys that change the text.
    pub(super) fn change(&mut self, key: Key) {
        self.buffer.begin(self.cursor);
        let Place { row, column } = self.cursor;
        match key {
            Key::Char(c) => self.put(c),
            Key::Tab if self.expands => {
                let at = column_of(self.line(), column, self.tabstop);
                for _ in 0..self.tabstop - at % self.tabstop {
                    self.put(' ');
                }
            }
            Key::Tab | Key::Ctrl('i') => self.put('\t'),
            Key::Enter | Key::Ctrl('m') => {
                let begun = if self.autoindent {
                    indent(&self.line()[..column]).to_vec()
                } else {
                    Line::new()
                };
                self.cursor = self.buffer.insert(self.cursor, &[Line::new(), begun]);
            }
            Key::Backspace | Key::Ctrl('h') => {
                let end = self.cursor;
                if !self.left() {
                    return;
                }
                self.buffer.delete(self.cursor, end);
            }
            Key::Delete | Key::Ctrl('d') => {
                let end = if column < self.line().len() {
                    Place {
                        row,
                        column: column + 1,
                    }
                } else if row < self.last_row() {
                    Place {
                        row: row + 1,
                        column: 0,
                    }
                } else {
                    return;
                };
                self.buffer.delete(self.cursor, end);
            }
            Key::Ctrl('k') => self.cut(),
            Key::Ctrl('u') => {
                if self.cut.is_empty() {
                    self.message = "[ Cutbuffer is empty ]".to_owned();
                    return;
                }
                let text = self.cut.clone();
                self.cursor = self.buffer.insert(self.cursor, &text);
            }
            Key::Alt('t') => {
                // Up to the end.
                let end = Place {
                    row: self.last_row(),
                    column: usize::MAX,
                };
                self.cut = self.buffer.text(self.cursor, end);
                self.buffer.delete(self.cursor, end);
            }
            Key::Alt('}') => self.shift(true),
            Key::Alt('{') => self.shift(false),
            _ => self.message = "[ Unbound key ]".to_owned(),
        }
    }

    fn put(&mut self, c: char) {
        let Place { row, column } = self.cursor;
        self.buffer
            .edit(row, |line| line.insert(column.min(line.len()), c));
        self.cursor.column = column + 1;
    }

    /// The marked text, from its beginning to its end.
    pub(super) fn marked(&self) -> Option<(Place, Place)> {
        let mark = self.mark?;
        Some(if mark <= self.cursor {
            (mark, self.cursor)
        } else {
            (self.cursor, mark)
        })
    }

    /// Cuts the marked text, or the line; lines cut one after the other stay together.
    fn cut(&mut self) {
        if let Some((from, to)) = self.marked() {
            self.cut = self.buffer.text(from, to);
            self.buffer.delete(from, to);
            self.cursor = from;
            self.mark = None;
            return;
        }
        let row = self.cursor.row;
        let is_last = row == self.last_row();
        if is_last && self.line().is_empty() {
            self.message = "[ Nothing was cut ]".to_owned();
            return;
        }
        let line = self.line().to_vec();
        if !self.adds {
            self.cut.clear();
        }
        self.cut.pop();
        self.cut.push(line);
        self.cut.push(Line::new());
        if is_last {
            self.buffer.replace_line(row, Line::new());
        } else {
            self.buffer.replace(row, 1, Vec::new());
        }
        self.cursor = Place { row, column: 0 };
    }

    /// Copies the marked text, or the line.
    pub(super) fn copy(&mut self) {
        if let Some((from, to)) = self.marked() {
            self.cut = self.buffer.text(from, to);
            self.mark = None;
        } else {
            self.cut = vec![self.line().to_vec(), Line::new()];
            let row = (self.cursor.row + 1).min(self.last_row());
            self.cursor = Place { row, column: 0 };
        }
        self.message = "[ Copied ]".to_owned();
    }

    fn shift(&mut self, right: bool) {
        let (from, to) = self
            .marked()
            .map_or((self.cursor.row, self.cursor.row), |(from, to)| {
                (from.row, to.row)
            });
        for row in from..=to {
            let mut line = self.buffer.line(row).to_vec();
            if right && !line.is_empty() {
                if self.expands {
                    line.splice(0..0, std::iter::repeat_n(' ', self.tabstop));
                } else {
                    line.insert(0, '\t');
                }
            } else if line.first() == Some(&'\t') {
                line.remove(0);
            } else {
                let count = line
                    .iter()
                    .take(self.tabstop)
                    .take_while(|c| **c == ' ')
                    .count();
                line.drain(..count);
            }
            self.buffer.replace_line(row, line);
        }
        self.cursor.column = self.cursor.column.min(self.line().len());
    }

    pub(super) fn back(&mut self, undo: bool) {
        match self.buffer.back(undo) {
            Some(place) => {
                self.go_to(place.row + 1, place.column + 1);
                self.message = if undo {
                    "[ Undid a change ]"
                } else {
                    "[ Redid a change ]"
                }
                .to_owned();
            }
            None => self.message = format!("[ Nothing to {} ]", if undo { "undo" } else { "redo" }),
        }
    }
}
