//! Access checks (`path_resolution(7)`, "Permissions").

use super::{Caller, Credentials, Inode, VirtualDentry};
use crate::abi::fcntl::{R_OK, W_OK, X_OK};
use crate::abi::stat::{FileKind, S_ISVTX};
use crate::errno::{Errno, Result};

/// Checks the permission bits for the access in `mask` (`R_OK | W_OK | X_OK`).
///
/// # Errors
/// - `EACCES`: a bit is missing.
pub(crate) fn check(inode: &dyn Inode, credentials: &Credentials, mask: i32) -> Result<()> {
    let owner = inode.ownership();
    if credentials.privileged() {
        // Root reads and writes everything and searches every directory; it executes what somebody may execute.
        let executable = owner.mode & 0o111 != 0 || inode.kind() == FileKind::Directory;
        return if mask & X_OK == 0 || executable {
            Ok(())
        } else {
            Err(Errno::EACCES)
        };
    }
    let bits = if owner.uid == credentials.euid {
        owner.mode >> 6
    } else if credentials.in_group(owner.gid) {
        owner.mode >> 3
    } else {
        owner.mode
    };
    let wanted = (mask & (R_OK | W_OK | X_OK)).cast_unsigned();
    if bits & wanted == wanted {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

/// Checks that names may be added to `dir`.
///
/// # Errors
/// - `EROFS`: read-only mount.
/// - `ENOENT`: the directory has been removed.
/// - `EACCES`: no write or search permission.
pub(crate) fn may_create(dir: &VirtualDentry, caller: &Caller) -> Result<()> {
    if dir.read_only() {
        return Err(Errno::EROFS);
    }
    if dir.inode.removed() {
        return Err(Errno::ENOENT);
    }
    check(&*dir.inode, &caller.credentials, W_OK | X_OK)
}

/// Checks that the name of `victim` may be removed from `dir`.
///
/// # Errors
/// - `EROFS`: read-only mount.
/// - `EACCES`: no write or search permission.
/// - `EPERM`: the directory is sticky and the caller owns neither it nor the victim.
pub(crate) fn may_delete(dir: &VirtualDentry, victim: &dyn Inode, caller: &Caller) -> Result<()> {
    if dir.read_only() {
        return Err(Errno::EROFS);
    }
    check(&*dir.inode, &caller.credentials, W_OK | X_OK)?;
    let owner = dir.inode.ownership();
    let euid = caller.credentials.euid;
    let sticky = owner.mode & S_ISVTX != 0 && !caller.credentials.privileged();
    if sticky && euid != owner.uid && euid != victim.ownership().uid {
        return Err(Errno::EPERM);
    }
    Ok(())
}
