//! A directory of the host's.
//!
//! - `beneath`: opening by a path that stays below the root, whatever others do to it meanwhile. `links`: where links lead.
//! - `attributes`: metadata as guests see it. `listing`: names. `open_file`: files that are asked for their bytes.
//!   `changes`: what guests change. `quota`: how much of the host's disk that takes.

mod attributes;
mod beneath;
mod changes;
mod links;
mod listing;
mod open_file;
mod quota;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secure_exec_protocol::files::{
    ChangedAttributes, FileAccess, HostAttributes, HostName, HostSpace,
};

use super::backend::{Backend, Listing, Opened, Target};
use attributes::{Identity, Kind, Metadata};
use beneath::{Beneath, PATH_ONLY};
use links::Links;
use open_file::OpenFiles;
use quota::Quota;

/// Directories outside of a mount that its links may lead to.
#[derive(Clone, Debug)]
pub struct FollowedRoot {
    /// On the host.
    pub host_path: PathBuf,
    /// Where the VM has it mounted.
    pub guest_path: String,
}

/// What a directory is served with.
#[derive(Clone, Debug, Default)]
pub struct HostDirectoryOptions {
    /// Where the VM has it mounted.
    pub guest_path: String,
    /// Whether guests change it.
    pub writable: bool,
    /// Bytes by which what they write may let it grow.
    pub quota: u64,
    pub follow: Vec<FollowedRoot>,
}

/// A directory of the host's, and what is below it.
pub struct HostDirectory {
    root: Beneath,
    links: Links,
    identity: Identity,
    files: Arc<OpenFiles>,
    writable: bool,
}

impl HostDirectory {
    /// Opens it.
    ///
    /// # Errors
    /// It is no directory, or one of files that are the system's own (`/proc`); or the system has no `openat2(2)`
    /// (`Unsupported`).
    pub fn open(path: &Path, options: HostDirectoryOptions) -> io::Result<HostDirectory> {
        let real = path.canonicalize()?;
        let root = Beneath::open(&real)?;
        let links = Links::new(path, &real, &options);
        Ok(HostDirectory {
            root,
            links,
            identity: Identity::default(),
            files: Arc::new(OpenFiles::new(Quota::new(options.quota))),
            writable: options.writable,
        })
    }

    /// What has this name, without what it holds.
    fn find(&self, path: &[u8]) -> io::Result<(OwnedFd, Metadata)> {
        let found = self.root.open_at(path, PATH_ONLY)?;
        let metadata = Metadata::of(found.as_fd())?;
        Ok((found, metadata))
    }
}

impl Backend for HostDirectory {
    fn stat(&self, path: &[u8]) -> io::Result<HostAttributes> {
        let (_, metadata) = self.find(path)?;
        Ok(metadata.attributes(&self.identity))
    }

    fn read_dir(&self, path: &[u8], position: u64, room: usize) -> io::Result<Listing> {
        let directory = self.root.open_directory(path)?;
        listing::read(&directory, &self.identity, position, room)
    }

    fn read_names(&self, path: &[u8], position: u64, most: usize) -> io::Result<Vec<HostName>> {
        let directory = self.root.open_directory(path)?;
        listing::read_names(&directory, &self.identity, position, most)
    }

    fn read_link(&self, path: &[u8]) -> io::Result<Target> {
        let (link, metadata) = self.find(path)?;
        if metadata.kind() != Kind::Link {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let text = links::text(link.as_fd())?;
        Ok(self.links.target(path, &text))
    }

    fn open(&self, path: &[u8], access: FileAccess) -> io::Result<Opened> {
        let (found, metadata) = self.find(path)?;
        match metadata.kind() {
            Kind::Regular => {}
            Kind::Directory => return Err(io::Error::from_raw_os_error(libc::EISDIR)),
            Kind::Link => return Err(io::Error::from_raw_os_error(libc::ELOOP)),
            Kind::Special => return Err(io::Error::from_raw_os_error(libc::ENXIO)),
        }
        self.root.refuse_system_files(found.as_fd(), &metadata)?;
        let attributes = metadata.attributes(&self.identity);
        let flags = match access {
            FileAccess::Read => libc::O_RDONLY,
            FileAccess::Write => libc::O_WRONLY,
            FileAccess::ReadWrite => libc::O_RDWR,
        };
        let file = beneath::reopen(found.as_fd(), flags)?;
        if self.writable {
            // A descriptor in the VM process would keep what guests have removed on the disk, beyond any quota.
            let file = self.files.track(file)?;
            return Ok(Opened {
                attributes,
                descriptor: None,
                file: Some(file),
            });
        }
        Ok(Opened {
            attributes,
            descriptor: Some(file),
            file: None,
        })
    }

    fn create(&self, path: &[u8], mode: u32) -> io::Result<Opened> {
        let file = self.create_file(path, mode)?;
        let attributes = Metadata::of(file.as_fd())?.attributes(&self.identity);
        Ok(Opened {
            attributes,
            descriptor: None,
            file: Some(self.files.track(file)?),
        })
    }

    fn make_directory(&self, path: &[u8], mode: u32) -> io::Result<()> {
        self.make_one_directory(path, mode)
    }

    fn symlink(&self, path: &[u8], target: &[u8]) -> io::Result<()> {
        self.make_symlink(path, target)
    }

    fn link(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.make_link(from, to)
    }

    fn unlink(&self, path: &[u8]) -> io::Result<()> {
        self.remove_name(path, 0)
    }

    fn remove_directory(&self, path: &[u8]) -> io::Result<()> {
        self.remove_name(path, libc::AT_REMOVEDIR)
    }

    fn rename(&self, from: &[u8], to: &[u8], flags: u32) -> io::Result<()> {
        self.move_name(from, to, flags)
    }

    fn set_attributes(&self, path: &[u8], change: &ChangedAttributes) -> io::Result<()> {
        self.change_attributes(path, change)
    }

    fn watched(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let (found, metadata) = self.find(path)?;
        self.root.refuse_system_files(found.as_fd(), &metadata)?;
        Ok(found)
    }

    fn space(&self) -> io::Result<HostSpace> {
        Ok(self.files.quota().space(self.writable))
    }
}
