//! Stream sockets: their states, and connections that wait to be accepted.

use super::connection::{End, Ended, Party, Travel};
use super::names::{Found, Name, Owner, find};
use super::{check_level, local, option};
use crate::abi::inet::TcpState;
use crate::abi::poll::PollEvents;
use crate::abi::socket::{
    AF_UNIX, MsgFlags, OptionValue, SO_PASSCRED, SOCK_STREAM, SOMAXCONN, Shutdown, SocketAddress,
    Ucred,
};
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::net::listeners::Listed;
use crate::net::options::SocketOptions;
use crate::net::{NetStack, Outgoing, Received, Right, Socket, SocketCaller};
use crate::vfs::{SocketRow, TimeLimits};
use crate::wait_queue::WaitQueue;
use core::task::Context;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Connections that wait to be accepted.
struct Listener {
    queue: Mutex<Queue>,
    /// Those who wait for a connection.
    accepters: WaitQueue,
    /// Who listens, for those who connect to ask (`SO_PEERCRED`).
    credentials: Ucred,
    /// For the embedder to see, where the name is a path.
    listed: Option<Listed>,
}

struct Queue {
    pending: VecDeque<End>,
    backlog: usize,
    /// The listener may be on its way (`SCM_RIGHTS`), and with it what waits to be accepted.
    is_sent: bool,
}

impl Listener {
    /// Somebody waits for a connection; the caller holds no lock.
    fn set_awaited(&self) {
        if let Some(listed) = &self.listed {
            listed.set_awaited();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for connection in self.queue.get_mut().pending.drain(..) {
            connection.refuse();
        }
    }
}

/// A stream socket.
///
/// # Locking
/// The queue of a listener comes before the state of a socket; wakers run without either.
pub(super) struct UnixStream {
    this: Weak<UnixStream>,
    stack: Arc<NetStack>,
    name: Arc<Name>,
    options: SocketOptions,
    state: Mutex<State>,
    /// Halves that ended without a connection.
    ended: Mutex<Ended>,
    /// Those who wait although there is no connection yet.
    idle: WaitQueue,
    origin: Origin,
}

/// How a socket came about.
enum Origin {
    /// By `socket(2)`: with a place in the count of sockets.
    Made { _slot: Slot },
    /// As one of a pair, whose connection has the place.
    Paired,
    /// By `accept(2)`: the connection has the place, and the name is its listener's.
    Accepted,
}

#[derive(Clone)]
enum State {
    Idle,
    Listening(Arc<Listener>),
    Connected(Arc<End>),
}

impl UnixStream {
    /// Makes a socket without name and peer.
    pub fn new(stack: &Arc<NetStack>, slot: Slot) -> Arc<UnixStream> {
        UnixStream::build(
            stack,
            Arc::default(),
            State::Idle,
            Origin::Made { _slot: slot },
        )
    }

    /// Makes two that are connected to each other and share a place in the count of sockets.
    pub fn pair(
        stack: &Arc<NetStack>,
        slot: Slot,
        credentials: Ucred,
    ) -> (Arc<UnixStream>, Arc<UnixStream>) {
        let names: [Arc<Name>; 2] = Default::default();
        let parties = names.clone().map(|name| Party { name, credentials });
        let (first, second) = End::pair(&stack.buffered, parties, [Some(slot.clone()), Some(slot)]);
        let [first_name, second_name] = names;
        let end = |name, end| {
            UnixStream::build(stack, name, State::Connected(Arc::new(end)), Origin::Paired)
        };
        (end(first_name, first), end(second_name, second))
    }

    fn build(
        stack: &Arc<NetStack>,
        name: Arc<Name>,
        state: State,
        origin: Origin,
    ) -> Arc<UnixStream> {
        Arc::new_cyclic(|this| UnixStream {
            this: this.clone(),
            stack: stack.clone(),
            name,
            options: SocketOptions::new(AF_UNIX, SOCK_STREAM, 0),
            state: Mutex::new(state),
            ended: Mutex::default(),
            idle: WaitQueue::new(),
            origin,
        })
    }

    fn state(&self) -> State {
        self.state.lock().clone()
    }

    fn connection(&self) -> Option<Arc<End>> {
        match self.state() {
            State::Connected(end) => Some(end),
            State::Idle | State::Listening(_) => None,
        }
    }

    /// Puts the other end of a new connection into the queue of `peer`.
    fn connect_to(&self, peer: &UnixStream, slot: Slot, credentials: Ucred) -> Result<()> {
        let listener = match peer.state() {
            State::Listening(listener) if !peer.ended.lock().reading => listener,
            _ => return Err(Errno::ECONNREFUSED),
        };
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
                State::Idle => {}
            }
            let own = Party {
                name: self.name.clone(),
                credentials,
            };
            let other = Party {
                name: Arc::new(Name::copy_of(&peer.name)),
                credentials: listener.credentials,
            };
            let (own, other) = End::pair(&self.stack.buffered, [own, other], [None, Some(slot)]);
            own.begin_ended(*self.ended.lock());
            if queue.is_sent {
                own.begin(Travel::Sent)?;
            }
            queue.pending.push_back(other);
            *state = State::Connected(Arc::new(own));
        }
        listener.accepters.wake_all();
        self.idle.wake_all();
        Ok(())
    }
}

/// Whether a descriptor is one of a local socket.
fn is_local(right: &Right) -> bool {
    let socket = right.file.socket();
    socket.is_ok_and(|socket| socket.domain() == AF_UNIX)
}

impl Socket for UnixStream {
    fn domain(&self) -> i32 {
        AF_UNIX
    }

    fn socket_type(&self) -> i32 {
        SOCK_STREAM
    }

    fn time_limits(&self) -> &TimeLimits {
        self.options.time_limits()
    }

    fn bind(&self, caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        let owner = Owner::Stream(self.this.clone());
        let names = &self.stack.abstract_names;
        self.name.bind(caller, names, owner, local(address)?)
    }

    fn listen(&self, caller: &SocketCaller<'_>, backlog: i32) -> Result<()> {
        let backlog = usize::try_from(backlog).unwrap_or(SOMAXCONN).min(SOMAXCONN);
        let mut state = self.state.lock();
        match &*state {
            State::Listening(listener) => {
                let listener = listener.clone();
                drop(state);
                listener.queue.lock().backlog = backlog;
                return Ok(());
            }
            State::Connected(_) => return Err(Errno::EINVAL),
            State::Idle if !self.name.is_set() => return Err(Errno::EINVAL),
            State::Idle => {}
        }
        let listener = Arc::new(Listener {
            queue: Mutex::new(Queue {
                pending: VecDeque::new(),
                backlog,
                is_sent: false,
            }),
            accepters: WaitQueue::new(),
            credentials: caller.credentials,
            listed: self.stack.path_listeners.list(caller, &self.name.get()),
        });
        *state = State::Listening(listener.clone());
        drop(state);
        if let Some(listed) = &listener.listed {
            listed.tell();
        }
        Ok(())
    }

    fn accept(&self) -> Result<Arc<dyn Socket>> {
        let State::Listening(listener) = self.state() else {
            return Err(Errno::EINVAL);
        };
        listener.set_awaited();
        let first = listener.queue.lock().pending.pop_front();
        let end = first.ok_or(Errno::EAGAIN)?;
        let name = end.own().name.clone();
        Ok(UnixStream::build(
            &self.stack,
            name,
            State::Connected(Arc::new(end)),
            Origin::Accepted,
        ))
    }

    /// # Errors
    /// - `EAGAIN`: too many connections wait there.
    /// - `EPROTOTYPE`: the name is that of another type of socket.
    fn connect(&self, caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        let names = &self.stack.abstract_names;
        match find(caller, names, SOCK_STREAM, local(address)?)? {
            Found::Stream(peer) => {
                self.connect_to(&peer, self.stack.socket_slot()?, caller.credentials)
            }
            Found::Datagram(_) => Err(Errno::EPROTOTYPE),
        }
    }

    /// As on Linux, a socket without a peer takes it too.
    fn shutdown(&self, how: Shutdown) -> Result<()> {
        match self.state() {
            State::Connected(end) => end.shutdown(how),
            State::Idle | State::Listening(_) => {
                let mut ended = self.ended.lock();
                ended.reading |= how.reading();
                ended.writing |= how.writing();
            }
        }
        self.idle.wake_all();
        if let State::Listening(listener) = self.state() {
            listener.accepters.wake_all();
        }
        Ok(())
    }

    fn name(&self) -> SocketAddress {
        SocketAddress::Unix(self.name.get())
    }

    fn peer_name(&self) -> Result<SocketAddress> {
        let end = self.connection().ok_or(Errno::ENOTCONN)?;
        Ok(SocketAddress::Unix(end.peer().name.get()))
    }

    fn option(&self, level: i32, name: i32) -> Result<OptionValue> {
        option(
            &self.options,
            (level, name),
            || self.connection()?.take_error(),
            || matches!(self.state(), State::Listening(_)),
            || match self.state() {
                State::Connected(end) => end.peer().credentials,
                State::Listening(listener) => listener.credentials,
                State::Idle => Ucred::NOBODY,
            },
        )
    }

    /// # Errors
    /// - `EOPNOTSUPP`: `SO_PASSCRED`; bytes of different senders are not told apart. `SO_PEERCRED` has the peer's.
    fn set_option(&self, level: i32, name: i32, value: OptionValue) -> Result<()> {
        check_level(level)?;
        if name == SO_PASSCRED {
            return Err(Errno::EOPNOTSUPP);
        }
        self.options.set(name, value)
    }

    /// # Errors
    /// - `EISCONN`, `EOPNOTSUPP`: an address, with a peer and without.
    /// - `EOPNOTSUPP`: urgent data.
    fn send_to(&self, _caller: &SocketCaller<'_>, message: Outgoing<'_>) -> Result<usize> {
        if message.flags.contains(MsgFlags::MSG_OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let end = self.connection();
        if message.to.is_some() {
            return Err(end.map_or(Errno::EOPNOTSUPP, |_| Errno::EISCONN));
        }
        let end = end.ok_or(Errno::ENOTCONN)?;
        if message.rights.iter().any(is_local) {
            end.begin(Travel::Carries)?;
        }
        end.send(message.bytes, message.rights)
    }

    /// A connection that carried local sockets does not travel, one that travels carries none, and those that wait with a
    /// listener are as it is: so none is ever on its way to itself. Linux looks for such circles from time to time instead.
    fn begin_to_travel(&self) -> Result<()> {
        match self.state() {
            State::Idle => Err(Errno::EINVAL),
            State::Connected(end) => end.begin(Travel::Sent),
            State::Listening(listener) => {
                let mut queue = listener.queue.lock();
                for end in &queue.pending {
                    end.begin(Travel::Sent)?;
                }
                queue.is_sent = true;
                Ok(())
            }
        }
    }

    /// # Errors
    /// - `EINVAL`: it has no peer.
    /// - `EOPNOTSUPP`: urgent data.
    fn receive_from(&self, buf: &mut [u8], flags: MsgFlags) -> Result<Received> {
        if flags.contains(MsgFlags::MSG_OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let end = self.connection().ok_or(Errno::EINVAL)?;
        end.receive(buf, flags)
    }

    fn send(&self, buf: &[u8]) -> Result<usize> {
        let end = self.connection().ok_or(Errno::ENOTCONN)?;
        end.send(buf, Vec::new())
    }

    fn row(&self) -> SocketRow {
        let (state, queues) = match self.state() {
            State::Idle => (TcpState::Close, (0, 0)),
            State::Listening(listener) => {
                (TcpState::Listen, (listener.queue.lock().pending.len(), 0))
            }
            State::Connected(end) => (TcpState::Established, end.queues()),
        };
        SocketRow {
            state,
            local: Socket::name(self),
            remote: SocketAddress::Unspecified,
            receive_queue: queues.0,
            send_queue: queues.1,
            drops: 0,
        }
    }

    fn events(&self) -> PollEvents {
        let mut ready = match self.state() {
            State::Idle => PollEvents::POLLOUT | PollEvents::POLLHUP,
            State::Listening(listener) if listener.queue.lock().pending.is_empty() => {
                PollEvents::empty()
            }
            State::Listening(_) => PollEvents::POLLIN,
            State::Connected(end) => return end.readiness(),
        };
        let ended = *self.ended.lock();
        if ended.reading {
            ready |= PollEvents::POLLIN | PollEvents::POLLRDHUP;
        }
        if ended.reading && ended.writing {
            ready |= PollEvents::POLLHUP;
        }
        ready
    }

    fn wait_for(&self, events: PollEvents, cx: &Context<'_>) {
        match self.state() {
            State::Idle => self.idle.register(cx),
            State::Listening(listener) => {
                listener.accepters.register(cx);
                listener.set_awaited();
            }
            State::Connected(end) => end.register(events, cx),
        }
    }
}

impl Drop for UnixStream {
    fn drop(&mut self) {
        if !matches!(self.origin, Origin::Accepted) {
            self.stack
                .abstract_names
                .remove(SOCK_STREAM, self.name.get());
        }
    }
}
