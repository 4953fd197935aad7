//! The files that an operand of grep stands for.

use super::options::{Directories, Options};
use crate::bytes;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::fs;
use std::io;

pub enum Found<'a> {
    File(&'a [u8]),
    Failure(&'a [u8], io::Error),
}

pub struct Walk<'a> {
    options: &'a Options,
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
    exclude_directory: Option<GlobSet>,
}

type Step<'s> = dyn FnMut(Found) -> io::Result<()> + 's;

/// A set of shell patterns; one that is none matches itself.
fn globs(patterns: &[Vec<u8>]) -> Option<GlobSet> {
    if patterns.is_empty() {
        return None;
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let text = String::from_utf8_lossy(pattern);
        let text = text.strip_suffix('/').unwrap_or(&text);
        let glob = GlobBuilder::new(text).backslash_escape(true).build();
        if let Ok(glob) = glob.or_else(|_| GlobBuilder::new(&globset::escape(text)).build()) {
            set.add(glob);
        }
    }
    set.build().ok()
}

impl<'a> Walk<'a> {
    pub fn new(options: &'a Options) -> Self {
        Self {
            include: globs(&options.include),
            exclude: globs(&options.exclude),
            exclude_directory: globs(&options.exclude_directory),
            options,
        }
    }

    /// A pattern applies to the last component or to the whole name.
    fn matches(set: Option<&GlobSet>, name: &[u8]) -> bool {
        let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
        set.is_some_and(|set| set.is_match(bytes::path(base)) || set.is_match(bytes::path(name)))
    }

    fn skips_file(&self, name: &[u8]) -> bool {
        Self::matches(self.exclude.as_ref(), name)
            || (self.include.is_some() && !Self::matches(self.include.as_ref(), name))
    }

    /// Calls `step` for an operand, or for what is below it.
    pub fn each(&self, operand: &[u8], step: &mut Step) -> io::Result<()> {
        let metadata = match fs::metadata(bytes::path(operand)) {
            Ok(metadata) => metadata,
            Err(error) => return step(Found::Failure(operand, error)),
        };
        if !metadata.is_dir() {
            if self.skips_file(operand) || (self.options.skip_devices && !metadata.is_file()) {
                return Ok(());
            }
            return step(Found::File(operand));
        }
        match self.options.directories {
            Directories::Read => step(Found::Failure(operand, io::Error::other("Is a directory"))),
            Directories::Skip => Ok(()),
            _ if Self::matches(self.exclude_directory.as_ref(), operand) => Ok(()),
            _ => self.below(operand, 0, step),
        }
    }

    fn below(&self, directory: &[u8], depth: usize, step: &mut Step) -> io::Result<()> {
        let entries = match fs::read_dir(bytes::path(directory)) {
            Ok(entries) => entries,
            Err(error) => return step(Found::Failure(directory, error)),
        };
        if depth > 255 {
            return step(Found::Failure(
                directory,
                io::Error::other("recursive directory loop"),
            ));
        }
        let mut names: Vec<Vec<u8>> = entries
            .flatten()
            .map(|entry| bytes::from_os(entry.file_name()))
            .collect();
        names.sort_unstable();
        for name in names {
            let mut path = directory.to_vec();
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            self.entry(&path, depth, step)?;
        }
        Ok(())
    }

    fn entry(&self, path: &[u8], depth: usize, step: &mut Step) -> io::Result<()> {
        let following = self.options.directories == Directories::RecurseFollowing;
        let metadata = if following {
            fs::metadata(bytes::path(path))
        } else {
            fs::symlink_metadata(bytes::path(path))
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => return step(Found::Failure(path, error)),
        };
        if metadata.is_dir() {
            let base = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
            if Self::matches(self.exclude_directory.as_ref(), base) {
                return Ok(());
            }
            return self.below(path, depth + 1, step);
        }
        if !metadata.is_file() || self.skips_file(path) {
            return Ok(());
        }
        step(Found::File(path))
    }
}
