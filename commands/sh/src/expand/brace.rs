//! Brace expansion.

use crate::syntax::ast::{Part, Word};

/// The most words one word may become.
const MAX_WORDS: usize = 100_000;

/// A unit of a word: a literal character, or a part that braces treat as one.
#[derive(Clone, Debug)]
enum Unit {
    Char(char),
    Part(Part),
}

/// The words that a word with braces stands for; none when no brace expands.
pub fn expand(word: &Word) -> Option<Vec<Word>> {
    let mut units = Vec::new();
    for part in &word.parts {
        match part {
            Part::Literal(text) => units.extend(text.chars().map(Unit::Char)),
            other => units.push(Unit::Part(other.clone())),
        }
    }
    let lists = expand_units(&units, 0)?;
    Some(lists.into_iter().map(into_word).collect())
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
fn expand_units(units: &[Unit], depth: usize) -> Option<Vec<Vec<Unit>>> {
    if depth > 40 {
        return None;
    }
    let mut open = 0;
    loop {
        open += units[open..].iter().position(|u| is(u, '{'))?;
        if let Some((close, choices)) = choices(units, open, depth) {
            let mut out = Vec::new();
            let tail = &units[close + 1..];
            let tails = expand_units(tail, depth + 1).unwrap_or_else(|| vec![tail.to_vec()]);
            for choice in choices {
                for tail in &tails {
                    let mut one = units[..open].to_vec();
                    one.extend(choice.iter().cloned());
                    one.extend(tail.iter().cloned());
                    out.push(one);
                    if out.len() > MAX_WORDS {
                        return None;
                    }
                }
            }
            return Some(out);
        }
        open += 1;
    }
}

/// The alternatives of the brace at `open`, and where it closes.
fn choices(units: &[Unit], open: usize, depth: usize) -> Option<(usize, Vec<Vec<Unit>>)> {
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
    let close = close?;
    if commas.is_empty() {
        return sequence(&units[open + 1..close]).map(|list| (close, list));
    }
    let mut list = Vec::new();
    let mut start = open + 1;
    for end in commas.into_iter().chain([close]) {
        let choice = &units[start..end];
        match expand_units(choice, depth + 1) {
            Some(more) => list.extend(more),
            None => list.push(choice.to_vec()),
        }
        start = end + 1;
    }
    Some((close, list))
}

/// `{1..10..2}` and `{a..e}`.
fn sequence(units: &[Unit]) -> Option<Vec<Vec<Unit>>> {
    let text: Option<String> = units
        .iter()
        .map(|u| {
            if let Unit::Char(c) = u {
                Some(*c)
            } else {
                None
            }
        })
        .collect();
    let text = text?;
    let fields: Vec<&str> = text.split("..").collect();
    let (from, to, step) = match fields.as_slice() {
        [from, to] => (*from, *to, 1),
        [from, to, step] => (*from, *to, step.parse::<i64>().ok()?),
        _ => return None,
    };
    let step = step.checked_abs()?.max(1);
    let items: Vec<String> = if let (Ok(a), Ok(b)) = (from.parse::<i64>(), to.parse::<i64>()) {
        let digits = |t: &str| {
            t.trim_start_matches('-').len() > 1 && t.trim_start_matches('-').starts_with('0')
        };
        let width = if digits(from) || digits(to) {
            from.len().max(to.len())
        } else {
            0
        };
        numbers(a, b, step)?
            .into_iter()
            .map(|n| format!("{n:0width$}"))
            .collect()
    } else {
        let one = |t: &str| {
            let mut chars = t.chars();
            chars
                .next()
                .filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
        };
        let (a, b) = (one(from)?, one(to)?);
        let list = numbers(i64::from(u32::from(a)), i64::from(u32::from(b)), step)?;
        list.into_iter()
            .filter_map(|n| u32::try_from(n).ok().and_then(char::from_u32))
            .map(String::from)
            .collect()
    };
    Some(
        items
            .into_iter()
            .map(|item| item.chars().map(Unit::Char).collect())
            .collect(),
    )
}

fn numbers(a: i64, b: i64, step: i64) -> Option<Vec<i64>> {
    let count = usize::try_from(a.abs_diff(b) / step.unsigned_abs()).ok()? + 1;
    if count > MAX_WORDS {
        return None;
    }
    let step = if a <= b { step } else { -step };
    Some(
        (0..i64::try_from(count).ok()?)
            .map(|i| a + i * step)
            .collect(),
    )
}
