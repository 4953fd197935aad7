//! `--line-format`, `--GTYPE-group-format` and `-D`: changes in forms of one's own.

use std::io::{self, Write};
use std::ops::Range;

use super::lines::{Change, Text};
use super::style::Style;

/// How deep choices (`%(A=B?T:E)`) may stand in each other.
const MOST_CHOICES: usize = 100;

/// Forms of lines and of groups of them; one that is not given is as the others need it.
#[derive(Clone, Debug, Default)]
pub struct Formats {
    old_line: Option<Vec<u8>>,
    new_line: Option<Vec<u8>>,
    unchanged_line: Option<Vec<u8>>,
    old_group: Option<Vec<u8>>,
    new_group: Option<Vec<u8>>,
    changed_group: Option<Vec<u8>>,
    unchanged_group: Option<Vec<u8>>,
}

/// A group of lines, in both texts.
struct Group<'a> {
    old: (&'a Text<'a>, Range<usize>),
    new: (&'a Text<'a>, Range<usize>),
}

/// Takes a form. What is said if there is another one already.
fn store(field: &mut Option<Vec<u8>>, option: &str, value: Vec<u8>) -> Result<(), String> {
    if field.as_ref().is_some_and(|known| *known != value) {
        let text = String::from_utf8_lossy(&value).into_owned();
        return Err(format!("{option} option value '{text}'"));
    }
    *field = Some(value);
    Ok(())
}

impl Formats {
    /// Takes the option of that name; nothing if it is none of these.
    pub fn set(&mut self, name: &str, value: Vec<u8>) -> Option<Result<(), String>> {
        let field = match name {
            "old-line-format" => &mut self.old_line,
            "new-line-format" => &mut self.new_line,
            "unchanged-line-format" => &mut self.unchanged_line,
            "old-group-format" => &mut self.old_group,
            "new-group-format" => &mut self.new_group,
            "changed-group-format" => &mut self.changed_group,
            "unchanged-group-format" => &mut self.unchanged_group,
            "line-format" => {
                let fields = [
                    &mut self.old_line,
                    &mut self.new_line,
                    &mut self.unchanged_line,
                ];
                let all = fields
                    .into_iter()
                    .try_for_each(|field| store(field, "--line-format", value.clone()));
                return Some(all);
            }
            "ifdef" => return Some(self.set_ifdef(&value)),
            _ => return None,
        };
        Some(store(field, &format!("--{name}"), value))
    }

    /// A C preprocessor's conditions around what differs.
    fn set_ifdef(&mut self, name: &[u8]) -> Result<(), String> {
        // What is a form in the name is taken for one, as in GNU's.
        let name = String::from_utf8_lossy(name);
        let before = format!("#ifndef {name}\n%<");
        let text = |text: String| text.into_bytes();
        store(
            &mut self.old_group,
            "-D",
            text(format!("{before}#endif /* ! {name} */\n")),
        )?;
        store(
            &mut self.new_group,
            "-D",
            text(format!("#ifdef {name}\n%>#endif /* {name} */\n")),
        )?;
        store(
            &mut self.changed_group,
            "-D",
            text(format!(
                "{before}#else /* {name} */\n%>#endif /* {name} */\n"
            )),
        )
    }

    /// Gives forms that were not told their values, by those that were.
    pub fn complete(&mut self) {
        let changed = self.changed_group.clone();
        let or_changed = |text: &[u8]| changed.clone().unwrap_or_else(|| text.to_vec());
        let old = self.old_group.get_or_insert_with(|| or_changed(b"%<"));
        let new = self.new_group.get_or_insert_with(|| or_changed(b"%>"));
        let both = [old.as_slice(), new].concat();
        self.changed_group.get_or_insert(both);
        self.unchanged_group.get_or_insert_with(|| b"%=".to_vec());
    }

    /// Prints both texts as one.
    pub fn print(
        &self,
        out: &mut impl Write,
        [old, new]: [&Text<'_>; 2],
        changes: &[Change],
        style: &Style,
    ) -> io::Result<()> {
        let mut group = |form: &Option<Vec<u8>>, before: Range<usize>, after: Range<usize>| {
            let group = Group {
                old: (old, before),
                new: (new, after),
            };
            let form = form.as_deref().unwrap_or_default();
            self.group(out, form, &group, style, 0)
        };
        let (mut at, mut other) = (0, 0);
        for change in changes {
            if change.old.start > at {
                let before = at..change.old.start;
                group(&self.unchanged_group, before, other..change.new.start)?;
            }
            let form = match (change.old.is_empty(), change.new.is_empty()) {
                (true, _) => &self.new_group,
                (_, true) => &self.old_group,
                _ => &self.changed_group,
            };
            group(form, change.old.clone(), change.new.clone())?;
            (at, other) = (change.old.end, change.new.end);
        }
        if at < old.lines.len() {
            let rest = other..new.lines.len();
            group(&self.unchanged_group, at..old.lines.len(), rest)?;
        }
        Ok(())
    }

    fn group(
        &self,
        out: &mut impl Write,
        form: &[u8],
        group: &Group<'_>,
        style: &Style,
        depth: usize,
    ) -> io::Result<()> {
        let mut rest = form;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            if byte != b'%' {
                out.write_all(&[byte])?;
                continue;
            }
            if let Some(behind) = literal(out, behind)? {
                rest = behind;
                continue;
            }
            match behind.first() {
                Some(b'<') => lines(out, self.old_line.as_ref(), &group.old, style)?,
                Some(b'>') => lines(out, self.new_line.as_ref(), &group.new, style)?,
                Some(b'=') => lines(out, self.unchanged_line.as_ref(), &group.old, style)?,
                Some(b'(') if depth < MOST_CHOICES => match Choice::parse(&behind[1..], group) {
                    Some(choice) => {
                        self.group(out, choice.chosen, group, style, depth + 1)?;
                        rest = choice.behind;
                        continue;
                    }
                    None => {
                        out.write_all(b"%")?;
                        continue;
                    }
                },
                _ => match Number::parse(behind) {
                    Some((number, [letter, behind @ ..]))
                        if let Some(value) = group.number(*letter) =>
                    {
                        out.write_all(number.show(value).as_bytes())?;
                        rest = behind;
                        continue;
                    }
                    _ => {
                        out.write_all(b"%")?;
                        continue;
                    }
                },
            }
            rest = &behind[1..];
        }
        Ok(())
    }
}

/// `%(A=B?T:E)`, taken apart.
struct Choice<'a> {
    chosen: &'a [u8],
    behind: &'a [u8],
}

impl<'a> Choice<'a> {
    /// Reads what stands behind the parenthesis.
    fn parse(text: &'a [u8], group: &Group<'_>) -> Option<Self> {
        let value = |text: &[u8]| match text {
            [letter] if letter.is_ascii_alphabetic() => group.number(*letter),
            digits => std::str::from_utf8(digits).ok()?.parse().ok(),
        };
        let equals = text.iter().position(|&byte| byte == b'=')?;
        let asks = text.iter().position(|&byte| byte == b'?')?;
        let (left, right) = (value(&text[..equals])?, value(text.get(equals + 1..asks)?)?);
        let body = &text[asks + 1..];
        let middle = end_of(body, b':');
        let otherwise = body.get(middle + 1..).unwrap_or_default();
        let last = end_of(otherwise, b')');
        Some(Self {
            chosen: if left == right {
                &body[..middle]
            } else {
                &otherwise[..last]
            },
            behind: otherwise.get(last + 1..).unwrap_or_default(),
        })
    }
}

/// Where a part of a choice ends: at a byte that belongs to no choice within it.
fn end_of(text: &[u8], end: u8) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        match text[at] {
            byte if byte == end && depth == 0 => return at,
            b'%' => {
                at += 1;
                match text.get(at) {
                    Some(b'(') => depth += 1,
                    // `%c'('`: whatever stands there.
                    Some(b'c') if text.get(at + 1) == Some(&b'\'') => at += 2,
                    _ => {}
                }
            }
            b')' if depth > 0 => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// `[-][WIDTH][.[PREC]]{doxX}`.
struct Number {
    to_the_left: bool,
    width: usize,
    digits: usize,
    conversion: u8,
}

impl Number {
    /// Reads one, and gives what stands behind it.
    fn parse(text: &[u8]) -> Option<(Self, &[u8])> {
        // GNU's allows `'`, too; it has no meaning in the locale of C.
        let signs = text
            .iter()
            .take_while(|byte| matches!(byte, b'-' | b'\''))
            .count();
        let rest = &text[signs..];
        let count = |rest: &[u8]| rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = |digits: &[u8]| {
            let text = std::str::from_utf8(digits).unwrap_or_default();
            text.parse::<usize>().unwrap_or(0).min(1 << 16)
        };
        let (width, mut rest) = rest.split_at(count(rest));
        let mut digits = 0;
        if let Some(behind) = rest.strip_prefix(b".") {
            let (given, behind) = behind.split_at(count(behind));
            digits = number(given);
            rest = behind;
        }
        let (&conversion, behind) = rest.split_first()?;
        matches!(conversion, b'd' | b'o' | b'x' | b'X').then(|| {
            let parsed = Self {
                to_the_left: signs > 0,
                width: number(width),
                digits,
                conversion,
            };
            (parsed, behind)
        })
    }

    fn show(&self, value: usize) -> String {
        let digits = match self.conversion {
            b'o' => format!("{value:o}"),
            b'x' => format!("{value:x}"),
            b'X' => format!("{value:X}"),
            _ => value.to_string(),
        };
        let digits = format!("{digits:0>width$}", width = self.digits);
        if self.to_the_left {
            format!("{digits:<width$}", width = self.width)
        } else {
            format!("{digits:>width$}", width = self.width)
        }
    }
}

impl Group<'_> {
    /// First, last, line before, line after and count; of the old text in small letters.
    fn number(&self, which: u8) -> Option<usize> {
        let range = if which.is_ascii_lowercase() {
            &self.old.1
        } else {
            &self.new.1
        };
        Some(match which.to_ascii_lowercase() {
            b'f' => range.start + 1,
            b'l' => range.end,
            b'e' => range.start,
            b'm' => range.end + 1,
            b'n' => range.len(),
            _ => return None,
        })
    }
}

/// Writes `%%`, `%c'C'` and `%c'\OOO'`, and gives what stands behind; nothing if it is something else.
fn literal<'a>(out: &mut impl Write, behind: &'a [u8]) -> io::Result<Option<&'a [u8]>> {
    match behind {
        [b'%', rest @ ..] => {
            out.write_all(b"%")?;
            Ok(Some(rest))
        }
        [b'c', b'\'', b'\\', rest @ ..] => {
            let count = rest
                .iter()
                .take_while(|byte| matches!(byte, b'0'..=b'7'))
                .count();
            let Some(behind) = rest[count..]
                .strip_prefix(b"'")
                .filter(|_| (1..=3).contains(&count))
            else {
                return Ok(None);
            };
            let value = rest[..count]
                .iter()
                .fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            out.write_all(&value.to_le_bytes()[..1])?;
            Ok(Some(behind))
        }
        [b'c', b'\'', byte, b'\'', rest @ ..] if *byte != b'\'' => {
            out.write_all(&[*byte])?;
            Ok(Some(rest))
        }
        _ => Ok(None),
    }
}

fn lines(
    out: &mut impl Write,
    form: Option<&Vec<u8>>,
    (text, range): &(&Text<'_>, Range<usize>),
    style: &Style,
) -> io::Result<()> {
    for index in range.clone() {
        let bare = text.bare(index);
        let Some(form) = form else {
            // Without a form a last line without an end has one.
            style.body(out, bare)?;
            out.write_all(b"\n")?;
            continue;
        };
        let mut rest = form.as_slice();
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            if byte != b'%' {
                out.write_all(&[byte])?;
                continue;
            }
            if let Some(behind) = literal(out, behind)? {
                rest = behind;
                continue;
            }
            match behind {
                [letter @ (b'l' | b'L'), behind @ ..] => {
                    style.body(out, bare)?;
                    if *letter == b'L' {
                        out.write_all(&text.lines[index][bare.len()..])?;
                    }
                    rest = behind;
                }
                _ => match Number::parse(behind) {
                    Some((number, [b'n', behind @ ..])) => {
                        out.write_all(number.show(index + 1).as_bytes())?;
                        rest = behind;
                    }
                    _ => out.write_all(b"%")?,
                },
            }
        }
    }
    Ok(())
}
