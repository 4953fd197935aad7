//! Statements of awk.

use super::lexer::Token;
use super::parser::{Parser, Result};
use crate::awk::ast::{ArrayRef, Expr, ForParts, Redirect, Statement};
use std::collections::HashSet;

impl Parser {
    pub(super) fn block(&mut self) -> Result<Vec<Statement>> {
        self.expect("{")?;
        let mut body = Vec::new();
        loop {
            self.skip_terminators()?;
            if self.accept("}")? {
                return Ok(body);
            }
            if self.token == Token::End {
                return Err(self.unexpected());
            }
            body.push(self.statement()?);
        }
    }

    /// The body of `if` or a loop: a block or one statement.
    fn body(&mut self) -> Result<Vec<Statement>> {
        self.skip_newlines()?;
        if self.is("{") {
            return self.block();
        }
        if self.accept(";")? {
            return Ok(Vec::new());
        }
        Ok(vec![self.statement()?])
    }

    fn end_of_statement(&mut self) -> Result<()> {
        if self.token == Token::Newline || self.is(";") {
            return self.advance();
        }
        if self.is("}") || self.token == Token::End {
            return Ok(());
        }
        Err(self.unexpected())
    }

    fn statement(&mut self) -> Result<Statement> {
        self.depth += 1;
        if self.depth > 500 {
            return Err("nested too deeply".to_owned());
        }
        let statement = self.statement_here();
        self.depth -= 1;
        statement
    }

    fn statement_here(&mut self) -> Result<Statement> {
        let Token::Keyword(word) = self.token else {
            if self.is("{") {
                let always = Expr::Number(1.0);
                return Ok(Statement::If(always, self.block()?, Vec::new()));
            }
            let statement = self.simple_statement()?;
            self.end_of_statement()?;
            return Ok(statement);
        };
        match word {
            "if" => self.if_statement(),
            "while" => {
                self.advance()?;
                let condition = self.parenthesized()?;
                Ok(Statement::While(condition, self.body()?))
            }
            "do" => self.do_statement(),
            "for" => self.for_statement(),
            "switch" => self.switch_statement(),
            _ => {
                let statement = self.simple_statement()?;
                self.end_of_statement()?;
                Ok(statement)
            }
        }
    }

    fn parenthesized(&mut self) -> Result<Expr> {
        self.expect("(")?;
        let expression = self.expression()?;
        self.expect(")")?;
        Ok(expression)
    }

    fn if_statement(&mut self) -> Result<Statement> {
        self.advance()?;
        let condition = self.parenthesized()?;
        let then = self.body()?;
        // `else` may follow behind newlines and one semicolon; else the text is read again.
        let saved = (self.lexer.clone(), self.token.clone(), self.token_at);
        self.skip_terminators()?;
        if self.is_keyword("else") {
            self.advance()?;
            return Ok(Statement::If(condition, then, self.body()?));
        }
        (self.lexer, self.token, self.token_at) = saved;
        Ok(Statement::If(condition, then, Vec::new()))
    }

    fn do_statement(&mut self) -> Result<Statement> {
        self.advance()?;
        let body = self.body()?;
        self.skip_terminators()?;
        if !self.is_keyword("while") {
            return Err(self.unexpected());
        }
        self.advance()?;
        let condition = self.parenthesized()?;
        self.end_of_statement()?;
        Ok(Statement::Do(body, condition))
    }

    fn for_statement(&mut self) -> Result<Statement> {
        self.advance()?;
        self.expect("(")?;
        let saved = (self.lexer.clone(), self.token.clone(), self.token_at);
        if let Token::Name(name) = self.token.clone() {
            self.advance()?;
            if self.is_keyword("in") {
                self.advance()?;
                if let Token::Name(_) = self.token {
                    let array = self.array_operand()?;
                    if self.accept(")")? {
                        let slot = self.slot(&name);
                        return Ok(Statement::ForIn(slot, array, self.body()?));
                    }
                }
            }
            (self.lexer, self.token, self.token_at) = saved;
        }
        let start = if self.is(";") {
            None
        } else {
            Some(self.simple_statement()?)
        };
        self.expect(";")?;
        self.skip_newlines()?;
        let condition = if self.is(";") {
            None
        } else {
            Some(self.expression()?)
        };
        self.expect(";")?;
        self.skip_newlines()?;
        let step = if self.is(")") {
            None
        } else {
            Some(self.simple_statement()?)
        };
        self.expect(")")?;
        let parts = Box::new(ForParts {
            start,
            condition,
            step,
        });
        Ok(Statement::For(parts, self.body()?))
    }

    fn switch_statement(&mut self) -> Result<Statement> {
        self.advance()?;
        let value = self.parenthesized()?;
        self.skip_newlines()?;
        self.expect("{")?;
        let mut cases = Vec::new();
        let mut labels = HashSet::new();
        loop {
            self.skip_terminators()?;
            if self.accept("}")? {
                return Ok(Statement::Switch(value, cases));
            }
            let label = if self.is_keyword("case") {
                self.advance()?;
                Some(self.primary_of_case()?)
            } else if self.is_keyword("default") {
                self.advance()?;
                None
            } else {
                return Err(self.unexpected());
            };
            let text = match &label {
                None => Some("default".to_owned()),
                Some(Expr::Number(number)) => Some(number.to_string()),
                Some(Expr::Text(text)) => Some(String::from_utf8_lossy(text).into_owned()),
                Some(_) => None,
            };
            if let Some(text) = text
                && !labels.insert((label.is_none(), text.clone()))
            {
                return Err(format!("duplicate case values in switch body: {text}"));
            }
            self.expect(":")?;
            let mut body = Vec::new();
            loop {
                self.skip_terminators()?;
                if self.is("}") || self.is_keyword("case") || self.is_keyword("default") {
                    break;
                }
                body.push(self.statement()?);
            }
            cases.push((label, body));
        }
    }

    fn simple_statement(&mut self) -> Result<Statement> {
        let Token::Keyword(word) = self.token else {
            return Ok(Statement::Expression(self.expression()?));
        };
        if word == "getline" {
            return Ok(Statement::Expression(self.expression()?));
        }
        self.advance()?;
        Ok(match word {
            "print" | "printf" => self.print(word == "printf")?,
            "break" => Statement::Break,
            "continue" => Statement::Continue,
            "next" => Statement::Next,
            "nextfile" => Statement::NextFile,
            "exit" => Statement::Exit(self.optional_expression()?),
            "return" if self.function.is_none() => {
                return Err("return outside a function".to_owned());
            }
            "return" => Statement::Return(self.optional_expression()?),
            "delete" => self.delete()?,
            _ => return Err(format!("syntax error at or near {word}")),
        })
    }

    fn optional_expression(&mut self) -> Result<Option<Expr>> {
        if self.token == Token::Newline || self.token == Token::End || self.is(";") || self.is("}")
        {
            return Ok(None);
        }
        self.expression().map(Some)
    }

    fn delete(&mut self) -> Result<Statement> {
        let grouped = self.accept("(")?;
        let array = self.array_operand()?;
        if grouped {
            self.expect(")")?;
        }
        Ok(match array {
            ArrayRef::Element(parts) => Statement::Delete(parts.0, Some(parts.1)),
            array => Statement::Delete(array, None),
        })
    }

    fn print(&mut self, format: bool) -> Result<Statement> {
        let arguments = self.print_arguments()?;
        let redirect = if self.accept(">")? {
            Some(Redirect::Create(self.redirect_target()?))
        } else if self.accept(">>")? {
            Some(Redirect::Append(self.redirect_target()?))
        } else if self.accept("|")? {
            Some(Redirect::Command(self.redirect_target()?))
        } else if self.accept("|&")? {
            Some(Redirect::Coprocess(self.redirect_target()?))
        } else {
            None
        };
        if format {
            if arguments.is_empty() {
                return Err("printf without a format".to_owned());
            }
            return Ok(Statement::Printf(arguments, redirect));
        }
        Ok(Statement::Print(arguments, redirect))
    }

    fn redirect_target(&mut self) -> Result<Expr> {
        let saved = std::mem::replace(&mut self.no_greater, true);
        let target = self.concatenation_without_pipe();
        self.no_greater = saved;
        target
    }

    fn ends_print(&self) -> bool {
        self.token == Token::Newline
            || self.token == Token::End
            || [";", "}", ">", ">>", "|", "|&"]
                .iter()
                .any(|mark| self.is(mark))
    }

    fn print_arguments(&mut self) -> Result<Vec<Expr>> {
        if self.ends_print() {
            return Ok(Vec::new());
        }
        if self.is("(") {
            // A list in parentheses, unless more follows behind them.
            let saved = (self.lexer.clone(), self.token.clone(), self.token_at);
            self.advance()?;
            let list = self.list_in_parentheses();
            if let Ok(list) = list
                && self.ends_print()
            {
                return Ok(list);
            }
            (self.lexer, self.token, self.token_at) = saved;
        }
        let saved = std::mem::replace(&mut self.no_greater, true);
        let mut arguments = Vec::new();
        loop {
            match self.expression() {
                Ok(argument) => arguments.push(argument),
                Err(text) => {
                    self.no_greater = saved;
                    return Err(text);
                }
            }
            if !self.accept(",")? {
                break;
            }
            self.skip_newlines()?;
        }
        self.no_greater = saved;
        Ok(arguments)
    }

    fn list_in_parentheses(&mut self) -> Result<Vec<Expr>> {
        let saved = std::mem::replace(&mut self.no_greater, false);
        let list = self.list_until(")");
        self.no_greater = saved;
        list
    }
}
