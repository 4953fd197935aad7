//! Where keys move the cursor to.

use crate::editor::buffer::Place;
use crate::editor::line::{first_nonblank, is_blank};
use crate::editor::screen::{character_at, column_of};
use crate::editor::terminal::Key;

use super::{Done, Stop, Vi};

/// What of the text between two places a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Exclusive,
    Inclusive,
    Lines,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    pub to: Place,
    pub extent: Extent,
    /// Where it begins, if that is not the cursor.
    pub from: Option<Place>,
}

impl Motion {
    /// The same from a place that is not the cursor.
    pub fn beginning(self, from: Place) -> Motion {
        Motion {
            from: Some(from),
            ..self
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Blank,
    Word,
    Sign,
}

/// What kind of character it is; for `big` words all but blanks are one.
pub(super) fn class(c: char, big: bool) -> Class {
    match c {
        c if is_blank(c) => Class::Blank,
        c if big || c.is_alphanumeric() || c == '_' => Class::Word,
        _ => Class::Sign,
    }
}

pub(super) fn exclusive(to: Place) -> Motion {
    Motion {
        to,
        extent: Extent::Exclusive,
        from: None,
    }
}

pub(super) fn inclusive(to: Place) -> Motion {
    Motion {
        to,
        extent: Extent::Inclusive,
        from: None,
    }
}

pub(super) fn lines(row: usize, column: usize) -> Motion {
    Motion {
        to: Place { row, column },
        extent: Extent::Lines,
        from: None,
    }
}

/// Goes so many steps, or until there is no further one.
pub(super) fn repeated(times: usize, from: Place, step: impl Fn(Place) -> Place) -> Place {
    let mut place = from;
    for _ in 0..times {
        let next = step(place);
        if next == place {
            break;
        }
        place = next;
    }
    place
}

impl Vi<'_> {
    pub(super) fn last_row(&self) -> usize {
        self.editor.buffer.len() - 1
    }

    pub(super) fn at(&self, place: Place) -> Option<char> {
        self.editor
            .buffer
            .line(place.row)
            .get(place.column)
            .copied()
    }

    pub(super) fn length(&self, row: usize) -> usize {
        self.editor.buffer.line(row).len()
    }

    /// Where a key leads; `None`: it is no motion. `operator` is the command that waits for it.
    pub(super) fn motion(
        &mut self,
        key: Key,
        count: Option<usize>,
        operator: Option<char>,
    ) -> Done<Option<Motion>> {
        let times = count.unwrap_or(1);
        let cursor = self.editor.cursor;
        let found = match key {
            Key::Char('h') | Key::Left | Key::Backspace | Key::Ctrl('h') => {
                if cursor.column == 0 {
                    return Err(Stop::Bell);
                }
                exclusive(Place {
                    column: cursor.column.saturating_sub(times),
                    ..cursor
                })
            }
            Key::Char('l' | ' ') | Key::Right => {
                let end = self.line().len();
                let last = if operator.is_some() {
                    end
                } else {
                    end.saturating_sub(1)
                };
                if cursor.column >= last {
                    return Err(Stop::Bell);
                }
                exclusive(Place {
                    column: cursor.column.saturating_add(times).min(last),
                    ..cursor
                })
            }
            Key::Char('j') | Key::Down | Key::Ctrl('n' | 'j') => self.vertical(times, true)?,
            Key::Char('k') | Key::Up | Key::Ctrl('p') => self.vertical(times, false)?,
            Key::Char('+') | Key::Enter => self.rows(times, true)?,
            Key::Char('-') => self.rows(times, false)?,
            Key::Char('_') => self.rows(times - 1, true)?,
            Key::Char('0') | Key::Home => exclusive(Place {
                column: 0,
                ..cursor
            }),
            Key::Char('^') => exclusive(Place {
                column: first_nonblank(self.line()),
                ..cursor
            }),
            Key::Char('$') | Key::End => {
                let row = cursor.row.saturating_add(times - 1).min(self.last_row());
                if operator.is_none() {
                    self.wanted = Some(usize::MAX);
                }
                let column = self.length(row).saturating_sub(1);
                if self.length(row) == 0 {
                    exclusive(Place { row, column })
                } else {
                    inclusive(Place { row, column })
                }
            }
            Key::Char('|') => {
                let column = character_at(self.line(), times - 1, self.editor.options.tabstop);
                exclusive(Place {
                    column: column.min(self.line().len().saturating_sub(1)),
                    ..cursor
                })
            }
            Key::Char('w' | 'W') | Key::WordRight => {
                let big = key == Key::Char('W');
                self.words(times, big, operator)
            }
            Key::Char('e' | 'E') => {
                let big = key == Key::Char('E');
                inclusive(repeated(times, cursor, |place| {
                    self.word_end(place, big, false)
                }))
            }
            Key::Char('b' | 'B') | Key::WordLeft => {
                if cursor == Place::default() {
                    return Err(Stop::Bell);
                }
                let big = key == Key::Char('B');
                exclusive(repeated(times, cursor, |place| {
                    self.word_before(place, big)
                }))
            }
            Key::Char('G') => {
                self.row_motion(count.map_or(self.last_row(), |count| count.saturating_sub(1)))
            }
            Key::Char('H') => self.row_motion(self.top.saturating_add(times - 1)),
            Key::Char('L') => self.row_motion(self.bottom().saturating_sub(times - 1)),
            Key::Char('M') => self.row_motion(self.top + (self.bottom() - self.top) / 2),
            Key::Char('%') => match count {
                Some(share) => self.row_motion(
                    (share.min(100) * self.editor.buffer.len())
                        .div_ceil(100)
                        .saturating_sub(1),
                ),
                None => {
                    self.jump();
                    inclusive(self.partner().ok_or(Stop::Bell)?)
                }
            },
            Key::Char('{') => self.paragraphs(times, false)?,
            Key::Char('}') => self.paragraphs(times, true)?,
            Key::Char('(') => self.sentences(times, false),
            Key::Char(')') => self.sentences(times, true),
            Key::Char(kind @ ('f' | 'F' | 't' | 'T')) => {
                let wanted = self.character()?;
                self.editor.again.found = Some((kind, wanted));
                self.found(kind, wanted, times, false)?
            }
            Key::Char(direction @ (';' | ',')) => {
                let (key, wanted) = self.editor.again.found.ok_or(Stop::Bell)?;
                let reverse = |key: char| {
                    if key.is_lowercase() {
                        key.to_ascii_uppercase()
                    } else {
                        key.to_ascii_lowercase()
                    }
                };
                let kind = if direction == ';' { key } else { reverse(key) };
                self.found(kind, wanted, times, true)?
            }
            Key::Char(sign @ ('/' | '?')) => return self.asked_search(sign, times).map(Some),
            Key::Char('n') => self.search_again(times, self.editor.forwards)?,
            Key::Char('N') => self.search_again(times, !self.editor.forwards)?,
            Key::Char(sign @ ('*' | '#')) => self.search_word(times, sign == '*')?,
            Key::Char(sign @ ('\'' | '`')) => {
                let name = self.character()?;
                let Ok(place) = self.editor.mark(name) else {
                    self.editor.message = "E20: Mark not set".to_owned();
                    return Err(Stop::Bell);
                };
                self.jump();
                if sign == '`' {
                    exclusive(Place {
                        column: place.column.min(self.length(place.row).saturating_sub(1)),
                        ..place
                    })
                } else {
                    lines(
                        place.row,
                        first_nonblank(self.editor.buffer.line(place.row)),
                    )
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(found))
    }

    /// Motions of two keys: `gg`, `ge`, `g_`.
    pub(super) fn long_motion(
        &mut self,
        second: char,
        count: Option<usize>,
    ) -> Done<Option<Motion>> {
        let cursor = self.editor.cursor;
        let times = count.unwrap_or(1);
        Ok(Some(match second {
            'g' => self.row_motion(times - 1),
            'e' | 'E' => {
                let big = second == 'E';
                inclusive(repeated(times, cursor, |place| {
                    self.word_end_before(place, big)
                }))
            }
            '_' => {
                let row = cursor.row.saturating_add(times - 1).min(self.last_row());
                let end = self
                    .editor
                    .buffer
                    .line(row)
                    .iter()
                    .rposition(|&c| !is_blank(c));
                inclusive(Place {
                    row,
                    column: end.unwrap_or(0),
                })
            }
            '0' => exclusive(Place {
                column: 0,
                ..cursor
            }),
            'j' => self.vertical(times, true)?,
            'k' => self.vertical(times, false)?,
            _ => return Ok(None),
        }))
    }

    fn row_motion(&mut self, row: usize) -> Motion {
        self.jump();
        let row = row.min(self.last_row());
        lines(row, first_nonblank(self.editor.buffer.line(row)))
    }

    /// So many rows down or up, in the same column of the screen.
    fn vertical(&mut self, times: usize, down: bool) -> Done<Motion> {
        let cursor = self.editor.cursor;
        let row = self.moved(times, down)?;
        let tabstop = self.editor.options.tabstop;
        let wanted = self
            .wanted
            .unwrap_or_else(|| column_of(self.line(), cursor.column, tabstop));
        self.wanted = Some(wanted);
        let line = self.editor.buffer.line(row);
        let column = character_at(line, wanted, tabstop).min(line.len().saturating_sub(1));
        Ok(lines(row, column))
    }

    fn rows(&mut self, times: usize, down: bool) -> Done<Motion> {
        let row = if times == 0 {
            self.editor.cursor.row
        } else {
            self.moved(times, down)?
        };
        Ok(lines(row, first_nonblank(self.editor.buffer.line(row))))
    }

    fn moved(&self, times: usize, down: bool) -> Done<usize> {
        let row = self.editor.cursor.row;
        let (moved, edge) = if down {
            (
                row.saturating_add(times).min(self.last_row()),
                self.last_row(),
            )
        } else {
            (row.saturating_sub(times), 0)
        };
        if row == edge {
            Err(Stop::Bell)
        } else {
            Ok(moved)
        }
    }
}
