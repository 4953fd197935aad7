//! Base64, as forgiving as Node's.

use v8::simdutf::{self, Base64Options, LastChunkHandling};

use super::Units;

/// `bytes` in base64: the usual alphabet with padding, or that of URLs without.
pub fn encode(bytes: &[u8], url: bool) -> Vec<u8> {
    let options = if url {
        Base64Options::Url
    } else {
        Base64Options::Default
    };
    let mut text = vec![0; simdutf::base64_length_from_binary(bytes.len(), options)];
    // SAFETY: `text` has the length that simdutf asks for.
    let written = unsafe { simdutf::binary_to_base64(bytes, &mut text, options) };
    text.truncate(written);
    text
}

/// Decodes as much as fits into `target`; returns how many bytes that is. Both alphabets are taken, padding ends the
/// text, and everything else is skipped.
pub fn decode(units: Units<'_>, target: &mut [u8]) -> usize {
    if let Units::One(text) = units
        && simdutf::maximal_binary_length_from_base64(text) <= target.len()
    {
        // SAFETY: the target was just seen to be long enough.
        let result = unsafe {
            simdutf::base64_to_binary(
                text,
                target,
                Base64Options::Default,
                LastChunkHandling::Loose,
            )
        };
        if result.is_ok() {
            return result.count;
        }
    }
    decode_lenient(units, target)
}

fn decode_lenient(units: Units<'_>, target: &mut [u8]) -> usize {
    let mut written = 0;
    let mut bits = 0_u32;
    let mut group = 0;
    for index in 0..units.len() {
        if written == target.len() {
            break;
        }
        let Some(unit) = units.get(index) else { break };
        if unit == u16::from(b'=') {
            break;
        }
        let Some(value) = sextet(unit) else { continue };
        bits = bits << 6 | u32::from(value);
        group += 1;
        let byte = match group {
            1 => continue,
            2 => bits >> 4,
            3 => bits >> 2,
            _ => {
                group = 0;
                bits
            }
        };
        target[written] = byte.to_le_bytes()[0];
        written += 1;
    }
    written
}

fn sextet(unit: u16) -> Option<u8> {
    let unit = u8::try_from(unit).ok()?;
    match unit {
        b'A'..=b'Z' => Some(unit - b'A'),
        b'a'..=b'z' => Some(unit - b'a' + 26),
        b'0'..=b'9' => Some(unit - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Units, decode_lenient};

    fn decoded(text: &str, room: usize) -> Vec<u8> {
        let mut target = vec![0; room];
        let length = decode_lenient(Units::One(text.as_bytes()), &mut target);
        target.truncate(length);
        target
    }

    #[test]
    fn skips_what_is_no_digit() {
        assert_eq!(decoded("YW\nJj*ZA==", 10), b"abcd");
    }

    #[test]
    fn padding_ends_the_text() {
        assert_eq!(decoded("YQ==YQ==", 10), b"a");
        assert_eq!(decoded("=bad", 10), b"");
    }

    #[test]
    fn takes_both_alphabets_and_stops_when_full() {
        assert_eq!(decoded("_-+/", 10), [0xff, 0xef, 0xbf]);
        assert_eq!(decoded("YWJjZA", 2), b"ab");
    }
}
