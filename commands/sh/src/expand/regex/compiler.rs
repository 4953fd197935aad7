//! Reading an expression, and turning it into steps.

use super::super::bracket::{Bracket, Dialect, Parsed};
use super::{Problem, Regex};

/// The largest count of an interval.
const MAX_COUNT: usize = 32_767;
/// The most instructions a pattern may become.
const MAX_PROGRAM: usize = 200_000;
const MAX_NESTING: usize = 100;

#[derive(Clone, Debug)]
pub(super) enum Node {
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
pub(super) enum Place {
    Start,
    End,
    Boundary,
    NoBoundary,
    WordStart,
    WordEnd,
}

#[derive(Debug)]
pub(super) enum Step {
    One(Node),
    At(Place),
    Back(usize),
    Save(usize),
    /// Tries the first, then the second.
    Split(usize, usize),
    Jump(usize),
    /// Begins an iteration: notes where, in this slot.
    Begin(usize),
    /// Ends an iteration: one that took nothing is the last; with true, it is none.
    Progress(usize, bool),
    Match,
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
                // Behind another one, what takes nothing leaves the groups as they are.
                self.push(Step::Progress(slot, least > 0))?;
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
}
