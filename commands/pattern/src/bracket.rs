//! Bracket expressions: `[a-z[:alpha:]]`, POSIX.1-2024 chapter 9.3.5.

use super::translate::{Dialect, Error, Parser, decode, push_literal};

/// One end of a range, or a single member.
type Member = char;

/// The members of a named class, in the syntax of the `regex` crates.
fn class(name: &[u8], unicode: bool) -> Option<&'static str> {
    Some(match (name, unicode) {
        (b"alpha", true) => r"\p{Alphabetic}",
        (b"alpha", false) => "A-Za-z",
        (b"digit", _) => "0-9",
        (b"alnum", true) => r"\p{Alphabetic}\p{Nd}",
        (b"alnum", false) => "0-9A-Za-z",
        (b"upper", true) => r"\p{Uppercase}",
        (b"upper", false) => "A-Z",
        (b"lower", true) => r"\p{Lowercase}",
        (b"lower", false) => "a-z",
        (b"space", true) => r"\s",
        (b"space", false) => r"\t-\r ",
        (b"blank", true) => r"\t\p{Zs}",
        (b"blank", false) => r"\t ",
        (b"punct", true) => r"\p{P}\p{S}",
        (b"punct", false) => r"!-/:-@\[-`{-~",
        (b"print", true) => r"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}",
        (b"print", false) => r" -~",
        (b"graph", true) => r"\p{L}\p{M}\p{N}\p{P}\p{S}",
        (b"graph", false) => r"!-~",
        (b"cntrl", _) => r"\x00-\x1f\x7f",
        (b"xdigit", _) => "0-9A-Fa-f",
        _ => return None,
    })
}

impl Parser<'_> {
    /// Reads a bracket expression whose `[` was consumed and appends its translation.
    pub(super) fn bracket(&mut self) -> Result<(), Error> {
        let unmatched = Error("Unmatched [, [^, [:, [., or [=");
        let negated = self.peek() == Some(b'^');
        if negated {
            self.at += 1;
        }
        let mut members = String::new();
        let mut first = true;
        loop {
            let byte = self.peek().ok_or(unmatched)?;
            if byte == b']' && !first {
                self.at += 1;
                break;
            }
            first = false;
            if byte == b'[' && self.peek_at(1) == Some(b':') {
                let unicode = self.dialect.unicode;
                let name = self.named(b':').ok_or(unmatched)?;
                let text = class(name, unicode).ok_or(Error("Invalid character class name"))?;
                members.push_str(text);
                continue;
            }
            let low = self.member().ok_or(unmatched)?;
            let ranged =
                self.peek() == Some(b'-') && self.peek_at(1).is_some_and(|next| next != b']');
            if !ranged {
                self.push_member(&mut members, low);
                continue;
            }
            self.at += 1;
            let high = self.member().ok_or(unmatched)?;
            if low > high {
                return Err(Error("Invalid range end"));
            }
            self.push_member(&mut members, low);
            members.push('-');
            self.push_member(&mut members, high);
        }
        self.out.push_str(if negated { "[^" } else { "[" });
        self.out.push_str(&members);
        if negated && self.dialect.newline_never {
            self.out.push_str(r"\n");
        }
        self.out.push(']');
        Ok(())
    }

    /// The text of `[:text:]`, `[=text=]` or `[.text.]`, at the `[`.
    fn named(&mut self, mark: u8) -> Option<&[u8]> {
        let start = self.at + 2;
        let length = self
            .pattern
            .get(start..)?
            .windows(2)
            .position(|pair| pair == [mark, b']'])?;
        self.at = start + length + 2;
        self.pattern.get(start..start + length)
    }

    fn member(&mut self) -> Option<Member> {
        let byte = self.peek()?;
        if byte == b'[' {
            for mark in [b'=', b'.'] {
                if self.peek_at(1) == Some(mark) {
                    let unicode = self.dialect.unicode;
                    let name = self.named(mark)?;
                    return decode(name, unicode).map(|(member, _)| member);
                }
            }
        }
        if byte == b'\\'
            && let Some(member) = self.bracket_escape()
        {
            return Some(member);
        }
        let (member, length) = decode(&self.pattern[self.at..], self.dialect.unicode)?;
        self.at += length;
        Some(member)
    }

    /// POSIX has no escapes in brackets; awk has all of its own, sed those of control characters.
    fn bracket_escape(&mut self) -> Option<Member> {
        let next = self.peek_at(1)?;
        let control = match next {
            b'n' => Some('\n'),
            b't' => Some('\t'),
            b'f' => Some('\x0c'),
            b'v' => Some('\x0b'),
            b'a' => Some('\x07'),
            b'r' => Some('\r'),
            _ => None,
        };
        match self.dialect.bracket_escapes {
            Escapes::None => None,
            Escapes::Control => {
                let start = self.at;
                self.at += 2;
                let member = control.or_else(|| self.numeric_escape(next));
                if member.is_none() {
                    self.at = start;
                }
                member
            }
            Escapes::All => {
                self.at += 1;
                if let Some(value) = self.octal_character() {
                    return Some(value);
                }
                if let Some(member) = control {
                    self.at += 1;
                    return Some(member);
                }
                if next == b'b' {
                    self.at += 1;
                    return Some('\x08');
                }
                let (member, length) = decode(&self.pattern[self.at..], self.dialect.unicode)?;
                self.at += length;
                Some(member)
            }
        }
    }

    fn push_member(&self, members: &mut String, member: Member) {
        push_literal(members, member, self.dialect);
    }
}

/// Which backslash sequences have a meaning between brackets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Escapes {
    None,
    Control,
    All,
}

impl Dialect {
    /// grep's: POSIX as it stands.
    pub fn grep(unicode: bool) -> Self {
        Self {
            unicode,
            newline_never: false,
            bracket_escapes: Escapes::None,
            multi_line: false,
        }
    }

    /// sed's: `\n` and its kind also between brackets.
    pub fn sed(unicode: bool, multi_line: bool) -> Self {
        Self {
            unicode,
            newline_never: false,
            bracket_escapes: Escapes::Control,
            multi_line,
        }
    }

    /// awk's: every escape also between brackets.
    pub fn awk(unicode: bool) -> Self {
        Self {
            unicode,
            newline_never: false,
            bracket_escapes: Escapes::All,
            multi_line: false,
        }
    }
}
