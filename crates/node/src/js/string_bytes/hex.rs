//! Hexadecimal digits.

use super::Units;

/// Two lower-case digits a byte.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

/// Decodes pairs of digits until `target` is full, the digits end, or something else than a digit comes.
pub fn decode(units: Units<'_>, target: &mut [u8]) -> usize {
    let count = target.len().min(units.len() / 2);
    for (index, byte) in target.iter_mut().enumerate().take(count) {
        let (Some(high), Some(low)) = (digit(units, index * 2), digit(units, index * 2 + 1)) else {
            return index;
        };
        *byte = high << 4 | low;
    }
    count
}

fn digit(units: Units<'_>, index: usize) -> Option<u8> {
    let unit = u8::try_from(units.get(index)?).ok()?;
    match unit {
        b'0'..=b'9' => Some(unit - b'0'),
        b'a'..=b'f' => Some(unit - b'a' + 10),
        b'A'..=b'F' => Some(unit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Units, decode, encode};

    #[test]
    fn encodes_lower_case() {
        assert_eq!(encode(&[0, 0xab, 0xff]), b"00abff");
    }

    #[test]
    fn stops_at_the_first_pair_that_is_no_byte() {
        let mut target = [0; 4];
        assert_eq!(decode(Units::One(b"1aFFzz00"), &mut target), 2);
        assert_eq!(target[..2], [0x1a, 0xff]);
        assert_eq!(decode(Units::One(b"123"), &mut target), 1);
        assert_eq!(decode(Units::Two(&[0x31, 0x131]), &mut target), 0);
    }
}
