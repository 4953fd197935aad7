//! From a sender to those who hear it.

use super::{Datagram, OVERHEAD, State, UdpSocket};
use crate::abi::socket::{SO_BROADCAST, SocketAddress};
use crate::errno::{Errno, Result};
use crate::net::budget::Share;
use crate::net::external::Transport;
use crate::net::inet::address::{Place, Version, loopback, of_family};
use crate::net::inet::loopback::Loopback;
use crate::net::inet::port::{Entry, Sharing};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

/// Most bytes of a datagram: an IP packet has 65,535, its headers 28; of IPv6 the packet's own header does not count.
const LONGEST_V4: usize = 65_507;
const LONGEST_V6: usize = 65_527;

impl UdpSocket {
    /// Where an address is. One of no family is none to a socket of IPv6.
    ///
    /// # Errors
    /// - `EAFNOSUPPORT`, `EINVAL`: another family.
    /// - `ENETUNREACH`: an address of IPv4, of a socket that takes IPv6 only.
    /// - `EACCES`: beyond the machine, or a broadcast without `SO_BROADCAST`.
    pub(super) fn destination(&self, state: &State, address: &SocketAddress) -> Result<SocketAddr> {
        let mut to = match (self.inet.version, address) {
            (Version::V6, SocketAddress::Inet(address)) => SocketAddr::V4(*address),
            (Version::V4, SocketAddress::Unspecified) => {
                SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
            }
            (version, address) => of_family(version, address)?,
        };
        if to.ip().is_unspecified() {
            let own = state.local.ip();
            let has_own = !own.is_unspecified() && own.is_ipv4();
            to.set_ip(match (has_own, self.inet.version) {
                (true, Version::V4) => own,
                (true, Version::V6) => loopback(own),
                (false, _) => loopback(to.ip()),
            });
        }
        if self.inet.ip.v6_only() && to.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        match self.loopback().check_reachable(to, Transport::Udp)? {
            Place::Broadcast if !self.inet.options.is_on(SO_BROADCAST) => Err(Errno::EACCES),
            _ => Ok(to),
        }
    }

    /// Sends a datagram to an address, or to the peer.
    ///
    /// # Errors
    /// As [`Socket::send_to`](crate::net::Socket::send_to) of this family.
    pub(super) fn transmit(&self, bytes: &[u8], to: Option<&SocketAddress>) -> Result<usize> {
        let (from, to) = {
            let mut state = self.state.lock();
            self.bind_any(&mut state)?;
            if self.inet.version == Version::V4 && bytes.len() > usize::from(u16::MAX) {
                return Err(Errno::EMSGSIZE);
            }
            let named = to.filter(|to| {
                self.inet.version == Version::V4 || **to != SocketAddress::Unspecified
            });
            let to = match named {
                Some(address) => {
                    let to = self.destination(&state, address)?;
                    if to.port() == 0 {
                        return Err(Errno::EINVAL);
                    }
                    to
                }
                None => state.peer.ok_or(Errno::EDESTADDRREQ)?,
            };
            let ip = state.source(to)?;
            let longest = if to.is_ipv4() { LONGEST_V4 } else { LONGEST_V6 };
            if bytes.len() > longest {
                return Err(Errno::EMSGSIZE);
            }
            if let Some(errno) = state.error.take() {
                return Err(errno);
            }
            if state.writing_ended {
                return Err(Errno::EPIPE);
            }
            (SocketAddr::new(ip, state.local.port()), to)
        };
        match Place::of(to.ip()) {
            Place::Multicast | Place::Broadcast => self.send_to_all(bytes, from, to),
            _ => self.send_to_one(bytes, from, to),
        }
        Ok(bytes.len())
    }

    fn send_to_one(&self, bytes: &[u8], from: SocketAddr, to: SocketAddr) {
        if let Some(receiver) = self.loopback().receiver(from, to) {
            receiver.receive(bytes, from);
            return;
        }
        // Whoever would get an answer, if it has a peer, hears that there is none.
        if let Some(sender) = self.loopback().receiver(to, from) {
            {
                let mut state = sender.state.lock();
                if state.peer.is_none() {
                    return;
                }
                state.error = Some(Errno::ECONNREFUSED);
            }
            sender.readers.wake_all();
        }
    }

    fn send_to_all(&self, bytes: &[u8], from: SocketAddr, to: SocketAddr) {
        let version = if to.is_ipv4() {
            Version::V4
        } else {
            Version::V6
        };
        let is_group = to.ip().is_multicast();
        if is_group && !self.inet.ip.group_loop(version) {
            return;
        }
        for receiver in self.loopback().listeners_of_all(from, to) {
            if !is_group || receiver.hears(to.ip(), from.ip(), version) {
                receiver.receive(bytes, from);
            }
        }
    }

    /// Whether what is sent to a group comes here.
    fn hears(&self, group: IpAddr, sender: IpAddr, version: Version) -> bool {
        let own = self.groups.hear(group, sender);
        own.unwrap_or_else(|| {
            self.inet.ip.group_all(version) && self.loopback().has_joined(group, sender)
        })
    }

    /// Queues a datagram, or drops it.
    fn receive(&self, bytes: &[u8], from: SocketAddr) {
        {
            let mut state = self.state.lock();
            let size = bytes.len() + OVERHEAD;
            let is_full = state.inbox_bytes + size > self.inet.options.receive_buffer();
            if is_full && !state.inbox.is_empty() {
                state.drops += 1;
                return;
            }
            let (Ok(copy), Ok(share)) = (
                copy_of(bytes),
                Share::take(&self.stack.buffered, bytes.len()),
            ) else {
                state.drops += 1;
                return;
            };
            state.inbox_bytes += size;
            state.inbox.push_back(Datagram {
                bytes: copy,
                from,
                _share: share,
            });
        }
        self.readers.wake_all();
    }
}

impl State {
    /// The address that a datagram comes from.
    ///
    /// # Errors
    /// - `ENETUNREACH`, `EAFNOSUPPORT`: the socket has an address of the other family.
    pub(super) fn source(&self, to: SocketAddr) -> Result<IpAddr> {
        match self.local.ip() {
            ip if Place::of(ip) != Place::Loopback => Ok(loopback(to.ip())),
            ip if ip.is_ipv4() == to.is_ipv4() => Ok(ip),
            IpAddr::V4(_) => Err(Errno::EAFNOSUPPORT),
            IpAddr::V6(_) if !self.address_given => Ok(loopback(to.ip())),
            IpAddr::V6(_) => Err(Errno::ENETUNREACH),
        }
    }
}

fn copy_of(bytes: &[u8]) -> Result<Box<[u8]>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())
        .map_err(|_| Errno::ENOBUFS)?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}

fn hears_from<T>(entry: &Entry<T>, from: SocketAddr) -> bool {
    entry.remote.is_none_or(|remote| remote == from)
}

impl Loopback {
    /// Who gets a datagram: one with the address before one with a wildcard, then one that is connected to the sender;
    /// of those that share the port the youngest, or with `SO_REUSEPORT` the one that the sender's port decides on.
    fn receiver(&self, from: SocketAddr, to: SocketAddr) -> Option<Arc<UdpSocket>> {
        let table = self.udp.lock();
        let mut best = None;
        let mut group: Vec<&Entry<Weak<UdpSocket>>> = Vec::new();
        for entry in table.at(to.port()) {
            let Some(fit) = entry.claim.cover.fits(to.ip()) else {
                continue;
            };
            if !hears_from(entry, from) {
                continue;
            }
            let score = Some((fit >= 2, entry.remote.is_some(), fit));
            if score > best {
                best = score;
                group.clear();
            }
            if score == best {
                group.push(entry);
            }
        }
        let first = *group.first()?;
        let chosen = if first.claim.sharing.has(Sharing::REUSE_PORT) {
            group.get(usize::from(from.port()) % group.len())?
        } else {
            first
        };
        chosen.owner.upgrade()
    }

    /// Those who could hear what is sent to a group or to everybody.
    fn listeners_of_all(&self, from: SocketAddr, to: SocketAddr) -> Vec<Arc<UdpSocket>> {
        let table = self.udp.lock();
        let hearing = table
            .at(to.port())
            .into_iter()
            .filter(|entry| entry.claim.cover.fits(to.ip()).is_some() && hears_from(entry, from));
        hearing.filter_map(|entry| entry.owner.upgrade()).collect()
    }
}
