//! Pathname expansion.

use secure_exec_sys as sys;

use super::pattern::{Pattern, is_special, unescape};
use crate::options::Options;
use crate::text;

/// Deepest `**` and the most paths one pattern may give.
const MAX_DEPTH: usize = 64;
const MAX_PATHS: usize = 1_000_000;

/// The paths that match, sorted; none when nothing does.
///
/// `ignored` are the patterns of `GLOBIGNORE`, by whole path: with any, names that begin with a dot match as others do.
/// With `single` the locale has characters of one byte.
pub fn paths(pattern: &str, options: &Options, ignored: &[String], single: bool) -> Vec<String> {
    let components: Vec<String> = components(pattern);
    let mut found = Vec::new();
    let (start, rest) = match components.split_first() {
        Some((first, rest)) if first.is_empty() && pattern.starts_with('/') => {
            ("/".to_owned(), rest)
        }
        _ => (String::new(), components.as_slice()),
    };
    let search = Search {
        options,
        hidden: options.dotglob || !ignored.is_empty(),
        dots: !options.globskipdots && ignored.is_empty(),
        single,
    };
    search.walk(&start, rest, &mut found, 0);
    if !ignored.is_empty() {
        let ignored: Vec<Vec<Pattern>> = ignored
            .iter()
            .map(|pattern| {
                let parts = self::components(pattern);
                let made = |part: &String| Pattern::new(part, options.extglob, options.nocaseglob);
                parts.iter().map(made).collect()
            })
            .collect();
        found.retain(|path| !ignored.iter().any(|patterns| matches_path(patterns, path)));
    }
    found.sort_by(|a, b| text::encode(a).cmp(&text::encode(b)));
    found
}

/// Whether a path has as many components as there are patterns, and each matches: a slash is matched by nothing else.
fn matches_path(patterns: &[Pattern], path: &str) -> bool {
    let components: Vec<&str> = path.split('/').collect();
    let mut pairs = patterns.iter().zip(&components);
    patterns.len() == components.len() && pairs.all(|(pattern, part)| pattern.matches(part))
}

/// Splits at slashes that no bracket or group holds.
fn components(pattern: &str) -> Vec<String> {
    let mut list = vec![String::new()];
    let mut chars = pattern.chars();
    let mut depth = 0_u32;
    let mut previous = ' ';
    while let Some(c) = chars.next() {
        let push = |list: &mut Vec<String>, c| {
            if let Some(last) = list.last_mut() {
                last.push(c);
            }
        };
        match c {
            '\\' => {
                push(&mut list, c);
                if let Some(c) = chars.next() {
                    push(&mut list, c);
                }
            }
            '/' if depth == 0 => list.push(String::new()),
            c => {
                if c == '(' && "?*+@!".contains(previous) {
                    depth += 1;
                }
                if c == ')' {
                    depth = depth.saturating_sub(1);
                }
                push(&mut list, c);
            }
        }
        previous = c;
    }
    list
}

struct Search<'a> {
    options: &'a Options,
    /// A wildcard matches a dot at the beginning of a name.
    hidden: bool,
    /// A pattern that begins with a dot matches `.` and `..`.
    dots: bool,
    /// Characters have one byte.
    single: bool,
}

fn join(base: &str, name: &str) -> String {
    if base.is_empty() || base.ends_with('/') {
        format!("{base}{name}")
    } else {
        format!("{base}/{name}")
    }
}

fn entries(dir: &str) -> Vec<(String, Option<bool>)> {
    let dir = if dir.is_empty() { "." } else { dir };
    let Ok(entries) = std::fs::read_dir(text::path(dir)) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .map(|e| {
            (
                text::from_os(&e.file_name()),
                e.file_type().ok().map(|t| t.is_dir()),
            )
        })
        .collect()
}

impl Search<'_> {
    fn walk(&self, base: &str, components: &[String], found: &mut Vec<String>, depth: usize) {
        let Some((first, rest)) = components.split_first() else {
            return;
        };
        if depth > MAX_DEPTH || found.len() > MAX_PATHS {
            return;
        }
        if first == "**" && self.options.globstar {
            // One after the other are as one.
            let again = rest.iter().take_while(|next| *next == "**").count();
            let rest = &rest[again..];
            if rest.is_empty() && !base.is_empty() && self.is_dir(base) {
                found.push(base.to_owned());
            }
            self.walk_all(base, rest, found, depth);
            return;
        }
        if !is_special(first, self.options.extglob) {
            let name = unescape(first);
            if rest.is_empty() {
                let path = format!(
                    "{}{name}",
                    if base.is_empty() || base.ends_with('/') {
                        base.to_owned()
                    } else {
                        format!("{base}/")
                    }
                );
                if sys::path::lstat(text::path(&path)).is_ok() {
                    found.push(path);
                }
            } else {
                // An empty component keeps its slash: `a//b`.
                let next = format!(
                    "{}{}/",
                    if base.is_empty() || base.ends_with('/') {
                        base.to_owned()
                    } else {
                        format!("{base}/")
                    },
                    name
                );
                self.walk(&next, rest, found, depth + 1);
            }
            return;
        }
        let characters = if self.single {
            text::single_bytes(first)
        } else {
            first.into()
        };
        let pattern = Pattern::new(&characters, self.options.extglob, self.options.nocaseglob);
        let hidden = first.starts_with('.') || first.starts_with("\\.");
        for (name, is_dir) in entries(base) {
            let characters = if self.single {
                text::single_bytes(&name)
            } else {
                name.as_str().into()
            };
            if name.starts_with('.') && !hidden && !self.hidden || !pattern.matches(&characters) {
                continue;
            }
            let path = join(base, &name);
            if rest.is_empty() {
                found.push(path);
            } else if is_dir != Some(false) || self.is_dir(&path) {
                self.walk(&format!("{path}/"), rest, found, depth + 1);
            }
        }
        if hidden && self.dots {
            for name in [".", ".."] {
                if pattern.matches(name) {
                    let path = join(base, name);
                    if rest.is_empty() {
                        found.push(path);
                    } else {
                        self.walk(&format!("{path}/"), rest, found, depth + 1);
                    }
                }
            }
        }
    }

    #[expect(clippy::unused_self, reason = "reads as one family with walk")]
    fn is_dir(&self, path: &str) -> bool {
        sys::path::stat(text::path(path)).is_ok_and(|s| s.is_dir())
    }

    /// `**`: the rest in this directory and in all below, without following links.
    fn walk_all(&self, base: &str, rest: &[String], found: &mut Vec<String>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let files = rest.is_empty();
        if !files {
            self.walk(base, rest, found, depth + 1);
        }
        for (name, is_dir) in entries(base) {
            if name.starts_with('.') && !self.hidden {
                continue;
            }
            let path = join(base, &name);
            let dir = is_dir == Some(true);
            if files {
                found.push(path.clone());
            }
            if dir {
                self.walk_all(
                    &if files { path } else { format!("{path}/") },
                    rest,
                    found,
                    depth + 1,
                );
            }
        }
    }
}
