//! `internalBinding('pipe_wrap')`: pipes and local sockets of the guest's kernel. Follows Node's `src/pipe_wrap.cc`.

use secure_exec_kernel::{Errno, SocketAddress, UnixAddress};

use super::connection_wrap::{self, ConnectionClass, with_connection};
use super::{handle_passing, stream_wrap};
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::exception;

/// Values of the constructor's argument.
const SOCKET: i32 = 0;
const SERVER: i32 = 1;
const IPC: i32 = 2;

/// Bits of `fchmod`'s argument.
const READABLE: i32 = 1;
const WRITABLE: i32 = 2;

const PIPE: ConnectionClass = ConnectionClass {
    name: "Pipe",
    socket: SOCKET,
    connect_provider: "PIPECONNECTWRAP",
};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("Pipe", new_pipe)
        .inherits("LibuvStreamWrap")
        .method("bind", bind)
        .method("listen", listen)
        .method("connect", connect)
        .method("open", open)
        .method("fchmod", fchmod);
    definition
        .class("PipeConnectWrap", stream_wrap::new_request)
        .inherits("AsyncWrap");
}

fn new_pipe(scope: Scope, args: Args, _rv: Return) {
    let kind = args.get(0).int32_value(scope).unwrap_or(-1);
    if !args.is_construct_call() || !args.get(0).is_int32() || !(SOCKET..=IPC).contains(&kind) {
        exception::throw_invalid_argument(
            scope,
            "Pipe takes one of Pipe.SOCKET, Pipe.SERVER, Pipe.IPC",
        );
        return;
    }
    let provider = if kind == SERVER {
        "PIPESERVERWRAP"
    } else {
        "PIPEWRAP"
    };
    let kernel_stream = stream_wrap::construct(scope, args.this(), provider, "PipeWrap");
    if kind == IPC {
        kernel_stream.set_take_descriptor(handle_passing::take_descriptor);
    }
}

/// The name in an argument: a path, or, behind a NUL, a name in the abstract namespace. `None` if converting it threw.
fn name(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<SocketAddress> {
    let text = value.to_string(scope)?.to_rust_string_lossy(scope);
    Some(SocketAddress::Unix(match text.as_bytes() {
        [] => UnixAddress::Path(Vec::new()),
        name => UnixAddress::from_bytes(name),
    }))
}

fn open(scope: Scope, args: Args, mut rv: Return) {
    connection_wrap::open(scope, &args, &mut rv);
}

/// `bind(name)` (`uv_pipe_bind2`).
fn bind(scope: Scope, args: Args, mut rv: Return) {
    let Some(address) = name(scope, args.get(0)) else {
        return;
    };
    with_connection(scope, &args, &mut rv, |_, connection| {
        connection_wrap::bind(connection, &address).map_err(|errno| match errno {
            // As libuv: a directory that is not there is no address that is in use.
            Errno::ENOENT => Errno::EACCES,
            other => other,
        })?;
        if let SocketAddress::Unix(UnixAddress::Path(path)) = address {
            connection.kernel_stream.set_path(path);
        }
        Ok(())
    });
}

/// `listen(backlog)`.
fn listen(scope: Scope, args: Args, mut rv: Return) {
    connection_wrap::listen(scope, &args, &mut rv, &PIPE, |_| Ok(()));
}

/// `connect(req, name)` (`uv_pipe_connect2`).
fn connect(scope: Scope, args: Args, mut rv: Return) {
    if let Some(address) = name(scope, args.get(1)) {
        // Whatever it fails with is told behind the call, as in libuv.
        connection_wrap::connect(scope, &args, &mut rv, &PIPE, |connection| {
            Ok(connection_wrap::begin(connection, &address))
        });
    }
}

/// `fchmod(mode)` (`uv_pipe_chmod`): adds permissions for everybody to the path of a server.
fn fchmod(scope: Scope, args: Args, mut rv: Return) {
    let Some(wanted) = args.get(0).int32_value(scope) else {
        return;
    };
    with_connection(scope, &args, &mut rv, |_, connection| {
        let bits = match wanted {
            READABLE => 0o444,
            WRITABLE => 0o222,
            both if both == READABLE | WRITABLE => 0o666,
            _ => return Err(Errno::EINVAL),
        };
        let path = connection.kernel_stream.path().ok_or(Errno::EBADF)?;
        let mode = connection.process.stat(&path)?.mode & 0o7777;
        connection.process.chmod(&path, mode | bits)
    });
}
