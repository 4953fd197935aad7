//! `/proc` (`proc(5)`): processes and the machine as files.
//!
//! Inodes are made on demand and hold no state; a file's text is produced when it is opened.

mod net;
mod process;
mod source;
mod system;

pub(crate) use source::{ProcEntry, ProcSource, ProcState, SignalMasks, Standing};
pub use system::{OS_RELEASE, OS_TYPE, OS_VERSION};

use super::dev;
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::{DirEntry, FileKind, Stat, StatFs};
use crate::abi::{Fd, Pid};
use crate::errno::{Errno, Result};
use crate::vfs::{
    Caller, DirCursor, File, FileSystem, Inode, LinkTarget, Ownership, SetAttributes, VirtualDentry,
};
use std::sync::{Arc, Weak};

/// Magic number that `statfs(2)` reports for procfs.
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// The process file system.
pub(crate) struct Procfs {
    source: Weak<dyn ProcSource>,
}

impl Procfs {
    /// Makes a view of a machine.
    pub fn new(source: Weak<dyn ProcSource>) -> Arc<Procfs> {
        Arc::new(Procfs { source })
    }
}

impl FileSystem for Procfs {
    fn name(&self) -> &'static str {
        "proc"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(ProcInode {
            source: self.source.clone(),
            node: Node::Root,
        })
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs {
            kind: PROC_SUPER_MAGIC,
            bsize: 4096,
            namelen: 255,
            ..StatFs::default()
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Root,
    SelfLink,
    System(usize),
    /// `/proc/sys`.
    Sys,
    /// `/proc/sys/kernel`.
    SysKernel,
    /// File in it, by its place in [`system::SYSCTLS`].
    Sysctl(usize),
    /// `/proc/net`.
    Net,
    /// File in it, by its place in [`net::FILES`].
    NetFile(usize),
    Process(Pid),
    /// File or link of a process, by its place in [`process::ENTRIES`].
    Entry(Pid, usize),
    FdDir(Pid),
    Fd(Pid, Fd),
}

/// Names of the root directory that are not process numbers.
const SELF: &[u8] = b"self";
/// The directory of settings.
const SYS: &[u8] = b"sys";
/// The one directory in it.
const KERNEL: &[u8] = b"kernel";
/// The directory of sockets.
const NET: &[u8] = b"net";
/// Place of the descriptor directory among the entries of a process.
const FD: &[u8] = b"fd";
/// What only the program of a process may see.
const PRIVATE: [&[u8]; 4] = [FD, b"environ", b"cwd", b"root"];

struct ProcInode {
    source: Weak<dyn ProcSource>,
    node: Node,
}

impl ProcInode {
    fn at(&self, node: Node) -> Arc<dyn Inode> {
        Arc::new(ProcInode {
            source: self.source.clone(),
            node,
        })
    }

    fn machine(&self) -> Result<Arc<dyn ProcSource>> {
        self.source.upgrade().ok_or(Errno::EIO)
    }

    fn process(&self, pid: Pid) -> Result<Arc<dyn ProcEntry>> {
        self.machine()?.process(pid).ok_or(Errno::ENOENT)
    }

    fn pid(&self) -> Option<Pid> {
        match self.node {
            Node::Root
            | Node::SelfLink
            | Node::System(_)
            | Node::Sys
            | Node::SysKernel
            | Node::Sysctl(_)
            | Node::Net
            | Node::NetFile(_) => None,
            Node::Process(pid) | Node::Entry(pid, _) | Node::FdDir(pid) | Node::Fd(pid, _) => {
                Some(pid)
            }
        }
    }

    /// Position inside the root directory to the entry there: the fixed ones first, processes after them.
    fn list_root(&self, position: u64, max: usize) -> Result<Vec<DirCursor>> {
        let mut listed = Vec::new();
        let fixed = 3 + system::FILES.len() as u64;
        let heads = [(SELF, Node::SelfLink), (SYS, Node::Sys), (NET, Node::Net)];
        let files = system::FILES.iter().enumerate();
        let files = files.map(|(index, (name, _))| (name.as_bytes(), Node::System(index)));
        for ((name, node), next) in heads.into_iter().chain(files).zip(1..) {
            if next > position {
                listed.push(self.cursor(name, node, next));
            }
        }
        let seen = position.saturating_sub(fixed);
        for pid in self.machine()?.pids() {
            let number = half(pid.raw());
            if number > seen {
                listed.push(self.cursor(
                    pid.to_string().as_bytes(),
                    Node::Process(pid),
                    fixed + number,
                ));
            }
        }
        listed.truncate(max);
        Ok(listed)
    }

    fn cursor(&self, name: &[u8], node: Node, next: u64) -> DirCursor {
        DirCursor {
            entry: DirEntry {
                name: name.to_vec(),
                ino: ino_of(node),
                kind: kind_of(node),
            },
            next,
        }
    }

    fn list_files<T>(
        &self,
        files: &[(&str, T)],
        position: u64,
        node: fn(usize) -> Node,
    ) -> Vec<DirCursor> {
        let skip = usize::try_from(position).unwrap_or(usize::MAX);
        let following = files.iter().enumerate().skip(skip);
        following
            .map(|(index, (name, _))| self.cursor(name.as_bytes(), node(index), index as u64 + 1))
            .collect()
    }

    fn list_fds(&self, pid: Pid, position: u64) -> Result<Vec<DirCursor>> {
        let process = self.process(pid)?;
        let following = process.fds().into_iter().filter(|fd| half(*fd) >= position);
        Ok(following
            .map(|fd| self.cursor(fd.to_string().as_bytes(), Node::Fd(pid, fd), half(fd) + 1))
            .collect())
    }

    /// What the links of a process refer to is for the user who runs it, and root.
    fn check_owner(&self, process: &dyn ProcEntry, caller: &Caller) -> Result<()> {
        let credentials = &caller.credentials;
        if credentials.privileged() || credentials.euid == process.credentials().uid {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }

    /// What a process has open, where it is and its environment are for the program that it belongs to: the embedder's
    /// programs share a user, and are to each other as processes that are not dumpable (`proc(5)`).
    fn check_program(&self, process: &dyn ProcEntry, caller: &Caller) -> Result<()> {
        if caller.credentials.privileged() {
            return Ok(());
        }
        let asking = self.machine()?.process(caller.pid);
        match asking {
            Some(asking) if asking.origin() == process.origin() => Ok(()),
            _ => Err(Errno::EACCES),
        }
    }

    fn file_at(&self, pid: Pid, fd: Fd) -> Result<Arc<crate::vfs::FileDescription>> {
        self.process(pid)?.open_file(fd).ok_or(Errno::ENOENT)
    }
}

fn number(name: &[u8]) -> Option<i32> {
    let text = core::str::from_utf8(name).ok()?;
    let plain = !text.starts_with('+') && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| plain && *number >= 0)
}

/// A process or a descriptor as half of a number. Neither is negative.
const fn half(number: i32) -> u64 {
    number.unsigned_abs() as u64
}

/// Inode numbers: the process in the upper half, what it is in the lower.
fn ino_of(node: Node) -> u64 {
    match node {
        Node::Root => 1,
        Node::SelfLink => 2,
        Node::Sys => 3,
        Node::SysKernel => 4,
        Node::Net => 5,
        Node::System(index) => 16 + index as u64,
        Node::Sysctl(index) => 64 + index as u64,
        Node::NetFile(index) => 128 + index as u64,
        Node::Process(pid) => half(pid.raw()) << 32 | 1,
        Node::Entry(pid, index) => half(pid.raw()) << 32 | (16 + index as u64),
        Node::FdDir(pid) => half(pid.raw()) << 32 | 2,
        Node::Fd(pid, fd) => half(pid.raw()) << 32 | (1 << 31) | half(fd),
    }
}

fn kind_of(node: Node) -> FileKind {
    match node {
        Node::Root
        | Node::Sys
        | Node::SysKernel
        | Node::Net
        | Node::Process(_)
        | Node::FdDir(_) => FileKind::Directory,
        Node::SelfLink | Node::Fd(..) => FileKind::Symlink,
        Node::Entry(_, index) if process::ENTRIES[index].is_link() => FileKind::Symlink,
        Node::Entry(..) | Node::System(_) | Node::Sysctl(_) | Node::NetFile(_) => FileKind::Regular,
    }
}

impl Inode for ProcInode {
    fn ino(&self) -> u64 {
        ino_of(self.node)
    }

    fn kind(&self) -> FileKind {
        kind_of(self.node)
    }

    fn ownership(&self) -> Ownership {
        let mode = match self.node {
            Node::Root | Node::Sys | Node::SysKernel | Node::Net | Node::Process(_) => 0o555,
            Node::FdDir(_) | Node::Fd(..) => 0o500,
            Node::SelfLink => 0o777,
            Node::System(_) | Node::Sysctl(_) | Node::NetFile(_) => 0o444,
            Node::Entry(_, index) => process::ENTRIES[index].mode,
        };
        let owner = self.pid().and_then(|pid| self.process(pid).ok());
        let (uid, gid) = owner.map_or((0, 0), |process| {
            let credentials = process.credentials();
            (credentials.euid, credentials.egid)
        });
        Ownership::new(mode, uid, gid)
    }

    fn stat(&self) -> Result<Stat> {
        let owner = self.ownership();
        let now = self.machine()?.vfs().clock.realtime();
        Ok(Stat {
            dev: dev::PROCFS,
            ino: self.ino(),
            mode: self.kind().mode() | owner.mode,
            nlink: if self.kind() == FileKind::Directory {
                2
            } else {
                1
            },
            uid: owner.uid,
            gid: owner.gid,
            blksize: 1024,
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
            ..Stat::default()
        })
    }

    fn set_attributes(&self, _attributes: &SetAttributes) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn lookup(&self, name: &[u8], caller: &Caller) -> Result<Arc<dyn Inode>> {
        let node = match self.node {
            Node::Root if name == SELF => Node::SelfLink,
            Node::Root if name == SYS => Node::Sys,
            Node::Root if name == NET => Node::Net,
            Node::Net => {
                let mut names = net::FILES.iter().map(|(file, _)| file.as_bytes());
                Node::NetFile(names.position(|file| file == name).ok_or(Errno::ENOENT)?)
            }
            Node::Sys if name == KERNEL => Node::SysKernel,
            Node::Sys => return Err(Errno::ENOENT),
            Node::SysKernel => {
                let mut names = system::SYSCTLS.iter().map(|(file, _)| file.as_bytes());
                Node::Sysctl(names.position(|file| file == name).ok_or(Errno::ENOENT)?)
            }
            Node::Root => match number(name) {
                Some(number) => {
                    let pid = Pid::from_raw(number);
                    self.process(pid)?;
                    Node::Process(pid)
                }
                None => {
                    let index = system::FILES
                        .iter()
                        .position(|(file, _)| file.as_bytes() == name);
                    Node::System(index.ok_or(Errno::ENOENT)?)
                }
            },
            Node::Process(pid) => {
                let process = self.process(pid)?;
                if PRIVATE.contains(&name) {
                    self.check_program(&*process, caller)?;
                }
                if name == FD {
                    Node::FdDir(pid)
                } else {
                    let index = process::ENTRIES
                        .iter()
                        .position(|entry| entry.name.as_bytes() == name);
                    Node::Entry(pid, index.ok_or(Errno::ENOENT)?)
                }
            }
            Node::FdDir(pid) => {
                let fd = number(name).ok_or(Errno::ENOENT)?;
                self.file_at(pid, fd)?;
                Node::Fd(pid, fd)
            }
            _ => return Err(Errno::ENOTDIR),
        };
        Ok(self.at(node))
    }

    fn parent(&self) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
        match self.node {
            Node::Process(pid) => Some((self.at(Node::Root), pid.to_string().into_bytes())),
            Node::Sys => Some((self.at(Node::Root), SYS.to_vec())),
            Node::Net => Some((self.at(Node::Root), NET.to_vec())),
            Node::SysKernel => Some((self.at(Node::Sys), KERNEL.to_vec())),
            Node::FdDir(pid) => Some((self.at(Node::Process(pid)), FD.to_vec())),
            _ => None,
        }
    }

    fn create(&self, _name: &[u8], _new: &crate::vfs::NewInode<'_>) -> Result<Arc<dyn Inode>> {
        // As on Linux, where procfs has no way to make names.
        Err(Errno::ENOENT)
    }

    fn read_dir(&self, position: u64, max: usize, _caller: &Caller) -> Result<Vec<DirCursor>> {
        let mut listed = match self.node {
            Node::Root => return self.list_root(position, max),
            Node::FdDir(pid) => self.list_fds(pid, position)?,
            Node::Sys if position == 0 => vec![self.cursor(KERNEL, Node::SysKernel, 1)],
            Node::Sys => Vec::new(),
            Node::SysKernel => self.list_files(system::SYSCTLS, position, Node::Sysctl),
            Node::Net => self.list_files(net::FILES, position, Node::NetFile),
            Node::Process(pid) => {
                self.process(pid)?;
                let entries = process::ENTRIES.iter().enumerate();
                let mut all: Vec<DirCursor> = entries
                    .map(|(index, entry)| {
                        self.cursor(
                            entry.name.as_bytes(),
                            Node::Entry(pid, index),
                            index as u64 + 1,
                        )
                    })
                    .collect();
                all.push(self.cursor(FD, Node::FdDir(pid), all.len() as u64 + 1));
                all.split_off(
                    usize::try_from(position)
                        .unwrap_or(usize::MAX)
                        .min(all.len()),
                )
            }
            _ => return Err(Errno::ENOTDIR),
        };
        listed.truncate(max);
        Ok(listed)
    }

    fn read_link(&self, caller: &Caller) -> Result<Vec<u8>> {
        match self.node {
            Node::SelfLink if caller.pid.raw() == 0 => Err(Errno::ENOENT),
            Node::SelfLink => Ok(caller.pid.to_string().into_bytes()),
            Node::Entry(pid, index) => {
                let process = self.process(pid)?;
                self.check_owner(&*process, caller)?;
                process::ENTRIES[index].read_link(&*process, &*self.machine()?)
            }
            Node::Fd(pid, fd) => {
                let process = self.process(pid)?;
                self.check_owner(&*process, caller)?;
                let (root, _) = process.directories();
                let file = self.file_at(pid, fd)?;
                Ok(self.machine()?.vfs().path_of_file(&root, &file))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn follow_link(&self, caller: &Caller) -> Result<LinkTarget> {
        match self.node {
            Node::Fd(pid, fd) => {
                self.check_owner(&*self.process(pid)?, caller)?;
                Ok(LinkTarget::Jump(
                    self.file_at(pid, fd)?.open_path().dentry.clone(),
                ))
            }
            Node::Entry(pid, index) => {
                let process = self.process(pid)?;
                self.check_owner(&*process, caller)?;
                match process::ENTRIES[index].jump(&*process) {
                    Some(object) => Ok(LinkTarget::Jump(object)),
                    None => self.read_link(caller).map(LinkTarget::Path),
                }
            }
            _ => self.read_link(caller).map(LinkTarget::Path),
        }
    }

    fn open(self: Arc<Self>, _flags: OpenFlags, caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        let text = match self.node {
            Node::System(index) => (system::FILES[index].1)(&*self.machine()?, caller)?,
            Node::Sysctl(index) => (system::SYSCTLS[index].1)(&*self.machine()?, caller)?,
            Node::NetFile(index) => (net::FILES[index].1)(&*self.machine()?, caller)?,
            Node::Entry(pid, index) => {
                process::ENTRIES[index].text(&*self.process(pid)?, &*self.machine()?)?
            }
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(TextFile { text })))
    }
}

/// An open file with the text it had when it was opened.
struct TextFile {
    text: Vec<u8>,
}

impl File for TextFile {
    fn kind(&self) -> FileKind {
        FileKind::Regular
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.text.len());
        let count = buf.len().min(self.text.len() - start);
        buf[..count].copy_from_slice(&self.text[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    fn seekable(&self) -> bool {
        true
    }
}

/// Position that a process's links jump to.
type Jump = Option<VirtualDentry>;
