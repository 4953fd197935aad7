//! All pseudoterminals of a kernel.

use super::{Pty, SignalSink};
use crate::abi::Pid;
use crate::abi::signal::Signal;
use crate::clock::Clock;
use crate::errno::{Errno, Result};
use crate::limits::LimitLedger;
use core::sync::atomic::{AtomicUsize, Ordering};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock, Weak};

/// Pseudoterminals by number.
pub(crate) struct TtyTable {
    ptys: Mutex<Vec<Weak<Pty>>>,
    count: Arc<AtomicUsize>,
    max: usize,
    ledger: Arc<LimitLedger>,
    clock: Arc<dyn Clock>,
    sink: OnceLock<Weak<dyn SignalSink>>,
}

impl TtyTable {
    pub fn new(max: usize, ledger: Arc<LimitLedger>, clock: Arc<dyn Clock>) -> Arc<TtyTable> {
        Arc::new(TtyTable {
            ptys: Mutex::default(),
            count: Arc::default(),
            max,
            ledger,
            clock,
            sink: OnceLock::new(),
        })
    }

    /// Says where signals go; once, at boot.
    pub fn connect(&self, sink: Weak<dyn SignalSink>) {
        let connected = self.sink.set(sink);
        debug_assert!(connected.is_ok(), "boot connects once");
    }

    pub fn sink(&self) -> Option<Arc<dyn SignalSink>> {
        self.sink.get().and_then(Weak::upgrade)
    }

    /// Pseudoterminals that exist.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Makes a pseudoterminal with the lowest free number, for a user.
    ///
    /// # Errors
    /// - `ENOSPC`: there are as many as allowed.
    pub fn create(&self, uid: u32) -> Result<Arc<Pty>> {
        let slot = self.ledger.slot("maxPtys", &self.count, self.max);
        let slot = slot.ok_or(Errno::ENOSPC)?;
        let mut ptys = self.ptys.lock();
        let free = ptys.iter().position(|pty| pty.strong_count() == 0);
        let index = free.unwrap_or(ptys.len());
        let sink = self.sink.get().cloned().ok_or(Errno::EIO)?;
        let pty = Pty::new(index, uid, self.clock.clone(), sink, slot);
        if index == ptys.len() {
            ptys.push(Arc::downgrade(&pty));
        } else {
            ptys[index] = Arc::downgrade(&pty);
        }
        Ok(pty)
    }

    /// Pseudoterminals whose master is open, ascending.
    pub fn all(&self) -> Vec<Arc<Pty>> {
        let ptys: Vec<Arc<Pty>> = self.ptys.lock().iter().filter_map(Weak::upgrade).collect();
        ptys.into_iter().filter(|pty| !pty.is_hung_up()).collect()
    }

    pub fn find(&self, index: usize) -> Option<Arc<Pty>> {
        let pty = self.ptys.lock().get(index).and_then(Weak::upgrade)?;
        (!pty.is_hung_up()).then_some(pty)
    }

    /// Controlling terminal of a session.
    pub fn of_session(&self, sid: Pid) -> Option<Arc<Pty>> {
        let ptys: Vec<Arc<Pty>> = self.ptys.lock().iter().filter_map(Weak::upgrade).collect();
        ptys.into_iter().find(|pty| pty.session() == Some(sid))
    }

    /// Takes the terminal away from a session whose leader has ended; its foreground group is hung up.
    ///
    /// # Locking
    /// No lock is held: signals are delivered.
    pub fn leader_exited(&self, sid: Pid) {
        let Some(pty) = self.of_session(sid) else {
            return;
        };
        let (foreground, sink) = (pty.release_session(), self.sink());
        if let (Some(group), Some(sink)) = (foreground, sink) {
            sink.signal_group(group, Signal::SIGHUP);
            if pty.is_hung_up() {
                sink.signal_group(group, Signal::SIGCONT);
            }
        }
    }
}
