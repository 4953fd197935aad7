//! The places where not all three texts are the same.

use std::ops::Range;

use secure_exec_cli::warn;

use crate::diff::lines::{Text, hunks};
use crate::diff::script::{Effort, script};

/// Which text differs from the two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    First,
    Second,
    Third,
    All,
}

impl Odd {
    fn only(text: usize) -> Self {
        [Self::First, Self::Second, Self::Third][text]
    }
}

/// A place where texts differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The lines that each text has there.
    pub lines: [Range<usize>; 3],
    pub odd: Odd,
}

/// Lines of what texts begin and end with that are part of a comparison.
const HORIZON: usize = 100;

/// Finds the blocks, in order. `common`, 1 or 2, is the text that the other two are compared with. A script for `ed`
/// cannot leave the end of the last line away: for one that is said, and all lines count as ended.
pub fn blocks(texts: [&Text<'_>; 3], common: usize, for_ed: bool) -> Vec<Block> {
    let sides = [0, 3 - common];
    let found = sides.map(|side| compare(texts[side], texts[common]));
    if for_ed {
        for (side, hunks) in sides.iter().zip(&found).rev() {
            for (ours, theirs) in hunks {
                unended(texts[*side], ours);
                unended(texts[common], theirs);
            }
        }
    }
    let mut next = [0, 0];
    // How far behind a line of the common text the same line of each side is.
    let mut shift = [0_isize; 2];
    let mut blocks = Vec::new();
    loop {
        let begin = |at: usize, next: &[usize; 2]| found[at].get(next[at]).map(|hunk| hunk.1.start);
        let Some(start) = (0..2).filter_map(|at| begin(at, &next)).min() else {
            return blocks;
        };
        let (before, first) = (shift, next);
        let mut end = start;
        // Hunks that touch are one block.
        while let Some(at) = (0..2).find(|&at| begin(at, &next).is_some_and(|line| line <= end)) {
            let (ours, theirs) = &found[at][next[at]];
            end = end.max(theirs.end);
            shift[at] = ours.end.cast_signed() - theirs.end.cast_signed();
            next[at] += 1;
        }
        let mut lines = [const { 0..0 }; 3];
        lines[common] = start..end;
        for at in 0..2 {
            lines[sides[at]] =
                start.saturating_add_signed(before[at])..end.saturating_add_signed(shift[at]);
        }
        let text = |text: usize| -> Vec<&[u8]> {
            let lines = texts[text].lines[lines[text].clone()].iter();
            let counted = lines.map(|line| match line.strip_suffix(b"\n") {
                Some(bare) if for_ed => bare,
                _ => line,
            });
            counted.collect()
        };
        let odd = match [0, 1].map(|at| next[at] > first[at]) {
            [true, false] => Odd::First,
            [false, _] => Odd::only(sides[1]),
            [true, true] if text(sides[0]) == text(sides[1]) => Odd::only(common),
            [true, true] => Odd::All,
        };
        blocks.push(Block { lines, odd });
    }
}

fn compare(text: &Text<'_>, common: &Text<'_>) -> Vec<(Range<usize>, Range<usize>)> {
    let keys = |text: &Text<'_>| text.lines.iter().map(|line| line.to_vec()).collect();
    let (ours, theirs): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (keys(text), keys(common));
    let effort = Effort {
        minimal: false,
        horizon: HORIZON,
    };
    hunks(&script(&ours, &theirs, effort))
}

fn unended(text: &Text<'_>, lines: &Range<usize>) {
    if !lines.is_empty() && text.is_unended(lines.end - 1) {
        warn("diff3", "No newline at end of file");
    }
}

#[cfg(test)]
mod tests {
    use super::{Odd, blocks};
    use crate::diff::lines::Text;

    fn found(texts: [&str; 3]) -> Vec<(String, Odd)> {
        let texts = texts.map(|text| Text::new(text.as_bytes()));
        let blocks = blocks(texts.each_ref(), 1, false);
        let shown = blocks.into_iter().map(|block| {
            let ranges = block
                .lines
                .map(|lines| format!("{}-{}", lines.start, lines.end));
            (ranges.join(" "), block.odd)
        });
        shown.collect()
    }

    #[test]
    fn changes_of_one_text_are_told_from_those_of_both() {
        let (old, mine) = ("a\nb\nc\nd\ne\n", "A\nb\nc\nd\nx\n");
        assert_eq!(
            found([mine, old, "a\nb\nC\nd\nx\n"]),
            [
                ("0-1 0-1 0-1".to_owned(), Odd::First),
                ("2-3 2-3 2-3".to_owned(), Odd::Third),
                ("4-5 4-5 4-5".to_owned(), Odd::Second),
            ]
        );
        assert_eq!(
            found([mine, old, "B\nb\nc\nd\ne\n"])[0],
            ("0-1 0-1 0-1".to_owned(), Odd::All)
        );
    }

    #[test]
    fn changes_that_touch_are_one() {
        assert_eq!(
            found(["a\nX\nc\n", "a\nb\nc\n", "a\nb\nY\n"]),
            [("1-3 1-3 1-3".to_owned(), Odd::All)]
        );
        assert_eq!(found(["", "", ""]), []);
    }
}
