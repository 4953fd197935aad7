//! What names mean: `command`, `type`, `hash`, `builtin`, `enable`, `caller`.

use crate::builtins;
use crate::exec::lookup::{DEFAULT_PATH, Target, is_program, search};
use crate::shell::{Exec, Flow, Shell};

/// The grammar's own words.
const KEYWORDS: [&str; 16] = [
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then",
    "until", "while",
];
const BASH_KEYWORDS: [&str; 7] = ["[[", "]]", "function", "select", "time", "coproc", "in"];

/// The grammar's own words, as bash has them.
pub(super) fn keywords() -> impl Iterator<Item = &'static str> {
    let bash = BASH_KEYWORDS.iter().filter(|word| **word != "in");
    KEYWORDS.iter().chain(bash).copied()
}

fn is_keyword(shell: &Shell, name: &str) -> bool {
    KEYWORDS.contains(&name) || shell.bash && BASH_KEYWORDS.contains(&name)
}

/// What a name is, for `type` and `command`.
enum Kind {
    Alias(String),
    Keyword,
    Function,
    Special,
    Builtin,
    /// With whether the path was remembered.
    File(String, bool),
}

fn kinds(shell: &mut Shell, name: &str, path: Option<&str>, all: bool) -> Vec<Kind> {
    let mut found = Vec::new();
    if let Some(value) = shell.aliases.get(name).filter(|_| shell.expands_aliases()) {
        found.push(Kind::Alias(value.clone()));
    }
    if is_keyword(shell, name) {
        found.push(Kind::Keyword);
    }
    if shell.functions.contains_key(name) {
        found.push(Kind::Function);
    }
    if let Some((_, special)) = builtins::find(name, shell.bash)
        .filter(|_| !shell.disabled_builtins.iter().any(|d| d == name))
    {
        found.push(if special {
            Kind::Special
        } else {
            Kind::Builtin
        });
    }
    if found.is_empty() || all {
        if name.contains('/') {
            // dash takes what has a slash for a program.
            if is_program(name) || shell.dash {
                found.push(Kind::File(name.to_owned(), false));
            }
        } else {
            let hashed = shell
                .paths
                .get(name)
                .map(|(p, _)| p.clone())
                .filter(|_| path.is_none());
            let is_hashed = hashed.is_some();
            let path = path.map_or_else(
                || shell.var("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned()),
                str::to_owned,
            );
            if all {
                let dirs = path
                    .split(':')
                    .map(|dir| if dir.is_empty() { "." } else { dir });
                let files = dirs.map(|dir| format!("{}/{name}", dir.trim_end_matches('/')));
                found.extend(
                    files
                        .filter(|f| is_program(f))
                        .map(|f| Kind::File(f, false)),
                );
            } else if let Some(file) =
                hashed.or_else(|| search(name, &path).filter(|f| is_program(f)))
            {
                found.push(Kind::File(file, is_hashed));
            }
        }
    }
    if !all {
        found.truncate(1);
    }
    found
}

fn describe(shell: &mut Shell, name: &str, kind: &Kind) -> String {
    let bash = shell.bash;
    match kind {
        Kind::Alias(value) if bash => format!("{name} is aliased to `{value}'\n"),
        Kind::Alias(value) => format!("{name} is an alias for {value}\n"),
        Kind::Keyword => format!("{name} is a shell keyword\n"),
        Kind::Function if bash => {
            let text = shell.function_text(name);
            format!("{name} is a function\n{text}\n")
        }
        Kind::Function => format!("{name} is a shell function\n"),
        Kind::Special if !bash => format!("{name} is a special shell builtin\n"),
        Kind::Special | Kind::Builtin => format!("{name} is a shell builtin\n"),
        Kind::File(path, true) if bash => format!("{name} is hashed ({path})\n"),
        Kind::File(path, true) => format!("{name} is a tracked alias for {path}\n"),
        Kind::File(path, false) => format!("{name} is {path}\n"),
    }
}

pub fn type_(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, names) = if shell.bash {
        match shell.letters(words, "tpPaf") {
            Ok((letters, names)) => (letters, names.to_vec()),
            Err(message) => return Ok(shell.misuse(&message)),
        }
    } else {
        (String::new(), words[1..].to_vec())
    };
    let mut status = 0;
    let mut out = String::new();
    for name in &names {
        let forced = letters.contains('P');
        let all = letters.contains('a');
        let no_functions = letters.contains('f');
        let mut found = kinds(shell, name, None, all || forced || no_functions);
        found.retain(|kind| match kind {
            Kind::File(..) => true,
            Kind::Function => !forced && !no_functions,
            _ => !forced,
        });
        if !all {
            found.truncate(1);
        }
        if found.is_empty() {
            status = if shell.bash { 1 } else { 127 };
            if letters.is_empty() {
                if shell.bash {
                    shell.error(&format!("type: {name}: not found"));
                } else {
                    out.push_str(&format!("{name}: not found\n"));
                }
            }
        }
        for kind in &found {
            if letters.contains('t') {
                let word = match kind {
                    Kind::Alias(_) => "alias",
                    Kind::Keyword => "keyword",
                    Kind::Function => "function",
                    Kind::Special | Kind::Builtin => "builtin",
                    Kind::File(..) => "file",
                };
                out.push_str(&format!("{word}\n"));
            } else if letters.contains('p') || letters.contains('P') {
                if let Kind::File(path, _) = kind {
                    out.push_str(&format!("{path}\n"));
                }
            } else {
                out.push_str(&describe(shell, name, kind));
            }
        }
    }
    Ok(shell.print("type", &out).max(status))
}

pub fn command(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, rest) = match shell.letters(words, "pvV") {
        Ok((letters, rest)) => (letters, rest.to_vec()),
        Err(message) => return Ok(shell.misuse(&message)),
    };
    let path = letters.contains('p').then_some(DEFAULT_PATH);
    if letters.contains('v') || letters.contains('V') {
        let mut status = if shell.bash { 1 } else { 0 };
        let mut out = String::new();
        // dash looks at the first one only.
        let most = if shell.bash { rest.len() } else { 1 };
        for name in rest.iter().take(most) {
            let found = kinds(shell, name, path, false);
            if !found.is_empty() {
                status = 0;
            }
            let Some(kind) = found.first() else {
                if !shell.bash {
                    status = 127;
                }
                if letters.contains('V') {
                    if shell.bash {
                        shell.error(&format!("command: {name}: not found"));
                    } else {
                        out.push_str(&format!("{name}: not found\n"));
                    }
                }
                continue;
            };
            if letters.contains('V') {
                out.push_str(&describe(shell, name, kind));
                continue;
            }
            match kind {
                Kind::Alias(value) if shell.bash => out.push_str(&format!(
                    "alias {name}={}\n",
                    crate::expand::escape::bash_single_quote(value)
                )),
                Kind::Alias(value) => out.push_str(&format!(
                    "alias {name}={}\n",
                    crate::expand::escape::single_quote(value)
                )),
                Kind::File(path, _) => out.push_str(&format!("{path}\n")),
                _ => out.push_str(&format!("{name}\n")),
            }
        }
        let printed = shell.print("command", &out);
        return Ok(if printed != 0 { printed } else { status });
    }
    if rest.is_empty() {
        return Ok(0);
    }
    let function = shell.functions.remove(&rest[0]);
    let target = shell.target(&rest[0]);
    if let Some(function) = function {
        shell.functions.insert(rest[0].clone(), function);
    }
    match target {
        // Special builtins lose what makes them special.
        Target::Special(run) | Target::Builtin(run) => match shell.run_shifted(run, words, &rest) {
            Err(Flow::Abort(status)) if !["exit", "return"].contains(&rest[0].as_str()) => {
                Ok(status)
            }
            other => other,
        },
        _ => {
            if let Some(path) = path.filter(|_| !rest[0].contains('/')) {
                let mut program_words = rest.clone();
                let Some(found) = search(&rest[0], path) else {
                    let what = if shell.bash {
                        "command not found"
                    } else {
                        "not found"
                    };
                    shell.error(&format!("{}: {what}", rest[0]));
                    return Ok(127);
                };
                program_words[0] = found;
                return shell.run_program(&program_words, false);
            }
            shell.run_program(&rest, false)
        }
    }
}

impl Shell {
    /// Runs a builtin given after another word; array arguments move along.
    fn run_shifted(&mut self, run: builtins::Builtin, words: &[String], rest: &[String]) -> Exec {
        let by = words.len() - rest.len();
        for (at, _) in &mut self.array_arguments {
            *at = at.saturating_sub(by);
        }
        self.run_builtin(run, rest)
    }
}

pub fn builtin(shell: &mut Shell, words: &[String]) -> Exec {
    let rest = if words.get(1).is_some_and(|w| w == "--") {
        &words[2..]
    } else {
        &words[1..]
    };
    let Some(name) = rest.first() else {
        return Ok(0);
    };
    match builtins::find(name, shell.bash) {
        Some((run, _)) => shell.run_shifted(run, words, rest),
        None => {
            shell.error(&format!("builtin: {name}: not a shell builtin"));
            Ok(1)
        }
    }
}

pub fn hash(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, names) = match shell.letters(words, if shell.bash { "rdlt" } else { "rv" }) {
        Ok((letters, names)) => (letters, names.to_vec()),
        Err(message) => return Ok(shell.misuse(&message)),
    };
    if letters.contains('r') {
        shell.paths.clear();
    }
    if names.is_empty() && letters.is_empty() {
        let mut paths: Vec<_> = shell.paths.values().cloned().collect();
        paths.sort();
        let mut out = String::new();
        if shell.bash {
            if paths.is_empty() {
                return Ok(shell.print("hash", "hash: hash table empty\n"));
            }
            out.push_str("hits\tcommand\n");
        }
        for (path, hits) in paths {
            if shell.bash {
                out.push_str(&format!("{hits:4}\t{path}\n"));
            } else {
                out.push_str(&format!("{path}\n"));
            }
        }
        return Ok(shell.print("hash", &out));
    }
    let mut status = 0;
    for name in &names {
        if letters.contains('d') {
            shell.paths.remove(name);
            continue;
        }
        if letters.contains('t') {
            match shell.paths.get(name).map(|(p, _)| p.clone()) {
                Some(path) => {
                    shell.print("hash", &format!("{path}\n"));
                }
                None => status = 1,
            }
            continue;
        }
        let known =
            builtins::find(name, shell.bash).is_some() || shell.functions.contains_key(name);
        if !known && shell.find_program(name).is_none() {
            shell.error(&format!("hash: {name}: not found"));
            status = 1;
        }
    }
    Ok(status)
}

pub fn enable(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, names) = match shell.letters(words, "anps") {
        Ok((letters, names)) => (letters, names.to_vec()),
        Err(message) => return Ok(shell.misuse(&message)),
    };
    if names.is_empty() {
        let disabled = letters.contains('n');
        let text: String = builtins::all(true)
            .into_iter()
            .filter(|n| shell.disabled_builtins.iter().any(|d| d == n) == disabled)
            .map(|n| {
                if disabled {
                    format!("enable -n {n}\n")
                } else {
                    format!("enable {n}\n")
                }
            })
            .collect();
        return Ok(shell.print("enable", &text));
    }
    let mut status = 0;
    for name in names {
        if builtins::find(&name, true).is_none() {
            shell.error(&format!("enable: {name}: not a shell builtin"));
            status = 1;
        } else {
            shell.disabled_builtins.retain(|d| *d != name);
            if letters.contains('n') {
                shell.disabled_builtins.push(name);
            }
        }
    }
    Ok(status)
}

pub fn caller(shell: &mut Shell, words: &[String]) -> Exec {
    let depth: Option<usize> = words.get(1).and_then(|w| w.parse().ok());
    let count = shell.frames.len();
    let Some(frame) = count
        .checked_sub(1 + depth.unwrap_or(0))
        .and_then(|at| shell.frames.get(at))
    else {
        return Ok(1);
    };
    let outer = count
        .checked_sub(2 + depth.unwrap_or(0))
        .and_then(|at| shell.frames.get(at));
    let file = outer.map_or_else(|| shell.script.to_string(), |f| f.file.to_string());
    let file = if file.is_empty() {
        "NULL".to_owned()
    } else {
        file
    };
    let text = match depth {
        Some(_) => format!(
            "{} {} {file}\n",
            frame.line,
            outer.map_or("main", |f| f.name.as_str())
        ),
        None => format!("{} {file}\n", frame.line),
    };
    Ok(shell.print("caller", &text))
}

pub fn help(shell: &mut Shell, words: &[String]) -> Exec {
    let patterns: Vec<&String> = words[1..].iter().filter(|w| !w.starts_with('-')).collect();
    if !patterns.is_empty() {
        let pattern = |word: &String| crate::expand::pattern::Pattern::new(word, true, false);
        let patterns: Vec<_> = patterns.iter().map(|word| (word, pattern(word))).collect();
        let known = builtins::all(true);
        let all = known.iter().copied().chain(keywords());
        let mut found: Vec<&str> = all
            .filter(|name| {
                patterns
                    .iter()
                    .any(|(w, p)| name.starts_with(w.as_str()) || p.matches(name))
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            shell.error(&format!("help: no help topics match `{}'.", patterns[0].0));
            return Ok(1);
        }
        let lines: String = found.iter().map(|name| format!("{name}\n")).collect();
        return Ok(shell.print("help", &lines));
    }
    let text = builtins::all(true).join("\n") + "\n";
    Ok(shell.print("help", &text))
}
