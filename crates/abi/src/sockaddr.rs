//! Addresses of sockets as bytes (`struct sockaddr`), as a caller and the kernel exchange them.

use crate::socket::{AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, SocketAddress, UnixAddress};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// Bytes of the family.
const FAMILY: usize = 2;
/// Bytes of `struct sockaddr_in`.
const INET: usize = 16;
/// Bytes of `struct sockaddr_in6`, and of the shorter one without a scope that Linux takes as well.
const INET6: usize = 28;
const INET6_WITHOUT_SCOPE: usize = 24;

/// Why bytes are no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAddress {
    /// Too short for their family (`EINVAL`).
    Short,
    /// Of a family that this machine does not have (`EAFNOSUPPORT`).
    Family,
}

impl SocketAddress {
    /// Reads the bytes of a `struct sockaddr`.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn from_sockaddr(bytes: &[u8]) -> Result<SocketAddress, BadAddress> {
        let (family, rest) = bytes
            .split_first_chunk::<FAMILY>()
            .ok_or(BadAddress::Short)?;
        match i32::from(u16::from_ne_bytes(*family)) {
            AF_UNSPEC => Ok(SocketAddress::Unspecified),
            AF_UNIX => Ok(SocketAddress::Unix(unix(rest))),
            AF_INET if bytes.len() < INET => Err(BadAddress::Short),
            AF_INET => Ok(SocketAddress::Inet(SocketAddrV4::new(
                Ipv4Addr::from(array::<4>(bytes, 4)),
                u16::from_be_bytes(array(bytes, 2)),
            ))),
            AF_INET6 if bytes.len() < INET6_WITHOUT_SCOPE => Err(BadAddress::Short),
            AF_INET6 => Ok(SocketAddress::Inet6(SocketAddrV6::new(
                Ipv6Addr::from(array::<16>(bytes, 8)),
                u16::from_be_bytes(array(bytes, 2)),
                u32::from_be_bytes(array(bytes, 4)),
                if bytes.len() < INET6 {
                    0
                } else {
                    u32::from_ne_bytes(array(bytes, 24))
                },
            ))),
            _ => Err(BadAddress::Family),
        }
    }

    /// The bytes of a `struct sockaddr`, as long as the address is.
    pub fn to_sockaddr(&self) -> Vec<u8> {
        let family = u16::try_from(self.family()).unwrap_or(0);
        let mut bytes = family.to_ne_bytes().to_vec();
        match self {
            SocketAddress::Unspecified => bytes.resize(INET, 0),
            SocketAddress::Unix(address) => {
                bytes.extend_from_slice(&address.bytes());
                if matches!(address, UnixAddress::Path(_)) {
                    bytes.push(0);
                }
            }
            SocketAddress::Inet(address) => {
                bytes.extend_from_slice(&address.port().to_be_bytes());
                bytes.extend_from_slice(&address.ip().octets());
                bytes.resize(INET, 0);
            }
            SocketAddress::Inet6(address) => {
                bytes.extend_from_slice(&address.port().to_be_bytes());
                bytes.extend_from_slice(&address.flowinfo().to_be_bytes());
                bytes.extend_from_slice(&address.ip().octets());
                bytes.extend_from_slice(&address.scope_id().to_ne_bytes());
            }
        }
        bytes
    }
}

/// A path ends at its NUL; a name in the abstract namespace may have any.
fn unix(bytes: &[u8]) -> UnixAddress {
    match bytes {
        [0, ..] | [] => UnixAddress::from_bytes(bytes),
        path => UnixAddress::from_bytes(path.split(|byte| *byte == 0).next().unwrap_or(path)),
    }
}

/// `N` bytes at an offset that the caller has checked; zeroes where there are fewer.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_being_bytes() {
        let inet6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 8080, 7, 1);
        for address in [
            SocketAddress::Unspecified,
            SocketAddress::path(b"/tmp/s"),
            SocketAddress::Unix(UnixAddress::Abstract(b"a\0b".to_vec())),
            SocketAddress::Unix(UnixAddress::Unnamed),
            SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 1), 80)),
            SocketAddress::Inet6(inet6),
        ] {
            assert_eq!(
                SocketAddress::from_sockaddr(&address.to_sockaddr()),
                Ok(address)
            );
        }
    }

    #[test]
    fn bytes_are_as_linux_has_them() {
        let inet = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 1), 0x1f90));
        let bytes = [2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(inet.to_sockaddr(), bytes);
        assert_eq!(
            SocketAddress::from_sockaddr(&bytes[..15]),
            Err(BadAddress::Short)
        );
        assert_eq!(
            SocketAddress::from_sockaddr(&[16, 0]),
            Err(BadAddress::Family)
        );
        assert_eq!(SocketAddress::from_sockaddr(&[2]), Err(BadAddress::Short));
    }
}
