//! Addresses: what they stand for in a machine that has nothing but its loopback, and which of them a name covers.
//!
//! Inside, an IPv4 address is one of IPv4 even if a socket of IPv6 has it (`::ffff:127.0.0.1`); [`shown`] gives a name
//! the form that its socket's family has.

use crate::abi::socket::{AF_INET, AF_INET6, SocketAddress};
use crate::errno::{Errno, Result};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Which of the two families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

impl Version {
    pub const fn domain(self) -> i32 {
        match self {
            Version::V4 => AF_INET,
            Version::V6 => AF_INET6,
        }
    }

    /// The address that stands for all.
    pub const fn wildcard(self) -> IpAddr {
        match self {
            Version::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Version::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

/// What an address stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// All of the machine's.
    Wildcard,
    /// A group.
    Multicast,
    /// All hosts of a network.
    Broadcast,
    /// Beyond the machine.
    Foreign,
}

impl Place {
    pub fn of(ip: IpAddr) -> Place {
        /// Of the loopback's network.
        const BROADCAST: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
        match ip {
            _ if ip.is_unspecified() => Place::Wildcard,
            _ if ip.is_multicast() => Place::Multicast,
            IpAddr::V4(ip) if ip.is_broadcast() || ip == BROADCAST => Place::Broadcast,
            _ if ip.is_loopback() => Place::Loopback,
            _ => Place::Foreign,
        }
    }
}

/// The loopback address that others are reached from and by.
pub(super) const fn loopback(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// The address in an address of IPv4 or IPv6, and its port.
///
/// # Errors
/// - `EAFNOSUPPORT`: it is of another family than the socket.
pub(super) fn of_family(version: Version, address: &SocketAddress) -> Result<SocketAddr> {
    match (version, address) {
        (Version::V4, SocketAddress::Inet(address)) => Ok(SocketAddr::V4(*address)),
        (Version::V6, SocketAddress::Inet6(address)) => {
            Ok(SocketAddr::new(address.ip().to_canonical(), address.port()))
        }
        // Too short for a `struct sockaddr_in6`.
        (Version::V6, SocketAddress::Inet(_)) => Err(Errno::EINVAL),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// An address as a socket of a family tells it.
pub(super) fn shown(version: Version, address: SocketAddr) -> SocketAddress {
    match (version, address.ip()) {
        (Version::V4, IpAddr::V4(ip)) => SocketAddress::Inet(SocketAddrV4::new(ip, address.port())),
        (Version::V6, IpAddr::V4(ip)) => {
            SocketAddress::Inet6(SocketAddrV6::new(ip.to_ipv6_mapped(), address.port(), 0, 0))
        }
        (_, IpAddr::V6(ip)) => SocketAddress::Inet6(SocketAddrV6::new(ip, address.port(), 0, 0)),
    }
}

/// Which addresses a bound socket is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    v4: Option<Ipv4Addr>,
    v6: Option<Ipv6Addr>,
    version: Version,
}

impl Cover {
    /// Those of a name. The wildcard of IPv6 is that of IPv4 too, unless the socket takes IPv6 only (`IPV6_V6ONLY`).
    pub fn new(version: Version, ip: IpAddr, v6_only: bool) -> Cover {
        let (v4, v6) = match ip {
            IpAddr::V4(ip) => (Some(ip), None),
            IpAddr::V6(ip) if ip.is_unspecified() && !v6_only => {
                (Some(Ipv4Addr::UNSPECIFIED), Some(ip))
            }
            IpAddr::V6(ip) => (None, Some(ip)),
        };
        Cover { v4, v6, version }
    }

    /// Those of a socket that has connected from an address. As on Linux, one that stood for both families and has
    /// connected by IPv6 still keeps its port from the wildcard of IPv4.
    pub fn connected(self, local: IpAddr) -> Cover {
        /// What Linux notes for an address of IPv6 where one of IPv4 is asked for (`LOOPBACK4_IPV6`).
        const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);
        let narrow = Cover::new(self.version, local, true);
        match (self.v4, local) {
            (Some(_), IpAddr::V6(_)) => Cover {
                v4: Some(NOBODY),
                ..narrow
            },
            _ => narrow,
        }
    }

    /// Whether some address belongs to both.
    pub fn overlaps(&self, other: &Cover) -> bool {
        let v4 = matches!((self.v4, other.v4), (Some(one), Some(two))
            if one == two || one.is_unspecified() || two.is_unspecified());
        let v6 = matches!((self.v6, other.v6), (Some(one), Some(two))
            if one == two || one.is_unspecified() || two.is_unspecified());
        v4 || v6
    }

    /// How well it fits an address: one of its own before a wildcard, a wildcard of the address's own family before
    /// one of both.
    pub fn fits(&self, ip: IpAddr) -> Option<u32> {
        let (is_own, is_any) = match ip {
            IpAddr::V4(ip) => (
                self.v4 == Some(ip),
                self.v4.is_some_and(|own| own.is_unspecified()),
            ),
            IpAddr::V6(ip) => (
                self.v6 == Some(ip),
                self.v6.is_some_and(|own| own.is_unspecified()),
            ),
        };
        let own_family = matches!((self.version, ip), (Version::V4, IpAddr::V4(_)));
        match (is_own, is_any) {
            (true, _) => Some(2 + u32::from(own_family)),
            (false, true) => Some(u32::from(own_family)),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(text: &str, v6_only: bool) -> Cover {
        let ip: IpAddr = text.parse().unwrap();
        let version = if ip.is_ipv4() {
            Version::V4
        } else {
            Version::V6
        };
        Cover::new(version, ip.to_canonical(), v6_only)
    }

    #[test]
    fn wildcards_overlap_what_they_stand_for() {
        let overlap = |one: &str, two: &str| cover(one, false).overlaps(&cover(two, false));
        assert!(overlap("0.0.0.0", "127.0.0.1"));
        assert!(overlap("::", "127.0.0.1"));
        assert!(overlap("::", "0.0.0.0"));
        assert!(overlap("::ffff:127.0.0.1", "127.0.0.1"));
        assert!(!overlap("127.0.0.1", "127.0.0.2"));
        assert!(!overlap("::1", "127.0.0.1"));
        assert!(!cover("::", true).overlaps(&cover("0.0.0.0", false)));
        assert!(cover("::", true).overlaps(&cover("::1", false)));
    }

    #[test]
    fn own_address_fits_best() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let fit = |text| cover(text, false).fits(ip);
        assert!(fit("127.0.0.1") > fit("0.0.0.0"));
        assert!(fit("0.0.0.0") > fit("::"));
        assert_eq!(fit("::1"), None);
        assert_eq!(fit("127.0.0.2"), None);
    }
}
