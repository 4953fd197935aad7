//! The files that are to be put into an archive.

use super::options::Options;
use super::warn;
use crate::unzip::Patterns;
use secure_exec_cli::{Failure, bytes, os_string};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::Stat;
use std::fs;
use std::path::{Path, PathBuf};

/// A file that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// In the archive.
    pub name: Vec<u8>,
    pub path: PathBuf,
    pub stat: Stat,
    /// Standard input.
    pub is_input: bool,
}

/// Looks for files.
pub struct Finder<'o> {
    options: &'o Options,
    include: Patterns,
    exclude: Patterns,
    pub found: Vec<Found>,
    pub missing: Vec<Vec<u8>>,
}

/// The name of a file in the archive.
pub fn stored_name(name: &[u8], junk: bool) -> Vec<u8> {
    let mut rest = name;
    while let Some(next) = rest.strip_prefix(b"/").or_else(|| rest.strip_prefix(b"./")) {
        rest = next;
    }
    while let Some(next) = rest.strip_suffix(b"/") {
        rest = next;
    }
    if junk {
        rest = rest.rsplit(|&byte| byte == b'/').next().unwrap_or(rest);
    }
    rest.to_vec()
}

impl<'o> Finder<'o> {
    pub fn new(options: &'o Options) -> Self {
        Self {
            options,
            include: Patterns::new(&options.include),
            exclude: Patterns::new(&options.exclude),
            found: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Whether `-i`, `-x` and dates let a name through.
    pub fn wanted(&self, name: &[u8]) -> bool {
        (self.include.is_empty() || self.include.matches(name)) && !self.exclude.matches(name)
    }

    fn in_time(&self, stat: &Stat) -> bool {
        let seconds = stat.mtime.seconds;
        self.options.from.is_none_or(|from| seconds >= from)
            && self.options.before.is_none_or(|before| seconds < before)
    }

    pub fn all(&mut self, names: &[Vec<u8>]) -> Result<(), Failure> {
        if self.options.recurse_patterns {
            // The names are patterns of what is below this directory.
            let include = std::mem::replace(&mut self.include, Patterns::new(names));
            let before = self.include.clone();
            self.walk(Path::new("."))?;
            self.include = include;
            self.found.retain(|found| before.matches(&found.name));
            return Ok(());
        }
        for name in names {
            if name == b"-" {
                self.found.push(Found {
                    name: b"-".to_vec(),
                    path: PathBuf::from("-"),
                    stat: Stat::default(),
                    is_input: true,
                });
                continue;
            }
            let path = PathBuf::from(os_string(name.as_slice()));
            if self.stat(&path).is_err() {
                self.missing.push(name.clone());
                continue;
            }
            self.walk(&path)?;
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> std::io::Result<Stat> {
        if self.options.symlinks {
            lstat(path)
        } else {
            stat(path)
        }
    }

    fn walk(&mut self, path: &Path) -> Result<(), Failure> {
        let Ok(found) = self.stat(path) else {
            let shown = path.display();
            warn(&format!("could not open for reading: {shown}"));
            return Ok(());
        };
        let mut name = stored_name(bytes(path), self.options.junk);
        if !found.is_dir() {
            let special = !found.is_file() && !found.is_symlink();
            if special && !self.options.fifos {
                warn(&format!("ignoring special file: {}", path.display()));
            } else if self.wanted(&name) && self.in_time(&found) {
                self.push(name, path, found);
            }
            return Ok(());
        }
        let hidden =
            name.is_empty() || name == b"." || self.options.junk || self.options.no_directories;
        name.push(b'/');
        if !hidden && !self.options.recurse_patterns && self.wanted(&name) && self.in_time(&found) {
            self.push(name, path, found);
        }
        if !self.options.recurse {
            return Ok(());
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                let why = secure_exec_sys::errno::message(&error);
                warn(&format!(
                    "could not open directory {}: {why}",
                    path.display()
                ));
                return Ok(());
            }
        };
        let mut below: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        below.sort();
        below.iter().try_for_each(|path| self.walk(path))
    }

    fn push(&mut self, name: Vec<u8>, path: &Path, stat: Stat) {
        if self
            .found
            .iter()
            .any(|found| found.name == name && found.path == path)
        {
            return;
        }
        self.found.push(Found {
            name,
            path: path.to_owned(),
            stat,
            is_input: false,
        });
    }
}
