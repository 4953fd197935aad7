//! Reading and setting variables, with those the shell computes.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use secure_exec_sys as sys;

use crate::shell::{Flow, Shell};
use crate::syntax::{Input, Parser};
use crate::text;
use crate::variables::{Value, Variable};

/// How many name references one name may lead through.
const MAX_REFERENCES: usize = 8;

impl Shell {
    /// Expands a subscript that a builtin, a reference or an expression has got as text.
    ///
    /// # Errors
    /// An expansion failed and was reported.
    pub fn expand_subscript(&mut self, text: &str) -> Result<String, Flow> {
        if !text.contains(['$', '`', '"', '\'', '\\']) {
            return Ok(text.to_owned());
        }
        let mut input = Input::text(text, self.line);
        match Parser::new(&mut input, self).subscript() {
            Ok(word) => self.expand_single(&word),
            Err(error) => self.fatal(&error.message),
        }
    }

    /// The element that a name reference names, if it names one: array and subscript.
    pub fn referenced_element(&self, name: &str) -> Option<(String, String)> {
        if !self.vars.references || !self.vars.find(name)?.attributes.nameref {
            return None;
        }
        let target = self.resolve(name);
        let (base, index) = text::split_element(&target)?;
        Some((base.to_owned(), index.to_owned()))
    }

    /// The value of a variable, or of the element that a name reference names.
    ///
    /// # Errors
    /// The subscript is wrong, which was reported.
    pub fn var_or_element(&mut self, name: &str) -> Result<Option<String>, Flow> {
        match self.referenced_element(name) {
            Some((base, index)) => {
                let index = self.expand_subscript(&index)?;
                self.element(&base, &index)
            }
            None => Ok(self.var(name)),
        }
    }

    /// The value of a variable as a scalar.
    pub fn var(&self, name: &str) -> Option<String> {
        if let Some(text) = self.computed(name) {
            return Some(text);
        }
        let name = self.resolve(name);
        self.vars.find(&name)?.scalar().map(str::to_owned)
    }

    /// What a name reference leads to; nothing, which no variable is called, where it leads in a circle.
    pub fn resolve(&self, name: &str) -> String {
        if !self.vars.references {
            return name.to_owned();
        }
        let mut target = name;
        for _ in 0..MAX_REFERENCES {
            match self.vars.find(target) {
                Some(Variable {
                    value: Value::Scalar(next),
                    attributes,
                }) if attributes.nameref && !next.is_empty() => target = next,
                _ => return target.to_owned(),
            }
        }
        String::new()
    }

    /// Whether a name reference leads to itself. That is told, as bash tells it.
    pub fn is_circular(&self, name: &str) -> bool {
        if self.vars.refers_to_itself(name) {
            self.warn_of_circle(name);
            return false;
        }
        let circular = self.vars.find(name).is_some_and(|v| v.attributes.nameref)
            && self.resolve(name).is_empty();
        if circular {
            self.warn_of_circle(name);
        }
        circular
    }

    pub fn warn_of_circle(&self, name: &str) {
        self.error(&format!("warning: {name}: circular name reference"));
    }

    fn computed(&self, name: &str) -> Option<String> {
        if name == "LINENO" {
            return Some(self.line.to_string());
        }
        if !self.bash {
            return None;
        }
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
        };
        match name {
            "SECONDS" => {
                let run = i64::try_from(self.started.elapsed().as_secs()).unwrap_or(0);
                Some((self.seconds_base + run).to_string())
            }
            "EPOCHSECONDS" => Some(now().as_secs().to_string()),
            "EPOCHREALTIME" => Some(format!("{}.{:06}", now().as_secs(), now().subsec_micros())),
            "BASHPID" => Some(sys::process::getpid().to_string()),
            "BASH_SUBSHELL" => Some(self.subshell.to_string()),
            "SRANDOM" => Some(self.strong_random().to_string()),
            "BASH_ARGV0" => Some(self.name.clone()),
            "BASH_COMMAND" => Some(self.command_text.to_string()),
            "UID" => sys::process::ids().ok().map(|ids| ids.uid.to_string()),
            "EUID" => sys::process::ids().ok().map(|ids| ids.euid.to_string()),
            "HOSTNAME" if self.vars.find("HOSTNAME").is_none() => {
                sys::machine::uname().ok().map(|u| u.nodename)
            }
            "_" => Some(self.last_argument.clone()),
            "FUNCNAME" | "BASH_SOURCE" | "BASH_LINENO" | "PIPESTATUS" | "GROUPS" | "DIRSTACK" => {
                self.computed_array(name)?.into_iter().next()
            }
            "BASHOPTS" | "SHELLOPTS" => Some(self.option_names(name == "SHELLOPTS")),
            _ => None,
        }
    }

    /// Stores what `SHELLOPTS` and `BASHOPTS` are, for what takes variables as they are stored.
    pub fn refresh_option_names(&mut self) {
        for name in ["SHELLOPTS", "BASHOPTS"] {
            if self.bash {
                let names = self.option_names(name == "SHELLOPTS");
                self.force(name, &names);
            }
        }
    }

    /// Turns on the options that `SHELLOPTS` and `BASHOPTS` of the environment name.
    pub fn import_option_names(&mut self) {
        for name in ["SHELLOPTS", "BASHOPTS"] {
            let stored = self.vars.find(name).and_then(Variable::scalar);
            let names = stored.unwrap_or_default().to_owned();
            for option in names.split(':') {
                let field = if name == "SHELLOPTS" {
                    self.options.by_name(option)
                } else {
                    self.options.by_shopt(option)
                };
                // Another shell may have others.
                if let Some(field) = field {
                    *field = true;
                }
            }
            self.vars.entry(name).attributes.readonly = true;
        }
        self.refresh_option_names();
    }

    fn option_names(&self, set: bool) -> String {
        let mut copy = self.options.clone();
        let names: Vec<&str> = if set {
            crate::options::SET
                .iter()
                .filter(|(_, _, f)| *f(&mut copy))
                .map(|(_, n, _)| *n)
                .collect()
        } else {
            crate::options::SHOPT
                .iter()
                .filter(|(_, f)| *f(&mut copy))
                .map(|(n, _)| *n)
                .collect()
        };
        names.join(":")
    }

    fn computed_array(&self, name: &str) -> Option<Vec<String>> {
        if !self.bash {
            return None;
        }
        match name {
            "PIPESTATUS" => Some(self.pipe_statuses.iter().map(i32::to_string).collect()),
            "FUNCNAME" if self.function_name().is_none() => None,
            "FUNCNAME" => {
                let names = self.frames.iter().rev().map(|f| f.name.clone());
                // Only a script is one.
                let main = (!self.script.is_empty()).then(|| String::from("main"));
                Some(names.chain(main).collect())
            }
            "BASH_SOURCE" => {
                let mut files: Vec<String> = self
                    .frames
                    .iter()
                    .rev()
                    .map(|f| f.file.to_string())
                    .collect();
                if !self.script.is_empty() {
                    files.push(self.script.to_string());
                }
                Some(files)
            }
            "BASH_LINENO" => {
                let lines = self.frames.iter().rev().map(|f| f.line.to_string());
                let main = (!self.script.is_empty()).then(|| String::from("0"));
                Some(lines.chain(main).collect())
            }
            "GROUPS" => sys::process::ids()
                .ok()
                .map(|ids| ids.groups.iter().map(u32::to_string).collect()),
            "DIRSTACK" => Some(self.directory_stack()),
            _ => None,
        }
    }

    /// The members of a variable with their keys; `None` when it is not set.
    pub fn elements(&self, name: &str) -> Option<Vec<(String, String)>> {
        if let Some(list) = self.computed_array(name) {
            return Some(
                list.into_iter()
                    .enumerate()
                    .map(|(i, v)| (i.to_string(), v))
                    .collect(),
            );
        }
        if let Some(text) = self.computed(name) {
            return Some(vec![("0".to_owned(), text)]);
        }
        let name = self.resolve(name);
        if let Some(map) = self.computed_map(&name) {
            return Some(map);
        }
        let variable = self.vars.find(&name)?;
        (variable.value != Value::Unset).then(|| variable.elements())
    }

    /// How many members a stored array has.
    pub fn stored_members(&self, name: &str) -> Option<usize> {
        let name = self.resolve(name);
        if self.computed_array(&name).is_some() || self.computed_map(&name).is_some() {
            return None;
        }
        match &self.vars.find(&name)?.value {
            Value::Array(map) => Some(map.len()),
            Value::Assoc(map) => Some(map.len()),
            _ => None,
        }
    }

    /// What the shell keeps as an associative array: aliases, and where commands were found.
    fn computed_map(&self, name: &str) -> Option<Vec<(String, String)>> {
        match name {
            "BASH_ALIASES" if self.bash => {
                let aliases = self.aliases.iter();
                Some(aliases.map(|(k, v)| (k.clone(), v.clone())).collect())
            }
            "BASH_CMDS" if self.bash => {
                let paths = self.paths.iter();
                let mut list: Vec<_> = paths.map(|(k, (v, _))| (k.clone(), v.clone())).collect();
                list.sort();
                Some(list)
            }
            _ => None,
        }
    }

    pub fn is_assoc(&self, name: &str) -> bool {
        let name = self.resolve(name);
        if self.bash && matches!(&*name, "BASH_ALIASES" | "BASH_CMDS") {
            return true;
        }
        self.vars.find(&name).is_some_and(Variable::is_assoc)
    }

    /// The member of an array; a negative index counts from the end.
    pub fn element(&mut self, name: &str, index: &str) -> Result<Option<String>, Flow> {
        let name = self.resolve(name);
        if let Some(Variable {
            value: Value::Assoc(map),
            ..
        }) = self.vars.find(&name)
        {
            return Ok(map.get(index).cloned());
        }
        if let Some(map) = self.computed_map(&name) {
            return Ok(map.into_iter().find(|(k, _)| k == index).map(|(_, v)| v));
        }
        if self.vars.find(&name).is_some_and(Variable::is_assoc) {
            return Ok(None);
        }
        let mut at = self.arithmetic(index)?;
        if let Some(Variable {
            value: Value::Array(map),
            ..
        }) = self.vars.find(&name)
            && self.computed_array(&name).is_none()
        {
            let end = map.last_key_value().map_or(0, |(k, _)| k + 1);
            let key = if at < 0 { at + end } else { at };
            if key >= 0 {
                return Ok(map.get(&key).cloned());
            }
        }
        let Some(list) = self.elements(&name) else {
            return Ok(None);
        };
        if at < 0 {
            let end = list
                .last()
                .and_then(|(k, _)| k.parse::<i64>().ok())
                .map_or(0, |k| k + 1);
            at += end;
            if at < 0 {
                self.error(&format!("{name}: bad array subscript"));
                return Ok(None);
            }
        }
        let key = at.to_string();
        Ok(list.into_iter().find(|(k, _)| *k == key).map(|(_, v)| v))
    }

    /// What assigning `text` to the variable stores, by its attributes.
    fn fit(&mut self, name: &str, text: String) -> Result<String, Flow> {
        let Some(variable) = self.vars.find(name) else {
            return Ok(text);
        };
        if variable.attributes.integer {
            return self.arithmetic(&text).map(|n| n.to_string());
        }
        Ok(variable.fit(text))
    }

    /// Whether the variable may be set; reports when not.
    pub fn check_writable(&self, name: &str) -> Result<(), Flow> {
        if name.is_empty() {
            self.error("circular name reference");
            return Err(Flow::Discard);
        }
        if self.vars.find(name).is_some_and(|v| v.attributes.readonly) {
            let message = if self.bash {
                format!("{name}: readonly variable")
            } else {
                format!("{name}: is read only")
            };
            return self.fatal_failure(&message);
        }
        Ok(())
    }

    /// Assigns a scalar.
    pub fn assign(&mut self, name: &str, text: String) -> Result<(), Flow> {
        if self.vars.is_reference(name) && self.is_circular(name) {
            return Err(Flow::Discard);
        }
        let name = self.resolve(name);
        self.check_writable(&name)?;
        if let Some((base, index)) = text::split_element(&name) {
            let index = self.expand_subscript(index)?;
            return self.assign_element(base, &index, text);
        }
        let text = self.fit(&name, text)?;
        self.changed(&name, &text);
        let export = self.options.allexport;
        let variable = self.vars.entry(&name);
        variable.begin();
        match &mut variable.value {
            Value::Array(map) => {
                map.insert(0, text);
            }
            Value::Assoc(map) => {
                map.insert("0".to_owned(), text);
            }
            value => *value = Value::Scalar(text),
        }
        variable.attributes.export |= export;
        Ok(())
    }

    /// What setting some variables does besides.
    fn changed(&mut self, name: &str, text: &str) {
        match name {
            "PATH" => self.paths.clear(),
            "HISTFILESIZE" if self.bash => self.shrink_history_file(text),
            "POSIXLY_CORRECT" if self.bash => self.options.posix = true,
            "BASH_ARGV0" if self.bash => text.clone_into(&mut self.name),
            "OPTIND" => {
                self.getopts_column = 0;
                self.getopts_index = None;
            }
            "GLOBIGNORE" if self.bash && !text.is_empty() => self.options.dotglob = true,
            "RANDOM" if self.bash => {
                self.random = text.parse::<u32>().unwrap_or(0).wrapping_mul(2_654_435_761) | 1
            }
            "SECONDS" if self.bash => {
                let run = i64::try_from(self.started.elapsed().as_secs()).unwrap_or(0);
                self.seconds_base = text.parse::<i64>().unwrap_or(0) - run;
            }
            _ => {}
        }
    }

    /// Assigns a member of an array.
    pub fn assign_element(&mut self, name: &str, index: &str, text: String) -> Result<(), Flow> {
        let name = self.resolve(name);
        self.check_writable(&name)?;
        let text = self.fit(&name, text)?;
        if self.is_assoc(&name) {
            if name == "BASH_ALIASES" {
                self.aliases.insert(index.to_owned(), text);
            } else if name == "BASH_CMDS" {
                self.paths.insert(index.to_owned(), (text, 0));
            } else {
                let variable = self.vars.entry(&name);
                variable.begin();
                if let Value::Assoc(map) = &mut variable.value {
                    map.insert(index.to_owned(), text);
                }
            }
            return Ok(());
        }
        let mut at = self.arithmetic(index)?;
        let variable = self.vars.entry(&name);
        match &variable.value {
            Value::Unset => variable.value = Value::Array(BTreeMap::new()),
            Value::Scalar(old) => variable.value = Value::Array(BTreeMap::from([(0, old.clone())])),
            _ => {}
        }
        if let Value::Array(map) = &mut variable.value {
            if at < 0 {
                at += map.last_key_value().map_or(0, |(k, _)| k + 1);
                if at < 0 {
                    return self.fatal(&format!("{name}[{index}]: bad array subscript"));
                }
            }
            map.insert(at, text);
        }
        Ok(())
    }

    /// Replaces a variable by an array.
    pub fn assign_array(&mut self, name: &str, values: Vec<String>) -> Result<(), Flow> {
        let name = self.resolve(name);
        self.check_writable(&name)?;
        self.vars.entry(&name).value = Value::Array((0..).zip(values).collect());
        Ok(())
    }

    /// Whether the locale has characters of one byte, which those have that say so: what names none has UTF-8.
    pub fn counts_bytes(&self) -> bool {
        let given = |name| self.vars.find(name).and_then(Variable::scalar);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(given)
            .find(|locale| !locale.is_empty());
        self.bash && matches!(locale, Some("C" | "POSIX"))
    }

    /// The characters of a text, in the locale.
    pub fn in_locale<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if text.is_ascii() || !self.counts_bytes() {
            return text.into();
        }
        text::single_bytes(text)
    }

    /// The separators of fields.
    pub fn ifs(&self) -> String {
        match self.vars.find("IFS") {
            Some(variable) => variable
                .scalar()
                .map_or_else(|| " \t\n".to_owned(), str::to_owned),
            None => " \t\n".to_owned(),
        }
    }

    /// `NAME=value` of everything exported, for a program.
    pub fn environment(&mut self) -> Vec<std::ffi::OsString> {
        let exported = |name| self.vars.find(name).is_some_and(|v| v.attributes.export);
        if exported("SHELLOPTS") || exported("BASHOPTS") {
            self.refresh_option_names();
        }
        let mut list: Vec<_> = self
            .vars
            .exported()
            .map(|(n, v)| crate::text::os(&format!("{n}={v}")))
            .collect();
        for name in self.exported_functions.clone() {
            let text = self.function_text(&name);
            let body = text
                .strip_prefix(&format!("{name} () \n"))
                .unwrap_or_default();
            let body = body.strip_prefix("{ \n").unwrap_or(body);
            list.push(crate::text::os(&format!("BASH_FUNC_{name}%%=() {{ {body}")));
        }
        list
    }
}
