//! Which members are meant, and which are excluded.

use secure_exec_cli::Glob;

/// A pattern with the ways of matching that were in force where it stood.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of tar")]
#[derive(Clone, Debug)]
pub struct Pattern {
    pub text: Vec<u8>,
    /// Matches from the start of the name only.
    pub anchored: bool,
    pub ignores_case: bool,
    /// What is special in it, or all is taken as it is.
    pub wildcards: bool,
    pub slash_is_special: bool,
}

impl Pattern {
    fn equals(&self, part: &[u8]) -> bool {
        let glob = Glob {
            ignores_case: self.ignores_case,
            slash_is_special: self.slash_is_special,
            period_is_special: false,
        };
        if self.wildcards {
            glob.matches(&self.text, part)
        } else if self.ignores_case {
            self.text.eq_ignore_ascii_case(part)
        } else {
            self.text == part
        }
    }

    /// Whether a name, or a directory above it, matches.
    fn covers(&self, name: &[u8]) -> bool {
        let slashes = || {
            name.iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'/')
                .map(|(at, _)| at)
        };
        let starts = std::iter::once(0).chain(slashes().map(|at| at + 1));
        let starts = starts.take(if self.anchored { 1 } else { usize::MAX });
        starts
            .flat_map(|start| {
                let ends = slashes().chain(std::iter::once(name.len()));
                ends.map(move |end| (start, end))
            })
            .any(|(start, end)| end > start && self.equals(&name[start..end]))
    }
}

/// Patterns of `--exclude`: each covers what is below, too.
#[derive(Clone, Debug, Default)]
pub struct Excluded(Vec<Pattern>);

impl Excluded {
    pub fn new(patterns: &[Pattern]) -> Self {
        let mut patterns = patterns.to_vec();
        for pattern in &mut patterns {
            if pattern.text.len() > 1 && pattern.text.ends_with(b"/") {
                pattern.text.pop();
            }
        }
        Self(patterns)
    }

    pub fn covers(&self, name: &[u8]) -> bool {
        let name = name.strip_suffix(b"/").unwrap_or(name);
        self.0.iter().any(|pattern| pattern.covers(name))
    }
}

/// The operands of list and extract: names of members or of directories above them, or patterns.
pub struct Wanted {
    members: Vec<(Pattern, u64)>,
    /// `--occurrence`: only that one of each member is meant.
    occurrence: Option<u64>,
}

impl Wanted {
    pub fn new(options: &super::Options) -> Self {
        let members = options
            .members
            .iter()
            .map(|member| {
                let name = &member.name;
                let name = name.strip_suffix(b"/").unwrap_or(name);
                let pattern = Pattern {
                    text: name.to_vec(),
                    anchored: !matches!(options.matching.anchored, Some(false)),
                    ignores_case: options.matching.ignores_case,
                    wildcards: options.matching.wildcards == Some(true),
                    slash_is_special: options.matching.slash_is_special,
                };
                (pattern, 0)
            })
            .collect();
        Self {
            members,
            occurrence: options.occurrence,
        }
    }

    /// The operand that means a member: its number. None of all if there are no operands.
    pub fn find(&mut self, name: &[u8]) -> Option<Option<usize>> {
        if self.members.is_empty() {
            return Some(None);
        }
        let name = name.strip_suffix(b"/").unwrap_or(name);
        for (index, (wanted, seen)) in self.members.iter_mut().enumerate() {
            if wanted.covers(name) || wanted.text.is_empty() {
                *seen += 1;
                let right = self.occurrence.is_none_or(|number| number == *seen);
                return right.then_some(Some(index));
            }
        }
        None
    }

    /// Whether all that is wanted was found, so that the rest need not be read.
    pub fn is_done(&self) -> bool {
        let Some(number) = self.occurrence else {
            return false;
        };
        !self.members.is_empty() && self.members.iter().all(|(_, seen)| *seen >= number)
    }

    /// Operands that no member was found for.
    pub fn missing(&self) -> impl Iterator<Item = &[u8]> {
        let least = self.occurrence.unwrap_or(1);
        self.members
            .iter()
            .filter(move |(_, seen)| *seen < least)
            .map(|(pattern, _)| pattern.text.as_slice())
    }
}
