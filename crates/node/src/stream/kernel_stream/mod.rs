//! A stream over a file descriptor of the guest (libuv's `uv_stream_t`, `src/unix/stream.c`).

mod reading;
mod writing;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use secure_exec_kernel::{Errno, Fd, Process};
use writing::QueuedWrite;

use super::{Stream, StreamRequest, StreamResource};
use crate::env::Env;
use crate::event_loop::TaskKey;
use crate::js::handle::Handle;
use crate::js::{uv, wrap};

/// Hears how making a connection ended.
pub type Connected = Box<dyn for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>, Result<(), Errno>)>;

/// Makes a handle of a descriptor that came with the next bytes, for the object of the stream.
pub type TakeDescriptor = fn(&mut v8::PinScope<'_, '_>, v8::Local<'_, v8::Object>, Fd);

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Without a descriptor.
    Idle,
    /// Its connection is being made: what is written waits.
    Connecting(Fd),
    /// Read, written, or listened on.
    Open(Fd),
    /// Closed for good.
    Closed,
}

/// Reads and writes a file descriptor by readiness.
pub struct KernelStream {
    this: Weak<KernelStream>,
    handle: Rc<Handle>,
    state: Cell<State>,
    reading: Cell<bool>,
    blocking: Cell<bool>,
    reader: Cell<Option<TaskKey>>,
    writer: Cell<Option<TaskKey>>,
    queue: RefCell<VecDeque<QueuedWrite>>,
    shutdown: RefCell<Option<Rc<StreamRequest>>>,
    /// Waits for connections, or for the end of making one.
    connecter: Cell<Option<TaskKey>>,
    /// Hears of the end of connecting.
    connected: RefCell<Option<Connected>>,
    /// Path that a server made, to be removed with it.
    path: RefCell<Option<Vec<u8>>>,
    /// Of a channel between processes, over which descriptors travel.
    take_descriptor: Cell<Option<TakeDescriptor>>,
    /// Descriptors that came, and wait for a read to go with.
    arrived: RefCell<VecDeque<Fd>>,
}

impl KernelStream {
    /// A stream without a descriptor yet; `handle` is kept active while it reads.
    #[must_use]
    pub fn new(handle: Rc<Handle>) -> Rc<KernelStream> {
        Rc::new_cyclic(|this| KernelStream {
            this: this.clone(),
            handle,
            state: Cell::new(State::Idle),
            reading: Cell::new(false),
            blocking: Cell::new(false),
            reader: Cell::new(None),
            writer: Cell::new(None),
            queue: RefCell::default(),
            shutdown: RefCell::default(),
            connecter: Cell::new(None),
            connected: RefCell::default(),
            path: RefCell::default(),
            take_descriptor: Cell::new(None),
            arrived: RefCell::default(),
        })
    }

    /// Gives the wrapped `object` the stream as a facet, beside the [`Stream`] over it.
    pub fn attach(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
    ) -> Rc<Stream> {
        wrap::attach(scope, object, self.clone());
        Stream::attach(scope, object, self.clone())
    }

    /// The stream over a descriptor that a JavaScript object is, if it is one.
    pub fn of(
        scope: &v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
    ) -> Option<Rc<KernelStream>> {
        wrap::attached::<KernelStream>(scope, value)
    }

    /// The handle that the stream belongs to.
    pub fn handle(&self) -> &Rc<Handle> {
        &self.handle
    }

    /// Makes it a channel over which descriptors travel; `take` hears of each that arrives.
    pub fn set_take_descriptor(&self, take: TakeDescriptor) {
        self.take_descriptor.set(Some(take));
    }

    /// Whether descriptors travel over it.
    pub fn is_channel(&self) -> bool {
        self.take_descriptor.get().is_some()
    }

    /// Notes the path that the socket was bound to.
    pub fn set_path(&self, path: Vec<u8>) {
        *self.path.borrow_mut() = Some(path);
    }

    /// The path that the socket was bound to.
    pub fn path(&self) -> Option<Vec<u8>> {
        self.path.borrow().clone()
    }

    /// Sets the task that waits for connections or for the end of making one; it ends with the stream.
    pub fn set_connecter(&self, key: Option<TaskKey>) {
        self.connecter.set(key);
    }

    /// Takes over `fd`. Standard output and error are written to synchronously, so that no output is lost at exit.
    pub fn open(&self, fd: Fd) {
        self.state.set(State::Open(fd));
        self.blocking.set(fd == 1 || fd == 2);
    }

    /// Whether it has not got a descriptor yet.
    pub fn is_idle(&self) -> bool {
        self.state.get() == State::Idle
    }

    /// Takes over `fd`, whose connection is being made.
    pub fn begin_connecting(&self, fd: Fd) {
        self.state.set(State::Connecting(fd));
    }

    /// Whether somebody waits for the end of connecting.
    pub fn is_connecting(&self) -> bool {
        self.connected.borrow().is_some()
    }

    /// Sets what hears of the end of connecting, once; of a close before that by `ECANCELED`.
    pub fn set_connected(&self, connected: Connected) {
        *self.connected.borrow_mut() = Some(connected);
    }

    /// Notes that the connection is there, or, with an error, that it will never be: what was written meanwhile goes
    /// out, or ends.
    pub fn end_connecting(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        result: Result<(), Errno>,
    ) {
        if self.state.get() == State::Closed {
            // Closed meanwhile, which is what whoever waits is told.
            return;
        }
        let Some(connected) = self.connected.take() else {
            return;
        };
        if let State::Connecting(fd) = self.state.get() {
            self.open(fd);
            if result.is_err() {
                self.cancel_requests(scope);
            } else if !self.queue.borrow().is_empty() || self.shutdown.borrow().is_some() {
                self.schedule_write(&Env::of(scope), stream);
            }
        }
        connected(scope, result);
    }

    /// The descriptor; -1 without one.
    #[must_use]
    pub fn fd(&self) -> Fd {
        match self.state.get() {
            State::Idle | State::Closed => -1,
            State::Connecting(fd) | State::Open(fd) => fd,
        }
    }

    /// Whether writes wait until everything is written.
    pub fn set_blocking(&self, blocking: bool) {
        self.blocking.set(blocking);
    }

    /// Whether somebody waits for the end of its writable side.
    pub fn is_shutting(&self) -> bool {
        self.shutdown.borrow().is_some()
    }

    /// Bytes that wait to be written.
    pub fn write_queue_size(&self) -> usize {
        self.queue
            .borrow()
            .iter()
            .map(|write| write.bytes.len() - write.written)
            .sum()
    }

    /// Ends all activity and closes the descriptor; what waits ends with `ECANCELED` in the closing phase. The
    /// standard descriptors stay open, as in libuv.
    pub fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        let env = Env::of(scope);
        self.stop_reading(&env);
        if let Some(key) = self.writer.take() {
            env.event_loop.cancel(key);
        }
        if let Some(key) = self.connecter.take() {
            env.event_loop.cancel(key);
        }
        match env.try_process() {
            Some(process) => self.close_descriptor(&process),
            None => self.state.set(State::Closed),
        }
    }

    /// Closes what it has of descriptors, and takes away the path of a server.
    pub fn close_descriptor(&self, process: &Process) {
        if let Some(path) = self.path.take() {
            // As libuv: it may be gone, or somebody else's by now.
            let _ = process.unlink(&path);
        }
        let fd = self.fd();
        self.state.set(State::Closed);
        let arrived = self.arrived.take().into_iter();
        for fd in arrived.chain((fd > 2).then_some(fd)) {
            // The descriptor was ours: the only failure is that the guest closed it behind our back.
            let _ = process.close(fd);
        }
    }

    /// Ends what `close` left waiting.
    pub fn cancel_requests(&self, scope: &mut v8::PinScope<'_, '_>) {
        if let Some(connected) = self.connected.take() {
            connected(scope, Err(Errno::ECANCELED));
        }
        let cancelled = uv::error(Errno::ECANCELED);
        let queue = self.queue.take();
        for write in queue {
            write.request.done(scope, cancelled);
        }
        if let Some(request) = self.shutdown.take() {
            request.done(scope, cancelled);
        }
    }

    /// Lets go of what waits, which refers to the stream: the isolate ends, and nobody hears of it.
    pub fn forget_requests(&self) {
        drop(self.queue.take());
        drop(self.shutdown.take());
        drop(self.connected.take());
    }

    fn stop_reading(&self, env: &Env) {
        self.reading.set(false);
        if let Some(key) = self.reader.take() {
            env.event_loop.cancel(key);
        }
        self.handle.set_active(env, false);
    }
}

impl StreamResource for KernelStream {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32 {
        let env = Env::of(scope);
        if self.state.get() == State::Closed {
            return uv::error(Errno::EINVAL);
        }
        if self.fd() < 0 {
            return uv::error(Errno::ENOTCONN);
        }
        if self.reading.replace(true) {
            return 0;
        }
        self.handle.set_active(&env, true);
        if self.reader.get().is_none() {
            self.schedule_read(&env, stream);
        }
        0
    }

    fn read_stop(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        let env = Env::of(scope);
        self.stop_reading(&env);
        0
    }

    fn try_write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        bytes: &[u8],
    ) -> Result<Option<usize>, i32> {
        if self.fd() < 0 {
            return Err(uv::error(Errno::EBADF));
        }
        let connecting = matches!(self.state.get(), State::Connecting(_));
        if connecting || !self.queue.borrow().is_empty() {
            // Behind what waits already.
            return Ok(None);
        }
        let env = Env::of(scope);
        self.write_now(&env, bytes).map(Some).map_err(uv::error)
    }

    fn write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
    ) -> i32 {
        self.enqueue(scope, stream, QueuedWrite::new(request, bytes, None))
    }

    fn write_with_descriptor(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
        fd: Fd,
    ) -> i32 {
        if !self.is_channel() || bytes.is_empty() {
            return uv::error(Errno::EINVAL);
        }
        if fd < 0 {
            return uv::error(Errno::EBADF);
        }
        self.enqueue(scope, stream, QueuedWrite::new(request, bytes, Some(fd)))
    }

    fn shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
    ) -> i32 {
        if self.fd() < 0 || self.shutdown.borrow().is_some() {
            return uv::error(Errno::ENOTCONN);
        }
        *self.shutdown.borrow_mut() = Some(request);
        if self.queue.borrow().is_empty() && matches!(self.state.get(), State::Open(_)) {
            let this = self.this.clone();
            // Completes in the next turn, as libuv does from its io watcher.
            Env::of(scope).event_loop.defer(Box::new(move |scope| {
                if let Some(this) = this.upgrade() {
                    this.finish_shutdown(scope);
                }
            }));
        }
        0
    }

    /// Until it is closed: what is asked of one that is being closed fails by its descriptor.
    fn is_alive(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        !self.handle.is_closed()
    }

    fn is_closing(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        !self.handle.is_alive()
    }

    fn fd(&self) -> i32 {
        self.fd()
    }
}
