//! Finding a match by the steps of an expression.

use super::compiler::{Node, Place, Step};
use super::{Groups, Problem, Regex};

/// Steps that a pattern with back references may take.
const MAX_STEPS: usize = 5_000_000;
/// States that are remembered at once, pattern by text.
const MAX_STATES: usize = 1 << 30;

fn is_word(c: Option<&char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

/// Something still to be done: a state to go on from, or a slot to put back.
enum Task {
    Go(usize, usize),
    Restore(usize, Option<usize>),
}

impl Regex {
    /// The leftmost longest match.
    ///
    /// # Errors
    /// The text is too long for this pattern, or its back references take too many steps.
    pub fn find(&self, text: &[char]) -> Result<Option<Groups>, Problem> {
        let states = self.steps.len().saturating_mul(text.len() + 1);
        if !self.back && states > MAX_STATES {
            return Err(Problem::TooLarge);
        }
        // A state that led to no match from one start leads to none from a later one.
        let mut seen = vec![0_u64; if self.back { 0 } else { states / 64 + 1 }];
        let mut steps = 0;
        for start in 0..=text.len() {
            let found = self.find_at(text, start, &mut seen, &mut steps)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn find_at(
        &self,
        text: &[char],
        start: usize,
        seen: &mut [u64],
        steps: &mut usize,
    ) -> Result<Option<Groups>, Problem> {
        let iterations = self.groups * 2;
        let mut slots: Vec<Option<usize>> = vec![None; iterations + self.slots];
        let mut best: Option<(usize, Vec<Option<usize>>)> = None;
        let mut tasks = vec![Task::Go(0, start)];
        while let Some(task) = tasks.pop() {
            let (mut pc, mut at) = match task {
                Task::Go(pc, at) => (pc, at),
                Task::Restore(slot, old) => {
                    slots[slot] = old;
                    continue;
                }
            };
            loop {
                if self.back {
                    *steps += 1;
                    if *steps > MAX_STEPS {
                        return Err(Problem::TooLarge);
                    }
                } else {
                    let state = pc * (text.len() + 1) + at;
                    let (word, bit) = (state / 64, 1 << (state % 64));
                    if seen[word] & bit != 0 {
                        break;
                    }
                    seen[word] |= bit;
                }
                let mut note = |slot: usize, slots: &mut Vec<Option<usize>>| {
                    tasks.push(Task::Restore(slot, slots[slot]));
                    slots[slot] = Some(at);
                };
                match &self.steps[pc] {
                    Step::One(node) => {
                        if !text.get(at).is_some_and(|c| self.one(node, *c)) {
                            break;
                        }
                        at += 1;
                        pc += 1;
                    }
                    Step::At(place) if holds(*place, text, at) => pc += 1,
                    Step::At(_) => break,
                    Step::Back(group) => {
                        let (Some(from), Some(to)) = (slots[group * 2], slots[group * 2 + 1])
                        else {
                            break;
                        };
                        let part = &text[from..to];
                        let rest = &text[at..];
                        let same = rest.len() >= part.len()
                            && part.iter().zip(rest).all(|(a, b)| self.same(*a, *b));
                        if !same {
                            break;
                        }
                        at += part.len();
                        pc += 1;
                    }
                    Step::Save(slot) => {
                        note(*slot, &mut slots);
                        pc += 1;
                    }
                    Step::Begin(slot) => {
                        note(iterations + slot, &mut slots);
                        pc += 1;
                    }
                    Step::Progress(slot, true) if slots[iterations + slot] == Some(at) => break,
                    Step::Progress(slot, _) if slots[iterations + slot] == Some(at) => {
                        // Past the jump back.
                        pc += 2;
                    }
                    Step::Progress(..) => pc += 1,
                    Step::Split(first, second) => {
                        tasks.push(Task::Go(*second, at));
                        pc = *first;
                    }
                    Step::Jump(to) => pc = *to,
                    Step::Match => {
                        if best.as_ref().is_none_or(|(end, _)| at > *end) {
                            best = Some((at, slots.clone()));
                        }
                        break;
                    }
                }
            }
        }
        Ok(best.map(|(end, slots)| {
            let group = |n: usize| Some((slots[n * 2]?, slots[n * 2 + 1]?));
            std::iter::once(Some((start, end)))
                .chain((1..self.groups).map(group))
                .collect()
        }))
    }

    fn same(&self, a: char, b: char) -> bool {
        let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
        a == b || self.fold && lower(a) == lower(b)
    }

    fn one(&self, node: &Node, c: char) -> bool {
        match node {
            Node::Char(p) => self.same(*p, c),
            Node::Any => true,
            Node::Set(set) => set.contains(c, self.fold),
            Node::Word(not) => is_word(Some(&c)) != *not,
            Node::Space(not) => c.is_whitespace() != *not,
            _ => false,
        }
    }
}

fn holds(place: Place, text: &[char], at: usize) -> bool {
    let before = is_word(at.checked_sub(1).and_then(|at| text.get(at)));
    let after = is_word(text.get(at));
    match place {
        Place::Start => at == 0,
        Place::End => at == text.len(),
        Place::Boundary => before != after,
        Place::NoBoundary => before == after,
        Place::WordStart => !before && after,
        Place::WordEnd => before && !after,
    }
}
