//! How connections come about: names, listening, connecting.

use super::connection::{End, Hold};
use super::listener::Listener;
use super::outbound::outbound;
use super::{Attempt, Phase, State, TcpSocket};
use crate::abi::inet::TcpState;
use crate::abi::socket::{SOMAXCONN, Shutdown, SocketAddress};
use crate::errno::{Errno, Result};
use crate::net::external::Transport;
use crate::net::inet::address::{Place, Version, loopback, of_family};
use crate::net::inet::loopback::TcpBinding;
use crate::net::inet::port::{Claim, Sharing};
use crate::net::outbound::Outbound;
use crate::wait_queue::WaitQueue;
use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The address that a socket is to be bound to.
///
/// # Errors
/// - `EAFNOSUPPORT`, `EINVAL`: it is of another family.
/// - `EADDRNOTAVAIL`: it is not one of the machine's.
/// - `EINVAL`: the socket of IPv6 has a name, or takes no IPv4, or is for streams and the address is a group.
pub(in crate::net::inet) fn bind_address(
    version: Version,
    address: &SocketAddress,
    (is_bound, v6_only, is_stream): (bool, bool, bool),
) -> Result<SocketAddr> {
    if version == Version::V4 && *address == SocketAddress::Unspecified {
        // As Linux takes it: an address of zeroes.
        return Ok(SocketAddr::new(version.wildcard(), 0));
    }
    let local = of_family(version, address)?;
    if version == Version::V6 {
        let is_group = matches!(local.ip(), IpAddr::V6(ip) if ip.is_multicast());
        let takes_no_v4 = v6_only && local.is_ipv4();
        if is_stream && is_group || is_bound || takes_no_v4 {
            return Err(Errno::EINVAL);
        }
    }
    match Place::of(local.ip()) {
        Place::Foreign => Err(Errno::EADDRNOTAVAIL),
        _ => Ok(local),
    }
}

impl TcpSocket {
    /// # Errors
    /// As [`bind_address`], and `EADDRINUSE`.
    pub(super) fn bind_to(&self, address: &SocketAddress) -> Result<()> {
        let mut state = self.state.lock();
        let about = (state.is_bound(), self.inet.ip.v6_only(), true);
        let local = bind_address(self.inet.version, address, about)?;
        if state.is_bound() {
            return Err(Errno::EINVAL);
        }
        let port = self.take_port(local)?;
        state.local = SocketAddr::new(local.ip(), port.port);
        state.port = Some(Arc::new(port));
        state.port_given = local.port() != 0;
        state.address_given = !local.ip().is_unspecified();
        Ok(())
    }

    /// Takes the port of a name, or one that the machine chooses.
    fn take_port(&self, local: SocketAddr) -> Result<TcpBinding> {
        let loopback = self.loopback();
        let random = &*loopback.random;
        self.inet.take_port(&loopback.tcp, random, (local, ()))
    }

    /// # Errors
    /// - `EINVAL`: it is connected, or about to be.
    /// - `EADDRINUSE`: somebody else listens there.
    pub(super) fn start_listening(&self, pid: i32, backlog: i32) -> Result<()> {
        let backlog = usize::try_from(backlog).unwrap_or(SOMAXCONN).min(SOMAXCONN);
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Listening(listener) => {
                let listener = listener.clone();
                drop(state);
                listener.set_backlog(backlog);
                return Ok(());
            }
            Phase::Idle => {}
            _ => return Err(Errno::EINVAL),
        }
        let port = match &state.port {
            Some(port) => port.clone(),
            None => {
                // The port of an earlier connection may still be told, but it is not the socket's.
                let any = SocketAddr::new(state.local.ip(), 0);
                let port = Arc::new(self.take_port(any)?);
                state.local.set_port(port.port);
                state.port = Some(port.clone());
                port
            }
        };
        self.inet.share();
        self.inet.sharing.set(Sharing::LISTENS, true);
        if let Err(errno) = port.check() {
            self.inet.sharing.set(Sharing::LISTENS, false);
            return Err(errno);
        }
        let listener = Listener::new(self, (state.local, state.ended), pid, backlog);
        state.phase = Phase::Listening(listener.clone());
        self.loopback().add_listener(state.local.port(), &listener);
        drop(state);
        self.loopback().listeners_changed();
        self.idle.wake_all();
        Ok(())
    }

    /// Somebody waits for a connection; the caller holds no lock.
    pub(super) fn tell_awaited(&self, listener: &Listener) {
        if listener.set_awaited() {
            self.loopback().listeners_changed();
        }
    }

    /// # Errors
    /// As [`Socket::connect`](crate::net::Socket::connect).
    pub(super) fn connect_to(&self, address: &SocketAddress, is_guest: bool) -> Result<()> {
        let mut woken = Woken {
            may_leave: is_guest,
            ..Woken::default()
        };
        let connected = {
            let mut state = self.state.lock();
            self.connect_locked(&mut state, address, &mut woken)
        };
        if let Some(outbound) = woken.outbound.take() {
            self.loopback().outbound.push(outbound);
        }
        woken.wake();
        self.idle.wake_all();
        connected
    }

    fn connect_locked(
        &self,
        state: &mut State,
        address: &SocketAddress,
        woken: &mut Woken,
    ) -> Result<()> {
        match &mut state.phase {
            Phase::Idle => {}
            Phase::Listening(_) => return Err(Errno::EISCONN),
            Phase::Connecting(_) => return Err(Errno::EALREADY),
            Phase::Connected { told: true, .. } => return Err(Errno::EISCONN),
            Phase::Connected { end, told } if end.state() != TcpState::Close => {
                *told = true;
                return Ok(());
            }
            Phase::Failed | Phase::Connected { .. } => {
                let of_connection = state.end().and_then(|end| end.take_error());
                let error = of_connection.or_else(|| state.error.take());
                woken.ended = Some(self.become_idle(state));
                return Err(error.unwrap_or(Errno::ECONNABORTED));
            }
        }
        let remote = self.destination(state, address)?;
        let local = self.source(state, remote)?;
        let accepted = self.stack.socket_slot()?;
        let connection = self.stack.connection_slot()?;
        let hold = self.take_names(state, local, remote)?;
        let local = hold.name.local;
        state.error = None;
        let begun = if local != remote {
            let found = self.loopback().listener(remote, local);
            let found = found.or_else(|| self.leave(remote, woken));
            let listener = found.ok_or(Errno::ECONNREFUSED);
            listener.and_then(|listener| Ok((listener.has_room(&self.this)?, listener)))
        } else if state.ended.writing {
            // Its own FIN would be the first thing that it gets.
            Err(Errno::ECONNABORTED)
        } else {
            // As when both sides connect at once: whoever listens there is not asked.
            let end = End::to_itself(&self.stack.buffered, hold, connection);
            self.become_connected(state, end, true);
            return Ok(());
        };
        let (has_room, listener) = match begun {
            Ok(begun) => begun,
            Err(errno) => {
                drop(hold);
                self.become_idle(state);
                // As on Linux, the port that it had is still told.
                state.local.set_port(local.port());
                return Err(errno);
            }
        };
        state.local = local;
        let attempt = Attempt {
            listener,
            hold,
            connection,
            accepted,
        };
        if !has_room {
            state.phase = Phase::Connecting(attempt);
            return Err(Errno::EINPROGRESS);
        }
        self.establish(state, attempt, true, woken)
            .inspect_err(|_| drop(self.become_idle(state)))
    }

    /// Who answers a connection that leads out of the machine, if it does.
    fn leave(&self, to: SocketAddr, woken: &mut Woken) -> Option<Arc<Listener>> {
        if !woken.may_leave || !self.loopback().outbound.has(to) {
            return None;
        }
        let (outbound, listener) = outbound(&self.this.upgrade()?, to);
        woken.outbound = Some(outbound);
        Some(listener)
    }

    /// Where a connection to an address goes.
    fn destination(&self, state: &State, address: &SocketAddress) -> Result<SocketAddr> {
        let mut remote = of_family(self.inet.version, address)?;
        if remote.ip().is_unspecified() {
            // All of the machine's addresses are as good as one; a socket that has one means that.
            let own = state.local.ip();
            remote.set_ip(if own.is_unspecified() {
                loopback(remote.ip())
            } else {
                match (own, remote.ip()) {
                    (IpAddr::V4(_), _) if self.inet.version == Version::V6 => loopback(own),
                    (IpAddr::V4(_), _) => own,
                    (IpAddr::V6(_), to) => loopback(to),
                }
            });
        }
        if self.inet.ip.v6_only() && remote.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        match self.loopback().check_reachable(remote, Transport::Tcp)? {
            Place::Multicast | Place::Broadcast => Err(Errno::ENETUNREACH),
            _ => Ok(remote),
        }
    }

    /// Where a connection comes from; the port may be missing.
    fn source(&self, state: &State, remote: SocketAddr) -> Result<SocketAddr> {
        let port = state.port.as_ref().map_or(0, |port| port.port);
        let ip = match state.local.ip() {
            ip if ip.is_unspecified() => loopback(remote.ip()),
            ip if Place::of(ip) != Place::Loopback => loopback(remote.ip()),
            IpAddr::V6(_) if remote.is_ipv4() => return Err(Errno::ENETUNREACH),
            IpAddr::V4(_) if remote.is_ipv6() => return Err(Errno::EAFNOSUPPORT),
            ip => ip,
        };
        Ok(SocketAddr::new(ip, port))
    }

    /// Takes the names of the half to be, and a port if there is none.
    fn take_names(
        &self,
        state: &mut State,
        mut local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<Hold> {
        let port = match &state.port {
            Some(port) => {
                let port = port.clone();
                let name = self.loopback().half(local, remote)?;
                port.connect(local, remote);
                if !state.port_given {
                    state.port = None;
                }
                return Ok(Hold { name, _port: port });
            }
            None => {
                self.inet.share();
                let loopback = self.loopback();
                let is_new = |port| {
                    let local = SocketAddr::new(local.ip(), port);
                    local != remote && loopback.is_new(local, remote)
                };
                let random = &*loopback.random;
                let claim = self.inet.claim(local);
                let taken =
                    loopback
                        .tcp
                        .lock()
                        .take_for_connection(claim, remote, (), random, is_new)?;
                TcpBinding::new(&loopback.tcp, taken)
            }
        };
        local.set_port(port.port);
        let name = self.loopback().half(local, remote)?;
        Ok(Hold {
            name,
            _port: Arc::new(port),
        })
    }

    /// Connects to a listener that has room.
    fn establish(
        &self,
        state: &mut State,
        attempt: Attempt,
        told: bool,
        woken: &mut Woken,
    ) -> Result<()> {
        let Attempt {
            listener,
            hold,
            connection,
            accepted,
        } = attempt;
        let other = listener.names_for(self, &hold)?;
        let (own, other) = End::pair(&self.stack.buffered, [hold, other], connection, accepted);
        other.begin_ended(listener.ended);
        if listener.ended.writing {
            other.shutdown(Shutdown::Write)?;
        }
        listener.push(other)?;
        self.become_connected(state, own, told);
        woken.listener = Some(listener);
        Ok(())
    }

    fn become_connected(&self, state: &mut State, end: End, told: bool) {
        end.begin_ended(state.ended);
        state.local = end.local;
        state.phase = Phase::Connected {
            end: Arc::new(end),
            told,
        };
    }

    /// Tries again after the listener has made room, or has gone.
    pub(super) fn go_on(&self) {
        let mut woken = Woken::default();
        {
            let mut state = self.state.lock();
            let attempt = match core::mem::replace(&mut state.phase, Phase::Failed) {
                Phase::Connecting(attempt) => attempt,
                other => {
                    state.phase = other;
                    return;
                }
            };
            let outcome = match attempt.listener.has_room(&self.this) {
                Ok(true) => self.establish(&mut state, attempt, false, &mut woken),
                Ok(false) => {
                    state.phase = Phase::Connecting(attempt);
                    return;
                }
                Err(errno) => Err(errno),
            };
            if let Err(errno) = outcome {
                state.error = Some(errno);
                state.ended.reading = true;
                state.ended.writing = true;
                if !state.port_given {
                    state.port = None;
                }
            }
        }
        woken.wake();
        self.idle.wake_all();
    }
}

/// Who is to be woken, and what is to be dropped, once the state is not locked any more.
#[derive(Default)]
struct Woken {
    listener: Option<Arc<Listener>>,
    ended: Option<Phase>,
    /// Ports that lead out of the machine do so for this caller.
    may_leave: bool,
    /// A connection that does.
    outbound: Option<Outbound>,
}

impl Woken {
    fn wake(self) {
        if let Some(listener) = self.listener {
            WaitQueue::wake_all(&listener.accepters);
        }
        drop(self.ended);
    }
}

impl Listener {
    /// The names of the half that will be accepted.
    fn names_for(&self, socket: &TcpSocket, hold: &Hold) -> Result<Hold> {
        let (local, remote) = (hold.name.remote, hold.name.local);
        let name = socket.loopback().half(local, remote)?;
        let claim = Claim {
            cover: self.cover.connected(local.ip()),
            sharing: Arc::new(self.sharing.of_accepted()),
            uid: self.uid,
        };
        let ports = &socket.loopback().tcp;
        let id = ports.lock().insert(local.port(), claim, Some(remote), ());
        let port = TcpBinding::new(ports, (local.port(), id));
        Ok(Hold {
            name,
            _port: Arc::new(port),
        })
    }
}
