//! Connected stream sockets of the local family (`unix(7)`), as `socketpair(2)` makes them.

use crate::abi::poll::PollEvents;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::pipe::ring::Ring;
use crate::vfs::File;
use crate::wait_queue::WaitQueue;
use core::task::Context;
use parking_lot::Mutex;
use std::sync::Arc;

/// Bytes that a socket holds for its peer to read.
pub const SOCKET_BUFFER: usize = 128 << 10;

/// Free bytes from which on a socket counts as writable: less would wake a writer for every read.
const WRITABLE: usize = SOCKET_BUFFER / 4;

/// Which half of a connection `shutdown(2)` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// `SHUT_RD`: nothing more is read.
    Read,
    /// `SHUT_WR`: nothing more is written.
    Write,
    /// `SHUT_RDWR`: both.
    Both,
}

impl Shutdown {
    /// As the constants of `sys/socket.h` number it.
    pub const fn from_raw(how: i32) -> Option<Shutdown> {
        match how {
            0 => Some(Shutdown::Read),
            1 => Some(Shutdown::Write),
            2 => Some(Shutdown::Both),
            _ => None,
        }
    }
}

/// One of the two sides.
#[derive(Clone, Copy, Debug)]
enum Side {
    First,
    Second,
}

impl Side {
    const fn peer(self) -> Side {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// What travels to one side.
#[derive(Debug, Default)]
struct Inbox {
    ring: Ring,
    /// Nothing more will come: the peer ended its writing half, or this side its reading half.
    ended: bool,
    /// The peer closed without reading all it got: the next read behind the data fails once.
    reset: bool,
}

/// Both directions of a connection.
///
/// # Locking
/// One mutex over both inboxes; wakers run after it is released.
#[derive(Debug, Default)]
struct Connection {
    inboxes: Mutex<[Inbox; 2]>,
    /// Of each side: those who wait for bytes, or for the end, in its inbox.
    readers: [WaitQueue; 2],
    /// Of each side: those who wait for room in its peer's inbox.
    writers: [WaitQueue; 2],
}

/// One end of a connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct StreamSocket {
    connection: Arc<Connection>,
    side: Side,
    _slot: Option<Slot>,
}

impl StreamSocket {
    /// Makes two sockets that are connected to each other and share a place in the count of sockets.
    pub fn pair(slot: Option<Slot>) -> (StreamSocket, StreamSocket) {
        let connection: Arc<Connection> = Arc::default();
        let end = |side| StreamSocket {
            connection: connection.clone(),
            side,
            _slot: slot.clone(),
        };
        (end(Side::First), end(Side::Second))
    }

    /// Ends one half or both (`shutdown(2)`). What has been written can still be read.
    pub fn shutdown(&self, how: Shutdown) {
        {
            let mut inboxes = self.connection.inboxes.lock();
            if how != Shutdown::Read {
                inboxes[self.side.peer().index()].ended = true;
            }
            if how != Shutdown::Write {
                inboxes[self.side.index()].ended = true;
            }
        }
        self.wake_all();
    }

    /// Closes a connection that nobody will accept: its peer hears of it by an error.
    pub fn refuse(self) {
        let peer = self.side.peer().index();
        self.connection.inboxes.lock()[peer].reset = true;
    }

    fn wake_all(&self) {
        for queue in self
            .connection
            .readers
            .iter()
            .chain(&self.connection.writers)
        {
            queue.wake_all();
        }
    }
}

impl File for StreamSocket {
    fn kind(&self) -> FileKind {
        FileKind::Socket
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let count = {
            let mut inboxes = self.connection.inboxes.lock();
            let inbox = &mut inboxes[self.side.index()];
            let before = inbox.ring.len();
            let count = inbox.ring.read(buf);
            if count == 0 {
                return if core::mem::take(&mut inbox.reset) {
                    Err(Errno::ECONNRESET)
                } else if inbox.ended {
                    Ok(0)
                } else {
                    Err(Errno::EAGAIN)
                };
            }
            let was_writable = SOCKET_BUFFER - before >= WRITABLE;
            if was_writable || SOCKET_BUFFER - inbox.ring.len() < WRITABLE {
                return Ok(count);
            }
            count
        };
        self.connection.writers[self.side.peer().index()].wake_all();
        Ok(count)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        let peer = self.side.peer().index();
        let count = {
            let mut inboxes = self.connection.inboxes.lock();
            let inbox = &mut inboxes[peer];
            if inbox.ended {
                return Err(Errno::EPIPE);
            }
            if buf.is_empty() {
                return Ok(0);
            }
            let room = SOCKET_BUFFER - inbox.ring.len();
            // A writer that finds too little room waits until a good part is free, as its wake-up does.
            if room == 0 || room < WRITABLE && room < buf.len() {
                return Err(Errno::EAGAIN);
            }
            let count = buf.len().min(room);
            inbox.ring.write(&buf[..count], SOCKET_BUFFER)?;
            count
        };
        self.connection.readers[peer].wake_all();
        Ok(count)
    }

    fn readiness(&self) -> PollEvents {
        let inboxes = self.connection.inboxes.lock();
        let own = &inboxes[self.side.index()];
        let peer = &inboxes[self.side.peer().index()];
        let mut ready = PollEvents::empty();
        if own.ring.len() > 0 || own.ended || own.reset {
            ready |= PollEvents::POLLIN;
        }
        if own.ended {
            ready |= PollEvents::POLLRDHUP;
        }
        if own.reset {
            ready |= PollEvents::POLLERR;
        }
        if own.ended && peer.ended {
            ready |= PollEvents::POLLHUP;
        }
        if peer.ended || SOCKET_BUFFER - peer.ring.len() >= WRITABLE {
            ready |= PollEvents::POLLOUT;
        }
        ready
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        let side = self.side.index();
        // Hang-ups and errors, which everybody hears of, wake both queues.
        if events.contains(PollEvents::POLLOUT) {
            self.connection.writers[side].register(cx);
        }
        if events.contains(PollEvents::POLLIN) || !events.contains(PollEvents::POLLOUT) {
            self.connection.readers[side].register(cx);
        }
    }
}

impl Drop for StreamSocket {
    fn drop(&mut self) {
        {
            let mut inboxes = self.connection.inboxes.lock();
            let own = &mut inboxes[self.side.index()];
            let unread = own.ring.len() > 0;
            own.ring = Ring::default();
            own.ended = true;
            let peer = &mut inboxes[self.side.peer().index()];
            peer.ended = true;
            peer.reset |= unread;
        }
        self.wake_all();
    }
}
