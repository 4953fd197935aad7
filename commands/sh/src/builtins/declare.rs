//! `declare`, `typeset`, `local`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::variables::{base_name, split_assignment};
use crate::expand::escape;
use crate::shell::{Exec, Shell};
use crate::syntax::{Input, Parser};
use crate::text;
use crate::variables::{Value, Variable};

impl Variable {
    /// The letters of the attributes.
    pub fn flags(&self) -> String {
        let a = &self.attributes;
        let kinds = [
            (self.is_indexed(), 'a'),
            (self.is_assoc(), 'A'),
            (a.integer, 'i'),
            (a.lower, 'l'),
            (a.nameref, 'n'),
            (a.readonly, 'r'),
            (a.upper, 'u'),
            (a.export, 'x'),
        ];
        kinds
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, c)| *c)
            .collect()
    }

    /// The command that makes this variable, as `declare -p` prints it.
    pub fn declaration(&self, name: &str) -> String {
        let flags = self.flags();
        let flags = if flags.is_empty() {
            "-".to_owned()
        } else {
            flags
        };
        let value = match &self.value {
            Value::Unset => String::new(),
            Value::Scalar(text) => format!("={}", escape::double_quote(text)),
            Value::Array(map) => {
                let items: Vec<String> = map
                    .iter()
                    .map(|(k, v)| format!("[{k}]={}", escape::double_quote(v)))
                    .collect();
                format!("=({})", items.join(" "))
            }
            Value::Assoc(map) => {
                let items: String = crate::variables::in_order(map)
                    .into_iter()
                    .map(|(k, v)| {
                        format!("[{}]={} ", escape::subscript(k), escape::double_quote(v))
                    })
                    .collect();
                format!("=({items})")
            }
        };
        format!("declare -{flags} {name}{value}")
    }
}

/// The options of one call: letters switched on and off.
struct Request {
    on: String,
    off: String,
}

impl Request {
    fn has(&self, letter: char) -> bool {
        self.on.contains(letter)
    }

    fn apply(&self, variable: &mut Variable) {
        let a = &mut variable.attributes;
        for (letter, field) in [
            ('x', &mut a.export),
            ('r', &mut a.readonly),
            ('i', &mut a.integer),
            ('n', &mut a.nameref),
        ] {
            *field = (*field || self.on.contains(letter)) && !self.off.contains(letter);
        }
        if self.has('u') {
            (a.upper, a.lower) = (true, false);
        }
        if self.has('l') {
            (a.upper, a.lower) = (false, true);
        }
        a.upper &= !self.off.contains('u');
        a.lower &= !self.off.contains('l');
    }
}

fn parse(words: &[String]) -> Result<(Request, usize), char> {
    let mut request = Request {
        on: String::new(),
        off: String::new(),
    };
    let mut at = 1;
    while let Some(word) = words.get(at) {
        if word == "--" {
            at += 1;
            break;
        }
        let (letters, list) = match (word.strip_prefix('-'), word.strip_prefix('+')) {
            (Some(letters), _) if !letters.is_empty() => (letters, &mut request.on),
            (_, Some(letters)) if !letters.is_empty() => (letters, &mut request.off),
            _ => break,
        };
        for letter in letters.chars() {
            if !"aAfFgiIlnprtux".contains(letter) {
                return Err(letter);
            }
            list.push(letter);
        }
        at += 1;
    }
    Ok((request, at))
}

pub fn local(shell: &mut Shell, words: &[String]) -> Exec {
    if !shell.vars.has_scope() {
        if shell.bash {
            shell.error("local: can only be used in a function");
            return Ok(1);
        }
        return shell.misuse_special("local: not in a function");
    }
    if shell.bash {
        return declare(shell, words);
    }
    for word in &words[1..] {
        if word == "-" {
            shell.make_options_local();
            continue;
        }
        let (name, _, value) = split_assignment(word);
        if !text::is_name(name) {
            return shell.misuse_special(&format!("local: {word}: bad variable name"));
        }
        // dash's locals begin with the outer value.
        shell.vars.make_local(name, true);
        if let Some(value) = value {
            shell.assign(name, value.to_owned())?;
        }
    }
    Ok(0)
}

impl Shell {
    /// `local -`: the options of `set` are put back when the function returns.
    fn make_options_local(&mut self) {
        let options = self.options.clone();
        if let Some(frame) = self.frames.iter_mut().rev().find(|f| f.is_function) {
            frame.options.get_or_insert(options);
        }
    }

    /// The attributes of a function, as `declare -F` prints them.
    fn function_flags(&self, name: &str) -> String {
        let mut flags = String::from("f");
        if self.readonly_functions.contains(name) {
            flags.push('r');
        }
        if self.exported_functions.contains(name) {
            flags.push('x');
        }
        flags
    }

    /// The command that makes a function, as bash prints it.
    pub fn function_text(&mut self, name: &str) -> String {
        let Some(function) = self.functions.get(name).map(Rc::clone) else {
            return String::new();
        };
        let source = format!("function {name} ()\n{}\n", function.text);
        let mut input = Input::text(&source, 1);
        // What was parsed once has changed its meaning where options or aliases have.
        Parser::new(&mut input, self)
            .printed_function()
            .unwrap_or_else(|| format!("{name} () {}", function.text))
    }

    /// The commands that make a function and its attributes again.
    pub fn function_declaration(&mut self, name: &str) -> String {
        let mut out = String::new();
        if self.functions.contains_key(name) {
            out.push_str(&self.function_text(name));
            out.push('\n');
        }
        let flags = self.function_flags(name);
        if flags.len() > 1 {
            out.push_str(&format!("declare -{flags} {name}\n"));
        }
        out
    }

    /// Marks a function as read-only or exported; false when there is none.
    pub fn mark_function(&mut self, name: &str, readonly: bool, export: bool) -> bool {
        if !self.functions.contains_key(name) {
            return false;
        }
        if readonly {
            self.readonly_functions.insert(name.to_owned());
        }
        if export {
            self.exported_functions.insert(name.to_owned());
        }
        true
    }
}

pub fn declare(shell: &mut Shell, words: &[String]) -> Exec {
    let builtin = words[0].clone();
    let (request, first) = match parse(words) {
        Ok(found) => found,
        Err(letter) => return Ok(shell.misuse(&format!("{builtin}: -{letter}: invalid option"))),
    };
    if request.has('f') || request.has('F') {
        return functions(shell, &request, &words[first..]);
    }
    if words.len() == first {
        return list(shell, &request, &builtin);
    }
    if request.has('p') {
        return print(shell, &words[first..], &builtin);
    }
    shell.vars.references |= request.has('n');
    let local = shell.vars.has_scope() && !request.has('g');
    let mut status = 0;
    for (at, word) in words.iter().enumerate().skip(first) {
        if word == "-" && builtin == "local" {
            shell.make_options_local();
            continue;
        }
        let (target, append, value) = split_assignment(word);
        let name = base_name(target);
        if !text::is_name(name) {
            shell.error(&format!("{builtin}: `{}': not a valid identifier", word));
            status = 1;
            continue;
        }
        if local
            && shell.vars.find(name).is_some_and(|v| v.attributes.readonly)
            && !shell.vars.is_hidden(name)
        {
            shell.error(&format!("{builtin}: {name}: readonly variable"));
            status = 1;
            continue;
        }
        if local {
            shell
                .vars
                .make_local(name, request.has('I') || shell.options.localvar_inherit);
        }
        if shell.vars.find(name).is_some_and(|v| v.attributes.readonly)
            && (value.is_some() || request.off.contains('r'))
        {
            shell.error(&format!("{builtin}: {name}: readonly variable"));
            status = 1;
            continue;
        }
        if !becomes(shell, name, &request) {
            status = 1;
            continue;
        }
        become_array(shell, name, &request, target != name);
        let unreferenced = !request.has('n') && !request.off.contains('n');
        if request.has('n') {
            let old = shell.vars.find(name).and_then(Variable::scalar);
            let to = value.or(old).unwrap_or_default().to_owned();
            if !to.is_empty() && !text::is_name(base_name(&to)) {
                shell.error(&format!(
                    "{builtin}: `{to}': invalid variable name for name reference"
                ));
                status = 1;
                continue;
            }
            if to == name {
                if !refer_to_global(shell, name, &builtin, local) {
                    status = 1;
                }
                continue;
            }
            shell.vars.innermost(name).attributes.nameref = false;
        }
        let mut attributes = Request {
            on: request.on.replace('r', ""),
            off: request.off.clone(),
        };
        if !unreferenced {
            attributes.on = attributes.on.replace('n', "");
        }
        let resolved = if unreferenced {
            shell.resolve(name)
        } else {
            name.to_owned()
        };
        if resolved.is_empty() {
            shell.warn_of_circle(name);
            status = 1;
            continue;
        }
        attributes.apply(shell.vars.entry(&resolved));
        if local && request.has('i') && value.is_some() {
            let variable = shell.vars.entry(&resolved);
            if variable.value == Value::Unset {
                // The expression may name the variable itself, which is 0 then, not unset.
                variable.value = Value::Scalar(String::new());
            }
        }
        if let Some(array) = shell.take_array(at) {
            shell.store_array(&resolved, array)?;
        } else if let Some(value) = value {
            match crate::text::split_element(target) {
                Some((_, index)) => {
                    let index = shell.expand_subscript(index)?;
                    shell.assign_element(&resolved, &index, value.to_owned())?;
                }
                None if request.has('a') && value.starts_with('(') && value.ends_with(')') => {
                    let plus = if append { "+" } else { "" };
                    shell.eval_text(&format!("{resolved}{plus}={value}"), shell.line)?;
                }
                None => shell.assign_text(&resolved, value.to_owned(), append)?,
            }
        }
        request.apply(shell.vars.entry(&resolved));
    }
    Ok(status)
}

/// `local -n x=x`: a reference to the global variable of the same name, of which bash warns. Outside of a function there
/// is nothing that it could mean.
fn refer_to_global(shell: &mut Shell, name: &str, builtin: &str, local: bool) -> bool {
    if !local {
        shell.error(&format!(
            "{builtin}: {name}: nameref variable self references not allowed"
        ));
        if shell
            .vars
            .find(name)
            .is_some_and(|v| v.value == Value::Unset)
        {
            shell.vars.remove(name);
        }
        return false;
    }
    shell.error(&format!(
        "{builtin}: warning: {name}: circular name reference"
    ));
    shell.warn_of_circle(name);
    let variable = shell.vars.innermost(name);
    variable.value = Value::Scalar(name.to_owned());
    variable.attributes.nameref = true;
    true
}

/// Whether a variable may become what is asked for: arrays of one kind do not become those of the other.
fn becomes(shell: &mut Shell, name: &str, request: &Request) -> bool {
    let (from, to) = match shell.vars.find(name) {
        Some(v) if v.is_indexed() && request.has('A') => ("indexed", "associative"),
        Some(v) if v.is_assoc() && request.has('a') => ("associative", "indexed"),
        _ => return true,
    };
    shell.error(&format!("{name}: cannot convert {from} to {to} array"));
    false
}

fn become_array(shell: &mut Shell, name: &str, request: &Request, subscript: bool) {
    let variable = shell.vars.entry(name);
    if request.has('A') && !variable.is_assoc() {
        match std::mem::take(&mut variable.value) {
            Value::Scalar(text) => {
                variable.value = Value::Assoc(BTreeMap::from([("0".to_owned(), text)]));
            }
            _ => variable.attributes.associative = true,
        }
    } else if (request.has('a') || subscript) && !variable.is_indexed() && !variable.is_assoc() {
        match std::mem::take(&mut variable.value) {
            Value::Scalar(text) => variable.value = Value::Array(BTreeMap::from([(0, text)])),
            _ => variable.attributes.indexed = true,
        }
    }
}

fn print(shell: &mut Shell, names: &[String], builtin: &str) -> Exec {
    let mut out = String::new();
    let mut status = 0;
    shell.refresh_option_names();
    for name in names {
        let known = builtin != "local" || shell.vars.is_local(name);
        match shell.vars.find(name).filter(|_| known) {
            Some(variable) => out.push_str(&format!("{}\n", variable.declaration(name))),
            None => {
                shell.error(&format!("{builtin}: {name}: not found"));
                status = 1;
            }
        }
    }
    shell.print(builtin, &out);
    Ok(status)
}

fn list(shell: &mut Shell, request: &Request, builtin: &str) -> Exec {
    let mut out = String::new();
    shell.refresh_option_names();
    for (name, variable) in shell.vars.iter() {
        let flags = variable.flags();
        let wanted = request
            .on
            .chars()
            .filter(|c| "aAilnrux".contains(*c))
            .all(|c| flags.contains(c));
        if !wanted || builtin == "local" && !shell.vars.is_local(name) {
            continue;
        }
        if request.on.is_empty()
            && builtin != "local"
            && let Value::Scalar(text) = &variable.value
        {
            out.push_str(&format!("{name}={}\n", escape::bash_quote_if_needed(text)));
            continue;
        }
        out.push_str(&format!("{}\n", variable.declaration(name)));
    }
    Ok(shell.print(builtin, &out))
}

fn functions(shell: &mut Shell, request: &Request, names: &[String]) -> Exec {
    let mut all: Vec<String> = shell.functions.keys().cloned().collect();
    all.sort();
    let listed = names.is_empty();
    let names = if listed { all } else { names.to_vec() };
    let marks = !listed && (request.has('r') || request.has('x') || request.off.contains('x'));
    let mut out = String::new();
    let mut status = 0;
    for name in &names {
        let flags = shell.function_flags(name);
        if !shell.functions.contains_key(name) {
            status = 1;
            continue;
        }
        if marks && !request.has('p') {
            if request.off.contains('x') {
                shell.exported_functions.remove(name);
            }
            shell.mark_function(name, request.has('r'), request.has('x'));
            continue;
        }
        let wanted = "rx".chars().all(|c| !request.has(c) || flags.contains(c));
        if listed && !wanted {
            continue;
        }
        if !request.has('F') {
            out.push_str(&if listed {
                shell.function_declaration(name)
            } else {
                format!("{}\n", shell.function_text(name))
            });
        } else if listed {
            out.push_str(&format!("declare -{flags} {name}\n"));
        } else if shell.options.extdebug
            && let Some(function) = shell.functions.get(name)
        {
            let file = match &*function.file {
                "" => "main",
                file => file,
            };
            out.push_str(&format!("{name} {} {file}\n", function.line));
        } else {
            out.push_str(&format!("{name}\n"));
        }
    }
    shell.print("declare", &out);
    Ok(status)
}
