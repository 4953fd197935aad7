//! The command `s`.

use std::rc::Rc;

use secure_exec_pattern::Pattern;

use super::{Editor, INVALID_SUFFIX, Wrong, delimited};

#[derive(Clone)]
pub struct Substitution {
    pattern: Rc<Pattern>,
    replacement: Vec<u8>,
    all: bool,
    nth: usize,
    /// What is printed of the last changed line.
    print: Vec<u8>,
}

impl Editor {
    /// Reads what stands behind `s`. Text of more lines ends in backslashes.
    pub fn parse_substitution(&mut self, text: &[u8]) -> Result<Substitution, Wrong> {
        let Some(&mark) = text.first().filter(|byte| !byte.is_ascii_alphanumeric()) else {
            let mut again = self
                .substitution
                .clone()
                .ok_or("No previous substitution")?;
            again.print = text.to_vec();
            return if text.iter().all(|byte| b"pln".contains(byte)) {
                Ok(again)
            } else {
                Err(INVALID_SUFFIX)
            };
        };
        if mark == b' ' || mark == b'\n' {
            return Err("Invalid pattern delimiter");
        }
        let (expression, rest) = delimited(&text[1..], mark);
        let mut raw = rest.to_vec();
        while ends_open(&raw) {
            let Some(more) = self.next_line().map_err(|_| "Cannot read")? else {
                break;
            };
            raw.push(b'\n');
            raw.extend(more);
        }
        let mut replacement = Vec::new();
        let mut at = 0;
        let mut closed = false;
        while let Some(&byte) = raw.get(at) {
            at += 1;
            if byte == mark {
                closed = true;
                break;
            }
            replacement.push(byte);
            if byte == b'\\' {
                replacement.extend(raw.get(at));
                at += 1;
            }
        }
        if replacement == b"%" {
            let last = self
                .substitution
                .as_ref()
                .ok_or("No previous substitution")?;
            replacement.clone_from(&last.replacement);
        }
        let mut made = Substitution {
            pattern: self.compile(&expression, false)?,
            replacement,
            all: false,
            nth: 1,
            print: if closed { Vec::new() } else { b"p".to_vec() },
        };
        let mut flags = raw.get(at..).unwrap_or_default();
        while let Some((&flag, rest)) = flags.split_first() {
            match flag {
                b'g' => made.all = true,
                b'I' | b'i' => made.pattern = self.compile(&expression, true)?,
                b'p' | b'l' | b'n' => made.print.push(flag),
                b'1'..=b'9' => {
                    made.nth = super::number(&mut flags).ok_or(INVALID_SUFFIX)?;
                    continue;
                }
                _ => return Err(INVALID_SUFFIX),
            }
            flags = rest;
        }
        self.substitution = Some(made.clone());
        Ok(made)
    }

    /// Substitutes in lines. No line that matches is a mistake unless a `g` chose the line.
    pub fn substitute(&mut self, made: &Substitution, from: usize, to: usize) -> Result<(), Wrong> {
        let mut changed = None;
        let mut number = from.max(1);
        let mut end = to;
        while number <= end {
            let Some(line) = self.buffer.lines.get(number - 1) else {
                break;
            };
            if let Some(text) = made.apply(line) {
                let lines: Vec<_> = text
                    .split(|byte| *byte == b'\n')
                    .map(|line| Rc::new(line.to_vec()))
                    .collect();
                let added = lines.len() - 1;
                self.buffer.lines.splice(number - 1..number, lines);
                number += added;
                end += added;
                changed = Some(number);
            }
            number += 1;
        }
        match changed {
            Some(number) => {
                self.buffer.dot = number;
                self.modified = true;
                if made.print.is_empty() {
                    Ok(())
                } else {
                    self.print(number, number, &made.print.clone())
                }
            }
            None if self.in_global => Ok(()),
            None => Err("No match"),
        }
    }
}

/// Whether a replacement goes on in the next line: the newline is escaped.
fn ends_open(raw: &[u8]) -> bool {
    raw.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

impl Substitution {
    fn apply(&self, line: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let (mut at, mut copied, mut count) = (0, 0, 0);
        let mut spans = Vec::new();
        let mut changed = false;
        while at <= line.len() && self.pattern.captures_at(line, at, &mut spans) {
            let Some((start, end)) = spans[0] else { break };
            count += 1;
            if count >= self.nth {
                changed = true;
                out.extend_from_slice(&line[copied..start]);
                let mut text = self.replacement.iter().copied();
                while let Some(byte) = text.next() {
                    let group = match byte {
                        b'&' => 0,
                        b'\\' => match text.next() {
                            Some(digit @ b'0'..=b'9') => usize::from(digit - b'0'),
                            other => {
                                out.extend(other);
                                continue;
                            }
                        },
                        byte => {
                            out.push(byte);
                            continue;
                        }
                    };
                    if let Some(Some((start, end))) = spans.get(group) {
                        out.extend_from_slice(&line[*start..*end]);
                    }
                }
                copied = end;
                if !self.all {
                    break;
                }
            }
            at = if end == start { end + 1 } else { end };
        }
        out.extend_from_slice(line.get(copied..).unwrap_or_default());
        changed.then_some(out)
    }
}
