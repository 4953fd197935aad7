//! `buffer.transcode()`.

use super::{ILLEGAL_ARGUMENT_ERROR, INVALID_CHAR_FOUND};
use crate::callback::{Args, Return, Scope};
use crate::js::convert;
use crate::js::exception::throw_invalid_argument;
use crate::js::string_bytes::Encoding;

/// `transcode(source, from, to)`: a `Buffer`, or the number of an ICU error.
pub fn transcode(scope: Scope, args: Args, mut rv: Return) {
    let from = Encoding::from_name(&convert::text(scope, args.get(1)));
    let to = Encoding::from_name(&convert::text(scope, args.get(2)));
    let Some(bytes) = convert::bytes(args.get(0)) else {
        throw_invalid_argument(scope, "argument must be a buffer");
        return;
    };
    match convert_bytes(&bytes, from, to) {
        Ok(bytes) => rv.set(convert::buffer(scope, bytes)),
        Err(code) => rv.set_int32(code),
    }
}

fn convert_bytes(
    bytes: &[u8],
    from: Option<Encoding>,
    to: Option<Encoding>,
) -> Result<Vec<u8>, i32> {
    let (Some(from), Some(to)) = (from, to) else {
        return Err(ILLEGAL_ARGUMENT_ERROR);
    };
    match (from, to) {
        // Only between these two are invalid sequences an error and not replaced.
        (Encoding::Utf8, Encoding::Utf16le) => {
            let text = std::str::from_utf8(bytes).map_err(|_| INVALID_CHAR_FOUND)?;
            return Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        }
        (Encoding::Utf16le, Encoding::Utf8) => {
            return String::from_utf16(&units(bytes))
                .map(String::into_bytes)
                .map_err(|_| INVALID_CHAR_FOUND);
        }
        // ICU's shortcut takes ASCII for Latin-1.
        (Encoding::Ascii, Encoding::Utf16le) => {
            return Ok(bytes.iter().flat_map(|byte| [*byte, 0]).collect());
        }
        _ => {}
    }
    let text: String = match from {
        Encoding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
        Encoding::Utf16le => String::from_utf16_lossy(&units(bytes)),
        Encoding::Latin1 => bytes.iter().copied().map(char::from).collect(),
        Encoding::Ascii => bytes
            .iter()
            .map(|byte| {
                if byte.is_ascii() {
                    char::from(*byte)
                } else {
                    '\u{fffd}'
                }
            })
            .collect(),
        _ => return Err(ILLEGAL_ARGUMENT_ERROR),
    };
    let narrow = |limit: u32| {
        let byte = |c: char| {
            u8::try_from(u32::from(c))
                .ok()
                .filter(|byte| u32::from(*byte) < limit)
        };
        text.chars().map(|c| byte(c).unwrap_or(b'?')).collect()
    };
    match to {
        Encoding::Latin1 => Ok(narrow(0x100)),
        Encoding::Ascii => Ok(narrow(0x80)),
        Encoding::Utf8 => Ok(text.into_bytes()),
        Encoding::Utf16le => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        _ => Err(ILLEGAL_ARGUMENT_ERROR),
    }
}

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Encoding, convert_bytes};

    fn converted(bytes: &[u8], from: Encoding, to: Encoding) -> Result<Vec<u8>, i32> {
        convert_bytes(bytes, Some(from), Some(to))
    }

    #[test]
    fn characters_without_a_byte_become_question_marks() {
        assert_eq!(
            converted("t€é😀x".as_bytes(), Encoding::Utf8, Encoding::Latin1),
            Ok(b"t?\xe9?x".to_vec())
        );
        assert_eq!(
            converted(b"\xffa", Encoding::Ascii, Encoding::Utf8),
            Ok("\u{fffd}a".into())
        );
    }

    #[test]
    fn invalid_unicode_is_an_error_between_utf8_and_utf16() {
        assert_eq!(
            converted(b"\xff", Encoding::Utf8, Encoding::Utf16le),
            Err(10)
        );
        assert_eq!(
            converted(&[0x3d, 0xd8], Encoding::Utf16le, Encoding::Utf8),
            Err(10)
        );
    }

    #[test]
    fn other_encodings_are_refused() {
        assert_eq!(converted(b"00", Encoding::Hex, Encoding::Utf8), Err(1));
    }
}
