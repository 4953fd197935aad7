//! Operators: what is done with the text between two places.

use crate::editor::buffer::Place;
use crate::editor::ex::Register;
use crate::editor::line::{Line, first_nonblank, indent, is_blank};

use super::motion::{Extent, Motion};
use super::{Done, Stop, Vi};

/// Text that an operator works on: whole lines, or up to a place that is not part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub from: Place,
    pub to: Place,
    pub is_linewise: bool,
}

impl Vi<'_> {
    /// The text between the cursor and where a motion leads.
    pub(super) fn span(&self, motion: Motion) -> Span {
        let start = motion.from.unwrap_or(self.editor.cursor);
        let (from, mut to) = if start <= motion.to {
            (start, motion.to)
        } else {
            (motion.to, start)
        };
        match motion.extent {
            Extent::Lines => Span {
                from,
                to,
                is_linewise: true,
            },
            Extent::Inclusive => {
                to.column += 1;
                Span {
                    from,
                    to,
                    is_linewise: false,
                }
            }
            Extent::Exclusive => {
                // What ends before the first character of a line ends behind the line before.
                if to.column == 0 && to.row > from.row && motion.from.is_none() {
                    let line = self.editor.buffer.line(from.row);
                    to = Place {
                        row: to.row - 1,
                        column: self.editor.buffer.line(to.row - 1).len(),
                    };
                    let before = line[..from.column.min(line.len())]
                        .iter()
                        .all(|&c| is_blank(c));
                    return Span {
                        from,
                        to,
                        is_linewise: before,
                    };
                }
                Span {
                    from,
                    to,
                    is_linewise: false,
                }
            }
        }
    }

    pub(super) fn text_of(&self, span: Span) -> Register {
        if span.is_linewise {
            let end = span.to.row.min(self.editor.buffer.len() - 1);
            return Register {
                lines: self.editor.buffer.lines()[span.from.row..=end].to_vec(),
                is_linewise: true,
            };
        }
        Register {
            lines: self.editor.buffer.text(span.from, span.to),
            is_linewise: false,
        }
    }

    /// Keeps what was copied, or taken away: the last nine of those are in `1` to `9`.
    fn keep(&mut self, name: Option<char>, text: Register, copied: bool) {
        if copied {
            if name.is_none() {
                self.editor.registers.insert('0', text.clone());
            }
        } else if text.is_linewise || text.lines.len() > 1 {
            for digit in ('1'..='8').rev() {
                if let Some(kept) = self.editor.registers.get(&digit).cloned() {
                    let next = char::from_u32(u32::from(digit) + 1).unwrap_or('9');
                    self.editor.registers.insert(next, kept);
                }
            }
            self.editor.registers.insert('1', text.clone());
        } else {
            self.editor.registers.insert('-', text.clone());
        }
        self.editor.keep(name, text);
    }

    /// Does what an operator says.
    pub(super) fn operate(
        &mut self,
        operator: char,
        span: Span,
        name: Option<char>,
        times: usize,
    ) -> Done {
        self.editor.buffer.begin(self.editor.cursor);
        match operator {
            'y' => {
                self.keep(name, self.text_of(span), true);
                if span.is_linewise {
                    self.editor.cursor.row = span.from.row;
                } else {
                    self.editor.cursor = span.from;
                }
            }
            'd' => {
                self.repeats = true;
                self.delete(span, name);
            }
            'c' => return self.change(span, name),
            '<' | '>' => {
                self.repeats = true;
                self.editor
                    .shift(span.from.row, span.to.row, operator == '>', times);
                self.editor.go_to(span.from.row);
            }
            '!' => return self.filter(span),
            'u' | 'U' | '~' => {
                self.repeats = true;
                self.change_case(span, operator);
            }
            'J' => {
                self.repeats = true;
                self.editor.join(span.from.row, span.to.row, false);
            }
            _ => return Err(Stop::Bell),
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, span: Span, name: Option<char>) {
        let text = self.text_of(span);
        self.keep(name, text, false);
        if span.is_linewise {
            let count = span.to.row - span.from.row + 1;
            self.editor.replace(span.from.row, count, Vec::new());
            self.editor.go_to(span.from.row);
        } else {
            self.remove(span);
            self.editor.cursor = span.from;
        }
    }

    fn remove(&mut self, span: Span) {
        let gone = span.to.row - span.from.row;
        self.editor.buffer.delete(span.from, span.to);
        self.editor.shift_marks(span.from.row + 1, gone, 0);
    }

    fn change(&mut self, span: Span, name: Option<char>) -> Done {
        self.repeats = true;
        let text = self.text_of(span);
        self.keep(name, text, false);
        if span.is_linewise {
            let first = self.editor.buffer.line(span.from.row);
            let kept = if self.editor.options.indents() {
                indent(first).to_vec()
            } else {
                Line::new()
            };
            self.editor.cursor = Place {
                row: span.from.row,
                column: kept.len(),
            };
            self.editor
                .replace(span.from.row, span.to.row - span.from.row + 1, vec![kept]);
        } else {
            self.remove(span);
            self.editor.cursor = span.from;
        }
        self.insert(1, false)
    }

    pub(super) fn change_case(&mut self, span: Span, how: char) {
        let turned = |c: char| -> Vec<char> {
            let upper = match how {
                'U' => true,
                'u' => false,
                _ => c.is_lowercase(),
            };
            if upper {
                c.to_uppercase().collect()
            } else {
                c.to_lowercase().collect()
            }
        };
        for row in span.from.row..=span.to.row {
            let line = self.editor.buffer.line(row).to_vec();
            let whole = span.is_linewise;
            let begin = if row == span.from.row && !whole {
                span.from.column
            } else {
                0
            };
            let end = if row == span.to.row && !whole {
                span.to.column
            } else {
                line.len()
            };
            let change = |(at, &c): (usize, &char)| {
                if (begin..end).contains(&at) {
                    turned(c)
                } else {
                    vec![c]
                }
            };
            let line: Line = line.iter().enumerate().flat_map(change).collect();
            self.editor.buffer.replace_line(row, line);
        }
        self.editor.cursor = if span.is_linewise {
            Place {
                row: span.from.row,
                ..self.editor.cursor
            }
        } else {
            span.from
        };
    }

    /// `!`: lines through a command.
    fn filter(&mut self, span: Span) -> Done {
        let mut prompt: Line = format!("{},{}!", span.from.row + 1, span.to.row + 1)
            .chars()
            .collect();
        let prefix = prompt.len();
        if let Some(text) = self.ask_with(':', std::mem::take(&mut prompt))? {
            if text.len() <= prefix {
                return Err(Stop::Bell);
            }
            self.ex(&text);
        }
        Ok(())
    }

    /// The first place of a line that is no blank, for `I`.
    pub(super) fn go_to_first(&mut self) {
        self.editor.cursor.column = if self.line().iter().all(|&c| is_blank(c)) {
            self.line().len()
        } else {
            first_nonblank(self.line())
        };
    }
}
