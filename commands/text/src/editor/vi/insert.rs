//! Text that is typed.

use crate::editor::buffer::Place;
use crate::editor::line::{Line, indent, is_blank};
use crate::editor::terminal::Key;

use super::motion::class;
use super::{Done, MOST_KEYS, Mode, Stop, Vi, character_of};

impl Vi<'_> {
    /// Inserts what is typed up to the escape key, so many times; or writes it over what is there.
    pub(super) fn insert(&mut self, times: usize, over: bool) -> Done {
        self.repeats = true;
        self.mode = if over { Mode::Replace } else { Mode::Insert };
        self.inserted = self.editor.cursor;
        self.editor.buffer.begin(self.editor.cursor);
        let mut typed = Vec::new();
        // What was written over, to be brought back.
        let mut covered: Vec<Option<char>> = Vec::new();
        let ended = loop {
            match self.key() {
                Ok(Key::Escape | Key::Ctrl('c')) => break Ok(()),
                Ok(key) => {
                    typed.push(key);
                    let result = self.type_key(key, over, &mut covered);
                    self.tolerate(result)?;
                }
                Err(stop) => break Err(stop),
            }
        };
        // What asks for another key is not typed again.
        typed.retain(|key| !matches!(key, Key::Ctrl('v' | 'r' | 'o')));
        for _ in 1..times.min(MOST_KEYS / typed.len().max(1)) {
            for key in &typed {
                self.type_key(*key, over, &mut covered)?;
            }
        }
        self.mode = Mode::Normal;
        // A line of blanks that only the indent made is left empty.
        let cursor = self.editor.cursor;
        if self.editor.options.indents()
            && !self.line().is_empty()
            && self.line().iter().all(|&c| is_blank(c))
            && typed.last() == Some(&Key::Enter)
        {
            self.editor.buffer.replace_line(cursor.row, Line::new());
        }
        self.editor.cursor.column = cursor.column.saturating_sub(1);
        self.editor.marks.insert('^', cursor);
        ended
    }

    fn type_key(&mut self, key: Key, over: bool, covered: &mut Vec<Option<char>>) -> Done {
        let cursor = self.editor.cursor;
        match key {
            Key::Char(c) => self.put_character(c, over, covered),
            Key::Tab if self.editor.options.expandtab => {
                let tabstop = self.editor.options.tabstop;
                let column = crate::editor::screen::column_of(self.line(), cursor.column, tabstop);
                for _ in 0..tabstop - column % tabstop {
                    self.put_character(' ', over, covered);
                }
            }
            Key::Tab => self.put_character('\t', over, covered),
            Key::Enter => {
                covered.clear();
                self.new_line();
            }
            Key::Backspace if over => {
                if let Some(before) = covered.pop() {
                    let mut line = self.line().to_vec();
                    match before {
                        Some(c) => line[cursor.column - 1] = c,
                        None => drop(line.remove(cursor.column - 1)),
                    }
                    self.editor.buffer.replace_line(cursor.row, line);
                }
                self.editor.cursor.column = cursor.column.saturating_sub(1);
            }
            Key::Backspace => {
                if cursor.column > 0 {
                    self.erase(cursor.column - 1, cursor.column);
                } else if cursor.row > 0 {
                    let column = self.editor.buffer.line(cursor.row - 1).len();
                    let before = Place {
                        row: cursor.row - 1,
                        column,
                    };
                    self.editor.buffer.delete(before, cursor);
                    self.editor.shift_marks(cursor.row, 1, 0);
                    self.editor.cursor = before;
                }
            }
            Key::Delete => {
                let end = (cursor.column + 1).min(self.line().len());
                self.erase(cursor.column, end);
            }
            Key::Ctrl('w') => {
                let line = self.line();
                let mut begin = cursor.column;
                while begin > 0 && is_blank(line[begin - 1]) {
                    begin -= 1;
                }
                if begin > 0 {
                    let kind = class(line[begin - 1], false);
                    while begin > 0 && class(line[begin - 1], false) == kind {
                        begin -= 1;
                    }
                }
                self.erase(begin.max(self.typed_from()), cursor.column);
            }
            Key::Ctrl('u') => self.erase(self.typed_from(), cursor.column),
            Key::Ctrl('v' | 'q') => {
                let key = self.key()?;
                if let Some(c) = character_of(key) {
                    self.put_character(c, over, covered);
                }
            }
            Key::Ctrl('t' | 'd') => {
                let before = self.line().len();
                self.editor
                    .shift(cursor.row, cursor.row, key == Key::Ctrl('t'), 1);
                let after = self.line().len();
                self.editor.cursor = Place {
                    column: (cursor.column + after).saturating_sub(before),
                    ..cursor
                };
            }
            Key::Ctrl('r') => {
                let name = self.character()?;
                if let Some(register) = self.editor.register(Some(name)) {
                    let end = self.editor.buffer.insert(cursor, &register.lines);
                    self.editor
                        .shift_marks(cursor.row + 1, 0, end.row - cursor.row);
                    self.editor.cursor = end;
                }
            }
            key => self.move_inserting(key),
        }
        Ok(())
    }

    /// Where what was typed on the line begins; its beginning, once that is taken away.
    fn typed_from(&self) -> usize {
        let Place { row, column } = self.editor.cursor;
        if self.inserted.row == row && self.inserted.column < column {
            self.inserted.column
        } else {
            0
        }
    }

    fn erase(&mut self, from: usize, to: usize) {
        let row = self.editor.cursor.row;
        self.editor
            .buffer
            .edit(row, |line| drop(line.drain(from..to.max(from))));
        self.editor.cursor.column = from;
    }

    fn put_character(&mut self, c: char, over: bool, covered: &mut Vec<Option<char>>) {
        let Place { row, column } = self.editor.cursor;
        let line = self.line();
        let column = column.min(line.len());
        if over {
            covered.push(line.get(column).copied());
        }
        self.editor
            .buffer
            .edit(row, |line| match line.get_mut(column).filter(|_| over) {
                Some(there) => *there = c,
                None => line.insert(column, c),
            });
        self.editor.cursor.column = column + 1;
    }

    fn new_line(&mut self) {
        let Place { row, column } = self.editor.cursor;
        let mut before = self.line().to_vec();
        let mut rest = before.split_off(column.min(before.len()));
        let mut begun = Line::new();
        if self.editor.options.indents() {
            begun = indent(&before).to_vec();
            if begun.len() == before.len() {
                before.clear();
            }
            rest.drain(..indent(&rest).len());
        }
        let column = begun.len();
        begun.extend(rest);
        self.editor.shift_marks(row + 1, 0, 1);
        self.editor.buffer.replace(row, 1, vec![before, begun]);
        self.editor.cursor = Place {
            row: row + 1,
            column,
        };
    }

    /// Keys that move the cursor while text is typed.
    fn move_inserting(&mut self, key: Key) {
        let Place { row, column } = self.editor.cursor;
        let length = self.line().len();
        let to = match key {
            Key::Left => Place {
                row,
                column: column.saturating_sub(1),
            },
            Key::Right => Place {
                row,
                column: (column + 1).min(length),
            },
            Key::Home => Place { row, column: 0 },
            Key::End => Place {
                row,
                column: length,
            },
            Key::Up => Place {
                row: row.saturating_sub(1),
                column,
            },
            Key::Down => Place {
                row: (row + 1).min(self.editor.buffer.len() - 1),
                column,
            },
            Key::PageUp => Place {
                row: row.saturating_sub(self.rows),
                column,
            },
            Key::PageDown => Place {
                row: (row + self.rows).min(self.editor.buffer.len() - 1),
                column,
            },
            _ => return,
        };
        let column = to.column.min(self.editor.buffer.line(to.row).len());
        self.editor.cursor = Place { column, ..to };
    }

    /// `o` and `O`.
    pub(super) fn open_line(&mut self, times: usize, above: bool) -> Done {
        let row = self.editor.cursor.row;
        let at = if above { row } else { row + 1 };
        let begun = if self.editor.options.indents() {
            indent(self.line()).to_vec()
        } else {
            Line::new()
        };
        let begin = self.editor.cursor;
        self.editor.buffer.begin(begin);
        let column = begun.len();
        self.editor.replace(at, 0, vec![begun]);
        self.editor.cursor = Place { row: at, column };
        let result = self.insert(1, false);
        if times > 1 && result != Err(Stop::Bell) {
            // The same lines again, below.
            let to = self.editor.cursor.row.max(at);
            let typed = self.editor.buffer.lines()[at..=to].to_vec();
            self.again_fits(&typed, times)?;
            let again = typed.iter().cycle().take(typed.len() * (times - 1));
            let again = again.cloned().collect();
            self.editor.replace(to + 1, 0, again);
        }
        result
    }
}
