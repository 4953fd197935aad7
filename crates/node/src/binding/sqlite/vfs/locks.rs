//! Locks of database files, one table for each file that is open: SQLite's five states (`sqlite3_io_methods`, `xLock`) and
//! the eight locks of a write-ahead log, between all connections of the programs of a machine.
//!
//! A program that was killed has its locks until its thread has left SQLite and closed its files: only then is certain
//! that it writes nothing more. Whoever meets such a lock waits for that, which is a matter of milliseconds.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use libsqlite3_sys as ffi;
use parking_lot::{Condvar, Mutex, MutexGuard};
use secure_exec_kernel::{Process, Stat};

use super::shared_memory::Regions;
use crate::threads::interruption;

/// How long a lock of a killed program is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a waiting one looks whether its own program is being ended.
const LOOK: Duration = Duration::from_millis(10);

/// A file of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// Address of the kernel, which is there as long as a process of it has a file open.
    kernel: usize,
    device: u64,
    inode: u64,
}

/// The files that are open, of all machines.
static NODES: LazyLock<Mutex<HashMap<Key, Weak<Node>>>> = LazyLock::new(Mutex::default);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// One connection's claims on a file.
struct Holder {
    id: u64,
    process: Arc<Process>,
    /// `SQLITE_LOCK_*`.
    level: c_int,
    /// Locks of the write-ahead log, a bit for each.
    shared: u32,
    exclusive: u32,
}

#[derive(Default)]
struct State {
    holders: Vec<Holder>,
    regions: Regions,
}

/// A database file that connections of a machine have open.
pub(super) struct Node {
    key: Key,
    state: Mutex<State>,
    released: Condvar,
}

/// One open database file. Its locks go with it.
pub(super) struct Claim {
    node: Arc<Node>,
    id: u64,
}

/// What stands against a lock.
enum Obstacle {
    /// A running program.
    Live,
    /// One that was killed and has not left its files yet.
    Dead,
}

impl Claim {
    /// On the file that the process has just opened, without any lock yet.
    pub fn new(process: &Arc<Process>, file: &Stat) -> Option<Claim> {
        let key = Key {
            kernel: Arc::as_ptr(&process.kernel().ok()?).addr(),
            device: file.dev,
            inode: file.ino,
        };
        let mut nodes = NODES.lock();
        let node = nodes.get(&key).and_then(Weak::upgrade);
        let node = node.unwrap_or_else(|| {
            let node = Arc::new(Node {
                key,
                state: Mutex::default(),
                released: Condvar::new(),
            });
            nodes.insert(key, Arc::downgrade(&node));
            node
        });
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        node.state.lock().holders.push(Holder {
            id,
            process: process.clone(),
            level: ffi::SQLITE_LOCK_NONE,
            shared: 0,
            exclusive: 0,
        });
        Some(Claim { node, id })
    }

    /// Raises the lock to `level`, as `xLock`. The result code.
    pub fn lock(&self, level: c_int) -> c_int {
        self.acquire(|state| state.raise(self.id, level))
    }

    /// Lowers the lock to `level`, as `xUnlock`.
    pub fn unlock(&self, level: c_int) {
        if let Some(own) = self.node.state.lock().own(self.id) {
            own.level = own.level.min(level);
        }
        self.node.released.notify_all();
    }

    /// Whether anybody is about to write.
    pub fn is_reserved(&self) -> bool {
        let state = self.node.state.lock();
        let mut holders = state.holders.iter();
        holders.any(|holder| holder.level >= ffi::SQLITE_LOCK_RESERVED)
    }

    /// Takes locks of the write-ahead log, all of `mask` or none. The result code.
    pub fn lock_log(&self, mask: u32, exclusive: bool) -> c_int {
        self.acquire(|state| state.take(self.id, mask, exclusive))
    }

    /// Gives locks of the write-ahead log back.
    pub fn unlock_log(&self, mask: u32) {
        if let Some(own) = self.node.state.lock().own(self.id) {
            own.shared &= !mask;
            own.exclusive &= !mask;
        }
        self.node.released.notify_all();
    }

    /// Uses the shared memory beside the file.
    pub fn with_regions<T>(&self, body: impl FnOnce(&mut Regions) -> T) -> T {
        body(&mut self.node.state.lock().regions)
    }

    /// Tries until there is the lock, or something that lives stands against it.
    fn acquire(&self, mut attempt: impl FnMut(&mut State) -> Result<(), Obstacle>) -> c_int {
        let deadline = Instant::now() + PATIENCE;
        let mut state: MutexGuard<'_, State> = self.node.state.lock();
        loop {
            if !state.own(self.id).is_some_and(|own| own.process.is_alive()) {
                return ffi::SQLITE_IOERR_LOCK;
            }
            match attempt(&mut state) {
                Ok(()) => return ffi::SQLITE_OK,
                // Busy handlers ask for ever; a program that is being ended is not to wait for them.
                Err(_) if interruption::is_requested() => return ffi::SQLITE_IOERR_LOCK,
                Err(Obstacle::Dead) if Instant::now() < deadline => {
                    self.node.released.wait_for(&mut state, LOOK);
                }
                Err(_) => return ffi::SQLITE_BUSY,
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut nodes = NODES.lock();
        let mut state = self.node.state.lock();
        state.holders.retain(|holder| holder.id != self.id);
        if state.holders.is_empty() {
            // The next one that opens the file starts anew.
            nodes.remove(&self.node.key);
        }
        drop(state);
        self.node.released.notify_all();
    }
}

impl State {
    fn own(&mut self, id: u64) -> Option<&mut Holder> {
        self.holders.iter_mut().find(|holder| holder.id == id)
    }

    /// Fails where another holder is in the way.
    fn check(&self, id: u64, is_in_the_way: impl Fn(&Holder) -> bool) -> Result<(), Obstacle> {
        let others = self.holders.iter().filter(|holder| holder.id != id);
        let mut obstacle = None;
        for holder in others.filter(|holder| is_in_the_way(holder)) {
            if holder.process.is_alive() {
                return Err(Obstacle::Live);
            }
            obstacle = Some(Obstacle::Dead);
        }
        obstacle.map_or(Ok(()), Err)
    }

    fn raise(&mut self, id: u64, level: c_int) -> Result<(), Obstacle> {
        let held = self.own(id).map_or(ffi::SQLITE_LOCK_NONE, |own| own.level);
        if held >= level {
            return Ok(());
        }
        let lowest = match level {
            ffi::SQLITE_LOCK_RESERVED => ffi::SQLITE_LOCK_RESERVED,
            _ => ffi::SQLITE_LOCK_PENDING,
        };
        self.check(id, |other| other.level >= lowest)?;
        if level == ffi::SQLITE_LOCK_EXCLUSIVE {
            // New readers are kept out from now on, also if those there have to be waited for.
            self.set_level(id, ffi::SQLITE_LOCK_PENDING);
            self.check(id, |other| other.level >= ffi::SQLITE_LOCK_SHARED)?;
        }
        self.set_level(id, level);
        Ok(())
    }

    fn set_level(&mut self, id: u64, level: c_int) {
        if let Some(own) = self.own(id) {
            own.level = level;
        }
    }

    fn take(&mut self, id: u64, mask: u32, exclusive: bool) -> Result<(), Obstacle> {
        self.check(id, |other| {
            other.exclusive & mask != 0 || (exclusive && other.shared & mask != 0)
        })?;
        if let Some(own) = self.own(id) {
            if exclusive {
                own.exclusive |= mask;
            } else {
                own.shared |= mask;
            }
        }
        Ok(())
    }
}
