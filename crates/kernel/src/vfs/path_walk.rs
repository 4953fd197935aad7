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
        let start = if path[0] == b'/' {
            self.root
        } else {
            self.base
        };
        let mut walk = Walk {
            from: self,
            last_link,
            rest: Cow::Borrowed(path),
            at: 0,
            current: start.clone().settled(),
            links: 0,
        };
        loop {
            if let Some(walked) = walk.step()? {
                return Ok(walked);
            }
        }
    }

    fn search(&self, dir: &VirtualDentry) -> Result<()> {
        if !dir.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        permission::check(&*dir.inode, &self.caller.credentials, X_OK)
    }

    /// Steps to `..`, staying inside the root.
    fn parent_of(&self, dir: VirtualDentry) -> VirtualDentry {
        let dir = self.cross_mount(dir);
        match dir.inode.parent() {
            Some((inode, _)) if !dir.same(self.root) => VirtualDentry {
                mount: dir.mount,
                inode,
            }
            .cross_mounts()
            .joined(),
            _ => dir,
        }
    }

    /// Leaves mounts whose root this is through the directories that they cover, unless it is the root of the walk.
    fn cross_mount(&self, mut dir: VirtualDentry) -> VirtualDentry {
        while !dir.same(self.root)
            && dir.inode.parent().is_none()
            && let Some((mount, inode)) = dir.mount.covered()
        {
            dir = VirtualDentry { mount, inode };
        }
        dir
    }
}

/// A walk that goes on: where it is, and what is left of the path.
struct Walk<'w, 'p> {
    from: &'w PathWalk<'w>,
    last_link: LastLink,
    /// The path; behind a link, its target and what followed the link.
    rest: Cow<'p, [u8]>,
    /// Where the next component, or a slash in front of it, begins.
    at: usize,
    /// Directory that has been reached; whether it is one is looked at when a name is looked up in it.
    current: VirtualDentry,
    /// Symbolic links that were followed.
    links: usize,
}

/// Where a component ends, and what follows it.
#[derive(Clone, Copy)]
struct Component {
    end: usize,
    /// Beginning of the next one; the end of the path behind the last.
    next: usize,
    is_last: bool,
    /// Whether it is the last one and a slash follows.
    trailing_slash: bool,
}

impl<'p> Walk<'_, 'p> {
    /// Takes one component; the result of the walk once that was the last one.
    fn step(&mut self) -> Result<Option<Walked<'p>>> {
        let Some(component) = self.component() else {
            return Ok(Some(self.arrive(Last::Root, true)));
        };
        self.from.search(&self.current)?;
        let Component {
            end,
            is_last,
            trailing_slash,
            ..
        } = component;
        let dots = match &self.rest[self.at..end] {
            b"." => Some(Last::Dot),
            b".." => {
                self.current = self.from.parent_of(self.current.clone());
                Some(Last::DotDot)
            }
            _ if trailing_slash && self.last_link.creates() => return Err(Errno::EISDIR),
            name if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG),
            _ => None,
        };
        if let Some(last) = dots {
            self.at = component.next;
            return Ok(is_last.then(|| self.arrive(last, trailing_slash)));
        }
        let name = &self.rest[self.at..end];
        let mut found = self.current.lookup(name, self.from.caller);
        if found.as_ref().err() == Some(&Errno::ENOENT)
            && let Some(union) = self.current.union()
        {
            self.current = union.root();
            self.from.search(&self.current)?;
            found = self.current.lookup(name, self.from.caller);
        }
        let found = match found {
            Ok(inode) => Some(inode),
            Err(Errno::ENOENT) if is_last => None,
            Err(errno) => return Err(errno),
        };
        match found {
            Some(link) if link.kind() == FileKind::Symlink && self.follows(component) => {
                self.follow_link(&*link, component)
            }
            found if is_last => Ok(Some(self.arrive_at_name(found, component))),
            Some(inode) => {
                self.current = enter(&self.current, inode);
                self.at = component.next;
                Ok(None)
            }
            None => Err(Errno::ENOENT),
        }
    }

    /// The next component, slashes in front of it skipped; none at the end of the path.
    fn component(&mut self) -> Option<Component> {
        let skipped = self.rest[self.at..].iter().position(|byte| *byte != b'/');
        self.at = skipped.map_or(self.rest.len(), |slashes| self.at + slashes);
        skipped?;
        let end = self.rest[self.at..]
            .iter()
            .position(|byte| *byte == b'/')
            .map_or(self.rest.len(), |length| self.at + length);
        let next = self.rest[end..]
            .iter()
            .position(|byte| *byte != b'/')
            .map_or(self.rest.len(), |slashes| end + slashes);
        let is_last = next == self.rest.len();
        Some(Component {
            end,
            next,
            is_last,
            trailing_slash: is_last && end < self.rest.len(),
        })
    }

    /// Whether a link in this place is followed.
    fn follows(&self, component: Component) -> bool {
        match self.last_link {
            LastLink::Follow | LastLink::CreateFollow => true,
            LastLink::NoFollow => component.trailing_slash || !component.is_last,
            LastLink::Name | LastLink::CreateNoFollow => !component.is_last,
        }
    }

    /// Goes where a link leads; a magic link in the last place ends the walk.
    fn follow_link(
        &mut self,
        link: &dyn Inode,
        component: Component,
    ) -> Result<Option<Walked<'p>>> {
        self.links += 1;
        if self.links > SYMLOOP_MAX {
            return Err(Errno::ELOOP);
        }
        match link.follow_link(self.from.caller)? {
            LinkTarget::Path(target) if target.is_empty() => Err(Errno::ENOENT),
            LinkTarget::Path(mut target) => {
                if target[0] == b'/' {
                    self.current = self.from.root.clone();
                }
                // Its length is bounded: each of at most `SYMLOOP_MAX` targets is shorter than `PATH_MAX`.
                target.extend_from_slice(&self.rest[component.end..]);
                self.rest = Cow::Owned(target);
                self.at = 0;
                Ok(None)
            }
            LinkTarget::Jump(object) if component.is_last => Ok(Some(Walked {
                parent: self.current.clone(),
                last: Last::Jump,
                target: Some(object),
                trailing_slash: component.trailing_slash,
            })),
            LinkTarget::Jump(object) => {
                self.current = object;
                self.at = component.next;
                Ok(None)
            }
        }
    }

    /// The end of a walk to a directory without a name of its own in the path.
    fn arrive(&self, last: Last<'p>, trailing_slash: bool) -> Walked<'p> {
        Walked {
            parent: self.current.clone(),
            last,
            target: Some(self.current.clone()),
            trailing_slash,
        }
    }

    /// The end of a walk to a name, whether or not it exists.
    fn arrive_at_name(&self, found: Option<Arc<dyn Inode>>, component: Component) -> Walked<'p> {
        let range = self.at..component.end;
        let name = match &self.rest {
            Cow::Borrowed(path) => Cow::Borrowed(&path[range]),
            Cow::Owned(path) => Cow::Owned(path[range].to_vec()),
        };
        Walked {
            parent: self.current.clone(),
            last: Last::Name(name),
            target: found.map(|inode| enter(&self.current, inode)),
            trailing_slash: component.trailing_slash,
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
