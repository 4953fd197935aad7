//! `internalBinding('tcp_wrap')`: connections of TCP and their listeners. Follows Node's `src/tcp_wrap.cc` and libuv's
//! `src/unix/tcp.c`.

mod options;

use std::cell::Cell;
use std::rc::Rc;

use secure_exec_kernel::abi::inet::{IPPROTO_IPV6, IPV6_V6ONLY};
use secure_exec_kernel::abi::socket::{
    AF_INET, AF_INET6, OptionValue, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::{Errno, Fd, Process, SocketAddress};

use super::connection_wrap::{self, Connection, ConnectionClass, with_connection};
use super::socket_address::{self, Family};
use super::{handle_wrap, stream_wrap};
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::handle::Handle;
use crate::js::{exception, wrap};

/// Values of the constructor's argument.
const SOCKET: i32 = 0;
const SERVER: i32 = 1;

/// Bits of the flags of `bind`: an address of IPv6 takes no connections of IPv4.
const UV_TCP_IPV6ONLY: u32 = 1;
/// Several listeners share the address.
const UV_TCP_REUSEPORT: u32 = 2;

const TCP: ConnectionClass = ConnectionClass {
    name: "TCP",
    socket: SOCKET,
    connect_provider: "TCPCONNECTWRAP",
};

/// What a handle of TCP has beside its stream.
#[derive(Default)]
struct Tcp {
    /// `bind(2)` found the address in use, which the next call that needs the address tells (`delayed_error`).
    in_use: Cell<bool>,
    /// Asked for before there was a socket.
    no_delay: Cell<bool>,
    keep_alive: Cell<bool>,
}

impl Tcp {
    fn of(scope: &v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<Rc<Tcp>> {
        wrap::attached::<Tcp>(scope, value)
    }

    /// # Errors
    /// - `EADDRINUSE`: that is what `bind` found.
    fn check(&self) -> Result<(), Errno> {
        if self.in_use.get() {
            Err(Errno::EADDRINUSE)
        } else {
            Ok(())
        }
    }
}

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    let class = definition
        .class("TCP", new_tcp)
        .inherits("LibuvStreamWrap")
        .method("open", open)
        .method("bind", bind)
        .method("bind6", bind6)
        .method("listen", listen)
        .method("connect", connect)
        .method("connect6", connect6)
        .method("getsockname", getsockname)
        .method("getpeername", getpeername)
        .method("reset", reset);
    options::add_methods(class);
    definition
        .class("TCPConnectWrap", stream_wrap::new_request)
        .inherits("AsyncWrap");
}

fn new_tcp(scope: Scope, args: Args, _rv: Return) {
    let kind = args.get(0).int32_value(scope).unwrap_or(-1);
    if !args.is_construct_call() || !args.get(0).is_int32() || !(SOCKET..=SERVER).contains(&kind) {
        exception::throw_invalid_argument(scope, "TCP takes one of TCP.SOCKET, TCP.SERVER");
        return;
    }
    let (provider, name) = if kind == SERVER {
        ("TCPSERVERWRAP", "TCPServerWrap")
    } else {
        ("TCPWRAP", "TCPSocketWrap")
    };
    stream_wrap::construct(scope, args.this(), provider, name);
    wrap::attach(scope, args.this(), Rc::new(Tcp::default()));
}

/// Runs a method on a handle of TCP; its result is 0 or a negative error number.
fn with_tcp(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    work: impl FnOnce(Scope, &Connection, &Tcp) -> Result<(), Errno>,
) {
    let tcp = Tcp::of(scope, args.this().into());
    with_connection(scope, args, rv, |scope, connection| {
        work(scope, connection, &*tcp.ok_or(Errno::EBADF)?)
    });
}

fn open(scope: Scope, args: Args, mut rv: Return) {
    connection_wrap::open(scope, &args, &mut rv);
}

fn bind(scope: Scope, args: Args, mut rv: Return) {
    bind_to(scope, &args, &mut rv, Family::Inet);
}

fn bind6(scope: Scope, args: Args, mut rv: Return) {
    bind_to(scope, &args, &mut rv, Family::Inet6);
}

/// `bind(host, port[, flags])`.
fn bind_to(scope: Scope, args: &Args, rv: &mut Return, family: Family) {
    let flags = if args.get(2).is_uint32() {
        args.get(2).uint32_value(scope).unwrap_or(0)
    } else {
        0
    };
    let Some(address) = socket_address::from_arguments(scope, family, args.get(0), args.get(1))
    else {
        return;
    };
    with_tcp(scope, args, rv, |_, connection, tcp| {
        bind_address(connection, tcp, &address?, flags)
    });
}

/// As `uv__tcp_bind`.
fn bind_address(
    connection: &Connection,
    tcp: &Tcp,
    address: &SocketAddress,
    flags: u32,
) -> Result<(), Errno> {
    let fd = socket(connection, tcp, address.family())?;
    let process = &connection.process;
    process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, OptionValue::Int(1))?;
    if flags & UV_TCP_REUSEPORT != 0 {
        process.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, OptionValue::Int(1))?;
    }
    if address.family() == AF_INET6 {
        let only = OptionValue::Int(i32::from(flags & UV_TCP_IPV6ONLY != 0));
        process.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, only)?;
    }
    let bound = process.bind(fd, address);
    tcp.in_use.set(bound == Err(Errno::EADDRINUSE));
    match bound {
        Err(Errno::EADDRINUSE) => Ok(()),
        // An address of another family than the socket, which was there before.
        Err(Errno::EAFNOSUPPORT) => Err(Errno::EINVAL),
        other => other,
    }
}

/// The handle's socket, made where it has none.
fn socket(connection: &Connection, tcp: &Tcp, family: i32) -> Result<Fd, Errno> {
    let kernel_stream = &connection.kernel_stream;
    if kernel_stream.is_idle() {
        let kind = SOCK_STREAM | connection_wrap::SOCKET_FLAGS;
        kernel_stream.open(connection.process.socket(family, kind, 0)?);
        options::apply(connection, tcp)?;
    }
    Ok(kernel_stream.fd())
}

/// `listen(backlog)`. What has no address gets one of its own choice.
fn listen(scope: Scope, args: Args, mut rv: Return) {
    let tcp = Tcp::of(scope, args.this().into());
    connection_wrap::listen(scope, &args, &mut rv, &TCP, |connection| {
        let tcp = tcp.ok_or(Errno::EBADF)?;
        tcp.check()?;
        socket(connection, &tcp, AF_INET).map(drop)
    });
}

fn connect(scope: Scope, args: Args, mut rv: Return) {
    connect_to(scope, &args, &mut rv, Family::Inet);
}

fn connect6(scope: Scope, args: Args, mut rv: Return) {
    connect_to(scope, &args, &mut rv, Family::Inet6);
}

/// `connect(req, host, port)`.
fn connect_to(scope: Scope, args: &Args, rv: &mut Return, family: Family) {
    let tcp = Tcp::of(scope, args.this().into());
    let Some(address) = socket_address::from_arguments(scope, family, args.get(1), args.get(2))
    else {
        return;
    };
    connection_wrap::connect(scope, args, rv, &TCP, |connection| {
        let (tcp, address) = (tcp.ok_or(Errno::EBADF)?, address?);
        if tcp.in_use.get() {
            return Ok(Err(Errno::EADDRINUSE));
        }
        socket(connection, &tcp, address.family())?;
        match connection_wrap::begin(connection, &address) {
            // A refusal alone is told behind the call (`uv__tcp_connect`).
            begun @ (Ok(()) | Err(Errno::EINPROGRESS | Errno::ECONNREFUSED)) => Ok(begun),
            Err(errno) => Err(errno),
        }
    });
}

/// `getsockname(out)`.
fn getsockname(scope: Scope, args: Args, mut rv: Return) {
    tell_name(scope, &args, &mut rv, Process::getsockname);
}

/// `getpeername(out)`.
fn getpeername(scope: Scope, args: Args, mut rv: Return) {
    tell_name(scope, &args, &mut rv, Process::getpeername);
}

fn tell_name(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    name: impl FnOnce(&Process, Fd) -> Result<SocketAddress, Errno>,
) {
    let out = args.get(0);
    with_tcp(scope, args, rv, |scope, connection, tcp| {
        tcp.check()?;
        let fd = connection.kernel_stream.fd();
        if fd < 0 {
            return Err(Errno::EINVAL);
        }
        let name = name(&connection.process, fd)?;
        if let Ok(out) = v8::Local::<v8::Object>::try_from(out) {
            socket_address::describe(scope, out, &name);
        }
        Ok(())
    });
}

/// `reset([callback])`: closes without an orderly end (`uv_tcp_close_reset`).
fn reset(scope: Scope, args: Args, mut rv: Return) {
    let (object, callback) = (args.this(), args.get(0));
    let handle = Handle::of(scope, object.into());
    if handle.is_some_and(|handle| !handle.is_alive()) {
        rv.set_int32(0);
        return;
    }
    with_tcp(scope, &args, &mut rv, |scope, connection, _| {
        options::reset_at_close(connection)?;
        let handle = connection.kernel_stream.handle();
        handle_wrap::close_with(scope, handle, object, callback);
        Ok(())
    });
}
