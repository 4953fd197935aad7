//! Patterns (XCU 2.14), with bash's extended ones.

use std::cell::Cell;

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
    Set {
        negated: bool,
        items: Vec<SetItem>,
    },
    Group {
        kind: char,
        choices: Vec<Vec<Token>>,
    },
}

#[derive(Debug)]
enum SetItem {
    Range(char, char),
    Class(String),
}

/// A pattern made ready.
#[derive(Debug)]
pub struct Pattern {
    tokens: Vec<Token>,
    fold: bool,
    groups: bool,
}

/// Steps a match may take before it counts as failed: stops patterns made to explode.
const MAX_STEPS: u64 = 2_000_000;
const MAX_NESTING: usize = 24;

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
        let mut at = self.at;
        let negated = matches!(self.chars.get(at), Some('!' | '^'));
        if negated {
            at += 1;
        }
        let mut items = Vec::new();
        let first = at;
        loop {
            let c = *self.chars.get(at)?;
            match c {
                ']' if at > first => {
                    self.at = at + 1;
                    return Some(Token::Set { negated, items });
                }
                '/' => return None,
                '[' if matches!(self.chars.get(at + 1), Some(':' | '.' | '=')) => {
                    let kind = self.chars[at + 1];
                    let close = (at + 2..self.chars.len().saturating_sub(1))
                        .find(|i| self.chars[*i] == kind && self.chars[*i + 1] == ']');
                    let Some(close) = close else {
                        items.push(SetItem::Range('[', '['));
                        at += 1;
                        continue;
                    };
                    let name: String = self.chars[at + 2..close].iter().collect();
                    match (kind, name.chars().next()) {
                        (':', _) => items.push(SetItem::Class(name)),
                        (_, Some(c)) => items.push(SetItem::Range(c, c)),
                        _ => {}
                    }
                    at = close + 2;
                }
                _ => {
                    let (low, next) = self.set_char(at)?;
                    at = next;
                    let range = self.chars.get(at) == Some(&'-')
                        && self.chars.get(at + 1).is_some_and(|c| *c != ']');
                    if range {
                        let (high, next) = self.set_char(at + 1)?;
                        at = next;
                        items.push(SetItem::Range(low, high));
                    } else {
                        items.push(SetItem::Range(low, low));
                    }
                }
            }
        }
    }

    fn set_char(&self, at: usize) -> Option<(char, usize)> {
        match self.chars.get(at)? {
            '\\' => Some((*self.chars.get(at + 1)?, at + 2)),
            c => Some((*c, at + 1)),
        }
    }
}

fn in_class(class: &str, c: char) -> bool {
    match class {
        "alpha" => c.is_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_alphanumeric(),
        "upper" => c.is_uppercase(),
        "lower" => c.is_lowercase(),
        "space" => c.is_whitespace(),
        "blank" => c == ' ' || c == '\t',
        "punct" => c.is_ascii_punctuation(),
        "print" => !c.is_control(),
        "graph" => !c.is_control() && !c.is_whitespace(),
        "cntrl" => c.is_control(),
        "xdigit" => c.is_ascii_hexdigit(),
        "word" => c.is_alphanumeric() || c == '_',
        _ => false,
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
        Self {
            groups: compiler.groups,
            tokens,
            fold,
        }
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
            Token::Set { negated, items } => {
                let within = |c: char| {
                    items.iter().any(|item| match item {
                        SetItem::Range(low, high) => (*low..=*high).contains(&c),
                        SetItem::Class(name) => in_class(name, c),
                    })
                };
                let upper = || c.to_uppercase().next().unwrap_or(c);
                (within(c) || self.fold && (within(fold(c)) || within(upper()))) != *negated
            }
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
        if steps.get() > MAX_STEPS || depth > 400 {
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
        if depth > 400 {
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
