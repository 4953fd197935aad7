//! Open ends of a pseudoterminal.

use super::Pty;
use crate::abi::poll::PollEvents;
use crate::abi::stat::FileKind;
use crate::errno::Result;
use crate::vfs::File;
use core::task::{Context, Poll};
use std::sync::Arc;

/// The master; there is one for each pseudoterminal.
pub(crate) struct MasterEnd(pub(super) Arc<Pty>);

impl MasterEnd {
    pub fn new(pty: Arc<Pty>) -> MasterEnd {
        MasterEnd(pty)
    }
}

impl File for MasterEnd {
    fn kind(&self) -> FileKind {
        FileKind::Tty
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.0.read_master(buf)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        self.0.write_master(buf)
    }

    fn readiness(&self) -> PollEvents {
        self.0.master_readiness()
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        if events.contains(PollEvents::POLLOUT) {
            self.0.master_writers.register(cx);
        }
        // Who waits for room also wants to know that nobody is left.
        self.0.master_readers.register(cx);
    }
}

impl Drop for MasterEnd {
    fn drop(&mut self) {
        self.0.close_master();
    }
}

/// An open terminal.
pub(crate) struct SlaveEnd(pub(super) Arc<Pty>);

impl SlaveEnd {
    /// Opens the terminal.
    ///
    /// # Errors
    /// - `EIO`: the master is closed, or has not unlocked the terminal.
    pub fn open(pty: Arc<Pty>) -> Result<SlaveEnd> {
        pty.open_slave()?;
        Ok(SlaveEnd(pty))
    }
}

impl File for SlaveEnd {
    fn kind(&self) -> FileKind {
        FileKind::Tty
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.0.read_slave(buf)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        self.0.write_slave(buf)
    }

    fn poll_read(&self, buf: &mut [u8], cx: &mut Context<'_>) -> Poll<Result<usize>> {
        self.0.poll_read_slave(buf, cx)
    }

    fn readiness(&self) -> PollEvents {
        self.0.slave_readiness()
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        if events.contains(PollEvents::POLLOUT) {
            self.0.slave_writers.register(cx);
        }
        self.0.slave_readers.register(cx);
    }
}

impl Drop for SlaveEnd {
    fn drop(&mut self) {
        self.0.close_slave();
    }
}
