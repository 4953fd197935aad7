//! Extended regular expressions (XBD 9.4), with glibc's additions: back references, `\w`, `\s`, `\b`, `\<`, `\>`.
//!
//! A match is the leftmost one, and of those the longest. A pattern without back references takes time of the product
//! of the lengths of pattern and text, whatever it is.

use super::bracket::{Bracket, Dialect, Parsed};

/// The largest count of an interval.
const MAX_COUNT: usize = 32_767;
/// The most instructions a pattern may become.
const MAX_PROGRAM: usize = 200_000;
/// Steps that a pattern with back references may take.
const MAX_STEPS: usize = 5_000_000;
/// States that are remembered at once, pattern by text.
const MAX_STATES: usize = 1 << 30;
const MAX_NESTING: usize = 100;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is no regular expression.
    Invalid,
    /// It needs more time or memory than a match may take.
    TooLarge,
}

#[derive(Clone, Debug)]
enum Node {
    Empty,
    Char(char),
    Any,
    Set(Bracket),
    /// `\w` and `\s`, or with true their opposites.
    Word(bool),
    Space(bool),
    At(Place),
    Back(usize),
    Group(usize, Box<Node>),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat(Box<Node>, usize, Option<usize>),
}

/// An assertion.
#[derive(Clone, Copy, Debug)]
enum Place {
    Start,
    End,
    Boundary,
    NoBoundary,
    WordStart,
    WordEnd,
}

#[derive(Debug)]
enum Step {
    One(Node),
    At(Place),
    Back(usize),
    Save(usize),
    /// Tries the first, then the second.
    Split(usize, usize),
    Jump(usize),
    /// Begins an iteration: notes where, in this slot.
    Begin(usize),
    /// Ends an iteration: one that took nothing is the last.
    Progress(usize),
    Match,
}

/// A regular expression made ready.
#[derive(Debug)]
pub struct Regex {
    steps: Vec<Step>,
    groups: usize,
    slots: usize,
    back: bool,
    fold: bool,
}

/// The text between two indices, of each group that took part; the whole match is group 0.
pub type Groups = Vec<Option<(usize, usize)>>;

/// Escapes what has a meaning in a regular expression.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if "\\^$.|?*+()[]{}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Whether the text ends inside a bracket expression.
pub fn ends_in_bracket(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        at += 1;
        match c {
            '\\' => at += 1,
            '[' => match Bracket::parse(&chars, at, Dialect::Regex) {
                Parsed::Bracket(_, end) => at = end,
                Parsed::Open => return true,
                Parsed::Invalid => return false,
            },
            _ => {}
        }
    }
    false
}

struct Compiler<'a> {
    chars: &'a [char],
    at: usize,
    groups: usize,
    /// Groups that are closed: what back references may name.
    closed: Vec<usize>,
    back: bool,
    steps: Vec<Step>,
    slots: usize,
}

impl Compiler<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn choice(&mut self, depth: usize) -> Result<Node, Problem> {
        if depth > MAX_NESTING {
            return Err(Problem::TooLarge);
        }
        let mut choices = vec![self.sequence(depth)?];
        while self.peek() == Some('|') {
            self.at += 1;
            choices.push(self.sequence(depth)?);
        }
        Ok(match choices.len() {
            1 => choices.remove(0),
            _ => Node::Choice(choices),
        })
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, Problem> {
        let mut list: Vec<Node> = Vec::new();
        let mut repeatable = false;
        while let Some(c) = self.peek() {
            if c == '|' || c == ')' && depth > 0 {
                break;
            }
            if let Some((least, most)) = self.quantifier()? {
                let Some(last) = list.pop().filter(|_| repeatable) else {
                    return Err(Problem::Invalid);
                };
                list.push(Node::Repeat(Box::new(last), least, most));
                continue;
            }
            let node = self.atom(depth)?;
            repeatable = !matches!(node, Node::At(Place::Start));
            list.push(node);
        }
        Ok(match list.len() {
            0 => Node::Empty,
            1 => list.remove(0),
            _ => Node::Sequence(list),
        })
    }

    fn quantifier(&mut self) -> Result<Option<(usize, Option<usize>)>, Problem> {
        let found = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.at += 1;
                return self.interval().map(Some);
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(found))
    }

    fn interval(&mut self) -> Result<(usize, Option<usize>), Problem> {
        let number = |c: &mut Self| {
            let start = c.at;
            while c.peek().is_some_and(|c| c.is_ascii_digit()) {
                c.at += 1;
            }
            let digits: String = c.chars[start..c.at].iter().collect();
            match digits.parse::<usize>() {
                Ok(n) if n <= MAX_COUNT => Ok(Some(n)),
                Err(_) if digits.is_empty() => Ok(None),
                _ => Err(Problem::Invalid),
            }
        };
        let least = number(self)?;
        let most = if self.peek() == Some(',') {
            self.at += 1;
            number(self)?
        } else if least.is_some() {
            least
        } else {
            return Err(Problem::Invalid);
        };
        if self.peek() != Some('}') {
            return Err(Problem::Invalid);
        }
        self.at += 1;
        let least = least.unwrap_or(0);
        if most.is_some_and(|most| most < least) {
            return Err(Problem::Invalid);
        }
        Ok((least, most))
    }

    fn atom(&mut self, depth: usize) -> Result<Node, Problem> {
        let c = self.chars[self.at];
        self.at += 1;
        Ok(match c {
            '.' => Node::Any,
            '^' => Node::At(Place::Start),
            '$' => Node::At(Place::End),
            '(' => {
                self.groups += 1;
                let number = self.groups;
                let inner = self.choice(depth + 1)?;
                if self.peek() != Some(')') {
                    return Err(Problem::Invalid);
                }
                self.at += 1;
                self.closed.push(number);
                Node::Group(number, Box::new(inner))
            }
            '[' => match Bracket::parse(self.chars, self.at, Dialect::Regex) {
                Parsed::Bracket(bracket, at) => {
                    self.at = at;
                    Node::Set(bracket)
                }
                Parsed::Open | Parsed::Invalid => return Err(Problem::Invalid),
            },
            '\\' => {
                let c = self.peek().ok_or(Problem::Invalid)?;
                self.at += 1;
                self.escaped(c)?
            }
            c => Node::Char(c),
        })
    }

    fn escaped(&mut self, c: char) -> Result<Node, Problem> {
        Ok(match c {
            'w' => Node::Word(false),
            'W' => Node::Word(true),
            's' => Node::Space(false),
            'S' => Node::Space(true),
            'b' => Node::At(Place::Boundary),
            'B' => Node::At(Place::NoBoundary),
            '<' => Node::At(Place::WordStart),
            '>' => Node::At(Place::WordEnd),
            '`' => Node::At(Place::Start),
            '\'' => Node::At(Place::End),
            '1'..='9' => {
                let group = c as usize - '0' as usize;
                if !self.closed.contains(&group) {
                    return Err(Problem::Invalid);
                }
                self.back = true;
                Node::Back(group)
            }
            c => Node::Char(c),
        })
    }

    fn push(&mut self, step: Step) -> Result<usize, Problem> {
        if self.steps.len() >= MAX_PROGRAM {
            return Err(Problem::TooLarge);
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn emit(&mut self, node: &Node) -> Result<(), Problem> {
        match node {
            Node::Empty => {}
            Node::Sequence(list) => list.iter().try_for_each(|node| self.emit(node))?,
            Node::Group(number, inner) => {
                self.push(Step::Save(number * 2))?;
                self.emit(inner)?;
                self.push(Step::Save(number * 2 + 1))?;
            }
            Node::Choice(choices) => {
                let mut ends = Vec::new();
                for (at, choice) in choices.iter().enumerate() {
                    if at + 1 == choices.len() {
                        self.emit(choice)?;
                        break;
                    }
                    let split = self.push(Step::Split(0, 0))?;
                    self.emit(choice)?;
                    ends.push(self.push(Step::Jump(0))?);
                    self.steps[split] = Step::Split(split + 1, self.steps.len());
                }
                for end in ends {
                    self.steps[end] = Step::Jump(self.steps.len());
                }
            }
            Node::Repeat(inner, least, most) => self.repeat(inner, *least, *most)?,
            Node::At(place) => drop(self.push(Step::At(*place))?),
            Node::Back(group) => drop(self.push(Step::Back(*group))?),
            node => drop(self.push(Step::One(node.clone()))?),
        }
        Ok(())
    }

    fn repeat(&mut self, inner: &Node, least: usize, most: Option<usize>) -> Result<(), Problem> {
        for _ in 0..least {
            self.emit(inner)?;
        }
        match most {
            None => {
                let slot = self.slots;
                self.slots += 1;
                let split = self.push(Step::Split(0, 0))?;
                self.push(Step::Begin(slot))?;
                self.emit(inner)?;
                self.push(Step::Progress(slot))?;
                self.push(Step::Jump(split))?;
                self.steps[split] = Step::Split(split + 1, self.steps.len());
            }
            Some(most) => {
                let mut splits = Vec::new();
                for _ in least..most {
                    splits.push(self.push(Step::Split(0, 0))?);
                    self.emit(inner)?;
                }
                for split in splits {
                    self.steps[split] = Step::Split(split + 1, self.steps.len());
                }
            }
        }
        Ok(())
    }
}

fn is_word(c: Option<&char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

/// Something still to be done: a state to go on from, or a slot to put back.
enum Task {
    Go(usize, usize),
    Restore(usize, Option<usize>),
}

impl Regex {
    /// Makes a pattern ready; with `fold` it matches in whatever case.
    ///
    /// # Errors
    /// It is no regular expression, or too large a one.
    pub fn new(pattern: &str, fold: bool) -> Result<Self, Problem> {
        let chars: Vec<char> = pattern.chars().collect();
        let mut compiler = Compiler {
            chars: &chars,
            at: 0,
            groups: 0,
            closed: Vec::new(),
            back: false,
            steps: Vec::new(),
            slots: 0,
        };
        let node = compiler.choice(0)?;
        compiler.emit(&node)?;
        compiler.push(Step::Match)?;
        Ok(Self {
            steps: compiler.steps,
            groups: compiler.groups + 1,
            slots: compiler.slots,
            back: compiler.back,
            fold,
        })
    }

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
                    Step::Progress(slot) if slots[iterations + slot] == Some(at) => {
                        // Past the jump back.
                        pc += 2;
                    }
                    Step::Progress(_) => pc += 1,
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

#[cfg(test)]
mod tests {
    use super::{Problem, Regex};

    fn groups(pattern: &str, text: &str) -> Option<Vec<String>> {
        let chars: Vec<char> = text.chars().collect();
        let regex = Regex::new(pattern, false).expect("a regular expression");
        let found = regex.find(&chars).expect("small enough")?;
        let part = |range: Option<(usize, usize)>| {
            range.map_or_else(|| "-".to_owned(), |(a, b)| chars[a..b].iter().collect())
        };
        Some(found.into_iter().map(part).collect())
    }

    #[test]
    fn the_leftmost_longest_match_is_found() {
        let one = |pattern, text| groups(pattern, text).map(|g| g[0].clone());
        assert_eq!(one("a|ab|abc", "xabcd").as_deref(), Some("abc"));
        assert_eq!(one("(a|ab)(c|bcd)(d*)", "abcd").as_deref(), Some("abcd"));
        assert_eq!(one("a.b", "a\nb").as_deref(), Some("a\nb"));
        assert_eq!(one("^a{,3}$", "aaa").as_deref(), Some("aaa"));
        assert_eq!(one("x*", "aaa").as_deref(), Some(""));
        assert_eq!(one("[[:alpha:]]+", "12École 3").as_deref(), Some("École"));
        assert_eq!(one("[^]a]", "]ab").as_deref(), Some("b"));
        let long = "a".repeat(3000);
        assert_eq!(groups("(a*)*b", &long), None);
        assert_eq!(one("a)", "a)").as_deref(), Some("a)"));
    }

    #[test]
    fn groups_and_back_references_are_told() {
        let some = |list: &[&str]| Some(list.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(groups("(a)|(b)", "b"), some(&["b", "-", "b"]));
        assert_eq!(groups("(.)(.)\\2\\1", "xabba"), some(&["abba", "a", "b"]));
        assert_eq!(groups("(a*)+", "b"), some(&["", ""]));
        assert_eq!(
            groups("(()|a)*\\1b", "aab").map(|g| g[0].clone()),
            Some("aab".into())
        );
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for pattern in [
            "*a",
            "a|*b",
            "(",
            "a{x",
            "a{2",
            "a{2,1}",
            "[a",
            "[z-a]",
            "[[:foo:]]",
            "[a-c-e]",
            "(a)\\2",
            "a\\",
            "{1}",
            "^*",
            "a{32768}",
            "[[.xx.]]",
        ] {
            assert_eq!(
                Regex::new(pattern, false).err(),
                Some(Problem::Invalid),
                "{pattern}"
            );
        }
        let large = "(((a{999}){999}){999}){999}";
        assert_eq!(Regex::new(large, false).err(), Some(Problem::TooLarge));
    }
}
