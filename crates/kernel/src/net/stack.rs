//! What the sockets of a machine share.

use super::unix::AbstractNames;
use crate::errno::{Errno, Result};
use crate::limits::{LimitLedger, Limits, Slot};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Counts and names of all sockets.
pub(crate) struct NetStack {
    /// Local names that are no paths.
    pub abstract_names: AbstractNames,
    sockets: Arc<AtomicUsize>,
    max_sockets: usize,
    /// Descriptors that were sent and not received.
    in_flight: Arc<AtomicUsize>,
    max_in_flight: usize,
    ledger: Arc<LimitLedger>,
}

impl NetStack {
    pub fn new(limits: &Limits, ledger: Arc<LimitLedger>) -> NetStack {
        NetStack {
            abstract_names: AbstractNames::default(),
            sockets: Arc::default(),
            max_sockets: limits.max_sockets,
            in_flight: Arc::default(),
            max_in_flight: limits.max_open_fds,
            ledger,
        }
    }

    /// Sockets that guests have made.
    pub fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }

    /// Takes a place in the count of sockets.
    ///
    /// # Errors
    /// - `ENFILE`: none is left.
    pub fn socket_slot(&self) -> Result<Slot> {
        let max = self.max_sockets;
        Slot::take(&self.sockets, max).map_err(|used| {
            self.ledger.record("maxSockets", max as u64, used as u64);
            Errno::ENFILE
        })
    }

    /// Takes a place in the count of descriptors that are on their way: as many as one process may have open.
    ///
    /// # Errors
    /// - `ETOOMANYREFS`: none is left.
    pub fn flight_slot(&self) -> Result<Slot> {
        let max = self.max_in_flight;
        Slot::take(&self.in_flight, max).map_err(|used| {
            self.ledger.record("maxOpenFds", max as u64, used as u64);
            Errno::ETOOMANYREFS
        })
    }
}
