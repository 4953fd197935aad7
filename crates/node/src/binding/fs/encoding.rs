//! Encodings of names and data, by Node's names and numbers (`enum encoding` of `src/node.h`).

use crate::js::convert;

/// How bytes become a JavaScript value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// `ascii`
    Ascii,
    /// `utf8`
    Utf8,
    /// `base64`
    Base64,
    /// `ucs2`, `utf16le`
    Ucs2,
    /// `latin1`, `binary`
    Latin1,
    /// `hex`
    Hex,
    /// `buffer`
    Buffer,
    /// `base64url`
    Base64Url,
}

impl Encoding {
    /// The encoding that `value` names; UTF-8 where it names none (`ParseEncoding`).
    pub fn parse(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Encoding {
        if value.is_string() {
            let name = value.to_rust_string_lossy(scope).to_ascii_lowercase();
            return match name.as_str() {
                "ascii" => Encoding::Ascii,
                "base64" => Encoding::Base64,
                "base64url" => Encoding::Base64Url,
                "ucs2" | "ucs-2" | "utf16le" | "utf-16le" => Encoding::Ucs2,
                "latin1" | "binary" => Encoding::Latin1,
                "hex" => Encoding::Hex,
                "buffer" => Encoding::Buffer,
                _ => Encoding::Utf8,
            };
        }
        match value.int32_value(scope) {
            Some(0) if value.is_number() => Encoding::Ascii,
            Some(2) => Encoding::Base64,
            Some(3) => Encoding::Ucs2,
            Some(4) => Encoding::Latin1,
            Some(5) => Encoding::Hex,
            Some(6) => Encoding::Buffer,
            Some(7) => Encoding::Base64Url,
            _ => Encoding::Utf8,
        }
    }

    /// The JavaScript value of `bytes`; `None` where the string would be longer than V8 allows.
    pub fn encode<'s>(
        self,
        scope: &mut v8::PinScope<'s, '_>,
        bytes: &[u8],
    ) -> Option<v8::Local<'s, v8::Value>> {
        let normal = v8::NewStringType::Normal;
        let string = match self {
            Encoding::Buffer => return Some(convert::buffer(scope, bytes.to_vec())),
            Encoding::Utf8 => v8::String::new_from_utf8(scope, bytes, normal),
            Encoding::Latin1 => v8::String::new_from_one_byte(scope, bytes, normal),
            Encoding::Ascii => {
                let seven: Vec<u8> = bytes.iter().map(|byte| byte & 0x7f).collect();
                v8::String::new_from_one_byte(scope, &seven, normal)
            }
            Encoding::Ucs2 => {
                let units: Vec<u16> = bytes
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                    .collect();
                v8::String::new_from_two_byte(scope, &units, normal)
            }
            Encoding::Hex => {
                let digits = b"0123456789abcdef";
                let text: Vec<u8> = bytes
                    .iter()
                    .flat_map(|byte| {
                        [
                            digits[usize::from(byte >> 4)],
                            digits[usize::from(byte & 15)],
                        ]
                    })
                    .collect();
                v8::String::new_from_one_byte(scope, &text, normal)
            }
            Encoding::Base64 => {
                v8::String::new_from_one_byte(scope, &base64(bytes, STANDARD, true), normal)
            }
            Encoding::Base64Url => {
                v8::String::new_from_one_byte(scope, &base64(bytes, URL_SAFE, false), normal)
            }
        };
        string.map(Into::into)
    }

    /// The bytes of a string.
    pub fn decode(
        self,
        scope: &mut v8::PinScope<'_, '_>,
        string: v8::Local<'_, v8::String>,
    ) -> Vec<u8> {
        let units = |scope: &mut v8::PinScope<'_, '_>| {
            let mut units = vec![0u16; string.length()];
            string.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
            units
        };
        match self {
            Encoding::Utf8 | Encoding::Buffer => string.to_rust_string_lossy(scope).into_bytes(),
            Encoding::Ucs2 => units(scope)
                .into_iter()
                .flat_map(u16::to_le_bytes)
                .collect(),
            Encoding::Latin1 | Encoding::Ascii => units(scope)
                .into_iter()
                .map(|unit| unit.to_le_bytes()[0])
                .collect(),
            Encoding::Hex => decode_hex(&units(scope)),
            Encoding::Base64 | Encoding::Base64Url => decode_base64(&units(scope)),
        }
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], alphabet: &[u8; 64], padded: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = u32::from(chunk[0]) << 16
            | u32::from(chunk.get(1).copied().unwrap_or(0)) << 8
            | u32::from(chunk.get(2).copied().unwrap_or(0));
        for index in 0..4 {
            if index <= chunk.len() {
                text.push(alphabet[(group >> (18 - 6 * index) & 63) as usize]);
            } else if padded {
                text.push(b'=');
            }
        }
    }
    text
}

fn decode_hex(units: &[u16]) -> Vec<u8> {
    let digit = |unit: u16| char::from_u32(u32::from(unit)).and_then(|c| c.to_digit(16));
    let mut bytes = Vec::with_capacity(units.len() / 2);
    for pair in units.chunks_exact(2) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            break;
        };
        bytes.push((high << 4 | low).to_le_bytes()[0]);
    }
    bytes
}

/// Takes both alphabets, skips what belongs to neither, ends at the padding: as Node does.
fn decode_base64(units: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(units.len() / 4 * 3);
    let (mut group, mut bits) = (0u32, 0u32);
    for unit in units {
        let value = match u8::try_from(*unit).unwrap_or(0) {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => continue,
        };
        group = group << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits).to_le_bytes()[0]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{STANDARD, URL_SAFE, base64, decode_base64, decode_hex};

    fn units(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn base64_pads_only_in_the_standard_alphabet() {
        assert_eq!(base64(b"\xfb\xff", STANDARD, true), b"+/8=");
        assert_eq!(base64(b"\xfb\xff", URL_SAFE, false), b"-_8");
    }

    #[test]
    fn base64_decoding_takes_both_alphabets_and_skips_white_space() {
        assert_eq!(decode_base64(&units("-_8 =")), b"\xfb\xff");
        assert_eq!(decode_base64(&units("aGVs\nbG8")), b"hello");
    }

    #[test]
    fn hex_decoding_ends_at_the_first_bad_pair() {
        assert_eq!(decode_hex(&units("00ffzz11")), [0, 255]);
    }
}
