//! Translates basic and extended regular expressions (POSIX.1-2024 chapter 9, with the usual extensions
//! `\+ \? \| \w \s \b \< \>`) to the syntax of the `regex` crates.

use super::bracket::Escapes;
use std::fmt::Write;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    Basic,
    Extended,
    /// Extended as awk reads it: more escapes, no back-references.
    Awk,
}

/// What differs between the programs.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// A character is a UTF-8 sequence rather than a byte.
    pub unicode: bool,
    /// A negated bracket expression never matches a newline.
    pub newline_never: bool,
    pub bracket_escapes: Escapes,
    /// `^` and `$` also match at newlines.
    pub multi_line: bool,
}

/// The message POSIX's `regerror` would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub &'static str);

#[derive(Debug)]
pub struct Translation {
    /// The expression in the syntax of the `regex` crates.
    pub text: String,
    /// Number of capturing groups.
    pub groups: usize,
    pub back_references: bool,
    /// Whether the first match a backtracking matcher would find may be shorter than the longest.
    pub ambiguous: bool,
}

/// Translates `pattern`; back-references are counted from `first_group`.
pub fn translate(
    pattern: &[u8],
    syntax: Syntax,
    dialect: Dialect,
    first_group: usize,
) -> Result<Translation, Error> {
    let mut parser = Parser {
        pattern,
        at: 0,
        syntax,
        dialect,
        first_group,
        out: String::with_capacity(pattern.len() * 2),
        groups: 0,
        closed: Vec::new(),
        back_references: false,
        variable: 0,
        ambiguous: false,
    };
    parser.alternation(0)?;
    Ok(Translation {
        ambiguous: parser.ambiguous || parser.variable > 1,
        text: parser.out,
        groups: parser.groups,
        back_references: parser.back_references,
    })
}

pub(super) struct Parser<'a> {
    pub(super) pattern: &'a [u8],
    pub(super) at: usize,
    syntax: Syntax,
    pub(super) dialect: Dialect,
    first_group: usize,
    pub(super) out: String,
    groups: usize,
    /// The groups whose end was seen: only those can be referred to.
    closed: Vec<usize>,
    back_references: bool,
    /// Number of elements of variable length.
    variable: usize,
    ambiguous: bool,
}

/// The first character of `text` and its length; a byte that is not UTF-8 becomes U+10FF00 + byte, which
/// [`push_literal`] turns back into the byte.
pub(super) fn decode(text: &[u8], unicode: bool) -> Option<(char, usize)> {
    let first = *text.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    if unicode {
        for length in 2..=4.min(text.len()) {
            if let Ok(valid) = std::str::from_utf8(&text[..length]) {
                return valid.chars().next().map(|c| (c, length));
            }
        }
        return char::from_u32(0x10_FF00 + u32::from(first)).map(|c| (c, 1));
    }
    Some((char::from(first), 1))
}

pub(super) fn push_literal(out: &mut String, member: char, dialect: Dialect) {
    let code = u32::from(member);
    let result = match code {
        0x10_FF00..=0x10_FFFF => write!(out, r"(?-u:\x{:02x})", code & 0xff),
        _ if !dialect.unicode => write!(out, r"\x{code:02x}"),
        _ if member.is_ascii_alphanumeric() || code >= 0x80 => {
            out.push(member);
            Ok(())
        }
        _ => write!(out, r"\x{code:02x}"),
    };
    // Writing to a string cannot fail.
    debug_assert!(result.is_ok());
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.pattern.get(self.at + ahead).copied()
    }

    fn looking_at(&self, text: &[u8]) -> bool {
        self.pattern[self.at..].starts_with(text)
    }

    fn basic(&self) -> bool {
        self.syntax == Syntax::Basic
    }

    fn at_alternation(&self) -> bool {
        if self.basic() {
            self.looking_at(br"\|")
        } else {
            self.peek() == Some(b'|')
        }
    }

    fn at_close(&self) -> bool {
        if self.basic() {
            self.looking_at(br"\)")
        } else {
            self.peek() == Some(b')')
        }
    }

    fn alternation(&mut self, depth: usize) -> Result<(), Error> {
        if depth > 200 {
            return Err(Error("Regular expression too big"));
        }
        loop {
            self.branch(depth)?;
            if !self.at_alternation() {
                break;
            }
            self.at += if self.basic() { 2 } else { 1 };
            self.out.push('|');
            self.ambiguous = true;
        }
        if depth == 0 && self.at < self.pattern.len() {
            return Err(Error("Unmatched ) or \\)"));
        }
        Ok(())
    }

    fn branch(&mut self, depth: usize) -> Result<(), Error> {
        let mut first = true;
        while self.at < self.pattern.len() && !self.at_alternation() {
            if self.at_close() && (depth > 0 || self.basic() || self.syntax == Syntax::Awk) {
                break;
            }
            let start = self.out.len();
            let groups = self.groups;
            let anchor = self.atom(first, depth)?;
            if !(anchor && self.basic()) {
                self.quantifiers(start, groups != self.groups)?;
                first = false;
            }
        }
        Ok(())
    }

    /// Reads one element. The result says whether it was an anchor.
    fn atom(&mut self, first: bool, depth: usize) -> Result<bool, Error> {
        let byte = self.pattern[self.at];
        self.at += 1;
        match byte {
            b'\\' => return self.escape(depth),
            b'[' => self.bracket()?,
            b'.' if self.dialect.unicode => self.out.push_str("(?s:.)"),
            b'.' => self.out.push_str("(?s-u:.)"),
            b'^' if !self.basic() || first => {
                self.anchor('^');
                return Ok(true);
            }
            b'$' if !self.basic() || self.ends_branch() => {
                self.anchor('$');
                return Ok(true);
            }
            b'(' if !self.basic() => self.group(depth)?,
            b'*' if first && self.basic() => self.literal('*'),
            b'*' | b'+' | b'?' if !self.basic() => {
                // At the start of an expression; the usual programs take it as nothing or itself.
                if byte != b'*' || self.syntax == Syntax::Awk {
                    self.literal(char::from(byte));
                } else {
                    self.out.push_str("(?:)");
                }
            }
            _ => {
                self.at -= 1;
                if let Some((character, length)) =
                    decode(&self.pattern[self.at..], self.dialect.unicode)
                {
                    self.at += length;
                    self.literal(character);
                }
            }
        }
        Ok(false)
    }

    fn literal(&mut self, character: char) {
        push_literal(&mut self.out, character, self.dialect);
    }

    fn anchor(&mut self, which: char) {
        let text = match (which, self.dialect.multi_line) {
            ('^', false) => "^",
            ('^', true) => "(?m:^)",
            (_, false) => "$",
            (_, true) => "(?m:$)",
        };
        self.out.push_str(text);
    }

    /// In a basic expression `$` is an anchor only at the end of a branch.
    fn ends_branch(&self) -> bool {
        self.at == self.pattern.len() || self.at_close() || self.at_alternation()
    }

    fn group(&mut self, depth: usize) -> Result<(), Error> {
        self.groups += 1;
        let number = self.groups;
        self.out.push('(');
        self.alternation(depth + 1)?;
        if !self.at_close() {
            return Err(Error("Unmatched ( or \\("));
        }
        self.at += if self.basic() { 2 } else { 1 };
        self.out.push(')');
        self.closed.push(number);
        Ok(())
    }

    /// Reads what follows a backslash. The result says whether it was an anchor.
    fn escape(&mut self, depth: usize) -> Result<bool, Error> {
        let byte = self.peek().ok_or(Error("Trailing backslash"))?;
        if self.syntax == Syntax::Awk
            && let Some(value) = self.octal_character()
        {
            self.literal(value);
            return Ok(false);
        }
        self.at += 1;
        match byte {
            b'(' if self.basic() => self.group(depth)?,
            b'{' if self.basic() => return Err(Error("Invalid preceding regular expression")),
            b'1'..=b'9' if self.syntax != Syntax::Awk => self.back_reference(byte)?,
            b'w' => self.word_class("[_{}]"),
            b'W' => self.word_class("[^_{}]"),
            b's' => self.out.push_str(r"\s"),
            b'S' => self.out.push_str(r"\S"),
            b'<' => self.out.push_str(r"\b{start}"),
            b'>' => self.out.push_str(r"\b{end}"),
            b'b' if self.syntax != Syntax::Awk => self.out.push_str(r"\b"),
            b'y' if self.syntax == Syntax::Awk => self.out.push_str(r"\b"),
            b'B' => self.out.push_str(r"\B"),
            b'`' => self.out.push_str(r"\A"),
            b'\'' => self.out.push_str(r"\z"),
            _ => return self.control(byte),
        }
        Ok(matches!(byte, b'<' | b'>' | b'b' | b'B' | b'`' | b'\''))
    }

    fn word_class(&mut self, brackets: &str) {
        let members = if self.dialect.unicode {
            r"\p{Alphabetic}\p{Nd}"
        } else {
            "0-9A-Za-z"
        };
        self.out.push_str(&brackets.replace("{}", members));
    }

    /// A backslash and a letter for a control character, or a quoted character.
    fn control(&mut self, byte: u8) -> Result<bool, Error> {
        let awk = self.syntax == Syntax::Awk;
        let control = awk || self.dialect.bracket_escapes != Escapes::None;
        let character = match byte {
            b'n' if control => '\n',
            b't' if control => '\t',
            b'f' if control => '\x0c',
            b'v' if control => '\x0b',
            b'a' if control => '\x07',
            b'r' if control => '\r',
            b'b' if awk => '\x08',
            b'x' | b'o' | b'd' | b'c' if control => {
                if let Some(character) = self.numeric_escape(byte) {
                    self.literal(character);
                } else {
                    self.literal(char::from(byte));
                }
                return Ok(false);
            }
            _ => {
                self.at -= 1;
                let (character, length) = decode(&self.pattern[self.at..], self.dialect.unicode)
                    .ok_or(Error("Trailing backslash"))?;
                self.at += length;
                character
            }
        };
        self.literal(character);
        Ok(false)
    }

    /// Up to three octal digits.
    fn octal(&mut self) -> Option<u8> {
        let mut value = 0u32;
        let mut digits = 0;
        while let Some(digit @ b'0'..=b'7') = self.peek() {
            if digits == 3 {
                break;
            }
            value = value * 8 + u32::from(digit - b'0');
            digits += 1;
            self.at += 1;
        }
        if digits == 0 {
            None
        } else {
            u8::try_from(value & 0xff).ok()
        }
    }

    /// The rest of `\NNN`, with what follows it if they are a character together.
    pub(super) fn octal_character(&mut self) -> Option<char> {
        let byte = self.octal()?;
        Some(self.joined(byte))
    }

    /// The rest of `\xHH`, and of sed's `\oNNN`, `\dNNN` and `\cX`, behind its letter, with what follows it if they
    /// are a character together.
    pub(super) fn numeric_escape(&mut self, letter: u8) -> Option<char> {
        let byte = self.numeric_byte(letter)?;
        Some(self.joined(byte))
    }

    /// The character that a byte begins whose other bytes are escapes too; without those the byte alone.
    fn joined(&mut self, first: u8) -> char {
        if first < 0x80 || !self.dialect.unicode {
            return char::from(first);
        }
        let start = self.at;
        let mut sequence = vec![first];
        while sequence.len() < 4 && self.peek() == Some(b'\\') {
            self.at += 1;
            let Some(byte) = self.byte_escape() else {
                break;
            };
            sequence.push(byte);
            if let Ok(text) = std::str::from_utf8(&sequence) {
                return text.chars().next().unwrap_or('\0');
            }
        }
        self.at = start;
        decode(&[first], true).map_or('\0', |(character, _)| character)
    }

    /// An escape of a byte behind its backslash.
    fn byte_escape(&mut self) -> Option<u8> {
        if self.syntax == Syntax::Awk && self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return self.octal();
        }
        let letter = self.peek().filter(|letter| b"xod".contains(letter))?;
        self.at += 1;
        self.numeric_byte(letter)
    }

    fn numeric_byte(&mut self, letter: u8) -> Option<u8> {
        let awk = self.syntax == Syntax::Awk;
        let (radix, digits) = match letter {
            b'x' => (16, 2),
            b'o' if !awk => (8, 3),
            b'd' if !awk => (10, 3),
            b'c' if !awk => {
                let control = self.peek()?.to_ascii_uppercase() ^ 0x40;
                self.at += 1;
                return Some(control);
            }
            _ => return None,
        };
        let mut value = 0;
        let start = self.at;
        while self.at < start + digits {
            let Some(digit) = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(radix))
            else {
                break;
            };
            value = value * radix + digit;
            self.at += 1;
        }
        if self.at == start {
            return None;
        }
        u8::try_from(value & 0xff).ok()
    }

    fn back_reference(&mut self, digit: u8) -> Result<(), Error> {
        let number = usize::from(digit - b'0');
        if !self.closed.contains(&number) {
            return Err(Error("Invalid back reference"));
        }
        self.back_references = true;
        let number = number + self.first_group;
        let result = write!(self.out, r"(?:\{number})");
        debug_assert!(result.is_ok());
        Ok(())
    }

    /// Reads the quantifiers after an element whose translation starts at `start`.
    fn quantifiers(&mut self, start: usize, group: bool) -> Result<(), Error> {
        let mut count = 0;
        while let Some(quantifier) = self.quantifier()? {
            if count > 0 || self.out[start..].is_empty() {
                self.out.insert_str(start, "(?:");
                self.out.push(')');
            }
            self.out.push_str(&quantifier);
            count += 1;
            self.variable += 1;
            if group || count > 1 {
                self.ambiguous = true;
            }
        }
        Ok(())
    }

    fn quantifier(&mut self) -> Result<Option<String>, Error> {
        let Some(byte) = self.peek() else {
            return Ok(None);
        };
        let (simple, length) = match byte {
            b'*' => (true, 1),
            b'+' | b'?' if !self.basic() => (true, 1),
            b'\\' if self.basic() && matches!(self.peek_at(1), Some(b'+' | b'?')) => (true, 2),
            b'{' if !self.basic() => (false, 1),
            b'\\' if self.basic() && self.peek_at(1) == Some(b'{') => (false, 2),
            _ => return Ok(None),
        };
        if simple {
            self.at += length;
            return Ok(Some(char::from(self.pattern[self.at - 1]).to_string()));
        }
        self.interval(length)
    }

    /// `{m}`, `{m,}`, `{,n}` or `{m,n}`. In an extended expression anything else is literal.
    fn interval(&mut self, open: usize) -> Result<Option<String>, Error> {
        let start = self.at;
        self.at += open;
        let minimum = self.number();
        let comma = self.peek() == Some(b',');
        if comma {
            self.at += 1;
        }
        let maximum = if comma { self.number() } else { minimum };
        let close: &[u8] = if self.basic() { br"\}" } else { b"}" };
        if !self.looking_at(close) || (minimum.is_none() && !comma) {
            if self.basic() {
                return Err(Error(if self.at >= self.pattern.len() {
                    "Unmatched \\{"
                } else {
                    "Invalid content of \\{\\}"
                }));
            }
            self.at = start;
            return Ok(None);
        }
        self.at += close.len();
        let minimum = minimum.unwrap_or(0);
        if minimum > 32767 || maximum.is_some_and(|maximum| maximum > 32767) {
            return Err(Error("Regular expression too big"));
        }
        match maximum {
            Some(maximum) if maximum < minimum => Err(Error("Invalid content of \\{\\}")),
            Some(maximum) => Ok(Some(format!("{{{minimum},{maximum}}}"))),
            None => Ok(Some(format!("{{{minimum},}}"))),
        }
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if start == self.at {
            return None;
        }
        let text = std::str::from_utf8(&self.pattern[start..self.at]).ok()?;
        Some(text.parse().unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(pattern: &str) -> Result<String, Error> {
        translate(pattern.as_bytes(), Syntax::Basic, Dialect::grep(true), 0).map(|t| t.text)
    }

    fn extended(pattern: &str) -> Result<String, Error> {
        translate(pattern.as_bytes(), Syntax::Extended, Dialect::grep(true), 0).map(|t| t.text)
    }

    #[test]
    fn plain_characters_of_a_basic_expression_stay_literal() {
        assert_eq!(basic("a+b").unwrap(), r"a\x2bb");
        assert_eq!(basic("*a").unwrap(), r"\x2aa");
        assert_eq!(basic("a^b$c").unwrap(), r"a\x5eb\x24c");
    }

    #[test]
    fn stacked_quantifiers_do_not_become_lazy() {
        assert_eq!(extended("a*?").unwrap(), "(?:a*)?");
    }

    #[test]
    fn an_interval_that_is_none_is_literal_in_an_extended_expression() {
        assert_eq!(extended("a{x").unwrap(), r"a\x7bx");
    }

    #[test]
    fn errors_have_the_names_of_regerror() {
        assert_eq!(basic(r"\(a"), Err(Error("Unmatched ( or \\(")));
        assert_eq!(basic("[a"), Err(Error("Unmatched [, [^, [:, [., or [=")));
        assert_eq!(basic(r"\(a\)\2"), Err(Error("Invalid back reference")));
    }
}
