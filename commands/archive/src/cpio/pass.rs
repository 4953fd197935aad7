//! `cpio -p`: copies files into a directory.

use super::place::{Attributes, Placer, Room};
use super::{BLOCK, Run, cannot_open, names, path_of, stored_name};
use secure_exec_cli::{Failure, bytes};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::Stat;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

struct Copier {
    placer: Placer,
    /// The first copy of files with several links, by device and inode.
    links: HashMap<(u64, u64), PathBuf>,
    length: u64,
}

pub fn pass_through(run: &mut Run) -> Result<(), Failure> {
    let destination = match &run.options.directory {
        Some(directory) => directory.join(&run.options.destination),
        None => run.options.destination.clone(),
    };
    if run.options.make_directories && !destination.exists() {
        fs::create_dir_all(&destination).map_err(|error| cannot_open(&destination, &error))?;
    }
    let mut copier = Copier {
        placer: Placer::new(),
        links: HashMap::new(),
        length: 0,
    };
    for name in names(&run.options) {
        copier.add(run, &destination, &name?)?;
    }
    copier.placer.finish(run);
    run.blocks(copier.length.next_multiple_of(BLOCK));
    Ok(())
}

impl Copier {
    fn add(&mut self, run: &mut Run, destination: &Path, name: &[u8]) -> Result<(), Failure> {
        let source = path_of(name);
        let found = if run.options.dereference {
            stat(&source)
        } else {
            lstat(&source)
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                run.cannot("stat", name, &error);
                return Ok(());
            }
        };
        let below = stored_name(name, true);
        let path = if below == b"." {
            destination.to_owned()
        } else {
            destination.join(path_of(below))
        };
        let shown = bytes(&path).to_vec();
        let new = Attributes {
            mode: found.mode,
            uid: found.uid,
            gid: found.gid,
            mtime: found.mtime,
        };
        match self.placer.make_room(run, &shown, &path, &new) {
            Room::Taken => return Ok(()),
            Room::Directory => self.placer.later(run, &path, &new),
            Room::Free => {
                if let Err((what, error)) = self.copy(run, &source, &found, &path, &new) {
                    run.cannot(what, &shown, &error);
                    return Ok(());
                }
            }
        }
        run.progress(&shown);
        Ok(())
    }

    fn copy(
        &mut self,
        run: &mut Run,
        source: &Path,
        found: &Stat,
        path: &Path,
        new: &Attributes,
    ) -> Result<(), (&'static str, io::Error)> {
        if run.options.link && found.is_file() {
            fs::hard_link(source, path).map_err(|error| ("link", error))?;
            linked(run, source, path);
            return Ok(());
        }
        if found.is_symlink() {
            let target = fs::read_link(source).map_err(|error| ("readlink", error))?;
            return self.placer.make(run, path, new, Some(bytes(&target)));
        }
        if !found.is_file() {
            return self.placer.make(run, path, new, None);
        }
        let key = (found.dev, found.ino);
        if found.nlink > 1 {
            if let Some(first) = self.links.get(&key) {
                fs::hard_link(first, path).map_err(|error| ("link", error))?;
                linked(run, first, path);
                return Ok(());
            }
            self.links.insert(key, path.to_owned());
        }
        let mut input = File::open(source).map_err(|error| ("open", error))?;
        let output = File::options().write(true).create_new(true).open(path);
        let mut output = output.map_err(|error| ("open", error))?;
        self.length += if run.options.sparse {
            let mut sparse = crate::holes::Sparse::new(&output);
            let length = io::copy(&mut input, &mut sparse).map_err(|error| ("write", error))?;
            output.set_len(length).map_err(|error| ("write", error))?;
            length
        } else {
            io::copy(&mut input, &mut output).map_err(|error| ("write", error))?
        };
        drop(output);
        self.placer.dress(run, path, new);
        Ok(())
    }
}

/// Tells of another name of a file (`-v`).
pub fn linked(run: &Run, first: &Path, path: &Path) {
    if run.options.verbose {
        run.warn(format_args!(
            "{} linked to {}",
            first.display(),
            path.display()
        ));
    }
}
