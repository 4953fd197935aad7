//! `printf`: the formats of the C library's `fprintf(3)` that awk has.

use super::value::Value;
use secure_exec_cli::{fixed, scientific};
use std::io::Write;

#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// The values that a format takes, one after the other or by their number.
struct Values<'v> {
    values: &'v [Value],
    next: usize,
    /// Whether they are named by number, once it is known.
    counted: Option<bool>,
}

impl<'v> Values<'v> {
    /// The value for a conversion: the next one, or that of `number`.
    fn take(&mut self, number: Option<usize>) -> Result<&'v Value, String> {
        if *self.counted.get_or_insert(number.is_some()) != number.is_some() {
            return Err("must use `count$' on all formats or none".to_owned());
        }
        let index = number.map_or(self.next, |number| number - 1);
        self.next = index + 1;
        self.values
            .get(index)
            .ok_or_else(|| "not enough arguments to satisfy format string".to_owned())
    }
}

/// Appends `arguments` to `out` as `format` says; `convfmt` is for numbers that become strings.
///
/// # Errors
/// What gawk says: of arguments that are missing, and of those that are sometimes named by their number.
pub fn format(
    out: &mut Vec<u8>,
    format: &[u8],
    arguments: &[Value],
    convfmt: &[u8],
) -> Result<(), String> {
    let mut values = Values {
        values: arguments,
        next: 0,
        counted: None,
    };
    let mut at = 0;
    while at < format.len() {
        let Some(next) = memchr::memchr(b'%', &format[at..]) else {
            out.extend_from_slice(&format[at..]);
            return Ok(());
        };
        out.extend_from_slice(&format[at..at + next]);
        let start = at + next;
        at = start + 1;
        if format.get(at) == Some(&b'%') {
            out.push(b'%');
            at += 1;
            continue;
        }
        let number = position(format, &mut at)?;
        let (spec, length) = spec(&format[at..], &mut values)?;
        at += length;
        let Some(&conversion) = format.get(at) else {
            out.extend_from_slice(&format[start..]);
            return Ok(());
        };
        at += 1;
        match conversion {
            b'd' | b'i' => integer(out, &spec, values.take(number)?.number()),
            b'o' | b'x' | b'X' | b'u' => {
                unsigned(out, &spec, conversion, values.take(number)?.number());
            }
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => {
                float(out, &spec, conversion, values.take(number)?.number());
            }
            b'%' => out.push(b'%'),
            b'c' => character(out, &spec, values.take(number)?),
            b's' => string(out, &spec, &values.take(number)?.string(convfmt)),
            _ => out.extend_from_slice(&format[start..at]),
        }
    }
    Ok(())
}

/// Reads `2$`, which names an argument.
fn position(format: &[u8], at: &mut usize) -> Result<Option<usize>, String> {
    let digits = format[*at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 || format.get(*at + digits) != Some(&b'$') {
        return Ok(None);
    }
    let text = std::str::from_utf8(&format[*at..*at + digits]).unwrap_or_default();
    *at += digits + 1;
    match text.parse() {
        Ok(0) => Err("argument count with `$' must be > 0".to_owned()),
        Ok(number) => Ok(Some(number)),
        Err(_) => Err("argument count is too large".to_owned()),
    }
}

/// Reads flags, width and precision.
fn spec(text: &[u8], values: &mut Values<'_>) -> Result<(Spec, usize), String> {
    let mut spec = Spec::default();
    let mut at = 0;
    while let Some(flag) = text.get(at) {
        match flag {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternate = true,
            b'0' => spec.zero = true,
            b'\'' => {}
            _ => break,
        }
        at += 1;
    }
    let mut number = |at: &mut usize| -> Result<i64, String> {
        if text.get(*at) == Some(&b'*') {
            *at += 1;
            let number = position(text, at)?;
            return Ok(values.take(number)?.number() as i64);
        }
        let mut value: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = text.get(*at) {
            value = (value * 10 + i64::from(digit - b'0')).min(1 << 20);
            *at += 1;
        }
        Ok(value)
    };
    let width = number(&mut at)?.clamp(-(1 << 20), 1 << 20);
    spec.left |= width < 0;
    spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0);
    if text.get(at) == Some(&b'.') {
        at += 1;
        spec.precision = usize::try_from(number(&mut at)?.min(1 << 20)).ok();
    }
    while matches!(
        text.get(at),
        Some(b'l' | b'h' | b'L' | b'q' | b'j' | b'z' | b't')
    ) {
        at += 1;
    }
    Ok((spec, at))
}

/// Appends with padding: `prefix` is the sign or radix, before zeros.
fn pad(out: &mut Vec<u8>, spec: &Spec, prefix: &[u8], body: &[u8], zero: bool, length: usize) {
    let fill = spec.width.saturating_sub(prefix.len() + length);
    if spec.left {
        out.extend_from_slice(prefix);
        out.extend_from_slice(body);
        out.resize(out.len() + fill, b' ');
    } else if zero {
        out.extend_from_slice(prefix);
        out.resize(out.len() + fill, b'0');
        out.extend_from_slice(body);
    } else {
        out.resize(out.len() + fill, b' ');
        out.extend_from_slice(prefix);
        out.extend_from_slice(body);
    }
}

fn sign(spec: &Spec, negative: bool) -> &'static [u8] {
    match (negative, spec.plus, spec.space) {
        (true, ..) => b"-",
        (false, true, _) => b"+",
        (false, false, true) => b" ",
        _ => b"",
    }
}

/// Writes what is no finite number, as `+inf` and `-nan`.
fn not_finite(out: &mut Vec<u8>, spec: &Spec, number: f64) -> bool {
    if number.is_finite() {
        return false;
    }
    let body: &[u8] = if number.is_nan() { b"nan" } else { b"inf" };
    let prefix: &[u8] = if number.is_sign_negative() {
        b"-"
    } else {
        b"+"
    };
    pad(out, spec, prefix, body, false, body.len());
    true
}

fn integer(out: &mut Vec<u8>, spec: &Spec, number: f64) {
    if not_finite(out, spec, number) {
        return;
    }
    let number = number.trunc();
    let mut body = Vec::new();
    if number.abs() < 9e18 {
        super::value::append_integer(&mut body, number.abs() as i64);
    } else {
        let written = write!(body, "{:.0}", number.abs());
        debug_assert!(written.is_ok());
    }
    digits(out, spec, sign(spec, number < 0.0), body);
}

fn unsigned(out: &mut Vec<u8>, spec: &Spec, conversion: u8, number: f64) {
    if not_finite(out, spec, number) {
        return;
    }
    let number = number.trunc();
    if number < 0.0 {
        return integer(out, spec, number);
    }
    let value = number as u128;
    let text = match conversion {
        b'o' => format!("{value:o}"),
        b'x' => format!("{value:x}"),
        b'X' => format!("{value:X}"),
        _ => format!("{value}"),
    };
    let prefix: &[u8] = match conversion {
        b'x' if spec.alternate && value != 0 => b"0x",
        b'X' if spec.alternate && value != 0 => b"0X",
        b'o' if spec.alternate && value != 0 => b"0",
        _ => b"",
    };
    digits(out, spec, prefix, text.into_bytes());
}

fn digits(out: &mut Vec<u8>, spec: &Spec, prefix: &[u8], mut body: Vec<u8>) {
    if let Some(precision) = spec.precision
        && body.len() < precision
    {
        let mut longer = vec![b'0'; precision - body.len()];
        longer.append(&mut body);
        body = longer;
    }
    let length = body.len();
    pad(
        out,
        spec,
        prefix,
        &body,
        spec.zero && spec.precision.is_none(),
        length,
    );
}

/// `1.5e+00`, with at least two digits of exponent as C has it.
fn exponential(number: f64, precision: usize) -> String {
    let text = scientific(number, precision);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general(number: f64, precision: usize, alternate: bool) -> String {
    let precision = precision.max(1);
    if number == 0.0 {
        return if alternate {
            format!("0.{}", "0".repeat(precision - 1))
        } else {
            "0".to_owned()
        };
    }
    let text = exponential(number, precision - 1);
    let exponent: i64 = text
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0);
    let whole = i64::try_from(precision).unwrap_or(i64::MAX);
    if exponent < -4 || exponent >= whole {
        if alternate {
            return text;
        }
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let places = usize::try_from(whole - 1 - exponent).unwrap_or(0);
    let text = fixed(number, places);
    if alternate {
        text
    } else {
        trimmed(&text).to_owned()
    }
}

/// Without the zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

fn float(out: &mut Vec<u8>, spec: &Spec, conversion: u8, number: f64) {
    if not_finite(out, spec, number) {
        return;
    }
    let precision = spec.precision.unwrap_or(6);
    let magnitude = number.abs();
    let mut text = match conversion.to_ascii_lowercase() {
        b'f' => fixed(magnitude, precision),
        b'e' => exponential(magnitude, precision),
        b'a' => hexadecimal(magnitude, spec.precision),
        _ => general(magnitude, precision, spec.alternate),
    };
    if spec.alternate && precision == 0 && !text.contains('.') {
        text.push('.');
    }
    if conversion.is_ascii_uppercase() {
        text.make_ascii_uppercase();
    }
    let prefix = sign(spec, number.is_sign_negative());
    pad(out, spec, prefix, text.as_bytes(), spec.zero, text.len());
}

/// `0x1.8p+0`, as C's `%a`.
fn hexadecimal(number: f64, precision: Option<usize>) -> String {
    let bits = number.to_bits();
    let mut mantissa = bits & ((1 << 52) - 1);
    let biased = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let mut whole = u64::from(biased > 0);
    let exponent = match (biased, mantissa) {
        (0, 0) => 0,
        (0, _) => -1022,
        _ => biased - 1023,
    };
    let mut digits = 13;
    if let Some(precision) = precision.filter(|precision| *precision < 13) {
        // Rounded to even.
        let dropped = u32::try_from((13 - precision) * 4).unwrap_or(0);
        let all = (whole << 52) | mantissa;
        let (kept, rest) = (all >> dropped, all & ((1 << dropped) - 1));
        let half = 1 << (dropped - 1);
        let up = rest > half || (rest == half && kept & 1 == 1);
        let rounded = (kept + u64::from(up)) << dropped;
        whole = rounded >> 52;
        mantissa = rounded & ((1 << 52) - 1);
        digits = precision;
    }
    let text = format!("{mantissa:013x}");
    let fraction = match precision {
        None => text.trim_end_matches('0').to_owned(),
        Some(precision) => format!("{}{}", &text[..digits], "0".repeat(precision - digits)),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("0x{whole}{point}{fraction}p{exponent:+}")
}

fn character(out: &mut Vec<u8>, spec: &Spec, value: &Value) {
    let mut buffer = [0; 4];
    let body: Vec<u8> = match value {
        Value::Number(_) | Value::Boolean(_) | Value::Untyped | Value::Uninitialized => {
            let code = value.number() as i64;
            match u32::try_from(code).ok().and_then(char::from_u32) {
                Some(character) => character.encode_utf8(&mut buffer).as_bytes().to_vec(),
                None => vec![(code & 0xff) as u8],
            }
        }
        Value::Input(text) if super::value::looks_numeric(text).is_some() => {
            return character(out, spec, &Value::Number(value.number()));
        }
        _ => {
            let text = value.string(b"%.6g");
            if text.is_empty() {
                vec![0]
            } else {
                text[..text.len().min(crate::sed::character(&text))].to_vec()
            }
        }
    };
    pad(out, spec, b"", &body, false, 1);
}

fn string(out: &mut Vec<u8>, spec: &Spec, text: &[u8]) {
    if spec.width == 0 && spec.precision.is_none() {
        out.extend_from_slice(text);
        return;
    }
    let text = match spec.precision {
        Some(precision) => &text[..super::text::offset(text, precision)],
        None => text,
    };
    pad(out, spec, b"", text, false, super::text::length(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(format_text: &str, values: &[f64]) -> String {
        let values: Vec<Value> = values.iter().map(|value| Value::Number(*value)).collect();
        let mut out = Vec::new();
        format(&mut out, format_text.as_bytes(), &values, b"%.6g").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn general_format_chooses_as_c_does() {
        assert_eq!(
            formatted("%g %g %g", &[0.0001, 0.000_01, 1e6]),
            "0.0001 1e-05 1e+06"
        );
        assert_eq!(formatted("%.3g %#.3g", &[2.0, 2.0]), "2 2.00");
    }

    #[test]
    fn zero_padding_goes_behind_the_sign() {
        assert_eq!(
            formatted("%06.1f|%-6d|%+d", &[-2.5, 3.0, 4.0]),
            "-002.5|3     |+4"
        );
    }
}
