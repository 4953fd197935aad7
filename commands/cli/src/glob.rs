//! File name patterns as `fnmatch(3)` matches them, on bytes.

/// Ways of matching.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glob {
    /// Letters match whatever their case.
    pub ignores_case: bool,
    /// A slash in the name needs a slash in the pattern.
    pub slash_is_special: bool,
    /// A leading period in the name needs one in the pattern.
    pub period_is_special: bool,
}

impl Glob {
    /// Whether the whole name matches.
    #[must_use]
    pub fn matches(self, pattern: &[u8], name: &[u8]) -> bool {
        if self.period_is_special && name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
            return false;
        }
        let (mut at, mut from) = (0, 0);
        // Where to go on after a star took one more character.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            if pattern.get(at) == Some(&b'*') {
                retry = Some((at + 1, from));
                at += 1;
                continue;
            }
            if at == pattern.len() && from == name.len() {
                return true;
            }
            if let Some((next, length)) = self.one(&pattern[at..], &name[from..]) {
                (at, from) = (at + next, from + length);
                continue;
            }
            match retry {
                Some((after_star, start))
                    if start < name.len() && !self.stops_star(name[start]) =>
                {
                    retry = Some((after_star, start + 1));
                    (at, from) = (after_star, start + 1);
                }
                _ => return false,
            }
        }
    }

    fn stops_star(self, byte: u8) -> bool {
        self.slash_is_special && byte == b'/'
    }

    /// Matches one character; gives what that took of the pattern and of the name.
    fn one(self, pattern: &[u8], name: &[u8]) -> Option<(usize, usize)> {
        let (character, length) = first(name)?;
        let (literal, taken) = match *pattern.first()? {
            b'?' => return (!self.stops_star(name[0])).then_some((1, length)),
            b'[' => match self.bracket(pattern, character) {
                Some((taken, matched)) => {
                    return (matched && !self.stops_star(name[0])).then_some((taken, length));
                }
                None => (u32::from(b'['), 1),
            },
            b'\\' if pattern.len() > 1 => {
                let (literal, taken) = first(&pattern[1..])?;
                (literal, taken + 1)
            }
            _ => first(pattern)?,
        };
        self.same(literal, character).then_some((taken, length))
    }

    fn same(self, a: u32, b: u32) -> bool {
        a == b || self.ignores_case && cases(a).any(|a| cases(b).any(|b| a == b))
    }

    /// A bracket expression; `None` if it never ends.
    fn bracket(self, pattern: &[u8], character: u32) -> Option<(usize, bool)> {
        let mut at = 1;
        let negated = matches!(pattern.get(at), Some(b'!' | b'^'));
        at += usize::from(negated);
        let begin = at;
        let mut matched = false;
        loop {
            let start = *pattern.get(at)?;
            if start == b']' && at > begin {
                return Some((at + 1, matched != negated));
            }
            if start == b'['
                && pattern.get(at + 1) == Some(&b':')
                && let Some(length) = pattern[at..].windows(2).position(|pair| pair == b":]")
            {
                matched |= is_of_class(&pattern[at + 2..at + length], character);
                at += length + 2;
                continue;
            }
            let escape = usize::from(start == b'\\' && pattern.len() > at + 1);
            let (low, length) = first(&pattern[at + escape..])?;
            at += escape + length;
            let mut high = low;
            if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|&end| end != b']')
            {
                let (end, length) = first(&pattern[at + 1..])?;
                high = end;
                at += 1 + length;
            }
            let within = |character: u32| low <= character && character <= high;
            matched |= within(character);
            matched |= self.ignores_case && cases(character).any(within);
        }
    }
}

fn is_of_class(name: &[u8], character: u32) -> bool {
    let known = char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER);
    match (u8::try_from(known), name) {
        (Ok(byte @ ..=0x7f), _) => in_class(name, byte),
        (_, b"alpha") => known.is_alphabetic(),
        (_, b"alnum") => known.is_alphanumeric(),
        (_, b"lower") => known.is_lowercase(),
        (_, b"upper") => known.is_uppercase(),
        (_, b"space") => known.is_whitespace(),
        (_, b"graph" | b"print") => character <= u32::from(char::MAX) && !known.is_control(),
        (_, b"punct") => {
            character <= u32::from(char::MAX)
                && !known.is_control()
                && !known.is_alphanumeric()
                && !known.is_whitespace()
        }
        _ => false,
    }
}

fn in_class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => byte == b' ' || byte == b'\t',
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte == b' ' || byte.is_ascii_graphic(),
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

/// The number of the first character, and its bytes. Those that are not UTF-8 are characters of their own.
fn first(text: &[u8]) -> Option<(u32, usize)> {
    let chunk = text.utf8_chunks().next()?;
    Some(match chunk.valid().chars().next() {
        Some(character) => (character.into(), character.len_utf8()),
        None => (u32::from(char::MAX) + 1 + u32::from(text[0]), 1),
    })
}

/// A character as small and as capital letter, where these are single ones.
fn cases(character: u32) -> impl Iterator<Item = u32> {
    let known = char::from_u32(character);
    let small = known.and_then(|known| single(known.to_lowercase()));
    let capital = known.and_then(|known| single(known.to_uppercase()));
    [small.unwrap_or(character), capital.unwrap_or(character)].into_iter()
}

fn single(mut letters: impl Iterator<Item = char>) -> Option<u32> {
    let first = letters.next()?;
    letters.next().is_none().then_some(first.into())
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns_match_names() {
        let glob = Glob::default();
        for (pattern, name, wanted) in [
            ("*.js", "a.js", true),
            ("*.js", "a.jsx", false),
            ("a*b*c", "aXbYbZc", true),
            ("[a-c]?", "bé", true),
            ("[!a-c]*", "b", false),
            ("[[:digit:]]*", "7x", true),
            ("\\*", "*", true),
            ("[", "[", true),
            ("[]]", "]", true),
            ("[äö]x", "öx", true),
            ("[^ä]", "ö", true),
            ("[[:alpha:]]", "é", true),
            ("[[:digit:]]", "é", false),
            ("[[:upper:]]*", "Éa", true),
            ("[^ä]", "ä", false),
            ("[α-ω]", "λ", true),
            ("\\é?", "éa", true),
            ("", "", true),
        ] {
            assert_eq!(
                glob.matches(pattern.as_bytes(), name.as_bytes()),
                wanted,
                "{pattern} {name}"
            );
        }
        assert!(
            Glob {
                ignores_case: true,
                ..glob
            }
            .matches(b"A*", b"abc")
        );
        let folded = Glob {
            ignores_case: true,
            ..glob
        };
        assert!(folded.matches("ȺÄ".as_bytes(), "ⱥä".as_bytes()));
        assert!(folded.matches("[Ä]*".as_bytes(), "äÖ".as_bytes()));
        assert!(!folded.matches("ß".as_bytes(), b"SS"));
        assert!(folded.matches(b"\xff*", b"\xffa"));
        assert!(!folded.matches(b"\xff", b"\xfe"));
        assert!(
            !Glob {
                slash_is_special: true,
                ..glob
            }
            .matches(b"a*c", b"a/c")
        );
    }
}
