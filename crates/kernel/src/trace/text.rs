//! Bytes and lists as strace shows them.

use core::fmt;

/// Bytes of data that are shown of a buffer or an argument, strace's `-s`.
const SHOWN: usize = 32;
/// Elements that are shown of a list.
const LISTED: usize = 32;

/// Where a guest's memory is: the kernel of this machine has no addresses, so it is always the same.
pub(crate) const POINTER: &str = "0x7ffc00000000";

/// Bytes as a quoted string, whole: a path.
pub(crate) struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (at, byte) in self.0.iter().enumerate() {
            match byte {
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                b'\n' => f.write_str("\\n")?,
                b'\t' => f.write_str("\\t")?,
                b'\r' => f.write_str("\\r")?,
                0x0b => f.write_str("\\v")?,
                0x0c => f.write_str("\\f")?,
                b' '..=b'~' => write!(f, "{}", char::from(*byte))?,
                // Before a digit all three, which would be read as part of the number otherwise.
                _ if self.0.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                    write!(f, "\\{byte:03o}")?
                }
                _ => write!(f, "\\{byte:o}")?,
            }
        }
        f.write_str("\"")
    }
}

/// The beginning of data, quoted.
pub(crate) struct Data<'a>(pub &'a [u8]);

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        Quoted(shown).fmt(f)?;
        f.write_str(if shown.len() < self.0.len() {
            "..."
        } else {
            ""
        })
    }
}

/// Random bytes, quoted in hexadecimal.
pub(crate) struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for byte in self.0.iter().take(SHOWN) {
            write!(f, "\\x{byte:02x}")?;
        }
        f.write_str(if self.0.len() > SHOWN { "\"..." } else { "\"" })
    }
}

/// The strings of an argument vector.
pub(crate) struct Strings<'a>(pub &'a [Vec<u8>]);

impl fmt::Display for Strings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0, |string, f| Data(string).fmt(f))
    }
}

/// How many variables an environment has, which is all that is shown of it.
pub(crate) struct Variables(pub usize);

impl fmt::Display for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{POINTER} /* {} vars */", self.0)
    }
}

/// `[a, b, ...]`.
pub(crate) fn list<T>(
    f: &mut fmt::Formatter<'_>,
    elements: &[T],
    show: impl Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (at, element) in elements.iter().enumerate() {
        f.write_str(if at > 0 { ", " } else { "" })?;
        if at == LISTED {
            f.write_str("...")?;
            break;
        }
        show(element, f)?;
    }
    f.write_str("]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_escaped_as_by_strace() {
        let bytes = b"\x01\x02\x033\t\n\r\x0b\x0c\x1b\"\\\x7f\xff\x001x\0";
        let shown = r#""\1\2\0033\t\n\r\v\f\33\"\\\177\377\0001x\0""#;
        assert_eq!(Quoted(bytes).to_string(), shown);
    }

    #[test]
    fn data_is_cut_after_32_bytes() {
        let digits = b"0123456789012345678901234567890123456789";
        assert_eq!(
            Data(&digits[..32]).to_string(),
            r#""01234567890123456789012345678901""#
        );
        assert_eq!(
            Data(digits).to_string(),
            r#""01234567890123456789012345678901"..."#
        );
        assert_eq!(Data(b"").to_string(), r#""""#);
    }

    #[test]
    fn argument_vectors_are_lists() {
        let words = [b"true".to_vec(), b"a b".to_vec(), b"\n".to_vec()];
        assert_eq!(Strings(&words).to_string(), r#"["true", "a b", "\n"]"#);
        assert!(
            Strings(&vec![b"x".to_vec(); 40])
                .to_string()
                .ends_with(r#""x", ...]"#)
        );
    }
}
