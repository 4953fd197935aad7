//! The tokens of a script: enough of the grammar to tell strings, templates, regular expressions and brackets apart.

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Identifier, keyword.
    Word,
    /// String literal with its quotes.
    Text,
    /// Number.
    Number,
    /// One piece of a template literal, up to `${` or the end.
    Template,
    /// Regular expression with its flags.
    Regex,
    /// One byte of punctuation.
    Punctuation(u8),
}

/// A token: `source[start..end]`.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// How many brackets are open before it.
    pub depth: usize,
}

/// The source is no script that this tokenizer understands.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Brackets open at once.
const MAX_DEPTH: usize = 2048;

struct Open {
    bracket: Bracket,
    /// Index of the token before the bracket.
    before: Option<usize>,
    class_body: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Round,
    Square,
    Curly,
    Template,
}

struct Tokenizer<'a> {
    bytes: &'a [u8],
    position: usize,
    tokens: Vec<Token>,
    open: Vec<Open>,
    /// The bracket that the last token closed, for the question whether `/` divides.
    closed: Option<Open>,
    class_pending: bool,
    slash_divided: bool,
}

/// Whether a byte belongs to an identifier; what is not ASCII does, white space apart.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte == b'\\' || byte >= 0x80
}

/// Length of the white space character at the start of `bytes`; 0 where there is none.
fn white_space(bytes: &[u8]) -> usize {
    match bytes {
        [9..=13 | 32, ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
    }
}

/// Cuts `source` into tokens.
pub fn tokenize(source: &str) -> Result<Vec<Token>, Malformed> {
    let mut tokenizer = Tokenizer {
        bytes: source.as_bytes(),
        position: 0,
        tokens: Vec::new(),
        open: Vec::new(),
        closed: None,
        class_pending: false,
        slash_divided: false,
    };
    tokenizer.run()?;
    Ok(tokenizer.tokens)
}

impl Tokenizer<'_> {
    fn run(&mut self) -> Result<(), Malformed> {
        if self.bytes.starts_with(b"#!") {
            self.skip_line();
        }
        while let Some(&byte) = self.bytes.get(self.position) {
            let space = white_space(&self.bytes[self.position..]);
            if space > 0 {
                self.position += space;
                continue;
            }
            match byte {
                b'"' | b'\'' => self.string(byte)?,
                b'`' => self.template()?,
                b'/' => self.slash()?,
                b'0'..=b'9' => self.number(),
                b'(' => self.open(Bracket::Round)?,
                b'[' => self.open(Bracket::Square)?,
                b'{' => self.open(Bracket::Curly)?,
                b')' => self.close(Bracket::Round)?,
                b']' => self.close(Bracket::Square)?,
                b'}' => self.close_curly()?,
                _ if is_word_byte(byte) => self.word(),
                _ => self.push(Kind::Punctuation(byte), self.position + 1),
            }
        }
        if self.open.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn push(&mut self, kind: Kind, end: usize) {
        let depth = self.open.len();
        self.tokens.push(Token {
            kind,
            start: self.position,
            end,
            depth,
        });
        self.position = end;
        self.closed = None;
    }

    fn skip_line(&mut self) {
        let rest = &self.bytes[self.position..];
        self.position += rest
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
            .unwrap_or(rest.len());
    }

    fn word(&mut self) {
        let mut end = self.position;
        while let Some(&byte) = self.bytes.get(end)
            && is_word_byte(byte)
            && white_space(&self.bytes[end..]) == 0
        {
            end += 1;
        }
        if &self.bytes[self.position..end] == b"class" {
            self.class_pending = true;
        }
        self.push(Kind::Word, end);
    }

    fn number(&mut self) {
        let mut end = self.position;
        while let Some(&byte) = self.bytes.get(end)
            && (is_word_byte(byte) || byte == b'.')
        {
            end += 1;
        }
        self.push(Kind::Number, end);
    }

    fn string(&mut self, quote: u8) -> Result<(), Malformed> {
        let mut end = self.position + 1;
        loop {
            match self.bytes.get(end) {
                Some(b'\\') if self.bytes[end..].starts_with(b"\\\r\n") => end += 3,
                Some(b'\\') => end += 2,
                Some(&byte) if byte == quote => break,
                Some(b'\n' | b'\r') | None => return Err(Malformed),
                Some(_) => end += 1,
            }
        }
        self.push(Kind::Text, end + 1);
        Ok(())
    }

    /// One piece of a template, from the backquote or the brace that ends an expression.
    fn template(&mut self) -> Result<(), Malformed> {
        let mut end = self.position + 1;
        loop {
            match self.bytes.get(end) {
                Some(b'\\') => end += 2,
                Some(b'`') => {
                    self.push(Kind::Template, end + 1);
                    return Ok(());
                }
                Some(b'$') if self.bytes.get(end + 1) == Some(&b'{') => {
                    self.push(Kind::Template, end + 2);
                    return self.enter(Bracket::Template);
                }
                Some(_) => end += 1,
                None => return Err(Malformed),
            }
        }
    }

    fn slash(&mut self) -> Result<(), Malformed> {
        match self.bytes.get(self.position + 1) {
            Some(b'/') => self.skip_line(),
            Some(b'*') => {
                let rest = &self.bytes[self.position + 2..];
                let length = rest
                    .windows(2)
                    .position(|pair| pair == b"*/")
                    .ok_or(Malformed)?;
                self.position += length + 4;
            }
            _ if self.regex_may_follow() => {
                self.slash_divided = false;
                self.regex()?;
            }
            _ => {
                self.push(Kind::Punctuation(b'/'), self.position + 1);
                self.slash_divided = true;
            }
        }
        Ok(())
    }

    fn regex(&mut self) -> Result<(), Malformed> {
        let mut end = self.position + 1;
        let mut in_class = false;
        loop {
            match self.bytes.get(end) {
                Some(b'\\') => end += 1,
                Some(b'[') => in_class = true,
                Some(b']') => in_class = false,
                Some(b'/') if !in_class => break,
                Some(b'\n' | b'\r') | None => return Err(Malformed),
                Some(_) => {}
            }
            end += 1;
        }
        end += 1;
        while self.bytes.get(end).is_some_and(u8::is_ascii_alphabetic) {
            end += 1;
        }
        self.push(Kind::Regex, end);
        Ok(())
    }

    /// Whether a slash here starts a regular expression, by what stands before it.
    fn regex_may_follow(&self) -> bool {
        let Some(last) = self.tokens.last() else {
            return true;
        };
        match last.kind {
            Kind::Word => is_expression_keyword(&self.bytes[last.start..last.end]),
            Kind::Text | Kind::Number | Kind::Regex => false,
            // A piece that ends with `${` is followed by an expression, one with a backquote is a value.
            Kind::Template => self.bytes[last.end - 1] == b'{',
            Kind::Punctuation(b')') => self.closed_after(|tokenizer, before| {
                let Kind::Word = before.kind else {
                    return false;
                };
                matches!(
                    &tokenizer.bytes[before.start..before.end],
                    b"while" | b"for" | b"if"
                )
            }),
            Kind::Punctuation(b'}') => self.closes_block(),
            Kind::Punctuation(b']') => false,
            Kind::Punctuation(b'/') => self.slash_divided,
            Kind::Punctuation(byte @ (b'+' | b'-')) => {
                // `a++ / b` divides.
                last.start == 0 || self.bytes[last.start - 1] != byte
            }
            Kind::Punctuation(_) => true,
        }
    }

    fn closed_after(&self, test: impl FnOnce(&Self, &Token) -> bool) -> bool {
        let before = self.closed.as_ref().and_then(|open| open.before);
        before.is_some_and(|index| test(self, &self.tokens[index]))
    }

    /// Whether the closing brace ended a block or class and not an object.
    fn closes_block(&self) -> bool {
        let Some(closed) = &self.closed else {
            return false;
        };
        if closed.class_body || closed.before.is_none() {
            return true;
        }
        self.closed_after(|tokenizer, before| match before.kind {
            Kind::Punctuation(b';' | b')') => true,
            Kind::Punctuation(b'>') => {
                before.start > 0 && tokenizer.bytes[before.start - 1] == b'='
            }
            Kind::Word => {
                matches!(
                    &tokenizer.bytes[before.start..before.end],
                    b"catch" | b"finally" | b"else" | b"do" | b"try"
                )
            }
            _ => false,
        })
    }

    fn enter(&mut self, bracket: Bracket) -> Result<(), Malformed> {
        if self.open.len() == MAX_DEPTH {
            return Err(Malformed);
        }
        let class_body = bracket == Bracket::Curly && std::mem::take(&mut self.class_pending);
        let before = self.tokens.len().checked_sub(2);
        self.open.push(Open {
            bracket,
            before,
            class_body,
        });
        Ok(())
    }

    fn open(&mut self, bracket: Bracket) -> Result<(), Malformed> {
        let byte = self.bytes[self.position];
        self.push(Kind::Punctuation(byte), self.position + 1);
        self.enter(bracket)
    }

    fn close(&mut self, bracket: Bracket) -> Result<(), Malformed> {
        let open = self
            .open
            .pop()
            .filter(|open| open.bracket == bracket)
            .ok_or(Malformed)?;
        let byte = self.bytes[self.position];
        self.push(Kind::Punctuation(byte), self.position + 1);
        self.closed = Some(open);
        Ok(())
    }

    fn close_curly(&mut self) -> Result<(), Malformed> {
        if self
            .open
            .last()
            .is_some_and(|open| open.bracket == Bracket::Template)
        {
            self.open.pop();
            return self.template();
        }
        self.close(Bracket::Curly)
    }
}

/// Keywords that an expression follows.
fn is_expression_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"await"
            | b"case"
            | b"debugger"
            | b"delete"
            | b"do"
            | b"else"
            | b"in"
            | b"instanceof"
            | b"new"
            | b"of"
            | b"return"
            | b"throw"
            | b"typeof"
            | b"void"
            | b"yield"
    )
}

#[cfg(test)]
mod tests {
    use super::{Kind, Malformed, tokenize};

    fn texts(source: &str) -> Vec<&str> {
        tokenize(source)
            .unwrap()
            .iter()
            .map(|token| &source[token.start..token.end])
            .collect()
    }

    #[test]
    fn slashes_divide_after_values_and_start_expressions_elsewhere() {
        assert_eq!(texts("a / b / c"), ["a", "/", "b", "/", "c"]);
        assert_eq!(texts("return /[/]'/g"), ["return", "/[/]'/g"]);
        assert_eq!(texts("if (x) /'/.test(y)")[4], "/'/");
        assert_eq!(texts("(x) / 2")[3], "/");
    }

    #[test]
    fn templates_nest() {
        assert_eq!(
            texts("`a${ `b${c}d` }e`"),
            ["`a${", "`b${", "c", "}d`", "}e`"]
        );
    }

    #[test]
    fn comments_and_hash_bang_are_no_tokens() {
        assert_eq!(texts("#!/usr/bin/node\n/* ' */ a // \"\nb"), ["a", "b"]);
    }

    #[test]
    fn what_does_not_close_is_malformed() {
        for source in ["(", ")", "(]", "'a", "`${", "/* ", "a = /x"] {
            assert_eq!(tokenize(source).unwrap_err(), Malformed, "{source}");
        }
    }

    #[test]
    fn words_may_be_unicode_and_no_break_space_ends_them() {
        let tokens = tokenize("größe\u{a0}x").unwrap();
        assert_eq!(tokens.len(), 2);
        assert_eq!(tokens[0].kind, Kind::Word);
    }
}
