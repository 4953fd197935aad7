//! Expressions of awk, by the precedence of their operators. What these work on is in [`super::operand`].

use super::lexer::Token;
use super::parser::{Parser, Result};
use crate::awk::ast::{Arithmetic, Comparison, Expr, Source};
use crate::pattern::{Dialect, Pattern, Syntax};
use std::rc::Rc;

/// Compiles an expression in awk's dialect.
pub fn compile(text: &[u8], unicode: bool, ignore_case: bool) -> Result<Rc<Pattern>> {
    let builder = crate::pattern::Builder {
        unicode,
        ignore_case,
    };
    builder
        .posix(text, Syntax::Awk, Dialect::awk(unicode))
        .map(Rc::new)
}

impl Parser {
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > 500 {
            return Err("nested too deeply".to_owned());
        }
        let expression = self.ternary();
        self.depth -= 1;
        expression
    }

    /// Expressions separated by commas, up to a closing mark, which is consumed.
    pub(super) fn list_until(&mut self, close: &str) -> Result<Vec<Expr>> {
        let mut list = Vec::new();
        self.skip_newlines()?;
        while !self.is(close) {
            list.push(self.expression()?);
            self.skip_newlines()?;
            if !self.accept(",")? {
                break;
            }
            self.skip_newlines()?;
        }
        self.expect(close)?;
        Ok(list)
    }

    /// The subscripts of an array behind `[`.
    pub(super) fn subscript(&mut self) -> Result<Expr> {
        let greater = std::mem::replace(&mut self.no_greater, false);
        let mut keys = self.list_until("]")?;
        self.no_greater = greater;
        match keys.len() {
            0 => Err(self.unexpected()),
            1 => Ok(keys.remove(0)),
            _ => Ok(Expr::Subscript(keys)),
        }
    }

    pub(super) fn ternary(&mut self) -> Result<Expr> {
        let condition = self.or()?;
        if !self.accept("?")? {
            return Ok(condition);
        }
        self.skip_newlines()?;
        let yes = self.ternary()?;
        self.skip_newlines()?;
        self.expect(":")?;
        self.skip_newlines()?;
        let no = self.ternary()?;
        Ok(Expr::Conditional(Box::new((condition, yes, no))))
    }

    fn or(&mut self) -> Result<Expr> {
        let mut left = self.and()?;
        while self.accept("||")? {
            self.skip_newlines()?;
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.membership()?;
        while self.accept("&&")? {
            self.skip_newlines()?;
            left = Expr::And(Box::new(left), Box::new(self.membership()?));
        }
        Ok(left)
    }

    fn membership(&mut self) -> Result<Expr> {
        let mut left = self.matching()?;
        while self.is_keyword("in") {
            self.advance()?;
            left = Expr::In(Box::new(left), self.array_operand()?);
        }
        Ok(left)
    }

    fn matching(&mut self) -> Result<Expr> {
        let mut left = self.comparison()?;
        while self.is("~") || self.is("!~") {
            let negated = self.is("!~");
            self.advance()?;
            let regex = self.comparison()?;
            left = Expr::Match {
                negated,
                text: Box::new(left),
                regex: Box::new(self.constant_regex(regex)?),
            };
        }
        Ok(left)
    }

    /// A string constant used as an expression is compiled once.
    pub(super) fn constant_regex(&self, expression: Expr) -> Result<Expr> {
        match expression {
            Expr::Text(text) => Ok(Expr::Regex(compile(&text, self.unicode, false)?, text)),
            other => Ok(other),
        }
    }

    fn comparison(&mut self) -> Result<Expr> {
        let left = self.piped()?;
        let operator = match &self.token {
            Token::Mark("<") => Comparison::Less,
            Token::Mark("<=") => Comparison::LessEqual,
            Token::Mark("==") => Comparison::Equal,
            Token::Mark("!=") => Comparison::NotEqual,
            Token::Mark(">") if !self.no_greater => Comparison::Greater,
            Token::Mark(">=") => Comparison::GreaterEqual,
            _ => return Ok(left),
        };
        self.advance()?;
        let right = self.piped()?;
        Ok(Expr::Comparison(operator, Box::new(left), Box::new(right)))
    }

    /// `command | getline`.
    fn piped(&mut self) -> Result<Expr> {
        let mut left = self.concatenation_without_pipe()?;
        while self.is("|") || self.is("|&") {
            let saved = (self.lexer.clone(), self.token.clone(), self.token_at);
            let coprocess = self.is("|&");
            self.advance()?;
            if !self.is_keyword("getline") {
                (self.lexer, self.token, self.token_at) = saved;
                break;
            }
            self.advance()?;
            let place = self.optional_place()?;
            let source = if coprocess {
                Source::Coprocess(Box::new(left))
            } else {
                Source::Command(Box::new(left))
            };
            left = Expr::Getline(source, place);
        }
        Ok(left)
    }

    pub(super) fn concatenation_without_pipe(&mut self) -> Result<Expr> {
        let first = self.additive()?;
        if !self.starts_operand() {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.starts_operand() {
            parts.push(self.additive()?);
        }
        Ok(Expr::Concatenation(parts))
    }

    /// Whether the token begins an operand that can be concatenated.
    fn starts_operand(&self) -> bool {
        match &self.token {
            Token::Number(_)
            | Token::Text(_)
            | Token::Name(_)
            | Token::FunctionName(_)
            | Token::Builtin(_) => true,
            Token::Mark(mark) => matches!(*mark, "$" | "!" | "(" | "-" | "+" | "++" | "--" | "@"),
            _ => false,
        }
    }

    fn additive(&mut self) -> Result<Expr> {
        let mut left = self.multiplicative()?;
        loop {
            let operator = if self.is("+") {
                Arithmetic::Add
            } else if self.is("-") {
                Arithmetic::Subtract
            } else {
                return Ok(left);
            };
            self.advance()?;
            let right = self.multiplicative()?;
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(right));
        }
    }

    fn multiplicative(&mut self) -> Result<Expr> {
        let mut left = self.unary()?;
        loop {
            let operator = match &self.token {
                Token::Mark("*") => Arithmetic::Multiply,
                Token::Mark("/") => Arithmetic::Divide,
                Token::Mark("%") => Arithmetic::Modulo,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.unary()?;
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(right));
        }
    }

    pub(super) fn unary(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > 500 {
            return Err("nested too deeply".to_owned());
        }
        let expression = if self.accept("!")? {
            Expr::Not(Box::new(self.unary()?))
        } else if self.accept("-")? {
            Expr::Negative(Box::new(self.unary()?))
        } else if self.accept("+")? {
            Expr::Positive(Box::new(self.unary()?))
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn power(&mut self) -> Result<Expr> {
        let left = self.postfix()?;
        if !self.accept("^")? {
            return Ok(left);
        }
        let right = if self.accept("-")? {
            Expr::Negative(Box::new(self.power()?))
        } else if self.accept("+")? {
            self.power()?
        } else if self.accept("!")? {
            Expr::Not(Box::new(self.power()?))
        } else {
            self.power()?
        };
        Ok(Expr::Arithmetic(
            Arithmetic::Power,
            Box::new(left),
            Box::new(right),
        ))
    }
}
