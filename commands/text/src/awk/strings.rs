//! `sub`, `gsub`, `gensub`, `match`, `split` and `patsplit`.

use super::array::Shared;
use super::ast::{Expr, Place};
use super::machine::{Machine, Result, Unwind};
use super::record::Splitter;
use super::text;
use super::value::Value;
use crate::pattern::{Pattern, Span};

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
    #[inline(never)]
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

    #[inline(never)]
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

    /// `sub` and `gsub`, called by a variable: what they change is the record.
    pub fn substitute_indirectly(&mut self, all: bool, arguments: &[Expr]) -> Result<f64> {
        let [regex, with] = arguments else {
            let name = if all { "gsub" } else { "sub" };
            return Err(Unwind::Fatal(format!(
                "{name}: can be called indirectly only with two arguments"
            )));
        };
        let record = Place::Field(Box::new(Expr::Number(0.0)));
        self.substitute(all, regex, with, &record)
    }

    /// `match(text, regex, into)`: where the match is, in characters.
    #[inline(never)]
    pub fn match_into(&mut self, arguments: &[Expr]) -> Result<f64> {
        let value = self.value(&arguments[0])?;
        let text = self.text_of(&value);
        let pattern = self.regex(&arguments[1])?;
        let into = match arguments.get(2) {
            Some(into) => Some(self.array_argument(into)?),
            None => None,
        };
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
        if let Some(shared) = into {
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

    /// How `split` splits: by its third argument or by `FS`.
    fn splitter_of(&mut self, by: Option<&Expr>) -> Result<Splitter> {
        Ok(match by {
            None => self.specials.splitter.clone(),
            Some(Expr::Regex(_, text)) if text.is_empty() => Splitter::Characters,
            Some(regex @ Expr::Regex(..)) => Splitter::Regex(self.regex(regex)?),
            Some(by) => match self.value(by)? {
                Value::Regexp(text) => Splitter::Regex(self.pattern_of(&text)?),
                value => {
                    let text = self.text_of(&value);
                    self.splitter_for(&text)?
                }
            },
        })
    }

    /// `split(text, into, by, separators)`.
    #[inline(never)]
    pub fn split(&mut self, arguments: &[Expr]) -> Result<f64> {
        let value = self.value(&arguments[0])?;
        let text = self.text_of(&value);
        let splitter = self.splitter_of(arguments.get(2))?;
        let (into, separators) = self.split_arrays("split", arguments)?;
        let mut spans = Vec::new();
        let mut gaps = Vec::new();
        splitter.split_noting(&text, false, &mut spans, &mut |gap| gaps.push(gap));
        fill(&into, &text, &spans, 1);
        if let Some(separators) = separators {
            fill(&separators, &text, &gaps, 1);
            if let (Splitter::Blanks, Some(first), Some(last)) =
                (&splitter, spans.first(), spans.last())
            {
                // Blanks at the ends separate nothing, and are told all the same.
                let mut array = separators.borrow_mut();
                if first.0 > 0 {
                    array.set(b"0", Value::input(&text[..first.0]));
                }
                if last.1 < text.len() {
                    let key = spans.len().to_string();
                    array.set(key.as_bytes(), Value::input(&text[last.1..]));
                }
            }
        }
        Ok(spans.len() as f64)
    }

    /// gawk's `patsplit(text, into, content, separators)`: the parts are what matches.
    #[inline(never)]
    pub fn patsplit(&mut self, arguments: &[Expr]) -> Result<f64> {
        let value = self.value(&arguments[0])?;
        let text = self.text_of(&value);
        let pattern = match arguments.get(2) {
            Some(regex) => self.regex(regex)?,
            None => {
                let fpat = self.text_of(&self.specials.fpat);
                self.pattern_of(&fpat)?
            }
        };
        let (into, separators) = self.split_arrays("patsplit", arguments)?;
        let mut spans = Vec::new();
        Splitter::Content(pattern).split(&text, false, &mut spans);
        fill(&into, &text, &spans, 1);
        if let Some(separators) = separators {
            let mut gaps = Vec::with_capacity(spans.len() + 1);
            let mut end = 0;
            for (from, to) in &spans {
                gaps.push((end, *from));
                end = *to;
            }
            if !spans.is_empty() || !text.is_empty() {
                gaps.push((end, text.len()));
            }
            fill(&separators, &text, &gaps, 0);
        }
        Ok(spans.len() as f64)
    }

    /// The arrays for the parts and for what is between them.
    fn split_arrays(&mut self, name: &str, arguments: &[Expr]) -> Result<(Shared, Option<Shared>)> {
        let into = self.array_argument(&arguments[1])?;
        let Some(separators) = arguments.get(3) else {
            return Ok((into, None));
        };
        let separators = self.array_argument(separators)?;
        if std::rc::Rc::ptr_eq(&into, &separators) {
            return Err(Unwind::Fatal(format!(
                "{name}: cannot use the same array for second and fourth args"
            )));
        }
        Ok((into, Some(separators)))
    }
}

/// Makes the elements of an array the parts of `text`, numbered from `first` on.
fn fill(shared: &Shared, text: &[u8], parts: &[Span], first: i64) {
    let mut key = Vec::new();
    let mut array = shared.borrow_mut();
    array.clear();
    for (index, (start, end)) in parts.iter().enumerate() {
        key.clear();
        super::value::append_integer(&mut key, index as i64 + first);
        array.set(&key, Value::input(&text[*start..*end]));
    }
}
