//! Lines and which of them changed.

use std::ops::Range;

use super::options::{Format, Ignore, Options};
use super::script::{Effort, Script, script};

/// A text as lines, each with its end.
pub struct Text<'a> {
    pub lines: Vec<&'a [u8]>,
}

impl<'a> Text<'a> {
    pub fn new(content: &'a [u8]) -> Self {
        Self {
            lines: content.split_inclusive(|&byte| byte == b'\n').collect(),
        }
    }

    /// Whether the line is the last and has no newline.
    pub fn is_unended(&self, index: usize) -> bool {
        self.lines[index].last() != Some(&b'\n')
    }

    /// A line without its newline.
    pub fn bare(&self, index: usize) -> &'a [u8] {
        let line = self.lines[index];
        line.strip_suffix(b"\n").unwrap_or(line)
    }
}

/// Lines of the old text that were replaced by lines of the new one; either may be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub old: Range<usize>,
    pub new: Range<usize>,
    /// It does not count: only blank lines (`-B`) or lines that match (`-I`). Formats with context show it beside ones
    /// that do.
    pub ignored: bool,
}

/// The changes that lead from one text to the other, in order.
pub fn changes(old: &Text<'_>, new: &Text<'_>, options: &Options) -> Vec<Change> {
    // A script for `ed` cannot tell whether the last line has an end.
    let ends = matches!(options.format, Format::Ed | Format::ForwardEd);
    let key = |line: &&[u8]| normalize(line, &options.ignore, options.style.tab, ends);
    let old_keys: Vec<Vec<u8>> = old.lines.iter().map(key).collect();
    let new_keys: Vec<Vec<u8>> = new.lines.iter().map(key).collect();
    let horizon = match options.format {
        Format::Unified | Format::Context => options.horizon.max(options.context),
        _ => options.horizon,
    };
    let effort = Effort {
        minimal: options.minimal,
        horizon,
    };
    let found = script(&old_keys, &new_keys, effort);
    let ignorable = |line: &&[u8]| is_ignorable(line, options);
    let ignores = options.ignore.blank_lines || !options.ignore.lines.is_empty();
    let changes = hunks(&found).into_iter().map(|(before, after)| Change {
        ignored: ignores
            && old.lines[before.clone()].iter().all(ignorable)
            && new.lines[after.clone()].iter().all(ignorable),
        old: before,
        new: after,
    });
    changes.collect()
}

/// The runs of lines that are not in the other text, with where they stand in it.
pub fn hunks(found: &Script) -> Vec<(Range<usize>, Range<usize>)> {
    let count = |flags: &[bool]| flags.iter().take_while(|flag| **flag).count();
    let (mut at, mut other) = (0, 0);
    let mut hunks = Vec::new();
    while at < found.gone.len() || other < found.come.len() {
        let before = at..at + count(&found.gone[at..]);
        let after = other..other + count(&found.come[other..]);
        (at, other) = (before.end + 1, after.end + 1);
        if !before.is_empty() || !after.is_empty() {
            hunks.push((before, after));
        }
    }
    hunks
}

fn is_ignorable(line: &[u8], options: &Options) -> bool {
    let ignore = &options.ignore;
    let bare = line.strip_suffix(b"\n").unwrap_or(line);
    let is_blank = || {
        normalize(line, ignore, options.style.tab, true)
            .iter()
            .all(|&byte| byte == b'\n')
    };
    ignore.blank_lines && is_blank() || ignore.lines.iter().any(|pattern| pattern.is_match(bare))
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// What of a line counts.
fn normalize(line: &[u8], ignore: &Ignore, tab: usize, ends: bool) -> Vec<u8> {
    let (mut body, end) = match line.strip_suffix(b"\n") {
        Some(body) => (body.to_vec(), true),
        None => (line.to_vec(), false),
    };
    let ignores_end = ignore.space_change || ignore.all_space || ignore.trailing_space;
    if ignore.all_space {
        body.retain(|&byte| !is_space(byte));
    } else {
        if ignore.space_change {
            body = with_single_spaces(&body);
        } else if ignore.tab_expansion {
            body = expanded(&body, tab);
        }
        if ignores_end {
            let kept = body.iter().rposition(|&byte| !is_space(byte));
            body.truncate(kept.map_or(0, |at| at + 1));
        }
    }
    if ignore.case {
        body.make_ascii_lowercase();
    }
    // A missing newline at the end is only space, too.
    if end || ignores_end || ends {
        body.push(b'\n');
    }
    body
}

fn with_single_spaces(body: &[u8]) -> Vec<u8> {
    let mut shorter = Vec::with_capacity(body.len());
    for &byte in body {
        if !is_space(byte) {
            shorter.push(byte);
        } else if shorter.last() != Some(&b' ') {
            shorter.push(b' ');
        }
    }
    shorter
}

fn expanded(body: &[u8], tab: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut column = 0;
    for &byte in body {
        match byte {
            b'\t' => {
                let spaces = tab - column % tab;
                out.extend(std::iter::repeat_n(b' ', spaces));
                column += spaces;
                continue;
            }
            8 => column = column.saturating_sub(1),
            b'\r' => column = 0,
            _ => column += 1,
        }
        out.push(byte);
    }
    out
}
