//! Directories and what is in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Whether a symbolic link stands for its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    Yes,
    No,
}

/// The paths of a directory's entries, ordered by name so that output does not depend on the filesystem.
pub fn sorted_entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

/// As [`sorted_entries`], in the order of the filesystem.
pub fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}
