//! Assignments.

use std::collections::BTreeMap;

use crate::shell::{Flow, Shell};
use crate::syntax::ast::{Assign, AssignValue, Element};
use crate::variables::Value;

/// The expanded members of `name=(...)`.
#[derive(Debug, Clone)]
pub struct ArrayValue {
    pub append: bool,
    /// Key if given, whether it appends, value.
    pub items: Vec<(Option<String>, bool, String)>,
}

/// Whether assignments before a command have to be undone after it.
#[derive(Debug)]
#[must_use]
pub struct Hidden(bool);

impl Hidden {
    /// Nothing has to be.
    pub const NOTHING: Self = Self(false);
}

impl Shell {
    /// Performs assignments that stay; gives what `set -x` shows.
    pub fn assign_all(&mut self, assigns: &[Assign]) -> Result<(), Flow> {
        for assign in assigns {
            let shown = self.assign_one(assign)?;
            if self.options.xtrace {
                self.trace(&shown);
            }
        }
        Ok(())
    }

    /// Performs assignments for one command and exports them, until `unhide`; after an error nothing is left of them.
    ///
    /// # Errors
    /// An expansion or an assignment failed and was reported.
    pub fn assign_for_command(&mut self, assigns: &[Assign]) -> Result<Hidden, Flow> {
        if assigns.is_empty() {
            return Ok(Hidden(false));
        }
        self.vars.push_temporary();
        for assign in assigns {
            let name = self.resolve(&assign.name);
            if self.bash
                && !self.options.posix
                && self.vars.find(&name).is_some_and(|v| v.attributes.readonly)
            {
                // The command runs all the same.
                self.error(&format!("{name}: readonly variable"));
                continue;
            }
            self.vars.hide(&name);
            if let Err(flow) = self.assign_one(assign) {
                self.unhide(Hidden(true));
                return Err(flow);
            }
            self.vars.entry(&name).attributes.export = true;
        }
        Ok(Hidden(true))
    }

    /// Puts back what the assignments before a command have hidden.
    pub fn unhide(&mut self, hidden: Hidden) {
        if hidden.0 && self.vars.pop_scope().iter().any(|name| name == "PATH") {
            self.paths.clear();
        }
    }

    fn assign_one(&mut self, assign: &Assign) -> Result<String, Flow> {
        let name = &assign.name;
        match &assign.value {
            AssignValue::Array(elements) => {
                let items = self.expand_elements(elements)?;
                self.store_array(
                    name,
                    ArrayValue {
                        append: assign.append,
                        items,
                    },
                )?;
                Ok(format!("{name}=()"))
            }
            AssignValue::Scalar(word) => {
                let text = self.expand_assignment(word)?;
                let shown = if self.options.xtrace {
                    self.quoted_for_trace(&text)
                } else {
                    String::new()
                };
                match &assign.index {
                    Some(index) => {
                        let index = self.expand_single(index)?;
                        let text = if assign.append {
                            let old = self.element(name, &index)?.unwrap_or_default();
                            self.appended(name, &old, &text)?
                        } else {
                            text
                        };
                        self.assign_element(name, &index, text)?;
                        Ok(format!("{name}[{index}]={shown}"))
                    }
                    None => {
                        self.assign_text(name, text, assign.append)?;
                        Ok(format!("{name}={shown}"))
                    }
                }
            }
        }
    }

    /// `name=text` or `name+=text`.
    pub fn assign_text(&mut self, name: &str, text: String, append: bool) -> Result<(), Flow> {
        let text = if append {
            let old = self.var(name).unwrap_or_default();
            self.appended(name, &old, &text)?
        } else {
            text
        };
        self.assign(name, text)
    }

    fn appended(&mut self, name: &str, old: &str, text: &str) -> Result<String, Flow> {
        let name = self.resolve(name);
        if self.vars.find(&name).is_some_and(|v| v.attributes.integer) {
            return Ok(self
                .arithmetic(old)?
                .wrapping_add(self.arithmetic(text)?)
                .to_string());
        }
        Ok(format!("{old}{text}"))
    }

    pub fn expand_elements(
        &mut self,
        elements: &[Element],
    ) -> Result<Vec<(Option<String>, bool, String)>, Flow> {
        let mut items = Vec::new();
        for element in elements {
            match &element.index {
                Some(index) => {
                    let key = self.expand_single(index)?;
                    let value = self.expand_assignment(&element.value)?;
                    items.push((Some(key), element.append, value));
                }
                None => {
                    let mut fields = Vec::new();
                    self.expand_into(&element.value, &mut fields)?;
                    items.extend(fields.into_iter().map(|f| (None, false, f)));
                }
            }
        }
        Ok(items)
    }

    /// Stores the members of an array, after those it has when appending.
    pub fn store_array(&mut self, name: &str, value: ArrayValue) -> Result<(), Flow> {
        let name = self.resolve(name);
        self.check_writable(&name)?;
        if self.is_assoc(&name) {
            return self.store_assoc(&name, value);
        }
        let old = match self.vars.find(&name).map(|v| v.value.clone()) {
            Some(Value::Array(map)) if value.append => map,
            Some(Value::Scalar(text)) if value.append => BTreeMap::from([(0, text)]),
            _ => BTreeMap::new(),
        };
        let mut next = old.last_key_value().map_or(0, |(k, _)| k + 1);
        let integer = self.vars.find(&name).is_some_and(|v| v.attributes.integer);
        let mut map = old;
        for (key, append, text) in value.items {
            if let Some(key) = key {
                next = self.arithmetic(&key)?;
                if next < 0 {
                    return self.fatal(&format!("[{key}]: bad array subscript"));
                }
            }
            let text = if integer {
                self.arithmetic(&text)?.to_string()
            } else {
                text
            };
            let text = if append {
                format!("{}{text}", map.get(&next).map_or("", String::as_str))
            } else {
                text
            };
            let text = self.vars.find(&name).map_or(text.clone(), |v| v.fit(text));
            map.insert(next, text);
            next += 1;
        }
        self.vars.entry(&name).value = Value::Array(map);
        Ok(())
    }

    fn store_assoc(&mut self, name: &str, value: ArrayValue) -> Result<(), Flow> {
        let mut map = match &self.vars.entry(name).value {
            Value::Assoc(map) if value.append => map.clone(),
            _ => BTreeMap::new(),
        };
        let mut items = value.items.into_iter();
        while let Some((key, append, text)) = items.next() {
            let (key, text) = match key {
                Some(key) => (key, text),
                // Keys and values in turn.
                None => (text, items.next().map(|(_, _, v)| v).unwrap_or_default()),
            };
            let text = if append {
                format!("{}{text}", map.get(&key).map_or("", String::as_str))
            } else {
                text
            };
            map.insert(key, text);
        }
        self.vars.entry(name).value = Value::Assoc(map);
        Ok(())
    }

    /// Prints a line of `set -x`.
    pub fn trace(&mut self, text: &str) {
        let prompt = self.var("PS4").unwrap_or_default();
        // The prompt's own expansions are not traced.
        self.options.xtrace = false;
        let mut prompt = self.expand_prompt(&prompt);
        self.options.xtrace = true;
        if self.bash
            && self.subshell > 0
            && let Some(first) = prompt.chars().next()
        {
            prompt = format!(
                "{}{prompt}",
                String::from(first).repeat(usize::try_from(self.subshell).unwrap_or(0).min(20))
            );
        }
        self.print_error_raw(&format!("{prompt}{text}\n"));
    }

    pub fn quoted_for_trace(&self, text: &str) -> String {
        if self.bash && !text.is_empty() {
            crate::expand::escape::bash_quote_if_needed(text)
        } else {
            text.to_owned()
        }
    }

    pub fn trace_words(&mut self, words: &[String]) {
        if !self.options.xtrace {
            return;
        }
        let quoted: Vec<String> = words
            .iter()
            .map(|w| {
                if w.is_empty() && self.bash {
                    "''".to_owned()
                } else {
                    self.quoted_for_trace(w)
                }
            })
            .collect();
        self.trace(&quoted.join(" "));
    }
}
