//! What is on the stack: numbers and strings.

use std::rc::Rc;

use num_bigint::{BigInt, Sign};

use crate::bc::number::{Number, power_of_ten};

#[derive(Clone, Debug)]
pub enum Value {
    Number(Number),
    Text(Rc<[u8]>),
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

/// Reads digits in a base: `0` to `9` and `A` to `F`, which all are what they are, also where the base has no such
/// digit; a number has as many places behind the point as it was written with.
pub fn parse(text: &[u8], base: u32) -> Number {
    let negative = text.first() == Some(&b'_');
    let (mut value, mut part, mut divisor) = (BigInt::from(0), BigInt::from(0), BigInt::from(1));
    let mut scale = None;
    for &byte in &text[usize::from(negative)..] {
        let Some(digit) = char::from(byte).to_digit(16) else {
            scale = Some(0);
            continue;
        };
        match &mut scale {
            None => value = value * base + digit,
            Some(places) => {
                part = part * base + digit;
                divisor *= base;
                *places += 1;
            }
        }
    }
    let scale = scale.unwrap_or(0);
    let unit = power_of_ten(scale);
    let value = value * &unit + part * unit / divisor;
    Number {
        value: if negative { -value } else { value },
        scale,
    }
}

/// The bytes that a whole number is in base 256, whatever its sign.
pub fn as_bytes(number: &Number) -> Vec<u8> {
    let whole = number.rescaled(0).value;
    if whole.sign() == Sign::NoSign {
        return vec![0];
    }
    whole.magnitude().to_bytes_be()
}

/// Digits that count; those behind the point that only keep the place do not.
pub fn length(number: &Number) -> usize {
    number.value.magnitude().to_string().len()
}
