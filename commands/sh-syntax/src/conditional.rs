//! The expressions of `[[ ]]`.

use crate::ast::{Compound, Cond, Part, Word};
use crate::parser::{Parser, Result};

/// Operators between two words.
const BINARY: [&str; 14] = [
    "=~", "==", "=", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "<",
];

/// Letters of the operators before one word.
const UNARY: &[u8] = b"abcdefghknoprstuvwxzGLNORS";

impl Parser<'_> {
    /// Up to `]]`, after `[[`.
    pub(crate) fn condition(&mut self) -> Result<Compound> {
        let expression = self.cond_or()?;
        self.skip_newlines()?;
        if !self.eat_reserved("]]") {
            return Err(self.unexpected());
        }
        Ok(Compound::Cond(expression))
    }

    fn cond_or(&mut self) -> Result<Cond> {
        let mut left = self.cond_and()?;
        loop {
            self.skip_newlines()?;
            if !self.eat_str("||") {
                return Ok(left);
            }
            left = Cond::Or(Box::new(left), Box::new(self.cond_and()?));
        }
    }

    fn cond_and(&mut self) -> Result<Cond> {
        let mut left = self.cond_not()?;
        loop {
            self.skip_newlines()?;
            if !self.eat_str("&&") {
                return Ok(left);
            }
            left = Cond::And(Box::new(left), Box::new(self.cond_not()?));
        }
    }

    fn cond_not(&mut self) -> Result<Cond> {
        self.nested(|p| {
            p.skip_newlines()?;
            if p.eat_reserved("!") {
                return Ok(Cond::Not(Box::new(p.cond_not()?)));
            }
            if p.eat('(') {
                let inner = p.cond_or()?;
                p.skip_newlines()?;
                if !p.eat(')') {
                    return Err(p.expected(")"));
                }
                return Ok(Cond::Group(Box::new(inner)));
            }
            p.cond_primary()
        })
    }

    fn cond_primary(&mut self) -> Result<Cond> {
        if self.peek_plain().as_deref() == Some("]]") {
            return Err(self.unexpected());
        }
        let Some(first) = self.word()? else {
            return Err(self.unexpected());
        };
        self.skip_blanks();
        let unary = first
            .literal()
            .filter(|t| matches!(t.as_bytes(), [b'-', letter] if UNARY.contains(letter)))
            .map(str::to_owned);
        if let Some(operator) = unary {
            // What follows is its operand, even where that looks like an operator.
            if self.peek_plain().as_deref() == Some("]]") {
                return Err(self.unexpected());
            }
            let Some(operand) = self.word()? else {
                return Err(self.unexpected());
            };
            return Ok(Cond::Unary(operator, operand));
        }
        let operator = match self.peek() {
            Some('<') if self.peek_second() != Some('(') => {
                self.next();
                "<".to_owned()
            }
            Some('>') if self.peek_second() != Some('(') => {
                self.next();
                ">".to_owned()
            }
            _ => match self.peek_plain() {
                Some(word) if BINARY.contains(&word.as_str()) => {
                    self.eat_str(&word);
                    word
                }
                // A binary operator may follow, on this line.
                _ if self.peek() == Some('\n') => {
                    return Err(self.error(
                        "unexpected token `newline', conditional binary operator expected",
                    ));
                }
                _ => return Ok(Cond::Word(first)),
            },
        };
        self.skip_blanks();
        let right = match operator.as_str() {
            "=~" => self.regex_word()?,
            _ => {
                let outer = std::mem::replace(&mut self.in_pattern, true);
                let word = self.word();
                self.in_pattern = outer;
                word?
            }
        };
        let Some(right) = right else {
            return Err(self.unexpected());
        };
        Ok(Cond::Binary(first, operator, right))
    }

    /// A regular expression: parentheses and bars are part of it.
    fn regex_word(&mut self) -> Result<Option<Word>> {
        let mut parts: Vec<Part> = Vec::new();
        let mut literal = String::new();
        let mut depth = 0_u32;
        let start = self.input.pos;
        loop {
            match self.peek() {
                None | Some('\n') => break,
                Some(' ' | '\t') if depth == 0 => break,
                Some(')') if depth == 0 => break,
                Some('&') if depth == 0 && self.peek_second() == Some('&') => break,
                Some('|') if depth == 0 && self.peek_second() == Some('|') => break,
                Some('\\') => {
                    self.next_raw();
                    if let Some(c) = self.next_raw() {
                        if !literal.is_empty() {
                            parts.push(Part::Literal(std::mem::take(&mut literal)));
                        }
                        parts.push(Part::Quoted(c.to_string()));
                    }
                }
                Some('\'' | '"' | '$' | '`') => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    let before = self.input.pos;
                    self.quoting_part(&mut parts)?;
                    if self.input.pos == before {
                        literal.push('$');
                        self.next_raw();
                    }
                }
                Some(c) => {
                    match c {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    literal.push(c);
                    self.next_raw();
                }
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok((!parts.is_empty()).then_some(Word {
            parts,
            brace: false,
            source: self.keep.then(|| self.source_since(start).into()),
        }))
    }
}
