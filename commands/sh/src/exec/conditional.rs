//! Evaluating `[[ ]]`.

use crate::builtins::test;
use crate::expand::pattern::Pattern;
use crate::expand::regex::{self, Regex};
use crate::shell::{Exec, Flow, Shell};
use crate::syntax::ast::{Cond, Word};
use crate::text;

impl Shell {
    pub(super) fn run_condition(&mut self, condition: &Cond) -> Exec {
        self.run_pseudo_trap("DEBUG")?;
        match self.condition(condition) {
            Ok(value) => Ok(i32::from(!value)),
            Err(Problem::Status(status)) => Ok(status),
            Err(Problem::Flow(flow)) => Err(flow),
        }
    }

    fn condition(&mut self, condition: &Cond) -> Result<bool, Problem> {
        match condition {
            Cond::Not(inner) => Ok(!self.condition(inner)?),
            Cond::Group(inner) => self.condition(inner),
            Cond::And(a, b) => Ok(self.condition(a)? && self.condition(b)?),
            Cond::Or(a, b) => Ok(self.condition(a)? || self.condition(b)?),
            Cond::Word(word) => {
                let text = self.expand_single(word)?;
                self.trace_condition(&format!("-n {}", self.quoted_for_trace(&text)));
                Ok(!text.is_empty())
            }
            Cond::Unary(operator, word) => {
                let text = self.expand_single(word)?;
                self.trace_condition(&format!("{operator} {}", self.quoted_for_trace(&text)));
                match test::unary(self, operator, &text) {
                    Some(value) => Ok(value),
                    None => {
                        self.error(&format!("{operator}: unary operator expected"));
                        Err(Problem::Status(2))
                    }
                }
            }
            Cond::Binary(left, operator, right) => self.binary_condition(left, operator, right),
        }
    }

    fn trace_condition(&mut self, text: &str) {
        if self.options.xtrace {
            self.trace(&format!("[[ {text} ]]"));
        }
    }

    fn binary_condition(
        &mut self,
        left: &Word,
        operator: &str,
        right: &Word,
    ) -> Result<bool, Problem> {
        let left = self.expand_single(left)?;
        match operator {
            "=" | "==" | "!=" => {
                let pattern = self.expand_pattern(right)?;
                self.trace_condition(&format!(
                    "{} {operator} {pattern}",
                    self.quoted_for_trace(&left)
                ));
                let left = self.in_locale(&left);
                let matches = Pattern::new(&pattern, true, self.options.nocasematch).matches(&left);
                self.check_pattern_time()?;
                Ok(matches == (operator != "!="))
            }
            "=~" => {
                let regex = self.expand_regex(right)?;
                self.trace_condition(&format!("{} =~ {regex}", self.quoted_for_trace(&left)));
                self.regex_condition(&left, &regex)
            }
            "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" => {
                let right = self.expand_single(right)?;
                self.trace_condition(&format!("{left} {operator} {right}"));
                let (a, b) = match (self.arithmetic(&left), self.arithmetic(&right)) {
                    (Ok(a), Ok(b)) => (a, b),
                    (Err(Flow::Abort(_) | Flow::Discard), _)
                    | (_, Err(Flow::Abort(_) | Flow::Discard)) => {
                        return Err(Problem::Status(1));
                    }
                    (Err(flow), _) | (_, Err(flow)) => return Err(Problem::Flow(flow)),
                };
                Ok(test::compare(operator, a, b))
            }
            _ => {
                let right = self.expand_single(right)?;
                self.trace_condition(&format!("{left} {operator} {right}"));
                Ok(match operator {
                    "<" => left < right,
                    ">" => left > right,
                    _ => test::compare_files(operator, &left, &right),
                })
            }
        }
    }

    fn regex_condition(&mut self, text: &str, regex: &str) -> Result<bool, Problem> {
        let found = Regex::new(regex, self.options.nocasematch);
        let chars: Vec<char> = self.in_locale(text).chars().collect();
        let found = match found.and_then(|regex| regex.find(&chars)) {
            Ok(found) => found,
            Err(regex::Problem::Invalid) => return Err(Problem::Status(2)),
            Err(regex::Problem::TooLarge) => {
                self.error(&format!("{regex}: regular expression too big"));
                return Err(Problem::Status(2));
            }
        };
        let Some(groups) = found else {
            self.assign_array("BASH_REMATCH", Vec::new())?;
            return Ok(false);
        };
        let groups = groups
            .into_iter()
            .map(|g| g.map_or_else(String::new, |(from, to)| chars[from..to].iter().collect()))
            .map(text::whole)
            .collect();
        self.assign_array("BASH_REMATCH", groups)?;
        Ok(true)
    }
}

/// Why a condition has no value.
enum Problem {
    /// Reported, with this status.
    Status(i32),
    Flow(Flow),
}

impl From<Flow> for Problem {
    fn from(flow: Flow) -> Self {
        Self::Flow(flow)
    }
}
