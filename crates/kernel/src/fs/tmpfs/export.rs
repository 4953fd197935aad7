//! Saving and restoring a whole tmpfs.
//!
//! The export outlives a kernel whose guests hang. No guest code runs under a kernel lock, so every lock
//! here is held by others for a bounded time only; should a thread have died inside one all the same,
//! waiting for it is bounded too, and the inode concerned is left out.

use super::inode::{Attributes, Body, TmpfsInode};
use super::{Directory, FileData, Tmpfs, TmpfsShared};
use crate::errno::{Errno, Result};
use crate::pipe::Pipe;
use crate::vfs::{Inode, Ownership};
use core::time::Duration;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Marks the format; changes with it.
const MAGIC: [u8; 8] = *b"SEXPFS01";
/// Longest wait for a lock.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Serialize, Deserialize)]
struct Archive {
    magic: [u8; 8],
    root: u64,
    inodes: Vec<Saved>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    ino: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Access, modification, change and creation time.
    times: [crate::abi::stat::Timespec; 4],
    body: SavedBody,
}

#[derive(Serialize, Deserialize)]
enum SavedBody {
    Regular {
        size: u64,
        extents: Vec<(u64, Vec<u8>)>,
    },
    Directory {
        entries: Vec<(Vec<u8>, u64)>,
    },
    Symlink {
        target: Vec<u8>,
    },
    Fifo,
}

/// Serialises everything that has a name.
pub(crate) fn export(fs: &Tmpfs) -> Vec<u8> {
    // Without the lock names may move while they are saved; each inode is still consistent in itself.
    let _namespace = fs.shared().namespace.try_lock_for(PATIENCE);
    let mut seen = HashSet::from([fs.root_inode().ino()]);
    let mut pending = vec![fs.root_inode().clone()];
    let mut inodes = Vec::new();
    while let Some(inode) = pending.pop() {
        if let Some(saved) = save(&inode, &mut |child| {
            if seen.insert(child.ino()) {
                pending.push(child.clone());
            }
        }) {
            inodes.push(saved);
        }
    }
    let archive = Archive {
        magic: MAGIC,
        root: fs.root_inode().ino(),
        inodes,
    };
    postcard::to_stdvec(&archive).expect("an archive holds only plain data")
}

fn save(inode: &TmpfsInode, visit: &mut dyn FnMut(&Arc<TmpfsInode>)) -> Option<Saved> {
    let body = match &inode.body {
        Body::Regular(data) => {
            let data = data.try_read_for(PATIENCE)?;
            let extents = data
                .chunks()
                .map(|(offset, bytes)| (offset, bytes.to_vec()))
                .collect();
            SavedBody::Regular {
                size: data.size(),
                extents,
            }
        }
        Body::Directory(directory) => {
            let directory = directory.try_read_for(PATIENCE)?;
            let entries = directory.iter().map(|(name, child)| {
                visit(child);
                (name.to_vec(), child.ino())
            });
            SavedBody::Directory {
                entries: entries.collect(),
            }
        }
        Body::Symlink(target) => SavedBody::Symlink {
            target: target.to_vec(),
        },
        Body::Fifo(_) => SavedBody::Fifo,
    };
    let attributes = *inode.attributes.try_lock_for(PATIENCE)?;
    Some(Saved {
        ino: inode.ino(),
        mode: attributes.ownership.mode,
        uid: attributes.ownership.uid,
        gid: attributes.ownership.gid,
        times: [
            attributes.atime,
            attributes.mtime,
            attributes.ctime,
            attributes.btime,
        ],
        body,
    })
}

/// Puts exported files in place of the present ones.
///
/// # Errors
/// - `EINVAL`: the bytes are no export.
/// - `ENOSPC`, `EFBIG`: it does not fit the limits; nothing has changed then.
pub(crate) fn import(fs: &Tmpfs, bytes: &[u8]) -> Result<()> {
    let archive: Archive = postcard::from_bytes(bytes).map_err(|_| Errno::EINVAL)?;
    if archive.magic != MAGIC {
        return Err(Errno::EINVAL);
    }
    let saved: HashMap<u64, &Saved> = archive
        .inodes
        .iter()
        .map(|saved| (saved.ino, saved))
        .collect();
    let Some(Saved {
        body: SavedBody::Directory { entries },
        ..
    }) = saved.get(&archive.root)
    else {
        return Err(Errno::EINVAL);
    };
    // What is there now makes room first, and comes back if the import fails.
    let _namespace = fs.shared().namespace.lock();
    let root = fs.root_inode();
    let former = core::mem::take(&mut *root.directory()?.write());
    let held = fs.shared().quota.set_aside(
        fs.shared().quota.used_blocks(),
        fs.shared().quota.used_inodes() - 1,
    );
    let restored = restore(fs.shared(), root, &saved, entries);
    match restored {
        Ok(()) => {
            drop(held);
            drop_tree(former);
            set_attributes(root, saved[&archive.root]);
            Ok(())
        }
        Err(errno) => {
            let partial = core::mem::replace(&mut *root.directory()?.write(), former);
            drop_tree(partial);
            drop(held);
            Err(errno)
        }
    }
}

fn restore(
    shared: &Arc<TmpfsShared>,
    root: &Arc<TmpfsInode>,
    saved: &HashMap<u64, &Saved>,
    entries: &[(Vec<u8>, u64)],
) -> Result<()> {
    let mut made: HashMap<u64, Arc<TmpfsInode>> = HashMap::new();
    let mut pending = vec![(root.clone(), entries)];
    let now = shared.now();
    while let Some((dir, entries)) = pending.pop() {
        for (name, ino) in entries {
            // An inode that the export had to leave out leaves its names out.
            let Some(child) = saved.get(ino) else {
                continue;
            };
            if let Some(known) = made.get(ino) {
                if matches!(known.body, Body::Directory(_)) {
                    return Err(Errno::EINVAL);
                }
                shared.quota.take_inode()?;
                dir.attach(name, known, now)?;
                continue;
            }
            let inode = rebuild(shared, child)?;
            dir.attach(name, &inode, now)?;
            if let SavedBody::Directory { entries } = &child.body {
                pending.push((inode.clone(), entries));
            }
            made.insert(*ino, inode);
        }
    }
    for (ino, inode) in &made {
        set_attributes(inode, saved[ino]);
    }
    Ok(())
}

fn rebuild(shared: &Arc<TmpfsShared>, saved: &Saved) -> Result<Arc<TmpfsInode>> {
    let body = match &saved.body {
        SavedBody::Regular { .. } => Body::Regular(RwLock::new(FileData::default())),
        SavedBody::Directory { .. } => Body::directory(),
        SavedBody::Symlink { target } => Body::Symlink(target.clone().into()),
        SavedBody::Fifo => Body::Fifo(Pipe::new()),
    };
    let inode = TmpfsInode::new(
        shared,
        body,
        Ownership::new(saved.mode, saved.uid, saved.gid),
    )?;
    if let (Body::Regular(data), SavedBody::Regular { size, extents }) = (&inode.body, &saved.body)
    {
        let mut data = data.write();
        for (offset, bytes) in extents {
            if data.write(&shared.quota, *offset, bytes)? < bytes.len() {
                return Err(Errno::ENOSPC);
            }
        }
        data.set_size(&shared.quota, *size)?;
    }
    Ok(inode)
}

fn set_attributes(inode: &TmpfsInode, saved: &Saved) {
    let mut attributes = inode.attributes.lock();
    let [atime, mtime, ctime, btime] = saved.times;
    let nlink = attributes.nlink;
    let ownership = Ownership::new(saved.mode, saved.uid, saved.gid);
    *attributes = Attributes {
        ownership,
        nlink,
        atime,
        mtime,
        ctime,
        btime,
    };
}

/// Drops entries without recursion into their depth.
fn drop_tree(mut directory: Directory) {
    TmpfsInode::drop_children(directory.take_children());
}
