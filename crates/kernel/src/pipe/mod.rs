//! Pipes and FIFOs (`pipe(7)`).

pub(crate) mod ring;

use crate::abi::fcntl::OpenFlags;
use crate::abi::poll::PollEvents;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::vfs::File;
use crate::wait_queue::WaitQueue;
use core::task::Context;
use parking_lot::Mutex;
use ring::Ring;
use std::sync::Arc;

/// Bytes a pipe holds.
pub const PIPE_CAPACITY: usize = 64 << 10;
/// Writes up to this size are atomic.
pub const PIPE_BUF: usize = 4096;

/// Buffer and ends of a pipe.
///
/// # Locking
/// One mutex over ring and end counts; wakers run after it is released.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    state: Mutex<State>,
    /// Those who wait for bytes or for the last writer to go.
    readers: WaitQueue,
    /// Those who wait for room or for the last reader to go.
    writers: WaitQueue,
}

#[derive(Debug, Default)]
struct State {
    ring: Ring,
    readers: usize,
    writers: usize,
    /// Whether there ever was a writer: a FIFO without one yet has not ended but not begun.
    had_writer: bool,
    /// The same for readers, and those who write before one has come.
    had_reader: bool,
}

impl Pipe {
    pub fn new() -> Arc<Pipe> {
        Arc::default()
    }

    /// Opens one end, or both.
    pub fn open(self: &Arc<Self>, flags: OpenFlags, slot: Option<Slot>) -> PipeEnd {
        let end = PipeEnd {
            pipe: self.clone(),
            reads: flags.readable(),
            writes: flags.writable(),
            awaits_peer: !flags.contains(OpenFlags::O_NONBLOCK),
            _slot: slot,
        };
        let mut state = self.state.lock();
        state.readers += usize::from(end.reads);
        state.writers += usize::from(end.writes);
        state.had_writer |= end.writes;
        state.had_reader |= end.reads;
        drop(state);
        end
    }

    /// Opens a FIFO by name.
    ///
    /// # Deviations
    /// Opening never blocks: a reader opens at once and reads block until a writer has come, and the other way round.
    ///
    /// # Errors
    /// - `ENXIO`: opened for writing only with `O_NONBLOCK`, and nobody reads.
    pub fn open_fifo(self: &Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let needs_reader = flags.contains(OpenFlags::O_NONBLOCK) && !flags.readable();
        if needs_reader && self.state.lock().readers == 0 {
            return Err(Errno::ENXIO);
        }
        let end = self.open(flags, None);
        self.readers.wake_all();
        self.writers.wake_all();
        Ok(Arc::new(end))
    }

    /// Reads; `awaits_writer` makes a FIFO that nobody has written to yet empty rather than ended.
    fn read(&self, buf: &mut [u8], awaits_writer: bool) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock();
        let count = state.ring.read(buf);
        if count == 0 {
            return if state.writers == 0 && (state.had_writer || !awaits_writer) {
                Ok(0)
            } else {
                Err(Errno::EAGAIN)
            };
        }
        drop(state);
        self.writers.wake_all();
        Ok(count)
    }

    /// Writes; `awaits_reader` makes a FIFO that nobody has read yet full rather than broken.
    fn write(&self, buf: &[u8], awaits_reader: bool) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock();
        if state.readers == 0 {
            return Err(if state.had_reader || !awaits_reader {
                Errno::EPIPE
            } else {
                Errno::EAGAIN
            });
        }
        let room = PIPE_CAPACITY - state.ring.len();
        if room == 0 || buf.len() <= PIPE_BUF && room < buf.len() {
            return Err(Errno::EAGAIN);
        }
        let count = buf.len().min(room);
        state.ring.write(&buf[..count], PIPE_CAPACITY)?;
        drop(state);
        self.readers.wake_all();
        Ok(count)
    }
}

/// One open end of a pipe, or both of a FIFO opened with `O_RDWR`.
#[derive(Debug)]
pub(crate) struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// Opened to block, so that reading and writing stand in for the wait that opening a FIFO leaves out.
    awaits_peer: bool,
    _slot: Option<Slot>,
}

impl File for PipeEnd {
    fn kind(&self) -> FileKind {
        FileKind::Pipe
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.pipe.read(buf, self.awaits_peer)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        self.pipe.write(buf, self.awaits_peer)
    }

    fn readiness(&self) -> PollEvents {
        let state = self.pipe.state.lock();
        let mut ready = PollEvents::empty();
        if self.reads {
            if state.ring.len() > 0 {
                ready |= PollEvents::POLLIN;
            }
            if state.writers == 0 && state.had_writer {
                ready |= PollEvents::POLLHUP;
            }
        }
        if self.writes {
            let begun = state.had_reader || !self.awaits_peer;
            if begun && PIPE_CAPACITY - state.ring.len() >= PIPE_BUF {
                ready |= PollEvents::POLLOUT;
            }
            if begun && state.readers == 0 {
                ready |= PollEvents::POLLERR;
            }
        }
        ready
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        if self.reads && (events.contains(PollEvents::POLLIN) || !self.writes) {
            self.pipe.readers.register(cx);
        }
        if self.writes && (events.contains(PollEvents::POLLOUT) || !self.reads) {
            self.pipe.writers.register(cx);
        }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        state.readers -= usize::from(self.reads);
        state.writers -= usize::from(self.writes);
        let (no_reader, no_writer) = (state.readers == 0, state.writers == 0);
        if no_reader && no_writer {
            // A FIFO starts over with its next openers.
            state.ring = Ring::default();
            state.had_writer = false;
            state.had_reader = false;
        }
        drop(state);
        if self.writes && no_writer {
            self.pipe.readers.wake_all();
        }
        if self.reads && no_reader {
            self.pipe.writers.wake_all();
        }
    }
}
