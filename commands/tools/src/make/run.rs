//! Runs recipes, and the shell for `$(shell)`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};

use secure_exec_cli::Failure;
use secure_exec_sys::process::{self, Program, SEARCH_PATH, WaitStatus};
use secure_exec_sys::{child, errno, signal};

use super::Make;
use super::function::calls_make;
use super::rule::Recipe;
use super::variable::Origin;

/// What makes a line one for the shell rather than a program and its arguments.
const SHELL_CHARACTERS: &str = "#;\"*?[]&|<>(){}$`^~!'\\%\n=";

/// Words that only a shell knows.
const SHELL_WORDS: &[&str] = &[
    ".", ":", "alias", "bg", "break", "case", "cd", "command", "continue", "eval", "exec", "exit",
    "export", "fc", "fg", "for", "getopts", "hash", "if", "jobs", "let", "local", "login",
    "logout", "read", "readonly", "return", "set", "shift", "source", "switch", "test", "times",
    "trap", "type", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
];

/// One line of a recipe, ready to run.
struct Line {
    text: String,
    silent: bool,
    ignores: bool,
    always: bool,
    number: usize,
}

impl Make {
    /// Runs a recipe. `false`: a line of it failed.
    pub fn run_recipe(&mut self, target: &str, recipe: &Recipe) -> Result<bool, Failure> {
        if recipe.is_empty() {
            return Ok(true);
        }
        let mut lines = Vec::new();
        for (text, number) in &recipe.lines {
            let outer = std::mem::replace(&mut self.place, (recipe.file.clone(), *number));
            let expanded = self.expand(text);
            self.place = outer;
            let always = calls_make(text);
            let body = text.trim_start_matches([' ', '\t', '@', '-', '+']);
            lines.extend(commands(
                &expanded?,
                &text[..text.len() - body.len()],
                always,
                *number,
            ));
        }
        if self.one_shell && !lines.is_empty() {
            let text: Vec<String> = lines.iter().map(|line| line.text.clone()).collect();
            lines.truncate(1);
            lines[0].text = text.join("\n");
        }
        if self.settings.asks && !lines.iter().all(|line| line.always) {
            self.would_run = true;
            self.started += 1;
            return if lines.iter().any(|line| line.always) {
                Ok(true)
            } else {
                Err(Failure::silent(1))
            };
        }
        if self.settings.touches && !lines.is_empty() {
            self.touch(target)?;
            lines.retain(|line| line.always);
        }
        let environment = self.environment()?;
        let (shell, flags) = (self.value_of("SHELL")?, self.value_of(".SHELLFLAGS")?);
        for line in lines {
            self.started += 1;
            let only_prints = self.settings.only_prints;
            let quiet = line.silent || self.settings.silent || self.silenced.contains(target);
            if only_prints || !quiet {
                println!("{}", line.text);
            }
            io::stdout().flush()?;
            if only_prints && !line.always {
                continue;
            }
            let status = self.start(&line.text, &shell, &flags, &environment);
            let ended = match status {
                Ok(status) if status.exited() == Some(0) => continue,
                Ok(status) => how(status),
                Err(error) => {
                    let program = line.text.split_whitespace().next().unwrap_or_default();
                    eprintln!("{}: {program}: {}", self.name, errno::message(&error));
                    format!(
                        "Error {}",
                        if errno::is(&error, errno::ENOENT) {
                            127
                        } else {
                            126
                        }
                    )
                }
            };
            let place = if line.number == 0 {
                recipe.file.clone()
            } else {
                format!("{}:{}", recipe.file, line.number)
            };
            if line.ignores || self.settings.ignores_errors || self.ignored.contains(target) {
                eprintln!("{}: [{place}: {target}] {ended} (ignored)", self.name);
                continue;
            }
            eprintln!("{}: *** [{place}: {target}] {ended}", self.name);
            if self.deletes_on_error && !self.phony.contains(target) && fs::metadata(target).is_ok()
            {
                eprintln!("{}: *** Deleting file '{target}'", self.name);
                fs::remove_file(target)?;
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn touch(&mut self, target: &str) -> Result<(), Failure> {
        if self.phony.contains(target) {
            return Ok(());
        }
        self.started += 1;
        if !self.settings.silent {
            println!("touch {target}");
        }
        if self.settings.only_prints {
            return Ok(());
        }
        let touched = fs::File::options().append(true).create(true).open(target);
        let touched = touched.and_then(|file| file.set_modified(std::time::SystemTime::now()));
        touched.map_err(|error| {
            let message = format!("touch: {target}: {}", errno::message(&error));
            self.stop(&message)
        })
    }

    fn start(
        &self,
        line: &str,
        shell: &str,
        flags: &str,
        environment: &[OsString],
    ) -> io::Result<WaitStatus> {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        let first = line.split_whitespace().next().unwrap_or_default();
        let plain =
            !line.contains(|c| SHELL_CHARACTERS.contains(c)) && !SHELL_WORDS.contains(&first);
        let args = if plain && shell == "/bin/sh" && !self.one_shell {
            words
        } else {
            let mut args: Vec<OsString> = vec![shell.into()];
            args.extend(flags.split_whitespace().map(OsString::from));
            args.push(line.into());
            args
        };
        let pid = process::spawn(&Program {
            flags: SEARCH_PATH,
            file: args[0].clone().into(),
            args,
            env: environment.to_vec(),
            ..Program::default()
        })?;
        child::wait_for(pid)
    }

    /// The environment of recipes.
    pub fn environment(&mut self) -> Result<Vec<OsString>, Failure> {
        let names: Vec<String> = self
            .variables
            .iter()
            .filter(|(name, variable)| self.is_exported(name, variable.origin))
            .map(|(name, _)| name.clone())
            .collect();
        let mut names: Vec<String> = names;
        for scope in &self.scopes {
            names.extend(
                scope
                    .keys()
                    .filter(|name| {
                        self.exported.get(*name) == Some(&true) || std::env::var_os(name).is_some()
                    })
                    .cloned(),
            );
        }
        names.sort();
        names.dedup();
        let mut list = Vec::new();
        for name in names {
            if matches!(name.as_str(), "MAKELEVEL" | "MAKEFLAGS" | "SHELL") {
                continue;
            }
            let value = self.value_of(&name)?;
            list.push(format!("{name}={value}").into());
        }
        if let Some(shell) = std::env::var_os("SHELL") {
            let mut pair = OsString::from("SHELL=");
            pair.push(shell);
            list.push(pair);
        }
        list.push(format!("MAKELEVEL={}", self.level + 1).into());
        list.push(format!("MAKEFLAGS={}", self.value_of("MAKEFLAGS")?).into());
        Ok(list)
    }

    fn is_exported(&self, name: &str, origin: Origin) -> bool {
        if let Some(exported) = self.exported.get(name) {
            return *exported;
        }
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match origin {
            Origin::Environment | Origin::EnvironmentOverride | Origin::CommandLine => plain,
            Origin::Default | Origin::Automatic => false,
            Origin::File | Origin::Override => {
                plain && (self.exports_all || std::env::var_os(name).is_some())
            }
        }
    }

    /// What a command of the shell prints, its newlines as blanks.
    pub fn shell_output(&mut self, command: &str) -> Result<String, Failure> {
        let shell = self.value_of("SHELL")?;
        io::stdout().flush()?;
        let ran = child::output(child::program(&[shell.into(), "-c".into(), command.into()]));
        let (output, status) = match ran {
            Ok((output, status)) => (output, status.shell_status()),
            Err(_) => (Vec::new(), 127),
        };
        self.set(".SHELLSTATUS", &status.to_string(), Origin::Override);
        let text = String::from_utf8_lossy(&output);
        Ok(text.trim_end_matches('\n').replace('\n', " "))
    }
}

/// How a command ended, as make says it.
fn how(status: WaitStatus) -> String {
    match status.signaled() {
        Some(number) => signal::description(number),
        None => format!("Error {}", status.exited().unwrap_or(1)),
    }
}

/// The commands of an expanded line: of `define`, it may be several.
fn commands(text: &str, of_all: &str, always: bool, number: usize) -> Vec<Line> {
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    for part in text.split('\n') {
        let backslashes = part.len() - part.trim_end_matches('\\').len();
        match lines.last_mut() {
            Some(last) if continues => {
                last.push('\n');
                last.push_str(part.strip_prefix('\t').unwrap_or(part));
            }
            _ => lines.push(part.to_owned()),
        }
        continues = backslashes % 2 == 1;
    }
    let ready = lines.into_iter().map(|line| {
        let body = line.trim_start_matches([' ', '\t', '@', '-', '+']);
        let prefix = &line[..line.len() - body.len()];
        Line {
            silent: (prefix.contains('@') || of_all.contains('@')),
            ignores: (prefix.contains('-') || of_all.contains('-')),
            always: always || (prefix.contains('+') || of_all.contains('+')),
            text: body.to_owned(),
            number,
        }
    });
    ready.filter(|line| !line.text.trim().is_empty()).collect()
}
