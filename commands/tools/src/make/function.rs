//! The functions of references: `$(patsubst ...)` and others.

use std::fs;

use secure_exec_cli::Failure;

use super::Make;
use super::expand::find_outside;
use super::variable::{Origin, Scope, Variable};
use super::word::{self, join, patsubst, stem};

/// The functions, how many parts their arguments have at most (the last takes the rest), and how many at least.
const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("abspath", 1, 1),
    ("addprefix", 2, 2),
    ("addsuffix", 2, 2),
    ("and", usize::MAX, 1),
    ("basename", 1, 1),
    ("call", usize::MAX, 1),
    ("dir", 1, 1),
    ("error", 1, 0),
    ("eval", 1, 1),
    ("file", 2, 1),
    ("filter", 2, 2),
    ("filter-out", 2, 2),
    ("findstring", 2, 2),
    ("firstword", 1, 1),
    ("flavor", 1, 1),
    ("foreach", 3, 3),
    ("if", 3, 2),
    ("info", 1, 0),
    ("join", 2, 2),
    ("lastword", 1, 1),
    ("notdir", 1, 1),
    ("or", usize::MAX, 1),
    ("origin", 1, 1),
    ("patsubst", 3, 3),
    ("realpath", 1, 1),
    ("shell", 1, 1),
    ("sort", 1, 1),
    ("strip", 1, 1),
    ("subst", 3, 3),
    ("suffix", 1, 1),
    ("value", 1, 1),
    ("warning", 1, 0),
    ("wildcard", 1, 1),
    ("word", 2, 2),
    ("wordlist", 3, 3),
    ("words", 1, 1),
];

/// Splits arguments at commas that are in no brackets.
fn arguments(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 && parts.len() + 1 < most => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

impl Make {
    /// Calls a function; `None` if there is none of that name.
    pub fn call_function(&mut self, name: &str, text: &str) -> Result<Option<String>, Failure> {
        let Some(&(name, most, least)) = FUNCTIONS.iter().find(|(each, ..)| *each == name) else {
            return Ok(None);
        };
        let raw = arguments(text, most);
        if raw.len() < least {
            let message = format!(
                "insufficient number of arguments ({}) to function '{name}'",
                raw.len()
            );
            return Err(self.fatal(&message));
        }
        match name {
            "if" | "and" | "or" => return self.choose(name, &raw).map(Some),
            "foreach" => return self.foreach(&raw).map(Some),
            _ => {}
        }
        let mut given = Vec::with_capacity(raw.len());
        for each in raw {
            given.push(self.expand(each)?);
        }
        if let Some(result) = self.effect(name, &given)? {
            return Ok(Some(result));
        }
        if let Some(result) = of_texts(name, &given) {
            return Ok(Some(result));
        }
        self.numbered(name, &given).map(Some)
    }

    fn choose(&mut self, name: &str, raw: &[&str]) -> Result<String, Failure> {
        if name == "if" {
            let condition = self.expand(raw[0].trim())?;
            let taken = if condition.is_empty() {
                raw.get(2)
            } else {
                raw.get(1)
            };
            return taken.map_or(Ok(String::new()), |text| self.expand(text));
        }
        let mut last = String::new();
        for each in raw {
            last = self.expand(each.trim())?;
            if last.is_empty() == (name == "and") {
                break;
            }
        }
        Ok(last)
    }

    fn foreach(&mut self, raw: &[&str]) -> Result<String, Failure> {
        let name = self.expand(raw[0])?.trim().to_owned();
        let list = self.expand(raw[1])?;
        let mut results = Vec::new();
        for value in list.split_whitespace() {
            let mut scope = Scope::new();
            scope.insert(name.clone(), automatic(value));
            self.scopes.push(scope);
            let result = self.expand(raw[2]);
            self.scopes.pop();
            results.push(result?);
        }
        Ok(join(results))
    }

    /// Functions that reach beyond their arguments.
    fn effect(&mut self, name: &str, given: &[String]) -> Result<Option<String>, Failure> {
        let first = given[0].as_str();
        Ok(Some(match name {
            "call" => self.call(given)?,
            "error" => return Err(self.fatal(first)),
            "warning" => {
                self.warn_here(first);
                String::new()
            }
            "info" => {
                println!("{first}");
                String::new()
            }
            "eval" => {
                let (file, line) = self.place.clone();
                self.read_text(first, &file, line, true)?;
                self.place = (file, line);
                String::new()
            }
            "shell" => self.shell_output(first)?,
            "value" => self
                .lookup(first.trim())
                .map(|each| each.value.clone())
                .unwrap_or_default(),
            "origin" => {
                let origin = self.lookup(first.trim()).map(|each| each.origin);
                origin.map_or("undefined", Origin::name).to_owned()
            }
            "flavor" => match self.lookup(first.trim()) {
                Some(variable) if variable.recursive => "recursive".to_owned(),
                Some(_) => "simple".to_owned(),
                None => "undefined".to_owned(),
            },
            "file" => self.file(given)?,
            _ => return Ok(None),
        }))
    }

    fn call(&mut self, given: &[String]) -> Result<String, Failure> {
        let name = given[0].trim().to_owned();
        if FUNCTIONS.iter().any(|(each, ..)| *each == name) && self.lookup(&name).is_none() {
            // Its parameters are values already, in which nothing is left to expand.
            let rest: Vec<String> = given[1..]
                .iter()
                .map(|each| each.replace('$', "$$"))
                .collect();
            let text = rest.join(",");
            return Ok(self.call_function(&name, &text)?.unwrap_or_default());
        }
        let Some(found) = self.lookup(&name).cloned() else {
            return Ok(String::new());
        };
        if !found.recursive {
            return Ok(found.value);
        }
        if self.calls.len() > 300 {
            return Err(self.fatal("calls lead too deep"));
        }
        let mut scope = Scope::new();
        for (at, value) in given.iter().enumerate() {
            let value = if at == 0 { name.as_str() } else { value };
            scope.insert(at.to_string(), automatic(value));
        }
        // Parameters of an outer call are not those of this one.
        for at in given.len()..10 {
            scope.insert(at.to_string(), automatic(""));
        }
        self.scopes.push(scope);
        self.calls.push(name);
        let result = self.expand(&found.value);
        self.calls.pop();
        self.scopes.pop();
        result
    }

    fn file(&mut self, given: &[String]) -> Result<String, Failure> {
        let first = given[0].trim();
        let (mode, name) = match first.strip_prefix(">>") {
            Some(name) => (">>", name),
            None => match first.strip_prefix('>') {
                Some(name) => (">", name),
                None => ("<", first.strip_prefix('<').unwrap_or(first)),
            },
        };
        let name = name.trim();
        if mode == "<" {
            let text = fs::read_to_string(name).unwrap_or_default();
            return Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned());
        }
        let mut text = given.get(1).cloned().unwrap_or_default();
        if given.len() > 1 && !text.ends_with('\n') {
            text.push('\n');
        }
        let written = if mode == ">" {
            fs::write(name, text)
        } else {
            let opened = fs::File::options().append(true).create(true).open(name);
            opened.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        };
        written.map_err(|error| {
            let message = format!("open: {name}: {}", secure_exec_sys::errno::message(&error));
            self.fatal(&message)
        })?;
        Ok(String::new())
    }

    /// `word` and `wordlist`.
    fn numbered(&mut self, name: &str, given: &[String]) -> Result<String, Failure> {
        let which = |at: usize| if at == 0 { "first" } else { "second" };
        let mut numbers = Vec::new();
        for (at, text) in given[..given.len() - 1].iter().enumerate() {
            let number = text.trim().parse::<usize>().map_err(|_| {
                let message = format!(
                    "non-numeric {} argument to '{name}' function: '{}'",
                    which(at),
                    text.trim()
                );
                self.fatal(&message)
            })?;
            numbers.push(number);
        }
        let words: Vec<&str> = given[given.len() - 1].split_whitespace().collect();
        if numbers[0] == 0 {
            let message = if name == "word" {
                "first argument to 'word' function must be greater than 0".to_owned()
            } else {
                format!(
                    "invalid first argument to 'wordlist' function: '{}'",
                    given[0].trim()
                )
            };
            return Err(self.fatal(&message));
        }
        if name == "word" {
            return Ok(words
                .get(numbers[0] - 1)
                .copied()
                .unwrap_or_default()
                .to_owned());
        }
        let end = numbers[1].min(words.len());
        Ok(words.get(numbers[0] - 1..end).map(join).unwrap_or_default())
    }
}

fn automatic(value: &str) -> Variable {
    Variable {
        value: value.to_owned(),
        recursive: false,
        origin: Origin::Automatic,
    }
}

/// Functions of nothing but their arguments.
fn of_texts(name: &str, given: &[String]) -> Option<String> {
    let text = given.last()?.as_str();
    let words = || text.split_whitespace();
    let first = given[0].as_str();
    Some(match name {
        "subst" if first.is_empty() => format!("{text}{}", given[1]),
        "subst" => text.replace(first, &given[1]),
        "patsubst" => patsubst(first.trim(), given[1].trim(), text),
        "strip" => join(words()),
        "findstring" => if text.contains(first) { first } else { "" }.to_owned(),
        "filter" | "filter-out" => {
            let matches = |word: &&str| {
                first
                    .split_whitespace()
                    .any(|each| stem(each, word).is_some())
            };
            join(words().filter(|word| matches(word) == (name == "filter")))
        }
        "sort" => {
            let mut list: Vec<&str> = words().collect();
            list.sort_unstable();
            list.dedup();
            join(list)
        }
        "words" => words().count().to_string(),
        "firstword" => words().next().unwrap_or_default().to_owned(),
        "lastword" => words().next_back().unwrap_or_default().to_owned(),
        "dir" => join(words().map(word::dir)),
        "notdir" => join(words().map(word::notdir)),
        "suffix" => join(words().map(word::suffix).filter(|each| !each.is_empty())),
        "basename" => join(words().map(|each| &each[..each.len() - word::suffix(each).len()])),
        "addsuffix" => join(words().map(|each| format!("{each}{first}"))),
        "addprefix" => join(words().map(|each| format!("{first}{each}"))),
        "join" => {
            let (left, right): (Vec<&str>, Vec<&str>) =
                (first.split_whitespace().collect(), words().collect());
            let count = left.len().max(right.len());
            join((0..count).map(|at| {
                let part = |list: &[&str]| list.get(at).copied().unwrap_or_default().to_owned();
                part(&left) + &part(&right)
            }))
        }
        "wildcard" => join(words().flat_map(word::glob)),
        "realpath" => {
            join(words().filter_map(|each| {
                Some(fs::canonicalize(each).ok()?.to_string_lossy().into_owned())
            }))
        }
        "abspath" => join(words().map(absolute)),
        _ => return None,
    })
}

/// A name from the root on, without `.` and `..`; links are not followed.
pub fn absolute(name: &str) -> String {
    let start = if name.starts_with('/') {
        String::new()
    } else {
        std::env::current_dir().map_or_else(
            |_| String::new(),
            |path| path.to_string_lossy().into_owned(),
        )
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether a recipe calls make, which `-n` does not keep it from.
pub fn calls_make(line: &str) -> bool {
    line.contains("$(MAKE)") || line.contains("${MAKE}")
}

/// Where the recipe of a one-line rule begins.
pub fn recipe_start(line: &str) -> Option<usize> {
    find_outside(line, |byte| byte == b';')
}
