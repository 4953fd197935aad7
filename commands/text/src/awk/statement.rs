//! Runs statements and rules.

use super::ast::{Expr, Redirect, Rule, Statement};
use super::machine::{Machine, Result, Unwind};
use super::streams::Mode;
use super::value::Value;

/// How a statement ended.
pub enum Flow {
    Normal,
    Break,
    Continue,
    Return(Value),
}

impl Machine<'_> {
    /// Runs `BEGIN`, the rules over the input, and `END`. The result is the exit status.
    pub fn run(&mut self) -> Result<u8> {
        let program = self.program;
        let mut exited = false;
        for body in &program.begin {
            match self.block(body) {
                Err(Unwind::Exit) => {
                    exited = true;
                    break;
                }
                other => {
                    other?;
                }
            }
        }
        if !exited && program.reads_input() {
            match self.main_loop() {
                Err(Unwind::Exit) => {}
                other => other?,
            }
        }
        self.finish_in_place()?;
        for body in &program.end {
            match self.block(body) {
                Err(Unwind::Exit) => break,
                Err(Unwind::Next | Unwind::NextFile) => {
                    return Err(Unwind::Fatal("next used in END action".to_owned()));
                }
                other => {
                    other?;
                }
            }
        }
        Ok(self.exit_status)
    }

    fn main_loop(&mut self) -> Result<()> {
        while self.next_record()? {
            match self.rules() {
                Ok(()) | Err(Unwind::Next) => {}
                Err(Unwind::NextFile) => self.end_file()?,
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    fn rules(&mut self) -> Result<()> {
        let program = self.program;
        for (index, (rule, body)) in program.rules.iter().enumerate() {
            let applies = match rule {
                Rule::Always => true,
                Rule::When(condition) => self.truth(condition)?,
                Rule::Range(first, last) => {
                    if self.ranges[index] || self.truth(first)? {
                        self.ranges[index] = !self.truth(last)?;
                        true
                    } else {
                        false
                    }
                }
            };
            if applies {
                self.block(body)?;
            }
        }
        Ok(())
    }

    pub fn run_function(&mut self, body: &[Statement]) -> Result<Value> {
        match self.block(body)? {
            Flow::Return(value) => Ok(value),
            _ => Ok(Value::Uninitialized),
        }
    }

    /// Runs the rules of `BEGINFILE` or `ENDFILE`.
    pub fn file_rules(&mut self, bodies: &[Vec<Statement>]) -> Result<()> {
        for body in bodies {
            self.block(body)?;
        }
        Ok(())
    }

    pub fn block(&mut self, body: &[Statement]) -> Result<Flow> {
        for statement in body {
            match self.statement(statement)? {
                Flow::Normal => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Normal)
    }

    fn statement(&mut self, statement: &Statement) -> Result<Flow> {
        match statement {
            Statement::Expression(expr) => self.effect(expr)?,
            Statement::Print(arguments, redirect) => self.print(arguments, redirect.as_ref())?,
            Statement::Printf(arguments, redirect) => self.printf(arguments, redirect.as_ref())?,
            Statement::If(condition, then, otherwise) => {
                let body = if self.truth(condition)? {
                    then
                } else {
                    otherwise
                };
                return self.block(body);
            }
            Statement::While(condition, body) => {
                while self.truth(condition)? {
                    match self.block(body)? {
                        Flow::Break => break,
                        Flow::Return(value) => return Ok(Flow::Return(value)),
                        _ => {}
                    }
                }
            }
            Statement::Do(body, condition) => loop {
                match self.block(body)? {
                    Flow::Break => break,
                    Flow::Return(value) => return Ok(Flow::Return(value)),
                    _ => {}
                }
                if !self.truth(condition)? {
                    break;
                }
            },
            Statement::For(parts, body) => {
                if let Some(start) = &parts.start {
                    self.statement(start)?;
                }
                while parts
                    .condition
                    .as_ref()
                    .map_or(Ok(true), |expr| self.truth(expr))?
                {
                    match self.block(body)? {
                        Flow::Break => break,
                        Flow::Return(value) => return Ok(Flow::Return(value)),
                        _ => {}
                    }
                    if let Some(step) = &parts.step {
                        self.statement(step)?;
                    }
                }
            }
            Statement::ForIn(slot, array, body) => {
                let shared = self.array(array)?;
                for key in self.ordered_keys(&shared)? {
                    self.set_variable(*slot, Value::input(&key))?;
                    match self.block(body)? {
                        Flow::Break => break,
                        Flow::Return(value) => return Ok(Flow::Return(value)),
                        _ => {}
                    }
                }
            }
            Statement::Switch(value, cases) => return self.switch(value, cases),
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Next => return Err(Unwind::Next),
            Statement::NextFile => return Err(Unwind::NextFile),
            Statement::Exit(status) => {
                if let Some(status) = status {
                    self.exit_status = (self.number(status)? as i64 & 0xff) as u8;
                }
                return Err(Unwind::Exit);
            }
            Statement::Return(value) => {
                let value = match value {
                    Some(value) => self.value(value)?,
                    None => Value::Uninitialized,
                };
                return Ok(Flow::Return(value));
            }
            Statement::Delete(array, None) => self.array(array)?.borrow_mut().clear(),
            Statement::Delete(array, Some(key)) => {
                self.with_element(array, key, |array, key| array.remove(key))?;
            }
        }
        Ok(Flow::Normal)
    }

    /// Evaluates for its effect only.
    #[inline(never)]
    fn effect(&mut self, expr: &Expr) -> Result<()> {
        match expr {
            Expr::Increment { .. } | Expr::Augment(..) | Expr::Substitute { .. } => {
                self.number(expr)?;
            }
            Expr::Assign(place, value) => {
                let value = self.value(value)?;
                self.assign(place, value)?;
            }
            Expr::Append(slot, value) => self.append_in_place(*slot, value)?,
            Expr::Group(inner) => self.effect(inner)?,
            _ => {
                self.value(expr)?;
            }
        }
        Ok(())
    }

    /// Whether a label of `switch` applies to a value.
    pub fn is_case(&mut self, value: &Value, label: &Expr) -> Result<bool> {
        if let Expr::Regex(..) = label {
            let pattern = self.regex(label)?;
            return Ok(pattern.is_match(&self.text_of(value)));
        }
        let label = self.value(label)?;
        if let Value::Regexp(text) = &label {
            let pattern = self.pattern_of(text)?;
            return Ok(pattern.is_match(&self.text_of(value)));
        }
        let format = &self.specials.convfmt;
        Ok(value.compare(&label, format) == Some(std::cmp::Ordering::Equal))
    }

    #[inline(never)]
    fn switch(&mut self, value: &Expr, cases: &[(Option<Expr>, Vec<Statement>)]) -> Result<Flow> {
        let value = self.value(value)?;
        let mut start = None;
        for (index, (label, _)) in cases.iter().enumerate() {
            let Some(label) = label else { continue };
            if self.is_case(&value, label)? {
                start = Some(index);
                break;
            }
        }
        let start = start.or_else(|| cases.iter().position(|(label, _)| label.is_none()));
        for (_, body) in cases.iter().skip(start.unwrap_or(cases.len())) {
            match self.block(body)? {
                Flow::Break => break,
                Flow::Normal => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Normal)
    }

    #[inline(never)]
    fn print(&mut self, arguments: &[Expr], redirect: Option<&Redirect>) -> Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        if arguments.is_empty() {
            let record = self.record.text(&self.specials.ofs, &self.specials.convfmt);
            line.extend_from_slice(record);
        }
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                line.extend_from_slice(&self.specials.ofs);
            }
            self.append_printed(argument, &mut line)?;
        }
        line.extend_from_slice(&self.specials.ors);
        let result = self.write(&line, redirect);
        self.line = line;
        result
    }

    #[inline(never)]
    fn printf(&mut self, arguments: &[Expr], redirect: Option<&Redirect>) -> Result<()> {
        let text = self.formatted(arguments)?;
        self.write(&text, redirect)
    }

    #[inline(never)]
    fn write(&mut self, text: &[u8], redirect: Option<&Redirect>) -> Result<()> {
        let (target, mode) = match redirect {
            None => return Ok(self.streams.print(text)?),
            Some(Redirect::Create(target)) => (target, Mode::Create),
            Some(Redirect::Append(target)) => (target, Mode::Append),
            Some(Redirect::Command(target)) => (target, Mode::Command),
            Some(Redirect::Coprocess(target)) => (target, Mode::Coprocess),
        };
        let mut name = Vec::new();
        self.append(target, &mut name)?;
        self.refuse_in_sandbox("redirection")?;
        if name.is_empty() {
            return Err(Unwind::Fatal(
                "expression for redirection has null string value".to_owned(),
            ));
        }
        match self.streams.print_to(&name, mode, text) {
            // The command does not want more.
            Err(error)
                if matches!(mode, Mode::Command | Mode::Coprocess)
                    && error.kind() == std::io::ErrorKind::BrokenPipe =>
            {
                Ok(())
            }
            Err(error) if self.is_nonfatal(&name) => {
                self.set_errno(&error);
                Ok(())
            }
            other => Ok(other?),
        }
    }
}
