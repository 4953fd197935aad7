//! Saving and restoring a whole tmpfs.
//!
//! The export outlives a kernel whose guests hang. No guest code runs under a kernel lock, so every
//! lock here is held by others for a bounded time only; should a thread have died inside one all the
//! same, waiting for it is bounded too, and the inode concerned is left out.

use super::capture::IsCommand;
use super::contents::{Extent, Segment};
use super::image::{self, MAGIC, Record, Saved, SavedBody, SavedExtent, SavedLower, parse};
use super::inode::{Attributes, Body, TmpfsInode};
use super::{Directory, FileData, Lower, Quota, Tmpfs, TmpfsShared};
use crate::abi::stat::Timespec;
use crate::errno::{Errno, Result};
use crate::pipe::Pipe;
use crate::vfs::{Inode, Ownership};
use core::time::Duration;
use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Longest wait for a lock.
const PATIENCE: Duration = Duration::from_millis(200);

/// Serialises everything that has a name, piece by piece; `sink` runs without locks. The root comes first.
pub(crate) fn export(fs: &Tmpfs, sink: &mut dyn FnMut(&[u8])) {
    sink(&MAGIC);
    // Names may move while they are saved, as they may between any two system calls: an inode that
    // moves is saved once, and one whose name is gone by then is left out.
    let mut seen = HashSet::from([fs.root_inode().ino()]);
    let mut pending = vec![fs.root_inode().clone()];
    let mut bytes = Vec::new();
    while let Some(inode) = pending.pop() {
        bytes.clear();
        let mut visit = |child: &Arc<TmpfsInode>| {
            if seen.insert(child.ino()) {
                pending.push(child.clone());
            }
        };
        let Some(saved) = save(&inode, &mut bytes, &mut visit) else {
            continue;
        };
        image::append(&saved, sink);
        sink(&bytes);
    }
    image::end(sink);
}

fn save(
    inode: &TmpfsInode,
    bytes: &mut Vec<u8>,
    visit: &mut dyn FnMut(&Arc<TmpfsInode>),
) -> Option<Saved> {
    let body = match &inode.body {
        Body::Regular(data) => {
            let data = data.try_read_for(PATIENCE)?;
            let mut extents = Vec::new();
            for (offset, extent) in data.chunks() {
                extents.push(SavedExtent {
                    at: offset,
                    count: extent.len() as u64,
                    place: None,
                });
                bytes.extend_from_slice(extent);
            }
            SavedBody::Regular {
                size: data.size(),
                extents,
            }
        }
        Body::Directory(directory) => {
            let directory = directory.try_read_for(PATIENCE)?;
            saved_directory(&directory, &mut |child| {
                visit(child);
                true
            })
        }
        Body::Symlink(target) => SavedBody::Symlink {
            target: target.to_vec(),
        },
        Body::Fifo(_) => SavedBody::Fifo,
        // Nobody listens behind its name any more.
        Body::Socket(_) => return None,
    };
    let attributes = *inode.attributes.try_lock_for(PATIENCE)?;
    Some(saved(inode, &attributes, body))
}

/// What an inode is saved as.
pub(super) fn saved(inode: &TmpfsInode, attributes: &Attributes, body: SavedBody) -> Saved {
    Saved {
        ino: inode.ino(),
        mode: attributes.ownership.mode,
        uid: attributes.ownership.uid,
        gid: attributes.ownership.gid,
        times: [
            attributes.atime,
            attributes.mtime,
            attributes.ctime,
            attributes.btime,
        ]
        .map(|time| (time.sec, time.nsec)),
        origin: attributes.origin,
        body,
    }
}

/// What a directory is saved as, with those of its names that are wanted.
pub(super) fn saved_directory(
    directory: &Directory,
    wants: &mut dyn FnMut(&Arc<TmpfsInode>) -> bool,
) -> SavedBody {
    let entries = directory
        .iter()
        .filter(|(_, child)| wants(child))
        .map(|(name, child)| (name.to_vec(), child.ino()));
    SavedBody::Directory {
        entries: entries.collect(),
        lower: match &directory.lower {
            Lower::SameName => SavedLower::SameName,
            Lower::Cut => SavedLower::Cut,
            Lower::At(path) => SavedLower::At(path.to_vec()),
        },
        whiteouts: directory
            .whiteouts
            .iter()
            .map(|name| name.to_vec())
            .collect(),
    }
}

/// Puts exported files in place of the present ones.
///
/// # Errors
/// - `EINVAL`: the bytes are no export.
/// - `ENOSPC`, `EFBIG`: it does not fit the limits; nothing has changed then.
pub(crate) fn import(fs: &Tmpfs, bytes: &[u8]) -> Result<()> {
    replace(fs, bytes, &[], None)
}

/// Puts captured files in place of the present ones, but for those that stand for commands.
///
/// # Errors
/// As [`import`].
pub(crate) fn restore_captured(
    fs: &Tmpfs,
    image: &[u8],
    segments: &[Arc<dyn Segment>],
    is_command: IsCommand,
) -> Result<()> {
    replace(fs, image, segments, Some(is_command))
}

fn replace(
    fs: &Tmpfs,
    bytes: &[u8],
    segments: &[Arc<dyn Segment>],
    keeps: Option<IsCommand>,
) -> Result<()> {
    let lengths: Vec<u64> = segments
        .iter()
        .map(|segment| segment.bytes().len() as u64)
        .collect();
    let (root_ino, records) = parse(bytes, &lengths).ok_or(Errno::EINVAL)?;
    let root_record = records.get(&root_ino).ok_or(Errno::EINVAL)?;
    let SavedBody::Directory { entries, .. } = &root_record.saved.body else {
        return Err(Errno::EINVAL);
    };
    // What is there now makes room first, and comes back if the import fails.
    let _namespace = fs.shared().namespace.lock();
    let root = fs.root_inode();
    let nlink = root.attributes.lock().nlink;
    let former = core::mem::take(&mut *root.directory()?.write());
    root.attributes.lock().nlink = 2;
    let quota = &fs.shared().quota;
    let held = quota.set_aside(quota.used_blocks(), quota.used_inodes() - 1);
    let source = Source {
        shared: fs.shared(),
        records: &records,
        segments,
    };
    let restored = source
        .restore(root, root_ino, entries)
        .and_then(|()| restore_overlay(root, &root_record.saved))
        .and_then(|()| match keeps {
            Some(is_command) => keep_commands(root, &former, is_command),
            None => Ok(()),
        });
    match restored {
        Ok(()) => {
            drop(held);
            drop_tree(quota, former);
            set_attributes(root, &root_record.saved);
            Ok(())
        }
        Err(errno) => {
            let partial = core::mem::replace(&mut *root.directory()?.write(), former);
            root.attributes.lock().nlink = nlink;
            drop_tree(quota, partial);
            drop(held);
            Err(errno)
        }
    }
}

/// What files are restored from.
struct Source<'a> {
    shared: &'a Arc<TmpfsShared>,
    records: &'a HashMap<u64, Record<'a>>,
    segments: &'a [Arc<dyn Segment>],
}

impl Source<'_> {
    fn restore(
        &self,
        root: &Arc<TmpfsInode>,
        root_ino: u64,
        entries: &[(Vec<u8>, u64)],
    ) -> Result<()> {
        let Source {
            shared, records, ..
        } = *self;
        let mut made: HashMap<u64, Arc<TmpfsInode>> = HashMap::new();
        let mut pending = vec![(root.clone(), entries)];
        let now = shared.now();
        while let Some((dir, entries)) = pending.pop() {
            for (name, ino) in entries {
                // An inode that the export had to leave out leaves its names out.
                let Some(child) = records.get(ino) else {
                    continue;
                };
                if let Some(known) = made.get(ino) {
                    // A directory that moved during the export may show up twice, and has one name.
                    if !matches!(known.body, Body::Directory(_)) {
                        shared.quota.take_inode()?;
                        attach(&dir, name, known, now)
                            .inspect_err(|_| shared.quota.release_inodes(1))?;
                    }
                    continue;
                }
                if *ino == root_ino {
                    return Err(Errno::EINVAL);
                }
                let inode = self.rebuild(child)?;
                attach(&dir, name, &inode, now)?;
                if let SavedBody::Directory { entries, .. } = &child.saved.body {
                    pending.push((inode.clone(), entries));
                }
                made.insert(*ino, inode);
            }
        }
        for (ino, inode) in &made {
            set_attributes(inode, &records[ino].saved);
        }
        Ok(())
    }

    fn rebuild(&self, record: &Record<'_>) -> Result<Arc<TmpfsInode>> {
        let shared = self.shared;
        let saved = &record.saved;
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
        if let (Body::Regular(data), SavedBody::Regular { size, extents }) =
            (&inode.body, &saved.body)
        {
            let mut data = data.write();
            let mut contents = record.contents;
            for extent in extents {
                if let Some((index, offset)) = extent.place {
                    let segment = usize::try_from(index)
                        .ok()
                        .and_then(|index| self.segments.get(index));
                    let shared_bytes =
                        segment.and_then(|segment| Extent::new(segment, offset, extent.count));
                    data.add_shared(&shared.quota, extent.at, shared_bytes.ok_or(Errno::EINVAL)?)?;
                    continue;
                }
                let count = usize::try_from(extent.count).map_err(|_| Errno::EFBIG)?;
                let (bytes, rest) = contents.split_at_checked(count).ok_or(Errno::EINVAL)?;
                contents = rest;
                if data.write(&shared.quota, extent.at, bytes)? < bytes.len() {
                    return Err(Errno::ENOSPC);
                }
            }
            data.set_size(&shared.quota, *size)?;
        }
        restore_overlay(&inode, saved)?;
        Ok(inode)
    }
}

/// Gives an inode a name, which is new unless the export was forged.
fn attach(dir: &TmpfsInode, name: &[u8], inode: &Arc<TmpfsInode>, now: Timespec) -> Result<()> {
    match dir.attach(name, inode, now) {
        Err(Errno::EEXIST) => Err(Errno::EINVAL),
        attached => attached,
    }
}

/// Gives the tree what stands for commands in the former one, where the name is free.
fn keep_commands(root: &Arc<TmpfsInode>, former: &Directory, is_command: IsCommand) -> Result<()> {
    let mut pending: Vec<(Arc<TmpfsInode>, Vec<Arc<TmpfsInode>>)> = Vec::new();
    let mut kept = Vec::new();
    let mut look = |directory: &Directory,
                    way: &[Arc<TmpfsInode>],
                    pending: &mut Vec<(Arc<TmpfsInode>, Vec<Arc<TmpfsInode>>)>| {
        for (name, child) in directory.iter() {
            if child.is_directory() {
                pending.push((child.clone(), [way, core::slice::from_ref(child)].concat()));
            } else if child.is_command(is_command) {
                kept.push((way.to_vec(), name.to_vec(), child.clone()));
            }
        }
    };
    look(former, &[], &mut pending);
    while let Some((directory, way)) = pending.pop() {
        look(&directory.directory()?.read(), &way, &mut pending);
    }
    for (way, name, command) in kept {
        if let Some(directory) = same_directory(root, &way)? {
            // A name that is taken is the snapshot's.
            let _ = directory.directory()?.write().insert(&name, command);
        }
    }
    Ok(())
}

/// The directory that has the names of others, made where it is missing; none if something else is there.
fn same_directory(
    root: &Arc<TmpfsInode>,
    way: &[Arc<TmpfsInode>],
) -> Result<Option<Arc<TmpfsInode>>> {
    let mut reached = root.clone();
    for former in way {
        let name = former.directory()?.read().name.to_vec();
        let found = reached.directory()?.read().get(&name).cloned();
        reached = match found {
            Ok(found) if found.is_directory() => found,
            Ok(_) => return Ok(None),
            Err(_) => {
                let shared = &root.shared;
                let ownership = former.attributes.lock().ownership;
                let made = TmpfsInode::new(shared, Body::directory(), ownership)?;
                reached.attach(&name, &made, shared.now())?;
                made
            }
        };
    }
    Ok(Some(reached))
}

/// What an overlay has noted in a directory.
fn restore_overlay(inode: &TmpfsInode, saved: &Saved) -> Result<()> {
    let SavedBody::Directory {
        lower, whiteouts, ..
    } = &saved.body
    else {
        return Ok(());
    };
    inode.set_lower(match lower {
        SavedLower::SameName => Lower::SameName,
        SavedLower::Cut => Lower::Cut,
        SavedLower::At(path) => Lower::At(path.as_slice().into()),
    })?;
    whiteouts.iter().try_for_each(|name| inode.white_out(name))
}

fn set_attributes(inode: &TmpfsInode, saved: &Saved) {
    let mut attributes = inode.attributes.lock();
    let [atime, mtime, ctime, btime] = saved.times.map(|(sec, nsec)| Timespec { sec, nsec });
    let nlink = attributes.nlink;
    let ownership = Ownership::new(saved.mode, saved.uid, saved.gid);
    *attributes = Attributes {
        ownership,
        nlink,
        atime,
        mtime,
        ctime,
        btime,
        origin: saved.origin,
    };
}

/// Drops entries without recursion into their depth.
fn drop_tree(quota: &Quota, mut directory: Directory) {
    quota.release_inodes(directory.whiteouts.len() as u64);
    TmpfsInode::drop_children(directory.take_children());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::limits::{LimitLedger, Limits};
    use crate::vfs::{NewInode, NewInodeKind};

    fn tmpfs() -> Arc<Tmpfs> {
        let ledger = Arc::new(LimitLedger::default());
        Tmpfs::new(&Limits::default(), ledger, Arc::new(VirtualClock::new()), 1).unwrap()
    }

    fn add(fs: &Tmpfs, name: &[u8], contents: &[u8]) -> Arc<dyn Inode> {
        let ownership = Ownership::new(0o644, 1000, 1000);
        let new = NewInode {
            kind: NewInodeKind::Regular,
            ownership,
        };
        let inode = fs.root_inode().create(name, &new).unwrap();
        inode.write_at(0, contents).unwrap();
        inode
    }

    fn forged(ino: u64, body: SavedBody) -> Saved {
        Saved {
            ino,
            mode: 0o755,
            uid: 0,
            gid: 0,
            times: [(0, 0); 4],
            origin: None,
            body,
        }
    }

    fn directory(ino: u64, entries: &[(&[u8], u64)]) -> Saved {
        let entries = entries.iter().map(|(name, ino)| (name.to_vec(), *ino));
        let entries = entries.collect();
        let body = SavedBody::Directory {
            entries,
            lower: SavedLower::SameName,
            whiteouts: Vec::new(),
        };
        forged(ino, body)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "numbers of the test are small"
    )]
    fn image(records: &[Saved]) -> Vec<u8> {
        let mut image = MAGIC.to_vec();
        for saved in records {
            let record = postcard::to_stdvec(saved).unwrap();
            image.extend((record.len() as u32).to_le_bytes());
            image.extend(record);
        }
        image.extend([0; 4]);
        image
    }

    #[test]
    fn what_no_system_call_makes_is_refused() {
        let link = |target: &[u8]| SavedBody::Symlink {
            target: target.to_vec(),
        };
        let mut out_of_range = forged(2, SavedBody::Fifo);
        out_of_range.times[1].1 = 1_000_000_000;
        let long = [b'x'; 4096];
        let root: &[(&[u8], u64)] = &[(b"a", 2)];
        for records in [
            vec![directory(1, &[(b"a\0b", 2)]), forged(2, SavedBody::Fifo)],
            vec![directory(1, &[(b"..", 2)]), forged(2, SavedBody::Fifo)],
            vec![directory(1, &[(&long, 2)]), forged(2, SavedBody::Fifo)],
            vec![directory(1, root), forged(2, link(b""))],
            vec![directory(1, root), forged(2, link(&long))],
            vec![directory(1, root), out_of_range],
            // Two names that are the same: of two files, and of one.
            vec![
                directory(1, &[(b"a", 2), (b"a", 3)]),
                forged(2, SavedBody::Fifo),
                forged(3, SavedBody::Fifo),
            ],
            vec![
                directory(1, &[(b"a", 2), (b"a", 2)]),
                forged(2, SavedBody::Fifo),
            ],
        ] {
            let fs = tmpfs();
            add(&fs, b"kept", b"data");
            let inodes = fs.used_inodes();
            assert_eq!(import(&fs, &image(&records)), Err(Errno::EINVAL));
            assert_eq!(fs.used_inodes(), inodes);
            assert!(
                fs.root_inode()
                    .directory()
                    .unwrap()
                    .read()
                    .get(b"kept")
                    .is_ok()
            );
        }
        let good = [directory(1, root), forged(2, link(b"b"))];
        assert_eq!(import(&tmpfs(), &image(&good)), Ok(()));
    }

    #[test]
    fn export_leaves_out_what_stays_locked() {
        let fs = tmpfs();
        add(&fs, b"free", b"data");
        add(&fs, b"locked", b"data");
        let locked = fs
            .root_inode()
            .directory()
            .unwrap()
            .read()
            .get(b"locked")
            .unwrap()
            .clone();
        let Body::Regular(data) = &locked.body else {
            panic!("a regular file")
        };
        let _namespace = fs.shared().namespace.lock();
        let _data = data.write();
        let mut bytes = Vec::new();
        export(&fs, &mut |piece| bytes.extend_from_slice(piece));
        let restored = tmpfs();
        import(&restored, &bytes).unwrap();
        let root = restored.root_inode().directory().unwrap().read();
        assert_eq!(root.len(), 1);
        assert_eq!(root.get(b"free").unwrap().size(), 4);
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_survived() {
        let fs = tmpfs();
        add(&fs, b"a", &[1; 300]);
        let shared = add(&fs, b"b", b"shared");
        fs.root_inode().link(b"c", &shared).unwrap();
        let mut bytes = Vec::new();
        export(&fs, &mut |piece| bytes.extend_from_slice(piece));
        for end in 0..bytes.len() {
            assert_eq!(import(&tmpfs(), &bytes[..end]), Err(Errno::EINVAL));
        }
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0xff;
            let target = tmpfs();
            add(&target, b"kept", b"");
            if import(&target, &damaged).is_err() {
                assert_eq!(target.root_inode().directory().unwrap().read().len(), 1);
                assert_eq!(target.used_inodes(), 2);
                assert_eq!(target.used_bytes(), 0);
            }
        }
    }
}
