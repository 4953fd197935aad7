//! Pieces of a message: names and values of headers, the URL.

/// A text that llhttp hands over in one or more pieces. It is a place in the current input as long as that can be, and a
/// copy from the end of that input on.
#[derive(Default)]
pub struct Text {
    /// Where in the input it begins, unless it is a copy.
    start: usize,
    length: usize,
    copy: Option<Vec<u8>>,
}

impl Text {
    /// Forgets it.
    pub fn clear(&mut self) {
        self.length = 0;
        self.copy = None;
    }

    /// Adds the piece of `input` at `start`.
    pub fn add(&mut self, input: &[u8], start: usize, length: usize) {
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(&input[start..start + length]);
        } else if self.length == 0 {
            self.start = start;
            self.length = length;
        } else if self.start + self.length == start {
            self.length += length;
        } else {
            let mut copy = self.bytes(input).to_vec();
            copy.extend_from_slice(&input[start..start + length]);
            self.copy = Some(copy);
        }
    }

    /// Copies it, because `input` goes.
    pub fn keep(&mut self, input: &[u8]) {
        if self.copy.is_none() && self.length > 0 {
            self.copy = Some(self.bytes(input).to_vec());
        }
    }

    /// What was added so far.
    pub fn bytes<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match &self.copy {
            Some(copy) => copy,
            None if self.length == 0 => &[],
            None => &input[self.start..self.start + self.length],
        }
    }
}

/// Without the white space at its end.
pub fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t'))
        .map_or(0, |last| last + 1);
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::{Text, trimmed};

    #[test]
    fn pieces_that_follow_each_other_are_no_copy() {
        let mut text = Text::default();
        text.add(b"abcdef", 1, 2);
        text.add(b"abcdef", 3, 1);
        assert_eq!(text.bytes(b"abcdef"), b"bcd");
        assert!(text.copy.is_none());
    }

    #[test]
    fn a_text_goes_on_in_the_next_input() {
        let mut text = Text::default();
        text.add(b"abc", 1, 2);
        text.keep(b"abc");
        text.add(b"xyz", 0, 2);
        assert_eq!(text.bytes(b"anything"), b"bcxy");
    }

    #[test]
    fn pieces_apart_are_put_together() {
        let mut text = Text::default();
        text.add(b"ab\r\n cd", 0, 2);
        text.add(b"ab\r\n cd", 4, 3);
        assert_eq!(text.bytes(b""), b"ab cd");
        text.clear();
        assert_eq!(text.bytes(b""), b"");
    }

    #[test]
    fn white_space_at_the_end_goes() {
        assert_eq!(trimmed(b" a b \t "), b" a b");
        assert_eq!(trimmed(b" \t"), b"");
    }
}
