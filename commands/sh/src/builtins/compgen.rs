//! `compgen`: what could complete a word, without programmable completion.

use crate::builtins;
use crate::exec::lookup::{DEFAULT_PATH, is_program};
use crate::expand::glob;
use crate::shell::{Exec, Shell};
use crate::variables::Value;

use super::names::keywords;

/// Kinds of names by their letters, and by the words that `-A` takes.
const KINDS: [(char, &str); 13] = [
    ('a', "alias"),
    ('b', "builtin"),
    ('c', "command"),
    ('d', "directory"),
    ('e', "export"),
    ('f', "file"),
    ('j', "job"),
    ('k', "keyword"),
    ('v', "variable"),
    ('u', "user"),
    ('F', "function"),
    ('A', "arrayvar"),
    ('s', "shopt"),
];

fn commands(shell: &Shell) -> Vec<String> {
    let path = shell.var("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned());
    let mut found = Vec::new();
    for dir in path.split(':').filter(|dir| !dir.is_empty()) {
        let Ok(entries) = std::fs::read_dir(crate::text::path(dir)) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            let name = crate::text::from_os(&entry.file_name());
            if is_program(&format!("{dir}/{name}")) {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

/// The names of a kind, in bash's order.
fn names(shell: &mut Shell, kind: char, prefix: &str) -> Vec<String> {
    let functions = |shell: &Shell| {
        let mut list: Vec<String> = shell.functions.keys().cloned().collect();
        list.sort();
        list
    };
    let keywords = || keywords().map(str::to_owned).collect::<Vec<_>>();
    let variables = |shell: &Shell, wanted: fn(&crate::variables::Variable) -> bool| {
        let set = shell.vars.iter().filter(|(_, v)| wanted(v));
        set.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    match kind {
        'a' => shell.aliases.keys().cloned().collect(),
        'b' => builtins::all(true).into_iter().map(str::to_owned).collect(),
        'c' => {
            let mut list: Vec<String> = shell.aliases.keys().cloned().collect();
            list.extend(keywords());
            list.extend(functions(shell));
            list.extend(builtins::all(true).into_iter().map(str::to_owned));
            list.extend(commands(shell));
            list
        }
        'd' | 'f' => {
            let mut pattern = String::new();
            crate::expand::pattern::escape(prefix, &mut pattern);
            pattern.push('*');
            let mut list = glob::paths(&pattern, &shell.options, &[]);
            if kind == 'd' {
                let is_dir = |p: &String| {
                    secure_exec_sys::path::stat(crate::text::path(p)).is_ok_and(|s| s.is_dir())
                };
                list.retain(is_dir);
            }
            list
        }
        'e' => variables(shell, |v| v.attributes.export && v.value != Value::Unset),
        'v' => variables(shell, |v| v.value != Value::Unset),
        'A' => variables(shell, |v| {
            matches!(v.value, Value::Array(_) | Value::Assoc(_))
        }),
        'F' => functions(shell),
        'k' => keywords(),
        's' => crate::options::SHOPT
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        'j' => {
            let jobs = shell.jobs.list.iter().filter(|job| job.id != 0);
            jobs.filter_map(|job| job.text.split(' ').next().map(str::to_owned))
                .collect()
        }
        _ => Vec::new(),
    }
}

pub fn compgen(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = words[1..].iter();
    let mut kinds = Vec::new();
    let (mut glob_pattern, mut list, mut filter) = (None, None, None);
    let (mut before, mut after) = (String::new(), String::new());
    let mut prefix = None;
    while let Some(word) = rest.next() {
        let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) else {
            prefix = Some(word.clone());
            break;
        };
        if word == "--" {
            prefix = rest.next().cloned();
            break;
        }
        for letter in letters.chars() {
            if "abcdefjkvu".contains(letter) && KINDS.iter().any(|(l, _)| *l == letter) {
                kinds.push(letter);
                continue;
            }
            if !"AGWXPSo".contains(letter) {
                return Ok(shell.misuse(&format!("compgen: -{letter}: invalid option")));
            }
            let Some(argument) = rest.next().cloned() else {
                return Ok(
                    shell.misuse(&format!("compgen: -{letter}: option requires an argument"))
                );
            };
            match letter {
                'A' => match KINDS.iter().find(|(_, name)| *name == argument) {
                    Some((kind, _)) => kinds.push(*kind),
                    None => {
                        let message = format!("compgen: {argument}: invalid action name");
                        return Ok(shell.misuse(&message));
                    }
                },
                'G' => glob_pattern = Some(argument),
                'W' => list = Some(argument),
                'X' => filter = Some(argument),
                'P' => before = argument,
                'S' => after = argument,
                _ => {}
            }
        }
    }
    let prefix = prefix.unwrap_or_default();
    let mut found = Vec::new();
    for kind in kinds {
        found.extend(names(shell, kind, &prefix));
    }
    found.retain(|name| name.starts_with(&prefix));
    if let Some(pattern) = glob_pattern {
        found.extend(glob::paths(&pattern, &shell.options, &[]));
    }
    if let Some(list) = list {
        let line: Vec<(char, bool)> = shell
            .expand_prompt(&list)
            .chars()
            .map(|c| (c, false))
            .collect();
        let words = shell.split_line(&line, None);
        found.extend(words.into_iter().filter(|word| word.starts_with(&prefix)));
    }
    if let Some(filter) = filter {
        let (keep, pattern) = match filter.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, filter.as_str()),
        };
        let pattern = crate::expand::pattern::Pattern::new(pattern, true, false);
        found.retain(|name| pattern.matches(name) == keep);
    }
    let text: String = found
        .iter()
        .map(|name| format!("{before}{name}{after}\n"))
        .collect();
    let printed = shell.print("compgen", &text);
    Ok(if printed == 0 {
        i32::from(found.is_empty())
    } else {
        printed
    })
}
