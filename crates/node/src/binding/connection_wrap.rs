//! What connections of all families have in common: listening, accepting, connecting. Follows Node's
//! `src/connection_wrap.cc` and libuv's `src/unix/stream.c`.

use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::abi::socket::{
    SO_ERROR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::{Errno, Fd, Process, SocketAddress};

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::class::class_template;
use crate::js::{async_wrap, callback_scope, uv, wrap};
use crate::stream::{KernelStream, Stream};

/// What sockets of streams are made with: as in libuv, nothing that reaches one by its descriptor waits.
pub const SOCKET_FLAGS: i32 = SOCK_CLOEXEC | SOCK_NONBLOCK;

/// A class of connections.
pub struct ConnectionClass {
    /// Key of its template.
    pub name: &'static str,
    /// Argument of its constructor for a connection that was accepted.
    pub socket: i32,
    /// Provider of its requests to connect.
    pub connect_provider: &'static str,
}

/// A connection that a method is called on.
pub struct Connection {
    pub process: Arc<Process>,
    pub stream: Rc<Stream>,
    pub kernel_stream: Rc<KernelStream>,
}

/// Runs a method on a connection; its result is 0 or a negative error number.
pub fn with_connection(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    work: impl FnOnce(Scope, &Connection) -> Result<(), Errno>,
) {
    let this = args.this().into();
    let found = (
        Env::of(scope).try_process(),
        Stream::of(scope, this),
        KernelStream::of(scope, this),
    );
    let result = match found {
        (Some(process), Some(stream), Some(kernel_stream)) if kernel_stream.handle().is_alive() => {
            work(
                scope,
                &Connection {
                    process,
                    stream,
                    kernel_stream,
                },
            )
        }
        _ => Err(Errno::EBADF),
    };
    rv.set_int32(uv::status(result));
}

/// `open(fd)`: takes over a descriptor.
pub fn open(scope: Scope, args: &Args, rv: &mut Return) {
    let Some(fd) = args.get(0).int32_value(scope) else {
        return;
    };
    with_connection(scope, args, rv, |_, connection| {
        connection.process.file(fd)?;
        take_over(&connection.process, &connection.kernel_stream, fd)
    });
}

/// Makes `fd` the stream's descriptor. From now on nothing waits that reaches it by its number (libuv's `uv__nonblock`),
/// except a standard one, which other programs have as well.
///
/// # Errors
/// - `EBADF`: it is not open.
pub fn take_over(process: &Process, kernel_stream: &KernelStream, fd: Fd) -> Result<(), Errno> {
    if fd > 2 {
        let flags = process.status_flags(fd)?;
        process.set_status_flags(fd, flags | OpenFlags::O_NONBLOCK)?;
    }
    kernel_stream.open(fd);
    Ok(())
}

/// Makes a socket with a name the stream's descriptor.
///
/// # Errors
/// - `EINVAL`: it has a descriptor.
/// - What `socket(2)` and `bind(2)` fail with.
pub fn bind(connection: &Connection, address: &SocketAddress) -> Result<(), Errno> {
    let Connection {
        process,
        kernel_stream,
        ..
    } = connection;
    if !kernel_stream.is_idle() {
        return Err(Errno::EINVAL);
    }
    let fd = process.socket(address.family(), SOCK_STREAM | SOCKET_FLAGS, 0)?;
    if let Err(errno) = process.bind(fd, address) {
        // Just made, so it is open.
        let _ = process.close(fd);
        return Err(errno);
    }
    kernel_stream.open(fd);
    Ok(())
}

/// `listen(backlog)`: `onconnection(status, handle)` for each connection from now on. `prepare` sees to the descriptor.
pub fn listen(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    class: &'static ConnectionClass,
    prepare: impl FnOnce(&Connection) -> Result<(), Errno>,
) {
    let Some(backlog) = args.get(0).int32_value(scope) else {
        return;
    };
    with_connection(scope, args, rv, |scope, connection| {
        prepare(connection)?;
        let kernel_stream = &connection.kernel_stream;
        connection.process.listen(kernel_stream.fd(), backlog)?;
        let env = Env::of(scope);
        kernel_stream.handle().set_active(&env, true);
        wait_for_connection(&env, &connection.stream, kernel_stream, class);
        Ok(())
    });
}

fn wait_for_connection(
    env: &Env,
    stream: &Rc<Stream>,
    kernel_stream: &Rc<KernelStream>,
    class: &'static ConnectionClass,
) {
    let Some(process) = env.try_process() else {
        return;
    };
    let fd = kernel_stream.fd();
    let (stream, listening) = (stream.clone(), kernel_stream.clone());
    let key = env.event_loop.spawn_unref(async move {
        let ready = std::future::poll_fn(|cx| process.poll_ready(fd, PollEvents::POLLIN, cx)).await;
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
            if ready.is_ok() {
                accept(scope, &stream, &listening, class);
            }
        }) as Completion
    });
    kernel_stream.set_connecter(Some(key));
}

/// Takes one connection and waits for the next: one in each turn of the loop, as libuv does since 1.45, so that what a
/// connection sets off is not behind all the others.
fn accept(
    scope: &mut v8::PinScope<'_, '_>,
    stream: &Rc<Stream>,
    kernel_stream: &Rc<KernelStream>,
    class: &'static ConnectionClass,
) {
    v8::scope!(let scope, scope);
    let env = Env::of(scope);
    let (Some(process), Some(object)) = (env.try_process(), stream.object(scope)) else {
        return;
    };
    kernel_stream.set_connecter(None);
    let (result, client) = match process.accept4(kernel_stream.fd(), SOCKET_FLAGS) {
        Ok(fd) => match accepted(scope, class, fd) {
            Some(client) => (Ok(()), client.into()),
            None => return,
        },
        Err(Errno::EAGAIN) => {
            wait_for_connection(&env, stream, kernel_stream, class);
            return;
        }
        Err(errno) => (Err(errno), v8::undefined(scope).into()),
    };
    let status = v8::Integer::new(scope, uv::status(result)).into();
    callback_scope::make_named_callback(scope, object, "onconnection", &[status, client]);
    if kernel_stream.handle().is_alive() {
        wait_for_connection(&env, stream, kernel_stream, class);
    }
}

/// An object for a connection that was accepted.
fn accepted<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    class: &ConnectionClass,
    fd: Fd,
) -> Option<v8::Local<'s, v8::Object>> {
    let constructor = class_template(scope, class.name)?.get_function(scope)?;
    let kind = v8::Integer::new(scope, class.socket).into();
    let object = constructor.new_instance(scope, &[kind])?;
    KernelStream::of(scope, object.into())?.open(fd);
    Some(object)
}

/// The native side of a request to connect.
struct Connecting;

/// How connecting began: it is done, has failed, or goes on (`EINPROGRESS`).
pub type Begun = Result<(), Errno>;

/// `connect(req, ...)`: the result comes through `req.oncomplete(status, handle, req, readable, writable)`. What `start`
/// fails with itself is told at once.
pub fn connect(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    class: &'static ConnectionClass,
    start: impl FnOnce(&Connection) -> Result<Begun, Errno>,
) {
    let Ok(request) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        rv.set_int32(uv::error(Errno::EINVAL));
        return;
    };
    let fresh = request.internal_field_count() >= wrap::INTERNAL_FIELDS
        && wrap::key(scope, request).is_none();
    let object = v8::Global::new(scope, args.this());
    with_connection(scope, args, rv, |scope, connection| {
        if !fresh {
            return Err(Errno::EINVAL);
        }
        if connection.kernel_stream.is_connecting() {
            return Err(Errno::EALREADY);
        }
        let begun = start(connection)?;
        let fd = connection.kernel_stream.fd();
        if fd >= 0 {
            connection.kernel_stream.begin_connecting(fd);
        }
        async_wrap::wrap_async(scope, request, class.connect_provider, Connecting);
        wrap::make_strong(scope, request);
        let request = v8::Global::new(scope, request);
        connection
            .kernel_stream
            .set_connected(Box::new(move |scope, result| {
                tell(scope, &request, &object, result);
            }));
        finish(&Env::of(scope), connection, begun);
        Ok(())
    });
}

/// Begins to connect, with the stream's own descriptor where it has one.
pub fn begin(connection: &Connection, address: &SocketAddress) -> Begun {
    let Connection {
        process,
        kernel_stream,
        ..
    } = connection;
    let own = Some(kernel_stream.fd()).filter(|fd| *fd >= 0);
    let fd = match own {
        Some(fd) => fd,
        None => process.socket(address.family(), SOCK_STREAM | SOCKET_FLAGS, 0)?,
    };
    match process.connect(fd, address) {
        Err(errno) if errno != Errno::EINPROGRESS => {
            if own.is_none() {
                // Just made, so it is open.
                let _ = process.close(fd);
            }
            Err(errno)
        }
        begun => {
            kernel_stream.begin_connecting(fd);
            begun
        }
    }
}

/// Tells the result: of what is known already in the next turn, as libuv does.
fn finish(env: &Env, connection: &Connection, begun: Begun) {
    let (stream, kernel_stream) = (connection.stream.clone(), connection.kernel_stream.clone());
    if begun != Err(Errno::EINPROGRESS) {
        env.event_loop.defer(Box::new(move |scope| {
            kernel_stream.end_connecting(scope, &stream, begun);
        }));
        return;
    }
    let (process, fd) = (connection.process.clone(), kernel_stream.fd());
    let key = env.event_loop.spawn(async move {
        let ready =
            std::future::poll_fn(|cx| process.poll_ready(fd, PollEvents::POLLOUT, cx)).await;
        let result = ready.and_then(|_| process.getsockopt(fd, SOL_SOCKET, SO_ERROR));
        let result = result.and_then(|value| match value.int() {
            None | Some(0) => Ok(()),
            Some(number) => Err(Errno::from_raw(number)),
        });
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
            kernel_stream.end_connecting(scope, &stream, result);
        }) as Completion
    });
    connection.kernel_stream.set_connecter(Some(key));
}

fn tell(
    scope: &mut v8::PinScope<'_, '_>,
    request: &v8::Global<v8::Object>,
    object: &v8::Global<v8::Object>,
    result: Result<(), Errno>,
) {
    v8::scope!(let scope, scope);
    let request = v8::Local::new(scope, request);
    let object = v8::Local::new(scope, object);
    wrap::make_weak(scope, request);
    let usable = v8::Boolean::new(scope, result.is_ok()).into();
    let arguments = [
        v8::Integer::new(scope, uv::status(result)).into(),
        object.into(),
        request.into(),
        usable,
        usable,
    ];
    callback_scope::make_named_callback(scope, request, "oncomplete", &arguments);
}
