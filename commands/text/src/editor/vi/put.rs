//! Putting text, and changing characters where they are.

use crate::editor::buffer::Place;
use crate::editor::line::Line;

use super::change::Span;
use super::{Done, Stop, Vi};

/// Characters that one command may put again and again: what is more is a number that was mistyped.
const MOST_AGAIN: usize = 4 << 20;

impl Vi<'_> {
    /// Whether there is room for lines so many times.
    pub(super) fn again_fits(&mut self, lines: &[Line], times: usize) -> Done {
        let size: usize = lines.iter().map(|line| line.len() + 8).sum();
        if size.saturating_mul(times) > MOST_AGAIN {
            self.editor.message = "E342: Out of memory!".to_owned();
            return Err(Stop::Bell);
        }
        Ok(())
    }

    /// `p` and `P`.
    pub(super) fn put(&mut self, name: Option<char>, before: bool, times: usize) -> Done {
        let Some(register) = self.editor.register(name) else {
            self.editor.message = "E353: Nothing in register".to_owned();
            return Err(Stop::Bell);
        };
        self.repeats = true;
        self.again_fits(&register.lines, times)?;
        let cursor = self.editor.cursor;
        self.editor.buffer.begin(cursor);
        if register.is_linewise {
            let count = register.lines.len();
            let lines: Vec<Line> = register
                .lines
                .iter()
                .cloned()
                .cycle()
                .take(count * times)
                .collect();
            let at = if before { cursor.row } else { cursor.row + 1 };
            self.editor.replace(at, 0, lines);
            self.editor.go_to(at);
            return Ok(());
        }
        let line = self.line();
        let column = if before || line.is_empty() {
            cursor.column
        } else {
            cursor.column + 1
        };
        let mut at = Place {
            column: column.min(line.len()),
            ..cursor
        };
        let start = at;
        at = self
            .editor
            .buffer
            .insert(at, &repeated(&register.lines, times));
        self.editor
            .shift_marks(start.row + 1, 0, at.row - start.row);
        self.editor.cursor = if register.lines.len() > 1 {
            start
        } else {
            Place {
                column: at.column.saturating_sub(1),
                ..at
            }
        };
        Ok(())
    }

    /// `r`
    pub(super) fn replace_characters(&mut self, times: usize) -> Done {
        let key = self.key()?;
        let c = match key {
            crate::editor::terminal::Key::Enter => '\r',
            key => super::character_of(key)
                .filter(|c| *c != '\x1b')
                .ok_or(Stop::Bell)?,
        };
        let cursor = self.editor.cursor;
        let mut line = self.line().to_vec();
        let end = cursor.column.saturating_add(times);
        if end > line.len() {
            return Err(Stop::Bell);
        }
        self.repeats = true;
        self.editor.buffer.begin(cursor);
        if c == '\r' {
            let rest = line.split_off(end);
            line.truncate(cursor.column);
            self.editor.replace(cursor.row, 1, vec![line, rest]);
            self.editor.go_to(cursor.row + 1);
            return Ok(());
        }
        line[cursor.column..end].fill(c);
        self.editor.buffer.replace_line(cursor.row, line);
        self.editor.cursor.column = end - 1;
        Ok(())
    }

    /// `~`
    pub(super) fn turn_case(&mut self, times: usize) -> Done {
        let cursor = self.editor.cursor;
        let length = self.line().len();
        if length == 0 {
            return Err(Stop::Bell);
        }
        let end = cursor.column.saturating_add(times).min(length);
        let span = Span {
            from: cursor,
            to: Place {
                column: end,
                ..cursor
            },
            is_linewise: false,
        };
        self.repeats = true;
        self.editor.buffer.begin(cursor);
        self.change_case(span, '~');
        self.editor.cursor.column = end;
        Ok(())
    }

    /// `^A` and `^X`: adds to the number at the cursor or behind it.
    pub(super) fn add(&mut self, by: i64) -> Done {
        let cursor = self.editor.cursor;
        let line = self.line().to_vec();
        let digit = |at: usize| line.get(at).is_some_and(char::is_ascii_digit);
        let found = (cursor.column..line.len())
            .find(|&at| digit(at))
            .ok_or(Stop::Bell)?;
        let mut from = found;
        while from > 0 && digit(from - 1) {
            from -= 1;
        }
        let to = (from..line.len())
            .find(|&at| !digit(at))
            .unwrap_or(line.len());
        if from > 0 && line[from - 1] == '-' {
            from -= 1;
        }
        let number: i64 = line[from..to]
            .iter()
            .collect::<String>()
            .parse()
            .map_err(|_| Stop::Bell)?;
        let text: Line = number.saturating_add(by).to_string().chars().collect();
        let mut made = line[..from].to_vec();
        made.extend(&text);
        self.editor.cursor.column = made.len() - 1;
        made.extend(&line[to..]);
        self.repeats = true;
        self.editor.buffer.begin(cursor);
        self.editor.buffer.replace_line(cursor.row, made);
        Ok(())
    }
}

/// A text so many times, each behind the one before.
fn repeated(text: &[Line], times: usize) -> Vec<Line> {
    let mut lines = text.to_vec();
    for _ in 1..times {
        let mut more = text.iter();
        if let (Some(last), Some(first)) = (lines.last_mut(), more.next()) {
            last.extend(first);
        }
        lines.extend(more.cloned());
    }
    lines
}
