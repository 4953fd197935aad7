//! What `printf` does at an argument of `%b` whose escapes are malformed: it writes what is before them and fails.
//! uutils drops the text and succeeds.

use std::ffi::OsString;

use secure_exec_cli::{bytes, os_string};

/// Cuts a command line off behind what is written before the first malformed escape in an argument of `%b`. The
/// message is the result.
pub fn cut_at_malformed(list: &mut Vec<OsString>) -> Option<String> {
    let at = 1 + usize::from(list.get(1).is_some_and(|word| word == "--"));
    let format = bytes(list.get(at)?).to_vec();
    let arguments: Vec<OsString> = list[at + 1..].to_vec();
    let mut used = 0;
    // The format as often as its arguments last, up to the malformed one.
    let mut written = Vec::new();
    while used < arguments.len() {
        let before = used;
        for (start, end) in conversions(&format) {
            let letter = format[end - 1];
            used += format[start..end]
                .iter()
                .filter(|&&byte| byte == b'*')
                .count();
            if letter == b'b'
                && let Some(argument) = arguments.get(used)
                && let Some((length, message)) = malformed(bytes(argument))
            {
                written.extend_from_slice(&format[..end]);
                list.truncate(at);
                list.push(os_string(written));
                list.extend_from_slice(&arguments[..used]);
                list.push(os_string(&bytes(argument)[..length]));
                return Some(message);
            }
            used += 1;
        }
        if used == before {
            return None;
        }
        written.extend_from_slice(&format);
    }
    None
}

/// Where the conversions of a format begin and end.
fn conversions(format: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = format[at..].iter().position(|&byte| byte == b'%') {
        let start = at + offset;
        let length = format[start + 1..]
            .iter()
            .take_while(|byte| b"-+ #0'*.123456789hlLjzt".contains(byte))
            .count();
        let Some(&letter) = format.get(start + 1 + length) else {
            break;
        };
        at = start + length + 2;
        if letter != b'%' {
            found.push((start, at));
        }
    }
    found
}

/// Where the first malformed escape of a text begins, and what is wrong with it. `\c` ends the text before that.
fn malformed(text: &[u8]) -> Option<(usize, String)> {
    let mut at = 0;
    while let Some(offset) = text[at..].iter().position(|&byte| byte == b'\\') {
        let start = at + offset;
        let letter = *text.get(start + 1)?;
        let rest = &text[start + 2..];
        let digits = |most: usize| {
            rest.iter()
                .take(most)
                .take_while(|byte| byte.is_ascii_hexdigit())
                .count()
        };
        let missing = || Some((start, "missing hexadecimal number in escape".to_owned()));
        match letter {
            b'c' => return None,
            b'x' if digits(2) == 0 => return missing(),
            b'u' | b'U' => {
                let wanted = if letter == b'u' { 4 } else { 8 };
                if digits(wanted) < wanted {
                    return missing();
                }
                let name = String::from_utf8_lossy(&rest[..wanted]).into_owned();
                let code = u32::from_str_radix(&name, 16).unwrap_or(u32::MAX);
                let is_basic = code < 0xa0 && ![0x24, 0x40, 0x60].contains(&code);
                if is_basic || (0xd800..=0xdfff).contains(&code) {
                    let text = format!(
                        "invalid universal character name \\{}{name}",
                        char::from(letter)
                    );
                    return Some((start, text));
                }
            }
            _ => {}
        }
        at = start + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::malformed;

    #[test]
    fn escapes_are_malformed_without_their_digits() {
        for (text, at) in [
            (r"bad\x", Some(3)),
            (r"C:\users", Some(2)),
            (r"\u00e9\x41", None),
            (r"\\x", None),
            (r"a\c\x", None),
            (r"\U0001F600", None),
            (r"\u0041", Some(0)),
            (r"\ud800", Some(0)),
        ] {
            assert_eq!(
                malformed(text.as_bytes()).map(|found| found.0),
                at,
                "{text}"
            );
        }
    }
}
