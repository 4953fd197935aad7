//! Redirections and here-documents.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::ast::{Part, Redirect, RedirectFd, RedirectKind, Word};
use crate::input::Input;
use crate::parser::{Parser, Pending, Result};

impl Parser<'_> {
    /// A redirection, if one follows.
    pub(crate) fn redirect(&mut self) -> Result<Option<Redirect>> {
        let (start, line) = (self.input.pos, self.input.line);
        let fd = self.redirect_fd();
        let Some((kind, strip_tabs)) = self.redirect_operator(matches!(fd, RedirectFd::Default))
        else {
            self.input.pos = start;
            self.input.line = line;
            return Ok(None);
        };
        self.expand_next_alias(&[]);
        self.skip_blanks();
        if kind == RedirectKind::HereDocument {
            let word = self.input.pos;
            let body = self.here_document(strip_tabs)?;
            let target = Word {
                source: self.keep.then(|| self.source_since(word).into()),
                ..Word::default()
            };
            return Ok(Some(Redirect {
                fd,
                kind,
                target,
                body: Some(body),
            }));
        }
        let Some(target) = self.word()? else {
            return Err(self.unexpected());
        };
        Ok(Some(Redirect {
            fd,
            kind,
            target,
            body: None,
        }))
    }

    /// The digits or `{name}` right before an operator; consumes nothing else.
    fn redirect_fd(&mut self) -> RedirectFd {
        let start = self.input.pos;
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_digit() && text.len() < 9) {
            text.push(c);
            self.input.pos += 1;
        }
        if !text.is_empty()
            && matches!(self.peek(), Some('<' | '>'))
            && let Ok(number) = text.parse()
        {
            return RedirectFd::Number(number);
        }
        self.input.pos = start;
        if self.bash() && self.peek() == Some('{') {
            let mut ahead = 1;
            let mut name = String::new();
            while let Some(c) = self
                .input
                .chars
                .get(start + ahead)
                .filter(|c| **c == '_' || "[]".contains(**c) || c.is_ascii_alphanumeric())
            {
                name.push(*c);
                ahead += 1;
            }
            let at = |n: usize| self.input.chars.get(start + ahead + n);
            let base = crate::text::split_element(&name).map_or(name.as_str(), |(base, _)| base);
            if crate::text::is_name(base) && at(0) == Some(&'}') && matches!(at(1), Some('<' | '>'))
            {
                self.input.pos = start + ahead + 1;
                return RedirectFd::Variable(name);
            }
        }
        RedirectFd::Default
    }

    fn redirect_operator(&mut self, default_fd: bool) -> Option<(RedirectKind, bool)> {
        use RedirectKind as K;
        let bash = self.bash();
        match self.peek()? {
            '<' | '>' if self.peek_second() == Some('(') && bash && default_fd => return None,
            '<' | '>' => {}
            '&' if bash && default_fd && self.peek_second() == Some('>') => {
                self.next();
                self.next();
                return Some((
                    if self.eat('>') {
                        K::BothAppend
                    } else {
                        K::BothWrite
                    },
                    false,
                ));
            }
            _ => return None,
        }
        if self.eat_str("<<<") && bash {
            return Some((K::HereString, false));
        }
        let table = [
            ("<<-", K::HereDocument, true),
            ("<<", K::HereDocument, false),
            ("<&", K::DupIn, false),
            ("<>", K::ReadWrite, false),
            ("<", K::Read, false),
            (">>", K::Append, false),
            (">&", K::DupOut, false),
            (">|", K::Clobber, false),
            (">", K::Write, false),
        ];
        table
            .into_iter()
            .find(|(text, ..)| self.eat_str(text))
            .map(|(_, kind, strip)| (kind, strip))
    }

    /// Notes a here-document; its body is read after the newline.
    fn here_document(&mut self, strip_tabs: bool) -> Result<Rc<OnceCell<Word>>> {
        let start = self.input.pos;
        let Some(word) = self.word()? else {
            return Err(self.unexpected());
        };
        let mut delimiter = String::new();
        let mut quoted = false;
        for part in &word.parts {
            match part {
                Part::Literal(text) => delimiter.push_str(text),
                Part::Quoted(text) => {
                    quoted = true;
                    delimiter.push_str(text);
                }
                Part::Double(inner) => {
                    quoted = true;
                    for part in inner {
                        if let Part::Quoted(text) | Part::Literal(text) = part {
                            delimiter.push_str(text);
                        }
                    }
                }
                // The delimiter is not expanded.
                _ => delimiter = self.source_since(start),
            }
        }
        let body = Rc::new(OnceCell::new());
        self.pending.push(Pending {
            delimiter,
            quoted,
            strip_tabs,
            line: self.input.line,
            body: Rc::clone(&body),
        });
        Ok(body)
    }

    /// Reads the bodies of the here-documents noted so far.
    pub(crate) fn read_here_documents(&mut self) -> Result<()> {
        for pending in std::mem::take(&mut self.pending) {
            let line = self.input.line;
            let text = self.here_text(&pending);
            let source: Option<Rc<str>> = self.keep.then(|| text.as_str().into());
            let mut word = if pending.quoted {
                Word {
                    parts: vec![Part::Quoted(text)],
                    brace: false,
                    source: None,
                }
            } else {
                let mut input = Input::text(&text, line);
                let mut parser = self.inside(&mut input)?;
                parser.depth += 1;
                let parts = parser.nested(|p| p.double_parts(None))?;
                Word {
                    parts: vec![Part::Double(parts)],
                    brace: false,
                    source: None,
                }
            };
            word.source = source;
            // Set only here, once per body.
            let _ = pending.body.set(word);
        }
        Ok(())
    }

    /// As bash does when the end of the text ended a here-document.
    fn warn_of_end(&self, pending: &Pending) {
        if self.bash() && !self.input.interrupted() {
            let Pending {
                line, delimiter, ..
            } = pending;
            let warning = format!(
                "warning: here-document at line {line} delimited by end-of-file (wanted `{delimiter}')"
            );
            self.source.warn(&warning, self.input.line);
        }
    }

    fn here_text(&mut self, pending: &Pending) -> String {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let mut continued = false;
            loop {
                match self.next_raw() {
                    None => {
                        // The end of the text ends the document too.
                        if line != pending.delimiter {
                            text.push_str(&line);
                            self.warn_of_end(pending);
                        }
                        return text;
                    }
                    Some('\n') => {
                        let escapes = line.chars().rev().take_while(|c| *c == '\\').count();
                        if !pending.quoted && escapes % 2 == 1 {
                            // A continued line, which may be the last one as well.
                            line.pop();
                            continued = true;
                            continue;
                        }
                        break;
                    }
                    Some('\t') if pending.strip_tabs && line.is_empty() && !continued => {}
                    Some(c) => line.push(c),
                }
            }
            if line == pending.delimiter {
                return text;
            }
            text.push_str(&line);
            text.push('\n');
        }
    }
}
