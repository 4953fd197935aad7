//! Local sockets with names (`unix(7)`): bound to a path, listening, connecting.

use super::StreamSocket;
use crate::abi::poll::PollEvents;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::vfs::File;
use crate::wait_queue::WaitQueue;
use core::task::Context;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Most connections that wait to be accepted (`net.core.somaxconn`).
const SOMAXCONN: usize = 4096;

/// Longest path of a socket, the NUL behind it included (`sizeof sun_path`).
pub(crate) const PATH_SIZE: usize = 108;

/// What the inode of a socket leads to: whoever listens there.
#[derive(Debug, Default)]
pub struct Address {
    listener: Mutex<Weak<Listener>>,
}

/// Connections that wait to be accepted.
#[derive(Debug)]
struct Listener {
    queue: Mutex<Queue>,
    /// Those who wait for a connection.
    accepters: WaitQueue,
}

#[derive(Debug)]
struct Queue {
    pending: VecDeque<StreamSocket>,
    backlog: usize,
}

impl Drop for Listener {
    fn drop(&mut self) {
        for connection in self.queue.get_mut().pending.drain(..) {
            connection.refuse();
        }
    }
}

/// A socket that was made by `socket(2)`.
///
/// # Locking
/// The queue of a listener comes before the state of a socket; wakers run without either.
#[derive(Debug)]
pub(crate) struct LocalSocket {
    state: Mutex<State>,
    /// Those who wait although there is no connection yet.
    idle: WaitQueue,
    _slot: Slot,
}

#[derive(Clone, Debug)]
enum State {
    New,
    Bound(Arc<Address>),
    Listening(Arc<Listener>),
    Connected(Arc<StreamSocket>),
}

impl LocalSocket {
    /// Makes a socket without a name.
    pub fn new(slot: Slot) -> LocalSocket {
        LocalSocket {
            state: Mutex::new(State::New),
            idle: WaitQueue::new(),
            _slot: slot,
        }
    }

    fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// Whether it can be bound.
    ///
    /// # Errors
    /// - `EINVAL`: it has a name or a peer.
    pub fn check_unbound(&self) -> Result<()> {
        match *self.state.lock() {
            State::New => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Takes the name of a new inode.
    ///
    /// # Errors
    /// - `EINVAL`: it has a name or a peer.
    pub fn bind(&self, address: Arc<Address>) -> Result<()> {
        let mut state = self.state.lock();
        if !matches!(*state, State::New) {
            return Err(Errno::EINVAL);
        }
        *state = State::Bound(address);
        Ok(())
    }

    /// Waits for connections from now on (`listen(2)`).
    ///
    /// # Errors
    /// - `EINVAL`: it has no name, or a peer.
    pub fn listen(&self, backlog: i32) -> Result<()> {
        let backlog = usize::try_from(backlog).unwrap_or(SOMAXCONN).min(SOMAXCONN);
        if let State::Listening(listener) = self.state() {
            listener.queue.lock().backlog = backlog;
            return Ok(());
        }
        let mut state = self.state.lock();
        let State::Bound(address) = &*state else {
            return Err(Errno::EINVAL);
        };
        let listener = Arc::new(Listener {
            queue: Mutex::new(Queue {
                pending: VecDeque::new(),
                backlog,
            }),
            accepters: WaitQueue::new(),
        });
        *address.listener.lock() = Arc::downgrade(&listener);
        *state = State::Listening(listener);
        Ok(())
    }

    /// Takes the first waiting connection (`accept(2)`).
    ///
    /// # Errors
    /// - `EAGAIN`: there is none.
    /// - `EINVAL`: it does not listen.
    pub fn accept(&self) -> Result<StreamSocket> {
        match self.state() {
            State::Listening(listener) => {
                let first = listener.queue.lock().pending.pop_front();
                first.ok_or(Errno::EAGAIN)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Connects to whoever listens at an address; `slot` is for the peer's end (`connect(2)`).
    ///
    /// # Errors
    /// - `EISCONN`: it is connected.
    /// - `EINVAL`: it listens.
    /// - `ECONNREFUSED`: nobody listens there.
    /// - `EAGAIN`: too many connections wait there.
    pub fn connect(&self, address: &Address, slot: Slot) -> Result<()> {
        let listener = address.listener.lock().upgrade();
        let listener = listener.ok_or(Errno::ECONNREFUSED)?;
        {
            // Linux looks at the queue first and then at the socket's own state.
            let mut queue = listener.queue.lock();
            if queue.pending.len() > queue.backlog {
                return Err(Errno::EAGAIN);
            }
            let mut state = self.state.lock();
            match *state {
                State::Connected(_) => return Err(Errno::EISCONN),
                State::Listening(_) => return Err(Errno::EINVAL),
                State::New | State::Bound(_) => {}
            }
            let (own, peer) = StreamSocket::pair(Some(slot));
            queue.pending.push_back(peer);
            *state = State::Connected(Arc::new(own));
        }
        listener.accepters.wake_all();
        self.idle.wake_all();
        Ok(())
    }

    /// The connection, once there is one.
    pub fn connection(&self) -> Option<Arc<StreamSocket>> {
        match self.state() {
            State::Connected(socket) => Some(socket),
            _ => None,
        }
    }
}

impl File for LocalSocket {
    fn kind(&self) -> FileKind {
        FileKind::Socket
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.connection().ok_or(Errno::EINVAL)?.read(buf)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        self.connection().ok_or(Errno::ENOTCONN)?.write(buf)
    }

    fn readiness(&self) -> PollEvents {
        match self.state() {
            State::New | State::Bound(_) => PollEvents::POLLOUT | PollEvents::POLLHUP,
            State::Listening(listener) if listener.queue.lock().pending.is_empty() => {
                PollEvents::empty()
            }
            State::Listening(_) => PollEvents::POLLIN,
            State::Connected(socket) => socket.readiness(),
        }
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        match self.state() {
            State::New | State::Bound(_) => self.idle.register(cx),
            State::Listening(listener) => listener.accepters.register(cx),
            State::Connected(socket) => socket.register(events, cx),
        }
    }
}
