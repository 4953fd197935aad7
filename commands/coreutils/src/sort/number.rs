//! Numbers in text, compared as `sort` does: exactly, whatever their length.

use std::cmp::Ordering;

/// Blanks of the POSIX locale, and the newline that `-z` makes one of them.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}

pub fn without_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().take_while(|&&byte| is_blank(byte)).count();
    &text[start..]
}

/// The number at the start of a text: its sign, its digits before the point without leading zeros, those behind
/// it, and what follows.
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Decimal<'a> {
    fn new(text: &'a [u8]) -> Self {
        let text = without_blanks(text);
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = digits(text);
        let zeros = text[..end].iter().take_while(|&&byte| byte == b'0').count();
        let (fraction, rest) = match &text[end..] {
            [b'.', rest @ ..] => rest.split_at(digits(rest)),
            rest => (&rest[..0], rest),
        };
        let last = fraction.iter().rposition(|&digit| digit != b'0');
        Self {
            negative,
            whole: &text[zeros..end],
            fraction: &fraction[..last.map_or(0, |last| last + 1)],
            rest,
        }
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        let whole = self.whole.len().cmp(&other.whole.len());
        whole
            .then_with(|| self.whole.cmp(other.whole))
            .then_with(|| self.fraction.cmp(other.fraction))
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

fn decimals(a: &Decimal, b: &Decimal) -> Ordering {
    let signs = a.sign().cmp(&b.sign());
    signs.then_with(|| {
        if a.sign() < 0 {
            b.magnitude(a)
        } else {
            a.magnitude(b)
        }
    })
}

/// `-n`.
pub fn numeric(a: &[u8], b: &[u8]) -> Ordering {
    decimals(&Decimal::new(a), &Decimal::new(b))
}

/// `-h`: by the unit first, as numbers in larger units are larger.
pub fn human(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (Decimal::new(a), Decimal::new(b));
    let unit = |number: &Decimal| {
        let units: &[u8] = b"KMGTPEZYRQ";
        let letter = number.rest.first().map(|&byte| match byte {
            b'k' => b'K',
            other => other,
        });
        let power = letter.and_then(|letter| units.iter().position(|&unit| unit == letter));
        let power = power.map_or(0, |power| i8::try_from(power + 1).unwrap_or(0));
        power * number.sign()
    };
    unit(&a).cmp(&unit(&b)).then_with(|| decimals(&a, &b))
}

/// `-g`: what is no number first, then what is not a number, then numbers as floating point has them.
pub fn general(a: &[u8], b: &[u8]) -> Ordering {
    let class = |value: Option<f64>| match value {
        None => 0,
        Some(value) if value.is_nan() => 1,
        Some(_) => 2,
    };
    let (a, b) = (float(a), float(b));
    class(a).cmp(&class(b)).then_with(|| {
        let (a, b) = (a.unwrap_or(0.0), b.unwrap_or(0.0));
        a.partial_cmp(&b).unwrap_or(Ordering::Equal)
    })
}

/// What `strtod(3)` reads at the start of a text.
fn float(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii_start();
    let (sign, rest) = match text {
        [b'-', rest @ ..] => (-1.0, rest),
        [b'+', rest @ ..] => (1.0, rest),
        _ => (1.0, text),
    };
    let begins =
        |word: &[u8]| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
    if begins(b"inf") {
        return Some(sign * f64::INFINITY);
    }
    if begins(b"nan") {
        return Some(f64::NAN);
    }
    if begins(b"0x") {
        return Some(sign * hexadecimal(&rest[2..]).unwrap_or(0.0));
    }
    let mut end = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut count = end;
    if rest.get(end) == Some(&b'.') {
        let fraction = rest[end + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        count += fraction;
        end += fraction + 1;
    }
    if count == 0 {
        return None;
    }
    if matches!(rest.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(rest.get(end + 1), Some(b'-' | b'+')));
        let digits = rest[end + 1 + signed..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits > 0 {
            end += 1 + signed + digits;
        }
    }
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    text.parse::<f64>().ok().map(|value| sign * value)
}

fn hexadecimal(text: &[u8]) -> Option<f64> {
    let mut value = 0.0;
    let mut scale: Option<f64> = None;
    let mut any = false;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'.' && scale.is_none() {
            scale = Some(1.0);
        } else if let Some(digit) = char::from(byte).to_digit(16) {
            any = true;
            value = value * 16.0 + f64::from(digit);
            scale = scale.map(|scale| scale / 16.0);
        } else {
            break;
        }
        at += 1;
    }
    let mut power = 0;
    if matches!(text.get(at), Some(b'p' | b'P')) {
        let rest = String::from_utf8_lossy(&text[at + 1..]);
        let end = rest
            .char_indices()
            .position(|(at, c)| !(c.is_ascii_digit() || (at == 0 && (c == '-' || c == '+'))))
            .unwrap_or(rest.len());
        power = rest[..end].parse().unwrap_or(0);
    }
    any.then(|| value * scale.unwrap_or(1.0) * 2f64.powi(power))
}

/// `-M`: the number of a month by its first three letters; 0 for what is none.
pub fn month(text: &[u8]) -> usize {
    const MONTHS: [&[u8]; 12] = [
        b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV",
        b"DEC",
    ];
    let text = without_blanks(text);
    let name = text.get(..3).unwrap_or_default().to_ascii_uppercase();
    MONTHS
        .iter()
        .position(|month| *month == name)
        .map_or(0, |at| at + 1)
}
