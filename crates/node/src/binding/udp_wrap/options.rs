//! Options of a socket, and the groups that it joins.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use secure_exec_kernel::Errno;
use secure_exec_kernel::abi::inet::{
    IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP,
    IP_MULTICAST_IF, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_TTL, IPPROTO_IP, IPPROTO_IPV6,
    IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF,
    IPV6_MULTICAST_LOOP, IPV6_UNICAST_HOPS, MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP,
    Membership, SourceMembership,
};
use secure_exec_kernel::abi::socket::{
    OptionValue, SO_BROADCAST, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, SocketAddress,
};

use super::socket::{Sharing, UdpSocket, process};
use super::socket_address::{self, Family};
use super::{this, with_socket};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::ClassDefinition;
use crate::js::{convert, exception, uv};

/// Adds the methods about options.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("setBroadcast", set_broadcast)
        .method("setTTL", set_ttl)
        .method("setMulticastTTL", set_multicast_ttl)
        .method("setMulticastLoopback", set_multicast_loopback)
        .method("setMulticastInterface", set_multicast_interface)
        .method("addMembership", add_membership)
        .method("dropMembership", drop_membership)
        .method("addSourceSpecificMembership", add_source_membership)
        .method("dropSourceSpecificMembership", drop_source_membership)
        .method("bufferSize", buffer_size);
}

/// An option that each family has under its own level and name.
struct Paired {
    inet: i32,
    inet6: i32,
    least: i32,
}

impl UdpSocket {
    fn set(&self, env: &Env, (level, name): (i32, i32), value: OptionValue) -> Result<(), Errno> {
        let fd = self.fd()?;
        process(env)?.setsockopt(fd, level, name, value)
    }

    /// # Errors
    /// - `EINVAL`: no byte.
    fn set_paired(&self, env: &Env, option: &Paired, value: i32) -> Result<(), Errno> {
        if !(option.least..=255).contains(&value) {
            return Err(Errno::EINVAL);
        }
        let name = if self.is_inet6() {
            (IPPROTO_IPV6, option.inet6)
        } else {
            (IPPROTO_IP, option.inet)
        };
        self.set(env, name, OptionValue::Int(value))
    }
}

/// Runs a method that sets a number.
fn set_number(
    scope: Scope,
    args: &Args,
    mut rv: Return,
    set: impl FnOnce(&Env, &UdpSocket, i32) -> Result<(), Errno>,
) {
    if let Some(number) = args.get(0).int32_value(scope) {
        with_socket(scope, args, &mut rv, |env, socket| set(env, socket, number));
    }
}

fn set_broadcast(scope: Scope, args: Args, rv: Return) {
    set_number(scope, &args, rv, |env, socket, on| {
        socket.set(env, (SOL_SOCKET, SO_BROADCAST), OptionValue::Int(on))
    });
}

const TTL: Paired = Paired {
    inet: IP_TTL,
    inet6: IPV6_UNICAST_HOPS,
    least: 1,
};

const MULTICAST_TTL: Paired = Paired {
    inet: IP_MULTICAST_TTL,
    inet6: IPV6_MULTICAST_HOPS,
    least: 0,
};

const MULTICAST_LOOP: Paired = Paired {
    inet: IP_MULTICAST_LOOP,
    inet6: IPV6_MULTICAST_LOOP,
    least: 0,
};

fn set_ttl(scope: Scope, args: Args, rv: Return) {
    set_paired_number(scope, &args, rv, &TTL);
}

fn set_multicast_ttl(scope: Scope, args: Args, rv: Return) {
    set_paired_number(scope, &args, rv, &MULTICAST_TTL);
}

fn set_multicast_loopback(scope: Scope, args: Args, rv: Return) {
    set_paired_number(scope, &args, rv, &MULTICAST_LOOP);
}

/// Runs a method that sets a number which both families have.
fn set_paired_number(scope: Scope, args: &Args, rv: Return, option: &Paired) {
    set_number(scope, args, rv, |env, socket, number| {
        socket.set_paired(env, option, number)
    });
}

/// The text of an argument; `None` for nothing given.
fn text(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<String> {
    (!value.is_null_or_undefined()).then(|| convert::text(scope, value))
}

fn inet(text: &str) -> Result<Ipv4Addr, Errno> {
    match socket_address::parse(Family::Inet, text, 0)? {
        SocketAddress::Inet(address) => Ok(*address.ip()),
        _ => Err(Errno::EINVAL),
    }
}

/// An address of IPv6, and its scope.
fn inet6(text: &str) -> Result<(Ipv6Addr, i32), Errno> {
    match socket_address::parse(Family::Inet6, text, 0)? {
        SocketAddress::Inet6(address) => Ok((
            *address.ip(),
            i32::try_from(address.scope_id()).unwrap_or(0),
        )),
        _ => Err(Errno::EINVAL),
    }
}

/// `setMulticastInterface(address)`: of IPv6 the scope is what counts.
fn set_multicast_interface(scope: Scope, args: Args, mut rv: Return) {
    let interface = convert::text(scope, args.get(0));
    with_socket(scope, &args, &mut rv, |env, socket| {
        if let Ok(address) = inet(&interface) {
            let value = OptionValue::Address(address);
            return socket.set(env, (IPPROTO_IP, IP_MULTICAST_IF), value);
        }
        let (_, index) = inet6(&interface)?;
        socket.set(
            env,
            (IPPROTO_IPV6, IPV6_MULTICAST_IF),
            OptionValue::Int(index),
        )
    });
}

/// Whether a group is joined or left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Join,
    Leave,
}

fn add_membership(scope: Scope, args: Args, rv: Return) {
    change_membership(scope, &args, rv, Change::Join);
}

fn drop_membership(scope: Scope, args: Args, rv: Return) {
    change_membership(scope, &args, rv, Change::Leave);
}

/// `addMembership(group[, interface])` and its opposite (`uv_udp_set_membership`).
fn change_membership(scope: Scope, args: &Args, mut rv: Return, change: Change) {
    let group = convert::text(scope, args.get(0));
    let interface = text(scope, args.get(1));
    with_socket(scope, args, &mut rv, |env, socket| {
        if let Ok(group) = inet(&group) {
            socket.bind_any(env, Family::Inet, Sharing::Shared)?;
            let membership = Membership::V4 {
                group,
                address: interface.map_or(Ok(Ipv4Addr::UNSPECIFIED), |text| inet(&text))?,
                index: 0,
            };
            let name = match change {
                Change::Join => IP_ADD_MEMBERSHIP,
                Change::Leave => IP_DROP_MEMBERSHIP,
            };
            return socket.set(env, (IPPROTO_IP, name), OptionValue::Membership(membership));
        }
        let (group, _) = inet6(&group)?;
        socket.bind_any(env, Family::Inet6, Sharing::Shared)?;
        let index = interface.map_or(Ok(0), |text| inet6(&text).map(|(_, index)| index))?;
        let name = match change {
            Change::Join => IPV6_ADD_MEMBERSHIP,
            Change::Leave => IPV6_DROP_MEMBERSHIP,
        };
        let membership = Membership::V6 { group, index };
        socket.set(
            env,
            (IPPROTO_IPV6, name),
            OptionValue::Membership(membership),
        )
    });
}

fn add_source_membership(scope: Scope, args: Args, rv: Return) {
    change_source_membership(scope, &args, rv, Change::Join);
}

fn drop_source_membership(scope: Scope, args: Args, rv: Return) {
    change_source_membership(scope, &args, rv, Change::Leave);
}

/// `addSourceSpecificMembership(source, group[, interface])` and its opposite (`uv_udp_set_source_membership`).
fn change_source_membership(scope: Scope, args: &Args, mut rv: Return, change: Change) {
    let (source, group) = (
        convert::text(scope, args.get(0)),
        convert::text(scope, args.get(1)),
    );
    let interface = text(scope, args.get(2));
    with_socket(scope, args, &mut rv, |env, socket| {
        let (membership, source, option) = if let Ok(group) = inet(&group) {
            let source = IpAddr::V4(inet(&source)?);
            socket.bind_any(env, Family::Inet, Sharing::Shared)?;
            let membership = Membership::V4 {
                group,
                address: interface.map_or(Ok(Ipv4Addr::UNSPECIFIED), |text| inet(&text))?,
                index: 0,
            };
            let name = match change {
                Change::Join => IP_ADD_SOURCE_MEMBERSHIP,
                Change::Leave => IP_DROP_SOURCE_MEMBERSHIP,
            };
            (membership, source, (IPPROTO_IP, name))
        } else {
            let (group, _) = inet6(&group)?;
            let source = IpAddr::V6(inet6(&source)?.0);
            socket.bind_any(env, Family::Inet6, Sharing::Shared)?;
            let index = interface.map_or(Ok(0), |text| inet6(&text).map(|(_, index)| index))?;
            let name = match change {
                Change::Join => MCAST_JOIN_SOURCE_GROUP,
                Change::Leave => MCAST_LEAVE_SOURCE_GROUP,
            };
            (
                Membership::V6 { group, index },
                source,
                (IPPROTO_IPV6, name),
            )
        };
        let value = OptionValue::SourceMembership(SourceMembership { membership, source });
        socket.set(env, option, value)
    });
}

/// `bufferSize(size, isReceive, context)`: sets the size of a buffer, or reads it for 0. Undefined where it fails, and
/// `context` says why.
fn buffer_size(scope: Scope, args: Args, mut rv: Return) {
    let socket = match this(scope, &args) {
        Ok(socket) => socket,
        Err(errno) => return rv.set_int32(uv::error(errno)),
    };
    let (option, syscall) = if args.get(1).is_true() {
        (SO_RCVBUF, "uv_recv_buffer_size")
    } else {
        (SO_SNDBUF, "uv_send_buffer_size")
    };
    let size = if args.get(0).is_int32() {
        args.get(0).int32_value(scope)
    } else {
        None
    };
    let env = Env::of(scope);
    let result = match size {
        None => Err(Errno::EINVAL),
        Some(0) => socket.fd().and_then(|fd| {
            let value = process(&env)?.getsockopt(fd, SOL_SOCKET, option)?;
            value.int().ok_or(Errno::EINVAL)
        }),
        Some(size) => socket
            .set(&env, (SOL_SOCKET, option), OptionValue::Int(size))
            .map(|()| size),
    };
    match result {
        Ok(size) => rv.set_int32(size),
        Err(errno) => exception::collect_errno(scope, args.get(2), errno, syscall),
    }
}
