//! Flags of V8 on a guest's command line.
//!
//! V8 keeps them for the whole operating system process, whose programs are many, so they cannot be passed on: those that
//! one isolate or context can have are applied to it, the others are refused. A flag that asks for what is there anyway
//! changes nothing in Node either.

use serde_json::Value;

use super::{BadOption, refused};
use crate::library::tables::tables;

/// Initial value of `Error.stackTraceLimit`; the library reads it as an option of Node's.
pub(super) const STACK_TRACE_LIMIT: &str = "--stack-trace-limit";

const ABORT_ON_UNCAUGHT: &str = "abort-on-uncaught-exception";

/// On in this engine, whatever they are by default in the pinned binary's.
const ALWAYS_ON: [&str; 5] = [
    "js-float16array",
    "concurrent-array-buffer-sweeping",
    "harmony-import-attributes",
    "js-source-phase-imports",
    "experimental-wasm-jspi",
];

/// Without effect on a guest, on or off: compiled code has no calls of its own to natives of ours.
const WITHOUT_EFFECT: [&str; 1] = ["turbo-fast-api-calls"];

/// The flags that a guest can have.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct V8Settings {
    /// `--max-old-space-size`: mebibytes, absent where V8 chooses.
    pub max_old_space_mb: Option<usize>,
    /// `--expose-gc`: every context has a function `gc`.
    pub expose_gc: bool,
    /// `--disallow-code-generation-from-strings`: no `eval` and no `new Function`.
    pub no_code_from_strings: bool,
    /// `--abort-on-uncaught-exception`: what nothing catches ends the process by `SIGABRT`.
    pub abort_on_uncaught: bool,
}

impl V8Settings {
    /// Applies one argument (`SetFlagsFromCommandLine`).
    ///
    /// # Errors
    /// The flag is unknown to V8, has no valid value, or cannot be one program's alone.
    pub(super) fn apply(&mut self, argument: &str) -> Result<(), BadOption> {
        let Some(flag) = Flag::find(argument) else {
            return Err(bad(argument));
        };
        match flag.name {
            "max-old-space-size" => self.limit_heap(argument, flag.value),
            "expose-gc" => flag.boolean(argument).map(|on| self.expose_gc = on),
            "disallow-code-generation-from-strings" => flag
                .boolean(argument)
                .map(|on| self.no_code_from_strings = on),
            ABORT_ON_UNCAUGHT => self.set_abort_on_uncaught(&flag, argument),
            _ if flag.changes_nothing() => Ok(()),
            name => Err(refused::refusal(&format!("--{name}"), refused::V8_FLAG)),
        }
    }

    /// Applies what `v8.setFlagsFromString` is given: whether it is a flag that a program can change while it runs.
    ///
    /// # Errors
    /// The flag has no valid value.
    pub fn apply_at_run_time(&mut self, argument: &str) -> Result<bool, BadOption> {
        match Flag::find(argument) {
            Some(flag) if flag.name == ABORT_ON_UNCAUGHT => {
                self.set_abort_on_uncaught(&flag, argument).map(|()| true)
            }
            Some(flag) => Ok(flag.changes_nothing()),
            None => Ok(false),
        }
    }

    fn set_abort_on_uncaught(&mut self, flag: &Flag<'_>, argument: &str) -> Result<(), BadOption> {
        self.abort_on_uncaught = flag.boolean(argument)?;
        Ok(())
    }

    fn limit_heap(&mut self, argument: &str, value: Option<&str>) -> Result<(), BadOption> {
        let Some(megabytes) = value.and_then(|value| value.parse::<usize>().ok()) else {
            return Err(illegal(argument, "size_t"));
        };
        // Zero leaves it to V8.
        if megabytes > 0 {
            self.max_old_space_mb = Some(megabytes);
        }
        Ok(())
    }
}

/// A flag of V8's as it was written.
struct Flag<'a> {
    name: &'static str,
    negated: bool,
    value: Option<&'a str>,
    /// Without the flag: a boolean, or the text of another value.
    default: &'static Value,
}

impl<'a> Flag<'a> {
    fn find(argument: &'a str) -> Option<Flag<'a>> {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        let name = name.trim_start_matches('-').replace('_', "-");
        let named = |wanted: &str, negated| {
            let (name, default) = known(wanted)?;
            Some(Flag {
                name,
                negated,
                value,
                default,
            })
        };
        let positive = named(&name, false);
        positive.or_else(|| named(name.strip_prefix("no")?.trim_start_matches('-'), true))
    }

    /// A boolean takes no value.
    fn boolean(&self, argument: &str) -> Result<bool, BadOption> {
        match self.value {
            Some(_) => Err(illegal(argument, "bool")),
            None => Ok(!self.negated),
        }
    }

    fn changes_nothing(&self) -> bool {
        if ALWAYS_ON.contains(&self.name) {
            return !self.negated && self.value.is_none();
        }
        if WITHOUT_EFFECT.contains(&self.name) {
            return self.value.is_none();
        }
        match self.default {
            Value::Bool(on) => *on != self.negated && self.value.is_none(),
            default => self.value.is_some() && self.value == default.as_str(),
        }
    }
}

fn known(wanted: &str) -> Option<(&'static str, &'static Value)> {
    let flags = tables()["v8Flags"].as_array()?;
    let own = |name: &'static str| (name, &Value::Bool(true));
    let listed = flags.iter().find(|flag| flag[0] == wanted);
    match listed {
        Some(flag) => Some((flag[0].as_str()?, &flag[2])),
        None => ALWAYS_ON.into_iter().find(|&name| name == wanted).map(own),
    }
}

/// An integer that V8 reads itself.
pub(super) fn integer(name: &str, value: &str) -> Result<(), BadOption> {
    if value.parse::<i32>().is_ok() {
        return Ok(());
    }
    Err(illegal(&format!("{name}={value}"), "int"))
}

fn bad(argument: &str) -> BadOption {
    BadOption::from(format!("bad option: {argument}"))
}

/// V8's words, then Node's.
fn illegal(argument: &str, kind: &str) -> BadOption {
    BadOption {
        preface: format!(
            "Error: illegal value for flag {argument} of type {kind}\nTry --help for options\n"
        ),
        ..bad(argument)
    }
}

#[cfg(test)]
mod tests {
    use super::V8Settings;

    fn apply(argument: &str) -> Result<V8Settings, String> {
        let mut settings = V8Settings::default();
        match settings.apply(argument) {
            Ok(()) => Ok(settings),
            Err(error) => Err(error.message),
        }
    }

    #[test]
    fn what_one_isolate_can_have_is_kept() {
        let heap = |argument: &str| apply(argument).unwrap().max_old_space_mb;
        assert_eq!(heap("--max-old-space-size=64"), Some(64));
        assert_eq!(heap("--max_old_space_size=64"), Some(64));
        assert_eq!(heap("--max-old-space-size=0"), None);
        assert!(apply("--expose-gc").unwrap().expose_gc);
        assert!(!apply("--no-expose-gc").unwrap().expose_gc);
        let aborts = |argument: &str| apply(argument).unwrap().abort_on_uncaught;
        assert!(aborts("--abort_on_uncaught_exception"));
        assert!(!aborts("--no-abort-on-uncaught-exception"));
    }

    #[test]
    fn a_flag_that_changes_nothing_is_taken_and_another_refused_by_name() {
        assert!(apply("--no-trace-gc").is_ok());
        assert!(apply("--js-float16array").is_ok());
        for (argument, name) in [
            ("--trace-gc", "--trace-gc"),
            ("--trace_gc", "--trace-gc"),
            ("--no-opt", "--opt"),
            ("--noopt", "--opt"),
            ("--stack-size=5000", "--stack-size"),
        ] {
            let message = apply(argument).unwrap_err();
            let start = format!("{name} is not available in this machine: ");
            assert!(message.starts_with(&start), "{message}");
        }
        assert_eq!(apply("--no-such").unwrap_err(), "bad option: --no-such");
    }

    #[test]
    fn illegal_values_are_bad_options() {
        for argument in [
            "--max-old-space-size",
            "--max-old-space-size=x",
            "--expose-gc=1",
        ] {
            let message = apply(argument).unwrap_err();
            assert_eq!(message, format!("bad option: {argument}"));
        }
    }
}
