//! What a patch leaves behind: the changed file, the original aside, and the hunks that did not fit.

use super::apply;
use super::options::Numbering;
use super::parse::{Hunk, Line};
use super::patcher::Patcher;
use super::{REJECTED, is_null, quoted};
use crate::{bytes, message};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

impl Patcher<'_> {
    pub fn make_parent(&self, path: &Path) -> Result<(), String> {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                fs::create_dir_all(parent).map_err(|error| {
                    format!(
                        "Can't create directory {} : {}",
                        parent.display(),
                        message::reason(&error)
                    )
                })
            }
            _ => Ok(()),
        }
    }

    /// The name of a backup.
    fn backup(&self, path: &Path) -> PathBuf {
        let options = self.options;
        let plain = path.as_os_str();
        if options.numbering != Numbering::Never {
            let numbered = |number: u32| {
                let mut name = plain.to_owned();
                name.push(format!(".~{number}~"));
                PathBuf::from(name)
            };
            let free = (1..)
                .find(|number| !numbered(*number).exists())
                .unwrap_or(1);
            if options.numbering == Numbering::Always || free > 1 {
                return numbered(free);
            }
        }
        let mut name = bytes::os(&options.prefix).to_owned();
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(base)) if !options.base_prefix.is_empty() => {
                let mut last = bytes::os(&options.base_prefix).to_owned();
                last.push(base);
                name.push(parent.join(last));
            }
            _ => name.push(plain),
        }
        // A prefix stands for the usual suffix.
        let prefixed = !options.prefix.is_empty() || !options.base_prefix.is_empty();
        if !prefixed || options.suffix != b".orig" {
            name.push(bytes::os(&options.suffix));
        }
        PathBuf::from(name)
    }

    /// Copies the original aside.
    pub fn keep(&self, path: &Path) -> Result<(), String> {
        let name = self.backup(path);
        self.make_parent(&name)?;
        let failed = |error: io::Error| {
            format!(
                "Can't create file {} : {}",
                name.display(),
                message::reason(&error)
            )
        };
        if path.exists() {
            fs::copy(path, &name).map_err(failed)?;
        } else {
            fs::write(&name, b"").map_err(failed)?;
        }
        Ok(())
    }

    /// Whether the patch says that the file is not there any more.
    pub fn deletes(&self) -> bool {
        let ends_empty = |hunk: &Hunk| hunk.new_start == 0 && hunk.new_count() == 0;
        is_null(self.patch.new_name.as_ref())
            || self.patch.delete
            || (self.patch.new_absent && self.patch.hunks.first().is_some_and(ends_empty))
    }

    pub fn store(&self, path: &Path, result: &apply::Result, mismatch: bool) -> Result<(), String> {
        let options = self.options;
        let text = joined(result);
        if let Some(output) = &options.output {
            if output == b"-" {
                return io::stdout()
                    .write_all(&text)
                    .map_err(|error| message::reason(&error));
            }
            return fs::write(bytes::path(output), text).map_err(|error| message::reason(&error));
        }
        let failed = |error: io::Error| {
            format!(
                "Can't write file {} : {}",
                path.display(),
                message::reason(&error)
            )
        };
        if options.backup || (mismatch && options.backup_if_mismatch) {
            self.keep(path)?;
        }
        let deletes = self.deletes() || options.remove_empty;
        if deletes && text.is_empty() {
            fs::remove_file(path).map_err(failed)?;
            let mut parent = path.parent();
            while let Some(directory) = parent.filter(|parent| !parent.as_os_str().is_empty()) {
                // Directories that are empty now go too.
                if fs::remove_dir(directory).is_err() {
                    break;
                }
                parent = directory.parent();
            }
            return Ok(());
        }
        self.make_parent(path)?;
        let mode = secure_exec_sys::path::stat(path)
            .ok()
            .map(|stat| stat.permissions());
        if mode.is_some() {
            // A new file, so that other names of the old one keep its text.
            fs::remove_file(path).map_err(failed)?;
        }
        fs::write(path, text).map_err(failed)?;
        let mode = self.patch.mode.map(|mode| mode & 0o777).or(mode);
        if let Some(mode) = mode {
            secure_exec_sys::path::chmod(path, mode).map_err(failed)?;
        }
        Ok(())
    }

    /// Saves the hunks that did not fit.
    pub fn reject(&self, path: &Path, hunks: &[&Hunk], verb: &str) -> Result<u8, String> {
        let count = hunks.len();
        let total = self.patch.hunks.len();
        let plural = if total == 1 { "hunk" } else { "hunks" };
        let mut name = self.options.output.as_ref().map_or_else(
            || path.as_os_str().to_owned(),
            |output| bytes::os(output).to_owned(),
        );
        name.push(".rej");
        let name = self.options.reject.as_ref().map_or_else(
            || PathBuf::from(name),
            |reject| bytes::path(reject).to_owned(),
        );
        if self.options.dry_run {
            println!("{count} out of {total} {plural} {verb}");
            return Ok(REJECTED);
        }
        if self.options.reject.as_deref() == Some(b"-") {
            println!("{count} out of {total} {plural} {verb}");
            return Ok(REJECTED);
        }
        let shown = quoted(&name);
        // Told also under -s, which is about what went well.
        println!("{count} out of {total} {plural} {verb} -- saving rejects to file {shown}");
        fs::write(&name, self.rejects(hunks))
            .map_err(|error| format!("Can't create file {shown} : {}", message::reason(&error)))?;
        Ok(REJECTED)
    }

    fn rejects(&self, hunks: &[&Hunk]) -> Vec<u8> {
        let mut out = Vec::new();
        for (mark, name) in [("---", &self.patch.old_name), ("+++", &self.patch.new_name)] {
            out.extend_from_slice(mark.as_bytes());
            out.push(b' ');
            out.extend_from_slice(name.as_deref().unwrap_or_default());
            out.push(b'\n');
        }
        let side = |start: usize, count: usize| {
            if count == 1 {
                start.to_string()
            } else {
                format!("{start},{count}")
            }
        };
        for hunk in hunks {
            let old = side(hunk.old_start, hunk.old_lines().len());
            let new = side(hunk.new_start, hunk.new_count());
            out.extend_from_slice(format!("@@ -{old} +{new} @@\n").as_bytes());
            for line in &hunk.lines {
                let (mark, text) = match line {
                    Line::Context(text) => (b' ', text),
                    Line::Remove(text) => (b'-', text),
                    Line::Add(text) => (b'+', text),
                };
                out.push(mark);
                out.extend_from_slice(text);
                out.push(b'\n');
            }
        }
        out
    }
}

pub fn joined(result: &apply::Result) -> Vec<u8> {
    let mut text = Vec::new();
    for line in &result.lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    if !result.terminated {
        text.pop();
    }
    text
}
