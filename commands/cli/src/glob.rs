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
        let length = character_length(name)?;
        match *pattern.first()? {
            b'?' => (!self.stops_star(name[0])).then_some((1, length)),
            b'[' => match self.bracket(pattern, name[0]) {
                Some((taken, matched)) => {
                    (matched && !self.stops_star(name[0])).then_some((taken, 1))
                }
                None => (name[0] == b'[').then_some((1, 1)),
            },
            b'\\' if pattern.len() > 1 => self.same(pattern[1], name[0]).then_some((2, 1)),
            literal => self.same(literal, name[0]).then_some((1, 1)),
        }
    }

    fn same(self, a: u8, b: u8) -> bool {
        a == b || self.ignores_case && a.eq_ignore_ascii_case(&b)
    }

    /// A bracket expression; `None` if it never ends.
    fn bracket(self, pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
        let mut at = 1;
        let negated = matches!(pattern.get(at), Some(b'!' | b'^'));
        at += usize::from(negated);
        let first = at;
        let mut matched = false;
        loop {
            let start = *pattern.get(at)?;
            if start == b']' && at > first {
                return Some((at + 1, matched != negated));
            }
            if start == b'['
                && pattern.get(at + 1) == Some(&b':')
                && let Some(length) = pattern[at..].windows(2).position(|pair| pair == b":]")
            {
                matched |= in_class(&pattern[at + 2..at + length], byte);
                at += length + 2;
                continue;
            }
            let escape = usize::from(start == b'\\' && pattern.len() > at + 1);
            let low = pattern[at + escape];
            at += escape + 1;
            let mut high = low;
            if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|&end| end != b']')
            {
                high = pattern[at + 1];
                at += 2;
            }
            let within = |byte: u8| low <= byte && byte <= high;
            matched |= within(byte);
            if self.ignores_case {
                matched |= within(byte.to_ascii_lowercase()) || within(byte.to_ascii_uppercase());
            }
        }
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

/// The bytes of the first character; one where the name is not UTF-8.
fn character_length(name: &[u8]) -> Option<usize> {
    let chunk = name.utf8_chunks().next()?;
    Some(chunk.valid().chars().next().map_or(1, char::len_utf8))
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
        assert!(
            !Glob {
                slash_is_special: true,
                ..glob
            }
            .matches(b"a*c", b"a/c")
        );
    }
}
