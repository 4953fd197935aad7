//! Opening files (`open(2)`).

use super::file_description::OpenPath;
use super::lookup::At;
use super::{
    FileDescription, Inode, Last, LastLink, NewInode, NewInodeKind, Ownership, Vfs, VirtualDentry,
    permission,
};
use crate::abi::fcntl::{OpenFlags, R_OK, W_OK};
use crate::abi::inotify::InotifyMask;
use crate::abi::stat::{FileKind, S_ISGID};
use crate::errno::{Errno, Result};
use std::sync::Arc;

/// Arguments of an open beyond the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRequest {
    /// Flags.
    pub flags: OpenFlags,
    /// Permissions of a created file, the umask already applied.
    pub mode: u32,
}

/// Attempts of an open that keeps losing races against creation and removal of its name.
const OPEN_RETRIES: usize = 64;

impl Vfs {
    /// Opens, creating the file if asked to.
    pub fn open(&self, at: &At, path: &[u8], request: OpenRequest) -> Result<Arc<FileDescription>> {
        let mut flags = request.flags;
        if flags.contains(OpenFlags::O_PATH) {
            flags &= OpenFlags::O_PATH
                | OpenFlags::O_DIRECTORY
                | OpenFlags::O_NOFOLLOW
                | OpenFlags::O_CLOEXEC;
        }
        if flags.contains(OpenFlags::__O_TMPFILE) {
            return self.open_unnamed(at, path, flags, request.mode);
        }
        if flags.contains(OpenFlags::O_CREAT | OpenFlags::O_DIRECTORY) {
            return Err(Errno::EINVAL);
        }
        let creates = flags.contains(OpenFlags::O_CREAT);
        let stops =
            flags.contains(OpenFlags::O_NOFOLLOW) || creates && flags.contains(OpenFlags::O_EXCL);
        let last_link = match (creates, stops) {
            (true, false) => LastLink::CreateFollow,
            (true, true) => LastLink::CreateNoFollow,
            (false, false) => LastLink::Follow,
            (false, true) => LastLink::NoFollow,
        };
        for _ in 0..OPEN_RETRIES {
            let walked = at.walk(path, last_link)?;
            let parent = walked.parent.clone();
            let name: Box<[u8]> = match &walked.last {
                Last::Name(name) => name.as_ref().into(),
                _ => Box::default(),
            };
            let Some(target) = walked.target else {
                if !flags.contains(OpenFlags::O_CREAT) {
                    return Err(Errno::ENOENT);
                }
                if walked.trailing_slash {
                    return Err(Errno::EISDIR);
                }
                match self.create_for_open(at, &parent, &name, request) {
                    Err(Errno::EEXIST) if !flags.contains(OpenFlags::O_EXCL) => continue,
                    done => return done,
                }
            };
            if flags.contains(OpenFlags::O_CREAT) {
                if flags.contains(OpenFlags::O_EXCL) {
                    return Err(Errno::EEXIST);
                }
                if target.is_dir() || walked.trailing_slash {
                    return Err(Errno::EISDIR);
                }
            }
            let named = matches!(walked.last, Last::Name(_));
            let wants_dir =
                flags.contains(OpenFlags::O_DIRECTORY) || walked.trailing_slash && named;
            self.check_open(at, &target, flags, wants_dir)?;
            let path = OpenPath {
                parent: named.then_some(parent),
                dentry: target,
                name,
            };
            return self.open_existing(at, path, flags);
        }
        Err(Errno::EAGAIN)
    }

    fn create_for_open(
        &self,
        at: &At,
        parent: &VirtualDentry,
        name: &[u8],
        request: OpenRequest,
    ) -> Result<Arc<FileDescription>> {
        permission::may_create(parent, &at.caller)?;
        let inode = self.create_in(at, parent, name, NewInodeKind::Regular, request.mode)?;
        let dentry = VirtualDentry {
            mount: parent.mount.clone(),
            inode,
        };
        let path = OpenPath {
            dentry,
            parent: Some(parent.clone()),
            name: name.into(),
        };
        self.describe(at, path, request.flags)
    }

    /// Creates a child with the caller as owner; a set-group-id directory passes on its group.
    pub fn create_in(
        &self,
        at: &At,
        parent: &VirtualDentry,
        name: &[u8],
        kind: NewInodeKind<'_>,
        mode: u32,
    ) -> Result<Arc<dyn Inode>> {
        let ownership = inherited_ownership(at, parent, &kind, mode);
        let inode = parent.inode.create(name, &NewInode { kind, ownership })?;
        let dir_bit = if matches!(kind, NewInodeKind::Directory) {
            InotifyMask::IN_ISDIR
        } else {
            InotifyMask::empty()
        };
        self.notify_name(&*parent.inode, InotifyMask::IN_CREATE | dir_bit, 0, name);
        Ok(inode)
    }

    fn open_unnamed(
        &self,
        at: &At,
        path: &[u8],
        flags: OpenFlags,
        mode: u32,
    ) -> Result<Arc<FileDescription>> {
        if !flags.contains(OpenFlags::O_TMPFILE) || !flags.writable() {
            return Err(Errno::EINVAL);
        }
        let dir = at.find(path, LastLink::Follow)?;
        if !dir.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        permission::may_create(&dir, &at.caller)?;
        let ownership = inherited_ownership(at, &dir, &NewInodeKind::Regular, mode);
        let inode = dir.inode.create_unnamed(ownership)?;
        let name = format!("#{}", inode.ino()).into_bytes().into_boxed_slice();
        let dentry = VirtualDentry {
            mount: dir.mount.clone(),
            inode,
        };
        self.describe(
            at,
            OpenPath {
                dentry,
                parent: Some(dir),
                name,
            },
            flags - OpenFlags::O_TMPFILE,
        )
    }

    /// Checks type and permissions in the order of Linux's `may_open`.
    fn check_open(
        &self,
        at: &At,
        target: &VirtualDentry,
        flags: OpenFlags,
        wants_dir: bool,
    ) -> Result<()> {
        let kind = target.inode.kind();
        if wants_dir && kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        if flags.contains(OpenFlags::O_PATH) {
            return Ok(());
        }
        if kind == FileKind::Symlink {
            return Err(Errno::ELOOP);
        }
        let both = flags.contains(OpenFlags::O_ACCMODE);
        let write = both || flags.writable() || flags.contains(OpenFlags::O_TRUNC);
        if kind == FileKind::Directory && write {
            return Err(Errno::EISDIR);
        }
        let mask = if both || flags.readable() { R_OK } else { 0 } | if write { W_OK } else { 0 };
        if write && target.read_only() && matches!(kind, FileKind::Regular | FileKind::Directory) {
            return Err(Errno::EROFS);
        }
        permission::check(&*target.inode, &at.caller.credentials, mask)?;
        let credentials = &at.caller.credentials;
        if flags.contains(OpenFlags::O_NOATIME)
            && !credentials.privileged()
            && credentials.euid != target.inode.ownership().uid
        {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    fn open_existing(
        &self,
        at: &At,
        path: OpenPath,
        flags: OpenFlags,
    ) -> Result<Arc<FileDescription>> {
        let truncate =
            flags.contains(OpenFlags::O_TRUNC) && path.dentry.inode.kind() == FileKind::Regular;
        if truncate {
            path.dentry.inode.set_size(0)?;
        }
        let file = self.describe(at, path, flags)?;
        if truncate {
            file.notify(InotifyMask::IN_MODIFY);
        }
        Ok(file)
    }

    /// Makes the description, with the object behind it if the inode has one.
    pub fn describe(
        &self,
        at: &At,
        path: OpenPath,
        flags: OpenFlags,
    ) -> Result<Arc<FileDescription>> {
        if flags.contains(OpenFlags::O_PATH) {
            return Ok(FileDescription::new(
                path,
                None,
                flags,
                self.watches.clone(),
                None,
            ));
        }
        // A FIFO that is open holds a buffer as a pipe does.
        let slot = match path.dentry.inode.kind() {
            FileKind::Pipe => Some(self.pipe_slot()?),
            _ => None,
        };
        let object = path.dentry.inode.clone().open(flags, &at.caller)?;
        Ok(FileDescription::new(
            path,
            object,
            flags,
            self.watches.clone(),
            slot,
        ))
    }
}

fn inherited_ownership(
    at: &At,
    parent: &VirtualDentry,
    kind: &NewInodeKind<'_>,
    mode: u32,
) -> Ownership {
    let dir = parent.inode.ownership();
    let credentials = &at.caller.credentials;
    let mut ownership = Ownership::new(mode, credentials.euid, credentials.egid);
    if dir.mode & S_ISGID != 0 {
        ownership.gid = dir.gid;
        if matches!(kind, NewInodeKind::Directory) {
            ownership.mode |= S_ISGID;
        }
    }
    ownership
}
