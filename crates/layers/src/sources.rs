//! The files of a crate and the paths in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A path below the crate's root.
type Name = Vec<String>;

/// Where a chain of names that are re-exported under each other's names is given up.
const LONGEST_CHAIN: usize = 8;

/// The modules of a crate.
pub struct Sources {
    /// Their code, which is without comments and tests. The root has the empty name.
    code: BTreeMap<Name, String>,
    /// What each re-exports from modules of the crate, under which name.
    exports: BTreeMap<Name, BTreeMap<String, Name>>,
}

impl Sources {
    /// Reads all files of a folder.
    ///
    /// # Errors
    /// As for the files.
    pub fn read(folder: &Path) -> io::Result<Sources> {
        let mut code = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for file in rust_files(folder)? {
            let text = fs::read_to_string(&file)?;
            let module = module_of(folder, &file);
            tests.extend(test_modules(&text).map(|name| child(&module, name)));
            code.insert(module, code_of(&text));
        }
        code.retain(|module, _| !(1..=module.len()).any(|end| tests.contains(&module[..end])));
        let mut sources = Sources {
            code,
            exports: BTreeMap::new(),
        };
        sources.exports = sources.read_exports();
        Ok(sources)
    }

    fn read_exports(&self) -> BTreeMap<Name, BTreeMap<String, Name>> {
        let of = |module: &Name, code: &String| {
            let statements = uses_in(code).filter(|(_, is_public)| *is_public);
            let paths = statements.flat_map(|(tree, _)| expand(tree));
            paths
                .filter_map(|path| self.absolute(module, &path))
                .filter_map(|path| Some((path.last()?.clone(), path)))
                .collect()
        };
        let modules = self.code.iter();
        modules
            .map(|(module, code)| (module.clone(), of(module, code)))
            .collect()
    }

    /// Every module but the root, and the paths that it uses; what it only re-exports it does not use.
    pub fn uses(&self) -> impl Iterator<Item = (&Name, Vec<Name>)> {
        let modules = self.code.iter().filter(|(module, _)| !module.is_empty());
        modules.map(|(module, code)| (module, self.used_by(module, code)))
    }

    fn used_by(&self, module: &Name, code: &str) -> Vec<Name> {
        let private = uses_in(code).filter(|(_, is_public)| !*is_public);
        let mut paths: Vec<Name> = private.flat_map(|(tree, _)| expand(tree)).collect();
        let mut rest = code;
        // Those that stand in code.
        while let Some(at) = rest.find("::") {
            let start = rest[..at]
                .rfind(|c: char| !is_name(c))
                .map_or(0, |before| before + 1);
            let before = &rest[..start];
            let in_use = before.trim_end().ends_with("use");
            let path = &rest[start..];
            if !in_use && !before.ends_with(['$', ':']) && starts_at_root(&rest[start..at]) {
                paths.extend(expand(path));
            }
            let end = path
                .find(|c: char| !is_name(c) && c != ':')
                .unwrap_or(path.len());
            rest = &path[end.max(1)..];
        }
        let paths = paths.iter().filter_map(|path| self.absolute(module, path));
        let paths: BTreeSet<Name> = paths.map(|path| self.resolved(path)).collect();
        paths.into_iter().collect()
    }

    /// A path as seen from the root, if it is one of this crate.
    fn absolute(&self, module: &Name, path: &Name) -> Option<Name> {
        let mut base = module.clone();
        let mut rest = path.as_slice();
        match rest.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            name if self.code.contains_key(&child(module, name)) => {}
            _ => return None,
        }
        base.extend(rest.iter().filter(|name| *name != "self").cloned());
        Some(base)
    }

    /// The path under which something is declared that modules re-export.
    fn resolved(&self, path: Name) -> Name {
        let mut path = path;
        for _ in 0..LONGEST_CHAIN {
            let owner = self.owner(&path);
            let (module, rest) = path.split_at(owner);
            let exported = rest
                .split_first()
                .and_then(|(name, rest)| Some((self.exports.get(module)?.get(name)?, rest)));
            let Some((target, rest)) = exported else {
                break;
            };
            let target = [target.as_slice(), rest].concat();
            if target == path {
                break;
            }
            path = target;
        }
        path
    }

    /// How many of the names in a path are those of its module.
    fn owner(&self, path: &[String]) -> usize {
        let mut lengths = (0..=path.len()).rev();
        lengths
            .find(|length| self.code.contains_key(&path[..*length]))
            .unwrap_or(0)
    }

    /// The sets of modules of which each uses all others, by way of others or itself.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let used = self.uses().map(|(module, paths)| {
            let owners = paths.iter().map(|path| path[..self.owner(path)].to_vec());
            (module.clone(), owners.collect())
        });
        circles(&used.collect())
    }

    /// The same of the modules that the root has, each with all that is below it.
    pub fn top_circles(&self) -> Vec<Vec<String>> {
        let mut used: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
        for (module, paths) in self.uses() {
            let own = &module[..1];
            let owners = paths.iter().filter(|path| self.owner(path) > 0);
            let others = owners.map(|path| &path[..1]).filter(|other| *other != own);
            let known = used.entry(own.to_vec()).or_default();
            known.extend(others.map(<[String]>::to_vec));
        }
        circles(&used)
    }
}

fn circles(used: &BTreeMap<Name, Vec<Name>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&Name, BTreeSet<&Name>> = used
        .keys()
        .map(|module| (module, reachable(used, module)))
        .collect();
    let mut circles = BTreeSet::new();
    for (module, others) in &reached {
        let is_mutual = |other: &&&Name| reached[**other].contains(module);
        let circle: Vec<String> = others
            .iter()
            .filter(|other| reached.contains_key(**other))
            .filter(is_mutual)
            .map(|name| name.join("::"))
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn reachable<'a>(used: &'a BTreeMap<Name, Vec<Name>>, from: &'a Name) -> BTreeSet<&'a Name> {
    let mut found = BTreeSet::new();
    let mut left = vec![from];
    while let Some(module) = left.pop() {
        for next in used.get(module).into_iter().flatten() {
            if found.insert(next) {
                left.push(next);
            }
        }
    }
    found
}

fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The module that a file is.
fn module_of(folder: &Path, file: &Path) -> Name {
    let relative = file.strip_prefix(folder).unwrap_or(file);
    let parts = relative.with_extension("");
    let mut parts: Name = parts
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let is_root = parts.len() == 1 && parts.last().is_some_and(|last| last == "lib");
    if is_root || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

fn child(module: &[String], name: &str) -> Name {
    let mut path = module.to_vec();
    path.push(name.to_owned());
    path
}

/// Modules in files of their own that are there in tests only.
fn test_modules(text: &str) -> impl Iterator<Item = &str> {
    let declarations = text.split("#[cfg(test)]").skip(1);
    declarations.filter_map(|text| {
        let (head, _) = text.split_once(';')?;
        let (_, name) = head.split_once("mod ")?;
        let is_name = name.chars().all(is_name);
        is_name.then_some(name)
    })
}

/// Code without comments and without the tests inside a module.
pub fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn starts_at_root(name: &str) -> bool {
    matches!(name, "crate" | "super" | "self")
}

/// The trees of all `use` statements, and whether they re-export.
pub fn uses_in(code: &str) -> impl Iterator<Item = (&str, bool)> {
    code.match_indices("use ").filter_map(|(at, keyword)| {
        let before = &code[..at];
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let visibility = before[line..].trim();
        let is_statement = visibility.is_empty() || visibility.starts_with("pub");
        let tree = code[at + keyword.len()..].split(';').next()?;
        is_statement.then_some((tree, !visibility.is_empty()))
    })
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
pub fn expand(text: &str) -> Vec<Name> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return members(group).into_iter().flat_map(expand).collect();
    }
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Vec::new();
    }
    let mut behind = rest.strip_prefix("::").map(expand).unwrap_or_default();
    if behind.is_empty() {
        behind.push(Vec::new());
    }
    for path in &mut behind {
        path.insert(0, name.to_owned());
    }
    behind
}

/// The members of a group in braces, whose opening one has been read.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0, 0);
    let mut found = Vec::new();
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}
