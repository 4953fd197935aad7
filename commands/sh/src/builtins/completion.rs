//! `complete` and `compopt`: how the words of commands are completed, as start-up files say it.

use super::compgen::{self, KINDS};
use crate::expand::escape;
use crate::shell::{Exec, Shell};
use crate::variables::Value;

/// What `-o` takes.
const OPTIONS: [&str; 9] = [
    "bashdefault",
    "default",
    "dirnames",
    "filenames",
    "noquote",
    "nosort",
    "nospace",
    "plusdirs",
    "nosort",
];

/// Commands that have no name: `-D`, `-E`, `-I`.
const UNNAMED: &str = "DEI";

/// What completes a word.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    pub kinds: Vec<char>,
    pub options: Vec<String>,
    pub glob: Option<String>,
    pub words: Option<String>,
    pub filter: Option<String>,
    pub before: String,
    pub after: String,
    pub function: Option<String>,
    pub command: Option<String>,
}

/// The words of a call: what completes, the letters without an argument, and the operands.
pub struct Call {
    pub spec: Spec,
    pub letters: String,
    pub operands: Vec<String>,
}

impl Spec {
    /// Reads the options of `compgen` and `complete`. `Err` is the status, reported.
    pub fn parse(shell: &mut Shell, words: &[String], plain: &str) -> Result<Call, i32> {
        let builtin = &words[0];
        let mut spec = Self::default();
        let mut found = String::new();
        let mut rest = words[1..].iter();
        let mut operands = Vec::new();
        while let Some(word) = rest.next() {
            let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) else {
                operands.push(word.clone());
                break;
            };
            if word == "--" {
                break;
            }
            for (at, letter) in letters.char_indices() {
                if plain.contains(letter) {
                    found.push(letter);
                    continue;
                }
                if "abcdefgjksuv".contains(letter) && KINDS.iter().any(|(l, _)| *l == letter) {
                    spec.kinds.push(letter);
                    continue;
                }
                if !"AGWXPSoFC".contains(letter) {
                    return Err(shell.misuse(&format!("{builtin}: -{letter}: invalid option")));
                }
                let attached = &letters[at + 1..];
                let argument = if attached.is_empty() {
                    rest.next().cloned()
                } else {
                    Some(attached.to_owned())
                };
                let Some(argument) = argument else {
                    let message = format!("{builtin}: -{letter}: option requires an argument");
                    return Err(shell.misuse(&message));
                };
                spec.take(shell, builtin, letter, argument)?;
                break;
            }
        }
        operands.extend(rest.cloned());
        Ok(Call {
            spec,
            letters: found,
            operands,
        })
    }

    fn take(
        &mut self,
        shell: &mut Shell,
        builtin: &str,
        letter: char,
        argument: String,
    ) -> Result<(), i32> {
        match letter {
            'A' => match KINDS.iter().find(|(_, name)| *name == argument) {
                Some((kind, _)) => self.kinds.push(*kind),
                None => {
                    let message = format!("{builtin}: {argument}: invalid action name");
                    return Err(shell.misuse(&message));
                }
            },
            'o' if !OPTIONS.contains(&argument.as_str()) => {
                let message = format!("{builtin}: {argument}: invalid option name");
                return Err(shell.misuse(&message));
            }
            'o' => self.options.push(argument),
            'G' => self.glob = Some(argument),
            'W' => self.words = Some(argument),
            'X' => self.filter = Some(argument),
            'P' => self.before = argument,
            'S' => self.after = argument,
            'F' => self.function = Some(argument),
            _ => self.command = Some(argument),
        }
        Ok(())
    }

    /// The command that makes it again for `name`.
    fn declaration(&self, name: &str) -> String {
        let mut out = String::from("complete");
        for option in &self.options {
            out.push_str(&format!(" -o {option}"));
        }
        for kind in &self.kinds {
            if "abcdefgjksuv".contains(*kind) {
                out.push_str(&format!(" -{kind}"));
            } else if let Some((_, word)) = KINDS.iter().find(|(l, _)| l == kind) {
                out.push_str(&format!(" -A {word}"));
            }
        }
        let quoted = [
            ('G', self.glob.as_deref()),
            ('W', self.words.as_deref()),
            (
                'P',
                Some(self.before.as_str()).filter(|text| !text.is_empty()),
            ),
            (
                'S',
                Some(self.after.as_str()).filter(|text| !text.is_empty()),
            ),
            ('X', self.filter.as_deref()),
            ('C', self.command.as_deref()),
        ];
        for (letter, text) in quoted {
            if let Some(text) = text {
                out.push_str(&format!(" -{letter} {}", escape::bash_single_quote(text)));
            }
        }
        if let Some(function) = &self.function {
            out.push_str(&format!(" -F {function}"));
        }
        format!("{out} {name}\n")
    }
}

pub fn complete(shell: &mut Shell, words: &[String]) -> Exec {
    let call = match Spec::parse(shell, words, "prDEI") {
        Ok(call) => call,
        Err(status) => return Ok(status),
    };
    let mut names = call.operands;
    for letter in call.letters.chars().filter(|c| UNNAMED.contains(*c)) {
        names.push(format!("-{letter}"));
    }
    if call.letters.contains('r') {
        return Ok(forget(shell, &names));
    }
    if call.letters.contains('p') || words.len() == 1 {
        return Ok(list(shell, &names));
    }
    if names.is_empty() {
        return Ok(shell.misuse("complete: usage: complete [-abcdefgjksuv] [-pr] [-DEI] [-o option] [-A action] [-G globpat] [-W wordlist] [-F function] [-C command] [-X filterpat] [-P prefix] [-S suffix] [name ...]"));
    }
    for name in names {
        shell.completions.retain(|(known, _)| *known != name);
        shell.completions.push((name, call.spec.clone()));
    }
    Ok(0)
}

fn forget(shell: &mut Shell, names: &[String]) -> i32 {
    if names.is_empty() {
        shell.completions.clear();
        return 0;
    }
    let mut status = 0;
    for name in names {
        let before = shell.completions.len();
        shell.completions.retain(|(known, _)| known != name);
        if shell.completions.len() == before {
            shell.error(&format!("complete: {name}: no completion specification"));
            status = 1;
        }
    }
    status
}

fn list(shell: &mut Shell, names: &[String]) -> i32 {
    let mut status = 0;
    let mut out = String::new();
    for name in names {
        if !shell.completions.iter().any(|(known, _)| known == name) {
            shell.error(&format!("complete: {name}: no completion specification"));
            status = 1;
        }
    }
    for (name, spec) in &shell.completions {
        if names.is_empty() || names.contains(name) {
            out.push_str(&spec.declaration(name));
        }
    }
    shell.print("complete", &out).max(status)
}

/// Changes options of what completes commands.
pub fn compopt(shell: &mut Shell, words: &[String]) -> Exec {
    let (mut on, mut off, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        let list = match word.as_str() {
            "-o" => &mut on,
            "+o" => &mut off,
            "-D" | "-E" | "-I" => {
                names.push(word.clone());
                continue;
            }
            word if word.starts_with('-') && word.len() > 1 => {
                return Ok(shell.misuse(&format!("compopt: {word}: invalid option")));
            }
            _ => {
                names.push(word.clone());
                continue;
            }
        };
        let option = rest.next().cloned().unwrap_or_default();
        if !OPTIONS.contains(&option.as_str()) {
            return Ok(shell.misuse(&format!("compopt: {option}: invalid option name")));
        }
        list.push(option);
    }
    if names.is_empty() {
        if shell.completing {
            return Ok(0);
        }
        shell.error("compopt: not currently executing completion function");
        return Ok(1);
    }
    let mut status = 0;
    for name in names {
        let found = shell
            .completions
            .iter_mut()
            .find(|(known, _)| *known == name);
        match found {
            Some((_, spec)) => {
                spec.options.retain(|option| !off.contains(option));
                spec.options.extend(on.iter().cloned());
            }
            None => {
                shell.error(&format!("compopt: {name}: no completion specification"));
                status = 1;
            }
        }
    }
    Ok(status)
}

impl Shell {
    /// The candidates for the last word of a line that is being typed, if its command has a specification.
    pub fn programmed(&mut self, line: &str, word: &str) -> Option<Vec<String>> {
        let before = line.strip_suffix(word)?;
        let words: Vec<String> = before.split_whitespace().map(str::to_owned).collect();
        let command = words.first()?.clone();
        let base = command.rsplit('/').next().unwrap_or(&command).to_owned();
        let named = |name: &str| {
            let found = self.completions.iter().find(|(known, _)| known == name);
            found.map(|(_, spec)| spec.clone())
        };
        let spec = named(&command)
            .or_else(|| named(&base))
            .or_else(|| named("-D"))?;
        let previous = words.last().cloned().unwrap_or_default();
        let cursor = words.len();
        let mut typed = words;
        typed.push(word.to_owned());
        let array = (0..).zip(typed).collect();
        self.vars.entry("COMP_WORDS").value = Value::Array(array);
        self.force("COMP_CWORD", &cursor.to_string());
        self.force("COMP_LINE", line);
        self.force("COMP_POINT", &line.len().to_string());
        let status = self.status;
        self.completing = true;
        // What went wrong was reported; there are no candidates then.
        let found = compgen::candidates(self, &spec, &command, word, &previous).ok();
        self.completing = false;
        self.status = status;
        for name in ["COMP_WORDS", "COMP_CWORD", "COMP_LINE", "COMP_POINT"] {
            self.vars.remove(name);
        }
        found.filter(|list| !list.is_empty())
    }
}
