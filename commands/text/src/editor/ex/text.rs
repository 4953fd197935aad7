//! Commands that change or show lines.

use crate::editor::line::{Line, indent, is_blank, shown};

use super::address::{Range, Words};
use super::{Editor, Outcome, Register};

impl Editor {
    /// Shows lines as `p`, `#` or `l` does.
    pub(super) fn show_lines(&mut self, from: usize, to: usize, how: char) {
        for row in from..=to.min(self.buffer.len() - 1) {
            let line = self.buffer.line(row);
            let text = match how {
                '#' => format!("{:>3} {}", row + 1, line.iter().collect::<String>()),
                'l' => {
                    // Tabs can be seen, and the end.
                    let parts: Vec<String> = line
                        .split(|&c| c == '\t')
                        .map(|part| shown(part, 8))
                        .collect();
                    format!("{}$", parts.join("^I"))
                }
                _ => self.shown(row),
            };
            self.print(text);
        }
        self.go_to(to);
    }

    /// Copies lines into a register.
    pub fn yank_lines(&mut self, from: usize, to: usize, name: Option<char>) {
        let lines = self.buffer.lines()[from..=to.min(self.buffer.len() - 1)].to_vec();
        self.keep(
            name,
            Register {
                lines,
                is_linewise: true,
            },
        );
    }

    /// Takes lines away, into a register.
    pub fn delete_lines(&mut self, from: usize, to: usize, name: Option<char>) {
        self.yank_lines(from, to, name);
        self.replace(from, to - from + 1, Vec::new());
        self.go_to(from);
    }

    /// Puts lines below a row (`None`: before the first).
    pub fn put_lines(&mut self, below: Option<usize>, lines: Vec<Line>) {
        let at = below.map_or(0, |row| row + 1);
        let count = lines.len();
        if self.buffer.is_blank() && self.file_was_empty() {
            // The line that an empty text has is none of its own.
            self.replace(0, 1, lines);
            self.go_to(count.saturating_sub(1));
            return;
        }
        self.replace(at, 0, lines);
        self.go_to((at + count).saturating_sub(1));
    }

    fn file_was_empty(&self) -> bool {
        !self.is_visual && !self.buffer.is_modified()
    }

    pub(super) fn move_lines(&mut self, range: Range, to: usize) -> Outcome {
        if (range.from + 1..=range.to).contains(&to) {
            return Err("E134: Cannot move a range of lines into itself".to_owned());
        }
        let lines = self.buffer.lines()[range.from..=range.to].to_vec();
        let count = lines.len();
        if to > range.to {
            self.replace(to, 0, lines);
            self.replace(range.from, count, Vec::new());
            self.go_to(to - 1);
        } else {
            self.replace(range.from, count, Vec::new());
            self.replace(to, 0, lines);
            self.go_to((to + count).saturating_sub(1));
        }
        Ok(())
    }

    /// Joins lines; with blanks in between, unless they are `kept` as they are.
    pub fn join(&mut self, from: usize, to: usize, kept: bool) {
        let to = to.min(self.buffer.len() - 1);
        let mut joined = self.buffer.line(from).to_vec();
        let mut column = joined.len();
        for row in from + 1..=to {
            let line = self.buffer.line(row);
            if kept {
                column = joined.len();
                joined.extend(line);
                continue;
            }
            let begin = indent(line).len();
            let rest = &line[begin..];
            column = joined.len();
            if !rest.is_empty()
                && !joined.is_empty()
                && !rest.starts_with(&[')'])
                && !joined.last().copied().is_some_and(is_blank)
            {
                joined.push(' ');
            }
            joined.extend(rest);
        }
        self.replace(from, to - from + 1, vec![joined]);
        self.cursor.row = from;
        let length = self.buffer.line(from).len();
        self.cursor.column = column.min(length.saturating_sub(1));
    }

    /// Shifts lines by so many `shiftwidth`s.
    pub fn shift(&mut self, from: usize, to: usize, right: bool, times: usize) {
        let width = if self.options.shiftwidth == 0 {
            self.options.tabstop
        } else {
            self.options.shiftwidth
        };
        let by = width.saturating_mul(times).min(10_000);
        let mut lines = Vec::new();
        for line in &self.buffer.lines()[from..=to.min(self.buffer.len() - 1)] {
            let begin = indent(line).len();
            let indent = crate::editor::screen::column_of(line, begin, self.options.tabstop);
            let indent = if right {
                indent + by
            } else {
                indent.saturating_sub(by)
            };
            let mut shifted = if line.is_empty() {
                Line::new()
            } else {
                self.indent(indent)
            };
            shifted.extend(&line[begin..]);
            lines.push(shifted);
        }
        self.replace(from, lines.len(), lines);
        self.go_to(to);
    }

    /// Blanks, and tabs unless `expandtab` is set, that are so many columns.
    pub fn indent(&self, columns: usize) -> Line {
        let tabs = if self.options.expandtab {
            0
        } else {
            columns / self.options.tabstop
        };
        let mut line = vec!['\t'; tabs];
        line.extend(std::iter::repeat_n(
            ' ',
            columns - tabs * self.options.tabstop,
        ));
        line
    }

    /// The text for `a`, `c` and `i`: up to a line that is a dot.
    pub(super) fn text_lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(line) = self.input_line() {
            if line == ['.'] {
                break;
            }
            lines.push(line);
        }
        lines
    }

    /// `:sort`, with `!`, `i`, `n` and `u`.
    pub(super) fn sort(&mut self, range: Range, reverse: bool, words: &mut Words) -> Outcome {
        words.blanks();
        let flags = words.run(|c| c.is_ascii_alphabetic());
        if let Some(flag) = flags.chars().find(|c| !"inu".contains(*c)) {
            return Err(format!("E474: Invalid argument: {flag}"));
        }
        let range = if range.given == 0 { self.all() } else { range };
        let mut lines = self.buffer.lines()[range.from..=range.to].to_vec();
        let count = lines.len();
        let folds = flags.contains('i');
        let numeric = flags.contains('n');
        let key = |line: &Line| -> (f64, String) {
            let text: String = line.iter().collect();
            let text = if folds { text.to_lowercase() } else { text };
            if !numeric {
                return (0.0, text);
            }
            (
                first_number(line).map_or(f64::NEG_INFINITY, |number| number as f64),
                String::new(),
            )
        };
        lines.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1))
        });
        if reverse {
            lines.reverse();
        }
        if flags.contains('u') {
            lines.dedup_by_key(|line| key(line));
        }
        self.replace(range.from, count, lines);
        self.go_to(range.from);
        Ok(())
    }
}

/// The first number in a line, with the sign before it.
fn first_number(line: &[char]) -> Option<i64> {
    let at = line.iter().position(char::is_ascii_digit)?;
    let digits: String = line[at..]
        .iter()
        .take_while(|c| c.is_ascii_digit())
        .collect();
    let number: i64 = digits.parse().unwrap_or(i64::MAX);
    let negative = at > 0 && line[at - 1] == '-';
    Some(if negative { -number } else { number })
}
