//! Bracket expressions (XBD 9.3.5), of patterns and of regular expressions.

/// Whose bracket expression it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `!` negates as well, and a backslash escapes.
    Pattern,
    /// A backslash is a character; what cannot match is an error.
    Regex,
}

#[derive(Clone, Debug)]
enum Item {
    Range(char, char),
    Class(String),
}

/// A set of characters.
#[derive(Clone, Debug)]
pub struct Bracket {
    negated: bool,
    items: Vec<Item>,
}

/// What was found after a `[`.
#[derive(Debug)]
pub enum Parsed {
    /// The set, and where the text goes on.
    Bracket(Bracket, usize),
    /// It is not closed.
    Open,
    /// It names what does not exist; only in regular expressions.
    Invalid,
}

const CLASSES: [&str; 13] = [
    "alpha", "digit", "alnum", "upper", "lower", "space", "blank", "punct", "print", "graph",
    "cntrl", "xdigit", "word",
];

fn in_class(class: &str, c: char) -> bool {
    match class {
        "alpha" => c.is_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_alphanumeric(),
        "upper" => c.is_uppercase(),
        "lower" => c.is_lowercase(),
        "space" => c.is_whitespace(),
        "blank" => c == ' ' || c == '\t',
        "punct" => {
            c.is_ascii_punctuation()
                || !c.is_ascii() && !c.is_alphanumeric() && !c.is_control() && !c.is_whitespace()
        }
        "print" => !c.is_control(),
        "graph" => !c.is_control() && !c.is_whitespace(),
        "cntrl" => c.is_control(),
        "xdigit" => c.is_ascii_hexdigit(),
        "word" => c.is_alphanumeric() || c == '_',
        _ => false,
    }
}

/// One member: a class, or a character that may begin a range.
enum Member {
    Class(String),
    Char(char),
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    dialect: Dialect,
}

impl Reader<'_> {
    /// The next member; `Err` is why there is none.
    fn member(&mut self) -> Result<Member, Parsed> {
        let c = *self.chars.get(self.at).ok_or(Parsed::Open)?;
        if c == '['
            && let Some(kind @ (':' | '.' | '=')) = self.chars.get(self.at + 1).copied()
        {
            let close = (self.at + 2..self.chars.len().saturating_sub(1))
                .find(|i| self.chars[*i] == kind && self.chars[*i + 1] == ']');
            if let Some(close) = close {
                let name: String = self.chars[self.at + 2..close].iter().collect();
                self.at = close + 2;
                let mut letters = name.chars();
                return match (kind, letters.next(), letters.next()) {
                    (':', ..) if CLASSES.contains(&name.as_str()) => Ok(Member::Class(name)),
                    ('.' | '=', Some(c), None) => Ok(Member::Char(c)),
                    _ if self.dialect == Dialect::Regex => Err(Parsed::Invalid),
                    // Nothing is in it.
                    _ => Ok(Member::Class(name)),
                };
            }
            if self.dialect == Dialect::Regex {
                return Err(Parsed::Open);
            }
        }
        self.at += 1;
        if c == '\\' && self.dialect == Dialect::Pattern {
            let escaped = *self.chars.get(self.at).ok_or(Parsed::Open)?;
            self.at += 1;
            return Ok(Member::Char(escaped));
        }
        Ok(Member::Char(c))
    }

    /// Whether a `-` and the other end of a range follow.
    fn range_follows(&self) -> bool {
        self.chars.get(self.at) == Some(&'-')
            && self.chars.get(self.at + 1).is_some_and(|c| *c != ']')
    }

    fn whole(&mut self) -> Result<Bracket, Parsed> {
        let regex = self.dialect == Dialect::Regex;
        let negated = match self.chars.get(self.at) {
            Some('^') => true,
            Some('!') => !regex,
            _ => false,
        };
        self.at += usize::from(negated);
        let first = self.at;
        let mut items = Vec::new();
        loop {
            if self.at > first && self.chars.get(self.at) == Some(&']') {
                self.at += 1;
                return Ok(Bracket { negated, items });
            }
            match self.member()? {
                Member::Class(_) if regex && self.range_follows() => return Err(Parsed::Invalid),
                Member::Class(name) => items.push(Item::Class(name)),
                Member::Char(low) if self.range_follows() => {
                    self.at += 1;
                    match self.member()? {
                        Member::Char(high) if regex && high < low => return Err(Parsed::Invalid),
                        Member::Char(high) => items.push(Item::Range(low, high)),
                        Member::Class(_) if regex => return Err(Parsed::Invalid),
                        Member::Class(name) => {
                            items.push(Item::Range(low, low));
                            items.push(Item::Range('-', '-'));
                            items.push(Item::Class(name));
                        }
                    }
                    if regex && self.range_follows() {
                        return Err(Parsed::Invalid);
                    }
                }
                Member::Char(c) => items.push(Item::Range(c, c)),
            }
        }
    }
}

impl Bracket {
    /// Reads a bracket expression whose `[` stands before `at`.
    pub fn parse(chars: &[char], at: usize, dialect: Dialect) -> Parsed {
        let mut reader = Reader { chars, at, dialect };
        match reader.whole() {
            Ok(bracket) => Parsed::Bracket(bracket, reader.at),
            Err(parsed) => parsed,
        }
    }

    /// Whether the character is meant; with `fold`, in whatever case.
    pub fn contains(&self, c: char, fold: bool) -> bool {
        let within = |c: char| {
            self.items.iter().any(|item| match item {
                Item::Range(low, high) => (*low..=*high).contains(&c),
                Item::Class(name) => in_class(name, c),
            })
        };
        let lower = || c.to_lowercase().next().unwrap_or(c);
        let upper = || c.to_uppercase().next().unwrap_or(c);
        (within(c) || fold && (within(lower()) || within(upper()))) != self.negated
    }
}
