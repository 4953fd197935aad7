//! Patterns (XCU 2.14), with bash's extended ones.

use std::cell::Cell;

use super::bracket::{Bracket, Dialect, Parsed};

/// Escapes what could be special in a pattern.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if !c.is_alphanumeric() && c != '/' && c != '_' && c != '.' && c != ' ' {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Whether the pattern has an unescaped special character that counts.
pub fn is_special(pattern: &str, extglob: bool) -> bool {
    let mut chars = pattern.chars().peekable();
    let mut bracket = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' => return true,
            '[' => bracket = true,
            ']' if bracket => return true,
            '+' | '@' | '!' if extglob && chars.peek() == Some(&'(') => return true,
            _ => {}
        }
    }
    false
}

/// The pattern without its escapes.
pub fn unescape(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            c
        });
    }
    out
}

#[derive(Debug)]
enum Token {
    Char(char),
    Any,
    Star,
    Set(Bracket),
    Group {
        kind: char,
        choices: Vec<Vec<Token>>,
    },
}

/// A pattern made ready.
#[derive(Debug)]
pub struct Pattern {
    tokens: Vec<Token>,
    fold: bool,
    groups: bool,
    /// How many characters a match has, if that is certain.
    length: Option<usize>,
}

thread_local! {
    /// A match has been given up.
    static GIVEN_UP: Cell<bool> = const { Cell::new(false) };
}

/// Whether a match has been given up since the last time somebody asked.
pub fn take_given_up() -> bool {
    GIVEN_UP.with(|given_up| given_up.replace(false))
}

/// Steps a match may take before it is given up: stops patterns made to explode.
const MAX_STEPS: u64 = 2_000_000;
const MAX_NESTING: usize = 24;
/// How deep a match may nest: the groups and tokens on the way, in a text with groups.
const MAX_DEPTH: u32 = 400;

struct Compiler<'a> {
    chars: &'a [char],
    at: usize,
    extglob: bool,
    groups: bool,
}

impl Compiler<'_> {
    fn tokens(&mut self, depth: usize) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(&c) = self.chars.get(self.at) {
            if depth > 0 && (c == '|' || c == ')') {
                break;
            }
            let group =
                self.extglob && "?*+@!".contains(c) && self.chars.get(self.at + 1) == Some(&'(');
            if group
                && depth < MAX_NESTING
                && let Some(token) = self.group(c, depth)
            {
                tokens.push(token);
                continue;
            }
            self.at += 1;
            match c {
                '\\' => {
                    tokens.push(Token::Char(
                        self.chars.get(self.at).copied().unwrap_or('\\'),
                    ));
                    self.at += 1;
                }
                '?' => tokens.push(Token::Any),
                '*' => {
                    if !matches!(tokens.last(), Some(Token::Star)) {
                        tokens.push(Token::Star);
                    }
                }
                '[' => match self.set() {
                    Some(token) => tokens.push(token),
                    None => tokens.push(Token::Char('[')),
                },
                c => tokens.push(Token::Char(c)),
            }
        }
        tokens
    }

    fn group(&mut self, kind: char, depth: usize) -> Option<Token> {
        let start = self.at;
        self.at += 2;
        let mut choices = Vec::new();
        loop {
            choices.push(self.tokens(depth + 1));
            match self.chars.get(self.at) {
                Some('|') => self.at += 1,
                Some(')') => {
                    self.at += 1;
                    self.groups = true;
                    return Some(Token::Group { kind, choices });
                }
                _ => {
                    self.at = start;
                    return None;
                }
            }
        }
    }

    /// A bracket expression after `[`; none when it is not closed.
    fn set(&mut self) -> Option<Token> {
        match Bracket::parse(self.chars, self.at, Dialect::Pattern) {
            Parsed::Bracket(bracket, at) => {
                self.at = at;
                Some(Token::Set(bracket))
            }
            Parsed::Open | Parsed::Invalid => None,
        }
    }
}

impl Pattern {
    pub fn new(pattern: &str, extglob: bool, fold: bool) -> Self {
        let chars: Vec<char> = pattern.chars().collect();
        let mut compiler = Compiler {
            chars: &chars,
            at: 0,
            extglob,
            groups: false,
        };
        let tokens = compiler.tokens(0);
        let open = compiler.groups || tokens.iter().any(|token| matches!(token, Token::Star));
        Self {
            length: (!open).then_some(tokens.len()),
            groups: compiler.groups,
            tokens,
            fold,
        }
    }

    /// How many characters a match has, if all have as many.
    pub fn length(&self) -> Option<usize> {
        self.length
    }

    pub fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        self.matches_chars(&chars)
    }

    pub fn matches_chars(&self, text: &[char]) -> bool {
        if self.groups {
            let steps = Cell::new(0);
            return self.backtrack(&self.tokens, text, 0, &steps, &|rest| rest.is_empty());
        }
        self.iterate(text)
    }

    /// Matches without groups in time of the product of the lengths.
    fn iterate(&self, text: &[char]) -> bool {
        let tokens = &self.tokens;
        let (mut t, mut s) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match tokens.get(t) {
                Some(Token::Star) => {
                    retry = Some((t + 1, s));
                    t += 1;
                    continue;
                }
                Some(token) if s < text.len() && self.one(token, text[s]) => {
                    t += 1;
                    s += 1;
                    continue;
                }
                None if s == text.len() => return true,
                _ => {}
            }
            match retry {
                Some((star, from)) if from < text.len() => {
                    retry = Some((star, from + 1));
                    t = star;
                    s = from + 1;
                }
                _ => return false,
            }
        }
    }

    fn one(&self, token: &Token, c: char) -> bool {
        let fold = |c: char| {
            if self.fold {
                c.to_lowercase().next().unwrap_or(c)
            } else {
                c
            }
        };
        match token {
            Token::Char(p) => *p == c || self.fold && fold(*p) == fold(c),
            Token::Any => true,
            Token::Set(set) => set.contains(c, self.fold),
            Token::Star | Token::Group { .. } => false,
        }
    }

    fn backtrack(
        &self,
        tokens: &[Token],
        text: &[char],
        depth: u32,
        steps: &Cell<u64>,
        then: &dyn Fn(&[char]) -> bool,
    ) -> bool {
        steps.set(steps.get() + 1);
        if steps.get() > MAX_STEPS || depth > MAX_DEPTH {
            GIVEN_UP.with(|given_up| given_up.set(true));
            return false;
        }
        let Some((token, rest)) = tokens.split_first() else {
            return then(text);
        };
        match token {
            Token::Star => {
                (0..=text.len()).any(|n| self.backtrack(rest, &text[n..], depth + 1, steps, then))
            }
            Token::Group { kind, choices } => {
                self.group(*kind, choices, text, depth, steps, &|after| {
                    self.backtrack(rest, after, depth + 1, steps, then)
                })
            }
            token => {
                !text.is_empty()
                    && self.one(token, text[0])
                    && self.backtrack(rest, &text[1..], depth + 1, steps, then)
            }
        }
    }

    fn group(
        &self,
        kind: char,
        choices: &[Vec<Token>],
        text: &[char],
        depth: u32,
        steps: &Cell<u64>,
        then: &dyn Fn(&[char]) -> bool,
    ) -> bool {
        if depth > MAX_DEPTH {
            GIVEN_UP.with(|given_up| given_up.set(true));
            return false;
        }
        let once = |then: &dyn Fn(&[char]) -> bool| {
            choices
                .iter()
                .any(|choice| self.backtrack(choice, text, depth + 1, steps, then))
        };
        match kind {
            '@' => once(then),
            '?' => then(text) || once(then),
            '*' | '+' => {
                kind == '*' && then(text)
                    || once(&|after: &[char]| {
                        // A choice that took nothing cannot be repeated with any gain.
                        (after.len() == text.len() && then(after))
                            || after.len() < text.len()
                                && self.group('*', choices, after, depth + 1, steps, then)
                    })
            }
            _ => (0..=text.len()).any(|n| {
                let taken = &text[..n];
                let hit = choices
                    .iter()
                    .any(|c| self.backtrack(c, taken, depth + 1, steps, &|r| r.is_empty()));
                !hit && then(&text[n..])
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern, true, false).matches(text)
    }

    #[test]
    fn stars_and_sets_match() {
        assert!(matches("a*c?e", "abbcde"));
        assert!(!matches("a*c", "ab"));
        assert!(matches("[!a-c]x", "dx"));
        assert!(matches("[]a]", "]"));
        assert!(matches("[[:digit:]]*", "1x"));
        assert!(matches("[a", "[a"));
        assert!(matches("*[\\\\/]*", "usr/bin"));
        assert!(matches("[[.a.]-c]", "b"));
        assert!(matches("\\*", "*"));
    }

    #[test]
    fn groups_match() {
        assert!(matches("+(ab|c)", "abcab"));
        assert!(!matches("+(ab|c)", ""));
        assert!(matches("!(*.txt)", "a.c"));
        assert!(!matches("!(*.txt)", "a.txt"));
        assert!(matches("*(a)", ""));
    }

    #[test]
    fn a_pattern_made_to_explode_ends() {
        assert!(!matches("*(*(a|aa)|*(b))c", &"a".repeat(60)));
        assert!(!matches("*a*a*a*a*a*a*a*a*b", &"a".repeat(2000)));
    }
}
