//! What a socket of TCP does.

use super::connection::End;
use super::{Phase, State, TcpSocket};
use crate::abi::inet::{IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, TcpState};
use crate::abi::poll::PollEvents;
use crate::abi::socket::{
    MsgFlags, OptionValue, SO_ACCEPTCONN, SO_ERROR, SOCK_STREAM, SOL_SOCKET, Shutdown,
    SocketAddress, Ucred,
};
use crate::errno::{Errno, Result};
use crate::net::inet::endpoint::{check_flags, check_outgoing};
use crate::net::{Outgoing, Received, Socket, SocketCaller};
use crate::vfs::{SocketRow, TimeLimits};
use core::net::SocketAddr;
use core::task::Context;
use std::sync::Arc;

impl TcpSocket {
    fn end(&self) -> Option<Arc<End>> {
        self.state.lock().end()
    }

    fn send_bytes(&self, bytes: &[u8]) -> Result<usize> {
        let mut state = self.state.lock();
        if let Some(end) = state.end() {
            drop(state);
            return end.send(bytes);
        }
        Err(match state.error.take() {
            Some(errno) => errno,
            None if matches!(state.phase, Phase::Connecting(_)) => Errno::EAGAIN,
            None => Errno::EPIPE,
        })
    }

    fn tcp_state(&self) -> TcpState {
        match &self.state.lock().phase {
            Phase::Idle | Phase::Failed => TcpState::Close,
            Phase::Listening(_) => TcpState::Listen,
            Phase::Connecting(_) => TcpState::SynSent,
            Phase::Connected { end, .. } => end.state(),
        }
    }
}

/// What is received without a connection.
fn receive_unconnected(state: &mut State) -> Result<Received> {
    match (&state.phase, state.error) {
        (Phase::Listening(_), _) => Err(Errno::ENOTCONN),
        (_, Some(errno)) => {
            state.error = None;
            Err(errno)
        }
        _ if state.ended.reading => Ok(Received::default()),
        (Phase::Connecting(_), None) => Err(Errno::EAGAIN),
        (_, None) => Err(Errno::ENOTCONN),
    }
}

impl Socket for TcpSocket {
    fn domain(&self) -> i32 {
        self.inet.version.domain()
    }

    fn socket_type(&self) -> i32 {
        SOCK_STREAM
    }

    fn time_limits(&self) -> &TimeLimits {
        self.inet.options.time_limits()
    }

    /// # Errors
    /// - `EADDRNOTAVAIL`: the address is none of the machine's.
    /// - `EADDRINUSE`: somebody has the port, or for port 0 all are taken.
    fn bind(&self, _caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        self.bind_to(address)
    }

    /// # Errors
    /// - `EADDRINUSE`: somebody else listens there.
    fn listen(&self, caller: &SocketCaller<'_>, backlog: i32) -> Result<()> {
        self.start_listening(caller.credentials.pid, backlog)
    }

    fn accept(&self) -> Result<Arc<dyn Socket>> {
        let listener = match &self.state.lock().phase {
            Phase::Listening(listener) => listener.clone(),
            _ => return Err(Errno::EINVAL),
        };
        self.tell_awaited(&listener);
        Ok(self.accepted(listener.accept()?))
    }

    /// # Errors
    /// - `EACCES`: the address is beyond the machine.
    /// - `EADDRNOTAVAIL`: there is such a connection already, or no port is left for one.
    /// - `EALREADY`: it is about to be connected.
    /// - `ENETUNREACH`: a group, or a broadcast.
    fn connect(&self, caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        if *address == SocketAddress::Unspecified {
            self.disconnect();
            return Ok(());
        }
        // The embedder's own connections are to listeners of the machine.
        self.connect_to(address, caller.credentials.pid != Ucred::ROOT.pid)
    }

    /// As on Linux, a socket that listens stops, and one that connects gives up.
    fn shutdown(&self, how: Shutdown) -> Result<()> {
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Listening(_) if !how.reading() => Ok(()),
            Phase::Listening(_) | Phase::Connecting(_) => {
                drop(state);
                self.disconnect();
                Ok(())
            }
            Phase::Connected { end, .. } => {
                let end = end.clone();
                drop(state);
                end.shutdown(how)
            }
            Phase::Idle | Phase::Failed => {
                state.ended.reading |= how.reading();
                state.ended.writing |= how.writing();
                drop(state);
                self.idle.wake_all();
                Err(Errno::ENOTCONN)
            }
        }
    }

    fn name(&self) -> SocketAddress {
        self.inet.shown(self.state.lock().local)
    }

    fn peer_name(&self) -> Result<SocketAddress> {
        let end = self.end().filter(|end| end.state() != TcpState::Close);
        Ok(self.inet.shown(end.ok_or(Errno::ENOTCONN)?.remote))
    }

    fn option(&self, level: i32, name: i32) -> Result<OptionValue> {
        let number = match (level, name) {
            (SOL_SOCKET, SO_ERROR) => {
                let of_connection = self.end().and_then(|end| end.take_error());
                let error = of_connection.or_else(|| self.state.lock().error.take());
                error.map_or(0, Errno::raw)
            }
            (SOL_SOCKET, SO_ACCEPTCONN) => i32::from(self.tcp_state() == TcpState::Listen),
            (IPPROTO_TCP, _) => self.tcp.get(name, self.end().is_some())?,
            _ => return self.inet.option(level, name),
        };
        Ok(OptionValue::Int(number))
    }

    /// # Errors
    /// - `EPROTO`: joining or leaving a group. Linux takes those for one sender, which mean as little to a stream.
    fn set_option(&self, level: i32, name: i32, value: OptionValue) -> Result<()> {
        match level {
            IPPROTO_TCP => self.tcp.set(name, value.int().ok_or(Errno::EINVAL)?),
            IPPROTO_IP | IPPROTO_IPV6
                if matches!(
                    value,
                    OptionValue::Membership(_) | OptionValue::SourceMembership(_)
                ) =>
            {
                Err(Errno::EPROTO)
            }
            _ => {
                let is_bound = || self.state.lock().is_bound();
                self.inet.set_option((level, name), value, is_bound)
            }
        }
    }

    /// An address has no meaning for a stream.
    ///
    /// # Errors
    /// - `EPIPE`: it has no peer.
    /// - `EOPNOTSUPP`: urgent data.
    /// - `EINVAL`: descriptors, which travel within a local socket only.
    fn send_to(&self, _caller: &SocketCaller<'_>, message: Outgoing<'_>) -> Result<usize> {
        check_outgoing(&message)?;
        self.send_bytes(message.bytes)
    }

    /// # Errors
    /// - `ENOTCONN`: it has no peer.
    /// - `EOPNOTSUPP`: urgent data.
    fn receive_from(&self, buf: &mut [u8], flags: MsgFlags) -> Result<Received> {
        check_flags(flags)?;
        let mut state = self.state.lock();
        match state.end() {
            Some(end) => {
                drop(state);
                end.receive(buf, flags)
            }
            None => receive_unconnected(&mut state),
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.send_bytes(bytes)
    }

    fn events(&self) -> PollEvents {
        let state = self.state.lock();
        let mut ready = match &state.phase {
            Phase::Listening(listener) if listener.queued() == 0 => return PollEvents::empty(),
            Phase::Listening(_) => return PollEvents::POLLIN,
            Phase::Connecting(_) => PollEvents::empty(),
            Phase::Idle | Phase::Failed => PollEvents::POLLOUT | PollEvents::POLLHUP,
            Phase::Connected { end, .. } => {
                let end = end.clone();
                // An error of an earlier connection is still to be told.
                let error = state.error.is_some();
                drop(state);
                let ready = end.events();
                return if error {
                    ready | PollEvents::POLLERR
                } else {
                    ready
                };
            }
        };
        if state.ended.reading {
            ready |= PollEvents::POLLIN | PollEvents::POLLRDHUP;
        }
        if state.ended.reading && state.ended.writing {
            ready |= PollEvents::POLLHUP;
        }
        if state.error.is_some() {
            ready |= PollEvents::POLLERR;
        }
        ready
    }

    fn wait_for(&self, events: PollEvents, cx: &Context<'_>) {
        // Registering may wake others, which is not for under the lock.
        let (end, listener) = {
            let state = self.state.lock();
            let listener = match &state.phase {
                Phase::Listening(listener) => Some(listener.clone()),
                _ => None,
            };
            (state.end(), listener)
        };
        match (end, listener) {
            (Some(end), _) => end.register(events, cx),
            (None, Some(listener)) => {
                listener.accepters.register(cx);
                self.tell_awaited(&listener);
            }
            (None, None) => self.idle.register(cx),
        }
    }

    fn row(&self) -> SocketRow {
        let state = self.tcp_state();
        let (local, end, listener) = {
            let state = self.state.lock();
            let listener = match &state.phase {
                Phase::Listening(listener) => Some(listener.clone()),
                _ => None,
            };
            (state.local, state.end(), listener)
        };
        let nobody = SocketAddr::new(self.inet.version.wildcard(), 0);
        let (received, sent) = match (&end, &listener) {
            (Some(end), _) => end.queues(),
            (None, Some(listener)) => (listener.queued(), 0),
            (None, None) => (0, 0),
        };
        SocketRow {
            state,
            local: self.inet.shown(local),
            remote: self.inet.shown(end.map_or(nobody, |end| end.remote)),
            receive_queue: received,
            send_queue: sent,
            drops: 0,
        }
    }
}
