//! `internalBinding('udp_wrap')`: datagrams of the guest's kernel. Follows Node's `src/udp_wrap.cc` and libuv's
//! `src/unix/udp.c`.

mod options;
mod receive;
mod send;
mod socket;

use std::rc::Rc;

use secure_exec_kernel::{Errno, SocketAddress};

use self::socket::UdpSocket;
use super::socket_address::{self, Family};
use super::stream_wrap;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::handle::Handle;
use crate::js::{exception, uv, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    let class = definition
        .class("UDP", construct)
        .inherits("HandleWrap")
        .getter("fd", fd)
        .method("open", open)
        .method("bind", bind)
        .method("bind6", bind6)
        .method("connect", connect)
        .method("connect6", connect6)
        .method("disconnect", disconnect)
        .method("getsockname", getsockname)
        .method("getpeername", getpeername)
        .method("recvStart", receive::start)
        .method("recvStop", receive::stop);
    send::add_methods(class);
    options::add_methods(class);
    definition
        .class("SendWrap", stream_wrap::new_request)
        .inherits("AsyncWrap");
}

/// `new UDP()`
fn construct(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "UDP cannot be called without `new`");
        return;
    }
    let kind = ("UDPWRAP", "UDPWrap");
    let (socket, handle) = Handle::construct(scope, args.this(), kind, UdpSocket::default());
    socket.set_handle(handle);
}

/// The socket that a method is called on, unless it is closed.
fn this(scope: &v8::PinScope<'_, '_>, args: &Args) -> Result<Rc<UdpSocket>, Errno> {
    let object = args.this().into();
    Handle::of(scope, object)
        .filter(|handle| handle.is_alive())
        .and_then(|_| wrap::unwrap::<UdpSocket>(scope, object))
        .ok_or(Errno::EBADF)
}

/// Runs a method on an open socket; its result is 0 or a negative error number.
fn with_socket(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    work: impl FnOnce(&Env, &UdpSocket) -> Result<(), Errno>,
) {
    let result = this(scope, args).and_then(|socket| work(&Env::of(scope), &socket));
    rv.set_int32(uv::status(result));
}

/// `udp.fd`
fn fd(scope: Scope, args: Args, mut rv: Return) {
    let fd = this(scope, &args).and_then(|socket| socket.fd());
    rv.set_int32(fd.unwrap_or_else(uv::error));
}

/// `open(fd)`: takes over a descriptor.
fn open(scope: Scope, args: Args, mut rv: Return) {
    if let Some(fd) = args.get(0).int32_value(scope) {
        with_socket(scope, &args, &mut rv, |env, socket| socket.open(env, fd));
    }
}

fn bind(scope: Scope, args: Args, rv: Return) {
    bind_to(scope, &args, rv, Family::Inet);
}

fn bind6(scope: Scope, args: Args, rv: Return) {
    bind_to(scope, &args, rv, Family::Inet6);
}

/// `bind(host, port, flags)`
fn bind_to(scope: Scope, args: &Args, mut rv: Return, family: Family) {
    let address = socket_address::from_arguments(scope, family, args.get(0), args.get(1));
    let (Some(address), Some(flags)) = (address, args.get(2).uint32_value(scope)) else {
        return;
    };
    with_socket(scope, args, &mut rv, |env, socket| {
        socket.bind(env, &address?, flags)
    });
}

fn connect(scope: Scope, args: Args, rv: Return) {
    connect_to(scope, &args, rv, Family::Inet);
}

fn connect6(scope: Scope, args: Args, rv: Return) {
    connect_to(scope, &args, rv, Family::Inet6);
}

/// `connect(host, port)`
fn connect_to(scope: Scope, args: &Args, mut rv: Return, family: Family) {
    if let Some(address) = socket_address::from_arguments(scope, family, args.get(0), args.get(1)) {
        with_socket(scope, args, &mut rv, |env, socket| {
            socket.connect(env, &address?)
        });
    }
}

fn disconnect(scope: Scope, args: Args, mut rv: Return) {
    with_socket(scope, &args, &mut rv, |env, socket| socket.disconnect(env));
}

fn getsockname(scope: Scope, args: Args, mut rv: Return) {
    let name = this(scope, &args).and_then(|socket| {
        let process = Env::of(scope).try_process().ok_or(Errno::ESRCH)?;
        process.getsockname(socket.fd()?)
    });
    rv.set_int32(uv::status(tell_name(scope, args.get(0), name)));
}

fn getpeername(scope: Scope, args: Args, mut rv: Return) {
    let name = this(scope, &args).and_then(|socket| {
        let process = Env::of(scope).try_process().ok_or(Errno::ESRCH)?;
        process.getpeername(socket.fd()?)
    });
    rv.set_int32(uv::status(tell_name(scope, args.get(0), name)));
}

/// Fills the object that the library gives for a name.
fn tell_name(
    scope: &mut v8::PinScope<'_, '_>,
    target: v8::Local<'_, v8::Value>,
    name: Result<SocketAddress, Errno>,
) -> Result<(), Errno> {
    let name = name?;
    let target = v8::Local::<v8::Object>::try_from(target).map_err(|_| Errno::EINVAL)?;
    socket_address::describe(scope, target, &name);
    Ok(())
}
