//! The value of a string literal.

/// Decodes a literal with its quotes; `None` where it is not well-formed, or holds half a surrogate pair.
pub fn decode(literal: &str) -> Option<String> {
    let mut letters = literal.chars();
    let quote = letters.next()?;
    let mut units: Vec<u16> = Vec::with_capacity(literal.len());
    let mut letters = letters.peekable();
    loop {
        let letter = letters.next()?;
        if letter == quote {
            break;
        }
        if letter != '\\' {
            push(&mut units, letter);
            continue;
        }
        match letters.next()? {
            '\r' => {
                letters.next_if_eq(&'\n');
            }
            '\n' | '\u{2028}' | '\u{2029}' => {}
            'r' => units.push(13),
            'n' => units.push(10),
            't' => units.push(9),
            'b' => units.push(8),
            'f' => units.push(12),
            'v' => units.push(11),
            'x' => units.push(u16::try_from(hex(&mut letters, 2)?).ok()?),
            'u' if letters.next_if_eq(&'{').is_some() => {
                let mut value = 0u32;
                while letters.next_if_eq(&'}').is_none() {
                    value = value * 16 + letters.next()?.to_digit(16)?;
                    if value > 0x10_ffff {
                        return None;
                    }
                }
                match char::from_u32(value) {
                    Some(letter) => push(&mut units, letter),
                    None => units.push(u16::try_from(value).ok()?),
                }
            }
            'u' => units.push(u16::try_from(hex(&mut letters, 4)?).ok()?),
            digit @ '0'..='7' => {
                let mut value = digit.to_digit(8)?;
                let more = if digit <= '3' { 2 } else { 1 };
                for _ in 0..more {
                    let Some(next) = letters.peek().and_then(|letter| letter.to_digit(8)) else {
                        break;
                    };
                    letters.next();
                    value = value * 8 + next;
                }
                units.push(u16::try_from(value).ok()?);
            }
            other => push(&mut units, other),
        }
    }
    String::from_utf16(&units).ok()
}

fn push(units: &mut Vec<u16>, letter: char) {
    units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
}

fn hex(letters: &mut impl Iterator<Item = char>, count: usize) -> Option<u32> {
    (0..count).try_fold(0, |value, _| {
        Some(value * 16 + letters.next()?.to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(
            decode(r#""a\x41\u0042\u{1F600}\101\n""#).unwrap(),
            "aAB😀A\n"
        );
        assert_eq!(decode(r"'\ud83d\ude00'").unwrap(), "😀");
        assert_eq!(decode("'a\\\r\nb'").unwrap(), "ab");
    }

    #[test]
    fn half_a_pair_and_bad_escapes_have_no_value() {
        assert_eq!(decode(r"'\ud83d'"), None);
        assert_eq!(decode(r"'\xg0'"), None);
        assert_eq!(decode(r"'\u{110000}'"), None);
    }
}
