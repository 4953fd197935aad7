//! Options of a connection: they are set on its socket, or, without one, kept until there is one.

use secure_exec_kernel::abi::inet::{
    IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPV6_TCLASS, TCP_KEEPCNT, TCP_KEEPIDLE,
    TCP_KEEPINTVL, TCP_NODELAY,
};
use secure_exec_kernel::abi::socket::{
    AF_INET6, OptionValue, SO_DOMAIN, SO_KEEPALIVE, SO_LINGER, SOL_SOCKET,
};
use secure_exec_kernel::{Errno, Fd, Process};

use super::{Tcp, with_tcp};
use crate::binding::connection_wrap::Connection;
use crate::callback::{Args, Return, Scope};
use crate::js::class::ClassDefinition;

/// Probes of a connection whose options were asked for before it had a socket (`uv__stream_open`).
const DEFAULT_PROBES: Probes = Probes {
    idle: 60,
    interval: 1,
    count: 10,
};

/// How a silent connection is probed.
#[derive(Clone, Copy, Debug)]
struct Probes {
    /// Seconds of silence before the first.
    idle: u32,
    /// Seconds between them.
    interval: u32,
    /// Without an answer, before the connection ends.
    count: u32,
}

/// Declares the methods.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("setNoDelay", set_no_delay)
        .method("setKeepAlive", set_keep_alive)
        .method("setTypeOfService", set_type_of_service)
        .method("getTypeOfService", get_type_of_service);
}

/// Sets on a new socket what was asked for before.
///
/// # Errors
/// What `setsockopt(2)` fails with.
pub(super) fn apply(connection: &Connection, tcp: &Tcp) -> Result<(), Errno> {
    let (process, fd) = (&connection.process, connection.kernel_stream.fd());
    if tcp.no_delay.get() {
        set(process, fd, (IPPROTO_TCP, TCP_NODELAY), 1)?;
    }
    if tcp.keep_alive.get() {
        keep_alive(process, fd, Some(DEFAULT_PROBES))?;
    }
    Ok(())
}

/// Has the close throw away what was not sent, and tell the peer `ECONNRESET`.
///
/// # Errors
/// - `EINVAL`: its writable side is being ended.
pub(super) fn reset_at_close(connection: &Connection) -> Result<(), Errno> {
    let kernel_stream = &connection.kernel_stream;
    if kernel_stream.is_shutting() {
        return Err(Errno::EINVAL);
    }
    let fd = kernel_stream.fd();
    if fd >= 0 {
        let at_once = OptionValue::Linger(Some(0));
        connection
            .process
            .setsockopt(fd, SOL_SOCKET, SO_LINGER, at_once)?;
    }
    Ok(())
}

fn set(process: &Process, fd: Fd, (level, name): (i32, i32), value: i32) -> Result<(), Errno> {
    process.setsockopt(fd, level, name, OptionValue::Int(value))
}

/// As `uv__tcp_keepalive`; `None` switches it off.
///
/// # Errors
/// - `EINVAL`: a number that is not above zero.
fn keep_alive(process: &Process, fd: Fd, probes: Option<Probes>) -> Result<(), Errno> {
    let Some(probes) = probes else {
        return set(process, fd, (SOL_SOCKET, SO_KEEPALIVE), 0);
    };
    set(process, fd, (SOL_SOCKET, SO_KEEPALIVE), 1)?;
    for (name, value) in [
        (TCP_KEEPIDLE, probes.idle),
        (TCP_KEEPINTVL, probes.interval),
        (TCP_KEEPCNT, probes.count),
    ] {
        let value = i32::try_from(value).map_err(|_| Errno::EINVAL)?;
        set(process, fd, (IPPROTO_TCP, name), value)?;
    }
    Ok(())
}

/// `setNoDelay(enable)`.
fn set_no_delay(scope: Scope, args: Args, mut rv: Return) {
    let enable = args.get(0).boolean_value(scope);
    with_tcp(scope, &args, &mut rv, |_, connection, tcp| {
        let fd = connection.kernel_stream.fd();
        if fd >= 0 {
            let option = (IPPROTO_TCP, TCP_NODELAY);
            set(&connection.process, fd, option, i32::from(enable))?;
        }
        tcp.no_delay.set(enable);
        Ok(())
    });
}

/// `setKeepAlive(enable, idle[, interval, count])`, in seconds; 0 stands for what libuv has without being asked.
fn set_keep_alive(scope: Scope, args: Args, mut rv: Return) {
    let enable = args.get(0).boolean_value(scope);
    let number = |index| args.get(index).uint32_value(scope).unwrap_or(0);
    let (idle, interval, count) = (number(1), number(2), number(3));
    let or_default = |number: u32, default| if number == 0 { default } else { number };
    let probes = Probes {
        idle,
        interval: or_default(interval, DEFAULT_PROBES.interval),
        count: or_default(count, DEFAULT_PROBES.count),
    };
    with_tcp(scope, &args, &mut rv, |_, connection, tcp| {
        let fd = connection.kernel_stream.fd();
        if fd >= 0 {
            if enable && probes.idle == 0 {
                return Err(Errno::EINVAL);
            }
            keep_alive(&connection.process, fd, enable.then_some(probes))?;
        }
        tcp.keep_alive.set(enable);
        Ok(())
    });
}

/// Level and name of the type of service in the socket's family.
fn service(process: &Process, fd: Fd) -> Result<(i32, i32), Errno> {
    if fd < 0 {
        return Err(Errno::EBADF);
    }
    match process.getsockopt(fd, SOL_SOCKET, SO_DOMAIN)?.int() {
        Some(AF_INET6) => Ok((IPPROTO_IPV6, IPV6_TCLASS)),
        _ => Ok((IPPROTO_IP, IP_TOS)),
    }
}

/// `setTypeOfService(number)`.
fn set_type_of_service(scope: Scope, args: Args, mut rv: Return) {
    let Some(number) = args.get(0).int32_value(scope) else {
        return;
    };
    with_tcp(scope, &args, &mut rv, |_, connection, _| {
        let (process, fd) = (&connection.process, connection.kernel_stream.fd());
        set(process, fd, service(process, fd)?, number)
    });
}

/// `getTypeOfService()`: the number, or a negative error number.
fn get_type_of_service(scope: Scope, args: Args, mut rv: Return) {
    let mut found = None;
    with_tcp(scope, &args, &mut rv, |_, connection, _| {
        let (process, fd) = (&connection.process, connection.kernel_stream.fd());
        let (level, name) = service(process, fd)?;
        found = process.getsockopt(fd, level, name)?.int();
        Ok(())
    });
    if let Some(number) = found {
        rv.set_int32(number);
    }
}
