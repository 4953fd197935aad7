//! Word expansion, in the order of POSIX's XCU 2.6.

mod arith;
mod brace;
mod bracket;
pub use secure_exec_sh_syntax::escape;
mod fields;
pub mod glob;
mod operators;
mod parameter;
pub mod pattern;
pub mod regex;
mod replacement;
mod tilde;

use crate::shell::{Flow, Shell};
use crate::syntax::ast::{Part, Word};

/// A stretch of an expanded word.
#[derive(Debug)]
pub enum Piece {
    Text {
        text: String,
        /// Came from quotes: neither split nor a pattern.
        quoted: bool,
        /// Came from an expansion: split at `IFS`.
        split: bool,
    },
    /// Where `$@` ends one field and begins the next.
    Break,
}

/// How an expansion is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Becomes any number of fields.
    Fields,
    /// Becomes one string.
    Single,
}

/// What the expansion of parts depends on.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub mode: Mode,
    pub quoted: bool,
    /// Literals are split too: they are the word of `${name:-word}`.
    pub split_literals: bool,
    /// Tildes count after every colon.
    pub assignment: bool,
}

impl Context {
    pub const FIELDS: Self = Self {
        mode: Mode::Fields,
        quoted: false,
        split_literals: false,
        assignment: false,
    };
    pub const SINGLE: Self = Self {
        mode: Mode::Single,
        quoted: false,
        split_literals: false,
        assignment: false,
    };
    pub const ASSIGNMENT: Self = Self {
        mode: Mode::Single,
        quoted: false,
        split_literals: false,
        assignment: true,
    };
}

/// Joins pieces to one string; `Break` becomes a space.
pub fn join(pieces: Vec<Piece>) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text { text, .. } if out.is_empty() => out = text,
            Piece::Text { text, .. } => out.push_str(&text),
            Piece::Break => out.push(' '),
        }
    }
    out
}

fn has_tilde(parts: &[Part]) -> bool {
    parts
        .iter()
        .any(|part| matches!(part, Part::Literal(text) if text.contains('~')))
}

/// Parts `name=value`, `name+=value` and `name[index]=value` after the `=`.
fn assigned_value(text: &str) -> Option<(String, String)> {
    let (left, value) = text.split_once('=')?;
    let name = left.strip_suffix('+').unwrap_or(left);
    let name = match name.split_once('[') {
        Some((name, index)) if index.ends_with(']') => name,
        Some(_) => return None,
        None => name,
    };
    crate::text::is_name(name).then(|| (format!("{left}="), value.to_owned()))
}

impl Shell {
    /// Expands words to fields: all expansions, splitting, patterns, quote removal.
    ///
    /// # Errors
    /// An expansion failed and was reported.
    pub fn expand_words(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut out = Vec::with_capacity(words.len());
        for word in words {
            self.expand_into(word, &mut out)?;
        }
        Ok(out)
    }

    /// Expands a word to fields at the end of `out`.
    pub fn expand_into(&mut self, word: &Word, out: &mut Vec<String>) -> Result<(), Flow> {
        if word.brace && self.bash && self.options.braceexpand {
            match brace::plain_sequence(word) {
                Ok(Some(words)) => {
                    out.extend(words);
                    return Ok(());
                }
                Ok(None) => {}
                Err(brace::TooMany) => return self.too_many_words(),
            }
            match brace::expand(word) {
                Ok(Some(words)) => {
                    // An alternative of nothing is no word.
                    for word in words.iter().filter(|word| !word.parts.is_empty()) {
                        self.expand_plain(word, out)?;
                    }
                    return Ok(());
                }
                Ok(None) => {}
                Err(brace::TooMany) => return self.too_many_words(),
            }
        }
        self.expand_plain(word, out)
    }

    fn too_many_words<T>(&self) -> Result<T, Flow> {
        self.fatal("brace expansion: too many words, or nested too deeply")
    }

    fn expand_plain(&mut self, word: &Word, out: &mut Vec<String>) -> Result<(), Flow> {
        if let Some(text) = word.literal() {
            let special = text.contains(['*', '?', '[', '~', '\\'])
                || self.options.extglob && text.contains('(');
            if !special {
                out.push(text.to_owned());
                return Ok(());
            }
        }
        let pieces = self.pieces(&word.parts, Context::FIELDS)?;
        self.fields_into(pieces, out)
    }

    /// Expands an argument: in bash, one that looks like an assignment has tildes after its `=` and its colons.
    pub fn expand_argument(&mut self, word: &Word, out: &mut Vec<String>) -> Result<(), Flow> {
        let value = match word.parts.first() {
            Some(Part::Literal(text)) if self.bash && !self.options.posix => assigned_value(text),
            _ => None,
        };
        let Some((name, value)) = value else {
            return self.expand_into(word, out);
        };
        if word.brace || !has_tilde(&word.parts) {
            return self.expand_into(word, out);
        }
        let mut parts = word.parts.clone();
        parts[0] = Part::Literal(value);
        let mut pieces = vec![Piece::Text {
            text: name,
            quoted: false,
            split: false,
        }];
        let context = Context {
            assignment: true,
            ..Context::FIELDS
        };
        self.pieces_into(&parts, context, &mut pieces)?;
        self.fields_into(pieces, out)
    }

    /// Expands to one string without splitting or patterns.
    pub fn expand_single(&mut self, word: &Word) -> Result<String, Flow> {
        if let Some(text) = word.literal()
            && !text.contains('~')
        {
            return Ok(text.to_owned());
        }
        Ok(join(self.pieces(&word.parts, Context::SINGLE)?))
    }

    /// Expands the value of an assignment.
    pub fn expand_assignment(&mut self, word: &Word) -> Result<String, Flow> {
        Ok(join(self.pieces(&word.parts, Context::ASSIGNMENT)?))
    }

    /// Expands to a pattern: what was quoted is escaped.
    pub fn expand_pattern(&mut self, word: &Word) -> Result<String, Flow> {
        let mut out = String::new();
        for piece in self.pieces(&word.parts, Context::SINGLE)? {
            match piece {
                Piece::Text {
                    text, quoted: true, ..
                } => pattern::escape(&text, &mut out),
                Piece::Text { text, .. } => out.push_str(&text),
                Piece::Break => out.push(' '),
            }
        }
        if out.is_ascii() || !self.counts_bytes() {
            return Ok(out);
        }
        Ok(crate::text::single_bytes(&out).into_owned())
    }

    /// Expands to a regular expression: what was quoted stands for itself.
    pub fn expand_regex(&mut self, word: &Word) -> Result<String, Flow> {
        let mut out = String::new();
        // A backslash escapes nothing in a bracket expression.
        let mut bracket = false;
        for piece in self.pieces(&word.parts, Context::SINGLE)? {
            match piece {
                Piece::Text {
                    text, quoted: true, ..
                } if !bracket => regex::escape(&text, &mut out),
                Piece::Text { text, quoted, .. } => {
                    out.push_str(&text);
                    if !quoted {
                        bracket = regex::ends_in_bracket(&out);
                    }
                }
                Piece::Break => out.push(' '),
            }
        }
        if out.is_ascii() || !self.counts_bytes() {
            return Ok(out);
        }
        Ok(crate::text::single_bytes(&out).into_owned())
    }

    /// Expands and evaluates an expression.
    pub fn expand_arithmetic(&mut self, parts: &[Part]) -> Result<i64, Flow> {
        if let [Part::Literal(text)] = parts {
            return self.arithmetic(text);
        }
        let context = Context {
            quoted: true,
            ..Context::SINGLE
        };
        let text = join(self.pieces(parts, context)?);
        self.arithmetic(&text)
    }

    /// Expands parts to pieces.
    pub fn pieces(&mut self, parts: &[Part], context: Context) -> Result<Vec<Piece>, Flow> {
        let mut out = Vec::with_capacity(parts.len());
        self.pieces_into(parts, context, &mut out)?;
        Ok(out)
    }

    pub(crate) fn pieces_into(
        &mut self,
        parts: &[Part],
        context: Context,
        out: &mut Vec<Piece>,
    ) -> Result<(), Flow> {
        self.depth += 1;
        if self.depth > crate::exec::MAX_DEPTH {
            self.depth -= 1;
            return self.fatal("expansion nested too deeply");
        }
        let result = parts
            .iter()
            .enumerate()
            .try_for_each(|(at, part)| match part {
                Part::Literal(text) if !context.quoted && text.contains('~') => {
                    let last = at + 1 == parts.len();
                    let first = at == 0;
                    self.tilde_into(text, first, last, context, out);
                    Ok(())
                }
                _ => self.piece_into(part, context, out),
            });
        self.depth -= 1;
        result
    }

    fn piece_into(
        &mut self,
        part: &Part,
        context: Context,
        out: &mut Vec<Piece>,
    ) -> Result<(), Flow> {
        let quoted = context.quoted;
        match part {
            Part::Literal(text) => {
                out.push(Piece::Text {
                    text: text.clone(),
                    quoted,
                    split: context.split_literals && !quoted,
                });
            }
            Part::Quoted(text) => out.push(Piece::Text {
                text: text.clone(),
                quoted: true,
                split: false,
            }),
            Part::Double(inner) => {
                let before = out.len();
                self.pieces_into(
                    inner,
                    Context {
                        quoted: true,
                        split_literals: false,
                        ..context
                    },
                    out,
                )?;
                // Quotes around nothing are an empty field, but not around "$@" without parameters.
                let at_only = !inner.is_empty()
                    && inner
                        .iter()
                        .all(|p| matches!(p, Part::Param(p) if p.may_vanish()));
                if out.len() == before && !at_only {
                    out.push(Piece::Text {
                        text: String::new(),
                        quoted: true,
                        split: false,
                    });
                }
            }
            Part::Param(param) => self.parameter_into(param, context, out)?,
            Part::Command(list) => {
                let text = self.command_substitution(list)?;
                out.push(Piece::Text {
                    text,
                    quoted,
                    split: !quoted,
                });
            }
            Part::Arith(parts) => {
                let text = self.expand_arithmetic(parts)?.to_string();
                out.push(Piece::Text {
                    text,
                    quoted,
                    split: !quoted,
                });
            }
            Part::Process(reads, list) => {
                let text = self.process_substitution(*reads, list)?;
                out.push(Piece::Text {
                    text,
                    quoted: true,
                    split: false,
                });
            }
        }
        Ok(())
    }
}
