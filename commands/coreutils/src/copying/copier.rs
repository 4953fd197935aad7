//! Copies files and trees.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secure_exec_cli::{Args, bytes, quote, report, warn};
use secure_exec_sys::Fd;
use secure_exec_sys::errno::{self, ENOTDIR};
use secure_exec_sys::fd::{self, O_CREAT, O_EXCL, O_TRUNC, O_WRONLY};
use secure_exec_sys::path::{AT_SYMLINK_NOFOLLOW, chmod, chown, lstat, mkdir, mkfifo, stat};
use secure_exec_sys::process::umask;
use secure_exec_sys::stat::{S_IFIFO, Stat};
use secure_exec_sys::times;

use super::backup::Backup;
use super::prompt::confirm;
use crate::tree::sorted_entries;

/// What to do where the destination exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    Yes,
    Ask,
    No,
    /// As `No`, but that is a failure.
    NoWithFailure,
    IfOlder,
}

/// Which links of the source stand for what they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dereference {
    Never,
    Operands,
    Always,
}

/// What is made of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    Copy,
    HardLink,
    SymbolicLink,
    /// Only the attributes are copied.
    AttributesOnly,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub recursive: bool,
    pub dereference: Dereference,
    pub overwrite: Overwrite,
    pub force: bool,
    pub remove_destination: bool,
    pub mode: bool,
    pub ownership: bool,
    pub timestamps: bool,
    pub links: bool,
    pub make: Make,
    pub verbose: bool,
    pub backup: Backup,
    pub parents: bool,
}

pub struct Copier<'a> {
    pub args: &'a Args,
    pub options: Options,
    pub failed: bool,
    /// Where files with several names went, to link them again.
    seen: HashMap<(u64, u64), PathBuf>,
    /// The directories that are being copied, from the outermost on.
    ancestors: Vec<(u64, u64)>,
    /// What this run made: a second source of the same name must not destroy the first.
    made: Vec<(u64, u64)>,
}

impl<'a> Copier<'a> {
    pub fn new(args: &'a Args, options: Options) -> Self {
        Self {
            args,
            options,
            failed: false,
            seen: HashMap::new(),
            ancestors: Vec::new(),
            made: Vec::new(),
        }
    }

    pub fn complain(&mut self, text: impl std::fmt::Display) {
        self.failed = true;
        warn(&self.args.name, text);
    }

    fn complain_of(&mut self, what: &str, path: &Path, error: &io::Error) {
        self.complain(report(what, path, error));
    }

    /// Copies a source; tells whether all of it was.
    pub fn copy(&mut self, source: &Path, destination: &Path, is_operand: bool) -> bool {
        let follows = match self.options.dereference {
            Dereference::Always => true,
            Dereference::Operands => is_operand,
            Dereference::Never => false,
        };
        let found = match if follows { stat(source) } else { lstat(source) } {
            Ok(found) => found,
            Err(error) => {
                self.complain_of("cannot stat", source, &error);
                return false;
            }
        };
        if found.is_dir() && !self.options.recursive {
            self.complain(format_args!(
                "-r not specified; omitting directory {}",
                quote(source)
            ));
            return false;
        }
        let existing = match lstat(destination) {
            Ok(existing) => Some(existing),
            Err(error) if errno::is(&error, ENOTDIR) => {
                self.complain_of("cannot stat", destination, &error);
                return false;
            }
            Err(_) => None,
        };
        if found.is_dir() {
            let identity = (found.dev, found.ino);
            if self.ancestors.contains(&identity) {
                self.complain(format_args!(
                    "cannot copy cyclic symbolic link {}",
                    quote(source)
                ));
                return false;
            }
            self.ancestors.push(identity);
            let whole = self.copy_directory(source, destination, &found, existing.as_ref());
            self.ancestors.pop();
            return whole;
        }
        if let Some(existing) = existing
            && !self.make_room(source, destination, &found, &existing)
        {
            return false;
        }
        if self.link_again(source, destination, &found) {
            return true;
        }
        let copied = self.copy_one(source, destination, &found);
        if copied && let Ok(made) = lstat(destination) {
            self.made.push((made.dev, made.ino));
        }
        copied
    }

    /// Deals with a destination that exists. `false`: the source is not copied.
    fn make_room(
        &mut self,
        source: &Path,
        destination: &Path,
        found: &Stat,
        existing: &Stat,
    ) -> bool {
        let target = stat(destination).unwrap_or(*existing);
        if target.is_dir() {
            let text = format!(
                "cannot overwrite directory {} with non-directory",
                quote(destination)
            );
            self.complain(text);
            return false;
        }
        if found.same_file(&target) && !(existing.is_symlink() && self.options.remove_destination) {
            if self.options.make == Make::HardLink {
                return false;
            }
            self.complain(format_args!(
                "{} and {} are the same file",
                quote(source),
                quote(destination)
            ));
            return false;
        }
        if self.made.contains(&(existing.dev, existing.ino)) {
            let text = format!(
                "will not overwrite just-created {} with {}",
                quote(destination),
                quote(source)
            );
            self.complain(text);
            return false;
        }
        match self.options.overwrite {
            Overwrite::No => return false,
            Overwrite::NoWithFailure => {
                self.complain(format_args!("not replacing {}", quote(destination)));
                return false;
            }
            Overwrite::IfOlder if existing.mtime >= found.mtime => return false,
            Overwrite::Ask
                if !confirm(self.args, &format!("overwrite {}?", quote(destination))) =>
            {
                return false;
            }
            _ => {}
        }
        match self.options.backup.make(destination) {
            Ok(Some(_)) => return true,
            Ok(None) => {}
            Err(error) => {
                self.complain_of("cannot backup", destination, &error);
                return false;
            }
        }
        let replaces_itself =
            found.is_symlink() || found.kind() == S_IFIFO || self.options.make != Make::Copy;
        if (self.options.remove_destination || replaces_itself)
            && self.options.make != Make::AttributesOnly
            && let Err(error) = fs::remove_file(destination)
        {
            self.complain_of("cannot remove", destination, &error);
            return false;
        }
        true
    }

    /// A file that was copied under another name becomes a link to that copy.
    fn link_again(&mut self, source: &Path, destination: &Path, found: &Stat) -> bool {
        if !self.options.links || found.nlink < 2 {
            return false;
        }
        match self.seen.get(&(found.dev, found.ino)) {
            Some(first) => {
                let _ = fs::remove_file(destination);
                if let Err(error) = fs::hard_link(first, destination) {
                    self.complain_of("cannot create hard link", destination, &error);
                }
                self.tell(source, destination);
                true
            }
            None => {
                self.seen
                    .insert((found.dev, found.ino), destination.to_path_buf());
                false
            }
        }
    }

    fn copy_one(&mut self, source: &Path, destination: &Path, found: &Stat) -> bool {
        let result = match self.options.make {
            Make::HardLink => fs::hard_link(source, destination),
            Make::SymbolicLink => symlink(source, destination),
            Make::AttributesOnly => {
                open_destination(destination, found.permissions(), 0).and_then(fd::close)
            }
            Make::Copy if found.is_symlink() => {
                fs::read_link(source).and_then(|target| symlink(&target, destination))
            }
            Make::Copy if found.kind() == S_IFIFO && self.options.recursive => {
                mkfifo(destination, found.permissions())
            }
            Make::Copy => return self.copy_content(source, destination, found),
        };
        if let Err(error) = result {
            let what = match self.options.make {
                Make::HardLink => "cannot create hard link",
                Make::SymbolicLink => "cannot create symbolic link",
                _ => "cannot create",
            };
            self.complain_of(what, destination, &error);
            return false;
        }
        self.tell(source, destination);
        if matches!(self.options.make, Make::Copy | Make::AttributesOnly) {
            self.copy_attributes(source, destination, found);
        }
        true
    }

    fn copy_content(&mut self, source: &Path, destination: &Path, found: &Stat) -> bool {
        let input = match fs::File::open(source) {
            Ok(input) => input,
            Err(error) => {
                let what = format!("cannot open {} for reading", quote(source));
                self.complain(format_args!(
                    "{what}: {}",
                    secure_exec_sys::errno::message(&error)
                ));
                return false;
            }
        };
        let opened = open_destination(destination, found.permissions(), O_TRUNC).or_else(|error| {
            if !self.options.force || lstat(destination).is_err() {
                return Err(error);
            }
            fs::remove_file(destination)?;
            open_destination(destination, found.permissions(), O_EXCL)
        });
        let output = match opened {
            Ok(output) => output,
            Err(error) => {
                self.complain_of("cannot create regular file", destination, &error);
                return false;
            }
        };
        let copied = pump(input, output).and(fd::close(output));
        if let Err(error) = copied {
            self.complain_of("error writing", destination, &error);
            return false;
        }
        self.tell(source, destination);
        self.copy_attributes(source, destination, found);
        true
    }

    fn copy_directory(
        &mut self,
        source: &Path,
        destination: &Path,
        found: &Stat,
        existing: Option<&Stat>,
    ) -> bool {
        let there = existing.and_then(|_| stat(destination).ok());
        if existing.is_some() && !there.is_some_and(|there| there.is_dir()) {
            let text = format!(
                "cannot overwrite non-directory {} with directory {}",
                quote(destination),
                quote(source)
            );
            self.complain(text);
            return false;
        }
        if there.is_none() {
            // The user must be able to write into it until it is complete.
            if let Err(error) = mkdir(destination, found.permissions() | 0o700) {
                self.complain_of("cannot create directory", destination, &error);
                return false;
            }
            self.tell(source, destination);
        }
        if let Ok(made) = stat(destination)
            && is_inside(&made, source)
        {
            let text = format!(
                "cannot copy a directory, {}, into itself, {}",
                quote(source),
                quote(destination)
            );
            self.complain(text);
            if there.is_none() {
                let _ = fs::remove_dir(destination);
            }
            return false;
        }
        let mut whole = true;
        match sorted_entries(source) {
            Ok(entries) => {
                for entry in entries {
                    let Some(name) = entry.file_name() else {
                        continue;
                    };
                    whole &= self.copy(&entry, &destination.join(name), false);
                }
            }
            Err(error) => {
                self.complain_of("cannot access", source, &error);
                whole = false;
            }
        }
        if there.is_none() || self.options.mode {
            self.finish_directory(source, destination, found, there.is_none());
        }
        whole
    }

    fn finish_directory(&mut self, source: &Path, destination: &Path, found: &Stat, is_new: bool) {
        if is_new && !self.options.mode && found.permissions() & 0o700 != 0o700 {
            let mask = umask(0);
            let _ = umask(mask);
            let _ = chmod(destination, found.permissions() & !mask);
        }
        self.copy_attributes(source, destination, found);
    }

    /// Times, owner and mode, as asked for. The mode last: a new owner clears the set-id bits.
    fn copy_attributes(&mut self, source: &Path, destination: &Path, found: &Stat) {
        if self.options.timestamps
            && let Err(error) = times::set(destination, found.atime, found.mtime)
        {
            self.complain_of("preserving times for", destination, &error);
        }
        if self.options.ownership {
            let flags = if found.is_symlink() {
                AT_SYMLINK_NOFOLLOW
            } else {
                0
            };
            // Only the super-user may give files away: for others this is best effort.
            let _ = chown(destination, found.uid, found.gid, flags);
        }
        if self.options.mode
            && !found.is_symlink()
            && let Err(error) = chmod(destination, found.permissions())
        {
            self.complain_of("preserving permissions for", source, &error);
        }
    }

    fn tell(&self, source: &Path, destination: &Path) {
        if self.options.verbose {
            println!("{} -> {}", quote(source), quote(destination));
        }
    }
}

/// Whether `made` is `source` or lies in it.
fn is_inside(made: &Stat, source: &Path) -> bool {
    let Ok(found) = stat(source) else {
        return false;
    };
    if found.same_file(made) {
        return true;
    }
    sorted_entries(source).is_ok_and(|entries| {
        entries
            .iter()
            .any(|entry| lstat(entry).is_ok_and(|inner| inner.is_dir() && is_inside(made, entry)))
    })
}

fn open_destination(path: &Path, mode: u32, flags: i32) -> io::Result<Fd> {
    fd::open(path, O_WRONLY | O_CREAT | flags, mode & 0o777)
}

/// Copies all bytes; the source's end ends it.
fn pump(mut input: fs::File, output: Fd) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => fd::write_all(output, &buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// `symlink(2)`, which std names differently for each target.
pub fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    let target = CString::new(bytes(target))?;
    let link = CString::new(bytes(link))?;
    // SAFETY: both are strings that end with a NUL and outlive the call.
    match unsafe { libc::symlink(target.as_ptr(), link.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
