//! Expressions that are searched for: basic ones of POSIX, with what vim adds that has a meaning there.

use secure_exec_pattern::{Builder, Dialect, Pattern, Syntax};

use super::line::{Line, bytes_of, characters_of, decode, encode};

/// A compiled expression.
pub struct Search {
    pattern: Pattern,
    /// The expression as it was given.
    pub text: String,
}

/// A match in bytes, with its groups.
pub type Spans = Vec<Option<(usize, usize)>>;

impl Search {
    /// # Errors
    /// What is wrong with the expression.
    pub fn new(text: &[char], ignores_case: bool) -> Result<Self, String> {
        let given = text.iter().collect();
        let (text, very_magic, case) = translated(text)?;
        let syntax = if very_magic {
            Syntax::Extended
        } else {
            Syntax::Basic
        };
        let builder = Builder {
            unicode: true,
            ignore_case: case.unwrap_or(ignores_case),
        };
        let pattern = builder.posix(&encode(&text), syntax, Dialect::sed(true, false))?;
        Ok(Self {
            pattern,
            text: given,
        })
    }

    /// The character at which the first match begins that begins at one or behind it.
    pub fn find(&self, line: &[char], from: usize) -> Option<usize> {
        let bytes = encode(line);
        let mut spans = Vec::new();
        let (begin, _) = self.find_in(&bytes, bytes_of(line, from), &mut spans)?;
        Some(characters_of(line, begin))
    }

    /// Finds the first match that begins at a byte or behind it, with its groups.
    pub fn find_in(&self, bytes: &[u8], from: usize, spans: &mut Spans) -> Option<(usize, usize)> {
        let found = self.pattern.captures_at(bytes, from, spans);
        spans.first().copied().flatten().filter(|_| found)
    }

    /// Finds the last match that begins before a character.
    pub fn find_before(&self, line: &[char], before: usize) -> Option<usize> {
        let bytes = encode(line);
        let before = bytes_of(line, before);
        let (mut from, mut last) = (0, None);
        let mut spans = Vec::new();
        while let Some((begin, _)) = self.find_in(&bytes, from, &mut spans)
            && begin < before.max(usize::from(line.is_empty()))
        {
            last = Some(begin);
            from = begin + length_at(&bytes, begin);
            if from > bytes.len() {
                break;
            }
        }
        last.map(|begin| characters_of(line, begin))
    }

    /// Replaces all matches that begin at a character or behind it and before another; gives how many, and where the last ends.
    pub fn replace_all(
        &self,
        line: &[char],
        from: usize,
        before: usize,
        with: &[char],
    ) -> (Line, usize, usize) {
        let bytes = encode(line);
        let (mut at, before) = (bytes_of(line, from), bytes_of(line, before));
        let mut made = line[..from.min(line.len())].to_vec();
        let mut end = made.len();
        let mut count = 0;
        let mut spans = Spans::new();
        while let Some((begin, behind)) = self.find_in(&bytes, at, &mut spans)
            && begin < before
            && begin < behind
        {
            made.extend(decode(&bytes[at..begin]));
            made.extend(with);
            (at, end, count) = (behind, made.len(), count + 1);
        }
        made.extend(decode(&bytes[at..]));
        (made, count, end)
    }

    pub fn is_match(&self, line: &[char]) -> bool {
        self.pattern.is_match(&encode(line))
    }
}

/// Bytes of the character that begins somewhere; 1 at the end, and of what is none.
pub fn length_at(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at.min(bytes.len())..];
    let end = rest.len().min(4);
    let text = rest[..end].utf8_chunks().next();
    let first = text.and_then(|chunk| chunk.valid().chars().next());
    first.map_or(1, char::len_utf8)
}

/// An expression without what only vim has: whether it is "very magic" (`\v`), and of which case (`\c`, `\C`).
fn translated(text: &[char]) -> Result<(Line, bool, Option<bool>), String> {
    let mut out = Line::new();
    let (mut very_magic, mut case) = (false, None);
    let mut in_bracket = false;
    // Within `\{`, where vim does not want a backslash at the end.
    let mut in_braces = false;
    let mut at = 0;
    while at < text.len() {
        let c = text[at];
        at += 1;
        if in_bracket {
            in_bracket = c != ']';
            out.push(c);
            continue;
        }
        if c == '[' && text[at..].contains(&']') {
            in_bracket = true;
            out.push(c);
            // A bracket that comes first is one of the set.
            for first in ['^', ']'] {
                if text.get(at) == Some(&first) {
                    out.push(first);
                    at += 1;
                }
            }
            continue;
        }
        if c != '\\' {
            if very_magic && matches!(c, '%' | '@' | '&' | '~') {
                return Err(unsupported(&format!("\\v{c}")));
            }
            if (very_magic && matches!(c, '<' | '>')) || (in_braces && c == '}') {
                out.push('\\');
            }
            in_braces &= c != '}';
            if very_magic && c == '=' {
                out.push('?');
            } else {
                out.push(c);
            }
            continue;
        }
        let Some(&escaped) = text.get(at) else {
            out.push('\\');
            break;
        };
        at += 1;
        let class = match escaped {
            'v' => {
                very_magic = true;
                continue;
            }
            'm' => continue,
            'c' | 'C' => {
                case = Some(escaped == 'c');
                continue;
            }
            'd' => "[0-9]",
            'D' => "[^0-9]",
            'a' => "[A-Za-z]",
            'A' => "[^A-Za-z]",
            'l' => "[a-z]",
            'L' => "[^a-z]",
            'u' => "[A-Z]",
            'U' => "[^A-Z]",
            'x' => "[0-9A-Fa-f]",
            'X' => "[^0-9A-Fa-f]",
            'o' => "[0-7]",
            'O' => "[^0-7]",
            'h' => "[A-Za-z_]",
            'H' => "[^A-Za-z_]",
            'i' | 'k' => "[[:alnum:]_]",
            't' => "\t",
            'e' => "\x1b",
            'r' => "\r",
            '/' => "/",
            '<' | '>' | '@' | '%' | '&' | '~' if very_magic => {
                out.push(escaped);
                continue;
            }
            '=' if very_magic => "=",
            '=' => "\\?",
            'z' | '%' | '@' | '&' | '_' | 'n' | 'V' | 'M' | 'Z' => {
                return Err(unsupported(&format!("\\{escaped}")));
            }
            '{' if !very_magic && text.get(at) == Some(&'-') => return Err(unsupported("\\{-")),
            _ => {
                in_braces = escaped == '{' && !very_magic;
                out.extend(['\\', escaped]);
                continue;
            }
        };
        out.extend(class.chars());
    }
    Ok((out, very_magic, case))
}

fn unsupported(what: &str) -> String {
    format!("{what} is not supported by this vi")
}

#[cfg(test)]
mod tests {
    use super::{Search, length_at};
    use crate::editor::line::decode;

    fn found(expression: &str, text: &str) -> Option<(usize, usize)> {
        let search = Search::new(&decode(expression.as_bytes()), false).expect("an expression");
        search.find_in(text.as_bytes(), 0, &mut Vec::new())
    }

    #[test]
    fn expressions_of_vim_are_those_of_posix_with_more() {
        assert_eq!(found("l\\+", "hello"), Some((2, 4)));
        assert_eq!(found("l\\{2}o", "hello"), Some((2, 5)));
        assert_eq!(found("l\\{2\\}", "hello"), Some((2, 4)));
        assert_eq!(found("\\vl{2}(o|x)>", "hello"), Some((2, 5)));
        assert_eq!(found("\\<\\h\\w*", "1 a1"), Some((2, 4)));
        assert_eq!(found("\\cHELLO\\=", "hell"), Some((0, 4)));
        assert_eq!(found("[]x]", "a]"), Some((1, 2)));
        for expression in ["a\\zsb", "a\\{-}", "a\\nb", "\\va%(b)"] {
            assert!(Search::new(&decode(expression.as_bytes()), false).is_err());
        }
    }

    #[test]
    fn all_matches_of_a_part_are_replaced() {
        let search = Search::new(&['a'], false).expect("an expression");
        let line = decode("a\u{e9}aXaaXa".as_bytes());
        let (made, count, end) = search.replace_all(&line, 1, 7, &['b', 'b']);
        assert_eq!(made.iter().collect::<String>(), "a\u{e9}bbXbbbbXa");
        assert_eq!((count, end), (3, 9));
    }

    #[test]
    fn the_last_match_before_a_place_is_found() {
        let search = Search::new(&['\u{e9}'], false).expect("an expression");
        let line = decode("\u{e9}a\u{e9}b\u{e9}".as_bytes());
        assert_eq!(search.find_before(&line, 4), Some(2));
        assert_eq!(search.find_before(&line, usize::MAX), Some(4));
        assert_eq!(search.find_before(&line, 0), None);
        assert_eq!(length_at("\u{e9}".as_bytes(), 0), 2);
        assert_eq!((length_at(b"\xff", 0), length_at(b"", 0)), (1, 1));
    }
}
