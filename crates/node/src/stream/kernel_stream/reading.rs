//! What arrives: reading by readiness, in libuv's order.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::abi::socket::MsgFlags;
use secure_exec_kernel::{Errno, Process};

use super::KernelStream;
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::uv;
use crate::stream::{Read, Stream, UV_EOF};

/// What libuv offers a reader.
const READ_SIZE: usize = 65_536;

/// How often libuv reads one stream before the others have their turn (`uv__read`).
const READS_IN_A_ROW: usize = 32;

/// What reading once says about what is left.
enum Progress {
    /// There may be more, or the stream has ended.
    Filled,
    /// Less than was asked for: nothing is left, of a terminal the next line.
    Partial,
    /// Nothing was there.
    Blocked,
}

/// What the streams of an isolate read into: most of what arrives is far smaller than what is offered.
struct ReadBlock(RefCell<Vec<u8>>);

impl Default for ReadBlock {
    fn default() -> ReadBlock {
        ReadBlock(RefCell::new(vec![0; READ_SIZE]))
    }
}

impl KernelStream {
    /// Waits until the descriptor can be read, then reads what is there.
    pub(super) fn schedule_read(&self, env: &Env, stream: &Rc<Stream>) {
        let Some(process) = env.try_process() else {
            return;
        };
        let fd = self.fd();
        let (this, stream) = (self.this.clone(), stream.clone());
        let key = env.event_loop.spawn_unref(async move {
            let events = PollEvents::POLLIN | PollEvents::POLLHUP;
            let ready = std::future::poll_fn(|cx| process.poll_ready(fd, events, cx)).await;
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                if let Some(this) = this.upgrade() {
                    this.reader.set(None);
                    this.on_readable(scope, &stream, ready);
                }
            }) as Completion
        });
        self.reader.set(Some(key));
    }

    /// Reads until nothing is left, as `uv__read` and `uv__stream_io`: what a child wrote, and the end of it, come
    /// before the child's own end, which the same poll phase handles last.
    fn on_readable(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        ready: Result<PollEvents, Errno>,
    ) {
        let events = match ready {
            Ok(events) => events,
            Err(errno) => {
                if self.reading.get() {
                    self.end(scope, stream, uv::error(errno));
                }
                return;
            }
        };
        for _ in 0..READS_IN_A_ROW {
            if !self.wants_more() {
                return;
            }
            match self.read_once(scope, stream) {
                Progress::Filled => {}
                // Behind what is left the end follows.
                Progress::Partial if events.contains(PollEvents::POLLHUP) => {}
                Progress::Partial | Progress::Blocked => break,
            }
        }
        if self.wants_more() {
            self.schedule_read(&Env::of(scope), stream);
        }
    }

    /// Reads what is there before more is written, as `uv__stream_io` does where both can be done: an answer that came in
    /// front of a reset is heard before the write fails.
    pub(super) fn read_before_writing(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
    ) {
        let env = Env::of(scope);
        let (Some(reader), Some(process)) = (self.reader.get(), env.try_process()) else {
            return;
        };
        let events = PollEvents::POLLIN | PollEvents::POLLHUP;
        let cx = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(ready) = process.poll_ready(self.fd(), events, cx) {
            env.event_loop.cancel(reader);
            self.reader.set(None);
            self.on_readable(scope, stream, ready);
        }
    }

    /// False where the listener has stopped, or stopped and started again.
    fn wants_more(&self) -> bool {
        self.reading.get() && self.reader.get().is_none() && self.fd() >= 0
    }

    fn read_once(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> Progress {
        let Some(process) = Env::of(scope).try_process() else {
            return Progress::Blocked;
        };
        let room = stream.read_size(READ_SIZE).min(READ_SIZE);
        let block = Env::of(scope).state::<ReadBlock>();
        let result = {
            let mut block = block.0.borrow_mut();
            let block = &mut block[..room];
            self.receive(&process, block)
                .map(|count| block[..count].to_vec())
        };
        match result {
            Ok(bytes) if bytes.is_empty() => self.end(scope, stream, UV_EOF),
            Ok(bytes) => {
                let filled = bytes.len() == room;
                self.hand_over_descriptor(scope, stream);
                stream.emit_read(scope, Read::Data(bytes));
                if !filled {
                    return Progress::Partial;
                }
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Progress::Blocked,
            Err(errno) => self.end(scope, stream, uv::error(errno)),
        }
        Progress::Filled
    }

    /// Reads into `block`, and keeps the descriptors that come along.
    fn receive(&self, process: &Process, block: &mut [u8]) -> Result<usize, Errno> {
        if !self.is_channel() {
            return process.read(self.fd(), block);
        }
        let received = match process.recvmsg(self.fd(), &mut [block], MsgFlags::MSG_CMSG_CLOEXEC) {
            // A channel may be any stream that a parent made.
            Err(Errno::ENOTSOCK) => return process.read(self.fd(), block),
            received => received?,
        };
        self.arrived.borrow_mut().extend(received.rights);
        Ok(received.count)
    }

    /// One with each read, as Node does it.
    fn hand_over_descriptor(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) {
        let Some(take) = self.take_descriptor.get() else {
            return;
        };
        let Some(fd) = self.arrived.borrow_mut().pop_front() else {
            return;
        };
        v8::scope!(let scope, scope);
        if let Some(object) = stream.object(scope) {
            take(scope, object, fd);
        }
    }

    /// Nothing more is read: `code` says why.
    fn end(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>, code: i32) {
        self.stop_reading(&Env::of(scope));
        stream.emit_read(scope, Read::End(code));
    }
}
