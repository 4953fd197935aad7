//! What is shown: rows that are written only where they differ from what is there.

use std::fmt::Write;
use std::io;
use std::ops::Range;

use super::line::{show, width};
use super::terminal::put;

/// The rows of a screen as they are, and as they are to be.
#[derive(Debug, Default)]
pub struct Screen {
    shown: Vec<String>,
}

impl Screen {
    /// Forgets what is there: all of it is written anew.
    pub fn forget(&mut self) {
        self.shown.clear();
    }

    /// Shows rows, and the cursor at a row and a column.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn show(&mut self, rows: Vec<String>, cursor: (usize, usize)) -> io::Result<()> {
        let mut out = String::from("\x1b[?25l");
        if self.shown.len() != rows.len() {
            out.push_str("\x1b[H\x1b[2J");
            self.shown = vec![String::new(); rows.len()];
        }
        for (at, (row, before)) in rows.iter().zip(&self.shown).enumerate() {
            if row != before {
                // Cleared first: behind a row that is full a terminal would clear its last column.
                let _ = write!(out, "\x1b[{};1H\x1b[K{row}\x1b[m", at + 1);
            }
        }
        let _ = write!(out, "\x1b[{};{}H\x1b[?25h", cursor.0 + 1, cursor.1 + 1);
        self.shown = rows;
        put(out.as_bytes())
    }
}

/// How a line is broken into rows of so many columns.
#[derive(Clone, Copy, Debug)]
pub struct Wrap {
    pub columns: usize,
    pub tabstop: usize,
}

/// A piece of a line that is one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// The characters, from one up to another.
    pub from: usize,
    pub to: usize,
    /// The column of the line that the first one is in.
    pub column: usize,
}

impl Wrap {
    /// Calls with each character's place, row, column in the row, column in the line and width, until that gives `false`; then
    /// gives the row and the column behind the last one.
    fn walk(
        self,
        line: &[char],
        mut each: impl FnMut(usize, usize, usize, usize, usize) -> bool,
    ) -> (usize, usize) {
        let (mut row, mut used, mut total) = (0, 0, 0);
        for (at, &c) in line.iter().enumerate() {
            let wide = width(c, total, self.tabstop).min(self.columns);
            if used + wide > self.columns {
                (row, used) = (row + 1, 0);
            }
            if !each(at, row, used, total, wide) {
                break;
            }
            total += wide;
            used += wide;
        }
        (row, used)
    }

    /// Rows of a line: one at least.
    pub fn height(self, line: &[char]) -> usize {
        // A line that fits is the most common one by far.
        if line.len().saturating_mul(self.tabstop.max(8)) <= self.columns {
            return 1;
        }
        self.walk(line, |_, _, _, _, _| true).0 + 1
    }

    /// The pieces of a line that are some of its rows.
    pub fn pieces(self, line: &[char], rows: Range<usize>) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut seen = None;
        self.walk(line, |at, row, _, column, _| {
            if row >= rows.end {
                return false;
            }
            if row >= rows.start {
                if seen != Some(row) {
                    seen = Some(row);
                    pieces.push(Piece {
                        from: at,
                        to: at,
                        column,
                    });
                }
                if let Some(piece) = pieces.last_mut() {
                    piece.to = at + 1;
                }
            }
            true
        });
        if line.is_empty() && rows.contains(&0) {
            pieces.push(Piece::default());
        }
        pieces
    }

    /// The row of a line's rows that a character is in, and its column there: that of its last one for a tab, if it `ends`.
    pub fn place_in(self, line: &[char], column: usize, ends: bool) -> (usize, usize) {
        let mut place = None;
        let (row, used) = self.walk(line, |at, row, used, _, wide| {
            if at == column {
                let last = if ends && line[at] == '\t' {
                    wide.saturating_sub(1)
                } else {
                    0
                };
                place = Some((row, used + last));
            }
            place.is_none()
        });
        place.unwrap_or(if used >= self.columns {
            (row + 1, 0)
        } else {
            (row, used)
        })
    }
}

/// Columns of a text from its beginning up to a character.
pub fn column_of(line: &[char], column: usize, tabstop: usize) -> usize {
    let before = line.iter().take(column);
    before.fold(0, |total, &c| total + width(c, total, tabstop))
}

/// The character at, or before, a column.
pub fn character_at(line: &[char], wanted: usize, tabstop: usize) -> usize {
    let mut total = 0;
    for (at, &c) in line.iter().enumerate() {
        total += width(c, total, tabstop);
        if total > wanted {
            return at;
        }
    }
    line.len()
}

/// A text as it is shown, cut off after so many columns. Whatever it is, a terminal obeys nothing of it.
pub fn cut(text: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = width(c, used, 8);
        if used + wide > columns {
            break;
        }
        show(&mut out, c, used, 8);
        used += wide;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Wrap, character_at, column_of, cut};
    use crate::editor::line::{decode, shown};

    #[test]
    fn wide_characters_are_not_split() {
        let line = decode("ab\u{4e2d}\u{4e2d}c\td".as_bytes());
        let wrap = Wrap {
            columns: 5,
            tabstop: 8,
        };
        let texts: Vec<String> = wrap
            .pieces(&line, 0..9)
            .iter()
            .map(|piece| shown(&line[piece.from..piece.to], 8))
            .collect();
        assert_eq!(texts.len(), wrap.height(&line));
        assert_eq!(
            (texts[0].as_str(), &texts[1][..4]),
            ("ab\u{4e2d}", "\u{4e2d}c")
        );
        assert_eq!(wrap.pieces(&line, 1..2)[0].column, 4);
        assert_eq!(wrap.place_in(&line, 3, false), (1, 0));
        assert_eq!(wrap.place_in(&line, 6, false), (1, 4));
        assert_eq!(wrap.place_in(&decode(b"abcde"), 5, false), (1, 0));
        assert_eq!(column_of(&line, 4, 8), 6);
        assert_eq!(character_at(&line, 3, 8), 2);
        assert_eq!(cut("a\u{4e2d}b", 2), "a");
        assert_eq!(cut("a\x1b[31m\nb", 6), "a^[[31");
    }
}
