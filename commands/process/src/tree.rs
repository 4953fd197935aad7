//! `tree`: a directory as a drawing, in the characters of the locale.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secure_exec_cli::{
    Args, Failure, Glob, Outcome, Parsed, Syntax, bytes, fail, flag, quote, required,
};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::{S_IFIFO, S_IFSOCK, Stat};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "a"),
        flag('d', "d"),
        flag('f', "f"),
        flag('i', "i"),
        flag('n', "n"),
        flag('C', "C"),
        flag('r', "r"),
        flag('s', "s"),
        flag('F', "F"),
        required('I', "I"),
        required('L', "L"),
        required('P', "P"),
        required('\0', "charset"),
        flag('\0', "noreport"),
        flag('\0', "dirsfirst"),
    ],
    usage: "[-adfirsF] [-L LEVEL] [-P PATTERN] [-I PATTERN] [--charset CHARSET] [--noreport] [--dirsfirst] [DIRECTORY]...",
    usage_status: 1,
    operand_ends: false,
};

/// The characters that branches are drawn with.
struct Lines {
    branch: &'static str,
    last: &'static str,
    beside: &'static str,
}

const UNICODE: Lines = Lines {
    branch: "├── ",
    last: "└── ",
    beside: "│\u{a0}\u{a0} ",
};

const ASCII: Lines = Lines {
    branch: "|-- ",
    last: "`-- ",
    beside: "|   ",
};

/// What is below the last branch.
const NOTHING: &str = "    ";

struct Tree<'a> {
    parsed: &'a Parsed,
    lines: &'static Lines,
    /// The locale's characters have several bytes: names are read as UTF-8.
    is_unicode: bool,
    depth: usize,
    directories: usize,
    files: usize,
    failed: bool,
    out: io::BufWriter<io::Stdout>,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let depth = match parsed.value("L") {
        None => usize::MAX,
        Some(value) => depth(&value.text())?,
    };
    let mut roots: Vec<PathBuf> = parsed.operands.iter().map(PathBuf::from).collect();
    if roots.is_empty() {
        roots.push(".".into());
    }
    let out = io::BufWriter::new(io::stdout());
    let is_unicode = is_utf8(&locale());
    let mut tree = Tree {
        parsed: &parsed,
        lines: lines(&parsed, is_unicode),
        is_unicode,
        depth,
        directories: 0,
        files: 0,
        failed: false,
        out,
    };
    for root in &roots {
        tree.root(root)?;
    }
    if !parsed.has("noreport") {
        let directories = plural(tree.directories, "directory", "directories");
        let files = plural(tree.files, "file", "files");
        match parsed.has("d") {
            true => writeln!(tree.out, "\n{directories}")?,
            false => writeln!(tree.out, "\n{directories}, {files}")?,
        }
    }
    tree.out.flush()?;
    Ok(if tree.failed { 2 } else { 0 })
}

/// What decides the kind of characters, as `setlocale(3)` finds it.
fn locale() -> OsString {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let found = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    found.unwrap_or_default()
}

/// Drawn is in the charset of the option, else of the variable, else of the locale.
fn lines(parsed: &Parsed, is_unicode: bool) -> &'static Lines {
    let chosen = match parsed.value("charset") {
        Some(value) => Some(is_utf8(OsStr::new(&*value.text()))),
        None => std::env::var_os("TREE_CHARSET").map(|value| is_utf8(&value)),
    };
    if chosen.unwrap_or(is_unicode) {
        &UNICODE
    } else {
        &ASCII
    }
}

fn is_utf8(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    name.contains("utf-8") || name.contains("utf8")
}

fn depth(text: &str) -> Result<usize, Failure> {
    let found = text.parse().ok().filter(|depth| *depth > 0);
    found.ok_or_else(|| {
        fail(format!(
            "Invalid level, must be greater than 0: {}",
            quote(text)
        ))
    })
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Tree<'_> {
    fn root(&mut self, root: &Path) -> io::Result<()> {
        let name = self.spelled(root.as_os_str());
        let Some(found) = stat(root).ok().filter(Stat::is_dir) else {
            self.failed = true;
            return writeln!(self.out, "{name}  [error opening dir]");
        };
        let mark = if self.parsed.has("F") { "/" } else { "" };
        writeln!(self.out, "{}{name}{mark}", self.size(&found))?;
        let before = self.directories + self.files;
        self.directory(root, "", 1)?;
        // One in which nothing is shown is not counted.
        if self.directories + self.files > before {
            self.directories += 1;
        }
        Ok(())
    }

    fn directory(&mut self, path: &Path, indent: &str, level: usize) -> io::Result<()> {
        let entries = self.entries(path);
        let count = entries.len();
        for (at, (entry, found)) in entries.into_iter().enumerate() {
            let is_last = at + 1 == count;
            let (branch, below) = if is_last {
                (self.lines.last, NOTHING)
            } else {
                (self.lines.branch, self.lines.beside)
            };
            let branch = if self.parsed.has("i") { "" } else { branch };
            let prefix = if self.parsed.has("i") {
                String::new()
            } else {
                format!("{indent}{branch}")
            };
            let text = self.describe(&entry, &found);
            writeln!(self.out, "{prefix}{text}")?;
            if found.is_dir() && level < self.depth {
                self.directory(&entry, &format!("{indent}{below}"), level + 1)?;
            }
            match leads_to_directory(&entry, &found) {
                true => self.directories += 1,
                false => self.files += 1,
            }
        }
        Ok(())
    }

    fn describe(&self, entry: &Path, found: &Stat) -> String {
        let name = if self.parsed.has("f") {
            Some(entry.as_os_str())
        } else {
            entry.file_name()
        };
        let mut text = self.size(found) + &self.spelled(name.unwrap_or_default());
        if found.is_symlink()
            && let Ok(target) = fs::read_link(entry)
        {
            text += &format!(" -> {}", self.spelled(target.as_os_str()));
        }
        if self.parsed.has("F") {
            text += mark(&stat(entry).unwrap_or(*found));
        }
        text
    }

    fn size(&self, found: &Stat) -> String {
        match self.parsed.has("s") {
            true => format!("[{:>11}]  ", found.size),
            false => String::new(),
        }
    }

    /// A name with what cannot be printed in this locale escaped.
    fn spelled(&self, name: &OsStr) -> String {
        if !self.is_unicode {
            return bytes(name).iter().map(|byte| in_ascii(*byte)).collect();
        }
        let mut text = String::new();
        for chunk in bytes(name).utf8_chunks() {
            for character in chunk.valid().chars() {
                match character.is_control() {
                    true => text += &format!("\\{:03o}", u32::from(character)),
                    false => text.push(character),
                }
            }
            for byte in chunk.invalid() {
                text += &format!("\\{byte:03o}");
            }
        }
        text
    }

    fn entries(&mut self, path: &Path) -> Vec<(PathBuf, Stat)> {
        let Ok(found) = fs::read_dir(path) else {
            self.failed = true;
            return Vec::new();
        };
        let paths = found.filter_map(|entry| Some(entry.ok()?.path()));
        let mut entries: Vec<(PathBuf, Stat)> = paths
            .filter_map(|path| lstat(&path).ok().map(|found| (path, found)))
            .filter(|(path, found)| self.shows(path, found))
            .collect();
        entries.sort_by(|(a, _), (b, _)| a.file_name().cmp(&b.file_name()));
        if self.parsed.has("r") {
            entries.reverse();
        }
        if self.parsed.has("dirsfirst") {
            entries.sort_by_key(|(path, found)| !leads_to_directory(path, found));
        }
        entries
    }

    fn shows(&self, path: &Path, found: &Stat) -> bool {
        let name = path.file_name().map(bytes).unwrap_or_default();
        let matches = |option: &str| {
            self.parsed.value(option).map(|value| {
                value
                    .text()
                    .split('|')
                    .any(|pattern| Glob::default().matches(pattern.as_bytes(), name))
            })
        };
        let is_hidden = name.first() == Some(&b'.') && !self.parsed.has("a");
        let is_kind = !self.parsed.has("d") || leads_to_directory(path, found);
        let is_wanted = found.is_dir() || matches("P").unwrap_or(true);
        !is_hidden && is_kind && is_wanted && !matches("I").unwrap_or(false)
    }
}

/// A directory, or a link to one, which counts as one.
fn leads_to_directory(path: &Path, found: &Stat) -> bool {
    found.is_dir() || (found.is_symlink() && stat(path).is_ok_and(|target| target.is_dir()))
}

/// The mark that `-F` puts behind a name, as `ls -F` does.
fn mark(found: &Stat) -> &'static str {
    match found.kind() {
        _ if found.is_dir() => "/",
        S_IFIFO => "|",
        S_IFSOCK => "=",
        _ if found.is_file() && found.mode & 0o111 != 0 => "*",
        _ => "",
    }
}

/// A byte of a name in a locale of single bytes.
fn in_ascii(byte: u8) -> String {
    const NAMED: &[u8] = b"abtnvfr";
    match byte {
        7..=13 => format!("\\{}", char::from(NAMED[usize::from(byte - 7)])),
        b' ' | b'\\' => format!("\\{}", char::from(byte)),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}
