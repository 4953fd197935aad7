//! Motions that look for something.

use crate::editor::buffer::Place;

use super::motion::{Class, Motion, class, exclusive, inclusive, lines};
use super::{Done, Stop, Vi};

impl Vi<'_> {
    /// `f` and its kin, on the line.
    pub(super) fn found(
        &mut self,
        kind: char,
        wanted: char,
        times: usize,
        again: bool,
    ) -> Done<Motion> {
        let cursor = self.editor.cursor;
        let line = self.line();
        let forwards = kind.is_lowercase();
        let before = matches!(kind, 't' | 'T');
        let mut column = cursor.column;
        // One that is just beside the cursor is not found again.
        if before && again {
            column = if forwards {
                column + 1
            } else {
                column.saturating_sub(1)
            };
        }
        for _ in 0..times {
            let next = if forwards {
                let rest = line.get(column + 1..).unwrap_or(&[]);
                rest.iter()
                    .position(|&c| c == wanted)
                    .map(|at| column + 1 + at)
            } else {
                line[..column.min(line.len())]
                    .iter()
                    .rposition(|&c| c == wanted)
            };
            column = next.ok_or(Stop::Bell)?;
        }
        let column = match (before, forwards) {
            (false, _) => column,
            (true, true) => column - 1,
            (true, false) => column + 1,
        };
        let place = Place { column, ..cursor };
        Ok(if forwards {
            inclusive(place)
        } else {
            exclusive(place)
        })
    }

    /// `/` and `?`: asks for an expression, and an offset behind it.
    pub(super) fn asked_search(&mut self, sign: char, times: usize) -> Done<Motion> {
        let text = self.ask(sign)?.ok_or(Stop::Bell)?;
        let (expression, offset) = split_search(&text, sign);
        self.editor.forwards = sign == '/';
        if let Err(message) = self.editor.compile(&expression) {
            self.editor.message = message;
            return Err(Stop::Bell);
        }
        let mut motion = self.search_again(times, sign == '/')?;
        if let Some(offset) = offset {
            let row = if offset < 0 {
                motion.to.row.saturating_sub(offset.unsigned_abs())
            } else {
                motion.to.row.saturating_add(offset.unsigned_abs())
            };
            let row = row.min(self.last_row());
            motion = lines(row, 0);
        }
        Ok(motion)
    }

    pub(super) fn search_word(&mut self, times: usize, forwards: bool) -> Done<Motion> {
        let line = self.line();
        let column = self.editor.cursor.column;
        let begin = (column..line.len())
            .find(|&at| class(line[at], false) == Class::Word)
            .ok_or(Stop::Bell)?;
        let start = line[..begin]
            .iter()
            .rposition(|&c| class(c, false) != Class::Word)
            .map_or(0, |at| at + 1);
        let end = (begin..line.len())
            .find(|&at| class(line[at], false) != Class::Word)
            .unwrap_or(line.len());
        let mut text: Vec<char> = "\\<".chars().collect();
        text.extend(&line[start..end]);
        text.extend("\\>".chars());
        self.editor.forwards = forwards;
        if self.editor.compile(&text).is_err() {
            return Err(Stop::Bell);
        }
        if !forwards {
            self.editor.cursor.column = start;
        }
        self.search_again(times, forwards)
    }

    pub(super) fn search_again(&mut self, times: usize, forwards: bool) -> Done<Motion> {
        let Some(search) = self.editor.search.clone() else {
            self.editor.message = "E35: No previous regular expression".to_owned();
            return Err(Stop::Bell);
        };
        self.jump();
        let mut place = self.editor.cursor;
        for _ in 0..times.min(10_000) {
            let line = self.editor.buffer.line(place.row);
            let here = if forwards {
                search
                    .find(line, place.column + 1)
                    .filter(|&found| found > place.column && found < line.len().max(1))
            } else {
                search.find_before(line, place.column)
            };
            if let Some(column) = here {
                place.column = column;
                continue;
            }
            let Some(row) = self.editor.find_line(&search, place.row, forwards) else {
                self.editor.message = format!("E486: Pattern not found: {}", search.text);
                return Err(Stop::Bell);
            };
            let line = self.editor.buffer.line(row);
            let column = if forwards {
                search.find(line, 0)
            } else {
                search.find_before(line, usize::MAX)
            };
            place = Place {
                row,
                column: column.unwrap_or(0).min(line.len().saturating_sub(1)),
            };
        }
        Ok(exclusive(place))
    }
}

/// An expression up to its delimiter, and the offset in lines behind that.
fn split_search(text: &[char], sign: char) -> (Vec<char>, Option<isize>) {
    let mut words = crate::editor::ex::Words::new(text);
    let (expression, closed) = words.until(sign);
    let rest: String = words.rest().iter().collect();
    let offset = match (closed, rest.trim()) {
        (false, _) | (true, "") => None,
        (true, "+") => Some(1),
        (true, "-") => Some(-1),
        (true, number) => number.strip_prefix('+').unwrap_or(number).parse().ok(),
    };
    (expression, offset)
}
