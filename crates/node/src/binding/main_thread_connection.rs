//! `MainThreadConnection` of `internalBinding('inspector')`: a worker looks into the main thread of its process.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::inspector::ToListener;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::LoopHandle;
use crate::inspector::{Incoming, Mailbox, MainThread, Output, Peer, PeerId};
use crate::js::{async_wrap, convert, exception, wrap};

/// All who ever connected.
static LAST_PEER: AtomicU64 = AtomicU64::new(WORKERS);
/// Ids of debuggers at ports are below.
const WORKERS: u64 = 1 << 63;

/// Bytes of events that a worker has not read; the main thread waits with more.
const MOST_UNREAD: usize = 4 << 20;

/// Connections of a worker, by id.
#[derive(Default)]
struct Connections(RefCell<HashMap<PeerId, Weak<ToListener>>>);

/// One of them.
struct Connection {
    id: PeerId,
    main: Arc<Mailbox>,
    /// Gone once it has ended.
    listener: RefCell<Option<Rc<ToListener>>>,
    ended: Cell<bool>,
}

impl Connection {
    fn end(&self) {
        drop(self.listener.take());
        if !self.ended.replace(true) {
            self.main.post(Incoming::Disconnect(self.id));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the main thread has of a worker's connection.
struct WorkerPeer {
    id: PeerId,
    event_loop: LoopHandle,
    unread: Arc<Mutex<Unread>>,
}

#[derive(Default)]
struct Unread {
    bytes: usize,
    writer: Option<Waker>,
}

impl Peer for WorkerPeer {
    fn poll_room(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut unread = self.unread.lock();
        let has_room = unread.bytes == 0 || unread.bytes.saturating_add(bytes) <= MOST_UNREAD;
        if has_room || self.event_loop.aborted() {
            return Poll::Ready(());
        }
        unread.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn take(&self, text: String) {
        self.unread.lock().bytes += text.len();
        let (id, unread) = (self.id, Read(self.unread.clone(), text.len()));
        self.event_loop.post(move |scope| {
            v8::scope!(let scope, scope);
            // Also where the worker is gone: what waits for room goes on.
            let _unread = unread;
            let connections = Env::of(scope).state::<Connections>();
            let listener = connections.0.borrow().get(&id).and_then(Weak::upgrade);
            if let Some(listener) = listener {
                listener.deliver(scope, text);
            }
        });
    }
}

/// Gives the room of an event back.
struct Read(Arc<Mutex<Unread>>, usize);

impl Drop for Read {
    fn drop(&mut self) {
        let writer = {
            let mut unread = self.0.lock();
            unread.bytes = unread.bytes.saturating_sub(self.1);
            unread.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

/// `new MainThreadConnection(listener)`.
pub fn new(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "MainThreadConnection is a class");
        return;
    }
    let Some(listener) = convert::function_argument(scope, &args, 0, "listener") else {
        return;
    };
    let env = Env::of(scope);
    let main = env.worker().and_then(|_| MainThread::mailbox(&env));
    let Some(main) = main else {
        exception::throw_unavailable(scope, "Only a worker connects to the main thread");
        return;
    };
    let id = LAST_PEER.fetch_add(1, Ordering::Relaxed) + 1;
    let listener = Rc::new(ToListener::new(scope, listener, args.this()));
    let connections = env.state::<Connections>();
    connections
        .0
        .borrow_mut()
        .insert(id, Rc::downgrade(&listener));
    let peer = Arc::new(WorkerPeer {
        id,
        event_loop: env.event_loop.handle(),
        unread: Arc::default(),
    });
    main.post(Incoming::Connect(id, peer, true));
    let connection = Connection {
        id,
        main,
        listener: RefCell::new(Some(listener)),
        ended: Cell::new(false),
    };
    async_wrap::wrap_async(scope, args.this(), "INSPECTORJSBINDING", connection);
}

/// `dispatch(message)`. Nothing after the end of the connection.
pub fn dispatch(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_string() {
        exception::throw_invalid_argument(scope, "The \"message\" argument must be of type string");
        return;
    }
    let Some(connection) = wrap::unwrap::<Connection>(scope, args.this().into()) else {
        return;
    };
    if connection.ended.get() {
        return;
    }
    let text = convert::text(scope, args.get(0));
    let main = connection.main.clone();
    let room = std::future::poll_fn(|cx| main.poll_room(text.len(), cx));
    if Env::of(scope).event_loop.block_on(room).is_some() {
        main.post(Incoming::Command(connection.id, text));
    }
}

/// `disconnect()`.
pub fn disconnect(scope: Scope, args: Args, _rv: Return) {
    let Some(connection) = wrap::unwrap::<Connection>(scope, args.this().into()) else {
        return;
    };
    connection.end();
    let connections = Env::of(scope).state::<Connections>();
    connections.0.borrow_mut().remove(&connection.id);
}
