//! Names in quotes, as the GNU tools print them in messages and `ls` on a terminal.

use std::path::Path;

use crate::bytes::bytes;

/// A name in messages: always in single quotes; what cannot be shown is escaped for a shell.
#[must_use]
pub fn quote(path: &(impl AsRef<Path> + ?Sized)) -> String {
    let raw = bytes(path.as_ref());
    if is_plain_text(raw) && !raw.contains(&b'\'') {
        return format!("'{}'", String::from_utf8_lossy(raw));
    }
    shell_escape(raw, true)
}

/// What is no name in messages: in single quotes, what cannot be shown by the escapes of C.
#[must_use]
pub fn quote_text(raw: &[u8]) -> String {
    let mut out = String::from("'");
    for chunk in raw.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0b' => out.push_str("\\v"),
                '\x0c' => out.push_str("\\f"),
                '\'' => out.push_str("\\'"),
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => out.push_str(&octal(c.to_string().as_bytes())),
                c => out.push(c),
            }
        }
        out.push_str(&octal(chunk.invalid()));
    }
    out.push('\'');
    out
}

/// Whether a shell would not read the name as the one word it is.
#[must_use]
pub fn needs_quotes(raw: &[u8]) -> bool {
    let special = |byte: &u8| b" \t\n!\"$&'()*;<=>?[\\]^`|{}~#\x7f".contains(byte) || *byte < 0x20;
    if raw.is_empty() || !is_plain_text(raw) {
        return true;
    }
    // These matter only at the beginning.
    let lead = |byte: u8| byte == b'~' || byte == b'#';
    raw.iter()
        .enumerate()
        .any(|(at, byte)| special(byte) && (at == 0 || !lead(*byte)) && !is_brace(raw, at))
}

// A lone brace is a word; only a pair would expand.
fn is_brace(raw: &[u8], at: usize) -> bool {
    matches!(raw[at], b'{' | b'}') && raw.len() > 1
}

/// A word that a shell reads as this name; in quotes only if needed, or `always`.
#[must_use]
pub fn shell_escape(raw: &[u8], always: bool) -> String {
    if !always && !needs_quotes(raw) {
        return String::from_utf8_lossy(raw).into_owned();
    }
    if is_plain_text(raw) {
        if raw.contains(&b'\'') && !raw.iter().any(|byte| b"\"$`\\!".contains(byte)) {
            return format!("\"{}\"", String::from_utf8_lossy(raw));
        }
        return format!("'{}'", String::from_utf8_lossy(raw).replace('\'', "'\\''"));
    }
    escape_segments(raw)
}

fn is_plain_text(raw: &[u8]) -> bool {
    std::str::from_utf8(raw).is_ok_and(|text| !text.chars().any(char::is_control))
}

// 'plain'$'\n''plain'
fn escape_segments(raw: &[u8]) -> String {
    let mut out = String::from("'");
    let mut in_escape = false;
    for chunk in raw.utf8_chunks() {
        for character in chunk.valid().chars() {
            let escaped = match character {
                '\n' => Some("\\n".to_owned()),
                '\t' => Some("\\t".to_owned()),
                '\r' => Some("\\r".to_owned()),
                '\x07' => Some("\\a".to_owned()),
                '\x08' => Some("\\b".to_owned()),
                '\x0b' => Some("\\v".to_owned()),
                '\x0c' => Some("\\f".to_owned()),
                c if c.is_control() => Some(octal(c.to_string().as_bytes())),
                _ => None,
            };
            push(&mut out, &mut in_escape, escaped, character);
        }
        if !chunk.invalid().is_empty() {
            push(&mut out, &mut in_escape, Some(octal(chunk.invalid())), ' ');
        }
    }
    out.push('\'');
    out
}

fn push(out: &mut String, in_escape: &mut bool, escaped: Option<String>, character: char) {
    match escaped {
        Some(text) => {
            if !*in_escape {
                out.push_str("'$'");
            }
            out.push_str(&text);
            *in_escape = true;
        }
        None => {
            if *in_escape {
                out.push_str("''");
            }
            *in_escape = false;
            if character == '\'' {
                out.push_str("'\\''")
            } else {
                out.push(character)
            }
        }
    }
}

fn octal(raw: &[u8]) -> String {
    raw.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{quote, quote_text, shell_escape};

    #[test]
    fn text_is_quoted_as_in_c() {
        assert_eq!(quote_text(b"a b"), "'a b'");
        assert_eq!(quote_text(b"it's\\\n\x01\xff"), r"'it\'s\\\n\001\377'");
    }

    #[test]
    fn names_are_quoted_as_by_gnu() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), "\"it's\"");
        assert_eq!(shell_escape(b"plain-name.txt", false), "plain-name.txt");
        assert_eq!(shell_escape(b"a\nb", false), "'a'$'\\n''b'");
        assert_eq!(shell_escape(b"", false), "''");
    }
}
