//! Assignments.

use std::collections::BTreeMap;

use secure_exec_sys as sys;

use crate::shell::{Flow, Shell};
use crate::syntax::ast::{Assign, AssignValue, Element};
use crate::text;
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
        if self.bash || !self.options.xtrace {
            for assign in assigns {
                self.assign_one(assign, true)?;
            }
            return Ok(());
        }
        // dash shows them together.
        let mut shown = Vec::with_capacity(assigns.len());
        for assign in assigns {
            self.assign_one(assign, false)?;
            let value = self.var(&assign.name).unwrap_or_default();
            shown.push(format!("{}={value}", assign.name));
        }
        if !shown.is_empty() {
            self.trace(&shown.join(" "));
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
            if let Err(flow) = self.assign_given(assign) {
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

    /// An assignment before a command. An array comes to it as text: the environment has no arrays.
    fn assign_given(&mut self, assign: &Assign) -> Result<(), Flow> {
        let AssignValue::Array(elements, _) = &assign.value else {
            return self.assign_one(assign, false);
        };
        let items = self.expand_elements(elements)?;
        let items: Vec<String> = items
            .into_iter()
            .map(|(key, _, text)| match key {
                Some(key) => format!("[{key}]={text}"),
                None => text,
            })
            .collect();
        self.assign_text(
            &assign.name,
            format!("({})", items.join(" ")),
            assign.append,
        )
    }

    /// Shows an assignment under `set -x`, before it is made.
    fn trace_assignment(&mut self, assign: &Assign, index: Option<&str>, value: &str) {
        let index = index.map(|i| format!("[{i}]")).unwrap_or_default();
        let plus = if assign.append { "+" } else { "" };
        self.trace(&format!("{}{index}{plus}={value}", assign.name));
    }

    fn assign_one(&mut self, assign: &Assign, shown: bool) -> Result<(), Flow> {
        let name = &assign.name;
        let shown = shown && self.options.xtrace;
        let word = match &assign.value {
            AssignValue::Array(elements, written) => {
                if let Some(index) = &assign.index {
                    let index = index.literal().unwrap_or_default().to_owned();
                    return self.fatal(&format!(
                        "{name}[{index}]: cannot assign list to array member"
                    ));
                }
                if shown {
                    self.trace_assignment(assign, None, &format!("({written})"));
                }
                let items = self.expand_elements(elements)?;
                let append = assign.append;
                return self.store_array(name, ArrayValue { append, items });
            }
            AssignValue::Scalar(word) => word,
        };
        let text = self.expand_assignment(word)?;
        let Some(index) = &assign.index else {
            if shown {
                let value = self.quoted_for_trace(&text);
                self.trace_assignment(assign, None, &value);
            }
            return self.assign_text(name, text, assign.append);
        };
        let mut index = self.expand_single(index)?;
        if shown {
            let value = self.quoted_for_trace(&text);
            self.trace_assignment(assign, Some(&index), &value);
        }
        if index.is_empty() && !self.is_assoc(name) {
            return self.fatal(&format!("{name}[]: bad array subscript"));
        }
        if !assign.append {
            return self.assign_element(name, &index, text);
        }
        if !self.is_assoc(name) {
            // Once: it may change something.
            index = self.arithmetic(&index)?.to_string();
        }
        let old = self.element(name, &index)?.unwrap_or_default();
        let text = self.appended(name, &old, &text)?;
        self.assign_element(name, &index, text)
    }

    /// The members of an array that a declaration is given, as `set -x` shows them.
    pub(super) fn elements_for_trace(&self, items: &[(Option<String>, bool, String)]) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let items: Vec<String> = items
            .iter()
            .map(|(key, append, text)| {
                let text = quoted(text);
                let plus = if *append { "+" } else { "" };
                match key {
                    Some(key) if key.bytes().all(|b| b.is_ascii_digit()) => {
                        format!("[{key}]{plus}={text}")
                    }
                    Some(key) => format!("[{}]{plus}={text}", quoted(key)),
                    None => text,
                }
            })
            .collect();
        format!("({})", items.join(" "))
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
                if !key.bytes().all(|b| b.is_ascii_digit()) {
                    // It may look at the members before it.
                    self.vars.entry(&name).value = Value::Array(map.clone());
                }
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
        let variable = self.vars.entry(name);
        variable.begin();
        let mut map = match &variable.value {
            Value::Assoc(map) if value.append => map.clone(),
            _ => BTreeMap::new(),
        };
        let old = match &variable.value {
            Value::Assoc(map) => map.clone(),
            _ => BTreeMap::new(),
        };
        let subscripts = value.items.first().is_some_and(|(key, ..)| key.is_some());
        let mut items = value.items.into_iter();
        while let Some((key, append, text)) = items.next() {
            let (key, text) = match key {
                Some(key) => (key, text),
                None if subscripts => {
                    self.error(&format!(
                        "{name}: {text}: must use subscript when assigning associative array"
                    ));
                    continue;
                }
                // Keys and values in turn.
                None => (text, items.next().map(|(_, _, v)| v).unwrap_or_default()),
            };
            let text = if append {
                // A new list appends to what the members were.
                let members = if value.append { &map } else { &old };
                format!("{}{text}", members.get(&key).map_or("", String::as_str))
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
        let line = format!("{prompt}{text}\n");
        // There is nobody left to tell when the trace cannot be written.
        let _ = sys::fd::write_all(self.trace_descriptor(), &text::encode(&line));
    }

    /// Where traces go: `BASH_XTRACEFD` if that is open, or standard error.
    fn trace_descriptor(&self) -> sys::Fd {
        let named = self.var("BASH_XTRACEFD").filter(|_| self.bash);
        named
            .and_then(|text| text.trim().parse().ok())
            .filter(|fd| sys::fd::stat(*fd).is_ok())
            .unwrap_or(2)
    }

    pub fn quoted_for_trace(&self, text: &str) -> String {
        if self.bash && !text.is_empty() {
            crate::expand::escape::trace_quote(text)
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
