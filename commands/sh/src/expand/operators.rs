//! The operators that change a value: trimming, replacing, slicing, case, transformations.

use super::Context;
use super::escape;
use super::parameter::Found;
use super::pattern::Pattern;
use super::replacement::{Replacement, replace};
use crate::shell::{Flow, Shell};
use crate::syntax::ast::{Case, Index, Op, Param, Word};
use crate::text;
use crate::variables::Value;

/// Applies to one value or to each of several.
fn each(found: Found, mut change: impl FnMut(&str) -> String) -> Found {
    match found {
        Found::Unset => Found::Unset,
        Found::One(text) => Found::One(change(&text)),
        Found::Many(list, star) => {
            Found::Many(list.iter().map(|text| change(text)).collect(), star)
        }
    }
}

fn trim(text: &str, pattern: &Pattern, suffix: bool, longest: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let n = chars.len();
    let keep = |k: usize| -> bool {
        let taken = if suffix { n - k } else { k };
        if pattern.length().is_some_and(|length| length != taken) {
            return false;
        }
        if suffix {
            pattern.matches_chars(&chars[k..])
        } else {
            pattern.matches_chars(&chars[..k])
        }
    };
    let mut forward = 0..=n;
    let found = if suffix == longest {
        forward.find(|k| keep(*k))
    } else {
        forward.rev().find(|k| keep(*k))
    };
    match found {
        Some(k) if suffix => chars[..k].iter().collect(),
        Some(k) => chars[k..].iter().collect(),
        None => text.to_owned(),
    }
}

/// The longest match that begins at `start`.
pub(super) fn longest(chars: &[char], start: usize, pattern: &Pattern) -> Option<usize> {
    if let Some(length) = pattern.length() {
        let end = start + length;
        let fits = end <= chars.len() && pattern.matches_chars(&chars[start..end]);
        return fits.then_some(end);
    }
    (start..=chars.len())
        .rev()
        .find(|end| pattern.matches_chars(&chars[start..*end]))
}

/// What the character becomes; itself where that are several.
fn single(mut changed: impl Iterator<Item = char>, c: char) -> char {
    match (changed.next(), changed.next()) {
        (Some(changed), None) => changed,
        _ => c,
    }
}

fn change_case(text: &str, to: Case, all: bool, pattern: Option<&Pattern>) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        let fits = (all || at == 0) && pattern.is_none_or(|p| p.matches_chars(&[c]));
        let upper = to == Case::Upper || to == Case::Toggled && c.is_lowercase();
        match (fits, upper) {
            (true, true) => out.push(single(c.to_uppercase(), c)),
            (true, false) => out.push(single(c.to_lowercase(), c)),
            (false, _) => out.push(c),
        }
    }
    out
}

impl Shell {
    /// Reports a match that was given up, of which nobody knows how it would have ended.
    ///
    /// # Errors
    /// There was one.
    pub fn check_pattern_time(&self) -> Result<(), Flow> {
        if super::pattern::take_given_up() {
            return self.fatal("pattern takes too many steps to match");
        }
        Ok(())
    }

    fn pattern_of(&mut self, word: &Word) -> Result<Pattern, Flow> {
        let text = self.expand_pattern(word)?;
        Ok(Pattern::new(&text, self.options.extglob, false))
    }

    /// Applies an operator.
    ///
    /// # Errors
    /// An expansion failed, a number is out of range, or a pattern takes too long; it was reported.
    pub(super) fn operate(&mut self, param: &Param, op: &Op, found: Found) -> Result<Found, Flow> {
        let plain = match &found {
            Found::Unset => true,
            Found::One(text) => text.is_ascii(),
            Found::Many(list, _) => list.iter().all(|text| text.is_ascii()),
        };
        if plain || matches!(op, Op::Transform(_)) || !self.counts_bytes() {
            return self.operate_on_characters(param, op, found);
        }
        let found = each(found, |text| text::single_bytes(text).into_owned());
        let found = self.operate_on_characters(param, op, found)?;
        Ok(each(found, |text| text::whole(text.to_owned())))
    }

    fn operate_on_characters(
        &mut self,
        param: &Param,
        op: &Op,
        found: Found,
    ) -> Result<Found, Flow> {
        let changed = self.operated(param, op, found)?;
        self.check_pattern_time()?;
        Ok(changed)
    }

    fn operated(&mut self, param: &Param, op: &Op, found: Found) -> Result<Found, Flow> {
        match op {
            Op::Trim {
                suffix,
                longest,
                pattern,
            } => {
                let pattern = self.pattern_of(pattern)?;
                Ok(each(found, |text| trim(text, &pattern, *suffix, *longest)))
            }
            Op::Replace {
                kind,
                pattern,
                with,
            } => {
                let pattern = self.expand_pattern(pattern)?;
                let with = self.pieces(&with.parts, Context::SINGLE)?;
                let with = Replacement::new(&with, self.options.patsub_replacement);
                if pattern.is_empty() && *kind != '#' && *kind != '%' {
                    return Ok(found);
                }
                let pattern =
                    Pattern::new(&pattern, self.options.extglob, self.options.nocasematch);
                Ok(each(found, |text| replace(text, &pattern, &with, *kind)))
            }
            Op::Case { to, all, pattern } => {
                let text = self.expand_pattern(pattern)?;
                let pattern =
                    (!text.is_empty()).then(|| Pattern::new(&text, self.options.extglob, false));
                Ok(each(found, |text| {
                    change_case(text, *to, *all, pattern.as_ref())
                }))
            }
            Op::Slice { offset, length } => self.slice(param, found, offset, length.as_ref()),
            Op::Transform(kind) => self.transform(param, found, *kind),
            _ => Ok(found),
        }
    }

    fn slice(
        &mut self,
        param: &Param,
        found: Found,
        offset: &Word,
        length: Option<&Word>,
    ) -> Result<Found, Flow> {
        let offset = self.expand_arithmetic(&offset.parts)?;
        let length = match length {
            Some(word) => Some(self.expand_arithmetic(&word.parts)?),
            None => None,
        };
        match found {
            Found::Unset => Ok(Found::Unset),
            Found::One(text) => {
                let chars: Vec<char> = text.chars().collect();
                match self.bounds(chars.len(), offset, length, true)? {
                    Some((from, to)) => Ok(Found::One(chars[from..to].iter().collect())),
                    None => Ok(Found::One(String::new())),
                }
            }
            Found::Many(list, star) if matches!(param.name.as_str(), "@" | "*") => {
                let mut all = list;
                // Offset 0 includes $0; a negative one counts from the end.
                if offset > 0 {
                    return self.slice_list(all, offset - 1, length, star);
                }
                all.insert(0, self.name.clone());
                self.slice_list(all, offset, length, star)
            }
            Found::Many(list, star) => {
                let keys: Vec<i64> = self
                    .elements(&param.name)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|(k, _)| k.parse().ok())
                    .collect();
                // The offset is an index, and arrays may have gaps.
                let start = match keys.last() {
                    Some(last) if offset < 0 => last.saturating_add(1).saturating_add(offset),
                    _ => offset,
                };
                if start < 0 {
                    return Ok(Found::Many(Vec::new(), star));
                }
                let skipped = if keys.len() == list.len() {
                    keys.iter().filter(|k| **k < start).count()
                } else {
                    0
                };
                let offset = if keys.len() == list.len() {
                    i64::try_from(skipped).unwrap_or(0)
                } else {
                    offset
                };
                self.slice_list(list, offset, length, star)
            }
        }
    }

    fn slice_list(
        &mut self,
        list: Vec<String>,
        offset: i64,
        length: Option<i64>,
        star: bool,
    ) -> Result<Found, Flow> {
        if length.is_some_and(|l| l < 0) {
            return self.fatal(&format!(
                "{}: substring expression < 0",
                length.unwrap_or(0)
            ));
        }
        Ok(match self.bounds(list.len(), offset, length, false)? {
            Some((from, to)) => Found::Many(list[from..to].to_vec(), star),
            None => Found::Many(Vec::new(), star),
        })
    }

    fn bounds(
        &mut self,
        len: usize,
        offset: i64,
        length: Option<i64>,
        negative: bool,
    ) -> Result<Option<(usize, usize)>, Flow> {
        let n = i64::try_from(len).unwrap_or(i64::MAX);
        let from = if offset < 0 {
            n.saturating_add(offset)
        } else {
            offset
        };
        if from < 0 || from > n {
            return Ok(None);
        }
        let to = match length {
            None => n,
            Some(l) if l < 0 && negative => {
                let end = n.saturating_add(l);
                if end < from {
                    return self.fatal(&format!("{l}: substring expression < 0"));
                }
                end
            }
            Some(l) => from.saturating_add(l.max(0)).min(n),
        };
        Ok(Some((
            usize::try_from(from).unwrap_or(0),
            usize::try_from(to).unwrap_or(0),
        )))
    }

    /// The variable that `${name@a}` and `${name@A}` tell about: with `!`, the one that the value names.
    fn transformed_name(&mut self, param: &Param) -> Result<String, Flow> {
        let reference = self.vars.is_reference(&param.name);
        let target = match param.indirect && !reference {
            true => self.indirect_target(param)?,
            false => None,
        };
        Ok(match target {
            Some(target) => self.resolve(crate::builtins::base_name(&target)),
            None => self.resolve(&param.name),
        })
    }

    /// `${name@X}`.
    fn transform(&mut self, param: &Param, found: Found, kind: char) -> Result<Found, Flow> {
        Ok(match kind {
            'Q' => each(found, escape::bash_single_quote),
            'U' => each(found, |t| change_case(t, Case::Upper, true, None)),
            'L' => each(found, |t| change_case(t, Case::Lower, true, None)),
            'u' => each(found, |t| change_case(t, Case::Upper, false, None)),
            'E' => each(found, |t| escape::unescape(t, escape::Style::AnsiC, true).0),
            'P' => match found {
                Found::One(text) => Found::One(self.expand_prompt(&text)),
                other => other,
            },
            'a' => {
                let name = self.transformed_name(param)?;
                let flags = self.vars.find(&name).map(|v| v.flags()).unwrap_or_default();
                match found {
                    // An array that was declared without a value has them, too.
                    Found::Many(list, star) => {
                        let declared = usize::from(!flags.is_empty() && !param.indirect);
                        Found::Many(vec![flags; list.len().max(declared)], star)
                    }
                    _ => Found::One(flags),
                }
            }
            'A' => {
                let name = self.transformed_name(param)?;
                let list = matches!(param.index, Some(Index::At | Index::Star));
                match self.vars.find(&name) {
                    None => Found::Unset,
                    Some(v) => match &v.value {
                        Value::Scalar(text) if v.flags().is_empty() => {
                            Found::One(format!("{name}={}", escape::bash_single_quote(text)))
                        }
                        Value::Scalar(text) => Found::One(format!(
                            "declare -{} {name}={}",
                            v.flags(),
                            escape::bash_single_quote(text)
                        )),
                        _ if list => Found::One(v.declaration(&name)),
                        _ => Found::One(format!("declare -{} {name}", v.flags())),
                    },
                }
            }
            'K' | 'k' if matches!(param.index, Some(Index::At | Index::Star)) => {
                let pairs = self.elements(&param.name).unwrap_or_default();
                if kind == 'k' {
                    Found::Many(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect(), false)
                } else {
                    let texts: Vec<String> = pairs
                        .iter()
                        .map(|(k, v)| {
                            format!("{} {}", escape::subscript(k), escape::double_quote(v))
                        })
                        .collect();
                    let end = if self.is_assoc(&param.name) { " " } else { "" };
                    Found::One(texts.join(" ") + end)
                }
            }
            'K' | 'k' => each(found, escape::bash_single_quote),
            _ => found,
        })
    }
}
