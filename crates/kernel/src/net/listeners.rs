//! Sockets that wait for connections, as the embedder sees them.

use crate::abi::socket::{SocketAddress, UnixAddress};
use crate::vfs::SocketCaller;
use crate::wait_queue::WaitQueue;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::{Context, Poll};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A socket that waits for connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerInfo {
    /// Address and port; of a local stream its path from the root on.
    pub address: SocketAddress,
    /// Process that called `listen(2)`.
    pub pid: i32,
    /// Somebody has waited for a connection there, or has tried to accept one. Who only looks whether a port is free
    /// listens and closes the socket before that.
    pub is_awaited: bool,
}

/// Tells those who wait that a listener has come or gone.
pub(crate) struct ListenerBell {
    /// How often that has happened.
    changes: AtomicU64,
    watchers: WaitQueue,
}

impl ListenerBell {
    pub fn new() -> Arc<ListenerBell> {
        Arc::new(ListenerBell {
            changes: AtomicU64::new(0),
            watchers: WaitQueue::new(),
        })
    }

    /// Waits until the set of listeners has changed more than `seen` times; how often it has.
    pub fn poll(&self, seen: u64, cx: &Context<'_>) -> Poll<u64> {
        self.watchers.poll_until(cx, || {
            let changes = self.changes.load(Ordering::Acquire);
            (changes != seen).then_some(changes)
        })
    }

    /// One has come or gone; the caller holds no lock.
    pub fn ring(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.watchers.wake_all();
    }
}

/// Local streams that listen under a path, by age.
pub(super) struct PathListeners {
    table: Mutex<BTreeMap<u64, ListenerInfo>>,
    last: AtomicU64,
    bell: Arc<ListenerBell>,
}

impl PathListeners {
    pub fn new(bell: &Arc<ListenerBell>) -> Arc<PathListeners> {
        Arc::new(PathListeners {
            table: Mutex::default(),
            last: AtomicU64::new(0),
            bell: bell.clone(),
        })
    }

    /// All of them.
    pub fn infos(&self) -> Vec<ListenerInfo> {
        self.table.lock().values().cloned().collect()
    }

    /// Lists a socket with the name that it was bound to, if that is a path; the caller tells of it
    /// ([`Listed::tell`]) when it holds no lock.
    pub fn list(self: &Arc<Self>, caller: &SocketCaller<'_>, name: &UnixAddress) -> Option<Listed> {
        let UnixAddress::Path(path) = name else {
            return None;
        };
        let info = ListenerInfo {
            address: SocketAddress::Unix(UnixAddress::Path(absolute(caller, path))),
            pid: caller.credentials.pid,
            is_awaited: false,
        };
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        self.table.lock().insert(number, info);
        Some(Listed {
            listeners: self.clone(),
            number,
            is_awaited: AtomicBool::new(false),
        })
    }
}

/// A place among them, given back when it is dropped.
pub(super) struct Listed {
    listeners: Arc<PathListeners>,
    number: u64,
    is_awaited: AtomicBool,
}

impl Listed {
    /// Tells those who wait for listeners.
    pub fn tell(&self) {
        self.listeners.bell.ring();
    }

    /// Somebody waits for a connection; the caller holds no lock.
    pub fn set_awaited(&self) {
        if self.is_awaited.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(info) = self.listeners.table.lock().get_mut(&self.number) {
            info.is_awaited = true;
        }
        self.tell();
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.listeners.table.lock().remove(&self.number);
        self.tell();
    }
}

/// A path from the root on. In a directory that is gone nobody else finds the socket either.
fn absolute(caller: &SocketCaller<'_>, path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path.to_vec();
    }
    let at = &caller.at;
    let folder = caller.vfs.path_of_dir(&at.root, &at.base);
    let mut whole = folder.unwrap_or_default();
    if !whole.ends_with(b"/") {
        whole.push(b'/');
    }
    whole.extend_from_slice(path);
    whole
}
