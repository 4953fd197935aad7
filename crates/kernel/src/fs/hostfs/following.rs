//! Changes that others make to the embedder's files, as far as somebody watches.
//!
//! The embedder is asked for the first who follows an inode, and told when the last has gone. Those who follow are the inode
//! itself, for its own watches, and inodes of an overlay that show it.

use super::below;
use super::files::{HostEvent, HostHearer, HostWatch};
use super::inode::HostInode;
use crate::abi::inotify::InotifyMask;
use crate::errno::{Errno, Result};
use crate::vfs::{Followed, Inode};
use std::sync::{Arc, Weak};

/// Who follows an inode.
#[derive(Default)]
pub(super) struct Following {
    followers: Vec<Follower>,
    /// None where nobody follows it.
    watch: Option<HostWatch>,
}

struct Follower {
    heard: Weak<dyn Inode>,
    /// How many watches it follows for.
    count: usize,
}

impl Following {
    fn add(&mut self, heard: &Weak<dyn Inode>) {
        let known = self.followers.iter_mut();
        match known.into_iter().find(|known| is_same(&known.heard, heard)) {
            Some(known) => known.count += 1,
            None => self.followers.push(Follower {
                heard: heard.clone(),
                count: 1,
            }),
        }
    }

    fn follows(&self, heard: &Weak<dyn Inode>) -> bool {
        let mut all = self.followers.iter();
        all.any(|follower| is_same(&follower.heard, heard))
    }
}

/// Compares without what a trait object has besides its address.
fn is_same(one: &Weak<dyn Inode>, other: &Weak<dyn Inode>) -> bool {
    core::ptr::addr_eq(one.as_ptr(), other.as_ptr())
}

/// Keeps an inode followed.
struct Follows {
    inode: Arc<HostInode>,
    heard: Weak<dyn Inode>,
}

impl Drop for Follows {
    fn drop(&mut self) {
        // Ends behind the lock: the embedder is told of it.
        let ended;
        let mut following = self.inode.following.lock();
        following.followers.retain_mut(|follower| {
            let is_this = is_same(&follower.heard, &self.heard);
            follower.count -= usize::from(is_this);
            follower.count > 0
        });
        ended = if following.followers.is_empty() {
            following.watch.take()
        } else {
            None
        };
        let is_told = following.watch.is_some() && following.follows(&self.inode.own());
        self.inode.watchers.set_told(is_told);
        drop(following);
        drop(ended);
    }
}

impl HostInode {
    fn own(&self) -> Weak<dyn Inode> {
        self.this.clone()
    }

    /// Has an inode hear of what others change.
    pub(super) fn followed_by(&self, heard: Weak<dyn Inode>) -> Result<Option<Followed>> {
        let inode = self.this.upgrade().ok_or(Errno::ENOENT)?;
        let mut made = None;
        loop {
            let mut following = self.following.lock();
            if following.watch.is_none() {
                following.watch = made.take();
            }
            if following.watch.is_some() {
                following.add(&heard);
                self.watchers.set_told(following.follows(&self.own()));
                // Of two who come first the second's watch, which `made` still has, ends behind the lock.
                drop(following);
                return Ok(Some(Box::new(Follows { inode, heard })));
            }
            drop(following);
            made = self.watch()?;
            if made.is_none() {
                return Ok(None);
            }
        }
    }

    /// Asks the embedder; None where that tells of nothing.
    fn watch(&self) -> Result<Option<HostWatch>> {
        let this = self.this.clone();
        let hear: HostHearer = Arc::new(move |event| {
            if let Some(inode) = this.upgrade() {
                inode.hear_of(event);
            }
        });
        match self.shared.files.watch(&self.path(), hear) {
            Ok(watch) => Ok(Some(watch)),
            Err(Errno::ENOSYS) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Somebody else has changed something.
    fn hear_of(&self, event: &HostEvent) {
        let mask = InotifyMask::from_bits_retain(event.mask);
        self.forget(mask, &event.name);
        let followers: Vec<_> = {
            let following = self.following.lock();
            let followers = following.followers.iter();
            followers.map(|follower| follower.heard.clone()).collect()
        };
        if mask.contains(InotifyMask::IN_IGNORED) {
            // Another file may get the number of this one, and be this inode.
            let ended = self.following.lock().watch.take();
            self.watchers.set_told(false);
            drop(ended);
        }
        for heard in followers.iter().filter_map(Weak::upgrade) {
            heard.hear(mask, event.cookie, &event.name);
        }
    }

    /// What was found before is not true any more.
    fn forget(&self, mask: InotifyMask, name: &[u8]) {
        let path = self.path();
        self.state.lock().seen = None;
        if name.is_empty() {
            self.shared.changed(&path);
        } else {
            let path = below(&path, name);
            self.shared.changed(&path);
            let child = self.shared.live.lock().get(path.as_slice()).cloned();
            // It outlives the lock, which its end takes.
            if let Some(child) = child.and_then(|child| child.upgrade()) {
                child.state.lock().seen = None;
            }
        }
        // Everything below has another path, or none.
        let moves = InotifyMask::IN_MOVED_FROM | InotifyMask::IN_MOVED_TO;
        let is_moved = mask.contains(InotifyMask::IN_ISDIR) && mask.intersects(moves);
        if (is_moved || mask.contains(InotifyMask::IN_Q_OVERFLOW))
            && let Some(cache) = &self.shared.cache
        {
            cache.forget_all();
        }
    }
}
