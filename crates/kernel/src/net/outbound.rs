//! Connections to ports of the loopback that lead out of the machine: the embedder answers them where nobody of the machine
//! listens.

use crate::errno::Result;
use crate::vfs::Socket;
use crate::wait_queue::WaitQueue;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::{Context, Poll};
use parking_lot::Mutex;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// The one address that has such ports.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What a socket that connects hands to the embedder. It is refused when that is dropped.
pub(super) trait Attempt: Send + Sync {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;

    /// Lets it come about; the other end of it.
    ///
    /// # Errors
    /// - `ECONNRESET`: the guest has given up.
    fn accept(&self) -> Result<Arc<dyn Socket>>;
}

/// A connection that a guest makes and the embedder is to answer. It is refused when it is dropped.
pub struct Outbound {
    pub(super) port: u16,
    pub(super) attempt: Box<dyn Attempt>,
}

impl Outbound {
    /// The port that it is made to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Which ports these are, and the connections that nobody has looked at yet: as many as there may be, and those that were given
/// up since the last one came.
pub(super) struct OutboundPorts {
    ports: BTreeSet<u16>,
    waiting: Mutex<VecDeque<Outbound>>,
    /// Those who wait for one.
    takers: WaitQueue,
}

impl OutboundPorts {
    pub fn new(ports: &[u16]) -> OutboundPorts {
        OutboundPorts {
            ports: ports.iter().copied().collect(),
            waiting: Mutex::default(),
            takers: WaitQueue::new(),
        }
    }

    /// Whether a destination leads out.
    pub fn has(&self, to: SocketAddr) -> bool {
        to.ip() == ADDRESS && self.ports.contains(&to.port())
    }

    pub fn push(&self, outbound: Outbound) {
        let given_up: VecDeque<Outbound> = {
            let mut waiting = self.waiting.lock();
            let all = core::mem::take(&mut *waiting).into_iter();
            let (wanted, given_up) = all.partition(|one| one.attempt.is_wanted());
            *waiting = wanted;
            waiting.push_back(outbound);
            given_up
        };
        drop(given_up);
        self.takers.wake_all();
    }

    /// Waits until there is one.
    pub fn poll(&self, cx: &Context<'_>) -> Poll<Outbound> {
        if let Some(first) = self.waiting.lock().pop_front() {
            return Poll::Ready(first);
        }
        self.takers.register(cx);
        let first = self.waiting.lock().pop_front();
        first.map_or(Poll::Pending, Poll::Ready)
    }
}
