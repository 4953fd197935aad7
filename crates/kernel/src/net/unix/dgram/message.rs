//! Messages, and their part of their sender's buffer.

use crate::abi::socket::Ucred;
use crate::errno::{Errno, Result};
use crate::net::Right;
use crate::net::budget::Share;
use crate::net::unix::names::Name;
use crate::wait_queue::WaitQueue;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// What a message takes of its sender's buffer beside its bytes: about what Linux keeps with each.
const OVERHEAD: usize = 768;

/// Part of the buffer that a single message cannot use.
const RESERVED: usize = 32;

/// What a sender's messages take of its buffer until somebody receives them.
#[derive(Debug, Default)]
pub(super) struct Budget {
    used: AtomicUsize,
    /// Those who wait for room in it.
    pub writers: WaitQueue,
}

/// A message's part of its sender's buffer.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
        self.budget.writers.wake_all();
    }
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Message {
    pub bytes: Box<[u8]>,
    /// Name of the sender, as it is when the message is received.
    pub from: Arc<Name>,
    pub credentials: Ucred,
    pub rights: Vec<Right>,
    _charge: (Charge, Share),
}

impl Budget {
    /// Takes a part for a message of `length` bytes. As on Linux, the last message may go beyond the size.
    ///
    /// # Errors
    /// - `EAGAIN`: the buffer of `size` bytes is used up.
    pub fn charge(self: &Arc<Self>, length: usize, size: usize) -> Result<Charge> {
        let bytes = length + OVERHEAD;
        let taken = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                (used < size).then_some(used + bytes)
            });
        taken.map_err(|_| Errno::EAGAIN)?;
        Ok(Charge {
            budget: self.clone(),
            bytes,
        })
    }

    /// Whether so much of a buffer of `size` bytes is free that a sender is woken.
    pub fn is_writable(&self, size: usize) -> bool {
        self.used.load(Ordering::Acquire) <= size / 4
    }
}

impl Message {
    /// Longest message of a sender whose buffer has `size` bytes.
    pub const fn longest(size: usize) -> usize {
        size.saturating_sub(RESERVED)
    }

    /// Makes a message of a copy of bytes; `charge` is its part of the sender's buffer and of all buffers.
    ///
    /// # Errors
    /// - `ENOBUFS`: there is no memory for it.
    pub fn new(
        bytes: &[u8],
        from: &Arc<Name>,
        credentials: Ucred,
        rights: Vec<Right>,
        charge: (Charge, Share),
    ) -> Result<Message> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len())
            .map_err(|_| Errno::ENOBUFS)?;
        copy.extend_from_slice(bytes);
        Ok(Message {
            bytes: copy.into_boxed_slice(),
            from: from.clone(),
            credentials,
            rights,
            _charge: charge,
        })
    }
}
