//! Words and quoting.

use crate::ast::{Part, Word};
use crate::escape;
use crate::parser::{Parser, Result};

/// Collects parts, joining literals.
#[derive(Default)]
pub(crate) struct Parts {
    pub list: Vec<Part>,
    literal: String,
}

impl Parts {
    pub fn push_char(&mut self, c: char) {
        self.literal.push(c);
    }

    pub fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.list
                .push(Part::Literal(std::mem::take(&mut self.literal)));
        }
    }

    pub fn finish(mut self) -> Vec<Part> {
        self.flush();
        self.list
    }
}

impl Parser<'_> {
    /// The word that comes next, if one does.
    pub(crate) fn word(&mut self) -> Result<Option<Word>> {
        let start = self.input.pos;
        let mut word = self.word_until(&[], true)?;
        if self.keep {
            word.source = Some(self.source_since(start).into());
        }
        // Parts may be empty for a word of escaped newlines only.
        Ok((self.input.pos > start && !word.parts.is_empty()).then_some(word))
    }

    /// A word up to one of `stops`, or up to what ends a token.
    pub(crate) fn word_until(&mut self, stops: &[char], token: bool) -> Result<Word> {
        let mut parts = Parts::default();
        let mut brace = false;
        let mut brackets = 0;
        while let Some(c) = self.peek() {
            if stops.contains(&c) && brackets == 0 {
                break;
            }
            if token && " \t\n;&|<>()".contains(c) {
                let process =
                    (c == '<' || c == '>') && self.bash() && self.peek_second() == Some('(');
                if !process {
                    break;
                }
                self.next();
                self.next();
                let list = self.substituted_list()?;
                if !self.eat(')') {
                    return Err(self.unterminated(")"));
                }
                parts.flush();
                parts.list.push(Part::Process(c == '<', list.into()));
                continue;
            }
            match c {
                '\'' | '"' | '$' | '`' => {
                    parts.flush();
                    let before = self.input.pos;
                    self.quoting_part(&mut parts.list)?;
                    if self.input.pos == before {
                        parts.push_char('$');
                        self.next_raw();
                    }
                }
                '\\' => {
                    self.next_raw();
                    match self.next_raw() {
                        Some(c) => {
                            parts.flush();
                            parts.list.push(Part::Quoted(c.to_string()));
                        }
                        None => parts.push_char('\\'),
                    }
                }
                '?' | '*' | '+' | '@' | '!'
                    if token && self.peek_second() == Some('(') && self.has_extglob() =>
                {
                    parts.push_char(c);
                    self.next();
                    self.pattern_group(&mut parts)?;
                }
                _ => {
                    match c {
                        '{' => brace = true,
                        '[' if !token => brackets += 1,
                        ']' if !token => brackets -= 1,
                        _ => {}
                    }
                    parts.push_char(c);
                    self.next_raw();
                }
            }
        }
        Ok(Word {
            parts: parts.finish(),
            brace,
            source: None,
        })
    }

    fn has_extglob(&self) -> bool {
        self.bash() && (self.dialect.extglob || self.in_pattern)
    }

    /// `(...)` of an extended pattern, as part of the word.
    fn pattern_group(&mut self, parts: &mut Parts) -> Result<()> {
        let mut depth = 0;
        loop {
            match self.peek() {
                None => return Err(self.unterminated(")")),
                Some('\'' | '"' | '$' | '`') => {
                    parts.flush();
                    let before = self.input.pos;
                    self.quoting_part(&mut parts.list)?;
                    if self.input.pos == before {
                        parts.push_char('$');
                        self.next_raw();
                    }
                }
                Some('\\') => {
                    self.next_raw();
                    if let Some(c) = self.next_raw() {
                        parts.flush();
                        parts.list.push(Part::Quoted(c.to_string()));
                    }
                }
                Some(c) => {
                    parts.push_char(c);
                    self.next_raw();
                    match c {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What begins with a quote, `$` or a backquote. Takes nothing when a `$` stands for itself.
    pub(crate) fn quoting_part(&mut self, parts: &mut Vec<Part>) -> Result<()> {
        match self.peek() {
            Some('\'') => {
                self.next_raw();
                let text = self.single_quoted()?;
                parts.push(Part::Quoted(text));
            }
            Some('"') => {
                self.next_raw();
                let inner = self.nested(|p| p.double_parts(Some('"')))?;
                self.next_raw();
                parts.push(Part::Double(inner));
            }
            Some('`') => parts.push(self.nested(|p| p.backquoted(false))?),
            Some('$') => {
                match self.peek_second() {
                    Some('\'') if !self.dialect.dash => {
                        self.next();
                        self.next();
                        let text = self.ansi_c_quoted()?;
                        parts.push(Part::Quoted(text));
                        return Ok(());
                    }
                    Some('"') if self.bash() => {
                        self.next();
                        return self.quoting_part(parts);
                    }
                    _ => {}
                }
                if let Some(part) = self.nested(|p| p.dollar(false))? {
                    parts.push(part);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn single_quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        loop {
            match self.next_raw() {
                None => return Err(self.unterminated("'")),
                Some('\'') => return Ok(text),
                Some(c) => text.push(c),
            }
        }
    }

    /// The inside of `$'...'`.
    fn ansi_c_quoted(&mut self) -> Result<String> {
        let mut raw = String::new();
        loop {
            match self.next_raw() {
                None => return Err(self.unterminated("'")),
                Some('\'') => break,
                Some('\\') => {
                    raw.push('\\');
                    match self.next_raw() {
                        None => return Err(self.unterminated("'")),
                        Some(c) => raw.push(c),
                    }
                }
                Some(c) => raw.push(c),
            }
        }
        Ok(escape::unescape(&raw, escape::Style::AnsiC, true).0)
    }

    /// The inside of double quotes up to `end`, or of a here-document up to the end of the text.
    pub(crate) fn double_parts(&mut self, end: Option<char>) -> Result<Vec<Part>> {
        let mut parts = Parts::default();
        loop {
            let Some(c) = self.peek() else {
                return match end {
                    None => Ok(parts.finish()),
                    Some(quote) => Err(self.unterminated(&quote.to_string())),
                };
            };
            if Some(c) == end {
                return Ok(parts.finish());
            }
            self.double_part(c, end != Some('"') && end.is_none(), &mut parts)?;
        }
    }

    /// One piece of what stands in double quotes; `document` is a here-document, where `"` is plain.
    pub(crate) fn double_part(&mut self, c: char, document: bool, parts: &mut Parts) -> Result<()> {
        match c {
            '\\' => {
                self.next_raw();
                match self.peek_raw() {
                    Some(c) if "$`\\".contains(c) || c == '"' && !document => {
                        parts.push_char(c);
                        self.next_raw();
                    }
                    _ => parts.push_char('\\'),
                }
            }
            '`' => {
                parts.flush();
                // As dash in a here-document; bash keeps the backslash before a quote there.
                let quoted = !document || !self.bash();
                parts.list.push(self.nested(|p| p.backquoted(quoted))?);
            }
            '$' => {
                parts.flush();
                match self.nested(|p| p.dollar(true))? {
                    Some(part) => parts.list.push(part),
                    None => {
                        parts.push_char('$');
                        self.next_raw();
                    }
                }
            }
            c => {
                parts.push_char(c);
                self.next_raw();
            }
        }
        Ok(())
    }
}
