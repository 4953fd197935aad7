//! The parser's ground: characters, blanks, newlines, reserved words, errors.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::rc::Rc;

use crate::ast::{List, Word};
use crate::input::Input;
use crate::source::{Dialect, Source};

/// How deep commands and words may nest.
const MAX_DEPTH: u32 = 120;
/// How deep backquotes and here-documents may nest where each lies in a `((` that can be two things: each doubles the work.
const MAX_CROSSINGS: u32 = 8;

/// What is wrong with the text.
#[derive(Debug)]
pub struct ParseError {
    pub message: String,
    pub line: u32,
    /// The text ended too early.
    pub at_end: bool,
}

pub type Result<T> = std::result::Result<T, ParseError>;

/// A here-document whose lines are still to come.
pub(crate) struct Pending {
    pub delimiter: String,
    pub quoted: bool,
    pub strip_tabs: bool,
    /// Where it was asked for.
    pub line: u32,
    pub body: Rc<OnceCell<Word>>,
}

/// An alias whose text stands in the input.
pub(crate) struct Alias {
    pub name: String,
    /// Where the text ends.
    pub end: usize,
    /// It ends in a blank, so that the next word may be an alias as well.
    pub blank: bool,
}

/// Reads commands from an input.
pub struct Parser<'a> {
    pub(crate) input: &'a mut Input,
    pub(crate) source: &'a mut dyn Source,
    pub(crate) dialect: Dialect,
    pub(crate) pending: Vec<Pending>,
    pub(crate) depth: u32,
    /// Aliases being replaced.
    pub(crate) aliases: Vec<Alias>,
    /// Where it was looked for an alias last; `usize::MAX` is nowhere.
    pub(crate) alias_checked: usize,
    /// Inside `[[ ]]`, where patterns may hold parentheses.
    pub(crate) in_pattern: bool,
    /// Where `((` turned out not to begin an expression.
    pub(crate) not_arith: HashSet<usize>,
    /// In how many `((` that are read as an expression first and, if they are none, as commands.
    pub(crate) undecided: u32,
    /// How often text in such a place has text of its own, which is then parsed twice for each.
    crossings: u32,
    started: bool,
    /// Words keep their source, for printing.
    pub(crate) keep: bool,
}

impl<'a> Parser<'a> {
    pub fn new(input: &'a mut Input, source: &'a mut dyn Source) -> Self {
        let dialect = source.dialect();
        Self {
            input,
            source,
            dialect,
            pending: Vec::new(),
            depth: 0,
            aliases: Vec::new(),
            alias_checked: usize::MAX,
            in_pattern: false,
            not_arith: HashSet::new(),
            undecided: 0,
            crossings: 0,
            started: false,
            keep: false,
        }
    }

    /// A parser of text that stands in this one.
    pub(crate) fn inside<'b>(&'b mut self, input: &'b mut Input) -> Result<Parser<'b>> {
        let crossings = self.crossings + u32::from(self.undecided > 0);
        if crossings > MAX_CROSSINGS {
            return Err(self.error("Syntax error: nested too deeply"));
        }
        let depth = self.depth;
        let mut parser = Parser::new(input, self.source);
        parser.depth = depth;
        parser.crossings = crossings;
        Ok(parser)
    }

    /// The function definition that the text is, as bash prints it.
    pub fn printed_function(&mut self) -> Option<String> {
        self.keep = true;
        let (name, function) = self.only_function()?;
        Some(function.print(&name))
    }

    /// The one function definition that the text is, if it is one.
    pub fn only_function(&mut self) -> Option<(String, Rc<super::ast::Function>)> {
        let mut list = self.complete_command().ok()??;
        self.skip_newlines().ok()?;
        let item = list.pop()?;
        let single = list.is_empty() && self.peek().is_none() && item.rest.is_empty();
        match item.first.commands.into_iter().next()? {
            super::ast::Command::Function { name, function } if single && !item.background => {
                Some((name, function))
            }
            _ => None,
        }
    }

    /// One complete command: a list up to the end of the line. `None` at the end of the text.
    ///
    /// # Errors
    /// The text is not a command.
    pub fn complete_command(&mut self) -> Result<Option<List>> {
        self.input.begin_command();
        self.started = false;
        self.alias_checked = usize::MAX;
        self.aliases.clear();
        self.pending.clear();
        self.skip_blanks();
        match self.peek() {
            None => return Ok(None),
            Some('\n') => {
                self.newline()?;
                return Ok(Some(List::new()));
            }
            Some(_) => {}
        }
        if self.expand_alias() {
            self.skip_blanks();
            // It may stand for nothing.
            match self.peek() {
                None => return Ok(Some(List::new())),
                Some('\n') => {
                    self.newline()?;
                    return Ok(Some(List::new()));
                }
                Some(_) => {}
            }
        }
        let list = self.list_until_newline()?;
        self.skip_blanks();
        match self.peek() {
            None => {
                if !self.pending.is_empty() {
                    self.read_here_documents()?;
                }
            }
            Some('\n') => self.newline()?,
            Some(_) => return Err(self.unexpected()),
        }
        if self.input.interrupted() {
            return Err(self.unexpected());
        }
        Ok(Some(list))
    }

    /// All of the text as a subscript, where quotes and expansions count.
    ///
    /// # Errors
    /// A quote or an expansion is not finished.
    pub fn subscript(&mut self) -> Result<Word> {
        self.word_until(&[], false)
    }

    /// All of the text as the inside of a here-document.
    ///
    /// # Errors
    /// An expansion is not finished.
    pub fn here_parts(&mut self) -> Result<Vec<super::ast::Part>> {
        self.double_parts(None)
    }

    pub(crate) fn bash(&self) -> bool {
        self.dialect.bash
    }

    /// The next character as it stands.
    pub(crate) fn peek_raw(&mut self) -> Option<char> {
        self.peek_raw_at(0)
    }

    pub(crate) fn peek_raw_at(&mut self, ahead: usize) -> Option<char> {
        while self.input.pos + ahead >= self.input.chars.len() {
            let continued = self.started;
            if !self.input.more(self.source, continued) {
                return None;
            }
        }
        Some(self.input.chars[self.input.pos + ahead])
    }

    /// The next character after any escaped newlines.
    pub(crate) fn peek(&mut self) -> Option<char> {
        loop {
            let c = self.peek_raw()?;
            if c != '\\' {
                return Some(c);
            }
            // A backslash at the very end must not ask for more text.
            if self.input.pos + 1 >= self.input.chars.len()
                || self.input.chars[self.input.pos + 1] != '\n'
            {
                return Some(c);
            }
            self.started = true;
            self.input.pos += 2;
            self.input.line += 1;
        }
    }

    /// The character after the next one, both without escaped newlines.
    pub(crate) fn peek_second(&mut self) -> Option<char> {
        self.peek()?;
        let start = self.input.pos;
        let line = self.input.line;
        self.input.pos += 1;
        let at_line_end = self.input.chars[start] == '\n';
        let second = if at_line_end { None } else { self.peek() };
        self.input.pos = start;
        self.input.line = line;
        second
    }

    /// Takes the next character as it stands.
    pub(crate) fn next_raw(&mut self) -> Option<char> {
        let c = self.peek_raw()?;
        self.started = true;
        self.input.pos += 1;
        if c == '\n' {
            self.input.line += 1;
        }
        Some(c)
    }

    /// Takes the next character after any escaped newlines.
    pub(crate) fn next(&mut self) -> Option<char> {
        self.peek()?;
        self.next_raw()
    }

    /// Takes `c` if it comes next.
    pub(crate) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.next_raw();
        }
        found
    }

    /// Whether the text goes on with `text`.
    pub(crate) fn looking_at(&mut self, text: &str) -> bool {
        let (start, line) = (self.input.pos, self.input.line);
        let found = text.chars().all(|c| {
            let found = self.peek() == Some(c);
            if found {
                self.input.pos += 1;
            }
            found
        });
        self.input.pos = start;
        self.input.line = line;
        found
    }

    /// Takes `text` if it comes next.
    pub(crate) fn eat_str(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            for _ in text.chars() {
                self.next();
            }
        }
        found
    }

    pub(crate) fn skip_blanks(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' => {
                    self.input.pos += 1;
                }
                '#' => {
                    while !matches!(self.peek_raw(), None | Some('\n')) {
                        self.input.pos += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Takes a newline and the here-documents that begin after it.
    pub(crate) fn newline(&mut self) -> Result<()> {
        self.next_raw();
        if self.pending.is_empty() {
            Ok(())
        } else {
            self.read_here_documents()
        }
    }

    /// Skips blanks, comments and newlines.
    pub(crate) fn skip_newlines(&mut self) -> Result<()> {
        loop {
            self.skip_blanks();
            if self.peek() != Some('\n') {
                return Ok(());
            }
            self.newline()?;
        }
    }

    /// The coming word when it is plain letters or one of `{ } ! [[ ]]`, without taking it.
    pub(crate) fn peek_plain(&mut self) -> Option<String> {
        self.peek_plain_to().map(|(word, _)| word)
    }

    /// The same, with where it ends.
    pub(crate) fn peek_plain_to(&mut self) -> Option<(String, usize)> {
        self.skip_blanks();
        let (start, line) = (self.input.pos, self.input.line);
        let mut word = String::new();
        let mut end = start;
        let plain = loop {
            match self.peek() {
                None => break true,
                Some(c) if " \t\n;&|()<>".contains(c) => break true,
                Some(c) if "'\"\\$`".contains(c) => break false,
                Some(_) if word.len() > 64 => break false,
                Some(c) => {
                    word.push(c);
                    self.input.pos += 1;
                    end = self.input.pos;
                }
            }
        };
        self.input.pos = start;
        self.input.line = line;
        (plain && !word.is_empty()).then_some((word, end))
    }

    /// Takes the reserved word if it comes next.
    pub(crate) fn eat_reserved(&mut self, word: &str) -> bool {
        if self.peek_plain().as_deref() != Some(word) {
            return false;
        }
        self.eat_str(word)
    }

    /// Takes the reserved word or fails.
    pub(crate) fn expect_reserved(&mut self, word: &str) -> Result<()> {
        if self.eat_reserved(word) {
            Ok(())
        } else {
            Err(self.expected(word))
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            message: message.into(),
            line: self.input.line,
            at_end: false,
        }
    }

    /// The text that is in the way, for messages.
    fn offender(&mut self) -> Option<String> {
        match self.peek()? {
            '\n' => Some("newline".to_owned()),
            c if ";&|()<>".contains(c) => {
                let double = self.peek_second() == Some(c) && c != '(' && c != ')';
                Some(std::iter::repeat_n(c, if double { 2 } else { 1 }).collect())
            }
            c => Some(self.peek_plain().unwrap_or_else(|| c.to_string())),
        }
    }

    /// What comes next does not belong here.
    pub(crate) fn unexpected(&mut self) -> ParseError {
        let what = self.offender();
        self.syntax_error(what, None)
    }

    pub(crate) fn expected(&mut self, wanted: &str) -> ParseError {
        let what = self.offender();
        self.syntax_error(what, Some(wanted))
    }

    fn syntax_error(&self, what: Option<String>, wanted: Option<&str>) -> ParseError {
        let at_end = what.is_none();
        let message = if self.bash() {
            match what {
                None => "syntax error: unexpected end of file".to_owned(),
                Some(what) => format!("syntax error near unexpected token `{what}'"),
            }
        } else {
            let what = match what {
                None => "end of file".to_owned(),
                Some(what) if what == "newline" => what,
                Some(what) => format!("\"{what}\""),
            };
            match wanted {
                Some(wanted) => format!("Syntax error: {what} unexpected (expecting \"{wanted}\")"),
                None => format!("Syntax error: {what} unexpected"),
            }
        };
        ParseError {
            message,
            line: self.input.line,
            at_end,
        }
    }

    /// An unfinished quote or expansion.
    pub(crate) fn unterminated(&self, what: &str) -> ParseError {
        let message = if self.bash() {
            format!("unexpected EOF while looking for matching `{what}'")
        } else {
            match what {
                "'" | "\"" => "Syntax error: Unterminated quoted string".to_owned(),
                "}" => "Syntax error: Missing '}'".to_owned(),
                "`" => "Syntax error: EOF in backquote substitution".to_owned(),
                _ => format!("Syntax error: end of file unexpected (expecting \"{what}\")"),
            }
        };
        ParseError {
            message,
            line: self.input.line,
            at_end: true,
        }
    }

    /// Runs `parse` one level deeper.
    pub(crate) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error("Syntax error: nested too deeply"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// The source from `start` to here, without the blanks around it.
    pub(crate) fn source_since(&self, start: usize) -> String {
        let end = self.input.pos.min(self.input.chars.len());
        let source: String = self.input.chars[start.min(end)..end].iter().collect();
        let trimmed = source.trim_end();
        // A blank behind a backslash is no blank.
        let escapes = trimmed.chars().rev().take_while(|c| *c == '\\').count();
        let escaped = match source[trimmed.len()..].chars().next() {
            Some(c) if escapes % 2 == 1 => c.len_utf8(),
            _ => 0,
        };
        source[..trimmed.len() + escaped].trim_start().to_owned()
    }
}
