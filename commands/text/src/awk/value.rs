//! Values: numbers, strings, and strings from input that count as numbers if they look like one.

use super::array::Shared;
use std::cell::Cell;
use std::cmp::Ordering;
use std::io::Write;
use std::rc::Rc;

#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Never used yet: may become a scalar or an array.
    #[default]
    Untyped,
    /// A scalar without a value.
    Uninitialized,
    Number(f64),
    /// gawk's `mkbool`: a number.
    Boolean(bool),
    Text(Rc<Vec<u8>>),
    /// gawk's `@/.../`.
    Regexp(Rc<Vec<u8>>),
    /// An array. Scalar contexts refuse it before they ask for its number or text.
    Array(Shared),
    /// From a field, `getline`, the command line or the environment.
    Input(Rc<Vec<u8>>),
}

impl Value {
    pub fn text(text: Vec<u8>) -> Self {
        Self::Text(Rc::new(text))
    }

    pub fn input(text: &[u8]) -> Self {
        Self::Input(Rc::new(text.to_vec()))
    }

    pub fn flag(flag: bool) -> Self {
        Self::Number(f64::from(u8::from(flag)))
    }

    pub fn number(&self) -> f64 {
        match self {
            Self::Untyped | Self::Uninitialized | Self::Array(_) => 0.0,
            Self::Number(number) => *number,
            Self::Boolean(flag) => f64::from(u8::from(*flag)),
            Self::Text(text) | Self::Regexp(text) => number_prefix(text).0,
            Self::Input(text) => input_number(text),
        }
    }

    pub fn truth(&self) -> bool {
        match self {
            Self::Untyped | Self::Uninitialized | Self::Array(_) => false,
            Self::Number(number) => *number != 0.0,
            Self::Boolean(flag) => *flag,
            Self::Text(text) | Self::Regexp(text) => !text.is_empty(),
            Self::Input(text) => input_truth(text),
        }
    }

    /// The number this is in a comparison, if it counts as one.
    pub fn comparable(&self) -> Option<f64> {
        match self {
            Self::Untyped | Self::Uninitialized => Some(0.0),
            Self::Number(_) | Self::Boolean(_) => Some(self.number()),
            Self::Text(_) | Self::Regexp(_) | Self::Array(_) => None,
            Self::Input(text) => looks_numeric(text),
        }
    }

    /// Appends the string form; numbers that are not whole by `format`.
    pub fn append_to(&self, out: &mut Vec<u8>, format: &[u8]) {
        match self {
            Self::Untyped | Self::Uninitialized | Self::Array(_) => {}
            Self::Number(number) => append_number(out, *number, format),
            Self::Boolean(flag) => out.push(b'0' + u8::from(*flag)),
            Self::Text(text) | Self::Regexp(text) | Self::Input(text) => {
                out.extend_from_slice(text);
            }
        }
    }

    pub fn string(&self, format: &[u8]) -> Rc<Vec<u8>> {
        match self {
            Self::Text(text) | Self::Regexp(text) | Self::Input(text) => Rc::clone(text),
            _ => {
                let mut out = Vec::new();
                self.append_to(&mut out, format);
                Rc::new(out)
            }
        }
    }

    pub fn compare(&self, other: &Self, format: &[u8]) -> Option<Ordering> {
        if let (Some(left), Some(right)) = (self.comparable(), other.comparable()) {
            return left.partial_cmp(&right);
        }
        Some(self.string(format).cmp(&other.string(format)))
    }

    /// As [`Value::compare`], where letters are the same whatever their case.
    pub fn compare_folded(&self, other: &Self, format: &[u8]) -> Option<Ordering> {
        if let (Some(left), Some(right)) = (self.comparable(), other.comparable()) {
            return left.partial_cmp(&right);
        }
        let folded = |value: &Self| super::text::to_lower(&value.string(format));
        Some(folded(self).cmp(&folded(other)))
    }
}

pub fn input_truth(text: &[u8]) -> bool {
    match looks_numeric(text) {
        Some(number) => number != 0.0,
        None => !text.is_empty(),
    }
}

/// Appends a number as `print` would: whole ones as integers.
pub fn append_number(out: &mut Vec<u8>, number: f64, format: &[u8]) {
    if number == number.trunc() && number.abs() < 1e16 {
        append_integer(out, number as i64);
    } else if number.is_nan() {
        out.extend_from_slice(if number.is_sign_negative() {
            b"-nan"
        } else {
            b"+nan"
        });
    } else if number.is_infinite() {
        out.extend_from_slice(if number < 0.0 { b"-inf" } else { b"+inf" });
    } else if number == number.trunc() {
        let written = write!(out, "{number:.0}");
        debug_assert!(written.is_ok());
    } else {
        // A format that asks for more than the one number gives what is there.
        let _ = super::format::format(out, format, &[Value::Number(number)], b"%.6g");
    }
}

pub fn append_integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// The number at the start of `text`, behind blanks, and where it ends (0 if there is none).
pub fn number_prefix(text: &[u8]) -> (f64, usize) {
    let mut at = text
        .iter()
        .position(|&byte| !is_blank(byte))
        .unwrap_or(text.len());
    let start = at;
    let negative = text.get(at) == Some(&b'-');
    if matches!(text.get(at), Some(b'-' | b'+')) {
        at += 1;
        let word: Vec<u8> = text[at..]
            .iter()
            .take(3)
            .map(u8::to_ascii_lowercase)
            .collect();
        let ends = !text
            .get(at + 3)
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if ends && (word == b"inf" || word == b"nan") {
            let value = if word == b"inf" {
                f64::INFINITY
            } else {
                f64::NAN
            };
            return (if negative { -value } else { value }, at + 3);
        }
    }
    let digits = at;
    let mut whole: u64 = 0;
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    let whole_digits = at - digits;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        let after = text[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if after + whole_digits > 0 {
            at += 1 + after;
            fraction = after + 1;
        }
    }
    if whole_digits == 0 && fraction == 0 {
        return (0.0, 0);
    }
    let mut exponent = false;
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'-' | b'+')));
        let count = text[at + 1..]
            .iter()
            .skip(sign)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count > 0 {
            at += 1 + sign + count;
            exponent = true;
        }
    }
    if fraction == 0 && !exponent && whole_digits <= 18 {
        let value = whole as f64;
        return (if negative { -value } else { value }, at);
    }
    let value = std::str::from_utf8(&text[start..at])
        .ok()
        .and_then(|text| text.parse().ok());
    (value.unwrap_or(0.0), at)
}

thread_local! {
    static NON_DECIMAL: Cell<bool> = const { Cell::new(false) };
}

/// Has input in octal and hexadecimal count as numbers, gawk's `-n`.
pub fn allow_non_decimal() {
    NON_DECIMAL.with(|flag| flag.set(true));
}

fn non_decimal(text: &[u8]) -> Option<(f64, usize)> {
    if !NON_DECIMAL.with(Cell::get) {
        return None;
    }
    let start = text.iter().position(|&byte| !is_blank(byte))?;
    let negative = text[start] == b'-';
    let digits = start + usize::from(matches!(text[start], b'-' | b'+'));
    let (radix, first) = match text.get(digits..digits + 2)? {
        [b'0', b'x' | b'X'] => (16, digits + 2),
        [b'0', b'0'..=b'7'] => (8, digits + 1),
        _ => return None,
    };
    let (mut value, mut at) = (0.0, first);
    while let Some(digit) = text
        .get(at)
        .and_then(|&byte| char::from(byte).to_digit(radix))
    {
        value = value * f64::from(radix) + f64::from(digit);
        at += 1;
    }
    (at > first).then_some((if negative { -value } else { value }, at))
}

/// The number at the start of input.
pub fn input_number(text: &[u8]) -> f64 {
    non_decimal(text).unwrap_or_else(|| number_prefix(text)).0
}

/// The number that `text` is from end to end, blanks aside.
pub fn looks_numeric(text: &[u8]) -> Option<f64> {
    let last = text.iter().rposition(|&byte| !is_blank(byte))?;
    let text = &text[..=last];
    let (value, length) = non_decimal(text).unwrap_or_else(|| number_prefix(text));
    (length == text.len()).then_some(value)
}
