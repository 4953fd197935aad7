//! Opening files of the embedder's.

use super::cache::{Cache, Stamp};
use super::contents::Whole;
use super::files::{HostAccess, HostAttributes, HostFile};
use super::inode::HostInode;
use super::open_file::Source;
use crate::errno::{Errno, Result};
use std::sync::Arc;

impl HostInode {
    /// Opens it: what was read before is not asked for again.
    pub fn opened(self: &Arc<Self>, access: HostAccess) -> Result<Source> {
        let created = self.state.lock().created.take();
        if let Some(file) = created {
            return Ok(Source::Host(file));
        }
        if access == HostAccess::Read
            && let Some(cache) = &self.shared.cache
            && let Some(whole) = self.kept(cache)?
        {
            return Ok(Source::Kept(whole));
        }
        let (stamp, attributes, file) = self.open_path(access)?;
        self.saw(stamp, attributes);
        Ok(Source::Host(file))
    }

    /// What is kept of it, or may be.
    fn kept(&self, cache: &Cache) -> Result<Option<Whole>> {
        let (shared, path) = (&self.shared, self.path());
        let attributes = self.attributes()?;
        if self.state.lock().is_gone {
            return Ok(None);
        }
        if let Some(kept) = shared.contents.find(&path, &attributes) {
            return Ok(Some(kept));
        }
        let stamp = Stamp::now(&*shared.files, &path);
        let read = shared
            .contents
            .read(&*shared.files, &path, &attributes, cache);
        Ok(read.map(|(attributes, whole)| {
            self.saw(stamp, attributes);
            whole
        }))
    }

    /// Opens the file that is open as what was kept of it, if it still has its name.
    pub fn opened_again(&self) -> Option<Arc<dyn HostFile>> {
        let (stamp, attributes, file) = self.open_path(HostAccess::Read).ok()?;
        if attributes.ino != self.ino {
            return None;
        }
        self.saw(stamp, attributes);
        Some(file)
    }

    fn open_path(&self, access: HostAccess) -> Result<(Stamp, HostAttributes, Arc<dyn HostFile>)> {
        if self.state.lock().is_gone {
            return Err(Errno::ENOENT);
        }
        let path = self.path();
        let stamp = Stamp::now(&*self.shared.files, &path);
        let (attributes, file) = self.shared.files.open(&path, access)?;
        Ok((stamp, attributes, file))
    }

    /// These were its attributes, if it is the file that they are of.
    fn saw(&self, stamp: Stamp, attributes: HostAttributes) {
        if attributes.ino == self.ino {
            self.state.lock().sees(attributes, stamp);
        }
    }
}
