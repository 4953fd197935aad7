//! The grammar of awk: rules and functions. Statements are in [`super::statement`], expressions in
//! [`super::expression`].

use super::lexer::{Lexer, Token};
use crate::awk::GLOBALS;
use crate::awk::ast::{ArrayRef, Function, Program, Rule, Slot, Special, Statement};
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
    for name in GLOBALS {
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

    pub(super) fn skip_terminators(&mut self) -> Result<()> {
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
}
