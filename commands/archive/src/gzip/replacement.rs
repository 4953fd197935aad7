//! The file that takes the place of another, and its name.

use super::{Gzip, WARNING};
use secure_exec_cli::{Failure, bytes, os_string};
use secure_exec_sys::stat::Stat;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

impl Gzip {
    /// Creates the output file unless it exists.
    pub fn create(&mut self, target: &Path) -> Result<Option<File>, Failure> {
        if fs::symlink_metadata(target).is_ok() {
            if !self.force {
                let text = format!("{} already exists;\tnot overwritten", target.display());
                self.note(WARNING, &text);
                return Ok(None);
            }
            fs::remove_file(target)?;
        }
        Ok(Some(
            File::options().write(true).create_new(true).open(target)?,
        ))
    }

    /// Gives the new file the mode and times that the old one had before it was read, and removes that.
    pub fn replaced(&self, old: &Path, found: &Stat, new: &Path) -> Result<(), Failure> {
        secure_exec_sys::times::set(new, found.atime, found.mtime)?;
        secure_exec_sys::path::chmod(new, found.permissions())?;
        if !self.keep {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub fn without_suffix(path: &Path, suffix: &str) -> Option<PathBuf> {
    let name = bytes(path);
    for (ending, replacement) in [
        (suffix, ""),
        (".gz", ""),
        (".z", ""),
        (".tgz", ".tar"),
        ("-gz", ""),
        ("-z", ""),
    ] {
        if let Some(stem) = name.strip_suffix(ending.as_bytes())
            && !stem.is_empty()
            && !stem.ends_with(b"/")
        {
            let mut stem = stem.to_vec();
            stem.extend_from_slice(replacement.as_bytes());
            return Some(os_string(stem).into());
        }
    }
    None
}
