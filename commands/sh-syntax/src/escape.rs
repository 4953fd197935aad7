//! Escape sequences and quoting for reuse.

/// Whose escapes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `$'...'`
    AnsiC,
    /// XSI `echo` and `printf %b`: octal as `\0nnn`, `\c` ends.
    Echo,
    /// The argument of bash's `printf %b`: as `echo`, and octal as `\nnn` too.
    Argument,
    /// The format of `printf`: octal as `\nnn`.
    Format,
}

/// Replaces escapes; true when `\c` ended the text.
///
/// Only bash knows `\\x`, `\\u`, `\\U` and `\\E`; to dash they are text.
pub fn unescape(text: &str, style: Style, bash: bool) -> (String, bool) {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let push = |bytes: &mut Vec<u8>, c: char| {
        let mut buffer = [0; 4];
        bytes.extend_from_slice(&crate::text::encode(c.encode_utf8(&mut buffer)));
    };
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(&mut bytes, c);
            continue;
        }
        let Some(kind) = chars.next() else {
            bytes.push(b'\\');
            break;
        };
        match kind {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' => bytes.push(b'\\'),
            'e' => bytes.push(27),
            'E' if bash => bytes.push(27),
            'c' if matches!(style, Style::Echo | Style::Argument) => {
                return (crate::text::decode(&bytes), true);
            }
            'c' if style == Style::AnsiC => {
                if let Some(c) = chars.next() {
                    bytes.push((c as u32 & 0x1f) as u8);
                }
            }
            '\'' | '"' | '?' if style == Style::AnsiC => bytes.push(kind as u8),
            '"' | '\'' | '?' if style == Style::Format && bash => bytes.push(kind as u8),
            'x' if bash => match digits(&mut chars, 16, 2) {
                Some(n) => bytes.push((n & 0xff) as u8),
                None => bytes.extend_from_slice(b"\\x"),
            },
            'u' | 'U' if bash => match digits(&mut chars, 16, if kind == 'u' { 4 } else { 8 }) {
                Some(n) => push(
                    &mut bytes,
                    char::from_u32(n).unwrap_or(char::REPLACEMENT_CHARACTER),
                ),
                None => bytes.extend_from_slice(&[b'\\', kind as u8]),
            },
            '0' if matches!(style, Style::Echo | Style::Argument) => {
                bytes.push((digits(&mut chars, 8, 3).unwrap_or(0) & 0xff) as u8)
            }
            '0'..='7' if style != Style::Echo || !bash => {
                let mut n = kind.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    match chars.peek().and_then(|c| c.to_digit(8)) {
                        Some(d) => {
                            n = n * 8 + d;
                            chars.next();
                        }
                        None => break,
                    }
                }
                bytes.push((n & 0xff) as u8);
            }
            other => {
                bytes.push(b'\\');
                push(&mut bytes, other);
            }
        }
    }
    if style == Style::AnsiC
        && let Some(end) = bytes.iter().position(|b| *b == 0)
    {
        bytes.truncate(end);
    }
    (crate::text::decode(&bytes), false)
}

fn digits(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    radix: u32,
    most: usize,
) -> Option<u32> {
    let mut value = None;
    for _ in 0..most {
        let Some(d) = chars.peek().and_then(|c| c.to_digit(radix)) else {
            break;
        };
        value = Some(value.unwrap_or(0_u32).wrapping_mul(radix) + d);
        chars.next();
    }
    value
}

fn has_control(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() || c as u32 >= 0x0010_FF80)
}

fn ansi_c(text: &str) -> String {
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\E"),
            '\'' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_control() || c as u32 >= 0x0010_FF80 => {
                out.push_str(&format!("\\{:03o}", c as u32 & 0xff))
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Single quotes, as dash lists values.
pub fn single_quote(text: &str) -> String {
    let mut out = String::from("'");
    let mut rest = text;
    while let Some(at) = rest.find('\'') {
        let run = rest[at..].chars().take_while(|c| *c == '\'').count();
        out.push_str(&rest[..at]);
        out.push_str("'\"");
        out.push_str(&rest[at..at + run]);
        out.push_str("\"'");
        rest = &rest[at + run..];
    }
    out.push_str(rest);
    out.push('\'');
    out
}

/// Single quotes, as bash gives `${x@Q}`.
pub fn bash_single_quote(text: &str) -> String {
    if has_control(text) {
        return ansi_c(text);
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// As bash lists values in `set` and `alias`: bare when plain.
pub fn bash_quote_if_needed(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if text.is_empty() {
        String::new()
    } else if text.chars().all(plain) {
        text.to_owned()
    } else {
        bash_single_quote(text)
    }
}

/// As bash shows words under `set -x`: in quotes where the grammar would read something else.
pub fn trace_quote(text: &str) -> String {
    let special = |c: char| " \t\n'\"\\|&;()<>!{}*[?]^$`".contains(c);
    let first = text.starts_with(['#', '~']) || text.contains("=~") || text.contains(":~");
    if text == "'" {
        "\\'".to_owned()
    } else if first || text.contains(special) {
        format!("'{}'", text.replace('\'', "'\\''"))
    } else if has_control(text) {
        ansi_c(text)
    } else {
        text.to_owned()
    }
}

/// Double quotes, as `declare -p` lists values.
pub fn double_quote(text: &str) -> String {
    if has_control(text) {
        return ansi_c(text);
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        if "\"\\$`".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The key of an associative array, as `declare -p` lists it: bare when plain.
pub fn subscript(key: &str) -> String {
    let special = |c: char| c.is_whitespace() || "\"\\$`'!&()*;<>?[]^{|}".contains(c);
    let bare = !key.is_empty() && key != "@" && !key.starts_with('~') && !has_control(key);
    if bare && !key.contains(special) {
        key.to_owned()
    } else {
        double_quote(key)
    }
}

/// Backslashes, as `printf %q`.
pub fn backslash_quote(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    if has_control(text) {
        return ansi_c(text);
    }
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if " !\"$&'()*,;<>?[\\]^`{|}".contains(c) || at == 0 && (c == '#' || c == '~') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
