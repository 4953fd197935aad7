//! Words of makefiles: patterns with `%`, file names, and names with wildcards.

use std::fs;

use secure_exec_cli::Glob;

/// What stands for `%` if a word matches a pattern; a pattern without one matches only itself.
pub fn stem<'a>(pattern: &str, word: &'a str) -> Option<&'a str> {
    let Some((before, behind)) = pattern.split_once('%') else {
        return (pattern == word).then_some("");
    };
    if word.len() < before.len() + behind.len() {
        return None;
    }
    word.strip_prefix(before)?.strip_suffix(behind)
}

/// The words that match `pattern` replaced; a `%` in the replacement is the stem.
pub fn patsubst(pattern: &str, replacement: &str, text: &str) -> String {
    let replaced = |word: &str| match stem(pattern, word) {
        Some(stem) if pattern.contains('%') => replacement.replacen('%', stem, 1),
        Some(_) => replacement.to_owned(),
        None => word.to_owned(),
    };
    join(text.split_whitespace().map(replaced))
}

pub fn join(words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut out = String::new();
    for (at, word) in words.into_iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(word.as_ref());
    }
    out
}

/// The directory with its slash, `./` where there is none.
pub fn dir(word: &str) -> &str {
    word.rfind('/').map_or("./", |at| &word[..=at])
}

pub fn notdir(word: &str) -> &str {
    word.rfind('/').map_or(word, |at| &word[at + 1..])
}

/// The suffix with its point, or nothing.
pub fn suffix(word: &str) -> &str {
    let start = word.len() - notdir(word).len();
    word[start..]
        .rfind('.')
        .map_or("", |at| &word[start + at..])
}

pub fn has_wildcard(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

/// The files that match, in order; `~` at the start is the home.
pub fn glob(pattern: &str) -> Vec<String> {
    let pattern = match (pattern.strip_prefix('~'), std::env::var("HOME")) {
        (Some(rest), Ok(home)) if rest.is_empty() || rest.starts_with('/') => {
            format!("{home}{rest}")
        }
        _ => pattern.to_owned(),
    };
    let mut found = vec![String::new()];
    let parts: Vec<&str> = pattern.split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        let mut next = Vec::new();
        for base in found {
            if has_wildcard(part) {
                next.extend(entries(&base, part));
            } else {
                next.push(format!("{base}{part}"));
            }
        }
        if !last {
            for path in &mut next {
                path.push('/');
            }
        }
        found = next;
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    found.sort();
    found
}

/// The entries of a directory that match one part of a pattern.
fn entries(base: &str, part: &str) -> Vec<String> {
    let folder = if base.is_empty() { "." } else { base };
    let Ok(listed) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| part.starts_with('.') || !name.starts_with('.'))
        .filter(|name| Glob::default().matches(part.as_bytes(), name.as_bytes()))
        .map(|name| format!("{base}{name}"))
        .collect()
}
