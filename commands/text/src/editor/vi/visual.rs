//! Text that is selected before the command.

use crate::editor::buffer::Place;
use crate::editor::terminal::Key;

use super::change::Span;
use super::normal::{is_vertical, with_digit};
use super::{Done, Mode, Stop, Vi};

impl Vi<'_> {
    pub(super) fn visual(&mut self, mode: Mode) -> Done {
        let cursor = self.editor.cursor;
        self.visual_from(cursor, mode)
    }

    pub(super) fn visual_from(&mut self, anchor: Place, mode: Mode) -> Done {
        self.anchor = anchor;
        self.mode = mode;
        let result = self.select();
        self.last_visual = Some((self.anchor, self.editor.cursor, mode));
        result
    }

    /// The selected text.
    pub(super) fn selection(&self) -> Span {
        let cursor = self.editor.cursor;
        let (from, mut to) = if self.anchor <= cursor {
            (self.anchor, cursor)
        } else {
            (cursor, self.anchor)
        };
        to.column += 1;
        Span {
            from,
            to,
            is_linewise: self.mode == Mode::VisualLine,
        }
    }

    fn select(&mut self) -> Done {
        loop {
            let (mut count, mut name) = (None, None);
            let begin = self.keys.len();
            let key = loop {
                match self.key()? {
                    Key::Char('"') => name = Some(self.character()?),
                    Key::Char(c) if c.is_ascii_digit() && (c != '0' || count.is_some()) => {
                        count = Some(with_digit(count, c));
                    }
                    key => break key,
                }
            };
            let mut is_over = false;
            let result = self
                .selected_command(key, count, name)
                .map(|over| is_over = over);
            self.tolerate(result)?;
            if is_over {
                if let Some(mut keys) = self.selected.take() {
                    keys.extend(self.keys.drain(begin.min(self.keys.len())..));
                    self.keys = keys;
                    self.repeats = true;
                }
                return Ok(());
            }
        }
    }

    /// `true`: the selection is over.
    fn selected_command(
        &mut self,
        key: Key,
        count: Option<usize>,
        name: Option<char>,
    ) -> Done<bool> {
        let span = self.selection();
        match key {
            Key::Escape | Key::Ctrl('c') => return Ok(true),
            Key::Char('v') | Key::Char('V') => {
                let mode = if key == Key::Char('v') {
                    Mode::Visual
                } else {
                    Mode::VisualLine
                };
                if self.mode == mode {
                    return Ok(true);
                }
                self.mode = mode;
            }
            Key::Char('o' | 'O') => std::mem::swap(&mut self.anchor, &mut self.editor.cursor),
            Key::Char(kind @ ('i' | 'a')) => {
                let object = self.object(kind == 'a', count.unwrap_or(1))?;
                let span = self.span(object);
                self.anchor = span.from;
                self.editor.cursor = if span.is_linewise {
                    self.mode = Mode::VisualLine;
                    span.to
                } else {
                    Place {
                        column: span.to.column.saturating_sub(1),
                        ..span.to
                    }
                };
            }
            Key::Char('g') => {
                let second = self.character()?;
                if let 'u' | 'U' | '~' = second {
                    self.over(span, second, name, 1)?;
                    return Ok(true);
                }
                let motion = self.long_motion(second, count)?.ok_or(Stop::Bell)?;
                self.editor.cursor = motion.to;
            }
            Key::Char(':') => {
                self.note(span);
                if let Some(text) = self.ask_with(':', "'<,'>".chars().collect())? {
                    self.mode = Mode::Normal;
                    self.editor.again.line.clone_from(&text);
                    self.ex(&text);
                }
                return Ok(true);
            }
            Key::Char('p' | 'P') => {
                self.put_over(span, name)?;
                return Ok(true);
            }
            Key::Char('r') => {
                let c = self.character()?;
                self.fill(span, c);
                return Ok(true);
            }
            key => {
                let lines = Span {
                    is_linewise: true,
                    ..span
                };
                let (operator, span) = match key {
                    Key::Char('d' | 'x') | Key::Delete | Key::Backspace => ('d', span),
                    Key::Char('D' | 'X') => ('d', lines),
                    Key::Char('c' | 's') => ('c', span),
                    Key::Char('C' | 'S' | 'R') => ('c', lines),
                    Key::Char('y') => ('y', span),
                    Key::Char('Y') => ('y', lines),
                    Key::Char(c @ ('<' | '>' | '!')) => (c, lines),
                    Key::Char('J') => {
                        let to = Place {
                            row: lines.to.row.max(lines.from.row + 1),
                            ..lines.to
                        };
                        ('J', Span { to, ..lines })
                    }
                    Key::Char(c @ ('u' | 'U' | '~')) => (c, span),
                    key => {
                        if let Some(motion) = self.motion(key, count, None)? {
                            self.editor.cursor = motion.to;
                            self.wanted = self.wanted.filter(|_| is_vertical(key));
                        }
                        return Ok(false);
                    }
                };
                self.over(span, operator, name, count.unwrap_or(1))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn note(&mut self, span: Span) {
        self.editor.marks.insert('<', span.from);
        self.editor.marks.insert(
            '>',
            Place {
                column: span.to.column.saturating_sub(1),
                ..span.to
            },
        );
    }

    /// An operator on the selection.
    fn over(&mut self, span: Span, operator: char, name: Option<char>, times: usize) -> Done {
        self.note(span);
        if operator != 'y' {
            self.remember(span);
        }
        self.mode = Mode::Normal;
        let result = self.operate(operator, self.within(span), name, times);
        self.repeats = false;
        result
    }

    /// Remembers keys that select as much text from the cursor on, for `.`.
    fn remember(&mut self, span: Span) {
        let rows = span.to.row - span.from.row;
        let mut keys = if span.is_linewise { "V" } else { "v" }.to_owned();
        if rows > 0 {
            keys.push_str(&format!("{rows}j"));
        }
        match (span.is_linewise, rows) {
            (true, _) => {}
            (false, 0) => {
                let more = span.to.column.saturating_sub(span.from.column + 1);
                if more > 0 {
                    keys.push_str(&format!("{more}l"));
                }
            }
            (false, _) => keys.push_str(&format!("{}|", span.to.column)),
        }
        self.selected = Some(keys.chars().map(Key::Char).collect());
    }

    /// A span that ends within the lines that there are; behind `$` with the end of the line.
    fn within(&self, span: Span) -> Span {
        let Place { row, column } = span.to;
        let length = self.editor.buffer.line(row).len();
        if span.is_linewise {
            return span;
        }
        let takes_end = self.wanted == Some(usize::MAX) || column > length;
        let to =
            if takes_end && self.anchor <= self.editor.cursor && row + 1 < self.editor.buffer.len()
            {
                Place {
                    row: row + 1,
                    column: 0,
                }
            } else {
                Place {
                    row,
                    column: column.min(length),
                }
            };
        Span { to, ..span }
    }

    fn put_over(&mut self, span: Span, name: Option<char>) -> Done {
        let text = self.editor.register(name).ok_or(Stop::Bell)?;
        self.note(span);
        self.remember(span);
        self.mode = Mode::Normal;
        self.editor.buffer.begin(self.editor.cursor);
        let span = self.within(span);
        let at_end = span.is_linewise && span.to.row + 1 >= self.editor.buffer.len();
        self.delete(span, None);
        // What was there is kept, what is put is what was there before.
        self.editor.registers.insert('\u{1}', text.clone());
        if !span.is_linewise && text.is_linewise {
            let mut lines = vec![Vec::new()];
            lines.extend(text.lines);
            lines.push(Vec::new());
            self.editor.buffer.insert(span.from, &lines);
            self.editor.go_to(span.from.row + 1);
            return Ok(());
        }
        if span.is_linewise && !text.is_linewise {
            let row = span.from.row;
            self.editor.replace(row, 0, text.lines);
            self.editor.go_to(row);
            return Ok(());
        }
        if !span.is_linewise {
            self.editor.cursor = span.from;
            let end = self.editor.buffer.insert(span.from, &text.lines);
            self.editor.cursor = Place {
                column: end.column.saturating_sub(1),
                ..end
            };
            return Ok(());
        }
        self.put(Some('\u{1}'), !at_end, 1)
    }

    fn fill(&mut self, span: Span, with: char) {
        self.remember(span);
        self.editor.buffer.begin(self.editor.cursor);
        for row in span.from.row..=span.to.row {
            let mut line = self.editor.buffer.line(row).to_vec();
            let begin = if row == span.from.row && !span.is_linewise {
                span.from.column
            } else {
                0
            };
            let end = if row == span.to.row && !span.is_linewise {
                span.to.column
            } else {
                line.len()
            };
            let end = end.min(line.len());
            line[begin.min(end)..end].fill(with);
            self.editor.buffer.replace_line(row, line);
        }
        self.editor.cursor = span.from;
    }
}
