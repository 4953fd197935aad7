//! How long a read of a terminal waits: lines, `VMIN` and `VTIME` (`termios(3)`).

use super::Pty;
use super::pty::State;
use crate::abi::stat::Timespec;
use crate::abi::termios::{VMIN, VTIME};
use crate::errno::{Errno, Result};
use core::task::{Context, Poll};

/// What a read that may wait does.
enum Wait {
    No,
    TimedOut,
    ForInput,
    Until(Timespec),
}

impl Pty {
    /// Reads as the settings say, waiting for as much as they ask for.
    pub(super) fn poll_read_slave(
        &self,
        buf: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize>> {
        if let Some(done) = self.read_unless_waiting(buf, None) {
            return Poll::Ready(done);
        }
        self.slave_readers.register(cx);
        match self.read_unless_waiting(buf, Some(cx)) {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
    }

    /// Reads unless the read has to wait; with a context, arranges for the end of its time.
    fn read_unless_waiting(
        &self,
        buf: &mut [u8],
        cx: Option<&mut Context<'_>>,
    ) -> Option<Result<usize>> {
        let wait = {
            let mut state = self.state.lock();
            let now = self.clock.monotonic();
            let wait = state.waits(buf.len(), now);
            match wait {
                Wait::No | Wait::TimedOut => state.read_since = None,
                Wait::ForInput => {}
                Wait::Until(_) => {
                    state.read_since.get_or_insert(now);
                }
            }
            wait
        };
        match wait {
            Wait::No => match self.read_slave(buf) {
                Err(Errno::EAGAIN) => None,
                done => Some(done),
            },
            Wait::TimedOut => match self.read_slave(buf) {
                Err(Errno::EAGAIN) => Some(Ok(0)),
                done => Some(done),
            },
            Wait::ForInput => None,
            Wait::Until(deadline) => {
                if let Some(cx) = cx {
                    self.clock.wake_at(deadline, cx.waker().clone());
                }
                None
            }
        }
    }
}

impl State {
    /// Whether there is as much to read as `VMIN` asks for, or as fits into `most` bytes.
    pub(super) fn has_input(&self, most: usize) -> bool {
        let termios = &self.line.termios;
        let available = self.line.input.available(termios);
        if termios.canonical() || termios.cc[VTIME] > 0 {
            return available > 0;
        }
        available >= usize::from(termios.cc[VMIN]).min(most).max(1)
    }

    fn waits(&self, most: usize, now: Timespec) -> Wait {
        let termios = &self.line.termios;
        let available = self.line.input.available(termios);
        if self.hung_up || most == 0 {
            return Wait::No;
        }
        let (min, time) = (usize::from(termios.cc[VMIN]), termios.cc[VTIME]);
        if termios.canonical() || time == 0 {
            let enough = self.has_input(most) || !termios.canonical() && min == 0;
            return if enough { Wait::No } else { Wait::ForInput };
        }
        if available >= min.min(most).max(1) {
            return Wait::No;
        }
        if min > 0 && available == 0 {
            return Wait::ForInput;
        }
        // The time counts from the start of the read, or from the last byte.
        let since = self.read_since.unwrap_or(now);
        let deadline = since.plus_ms(u64::from(time) * 100);
        if deadline <= now {
            Wait::TimedOut
        } else {
            Wait::Until(deadline)
        }
    }
}
