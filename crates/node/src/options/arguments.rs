//! The words of a command line as they are consumed, with what aliases put in front of them.

use std::collections::VecDeque;

use serde_json::Value;

use crate::library::tables::tables;

/// Arguments that are still to be looked at.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) real: VecDeque<String>,
    /// What an alias put in front of them.
    pub(super) synthetic: VecDeque<String>,
    /// Real ones that options have taken.
    pub(super) consumed: Vec<String>,
}

impl Arguments {
    pub(super) fn first(&self) -> Option<&String> {
        self.synthetic.front().or_else(|| self.real.front())
    }

    pub(super) fn pop(&mut self) -> Option<String> {
        if let Some(argument) = self.synthetic.pop_front() {
            return Some(argument);
        }
        let argument = self.real.pop_front()?;
        self.consumed.push(argument.clone());
        Some(argument)
    }

    /// The option behind an alias; what else the alias stands for comes before the other arguments.
    pub(super) fn expand_aliases(&mut self, mut name: String, has_value: bool) -> String {
        loop {
            let with_value = has_value.then(|| alias(&format!("{name}="))).flatten();
            let with_argument = || {
                let follows = self
                    .first()
                    .is_some_and(|next| !next.is_empty() && !next.starts_with('-'));
                (follows && !has_value)
                    .then(|| alias(&format!("{name} <arg>")))
                    .flatten()
            };
            let expansion = with_value.or_else(|| alias(&name)).or_else(with_argument);
            let Some((next, more)) = expansion.as_deref().and_then(<[String]>::split_first) else {
                return name;
            };
            for argument in more.iter().rev() {
                self.synthetic.push_front(argument.clone());
            }
            if *next == name {
                return name;
            }
            name.clone_from(next);
        }
    }
}

/// What an alias stands for.
fn alias(name: &str) -> Option<Vec<String>> {
    let aliases = tables()["options"]["aliases"].as_array()?;
    let entry = aliases.iter().find(|entry| entry[0] == name)?;
    let expansion = entry[1].as_array()?.iter();
    Some(
        expansion
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    )
}
