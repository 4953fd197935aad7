//! What a socket of UDP does.

use super::UdpSocket;
use crate::abi::inet::{
    IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP,
    IPPROTO_IP, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, MCAST_JOIN_SOURCE_GROUP,
    MCAST_LEAVE_SOURCE_GROUP, Membership, SourceMembership, TcpState,
};
use crate::abi::poll::PollEvents;
use crate::abi::socket::{
    MsgFlags, OptionValue, SO_ACCEPTCONN, SO_ERROR, SOCK_DGRAM, SOL_SOCKET, Shutdown, SocketAddress,
};
use crate::errno::{Errno, Result};
use crate::net::inet::address::Version;
use crate::net::inet::endpoint::{check_flags, check_outgoing};
use crate::net::inet::tcp::bind_address;
use crate::net::{Outgoing, Received, Socket, SocketCaller};
use crate::vfs::{SocketRow, TimeLimits};
use core::net::SocketAddr;
use core::task::Context;

impl UdpSocket {
    /// Joins or leaves a group.
    ///
    /// # Errors
    /// - `ENOPROTOOPT`: no such option, or a group of IPv6 on a socket of IPv4.
    /// - `EINVAL`: a group of the other family.
    fn change_groups(&self, option: (i32, i32), membership: Membership) -> Result<()> {
        let is_v6 = matches!(membership, Membership::V6 { .. });
        if option.0 == IPPROTO_IPV6 && self.inet.version == Version::V4 {
            return Err(Errno::ENOPROTOOPT);
        }
        match option {
            (IPPROTO_IP, IP_ADD_MEMBERSHIP) if !is_v6 => self.groups.join(membership),
            (IPPROTO_IP, IP_DROP_MEMBERSHIP) if !is_v6 => self.groups.leave(membership),
            (IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP) if is_v6 => self.groups.join(membership),
            (IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP) if is_v6 => self.groups.leave(membership),
            (IPPROTO_IP, IP_ADD_MEMBERSHIP | IP_DROP_MEMBERSHIP)
            | (IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP | IPV6_DROP_MEMBERSHIP) => Err(Errno::EINVAL),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// Joins or leaves a group for one sender.
    ///
    /// # Errors
    /// - `ENOPROTOOPT`: no such option, or a group of IPv6 on a socket of IPv4.
    /// - `EINVAL`: a group of the other family.
    fn change_sources(&self, option: (i32, i32), membership: SourceMembership) -> Result<()> {
        let is_v6 = matches!(membership.membership, Membership::V6 { .. });
        if option.0 == IPPROTO_IPV6 && self.inet.version == Version::V4 {
            return Err(Errno::ENOPROTOOPT);
        }
        match option {
            (IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP | MCAST_JOIN_SOURCE_GROUP) if !is_v6 => {
                self.groups.join_source(membership)
            }
            (IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP | MCAST_LEAVE_SOURCE_GROUP) if !is_v6 => {
                self.groups.leave_source(membership)
            }
            (IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP) if is_v6 => self.groups.join_source(membership),
            (IPPROTO_IPV6, MCAST_LEAVE_SOURCE_GROUP) if is_v6 => {
                self.groups.leave_source(membership)
            }
            (IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP | IP_DROP_SOURCE_MEMBERSHIP)
            | (IPPROTO_IP | IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP | MCAST_LEAVE_SOURCE_GROUP) => {
                Err(Errno::EINVAL)
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

impl Socket for UdpSocket {
    fn domain(&self) -> i32 {
        self.inet.version.domain()
    }

    fn socket_type(&self) -> i32 {
        SOCK_DGRAM
    }

    fn time_limits(&self) -> &TimeLimits {
        self.inet.options.time_limits()
    }

    /// # Errors
    /// - `EADDRNOTAVAIL`: the address is none of the machine's.
    fn bind(&self, _caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        let mut state = self.state.lock();
        let about = (state.port.is_some(), self.inet.ip.v6_only(), false);
        let local = bind_address(self.inet.version, address, about)?;
        if state.port.is_some() {
            return Err(Errno::EINVAL);
        }
        let port = self.take_port(local)?;
        state.local = SocketAddr::new(local.ip(), port.port);
        state.port = Some(port);
        state.port_given = local.port() != 0;
        state.address_given = !local.ip().is_unspecified();
        Ok(())
    }

    /// Sets or, with `AF_UNSPEC`, takes away whom it sends to and receives from. What had arrived stays.
    ///
    /// # Errors
    /// - `EACCES`: the address is beyond the machine, or a broadcast without `SO_BROADCAST`.
    /// - `EAGAIN`: no port is left.
    fn connect(&self, _caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        let mut state = self.state.lock();
        if *address == SocketAddress::Unspecified {
            self.disconnect(&mut state);
            return Ok(());
        }
        self.bind_any(&mut state)?;
        let has_v6 = state.address_given && state.local.is_ipv6();
        if (has_v6 || self.inet.ip.v6_only())
            && self.inet.version == Version::V6
            && matches!(address, SocketAddress::Inet(_))
        {
            return Err(Errno::EAFNOSUPPORT);
        }
        let peer = self.destination(&state, address)?;
        let source = state.source(peer)?;
        if state.local.ip().is_unspecified() {
            state.local.set_ip(source);
        }
        state.peer = Some(peer);
        if let Some(port) = &state.port {
            port.connect(state.local, peer);
        }
        Ok(())
    }

    /// As on Linux, without a peer it is an error and ends the halves all the same.
    fn shutdown(&self, how: Shutdown) -> Result<()> {
        let has_peer = {
            let mut state = self.state.lock();
            state.reading_ended |= how.reading();
            state.writing_ended |= how.writing();
            state.peer.is_some()
        };
        self.readers.wake_all();
        if has_peer {
            Ok(())
        } else {
            Err(Errno::ENOTCONN)
        }
    }

    fn name(&self) -> SocketAddress {
        self.inet.shown(self.state.lock().local)
    }

    fn peer_name(&self) -> Result<SocketAddress> {
        let peer = self.state.lock().peer.filter(|peer| peer.port() != 0);
        Ok(self.inet.shown(peer.ok_or(Errno::ENOTCONN)?))
    }

    fn option(&self, level: i32, name: i32) -> Result<OptionValue> {
        match (level, name) {
            (SOL_SOCKET, SO_ERROR) => {
                let error = self.state.lock().error.take();
                Ok(OptionValue::Int(error.map_or(0, Errno::raw)))
            }
            (SOL_SOCKET, SO_ACCEPTCONN) => Ok(OptionValue::Int(0)),
            _ => self.inet.option(level, name),
        }
    }

    fn set_option(&self, level: i32, name: i32, value: OptionValue) -> Result<()> {
        match (level, value) {
            (IPPROTO_IP | IPPROTO_IPV6, OptionValue::Membership(membership)) => {
                self.change_groups((level, name), membership)
            }
            (IPPROTO_IP | IPPROTO_IPV6, OptionValue::SourceMembership(membership)) => {
                self.change_sources((level, name), membership)
            }
            _ => {
                let is_bound = || self.state.lock().port.is_some();
                self.inet.set_option((level, name), value, is_bound)
            }
        }
    }

    /// # Errors
    /// - `EDESTADDRREQ`: there is neither a peer nor an address.
    /// - `EACCES`: the address is beyond the machine, or a broadcast without `SO_BROADCAST`.
    /// - `EMSGSIZE`: more than 65,507 bytes (of IPv6 65,527).
    /// - `ECONNREFUSED`: nobody was at the peer's address when something was sent before.
    /// - `EOPNOTSUPP`: urgent data.
    /// - `EINVAL`: port 0, or descriptors, which travel within a local socket only.
    fn send_to(&self, _caller: &SocketCaller<'_>, message: Outgoing<'_>) -> Result<usize> {
        check_outgoing(&message)?;
        self.transmit(message.bytes, message.to)
    }

    /// # Errors
    /// - `ECONNREFUSED`: nobody was at the peer's address when something was sent.
    /// - `EOPNOTSUPP`: urgent data.
    fn receive_from(&self, buf: &mut [u8], flags: MsgFlags) -> Result<Received> {
        check_flags(flags)?;
        let mut state = self.state.lock();
        if let Some(errno) = state.error.take() {
            return Err(errno);
        }
        let datagram = state.inbox.front().ok_or(Errno::EAGAIN)?;
        let length = datagram.bytes.len();
        let count = length.min(buf.len());
        buf[..count].copy_from_slice(&datagram.bytes[..count]);
        let mut received = Received {
            count: if flags.contains(MsgFlags::MSG_TRUNC) {
                length
            } else {
                count
            },
            from: Some(self.inet.shown(datagram.from)),
            ..Received::default()
        };
        if count < length {
            received.flags |= MsgFlags::MSG_TRUNC;
        }
        if !flags.contains(MsgFlags::MSG_PEEK) {
            state.inbox.pop_front();
            state.inbox_bytes -= length + super::OVERHEAD;
        }
        Ok(received)
    }

    fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.transmit(bytes, None)
    }

    fn events(&self) -> PollEvents {
        let state = self.state.lock();
        // A sender never waits: what finds no room is lost.
        let mut ready = PollEvents::POLLOUT;
        if !state.inbox.is_empty() {
            ready |= PollEvents::POLLIN;
        }
        if state.reading_ended {
            ready |= PollEvents::POLLIN | PollEvents::POLLRDHUP;
        }
        if state.reading_ended && state.writing_ended {
            ready |= PollEvents::POLLHUP;
        }
        if state.error.is_some() {
            ready |= PollEvents::POLLERR;
        }
        ready
    }

    fn wait_for(&self, _events: PollEvents, cx: &Context<'_>) {
        self.readers.register(cx);
    }

    fn row(&self) -> SocketRow {
        let state = self.state.lock();
        let nobody = SocketAddr::new(self.inet.version.wildcard(), 0);
        SocketRow {
            state: if state.peer.is_some() {
                TcpState::Established
            } else {
                TcpState::Close
            },
            local: self.inet.shown(state.local),
            remote: self.inet.shown(state.peer.unwrap_or(nobody)),
            receive_queue: state.inbox_bytes,
            send_queue: 0,
            drops: state.drops,
        }
    }
}
