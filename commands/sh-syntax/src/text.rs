//! Strings of the shell: any bytes, as `String`.
//!
//! A script may hold bytes that are not UTF-8. Each such byte becomes one character of the last private
//! plane (U+10FF80 to U+10FFFF, low byte as is) and turns back at every edge, so nothing is lost, and
//! patterns and lengths count characters.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

const RAW: u32 = 0x0010_FF00;

fn raw_char(byte: u8) -> char {
    char::from_u32(RAW + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn raw_byte(c: char) -> Option<u8> {
    let code = c as u32;
    (code >= RAW + 0x80).then(|| u8::try_from(code & 0xff).unwrap_or(b'?'))
}

/// Takes bytes in.
pub fn decode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        if valid.as_bytes().contains(&0xF4) {
            push_valid(&mut out, valid);
        } else {
            out.push_str(valid);
        }
        out.extend(chunk.invalid().iter().map(|b| raw_char(*b)));
    }
    out
}

/// Characters that stand for bytes are taken apart when they come from outside.
fn push_valid(out: &mut String, valid: &str) {
    for c in valid.chars() {
        if raw_byte(c).is_some() {
            let mut buffer = [0; 4];
            out.extend(c.encode_utf8(&mut buffer).bytes().map(raw_char));
        } else {
            out.push(c);
        }
    }
}

/// Gives bytes out.
pub fn encode(text: &str) -> Cow<'_, [u8]> {
    // The last private plane begins with 0xF4 in UTF-8.
    if !text.as_bytes().contains(&0xF4) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match raw_byte(c) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// The text with each byte that is not ASCII as a character of its own, as a locale of single bytes has it.
/// [`whole`] makes characters of them again.
pub fn single_bytes(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let bytes = encode(text);
    let one = |byte: &u8| {
        if byte.is_ascii() {
            char::from(*byte)
        } else {
            raw_char(*byte)
        }
    };
    Cow::Owned(bytes.iter().map(one).collect())
}

/// The text with characters where single bytes make some.
pub fn whole(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    decode(&encode(&text))
}

/// For a system call.
pub fn os(text: &str) -> OsString {
    match encode(text) {
        Cow::Borrowed(_) => OsString::from(text),
        // SAFETY: on unix and WASI an OsString may hold any bytes.
        Cow::Owned(bytes) => unsafe { OsString::from_encoded_bytes_unchecked(bytes) },
    }
}

/// For a system call.
pub fn path(text: &str) -> PathBuf {
    PathBuf::from(os(text))
}

/// From a system call.
pub fn from_os(text: &OsStr) -> String {
    decode(text.as_encoded_bytes())
}

/// Whether `text` is a name in the sense of the shell's grammar.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// Parts `name[index]`.
pub fn split_element(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix(']')?.split_once('[')
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, single_bytes, whole};

    #[test]
    fn single_bytes_make_the_text_again() {
        let text = "a\u{e9}\u{10FF81}b";
        assert_eq!(single_bytes(text).chars().count(), 5);
        assert_eq!(whole(single_bytes(text).into_owned()), text);
    }

    #[test]
    fn any_bytes_survive() {
        for bytes in [
            &b"plain"[..],
            b"\xff\x80a\xc3\xa9",
            "\u{10FFFF}\u{10FF81}é".as_bytes(),
        ] {
            assert_eq!(&*encode(&decode(bytes)), bytes);
        }
    }
}
