//! [`Value`]: a text or an integer.

use std::cmp::Ordering;

use num_bigint::BigInt;
use secure_exec_cli::Failure;

use super::invalid;

/// What an expression is worth. An argument stays the text it is until it is counted with.
#[derive(Clone, Debug)]
pub enum Value {
    Text(Vec<u8>),
    Integer(BigInt),
}

impl Value {
    pub fn truth(value: bool) -> Self {
        Self::Integer(i32::from(value).into())
    }

    pub fn count(value: usize) -> Self {
        Self::Integer(value.into())
    }

    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(value) => value.to_string().into_bytes(),
        }
    }

    /// Whether it is empty or a zero, however many digits that has.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Integer(value) => *value == BigInt::ZERO,
            Self::Text(text) if text.is_empty() => true,
            Self::Text(text) => {
                let digits = text.strip_prefix(b"-").unwrap_or(text);
                !digits.is_empty() && digits.iter().all(|&byte| byte == b'0')
            }
        }
    }

    /// # Errors
    /// A text that is no integer: digits behind at most a minus sign.
    pub fn integer(&self) -> Result<BigInt, Failure> {
        self.as_integer()
            .ok_or_else(|| invalid("non-integer argument"))
    }

    fn as_integer(&self) -> Option<BigInt> {
        match self {
            Self::Integer(value) => Some(value.clone()),
            Self::Text(text) => {
                let digits = text.strip_prefix(b"-").unwrap_or(text);
                if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                BigInt::parse_bytes(text, 10)
            }
        }
    }

    /// A place or a length: nothing if it is not above 0, all there is if it is beyond what can be counted.
    pub fn size(&self) -> Option<usize> {
        let value = self.as_integer()?;
        if value <= BigInt::ZERO {
            return None;
        }
        Some(usize::try_from(value).unwrap_or(usize::MAX))
    }

    /// The order of two values: of integers if both are, of their bytes otherwise.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self.as_integer(), other.as_integer()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => self.text().cmp(&other.text()),
        }
    }
}
