//! Finding what a name refers to.

use super::inode::{Layers, OverlayInode, Place};
use super::table::Key;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::{Lower, TmpfsInode};
use crate::vfs::Inode;
use std::sync::Arc;

/// Attempts to find a name whose file is being copied at the same time.
const RETRIES: usize = 3;

/// Whether a name is moved or removed at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    /// It may be.
    Free,
    /// It cannot be: the caller holds the namespace.
    Held,
}

impl OverlayInode {
    /// What a name in this directory refers to.
    ///
    /// # Errors
    /// - `ENOENT`: nothing.
    /// - `ENOTDIR`: this is not a directory.
    pub(super) fn child(&self, name: &[u8]) -> Result<Arc<OverlayInode>> {
        self.child_in(Namespace::Free, name)
    }

    pub(super) fn child_in(&self, namespace: Namespace, name: &[u8]) -> Result<Arc<OverlayInode>> {
        for _ in 0..RETRIES {
            let (kind, layers) = self.layers_of(name)?;
            if let Some(inode) = self.known(name, kind, &layers, namespace)? {
                return Ok(inode);
            }
        }
        // The lower file system has given a number to something else.
        let (kind, layers) = self.layers_of(name)?;
        let key = self.key_of(name, kind, &layers)?;
        let inode = OverlayInode::new(&self.shared, key.clone(), kind, layers, self.place_of(name));
        self.shared.table.replace(key, &inode);
        Ok(inode)
    }

    fn place_of(&self, name: &[u8]) -> Option<Place> {
        let (parent, name) = (self.this(), name.into());
        Some(Place { parent, name })
    }

    /// The one object for what was found; none if what is known by its number is something else.
    fn known(
        &self,
        name: &[u8],
        kind: FileKind,
        layers: &Layers,
        namespace: Namespace,
    ) -> Result<Option<Arc<OverlayInode>>> {
        let key = self.key_of(name, kind, layers)?;
        let Some(known) = self.shared.table.get(&key) else {
            let layers = Layers {
                upper: layers.upper.clone(),
                lower: layers.lower.clone(),
                lower_path: layers.lower_path.clone(),
            };
            let place = self.place_of(name);
            let inode = OverlayInode::new(&self.shared, key.clone(), kind, layers, place);
            let inserted = self.shared.table.insert(key, &inode);
            // Another one was faster; whether it is the same is looked at once more.
            return Ok(Some(inserted).filter(|inserted| Arc::ptr_eq(inserted, &inode)));
        };
        if known.kind != kind || known.is_gone() || known.lower_path != layers.lower_path {
            return Ok(None);
        }
        let same_upper = match (known.upper.get(), &layers.upper) {
            (Some(known), Some(found)) => Arc::ptr_eq(known, found),
            (None, Some(found)) => Arc::ptr_eq(known.upper.get_or_init(|| found.clone()), found),
            (Some(_), None) => false,
            (None, None) => true,
        };
        if !same_upper || !known.placed(self, name, namespace) {
            return Ok(None);
        }
        known.lower.lock().clone_from(&layers.lower);
        Ok(Some(known))
    }

    /// Notes that this was found under a name; false if it cannot be there.
    fn placed(&self, dir: &OverlayInode, name: &[u8], namespace: Namespace) -> bool {
        match &*self.place.lock() {
            Some(place)
                if *place.name == *name
                    && core::ptr::eq(&raw const *place.parent, &raw const *dir) =>
            {
                return true;
            }
            // The root is nowhere.
            None if self.is_directory() => return false,
            _ => {}
        }
        if !self.is_directory() {
            // Another name of the same file: any will do.
            let former = core::mem::replace(&mut *self.place.lock(), dir.place_of(name));
            drop(former);
            return true;
        }
        // Moved in the lower file system, or found while it is being moved here.
        let _namespace = (namespace == Namespace::Free).then(|| self.shared.namespace.lock());
        if dir.is_below(self) {
            return false;
        }
        let still =
            dir.layers_of(name)
                .is_ok_and(|(_, layers)| match (self.upper.get(), &layers.upper) {
                    (Some(known), Some(found)) => Arc::ptr_eq(known, found),
                    (None, None) => true,
                    _ => false,
                });
        if still {
            let former = core::mem::replace(&mut *self.place.lock(), dir.place_of(name));
            drop(former);
        }
        still
    }

    fn key_of(&self, name: &[u8], kind: FileKind, layers: &Layers) -> Result<Key> {
        if kind == FileKind::Directory {
            return Ok(match (&layers.lower, &layers.upper) {
                (Some(lower), _) => Key::Lower(lower.ino()),
                (None, Some(upper)) => Key::Upper(upper.ino()),
                (None, None) => return Err(Errno::ENOENT),
            });
        }
        if let Some(upper) = &layers.upper {
            let origin = upper.attributes.lock().origin;
            return Ok(origin.map_or_else(|| Key::Upper(upper.ino()), Key::Lower));
        }
        let lower = layers.lower.as_ref().ok_or(Errno::ENOENT)?;
        Ok(if lower.stat()?.nlink > 1 {
            Key::LowerName(self.ino(), name.into())
        } else {
            Key::Lower(lower.ino())
        })
    }

    /// What both layers have under a name.
    fn layers_of(&self, name: &[u8]) -> Result<(FileKind, Layers)> {
        if !self.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        let (entry, hidden) = self.entry(name)?;
        let Some(upper) = entry else {
            if hidden {
                return Err(Errno::ENOENT);
            }
            let lower = self.lower_child(name)?;
            let kind = lower.kind();
            let lower_path = (kind == FileKind::Directory).then(|| self.lower_path_of(name));
            let layers = Layers {
                upper: None,
                lower: Some(lower),
                lower_path: lower_path.flatten(),
            };
            return Ok((kind, layers));
        };
        let kind = upper.kind();
        let (lower, lower_path) = match upper.directory() {
            Ok(directory) => {
                let below = directory.read().lower.clone();
                match below {
                    Lower::Cut => None,
                    Lower::At(path) => self.shared.lower_at(&path).map(|lower| (lower, Some(path))),
                    Lower::SameName if hidden => None,
                    Lower::SameName => self
                        .lower_child(name)
                        .ok()
                        .map(|lower| (lower, self.lower_path_of(name))),
                }
                .filter(|(lower, _)| lower.kind() == FileKind::Directory)
                .map_or((None, None), |(lower, path)| (Some(lower), path))
            }
            Err(_) => (None, None),
        };
        let layers = Layers {
            upper: Some(upper),
            lower,
            lower_path,
        };
        Ok((kind, layers))
    }

    /// What the upper directory has under a name, and whether it hides what the lower one has.
    pub(super) fn entry(&self, name: &[u8]) -> Result<(Option<Arc<TmpfsInode>>, bool)> {
        let Some(upper) = self.upper.get() else {
            return Ok((None, false));
        };
        let directory = upper.directory()?.read();
        let entry = directory.get(name).ok().cloned();
        Ok((entry, directory.whiteouts.contains(name)))
    }

    /// What the lower directory has under a name, hidden or not.
    ///
    /// # Errors
    /// - `ENOENT`: nothing, or there is no lower directory (any more).
    pub(super) fn lower_child(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let lower = self.lower().ok_or(Errno::ENOENT)?;
        match lower.lookup(name, &self.shared.caller) {
            Err(Errno::ENOTDIR) => Err(Errno::ENOENT),
            found => found,
        }
    }

    fn lower_path_of(&self, name: &[u8]) -> Option<Arc<[u8]>> {
        let path = self.lower_path.as_ref()?;
        if path.is_empty() {
            return Some(name.into());
        }
        let mut joined = path.to_vec();
        joined.push(b'/');
        joined.extend_from_slice(name);
        Some(joined.into())
    }

    /// The object for an inode that only the upper directory has.
    pub(super) fn upper_inode(
        &self,
        upper: Arc<TmpfsInode>,
        name: Option<&[u8]>,
    ) -> Arc<OverlayInode> {
        let key = Key::Upper(upper.ino());
        let kind = upper.kind();
        let layers = Layers {
            upper: Some(upper),
            lower: None,
            lower_path: None,
        };
        let place = name.and_then(|name| self.place_of(name));
        let inode = OverlayInode::new(&self.shared, key.clone(), kind, layers, place);
        self.shared.table.insert(key, &inode)
    }
}
