//! `--transform`: names changed by expressions as those of `sed`.

use secure_exec_pattern::{Builder, Dialect, Pattern, Syntax, bytes_locale};

/// Of which kind a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// That of a member.
    Name,
    /// The target of a symbolic link.
    Symlink,
    /// The member that a hard link is to.
    Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    UpperNext,
    LowerNext,
    End,
}

enum Part {
    Text(Vec<u8>),
    Group(usize),
    Case(Case),
}

struct Expression {
    pattern: Pattern,
    replacement: Vec<Part>,
    global: bool,
    /// The first match that is replaced.
    number: usize,
    names: bool,
    symlinks: bool,
    links: bool,
}

/// All expressions, in the order given.
#[derive(Default)]
pub struct Transform(Vec<Expression>);

/// Up to the delimiter, which a backslash takes its meaning.
fn delimited<'t>(text: &mut &'t [u8], delimiter: u8) -> Option<Vec<u8>> {
    let mut part = Vec::new();
    let mut at = 0;
    let whole: &'t [u8] = text;
    while at < whole.len() {
        match whole[at] {
            b'\\' if whole.get(at + 1) == Some(&delimiter) => {
                part.push(delimiter);
                at += 2;
            }
            b'\\' if at + 1 < whole.len() => {
                part.extend_from_slice(&whole[at..at + 2]);
                at += 2;
            }
            byte if byte == delimiter => {
                *text = &whole[at + 1..];
                return Some(part);
            }
            byte => {
                part.push(byte);
                at += 1;
            }
        }
    }
    None
}

fn replacement(text: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = Vec::new();
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let part = match byte {
            b'&' => Some(Part::Group(0)),
            b'\\' => match bytes.next() {
                Some(digit @ b'0'..=b'9') => Some(Part::Group(usize::from(digit - b'0'))),
                Some(b'U') => Some(Part::Case(Case::Upper)),
                Some(b'L') => Some(Part::Case(Case::Lower)),
                Some(b'u') => Some(Part::Case(Case::UpperNext)),
                Some(b'l') => Some(Part::Case(Case::LowerNext)),
                Some(b'E') => Some(Part::Case(Case::End)),
                Some(b'n') => {
                    plain.push(b'\n');
                    None
                }
                Some(b't') => {
                    plain.push(b'\t');
                    None
                }
                other => {
                    plain.extend(other);
                    None
                }
            },
            _ => {
                plain.push(byte);
                None
            }
        };
        if let Some(part) = part {
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    parts
}

/// A text with changes of case in force.
#[derive(Default)]
struct Cased {
    text: Vec<u8>,
    lasting: Option<Case>,
    next: Option<Case>,
}

impl Cased {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.text.push(match self.next.take().or(self.lasting) {
                Some(Case::Upper | Case::UpperNext) => byte.to_ascii_uppercase(),
                Some(Case::Lower | Case::LowerNext) => byte.to_ascii_lowercase(),
                _ => byte,
            });
        }
    }

    fn change(&mut self, case: Case) {
        match case {
            Case::Upper | Case::Lower => self.lasting = Some(case),
            Case::UpperNext | Case::LowerNext => self.next = Some(case),
            Case::End => self.lasting = None,
        }
    }
}

impl Expression {
    /// One `s,regexp,replacement,flags`, which is taken off the text. `defaults` is on what it works.
    fn parse(text: &mut &[u8], defaults: [bool; 3]) -> Result<Self, String> {
        let wrong = || "Invalid transform expression".to_owned();
        let (&delimiter, rest) = text
            .strip_prefix(b"s")
            .and_then(<[u8]>::split_first)
            .ok_or_else(wrong)?;
        *text = rest;
        let regex = delimited(text, delimiter).ok_or_else(wrong)?;
        let parts = delimited(text, delimiter).ok_or_else(wrong)?;
        let [mut names, mut symlinks, mut links] = defaults;
        let (mut global, mut number, mut syntax, mut ignore_case) =
            (false, 0, Syntax::Basic, false);
        while let Some((&flag, rest)) = text.split_first() {
            match flag {
                b'g' => global = true,
                b'i' => ignore_case = true,
                b'x' => syntax = Syntax::Extended,
                b'r' => names = true,
                b'R' => names = false,
                b's' => symlinks = true,
                b'S' => symlinks = false,
                b'h' => links = true,
                b'H' => links = false,
                b'0'..=b'9' => number = number * 10 + usize::from(flag - b'0'),
                b';' => {
                    *text = rest;
                    break;
                }
                _ => {
                    return Err(format!(
                        "Unknown flag in transform expression: {}",
                        char::from(flag)
                    ));
                }
            }
            if number > 1_000_000 {
                return Err(wrong());
            }
            *text = rest;
        }
        let builder = Builder {
            unicode: !bytes_locale(),
            ignore_case,
        };
        let pattern = builder
            .posix(&regex, syntax, Dialect::sed(builder.unicode, false))
            .map_err(|error| format!("Invalid transform expression: {error}"))?;
        Ok(Self {
            pattern,
            replacement: replacement(&parts),
            global,
            number: number.max(1),
            names,
            symlinks,
            links,
        })
    }

    fn works_on(&self, kind: Kind) -> bool {
        match kind {
            Kind::Name => self.names,
            Kind::Symlink => self.symlinks,
            Kind::Link => self.links,
        }
    }

    fn apply(&self, name: &[u8]) -> Vec<u8> {
        let mut done = Cased::default();
        let (mut at, mut copied, mut count) = (0, 0, 0);
        let mut spans = Vec::new();
        while at <= name.len() && self.pattern.captures_at(name, at, &mut spans) {
            let Some((start, end)) = spans.first().copied().flatten() else {
                break;
            };
            count += 1;
            if count >= self.number {
                done.text.extend_from_slice(&name[copied..start]);
                for part in &self.replacement {
                    match part {
                        Part::Text(text) => done.push(text),
                        Part::Case(case) => done.change(*case),
                        Part::Group(group) => {
                            if let Some((from, to)) = spans.get(*group).copied().flatten() {
                                done.push(&name[from..to]);
                            }
                        }
                    }
                }
                (done.lasting, done.next) = (None, None);
                copied = end;
                if !self.global {
                    break;
                }
            }
            at = if end > start { end } else { end + 1 };
        }
        done.text.extend_from_slice(&name[copied..]);
        done.text
    }
}

impl Transform {
    /// Adds the expressions of one option, with `;` between them.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn add(&mut self, mut text: &[u8]) -> Result<(), String> {
        let mut defaults = [true; 3];
        loop {
            // `flags=r;` sets on what the ones behind it work.
            if let Some(rest) = text.strip_prefix(b"flags=") {
                let end = rest
                    .iter()
                    .position(|&byte| byte == b';')
                    .unwrap_or(rest.len());
                defaults = [false; 3];
                for flag in &rest[..end] {
                    match flag {
                        b'r' => defaults[0] = true,
                        b'R' => defaults[0] = false,
                        b's' => defaults[1] = true,
                        b'S' => defaults[1] = false,
                        b'h' => defaults[2] = true,
                        b'H' => defaults[2] = false,
                        _ => return Err("Unknown transform type flag".to_owned()),
                    }
                }
                text = rest.get(end + 1..).unwrap_or_default();
            } else {
                self.0.push(Expression::parse(&mut text, defaults)?);
            }
            if text.is_empty() {
                return Ok(());
            }
        }
    }

    pub fn apply(&self, name: &[u8], kind: Kind) -> Vec<u8> {
        let mut name = name.to_vec();
        for expression in self.0.iter().filter(|each| each.works_on(kind)) {
            name = expression.apply(&name);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Transform};

    #[test]
    fn expressions_change_names() {
        for (expression, name, changed) in [
            ("s,^,p/,", "f", "p/f"),
            ("s/a/b/g", "aXa", "bXb"),
            ("s/a/b/2", "aXa", "aXb"),
            ("s/a/b/2g", "aaa", "abb"),
            ("s/A/b/i", "a", "b"),
            ("s/(a+)(b)/\\2\\1/x", "aab", "baa"),
            ("s/.*/\\U&/", "dir/f", "DIR/F"),
            ("s/x/y/;s/y/z/", "x", "z"),
            ("s|a\\|b|c|", "a|b", "c"),
            ("s/x*/-/g", "abc", "-a-b-c-"),
            ("flags=R;s/a/b/", "a", "a"),
        ] {
            let mut transform = Transform::default();
            transform.add(expression.as_bytes()).expect("an expression");
            let got = transform.apply(name.as_bytes(), Kind::Name);
            assert_eq!(String::from_utf8_lossy(&got), changed, "{expression}");
        }
    }

    #[test]
    fn wrong_expressions_are_refused() {
        for expression in [
            "",
            "s",
            "s/a",
            "s/a/b",
            "s/a/b/q",
            "y/a/b/",
            "s/[/b/",
            "s/a/b/99999999999",
        ] {
            assert!(
                Transform::default().add(expression.as_bytes()).is_err(),
                "{expression}"
            );
        }
    }
}
