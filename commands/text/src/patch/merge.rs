//! `--merge`: puts what a hunk changes and what was changed in the file together, and what contradicts between marks.

use super::parse::{Hunk, Line};

/// What came of a hunk, in the words of the message about it.
pub struct Merged {
    /// What stands in place of the lines from `start` to `end` of the file.
    pub lines: Vec<Vec<u8>>,
    pub start: usize,
    pub end: usize,
    /// Each change with where it is in these lines: from the first to the last.
    pub changes: Vec<(Change, usize, usize)>,
    /// How many lines the changes took away: the GNU tool counts them on.
    removed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Merged,
    AlreadyApplied,
    NotMerged,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::AlreadyApplied => "already applied",
            Self::NotMerged => "NOT MERGED",
        }
    }
}

/// The most comparisons of lines for a hunk whose place is looked for.
const MOST_WORK: usize = 20_000_000;

/// Pairs of a line of the hunk and one of the file that are the same, in both orders.
type Pairs = Vec<(usize, usize)>;

/// Finds where the old lines of a hunk differ least from the file, nearest to `expected`: the first line, the line
/// behind the last, and what is the same.
fn align(
    old: &[&[u8]],
    lines: &[Vec<u8>],
    first: usize,
    expected: usize,
) -> Option<(usize, usize, Pairs)> {
    let rows = old.len() + 1;
    let width = lines.len() - first;
    if rows.saturating_mul(width + 1) > MOST_WORK {
        return None;
    }
    // costs[row][column]: the least insertions and deletions for so many old lines that end here; a way may begin anywhere.
    let mut costs = vec![vec![0_u32; width + 1]; rows];
    for row in 1..rows {
        costs[row][0] = costs[row - 1][0] + 1;
        for column in 1..=width {
            costs[row][column] = if old[row - 1] == lines[first + column - 1].as_slice() {
                costs[row - 1][column - 1]
            } else {
                1 + costs[row - 1][column].min(costs[row][column - 1])
            };
        }
    }
    let nominal_end = (expected + old.len()).saturating_sub(first);
    let end = (0..=width)
        .min_by_key(|&column| (costs[rows - 1][column], column.abs_diff(nominal_end)))?;
    let (mut row, mut column) = (rows - 1, end);
    let mut pairs = Vec::new();
    while row > 0 {
        if column > 0 && old[row - 1] == lines[first + column - 1].as_slice() {
            row -= 1;
            column -= 1;
            pairs.push((row, first + column));
        } else if column > 0 && costs[row][column] == 1 + costs[row][column - 1] {
            column -= 1;
        } else {
            row -= 1;
        }
    }
    pairs.reverse();
    let (start, end) = (first + column, first + end);
    if costs[rows - 1][end - first] as usize == old.len() {
        // Nothing is the same.
        let start = expected.clamp(first, lines.len());
        return Some((start, start, Vec::new()));
    }
    Some((start, end, pairs))
}

/// The lines between two that are the same everywhere.
#[derive(Default)]
struct Chunk {
    old: Vec<Vec<u8>>,
    new: Vec<Vec<u8>>,
}

/// Merges a hunk into the lines from `first` on. Nothing if there is too much to compare.
pub fn merge(
    lines: &[Vec<u8>],
    hunk: &Hunk,
    first: usize,
    expected: usize,
    base: bool,
) -> Option<Merged> {
    let old = hunk.old_lines();
    let (start, end, pairs) = align(&old, lines, first, expected)?;
    let mut merged = Merged {
        lines: Vec::new(),
        start,
        end,
        changes: Vec::new(),
        removed: 0,
    };
    let mut pairs = pairs.into_iter().peekable();
    let (mut at_old, mut at_file) = (0, start);
    let mut chunk = Chunk::default();
    for line in &hunk.lines {
        match line {
            Line::Add(text) => {
                chunk.new.push(text.clone());
                continue;
            }
            Line::Remove(text) => chunk.old.push(text.clone()),
            Line::Context(text) => {
                let paired = pairs.next_if(|pair| pair.0 == at_old);
                if let Some((_, file)) = paired {
                    merged.chunk(&chunk, &lines[at_file..file], base);
                    merged.lines.push(lines[file].clone());
                    at_file = file + 1;
                    at_old += 1;
                    chunk = Chunk::default();
                    continue;
                }
                chunk.old.push(text.clone());
                chunk.new.push(text.clone());
            }
        }
        pairs.next_if(|pair| pair.0 == at_old);
        at_old += 1;
    }
    merged.chunk(&chunk, &lines[at_file..end], base);
    Some(merged)
}

impl Merged {
    fn chunk(&mut self, chunk: &Chunk, file: &[Vec<u8>], base: bool) {
        let here = self.lines.len();
        let counted = here + self.removed;
        if chunk.old == chunk.new {
            return self.lines.extend_from_slice(file);
        }
        let change = if chunk.old == file {
            self.lines.extend_from_slice(&chunk.new);
            self.removed += chunk.old.len();
            Change::Merged
        } else if chunk.new == file {
            self.lines.extend_from_slice(file);
            Change::AlreadyApplied
        } else {
            self.lines.push(b"<<<<<<<".to_vec());
            self.lines.extend_from_slice(file);
            if base {
                self.lines.push(b"|||||||".to_vec());
                self.lines.extend_from_slice(&chunk.old);
            }
            self.lines.push(b"=======".to_vec());
            self.lines.extend_from_slice(&chunk.new);
            self.lines.push(b">>>>>>>".to_vec());
            Change::NotMerged
        };
        let last = if change == Change::NotMerged {
            counted + self.lines.len() - here - 1
        } else {
            counted
        };
        self.changes.push((change, counted, last));
    }

    pub fn conflicts(&self) -> bool {
        self.changes
            .iter()
            .any(|(change, ..)| *change == Change::NotMerged)
    }

    /// What is said of the changes, `merged at 5, NOT MERGED at 13-18`; the first line is number `line` of the result.
    /// A change of the kind of the first goes without its name.
    pub fn message(&self, line: usize) -> String {
        let mut text = String::new();
        for (index, (change, from, to)) in self.changes.iter().enumerate() {
            if index == 0 {
                text = format!("{} at ", change.name());
            } else if *change == self.changes[0].0 {
                text.push(',');
            } else {
                text.push_str(&format!(", {} at ", change.name()));
            }
            text.push_str(&(line + from).to_string());
            if *change == Change::NotMerged {
                text.push_str(&format!("-{}", line + to));
            }
        }
        text
    }
}
