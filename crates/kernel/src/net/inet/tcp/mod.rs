//! TCP (`tcp(7)`): sockets that connect, listen and accept.
//!
//! # Deviations
//! - There is no `TIME_WAIT`: nothing strays on the loopback, so a port is free as soon as both ends have closed. As on
//!   Linux it is not as long as one end still has the connection, unless `SO_REUSEADDR` is set.
//! - Ports below 1024 are for everybody: a machine has one user, and nobody outside sees its ports.
//! - A connection for which a listener has no room goes on as soon as there is some, not a second later.
//! - There is no urgent data (`EOPNOTSUPP`), and `TCP_INFO` is `ENOPROTOOPT`.

mod connection;
mod establish;
mod listener;
mod options;
mod outbound;
mod socket;

pub use connection::TCP_BUFFER;
pub(super) use establish::bind_address;
pub(super) use listener::Listener;

use super::address::Version;
use super::endpoint::Endpoint;
use super::loopback::{Loopback, TcpBinding};
use super::port::Sharing;
use crate::abi::inet::{IPPROTO_TCP, TcpState};
use crate::abi::socket::SOCK_STREAM;
use crate::errno::Errno;
use crate::limits::Slot;
use crate::net::NetStack;
use crate::wait_queue::WaitQueue;
use connection::{End, Ended, Hold};
use core::net::SocketAddr;
use options::TcpOptions;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// A socket of TCP.
///
/// # Locking
/// The state comes before the machine's ports and names, a listener's queue and a connection's halves. Wakers run, and
/// connections end, without it.
pub(super) struct TcpSocket {
    this: Weak<TcpSocket>,
    stack: Arc<NetStack>,
    inet: Endpoint,
    tcp: TcpOptions,
    state: Mutex<State>,
    /// Those who wait although there is no connection yet.
    idle: WaitQueue,
    /// Place in the count of sockets; an accepted connection has its own.
    _slot: Option<Slot>,
}

struct State {
    /// The port, as far as it is not the connection's alone.
    port: Option<Arc<TcpBinding>>,
    /// The port was asked for, and stays when a connection ends.
    port_given: bool,
    local: SocketAddr,
    /// The address was asked for, and stays when a connection ends.
    address_given: bool,
    /// Halves that ended without a connection.
    ended: Ended,
    /// Error that waits to be told, of a socket without a connection.
    error: Option<Errno>,
    phase: Phase,
}

enum Phase {
    Idle,
    Listening(Arc<Listener>),
    /// The listener has no room yet.
    Connecting(Attempt),
    /// Nobody was there in the end.
    Failed,
    /// Connected, and whether a call of `connect` has said so.
    Connected {
        end: Arc<End>,
        told: bool,
    },
}

/// A connection to be.
struct Attempt {
    listener: Arc<Listener>,
    hold: Hold,
    connection: Slot,
    /// Place of the accepted socket in the count of sockets.
    accepted: Slot,
}

impl State {
    fn new(version: Version) -> State {
        State {
            port: None,
            port_given: false,
            local: SocketAddr::new(version.wildcard(), 0),
            address_given: false,
            ended: Ended::default(),
            error: None,
            phase: Phase::Idle,
        }
    }

    /// Whether it has a name that `bind` cannot change.
    fn is_bound(&self) -> bool {
        match &self.phase {
            Phase::Idle | Phase::Failed => self.port.is_some(),
            Phase::Listening(_) | Phase::Connecting(_) => true,
            Phase::Connected { end, .. } => self.port.is_some() || end.state() != TcpState::Close,
        }
    }

    fn end(&self) -> Option<Arc<End>> {
        match &self.phase {
            Phase::Connected { end, .. } => Some(end.clone()),
            _ => None,
        }
    }
}

impl TcpSocket {
    /// Makes a socket without name and peer.
    pub fn new(stack: &Arc<NetStack>, version: Version, uid: u32, slot: Slot) -> Arc<TcpSocket> {
        Arc::new_cyclic(|this| TcpSocket {
            this: this.clone(),
            stack: stack.clone(),
            inet: Endpoint::new(version, uid, (SOCK_STREAM, IPPROTO_TCP)),
            tcp: TcpOptions::default(),
            state: Mutex::new(State::new(version)),
            idle: WaitQueue::new(),
            _slot: Some(slot),
        })
    }

    /// Makes the socket of an accepted connection, which has the options of the one that listened.
    fn accepted(&self, end: End) -> Arc<TcpSocket> {
        let local = end.local;
        let state = State {
            local,
            phase: Phase::Connected {
                end: Arc::new(end),
                told: true,
            },
            ..State::new(self.inet.version)
        };
        Arc::new_cyclic(|this| TcpSocket {
            this: this.clone(),
            stack: self.stack.clone(),
            inet: self.inet.accepted(),
            tcp: self.tcp.inherited(),
            state: Mutex::new(state),
            idle: WaitQueue::new(),
            _slot: None,
        })
    }

    fn loopback(&self) -> &Arc<Loopback> {
        &self.stack.loopback
    }

    /// Goes back to a socket without a connection, with the name that was asked for. What is left to be ended comes
    /// back, to be ended without the lock.
    fn become_idle(&self, state: &mut State) -> Phase {
        let former = core::mem::replace(&mut state.phase, Phase::Idle);
        state.ended = Ended::default();
        self.inet.sharing.set(Sharing::LISTENS, false);
        if !state.address_given {
            state.local.set_ip(self.inet.version.wildcard());
        }
        if state.port_given {
            if let Some(port) = &state.port {
                port.disconnect(self.inet.cover(state.local));
            }
        } else {
            // As on Linux, what it had is still told.
            state.port = None;
        }
        former
    }

    /// Takes away the connection, or the listening (`connect(2)` to `AF_UNSPEC`).
    fn disconnect(&self) {
        let former = {
            let mut state = self.state.lock();
            let port = state.local.port();
            let former = self.become_idle(&mut state);
            match &former {
                Phase::Connecting(_) => state.error = Some(Errno::ECONNRESET),
                Phase::Listening(listener) => self.loopback().remove_listener(port, listener),
                _ => {}
            }
            former
        };
        match former {
            Phase::Listening(listener) => {
                self.loopback().listeners_changed();
                listener.close();
            }
            Phase::Connected { end, .. } => {
                let error = end.take_error();
                let was_open = end.abort();
                if let Some(errno) = Some(Errno::ECONNRESET).filter(|_| was_open).or(error) {
                    self.state.lock().error = Some(errno);
                }
            }
            Phase::Idle | Phase::Failed | Phase::Connecting(_) => {}
        }
        self.idle.wake_all();
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let phase = core::mem::replace(&mut state.phase, Phase::Idle);
        match phase {
            Phase::Listening(listener) => {
                let loopback = &self.stack.loopback;
                loopback.remove_listener(state.local.port(), &listener);
                loopback.listeners_changed();
                listener.close();
            }
            Phase::Connected { end, .. } if self.inet.options.linger() == Some(0) => {
                end.abort();
            }
            Phase::Connected { end, .. } => end.close(),
            Phase::Idle | Phase::Failed | Phase::Connecting(_) => {}
        }
    }
}
