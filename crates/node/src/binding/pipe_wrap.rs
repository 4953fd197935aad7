//! `internalBinding('pipe_wrap')`: pipes and local sockets of the guest's kernel. Follows Node's `src/pipe_wrap.cc` and
//! `src/connection_wrap.cc`.
//!
//! # Deviations
//! Names in the abstract namespace of Linux are not there: `bind` and `connect` answer `EINVAL`.

use std::rc::Rc;

use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::abi::socket::{AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM};
use secure_exec_kernel::{Errno, Process, SocketAddress};

use super::stream_wrap;
use super::{Definition, class_template};
use crate::callback_scope;
use crate::child_process::text;
use crate::env::Env;
use crate::event_loop::Completion;
use crate::exception;
use crate::stream::{KernelStream, Stream};
use crate::{async_wrap, wrap};

/// Values of the constructor's argument.
const SOCKET: i32 = 0;
const SERVER: i32 = 1;
const IPC: i32 = 2;

/// Bits of `fchmod`'s argument.
const READABLE: i32 = 1;
const WRITABLE: i32 = 2;

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

fn new_pipe(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
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
    stream_wrap::construct(scope, args.this(), provider, "PipeWrap");
}

/// Runs a method on the stream of a pipe; its result is 0 or a negative error number.
fn with_stream(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    work: impl FnOnce(
        &mut v8::PinScope<'_, '_>,
        &Process,
        &Rc<Stream>,
        &KernelStream,
    ) -> Result<(), Errno>,
) {
    let process = Env::of(scope).try_process();
    let stream = Stream::of(scope, args.this().into());
    let (Some(process), Some(stream)) = (process, stream) else {
        rv.set_int32(-Errno::EBADF.raw());
        return;
    };
    let resource = stream.resource().clone();
    let result = match resource.as_kernel_stream() {
        Some(kernel_stream) if kernel_stream.handle().is_alive() => {
            work(scope, &process, &stream, kernel_stream)
        }
        _ => Err(Errno::EBADF),
    };
    rv.set_int32(result.map_or_else(|errno| -errno.raw(), |()| 0));
}

fn open(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(fd) = args.get(0).int32_value(scope) else {
        return;
    };
    with_stream(scope, &args, &mut rv, |_, process, _, kernel_stream| {
        process.file(fd)?;
        kernel_stream.open(fd);
        Ok(())
    });
}

/// `bind(path)` (`uv_pipe_bind2`).
fn bind(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(path) = text(scope, args.get(0)) else {
        return;
    };
    with_stream(scope, &args, &mut rv, |_, process, _, kernel_stream| {
        if kernel_stream.path().is_some() {
            return Err(Errno::EINVAL);
        }
        let fd = process.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)?;
        if let Err(errno) = process.bind(fd, &SocketAddress::path(&path)) {
            // Just made, so it is open.
            let _ = process.close(fd);
            // As libuv: a directory that is not there is no address that is in use.
            return Err(if errno == Errno::ENOENT {
                Errno::EACCES
            } else {
                errno
            });
        }
        kernel_stream.open(fd);
        kernel_stream.set_path(path);
        Ok(())
    });
}

/// `listen(backlog)`: `onconnection(status, handle)` for each connection from now on.
fn listen(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(backlog) = args.get(0).int32_value(scope) else {
        return;
    };
    with_stream(
        scope,
        &args,
        &mut rv,
        |scope, process, stream, kernel_stream| {
            process.listen(crate::stream::StreamResource::fd(kernel_stream), backlog)?;
            let env = Env::of(scope);
            kernel_stream.handle().set_active(&env, true);
            wait_for_connection(&env, stream, kernel_stream);
            Ok(())
        },
    );
}

fn wait_for_connection(env: &Env, stream: &Rc<Stream>, kernel_stream: &KernelStream) {
    let Some(process) = env.try_process() else {
        return;
    };
    let fd = crate::stream::StreamResource::fd(kernel_stream);
    let stream = stream.clone();
    let key = env.event_loop.spawn_unref(async move {
        let ready = std::future::poll_fn(|cx| process.poll_ready(fd, PollEvents::POLLIN, cx)).await;
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
            if ready.is_ok() {
                accept(scope, &stream);
            }
        }) as Completion
    });
    kernel_stream.set_accepter(Some(key));
}

/// Takes one connection and waits for the next.
fn accept(scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) {
    v8::scope!(let scope, scope);
    let env = Env::of(scope);
    let (Some(process), Some(object)) = (env.try_process(), stream.object(scope)) else {
        return;
    };
    let resource = stream.resource().clone();
    let Some(kernel_stream) = resource.as_kernel_stream() else {
        return;
    };
    kernel_stream.set_accepter(None);
    let fd = crate::stream::StreamResource::fd(kernel_stream);
    let (status, client) = match process.accept4(fd, SOCK_CLOEXEC) {
        Ok(fd) => match new_socket(scope, fd) {
            Some(client) => (0, client.into()),
            None => return,
        },
        Err(Errno::EAGAIN) => {
            wait_for_connection(&env, stream, kernel_stream);
            return;
        }
        Err(errno) => (-errno.raw(), v8::undefined(scope).into()),
    };
    let status = v8::Integer::new(scope, status).into();
    callback_scope::make_named_callback(scope, object, "onconnection", &[status, client]);
    if kernel_stream.handle().is_alive() {
        wait_for_connection(&env, stream, kernel_stream);
    }
}

/// A `Pipe` for a connection that was accepted.
fn new_socket<'s>(scope: &mut v8::PinScope<'s, '_>, fd: i32) -> Option<v8::Local<'s, v8::Object>> {
    let class = class_template(scope, "Pipe")?.get_function(scope)?;
    let kind = v8::Integer::new(scope, SOCKET).into();
    let object = class.new_instance(scope, &[kind])?;
    let stream = Stream::of(scope, object.into())?;
    stream.resource().as_kernel_stream()?.open(fd);
    Some(object)
}

/// The native side of a request to connect.
struct Connecting;

/// `connect(req, path)`: the result comes through `req.oncomplete(status, handle, req, readable, writable)`.
fn connect(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(request) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        rv.set_int32(-Errno::EINVAL.raw());
        return;
    };
    let fresh = request.internal_field_count() >= wrap::INTERNAL_FIELDS
        && wrap::key(scope, request).is_none();
    let Ok(path) = text(scope, args.get(1)) else {
        return;
    };
    let object = v8::Global::new(scope, args.this());
    with_stream(scope, &args, &mut rv, |scope, process, _, kernel_stream| {
        if !fresh {
            return Err(Errno::EINVAL);
        }
        let result = connect_to(process, kernel_stream, &path);
        async_wrap::wrap_async(scope, request, "PIPECONNECTWRAP", Connecting);
        wrap::make_strong(scope, request);
        let request = v8::Global::new(scope, request);
        // Known already, but told in the next turn, as by libuv.
        Env::of(scope).event_loop.defer(Box::new(move |scope| {
            connected(scope, &request, &object, result);
        }));
        Ok(())
    });
}

fn connect_to(process: &Process, kernel_stream: &KernelStream, path: &[u8]) -> Result<(), Errno> {
    let fd = process.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)?;
    if let Err(errno) = process.connect(fd, &SocketAddress::path(path)) {
        // Just made, so it is open.
        let _ = process.close(fd);
        return Err(errno);
    }
    kernel_stream.open(fd);
    Ok(())
}

fn connected(
    scope: &mut v8::PinScope<'_, '_>,
    request: &v8::Global<v8::Object>,
    object: &v8::Global<v8::Object>,
    result: Result<(), Errno>,
) {
    v8::scope!(let scope, scope);
    let request = v8::Local::new(scope, request);
    let object = v8::Local::new(scope, object);
    wrap::make_weak(scope, request);
    let closed = !Stream::of(scope, object.into()).is_some_and(|stream| {
        let resource = stream.resource().clone();
        resource.is_alive(scope, &stream)
    });
    let result = if closed {
        Err(Errno::ECANCELED)
    } else {
        result
    };
    let usable = v8::Boolean::new(scope, result.is_ok()).into();
    let status = result.map_or_else(|errno| -errno.raw(), |()| 0);
    let arguments = [
        v8::Integer::new(scope, status).into(),
        object.into(),
        request.into(),
        usable,
        usable,
    ];
    callback_scope::make_named_callback(scope, request, "oncomplete", &arguments);
}

/// `fchmod(mode)` (`uv_pipe_chmod`): adds permissions for everybody to the path of a server.
fn fchmod(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(wanted) = args.get(0).int32_value(scope) else {
        return;
    };
    with_stream(scope, &args, &mut rv, |_, process, _, kernel_stream| {
        let bits = match wanted {
            READABLE => 0o444,
            WRITABLE => 0o222,
            both if both == READABLE | WRITABLE => 0o666,
            _ => return Err(Errno::EINVAL),
        };
        let path = kernel_stream.path().ok_or(Errno::EBADF)?;
        let mode = process.stat(&path)?.mode & 0o7777;
        process.chmod(&path, mode | bits)
    });
}
