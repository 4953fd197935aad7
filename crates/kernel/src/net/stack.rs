//! What the sockets of a machine share.

use super::Socket;
use super::budget::BufferBudget;
use super::external::Network;
use super::inet::Loopback;
use super::listeners::{ListenerBell, ListenerInfo, PathListeners};
use super::outbound::Outbound;
use super::unix::AbstractNames;
use crate::errno::{Errno, Result};
use crate::limits::{LimitLedger, Limits, Slot};
use crate::random::RandomSource;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};
use std::sync::Arc;

/// Counts and names of all sockets.
pub(crate) struct NetStack {
    /// Local names that are no paths.
    pub abstract_names: AbstractNames,
    /// Local streams that listen under a path.
    pub(super) path_listeners: Arc<PathListeners>,
    pub(super) listener_bell: Arc<ListenerBell>,
    /// Ports, listeners, connections and groups.
    pub loopback: Arc<Loopback>,
    /// Bytes that wait in sockets.
    pub buffered: Arc<BufferBudget>,
    connections: Arc<AtomicUsize>,
    max_connections: usize,
    sockets: Arc<AtomicUsize>,
    max_sockets: usize,
    /// Descriptors that were sent and not received.
    in_flight: Arc<AtomicUsize>,
    max_in_flight: usize,
    ledger: Arc<LimitLedger>,
}

impl NetStack {
    pub fn new(
        limits: &Limits,
        ledger: Arc<LimitLedger>,
        random: Arc<dyn RandomSource>,
        (network, outbound_ports): (Arc<dyn Network>, &[u16]),
    ) -> NetStack {
        let bell = ListenerBell::new();
        NetStack {
            abstract_names: AbstractNames::default(),
            path_listeners: PathListeners::new(&bell),
            loopback: Arc::new(Loopback::new(random, network, bell.clone(), outbound_ports)),
            listener_bell: bell,
            buffered: BufferBudget::new(limits.max_socket_buffered_bytes, ledger.clone()),
            connections: Arc::default(),
            max_connections: limits.max_connections,
            sockets: Arc::default(),
            max_sockets: limits.max_sockets,
            in_flight: Arc::default(),
            max_in_flight: limits.max_open_fds,
            ledger,
        }
    }

    /// Local streams that listen under a path.
    pub fn path_listeners(&self) -> Vec<ListenerInfo> {
        self.path_listeners.infos()
    }

    /// Waits until the set of listeners has changed more than `seen` times; how often it has.
    pub fn poll_listeners(&self, seen: u64, cx: &Context<'_>) -> Poll<u64> {
        self.listener_bell.poll(seen, cx)
    }

    /// Waits until a guest connects to a port that leads out of the machine.
    pub fn poll_outbound(&self, cx: &Context<'_>) -> Poll<Outbound> {
        self.loopback.outbound.poll(cx)
    }

    /// Lets such a connection come about; the other end of it.
    ///
    /// # Errors
    /// - `ECONNRESET`: the guest has given up.
    pub fn accept_outbound(&self, outbound: &Outbound) -> Result<Arc<dyn Socket>> {
        outbound.attempt.accept()
    }

    /// Sockets that guests have made.
    pub fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }

    /// Connections of TCP, those included that nobody has accepted or read to their end.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes a place in the count of connections.
    ///
    /// # Errors
    /// - `ENOBUFS`: none is left.
    pub fn connection_slot(&self) -> Result<Slot> {
        let max = self.max_connections;
        let slot = self.ledger.slot("maxConnections", &self.connections, max);
        slot.ok_or(Errno::ENOBUFS)
    }

    /// Takes a place in the count of sockets.
    ///
    /// # Errors
    /// - `ENFILE`: none is left.
    pub fn socket_slot(&self) -> Result<Slot> {
        let max = self.max_sockets;
        let slot = self.ledger.slot("maxSockets", &self.sockets, max);
        slot.ok_or(Errno::ENFILE)
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
