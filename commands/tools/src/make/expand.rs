//! Expansion: references to variables, in which functions are called.

use secure_exec_cli::Failure;

use super::Make;
use super::variable::{Assignment, Operator, Origin, Variable};
use super::word;

/// How deep references may lead before it is a mistake rather than a makefile.
const DEEPEST: usize = 1000;

/// Where the bracket that `text` begins behind is closed.
pub fn closing(text: &str, open: u8) -> Option<usize> {
    let close = if open == b'(' { b')' } else { b'}' };
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        }
    }
    None
}

/// The place of a byte that is outside of all references.
pub fn find_outside(text: &str, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'$'
            && let Some(&open) = bytes.get(at + 1)
        {
            at += 2;
            if matches!(open, b'(' | b'{') {
                at += closing(&text[at..], open).map_or(bytes.len() - at, |end| end + 1);
            }
            continue;
        }
        if wanted(bytes[at]) {
            return Some(at);
        }
        at += 1;
    }
    None
}

impl Make {
    /// The text with its references replaced.
    ///
    /// # Errors
    /// A reference that is not closed or leads to itself, and what functions fail with.
    pub fn expand(&mut self, text: &str) -> Result<String, Failure> {
        self.deeper(1, |make| make.expand_references(text))
    }

    /// Does what may lead to itself, as long as the stack has room for it.
    pub fn deeper<T>(
        &mut self,
        weight: usize,
        step: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.depth > DEEPEST {
            return Err(self.fatal("references lead too deep"));
        }
        self.depth += weight;
        let done = step(self);
        self.depth -= weight;
        done
    }

    fn expand_references(&mut self, text: &str) -> Result<String, Failure> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let Some(next) = rest.chars().next() else {
                break;
            };
            match next {
                '$' => {
                    out.push('$');
                    rest = &rest[1..];
                }
                '(' | '{' => {
                    let open = if next == '(' { b'(' } else { b'{' };
                    let body = &rest[1..];
                    let end = closing(body, open)
                        .ok_or_else(|| self.fatal("unterminated variable reference"))?;
                    out.push_str(&self.reference(&body[..end])?);
                    rest = &body[end + 1..];
                }
                _ => {
                    let length = next.len_utf8();
                    out.push_str(&self.value_of(&rest[..length])?);
                    rest = &rest[length..];
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// What stands between the brackets: a call, a name, or a name with a replacement of endings.
    fn reference(&mut self, body: &str) -> Result<String, Failure> {
        let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        if let Some(end) = end
            && body[end..].starts_with([' ', '\t', '\n'])
            && let Some(result) = self.call_function(&body[..end], body[end..].trim_start())?
        {
            return Ok(result);
        }
        if let Some(colon) = find_outside(body, |byte| byte == b':')
            && let Some(equals) = find_outside(&body[colon + 1..], |byte| byte == b'=')
        {
            let name = self.expand(&body[..colon])?;
            let from = self.expand(&body[colon + 1..=colon + equals])?;
            let to = self.expand(&body[colon + equals + 2..])?;
            let value = self.value_of(&name)?;
            return Ok(if from.contains('%') {
                word::patsubst(&from, &to, &value)
            } else {
                word::patsubst(&format!("%{from}"), &format!("%{to}"), &value)
            });
        }
        let name = self.expand(body)?;
        self.value_of(&name)
    }

    pub fn lookup(&self, name: &str) -> Option<&Variable> {
        let found = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        found.or_else(|| self.variables.get(name))
    }

    /// The expanded value; that of a variable which is not set is empty.
    pub fn value_of(&mut self, name: &str) -> Result<String, Failure> {
        let Some(found) = self.lookup(name) else {
            if self.settings.warns_undefined {
                self.warn_here(&format!("warning: undefined variable '{name}'"));
            }
            return Ok(String::new());
        };
        if !found.recursive {
            return Ok(found.value.clone());
        }
        let value = found.value.clone();
        if self.expanding.iter().any(|each| each == name) && !self.is_parameter(name) {
            let message = format!("Recursive variable '{name}' references itself (eventually)");
            return Err(self.fatal(&message));
        }
        self.expanding.push(name.to_owned());
        let expanded = self.expand(&value);
        self.expanding.pop();
        expanded
    }

    /// Functions that call themselves have `$0` and their parameters in each call.
    fn is_parameter(&self, name: &str) -> bool {
        self.calls.iter().any(|called| called == name)
    }

    /// Sets a variable of all rules.
    pub fn assign(&mut self, assignment: &Assignment, origin: Origin) -> Result<(), Failure> {
        let previous = self.variables.get(&assignment.name).cloned();
        if let Some(variable) = self.assigned(previous, assignment, origin)? {
            self.variables.insert(assignment.name.clone(), variable);
        }
        Ok(())
    }

    /// Sets a variable of the innermost scope.
    pub fn assign_here(&mut self, assignment: &Assignment, origin: Origin) -> Result<(), Failure> {
        let previous = self.lookup(&assignment.name).cloned();
        if let Some(variable) = self.assigned(previous, assignment, origin)?
            && let Some(scope) = self.scopes.last_mut()
        {
            scope.insert(assignment.name.clone(), variable);
        }
        Ok(())
    }

    /// What a variable becomes; `None`: it stays as it is.
    fn assigned(
        &mut self,
        previous: Option<Variable>,
        assignment: &Assignment,
        origin: Origin,
    ) -> Result<Option<Variable>, Failure> {
        let origin = if assignment.is_override {
            Origin::Override
        } else {
            origin
        };
        if let Some(mut previous) = previous.clone() {
            if self.settings.environment_overrides
                && previous.origin == Origin::Environment
                && origin == Origin::File
            {
                previous.origin = Origin::EnvironmentOverride;
                return Ok(Some(previous));
            }
            if previous.origin > origin && previous.origin != Origin::Automatic {
                return Ok(None);
            }
        }
        let text = &assignment.value;
        let (value, recursive) = match assignment.operator {
            Operator::IfUnset if previous.is_some() => return Ok(None),
            Operator::Recursive | Operator::IfUnset => (text.clone(), true),
            Operator::Simple => (self.expand(text)?, false),
            Operator::Shell => {
                let command = self.expand(text)?;
                (self.shell_output(&command)?, true)
            }
            Operator::Append => {
                let recursive = previous.as_ref().is_none_or(|each| each.recursive);
                let added = if recursive {
                    text.clone()
                } else {
                    self.expand(text)?
                };
                match previous {
                    Some(previous) if !previous.value.is_empty() => {
                        (format!("{} {added}", previous.value), recursive)
                    }
                    _ => (added, recursive),
                }
            }
        };
        Ok(Some(Variable {
            value,
            recursive,
            origin,
        }))
    }
}
