//! The window: which lines it shows.

use std::fmt::Write;

use crate::editor::buffer::Place;
use crate::editor::line::show;
use crate::editor::screen::{Piece, Wrap};
use crate::editor::terminal::Key;

use super::{Done, Mode, Stop, Vi};

impl Vi<'_> {
    /// Columns that numbers of lines take.
    fn margin(&self) -> usize {
        if self.editor.options.number {
            self.editor.buffer.len().to_string().len().max(3) + 1
        } else {
            0
        }
    }

    fn wrap(&self) -> Wrap {
        let columns = self
            .terminal
            .as_ref()
            .map_or(80, |terminal| terminal.size().1);
        Wrap {
            columns: columns.saturating_sub(self.margin()).max(1),
            tabstop: self.editor.options.tabstop,
        }
    }

    /// Rows of a line on the screen.
    fn height(&self, row: usize) -> usize {
        self.wrap().height(self.editor.buffer.line(row))
    }

    /// The last line on the screen.
    pub(super) fn bottom(&self) -> usize {
        let mut used = self.height(self.top);
        let mut row = self.top;
        while row + 1 < self.editor.buffer.len() {
            used += self.height(row + 1);
            if used > self.rows {
                break;
            }
            row += 1;
        }
        row
    }

    /// Moves the window so that the cursor is in it, with all of its line if there is room.
    fn follow(&mut self) {
        let Place { row, column } = self.editor.cursor;
        let rows = self.rows;
        let line = self.editor.buffer.line(row);
        let (within, _) = self.wrap().place_in(line, column, false);
        let whole = self.height(row).max(within + 1);
        self.top = self.top.min(self.editor.buffer.len() - 1);
        if row < self.top {
            let far = self.top - row > rows;
            self.place_cursor(if far { rows / 2 } else { 0 });
        } else if row > self.top + rows {
            self.place_cursor(rows / 2);
            self.fill_up();
        }
        if whole > rows {
            if self.top != row {
                (self.top, self.skipped) = (row, 0);
            }
            self.skipped = self
                .skipped
                .clamp((within + 1).saturating_sub(rows), within);
            return;
        }
        self.skipped = 0;
        let mut used = (self.top..row).map(|at| self.height(at)).sum::<usize>() + whole;
        while used > rows && self.top < row {
            used -= self.height(self.top);
            self.top += 1;
        }
    }

    /// Puts the cursor's line so many rows below the top.
    fn place_cursor(&mut self, wanted: usize) {
        let mut used = 0;
        self.top = self.editor.cursor.row;
        self.skipped = 0;
        while self.top > 0 {
            used += self.height(self.top - 1);
            if used > wanted {
                break;
            }
            self.top -= 1;
        }
    }

    /// Moves the window up where there are fewer lines from its top on than it has rows.
    fn fill_up(&mut self) {
        let mut used = 0;
        for row in self.top..self.editor.buffer.len() {
            used += self.height(row);
            if used >= self.rows {
                return;
            }
        }
        while self.top > 0 {
            used += self.height(self.top - 1);
            if used > self.rows {
                break;
            }
            self.top -= 1;
        }
    }

    /// Shows the text as it is.
    pub(super) fn draw(&mut self) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let (height, width) = terminal.size();
        self.rows = height - 1;
        self.follow();
        let (wrap, margin) = (self.wrap(), self.margin());
        let mut rows = Vec::with_capacity(height);
        let mut cursor = (0, 0);
        let mut row = self.top;
        while rows.len() < self.rows && row < self.editor.buffer.len() {
            let line = self.editor.buffer.line(row);
            let skipped = if row == self.top { self.skipped } else { 0 };
            let room = self.rows - rows.len();
            let mut pieces = wrap.pieces(line, skipped..skipped + room + 1);
            if pieces.len() > room && row != self.top {
                break;
            }
            if row == self.editor.cursor.row {
                let ends = self.mode == Mode::Normal;
                let (at, column) = wrap.place_in(line, self.editor.cursor.column, ends);
                let at = at.saturating_sub(skipped);
                cursor = (rows.len() + at, column + margin);
                if at >= pieces.len() {
                    // Behind a row that is full.
                    pieces.push(Piece {
                        from: line.len(),
                        to: line.len(),
                        column: 0,
                    });
                }
            }
            for (at, piece) in pieces.iter().enumerate().take(room) {
                let mut text = String::new();
                if margin > 0 {
                    // Writing to a text does not fail.
                    let _ = match at + skipped {
                        0 => write!(text, "{:>1$} ", row + 1, margin - 1),
                        _ => write!(text, "{:1$}", "", margin),
                    };
                }
                self.show_piece(row, piece, &mut text);
                if self.editor.options.list && piece.to == line.len() {
                    text.push('$');
                }
                rows.push(text);
            }
            row += 1;
        }
        let filler = if row < self.editor.buffer.len() {
            "@"
        } else {
            "~"
        };
        rows.resize(self.rows, filler.to_owned());
        let (bottom, at) = self.bottom_line(width);
        rows.push(bottom);
        if let Some(at) = at {
            cursor = (self.rows, at);
        }
        cursor.0 = cursor.0.min(height - 1);
        cursor.1 = cursor.1.min(width - 1);
        // A terminal that is gone is noticed with the next key.
        let _ = self.screen.show(rows, cursor);
    }

    /// A row of a line, what is selected in reverse.
    fn show_piece(&self, row: usize, piece: &Piece, text: &mut String) {
        let selects = matches!(self.mode, Mode::Visual | Mode::VisualLine);
        let span = self.selection();
        let inside = |column: usize| {
            let place = Place { row, column };
            selects
                && if span.is_linewise {
                    (span.from.row..=span.to.row).contains(&row)
                } else {
                    span.from <= place && place < span.to
                }
        };
        let line = self.editor.buffer.line(row);
        let tabstop = self.editor.options.tabstop;
        let mut column = piece.column;
        let mut reverse = false;
        for (at, &c) in line.iter().enumerate().take(piece.to).skip(piece.from) {
            if inside(at) != reverse {
                reverse = !reverse;
                text.push_str(if reverse { "\x1b[7m" } else { "\x1b[27m" });
            }
            show(text, c, column, tabstop);
            column += crate::editor::line::width(c, column, tabstop);
        }
        if line.is_empty() && inside(0) {
            text.push_str("\x1b[7m ");
        }
    }

    /// Keys that move the window.
    pub(super) fn scroll(&mut self, key: Key, count: Option<usize>) -> Done {
        let last = self.editor.buffer.len() - 1;
        let row = self.editor.cursor.row;
        let times = count.unwrap_or(1);
        let page = self.rows.saturating_sub(2).max(1).saturating_mul(times);
        let half = count.unwrap_or(self.rows / 2).max(1);
        match key {
            Key::Ctrl('f') | Key::PageDown => {
                self.top = self.top.saturating_add(page).min(last);
                self.editor.go_to(row.max(self.top));
            }
            Key::Ctrl('b') | Key::PageUp => {
                self.top = self.top.saturating_sub(page);
                self.editor.go_to(row.min(self.bottom()));
            }
            Key::Ctrl('d') => {
                if row == last {
                    return Err(Stop::Bell);
                }
                self.top = self.top.saturating_add(half).min(last);
                self.editor.go_to(row.saturating_add(half));
            }
            Key::Ctrl('u') => {
                if row == 0 {
                    return Err(Stop::Bell);
                }
                self.top = self.top.saturating_sub(half);
                self.editor.go_to(row.saturating_sub(half));
            }
            Key::Ctrl('e') => {
                self.top = self.top.saturating_add(times).min(last);
                self.editor.cursor.row = row.max(self.top);
            }
            Key::Ctrl('y') => {
                self.top = self.top.saturating_sub(times);
                self.editor.cursor.row = row.min(self.bottom());
            }
            Key::Ctrl('l') => self.screen.forget(),
            Key::Char('z') => {
                let how = self.key()?;
                if let Some(count) = count {
                    self.editor.go_to(count - 1);
                }
                match how {
                    Key::Enter | Key::Char('t') => self.place_cursor(0),
                    Key::Char('.' | 'z') => self.place_cursor(self.rows / 2),
                    Key::Char('-' | 'b') => self.place_cursor(self.rows.saturating_sub(1)),
                    _ => return Err(Stop::Bell),
                }
            }
            _ => return Err(Stop::Bell),
        }
        self.skipped = 0;
        Ok(())
    }
}
