//! The words of a text that names a time. GNU's manual, "General date syntax": what is in parentheses is a comment, case
//! and blanks do not count, and neither does a sign that no number follows.

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Number(Number),
    /// A number with a fraction: whole seconds, rounded down, and nanoseconds.
    Fraction {
        seconds: i64,
        nanoseconds: u32,
        signed: bool,
    },
    /// Letters and periods, in small letters.
    Word(String),
    Sign(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub value: i64,
    pub digits: usize,
    pub signed: bool,
}

/// The words of a text; nothing if a number in it is too large to count.
pub fn tokens(text: &[u8]) -> Option<Vec<Token>> {
    let mut rest = text;
    let mut found = Vec::new();
    while let Some(&byte) = rest.first() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r' => rest = &rest[1..],
            b'(' => rest = behind_comment(rest),
            b'+' | b'-' => {
                let blanks = rest[1..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .count();
                let after = &rest[1 + blanks..];
                rest = after;
                if after.first().is_some_and(u8::is_ascii_digit) {
                    let (token, length) = number(after, Some(byte == b'-'))?;
                    found.push(token);
                    rest = &after[length..];
                }
            }
            b'0'..=b'9' => {
                let (token, length) = number(rest, None)?;
                found.push(token);
                rest = &rest[length..];
            }
            byte if byte.is_ascii_alphabetic() => {
                let length = rest
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'.')
                    .count();
                let word = String::from_utf8_lossy(&rest[..length]).to_ascii_lowercase();
                found.push(Token::Word(word));
                rest = &rest[length..];
            }
            byte => {
                found.push(Token::Sign(byte));
                rest = &rest[1..];
            }
        }
    }
    Some(found)
}

/// What follows a comment, in which there may be others. One that does not end is the rest.
fn behind_comment(text: &[u8]) -> &[u8] {
    let mut depth = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[at + 1..];
        }
    }
    &[]
}

/// A number at the start of a text and its length; `sign` is whether it is negative, if it has a sign.
fn number(text: &[u8], sign: Option<bool>) -> Option<(Token, usize)> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let negative = sign == Some(true);
    let mut value: i64 = 0;
    for digit in &text[..digits] {
        let digit = i64::from(digit - b'0');
        value = value.checked_mul(10)?;
        value = if negative {
            value.checked_sub(digit)?
        } else {
            value.checked_add(digit)?
        };
    }
    let signed = sign.is_some();
    let has_fraction = matches!(text.get(digits), Some(b'.' | b','))
        && text.get(digits + 1).is_some_and(u8::is_ascii_digit);
    if !has_fraction {
        let number = Number {
            value,
            digits,
            signed,
        };
        return Some((Token::Number(number), digits));
    }
    let places = &text[digits + 1..];
    let places = &places[..places
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()];
    let mut nanoseconds = (0..9).fold(0_u32, |sum, at| {
        sum * 10 + places.get(at).map_or(0, |digit| u32::from(digit - b'0'))
    });
    if negative {
        let more = places.iter().skip(9).any(|digit| *digit != b'0');
        nanoseconds += u32::from(more);
        if nanoseconds > 0 {
            value = value.checked_sub(1)?;
            nanoseconds = 1_000_000_000 - nanoseconds;
        }
    }
    let token = Token::Fraction {
        seconds: value,
        nanoseconds,
        signed,
    };
    Some((token, digits + 1 + places.len()))
}
