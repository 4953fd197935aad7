//! What `s` makes of a text, and `l`.

use super::script::{Case, Part, Substitution};
use crate::pattern::{Pattern, Span};
use std::io::Write;

/// Writes `text` with its matches replaced to `result`. False if nothing was replaced.
pub fn replace(
    pattern: &Pattern,
    substitution: &Substitution,
    text: &[u8],
    spans: &mut Vec<Option<Span>>,
    result: &mut Vec<u8>,
) -> bool {
    let grouped = substitution
        .replacement
        .iter()
        .any(|part| matches!(part, Part::Group(group) if *group > 0));
    let find = |at: usize, spans: &mut Vec<Option<Span>>| {
        if grouped {
            pattern
                .captures_at(text, at, spans)
                .then(|| spans[0])
                .flatten()
        } else {
            let found = pattern.find_at(text, at);
            spans.clear();
            spans.push(found);
            found
        }
    };
    result.clear();
    let mut copied = 0;
    let mut at = 0;
    let mut count = 0;
    let mut changed = false;
    let mut previous_end = None;
    while at <= text.len() {
        let Some((start, end)) = find(at, spans) else {
            break;
        };
        // An empty match right behind another match does not count.
        if start == end && previous_end == Some(start) {
            at = start + character(&text[start..]);
            continue;
        }
        count += 1;
        previous_end = Some(end);
        if count >= substitution.number {
            result.extend_from_slice(&text[copied..start]);
            expand(&substitution.replacement, text, spans, result);
            copied = end;
            changed = true;
            if !substitution.global {
                break;
            }
        }
        at = if end > start {
            end
        } else {
            end + character(&text[end..])
        };
    }
    if changed {
        result.extend_from_slice(&text[copied..]);
    }
    changed
}

/// The length of the character at the start of `text`, at least 1.
pub fn character(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return 1,
    };
    match text.get(..length) {
        Some(bytes) if std::str::from_utf8(bytes).is_ok() => length,
        _ => 1,
    }
}

/// The state of `\U` and its kind.
struct Casing {
    whole: Option<Case>,
    next: Option<Case>,
}

impl Casing {
    fn append(&mut self, text: &[u8], result: &mut Vec<u8>) {
        if (self.whole.is_none() && self.next.is_none()) || text.is_empty() {
            result.extend_from_slice(text);
            return;
        }
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                let case = self.next.take().or(self.whole);
                let mut buffer = [0; 4];
                match case {
                    Some(Case::Upper | Case::UpperNext) => {
                        for upper in character.to_uppercase() {
                            result.extend_from_slice(upper.encode_utf8(&mut buffer).as_bytes());
                        }
                    }
                    Some(Case::Lower | Case::LowerNext) => {
                        for lower in character.to_lowercase() {
                            result.extend_from_slice(lower.encode_utf8(&mut buffer).as_bytes());
                        }
                    }
                    _ => result.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
                }
            }
            result.extend_from_slice(chunk.invalid());
        }
    }
}

fn expand(parts: &[Part], text: &[u8], spans: &[Option<Span>], result: &mut Vec<u8>) {
    let mut casing = Casing {
        whole: None,
        next: None,
    };
    for part in parts {
        match part {
            Part::Text(literal) => casing.append(literal, result),
            Part::Group(group) => {
                if let Some(Some((start, end))) = spans.get(*group) {
                    casing.append(&text[*start..*end], result);
                }
            }
            Part::Case(Case::End) => {
                casing = Casing {
                    whole: None,
                    next: None,
                }
            }
            Part::Case(case @ (Case::UpperNext | Case::LowerNext)) => casing.next = Some(*case),
            Part::Case(case) => casing.whole = Some(*case),
        }
    }
}

/// The form of `l`, without the end of its line: everything printable, lines folded after `length` characters (0 and 1: never).
pub fn listed(text: &[u8], length: usize) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len() + 2);
    let mut column = 0;
    let mut piece = Vec::new();
    for &byte in text {
        piece.clear();
        match byte {
            b'\\' => piece.extend_from_slice(br"\\"),
            0x07 => piece.extend_from_slice(br"\a"),
            0x08 => piece.extend_from_slice(br"\b"),
            0x0c => piece.extend_from_slice(br"\f"),
            b'\n' => piece.extend_from_slice(br"\n"),
            b'\r' => piece.extend_from_slice(br"\r"),
            b'\t' => piece.extend_from_slice(br"\t"),
            0x0b => piece.extend_from_slice(br"\v"),
            b' '..=b'~' => piece.push(byte),
            _ => {
                let written = write!(piece, "\\{byte:03o}");
                debug_assert!(written.is_ok());
            }
        }
        if length > 1 && column + piece.len() > length - 1 {
            result.extend_from_slice(b"\\\n");
            column = 0;
        }
        column += piece.len();
        result.extend_from_slice(&piece);
    }
    result.push(b'$');
    result
}
