//! What is on the screen: a title, the text, a message or a question, and two lines of keys.

use crate::editor::buffer::Place;
use crate::editor::line::{show, shown, width};
use crate::editor::screen::{column_of, cut};

use super::Nano;

const KEYS: [&str; 2] = [
    "^G Help    ^O Write Out  ^W Where Is  ^K Cut    ^C Location    M-U Undo",
    "^X Exit    ^R Read File  ^\\ Replace   ^U Paste  ^_ Go To Line  M-E Redo",
];

/// Rows beside the text, with the keys and without.
const OTHER_ROWS: usize = 4;
const FEW_ROWS: usize = 2;

impl Nano {
    fn other_rows(&self) -> usize {
        if self.terminal.size().0 < 8 {
            FEW_ROWS
        } else {
            OTHER_ROWS
        }
    }

    pub(super) fn text_rows(&self) -> usize {
        self.terminal
            .size()
            .0
            .saturating_sub(self.other_rows())
            .max(1)
    }

    fn margin(&self) -> usize {
        if self.numbers {
            self.buffer.len().to_string().len() + 1
        } else {
            0
        }
    }

    /// Shows the text as it is, and a question with its answer so far.
    pub(super) fn draw(&mut self, question: Option<(&str, &[char], usize)>) {
        let (height, columns) = self.terminal.size();
        let text_rows = self.text_rows();
        let Place { row, column } = self.cursor;
        if row < self.top || row >= self.top + text_rows {
            // In the middle, as far as there are lines.
            let far = row + 1 < self.top || row > self.top + text_rows;
            self.top = match (far, row < self.top) {
                (true, _) => row.saturating_sub(text_rows / 2),
                (false, true) => row,
                (false, false) => row + 1 - text_rows,
            };
        }
        let margin = self.margin().min(columns - 1);
        let room = columns - margin;
        let at = column_of(self.buffer.line(row), column, self.tabstop);
        let mut rows = vec![self.title(columns)];
        for each in self.top..self.top + text_rows {
            if each >= self.buffer.len() {
                rows.push(String::new());
                continue;
            }
            let number = if margin > 0 {
                format!("{:>1$} ", each + 1, margin - 1)
            } else {
                String::new()
            };
            // The cursor's line is moved by pages, so that the cursor is seen.
            let skipped = if each == row { page_start(at, room) } else { 0 };
            rows.push(number + &self.row(each, skipped, room));
        }
        let mut cursor = (1 + row - self.top, margin + at - page_start(at, room));
        let (status, place) = match question {
            Some((question, answer, at)) => {
                let before = question.chars().map(|c| width(c, 0, 8)).sum::<usize>();
                let text = shown(answer, 8);
                let at = before + column_of(answer, at, 8);
                let skipped = (at + 1).saturating_sub(columns);
                let line: String = format!("{question}{text}").chars().skip(skipped).collect();
                (
                    format!("\x1b[7m{}\x1b[m", cut(&line, columns)),
                    Some(at - skipped),
                )
            }
            None => {
                let length = self.message.chars().count();
                let blanks = columns.saturating_sub(length) / 2;
                (" ".repeat(blanks) + &cut(&self.message, columns), None)
            }
        };
        rows.push(status);
        if let Some(place) = place {
            cursor = (rows.len() - 1, place);
        }
        if self.other_rows() == OTHER_ROWS {
            rows.extend(KEYS.iter().map(|keys| cut(keys, columns)));
        }
        rows.resize(height, String::new());
        cursor.0 = cursor.0.min(height - 1);
        cursor.1 = cursor.1.min(columns - 1);
        // A terminal that is gone is noticed with the next key.
        let _ = self.screen.show(rows, cursor);
    }

    fn title(&self, columns: usize) -> String {
        let name = self.file.as_ref().map_or_else(
            || "New Buffer".to_owned(),
            |file| file.display().to_string(),
        );
        let state = match (self.reads_only, self.buffer.is_modified()) {
            (true, _) => "View",
            (false, true) => "Modified",
            (false, false) => "",
        };
        let left = "  nano";
        let free = columns.saturating_sub(left.len() + name.chars().count() + state.len() + 2);
        let text = format!(
            "{left}{}{name}{}{state}  ",
            " ".repeat(free / 2),
            " ".repeat(free - free / 2)
        );
        format!("\x1b[7m{}\x1b[m", cut(&text, columns))
    }

    /// A line from a column on, with a sign where more of it is.
    fn row(&self, row: usize, skipped: usize, room: usize) -> String {
        let line = self.buffer.line(row);
        let marked = self.marked();
        let mut text = String::new();
        let mut used = 0;
        let mut column = 0;
        let mut reverse = false;
        if skipped > 0 {
            text.push('<');
            used = 1;
        }
        for (at, &c) in line.iter().enumerate() {
            let wide = width(c, column, self.tabstop);
            let begin = column;
            column += wide;
            if begin < skipped + usize::from(skipped > 0) {
                continue;
            }
            if used + wide > room || (used + wide == room && at + 1 < line.len()) {
                text.push_str(if reverse { "\x1b[27m>" } else { ">" });
                return text;
            }
            let place = Place { row, column: at };
            let inside = marked.is_some_and(|(from, to)| from <= place && place < to);
            if inside != reverse {
                reverse = inside;
                text.push_str(if reverse { "\x1b[7m" } else { "\x1b[27m" });
            }
            show(&mut text, c, begin, self.tabstop);
            used += wide;
        }
        text
    }

    /// Shows lines in place of the text.
    pub(super) fn show_lines(&mut self, lines: &[&str]) {
        let (height, columns) = self.terminal.size();
        let mut rows: Vec<String> = lines
            .iter()
            .take(height)
            .map(|line| cut(line, columns))
            .collect();
        rows.resize(height, String::new());
        // A terminal that is gone is noticed with the next key.
        let _ = self.screen.show(rows, (height - 1, 0));
    }
}

/// The column at which a line begins to be shown, so that another one is.
fn page_start(column: usize, room: usize) -> usize {
    if column + 1 < room || room < 12 {
        return 0;
    }
    let step = room - 8;
    (column + 8 - room) / step * step + step
}

#[cfg(test)]
mod tests {
    use super::page_start;

    #[test]
    fn a_cursor_is_within_its_page() {
        for room in 12..90 {
            for column in 0..500 {
                let start = page_start(column, room);
                assert!(
                    start <= column && column < start + room,
                    "{column} of {room}: {start}"
                );
            }
        }
    }
}
