//! A connection to a listener of a VM: what may come for it, and how much.

use secure_exec_protocol::bounds::MAX_OUTPUT;
use secure_exec_protocol::{CONNECTION_WINDOW, FROM_GUEST, HostMessage, Stream, TO_GUEST};

use crate::call::{Rule, credit_piece};
use crate::timer::Patience;

/// Credit is given back in pieces of this size, not for every byte.
const CREDIT_PIECE: u32 = credit_piece(CONNECTION_WINDOW);

/// A connection whose end its VM process has not told.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCall {
    connected: bool,
    /// Bytes of the guest's that came and that the VM has no credit for yet.
    outstanding: usize,
    /// Bytes of them that the embedder took.
    owed: u32,
    output_ended: bool,
    /// Bytes of the embedder's that the guest has not taken.
    to_guest: u64,
    input_ended: bool,
    /// The embedder has let go of it: nothing that is said of it is told any more.
    pub(crate) over: bool,
    /// The deadline of its end, once the embedder has let go of it.
    pub(crate) closing: Option<Patience>,
}

impl ConnectionCall {
    /// It is there.
    pub(crate) fn connect(&mut self) -> Result<(), Rule> {
        if std::mem::replace(&mut self.connected, true) {
            return Err("a connection was made twice");
        }
        Ok(())
    }

    /// Bytes came.
    pub(crate) fn output(&mut self, stream: Stream, bytes: usize) -> Result<(), Rule> {
        if stream != FROM_GUEST {
            return Err("output of a stream that is none");
        }
        if bytes == 0 || bytes > MAX_OUTPUT {
            return Err("a piece of output is empty or too long");
        }
        if !self.connected || self.output_ended {
            return Err("output outside of a connection's life");
        }
        self.outstanding += bytes;
        if self.outstanding > CONNECTION_WINDOW {
            return Err("output without credit");
        }
        Ok(())
    }

    /// Nothing more comes.
    pub(crate) fn end_output(&mut self) -> Result<(), Rule> {
        if !self.connected || std::mem::replace(&mut self.output_ended, true) {
            return Err("output ends that does not go on");
        }
        Ok(())
    }

    /// The embedder took bytes: what is to be given back to the VM now.
    pub(crate) fn credit(&mut self, stream: Stream, bytes: u32) -> Option<HostMessage> {
        self.owed = self.owed.saturating_add(bytes);
        if stream != FROM_GUEST || self.owed < CREDIT_PIECE || self.output_ended {
            return None;
        }
        let bytes = std::mem::take(&mut self.owed);
        self.outstanding = self.outstanding.saturating_sub(bytes as usize);
        Some(HostMessage::Credit { stream, bytes })
    }

    /// Bytes of the embedder's are on their way.
    pub(crate) fn input(&mut self, stream: Stream, bytes: usize, end: bool) {
        if stream == TO_GUEST {
            self.to_guest += bytes as u64;
            self.input_ended |= end;
        }
    }

    /// The guest took bytes of the embedder's.
    pub(crate) fn input_taken(&mut self, stream: Stream, bytes: u32) -> Result<(), Rule> {
        if stream != TO_GUEST || !self.connected {
            return Err("input of a stream that is none");
        }
        if bytes == 0 || u64::from(bytes) > self.to_guest {
            return Err("more input was taken than was given");
        }
        self.to_guest -= u64::from(bytes);
        Ok(())
    }

    /// It is over, without anything having failed.
    pub(crate) fn close(&self) -> Result<(), Rule> {
        let ended = self.output_ended && self.input_ended;
        if self.over || ended {
            Ok(())
        } else {
            Err("a connection closes that goes on")
        }
    }
}
