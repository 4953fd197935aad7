//! `sub`, `gsub`, `gensub`, `match`, `split`, and the orders of arrays.

use super::array::Shared;
use super::ast::{ArrayRef, Expr, Place};
use super::input::PROCINFO;
use super::machine::{Machine, Result};
use super::record::Splitter;
use super::text;
use super::value::Value;
use crate::pattern::{Pattern, Span};
use std::cmp::Ordering;

/// Appends the replacement of `sub`: `&` is the match, `\&` an ampersand.
fn expand(with: &[u8], matched: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < with.len() {
        match (with[at], with.get(at + 1)) {
            (b'\\', Some(b'&')) => {
                out.push(b'&');
                at += 2;
            }
            (b'\\', Some(b'\\')) if with.get(at + 2) == Some(&b'&') => {
                out.push(b'\\');
                at += 2;
            }
            (b'&', _) => {
                out.extend_from_slice(matched);
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

/// Appends the replacement of `gensub`: `\1` and so on are groups.
fn expand_groups(with: &[u8], text: &[u8], spans: &[Option<Span>], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < with.len() {
        let byte = with[at];
        at += 1;
        let group = match (byte, with.get(at)) {
            (b'&', _) => 0,
            (b'\\', Some(digit @ b'0'..=b'9')) => {
                at += 1;
                usize::from(digit - b'0')
            }
            (b'\\', Some(next @ (b'&' | b'\\'))) => {
                out.push(*next);
                at += 1;
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        if let Some(Some((start, end))) = spans.get(group) {
            out.extend_from_slice(&text[*start..*end]);
        }
    }
}

/// Replaces matches of `pattern`; those from the `first` on, one or all. The number replaced.
fn replace(
    pattern: &Pattern,
    text: &[u8],
    first: usize,
    all: bool,
    grouped: bool,
    out: &mut Vec<u8>,
    mut expand: impl FnMut(&[Option<Span>], &mut Vec<u8>),
) -> usize {
    let mut spans = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    let mut seen = 0;
    let mut replaced = 0;
    let mut previous_end = None;
    while at <= text.len() {
        if grouped {
            if !pattern.captures_at(text, at, &mut spans) {
                break;
            }
        } else {
            spans.clear();
            spans.push(pattern.find_at(text, at));
        }
        let Some(Some((start, end))) = spans.first().copied() else {
            break;
        };
        if start == end && previous_end == Some(start) {
            at = start + crate::sed::character(&text[start..]);
            continue;
        }
        seen += 1;
        previous_end = Some(end);
        if seen >= first {
            out.extend_from_slice(&text[copied..start]);
            expand(&spans, out);
            copied = end;
            replaced += 1;
            if !all {
                break;
            }
        }
        at = if end > start {
            end
        } else {
            end + crate::sed::character(&text[end..])
        };
    }
    if replaced > 0 {
        out.extend_from_slice(&text[copied..]);
    }
    replaced
}

impl Machine<'_> {
    pub fn substitute(
        &mut self,
        all: bool,
        regex: &Expr,
        with: &Expr,
        place: &Place,
    ) -> Result<f64> {
        let pattern = self.regex(regex)?;
        let with = self.value(with)?;
        let with = self.text_of(&with);
        let value = self.place_value(place)?;
        let text = self.text_of(&value);
        let mut out = Vec::new();
        let plain = !with.iter().any(|byte| matches!(byte, b'&' | b'\\'));
        let count = replace(&pattern, &text, 1, all, false, &mut out, |spans, out| {
            if plain {
                out.extend_from_slice(&with);
            } else if let Some(Some((start, end))) = spans.first() {
                expand(&with, &text[*start..*end], out);
            }
        });
        if count > 0 {
            self.assign(place, Value::text(out))?;
        }
        Ok(count as f64)
    }

    pub fn gensub(&mut self, arguments: &[Expr]) -> Result<Value> {
        let pattern = self.regex(&arguments[0])?;
        let with = self.value(&arguments[1])?;
        let with = self.text_of(&with);
        let how = self.value(&arguments[2])?;
        let text = match arguments.get(3) {
            Some(text) => {
                let value = self.value(text)?;
                self.text_of(&value)
            }
            None => self.record_text(),
        };
        let mode = self.text_of(&how);
        let all = matches!(mode.first(), Some(b'g' | b'G'));
        let first = if all {
            1
        } else {
            how.number().max(1.0) as usize
        };
        let mut out = Vec::new();
        let count = replace(&pattern, &text, first, all, true, &mut out, |spans, out| {
            expand_groups(&with, &text, spans, out);
        });
        Ok(if count > 0 {
            Value::text(out)
        } else {
            Value::Text(text)
        })
    }

    /// `match(text, regex, into)`: where the match is, in characters.
    pub fn match_into(&mut self, text: &Expr, regex: &Expr, into: Option<ArrayRef>) -> Result<f64> {
        let value = self.value(text)?;
        let text = self.text_of(&value);
        let pattern = self.regex(regex)?;
        let mut spans = std::mem::take(&mut self.spans);
        let found = if into.is_some() {
            pattern.captures_at(&text, 0, &mut spans)
        } else {
            spans.clear();
            spans.push(pattern.find_at(&text, 0));
            spans[0].is_some()
        };
        let whole = if found {
            spans.first().copied().flatten()
        } else {
            None
        };
        let (start, length) = match whole {
            Some((from, to)) => (
                (text::characters_before(&text, from) + 1) as f64,
                text::length(&text[from..to]) as f64,
            ),
            None => (0.0, -1.0),
        };
        self.specials.rstart = start;
        self.specials.rlength = length;
        if let Some(into) = into {
            let shared = self.array(into)?;
            let mut array = shared.borrow_mut();
            array.clear();
            if whole.is_some() {
                for (group, span) in spans.iter().enumerate() {
                    let Some((from, to)) = span else { continue };
                    let group = group.to_string();
                    array.set(group.as_bytes(), Value::input(&text[*from..*to]));
                    let at = (text::characters_before(&text, *from) + 1) as f64;
                    let size = text::length(&text[*from..*to]) as f64;
                    for (name, number) in [("start", at), ("length", size)] {
                        let mut key = group.clone().into_bytes();
                        key.extend_from_slice(&self.specials.subsep);
                        key.extend_from_slice(name.as_bytes());
                        array.set(&key, Value::Number(number));
                    }
                }
            }
        }
        self.spans = spans;
        Ok(start)
    }

    pub fn split(
        &mut self,
        text: &Expr,
        into: ArrayRef,
        by: Option<&Expr>,
        separators: Option<ArrayRef>,
    ) -> Result<f64> {
        let value = self.value(text)?;
        let text = self.text_of(&value);
        let splitter = match by {
            None => self.specials.splitter.clone(),
            Some(Expr::Regex(_, text)) if text.is_empty() => Splitter::Characters,
            Some(regex @ Expr::Regex(..)) => Splitter::Regex(self.regex(regex)?),
            Some(by) => {
                let value = self.value(by)?;
                let by = self.text_of(&value);
                self.splitter_for(&by)?
            }
        };
        let mut spans = Vec::new();
        let mut gaps = Vec::new();
        splitter.split_noting(&text, false, &mut spans, &mut |gap| gaps.push(gap));
        let mut key = Vec::new();
        let mut fill = |shared: Shared, parts: &[Span]| {
            let mut array = shared.borrow_mut();
            array.clear();
            for (index, (start, end)) in parts.iter().enumerate() {
                key.clear();
                super::value::append_integer(&mut key, index as i64 + 1);
                array.set(&key, Value::input(&text[*start..*end]));
            }
        };
        fill(self.array(into)?, &spans);
        if let Some(separators) = separators {
            fill(self.array(separators)?, &gaps);
        }
        Ok(spans.len() as f64)
    }

    /// gawk's `asort` and `asorti`, in the default order.
    pub fn sort(&mut self, source: ArrayRef, into: Option<ArrayRef>, indices: bool) -> Result<f64> {
        let shared = self.array(source)?;
        let pairs = shared.borrow().pairs();
        let mut values: Vec<Value> = pairs
            .into_iter()
            .map(|(key, value)| if indices { Value::text(key) } else { value })
            .collect();
        values.sort_by(by_value);
        let target = match into {
            Some(into) => self.array(into)?,
            None => shared,
        };
        let mut array = target.borrow_mut();
        array.clear();
        for (index, value) in values.iter().enumerate() {
            array.set((index + 1).to_string().as_bytes(), value.clone());
        }
        Ok(values.len() as f64)
    }

    /// The keys in the order that `PROCINFO["sorted_in"]` asks for.
    pub fn ordered_keys(&self, shared: &Shared) -> Vec<Vec<u8>> {
        let order = {
            let info = self.arrays[PROCINFO].borrow();
            info.peek(b"sorted_in").map(|order| order.string(b"%.6g"))
        };
        let Some(order) = order else {
            return shared.borrow().keys();
        };
        let mut pairs = shared.borrow().pairs();
        let number = |key: &[u8]| super::value::number_prefix(key).0;
        let (name, descending) = match order.strip_suffix(b"_desc") {
            Some(name) => (name, true),
            None => (order.strip_suffix(b"_asc").unwrap_or(&order), false),
        };
        match name {
            b"@ind_str" => pairs.sort_by(|left, right| left.0.cmp(&right.0)),
            b"@ind_num" => pairs.sort_by(|left, right| {
                number(&left.0)
                    .total_cmp(&number(&right.0))
                    .then_with(|| left.0.cmp(&right.0))
            }),
            b"@val_num" => pairs.sort_by(|left, right| {
                left.1
                    .number()
                    .total_cmp(&right.1.number())
                    .then_with(|| left.1.string(b"%.6g").cmp(&right.1.string(b"%.6g")))
                    .then_with(|| left.0.cmp(&right.0))
            }),
            b"@val_str" => pairs.sort_by_key(|left| left.1.string(b"%.6g")),
            b"@val_type" => pairs.sort_by(|left, right| by_value(&left.1, &right.1)),
            _ => {}
        }
        if descending {
            pairs.reverse();
        }
        pairs.into_iter().map(|(key, _)| key).collect()
    }
}

/// Numbers before strings, each in their own order.
fn by_value(left: &Value, right: &Value) -> Ordering {
    let numeric = |value: &Value| match value {
        Value::Uninitialized => Some(0.0),
        Value::Number(number) => Some(*number),
        Value::Text(_) => None,
        Value::Input(text) => super::value::looks_numeric(text),
    };
    match (numeric(left), numeric(right)) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.string(b"%.6g").cmp(&right.string(b"%.6g")),
    }
}
