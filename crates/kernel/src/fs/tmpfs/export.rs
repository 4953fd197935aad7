//! Saving and restoring a whole tmpfs.
//!
//! The export outlives a kernel whose guests hang. No guest code runs under a kernel lock, so every
//! lock here is held by others for a bounded time only; should a thread have died inside one all the
//! same, waiting for it is bounded too, and the inode concerned is left out.
//!
//! # Format
//! The magic number, then one record per inode: its length as a little-endian `u32`, a postcard-encoded
//! [`Saved`], and for a regular file the bytes of its extents. A record of length 0 ends the export.

use super::inode::{Attributes, Body, TmpfsInode};
use super::{Directory, FileData, Lower, Quota, Tmpfs, TmpfsShared};
use crate::abi::fcntl::{NAME_MAX, PATH_MAX};
use crate::abi::stat::Timespec;
use crate::errno::{Errno, Result};
use crate::pipe::Pipe;
use crate::vfs::{Inode, Ownership};
use core::time::Duration;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Marks the format; changes with it.
const MAGIC: [u8; 8] = *b"SEXPFS02";
/// Longest wait for a lock.
const PATIENCE: Duration = Duration::from_millis(200);

#[derive(Serialize, Deserialize)]
struct Saved {
    ino: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Access, modification, change and creation time: seconds and nanoseconds.
    times: [(i64, u32); 4],
    /// Number of the lower file that an overlay has copied.
    origin: Option<u64>,
    body: SavedBody,
}

#[derive(Serialize, Deserialize)]
enum SavedBody {
    /// Length, and where the bytes that follow the record belong: offset and count.
    Regular {
        size: u64,
        extents: Vec<(u64, u64)>,
    },
    /// Names and inode numbers, and what an overlay has noted.
    Directory {
        entries: Vec<(Vec<u8>, u64)>,
        lower: SavedLower,
        whiteouts: Vec<Vec<u8>>,
    },
    Symlink {
        target: Vec<u8>,
    },
    Fifo,
}

#[derive(Serialize, Deserialize)]
enum SavedLower {
    SameName,
    Cut,
    At(Vec<u8>),
}

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
        let record = postcard::to_stdvec(&saved).expect("a record holds only plain data");
        let length =
            u32::try_from(record.len()).expect("the names of a directory are fewer than 4 GiB");
        sink(&length.to_le_bytes());
        sink(&record);
        sink(&bytes);
    }
    sink(&0u32.to_le_bytes());
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
                extents.push((offset, extent.len() as u64));
                bytes.extend_from_slice(extent);
            }
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
        Body::Symlink(target) => SavedBody::Symlink {
            target: target.to_vec(),
        },
        Body::Fifo(_) => SavedBody::Fifo,
        // Nobody listens behind its name any more.
        Body::Socket(_) => return None,
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
        ]
        .map(|time| (time.sec, time.nsec)),
        origin: attributes.origin,
        body,
    })
}

/// A record and the file contents that follow it.
struct Record<'a> {
    saved: Saved,
    contents: &'a [u8],
}

/// Splits an export into its records by inode number; the root's number comes with them.
fn parse(bytes: &[u8]) -> Option<(u64, HashMap<u64, Record<'_>>)> {
    let mut rest = bytes.strip_prefix(&MAGIC)?;
    let mut records = HashMap::new();
    let mut root = None;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if length == 0 {
            return Some((root?, records)).filter(|_| after.is_empty());
        }
        let (record, after) = after.split_at_checked(length)?;
        let saved: Saved = postcard::from_bytes(record).ok()?;
        if !is_possible(&saved) {
            return None;
        }
        let counted = match &saved.body {
            SavedBody::Regular { extents, .. } => extents
                .iter()
                .try_fold(0u64, |sum, (_, count)| sum.checked_add(*count))?,
            _ => 0,
        };
        let (contents, after) = after.split_at_checked(usize::try_from(counted).ok()?)?;
        root.get_or_insert(saved.ino);
        records.insert(saved.ino, Record { saved, contents });
        rest = after;
    }
}

/// Could system calls have made that inode? Other code relies on what they check.
fn is_possible(saved: &Saved) -> bool {
    let is_name = |name: &[u8]| {
        let dots = name == b"." || name == b"..";
        !name.is_empty()
            && name.len() <= NAME_MAX
            && !dots
            && !name.iter().any(|b| b"/\0".contains(b))
    };
    let in_range = saved.times.iter().all(|(_, nsec)| *nsec < 1_000_000_000);
    in_range
        && match &saved.body {
            SavedBody::Regular { .. } | SavedBody::Fifo => true,
            SavedBody::Directory {
                entries,
                lower,
                whiteouts,
            } => {
                let below = match lower {
                    SavedLower::At(path) => path.split(|byte| *byte == b'/').all(is_name),
                    SavedLower::SameName | SavedLower::Cut => true,
                };
                below
                    && whiteouts.iter().all(|name| is_name(name))
                    && entries.iter().all(|(name, _)| is_name(name))
            }
            SavedBody::Symlink { target } => {
                !target.is_empty() && target.len() < PATH_MAX && !target.contains(&0)
            }
        }
}

/// Puts exported files in place of the present ones.
///
/// # Errors
/// - `EINVAL`: the bytes are no export.
/// - `ENOSPC`, `EFBIG`: it does not fit the limits; nothing has changed then.
pub(crate) fn import(fs: &Tmpfs, bytes: &[u8]) -> Result<()> {
    let (root_ino, records) = parse(bytes).ok_or(Errno::EINVAL)?;
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
    let restored = restore(fs.shared(), root, root_ino, &records, entries)
        .and_then(|()| restore_overlay(root, &root_record.saved));
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

fn restore(
    shared: &Arc<TmpfsShared>,
    root: &Arc<TmpfsInode>,
    root_ino: u64,
    records: &HashMap<u64, Record<'_>>,
    entries: &[(Vec<u8>, u64)],
) -> Result<()> {
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
            let inode = rebuild(shared, child)?;
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

/// Gives an inode a name, which is new unless the export was forged.
fn attach(dir: &TmpfsInode, name: &[u8], inode: &Arc<TmpfsInode>, now: Timespec) -> Result<()> {
    match dir.attach(name, inode, now) {
        Err(Errno::EEXIST) => Err(Errno::EINVAL),
        attached => attached,
    }
}

fn rebuild(shared: &Arc<TmpfsShared>, record: &Record<'_>) -> Result<Arc<TmpfsInode>> {
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
    if let (Body::Regular(data), SavedBody::Regular { size, extents }) = (&inode.body, &saved.body)
    {
        let mut data = data.write();
        let mut contents = record.contents;
        for (offset, count) in extents {
            let (extent, rest) =
                contents.split_at(usize::try_from(*count).map_err(|_| Errno::EFBIG)?);
            contents = rest;
            if data.write(&shared.quota, *offset, extent)? < extent.len() {
                return Err(Errno::ENOSPC);
            }
        }
        data.set_size(&shared.quota, *size)?;
    }
    restore_overlay(&inode, saved)?;
    Ok(inode)
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
