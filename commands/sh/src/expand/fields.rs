//! Field splitting and what makes a field a pattern.

use super::{Piece, glob, pattern};
use crate::shell::{Flow, Shell};

/// A field being put together: its text, and the text as a pattern.
#[derive(Default)]
struct Field {
    text: String,
    /// Only kept once it differs from the text.
    pattern: Option<String>,
    special: bool,
}

impl Field {
    fn push(&mut self, text: &str, quoted: bool, extglob: bool) {
        if quoted {
            if self.pattern.is_none()
                && text.contains([
                    '*', '?', '[', ']', '\\', '(', ')', '|', '!', '-', '^', '+', '@',
                ])
            {
                self.pattern = Some(self.text.clone());
            }
            if let Some(pattern) = &mut self.pattern {
                pattern::escape(text, pattern);
            }
        } else {
            self.special |= text.contains(['*', '?', '[']) || extglob && text.contains('(');
            if let Some(pattern) = &mut self.pattern {
                pattern.push_str(text);
            }
        }
        self.text.push_str(text);
    }
}

/// The separators, parted as POSIX treats them.
struct Separators {
    all: String,
}

impl Separators {
    fn is(&self, c: char) -> bool {
        self.all.contains(c)
    }

    fn is_blank(&self, c: char) -> bool {
        matches!(c, ' ' | '\t' | '\n') && self.is(c)
    }
}

/// What came right before: decides whether a separator makes an empty field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    /// Blanks that ended a field: one other separator belongs to them.
    Blank,
    Separator,
}

/// Splits text at `IFS` for `read` and for expansions.
struct Splitter {
    separators: Separators,
    fields: Vec<Field>,
    current: Option<Field>,
    after: After,
    extglob: bool,
}

impl Splitter {
    fn finish_field(&mut self) {
        if let Some(field) = self.current.take() {
            self.fields.push(field);
        }
    }

    fn push(&mut self, text: &str, quoted: bool) {
        if !text.is_empty() || quoted {
            self.current
                .get_or_insert_with(Field::default)
                .push(text, quoted, self.extglob);
            self.after = After::Nothing;
        }
    }

    fn split(&mut self, text: &str) {
        let mut start = 0;
        for (at, c) in text.char_indices() {
            if !self.separators.is(c) {
                continue;
            }
            self.push(&text[start..at], false);
            start = at + c.len_utf8();
            if self.separators.is_blank(c) {
                if self.current.is_some() {
                    self.finish_field();
                    self.after = After::Blank;
                }
            } else if self.current.is_some() {
                self.finish_field();
                self.after = After::Separator;
            } else if self.after == After::Blank {
                self.after = After::Separator;
            } else {
                self.fields.push(Field::default());
                self.after = After::Separator;
            }
        }
        self.push(&text[start..], false);
    }
}

impl Shell {
    /// Splits pieces to fields and replaces those that are patterns by the paths that match.
    pub(super) fn fields_into(
        &mut self,
        pieces: Vec<Piece>,
        out: &mut Vec<String>,
    ) -> Result<(), Flow> {
        let mut splitter = Splitter {
            separators: Separators { all: self.ifs() },
            fields: Vec::new(),
            current: None,
            after: After::Nothing,
            extglob: self.options.extglob,
        };
        for piece in pieces {
            match piece {
                Piece::Text {
                    text, split: true, ..
                } => splitter.split(&text),
                Piece::Text { text, quoted, .. } => splitter.push(&text, quoted),
                Piece::Break => {
                    splitter.finish_field();
                    splitter.after = After::Nothing;
                }
            }
        }
        splitter.finish_field();
        for field in splitter.fields {
            self.paths_into(field, out)?;
        }
        Ok(())
    }

    /// The patterns of `GLOBIGNORE`.
    fn ignored_paths(&self) -> Vec<String> {
        if !self.bash {
            return Vec::new();
        }
        let value = self.var("GLOBIGNORE").unwrap_or_default();
        let mut list = Vec::new();
        let mut one = String::new();
        let mut chars = value.chars();
        let mut bracket = false;
        while let Some(c) = chars.next() {
            match c {
                ':' if !bracket => list.push(std::mem::take(&mut one)),
                '\\' => {
                    one.push(c);
                    one.extend(chars.next());
                }
                c => {
                    // A class has colons of its own.
                    bracket = c == '[' || bracket && c != ']';
                    one.push(c);
                }
            }
        }
        list.push(one);
        list.retain(|pattern| !pattern.is_empty());
        list
    }

    fn paths_into(&mut self, field: Field, out: &mut Vec<String>) -> Result<(), Flow> {
        if !field.special || self.options.noglob {
            out.push(field.text);
            return Ok(());
        }
        let pattern = field.pattern.as_deref().unwrap_or(&field.text);
        let ignored = self.ignored_paths();
        let found = glob::paths(pattern, &self.options, &ignored, self.counts_bytes());
        if found.is_empty() {
            if self.options.failglob {
                return self.fatal_failure(&format!("no match: {}", field.text));
            }
            if !self.options.nullglob || !pattern::is_special(pattern, self.options.extglob) {
                out.push(field.text);
            }
        } else {
            out.extend(found);
        }
        Ok(())
    }

    /// Splits a line for `read`: at most `limit` fields, the last one with the rest of the line. A true flag
    /// marks a character that was escaped.
    pub fn split_line(&self, line: &[(char, bool)], limit: Option<usize>) -> Vec<String> {
        let separators = Separators { all: self.ifs() };
        let is = |at: usize| !line[at].1 && separators.is(line[at].0);
        let blank = |at: usize| !line[at].1 && separators.is_blank(line[at].0);
        let text =
            |from: usize, to: usize| line[from..to].iter().map(|(c, _)| *c).collect::<String>();
        let mut at = 0;
        let mut fields = Vec::new();
        while at < line.len() && blank(at) {
            at += 1;
        }
        while at < line.len() {
            if limit == Some(fields.len() + 1) {
                fields.push(text(at, self.rest_end(line, at, &is, &blank)));
                return fields;
            }
            let start = at;
            while at < line.len() && !is(at) {
                at += 1;
            }
            fields.push(text(start, at));
            while at < line.len() && blank(at) {
                at += 1;
            }
            if at < line.len() && is(at) && !blank(at) {
                at += 1;
                while at < line.len() && blank(at) {
                    at += 1;
                }
            }
        }
        fields
    }

    /// Where the last field of `read` ends: without trailing blanks, and without one trailing separator when
    /// it is the only one.
    #[expect(clippy::unused_self, reason = "reads as one family with split_line")]
    fn rest_end(
        &self,
        line: &[(char, bool)],
        start: usize,
        is: &dyn Fn(usize) -> bool,
        blank: &dyn Fn(usize) -> bool,
    ) -> usize {
        let mut end = line.len();
        while end > start && blank(end - 1) {
            end -= 1;
        }
        if end > start && is(end - 1) && !blank(end - 1) {
            let mut before = end - 1;
            while before > start && blank(before - 1) {
                before -= 1;
            }
            if (start..before).all(|at| !is(at)) {
                end = before;
            }
        }
        end
    }
}
