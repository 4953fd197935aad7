//! Runs a script of a package as npm does.

use std::ffi::OsString;
use std::path::PathBuf;

use secure_exec_cli::{Failure, Outcome, bytes, os_string, quote};
use secure_exec_sys::errno;
use secure_exec_sys::path::{X_OK, access, getcwd};
use secure_exec_sys::process::{self, Program, SEARCH_PATH};

use super::package::Package;
use crate::run::{assignment, failure_status};
use secure_exec_sys::child::wait_for;

pub struct Runner {
    directory: PathBuf,
    variables: Vec<(OsString, OsString)>,
    /// The directories `node_modules/.bin` here and above.
    programs: Vec<PathBuf>,
}

/// A command line as the user is shown it: the arguments without quotes, as npm writes them.
pub fn shown(command: &str, arguments: &[OsString]) -> String {
    let arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    let words: Vec<_> = std::iter::once(command.into()).chain(arguments).collect();
    words.join(" ").replace('\n', "\n> ")
}

/// A command line with arguments added in quotes.
fn line(command: &str, arguments: &[OsString]) -> String {
    let mut line = command.to_owned();
    for argument in arguments {
        line.push(' ');
        line += &word(argument);
    }
    line
}

/// An argument as one word of the shell.
fn word(argument: &OsString) -> String {
    let text = argument.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

impl Runner {
    pub fn new(package: &Package, event: &str, command: &str) -> Self {
        let start = getcwd().unwrap_or_default();
        let directory = if package.directory.as_os_str().is_empty() {
            start.clone()
        } else {
            package.directory.clone()
        };
        let programs: Vec<PathBuf> = directory
            .ancestors()
            .map(|each| each.join("node_modules").join(".bin"))
            .collect();
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let mut set = |name: &str, value: OsString| {
            variables.retain(|(each, _)| each != name);
            variables.push((name.into(), value));
        };
        for (name, value) in &package.variables {
            set(name, value.into());
        }
        let json = directory.join("package.json");
        set("npm_package_json", json.into_os_string());
        set("npm_lifecycle_event", event.into());
        set("npm_lifecycle_script", command.into());
        set(
            "npm_command",
            if event == "npx" {
                "exec".into()
            } else {
                "run-script".into()
            },
        );
        set("npm_execpath", "/usr/bin/npm".into());
        set("npm_node_execpath", "/usr/bin/node".into());
        set("NODE", "/usr/bin/node".into());
        set(
            "npm_config_user_agent",
            concat!("npm/", env!("CARGO_PKG_VERSION")).into(),
        );
        if std::env::var_os("INIT_CWD").is_none() {
            set("INIT_CWD", start.into_os_string());
        }
        set("PATH", search_path(&programs));
        Self {
            directory,
            variables,
            programs,
        }
    }

    /// Makes the environment that of this process.
    pub fn enter(&self) {
        for (name, value) in &self.variables {
            // SAFETY: this program has one thread.
            unsafe { std::env::set_var(name, value) };
        }
    }

    /// A program of one of the packages.
    pub fn find(&self, name: &OsString) -> Option<PathBuf> {
        if bytes(name).contains(&b'/') {
            return None;
        }
        let candidates = self.programs.iter().map(|folder| folder.join(name));
        candidates
            .into_iter()
            .find(|candidate| access(candidate, X_OK).is_ok())
    }

    /// Runs a line in `sh -c` in the package's directory.
    pub fn shell(&self, command: &str, arguments: &[OsString]) -> Outcome {
        let program = Program {
            flags: SEARCH_PATH,
            file: "sh".into(),
            args: vec!["sh".into(), "-c".into(), line(command, arguments).into()],
            env: self
                .variables
                .iter()
                .map(|(name, value)| assignment(name, value))
                .collect(),
            cwd: self.directory.clone(),
            ..Program::default()
        };
        let run = process::spawn(&program).and_then(wait_for);
        match run {
            Ok(status) => Ok(status.shell_status()),
            Err(error) => {
                let message = format!("cannot run {}: {}", quote("sh"), errno::message(&error));
                Err(Failure {
                    status: failure_status(&error),
                    message,
                })
            }
        }
    }
}

fn search_path(programs: &[PathBuf]) -> OsString {
    let mut list: Vec<u8> = Vec::new();
    for folder in programs {
        list.extend(bytes(folder));
        list.push(b':');
    }
    let old = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    list.extend(bytes(&old));
    os_string(list)
}
