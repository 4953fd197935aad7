//! Which members are meant, and which are excluded.

use globset::{GlobBuilder, GlobMatcher};
use secure_exec_cli::os_string;

fn glob(pattern: &[u8]) -> Option<GlobMatcher> {
    let text = String::from_utf8_lossy(pattern);
    let glob = GlobBuilder::new(&text).backslash_escape(true).build();
    glob.or_else(|_| GlobBuilder::new(&globset::escape(&text)).build())
        .ok()
        .map(|glob| glob.compile_matcher())
}

/// Patterns of `--exclude`: each may match at any component and covers what is below.
pub struct Excluded(Vec<GlobMatcher>);

impl Excluded {
    pub fn new(patterns: &[Vec<u8>]) -> Self {
        Self(
            patterns
                .iter()
                .filter_map(|pattern| glob(pattern.strip_suffix(b"/").unwrap_or(pattern)))
                .collect(),
        )
    }

    pub fn covers(&self, name: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let slashes = || {
            name.iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'/')
                .map(|(at, _)| at)
        };
        let starts = || std::iter::once(0).chain(slashes().map(|at| at + 1));
        let ends = || slashes().chain(std::iter::once(name.len()));
        starts().any(|start| {
            ends().filter(|end| *end > start).any(|end| {
                let part = os_string(&name[start..end]);
                self.0.iter().any(|glob| glob.is_match(&part))
            })
        })
    }
}

/// The operands of list and extract: names of members or of directories above them, or patterns.
pub struct Wanted {
    members: Vec<(Vec<u8>, Option<GlobMatcher>, bool)>,
}

impl Wanted {
    pub fn new(names: impl Iterator<Item = Vec<u8>>, wildcards: bool) -> Self {
        let members = names
            .map(|name| {
                let name = name.strip_suffix(b"/").unwrap_or(&name).to_vec();
                let glob = if wildcards { glob(&name) } else { None };
                (name, glob, false)
            })
            .collect();
        Self { members }
    }

    /// The operand that means a member: its number. None of all if there are no operands.
    pub fn find(&mut self, name: &[u8]) -> Option<Option<usize>> {
        if self.members.is_empty() {
            return Some(None);
        }
        let name = name.strip_suffix(b"/").unwrap_or(name);
        for (index, (wanted, glob, seen)) in self.members.iter_mut().enumerate() {
            let below = name
                .strip_prefix(wanted.as_slice())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || wanted.is_empty());
            let matched = below
                || glob.as_ref().is_some_and(|glob| {
                    let ends = name.iter().enumerate().filter(|(_, byte)| **byte == b'/');
                    ends.map(|(at, _)| at)
                        .chain(std::iter::once(name.len()))
                        .any(|end| glob.is_match(os_string(&name[..end])))
                });
            if matched {
                *seen = true;
                return Some(Some(index));
            }
        }
        None
    }

    /// Operands that no member was found for.
    pub fn missing(&self) -> impl Iterator<Item = &[u8]> {
        self.members
            .iter()
            .filter(|(.., seen)| !seen)
            .map(|(name, ..)| name.as_slice())
    }
}
