//! The files that an operand of grep stands for.

use super::options::{Directories, Options};
use crate::bytes;
use secure_exec_cli::Glob;
use std::fs;
use std::io;

pub enum Found<'a> {
    File(&'a [u8]),
    Failure(&'a [u8], io::Error),
    /// A directory that is inside itself, by way of a symbolic link.
    Loop(&'a [u8]),
}

pub struct Walk<'a> {
    options: &'a Options,
}

/// A directory on the way down: its device and inode.
type Ancestor = (u64, u64);

type Step<'s> = dyn FnMut(Found) -> io::Result<()> + 's;

impl<'a> Walk<'a> {
    pub fn new(options: &'a Options) -> Self {
        Self { options }
    }

    /// A pattern applies to the last component or to the whole name.
    fn matches(patterns: &[Vec<u8>], name: &[u8]) -> bool {
        let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
        patterns.iter().any(|pattern| {
            let pattern = pattern.strip_suffix(b"/").unwrap_or(pattern);
            Glob::default().matches(pattern, base) || Glob::default().matches(pattern, name)
        })
    }

    fn skips_file(&self, name: &[u8]) -> bool {
        let include = &self.options.include;
        Self::matches(&self.options.exclude, name)
            || (!include.is_empty() && !Self::matches(include, name))
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
            _ if Self::matches(&self.options.exclude_directory, operand) => Ok(()),
            _ => self.below(operand, &mut Vec::new(), step),
        }
    }

    fn below(
        &self,
        directory: &[u8],
        ancestors: &mut Vec<Ancestor>,
        step: &mut Step,
    ) -> io::Result<()> {
        let identity = match secure_exec_sys::path::stat(bytes::path(directory)) {
            Ok(stat) => (stat.dev, stat.ino),
            Err(error) => return step(Found::Failure(directory, error)),
        };
        if ancestors.contains(&identity) {
            return step(Found::Loop(directory));
        }
        ancestors.push(identity);
        let result = self.entries(directory, ancestors, step);
        ancestors.pop();
        result
    }

    fn entries(
        &self,
        directory: &[u8],
        ancestors: &mut Vec<Ancestor>,
        step: &mut Step,
    ) -> io::Result<()> {
        let entries = match fs::read_dir(bytes::path(directory)) {
            Ok(entries) => entries,
            Err(error) => return step(Found::Failure(directory, error)),
        };
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
            self.entry(&path, ancestors, step)?;
        }
        Ok(())
    }

    fn entry(&self, path: &[u8], ancestors: &mut Vec<Ancestor>, step: &mut Step) -> io::Result<()> {
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
        // Below an operand only the last component counts.
        let base = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        if metadata.is_dir() {
            if Self::matches(&self.options.exclude_directory, base) {
                return Ok(());
            }
            return self.below(path, ancestors, step);
        }
        if !metadata.is_file() || self.skips_file(base) {
            return Ok(());
        }
        step(Found::File(path))
    }
}
