//! Tokens of awk, POSIX.1-2024's awk, "Lexical Conventions".

use crate::awk::ast::Builtin;
use crate::awk::value::number_prefix;
use crate::message;
use std::rc::Rc;

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Newline,
    End,
    Number(f64),
    Text(Vec<u8>),
    Name(String),
    /// A name with `(` right behind it.
    FunctionName(String),
    Keyword(&'static str),
    Builtin(String),
    /// An operator or a mark.
    Mark(&'static str),
}

#[derive(Clone)]
pub struct Lexer {
    text: Rc<[u8]>,
    /// Whether gawk's words are read, and not only POSIX's.
    extensions: bool,
    pub at: usize,
    pub line: usize,
}

const KEYWORDS: &[&str] = &[
    "BEGIN",
    "BEGINFILE",
    "END",
    "ENDFILE",
    "break",
    "case",
    "continue",
    "default",
    "delete",
    "do",
    "else",
    "exit",
    "for",
    "func",
    "function",
    "getline",
    "if",
    "in",
    "next",
    "nextfile",
    "print",
    "printf",
    "return",
    "switch",
    "while",
];

/// Keywords that only gawk has.
const EXTENSIONS: &[&str] = &["BEGINFILE", "ENDFILE", "case", "default", "switch"];

/// Longest first.
const MARKS: &[&str] = &[
    "**=", "**", "*=", "&&", "||", "++", "--", "+=", "-=", "/=", "%=", "^=", "==", "<=", ">=",
    "!=", "!~", ">>", "|&", "{", "}", "(", ")", "[", "]", ",", ";", "+", "-", "*", "/", "%", "^",
    "!", ">", "<", "|", "?", ":", "~", "$", "=", "@",
];

impl Lexer {
    pub fn new(text: &[u8], extensions: bool) -> Self {
        Self {
            text: text.into(),
            extensions,
            at: 0,
            line: 1,
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Skips blanks, comments and continued lines.
    fn skip(&mut self) {
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.peek(1) == Some(b'\n') => {
                    self.at += 2;
                    self.line += 1;
                }
                Some(b'\\') if self.peek(1) == Some(b'\r') && self.peek(2) == Some(b'\n') => {
                    self.at += 3;
                    self.line += 1;
                }
                Some(b'#') => {
                    while self.peek(0).is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    pub fn next(&mut self) -> Result<Token, String> {
        self.skip();
        let Some(byte) = self.peek(0) else {
            return Ok(Token::End);
        };
        if byte == b'\n' {
            self.at += 1;
            self.line += 1;
            return Ok(Token::Newline);
        }
        if byte == b'"' {
            return self.string();
        }
        if byte.is_ascii_digit()
            || (byte == b'.' && self.peek(1).is_some_and(|next| next.is_ascii_digit()))
        {
            return Ok(self.number());
        }
        if byte.is_ascii_alphabetic() || byte == b'_' {
            return Ok(self.word());
        }
        for mark in MARKS {
            if self.text[self.at..].starts_with(mark.as_bytes()) {
                self.at += mark.len();
                return Ok(Token::Mark(match *mark {
                    "**" => "^",
                    "**=" => "^=",
                    other => other,
                }));
            }
        }
        Err(format!(
            "syntax error: unexpected character '{}'",
            byte.escape_ascii()
        ))
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            self.at += 1;
        }
        let qualifies = self.extensions
            && self.text[self.at..].starts_with(b"::")
            && self
                .peek(2)
                .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if qualifies {
            self.at += 2;
            while self
                .peek(0)
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                self.at += 1;
            }
        }
        let word = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        let known = |keyword: &&&str| {
            **keyword == word && (self.extensions || !EXTENSIONS.contains(*keyword))
        };
        if let Some(keyword) = KEYWORDS.iter().find(known) {
            return Token::Keyword(if *keyword == "func" {
                "function"
            } else {
                keyword
            });
        }
        let builtin = Builtin::named(word.strip_prefix("awk::").unwrap_or(&word));
        if builtin.is_some_and(|builtin| self.extensions || !builtin.is_extension()) {
            let word = word.strip_prefix("awk::").unwrap_or(&word).to_owned();
            return Token::Builtin(word);
        }
        if self.peek(0) == Some(b'(') {
            Token::FunctionName(word)
        } else {
            Token::Name(word)
        }
    }

    fn number(&mut self) -> Token {
        if self.extensions
            && self.peek(0) == Some(b'0')
            && matches!(self.peek(1), Some(b'x' | b'X'))
        {
            let start = self.at + 2;
            let mut end = start;
            while self.text.get(end).is_some_and(u8::is_ascii_hexdigit) {
                end += 1;
            }
            if end > start {
                self.at = end;
                let value = self.text[start..end]
                    .iter()
                    .filter_map(|&digit| char::from(digit).to_digit(16))
                    .fold(0.0, |value, digit| value * 16.0 + f64::from(digit));
                return Token::Number(value);
            }
        }
        if let Some(value) = self.octal() {
            return Token::Number(value);
        }
        let (value, length) = number_prefix(&self.text[self.at..]);
        self.at += length.max(1);
        Token::Number(value)
    }

    /// gawk's constants in octal, `017`.
    fn octal(&mut self) -> Option<f64> {
        let digits = self.text[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let text = &self.text[self.at..self.at + digits];
        let octal = self.extensions
            && digits > 1
            && text[0] == b'0'
            && text.iter().all(|byte| *byte < b'8')
            && !matches!(self.peek(digits), Some(b'.' | b'e' | b'E'));
        if !octal {
            return None;
        }
        let value = text
            .iter()
            .fold(0.0, |value, byte| value * 8.0 + f64::from(byte - b'0'));
        self.at += digits;
        Some(value)
    }

    fn string(&mut self) -> Result<Token, String> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek(0) {
                None | Some(b'\n') => return Err("unterminated string".to_owned()),
                Some(b'"') => break,
                Some(b'\\') => {
                    if self.peek(1) == Some(b'\n') {
                        self.line += 1;
                    }
                    self.at += 2;
                }
                Some(_) => self.at += 1,
            }
        }
        let text = unescape(&self.text[start..self.at.min(self.text.len())]);
        self.at += 1;
        Ok(Token::Text(text))
    }

    /// Reads a regular expression whose `/` was consumed, up to the closing one.
    pub fn regex(&mut self) -> Result<Vec<u8>, String> {
        let mut regex = Vec::new();
        let mut bracket = false;
        loop {
            let byte = match self.peek(0) {
                None | Some(b'\n') => return Err("unterminated regexp".to_owned()),
                Some(byte) => byte,
            };
            self.at += 1;
            match byte {
                b'\\' => {
                    let next = self.peek(0).ok_or("unterminated regexp")?;
                    self.at += 1;
                    if next == b'\n' {
                        self.line += 1;
                        continue;
                    }
                    if next != b'/' {
                        regex.push(b'\\');
                    }
                    regex.push(next);
                    continue;
                }
                b'/' if !bracket => return Ok(regex),
                b'[' if !bracket => {
                    bracket = true;
                    regex.push(byte);
                    if self.peek(0) == Some(b'^') {
                        self.at += 1;
                        regex.push(b'^');
                    }
                    if self.peek(0) == Some(b']') {
                        self.at += 1;
                        regex.push(b']');
                    }
                    continue;
                }
                b'[' if self.peek(0) == Some(b':') => {
                    // A class within the brackets.
                    let rest = &self.text[self.at..];
                    let end = rest
                        .windows(2)
                        .position(|pair| pair == b":]")
                        .map(|end| end + 2);
                    regex.push(byte);
                    if let Some(class) = end.map(|end| &rest[..end])
                        && !class.contains(&b'\n')
                    {
                        regex.extend_from_slice(class);
                        self.at += class.len();
                    }
                    continue;
                }
                b']' => bracket = false,
                _ => {}
            }
            regex.push(byte);
        }
    }
}

/// Replaces the escape sequences of a string.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let Some(&next) = text.get(at) else {
            plain.push(b'\\');
            break;
        };
        at += 1;
        match next {
            b'"' | b'\\' | b'/' => plain.push(next),
            b'a' => plain.push(7),
            b'b' => plain.push(8),
            b'f' => plain.push(12),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'v' => plain.push(11),
            b'\n' => {}
            b'0'..=b'7' => {
                let mut value = u32::from(next - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = text.get(at) else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                    at += 1;
                }
                plain.push((value & 0xff) as u8);
            }
            b'x' if text.get(at).is_some_and(u8::is_ascii_hexdigit) => {
                let mut value = 0;
                for _ in 0..2 {
                    let Some(digit) = text.get(at).and_then(|&d| char::from(d).to_digit(16)) else {
                        break;
                    };
                    value = value * 16 + digit;
                    at += 1;
                }
                plain.push((value & 0xff) as u8);
            }
            _ => {
                let sequence = next.escape_ascii();
                let text = format!("escape sequence `\\{sequence}' treated as plain `{sequence}'");
                message::warn("awk", &format!("warning: {text}"));
                plain.push(next);
            }
        }
    }
    plain
}
