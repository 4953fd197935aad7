//! Bytes that are not as they look.

/// A byte in the notation of `cat -v`.
#[must_use]
pub fn visible(byte: u8) -> String {
    let (prefix, low) = if byte >= 0x80 {
        ("M-", byte & 0x7f)
    } else {
        ("", byte)
    };
    match low {
        0..=31 => format!("{prefix}^{}", (low + 64) as char),
        127 => format!("{prefix}^?"),
        _ => format!("{prefix}{}", low as char),
    }
}

/// The byte that `raw`, what stands behind a backslash in a format, begins with, and how many bytes name it. What has no
/// meaning stands for itself.
#[must_use]
pub fn unescape(raw: &[u8]) -> Option<(u8, usize)> {
    Some(match *raw.first()? {
        b'n' => (b'\n', 1),
        b't' => (b'\t', 1),
        b'r' => (b'\r', 1),
        b'a' => (7, 1),
        b'b' => (8, 1),
        b'f' => (12, 1),
        b'v' => (11, 1),
        b'0'..=b'7' => {
            let digits = raw
                .iter()
                .take(3)
                .take_while(|byte| (b'0'..=b'7').contains(byte))
                .count();
            let value = raw[..digits]
                .iter()
                .fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            (u8::try_from(value & 0xff).unwrap_or(0), digits)
        }
        other => (other, 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_named_by_letters_and_up_to_three_octal_digits() {
        for (raw, found) in [
            ("n", (b'\n', 1)),
            ("101x", (b'A', 3)),
            ("0", (0, 1)),
            ("7778", (255, 3)),
            ("\\", (b'\\', 1)),
            ("q", (b'q', 1)),
        ] {
            assert_eq!(unescape(raw.as_bytes()), Some(found), "{raw}");
        }
        assert_eq!(unescape(b""), None);
    }

    #[test]
    fn every_byte_can_be_seen() {
        let shown = [0, b'A', 127, 128, 0xc1, 255].map(visible);
        assert_eq!(shown, ["^@", "A", "^?", "M-^@", "M-A", "M-^?"]);
    }
}
