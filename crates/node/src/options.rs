//! The command line of a guest `node`. Follows Node's `src/node_options.cc`; the option table is the pinned binary's.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value};

use crate::option_checks;
use crate::tables::tables;

/// Parsed options and what is left of the arguments.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the command line and the environment have set; all others have their default.
    own: BTreeMap<String, Value>,
    /// `process.execArgv`.
    pub exec_argv: Vec<String>,
    /// Script and its arguments: `process.argv` behind the executable.
    pub script: Vec<String>,
    /// Whether `-e`/`-p` was given, possibly with an empty string.
    pub has_eval: bool,
    /// Whether what is evaluated came with the process and not on the command line.
    pub has_code: bool,
}

/// Types of options, as the binary's table numbers them (`options.types`).
const NO_OP: i64 = 0;
pub(crate) const V8_OPTION: i64 = 1;
const BOOLEAN: i64 = 2;
const INTEGER: i64 = 3;
const UNSIGNED: i64 = 4;
const HOST_PORT: i64 = 6;
const STRING_LIST: i64 = 7;

/// Flags of V8 that are accepted because they change nothing a program can see: the feature is on in this engine, or
/// the flag is about the timing of background work.
const HARMLESS_V8_FLAGS: [&str; 2] = ["--js-float16array", "--concurrent-array-buffer-sweeping"];

impl Options {
    /// No command line at all.
    #[must_use]
    pub fn defaults() -> Options {
        Options {
            own: BTreeMap::new(),
            exec_argv: Vec::new(),
            script: Vec::new(),
            has_eval: false,
            has_code: false,
        }
    }

    /// Those of a process that evaluates an ES module which is no argument: all arguments are the program's.
    #[must_use]
    pub fn for_code(arguments: &[String]) -> Options {
        let mut options = Options::defaults();
        options.set("--input-type", Value::from("module"));
        options.script = arguments.to_vec();
        options.has_eval = true;
        options.has_code = true;
        options
    }

    /// The value of an option by its name with its dashes, for example `--eval`; also of the `--no-` forms.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.own.get(name).or_else(|| default_values().get(name))
    }

    /// All options with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        let defaults = default_values();
        let values = defaults
            .iter()
            .map(|(name, value)| (name, self.own.get(name).unwrap_or(value)));
        let others = self
            .own
            .iter()
            .filter(|(name, _)| !defaults.contains_key(*name));
        values
            .chain(others)
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Parses `arguments`, the command line behind `node`. Follows `OptionsParser::Parse`.
    ///
    /// # Errors
    /// Node's own message for a bad option; the process ends with status 9.
    pub fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options::defaults();
        let mut rest = Arguments {
            real: arguments.iter().cloned().collect(),
            ..Arguments::default()
        };
        while rest
            .first()
            .is_some_and(|first| first.len() > 1 && first.starts_with('-'))
        {
            let Some(argument) = rest.pop() else { break };
            if argument == "--" {
                rest.consumed.pop();
                break;
            }
            options.apply(&argument, &mut rest)?;
        }
        options.exec_argv = rest.consumed;
        options.script = rest.synthetic.into_iter().chain(rest.real).collect();
        option_checks::check(&options)?;
        Ok(options)
    }

    fn apply(&mut self, argument: &str, rest: &mut Arguments) -> Result<(), String> {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (argument, None),
        };
        // What messages call the option: as it was written, with the sign that a value followed.
        let written = if inline.is_some() {
            format!("{name}=")
        } else {
            name.to_owned()
        };
        let mut name = name.replace('_', "-");
        let negated = name.starts_with("--no-");
        if negated {
            name.replace_range(2..5, "");
        }
        let name = rest.expand_aliases(name, inline.is_some());
        if HARMLESS_V8_FLAGS.contains(&name.as_str()) {
            return Ok(());
        }
        let Some(kind) = option_type(&name) else {
            return Err(format!("bad option: {argument}"));
        };
        if negated && !matches!(kind, V8_OPTION | BOOLEAN) {
            return Err(format!(
                "{argument} is an invalid negation because it is not a boolean option"
            ));
        }
        match kind {
            // Flags of V8 belong to the host.
            NO_OP | V8_OPTION => return Ok(()),
            BOOLEAN => {
                self.set(&name, Value::Bool(!negated));
                return Ok(());
            }
            _ => {}
        }
        let missing = || format!("{written} requires an argument");
        let value = match inline {
            Some("") => return Err(missing()),
            Some(value) => value.to_owned(),
            None => match rest.pop() {
                Some(value) if value.starts_with('-') => return Err(missing()),
                // A backslash keeps a leading minus from being an option's.
                Some(value) => match value.strip_prefix('\\') {
                    Some(escaped) if escaped.starts_with('-') => escaped.to_owned(),
                    _ => value,
                },
                None => return Err(missing()),
            },
        };
        self.set_valued(&name, kind, value);
        Ok(())
    }

    fn set_valued(&mut self, name: &str, kind: i64, value: String) {
        match kind {
            INTEGER | UNSIGNED => self.set(name, Value::from(leading_number(&value))),
            // There is no inspector whose port this could be.
            HOST_PORT => {}
            STRING_LIST => {
                let list = self.get(name).and_then(Value::as_array).cloned();
                let mut list = list.unwrap_or_default();
                list.push(Value::String(value));
                self.set(name, Value::Array(list));
            }
            _ => {
                if name == "--eval" {
                    self.has_eval = true;
                }
                self.set(name, Value::String(value));
            }
        }
    }

    /// Applies the environment variables that stand for options (`HandleEnvOptions`). `NODE_OPTIONS` is not among them:
    /// it is inert in this VM.
    pub fn apply_environment(&mut self, get: impl Fn(&str) -> Option<String>) {
        for (variable, option) in [
            ("NODE_PENDING_DEPRECATION", "--pending-deprecation"),
            ("NODE_PRESERVE_SYMLINKS", "--preserve-symlinks"),
            ("NODE_PRESERVE_SYMLINKS_MAIN", "--preserve-symlinks-main"),
        ] {
            if get(variable).as_deref() == Some("1") {
                self.set(option, Value::Bool(true));
            }
        }
        let redirect = "--redirect-warnings";
        if self.text(redirect).is_none_or(str::is_empty)
            && let Some(path) = get("NODE_REDIRECT_WARNINGS")
        {
            self.set(redirect, Value::String(path));
        }
    }

    /// Sets an option, its negated twin, and the option of the same meaning with or without `experimental-`.
    pub fn set(&mut self, name: &str, value: Value) {
        let bare = name.trim_start_matches("--");
        let other = match bare.strip_prefix("experimental-") {
            Some(stable) => format!("--{stable}"),
            None => format!("--experimental-{bare}"),
        };
        if value.is_boolean() && self.get(&other).is_some_and(Value::is_boolean) {
            self.set_one(&other, value.clone());
        }
        self.set_one(name, value);
    }

    fn set_one(&mut self, name: &str, value: Value) {
        if let Value::Bool(on) = value {
            let twin = format!("--no-{}", name.trim_start_matches("--"));
            if self.get(&twin).is_some() {
                self.own.insert(twin, Value::Bool(!on));
            }
        }
        self.own.insert(name.to_owned(), value);
    }

    /// Whether the boolean option `name` is on.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The string option `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }
}

/// The values without a command line.
fn default_values() -> &'static Map<String, Value> {
    let values = tables()["options"]["values"].as_object();
    values.expect("the table of options is an object")
}

/// Type of an option in the binary's table (`options.types`).
pub(crate) fn option_type(name: &str) -> Option<i64> {
    let info = tables()["options"]["info"].as_array()?;
    info.iter()
        .find(|entry| entry[0] == name)
        .and_then(|entry| entry[1]["type"].as_i64())
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

/// What `strtoll(3)` makes of a text.
fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let digits = text
        .char_indices()
        .take_while(|(at, char)| char.is_ascii_digit() || *at == 0 && matches!(char, '-' | '+'))
        .count();
    text[..digits].parse().unwrap_or(0)
}

/// Arguments that are still to be looked at.
#[derive(Default)]
struct Arguments {
    real: VecDeque<String>,
    /// What an alias put in front of them.
    synthetic: VecDeque<String>,
    /// Real ones that options have taken.
    consumed: Vec<String>,
}

impl Arguments {
    fn first(&self) -> Option<&String> {
        self.synthetic.front().or_else(|| self.real.front())
    }

    fn pop(&mut self) -> Option<String> {
        if let Some(argument) = self.synthetic.pop_front() {
            return Some(argument);
        }
        let argument = self.real.pop_front()?;
        self.consumed.push(argument.clone());
        Some(argument)
    }

    /// The option behind an alias; what else the alias stands for comes before the other arguments.
    fn expand_aliases(&mut self, mut name: String, has_value: bool) -> String {
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
    fn print_takes_what_follows_as_the_code_unless_it_is_an_option() {
        let options = parse(&["-p", "1", "x"]);
        assert!(options.has_eval && options.flag("--print"));
        assert_eq!(options.text("--eval"), Some("1"));
        assert_eq!(options.script, ["x"]);
        assert_eq!(options.exec_argv, ["-p", "1"]);
        let options = parse(&["-p", "--no-warnings"]);
        assert!(!options.has_eval && options.flag("--print"));
        let options = parse(&["-pe", "2"]);
        assert_eq!(options.text("--eval"), Some("2"));
        assert_eq!(options.exec_argv, ["-pe", "2"]);
    }

    #[test]
    fn bad_command_lines_get_nodes_own_words() {
        let error = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
            Options::parse(&arguments).unwrap_err()
        };
        assert_eq!(error(&["--foo"]), "bad option: --foo");
        assert_eq!(error(&["-e"]), "-e requires an argument");
        assert_eq!(error(&["-e", "-1"]), "-e requires an argument");
        assert_eq!(error(&["--eval="]), "--eval= requires an argument");
        assert_eq!(
            error(&["--no-require", "x"]),
            "--no-require is an invalid negation because it is not a boolean option"
        );
        assert_eq!(
            error(&["--trace-require-module=1", "x"]),
            "invalid value for --trace-require-module"
        );
        assert_eq!(
            error(&["--input-type=wasm", "-e", "1"]),
            "--input-type must be \"module\",\"commonjs\", \"module-typescript\" or \"commonjs-typescript\""
        );
        assert_eq!(
            error(&["--check", "-e", "1"]),
            "either --check or --eval can be used, not both"
        );
    }

    #[test]
    fn an_experimental_spelling_sets_the_option_itself() {
        assert!(!parse(&["--no-experimental-require-module"]).flag("--require-module"));
    }
}
