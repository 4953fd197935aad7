//! Reads sed scripts.

use super::script::{Address, Command, Function, Jump, Script, Selector};
use super::substitute::escape;
use crate::pattern::{Builder, Dialect, Pattern, Syntax};
use std::rc::Rc;

/// How expressions are read.
#[derive(Clone, Copy)]
pub struct Flavour {
    pub extended: bool,
    pub unicode: bool,
    pub null_data: bool,
    /// Without what GNU adds, `--posix`.
    pub posix: bool,
    /// Without commands that run programs or name files, `--sandbox`.
    pub sandbox: bool,
}

/// The version of GNU's sed that this is like.
const VERSION: [u64; 2] = [4, 9];

pub struct Parser<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) flavour: Flavour,
    pub(super) files: Vec<Vec<u8>>,
    blocks: Vec<usize>,
    labels: Vec<(Vec<u8>, usize)>,
    commands: Vec<Command>,
}

/// A message and where in the script it applies.
#[derive(Debug)]
pub struct Error {
    pub text: String,
    /// Nothing where it applies to the whole script.
    pub at: Option<usize>,
}

pub(super) type Result<T> = std::result::Result<T, Error>;

pub fn parse(text: &[u8], flavour: Flavour) -> Result<Script> {
    let mut parser = Parser {
        text,
        at: 0,
        flavour,
        files: Vec::new(),
        blocks: Vec::new(),
        labels: Vec::new(),
        commands: Vec::new(),
    };
    let quiet = text.starts_with(b"#n\n") || text == b"#n";
    while parser.command()? {}
    if !parser.blocks.is_empty() {
        parser.at = 0;
        return Err(parser.error("unmatched `{'"));
    }
    parser.resolve()?;
    Ok(Script {
        commands: parser.commands,
        files: parser.files,
        quiet,
    })
}

impl Parser<'_> {
    /// Replaces the labels of jumps by the commands they stand for.
    fn resolve(&mut self) -> Result<()> {
        let end = self.commands.len();
        for command in &mut self.commands {
            let (Function::Branch(jump) | Function::BranchIf(jump) | Function::BranchUnless(jump)) =
                &mut command.function
            else {
                continue;
            };
            let Jump::Label(label) = jump else { continue };
            let target = if label.is_empty() {
                Some(end)
            } else {
                self.labels
                    .iter()
                    .find(|(name, _)| name == label)
                    .map(|found| found.1)
            };
            let Some(target) = target else {
                let text = format!("can't find label for jump to `{}'", label.escape_ascii());
                return Err(Error { text, at: None });
            };
            *jump = Jump::To(target);
        }
        Ok(())
    }

    pub(super) fn error(&self, text: impl Into<String>) -> Error {
        Error {
            text: text.into(),
            at: Some(self.at),
        }
    }

    /// Fails where files and programs are out of reach.
    pub(super) fn refuse_in_sandbox(&self) -> Result<()> {
        if self.flavour.sandbox {
            return Err(self.error("e/r/w commands disabled in sandbox mode"));
        }
        Ok(())
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
    }

    fn skip_blanks(&mut self) {
        self.skip(|byte| byte == b' ' || byte == b'\t');
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        let digits = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        if digits.is_empty() {
            None
        } else {
            Some(digits.parse().unwrap_or(u64::MAX))
        }
    }

    /// Reads one command. False at the end of the script.
    fn command(&mut self) -> Result<bool> {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b';');
        if self.peek().is_none() {
            return Ok(false);
        }
        let selector = self.selector()?;
        let Some(letter) = self.next() else {
            return Err(self.error("missing command"));
        };
        if letter == b'#' {
            if selector.first.is_some() {
                return Err(self.error("comments don't accept any addresses"));
            }
            self.skip(|byte| byte != b'\n');
            return Ok(true);
        }
        if matches!(letter, b':' | b'}') && selector.first.is_some() {
            let text = format!("{} doesn't want any addresses", char::from(letter));
            return Err(self.error(text));
        }
        let function = self.function(letter)?;
        self.commands.push(Command { selector, function });
        Ok(true)
    }

    fn selector(&mut self) -> Result<Selector> {
        let mut selector = Selector {
            first: self.address()?,
            ..Selector::default()
        };
        self.skip_blanks();
        if selector.first.is_some() && self.peek() == Some(b',') {
            self.next();
            self.skip_blanks();
            selector.second = Some(self.second_address()?);
            self.skip_blanks();
        }
        if let Some(Address::Line(0)) = selector.first {
            let reads = selector.second.is_none() && self.peek() == Some(b'r');
            let begins = matches!(selector.second, Some(Address::Regex(_))) && !self.flavour.posix;
            if !reads && !begins {
                return Err(self.error("invalid usage of line address 0"));
            }
        }
        while self.peek() == Some(b'!') {
            self.next();
            self.skip_blanks();
            selector.negated = true;
        }
        Ok(selector)
    }

    fn address(&mut self) -> Result<Option<Address>> {
        Ok(Some(match self.peek() {
            Some(b'$') => {
                self.next();
                Address::Last
            }
            Some(b'/') => {
                self.next();
                self.regex_address(b'/')?
            }
            Some(b'\\') => {
                self.next();
                let delimiter = self
                    .next()
                    .ok_or_else(|| self.error("unexpected end of script"))?;
                self.regex_address(delimiter)?
            }
            Some(b'0'..=b'9') => {
                let first = self.number().unwrap_or(0);
                self.skip_blanks();
                if self.peek() == Some(b'~') {
                    self.next();
                    Address::Step(first, self.number().unwrap_or(0))
                } else {
                    Address::Line(first)
                }
            }
            _ => return Ok(None),
        }))
    }

    fn second_address(&mut self) -> Result<Address> {
        let mark = self.peek();
        if let Some(b'+' | b'~') = mark {
            self.next();
            let number = self.number().unwrap_or(0);
            return Ok(if mark == Some(b'+') {
                Address::Plus(number)
            } else {
                Address::Multiple(number)
            });
        }
        self.address()?.ok_or_else(|| self.error("unexpected `,'"))
    }

    fn regex_address(&mut self, delimiter: u8) -> Result<Address> {
        let text = self
            .delimited(delimiter, true)
            .ok_or_else(|| self.error("unterminated address regex"))?;
        let mut builder = self.builder();
        let mut multi_line = false;
        loop {
            match self.peek() {
                Some(b'I') => builder.ignore_case = true,
                Some(b'M') => multi_line = true,
                _ => break,
            }
            self.next();
        }
        Ok(Address::Regex(self.compile(&text, builder, multi_line)?))
    }

    pub(super) fn builder(&self) -> Builder {
        Builder {
            unicode: self.flavour.unicode,
            ignore_case: false,
        }
    }

    /// Compiles an expression; an empty one is nothing.
    pub(super) fn compile(
        &self,
        text: &[u8],
        builder: Builder,
        multi_line: bool,
    ) -> Result<Option<Rc<Pattern>>> {
        if text.is_empty() {
            return Ok(None);
        }
        let multi_line = multi_line && !self.flavour.null_data;
        let syntax = if self.flavour.extended {
            Syntax::Extended
        } else {
            Syntax::Basic
        };
        builder
            .posix(text, syntax, Dialect::sed(builder.unicode, multi_line))
            .map(|pattern| Some(Rc::new(pattern)))
            .map_err(|text| self.error(text))
    }

    /// Reads up to an unescaped delimiter. An escaped delimiter loses its backslash.
    pub(super) fn delimited(&mut self, delimiter: u8, regex: bool) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let byte = self.next()?;
            if byte == delimiter {
                return Some(text);
            }
            if byte == b'\n' && regex {
                return None;
            }
            if byte == b'[' && regex {
                text.push(byte);
                self.copy_bracket(&mut text);
                continue;
            }
            if byte != b'\\' {
                text.push(byte);
                continue;
            }
            let next = self.next()?;
            if next == delimiter {
                // What the delimiter means in an expression it does not mean escaped.
                let special: &[u8] = if regex { b"^$.*[]" } else { b"&" };
                if special.contains(&delimiter) {
                    text.push(b'\\');
                }
                text.push(next);
            } else if next == b'\n' && regex {
                text.push(b'\n');
            } else {
                text.extend([b'\\', next]);
            }
        }
    }

    /// Copies a bracket expression behind its `[`: there the delimiter stands for itself. One that does not
    /// end on its line is left to the caller.
    fn copy_bracket(&mut self, text: &mut Vec<u8>) {
        let rest = &self.text[self.at..];
        let mut length = usize::from(rest.first() == Some(&b'^'));
        if rest.get(length) == Some(&b']') {
            length += 1;
        }
        loop {
            match rest.get(length) {
                None | Some(b'\n') => return,
                Some(b']') => break,
                Some(b'[') if matches!(rest.get(length + 1), Some(b':' | b'.' | b'=')) => {
                    let mark = rest[length + 1];
                    let inner = &rest[length + 2..];
                    match inner.windows(2).position(|pair| pair == [mark, b']']) {
                        Some(end) => length += end + 4,
                        None => length += 1,
                    }
                }
                Some(_) => length += 1,
            }
        }
        // A backslash is a member of it, also in front of the delimiter.
        text.extend_from_slice(&rest[..=length]);
        self.at += length + 1;
    }

    fn function(&mut self, letter: u8) -> Result<Function> {
        let function = match letter {
            b'{' => {
                self.blocks.push(self.commands.len());
                return Ok(Function::Block(0));
            }
            b'}' => {
                let open = self
                    .blocks
                    .pop()
                    .ok_or_else(|| self.error("unexpected `}'"))?;
                self.commands[open].function = Function::Block(self.commands.len());
                Function::BlockEnd
            }
            b'a' => return self.text().map(Function::Append),
            b'i' => return self.text().map(Function::Insert),
            b'c' => return self.text().map(Function::Change),
            b':' => return self.label_definition(),
            b'b' => return Ok(Function::Branch(self.label())),
            b't' => return Ok(Function::BranchIf(self.label())),
            b'T' => return Ok(Function::BranchUnless(self.label())),
            b'r' => return self.file_name().map(Function::Read),
            b'R' => return self.file_name().map(Function::ReadLine),
            b'w' => return self.output_file().map(Function::Write),
            b'W' => return self.output_file().map(Function::WriteFirst),
            b'e' => {
                self.refuse_in_sandbox()?;
                self.skip_blanks();
                return Ok(Function::Execute(self.rest_of_line()));
            }
            b's' => self.substitution()?,
            b'y' => self.transliteration()?,
            b'l' | b'L' => {
                self.skip_blanks();
                Function::List(
                    self.number()
                        .and_then(|number| usize::try_from(number).ok()),
                )
            }
            b'q' => Function::Quit(self.exit_code()),
            b'Q' => Function::QuitSilently(self.exit_code()),
            b'v' => return self.version(),
            _ => self.simple(letter)?,
        };
        self.end_of_command()?;
        Ok(function)
    }

    /// `v`: fails if the script needs a version behind the one that this is like.
    fn version(&mut self) -> Result<Function> {
        self.skip_blanks();
        let wanted = self.label_text();
        let wanted = String::from_utf8_lossy(&wanted).into_owned();
        let numbers: Option<Vec<u64>> = match wanted.as_str() {
            "" => Some(Vec::new()),
            text => text.split('.').map(|part| part.parse().ok()).collect(),
        };
        match numbers {
            None => Err(self.error("invalid usage of v command")),
            Some(numbers) if numbers > VERSION.to_vec() => {
                Err(self.error("expected newer version of sed"))
            }
            Some(_) => Ok(Function::Label),
        }
    }

    fn simple(&mut self, letter: u8) -> Result<Function> {
        Ok(match letter {
            b'd' => Function::Delete,
            b'D' => Function::DeleteFirst,
            b'F' => Function::FileName,
            b'g' => Function::Get,
            b'G' => Function::GetAppend,
            b'h' => Function::Hold,
            b'H' => Function::HoldAppend,
            b'n' => Function::Next,
            b'N' => Function::NextAppend,
            b'p' => Function::Print,
            b'P' => Function::PrintFirst,
            b'x' => Function::Exchange,
            b'z' => Function::Zap,
            b'=' => Function::LineNumber,
            b';' | b'\n' => return Err(self.error("missing command")),
            _ => {
                let text = format!("unknown command: `{}'", char::from(letter));
                return Err(self.error(text));
            }
        })
    }

    fn exit_code(&mut self) -> u8 {
        self.skip_blanks();
        self.number().map_or(0, |number| (number & 0xff) as u8)
    }

    pub(super) fn end_of_command(&mut self) -> Result<()> {
        self.skip_blanks();
        match self.peek() {
            None | Some(b'}' | b'#') => Ok(()),
            Some(b';' | b'\n') => {
                self.next();
                Ok(())
            }
            Some(b'\r') if self.text.get(self.at + 1) == Some(&b'\n') => {
                self.next();
                Ok(())
            }
            Some(_) => {
                self.at += 1;
                Err(self.error("extra characters after command"))
            }
        }
    }

    fn rest_of_line(&mut self) -> Vec<u8> {
        let start = self.at;
        self.skip(|byte| byte != b'\n');
        let text = self.text[start..self.at].to_vec();
        self.next();
        text
    }

    fn label_definition(&mut self) -> Result<Function> {
        let label = self.label_text();
        if label.is_empty() {
            return Err(self.error("\":\" lacks a label"));
        }
        let at = self.commands.len();
        if self.labels.iter().any(|(known, _)| *known == label) {
            return Err(self.error("duplicate label"));
        }
        self.labels.push((label, at));
        Ok(Function::Label)
    }

    fn label_text(&mut self) -> Vec<u8> {
        self.skip_blanks();
        let start = self.at;
        self.skip(|byte| byte != b';' && !byte.is_ascii_whitespace());
        let label = self.text[start..self.at].to_vec();
        self.skip_blanks();
        if self.peek() == Some(b';') {
            self.next();
        }
        label
    }

    fn label(&mut self) -> Jump {
        // A closing brace ends the name, so that `/x/{s/a/b/;ta}` needs no newline.
        self.skip_blanks();
        let start = self.at;
        self.skip(|byte| byte != b';' && byte != b'}' && !byte.is_ascii_whitespace());
        let label = self.text[start..self.at].to_vec();
        Jump::Label(label)
    }

    fn file_name(&mut self) -> Result<Vec<u8>> {
        self.refuse_in_sandbox()?;
        self.skip_blanks();
        let name = self.rest_of_line();
        if name.is_empty() {
            return Err(self.error("missing filename in r/R/w/W commands"));
        }
        Ok(name)
    }

    pub(super) fn output_file(&mut self) -> Result<usize> {
        let name = self.file_name()?;
        if let Some(known) = self.files.iter().position(|file| *file == name) {
            return Ok(known);
        }
        self.files.push(name);
        Ok(self.files.len() - 1)
    }

    /// The text of `a`, `i` and `c`, in the form of POSIX or on the line of the command.
    fn text(&mut self) -> Result<Vec<u8>> {
        self.skip_blanks();
        if self.peek().is_none() {
            return Err(self.error("expected \\ after `a', `c' or `i'"));
        }
        if self.peek() == Some(b'\\') {
            let start = self.at;
            self.next();
            self.skip_blanks();
            if self.peek() == Some(b'\n') {
                self.next();
            } else if self.peek().is_none() {
                return Ok(Vec::new());
            } else {
                // `a\text`: the backslash only keeps the blanks, and quotes what follows.
                self.at = start + 1;
            }
        }
        let mut text = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'\n' => break,
                b'\\' => self.text_escape(&mut text),
                _ => text.push(byte),
            }
        }
        text.push(b'\n');
        Ok(text)
    }

    /// What a backslash in the text of `a`, `i` and `c` makes of what follows it: an escape of a byte, or the
    /// character itself.
    fn text_escape(&mut self, text: &mut Vec<u8>) {
        if let Some((byte, length)) = escape(&self.text[self.at..]) {
            text.push(byte);
            self.at += length;
        } else if let Some(next) = self.next() {
            text.push(next);
        }
    }
}
