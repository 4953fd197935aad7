//! A stream over a file descriptor of the guest (libuv's `uv_stream_t`, `src/unix/stream.c`).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::net::Shutdown;
use secure_exec_kernel::{Errno, Fd};

use super::{Read, Stream, StreamRequest, StreamResource, UV_EOF};
use crate::binding::handle_wrap::Handle;
use crate::env::Env;
use crate::event_loop::{Completion, TaskKey};

/// What libuv offers a reader.
const READ_SIZE: usize = 65_536;

struct QueuedWrite {
    request: Rc<StreamRequest>,
    bytes: Vec<u8>,
    written: usize,
}

/// Reads and writes a file descriptor by readiness.
pub struct KernelStream {
    handle: Rc<Handle>,
    fd: Cell<Fd>,
    reading: Cell<bool>,
    blocking: Cell<bool>,
    reader: Cell<Option<TaskKey>>,
    writer: Cell<Option<TaskKey>>,
    queue: RefCell<VecDeque<QueuedWrite>>,
    shutdown: RefCell<Option<Rc<StreamRequest>>>,
    /// Waits for connections.
    accepter: Cell<Option<TaskKey>>,
    /// Path that a server made, to be removed with it.
    path: RefCell<Option<Vec<u8>>>,
}

impl KernelStream {
    /// A stream without a descriptor yet; `handle` is kept active while it reads.
    #[must_use]
    pub fn new(handle: Rc<Handle>) -> KernelStream {
        KernelStream {
            handle,
            fd: Cell::new(-1),
            reading: Cell::new(false),
            blocking: Cell::new(false),
            reader: Cell::new(None),
            writer: Cell::new(None),
            queue: RefCell::default(),
            shutdown: RefCell::default(),
            accepter: Cell::new(None),
            path: RefCell::default(),
        }
    }

    /// The handle that the stream belongs to.
    pub fn handle(&self) -> &Rc<Handle> {
        &self.handle
    }

    /// Notes the path that the socket was bound to.
    pub fn set_path(&self, path: Vec<u8>) {
        *self.path.borrow_mut() = Some(path);
    }

    /// The path that the socket was bound to.
    pub fn path(&self) -> Option<Vec<u8>> {
        self.path.borrow().clone()
    }

    /// Sets the task that waits for connections, for it to end with the stream.
    pub fn set_accepter(&self, key: Option<TaskKey>) {
        self.accepter.set(key);
    }

    /// Takes over `fd`. Standard output and error are written to synchronously, so that no output is lost at exit.
    pub fn open(&self, fd: Fd) {
        self.fd.set(fd);
        self.blocking.set(fd == 1 || fd == 2);
    }

    /// The descriptor; -1 without one.
    #[must_use]
    pub fn fd(&self) -> Fd {
        self.fd.get()
    }

    /// Whether writes wait until everything is written.
    pub fn set_blocking(&self, blocking: bool) {
        self.blocking.set(blocking);
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
        if let Some(key) = self.accepter.take() {
            env.event_loop.cancel(key);
        }
        if let (Some(path), Some(process)) = (self.path.take(), env.try_process()) {
            // As libuv: it may be gone, or somebody else's by now.
            let _ = process.unlink(&path);
        }
        let fd = self.fd.replace(-1);
        if fd > 2
            && let Some(process) = env.try_process()
        {
            // The descriptor was ours: the only failure is that the guest closed it behind our back.
            let _ = process.close(fd);
        }
    }

    /// Ends what `close` left waiting.
    pub fn cancel_requests(&self, scope: &mut v8::PinScope<'_, '_>) {
        let cancelled = -Errno::ECANCELED.raw();
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
    }

    fn stop_reading(&self, env: &Env) {
        self.reading.set(false);
        if let Some(key) = self.reader.take() {
            env.event_loop.cancel(key);
        }
        self.handle.set_active(env, false);
    }

    /// Waits until the descriptor can be read, then reads once.
    fn schedule_read(&self, env: &Env, stream: &Rc<Stream>) {
        let Some(process) = env.try_process() else {
            return;
        };
        let fd = self.fd.get();
        let stream = stream.clone();
        let key = env.event_loop.spawn_unref(async move {
            let events = PollEvents::POLLIN | PollEvents::POLLHUP;
            let ready = std::future::poll_fn(|cx| process.poll_ready(fd, events, cx)).await;
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                if let Some(resource) = stream.resource().as_kernel_stream() {
                    resource.reader.set(None);
                    resource.on_readable(scope, &stream, ready.err());
                }
            }) as Completion
        });
        self.reader.set(Some(key));
    }

    fn on_readable(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        error: Option<Errno>,
    ) {
        let env = Env::of(scope);
        let Some(process) = env.try_process() else {
            return;
        };
        if !self.reading.get() {
            return;
        }
        let mut block = vec![0; stream.read_size(READ_SIZE).min(READ_SIZE)];
        let result = match error {
            Some(errno) => Err(errno),
            None => process.read(self.fd.get(), &mut block),
        };
        match result {
            Ok(0) => {
                self.stop_reading(&env);
                stream.emit_read(scope, Read::End(UV_EOF));
            }
            Ok(count) => {
                block.truncate(count);
                block.shrink_to_fit();
                stream.emit_read(scope, Read::Data(block));
                // The listener may have stopped, or stopped and started again.
                if self.reading.get() && self.reader.get().is_none() && self.fd.get() >= 0 {
                    self.schedule_read(&env, stream);
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => self.schedule_read(&env, stream),
            Err(errno) => {
                self.stop_reading(&env);
                stream.emit_read(scope, Read::End(-errno.raw()));
            }
        }
    }

    /// Writes as much as goes now; waits for all of it where the stream is blocking.
    fn write_now(&self, env: &Env, bytes: &[u8]) -> Result<usize, Errno> {
        let Some(process) = env.try_process() else {
            return Err(Errno::EBADF);
        };
        let fd = self.fd.get();
        let mut written = 0;
        while written < bytes.len() {
            match process.write(fd, &bytes[written..]) {
                Ok(count) => written += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if self.blocking.get() => {
                    let events = PollEvents::POLLOUT;
                    let ready = env.event_loop.block_on(std::future::poll_fn(|cx| {
                        process.poll_ready(fd, events, cx)
                    }));
                    match ready {
                        Some(ready) => {
                            ready?;
                        }
                        // Killed: nobody is left to hear of it.
                        None => return Ok(bytes.len()),
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(written)
    }

    fn schedule_write(&self, env: &Env, stream: &Rc<Stream>) {
        if self.writer.get().is_some() {
            return;
        }
        let Some(process) = env.try_process() else {
            return;
        };
        let fd = self.fd.get();
        let stream = stream.clone();
        let key = env.event_loop.spawn_unref(async move {
            let ready =
                std::future::poll_fn(|cx| process.poll_ready(fd, PollEvents::POLLOUT, cx)).await;
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                if let Some(resource) = stream.resource().as_kernel_stream() {
                    resource.writer.set(None);
                    resource.on_writable(scope, &stream, ready.err());
                }
            }) as Completion
        });
        self.writer.set(Some(key));
    }

    fn on_writable(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        error: Option<Errno>,
    ) {
        let env = Env::of(scope);
        while let Some(mut write) = self.take_front() {
            let result = match error {
                Some(errno) => Err(errno),
                None => self.write_now(&env, &write.bytes[write.written..]),
            };
            match result {
                Ok(count) => {
                    write.written += count;
                    if write.written < write.bytes.len() {
                        self.queue.borrow_mut().push_front(write);
                        self.schedule_write(&env, stream);
                        return;
                    }
                    write.request.done(scope, 0);
                }
                Err(errno) => write.request.done(scope, -errno.raw()),
            }
        }
        self.finish_shutdown(scope);
    }

    /// Ends the writable side once everything is written. A pipe that is no socket has no halves: its end comes with
    /// the close.
    fn finish_shutdown(&self, scope: &mut v8::PinScope<'_, '_>) {
        let Some(request) = self.shutdown.take() else {
            return;
        };
        let result = match Env::of(scope).try_process() {
            Some(process) => process.shutdown(self.fd.get(), Shutdown::Write),
            None => Err(Errno::ESRCH),
        };
        let status = match result {
            Ok(()) | Err(Errno::ENOTSOCK) => 0,
            Err(errno) => -errno.raw(),
        };
        request.done(scope, status);
    }

    fn take_front(&self) -> Option<QueuedWrite> {
        self.queue.borrow_mut().pop_front()
    }
}

impl StreamResource for KernelStream {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32 {
        let env = Env::of(scope);
        if self.fd.get() < 0 {
            return -Errno::ENOTCONN.raw();
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
        if self.fd.get() < 0 {
            return Err(-Errno::EBADF.raw());
        }
        if !self.queue.borrow().is_empty() {
            // Behind what waits already.
            return Ok(None);
        }
        let env = Env::of(scope);
        self.write_now(&env, bytes)
            .map(Some)
            .map_err(|errno| -errno.raw())
    }

    fn write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
    ) -> i32 {
        if self.fd.get() < 0 {
            return -Errno::EBADF.raw();
        }
        self.queue.borrow_mut().push_back(QueuedWrite {
            request,
            bytes,
            written: 0,
        });
        let env = Env::of(scope);
        self.schedule_write(&env, stream);
        0
    }

    fn shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
    ) -> i32 {
        if self.fd.get() < 0 || self.shutdown.borrow().is_some() {
            return -Errno::ENOTCONN.raw();
        }
        *self.shutdown.borrow_mut() = Some(request);
        if self.queue.borrow().is_empty() {
            let stream = stream.clone();
            // Completes in the next turn, as libuv does from its io watcher.
            Env::of(scope).event_loop.defer(Box::new(move |scope| {
                if let Some(this) = stream.resource().as_kernel_stream() {
                    this.finish_shutdown(scope);
                }
            }));
        }
        0
    }

    fn is_alive(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        self.handle.is_alive()
    }

    fn is_closing(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        !self.handle.is_alive()
    }

    fn fd(&self) -> i32 {
        self.fd.get()
    }

    fn as_kernel_stream(&self) -> Option<&KernelStream> {
        Some(self)
    }
}
