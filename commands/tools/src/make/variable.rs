//! Variables of make, by where their values come from.

use std::collections::HashMap;

/// Where a value comes from, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    Environment,
    File,
    EnvironmentOverride,
    CommandLine,
    Override,
    Automatic,
}

impl Origin {
    /// As `$(origin)` says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::File => "file",
            Self::EnvironmentOverride => "environment override",
            Self::CommandLine => "command line",
            Self::Override => "override",
            Self::Automatic => "automatic",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Variable {
    pub value: String,
    /// Expanded where it is used, not where it is set.
    pub recursive: bool,
    pub origin: Origin,
}

/// How a line sets a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Recursive,
    Simple,
    IfUnset,
    Append,
    Shell,
}

/// A line that sets a variable.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub name: String,
    pub operator: Operator,
    pub value: String,
    pub is_override: bool,
}

/// The variables of one scope: of all, of a target, of a call.
pub type Scope = HashMap<String, Variable>;

/// Splits a line at its operator, unless it is a rule. The name is as it stands there.
pub fn split_assignment(line: &str) -> Option<(&str, Operator, &str)> {
    let bytes = line.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'$' if matches!(bytes.get(at + 1), Some(b'(' | b'{')) => {
                depth += 1;
                at += 1;
            }
            b'(' | b'{' if depth > 0 => depth += 1,
            b')' | b'}' if depth > 0 => depth -= 1,
            b'=' if depth == 0 => {
                let (end, operator) = match at.checked_sub(1).map(|before| bytes[before]) {
                    Some(b'?') => (at - 1, Operator::IfUnset),
                    Some(b'+') => (at - 1, Operator::Append),
                    Some(b'!') => (at - 1, Operator::Shell),
                    _ => (at, Operator::Recursive),
                };
                return named(&line[..end], operator, &line[at + 1..]);
            }
            b':' if depth == 0 => {
                let rest = &line[at..];
                let length = [":::=", "::=", ":="]
                    .iter()
                    .find(|operator| rest.starts_with(**operator))?
                    .len();
                return named(&line[..at], Operator::Simple, &rest[length..]);
            }
            b';' | b'#' if depth == 0 => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

fn named<'a>(
    name: &'a str,
    operator: Operator,
    value: &'a str,
) -> Option<(&'a str, Operator, &'a str)> {
    let name = name.trim();
    let mut depth = 0_usize;
    let has_blank = name.chars().any(|c| {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c.is_whitespace()
    });
    (!name.is_empty() && !has_blank).then(|| (name, operator, value.trim_start()))
}
