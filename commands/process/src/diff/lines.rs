//! Lines and which of them changed.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use super::options::Options;

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
}

/// The changes that lead from one text to the other, in order.
pub fn changes(old: &Text<'_>, new: &Text<'_>, options: &Options) -> Vec<Change> {
    let key = |line: &&[u8]| normalize(line, options);
    let old_keys: Vec<Vec<u8>> = old.lines.iter().map(key).collect();
    let new_keys: Vec<Vec<u8>> = new.lines.iter().map(key).collect();
    let mut input: InternedInput<&[u8]> = InternedInput::default();
    input.update_before(old_keys.iter().map(Vec::as_slice));
    input.update_after(new_keys.iter().map(Vec::as_slice));
    let mut diff = Diff::compute(Algorithm::MyersMinimal, &input);
    diff.postprocess_no_heuristic(&input);
    let range = |range: Range<u32>| range.start as usize..range.end as usize;
    let found = diff.hunks().map(|hunk| Change {
        old: range(hunk.before),
        new: range(hunk.after),
    });
    if !options.ignore_blank_lines {
        return found.collect();
    }
    let is_blank = |line: &&[u8]| normalize(line, options).iter().all(|&byte| byte == b'\n');
    let only_blank = |change: &Change| {
        old.lines[change.old.clone()].iter().all(is_blank)
            && new.lines[change.new.clone()].iter().all(is_blank)
    };
    found.filter(|change| !only_blank(change)).collect()
}

/// What of a line counts.
fn normalize(line: &[u8], options: &Options) -> Vec<u8> {
    let (mut body, mut end) = match line.strip_suffix(b"\n") {
        Some(body) => (body.to_vec(), true),
        None => (line.to_vec(), false),
    };
    if options.strip_carriage_return && body.last() == Some(&b'\r') {
        body.pop();
    }
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    if options.ignore_all_space {
        body.retain(|byte| !is_space(byte));
    } else if options.ignore_space_change {
        let mut shorter = Vec::with_capacity(body.len());
        for byte in body {
            if !is_space(&byte) {
                shorter.push(byte);
            } else if shorter.last() != Some(&b' ') {
                shorter.push(b' ');
            }
        }
        body = shorter;
    }
    if options.ignore_space_change || options.ignore_trailing_space {
        let kept = body
            .iter()
            .rposition(|byte| !is_space(byte))
            .map_or(0, |at| at + 1);
        body.truncate(kept);
    }
    if options.ignore_space_change || options.ignore_all_space || options.ignore_trailing_space {
        // A missing newline at the end is only space, too.
        end = true;
    }
    if options.ignore_case {
        body.make_ascii_lowercase();
    }
    if end {
        body.push(b'\n');
    }
    body
}
