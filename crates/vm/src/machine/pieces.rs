//! Bytes of the host on their way to a guest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use secure_exec_kernel::{Errno, FileDescription};
use secure_exec_protocol::{Stream, VmMessage};

/// What waits to be written, as it came.
#[derive(Default)]
pub(super) struct Pieces {
    data: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that the guest has.
    written: usize,
}

impl Pieces {
    /// Takes one more.
    pub(super) fn push(&mut self, data: Vec<u8>) {
        if !data.is_empty() {
            self.data.push_back(data);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Writes what the file takes now: how many bytes that were, and why it takes nothing more at all.
    pub(super) fn write_to(
        &mut self,
        file: &Arc<FileDescription>,
        cx: &mut Context<'_>,
    ) -> (usize, Option<Errno>) {
        let mut taken = 0;
        while let Some(first) = self.data.front() {
            let rest = first.get(self.written..).unwrap_or_default();
            match file.poll_write(rest, cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(count)) => {
                    taken += count;
                    self.written += count;
                    if self.written >= first.len() {
                        self.data.pop_front();
                        self.written = 0;
                    }
                }
                Poll::Ready(Err(errno)) => return (taken, Some(errno)),
            }
        }
        (taken, None)
    }

    /// Drops what waits: the host is not held up by what nobody will take. How many bytes that were.
    pub(super) fn discard(&mut self) -> usize {
        let left = self.data.iter().map(Vec::len).sum::<usize>() - self.written;
        *self = Pieces::default();
        left
    }
}

/// Tells the host that so many bytes are gone, if any are.
pub(super) fn give_credit(stream: Stream, taken: usize, messages: &mut Vec<VmMessage>) {
    if taken > 0 {
        let bytes = u32::try_from(taken).unwrap_or(u32::MAX);
        messages.push(VmMessage::InputCredit { stream, bytes });
    }
}
