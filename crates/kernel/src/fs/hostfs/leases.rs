//! Leases: directories of which the embedder tells whether something has changed, so that what was found there may be taken for
//! true beyond a moment.
//!
//! The embedder is asked what has changed at most once in a moment ([`Leases::renew`]), and before anything is taken for true
//! behind a point at which it may have changed something. One lease is about one directory: its own attributes, its names, and
//! the files that have no other name. That its path leads there is what the leases of the directories above it say.

use super::files::{HostBroken, HostFiles, HostLease};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// How long what was found is taken for true without a question.
pub(super) const FRESH: Duration = Duration::from_millis(100);

/// How long a lease is relied on: who writes to a file by way of a mapping, or of a name that it got later, is not told of.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Directories on a path that leases are asked for; deeper ones have none.
const DEEPEST: usize = 64;

/// A lease of a directory.
pub(super) struct Lease {
    number: u64,
    path: Box<[u8]>,
    /// Counts what has changed by it.
    changes: AtomicU64,
    /// Its path may lead elsewhere.
    is_over: AtomicBool,
    /// That of the directory above lasts as long.
    _above: Option<Arc<Lease>>,
    leases: Weak<Leases>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(leases) = self.leases.upgrade() {
            leases.count.fetch_sub(1, Ordering::Relaxed);
            leases.ended.lock().push(self.number);
        }
    }
}

/// What a lease was when something was found.
#[derive(Clone)]
pub(super) struct Leased {
    lease: Arc<Lease>,
    changes: u64,
}

impl Leased {
    /// Whether nothing more is told of it.
    pub fn is_over(&self) -> bool {
        self.lease.is_over.load(Ordering::Acquire)
    }

    /// Whether nothing has changed since, as far as was asked.
    pub fn holds(&self) -> bool {
        !self.is_over() && self.lease.changes.load(Ordering::Acquire) == self.changes
    }
}

/// When the embedder was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Asked {
    at: Duration,
    generation: u64,
}

impl Asked {
    fn now(files: &dyn HostFiles) -> Asked {
        Asked {
            at: files.now(),
            generation: files.generation(),
        }
    }

    fn is_fresh(self, now: Asked) -> bool {
        self.generation == now.generation && now.at.saturating_sub(self.at) < FRESH
    }
}

#[derive(Default)]
struct Known {
    by_path: HashMap<Box<[u8]>, Weak<Lease>>,
    by_number: HashMap<u64, Weak<Lease>>,
    last: u64,
    /// What the embedder has told up to.
    heard: u64,
    asked: Option<Asked>,
}

/// The leases of a file system. No lock of theirs is held around a question to the embedder.
pub(super) struct Leases {
    this: Weak<Leases>,
    known: Mutex<Known>,
    count: AtomicUsize,
    /// Leases that the embedder has still to be told the end of. A lock of its own: they end under others.
    ended: Mutex<Vec<u64>>,
    /// The embedder gives none.
    are_none: AtomicBool,
}

impl Leases {
    pub fn new() -> Arc<Leases> {
        Arc::new_cyclic(|this| Leases {
            this: this.clone(),
            known: Mutex::default(),
            count: AtomicUsize::new(0),
            ended: Mutex::default(),
            are_none: AtomicBool::new(false),
        })
    }

    /// The embedder gives none.
    pub fn give_up(&self) {
        self.are_none.store(true, Ordering::Relaxed);
        self.ended.lock().clear();
    }

    /// The lease of a directory, and those that the embedder has to be asked for.
    pub fn begin(&self, path: &[u8]) -> Option<(Leased, Vec<HostLease>)> {
        let below = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut ends: Vec<usize> = below.map(|(end, _)| end).collect();
        ends.insert(0, 0);
        if !path.is_empty() {
            ends.push(path.len());
        }
        if ends.len() > DEEPEST || self.are_none.load(Ordering::Relaxed) {
            return None;
        }
        let mut chain: Vec<Arc<Lease>> = Vec::with_capacity(ends.len());
        let mut wanted = Vec::new();
        let mut known = self.known.lock();
        for length in ends {
            let of = &path[..length];
            let there = known.by_path.get(of).and_then(Weak::upgrade);
            let lease = match there {
                Some(lease) if !lease.is_over.load(Ordering::Acquire) => lease,
                _ => {
                    let lease = self.make(&mut known, of, chain.last());
                    wanted.push(HostLease {
                        length,
                        number: lease.number,
                    });
                    lease
                }
            };
            chain.push(lease);
        }
        let lease = chain.last()?.clone();
        drop(known);
        let changes = lease.changes.load(Ordering::Acquire);
        Some((Leased { lease, changes }, wanted))
    }

    fn make(&self, known: &mut Known, path: &[u8], above: Option<&Arc<Lease>>) -> Arc<Lease> {
        known.last += 1;
        let lease = Arc::new(Lease {
            number: known.last,
            path: path.into(),
            changes: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            _above: above.cloned(),
            leases: self.this.clone(),
        });
        self.count.fetch_add(1, Ordering::Relaxed);
        let weak = Arc::downgrade(&lease);
        known.by_path.insert(path.into(), weak.clone());
        known.by_number.insert(lease.number, weak);
        lease
    }

    /// The embedder has not taken these: nothing is to be relied on.
    pub fn refuse(&self, wanted: &[HostLease]) {
        let known = self.known.lock();
        let leases = wanted
            .iter()
            .filter_map(|wanted| known.by_number.get(&wanted.number)?.upgrade());
        for lease in leases {
            lease.is_over.store(true, Ordering::Release);
        }
    }

    /// Asks the embedder what has changed, if that was not done a moment ago. True if something has.
    pub fn renew(&self, files: &dyn HostFiles) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let asked = Asked::now(files);
        let heard = {
            let known = self.known.lock();
            if known.asked.is_some_and(|before| before.is_fresh(asked)) {
                return false;
            }
            known.heard
        };
        let ended = core::mem::take(&mut *self.ended.lock());
        match files.broken(heard, &ended) {
            Ok(told) => {
                self.tell(&told, &ended, asked);
                !told.broken.is_empty()
            }
            Err(_) => {
                self.ended.lock().extend(ended);
                false
            }
        }
    }

    /// Whether it was asked a moment ago.
    pub fn are_renewed(&self, files: &dyn HostFiles) -> bool {
        let now = Asked::now(files);
        let known = self.known.lock();
        known.asked.is_some_and(|asked| asked.is_fresh(now))
    }

    fn tell(&self, told: &HostBroken, ended: &[u64], asked: Asked) {
        let mut known = self.known.lock();
        for number in ended {
            known.by_number.remove(number);
        }
        let mut elsewhere: Vec<Arc<Lease>> = Vec::new();
        for broken in &told.broken {
            let lease = known.by_number.get(&broken.number).and_then(Weak::upgrade);
            let Some(lease) = lease else { continue };
            lease.changes.fetch_add(1, Ordering::AcqRel);
            if broken.leads_elsewhere {
                lease.is_over.store(true, Ordering::Release);
                elsewhere.push(lease);
            }
        }
        let others = known.by_number.values().filter_map(Weak::upgrade);
        for other in others.take_while(|_| !elsewhere.is_empty()) {
            let mut elsewhere = elsewhere.iter();
            if elsewhere.any(|lease| is_below(&other.path, &lease.path)) {
                other.is_over.store(true, Ordering::Release);
            }
        }
        if !ended.is_empty() {
            known.by_path.retain(|_, lease| lease.strong_count() > 0);
        }
        known.heard = known.heard.max(told.last);
        let is_later =
            |before: Asked| asked.generation >= before.generation && asked.at >= before.at;
        if known.asked.is_none_or(is_later) {
            known.asked = Some(asked);
        }
    }
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.len() > directory.len()
        && path.starts_with(directory)
        && (directory.is_empty() || path[directory.len()] == b'/')
}
