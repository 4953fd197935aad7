//! One connection of the host's: what runs between `Connect` and `Closed`.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::net::Shutdown;
use secure_exec_kernel::{Errno, FileDescription};
use secure_exec_protocol::{CONNECTION_WINDOW, FROM_GUEST, TO_GUEST, VmMessage};

use super::pieces::{Pieces, give_credit};
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
    /// Bytes for the guest.
    data: Pieces,
    /// Nothing more comes from the host.
    end: bool,
    /// The guest has been told so.
    ended: bool,
    /// Why the guest takes nothing more. What it still has to say goes first.
    refused: Option<Errno>,
    /// Bytes that may be sent to the host.
    credit: usize,
    output_ended: bool,
    /// The host has no more use for it, and is told of nothing more.
    let_go: bool,
}

impl Connection {
    pub(super) fn new(file: Arc<FileDescription>, waker: Arc<CallWaker>) -> Connection {
        Connection {
            file,
            task_waker: waker.waker(),
            waker,
            connected: false,
            data: Pieces::default(),
            end: false,
            ended: false,
            refused: None,
            credit: CONNECTION_WINDOW,
            output_ended: false,
            let_go: false,
        }
    }

    /// Takes bytes for the guest.
    pub(super) fn feed(&mut self, data: Vec<u8>, end: bool) {
        if !self.end {
            self.data.push(data);
        }
        self.end |= end;
    }

    /// The host took bytes.
    pub(super) fn credit(&mut self, bytes: u32) {
        let credit = self.credit.saturating_add(bytes as usize);
        self.credit = credit.min(CONNECTION_WINDOW);
    }

    /// The host has let go of it. What it had sent reaches the guest all the same, as what is in the buffer of a socket
    /// that is closed does; a reset takes it away.
    pub(super) fn close(&mut self, reset: bool) {
        self.let_go = true;
        if reset {
            self.data.discard();
            // Local sockets have no reset: they are closed.
            let _ = self.file.reset_when_closed();
        }
        if !self.connected {
            self.data.discard();
        }
    }

    /// Moves what is left for the guest after it was closed; false when there is nothing more to do.
    pub(super) fn linger(&mut self) -> bool {
        self.waker.rearm();
        let waker = self.task_waker.clone();
        let (_, refused) = self
            .data
            .write_to(&self.file, &mut Context::from_waker(&waker));
        refused.is_none() && !self.data.is_empty()
    }

    /// Whether the host has let go of it.
    pub(super) fn is_let_go(&self) -> bool {
        self.let_go
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
        if self.refused.is_none() {
            (taken, self.refused) = self.data.write_to(&self.file, cx);
        }
        if self.refused.is_some() {
            // The host hears of that at the end.
            taken += self.data.discard();
        }
        give_credit(TO_GUEST, taken, messages);
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
