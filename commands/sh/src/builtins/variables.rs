//! `export`, `readonly`, `unset`, `shift`, `let`.

use crate::exec::assign::ArrayValue;
use crate::expand::escape;
use crate::shell::{Exec, Flow, Shell};
use crate::text;
use crate::variables::{Value, Variable};

/// Parts `name+=value`: name, whether it appends, value.
pub fn split_assignment(word: &str) -> (&str, bool, Option<&str>) {
    // An `=` in a subscript is none of it.
    let subscript = word
        .find('[')
        .filter(|at| crate::text::is_name(&word[..*at]));
    let from = subscript.and_then(|open| Some(open + closing_bracket(&word[open..])?));
    let from = from.unwrap_or(0);
    let parts = word[from..]
        .find('=')
        .map(|at| (&word[..from + at], &word[from + at + 1..]));
    match parts {
        Some((name, value)) => match name.strip_suffix('+') {
            Some(name) => (name, true, Some(value)),
            None => (name, false, Some(value)),
        },
        None => (word, false, None),
    }
}

/// Where the bracket that opens the text is closed.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth == 1 => return Some(at),
            ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The name without its subscript.
pub fn base_name(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

impl Shell {
    /// Takes the array given as the argument `at`.
    pub fn take_array(&mut self, at: usize) -> Option<ArrayValue> {
        let found = self.array_arguments.iter().position(|(n, _)| *n == at)?;
        Some(self.array_arguments.remove(found).1)
    }

    /// Removes a function; false when it is read-only, which is reported.
    fn unset_function(&mut self, name: &str) -> bool {
        if self.readonly_functions.contains(name) {
            self.error(&format!("unset: {name}: cannot unset: readonly function"));
            return false;
        }
        self.functions.remove(name);
        self.exported_functions.remove(name);
        true
    }

    fn bad_name(&mut self, builtin: &str, name: &str) -> Exec {
        if self.bash {
            self.error(&format!("{builtin}: `{name}': not a valid identifier"));
            return Ok(1);
        }
        self.error(&format!("{builtin}: {name}: bad variable name"));
        Err(Flow::Abort(2))
    }
}

/// `export` and `readonly` list and set alike.
fn mark(
    shell: &mut Shell,
    words: &[String],
    apply: fn(&mut Variable),
    has: fn(&Variable) -> bool,
) -> Exec {
    let name = words[0].clone();
    let allowed = if shell.bash { "pfnaA" } else { "p" };
    let (letters, rest) = match shell.letters(words, allowed) {
        Ok(found) => found,
        Err(message) => return shell.misuse_special(&message),
    };
    if rest.is_empty() && letters.contains('f') {
        let marked = if name == "readonly" {
            shell.readonly_functions.clone()
        } else {
            shell.exported_functions.clone()
        };
        let mut text = String::new();
        for name in &marked {
            text.push_str(&shell.function_declaration(name));
        }
        return Ok(shell.print(&name, &text));
    }
    if rest.is_empty() {
        return list(shell, &name, has);
    }
    let mut status = 0;
    let first = words.len() - rest.len();
    for (i, word) in rest.to_vec().iter().enumerate() {
        let (target, append, value) = split_assignment(word);
        if !text::is_name(target) {
            status = shell.bad_name(&name, word)?;
            continue;
        }
        if letters.contains('f') {
            if letters.contains('n') && name == "export" {
                shell.exported_functions.remove(target);
                continue;
            }
            let readonly = name == "readonly";
            if shell.mark_function(target, readonly, !readonly) {
                continue;
            }
            shell.error(&format!("{name}: {target}: not a function"));
            status = 1;
            continue;
        }
        if letters.contains('n') {
            if let Some(value) = value {
                shell.assign_text(target, value.to_owned(), append)?;
            }
            shell.vars.entry(target).attributes.export = false;
            continue;
        }
        if let Some(array) = shell.take_array(first + i) {
            shell.store_array(target, array)?;
        } else if let Some(value) = value {
            if shell.bash && shell.options.xtrace {
                let plus = if append { "+" } else { "" };
                let shown = shell.quoted_for_trace(value);
                shell.trace(&format!("{target}{plus}={shown}"));
            }
            shell.assign_text(target, value.to_owned(), append)?;
        }
        let resolved = shell.resolve(target);
        apply(shell.vars.entry(&resolved));
    }
    Ok(status)
}

/// The command that makes a variable, by the builtin that POSIX has for it.
fn posix_declaration(builtin: &str, name: &str, variable: &Variable) -> String {
    let declaration = variable.declaration(name);
    let value = declaration.splitn(3, ' ').nth(2).unwrap_or(name);
    if variable.is_indexed() {
        format!("{builtin} -a {value}")
    } else if variable.is_assoc() {
        format!("{builtin} -A {value}")
    } else {
        format!("{builtin} {value}")
    }
}

fn list(shell: &mut Shell, builtin: &str, has: fn(&Variable) -> bool) -> Exec {
    let mut out = String::new();
    shell.refresh_option_names();
    for (name, variable) in shell.vars.iter().filter(|(_, v)| has(v)) {
        if shell.bash && shell.options.posix {
            out.push_str(&format!("{}\n", posix_declaration(builtin, name, variable)));
        } else if shell.bash {
            out.push_str(&format!("{}\n", variable.declaration(name)));
        } else {
            match variable.scalar() {
                Some(value) => out.push_str(&format!(
                    "{builtin} {name}={}\n",
                    escape::single_quote(value)
                )),
                None => out.push_str(&format!("{builtin} {name}\n")),
            }
        }
    }
    Ok(shell.print(builtin, &out))
}

pub fn export(shell: &mut Shell, words: &[String]) -> Exec {
    mark(
        shell,
        words,
        |v| v.attributes.export = true,
        |v| v.attributes.export,
    )
}

pub fn readonly(shell: &mut Shell, words: &[String]) -> Exec {
    mark(
        shell,
        words,
        |v| v.attributes.readonly = true,
        |v| v.attributes.readonly,
    )
}

pub fn unset(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, rest) = match shell.letters(words, "fvn") {
        Ok(found) => found,
        Err(message) => return shell.misuse_special(&message),
    };
    let mut status = 0;
    for word in rest {
        if letters.contains('f') {
            if !shell.unset_function(word) {
                status = 1;
            }
            continue;
        }
        if let Some((base, index)) = word
            .split_once('[')
            .filter(|_| shell.bash && word.ends_with(']'))
        {
            if !unset_element(shell, base, &index[..index.len() - 1])? {
                status = 1;
            }
            continue;
        }
        if !text::is_name(word) {
            status = shell.bad_name("unset", word)?;
            continue;
        }
        let name = if letters.contains('n') {
            word.clone()
        } else {
            shell.resolve(word)
        };
        if shell
            .vars
            .find(&name)
            .is_some_and(|v| v.attributes.readonly)
        {
            if shell.bash {
                shell.error(&format!("unset: {name}: cannot unset: readonly variable"));
                status = 1;
                continue;
            }
            shell.error(&format!("unset: {name}: is read only"));
            return Err(Flow::Abort(2));
        }
        if shell.vars.find(&name).is_none()
            && shell.bash
            && !letters.contains('v')
            && shell.functions.contains_key(word)
        {
            if !shell.unset_function(word) {
                status = 1;
            }
            continue;
        }
        if shell.bash {
            shell.vars.unset(&name);
        } else if shell.vars.is_local(&name) {
            *shell.vars.entry(&name) = Variable::default();
        } else {
            shell.vars.remove(&name);
        }
        match name.as_str() {
            "PATH" => shell.paths.clear(),
            "GLOBIGNORE" if shell.bash => shell.options.dotglob = false,
            _ => {}
        }
    }
    Ok(status)
}

/// Removes an element, or of a scalar all that there is; false when it has none, which is reported.
fn unset_element(shell: &mut Shell, base: &str, index: &str) -> Result<bool, Flow> {
    let name = shell.resolve(base);
    shell.check_writable(&name)?;
    let scalar = |v: &Variable| !v.is_indexed() && !v.is_assoc();
    if shell.vars.find(&name).is_some_and(scalar) {
        let whole = index.parse::<i64>() == Ok(0);
        if whole {
            shell.vars.unset(&name);
        } else {
            shell.error(&format!("unset: {name}: not an array variable"));
        }
        return Ok(whole);
    }
    if (index == "@" || index == "*") && !shell.is_assoc(&name) {
        shell.vars.remove(&name);
        return Ok(true);
    }
    if shell.is_assoc(&name) {
        let index = shell.expand_subscript(index)?;
        if let Value::Assoc(map) = &mut shell.vars.entry(&name).value {
            map.remove(&index);
        }
        return Ok(true);
    }
    let index = shell.expand_subscript(index)?;
    let mut at = shell.arithmetic(&index)?;
    if let Value::Array(map) = &mut shell.vars.entry(&name).value {
        if at < 0 {
            at += map.last_key_value().map_or(0, |(k, _)| k + 1);
        }
        if at < 0 {
            return shell.fatal(&format!("unset: [{index}]: bad array subscript"));
        }
        map.remove(&at);
    }
    Ok(true)
}

pub fn shift(shell: &mut Shell, words: &[String]) -> Exec {
    super::control::at_most_one(shell, words)?;
    let count = match words.get(1) {
        None => 1,
        Some(word) => match word.parse::<usize>() {
            Ok(n) => n,
            Err(_) if shell.bash => {
                shell.error(&format!("shift: {word}: numeric argument required"));
                return Ok(1);
            }
            Err(_) => return shell.misuse_special(&format!("shift: Illegal number: {word}")),
        },
    };
    if count > shell.positional.len() {
        if shell.bash {
            return Ok(1);
        }
        return shell.misuse_special("shift: can't shift that many");
    }
    shell.positional.drain(..count);
    Ok(0)
}

pub fn let_(shell: &mut Shell, words: &[String]) -> Exec {
    if words.len() < 2 {
        shell.error("let: expression expected");
        return Ok(1);
    }
    let mut value = 0;
    for word in &words[1..] {
        match shell.arithmetic(word) {
            Ok(n) => value = n,
            Err(Flow::Abort(_) | Flow::Discard) => return Ok(1),
            Err(flow) => return Err(flow),
        }
    }
    Ok(i32::from(value == 0))
}
