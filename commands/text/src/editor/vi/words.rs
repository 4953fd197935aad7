//! Motions over words, sentences and paragraphs.

use crate::editor::buffer::Place;
use crate::editor::line::is_blank;

use super::motion::{Class, Motion, class, exclusive, inclusive, repeated};
use super::{Done, Vi};

impl Vi<'_> {
    pub(super) fn words(&self, times: usize, big: bool, operator: Option<char>) -> Motion {
        let cursor = self.editor.cursor;
        let on_word = self.at(cursor).is_some_and(|c| !is_blank(c));
        let mut place = cursor;
        if operator == Some('c') && on_word {
            // Changing a word leaves the blanks behind it.
            place = self.word_end(place, big, true);
            place = repeated(times - 1, place, |place| self.word_end(place, big, false));
            return inclusive(place);
        }
        for at in 0..times {
            let before = place;
            place = self.word_after(place, big);
            if place == before {
                break;
            }
            // The last word of a line is taken up to the end of it, with no line behind.
            if operator.is_some() && at + 1 == times && place.row > before.row {
                let length = self.length(before.row);
                place = if before.column < length || operator == Some('c') {
                    Place {
                        row: before.row,
                        column: length,
                    }
                } else {
                    // An empty line goes as a whole.
                    Place {
                        row: before.row + 1,
                        column: 0,
                    }
                };
            }
        }
        if operator.is_none() {
            place.column = place.column.min(self.length(place.row).saturating_sub(1));
        }
        exclusive(place)
    }

    /// Where the next word begins; an empty line is one.
    pub(super) fn word_after(&self, from: Place, big: bool) -> Place {
        let Place {
            mut row,
            mut column,
        } = from;
        let line = self.editor.buffer.line(row);
        if let Some(&c) = line.get(column) {
            let kind = class(c, big);
            while kind != Class::Blank && line.get(column).is_some_and(|&c| class(c, big) == kind) {
                column += 1;
            }
        }
        loop {
            let line = self.editor.buffer.line(row);
            while line.get(column).copied().is_some_and(is_blank) {
                column += 1;
            }
            if column < line.len() || row >= self.last_row() {
                return Place { row, column };
            }
            (row, column) = (row + 1, 0);
            if self.length(row) == 0 {
                return Place { row, column };
            }
        }
    }

    /// Where a word ends; that of the word itself if it `stays`.
    pub(super) fn word_end(&self, from: Place, big: bool, stays: bool) -> Place {
        let Place {
            mut row,
            mut column,
        } = from;
        if !stays {
            column += 1;
        }
        loop {
            let line = self.editor.buffer.line(row);
            while line.get(column).copied().is_some_and(is_blank) {
                column += 1;
            }
            if column < line.len() {
                break;
            }
            if row >= self.last_row() {
                return Place {
                    row,
                    column: line.len().saturating_sub(1),
                };
            }
            (row, column) = (row + 1, 0);
        }
        let line = self.editor.buffer.line(row);
        let kind = class(line[column], big);
        while line.get(column + 1).is_some_and(|&c| class(c, big) == kind) {
            column += 1;
        }
        Place { row, column }
    }

    pub(super) fn word_before(&self, from: Place, big: bool) -> Place {
        let Place {
            mut row,
            mut column,
        } = from;
        loop {
            let line = self.editor.buffer.line(row);
            while column > 0 && is_blank(line[column.min(line.len()) - 1]) {
                column -= 1;
            }
            if column > 0 {
                break;
            }
            if row == 0 {
                return Place::default();
            }
            row -= 1;
            column = self.length(row);
            if column == 0 {
                return Place { row, column };
            }
        }
        let line = self.editor.buffer.line(row);
        let kind = class(line[column - 1], big);
        while column > 0 && class(line[column - 1], big) == kind {
            column -= 1;
        }
        Place { row, column }
    }

    pub(super) fn word_end_before(&self, from: Place, big: bool) -> Place {
        let Place {
            mut row,
            mut column,
        } = from;
        let line = self.editor.buffer.line(row);
        if let Some(&c) = line.get(column) {
            let kind = class(c, big);
            while kind != Class::Blank && column > 0 && class(line[column], big) == kind {
                column -= 1;
            }
            if kind != Class::Blank && column == 0 && class(line[0], big) == kind {
                column = usize::MAX;
            }
        } else {
            column = usize::MAX;
        }
        loop {
            let line = self.editor.buffer.line(row);
            if column != usize::MAX {
                let before = &line[..(column + 1).min(line.len())];
                if let Some(column) = before.iter().rposition(|&c| !is_blank(c)) {
                    return Place { row, column };
                }
            }
            if row == 0 {
                return Place::default();
            }
            row -= 1;
            if self.length(row) == 0 {
                return Place { row, column: 0 };
            }
            column = self.length(row) - 1;
        }
    }

    pub(super) fn paragraphs(&mut self, times: usize, down: bool) -> Done<Motion> {
        let mut row = self.editor.cursor.row;
        let empty = |row: usize| self.length(row) == 0;
        for _ in 0..times {
            if row == if down { self.last_row() } else { 0 } {
                break;
            }
            if down {
                while row < self.last_row() && empty(row) {
                    row += 1;
                }
                while row < self.last_row() && !empty(row) {
                    row += 1;
                }
            } else {
                while row > 0 && empty(row) {
                    row -= 1;
                }
                while row > 0 && !empty(row) {
                    row -= 1;
                }
            }
        }
        self.jump();
        // Behind the last line there is no empty one: its end is meant.
        let column = if down && row == self.last_row() {
            self.length(row)
        } else {
            0
        };
        Ok(exclusive(Place { row, column }))
    }

    pub(super) fn sentences(&mut self, times: usize, down: bool) -> Motion {
        let starts = self.sentence_starts();
        let row = self.last_row();
        let edge = if down {
            Place {
                row,
                column: self.length(row).saturating_sub(1),
            }
        } else {
            Place::default()
        };
        let place = repeated(times, self.editor.cursor, |place| {
            let next = if down {
                starts.get(starts.partition_point(|start| *start <= place))
            } else {
                let before = starts.partition_point(|start| *start < place);
                before.checked_sub(1).and_then(|at| starts.get(at))
            };
            next.copied().unwrap_or(edge)
        });
        self.jump();
        exclusive(place)
    }

    fn sentence_starts(&self) -> Vec<Place> {
        let mut starts = Vec::new();
        let mut begins = true;
        for (row, line) in self.editor.buffer.lines().iter().enumerate() {
            if line.is_empty() {
                starts.push(Place { row, column: 0 });
                begins = true;
            }
            let mut ended = false;
            for (column, &c) in line.iter().enumerate() {
                if begins && !is_blank(c) {
                    starts.push(Place { row, column });
                    begins = false;
                }
                begins |= ended && is_blank(c);
                ended = ".!?".contains(c) || (ended && ")]\"'".contains(c));
            }
            begins |= ended;
        }
        starts
    }
}
