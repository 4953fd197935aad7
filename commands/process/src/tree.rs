//! `tree`: a directory as a drawing.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secure_exec_cli::{
    Args, Failure, Glob, Outcome, Parsed, Syntax, bytes, fail, flag, quote, required,
};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::Stat;

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
        flag('\0', "noreport"),
        flag('\0', "dirsfirst"),
    ],
    usage: "[-adfirsF] [-L LEVEL] [-P PATTERN] [-I PATTERN] [--noreport] [--dirsfirst] [DIRECTORY]...",
    usage_status: 1,
    operand_ends: false,
};

struct Tree<'a> {
    parsed: &'a Parsed,
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
    let mut tree = Tree {
        parsed: &parsed,
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
        let name = root.to_string_lossy();
        if !stat(root).is_ok_and(|found| found.is_dir()) {
            self.failed = true;
            return writeln!(self.out, "{name}  [error opening dir]");
        }
        writeln!(self.out, "{name}")?;
        self.directories += 1;
        self.directory(root, "", 1)
    }

    fn directory(&mut self, path: &Path, indent: &str, level: usize) -> io::Result<()> {
        let entries = self.entries(path);
        let count = entries.len();
        for (at, (entry, found)) in entries.into_iter().enumerate() {
            let is_last = at + 1 == count;
            let (branch, below) = if is_last {
                ("└── ", "    ")
            } else {
                ("├── ", "│\u{a0}\u{a0} ")
            };
            let branch = if self.parsed.has("i") { "" } else { branch };
            let prefix = if self.parsed.has("i") {
                String::new()
            } else {
                format!("{indent}{branch}")
            };
            let text = self.describe(&entry, &found);
            writeln!(self.out, "{prefix}{text}")?;
            if found.is_dir() {
                self.directories += 1;
                if level < self.depth {
                    self.directory(&entry, &format!("{indent}{below}"), level + 1)?;
                }
            } else {
                self.files += 1;
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
        let mut text = name.unwrap_or_default().to_string_lossy().into_owned();
        if self.parsed.has("s") {
            text = format!("[{:>11}]  {text}", found.size);
        }
        if found.is_symlink()
            && let Ok(target) = fs::read_link(entry)
        {
            text += &format!(" -> {}", target.display());
        } else if self.parsed.has("F") {
            text += if found.is_dir() {
                "/"
            } else if found.mode & 0o111 != 0 {
                "*"
            } else {
                ""
            };
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
            entries.sort_by_key(|(_, found)| !found.is_dir());
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
        let is_kind = found.is_dir() || !self.parsed.has("d");
        let is_wanted = found.is_dir() || matches("P").unwrap_or(true);
        !is_hidden && is_kind && is_wanted && !matches("I").unwrap_or(false)
    }
}
