//! UDP (`udp(7)`): datagrams that arrive whole or not at all.
//!
//! A receiver whose queue is full loses what comes, and the sender does not hear of it. One that is not there is told
//! at once to a sender that is connected to it, as ICMP does.

mod deliver;
mod socket;

use super::address::Version;
use super::endpoint::Endpoint;
use super::loopback::{Loopback, UdpBinding};
use super::multicast::Memberships;
use crate::abi::inet::IPPROTO_UDP;
use crate::abi::socket::SOCK_DGRAM;
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::net::NetStack;
use crate::net::budget::Share;
use crate::wait_queue::WaitQueue;
use core::net::SocketAddr;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// What a datagram takes of its receiver's buffer beside its bytes: about what Linux keeps with each.
const OVERHEAD: usize = 768;

/// A datagram that waits.
struct Datagram {
    bytes: Box<[u8]>,
    from: SocketAddr,
    _share: Share,
}

struct State {
    port: Option<UdpBinding>,
    /// The port was asked for, and stays when the peer is taken away.
    port_given: bool,
    local: SocketAddr,
    /// The address was asked for, and stays when the peer is taken away.
    address_given: bool,
    peer: Option<SocketAddr>,
    inbox: VecDeque<Datagram>,
    /// Bytes of the inbox with the overhead of each.
    inbox_bytes: usize,
    /// Datagrams that found no room.
    drops: usize,
    reading_ended: bool,
    writing_ended: bool,
    /// Error that waits to be told.
    error: Option<Errno>,
}

/// A socket of UDP.
///
/// # Locking
/// The states of two sockets are never locked at the same time. The state comes before the machine's ports; no socket
/// is locked, or dropped, under those.
pub(super) struct UdpSocket {
    this: Weak<UdpSocket>,
    stack: Arc<NetStack>,
    inet: Endpoint,
    groups: Memberships,
    state: Mutex<State>,
    /// Those who wait for a datagram, an error or the end.
    readers: WaitQueue,
    _slot: Slot,
}

impl UdpSocket {
    /// Makes a socket without name and peer.
    pub fn new(stack: &Arc<NetStack>, version: Version, uid: u32, slot: Slot) -> Arc<UdpSocket> {
        Arc::new_cyclic(|this| UdpSocket {
            this: this.clone(),
            stack: stack.clone(),
            inet: Endpoint::new(version, uid, (SOCK_DGRAM, IPPROTO_UDP)),
            groups: Memberships::new(&stack.loopback),
            state: Mutex::new(State {
                port: None,
                port_given: false,
                local: SocketAddr::new(version.wildcard(), 0),
                address_given: false,
                peer: None,
                inbox: VecDeque::new(),
                inbox_bytes: 0,
                drops: 0,
                reading_ended: false,
                writing_ended: false,
                error: None,
            }),
            readers: WaitQueue::new(),
            _slot: slot,
        })
    }

    fn loopback(&self) -> &Arc<Loopback> {
        &self.stack.loopback
    }

    /// Takes the port of a name, or one that the machine chooses.
    fn take_port(&self, local: SocketAddr) -> Result<UdpBinding> {
        let loopback = self.loopback();
        let owner = (local, self.this.clone());
        self.inet.take_port(&loopback.udp, &*loopback.random, owner)
    }

    /// Gives a socket a port that the machine chooses, unless it has one.
    ///
    /// # Errors
    /// - `EAGAIN`: none is left.
    fn bind_any(&self, state: &mut State) -> Result<()> {
        if state.port.is_none() {
            let port = self.take_port(state.local).map_err(|_| Errno::EAGAIN)?;
            state.local.set_port(port.port);
            state.port = Some(port);
        }
        Ok(())
    }

    /// Takes away the peer, and with it what of the name was not asked for.
    fn disconnect(&self, state: &mut State) {
        state.peer = None;
        if !state.address_given {
            state.local.set_ip(self.inet.version.wildcard());
        }
        if state.port_given {
            if let Some(port) = &state.port {
                port.disconnect(self.inet.cover(state.local));
            }
        } else {
            state.port = None;
            state.local.set_port(0);
        }
    }
}
