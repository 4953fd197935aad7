//! Inotify watches (`inotify(7)`).

use super::{File, Inode};
use crate::abi::inotify::{InotifyEvent, InotifyMask};
use crate::abi::poll::PollEvents;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::limits::{LimitLedger, Limits};
use crate::wait_queue::WaitQueue;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use core::task::{Context, Poll};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

/// Number of watches and instances in a kernel; with no watch, file operations skip events altogether.
#[derive(Debug, Default)]
pub(crate) struct WatchCounter {
    watches: AtomicUsize,
    pub instances: AtomicUsize,
    cookie: AtomicU32,
}

impl WatchCounter {
    pub fn any(&self) -> bool {
        self.watches.load(Ordering::Relaxed) != 0
    }

    /// Number that ties the two halves of a rename together.
    pub fn next_cookie(&self) -> u32 {
        self.cookie.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }
}

/// What is kept for as long as a watch is there, by which the file system is told of changes that are made elsewhere.
pub type Followed = Box<dyn core::any::Any + Send + Sync>;

/// Watches on one inode.
#[derive(Debug, Default)]
pub struct Watchers {
    list: Mutex<Vec<Watch>>,
    /// Whoever keeps the file tells of changes, those by guests included: those that are seen here would come twice.
    are_told: AtomicBool,
}

/// Changes that whoever keeps a file tells of.
const TOLD: InotifyMask = InotifyMask::IN_MODIFY
    .union(InotifyMask::IN_ATTRIB)
    .union(InotifyMask::IN_CLOSE_WRITE)
    .union(InotifyMask::IN_MOVED_FROM)
    .union(InotifyMask::IN_MOVED_TO)
    .union(InotifyMask::IN_CREATE)
    .union(InotifyMask::IN_DELETE)
    .union(InotifyMask::IN_DELETE_SELF)
    .union(InotifyMask::IN_MOVE_SELF);

#[derive(Clone, Debug)]
struct Watch {
    instance: Weak<InotifyInstance>,
    wd: i32,
    mask: InotifyMask,
}

impl Watchers {
    /// From now on only [`Watchers::tell`] has changes, or not any more.
    pub(crate) fn set_told(&self, are_told: bool) {
        self.are_told.store(are_told, Ordering::Relaxed);
    }

    /// Queues an event that was seen here with every watch that asked for it.
    pub(crate) fn notify(&self, mask: InotifyMask, cookie: u32, name: &[u8]) {
        if !(self.are_told.load(Ordering::Relaxed) && mask.intersects(TOLD)) {
            self.queue(mask, cookie, name);
        }
    }

    /// Queues an event of whoever keeps the file.
    pub(crate) fn tell(&self, mask: InotifyMask, cookie: u32, name: &[u8]) {
        if mask.contains(InotifyMask::IN_Q_OVERFLOW) {
            let watches = self.list.lock().clone();
            for instance in watches.iter().filter_map(|watch| watch.instance.upgrade()) {
                instance.push(InotifyEvent {
                    wd: -1,
                    mask: InotifyMask::IN_Q_OVERFLOW,
                    cookie: 0,
                    name: Vec::new(),
                });
            }
        } else if mask.contains(InotifyMask::IN_IGNORED) {
            self.end(false);
        } else {
            self.queue(mask, cookie, name);
        }
    }

    fn queue(&self, mask: InotifyMask, cookie: u32, name: &[u8]) {
        let interested: Vec<Watch> = {
            let mut list = self.list.lock();
            let interested = list
                .iter()
                .filter(|watch| watch.mask.intersects(mask))
                .cloned()
                .collect();
            list.retain(|watch| {
                watch.instance.strong_count() > 0
                    && !(watch.mask.contains(InotifyMask::IN_ONESHOT)
                        && watch.mask.intersects(mask))
            });
            interested
        };
        for watch in interested {
            let Some(instance) = watch.instance.upgrade() else {
                continue;
            };
            instance.push(InotifyEvent {
                wd: watch.wd,
                mask,
                cookie,
                name: name.to_vec(),
            });
            if watch.mask.contains(InotifyMask::IN_ONESHOT) {
                instance.forget(watch.wd);
            }
        }
    }

    /// Ends every watch because the inode has lost its last name.
    pub(crate) fn finish(&self) {
        if !self.are_told.load(Ordering::Relaxed) {
            self.end(true);
        }
    }

    fn end(&self, is_deleted: bool) {
        let watches = core::mem::take(&mut *self.list.lock());
        for watch in watches {
            if let Some(instance) = watch.instance.upgrade() {
                if is_deleted && watch.mask.contains(InotifyMask::IN_DELETE_SELF) {
                    instance.push(InotifyEvent {
                        wd: watch.wd,
                        mask: InotifyMask::IN_DELETE_SELF,
                        cookie: 0,
                        name: Vec::new(),
                    });
                }
                instance.forget(watch.wd);
            }
        }
    }
}

/// An inotify instance: a queue of events that a descriptor refers to.
#[derive(Debug)]
pub(crate) struct InotifyInstance {
    state: Mutex<InstanceState>,
    readable: WaitQueue,
    counter: Arc<WatchCounter>,
    ledger: Arc<LimitLedger>,
    max_events: usize,
    max_watches: usize,
}

#[derive(Default)]
struct InstanceState {
    events: VecDeque<InotifyEvent>,
    /// A watch keeps its inode, as on Linux.
    watches: BTreeMap<i32, (Arc<dyn Inode>, Option<Followed>)>,
    last_wd: i32,
}

impl core::fmt::Debug for InstanceState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InstanceState")
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl InotifyInstance {
    pub fn new(
        counter: Arc<WatchCounter>,
        ledger: Arc<LimitLedger>,
        limits: &Limits,
    ) -> Arc<InotifyInstance> {
        counter.instances.fetch_add(1, Ordering::Relaxed);
        Arc::new(InotifyInstance {
            state: Mutex::default(),
            readable: WaitQueue::new(),
            counter,
            ledger,
            max_events: limits.max_inotify_events,
            max_watches: limits.max_inotify_watches,
        })
    }

    /// Adds a watch, or changes the one that this instance has on the inode already. `followed` is kept with a new one.
    pub fn add_watch(
        self: &Arc<Self>,
        inode: &Arc<dyn Inode>,
        mask: InotifyMask,
        followed: Option<Followed>,
    ) -> Result<i32> {
        let watchers = inode.watchers().ok_or(Errno::ENOSPC)?;
        let mut list = watchers.list.lock();
        let this = Arc::downgrade(self);
        if let Some(watch) = list.iter_mut().find(|watch| watch.instance.ptr_eq(&this)) {
            if mask.contains(InotifyMask::IN_MASK_CREATE) {
                return Err(Errno::EEXIST);
            }
            watch.mask = if mask.contains(InotifyMask::IN_MASK_ADD) {
                watch.mask | mask
            } else {
                mask
            };
            return Ok(watch.wd);
        }
        let mut state = self.state.lock();
        let used = state.watches.len() + 1;
        if used > self.max_watches {
            let bound = self.max_watches as u64;
            self.ledger.record("maxInotifyWatches", bound, used as u64);
            return Err(Errno::ENOSPC);
        }
        state.last_wd += 1;
        let wd = state.last_wd;
        state.watches.insert(wd, (inode.clone(), followed));
        self.counter.watches.fetch_add(1, Ordering::Relaxed);
        list.push(Watch {
            instance: this,
            wd,
            mask,
        });
        Ok(wd)
    }

    /// Removes a watch; `IN_IGNORED` follows.
    pub fn remove_watch(self: &Arc<Self>, wd: i32) -> Result<()> {
        let inode = self
            .state
            .lock()
            .watches
            .get(&wd)
            .map(|(inode, _)| inode.clone())
            .ok_or(Errno::EINVAL)?;
        if let Some(watchers) = inode.watchers() {
            let this = Arc::downgrade(self);
            watchers
                .list
                .lock()
                .retain(|watch| !(watch.wd == wd && watch.instance.ptr_eq(&this)));
        }
        self.forget(wd);
        Ok(())
    }

    fn forget(&self, wd: i32) {
        let known = self.state.lock().watches.remove(&wd);
        if known.is_some() {
            self.counter.watches.fetch_sub(1, Ordering::Relaxed);
            self.push(InotifyEvent {
                wd,
                mask: InotifyMask::IN_IGNORED,
                cookie: 0,
                name: Vec::new(),
            });
        }
    }

    fn push(&self, event: InotifyEvent) {
        {
            let mut state = self.state.lock();
            // Identical neighbours merge, and a full queue ends with one overflow event.
            if state.events.back() == Some(&event) {
                return;
            }
            let overflow = InotifyEvent {
                wd: -1,
                mask: InotifyMask::IN_Q_OVERFLOW,
                cookie: 0,
                name: Vec::new(),
            };
            if state.events.len() >= self.max_events {
                if state.events.back() != Some(&overflow) {
                    state.events.push_back(overflow);
                }
            } else {
                state.events.push_back(event);
            }
        }
        self.readable.wake_all();
    }

    /// Takes all queued events, waiting for the first.
    pub fn poll_events(&self, cx: &Context<'_>) -> Poll<Vec<InotifyEvent>> {
        self.readable.poll_until(cx, || {
            let events: Vec<_> = self.state.lock().events.drain(..).collect();
            if events.is_empty() {
                None
            } else {
                Some(events)
            }
        })
    }

    /// Takes all queued events.
    pub fn take_events(&self) -> Vec<InotifyEvent> {
        self.state.lock().events.drain(..).collect()
    }
}

impl Drop for InotifyInstance {
    fn drop(&mut self) {
        let watches = self.state.get_mut().watches.len();
        self.counter.watches.fetch_sub(watches, Ordering::Relaxed);
        self.counter.instances.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The open file description of an instance.
pub(crate) struct InotifyFile(pub Arc<InotifyInstance>);

impl File for InotifyFile {
    fn kind(&self) -> FileKind {
        FileKind::Anonymous
    }

    /// Reads whole `struct inotify_event`s: wd, mask, cookie, length of the padded name, name.
    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        let mut state = self.0.state.lock();
        let mut used = 0;
        while let Some(event) = state.events.front() {
            let padded = if event.name.is_empty() {
                0
            } else {
                (event.name.len() / 16 + 1) * 16
            };
            let Some(out) = buf.get_mut(used..used + 16 + padded) else {
                return if used == 0 {
                    Err(Errno::EINVAL)
                } else {
                    Ok(used)
                };
            };
            out.fill(0);
            out[0..4].copy_from_slice(&event.wd.to_le_bytes());
            out[4..8].copy_from_slice(&event.mask.bits().to_le_bytes());
            out[8..12].copy_from_slice(&event.cookie.to_le_bytes());
            // A name has 255 bytes at most.
            let length = u32::try_from(padded).unwrap_or(u32::MAX);
            out[12..16].copy_from_slice(&length.to_le_bytes());
            out[16..16 + event.name.len()].copy_from_slice(&event.name);
            used += 16 + padded;
            state.events.pop_front();
        }
        if used == 0 {
            Err(Errno::EAGAIN)
        } else {
            Ok(used)
        }
    }

    fn readiness(&self) -> PollEvents {
        if self.0.state.lock().events.is_empty() {
            PollEvents::empty()
        } else {
            PollEvents::POLLIN
        }
    }

    fn register(&self, _events: PollEvents, cx: &Context<'_>) {
        self.0.readable.register(cx);
    }
}
