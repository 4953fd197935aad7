//! The shortest way from one sequence of lines to another, by E. Myers, "An O(ND) Difference Algorithm and Its
//! Variations" (1986), in linear space; of ways of one length, that which GNU's `diff` finds.

use std::collections::HashMap;

/// Places that are looked at in full searches. After these the best place of a short one has to do, so that texts that
/// have nothing in common take no time that is the square of their length.
const MOST_PLACES: usize = 1 << 26;

/// Steps of a short search.
const SHORT: usize = 64;

/// Which lines of either sequence are not in the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub gone: Vec<bool>,
    pub come: Vec<bool>,
}

/// How a script is looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort {
    /// The script is the shortest there is (`-d`). Else lines that the other text has not are left out of the search.
    pub minimal: bool,
    /// Lines of what both texts begin and end with that a change may be moved into (`--horizon-lines`).
    pub horizon: usize,
}

/// Finds what differs of lines that are given by keys.
pub fn script<'a>(old: &'a [Vec<u8>], new: &'a [Vec<u8>], effort: Effort) -> Script {
    let mut numbers: HashMap<&'a [u8], u32> = HashMap::new();
    let mut number = |lines: &'a [Vec<u8>]| -> Vec<u32> {
        lines
            .iter()
            .map(|line| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(line).or_insert(next)
            })
            .collect()
    };
    let (old, new) = (number(old), number(new));
    let kinds = numbers.len();
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same;
    let ends = old.iter().rev().zip(new.iter().rev()).take(rest);
    let same_end = ends.take_while(|(a, b)| a == b).count();
    let (begin, end) = (
        same - same.min(effort.horizon),
        same_end - same_end.min(effort.horizon),
    );
    let (before, after) = (&old[begin..old.len() - end], &new[begin..new.len() - end]);
    let mut found = within(before, after, kinds, effort);
    slide(before, &mut found.gone, &found.come);
    slide(after, &mut found.come, &found.gone);
    let whole = |flags: Vec<bool>, length: usize| {
        let mut all = vec![false; begin];
        all.extend(flags);
        all.resize(length, false);
        all
    };
    Script {
        gone: whole(found.gone, old.len()),
        come: whole(found.come, new.len()),
    }
}

fn within(old: &[u32], new: &[u32], kinds: usize, effort: Effort) -> Script {
    // Lines that take part in the search.
    let kept = |lines: &[u32], other: &[u32]| -> Vec<usize> {
        let mut known = vec![effort.minimal; kinds];
        other.iter().for_each(|&kind| known[kind as usize] = true);
        (0..lines.len())
            .filter(|&at| known[lines[at] as usize])
            .collect()
    };
    let (old_kept, new_kept) = (kept(old, new), kept(new, old));
    let pick =
        |lines: &[u32], kept: &[usize]| -> Vec<u32> { kept.iter().map(|&at| lines[at]).collect() };
    let (before, after) = (pick(old, &old_kept), pick(new, &new_kept));
    let mut search = Search::new(&before, &after, effort.minimal);
    search.run();
    let spread = |flags: &[bool], kept: &[usize], length: usize| {
        let mut all = vec![true; length];
        kept.iter()
            .zip(flags)
            .for_each(|(&at, &flag)| all[at] = flag);
        all
    };
    Script {
        gone: spread(&search.gone, &old_kept, old.len()),
        come: spread(&search.come, &new_kept, new.len()),
    }
}

/// A search on diagonals: lines `x` of the old and `y` of the new sequence are on diagonal `x - y`.
struct Search<'a> {
    old: &'a [u32],
    new: &'a [u32],
    minimal: bool,
    gone: Vec<bool>,
    come: Vec<bool>,
    /// How far paths from the beginning and from the end got on each diagonal, which are counted from `origin`.
    forward: Vec<isize>,
    backward: Vec<isize>,
    origin: isize,
    /// Places that may still be looked at.
    budget: usize,
}

/// A part of both sequences.
#[derive(Clone, Copy)]
struct Part {
    old: (isize, isize),
    new: (isize, isize),
}

const BEHIND_ALL: isize = isize::MAX / 2;
const BEFORE_ALL: isize = -BEHIND_ALL;

fn place(at: isize) -> usize {
    usize::try_from(at).expect("a place within the sequences")
}

impl<'a> Search<'a> {
    fn new(old: &'a [u32], new: &'a [u32], minimal: bool) -> Self {
        let diagonals = old.len() + new.len() + 3;
        Self {
            old,
            new,
            minimal,
            gone: vec![false; old.len()],
            come: vec![false; new.len()],
            forward: vec![0; diagonals],
            backward: vec![0; diagonals],
            origin: new.len().cast_signed() + 1,
            budget: MOST_PLACES,
        }
    }

    fn same(&self, x: isize, y: isize) -> bool {
        self.old[place(x)] == self.new[place(y)]
    }

    fn run(&mut self) {
        let mut parts = vec![Part {
            old: (0, self.old.len().cast_signed()),
            new: (0, self.new.len().cast_signed()),
        }];
        while let Some(mut part) = parts.pop() {
            self.trim(&mut part);
            let Part { old, new } = part;
            if old.0 == old.1 {
                self.come[place(new.0)..place(new.1)].fill(true);
            } else if new.0 == new.1 {
                self.gone[place(old.0)..place(old.1)].fill(true);
            } else {
                let (x, y) = self.middle(part);
                parts.push(Part {
                    old: (x, old.1),
                    new: (y, new.1),
                });
                parts.push(Part {
                    old: (old.0, x),
                    new: (new.0, y),
                });
            }
        }
    }

    /// Leaves out what a part begins and ends with on both sides.
    fn trim(&self, Part { old, new }: &mut Part) {
        while old.0 < old.1 && new.0 < new.1 && self.same(old.0, new.0) {
            old.0 += 1;
            new.0 += 1;
        }
        while old.0 < old.1 && new.0 < new.1 && self.same(old.1 - 1, new.1 - 1) {
            old.1 -= 1;
            new.1 -= 1;
        }
    }

    /// A place that a shortest path through the part leads over: where paths from both ends meet.
    fn middle(&mut self, Part { old, new }: Part) -> (isize, isize) {
        let (least, most) = (old.0 - new.1, old.1 - new.0);
        let (begin, end) = (old.0 - new.0, old.1 - new.1);
        let is_odd = (begin - end) & 1 != 0;
        let origin = self.origin;
        let at = |diagonal: isize| place(diagonal + origin);
        self.forward[at(begin)] = old.0;
        self.backward[at(end)] = old.1;
        let mut ahead = (begin, begin);
        let mut back = (end, end);
        for step in 0_usize.. {
            widen(&mut ahead, (least, most), &mut self.forward, BEFORE_ALL, at);
            let mut diagonal = ahead.1;
            while diagonal >= ahead.0 {
                let (low, high) = (
                    self.forward[at(diagonal - 1)],
                    self.forward[at(diagonal + 1)],
                );
                let mut x = if low < high { high } else { low + 1 };
                while x < old.1 && x - diagonal < new.1 && self.same(x, x - diagonal) {
                    x += 1;
                }
                self.forward[at(diagonal)] = x;
                if is_odd
                    && (back.0..=back.1).contains(&diagonal)
                    && self.backward[at(diagonal)] <= x
                {
                    return (x, x - diagonal);
                }
                diagonal -= 2;
            }
            widen(&mut back, (least, most), &mut self.backward, BEHIND_ALL, at);
            let mut diagonal = back.1;
            while diagonal >= back.0 {
                let (low, high) = (
                    self.backward[at(diagonal - 1)],
                    self.backward[at(diagonal + 1)],
                );
                let mut x = if low < high { low } else { high - 1 };
                while old.0 < x && new.0 < x - diagonal && self.same(x - 1, x - diagonal - 1) {
                    x -= 1;
                }
                self.backward[at(diagonal)] = x;
                if !is_odd
                    && (ahead.0..=ahead.1).contains(&diagonal)
                    && x <= self.forward[at(diagonal)]
                {
                    return (x, x - diagonal);
                }
                diagonal -= 2;
            }
            self.budget = self.budget.saturating_sub(step + 1);
            if !self.minimal && self.budget == 0 && step >= SHORT {
                return self.best(Part { old, new }, ahead);
            }
        }
        unreachable!("paths from both ends meet")
    }

    /// The place that a path from the beginning came to after most lines of both sequences.
    fn best(&self, Part { old, new }: Part, ahead: (isize, isize)) -> (isize, isize) {
        let places = (ahead.0..=ahead.1).rev().step_by(2).map(|diagonal| {
            let x = self.forward[place(diagonal + self.origin)].min(old.1);
            let y = (x - diagonal).min(new.1);
            (y + diagonal, y)
        });
        let inside = places.filter(|&(x, y)| x >= old.0 && y >= new.0);
        inside.max_by_key(|&(x, y)| x + y).unwrap_or((old.1, new.0))
    }
}

/// Takes one more diagonal on each side where there is one, or the ends in by one.
fn widen(
    ends: &mut (isize, isize),
    (least, most): (isize, isize),
    reached: &mut [isize],
    nowhere: isize,
    at: impl Fn(isize) -> usize,
) {
    if ends.0 > least {
        ends.0 -= 1;
        reached[at(ends.0 - 1)] = nowhere;
    } else {
        ends.0 += 1;
    }
    if ends.1 < most {
        ends.1 += 1;
        reached[at(ends.1 + 1)] = nowhere;
    } else {
        ends.1 -= 1;
    }
}

/// How many changed lines stand in front of each line that stays, and behind the last.
fn gaps(changed: &[bool]) -> Vec<usize> {
    let mut gaps = vec![0];
    for &is_changed in changed {
        match gaps.last_mut() {
            Some(last) if is_changed => *last += 1,
            _ => gaps.push(0),
        }
    }
    gaps
}

/// Moves changes over equal lines: two that meet become one; one that can stand beside a change of the other sequence
/// does; others go as far down as they can.
fn slide(lines: &[u32], changed: &mut [bool], other: &[bool]) {
    let mut gaps = gaps(changed);
    let beside = self::gaps(other);
    let last = gaps.len() - 1;
    // The gap and the line it begins at.
    let (mut gap, mut start) = (0, 0);
    let up = |gaps: &mut Vec<usize>, gap: &mut usize, start: &mut usize| {
        let moved = std::mem::take(&mut gaps[*gap]);
        *gap -= 1;
        *start -= 1 + gaps[*gap];
        gaps[*gap] += moved;
    };
    while gap <= last {
        if gaps[gap] == 0 {
            gap += 1;
            start += 1;
            continue;
        }
        let mut nearest;
        loop {
            let size = gaps[gap];
            while gap > 0 && lines[start - 1] == lines[start + gaps[gap] - 1] {
                up(&mut gaps, &mut gap, &mut start);
            }
            nearest = (beside[gap] > 0).then_some(gap);
            while gap < last && lines[start] == lines[start + gaps[gap]] {
                let moved = std::mem::take(&mut gaps[gap]);
                gap += 1;
                start += 1;
                gaps[gap] += moved;
                if beside[gap] > 0 {
                    nearest = Some(gap);
                }
            }
            if gaps[gap] == size {
                break;
            }
        }
        while nearest.is_some_and(|nearest| gap > nearest) {
            up(&mut gaps, &mut gap, &mut start);
        }
        start += gaps[gap] + 1;
        gap += 1;
    }
    let mut flags = changed.iter_mut();
    for (at, &count) in gaps.iter().enumerate() {
        flags.by_ref().take(count).for_each(|flag| *flag = true);
        if at < last {
            flags.by_ref().take(1).for_each(|flag| *flag = false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Effort, script};

    fn shown(old: &str, new: &str, effort: Effort) -> String {
        let lines = |text: &str| text.bytes().map(|byte| vec![byte]).collect::<Vec<_>>();
        let (old, new) = (lines(old), lines(new));
        let found = script(&old, &new, effort);
        let mark = |lines: &[Vec<u8>], flags: &[bool]| -> String {
            let all = lines.iter().zip(flags);
            all.map(|(line, &flag)| if flag { '*' } else { char::from(line[0]) })
                .collect()
        };
        format!("{} {}", mark(&old, &found.gone), mark(&new, &found.come))
    }

    #[test]
    fn changes_go_down_as_far_as_the_common_end() {
        let minimal = Effort {
            minimal: true,
            horizon: 0,
        };
        assert_eq!(shown("babb", "abzbbb", minimal), "*abb a***bb");
        let wide = Effort {
            horizon: 3,
            ..minimal
        };
        assert_eq!(shown("babb", "abzbbb", wide), "*abb ab***b");
    }

    #[test]
    fn lines_of_one_text_only_take_no_part_in_the_search() {
        assert_eq!(shown("aabb", "yabbxb", Effort::default()), "a*bb *ab**b");
    }

    #[test]
    fn nothing_and_everything_differ() {
        assert_eq!(shown("", "ab", Effort::default()), " **");
        assert_eq!(shown("ab", "", Effort::default()), "** ");
        assert_eq!(shown("ab", "cd", Effort::default()), "** **");
        assert_eq!(shown("ab", "ab", Effort::default()), "ab ab");
    }

    #[test]
    fn texts_that_differ_much_take_little_time() {
        // Every line is in both, in orders that have nothing in common.
        let old: Vec<Vec<u8>> = (0..20_000_u32)
            .map(|at| at.to_le_bytes().to_vec())
            .collect();
        let mut new = old.clone();
        new.sort_by_key(|line| {
            u32::from_le_bytes([line[0], line[1], line[2], line[3]]).wrapping_mul(2_654_435_761)
        });
        let found = script(&old, &new, Effort::default());
        let kept = |flags: &[bool]| flags.iter().filter(|flag| !**flag).count();
        assert!(kept(&found.gone) == kept(&found.come) && kept(&found.gone) > 0);
    }
}
