//! One connection of the host's: what runs between `Connect` and `Closed`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::net::Shutdown;
use secure_exec_kernel::{Errno, FileDescription};
use secure_exec_protocol::{CONNECTION_WINDOW, FROM_GUEST, TO_GUEST, VmMessage};

use crate::mailbox::CallWaker;

/// Bytes read at once: a part of the window, so that some pieces can be on their way while others are made.
const PIECE: usize = CONNECTION_WINDOW / 4;

/// What came of moving bytes.
pub(super) enum Pumped {
    Open,
    /// Both directions have ended.
    Closed,
    /// It is over, and the call that tells so.
    Failed(Errno, &'static str),
}

/// A connection.
pub(crate) struct Connection {
    file: Arc<FileDescription>,
    waker: Arc<CallWaker>,
    task_waker: Waker,
    connected: bool,
    /// Bytes for the guest; of the first piece it has `written`.
    data: VecDeque<Vec<u8>>,
    written: usize,
    /// Nothing more comes from the host.
    end: bool,
    /// The guest has been told so.
    ended: bool,
    /// Why the guest takes nothing more. What it still has to say goes first.
    refused: Option<Errno>,
    /// Bytes that may be sent to the host.
    credit: usize,
    output_ended: bool,
}

impl Connection {
    pub(super) fn new(file: Arc<FileDescription>, waker: Arc<CallWaker>) -> Connection {
        Connection {
            file,
            task_waker: waker.waker(),
            waker,
            connected: false,
            data: VecDeque::new(),
            written: 0,
            end: false,
            ended: false,
            refused: None,
            credit: CONNECTION_WINDOW,
            output_ended: false,
        }
    }

    /// Takes bytes for the guest.
    pub(super) fn feed(&mut self, data: Vec<u8>, end: bool) {
        if !data.is_empty() && !self.end {
            self.data.push_back(data);
        }
        self.end |= end;
    }

    /// The host took bytes.
    pub(super) fn credit(&mut self, bytes: u32) {
        let credit = self.credit.saturating_add(bytes as usize);
        self.credit = credit.min(CONNECTION_WINDOW);
    }

    /// Closes it, whatever is under way.
    pub(super) fn close(self, reset: bool) {
        if reset {
            // Local sockets have no reset: they are closed.
            let _ = self.file.reset_when_closed();
        }
    }

    /// Moves what can be moved.
    pub(super) fn pump(&mut self, messages: &mut Vec<VmMessage>) -> Pumped {
        self.waker.rearm();
        let waker = self.task_waker.clone();
        let cx = &mut Context::from_waker(&waker);
        if !self.connected {
            match self.file.poll_connected(cx) {
                Poll::Pending => return Pumped::Open,
                Poll::Ready(Err(errno)) => return Pumped::Failed(errno, "connect"),
                Poll::Ready(Ok(())) => {}
            }
            self.connected = true;
            messages.push(VmMessage::Connected);
        }
        self.pump_input(cx, messages);
        if let Err(errno) = self.pump_output(cx, messages) {
            return Pumped::Failed(self.refused.unwrap_or(errno), "read");
        }
        match self.refused {
            _ if !self.output_ended => Pumped::Open,
            Some(errno) => Pumped::Failed(errno, "write"),
            None if self.ended => Pumped::Closed,
            None => Pumped::Open,
        }
    }

    /// Moves bytes to the guest.
    fn pump_input(&mut self, cx: &mut Context<'_>, messages: &mut Vec<VmMessage>) {
        let mut taken = 0;
        while let (None, Some(first)) = (self.refused, self.data.front()) {
            let rest = first.get(self.written..).unwrap_or_default();
            match self.file.poll_write(rest, cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(count)) => {
                    taken += count;
                    self.written += count;
                    if self.written >= first.len() {
                        self.data.pop_front();
                        self.written = 0;
                    }
                }
                Poll::Ready(Err(errno)) => self.refused = Some(errno),
            }
        }
        if self.refused.is_some() {
            // The host is not held up by what nobody will take: it hears of that at the end.
            taken += self.data.iter().map(Vec::len).sum::<usize>() - self.written;
            self.data.clear();
            self.written = 0;
        }
        if taken > 0 {
            let bytes = u32::try_from(taken).unwrap_or(u32::MAX);
            messages.push(VmMessage::InputCredit {
                stream: TO_GUEST,
                bytes,
            });
        }
        if self.end && !self.ended && self.data.is_empty() {
            self.ended = true;
            // Fails if it is over, which reading tells.
            let _ = self.file.shut_down(Shutdown::Write);
        }
    }

    /// Moves bytes to the host, as far as credit goes.
    fn pump_output(
        &mut self,
        cx: &mut Context<'_>,
        messages: &mut Vec<VmMessage>,
    ) -> Result<(), Errno> {
        while self.credit > 0 && !self.output_ended {
            let mut data = vec![0; PIECE.min(self.credit)];
            match self.file.poll_read(&mut data, cx) {
                Poll::Pending => break,
                Poll::Ready(Err(errno)) => return Err(errno),
                Poll::Ready(Ok(0)) => {
                    self.output_ended = true;
                    messages.push(VmMessage::OutputEnd);
                }
                Poll::Ready(Ok(count)) => {
                    data.truncate(count);
                    self.credit -= count;
                    let stream = FROM_GUEST;
                    messages.push(VmMessage::Output { stream, data });
                }
            }
        }
        Ok(())
    }
}
