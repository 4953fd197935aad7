//! Sending. The kernel takes a datagram, or refuses it, within the call: what is queued is at most the news of it.

use std::rc::Rc;

use secure_exec_kernel::abi::socket::MsgFlags;
use secure_exec_kernel::{Errno, SocketAddress};

use super::socket::{Sharing, UdpSocket, family_of, process};
use super::socket_address::{self, Family};
use super::this;
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::async_wrap::{self, ids};
use crate::js::class::ClassDefinition;
use crate::js::{callback_scope, convert, uv, wrap};

/// More than any datagram has: of a longer one it is enough to know that it is too long.
const TOO_LONG: usize = 66_000;

/// A datagram that is out, and who is to hear of it.
pub struct Sent {
    request: v8::Global<v8::Object>,
    status: Result<(), Errno>,
    size: usize,
    has_callback: bool,
}

/// The native side of a request to send.
struct Dispatched;

/// Adds the methods about sending.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("send", send)
        .method("send6", send6)
        .method("getSendQueueSize", send_queue_size)
        .method("getSendQueueCount", send_queue_count);
}

fn send(scope: Scope, args: Args, rv: Return) {
    send_to(scope, &args, rv, Family::Inet);
}

fn send6(scope: Scope, args: Args, rv: Return) {
    send_to(scope, &args, rv, Family::Inet6);
}

/// `send(req, list, count, port, host, hasCallback)`, or `send(req, list, count, hasCallback)` to the peer. The size and 1
/// if it is done, 0 if `req` will hear of it, or a negative error number.
fn send_to(scope: Scope, args: &Args, mut rv: Return, family: Family) {
    let socket = match this(scope, args) {
        Ok(socket) => socket,
        Err(errno) => return rv.set_int32(uv::error(errno)),
    };
    let has_address = args.length() == 6;
    let address = if has_address {
        match socket_address::from_arguments(scope, family, args.get(4), args.get(3)) {
            None => return,
            Some(Ok(address)) => Some(address),
            Some(Err(errno)) => return rv.set_int32(uv::error(errno)),
        }
    } else {
        None
    };
    let has_callback = args.get(if has_address { 5 } else { 3 }).is_true();
    let Some(bytes) = gather(scope, args.get(1), args.get(2)) else {
        return rv.set_int32(uv::error(Errno::EINVAL));
    };
    let env = Env::of(scope);
    let tries_first = !env.options.borrow().flag("--test-udp-no-try-send");
    let status = socket.transmit(&env, &bytes, address.as_ref());
    let size = bytes.len();
    let is_told_later = !tries_first || status == Err(Errno::EAGAIN) || socket.has_sent();
    let result = match status {
        Err(errno @ (Errno::EISCONN | Errno::EDESTADDRREQ)) => uv::error(errno),
        status if is_told_later => {
            let done = tell_later(scope, args, &socket, (status, size, has_callback));
            uv::status(done)
        }
        Err(errno) => uv::error(errno),
        // One more, so that a datagram without bytes is told from one that is told of later.
        Ok(()) => i32::try_from(size + 1).unwrap_or(i32::MAX),
    };
    rv.set_int32(result);
}

/// The bytes of a list of buffers. `None` if it has others.
fn gather(
    scope: &mut v8::PinScope<'_, '_>,
    list: v8::Local<'_, v8::Value>,
    count: v8::Local<'_, v8::Value>,
) -> Option<Vec<u8>> {
    let list = v8::Local::<v8::Array>::try_from(list).ok()?;
    let count = count.uint32_value(scope)?;
    let mut bytes = Vec::new();
    for index in 0..count {
        let chunk = list.get_index(scope, index)?;
        convert::with_bytes(chunk, |chunk| {
            let room = TOO_LONG.saturating_sub(bytes.len());
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        })?;
    }
    Some(bytes)
}

/// Has the request hear of what came of it.
fn tell_later(
    scope: Scope,
    args: &Args,
    socket: &Rc<UdpSocket>,
    (status, size, has_callback): (Result<(), Errno>, usize, bool),
) -> Result<(), Errno> {
    let request = v8::Local::<v8::Object>::try_from(args.get(0)).map_err(|_| Errno::EINVAL)?;
    if request.internal_field_count() < wrap::INTERNAL_FIELDS || wrap::key(scope, request).is_some()
    {
        return Err(Errno::EINVAL);
    }
    let env = Env::of(scope);
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    let previous = id_fields.get(ids::DEFAULT_TRIGGER_ASYNC_ID);
    if let Some(state) = wrap::async_state(scope, args.this()) {
        id_fields.set(ids::DEFAULT_TRIGGER_ASYNC_ID, state.async_id.get());
    }
    async_wrap::wrap_async(scope, request, "UDPSENDWRAP", Dispatched);
    id_fields.set(ids::DEFAULT_TRIGGER_ASYNC_ID, previous);
    wrap::make_strong(scope, request);
    socket.sent.borrow_mut().push_back(Sent {
        request: v8::Global::new(scope, request),
        status,
        size,
        has_callback,
    });
    socket.recount(&env);
    let socket = Rc::downgrade(socket);
    env.event_loop.defer(Box::new(move |scope| {
        if let Some(socket) = socket.upgrade() {
            socket.tell_sent(scope);
        }
    }));
    Ok(())
}

impl UdpSocket {
    fn has_sent(&self) -> bool {
        !self.sent.borrow().is_empty()
    }

    /// # Errors
    /// - `EISCONN`: an address, of a socket that has a peer.
    /// - `EDESTADDRREQ`: neither.
    /// - What `sendmsg(2)` fails with.
    fn transmit(
        &self,
        env: &Env,
        bytes: &[u8],
        address: Option<&SocketAddress>,
    ) -> Result<(), Errno> {
        match address {
            Some(_) if self.is_connected() => return Err(Errno::EISCONN),
            Some(address) => self.bind_any(env, family_of(address), Sharing::Own)?,
            None if !self.is_connected() => return Err(Errno::EDESTADDRREQ),
            None => {}
        }
        let (process, fd) = (process(env)?, self.fd()?);
        loop {
            match process.sendto(fd, bytes, MsgFlags::empty(), address) {
                Err(Errno::EINTR) => {}
                sent => return sent.map(drop),
            }
        }
    }

    /// Calls `oncomplete(status, size)` of the requests that are done (`uv__udp_run_completed`).
    pub(super) fn tell_sent(&self, scope: &mut v8::PinScope<'_, '_>) {
        loop {
            // Not borrowed while JavaScript runs, which may send more.
            let Some(sent) = self.sent.borrow_mut().pop_front() else {
                break;
            };
            v8::scope!(let scope, scope);
            let request = v8::Local::new(scope, &sent.request);
            wrap::make_weak(scope, request);
            if sent.has_callback {
                let size = u32::try_from(sent.size).unwrap_or(u32::MAX);
                let arguments = [
                    v8::Integer::new(scope, uv::status(sent.status)).into(),
                    v8::Integer::new_from_unsigned(scope, size).into(),
                ];
                callback_scope::make_named_callback(scope, request, "oncomplete", &arguments);
            }
        }
        self.recount(&Env::of(scope));
    }
}

fn send_queue_size(scope: Scope, args: Args, mut rv: Return) {
    match this(scope, &args) {
        Ok(socket) => {
            let size: usize = socket.sent.borrow().iter().map(|sent| sent.size).sum();
            rv.set_double(size as f64);
        }
        Err(errno) => rv.set_int32(uv::error(errno)),
    }
}

fn send_queue_count(scope: Scope, args: Args, mut rv: Return) {
    match this(scope, &args) {
        Ok(socket) => rv.set_double(socket.sent.borrow().len() as f64),
        Err(errno) => rv.set_int32(uv::error(errno)),
    }
}
