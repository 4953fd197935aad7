//! The grammar of awk: rules and functions. Statements are in [`super::statement`], expressions in
//! [`super::expression`].

use super::lexer::{Lexer, Token};
use crate::awk::ast::{ArrayRef, Function, Program, Rule, Slot, Special, Statement};
use crate::awk::input::GLOBALS;
use crate::awk::source;
use std::collections::{HashMap, HashSet};

pub struct Parser {
    pub(super) lexer: Lexer,
    /// The texts that include the one being read.
    including: Vec<Lexer>,
    included: HashSet<Vec<u8>>,
    /// gawk's `@namespace`, `awk` where nothing else is said.
    namespace: String,
    /// Whether gawk's language is read, and not only POSIX's.
    pub(super) extensions: bool,
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
    pub(super) unicode: bool,
    /// `>` is a redirection.
    pub(super) no_greater: bool,
    pub(super) depth: usize,
}

pub(super) type Result<T> = std::result::Result<T, String>;

/// Why a program cannot be run.
pub struct Failure {
    pub text: String,
    /// It can be read, and calls what is not there.
    pub fatal: bool,
}

/// Parses a program.
///
/// # Errors
/// A message.
pub fn parse(
    text: &[u8],
    unicode: bool,
    extensions: bool,
) -> std::result::Result<Program, Failure> {
    let mut parser = Parser {
        lexer: Lexer::new(text, extensions),
        including: Vec::new(),
        included: HashSet::new(),
        namespace: "awk".to_owned(),
        extensions,
        token: Token::Newline,
        token_at: 0,
        program: Program::default(),
        globals: HashMap::new(),
        functions: HashMap::new(),
        defined: Vec::new(),
        function: None,
        parameters: Vec::new(),
        unicode,
        no_greater: false,
        depth: 0,
    };
    for name in GLOBALS {
        parser.global(name);
    }
    let result = parser.advance().and_then(|()| parser.items());
    let line = parser.lexer.line;
    result.map_err(|text| Failure {
        text: format!("line {line}: {text}"),
        fatal: false,
    })?;
    parser.finish().map_err(|text| Failure {
        text: format!("fatal: {text}"),
        fatal: true,
    })
}

impl Parser {
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
            Token::Newline | Token::End => {
                return "syntax error: unexpected newline or end of string".to_owned();
            }
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

    /// A name with the namespace it is in, gawk's manual, "Namespaces". Those of capitals are everywhere.
    fn qualified(&self, name: &str) -> String {
        if let Some(name) = name.strip_prefix("awk::") {
            return name.to_owned();
        }
        let everywhere = name.bytes().all(|byte| byte.is_ascii_uppercase());
        if self.namespace == "awk" || everywhere || name.contains("::") {
            return name.to_owned();
        }
        format!("{}::{name}", self.namespace)
    }

    pub(super) fn slot(&mut self, name: &str) -> Slot {
        if let Some(local) = self
            .parameters
            .iter()
            .position(|parameter| parameter == name)
        {
            return Slot::Local(local);
        }
        let name = self.qualified(name);
        match Special::named(&name).filter(|special| self.extensions || !special.is_extension()) {
            Some(special) => Slot::Special(special),
            None => Slot::Global(self.global(&name)),
        }
    }

    pub(super) fn array(&mut self, name: &str) -> Result<ArrayRef> {
        match self.slot(name) {
            Slot::Local(local) => Ok(ArrayRef::Local(local)),
            Slot::Global(_) if name == "SYMTAB" && self.extensions => Ok(ArrayRef::Symbols),
            Slot::Global(global) => Ok(ArrayRef::Global(global)),
            Slot::Special(_) => Err(format!("{name} is not an array")),
        }
    }

    /// The number of a function, which may be defined later.
    pub(super) fn function_number(&mut self, name: &str) -> usize {
        let name = &self.qualified(name);
        if let Some(&known) = self.functions.get(name) {
            return known;
        }
        let number = self.program.functions.len();
        self.program.functions.push(Function {
            name: name.to_owned(),
            parameters: Vec::new(),
            body: Vec::new(),
        });
        self.defined.push(false);
        self.functions.insert(name.to_owned(), number);
        number
    }

    fn items(&mut self) -> Result<()> {
        loop {
            self.skip_terminators()?;
            if self.token == Token::End {
                let Some(outer) = self.including.pop() else {
                    return Ok(());
                };
                self.lexer = outer;
                self.advance()?;
            } else if self.is_directive()? {
                self.directive()?;
            } else if self.is_keyword("function") {
                self.function_item()?;
            } else {
                self.rule()?;
            }
        }
    }

    /// Whether a line of gawk's begins here, and no rule whose pattern is an indirect call or such.
    fn is_directive(&mut self) -> Result<bool> {
        if !self.is("@") || !self.extensions {
            return Ok(false);
        }
        let saved = (self.lexer.clone(), self.token.clone(), self.token_at);
        self.advance()?;
        let found = matches!(self.token, Token::Name(_));
        if !found {
            (self.lexer, self.token, self.token_at) = saved;
        }
        Ok(found)
    }

    /// `@include`, `@namespace` and `@load`, the mark before them read.
    fn directive(&mut self) -> Result<()> {
        let Token::Name(word) = self.token.clone() else {
            return Err(self.unexpected());
        };
        self.advance()?;
        let Token::Text(argument) = self.token.clone() else {
            return Err(self.unexpected());
        };
        match word.as_str() {
            "include" => {
                if self.including.len() >= 50 {
                    return Err("files include each other too deeply".to_owned());
                }
                let (path, text) = source::find(&argument)?;
                if self.included.insert(path) {
                    let lexer = Lexer::new(&text, true);
                    let outer = std::mem::replace(&mut self.lexer, lexer);
                    self.including.push(outer);
                }
            }
            "namespace" => self.namespace = String::from_utf8_lossy(&argument).into_owned(),
            "load" => return Err(source::no_library(&argument)),
            _ => return Err(self.unexpected()),
        }
        self.advance()
    }

    fn rule(&mut self) -> Result<()> {
        if let Token::Keyword(word @ ("BEGIN" | "END" | "BEGINFILE" | "ENDFILE")) = self.token {
            self.advance()?;
            self.skip_newlines()?;
            if !self.is("{") {
                return Err(self.unexpected());
            }
            let body = self.block()?;
            match word {
                "BEGIN" => self.program.begin.push(body),
                "END" => self.program.end.push(body),
                "BEGINFILE" => self.program.begin_file.push(body),
                _ => self.program.end_file.push(body),
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
        self.parameters = parameters;
        self.function = Some(number);
        let body = self.block()?;
        self.function = None;
        self.defined[number] = true;
        let function = &mut self.program.functions[number];
        function.body = body;
        function.parameters = std::mem::take(&mut self.parameters);
        Ok(())
    }

    /// Checks that every function that is called is there.
    fn finish(self) -> Result<Program> {
        if let Some(undefined) = self.defined.iter().position(|defined| !defined) {
            let name = &self.program.functions[undefined].name;
            return Err(format!("function `{name}' not defined"));
        }
        Ok(self.program)
    }
}
