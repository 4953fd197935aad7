//! Names of domains, as text and as bytes.

use super::super::status::Status;

/// Most bytes of a name and of a label (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 255;
const LONGEST_LABEL: usize = 63;

/// A name: its labels, each behind its length, without the empty one at the end. They may have any bytes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Name {
    bytes: Vec<u8>,
}

impl Name {
    /// The name in a text. `\.` and `\046` stand for a dot within a label, as c-ares has it.
    ///
    /// # Errors
    /// - `EBADNAME`: an empty label, one that is too long, or a character that no host has.
    /// - `EFORMERR`: the whole is too long.
    pub fn parse(text: &str) -> Result<Name, Status> {
        if text.is_empty() || text == "." {
            return Ok(Name::default());
        }
        let mut name = Name::default();
        let mut label = Vec::new();
        let mut bytes = text.strip_suffix('.').unwrap_or(text).bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => name.add(&std::mem::take(&mut label))?,
                b'\\' => label.push(escaped(&mut bytes).ok_or(Status::EBADNAME)?),
                _ if byte.is_ascii_alphanumeric() || b"-_/*".contains(&byte) => label.push(byte),
                _ => return Err(Status::EBADNAME),
            }
        }
        name.add(&label)?;
        Ok(name)
    }

    fn add(&mut self, label: &[u8]) -> Result<(), Status> {
        let is_label = (1..=LONGEST_LABEL).contains(&label.len());
        self.push(label).ok_or(if is_label {
            Status::EFORMERR
        } else {
            Status::EBADNAME
        })
    }

    /// Adds a label; `None` where it is empty or too long, or the name is with it.
    pub(super) fn push(&mut self, label: &[u8]) -> Option<()> {
        let length = u8::try_from(label.len()).ok()?;
        if !(1..=LONGEST_LABEL).contains(&label.len())
            || self.bytes.len() + label.len() + 2 > LONGEST_NAME
        {
            return None;
        }
        self.bytes.push(length);
        self.bytes.extend_from_slice(label);
        Some(())
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.bytes);
        bytes.push(0);
    }

    /// Whether both are the same, whatever their case. Lengths are no letters.
    pub fn is_same(&self, other: &Name) -> bool {
        self.bytes.eq_ignore_ascii_case(&other.bytes)
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, rest) = left.split_first()?;
            let (label, rest) = rest.split_at_checked(usize::from(*length))?;
            left = rest;
            Some(label)
        })
    }

    /// Its text as c-ares writes it, without a dot at the end.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                text.push('.');
            }
            for byte in label {
                match byte {
                    b'"' | b'.' | b';' | b'\\' | b'(' | b')' | b'@' | b'$' => {
                        text.push('\\');
                        text.push(char::from(*byte));
                    }
                    b' '..=b'~' => text.push(char::from(*byte)),
                    _ => text.push_str(&format!("\\{byte:03}")),
                }
            }
        }
        text
    }
}

/// The byte behind a backslash: three digits, or itself.
fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut number = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit)?;
        number = number * 10 + u32::from(digit - b'0');
    }
    u8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Name::parse(text).ok().map(|name| name.text())
    }

    #[test]
    fn text_is_read_as_c_ares_does() {
        for (text, name) in [
            ("a.b", "a.b"),
            ("a.b.", "a.b"),
            ("", ""),
            (".", ""),
            ("_sip._tcp.x", "_sip._tcp.x"),
            ("a\\.b.c", "a\\.b.c"),
            ("a\\046b.c", "a\\.b.c"),
            ("\\233", "\\233"),
        ] {
            assert_eq!(read(text).as_deref(), Some(name), "{text}");
        }
        let long = "x".repeat(64);
        for text in ["a..b", ".a", "..", "a b", "\\", "\\1", "\\256", "é", &long] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(read(&"a.".repeat(127)).is_some());
        let too_long = Name::parse(&"a.".repeat(128));
        assert_eq!(too_long, Err(Status::EFORMERR));
    }
}
