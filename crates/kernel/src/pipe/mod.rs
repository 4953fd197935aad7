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
    /// How often each end was opened: an open that waits for the other end ends when that changes, even if
    /// the other end is closed again by then.
    reader_opens: u64,
    writer_opens: u64,
    /// What is written while nobody reads vanishes, instead of being an error.
    discards: bool,
}

impl Pipe {
    pub fn new() -> Arc<Pipe> {
        Arc::default()
    }

    /// Opens one end, or both, without waiting for the other.
    pub fn open(self: &Arc<Self>, flags: OpenFlags, slot: Option<Slot>) -> PipeEnd {
        self.end(&mut self.state.lock(), flags, slot)
    }

    fn end(self: &Arc<Self>, state: &mut State, flags: OpenFlags, slot: Option<Slot>) -> PipeEnd {
        let end = PipeEnd {
            pipe: self.clone(),
            reads: flags.readable(),
            writes: flags.writable(),
            awaits: None,
            hangs_up_after: None,
            _slot: slot,
        };
        state.readers += usize::from(end.reads);
        state.writers += usize::from(end.writes);
        state.reader_opens += u64::from(end.reads);
        state.writer_opens += u64::from(end.writes);
        end
    }

    /// Opens a FIFO by name (`fifo(7)`). The end counts at once; whether the open has to wait for the other one,
    /// [`File::opened`] tells.
    ///
    /// # Errors
    /// - `ENXIO`: opened for writing only with `O_NONBLOCK`, and nobody reads.
    pub fn open_fifo(self: &Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let waits = !flags.contains(OpenFlags::O_NONBLOCK);
        let mut state = self.state.lock();
        if !waits && !flags.readable() && state.readers == 0 {
            return Err(Errno::ENXIO);
        }
        let mut end = self.end(&mut state, flags, None);
        match (end.reads, end.writes) {
            (true, false) if state.writers == 0 => {
                let opens = Some(state.writer_opens);
                *(if waits {
                    &mut end.awaits
                } else {
                    &mut end.hangs_up_after
                }) = opens;
            }
            (false, true) if state.readers == 0 => end.awaits = Some(state.reader_opens),
            _ => {}
        }
        drop(state);
        self.readers.wake_all();
        self.writers.wake_all();
        Ok(Arc::new(end))
    }

    /// Makes the pipe one that takes everything from now on: whatever is written while it has no reader is dropped, as
    /// by `/dev/null`, and its writers never learn that the reader has gone.
    fn discard(&self) {
        self.state.lock().discards = true;
        self.writers.wake_all();
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock();
        let count = state.ring.read(buf);
        if count == 0 {
            return if state.writers == 0 {
                Ok(0)
            } else {
                Err(Errno::EAGAIN)
            };
        }
        drop(state);
        self.writers.wake_all();
        Ok(count)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock();
        if state.readers == 0 {
            return if state.discards {
                Ok(buf.len())
            } else {
                Err(Errno::EPIPE)
            };
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
    /// Openings of the other end until then, while an open by name waits for one more.
    awaits: Option<u64>,
    /// Openings for writing until then: a FIFO that is opened for reading without blocking before there is a
    /// writer has not hung up.
    hangs_up_after: Option<u64>,
    _slot: Option<Slot>,
}

impl File for PipeEnd {
    fn kind(&self) -> FileKind {
        FileKind::Pipe
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.pipe.read(buf)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        self.pipe.write(buf)
    }

    fn discard(&self) {
        self.pipe.discard();
    }

    fn buffered(&self) -> Option<(usize, usize)> {
        let buffer = Arc::as_ptr(&self.pipe) as usize;
        Some((buffer, self.pipe.state.lock().ring.len()))
    }

    fn opened(&self) -> bool {
        let Some(before) = self.awaits else {
            return true;
        };
        let state = self.pipe.state.lock();
        before
            != if self.reads {
                state.writer_opens
            } else {
                state.reader_opens
            }
    }

    fn readiness(&self) -> PollEvents {
        let state = self.pipe.state.lock();
        let mut ready = PollEvents::empty();
        if self.reads {
            if state.ring.len() > 0 {
                ready |= PollEvents::POLLIN;
            }
            if state.writers == 0 && self.hangs_up_after != Some(state.writer_opens) {
                ready |= PollEvents::POLLHUP;
            }
        }
        if self.writes {
            let discards = state.readers == 0 && state.discards;
            if discards || PIPE_CAPACITY - state.ring.len() >= PIPE_BUF {
                ready |= PollEvents::POLLOUT;
            }
            if state.readers == 0 && !discards {
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
        if no_reader && (no_writer || state.discards) {
            // A FIFO starts over with its next openers.
            state.ring = Ring::default();
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
