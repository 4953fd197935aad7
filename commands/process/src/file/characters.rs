//! The characters of a text: which set they are of, and how its lines end.

/// Lines of more characters are told of.
const LONG_LINE: usize = 300;

/// How far characters are looked at, in bytes.
const SEARCHED: usize = 64 * 1024;

/// A text, by its characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Characters {
    /// As it is called: `ASCII text`.
    pub name: &'static str,
    /// The set: `us-ascii`.
    pub set: &'static str,
    /// Its characters.
    pub text: Vec<char>,
    /// Nothing more is said of it.
    is_bare: bool,
}

/// Finds out which characters a content is of; nothing if it is no text.
pub fn recognize(content: &[u8]) -> Option<Characters> {
    let content = &content[..content.len().min(SEARCHED)];
    let found = |name, set, text: Vec<char>| {
        Some(Characters {
            name,
            set,
            text,
            is_bare: false,
        })
    };
    let latin = |content: &[u8]| content.iter().map(|&byte| char::from(byte)).collect();
    if content.len() > 4 && matches!(content, [b'+', b'/', b'v', b'8' | b'9' | b'+' | b'/', ..]) {
        return bare("Unicode text, UTF-7", "utf-7");
    }
    if content.iter().all(|&byte| is_text(byte) && byte < 0x80) {
        return found("ASCII text", "us-ascii", latin(content));
    }
    if content.len() > 3
        && let Some(rest) = content.strip_prefix(b"\xef\xbb\xbf")
        && let Some((text, _)) = utf8(rest)
    {
        return found("Unicode text, UTF-8 (with BOM) text", "utf-8", text);
    }
    if let Some((text, true)) = utf8(content) {
        return found("Unicode text, UTF-8 text", "utf-8", text);
    }
    match content {
        [0xff, 0xfe, 0, 0, rest @ ..] if is_utf32(rest, u32::from_le_bytes) => {
            return bare("Unicode text, UTF-32, little-endian", "utf-32le");
        }
        [0, 0, 0xfe, 0xff, rest @ ..] if is_utf32(rest, u32::from_be_bytes) => {
            return bare("Unicode text, UTF-32, big-endian", "utf-32be");
        }
        [0xff, 0xfe, rest @ ..] => {
            if let Some(text) = utf16(rest, u16::from_le_bytes) {
                let name = "Unicode text, UTF-16, little-endian text";
                return found(name, "utf-16le", text);
            }
        }
        [0xfe, 0xff, rest @ ..] => {
            if let Some(text) = utf16(rest, u16::from_be_bytes) {
                let name = "Unicode text, UTF-16, big-endian text";
                return found(name, "utf-16be", text);
            }
        }
        _ => {}
    }
    if !content.iter().all(|&byte| is_text(byte)) {
        return None;
    }
    if content
        .iter()
        .any(|&byte| (0x80..0xa0).contains(&byte) && byte != 0x85)
    {
        let name = "Non-ISO extended-ASCII text";
        return found(name, "unknown-8bit", latin(content));
    }
    found("ISO-8859 text", "iso-8859-1", latin(content))
}

fn bare(name: &'static str, set: &'static str) -> Option<Characters> {
    Some(Characters {
        name,
        set,
        text: Vec::new(),
        is_bare: true,
    })
}

/// What texts have below 0x80: printable characters, blanks, bells, backspaces and escapes.
fn is_text(byte: u8) -> bool {
    matches!(byte, 7..=13 | 27 | 32..=126 | 128..)
}

/// The characters, and whether one of them is of several bytes. The last may be cut off.
fn utf8(content: &[u8]) -> Option<(Vec<char>, bool)> {
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&content[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_valid = text.bytes().all(is_text);
    is_valid.then(|| (text.chars().collect(), !text.is_ascii()))
}

fn utf16(content: &[u8], number: fn([u8; 2]) -> u16) -> Option<Vec<char>> {
    let units: Vec<u16> = content
        .chunks_exact(2)
        .map(|pair| number([pair[0], pair[1]]))
        .collect();
    let is_valid = units.iter().all(|&unit| {
        unit != 0xfffe && u8::try_from(unit).map_or(true, |byte| byte >= 0x80 || is_text(byte))
    });
    is_valid.then(|| String::from_utf16_lossy(&units).chars().collect())
}

fn is_utf32(content: &[u8], number: fn([u8; 4]) -> u32) -> bool {
    content.chunks_exact(4).all(|each| {
        let unit = number([each[0], each[1], each[2], each[3]]);
        unit != 0xfffe && u8::try_from(unit).map_or(true, |byte| byte >= 0x80 || is_text(byte))
    })
}

/// The set of characters of a content that need not be a text.
pub fn charset(content: &[u8]) -> &'static str {
    recognize(content).map_or("binary", |found| found.set)
}

impl Characters {
    /// What follows the name of a text: long lines, ends of lines, escapes.
    pub fn details(&self) -> String {
        let mut details = String::new();
        if self.is_bare {
            return details;
        }
        let (mut crlf, mut cr, mut lf, mut nel) = (0, 0, 0, 0);
        // The place behind the last end of a line.
        let (mut longest, mut start) = (0, 0);
        let mut after_return = false;
        for (at, &character) in self.text.iter().enumerate() {
            match character {
                '\n' if after_return => crlf += 1,
                '\n' => lf += 1,
                _ if after_return => cr += 1,
                _ => {}
            }
            nel += usize::from(character == '\u{85}');
            after_return = character == '\r';
            if matches!(character, '\n' | '\r' | '\u{85}') {
                start = at + 1;
            }
            longest = longest.max(at + 1 - start);
        }
        cr += usize::from(after_return);
        if longest > LONG_LINE {
            details.push_str(&format!(", with very long lines ({longest})"));
        }
        if crlf + cr + lf + nel == 0 {
            details.push_str(", with no line terminators");
        } else if crlf + cr + nel > 0 {
            let kinds: Vec<&str> = [(crlf, "CRLF"), (cr, "CR"), (lf, "LF"), (nel, "NEL")]
                .into_iter()
                .filter_map(|(count, name)| (count > 0).then_some(name))
                .collect();
            details.push_str(&format!(", with {} line terminators", kinds.join(", ")));
        }
        if self.text.contains(&'\u{1b}') {
            details.push_str(", with escape sequences");
        }
        if self.text.contains(&'\u{8}') {
            details.push_str(", with overstriking");
        }
        details
    }
}

#[cfg(test)]
mod tests {
    use super::recognize;

    fn details(content: &[u8]) -> String {
        recognize(content).expect("a text").details()
    }

    #[test]
    fn ends_of_lines_are_told() {
        assert_eq!(details(b"a\nb\n"), "");
        assert_eq!(details(b"a\r\nb\n"), ", with CRLF, LF line terminators");
        assert_eq!(details(b"a\rb\r"), ", with CR line terminators");
        assert_eq!(details(b"abc"), ", with no line terminators");
        assert_eq!(
            details(&[b'x'; 400]),
            ", with very long lines (400), with no line terminators"
        );
    }

    #[test]
    fn binary_is_no_text() {
        assert_eq!(recognize(b"\0\x01"), None);
        let set = |content: &[u8]| recognize(content).map(|found| found.set);
        assert_eq!(set(b"caf\xe9\n"), Some("iso-8859-1"));
        assert_eq!(set(b"caf\xc3"), Some("iso-8859-1"));
        assert_eq!(set(b"caf\xc3\xa9"), Some("utf-8"));
    }
}
