//! Brace expansion.

use crate::syntax::ast::{Part, Word};

/// The most words one word may become.
const MAX_WORDS: usize = 100_000;
/// The most numbers or letters of a sequence that makes up a word with plain text around it.
const MAX_SEQUENCE: usize = 5_000_000;

/// A word stands for more words than there may be.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

/// The words of `before{1..9}after`, where nothing else has to be expanded; nothing if the word is another.
///
/// # Errors
/// It stands for too many.
pub fn plain_sequence(word: &Word) -> Result<Option<Vec<String>>, TooMany> {
    let Some(text) = word.literal() else {
        return Ok(None);
    };
    let Some((before, rest)) = text.split_once('{') else {
        return Ok(None);
    };
    let Some((inside, after)) = rest.split_once('}') else {
        return Ok(None);
    };
    let special = |text: &str| text.contains(['{', '}', '*', '?', '[', '~', '\\', '(', ',']);
    if [before, inside, after].into_iter().any(special) {
        return Ok(None);
    }
    let items = sequence(inside, MAX_SEQUENCE)?;
    let whole = |item| format!("{before}{item}{after}");
    Ok(items.map(|items| items.into_iter().map(whole).collect()))
}

/// How deep braces may nest.
const MAX_NESTING: usize = 40;

/// A unit of a word: a literal character, or a part that braces treat as one.
#[derive(Clone, Debug)]
enum Unit {
    Char(char),
    Part(Part),
}

/// The words that a word with braces stands for; none when no brace expands.
///
/// # Errors
/// It stands for too many.
pub fn expand(word: &Word) -> Result<Option<Vec<Word>>, TooMany> {
    let mut units = Vec::new();
    for part in &word.parts {
        match part {
            Part::Literal(text) => units.extend(text.chars().map(Unit::Char)),
            other => units.push(Unit::Part(other.clone())),
        }
    }
    let lists = expand_units(&units, 0)?;
    Ok(lists.map(|lists| lists.into_iter().map(into_word).collect()))
}

fn into_word(units: Vec<Unit>) -> Word {
    let mut parts = Vec::new();
    let mut literal = String::new();
    for unit in units {
        match unit {
            Unit::Char(c) => literal.push(c),
            Unit::Part(part) => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(part);
            }
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Word {
        parts,
        brace: false,
        source: None,
    }
}

fn is(unit: &Unit, c: char) -> bool {
    matches!(unit, Unit::Char(u) if *u == c)
}

/// Expands the first brace that can be; none when there is none.
fn expand_units(units: &[Unit], depth: usize) -> Result<Option<Vec<Vec<Unit>>>, TooMany> {
    if depth > MAX_NESTING {
        return Err(TooMany);
    }
    let mut open = 0;
    loop {
        let Some(at) = units[open..].iter().position(|u| is(u, '{')) else {
            return Ok(None);
        };
        open += at;
        if let Some((close, choices)) = choices(units, open, depth)? {
            let mut out = Vec::new();
            let tail = &units[close + 1..];
            let tails = expand_units(tail, depth + 1)?.unwrap_or_else(|| vec![tail.to_vec()]);
            for choice in choices {
                for tail in &tails {
                    let mut one = units[..open].to_vec();
                    one.extend(choice.iter().cloned());
                    one.extend(tail.iter().cloned());
                    out.push(one);
                    if out.len() > MAX_WORDS {
                        return Err(TooMany);
                    }
                }
            }
            return Ok(Some(out));
        }
        open += 1;
    }
}

/// The alternatives of the brace at `open`, and where it closes.
#[expect(
    clippy::type_complexity,
    reason = "the lists of units are what all of this passes around"
)]
fn choices(
    units: &[Unit],
    open: usize,
    depth: usize,
) -> Result<Option<(usize, Vec<Vec<Unit>>)>, TooMany> {
    let mut level = 0;
    let mut commas = Vec::new();
    let mut close = None;
    for (at, unit) in units.iter().enumerate().skip(open) {
        if is(unit, '{') {
            level += 1;
        } else if is(unit, '}') {
            level -= 1;
            if level == 0 {
                close = Some(at);
                break;
            }
        } else if is(unit, ',') && level == 1 {
            commas.push(at);
        }
    }
    let Some(close) = close else {
        return Ok(None);
    };
    if commas.is_empty() {
        let Some(text) = plain_text(&units[open + 1..close]) else {
            return Ok(None);
        };
        let items = sequence(&text, MAX_WORDS)?;
        let units = |item: String| item.chars().map(Unit::Char).collect();
        return Ok(items.map(|items| (close, items.into_iter().map(units).collect())));
    }
    let mut list = Vec::new();
    let mut start = open + 1;
    for end in commas.into_iter().chain([close]) {
        let choice = &units[start..end];
        match expand_units(choice, depth + 1)? {
            Some(more) => list.extend(more),
            None => list.push(choice.to_vec()),
        }
        start = end + 1;
    }
    Ok(Some((close, list)))
}

fn plain_text(units: &[Unit]) -> Option<String> {
    let one = |unit: &Unit| match unit {
        Unit::Char(c) => Some(*c),
        Unit::Part(_) => None,
    };
    units.iter().map(one).collect()
}

/// `1..10..2` and `a..e`; nothing if it is none of them.
fn sequence(text: &str, most: usize) -> Result<Option<Vec<String>>, TooMany> {
    let Some(sequence) = Sequence::parse(text) else {
        return Ok(None);
    };
    if sequence.count() > most {
        return Err(TooMany);
    }
    Ok(Some(sequence.items().collect()))
}

/// A sequence of numbers or letters.
struct Sequence {
    from: i64,
    to: i64,
    step: i64,
    /// How many characters a number is filled up to with zeros; nothing for letters.
    width: Option<usize>,
}

impl Sequence {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split("..").collect();
        let (from, to, step) = match fields.as_slice() {
            [from, to] => (*from, *to, 1),
            [from, to, step] => (*from, *to, step.parse::<i64>().ok()?),
            _ => return None,
        };
        let step = step.checked_abs()?.max(1);
        if let (Ok(a), Ok(b)) = (from.parse::<i64>(), to.parse::<i64>()) {
            let digits = |t: &str| {
                let plain = t.trim_start_matches('-');
                plain.len() > 1 && plain.starts_with('0')
            };
            let width = if digits(from) || digits(to) {
                from.len().max(to.len())
            } else {
                0
            };
            return Some(Self {
                from: a,
                to: b,
                step,
                width: Some(width),
            });
        }
        let one = |text: &str| {
            let mut chars = text.chars();
            let c = chars.next().filter(char::is_ascii_alphabetic)?;
            chars.next().is_none().then(|| i64::from(u32::from(c)))
        };
        Some(Self {
            from: one(from)?,
            to: one(to)?,
            step,
            width: None,
        })
    }

    fn count(&self) -> usize {
        let steps = self.from.abs_diff(self.to) / self.step.unsigned_abs();
        usize::try_from(steps).map_or(usize::MAX, |steps| steps.saturating_add(1))
    }

    fn items(&self) -> impl Iterator<Item = String> {
        let step = if self.from <= self.to {
            self.step
        } else {
            -self.step
        };
        let (from, width) = (self.from, self.width);
        (0_i64..).take(self.count()).map(move |at| {
            let number = from + at * step;
            match width {
                Some(width) => format!("{number:0width$}"),
                None => u32::try_from(number)
                    .ok()
                    .and_then(char::from_u32)
                    .map(String::from)
                    .unwrap_or_default(),
            }
        })
    }
}
