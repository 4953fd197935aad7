//! `/dev`: the devices every program expects.

use super::dev;
use crate::abi::fcntl::OpenFlags;
use crate::abi::poll::PollEvents;
use crate::abi::stat::{DirEntry, FileKind, Stat, StatFs, Timespec};
use crate::errno::{Errno, Result};
use crate::random::RandomSource;
use crate::tty::{MasterEnd, SlaveEnd, TtyTable};
use crate::vfs::{Caller, DirCursor, File, FileSystem, Inode, Ownership, SetAttributes};
use std::sync::Arc;

/// Magic number that `statfs(2)` reports; Linux's devtmpfs is a tmpfs.
const TMPFS_MAGIC: u64 = 0x0102_1994;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Null,
    Zero,
    Full,
    Random,
    Tty,
    Ptmx,
}

enum Node {
    Device(Device, u64),
    Link(&'static str),
    /// Empty directory that another file system covers.
    MountPoint,
}

/// Name, and what it is; the inode number is the position plus two. Device numbers are major 1 or 5,
/// encoded as `makedev(3)` does.
const NODES: &[(&str, Node)] = &[
    ("null", Node::Device(Device::Null, 0x103)),
    ("zero", Node::Device(Device::Zero, 0x105)),
    ("full", Node::Device(Device::Full, 0x107)),
    ("random", Node::Device(Device::Random, 0x108)),
    ("urandom", Node::Device(Device::Random, 0x109)),
    ("tty", Node::Device(Device::Tty, 0x500)),
    ("ptmx", Node::Device(Device::Ptmx, 0x502)),
    ("pts", Node::MountPoint),
    ("fd", Node::Link("/proc/self/fd")),
    ("stdin", Node::Link("/proc/self/fd/0")),
    ("stdout", Node::Link("/proc/self/fd/1")),
    ("stderr", Node::Link("/proc/self/fd/2")),
];

/// The device file system.
pub struct Devfs {
    random: Arc<dyn RandomSource>,
    ttys: Arc<TtyTable>,
    booted: Timespec,
}

impl Devfs {
    /// Makes the file system; its files date from `booted`.
    pub(crate) fn new(
        random: Arc<dyn RandomSource>,
        ttys: Arc<TtyTable>,
        booted: Timespec,
    ) -> Arc<Devfs> {
        Arc::new(Devfs {
            random,
            ttys,
            booted,
        })
    }
}

impl FileSystem for Devfs {
    fn name(&self) -> &'static str {
        "devtmpfs"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(DevInode {
            index: None,
            random: self.random.clone(),
            ttys: self.ttys.clone(),
            booted: self.booted,
        })
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs {
            kind: TMPFS_MAGIC,
            bsize: 4096,
            namelen: 255,
            ..StatFs::default()
        })
    }
}

/// The directory itself (no index) or one of its entries.
struct DevInode {
    index: Option<usize>,
    random: Arc<dyn RandomSource>,
    ttys: Arc<TtyTable>,
    booted: Timespec,
}

impl DevInode {
    fn node(&self) -> Option<&'static Node> {
        self.index
            .and_then(|index| NODES.get(index))
            .map(|(_, node)| node)
    }
}

fn kind_of(node: Option<&Node>) -> FileKind {
    match node {
        None | Some(Node::MountPoint) => FileKind::Directory,
        Some(Node::Device(..)) => FileKind::CharDevice,
        Some(Node::Link(_)) => FileKind::Symlink,
    }
}

impl Inode for DevInode {
    fn ino(&self) -> u64 {
        self.index.map_or(1, |index| index as u64 + 2)
    }

    fn kind(&self) -> FileKind {
        kind_of(self.node())
    }

    fn ownership(&self) -> Ownership {
        let mode = match self.node() {
            None | Some(Node::MountPoint) => 0o755,
            Some(Node::Device(..)) => 0o666,
            Some(Node::Link(_)) => 0o777,
        };
        Ownership::new(mode, 0, 0)
    }

    fn stat(&self) -> Result<Stat> {
        let owner = self.ownership();
        Ok(Stat {
            dev: dev::DEVFS,
            ino: self.ino(),
            mode: self.kind().mode() | owner.mode,
            nlink: if self.kind() == FileKind::Directory {
                2
            } else {
                1
            },
            rdev: if let Some(Node::Device(_, number)) = self.node() {
                *number
            } else {
                0
            },
            size: if let Some(Node::Link(target)) = self.node() {
                target.len() as u64
            } else {
                0
            },
            blksize: 4096,
            atime: self.booted,
            mtime: self.booted,
            ctime: self.booted,
            btime: self.booted,
            ..Stat::default()
        })
    }

    fn set_attributes(&self, _attributes: &SetAttributes) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn lookup(&self, name: &[u8], _caller: &Caller) -> Result<Arc<dyn Inode>> {
        match self.node() {
            None => {}
            Some(Node::MountPoint) => return Err(Errno::ENOENT),
            Some(_) => return Err(Errno::ENOTDIR),
        }
        let index = NODES
            .iter()
            .position(|(known, _)| known.as_bytes() == name)
            .ok_or(Errno::ENOENT)?;
        Ok(Arc::new(DevInode {
            index: Some(index),
            random: self.random.clone(),
            ttys: self.ttys.clone(),
            booted: self.booted,
        }))
    }

    fn read_link(&self, _caller: &Caller) -> Result<Vec<u8>> {
        match self.node() {
            Some(Node::Link(target)) => Ok(target.as_bytes().to_vec()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn read_dir(&self, position: u64, max: usize, _caller: &Caller) -> Result<Vec<DirCursor>> {
        match self.node() {
            None => {}
            Some(Node::MountPoint) => return Ok(Vec::new()),
            Some(_) => return Err(Errno::ENOTDIR),
        }
        let skip = usize::try_from(position).unwrap_or(usize::MAX);
        let following = NODES.iter().enumerate().skip(skip).take(max);
        let cursors = following.map(|(index, (name, node))| DirCursor {
            entry: DirEntry {
                name: name.as_bytes().to_vec(),
                ino: index as u64 + 2,
                kind: kind_of(Some(node)),
            },
            next: index as u64 + 1,
        });
        Ok(cursors.collect())
    }

    fn parent(&self) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
        let index = self.index?;
        let root = DevInode {
            index: None,
            random: self.random.clone(),
            ttys: self.ttys.clone(),
            booted: self.booted,
        };
        Some((Arc::new(root), NODES[index].0.as_bytes().to_vec()))
    }

    fn open(self: Arc<Self>, _flags: OpenFlags, caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        match self.node() {
            Some(Node::Device(Device::Tty, _)) => {
                let sink = self.ttys.sink().ok_or(Errno::ENXIO)?;
                let sid = sink.session_of(caller.pid).ok_or(Errno::ENXIO)?;
                let pty = self.ttys.of_session(sid).ok_or(Errno::ENXIO)?;
                Ok(Some(Arc::new(SlaveEnd::open(pty)?)))
            }
            Some(Node::Device(Device::Ptmx, _)) => {
                let pty = self.ttys.create(caller.credentials.uid)?;
                Ok(Some(Arc::new(MasterEnd::new(pty))))
            }
            Some(Node::Device(device, _)) => Ok(Some(Arc::new(DeviceFile {
                device: *device,
                random: self.random.clone(),
            }))),
            _ => Ok(None),
        }
    }
}

/// An open device.
struct DeviceFile {
    device: Device,
    random: Arc<dyn RandomSource>,
}

impl File for DeviceFile {
    fn kind(&self) -> FileKind {
        FileKind::CharDevice
    }

    fn read_at(&self, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        match self.device {
            Device::Null => return Ok(0),
            Device::Zero | Device::Full => buf.fill(0),
            Device::Random => self.random.fill(buf),
            Device::Tty | Device::Ptmx => return Err(Errno::EIO),
        }
        Ok(buf.len())
    }

    fn write_at(&self, _offset: u64, buf: &[u8]) -> Result<usize> {
        match self.device {
            Device::Full => Err(Errno::ENOSPC),
            Device::Tty | Device::Ptmx => Err(Errno::EIO),
            Device::Null | Device::Zero | Device::Random => Ok(buf.len()),
        }
    }

    fn seekable(&self) -> bool {
        true
    }

    fn readiness(&self) -> PollEvents {
        PollEvents::POLLIN | PollEvents::POLLOUT
    }
}
