//! The command line of a guest `node`. Follows Node's `src/node_options.cc`; the option table is the pinned binary's.

use serde_json::{Map, Value};

use crate::tables::tables;

/// Parsed options and what is left of the arguments.
#[derive(Clone, Debug)]
pub struct Options {
    /// By name with its dashes, for example `--eval`; also the `--no-` forms.
    pub values: Map<String, Value>,
    /// `process.execArgv`.
    pub exec_argv: Vec<String>,
    /// Script and its arguments: `process.argv` behind the executable.
    pub script: Vec<String>,
    /// Whether `-e`/`-p` was given, possibly with an empty string.
    pub has_eval: bool,
}

/// Flags of V8 that are accepted because they change nothing a program can see: the feature is on in this engine, or
/// the flag is about the timing of background work.
const HARMLESS_V8_FLAGS: [&str; 2] = ["--js-float16array", "--concurrent-array-buffer-sweeping"];

impl Options {
    /// No command line at all.
    #[must_use]
    pub fn defaults() -> Options {
        let values = tables()["options"]["values"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let mut options = Options {
            values,
            exec_argv: Vec::new(),
            script: Vec::new(),
            has_eval: false,
        };
        // The tables come from a run with `--expose-internals --no-warnings`: a guest must have neither.
        options.set("--expose-internals", Value::Bool(false));
        options.set("--warnings", Value::Bool(true));
        options
    }

    /// Parses `arguments`, the command line behind `node`.
    ///
    /// # Errors
    /// Node's own message for a bad option; the process ends with status 9.
    pub fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options::defaults();
        let mut rest = arguments.iter().peekable();
        while let Some(argument) = rest.peek() {
            if *argument == "-" || !argument.starts_with('-') {
                break;
            }
            let argument = rest.next().expect("it was peeked at").clone();
            options.exec_argv.push(argument.clone());
            if argument == "--" {
                options.exec_argv.pop();
                break;
            }
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => {
                    (name.to_owned(), Some(value.to_owned()))
                }
                _ => (argument.clone(), None),
            };
            let mut value = inline;
            for name in expand_alias(&name) {
                if let Some((name, fixed)) = name.split_once('=') {
                    options.apply(name, Some(fixed.to_owned()), &argument, &mut rest)?;
                } else {
                    options.apply(&name, value.take(), &argument, &mut rest)?;
                }
            }
        }
        options.script = rest.cloned().collect();
        Ok(options)
    }

    fn apply<'a>(
        &mut self,
        name: &str,
        inline: Option<String>,
        argument: &str,
        rest: &mut std::iter::Peekable<impl Iterator<Item = &'a String>>,
    ) -> Result<(), String> {
        let (base, negated) = match name.strip_prefix("--no-") {
            Some(base) if option_type(name).is_none() => {
                (format!("--{}", base.replace('_', "-")), true)
            }
            _ => (name.replace('_', "-"), false),
        };
        if HARMLESS_V8_FLAGS.contains(&base.as_str()) {
            return Ok(());
        }
        let Some(kind) = option_type(&base) else {
            return Err(format!("bad option: {argument}"));
        };
        let mut take = || match inline.clone() {
            Some(value) => Some(value),
            None => {
                let value = rest.next().cloned();
                if let Some(value) = &value {
                    self.exec_argv.push(value.clone());
                }
                value
            }
        };
        match kind {
            // kNoOp, kV8Option: accepted without effect; flags of V8 belong to the host.
            0 | 1 => return Ok(()),
            // kBoolean
            2 => {
                self.set(&base, Value::Bool(!negated));
                if base == "--print" {
                    self.has_eval = true;
                }
                return Ok(());
            }
            _ => {}
        }
        let missing = format!("{argument} requires an argument");
        match kind {
            3 | 4 => {
                let value = take().ok_or(missing)?;
                let number: i64 = value
                    .parse()
                    .map_err(|_| format!("{argument} must be a number"))?;
                self.set(&base, Value::from(number));
            }
            6 => {
                let _ = inline;
            }
            7 => {
                let value = take().ok_or(missing)?;
                match self.values.get_mut(&base).and_then(Value::as_array_mut) {
                    Some(list) => list.push(Value::String(value)),
                    None => self.set(&base, Value::Array(vec![Value::String(value)])),
                }
            }
            _ => {
                let value = take().ok_or(missing)?;
                if base == "--eval" {
                    self.has_eval = true;
                }
                self.set(&base, Value::String(value));
            }
        }
        Ok(())
    }

    /// Sets an option, its negated twin, and the option of the same meaning with or without `experimental-`.
    pub fn set(&mut self, name: &str, value: Value) {
        let bare = name.trim_start_matches("--");
        let other = match bare.strip_prefix("experimental-") {
            Some(stable) => format!("--{stable}"),
            None => format!("--experimental-{bare}"),
        };
        if value.is_boolean() && self.values.get(&other).is_some_and(Value::is_boolean) {
            self.set_one(&other, value.clone());
        }
        self.set_one(name, value);
    }

    fn set_one(&mut self, name: &str, value: Value) {
        if let Value::Bool(on) = value {
            let twin = format!("--no-{}", name.trim_start_matches("--"));
            if self.values.contains_key(&twin) {
                self.values.insert(twin, Value::Bool(!on));
            }
        }
        self.values.insert(name.to_owned(), value);
    }

    /// Whether the boolean option `name` is on.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.values
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    /// The string option `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }
}

/// Type of an option in the binary's table (`options.types`).
fn option_type(name: &str) -> Option<i64> {
    let info = tables()["options"]["info"].as_array()?;
    info.iter()
        .find(|entry| entry[0] == name)
        .and_then(|entry| entry[1]["type"].as_i64())
}

/// What an alias stands for, for example `-e` or `-pe`.
fn expand_alias(name: &str) -> Vec<String> {
    let aliases = tables()["options"]["aliases"].as_array();
    let target = aliases.and_then(|list| list.iter().find(|entry| entry[0] == name));
    match target.and_then(|entry| entry[1].as_array()) {
        Some(to) => to
            .iter()
            .filter_map(Value::as_str)
            .flat_map(|to| {
                if to == name {
                    vec![to.to_owned()]
                } else {
                    expand_alias(to)
                }
            })
            .collect(),
        None => vec![name.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(arguments: &[&str]) -> Options {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        Options::parse(&arguments).unwrap()
    }

    #[test]
    fn internals_are_hidden_and_warnings_shown_unless_asked_otherwise() {
        assert!(!parse(&["x.js"]).flag("--expose-internals"));
        assert!(parse(&["x.js"]).flag("--warnings"));
        assert!(parse(&["--expose-internals", "x.js"]).flag("--expose-internals"));
        assert!(!parse(&["--no-warnings", "x.js"]).flag("--warnings"));
    }

    #[test]
    fn an_experimental_spelling_sets_the_option_itself() {
        assert!(!parse(&["--no-experimental-require-module"]).flag("--require-module"));
    }
}
