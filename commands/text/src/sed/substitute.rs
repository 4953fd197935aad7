//! The functions `s` and `y`: how they are written.

use super::parse::{Parser, Result};
use super::script::{Case, Function, Part, Substitution, Transliteration};
use std::collections::HashMap;

/// The parts of a replacement while they are collected.
#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    text: Vec<u8>,
}

impl Parts {
    fn push(&mut self, part: Part) {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.text)));
        }
        self.parts.push(part);
    }

    fn finish(mut self) -> Vec<Part> {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(self.text));
        }
        self.parts
    }
}

/// The value of the digits at the start of `text`, at most `most`, and how many there are.
fn digits(text: &[u8], radix: u32, most: usize) -> Option<(u8, usize)> {
    let mut value = 0;
    let mut length = 0;
    for &byte in text.iter().take(most) {
        let Some(digit) = char::from(byte).to_digit(radix) else {
            break;
        };
        value = value * radix + digit;
        length += 1;
    }
    if length == 0 {
        None
    } else {
        Some(((value & 0xff) as u8, length))
    }
}

/// What an escape for a single byte stands for, given what follows the backslash, and its length.
pub fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let (&letter, rest) = text.split_first()?;
    let simple = match letter {
        b'n' | b'\n' => b'\n',
        b't' => b'\t',
        b'f' => b'\x0c',
        b'v' => b'\x0b',
        b'a' => b'\x07',
        b'r' => b'\r',
        b'x' => return digits(rest, 16, 2).map(|(byte, length)| (byte, length + 1)),
        b'o' => return digits(rest, 8, 3).map(|(byte, length)| (byte, length + 1)),
        b'd' => return digits(rest, 10, 3).map(|(byte, length)| (byte, length + 1)),
        b'c' => {
            return rest
                .first()
                .map(|byte| (byte.to_ascii_uppercase() ^ 0x40, 2));
        }
        _ => return None,
    };
    Some((simple, 1))
}

fn replacement(text: &[u8]) -> Vec<Part> {
    let mut parts = Parts::default();
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte == b'&' {
            parts.push(Part::Group(0));
            continue;
        }
        if byte != b'\\' || at == text.len() {
            parts.text.push(byte);
            continue;
        }
        let case = match text[at] {
            b'U' => Some(Case::Upper),
            b'L' => Some(Case::Lower),
            b'u' => Some(Case::UpperNext),
            b'l' => Some(Case::LowerNext),
            b'E' => Some(Case::End),
            _ => None,
        };
        if let Some(case) = case {
            parts.push(Part::Case(case));
            at += 1;
        } else if text[at].is_ascii_digit() {
            parts.push(Part::Group(usize::from(text[at] - b'0')));
            at += 1;
        } else if let Some((byte, length)) = escape(&text[at..]) {
            parts.text.push(byte);
            at += length;
        } else {
            parts.text.push(text[at]);
            at += 1;
        }
    }
    parts.finish()
}

impl Parser<'_> {
    pub(super) fn substitution(&mut self) -> Result<Function> {
        let unterminated = "unterminated `s' command";
        let delimiter = self.next().ok_or_else(|| self.error(unterminated))?;
        if delimiter == b'\n' || delimiter == b'\\' {
            return Err(self.error(unterminated));
        }
        let regex = self
            .delimited(delimiter, true)
            .ok_or_else(|| self.error(unterminated))?;
        let text = self
            .delimited(delimiter, false)
            .ok_or_else(|| self.error(unterminated))?;
        let mut substitution = Substitution {
            pattern: None,
            replacement: replacement(&text),
            number: 1,
            global: false,
            print: false,
            print_first: false,
            evaluate: false,
            file: None,
        };
        let mut builder = self.builder();
        let mut multi_line = false;
        let mut numbered = false;
        loop {
            match self.peek() {
                Some(b'g') if substitution.global => return Err(self.twice("g")),
                Some(b'g') => substitution.global = true,
                Some(b'p') if substitution.print => return Err(self.twice("p")),
                Some(b'p') => {
                    substitution.print = true;
                    substitution.print_first = !substitution.evaluate;
                }
                Some(b'i' | b'I') => builder.ignore_case = true,
                Some(b'm' | b'M') => multi_line = true,
                Some(b'e') => {
                    self.refuse_in_sandbox()?;
                    substitution.evaluate = true;
                }
                Some(b'0'..=b'9') => {
                    if std::mem::replace(&mut numbered, true) {
                        self.at += 1;
                        return Err(self.error("multiple number options to `s' command"));
                    }
                    let number = self.number().unwrap_or(0);
                    if number == 0 {
                        return Err(self.error("number option to `s' command may not be zero"));
                    }
                    substitution.number = usize::try_from(number).unwrap_or(usize::MAX);
                    continue;
                }
                Some(b'w') => {
                    self.next();
                    substitution.file = Some(self.output_file()?);
                    break;
                }
                Some(byte) if !b" \t\r\n;}#".contains(&byte) => {
                    self.at += 1;
                    return Err(self.error("unknown option to `s'"));
                }
                _ => break,
            }
            self.next();
        }
        substitution.pattern = self.compile(&regex, builder, multi_line)?;
        let highest = substitution.replacement.iter().map(|part| match part {
            Part::Group(group) => *group,
            _ => 0,
        });
        let highest = highest.max().unwrap_or(0);
        if let Some(pattern) = &substitution.pattern
            && highest > pattern.groups()
        {
            return Err(self.error(format!(
                "invalid reference \\{highest} on `s' command's RHS"
            )));
        }
        Ok(Function::Substitute(Box::new(substitution)))
    }

    fn twice(&mut self, option: &str) -> super::parse::Error {
        self.at += 1;
        self.error(format!("multiple `{option}' options to `s' command"))
    }

    pub(super) fn transliteration(&mut self) -> Result<Function> {
        let unterminated = "unterminated `y' command";
        let delimiter = self.next().ok_or_else(|| self.error(unterminated))?;
        let from = self
            .delimited(delimiter, false)
            .ok_or_else(|| self.error(unterminated))?;
        let to = self
            .delimited(delimiter, false)
            .ok_or_else(|| self.error(unterminated))?;
        let (from, to) = (self.unescaped(&from)?, self.unescaped(&to)?);
        let unequal = "strings for `y' command are different lengths";
        let ascii = from.is_ascii() && to.is_ascii();
        if !ascii
            && self.flavour.unicode
            && let (Ok(from), Ok(to)) = (std::str::from_utf8(&from), std::str::from_utf8(&to))
        {
            if from.chars().count() != to.chars().count() {
                return Err(self.error(unequal));
            }
            let mut map = HashMap::new();
            for (from, to) in from.chars().zip(to.chars()) {
                map.entry(from).or_insert(to);
            }
            let map = Transliteration::Characters(map);
            return Ok(Function::Transliterate(Box::new(map)));
        }
        if from.len() != to.len() {
            return Err(self.error(unequal));
        }
        let mut table: Box<[u8; 256]> = Box::new(std::array::from_fn(|byte| byte as u8));
        for (&from, &to) in from.iter().zip(&to).rev() {
            table[usize::from(from)] = to;
        }
        Ok(Function::Transliterate(Box::new(Transliteration::Bytes(
            table,
        ))))
    }

    /// `\\`, `\n` and the like in the strings of `y`.
    fn unescaped(&self, text: &[u8]) -> Result<Vec<u8>> {
        let mut plain = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            if text[at] == b'\\' && at + 1 < text.len() {
                at += 1;
                if let Some((byte, length)) = escape(&text[at..]) {
                    plain.push(byte);
                    at += length;
                    continue;
                }
                if text[at] != b'\\' && text[at] != b'&' {
                    plain.push(b'\\');
                }
            }
            plain.push(text[at]);
            at += 1;
        }
        Ok(plain)
    }
}
