//! The internet's families within the machine (`ip(7)`, `ipv6(7)`): TCP and UDP over its own loopback.
//!
//! There are no packets: a connection is two bounded buffers, a datagram goes from its sender straight into its
//! receiver's queue, and what TCP and ICMP would tell the other side is told at once. What is not the machine's own is
//! the [`Network`](super::external::Network)'s to refuse.

mod address;
mod endpoint;
mod loopback;
mod multicast;
mod options;
mod port;
mod tcp;
mod udp;

pub(crate) use loopback::Loopback;
pub use tcp::TCP_BUFFER;

use super::family::{Family, NewSocket, Pair};
use crate::abi::inet::{
    IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_MAX, IPPROTO_TCP, IPPROTO_UDP,
};
use crate::abi::socket::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
use crate::errno::{Errno, Result};
use crate::net::Socket;
use address::Version;
use std::sync::Arc;
use tcp::TcpSocket;
use udp::UdpSocket;

/// Row of IPv4 in the table of families.
pub(super) const INET: Family = Family {
    domain: AF_INET,
    socket: |new| socket(new, Version::V4),
    pair: no_pair,
};

/// Row of IPv6.
pub(super) const INET6: Family = Family {
    domain: AF_INET6,
    socket: |new| socket(new, Version::V6),
    pair: no_pair,
};

fn no_pair(_new: &NewSocket<'_>) -> Result<Pair> {
    Err(Errno::EOPNOTSUPP)
}

/// # Errors
/// Beside the family's: `EPERM` for raw sockets and `EACCES` for those of `ping`, which nobody may have.
fn socket(new: &NewSocket<'_>, version: Version) -> Result<Arc<dyn Socket>> {
    if !(0..IPPROTO_MAX).contains(&new.protocol) {
        return Err(Errno::EINVAL);
    }
    let echo = match version {
        Version::V4 => IPPROTO_ICMP,
        Version::V6 => IPPROTO_ICMPV6,
    };
    match (new.kind, new.protocol) {
        (SOCK_STREAM, IPPROTO_IP | IPPROTO_TCP) => {
            let slot = new.stack.socket_slot()?;
            Ok(TcpSocket::new(
                new.stack,
                version,
                new.credentials.uid,
                slot,
            ))
        }
        (SOCK_DGRAM, IPPROTO_IP | IPPROTO_UDP) => {
            let slot = new.stack.socket_slot()?;
            Ok(UdpSocket::new(
                new.stack,
                version,
                new.credentials.uid,
                slot,
            ))
        }
        (SOCK_DGRAM, protocol) if protocol == echo => Err(Errno::EACCES),
        (SOCK_RAW, protocol) if protocol != IPPROTO_IP => Err(Errno::EPERM),
        (SOCK_STREAM | SOCK_DGRAM | SOCK_RAW, _) => Err(Errno::EPROTONOSUPPORT),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}
