//! The grammar of awk: rules, functions and statements. Expressions are in [`super::expression`].

use super::ast::{
    ArrayRef, Expr, ForParts, Function, Program, Redirect, Rule, Slot, Special, Statement,
};
use super::lexer::{Lexer, Token};
use std::collections::HashMap;

pub struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) token: Token,
    /// Where `token` ends.
    pub(super) token_at: usize,
    pub(super) program: Program,
    globals: HashMap<String, usize>,
    pub(super) functions: HashMap<String, usize>,
    defined: Vec<bool>,
    /// The function being read, and its parameters.
    pub(super) function: Option<usize>,
    parameters: Vec<String>,
    /// Which parameters of the function being read are used as arrays.
    arrays: Vec<bool>,
    /// A parameter of one function passed on as an argument of another: caller, parameter, callee, argument.
    passed: Vec<(usize, usize, usize, usize)>,
    pub(super) unicode: bool,
    /// `>` is a redirection.
    pub(super) no_greater: bool,
    pub(super) depth: usize,
}

pub(super) type Result<T> = std::result::Result<T, String>;

/// Parses a program. Fails with a message.
pub fn parse(text: &[u8], unicode: bool) -> Result<Program> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        token: Token::Newline,
        token_at: 0,
        program: Program::default(),
        globals: HashMap::new(),
        functions: HashMap::new(),
        defined: Vec::new(),
        function: None,
        parameters: Vec::new(),
        arrays: Vec::new(),
        passed: Vec::new(),
        unicode,
        no_greater: false,
        depth: 0,
    };
    for name in super::GLOBALS {
        parser.global(name);
    }
    let result = parser.advance().and_then(|()| parser.items());
    let line = parser.lexer.line;
    result
        .and_then(|()| parser.finish())
        .map_err(|text| format!("line {line}: {text}"))
}

impl Parser<'_> {
    pub(super) fn advance(&mut self) -> Result<()> {
        self.token = self.lexer.next()?;
        self.token_at = self.lexer.at;
        Ok(())
    }

    pub(super) fn is(&self, mark: &str) -> bool {
        matches!(&self.token, Token::Mark(found) if *found == mark)
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        matches!(&self.token, Token::Keyword(found) if *found == word)
    }

    pub(super) fn accept(&mut self, mark: &str) -> Result<bool> {
        if self.is(mark) {
            self.advance()?;
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) fn expect(&mut self, mark: &str) -> Result<()> {
        if self.accept(mark)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub(super) fn unexpected(&self) -> String {
        let found = match &self.token {
            Token::Newline => "newline".to_owned(),
            Token::End => "end of program".to_owned(),
            Token::Number(number) => number.to_string(),
            Token::Text(text) => format!("\"{}\"", text.escape_ascii()),
            Token::Name(name) | Token::FunctionName(name) | Token::Builtin(name) => name.clone(),
            Token::Keyword(word) => (*word).to_owned(),
            Token::Mark(mark) => (*mark).to_owned(),
        };
        format!("syntax error at or near {found}")
    }

    pub(super) fn skip_newlines(&mut self) -> Result<()> {
        while self.token == Token::Newline {
            self.advance()?;
        }
        Ok(())
    }

    fn skip_terminators(&mut self) -> Result<()> {
        while self.token == Token::Newline || self.is(";") {
            self.advance()?;
        }
        Ok(())
    }

    fn global(&mut self, name: &str) -> usize {
        if let Some(&known) = self.globals.get(name) {
            return known;
        }
        let number = self.program.globals.len();
        self.program.globals.push(name.to_owned());
        self.globals.insert(name.to_owned(), number);
        number
    }

    pub(super) fn slot(&mut self, name: &str) -> Slot {
        if let Some(local) = self
            .parameters
            .iter()
            .position(|parameter| parameter == name)
        {
            return Slot::Local(local);
        }
        match Special::named(name) {
            Some(special) => Slot::Special(special),
            None => Slot::Global(self.global(name)),
        }
    }

    pub(super) fn array(&mut self, name: &str) -> Result<ArrayRef> {
        match self.slot(name) {
            Slot::Local(local) => {
                self.arrays[local] = true;
                Ok(ArrayRef::Local(local))
            }
            Slot::Global(global) => Ok(ArrayRef::Global(global)),
            Slot::Special(_) => Err(format!("{name} is not an array")),
        }
    }

    /// Notes that a parameter is used as an array.
    pub(super) fn marks_array(&mut self, local: usize) {
        if let Some(array) = self.arrays.get_mut(local) {
            *array = true;
        }
    }

    /// The number of a function, which may be defined later.
    pub(super) fn function_number(&mut self, name: &str) -> usize {
        if let Some(&known) = self.functions.get(name) {
            return known;
        }
        let number = self.program.functions.len();
        self.program.functions.push(Function {
            name: name.to_owned(),
            parameters: Vec::new(),
            arrays: Vec::new(),
            body: Vec::new(),
        });
        self.defined.push(false);
        self.functions.insert(name.to_owned(), number);
        number
    }

    /// Notes that a parameter is passed on, so that it is an array if the other is.
    pub(super) fn passes(&mut self, local: usize, callee: usize, argument: usize) {
        if let Some(function) = self.function {
            self.passed.push((function, local, callee, argument));
        }
    }

    fn items(&mut self) -> Result<()> {
        loop {
            self.skip_terminators()?;
            if self.token == Token::End {
                return Ok(());
            }
            if self.is_keyword("function") {
                self.function_item()?;
            } else {
                self.rule()?;
            }
        }
    }

    fn rule(&mut self) -> Result<()> {
        if self.is_keyword("BEGIN") || self.is_keyword("END") {
            let begin = self.is_keyword("BEGIN");
            self.advance()?;
            self.skip_newlines()?;
            if !self.is("{") {
                return Err(self.unexpected());
            }
            let body = self.block()?;
            if begin {
                self.program.begin.push(body);
            } else {
                self.program.end.push(body);
            }
            return Ok(());
        }
        let rule = if self.is("{") {
            Rule::Always
        } else {
            let first = self.expression()?;
            if self.accept(",")? {
                self.skip_newlines()?;
                Rule::Range(first, self.expression()?)
            } else {
                Rule::When(first)
            }
        };
        let body = if self.is("{") {
            self.block()?
        } else {
            vec![Statement::Print(Vec::new(), None)]
        };
        self.program.rules.push((rule, body));
        Ok(())
    }

    fn function_item(&mut self) -> Result<()> {
        self.advance()?;
        let (Token::Name(name) | Token::FunctionName(name)) = self.token.clone() else {
            return Err(self.unexpected());
        };
        self.advance()?;
        let number = self.function_number(&name);
        if self.defined[number] {
            return Err(format!("function {name} is defined twice"));
        }
        self.expect("(")?;
        let mut parameters = Vec::new();
        while !self.is(")") {
            let Token::Name(parameter) = self.token.clone() else {
                return Err(self.unexpected());
            };
            self.advance()?;
            parameters.push(parameter);
            if !self.accept(",")? {
                break;
            }
            self.skip_newlines()?;
        }
        self.expect(")")?;
        self.skip_newlines()?;
        self.arrays = vec![false; parameters.len()];
        self.parameters = parameters;
        self.function = Some(number);
        let body = self.block()?;
        self.function = None;
        self.defined[number] = true;
        let function = &mut self.program.functions[number];
        function.body = body;
        function.parameters = std::mem::take(&mut self.parameters);
        function.arrays = std::mem::take(&mut self.arrays);
        Ok(())
    }

    /// Finds which parameters are arrays because they are passed on as such.
    fn finish(mut self) -> Result<Program> {
        if let Some(undefined) = self.defined.iter().position(|defined| !defined) {
            let name = &self.program.functions[undefined].name;
            return Err(format!("calling undefined function {name}"));
        }
        loop {
            let mut changed = false;
            for &(caller, local, callee, argument) in &self.passed {
                let functions = &mut self.program.functions;
                let array = functions[callee]
                    .arrays
                    .get(argument)
                    .copied()
                    .unwrap_or(false);
                if array && !functions[caller].arrays[local] {
                    functions[caller].arrays[local] = true;
                    changed = true;
                }
            }
            if !changed {
                return Ok(self.program);
            }
        }
    }

    fn block(&mut self) -> Result<Vec<Statement>> {
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
                if let Token::Name(array) = self.token.clone() {
                    self.advance()?;
                    if self.accept(")")? {
                        let array = self.array(&array)?;
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
        let (Token::Name(name) | Token::FunctionName(name)) = self.token.clone() else {
            return Err(self.unexpected());
        };
        self.advance()?;
        let array = self.array(&name)?;
        let key = if self.accept("[")? {
            Some(self.subscript()?)
        } else {
            None
        };
        if grouped {
            self.expect(")")?;
        }
        Ok(Statement::Delete(array, key))
    }

    fn print(&mut self, format: bool) -> Result<Statement> {
        let arguments = self.print_arguments()?;
        let redirect = if self.accept(">")? {
            Some(Redirect::Create(self.redirect_target()?))
        } else if self.accept(">>")? {
            Some(Redirect::Append(self.redirect_target()?))
        } else if self.accept("|")? {
            Some(Redirect::Command(self.redirect_target()?))
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
            || [";", "}", ">", ">>", "|"].iter().any(|mark| self.is(mark))
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
