//! Making files, for `-i` and `-p`.

use super::Run;
use crate::link::symlink;
use secure_exec_cli::os_string;
use secure_exec_sys::path::{AT_SYMLINK_NOFOLLOW, chmod, chown, lstat, mkdir, mkfifo};
use secure_exec_sys::stat::{S_IFDIR, S_IFIFO, Stat, Time};
use secure_exec_sys::{process, times};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a file is given beside its data.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
}

/// Makes files, and gives directories their modes and times when all is in them.
pub struct Placer {
    root: bool,
    directories: Vec<(PathBuf, Attributes)>,
}

/// Whether a file may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    /// The directory is there already.
    Directory,
    Taken,
}

impl Placer {
    pub fn new() -> Self {
        Self {
            root: process::ids().is_ok_and(|ids| ids.euid == 0),
            directories: Vec::new(),
        }
    }

    /// Makes room for a file: directories above it (`-d`) and nothing of its name, if that may be removed.
    pub fn make_room(&self, run: &mut Run, name: &[u8], path: &Path, new: &Attributes) -> Room {
        let is_directory = new.mode & secure_exec_sys::stat::S_IFMT == S_IFDIR;
        let Ok(found) = lstat(path) else {
            if run.options.make_directories
                && let Some(parent) = path.parent()
                && !parent.as_os_str().is_empty()
                && !parent.exists()
                && let Err(error) = fs::create_dir_all(parent)
            {
                run.cannot("make directory", name, &error);
                return Room::Taken;
            }
            return Room::Free;
        };
        if is_directory && found.is_dir() {
            return Room::Directory;
        }
        if !run.options.unconditional && is_newer(&found, new) {
            let shown = String::from_utf8_lossy(name);
            run.warn(format_args!(
                "{shown} not created: newer or same age version exists"
            ));
            return Room::Taken;
        }
        let removed = if found.is_dir() {
            fs::remove_dir(path)
        } else {
            fs::remove_file(path)
        };
        if let Err(error) = removed {
            run.cannot("remove current", name, &error);
            return Room::Taken;
        }
        Room::Free
    }

    /// Makes what has no data.
    ///
    /// # Errors
    /// What could not be done, and why.
    pub fn make(
        &mut self,
        run: &mut Run,
        path: &Path,
        new: &Attributes,
        target: Option<&[u8]>,
    ) -> Result<(), (&'static str, io::Error)> {
        let kind = new.mode & secure_exec_sys::stat::S_IFMT;
        if let Some(target) = target {
            symlink(Path::new(&os_string(target)), path).map_err(|error| ("symlink", error))?;
            self.own(run, path, new);
            return Ok(());
        }
        match kind {
            S_IFDIR => {
                mkdir(path, 0o700).map_err(|error| ("mkdir", error))?;
                self.own(run, path, new);
                self.directories.push((path.to_owned(), *new));
                Ok(())
            }
            S_IFIFO => {
                mkfifo(path, new.mode & 0o7777).map_err(|error| ("mkfifo", error))?;
                self.dress(run, path, new);
                Ok(())
            }
            _ => Err(("mknod", io::Error::from_raw_os_error(libc::EPERM))),
        }
    }

    /// A directory that was there gets the mode of the archive's.
    pub fn later(&mut self, run: &mut Run, path: &Path, new: &Attributes) {
        self.own(run, path, new);
        self.directories.push((path.to_owned(), *new));
    }

    /// Owner, mode and time of a file that is done.
    pub fn dress(&self, run: &mut Run, path: &Path, new: &Attributes) {
        self.own(run, path, new);
        self.finish_one(run, path, new);
    }

    fn own(&self, run: &mut Run, path: &Path, new: &Attributes) {
        let asked = run.options.owner.is_some() || run.options.group.is_some();
        if !(asked || self.root && run.options.keep_owner) {
            return;
        }
        let uid = run.options.owner.unwrap_or(new.uid);
        let gid = run.options.group.unwrap_or(new.gid);
        if let Err(error) = chown(path, uid, gid, AT_SYMLINK_NOFOLLOW)
            && error.raw_os_error() != Some(libc::EPERM)
        {
            let name = secure_exec_cli::bytes(path).to_vec();
            run.cannot(
                &format!("change ownership to uid {uid}, gid {gid}"),
                &name,
                &error,
            );
        }
    }

    fn finish_one(&self, run: &mut Run, path: &Path, new: &Attributes) {
        let name = secure_exec_cli::bytes(path);
        if let Err(error) = chmod(path, new.mode & 0o7777) {
            run.cannot("change mode", name, &error);
        }
        if run.options.keep_time
            && let Err(error) = times::set(path, new.mtime, new.mtime)
        {
            run.cannot("utime", name, &error);
        }
    }

    pub fn finish(&mut self, run: &mut Run) {
        for (path, new) in std::mem::take(&mut self.directories).into_iter().rev() {
            self.finish_one(run, &path, &new);
        }
    }
}

fn is_newer(found: &Stat, new: &Attributes) -> bool {
    found.mtime.seconds >= new.mtime.seconds
}
