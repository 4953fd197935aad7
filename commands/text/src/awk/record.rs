//! The current record and its fields, split when first asked for.

use super::value::Value;
use crate::pattern::{Pattern, Span};
use std::rc::Rc;

/// What separates fields.
#[derive(Clone)]
pub enum Splitter {
    /// Runs of blanks and newlines; those at the ends do not count.
    Blanks,
    Byte(u8),
    Regex(Rc<Pattern>),
    /// Every character is a field.
    Characters,
    /// Fields are what matches.
    Content(Rc<Pattern>),
    /// Fields have these widths, each behind so many characters that are skipped.
    Widths(Rc<Vec<(usize, usize)>>),
}

impl Splitter {
    /// Appends the parts of `text` to `spans`; `newline` separates too in paragraph mode.
    pub fn split(&self, text: &[u8], newline: bool, spans: &mut Vec<Span>) {
        self.split_noting(text, newline, spans, &mut |_| {});
    }

    /// As [`Splitter::split`], also telling each separator.
    pub fn split_noting(
        &self,
        text: &[u8],
        newline: bool,
        spans: &mut Vec<Span>,
        separator: &mut dyn FnMut(Span),
    ) {
        if text.is_empty() {
            return;
        }
        match self {
            Self::Blanks => blanks(text, spans, separator),
            Self::Byte(byte) => {
                let mut start = 0;
                let mut add = |at: usize| {
                    spans.push((start, at));
                    separator((at, at + 1));
                    start = at + 1;
                };
                if newline {
                    memchr::memchr2_iter(*byte, b'\n', text).for_each(&mut add);
                } else {
                    memchr::memchr_iter(*byte, text).for_each(&mut add);
                }
                spans.push((start, text.len()));
            }
            // A newline does not separate beside a pattern, in gawk as in other awks.
            Self::Regex(pattern) => regex(pattern, text, spans, separator),
            Self::Characters => {
                let mut start = 0;
                while start < text.len() {
                    let end = start + crate::sed::character(&text[start..]);
                    spans.push((start, end));
                    start = end;
                }
            }
            Self::Content(pattern) => contents(pattern, text, spans),
            Self::Widths(widths) => {
                let mut at = 0;
                for &(skip, take) in widths.iter() {
                    at += super::text::offset(&text[at..], skip);
                    if at >= text.len() {
                        break;
                    }
                    let end = at + super::text::offset(&text[at..], take);
                    spans.push((at, end));
                    at = end;
                }
            }
        }
    }
}

fn blanks(text: &[u8], spans: &mut Vec<Span>, separator: &mut dyn FnMut(Span)) {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n');
    let mut at = 0;
    loop {
        let gap = at;
        while text.get(at).is_some_and(blank) {
            at += 1;
        }
        if at == text.len() {
            return;
        }
        if !spans.is_empty() && gap > 0 {
            separator((gap, at));
        }
        let start = at;
        while text.get(at).is_some_and(|byte| !blank(byte)) {
            at += 1;
        }
        spans.push((start, at));
    }
}

fn regex(pattern: &Pattern, text: &[u8], spans: &mut Vec<Span>, separator: &mut dyn FnMut(Span)) {
    let mut start = 0;
    let mut at = 0;
    while at <= text.len() {
        let Some((from, to)) = pattern.find_at(text, at) else {
            break;
        };
        if from == to {
            at = from + 1;
            continue;
        }
        spans.push((start, from));
        separator((from, to));
        start = to;
        at = to;
    }
    spans.push((start, text.len()));
}

/// What matches in a text, one after the other. A field may be empty, but not where another ended.
fn contents(pattern: &Pattern, text: &[u8], spans: &mut Vec<Span>) {
    let mut at = 0;
    let mut end = None;
    while at <= text.len() {
        let Some((from, to)) = pattern.find_at(text, at) else {
            return;
        };
        if from == to {
            if end != Some(from) {
                spans.push((from, to));
            }
            at = from + 1;
        } else {
            spans.push((from, to));
            at = to;
        }
        end = Some(to);
    }
}

#[derive(Default)]
pub struct Record {
    text: Rc<Vec<u8>>,
    split: bool,
    /// A field was assigned: the text must be put together again.
    stale: bool,
    spans: Vec<Span>,
    /// The fields that were assigned.
    values: Vec<Option<Value>>,
}

impl Record {
    pub fn set(&mut self, text: Rc<Vec<u8>>) {
        self.text = text;
        self.split = false;
        self.stale = false;
        self.values.clear();
    }

    /// Reuses the buffer of the record if nobody else holds it.
    pub fn buffer(&mut self) -> Vec<u8> {
        Rc::try_unwrap(std::mem::take(&mut self.text)).unwrap_or_default()
    }

    pub fn split(&mut self, splitter: &Splitter, newline: bool) {
        if !self.split {
            self.split = true;
            self.spans.clear();
            splitter.split(&self.text, newline, &mut self.spans);
        }
    }

    /// Number of fields, once split.
    pub fn count(&self) -> usize {
        self.spans.len()
    }

    pub fn text(&mut self, separator: &[u8], convfmt: &[u8]) -> &Rc<Vec<u8>> {
        if self.stale {
            let mut text = Vec::with_capacity(self.text.len() + 16);
            let mut spans = Vec::with_capacity(self.spans.len());
            for index in 0..self.spans.len() {
                if index > 0 {
                    text.extend_from_slice(separator);
                }
                let start = text.len();
                match self.values.get(index) {
                    Some(Some(value)) => value.append_to(&mut text, convfmt),
                    _ => {
                        let (from, to) = self.spans[index];
                        text.extend_from_slice(&self.text[from..to]);
                    }
                }
                spans.push((start, text.len()));
            }
            self.text = Rc::new(text);
            self.spans = spans;
            self.stale = false;
        }
        &self.text
    }

    /// The bytes of a field that was not assigned, counted from 1.
    pub fn plain(&self, index: usize) -> Option<&[u8]> {
        if let Some(Some(_)) = self.values.get(index - 1) {
            return None;
        }
        let (from, to) = self.spans.get(index - 1).copied().unwrap_or((0, 0));
        Some(&self.text[from..to])
    }

    pub fn assigned(&self, index: usize) -> Option<&Value> {
        self.values.get(index - 1)?.as_ref()
    }

    pub fn exists(&self, index: usize) -> bool {
        index <= self.spans.len()
    }

    pub fn set_field(&mut self, index: usize, value: Value) {
        if index > self.spans.len() {
            self.spans.resize(index, (0, 0));
        }
        if self.values.len() < index {
            self.values.resize(index, None);
        }
        self.values[index - 1] = Some(value);
        self.stale = true;
    }

    pub fn set_count(&mut self, count: usize) {
        self.spans.resize(count, (0, 0));
        self.values.truncate(count);
        self.stale = true;
    }
}
