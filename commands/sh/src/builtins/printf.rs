//! `printf` (XCU), with bash's `-v`, `%q` and `%(...)T`.

use crate::expand::escape::{self, Style, unescape};
use crate::shell::{Exec, Shell};
use crate::text;
use secure_exec_cli::{fixed, scientific};

/// A conversion's flags, width and precision.
#[derive(Default)]
struct Spec {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

/// The widest field and the most digits, bytes; more is a mistake or an attack.
const MAX_WIDTH: usize = 1 << 20;

/// What is wider than any field: its conversion is refused.
const TOO_WIDE: usize = MAX_WIDTH + 1;

struct Output<'a> {
    text: String,
    arguments: &'a [String],
    used: usize,
    status: i32,
    ended: bool,
}

impl Output<'_> {
    fn next(&mut self) -> Option<String> {
        let argument = self.arguments.get(self.used).cloned();
        self.used += 1;
        argument
    }
}

pub fn printf(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = &words[1..];
    let mut variable = None;
    if shell.bash && rest.first().is_some_and(|w| w == "-v") && rest.len() > 1 {
        variable = Some(rest[1].clone());
        rest = &rest[2..];
    } else if shell.bash
        && rest
            .first()
            .is_some_and(|w| w.starts_with("-v") && w.len() > 2)
    {
        variable = Some(rest[0][2..].to_owned());
        rest = &rest[1..];
    }
    if rest.first().is_some_and(|w| w == "--") {
        rest = &rest[1..];
    } else if rest
        .first()
        .is_some_and(|w| w.starts_with('-') && w.len() > 1)
    {
        let option = &rest[0];
        return Ok(if shell.bash {
            shell.misuse(&format!("printf: {option}: invalid option"))
        } else {
            let letter = option.chars().nth(1).unwrap_or('-');
            shell.misuse(&format!("printf: Illegal option -{letter}"))
        });
    }
    let Some((format, arguments)) = rest.split_first() else {
        return Ok(shell.misuse("printf: usage: printf format [arg ...]"));
    };
    let mut output = Output {
        text: String::new(),
        arguments,
        used: 0,
        status: 0,
        ended: false,
    };
    loop {
        let before = output.used;
        format_once(shell, format, &mut output);
        if output.ended || output.used >= arguments.len() || output.used == before {
            break;
        }
    }
    match variable {
        Some(name)
            if !text::is_name(name.split('[').next().unwrap_or(""))
                || name.contains('[') && !name.ends_with(']') =>
        {
            Ok(shell.misuse(&format!("printf: `{name}': not a valid identifier")))
        }
        Some(name) => {
            shell.assign(&name, output.text)?;
            Ok(output.status)
        }
        None => {
            let written = shell.print("printf", &output.text);
            Ok(if written != 0 { written } else { output.status })
        }
    }
}

fn format_once(shell: &mut Shell, format: &str, output: &mut Output<'_>) {
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        output.text.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\\') {
            // An escape takes at most ten characters.
            let end = rest[1..].find(['%', '\\']).map_or(rest.len(), |i| i + 1);
            let end = if end == 1 { rest.len().min(2) } else { end };
            if rest[1..].starts_with('c') {
                output.ended = true;
                return;
            }
            output
                .text
                .push_str(&unescape(&rest[..end], Style::Format, shell.bash).0);
            rest = &rest[end..];
            continue;
        }
        if rest.starts_with("%%") {
            output.text.push('%');
            rest = &rest[2..];
            continue;
        }
        rest = conversion(shell, &rest[1..], output);
        if output.ended {
            return;
        }
    }
    output.text.push_str(rest);
}

/// Formats one conversion; gives what follows it.
fn conversion<'a>(shell: &mut Shell, text: &'a str, output: &mut Output<'_>) -> &'a str {
    let mut spec = Spec::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '-' => spec.left = true,
            '0' => spec.zero = true,
            '+' => spec.plus = true,
            ' ' => spec.space = true,
            '#' => spec.alternate = true,
            // Groups of digits, which the machine's locale has not.
            '\'' => {}
            _ => break,
        }
        rest = &rest[1..];
    }
    let number = |rest: &mut &'a str, shell: &mut Shell, output: &mut Output<'_>| -> i64 {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            let argument = output.next().unwrap_or_default();
            return integer(shell, &argument, output);
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        // Digits that are no number are none at all, or more than one holds.
        let value = rest[..digits]
            .parse()
            .unwrap_or(if digits == 0 { 0 } else { i64::MAX });
        *rest = &rest[digits..];
        value
    };
    let width = number(&mut rest, shell, output);
    spec.left |= width < 0;
    spec.width = usize::try_from(width.unsigned_abs())
        .unwrap_or(TOO_WIDE)
        .min(TOO_WIDE);
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        let precision = number(&mut rest, shell, output);
        spec.precision = usize::try_from(precision).ok().map(|p| p.min(TOO_WIDE));
    }
    rest = rest
        .trim_start_matches(['l', 'h', 'j', 'z', 't', 'L', 'q'])
        .get(..)
        .filter(|_| !rest.starts_with('q') && shell.bash)
        .unwrap_or(rest);
    if shell.bash
        && rest.starts_with('(')
        && let Some((format, after)) = rest[1..].split_once(")T")
    {
        let argument = output.next();
        let when = argument.map_or(-1, |a| integer(shell, &a, output));
        let seconds = match when {
            -1 | -2 => super::system::now(),
            when => when,
        };
        let mut text = super::system::strftime(format, seconds, &shell.time_zone());
        if let Some(most) = spec.precision {
            text = first_bytes(&text, most);
        }
        spec.width = spec.width.min(MAX_WIDTH);
        pad(&text, &spec, output);
        return after;
    }
    let Some(kind) = rest.chars().next() else {
        shell.error("printf: missing format character");
        output.status = 1;
        output.ended = true;
        return rest;
    };
    let after = &rest[kind.len_utf8()..];
    if is_too_wide(kind, &spec) {
        shell.error("printf: Value too large for defined data type");
        output.status = 1;
        output.ended = true;
        return after;
    }
    match kind {
        's' | 'b' | 'c' => string_conversion(shell, kind, &spec, output),
        'q' | 'Q' if shell.bash => string_conversion(shell, kind, &spec, output),
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => integer_conversion(shell, kind, &spec, output),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'a' | 'A' => {
            float_conversion(shell, kind, &spec, output)
        }
        _ => {
            let message = if shell.bash {
                format!("printf: `{kind}': invalid format character")
            } else {
                format!("printf: %{kind}: invalid directive")
            };
            shell.error(&message);
            output.status = if shell.bash { 1 } else { 2 };
            output.ended = true;
        }
    }
    after
}

/// Whether a field would be longer than any may be. The precision of a text shortens it, and that of `%g` adds nothing.
fn is_too_wide(kind: char, spec: &Spec) -> bool {
    let adds = match kind {
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'a' | 'A' => true,
        'g' | 'G' => spec.alternate,
        _ => false,
    };
    spec.width > MAX_WIDTH || adds && spec.precision > Some(MAX_WIDTH)
}

/// With zeros before it, so that it has this many characters.
fn with_zeros(digits: &str, width: usize) -> String {
    let missing = width.saturating_sub(digits.chars().count());
    format!("{}{digits}", "0".repeat(missing))
}

/// Fills a field up; its width is in bytes, as C's is.
fn pad(text: &str, spec: &Spec, output: &mut Output<'_>) {
    let fill = spec.width.saturating_sub(text::encode(text).len());
    let blanks = " ".repeat(fill);
    if spec.left {
        output.text.push_str(text);
        output.text.push_str(&blanks);
    } else {
        output.text.push_str(&blanks);
        output.text.push_str(text);
    }
}

fn first_bytes(text: &str, count: usize) -> String {
    let bytes = text::encode(text);
    text::decode(&bytes[..count.min(bytes.len())])
}

fn string_conversion(shell: &mut Shell, kind: char, spec: &Spec, output: &mut Output<'_>) {
    let argument = output.next().unwrap_or_default();
    let text = match kind {
        'b' => {
            let (text, ended) = unescape(&argument, Style::Argument, shell.bash);
            output.ended = ended;
            text
        }
        // C prints the byte that ends a text of nothing.
        'c' if argument.is_empty() => "\0".to_owned(),
        'c' => first_bytes(&argument, 1),
        'q' | 'Q' if shell.bash => escape::backslash_quote(&argument),
        _ => argument,
    };
    let text = match spec.precision {
        Some(n) if kind != 'c' => first_bytes(&text, n),
        _ => text,
    };
    pad(&text, spec, output);
}

/// The value of a numeric argument, as C writes integers, or `'c` for a character.
fn integer(shell: &mut Shell, argument: &str, output: &mut Output<'_>) -> i64 {
    integer_of(shell, argument, output, false)
}

/// The same; one that is `unsigned` may have 64 bits.
fn integer_of(shell: &mut Shell, argument: &str, output: &mut Output<'_>, unsigned: bool) -> i64 {
    let trimmed = argument.trim_start();
    if let Some(quoted) = trimmed.strip_prefix(['\'', '"']) {
        let code = quoted.chars().next().map_or(0, |c| {
            let mut buffer = [0; 4];
            let bytes = text::encode(c.encode_utf8(&mut buffer)).into_owned();
            if bytes.len() == 1 || shell.counts_bytes() {
                u32::from(bytes[0])
            } else {
                c as u32
            }
        });
        return i64::from(code);
    }
    if argument.is_empty() {
        return 0;
    }
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (radix, digits) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        None => (10, digits),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    if end < digits.len() || end == 0 {
        let message = match (shell.bash, end) {
            (true, _) => format!("printf: {argument}: invalid number"),
            (false, 0) => format!("printf: {argument}: expected numeric value"),
            (false, _) => format!("printf: {argument}: not completely converted"),
        };
        shell.error(&message);
        output.status = 1;
    }
    let value = u64::from_str_radix(&digits[..end], radix);
    let limit = if negative { i64::MIN } else { i64::MAX };
    match value {
        Err(_) if end == 0 => 0,
        Ok(value) if unsigned || value <= limit.unsigned_abs() => {
            if negative {
                value.cast_signed().wrapping_neg()
            } else {
                value.cast_signed()
            }
        }
        _ => {
            // Only dash takes it as a failure.
            let warning = if shell.bash { "warning: " } else { "" };
            shell.error(&format!(
                "printf: {warning}{argument}: Numerical result out of range"
            ));
            if !shell.bash {
                output.status = 1;
            }
            if unsigned { -1 } else { limit }
        }
    }
}

fn integer_conversion(shell: &mut Shell, kind: char, spec: &Spec, output: &mut Output<'_>) {
    let argument = output.next().unwrap_or_default();
    let unsigned = !matches!(kind, 'd' | 'i');
    let value = integer_of(shell, &argument, output, unsigned);
    let (sign, digits) = match kind {
        'd' | 'i' => {
            let sign = match () {
                () if value < 0 => "-",
                () if spec.plus => "+",
                () if spec.space => " ",
                () => "",
            };
            (sign, value.unsigned_abs().to_string())
        }
        'u' => ("", value.cast_unsigned().to_string()),
        'o' => (
            if spec.alternate && value != 0 {
                "0"
            } else {
                ""
            },
            format!("{value:o}"),
        ),
        'x' => (
            if spec.alternate && value != 0 {
                "0x"
            } else {
                ""
            },
            format!("{value:x}"),
        ),
        _ => (
            if spec.alternate && value != 0 {
                "0X"
            } else {
                ""
            },
            format!("{value:X}"),
        ),
    };
    let mut digits = match spec.precision {
        Some(0) if value == 0 => String::new(),
        Some(n) => with_zeros(&digits, n),
        None => digits,
    };
    if spec.zero && !spec.left && spec.precision.is_none() {
        let width = spec.width.saturating_sub(sign.len());
        digits = with_zeros(&digits, width);
    }
    pad(&format!("{sign}{digits}"), spec, output);
}

fn float_conversion(shell: &mut Shell, kind: char, spec: &Spec, output: &mut Output<'_>) {
    let argument = output.next().unwrap_or_default();
    let trimmed = argument.trim();
    let value = if trimmed.is_empty() {
        0.0
    } else if trimmed.starts_with(['\'', '"']) || trimmed.starts_with("0x") {
        #[expect(clippy::cast_precision_loss, reason = "what C does")]
        let value = integer(shell, trimmed, output) as f64;
        value
    } else {
        trimmed.parse::<f64>().unwrap_or_else(|_| {
            let message = if shell.bash {
                "invalid number"
            } else {
                "expected numeric value"
            };
            shell.error(&format!("printf: {argument}: {message}"));
            output.status = 1;
            let end = trimmed
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(0);
            trimmed[..end].parse().unwrap_or(0.0)
        })
    };
    let magnitude = value.abs();
    let precision = spec.precision.unwrap_or(6);
    let mut body = match kind {
        _ if value.is_infinite() => "inf".to_owned(),
        _ if value.is_nan() => "nan".to_owned(),
        'f' | 'F' if spec.alternate && precision == 0 => fixed(magnitude, 0) + ".",
        'f' | 'F' => fixed(magnitude, precision),
        'a' | 'A' => hexadecimal(magnitude, spec.precision),
        'e' | 'E' => exponent_form(magnitude, precision),
        _ => general_form(magnitude, precision, spec.alternate),
    };
    if kind.is_ascii_uppercase() {
        body = body.to_uppercase();
    }
    let sign = match () {
        () if value.is_sign_negative() && !value.is_nan() => "-",
        () if spec.plus => "+",
        () if spec.space => " ",
        () => "",
    };
    if spec.zero && !spec.left && value.is_finite() {
        let width = spec.width.saturating_sub(sign.len());
        body = with_zeros(&body, width);
    }
    pad(&format!("{sign}{body}"), spec, output);
}

/// `%a` of an 80-bit number, which is what bash and dash print: the first digit has four bits.
fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    if value == 0.0 {
        return "0x0p+0".to_owned();
    }
    let bits = value.to_bits();
    let biased = i64::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let fraction = bits & ((1 << 52) - 1);
    let (mut mantissa, mut exponent) = if biased == 0 {
        (fraction << 11, -1022)
    } else {
        ((fraction | 1 << 52) << 11, biased - 1023)
    };
    let shift = mantissa.leading_zeros();
    mantissa <<= shift;
    exponent -= i64::from(shift) + 3;
    let mut digits = format!("{mantissa:016x}");
    if let Some(precision) = precision.filter(|p| *p < 15) {
        let drop = 4 * (15 - precision);
        let half = 1_u64 << (drop - 1);
        let mut kept = u128::from(mantissa >> drop);
        let rest = mantissa & ((1 << drop) - 1);
        if rest > half || rest == half && kept & 1 == 1 {
            kept += 1;
        }
        digits = format!("{kept:x}");
        if digits.len() > precision + 1 {
            // Carried into one more digit: one bit moves to the exponent.
            digits = format!("{:x}", kept >> 4);
            digits.replace_range(..1, "1");
            exponent += 4;
        }
    } else {
        digits.truncate(digits.trim_end_matches('0').len().max(1));
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let missing = precision.map_or(0, |p| p.saturating_sub(rest.len()));
    let point = if missing > 0 { "." } else { point };
    format!("0x{first}{point}{rest}{}p{exponent:+}", "0".repeat(missing))
}

fn exponent_form(value: f64, precision: usize) -> String {
    let text = scientific(value, precision);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |d| ('-', d));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general_form(value: f64, precision: usize, alternate: bool) -> String {
    let precision = precision.max(1);
    let rounded = scientific(value, precision - 1);
    let exponent: i64 = rounded
        .split_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or(0);
    let text = if exponent < -4 || exponent >= i64::try_from(precision).unwrap_or(i64::MAX) {
        exponent_form(value, precision - 1)
    } else {
        let digits =
            usize::try_from(i64::try_from(precision).unwrap_or(0) - 1 - exponent).unwrap_or(0);
        fixed(value, digits)
    };
    if alternate || !text.contains('.') {
        return text;
    }
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            format!(
                "{}e{exponent}",
                mantissa.trim_end_matches('0').trim_end_matches('.')
            )
        }
        None => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}
