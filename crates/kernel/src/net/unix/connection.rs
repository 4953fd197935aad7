//! Connections of local stream sockets: bytes in both directions, and the descriptors that travel with them.

use super::names::Name;
use crate::abi::poll::PollEvents;
use crate::abi::socket::{MsgFlags, Shutdown, Ucred};
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::net::budget::{BufferBudget, MeteredRing};
use crate::net::{Received, Right};
use crate::wait_queue::WaitQueue;
use core::task::Context;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes that a socket holds for its peer to read.
pub const SOCKET_BUFFER: usize = 128 << 10;

/// Free bytes from which on a socket counts as writable: less would wake a writer for every read.
const WRITABLE: usize = SOCKET_BUFFER / 4;

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

/// Descriptors that came with a piece of the bytes.
#[derive(Debug)]
struct Piece {
    /// Bytes in front of it, counted from what is to be read next.
    start: usize,
    end: usize,
    /// Empty once somebody has read the beginning of the piece.
    rights: Vec<Right>,
}

/// What travels to one side.
#[derive(Debug)]
struct Inbox {
    ring: MeteredRing,
    /// Pieces of the bytes that came with descriptors, in order.
    pieces: VecDeque<Piece>,
    /// Nothing more will be read by this side.
    reading_ended: bool,
    /// Nothing more will be written by this side.
    writing_ended: bool,
    /// The peer closed without reading all it got: the next read behind the data fails once.
    reset: bool,
}

impl Inbox {
    fn new(budget: &Arc<BufferBudget>) -> Inbox {
        Inbox {
            ring: MeteredRing::new(budget),
            pieces: VecDeque::new(),
            reading_ended: false,
            writing_ended: false,
            reset: false,
        }
    }

    /// Takes bytes, or only looks at them, not beyond the first piece that brings descriptors; and the descriptors.
    fn take(&mut self, buf: &mut [u8], flags: MsgFlags) -> (usize, Vec<Right>) {
        let most = self.pieces.front().map_or(usize::MAX, |piece| piece.end);
        let length = buf.len().min(most);
        let buf = &mut buf[..length];
        if flags.contains(MsgFlags::MSG_PEEK) {
            let count = self.ring.peek(buf);
            let reached = self.pieces.front().filter(|piece| piece.start < count);
            let rights = reached.map_or_else(Vec::new, |piece| piece.rights.clone());
            return (count, rights);
        }
        let count = self.ring.read(buf);
        let mut rights = Vec::new();
        for piece in &mut self.pieces {
            if piece.start < count {
                rights.append(&mut piece.rights);
            }
            piece.start = piece.start.saturating_sub(count);
            piece.end = piece.end.saturating_sub(count);
        }
        self.pieces
            .retain(|piece| piece.end > 0 && !piece.rights.is_empty());
        (count, rights)
    }
}

/// Halves that have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub reading: bool,
    pub writing: bool,
}

/// Names and credentials of one side.
#[derive(Debug)]
pub(super) struct Party {
    pub name: Arc<Name>,
    pub credentials: Ucred,
}

/// What a connection may do with descriptors of local sockets: be sent as one, or carry them. Never both, so that none is
/// ever on its way to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Travel {
    /// Nothing was decided.
    #[default]
    Open,
    /// One of its ends may be on its way.
    Sent,
    /// Local sockets may be in its inboxes.
    Carries,
}

/// Both directions of a connection.
///
/// # Locking
/// One mutex over both inboxes; wakers run after it is released. `travel` is never held with another.
#[derive(Debug)]
struct Connection {
    parties: [Party; 2],
    inboxes: Mutex<[Inbox; 2]>,
    travel: Mutex<Travel>,
    /// Of each side: those who wait for bytes, or for the end, in its inbox.
    readers: [WaitQueue; 2],
    /// Of each side: those who wait for room in its peer's inbox.
    writers: [WaitQueue; 2],
}

/// One end of a connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct End {
    connection: Arc<Connection>,
    side: Side,
    _slot: Option<Slot>,
}

impl End {
    /// Makes two ends that are connected to each other; the slots are their places in the count of sockets.
    pub fn pair(
        budget: &Arc<BufferBudget>,
        parties: [Party; 2],
        slots: [Option<Slot>; 2],
    ) -> (End, End) {
        let connection = Arc::new(Connection {
            parties,
            inboxes: Mutex::new([Inbox::new(budget), Inbox::new(budget)]),
            travel: Mutex::default(),
            readers: Default::default(),
            writers: Default::default(),
        });
        let [first, second] = slots;
        let end = |side, slot| End {
            connection: connection.clone(),
            side,
            _slot: slot,
        };
        (end(Side::First, first), end(Side::Second, second))
    }

    /// This side.
    pub fn own(&self) -> &Party {
        &self.connection.parties[self.side.index()]
    }

    /// The other side.
    pub fn peer(&self) -> &Party {
        &self.connection.parties[self.side.peer().index()]
    }

    /// Bytes that wait here, and those that wait at the other end.
    pub fn queues(&self) -> (usize, usize) {
        let inboxes = self.connection.inboxes.lock();
        let [own, peer] =
            [self.side, self.side.peer()].map(|side| inboxes[side.index()].ring.len());
        (own, peer)
    }

    /// Takes the error that waits.
    pub fn take_error(&self) -> Option<Errno> {
        let mut inboxes = self.connection.inboxes.lock();
        core::mem::take(&mut inboxes[self.side.index()].reset).then_some(Errno::ECONNRESET)
    }

    /// Ends one half or both (`shutdown(2)`). What has been written can still be read.
    pub fn shutdown(&self, how: Shutdown) {
        {
            let mut inboxes = self.connection.inboxes.lock();
            if how.writing() {
                inboxes[self.side.index()].writing_ended = true;
                inboxes[self.side.peer().index()].reading_ended = true;
            }
            if how.reading() {
                inboxes[self.side.index()].reading_ended = true;
                inboxes[self.side.peer().index()].writing_ended = true;
            }
        }
        self.wake_all();
    }

    /// Decides what the connection does with descriptors of local sockets.
    ///
    /// # Errors
    /// - `EINVAL`: it does the other thing.
    pub fn begin(&self, travel: Travel) -> Result<()> {
        let mut now = self.connection.travel.lock();
        if *now != Travel::Open && *now != travel {
            return Err(Errno::EINVAL);
        }
        *now = travel;
        Ok(())
    }

    /// Takes over what ended before there was a connection, of which the peer does not hear.
    pub fn begin_ended(&self, ended: Ended) {
        let mut inboxes = self.connection.inboxes.lock();
        let own = &mut inboxes[self.side.index()];
        own.reading_ended |= ended.reading;
        own.writing_ended |= ended.writing;
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

impl End {
    /// Receives what is there; 0 bytes are the end.
    ///
    /// # Errors
    /// - `EAGAIN`: nothing is there.
    /// - `ECONNRESET`: once, behind what the peer wrote before it closed without reading all it got.
    pub fn receive(&self, buf: &mut [u8], flags: MsgFlags) -> Result<Received> {
        let (count, rights) = {
            let mut inboxes = self.connection.inboxes.lock();
            let inbox = &mut inboxes[self.side.index()];
            let before = inbox.ring.len();
            if before == 0 {
                return if core::mem::take(&mut inbox.reset) {
                    Err(Errno::ECONNRESET)
                } else if inbox.reading_ended {
                    Ok(Received::default())
                } else {
                    Err(Errno::EAGAIN)
                };
            }
            let (count, rights) = inbox.take(buf, flags);
            let was_writable = SOCKET_BUFFER - before >= WRITABLE;
            if was_writable || SOCKET_BUFFER - inbox.ring.len() < WRITABLE {
                return Ok(self.received(count, rights));
            }
            (count, rights)
        };
        self.connection.writers[self.side.peer().index()].wake_all();
        Ok(self.received(count, rights))
    }

    fn received(&self, count: usize, rights: Vec<Right>) -> Received {
        Received {
            count,
            rights,
            from: self.peer().name.address(),
            ..Received::default()
        }
    }

    /// Sends as much as there is room for; descriptors go with the first byte.
    ///
    /// # Errors
    /// - `EAGAIN`: there is too little room.
    /// - `EPIPE`: nobody will read it.
    /// - `ENOBUFS`: the sockets of the machine hold as much as they may.
    pub fn send(&self, buf: &[u8], rights: Vec<Right>) -> Result<usize> {
        let peer = self.side.peer().index();
        let count = {
            let mut inboxes = self.connection.inboxes.lock();
            if inboxes[self.side.index()].writing_ended || inboxes[peer].reading_ended {
                return Err(Errno::EPIPE);
            }
            let inbox = &mut inboxes[peer];
            if buf.is_empty() {
                return Ok(0);
            }
            let before = inbox.ring.len();
            let room = SOCKET_BUFFER - before;
            // A writer that finds too little room waits until a good part is free, as its wake-up does.
            if room == 0 || room < WRITABLE && room < buf.len() {
                return Err(Errno::EAGAIN);
            }
            let count = buf.len().min(room);
            inbox.ring.write(&buf[..count], SOCKET_BUFFER)?;
            if !rights.is_empty() {
                inbox.pieces.push_back(Piece {
                    start: before,
                    end: before + count,
                    rights,
                });
            }
            count
        };
        self.connection.readers[peer].wake_all();
        Ok(count)
    }

    /// What can be done now.
    pub fn readiness(&self) -> PollEvents {
        let inboxes = self.connection.inboxes.lock();
        let own = &inboxes[self.side.index()];
        let peer = &inboxes[self.side.peer().index()];
        let mut ready = PollEvents::empty();
        if own.ring.len() > 0 || own.reading_ended || own.reset {
            ready |= PollEvents::POLLIN;
        }
        if own.reading_ended {
            ready |= PollEvents::POLLRDHUP;
        }
        if own.reset {
            ready |= PollEvents::POLLERR;
        }
        if own.reading_ended && own.writing_ended {
            ready |= PollEvents::POLLHUP;
        }
        if own.writing_ended || peer.reading_ended || SOCKET_BUFFER - peer.ring.len() >= WRITABLE {
            ready |= PollEvents::POLLOUT;
        }
        ready
    }

    /// Registers for a change of the given events.
    pub fn register(&self, events: PollEvents, cx: &Context<'_>) {
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

impl Drop for End {
    fn drop(&mut self) {
        // Descriptors that nobody received are closed without the lock.
        let _pieces = {
            let mut inboxes = self.connection.inboxes.lock();
            let own = &mut inboxes[self.side.index()];
            let unread = own.ring.len() > 0;
            own.ring.clear();
            let pieces = core::mem::take(&mut own.pieces);
            own.reading_ended = true;
            let peer = &mut inboxes[self.side.peer().index()];
            peer.reading_ended = true;
            peer.writing_ended = true;
            peer.reset |= unread;
            pieces
        };
        self.wake_all();
    }
}
