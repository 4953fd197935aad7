//! Text objects, and brackets that belong together.

use crate::editor::buffer::Place;
use crate::editor::line::{indent, is_blank};

use super::motion::{Class, Motion, class, exclusive, inclusive, lines};
use super::{Done, Stop, Vi};

impl Vi<'_> {
    /// The place before or behind one, over the ends of lines.
    fn beside(&self, place: Place, forwards: bool) -> Option<Place> {
        let Place { row, column } = place;
        if forwards {
            if column + 1 < self.editor.buffer.line(row).len() {
                return Some(Place {
                    row,
                    column: column + 1,
                });
            }
            return (row + 1 < self.editor.buffer.len()).then(|| Place {
                row: row + 1,
                column: 0,
            });
        }
        if column > 0 {
            return Some(Place {
                row,
                column: column - 1,
            });
        }
        let row = row.checked_sub(1)?;
        Some(Place {
            row,
            column: self.editor.buffer.line(row).len().saturating_sub(1),
        })
    }

    /// `%`: the bracket that belongs to the next one on the line.
    pub(super) fn partner(&self) -> Option<Place> {
        let cursor = self.editor.cursor;
        let line = self.line();
        let column = (cursor.column..line.len()).find(|&at| "()[]{}".contains(line[at]))?;
        let place = Place { column, ..cursor };
        let open = line[column];
        let (other, forwards) = match open {
            '(' => (')', true),
            '[' => (']', true),
            '{' => ('}', true),
            ')' => ('(', false),
            ']' => ('[', false),
            _ => ('{', false),
        };
        self.bracket(place, open, other, forwards)
    }

    /// The bracket that ends what one begins.
    fn bracket(&self, from: Place, open: char, other: char, forwards: bool) -> Option<Place> {
        let mut depth = 1;
        let mut place = from;
        loop {
            place = self.beside(place, forwards)?;
            match self.at(place) {
                Some(c) if c == other => depth -= 1,
                Some(c) if c == open => depth += 1,
                _ => {}
            }
            if depth == 0 {
                return Some(place);
            }
        }
    }

    /// The text that `iw`, `a(` and their kin name.
    pub(super) fn object(&mut self, around: bool, count: usize) -> Done<Motion> {
        let kind = self.character()?;
        match kind {
            'w' | 'W' => Ok(self.word_object(around, kind == 'W', count)),
            '"' | '\'' | '`' => self.quoted(kind, around),
            '(' | ')' | 'b' => self.bracketed('(', ')', around),
            '{' | '}' | 'B' => self.bracketed('{', '}', around),
            '[' | ']' => self.bracketed('[', ']', around),
            '<' | '>' => self.bracketed('<', '>', around),
            'p' => Ok(self.paragraph(around)),
            _ => Err(Stop::Bell),
        }
    }

    fn word_object(&self, around: bool, big: bool, count: usize) -> Motion {
        let cursor = self.editor.cursor;
        let line = self.line();
        let of = |at: usize| class(line[at], big);
        let Some(last) = line.len().checked_sub(1) else {
            return exclusive(cursor).beginning(cursor);
        };
        let column = cursor.column.min(last);
        let run_end = |from: usize| {
            (from..line.len())
                .take_while(|&at| of(at) == of(from))
                .last()
                .unwrap_or(from)
        };
        let mut from = (0..=column)
            .rev()
            .take_while(|&at| of(at) == of(column))
            .last()
            .unwrap_or(column);
        let mut to = run_end(column);
        let began_blank = of(column) == Class::Blank;
        for at in 0..count.min(line.len()) {
            if at > 0 && to < last {
                to = run_end(to + 1);
            }
            if around && to < last {
                let next = of(to + 1);
                if began_blank || next == Class::Blank {
                    to = run_end(to + 1);
                }
            }
        }
        // No blanks behind: those before go with it.
        if around && !began_blank && of(to) != Class::Blank {
            from = before_blanks(line, from);
        }
        let at = |column| Place { column, ..cursor };
        inclusive(at(to)).beginning(at(from))
    }

    fn quoted(&self, quote: char, around: bool) -> Done<Motion> {
        let cursor = self.editor.cursor;
        let line = self.line();
        let mut marks = Vec::new();
        let mut escaped = false;
        for (at, &c) in line.iter().enumerate() {
            if c == quote && !escaped {
                marks.push(at);
            }
            escaped = c == '\\' && !escaped;
        }
        let pair = marks
            .chunks_exact(2)
            .find(|pair| pair[1] >= cursor.column)
            .ok_or(Stop::Bell)?;
        let (from, to) = (pair[0], pair[1]);
        let at = |column| Place { column, ..cursor };
        if !around {
            return Ok(exclusive(at(to)).beginning(at(from + 1)));
        }
        let blanks = indent(&line[to + 1..]).len();
        let from = if blanks == 0 {
            before_blanks(line, from)
        } else {
            from
        };
        Ok(inclusive(at(to + blanks)).beginning(at(from)))
    }

    fn bracketed(&self, open: char, close: char, around: bool) -> Done<Motion> {
        let cursor = self.editor.cursor;
        let begin = match self.at(cursor) {
            Some(c) if c == open => cursor,
            _ => self.bracket(cursor, close, open, false).ok_or(Stop::Bell)?,
        };
        let end = self.bracket(begin, open, close, true).ok_or(Stop::Bell)?;
        if around {
            return Ok(inclusive(end).beginning(begin));
        }
        let from = Place {
            column: begin.column + 1,
            ..begin
        };
        // Brackets on lines of their own have whole lines between them.
        let first_is_empty = from.column >= self.editor.buffer.line(begin.row).len();
        let blank_before = self.editor.buffer.line(end.row)[..end.column]
            .iter()
            .all(|&c| is_blank(c));
        if first_is_empty && blank_before && end.row > begin.row + 1 {
            let first = Place {
                row: begin.row + 1,
                column: 0,
            };
            return Ok(lines(end.row - 1, 0).beginning(first));
        }
        Ok(exclusive(end).beginning(from))
    }

    fn paragraph(&self, around: bool) -> Motion {
        let empty = |row: usize| self.editor.buffer.line(row).is_empty();
        let row = self.editor.cursor.row;
        let last = self.editor.buffer.len() - 1;
        let kind = empty(row);
        let mut from = (0..=row)
            .rev()
            .take_while(|&at| empty(at) == kind)
            .last()
            .unwrap_or(row);
        let run_end = |from: usize| {
            (from..=last)
                .take_while(|&at| empty(at) == empty(from))
                .last()
                .unwrap_or(from)
        };
        let mut to = run_end(row);
        if around {
            if to < last {
                to = run_end(to + 1);
            } else {
                while from > 0 && empty(from - 1) {
                    from -= 1;
                }
            }
        }
        lines(to, 0).beginning(Place {
            row: from,
            column: 0,
        })
    }
}

/// Where the blanks begin that end before a place.
fn before_blanks(line: &[char], place: usize) -> usize {
    let last = line[..place].iter().rposition(|&c| !is_blank(c));
    last.map_or(0, |at| at + 1)
}
