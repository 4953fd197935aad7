//! What lies beyond the machine's loopback, injected by the embedder.

use crate::errno::Errno;
use core::net::SocketAddr;

/// How something is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By a connection of TCP.
    Tcp,
    /// By a datagram of UDP.
    Udp,
}

/// The network beyond the machine.
///
/// It is asked for every destination that is not the machine's own, and never for one that is.
pub trait Network: Send + Sync {
    /// Why a destination is not reached. It is answered at once: no guest waits for what it may not have.
    fn refusal(&self, to: SocketAddr, transport: Transport) -> Errno;
}

/// No network: every destination is refused with `EACCES`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Isolated;

impl Network for Isolated {
    fn refusal(&self, _to: SocketAddr, _transport: Transport) -> Errno {
        Errno::EACCES
    }
}
