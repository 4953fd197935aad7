//! Receiving: `onmessage(count, handle, buffer, sender)` for each datagram, or a negative error number.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::abi::socket::MsgFlags;
use secure_exec_kernel::{Errno, Fd, SocketAddress};

use super::socket::{Sharing, UdpSocket, process};
use super::socket_address::{self, Family};
use super::this;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::{callback_scope, convert, uv, wrap};

/// libuv's `UV__UDP_DGRAM_MAXSIZE`, longer than any datagram.
const LONGEST: usize = 64 * 1024;

/// How many datagrams libuv receives before the others have their turn.
const DATAGRAMS_IN_A_ROW: usize = 32;

/// Where all sockets of an isolate receive a datagram, before its length is known.
#[derive(Default)]
struct Scratch(RefCell<Vec<u8>>);

/// `recvStart()`
pub fn start(scope: Scope, args: Args, mut rv: Return) {
    let object = v8::Global::new(scope, args.this());
    let result = this(scope, &args).and_then(|socket| {
        let env = Env::of(scope);
        if socket.receiving.get() {
            return Ok(());
        }
        socket.bind_any(&env, Family::Inet, Sharing::Own)?;
        socket.receiving.set(true);
        socket.recount(&env);
        wait(&env, &socket, object)
    });
    rv.set_int32(uv::status(result));
}

/// `recvStop()`
pub fn stop(scope: Scope, args: Args, mut rv: Return) {
    let result = this(scope, &args).map(|socket| socket.stop_receiving(&Env::of(scope)));
    rv.set_int32(uv::status(result));
}

impl UdpSocket {
    pub(super) fn stop_receiving(&self, env: &Env) {
        self.receiving.set(false);
        if let Some(key) = self.receiver.take() {
            env.event_loop.cancel(key);
        }
        self.recount(env);
    }

    /// Whether it still wants what comes to `fd`, and nobody waits for that yet.
    fn wants_more(&self, fd: Fd) -> bool {
        self.receiving.get() && self.receiver.get().is_none() && self.fd() == Ok(fd)
    }
}

/// Waits for a datagram, or an error.
fn wait(env: &Env, socket: &Rc<UdpSocket>, object: v8::Global<v8::Object>) -> Result<(), Errno> {
    let (process, fd) = (process(env)?, socket.fd()?);
    let key = env.event_loop.spawn_unref(async move {
        let ready = poll_fn(|cx| process.poll_ready(fd, PollEvents::POLLIN, cx)).await;
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| deliver(scope, object, fd, ready))
            as Completion
    });
    socket.receiver.set(Some(key));
    Ok(())
}

/// Receives what is there (`uv__udp_recvmsg`).
fn deliver(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Global<v8::Object>,
    fd: Fd,
    ready: Result<PollEvents, Errno>,
) {
    v8::scope!(let scope, scope);
    let local = v8::Local::new(scope, &object);
    let Some(socket) = wrap::unwrap::<UdpSocket>(scope, local.into()) else {
        return;
    };
    socket.receiver.set(None);
    let mut error = ready.err();
    for _ in 0..DATAGRAMS_IN_A_ROW {
        if !socket.wants_more(fd) {
            return;
        }
        let received = match error.take() {
            Some(errno) => Err(errno),
            None => socket.receive(&Env::of(scope), fd),
        };
        match received {
            Ok((bytes, sender)) => tell(scope, local, bytes, sender.as_ref()),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => break,
            Err(errno) => {
                tell_error(scope, local, errno);
                break;
            }
        }
    }
    // A descriptor that the guest has closed by its number is not waited for.
    if socket.wants_more(fd) && ready.is_ok() {
        let _waits = wait(&Env::of(scope), &socket, object);
    }
}

impl UdpSocket {
    fn receive(&self, env: &Env, fd: Fd) -> Result<(Vec<u8>, Option<SocketAddress>), Errno> {
        let process = process(env)?;
        let scratch = env.state::<Scratch>();
        let mut scratch = scratch.0.borrow_mut();
        scratch.resize(LONGEST, 0);
        let (count, sender) = process.recvfrom(fd, &mut scratch, MsgFlags::empty())?;
        Ok((scratch[..count].to_vec(), sender))
    }
}

fn tell(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    bytes: Vec<u8>,
    sender: Option<&SocketAddress>,
) {
    v8::scope!(let scope, scope);
    let object = v8::Local::new(scope, object);
    let count = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    let info = v8::Object::new(scope);
    if let Some(sender) = sender {
        socket_address::describe(scope, info, sender);
    }
    let arguments = [
        v8::Integer::new(scope, count).into(),
        object.into(),
        convert::buffer(scope, bytes),
        info.into(),
    ];
    callback_scope::make_named_callback(scope, object, "onmessage", &arguments);
}

fn tell_error(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>, errno: Errno) {
    v8::scope!(let scope, scope);
    let object = v8::Local::new(scope, object);
    let nothing = v8::undefined(scope).into();
    let arguments = [
        v8::Integer::new(scope, uv::error(errno)).into(),
        object.into(),
        nothing,
        nothing,
    ];
    callback_scope::make_named_callback(scope, object, "onmessage", &arguments);
}
