//! Connections: two halves, each with the bytes that wait for it and what it has been told of the other.
//!
//! What a segment would do at the other end is done in the call that would send it, by the rules of RFC 9293 as Linux
//! follows them (`tcp_input.c` is where Linux has them). A FIN is behind the bytes that were sent before it, a reset
//! overtakes none that have arrived.

use crate::abi::inet::TcpState;
use crate::abi::poll::PollEvents;
use crate::abi::socket::{MsgFlags, Shutdown};
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::net::Received;
use crate::net::budget::{BufferBudget, MeteredRing};
use crate::net::inet::loopback::{HalfName, TcpBinding};
use crate::wait_queue::WaitQueue;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Context;
use parking_lot::Mutex;
use std::sync::Arc;

/// Bytes that one half of a connection holds for its socket to read.
pub const TCP_BUFFER: usize = 256 << 10;

/// Free bytes from which on a half counts as writable: less would wake a writer for every read.
const WRITABLE: usize = TCP_BUFFER / 4;

/// What a half holds as long as its state is not `CLOSE`: its names, and its part of the port.
pub(super) struct Hold {
    pub name: HalfName,
    pub _port: Arc<TcpBinding>,
}

/// One half of a connection.
struct Half {
    inbox: MeteredRing,
    /// A FIN was sent.
    fin_sent: bool,
    /// The other half's FIN arrived.
    fin_received: bool,
    /// Nothing more is to be read, once the inbox is empty.
    reading_ended: bool,
    /// Nothing more is to be written.
    writing_ended: bool,
    /// The connection was reset.
    reset: bool,
    /// The socket has been closed.
    orphaned: bool,
    /// Error that waits to be told.
    error: Option<Errno>,
    hold: Option<Hold>,
}

/// Halves that had ended before there was a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub reading: bool,
    pub writing: bool,
}

impl Half {
    fn new(budget: &Arc<BufferBudget>, hold: Hold) -> Half {
        Half {
            inbox: MeteredRing::new(budget),
            fin_sent: false,
            fin_received: false,
            reading_ended: false,
            writing_ended: false,
            reset: false,
            orphaned: false,
            error: None,
            hold: Some(hold),
        }
    }

    /// Nothing gets lost on the loopback, so there is nothing to wait for in `TIME_WAIT`: it is `CLOSE`.
    fn state(&self) -> TcpState {
        match (self.fin_sent, self.fin_received) {
            _ if self.reset => TcpState::Close,
            (true, true) => TcpState::Close,
            (true, false) => TcpState::FinWait2,
            (false, true) => TcpState::CloseWait,
            (false, false) => TcpState::Established,
        }
    }

    fn is_sending(&self) -> bool {
        matches!(self.state(), TcpState::Established | TcpState::CloseWait)
    }

    /// A reset arrives.
    fn receive_reset(&mut self) {
        let error = match self.state() {
            TcpState::Close => return,
            TcpState::CloseWait => Errno::EPIPE,
            _ => Errno::ECONNRESET,
        };
        self.error = Some(error).filter(|_| !self.orphaned);
        self.close();
    }

    fn close(&mut self) {
        self.reset = true;
        self.reading_ended = true;
        self.writing_ended = true;
    }

    fn room(&self) -> usize {
        TCP_BUFFER - self.inbox.len()
    }
}

/// Both halves; of a socket that is connected to itself one, which is its own other.
struct Connection {
    halves: Mutex<Vec<Half>>,
    /// Of each half: those who wait for bytes, or for the end.
    readers: [WaitQueue; 2],
    /// Of each half: those who wait for room in the other.
    writers: [WaitQueue; 2],
    _slot: Slot,
}

/// One end of a connection. Dropping it closes it.
pub(super) struct End {
    connection: Arc<Connection>,
    own: usize,
    other: usize,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    closed: AtomicBool,
    /// Place in the count of sockets of an end that no `socket(2)` made.
    _slot: Option<Slot>,
}

impl End {
    /// Connects two; `slot` is the place of the second in the count of sockets.
    pub fn pair(
        budget: &Arc<BufferBudget>,
        [first, second]: [Hold; 2],
        connection: Slot,
        slot: Slot,
    ) -> (End, End) {
        let (local, remote) = (first.name.local, first.name.remote);
        let connection = Arc::new(Connection {
            halves: Mutex::new(vec![Half::new(budget, first), Half::new(budget, second)]),
            readers: Default::default(),
            writers: Default::default(),
            _slot: connection,
        });
        let end = |own: usize, local, remote, slot| End {
            connection: connection.clone(),
            own,
            other: 1 - own,
            local,
            remote,
            closed: AtomicBool::new(false),
            _slot: slot,
        };
        (
            end(0, local, remote, None),
            end(1, remote, local, Some(slot)),
        )
    }

    /// Connects one to itself.
    pub fn to_itself(budget: &Arc<BufferBudget>, hold: Hold, connection: Slot) -> End {
        let (local, remote) = (hold.name.local, hold.name.remote);
        let connection = Arc::new(Connection {
            halves: Mutex::new(vec![Half::new(budget, hold)]),
            readers: Default::default(),
            writers: Default::default(),
            _slot: connection,
        });
        End {
            connection,
            own: 0,
            other: 0,
            local,
            remote,
            closed: AtomicBool::new(false),
            _slot: None,
        }
    }

    /// Takes over what ended before there was a connection, of which the other half does not hear.
    pub fn begin_ended(&self, ended: Ended) {
        let mut halves = self.connection.halves.lock();
        halves[self.own].reading_ended |= ended.reading;
        halves[self.own].writing_ended |= ended.writing;
    }

    /// State.
    pub fn state(&self) -> TcpState {
        self.connection.halves.lock()[self.own].state()
    }

    /// Takes the error that waits.
    pub fn take_error(&self) -> Option<Errno> {
        self.connection.halves.lock()[self.own].error.take()
    }

    /// Bytes that wait here, and those that wait at the other end.
    pub fn queues(&self) -> (usize, usize) {
        let halves = self.connection.halves.lock();
        (halves[self.own].inbox.len(), halves[self.other].inbox.len())
    }

    /// Changes the halves, gives back the names of those that are over and wakes everybody.
    fn change<T>(&self, change: impl FnOnce(&mut [Half]) -> T) -> T {
        let (result, over) = {
            let mut halves = self.connection.halves.lock();
            let result = change(&mut halves);
            let over = halves
                .iter_mut()
                .filter(|half| half.state() == TcpState::Close);
            (
                result,
                over.filter_map(|half| half.hold.take()).collect::<Vec<_>>(),
            )
        };
        drop(over);
        let queues = self.connection.readers.iter();
        for queue in queues.chain(&self.connection.writers) {
            queue.wake_all();
        }
        result
    }

    fn send_fin(&self, halves: &mut [Half]) {
        if halves[self.own].is_sending() {
            halves[self.own].fin_sent = true;
            halves[self.other].fin_received = true;
            halves[self.other].reading_ended = true;
        }
        for half in halves {
            // Both FINs have gone: nothing is read or written any more.
            if half.fin_sent && half.fin_received {
                half.reading_ended = true;
                half.writing_ended = true;
            }
        }
    }

    /// Ends one half or both (`shutdown(2)`).
    ///
    /// # Errors
    /// - `ENOTCONN`: the connection is over.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.change(|halves| {
            let over = halves[self.own].state() == TcpState::Close;
            halves[self.own].reading_ended |= how.reading();
            halves[self.own].writing_ended |= how.writing();
            if over {
                return Err(Errno::ENOTCONN);
            }
            if how.writing() {
                self.send_fin(halves);
            }
            Ok(())
        })
    }

    /// Ends the connection by a reset (`SO_LINGER` of no time, `AF_UNSPEC`); whether there was one to end.
    pub fn abort(&self) -> bool {
        self.closed.store(true, Ordering::Release);
        self.change(|halves| {
            halves[self.own].inbox.clear();
            let was_open = halves[self.own].state() != TcpState::Close;
            if was_open {
                halves[self.own].close();
                halves[self.other].receive_reset();
            }
            was_open
        })
    }

    /// Closes it (`close(2)`): by a reset if bytes were not read, else by a FIN.
    pub fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.change(|halves| {
            let own = &mut halves[self.own];
            let unread = own.inbox.len() > 0;
            own.inbox.clear();
            own.orphaned = true;
            own.reading_ended = true;
            if unread && own.state() != TcpState::Close {
                own.close();
                halves[self.other].receive_reset();
            } else {
                self.send_fin(halves);
                halves[self.own].writing_ended = true;
            }
        });
    }
}

impl End {
    /// Receives what is there; 0 bytes are the end. With `MSG_TRUNC` the bytes are dropped.
    ///
    /// # Errors
    /// - `EAGAIN`: nothing is there.
    /// - `ECONNRESET`, `EPIPE`: once, behind what had arrived before a reset.
    pub fn receive(&self, buf: &mut [u8], flags: MsgFlags) -> Result<Received> {
        let (count, writable) = {
            let mut halves = self.connection.halves.lock();
            let half = &mut halves[self.own];
            let before = half.room();
            let count = if half.inbox.len() == 0 {
                match half.error {
                    _ if half.fin_received => 0,
                    Some(errno) => {
                        half.error = None;
                        return Err(errno);
                    }
                    None if half.reading_ended => 0,
                    None => return Err(Errno::EAGAIN),
                }
            } else {
                take(&mut half.inbox, buf, flags)
            };
            (count, before < WRITABLE && half.room() >= WRITABLE)
        };
        if writable {
            self.connection.writers[self.other].wake_all();
        }
        Ok(Received {
            count,
            ..Received::default()
        })
    }

    /// Sends as much as there is room for.
    ///
    /// # Errors
    /// - `EAGAIN`: there is too little room.
    /// - `EPIPE`: this half has ended, or the connection is over; once, if it was reset, the error of that.
    /// - `ENOBUFS`: the sockets of the machine hold as much as they may.
    pub fn send(&self, buf: &[u8]) -> Result<usize> {
        let count = {
            let mut halves = self.connection.halves.lock();
            let own = &mut halves[self.own];
            if own.writing_ended || own.error.is_some() || !own.is_sending() {
                return Err(own.error.take().unwrap_or(Errno::EPIPE));
            }
            if buf.is_empty() {
                return Ok(0);
            }
            let other = &halves[self.other];
            // Nobody reads any more at the other end, which has said its last: it answers with a reset.
            let unwanted = other.orphaned || other.fin_sent && other.reading_ended;
            if unwanted {
                None
            } else {
                let room = other.room();
                if room == 0 || room < WRITABLE && room < buf.len() {
                    return Err(Errno::EAGAIN);
                }
                let count = buf.len().min(room);
                halves[self.other].inbox.write(&buf[..count], TCP_BUFFER)?;
                Some(count)
            }
        };
        let Some(count) = count else {
            self.change(|halves| {
                halves[self.other].receive_reset();
                halves[self.own].receive_reset();
            });
            // As much as is sent before the answer comes.
            return Ok(buf.len().min(TCP_BUFFER));
        };
        self.connection.readers[self.other].wake_all();
        Ok(count)
    }

    /// What can be done now.
    pub fn events(&self) -> PollEvents {
        let halves = self.connection.halves.lock();
        let (own, other) = (&halves[self.own], &halves[self.other]);
        let mut ready = PollEvents::empty();
        if own.reading_ended && own.writing_ended || own.state() == TcpState::Close {
            ready |= PollEvents::POLLHUP;
        }
        if own.reading_ended {
            ready |= PollEvents::POLLIN | PollEvents::POLLRDHUP;
        }
        if own.inbox.len() > 0 {
            ready |= PollEvents::POLLIN;
        }
        if own.writing_ended || other.orphaned || other.room() >= WRITABLE {
            ready |= PollEvents::POLLOUT;
        }
        if own.error.is_some() {
            ready |= PollEvents::POLLERR;
        }
        ready
    }

    /// Registers for a change of the given events.
    pub fn register(&self, events: PollEvents, cx: &Context<'_>) {
        // Hang-ups and errors, which everybody hears of, wake both queues.
        if events.contains(PollEvents::POLLOUT) {
            self.connection.writers[self.own].register(cx);
        }
        if events.contains(PollEvents::POLLIN) || !events.contains(PollEvents::POLLOUT) {
            self.connection.readers[self.own].register(cx);
        }
    }
}

fn take(inbox: &mut MeteredRing, buf: &mut [u8], flags: MsgFlags) -> usize {
    let (peeks, drops) = (
        flags.contains(MsgFlags::MSG_PEEK),
        flags.contains(MsgFlags::MSG_TRUNC),
    );
    match (peeks, drops) {
        (true, true) => buf.len().min(inbox.len()),
        (true, false) => inbox.peek(buf),
        (false, true) => inbox.skip(buf.len()),
        (false, false) => inbox.read(buf),
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}
