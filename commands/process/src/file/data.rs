//! Data that are texts: JSON and tables with commas.

/// How deep values may stand in each other.
const MOST_LEVELS: usize = 200;

/// Lines of a table that are looked at.
const LINES: usize = 10;

/// What JSON a content is: one value, or one on each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Json {
    Value,
    Lines,
}

/// Whether a content is JSON: an array or an object, which may have a comma behind the last member; of several, two are
/// looked at.
pub fn json(content: &[u8]) -> Option<Json> {
    let mut reader = Reader { content, at: 0 };
    reader.blanks();
    let first = reader.peek()?;
    if !matches!(first, b'{' | b'[') {
        return None;
    }
    reader.value(0)?;
    if reader.at == content.len() {
        return Some(Json::Value);
    }
    if reader.peek() != Some(first) {
        return None;
    }
    reader.value(1).map(|()| Json::Lines)
}

struct Reader<'a> {
    content: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.content.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads a value with the blanks around it.
    fn value(&mut self, level: usize) -> Option<()> {
        if level > MOST_LEVELS {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'{' => self.members(b'}', level)?,
            b'[' => self.members(b']', level)?,
            b'"' => self.text()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        self.blanks();
        Some(())
    }

    fn members(&mut self, end: u8, level: usize) -> Option<()> {
        self.at += 1;
        loop {
            self.blanks();
            if self.take(end).is_some() {
                return Some(());
            }
            if end == b'}' {
                self.text()?;
                self.blanks();
                self.take(b':')?;
            }
            self.value(level + 1)?;
            if self.take(b',').is_none() {
                return self.take(end);
            }
        }
    }

    fn text(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                0 => return None,
                b'"' => return Some(()),
                b'\\' => {
                    let escape = self.peek()?;
                    self.at += 1;
                    match escape {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let digits = self.content.get(self.at..self.at + 4)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            self.at += 4;
                        }
                        _ => return None,
                    }
                }
                _ => {}
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.content[self.at..]
            .starts_with(word)
            .then(|| self.at += word.len())
    }

    /// Digits with a point among them, and an exponent.
    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        let digits = self.digits();
        let behind = self.take(b'.').map_or(0, |()| self.digits());
        if digits + behind == 0 {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }

    fn digits(&mut self) -> usize {
        let rest = &self.content[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}

/// Whether a text is a table: at least three whole lines, of which the first ten have the same number of commas outside
/// of quotes.
pub fn is_csv(text: &[u8]) -> bool {
    let (mut lines, mut expected) = (0, 0);
    let (mut commas, mut quoted) = (0, false);
    for &byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => commas += 1,
            b'\n' if !quoted => {
                lines += 1;
                if commas == 0 || expected != 0 && commas != expected {
                    return false;
                }
                if lines == LINES {
                    return true;
                }
                (expected, commas) = (commas, 0);
            }
            _ => {}
        }
    }
    lines > 2
}

#[cfg(test)]
mod tests {
    use super::{Json, is_csv, json};

    #[test]
    fn values_are_read_as_loosely_as_they_are_written() {
        assert_eq!(json(b"{\"a\":[1,2,],}"), Some(Json::Value));
        assert_eq!(json(b"[1]\n[2]\nx"), Some(Json::Lines));
        for wrong in [
            "1",
            "[1",
            "{a:1}",
            "[1 2]",
            "[\"\\q\"]",
            "[1e]",
            "[1]x",
            "",
            "[",
        ] {
            assert_eq!(json(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn deep_values_are_none() {
        let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
        assert_eq!(json(deep(150).as_bytes()), Some(Json::Value));
        assert_eq!(json(deep(1_000_000).as_bytes()), None);
    }

    #[test]
    fn tables_have_three_lines() {
        assert!(is_csv(b"a,b\n1,2\n3,4\n"));
        assert!(!is_csv(b"a,b\n1,2\n3,4"));
        assert!(!is_csv(b"a,b\n1,2\n3,4,5\n"));
    }
}
