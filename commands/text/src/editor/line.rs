//! A line as characters. Bytes that are no UTF-8 are kept as characters behind all that Unicode gives a meaning.

use std::fmt::Write;

use secure_exec_cli::columns_of;

pub type Line = Vec<char>;

/// Where bytes stand that are no UTF-8: private characters that no text has.
const ODD: u32 = 0x10_FE00;

/// The characters of bytes.
pub fn decode(bytes: &[u8]) -> Line {
    let mut line = Line::new();
    let odd = |byte: u8| char::from_u32(ODD + u32::from(byte));
    let mut buffer = [0; 4];
    for chunk in bytes.utf8_chunks() {
        line.reserve(chunk.valid().chars().count());
        for c in chunk.valid().chars() {
            if odd_byte(c).is_some() {
                // A text that has such a character keeps it as the bytes that it is.
                line.extend(c.encode_utf8(&mut buffer).bytes().filter_map(odd));
            } else {
                line.push(c);
            }
        }
        line.extend(chunk.invalid().iter().copied().filter_map(odd));
    }
    line
}

/// The byte that a character stands for, if it is none of Unicode's.
fn odd_byte(c: char) -> Option<u8> {
    u32::from(c)
        .checked_sub(ODD)
        .and_then(|byte| u8::try_from(byte).ok())
}

/// The bytes of characters.
pub fn encode(line: &[char]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut buffer = [0; 4];
    for &c in line {
        match odd_byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut buffer).bytes()),
        }
    }
    bytes
}

/// How many characters so many bytes of a line are.
pub fn characters_of(line: &[char], bytes: usize) -> usize {
    let mut rest = bytes;
    for (at, &c) in line.iter().enumerate() {
        if rest == 0 {
            return at;
        }
        rest = rest.saturating_sub(length_of(c));
    }
    line.len()
}

/// How many bytes the first characters of a line are.
pub fn bytes_of(line: &[char], characters: usize) -> usize {
    let taken = &line[..characters.min(line.len())];
    taken.iter().map(|&c| length_of(c)).sum()
}

/// Bytes of a character.
fn length_of(c: char) -> usize {
    if odd_byte(c).is_some() {
        1
    } else {
        c.len_utf8()
    }
}

/// Characters that change how others are shown, or cannot be seen: as `vim` has them, they are shown by their numbers.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{70f}'
            | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

/// Appends how a character is shown that begins at a column. Nothing that a terminal obeys is ever appended.
pub fn show(out: &mut String, c: char, column: usize, tabstop: usize) {
    // Writing to a text does not fail.
    let _ = match c {
        '\t' => {
            out.extend(std::iter::repeat_n(' ', tabstop - column % tabstop));
            Ok(())
        }
        '\0'..='\x1f' => write!(out, "^{}", char::from_u32(u32::from(c) + 64).unwrap_or('?')),
        '\x7f' => write!(out, "^?"),
        '\u{80}'..='\u{9f}' => write!(out, "<{:02x}>", u32::from(c)),
        c => match odd_byte(c) {
            Some(byte) => write!(out, "\\x{byte:02x}"),
            None if is_hidden(c) => write!(out, "<{:04x}>", u32::from(c)),
            None => {
                out.push(c);
                Ok(())
            }
        },
    };
}

/// Characters as they are shown from the first column on.
pub fn shown(text: &[char], tabstop: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for &c in text {
        show(&mut out, c, column, tabstop);
        column += width(c, column, tabstop);
    }
    out
}

/// Columns of a character that begins at a column.
pub fn width(c: char, column: usize, tabstop: usize) -> usize {
    match c {
        ' '..='~' => 1,
        '\t' => tabstop - column % tabstop,
        '\0'..='\x1f' | '\x7f' => 2,
        '\u{80}'..='\u{9f}' => 4,
        c if odd_byte(c).is_some() => 4,
        c if is_hidden(c) => 6,
        c => columns_of(c),
    }
}

pub fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// The blanks that a line begins with.
pub fn indent(line: &[char]) -> &[char] {
    let end = line.iter().position(|&c| !is_blank(c));
    &line[..end.unwrap_or(line.len())]
}

/// The place of the first character that is no blank, or the last place.
pub fn first_nonblank(line: &[char]) -> usize {
    indent(line).len().min(line.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::{bytes_of, characters_of, decode, encode, shown, width};

    #[test]
    fn bytes_come_back_as_they_were() {
        let bytes = b"a\xff\xc3\xa9\xe4\xb8\xad\x80\0z";
        let line = decode(bytes);
        assert_eq!(line.len(), 7);
        assert_eq!(encode(&line), bytes);
        assert_eq!(characters_of(&line, 4), 3);
        assert_eq!(bytes_of(&line, 3), 4);
        assert_eq!(shown(&line[1..2], 8), "\\xff");
        // What stands for bytes is no character of a text.
        let private = "\u{10fe41}\u{10feff}".as_bytes();
        assert_eq!(encode(&decode(private)), private);
    }

    #[test]
    fn nothing_is_shown_that_a_terminal_obeys() {
        let text = decode("\x1b]0;x\x07\r\x7f\u{9b}\u{202e}\u{200b}a\tb".as_bytes());
        assert_eq!(shown(&text, 8), "^[]0;x^G^M^?<9b><202e><200b>a   b");
        assert_eq!(width('\u{202e}', 0, 8), 6);
    }

    #[test]
    fn columns_are_those_of_a_terminal() {
        assert_eq!(width('\t', 3, 8), 5);
        assert_eq!(width('\u{4e2d}', 0, 8), 2);
        assert_eq!(width('\x01', 0, 8), 2);
    }
}
