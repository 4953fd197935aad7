//! Applies hunks to the lines of a file.

use super::merge;
use super::parse::{Hunk, Line};

pub struct Options {
    pub fuzz: usize,
    pub ignore_blanks: bool,
    /// The name of the condition around what changes.
    pub define: Option<Vec<u8>>,
    /// Whether hunks that do not fit are merged, and then whether the old lines of what contradicts are shown.
    pub merge: Option<bool>,
}

/// What came of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At this line, with an offset and a fuzz.
    Applied {
        line: usize,
        offset: isize,
        fuzz: usize,
    },
    Failed {
        line: usize,
    },
    /// Merged, with what there is to say of it, and whether there is a contradiction.
    Merged {
        text: String,
        conflicts: bool,
    },
}

pub struct Result {
    pub lines: Vec<Vec<u8>>,
    /// The last line has a newline.
    pub terminated: bool,
    pub outcomes: Vec<Outcome>,
}

fn same(left: &[u8], right: &[u8], ignore_blanks: bool) -> bool {
    if left == right {
        return true;
    }
    if !ignore_blanks {
        return false;
    }
    // A run of blanks matches any other; those at the end do not count.
    let collapsed = |text: &[u8]| {
        let mut collapsed: Vec<u8> = Vec::with_capacity(text.len());
        for &byte in text.trim_ascii_end() {
            if !byte.is_ascii_whitespace() {
                collapsed.push(byte);
            } else if collapsed.last() != Some(&b' ') {
                collapsed.push(b' ');
            }
        }
        collapsed
    };
    collapsed(left) == collapsed(right)
}

/// How many context lines a hunk begins and ends with.
fn context(hunk: &Hunk) -> (usize, usize) {
    let is_context = |line: &&Line| matches!(line, Line::Context(_));
    (
        hunk.lines.iter().take_while(is_context).count(),
        hunk.lines.iter().rev().take_while(is_context).count(),
    )
}

/// The hunk without some lines of context at its ends.
fn trimmed(hunk: &Hunk, start: usize, end: usize) -> &[Line] {
    &hunk.lines[start..hunk.lines.len() - end]
}

fn fits(lines: &[Vec<u8>], at: usize, wanted: &[&[u8]], ignore_blanks: bool) -> bool {
    at + wanted.len() <= lines.len()
        && wanted
            .iter()
            .zip(&lines[at..])
            .all(|(want, have)| same(want, have, ignore_blanks))
}

/// Where a hunk fits nearest to where it should: the line it begins at, from 0.
fn locate(
    lines: &[Vec<u8>],
    hunk: &Hunk,
    expected: isize,
    first: usize,
    fuzz: usize,
    options: &Options,
) -> Option<(usize, usize, usize)> {
    let (prefix, suffix) = context(hunk);
    let most = prefix.max(suffix);
    if fuzz > most {
        return None;
    }
    let cut_start = (fuzz + prefix).saturating_sub(most);
    let cut_end = (fuzz + suffix).saturating_sub(most);
    let all = hunk.old_lines();
    if cut_start + cut_end > all.len() {
        return None;
    }
    let wanted = &all[cut_start..all.len() - cut_end];
    let expected = expected + isize::try_from(cut_start).ok()?;
    let last = lines.len().checked_sub(wanted.len())?;
    // With less context before than behind, the hunk belongs to the start of the file; and the other way.
    let at_start = fuzz == 0 && prefix < suffix && hunk.old_start <= 1;
    let at_end = fuzz == 0 && suffix < prefix;
    if at_start {
        let fits = fits(lines, 0, wanted, options.ignore_blanks) && first == 0;
        return fits.then_some((0, cut_start, cut_end));
    }
    if at_end {
        let fits = last >= first && fits(lines, last, wanted, options.ignore_blanks);
        return fits.then_some((last, cut_start, cut_end));
    }
    // The hunk may be numbered far off: only the distances of lines that are there count.
    let low = isize::try_from(first + cut_start).ok()?;
    let high = isize::try_from(last).ok()?;
    if low > high {
        return None;
    }
    let nearest = (low - expected).max(expected - high).max(0);
    let farthest = (expected - low).abs().max((high - expected).abs());
    for distance in nearest..=farthest {
        for at in [expected + distance, expected - distance] {
            let Ok(at) = usize::try_from(at) else {
                continue;
            };
            if at >= first + cut_start
                && at <= last
                && fits(lines, at, wanted, options.ignore_blanks)
            {
                return Some((at, cut_start, cut_end));
            }
            if distance == 0 {
                break;
            }
        }
    }
    None
}

/// Lines that are exchanged.
#[derive(Default)]
struct Change {
    removed: Vec<Vec<u8>>,
    added: Vec<Vec<u8>>,
}

impl Change {
    /// Puts what there is now into the result: the new lines, or both under a condition.
    fn put(&mut self, options: &Options, result: &mut Vec<Vec<u8>>) {
        if let Some(name) = &options.define {
            let mut condition = |word: &[u8]| result.push([word, name].concat());
            match (self.removed.is_empty(), self.added.is_empty()) {
                (true, true) => return,
                (true, false) => condition(b"#ifdef "),
                _ => condition(b"#ifndef "),
            }
            let both = !self.removed.is_empty() && !self.added.is_empty();
            result.append(&mut self.removed);
            if both {
                result.push(b"#else".to_vec());
            }
            result.append(&mut self.added);
            result.push(b"#endif".to_vec());
            return;
        }
        self.removed.clear();
        result.append(&mut self.added);
    }
}

/// The lines of a file, and whether the last one ends.
pub fn lines_of(text: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut lines: Vec<Vec<u8>> = text
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
        return (lines, true);
    }
    (lines, false)
}

pub fn apply(text: &[u8], hunks: &[Hunk], options: &Options) -> Result {
    let (lines, mut terminated) = lines_of(text);
    let mut result = Vec::with_capacity(lines.len());
    let mut outcomes = Vec::new();
    // The next line that is not copied yet, and how far the last hunk was from where it should be.
    let mut copied = 0;
    let mut offset: isize = 0;
    for hunk in hunks {
        let nominal = isize::try_from(hunk.old_start).unwrap_or(isize::MAX) - 1;
        let empty_old = hunk.old_lines().is_empty();
        // An insertion without context is numbered by the line before it.
        let nominal = if empty_old && hunk.old_start == 0 {
            0
        } else {
            nominal
        };
        let expected = nominal + offset;
        let found = (0..=options.fuzz).find_map(|fuzz| {
            locate(&lines, hunk, expected, copied, fuzz, options).map(|found| (found, fuzz))
        });
        let misfits = !matches!(found, Some((_, 0)));
        if let Some(base) = options.merge.filter(|_| misfits) {
            let around = usize::try_from(expected.max(0)).unwrap_or(0);
            if let Some(merged) = merge::merge(&lines, hunk, copied, around, base) {
                result.extend_from_slice(&lines[copied..merged.start]);
                outcomes.push(Outcome::Merged {
                    text: merged.message(result.len() + 1),
                    conflicts: merged.conflicts(),
                });
                result.extend_from_slice(&merged.lines);
                copied = merged.end;
                continue;
            }
        }
        let Some(((at, cut_start, cut_end), fuzz)) = found else {
            let line = usize::try_from(expected.max(0)).unwrap_or(0) + 1;
            outcomes.push(Outcome::Failed { line });
            continue;
        };
        result.extend(lines[copied..at].iter().cloned());
        let line = result.len() + 1 - cut_start.min(result.len());
        let mut next = at;
        let mut change = Change::default();
        for line in trimmed(hunk, cut_start, cut_end) {
            match line {
                Line::Context(_) => {
                    change.put(options, &mut result);
                    result.push(lines[next].clone());
                    next += 1;
                }
                Line::Remove(_) => {
                    change.removed.push(lines[next].clone());
                    next += 1;
                }
                Line::Add(text) => change.added.push(text.clone()),
            }
        }
        change.put(options, &mut result);
        copied = next;
        let shift =
            isize::try_from(at).unwrap_or(0) - isize::try_from(cut_start).unwrap_or(0) - nominal;
        offset = shift;
        outcomes.push(Outcome::Applied {
            line,
            offset: shift,
            fuzz,
        });
        if next == lines.len() && cut_end == 0 {
            let last_is_context = matches!(hunk.lines.last(), Some(Line::Context(_)));
            if !last_is_context || hunk.new_unterminated {
                terminated = !hunk.new_unterminated;
            }
        }
    }
    result.extend(lines[copied..].iter().cloned());
    Result {
        lines: result,
        terminated,
        outcomes,
    }
}
