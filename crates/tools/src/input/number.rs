//! What JSON text may be before it is parsed: nested so deep, and with numbers that stay what they are.

/// Levels of arrays and objects in one another.
pub(super) const MOST_NESTED: usize = 64;
/// Digits of a number that is shown.
const LONGEST_SHOWN: usize = 40;

/// Looks for what parsing would change or could not bear. The text is valid JSON.
///
/// # Errors
/// What is wrong, for people.
pub(super) fn scan(json: &str) -> Result<(), String> {
    let bytes = json.as_bytes();
    let (mut at, mut nested) = (0, 0usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' => {
                nested += 1;
                if nested > MOST_NESTED {
                    return Err(format!("it is nested deeper than {MOST_NESTED} levels"));
                }
            }
            b']' | b'}' => nested = nested.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let rest = json.get(at - 1..).unwrap_or_default();
                let end = rest.find(|letter: char| !is_of_number(letter));
                let token = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                at += token.len().saturating_sub(1);
                if !survives(token) {
                    return Err(changed(token));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Position behind a string's closing quote.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn is_of_number(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.' | 'e' | 'E')
}

/// Is a double that the token becomes the integer that the token is? Fractions are rounded as anywhere.
fn survives(token: &str) -> bool {
    // Fewer digits than a double holds.
    if token.len() <= 15 {
        return true;
    }
    let Ok(double) = token.parse::<f64>() else {
        return false;
    };
    let meant = Decimal::of(token);
    if !meant.is_integer() {
        return double.is_finite();
    }
    // JavaScript writes large doubles with the fewest digits that tell them apart.
    meant == Decimal::of(&format!("{double:e}")) || meant == Decimal::of(&format!("{double:.0}"))
}

/// Significant digits and the power of ten behind them.
#[derive(PartialEq)]
struct Decimal {
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(token: &str) -> Decimal {
        let token = token.trim_start_matches('-');
        let (number, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        let dropped = all.len() - all.trim_end_matches('0').len();
        let shift =
            i64::try_from(dropped).unwrap_or(0) - i64::try_from(fraction.len()).unwrap_or(0);
        let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX / 2);
        Decimal {
            digits: digits.to_owned(),
            exponent: if digits.is_empty() {
                0
            } else {
                exponent + shift
            },
        }
    }

    fn is_integer(&self) -> bool {
        self.exponent >= 0
    }
}

fn changed(token: &str) -> String {
    let shown = token
        .get(..LONGEST_SHOWN)
        .map(|first| format!("{first}..."));
    let shown = shown.as_deref().unwrap_or(token);
    format!(
        "{shown} is an integer beyond 2^53, which a JavaScript number cannot hold: give a smaller one, or a string if \
         the tool takes one"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_that_a_double_holds_pass() {
        for token in [
            "0",
            "-0",
            "1",
            "-17",
            "9007199254740991",
            "-9007199254740991",
            "9007199254740992",
            "9007199254740994",
            "1152921504606846976",
            "1152921504606847000",
            "1e300",
            "100000000000000000000",
            "9007199254740993.5",
            "3.14159265358979323846",
            "0.1000000000000000055511151231257827",
            "1e-400",
            "9007199254740992.0",
            "1.7976931348623157e308",
        ] {
            assert_eq!(scan(&format!("[{token}]")), Ok(()), "{token}");
        }
    }

    #[test]
    fn integers_that_would_be_rounded_are_refused() {
        for token in [
            "9007199254740993",
            "-9007199254740993",
            "1152921504606846977",
            "9007199254740993.0",
            "9007199254740993e0",
            "9.007199254740993e15",
            "123456789012345678901234567890",
            "90071992547409930e-1",
            "18446744073709551615",
        ] {
            let told = scan(&format!("{{\"id\":{token}}}")).unwrap_err();
            assert!(told.starts_with(token), "{told}");
        }
        assert_eq!(scan("\"9007199254740993\""), Ok(()));
        assert_eq!(scan(r#"{"9007199254740993":"\"9007199254740993"}"#), Ok(()));
        assert!(scan(r#"["\\",9007199254740993]"#).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(scan(&nested(MOST_NESTED)), Ok(()));
        assert!(scan(&nested(MOST_NESTED + 1)).is_err());
        assert_eq!(scan(&format!("\"{}\"", "[".repeat(1000))), Ok(()));
    }
}
