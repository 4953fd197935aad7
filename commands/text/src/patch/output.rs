//! What a patch leaves behind: the changed file, the original aside, and the hunks that did not fit.

use super::options::{Numbering, SetTime};
use super::parse::Hunk;
use super::patcher::Patcher;
use super::{apply, is_null, quoted, say, stamp};
use crate::{bytes, message};
use secure_exec_cli::Zone;
use secure_exec_sys::path::symlink;
use secure_exec_sys::stat::{Stat, Time};
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
        let mut changed = self.changed.borrow_mut();
        if changed.iter().any(|known| known == path) {
            return Ok(());
        }
        changed.push(path.to_owned());
        let name = self.backup(path);
        self.make_parent(&name)?;
        let failed = |error: io::Error| {
            format!(
                "Can't create file {} : {}",
                name.display(),
                message::reason(&error)
            )
        };
        if self.is_link() {
            let target = fs::read_link(path).map_err(failed)?;
            let _ = fs::remove_file(&name);
            symlink(&target, &name).map_err(failed)?;
        } else if path.exists() {
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
        } else {
            self.changed.borrow_mut().push(path.to_owned());
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
        let old = secure_exec_sys::path::lstat(path).ok();
        if old.is_some() {
            // A new file, so that other names of the old one keep its text.
            fs::remove_file(path).map_err(failed)?;
        }
        if self.is_link() {
            return symlink(bytes::path(&text), path).map_err(failed);
        }
        fs::write(path, text).map_err(failed)?;
        let mode = old
            .as_ref()
            .filter(|old| !old.is_symlink())
            .map(|stat| stat.permissions());
        let mode = self.patch.mode.map(|mode| mode & 0o777).or(mode);
        if let Some(mode) = mode {
            secure_exec_sys::path::chmod(path, mode).map_err(failed)?;
        }
        match options.set_time {
            Some(zone) => self.set_time(path, zone, old.as_ref(), mismatch),
            None => Ok(()),
        }
    }

    /// Gives a file the date that the header has for it, if it had the one that the header has for the old one.
    fn set_time(
        &self,
        path: &Path,
        zone: SetTime,
        old: Option<&Stat>,
        mismatch: bool,
    ) -> Result<(), String> {
        let zone = match zone {
            SetTime::Local => Zone::local(),
            SetTime::Utc => Zone::named(Some("UTC0")),
        };
        let moment = |stamp: &Option<Vec<u8>>| stamp::seconds(stamp.as_deref()?, &zone);
        let Some((seconds, nanoseconds)) = moment(&self.patch.new_stamp) else {
            return Ok(());
        };
        let was = old.map(|old| (old.mtime.seconds, old.mtime.nanoseconds));
        let reason = if self.options.force {
            None
        } else if was.is_some() && moment(&self.patch.old_stamp) != was {
            Some("time")
        } else if mismatch {
            Some("contents")
        } else {
            None
        };
        let shown = quoted(self.options, path);
        if let Some(reason) = reason {
            say(
                self.options,
                &format!("Not setting time of file {shown} ({reason} mismatch)"),
            );
            return Ok(());
        }
        let time = Time {
            seconds,
            nanoseconds,
        };
        secure_exec_sys::times::set(path, time, time).map_err(|error| {
            format!(
                "Can't set timestamp on file {shown} : {}",
                message::reason(&error)
            )
        })
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
