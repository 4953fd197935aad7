//! Writing to a descriptor: at once as far as it goes, the rest when there is room; and the end behind it.

use std::rc::Rc;

use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::abi::socket::MsgFlags;
use secure_exec_kernel::net::Shutdown;
use secure_exec_kernel::{Errno, Fd, SendMessage};

use super::{KernelStream, State};
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::uv;
use crate::stream::{Stream, StreamRequest};

/// A write that waits for its turn or for room.
pub(super) struct QueuedWrite {
    pub request: Rc<StreamRequest>,
    pub bytes: Vec<u8>,
    pub written: usize,
    /// Goes along with the first of the bytes.
    pub descriptor: Option<Fd>,
}

impl QueuedWrite {
    pub fn new(request: Rc<StreamRequest>, bytes: Vec<u8>, descriptor: Option<Fd>) -> QueuedWrite {
        QueuedWrite {
            request,
            bytes,
            written: 0,
            descriptor,
        }
    }
}

impl KernelStream {
    /// Puts a write behind those that wait: 0, or a negative error number.
    pub(super) fn enqueue(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        write: QueuedWrite,
    ) -> i32 {
        if self.fd() < 0 {
            return uv::error(Errno::EBADF);
        }
        self.queue.borrow_mut().push_back(write);
        if matches!(self.state.get(), State::Open(_)) {
            self.schedule_write(&Env::of(scope), stream);
        }
        0
    }

    /// Writes as much as goes now; waits for all of it where the stream is blocking.
    pub(super) fn write_now(&self, env: &Env, bytes: &[u8]) -> Result<usize, Errno> {
        let Some(process) = env.try_process() else {
            return Err(Errno::EBADF);
        };
        let fd = self.fd();
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
                // What has been written is told first, as `uv_try_write` does.
                Err(_) if written > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(written)
    }

    pub(super) fn schedule_write(&self, env: &Env, stream: &Rc<Stream>) {
        if self.writer.get().is_some() {
            return;
        }
        let Some(process) = env.try_process() else {
            return;
        };
        let fd = self.fd();
        let (this, stream) = (self.this.clone(), stream.clone());
        let key = env.event_loop.spawn_unref(async move {
            let ready =
                std::future::poll_fn(|cx| process.poll_ready(fd, PollEvents::POLLOUT, cx)).await;
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                if let Some(this) = this.upgrade() {
                    this.writer.set(None);
                    this.on_writable(scope, &stream, ready.err());
                }
            }) as Completion
        });
        self.writer.set(Some(key));
    }

    /// Writes what is left of `write` as far as it goes, its descriptor with the first bytes.
    fn continue_writing(&self, env: &Env, write: &mut QueuedWrite) -> Result<usize, Errno> {
        let bytes = &write.bytes[write.written..];
        let Some(descriptor) = write.descriptor else {
            return self.write_now(env, bytes);
        };
        let process = env.try_process().ok_or(Errno::EBADF)?;
        let message = SendMessage {
            bufs: &[bytes],
            to: None,
            rights: &[descriptor],
        };
        match process.sendmsg(self.fd(), &message, MsgFlags::empty()) {
            Ok(count) => {
                write.descriptor = None;
                Ok(count)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(errno) => Err(errno),
        }
    }

    fn on_writable(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        error: Option<Errno>,
    ) {
        self.read_before_writing(scope, stream);
        if self.fd() < 0 {
            // Closed by whoever has read: what waits ends with that.
            return;
        }
        let env = Env::of(scope);
        while let Some(mut write) = self.take_front() {
            let result = match error {
                Some(errno) => Err(errno),
                None => self.continue_writing(&env, &mut write),
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
                Err(errno) => write.request.done(scope, uv::error(errno)),
            }
        }
        self.finish_shutdown(scope);
    }

    /// Ends the writable side once everything is written. A pipe that is no socket has no halves: its end comes with
    /// the close.
    pub(super) fn finish_shutdown(&self, scope: &mut v8::PinScope<'_, '_>) {
        let Some(request) = self.shutdown.take() else {
            return;
        };
        let result = match Env::of(scope).try_process() {
            Some(process) => process.shutdown(self.fd(), Shutdown::Write),
            None => Err(Errno::ESRCH),
        };
        let status = match result {
            Ok(()) | Err(Errno::ENOTSOCK) => 0,
            Err(errno) => uv::error(errno),
        };
        request.done(scope, status);
    }

    fn take_front(&self) -> Option<QueuedWrite> {
        self.queue.borrow_mut().pop_front()
    }
}
