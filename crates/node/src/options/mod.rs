//! The command line of a guest `node`. Follows Node's `src/node_options.cc`; the option table is the pinned binary's.

mod arguments;
mod checks;
pub mod completion;
mod host_port;
pub mod permission;
mod refused;
mod v8_flags;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::arguments::Arguments;
pub use self::v8_flags::V8Settings;
use crate::library::tables::tables;

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
    /// Flags of V8 that one isolate can have.
    pub v8: V8Settings,
}

/// Types of options, as the binary's table numbers them (`options.types`).
const NO_OP: i64 = 0;
pub(crate) const V8_OPTION: i64 = 1;
const BOOLEAN: i64 = 2;
const INTEGER: i64 = 3;
const UNSIGNED: i64 = 4;
const HOST_PORT: i64 = 6;
const STRING_LIST: i64 = 7;

/// Options that switch on another one (`Implies` in `src/node_options.cc`).
const IMPLIED: [(&str, &str); 8] = [
    ("--env-file", "[has_env_file_string]"),
    ("--eval", "[has_eval_string]"),
    ("--experimental-transform-types", "--enable-source-maps"),
    ("--inspect-brk", "--inspect"),
    ("--inspect-wait", "--inspect"),
    ("--report-signal", "--report-on-signal"),
    ("--test-random-seed", "[has_test_random_seed]"),
    ("--watch-path", "--watch"),
];

/// Switches the permission model on.
const PERMISSION: &str = "--permission";

/// Why a command line is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadOption {
    /// What V8 says before Node does; whole lines.
    pub preface: String,
    /// Follows the name of the program and a colon.
    pub message: String,
    /// Exit status of the process.
    pub status: i32,
}

/// Node's `ExitCode::kInvalidCommandLineArgument`.
pub const INVALID_ARGUMENT: i32 = 9;
/// Node's `ExitCode::kInvalidCommandLineArgument2`: found after the command line was read.
pub const INVALID_ARGUMENT_2: i32 = 12;

impl From<String> for BadOption {
    fn from(message: String) -> BadOption {
        BadOption {
            preface: String::new(),
            message,
            status: INVALID_ARGUMENT,
        }
    }
}

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
            v8: V8Settings::default(),
        }
    }

    /// Those of a process that evaluates an ES module which is no argument: all arguments are the program's. `flags` are
    /// on, and `source` is how it is read and the file that it is taken for.
    #[must_use]
    pub fn for_code(
        arguments: &[String],
        flags: &[&str],
        source: Option<(String, Option<String>)>,
    ) -> Options {
        let mut options = Options::defaults();
        for flag in flags {
            options.set(flag, Value::Bool(true));
        }
        options.set("--input-type", Value::from("module"));
        // It may be TypeScript.
        options.set("[has_host_code]", Value::Bool(true));
        let (language, filename) = source.unwrap_or_default();
        options.set("[host_code_language]", Value::from(language));
        options.set(
            "[host_code_filename]",
            Value::from(filename.unwrap_or_default()),
        );
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

    /// The value of an option that the command line or the environment has set.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&Value> {
        self.own.get(name)
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
    /// Node's own message for a bad option, or that this machine does not have it.
    pub fn parse(arguments: &[String]) -> Result<Options, BadOption> {
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
        checks::check(&options)?;
        Ok(options)
    }

    fn apply(&mut self, argument: &str, rest: &mut Arguments) -> Result<(), BadOption> {
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
        let Some(kind) = option_type(&name) else {
            return self.v8.apply(argument);
        };
        if negated && !matches!(kind, V8_OPTION | BOOLEAN) {
            return Err(BadOption::from(format!(
                "{argument} is an invalid negation because it is not a boolean option"
            )));
        }
        refused::check(&name, written.trim_end_matches('='), kind, negated)?;
        match kind {
            NO_OP => return Ok(()),
            V8_OPTION => return self.v8.apply(argument),
            BOOLEAN => {
                self.set(&name, Value::Bool(!negated));
                return Ok(());
            }
            _ => {}
        }
        let missing = || BadOption::from(format!("{written} requires an argument"));
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
        if name == v8_flags::STACK_TRACE_LIMIT {
            v8_flags::integer(&name, &value)?;
        }
        if kind == HOST_PORT {
            let known = self.get(&name).cloned().unwrap_or_default();
            self.set(&name, host_port::updated(known, &value)?);
            return Ok(());
        }
        self.set_valued(&name, kind, value);
        Ok(())
    }

    fn set_valued(&mut self, name: &str, kind: i64, value: String) {
        match kind {
            INTEGER | UNSIGNED => self.set(name, Value::from(leading_number(&value))),
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

    /// Applies the environment variables that stand for options (`HandleEnvOptions`). `NODE_OPTIONS` is inert in this VM,
    /// but for the permission model, which the library hands down to children in it.
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
        if let Some(inherited) = get("NODE_OPTIONS") {
            self.inherit_permissions(&inherited);
        }
        if self.flag(PERMISSION) && !self.flag("--allow-addons") {
            self.set("--addons", Value::Bool(false));
        }
        let redirect = "--redirect-warnings";
        if self.text(redirect).is_none_or(str::is_empty)
            && let Some(path) = get("NODE_REDIRECT_WARNINGS")
        {
            self.set(redirect, Value::String(path));
        }
    }

    /// Takes over a parent's permission model, which only takes away, unless the command line has one of its own.
    fn inherit_permissions(&mut self, inherited: &str) {
        let words = inherited.split_ascii_whitespace();
        let words: Vec<String> = words
            .filter(|word| *word == PERMISSION || word.starts_with("--allow-"))
            .map(str::to_owned)
            .collect();
        if self.flag(PERMISSION) || !words.iter().any(|word| word == PERMISSION) {
            return;
        }
        // What cannot be read grants nothing.
        if let Ok(parsed) = Options::parse(&words) {
            self.own.extend(parsed.own);
        }
        self.set(PERMISSION, Value::Bool(true));
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
        let is_on = value.as_bool() != Some(false);
        self.set_one(name, value);
        for (_, other) in IMPLIED.iter().filter(|(given, _)| is_on && *given == name) {
            self.set_one(other, Value::Bool(true));
        }
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

    /// Takes over what every thread of a process has: flags of V8, and `--disable-proto`.
    pub fn adopt_process_options(&mut self, process: &Options) {
        self.v8 = process.v8.clone();
        let proto = "--disable-proto";
        if let Some(mode) = process.own.get(proto) {
            self.own.insert(proto.to_owned(), mode.clone());
        }
    }

    /// Whether the boolean option `name` is on.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether a debugger may attach to this process (`allow_attaching_debugger`): one that watches files or runs tests in
    /// processes of their own leaves its port to those.
    #[must_use]
    pub fn allows_debuggers(&self) -> bool {
        let isolates = self.text("--test-isolation") != Some("none");
        !(self.flag("--watch") || self.flag("--test") && isolates)
    }

    /// How many frames a stack trace has at most (`--stack-trace-limit`).
    #[must_use]
    pub fn stack_trace_limit(&self) -> usize {
        let limit = self
            .get(v8_flags::STACK_TRACE_LIMIT)
            .and_then(Value::as_i64);
        usize::try_from(limit.unwrap_or(10)).unwrap_or(0)
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

/// What `strtoll(3)` makes of a text.
fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let digits = text
        .char_indices()
        .take_while(|(at, char)| char.is_ascii_digit() || *at == 0 && matches!(char, '-' | '+'))
        .count();
    text[..digits].parse().unwrap_or(0)
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
            Options::parse(&arguments).unwrap_err().message
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
