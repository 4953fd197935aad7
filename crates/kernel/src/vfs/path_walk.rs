//! Path walk (`path_resolution(7)`).

use super::{Caller, Inode, LinkTarget, VirtualDentry, permission};
use crate::abi::fcntl::{NAME_MAX, PATH_MAX, SYMLOOP_MAX, X_OK};
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use std::borrow::Cow;
use std::sync::Arc;

/// What to do with a symbolic link in the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// Follows it.
    Follow,
    /// Stops at it, unless a slash after it asks for a directory.
    NoFollow,
    /// Stops at it even then: the caller works on the name itself.
    Name,
    /// Follows it; a slash after the name is an error, as nothing but a file could be created there.
    CreateFollow,
    /// Stops at it; a slash after the name is an error.
    CreateNoFollow,
}

impl LastLink {
    fn creates(self) -> bool {
        matches!(self, LastLink::CreateFollow | LastLink::CreateNoFollow)
    }
}

/// Last component of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Last<'p> {
    /// A name in the parent directory.
    Name(Cow<'p, [u8]>),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// The root directory itself.
    Root,
    /// Reached through a magic link, without a name.
    Jump,
}

/// Result of a path walk.
#[derive(Debug)]
pub(crate) struct Walked<'p> {
    /// Directory that holds the last component.
    pub parent: VirtualDentry,
    /// Last component.
    pub last: Last<'p>,
    /// What it names; `None` if it does not exist.
    pub target: Option<VirtualDentry>,
    /// Whether a slash follows the last component.
    pub trailing_slash: bool,
}

impl Walked<'_> {
    /// The existing object.
    ///
    /// # Errors
    /// - `ENOENT`: it does not exist.
    /// - `ENOTDIR`: a slash follows, and it is not a directory.
    pub fn existing(self) -> Result<VirtualDentry> {
        let target = self.target.ok_or(Errno::ENOENT)?;
        if self.trailing_slash && !target.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        Ok(target)
    }
}

/// Starting points and identity of a walk.
pub(crate) struct PathWalk<'a> {
    /// Directory that `/` names and `..` does not leave.
    pub root: &'a VirtualDentry,
    /// Directory that relative paths start from.
    pub base: &'a VirtualDentry,
    /// Whose permissions count.
    pub caller: &'a Caller,
}

impl PathWalk<'_> {
    /// Walks `path`.
    ///
    /// # Errors
    /// - `ENOENT`: empty path, or a component other than the last is missing.
    /// - `EINVAL`: a NUL byte, which no C string can carry.
    /// - `ENAMETOOLONG`: the path or a component is too long.
    /// - `ENOTDIR`: a component other than the last is not a directory.
    /// - `EACCES`: no search permission.
    /// - `ELOOP`: more than 40 symbolic links.
    pub fn walk<'p>(&self, path: &'p [u8], last_link: LastLink) -> Result<Walked<'p>> {
        check_path(path)?;
        let mut rest: Cow<'p, [u8]> = Cow::Borrowed(path);
        let mut at = 0;
        let mut current = if path[0] == b'/' {
            self.root.clone()
        } else {
            self.base.clone()
        };
        let mut links = 0;
        loop {
            while rest.get(at) == Some(&b'/') {
                at += 1;
            }
            if at == rest.len() {
                return Ok(Walked {
                    parent: current.clone(),
                    last: Last::Root,
                    target: Some(current),
                    trailing_slash: true,
                });
            }
            let end = rest[at..]
                .iter()
                .position(|byte| *byte == b'/')
                .map_or(rest.len(), |length| at + length);
            let next = rest[end..]
                .iter()
                .position(|byte| *byte != b'/')
                .map_or(rest.len(), |length| end + length);
            let is_last = next == rest.len();
            let trailing_slash = is_last && end < rest.len();
            self.search(&current)?;
            match &rest[at..end] {
                b"." => {
                    if is_last {
                        return Ok(Walked {
                            parent: current.clone(),
                            last: Last::Dot,
                            target: Some(current),
                            trailing_slash,
                        });
                    }
                    at = next;
                    continue;
                }
                b".." => {
                    current = self.parent_of(current);
                    if is_last {
                        return Ok(Walked {
                            parent: current.clone(),
                            last: Last::DotDot,
                            target: Some(current),
                            trailing_slash,
                        });
                    }
                    at = next;
                    continue;
                }
                _ if trailing_slash && last_link.creates() => return Err(Errno::EISDIR),
                name if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG),
                _ => {}
            }
            let found = match current.inode.lookup(&rest[at..end], self.caller) {
                Ok(inode) => Some(inode),
                Err(Errno::ENOENT) if is_last => None,
                Err(errno) => return Err(errno),
            };
            let follow = match last_link {
                LastLink::Follow | LastLink::CreateFollow => true,
                LastLink::NoFollow => trailing_slash || !is_last,
                LastLink::Name | LastLink::CreateNoFollow => !is_last,
            };
            if let Some(link) = found
                .as_ref()
                .filter(|inode| follow && inode.kind() == FileKind::Symlink)
            {
                links += 1;
                if links > SYMLOOP_MAX {
                    return Err(Errno::ELOOP);
                }
                match link.follow_link(self.caller)? {
                    LinkTarget::Path(target) => {
                        if target.is_empty() {
                            return Err(Errno::ENOENT);
                        }
                        if target[0] == b'/' {
                            current = self.root.clone();
                        }
                        let mut joined = target;
                        // Its length is bounded: each of at most `SYMLOOP_MAX` targets is shorter than `PATH_MAX`.
                        joined.extend_from_slice(&rest[end..]);
                        rest = Cow::Owned(joined);
                        at = 0;
                    }
                    LinkTarget::Jump(object) => {
                        if is_last {
                            return Ok(Walked {
                                parent: current,
                                last: Last::Jump,
                                target: Some(object),
                                trailing_slash,
                            });
                        }
                        current = object;
                        at = next;
                    }
                }
                continue;
            }
            if is_last {
                let name = match rest {
                    Cow::Borrowed(path) => Cow::Borrowed(&path[at..end]),
                    Cow::Owned(path) => Cow::Owned(path[at..end].to_vec()),
                };
                let target = found.map(|inode| enter(&current, inode));
                return Ok(Walked {
                    parent: current,
                    last: Last::Name(name),
                    target,
                    trailing_slash,
                });
            }
            let Some(inode) = found else {
                return Err(Errno::ENOENT);
            };
            current = enter(&current, inode);
            at = next;
        }
    }

    fn search(&self, dir: &VirtualDentry) -> Result<()> {
        if !dir.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        permission::check(&*dir.inode, &self.caller.credentials, X_OK)
    }

    /// Steps to `..`, staying inside the root and leaving mounts through the directory they cover.
    fn parent_of(&self, mut dir: VirtualDentry) -> VirtualDentry {
        loop {
            if dir.same(self.root) {
                return dir;
            }
            if let Some((inode, _)) = dir.inode.parent() {
                return VirtualDentry {
                    mount: dir.mount,
                    inode,
                }
                .cross_mounts();
            }
            match dir.mount.covered() {
                Some((mount, inode)) => dir = VirtualDentry { mount, inode },
                None => return dir,
            }
        }
    }
}

/// The child of a directory, or the root of what is mounted on it.
pub(super) fn enter(dir: &VirtualDentry, inode: Arc<dyn Inode>) -> VirtualDentry {
    let is_dir = inode.kind() == FileKind::Directory;
    let entered = VirtualDentry {
        mount: dir.mount.clone(),
        inode,
    };
    if is_dir {
        entered.cross_mounts()
    } else {
        entered
    }
}

fn check_path(path: &[u8]) -> Result<()> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if path.len() >= PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    if path.contains(&0) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}
