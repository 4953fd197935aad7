//! Completion of commands, variables and files.

use secure_exec_sys as sys;

use crate::builtins;
use crate::shell::Shell;
use crate::text;

/// The most candidates shown.
const MAX_SHOWN: usize = 200;

/// What the word before the cursor may become.
pub struct Completions {
    /// How many characters of the line they replace.
    pub typed: usize,
    pub candidates: Vec<String>,
}

/// The word that ends `line`, and whether it is a command's name.
fn last_word(line: &str) -> (&str, bool) {
    let start = line
        .rfind([' ', '\t', ';', '|', '&', '(', '`', '<', '>', '=', '"', '\''])
        .map_or(0, |i| i + 1);
    let before = line[..start].trim_end();
    let command = before.is_empty()
        || before.ends_with(['|', ';', '&', '(', '`'])
        || before.ends_with("sudo");
    (&line[start..], command)
}

pub fn complete(shell: &mut Shell, line: &str) -> Completions {
    let (word, command) = last_word(line);
    if !command && let Some(candidates) = programmed(shell, line, word) {
        return candidates;
    }
    let mut candidates = Vec::new();
    if let Some(name) = word.strip_prefix('$') {
        candidates.extend(
            shell
                .vars
                .iter()
                .filter(|(n, _)| n.starts_with(name))
                .map(|(n, _)| format!("${n} ")),
        );
    } else {
        if command && !word.contains('/') {
            commands(shell, word, &mut candidates);
        }
        if !command || word.contains('/') || candidates.is_empty() {
            files(shell, word, command, &mut candidates);
        }
    }
    candidates.sort();
    candidates.dedup();
    candidates.truncate(MAX_SHOWN);
    Completions {
        typed: word.chars().count(),
        candidates,
    }
}

/// What `complete` has been told to offer for the arguments of this command.
fn programmed(shell: &mut Shell, line: &str, word: &str) -> Option<Completions> {
    let found = shell.programmed(line, word)?;
    let mut candidates: Vec<String> = found
        .into_iter()
        .map(|name| {
            let is_dir = sys::path::stat(text::path(&name)).is_ok_and(|s| s.is_dir());
            let end = if is_dir { "/" } else { " " };
            if name.ends_with([' ', '/', '=']) {
                name
            } else {
                name + end
            }
        })
        .collect();
    candidates.sort();
    candidates.dedup();
    candidates.truncate(MAX_SHOWN);
    Some(Completions {
        typed: word.chars().count(),
        candidates,
    })
}

fn commands(shell: &Shell, word: &str, candidates: &mut Vec<String>) {
    let names = builtins::all(shell.bash).into_iter().map(str::to_owned);
    let all = names
        .chain(shell.functions.keys().cloned())
        .chain(shell.aliases.keys().cloned());
    candidates.extend(all.filter(|n| n.starts_with(word)).map(|n| n + " "));
    let path = shell.var("PATH").unwrap_or_default();
    for dir in path.split(':').filter(|d| !d.is_empty()) {
        let Ok(entries) = std::fs::read_dir(text::path(dir)) else {
            continue;
        };
        let names = entries
            .filter_map(Result::ok)
            .map(|e| text::from_os(&e.file_name()));
        candidates.extend(names.filter(|n| n.starts_with(word)).map(|n| n + " "));
    }
}

fn files(shell: &Shell, word: &str, executable: bool, candidates: &mut Vec<String>) {
    let (dir, prefix) = match word.rfind('/') {
        Some(at) => word.split_at(at + 1),
        None => ("", word),
    };
    let real = match dir.strip_prefix('~') {
        Some(rest) => format!("{}{rest}", shell.var("HOME").unwrap_or_default()),
        None if dir.is_empty() => ".".to_owned(),
        None => dir.to_owned(),
    };
    let Ok(entries) = std::fs::read_dir(text::path(&real)) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = text::from_os(&entry.file_name());
        if !name.starts_with(prefix) || name.starts_with('.') && !prefix.starts_with('.') {
            continue;
        }
        let Ok(stat) = sys::path::stat(entry.path()) else {
            continue;
        };
        if executable && !stat.is_dir() && stat.mode & 0o111 == 0 {
            continue;
        }
        let mut quoted = String::new();
        for c in name.chars() {
            if " \t'\"\\$`&|;()<>*?[]{}!#".contains(c) {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        candidates.push(format!(
            "{dir}{quoted}{}",
            if stat.is_dir() { "/" } else { " " }
        ));
    }
}
