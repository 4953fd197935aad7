//! Addresses of the internet between JavaScript and the kernel: text and a port on one side, an object with `address`,
//! `family` and `port` on the other. Follows `AddressToJS` in Node's `src/tcp_wrap.cc` and libuv's `uv_ip4_addr` and
//! `uv_ip6_addr`.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use secure_exec_kernel::abi::inet::LOOPBACK_INDEX;
use secure_exec_kernel::{Errno, SocketAddress};

use crate::js::{convert, exception};

/// Name of the machine's one interface, as a scope behind an address of IPv6.
const LOOPBACK: &str = "lo";

/// Which family the text of an address is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Inet,
    Inet6,
}

/// The address that `host` is the text of.
///
/// # Errors
/// - `EINVAL`: it is no address of this family.
pub fn parse(family: Family, host: &str, port: u16) -> Result<SocketAddress, Errno> {
    match family {
        Family::Inet => {
            let ip: Ipv4Addr = host.parse().map_err(|_| Errno::EINVAL)?;
            Ok(SocketAddress::Inet(SocketAddrV4::new(ip, port)))
        }
        Family::Inet6 => {
            let (host, scope) = match host.split_once('%') {
                Some((host, zone)) => (host, scope_id(zone)),
                None => (host, 0),
            };
            let ip: Ipv6Addr = host.parse().map_err(|_| Errno::EINVAL)?;
            Ok(SocketAddress::Inet6(SocketAddrV6::new(ip, port, 0, scope)))
        }
    }
}

/// Number of the interface that a scope names; 0 for one that the machine does not have, as `if_nametoindex(3)`.
fn scope_id(zone: &str) -> u32 {
    match zone {
        LOOPBACK => LOOPBACK_INDEX.unsigned_abs(),
        number => number.parse().unwrap_or(0),
    }
}

/// The address in the arguments `host` and `port` of a call. `None` if converting them threw.
pub fn from_arguments(
    scope: &mut v8::PinScope<'_, '_>,
    family: Family,
    host: v8::Local<'_, v8::Value>,
    port: v8::Local<'_, v8::Value>,
) -> Option<Result<SocketAddress, Errno>> {
    let host = host.to_string(scope)?.to_rust_string_lossy(scope);
    let port = port.int32_value(scope)?;
    // The library has checked it.
    let port = u16::try_from(port).map_err(|_| Errno::EINVAL);
    Some(port.and_then(|port| parse(family, &host, port)))
}

/// Fills `object` with what an address says. One of another family has no text.
pub fn describe(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    address: &SocketAddress,
) {
    let (host, family, port) = match address {
        SocketAddress::Inet(address) => (address.ip().to_string(), "IPv4", address.port()),
        SocketAddress::Inet6(address) => (text6(address), "IPv6", address.port()),
        _ => {
            let empty = v8::String::empty(scope).into();
            convert::set(scope, object, "address", empty);
            return;
        }
    };
    let host = exception::string(scope, &host).into();
    convert::set(scope, object, "address", host);
    let family = exception::string(scope, family).into();
    convert::set(scope, object, "family", family);
    let port = v8::Integer::new_from_unsigned(scope, port.into()).into();
    convert::set(scope, object, "port", port);
}

/// Its text, with the scope behind an address of one link, which means nothing without it.
fn text6(address: &SocketAddrV6) -> String {
    let ip = address.ip();
    if ip.is_unicast_link_local() && address.scope_id() == LOOPBACK_INDEX.unsigned_abs() {
        format!("{ip}%{LOOPBACK}")
    } else {
        ip.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_of_one_family() {
        let port = |address: Result<SocketAddress, Errno>| match address? {
            SocketAddress::Inet(address) => Ok(address.port()),
            SocketAddress::Inet6(address) => Ok(address.port()),
            _ => Err(Errno::EAFNOSUPPORT),
        };
        assert_eq!(port(parse(Family::Inet, "127.0.0.1", 80)), Ok(80));
        assert_eq!(port(parse(Family::Inet6, "::1", 81)), Ok(81));
        for (family, host) in [
            (Family::Inet, "::1"),
            (Family::Inet, "127.1"),
            (Family::Inet, "localhost"),
            (Family::Inet6, "127.0.0.1"),
            (Family::Inet6, ""),
        ] {
            assert_eq!(parse(family, host, 80), Err(Errno::EINVAL), "{host}");
        }
    }

    #[test]
    fn scope_is_the_machines_interface() {
        let scope = |host: &str| match parse(Family::Inet6, host, 0) {
            Ok(SocketAddress::Inet6(address)) => address.scope_id(),
            other => panic!("{other:?}"),
        };
        assert_eq!(scope("fe80::1%lo"), 1);
        assert_eq!(scope("fe80::1%7"), 7);
        assert_eq!(scope("fe80::1%eth0"), 0);
        assert_eq!(scope("fe80::1"), 0);
    }
}
