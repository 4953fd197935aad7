//! Options as `getopt_long(3)` takes them: options and operands in any order (unless the command or
//! `POSIXLY_CORRECT` says otherwise), `--` ends them, long names may be shortened, messages are the same.

use std::ffi::OsString;

use crate::bytes::{bytes, os_string};
use crate::command::{Args, Failure};

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    Flag,
    Required,
    /// Only attached: `--color=auto`.
    Optional,
}

/// One option. A name of one letter is no long option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    pub short: char,
    pub name: &'static str,
    pub arity: Arity,
}

/// An option without a value; `'\0'` for one without a letter.
#[must_use]
pub const fn flag(short: char, name: &'static str) -> Opt {
    Opt {
        short,
        name,
        arity: Arity::Flag,
    }
}

/// An option with a value.
#[must_use]
pub const fn required(short: char, name: &'static str) -> Opt {
    Opt {
        short,
        name,
        arity: Arity::Required,
    }
}

/// An option that may have a value attached.
#[must_use]
pub const fn optional(short: char, name: &'static str) -> Opt {
    Opt {
        short,
        name,
        arity: Arity::Optional,
    }
}

/// The command line of a command.
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    pub options: &'static [Opt],
    /// What stands behind the name in the usage line.
    pub usage: &'static str,
    /// The exit status for a wrong command line.
    pub usage_status: i32,
    /// The first operand ends the options, as in commands that run others.
    pub operand_ends: bool,
}

/// The value of an option.
#[derive(Clone, Debug)]
pub struct Value(Option<OsString>);

impl Value {
    /// As text; what is not Unicode is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        self.0
            .as_ref()
            .map_or_else(String::new, |value| value.to_string_lossy().into_owned())
    }

    #[must_use]
    pub fn os(&self) -> OsString {
        self.0.clone().unwrap_or_default()
    }

    #[must_use]
    pub fn is_given(&self) -> bool {
        self.0.is_some()
    }
}

/// Options in the order given, by their names, and operands.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub options: Vec<(&'static str, Value)>,
    pub operands: Vec<OsString>,
}

impl Parsed {
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(each, _)| *each == name)
    }

    /// The last value of an option.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.options
            .iter()
            .rev()
            .find(|(each, _)| *each == name)
            .map(|(_, value)| value)
    }

    /// The last given of several options that exclude each other.
    #[must_use]
    pub fn last_of(&self, names: &[&str]) -> Option<&'static str> {
        self.options
            .iter()
            .rev()
            .map(|(each, _)| *each)
            .find(|each| names.contains(each))
    }
}

impl Syntax {
    /// # Errors
    /// A wrong command line, with the usage status; status 0 after `--help` and `--version`.
    pub fn parse(&self, args: &Args) -> Result<Parsed, Failure> {
        let ends_at_operand = self.operand_ends || std::env::var_os("POSIXLY_CORRECT").is_some();
        let mut parsed = Parsed::default();
        let mut list = args.list.iter().cloned();
        while let Some(arg) = list.next() {
            let text = bytes(&arg);
            if text == b"--" {
                parsed.operands.extend(list.by_ref());
            } else if let Some(long) = text.strip_prefix(b"--") {
                self.long(
                    args,
                    &String::from_utf8_lossy(long),
                    long,
                    &mut list,
                    &mut parsed,
                )?;
            } else if text.len() > 1 && text[0] == b'-' {
                self.short(args, &text[1..], &mut list, &mut parsed)?;
            } else {
                parsed.operands.push(arg);
                if ends_at_operand {
                    parsed.operands.extend(list.by_ref());
                }
            }
        }
        Ok(parsed)
    }

    fn long(
        &self,
        args: &Args,
        text: &str,
        raw: &[u8],
        list: &mut impl Iterator<Item = OsString>,
        parsed: &mut Parsed,
    ) -> Result<(), Failure> {
        let name = text.split('=').next().unwrap_or(text);
        let attached = raw
            .iter()
            .position(|&byte| byte == b'=')
            .map(|at| os_string(&raw[at + 1..]));
        let option = self.find_long(args, name)?;
        let value = match (option.arity, attached) {
            (Arity::Flag, Some(_)) => {
                return Err(self.wrong(
                    args,
                    &format!("option '--{}' doesn't allow an argument", option.name),
                ));
            }
            (Arity::Required, None) => Some(list.next().ok_or_else(|| {
                self.wrong(
                    args,
                    &format!("option '--{}' requires an argument", option.name),
                )
            })?),
            (_, attached) => attached,
        };
        parsed.options.push((option.name, Value(value)));
        Ok(())
    }

    fn find_long(&self, args: &Args, name: &str) -> Result<Opt, Failure> {
        let long = || self.options.iter().filter(|option| option.name.len() > 1);
        if let Some(exact) = long().find(|option| option.name == name) {
            return Ok(*exact);
        }
        let candidates: Vec<&Opt> = long()
            .filter(|option| option.name.starts_with(name))
            .collect();
        match candidates[..] {
            [only] => Ok(*only),
            [] if "help".starts_with(name) && name.len() > 1 || name == "help" => {
                println!("Usage: {} {}", args.name, self.usage);
                Err(Failure::silent(0))
            }
            [] if "version".starts_with(name) && name.len() > 1 => {
                println!("{} (secure-exec) {}", args.name, env!("CARGO_PKG_VERSION"));
                Err(Failure::silent(0))
            }
            [] => Err(self.wrong(args, &format!("unrecognized option '--{name}'"))),
            _ => {
                let names: Vec<String> = candidates
                    .iter()
                    .map(|each| format!("'--{}'", each.name))
                    .collect();
                let text = format!(
                    "option '--{name}' is ambiguous; possibilities: {}",
                    names.join(" ")
                );
                Err(self.wrong(args, &text))
            }
        }
    }

    fn short(
        &self,
        args: &Args,
        letters: &[u8],
        list: &mut impl Iterator<Item = OsString>,
        parsed: &mut Parsed,
    ) -> Result<(), Failure> {
        for (at, &letter) in letters.iter().enumerate() {
            let letter = letter as char;
            let found = self
                .options
                .iter()
                .find(|option| option.short == letter && letter != '\0');
            let option =
                found.ok_or_else(|| self.wrong(args, &format!("invalid option -- '{letter}'")))?;
            let rest = &letters[at + 1..];
            if option.arity == Arity::Flag {
                parsed.options.push((option.name, Value(None)));
                continue;
            }
            let value = match (rest.is_empty(), option.arity) {
                (false, _) => Some(os_string(rest)),
                (true, Arity::Required) => Some(list.next().ok_or_else(|| {
                    self.wrong(args, &format!("option requires an argument -- '{letter}'"))
                })?),
                (true, _) => None,
            };
            parsed.options.push((option.name, Value(value)));
            break;
        }
        Ok(())
    }

    /// A wrong command line.
    #[must_use]
    pub fn wrong(&self, args: &Args, message: &str) -> Failure {
        let message = format!(
            "{message}\nTry '{} --help' for more information.",
            args.name
        );
        Failure {
            status: self.usage_status,
            message,
        }
    }

    /// What every command says that wants operands and has none.
    #[must_use]
    pub fn missing_operand(&self, args: &Args) -> Failure {
        self.wrong(args, "missing operand")
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, Syntax, flag, optional, required};

    const SYNTAX: Syntax = Syntax {
        options: &[
            flag('a', "all"),
            flag('A', "almost-all"),
            required('w', "width"),
            optional('\0', "color"),
        ],
        usage: "[OPTION]... [FILE]...",
        usage_status: 2,
        operand_ends: false,
    };

    fn args(list: &[&str]) -> Args {
        Args {
            name: "ls".into(),
            list: list.iter().map(Into::into).collect(),
        }
    }

    #[test]
    fn options_and_operands_mix() {
        let parsed = SYNTAX
            .parse(&args(&["x", "-aw5", "--wid=7", "y", "--", "-z"]))
            .expect("parses");
        let names: Vec<&str> = parsed.options.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["all", "width", "width"]);
        assert_eq!(
            parsed.value("width").map(super::Value::text).as_deref(),
            Some("7")
        );
        assert_eq!(parsed.operands, ["x", "y", "-z"]);
    }

    #[test]
    fn wrong_ones_are_named() {
        let message = |list: &[&str]| SYNTAX.parse(&args(list)).expect_err("fails").message;
        assert!(message(&["-x"]).starts_with("invalid option -- 'x'\nTry 'ls --help'"));
        assert!(message(&["--al"]).contains("is ambiguous; possibilities: '--all' '--almost-all'"));
        assert!(message(&["-w"]).contains("option requires an argument -- 'w'"));
        assert!(message(&["--all=3"]).contains("doesn't allow an argument"));
    }
}
