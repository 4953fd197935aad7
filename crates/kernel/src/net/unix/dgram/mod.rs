//! Datagram sockets: messages that arrive whole, in order and, within the machine, for sure.

mod message;
mod socket;

use super::names::{Found, Name, Owner, find};
use crate::abi::socket::{AF_UNIX, SOCK_DGRAM, Ucred, UnixAddress};
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::net::budget::Share;
use crate::net::options::SocketOptions;
use crate::net::{NetStack, Right, SocketCaller};
use crate::wait_queue::WaitQueue;
use message::{Budget, Charge, Message};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Messages that may wait at a socket which is not connected to their sender (`net.unix.max_dgram_qlen`), before one
/// more.
pub const MAX_QUEUED: usize = 10;

/// Whom a socket sends to.
#[derive(Clone)]
struct Peer {
    socket: Weak<UnixDatagram>,
    name: Arc<Name>,
}

#[derive(Default)]
struct State {
    inbox: VecDeque<Message>,
    peer: Option<Peer>,
    reading_ended: bool,
    writing_ended: bool,
    /// Error that waits to be told.
    error: Option<Errno>,
}

/// A datagram socket.
///
/// # Locking
/// The states of two sockets are never locked at the same time; messages are dropped, and wakers run, without locks.
pub(super) struct UnixDatagram {
    this: Weak<UnixDatagram>,
    stack: Arc<NetStack>,
    name: Arc<Name>,
    options: SocketOptions,
    /// Who the peers of a pair are made by; of others nobody.
    peer_credentials: Ucred,
    state: Mutex<State>,
    budget: Arc<Budget>,
    /// Those who wait for a message.
    readers: WaitQueue,
    /// Those who wait for room in the inbox.
    room: WaitQueue,
    _slot: Slot,
}

impl UnixDatagram {
    /// Makes a socket without name and peer.
    pub fn new(stack: &Arc<NetStack>, slot: Slot) -> Arc<UnixDatagram> {
        UnixDatagram::build(stack, slot, Ucred::NOBODY)
    }

    /// Makes two with each other as peers, which share a place in the count of sockets.
    pub fn pair(
        stack: &Arc<NetStack>,
        slot: Slot,
        credentials: Ucred,
    ) -> (Arc<UnixDatagram>, Arc<UnixDatagram>) {
        let first = UnixDatagram::build(stack, slot.clone(), credentials);
        let second = UnixDatagram::build(stack, slot, credentials);
        first.state.lock().peer = Some(second.as_peer());
        second.state.lock().peer = Some(first.as_peer());
        (first, second)
    }

    fn build(stack: &Arc<NetStack>, slot: Slot, peer_credentials: Ucred) -> Arc<UnixDatagram> {
        Arc::new_cyclic(|this| UnixDatagram {
            this: this.clone(),
            stack: stack.clone(),
            name: Arc::default(),
            options: SocketOptions::new(AF_UNIX, SOCK_DGRAM, 0),
            peer_credentials,
            state: Mutex::default(),
            budget: Arc::default(),
            readers: WaitQueue::new(),
            room: WaitQueue::new(),
            _slot: slot,
        })
    }

    fn as_peer(&self) -> Peer {
        Peer {
            socket: self.this.clone(),
            name: self.name.clone(),
        }
    }

    fn peer(&self) -> Option<Peer> {
        self.state.lock().peer.clone()
    }

    /// Whether its peer is the socket `other`.
    fn sends_to(&self, other: &UnixDatagram) -> bool {
        self.peer()
            .is_some_and(|peer| peer.socket.ptr_eq(&other.this))
    }

    /// Who has a name and takes messages from this socket.
    ///
    /// # Errors
    /// As [`find`], `EPROTOTYPE` for another type of socket, and `EPERM` if it is connected to somebody else.
    fn find(&self, caller: &SocketCaller<'_>, to: &UnixAddress) -> Result<Arc<UnixDatagram>> {
        match find(caller, &self.stack.abstract_names, SOCK_DGRAM, to)? {
            Found::Datagram(found) => {
                let taken = found.peer().is_some() && !found.sends_to(self);
                if taken { Err(Errno::EPERM) } else { Ok(found) }
            }
            Found::Stream(_) => Err(Errno::EPROTOTYPE),
        }
    }

    /// With `SO_PASSCRED`, whoever gets messages must be able to answer.
    fn name_for_credentials(&self) -> Result<()> {
        if self.options.pass_credentials() {
            let owner = Owner::Datagram(self.this.clone());
            self.name.bind_any(&self.stack.abstract_names, owner)?;
        }
        Ok(())
    }

    /// Changes the peer. What the former one had sent is lost, and if it was connected to this socket it hears of that.
    fn set_peer(&self, peer: Option<Peer>) {
        let (former, lost) = {
            let mut state = self.state.lock();
            let same = match (&state.peer, &peer) {
                (Some(old), Some(new)) => old.socket.ptr_eq(&new.socket),
                (None, _) => true,
                (Some(_), None) => false,
            };
            let former = core::mem::replace(&mut state.peer, peer);
            if same {
                return;
            }
            (former, core::mem::take(&mut state.inbox))
        };
        if lost.is_empty() {
            return;
        }
        drop(lost);
        self.room.wake_all();
        let Some(former) = former.and_then(|former| former.socket.upgrade()) else {
            return;
        };
        if former.sends_to(self) {
            former.state.lock().error = Some(Errno::ECONNRESET);
            former.wake_all();
        }
    }

    fn wake_all(&self) {
        self.readers.wake_all();
        self.budget.writers.wake_all();
    }

    /// Takes a part of the own buffer.
    ///
    /// # Errors
    /// - `EMSGSIZE`: the message is longer than the buffer.
    /// - `EPIPE`: the writing half has ended.
    /// - `EAGAIN`: the buffer is used up.
    fn charge(&self, length: usize) -> Result<Charge> {
        let size = self.options.send_buffer();
        if length > Message::longest(size) {
            return Err(Errno::EMSGSIZE);
        }
        {
            let mut state = self.state.lock();
            if let Some(errno) = state.error.take() {
                return Err(errno);
            }
            if state.writing_ended {
                return Err(Errno::EPIPE);
            }
        }
        self.budget.charge(length, size)
    }

    /// Sends to the peer.
    fn send_to_peer(&self, bytes: &[u8], rights: Vec<Right>, credentials: Ucred) -> Result<usize> {
        let peer = {
            let state = self.state.lock();
            match &state.peer {
                Some(peer) => peer.clone(),
                None if state.writing_ended => return Err(Errno::EPIPE),
                None => return Err(Errno::ENOTCONN),
            }
        };
        self.name_for_credentials()?;
        let charge = self.charge(bytes.len())?;
        let Some(receiver) = peer.socket.upgrade() else {
            self.set_peer(None);
            return Err(Errno::ECONNREFUSED);
        };
        if receiver.peer().is_some() && !receiver.sends_to(self) {
            return Err(Errno::EPERM);
        }
        let share = Share::take(&self.stack.buffered, bytes.len())?;
        let message = Message::new(bytes, &self.name, credentials, rights, (charge, share))?;
        receiver.deliver(message, self)
    }

    /// Puts a message into the inbox; how many bytes it has.
    ///
    /// # Errors
    /// - `EPIPE`: the reading half has ended.
    /// - `EAGAIN`: the inbox is full, and the sender is not the peer.
    fn deliver(&self, message: Message, sender: &UnixDatagram) -> Result<usize> {
        let count = message.bytes.len();
        {
            let mut state = self.state.lock();
            if state.reading_ended {
                return Err(Errno::EPIPE);
            }
            let from_peer = core::ptr::eq(self, sender)
                || matches!(&state.peer, Some(peer) if peer.socket.ptr_eq(&sender.this));
            if !from_peer && state.inbox.len() > MAX_QUEUED {
                return Err(Errno::EAGAIN);
            }
            state.inbox.push_back(message);
        }
        self.readers.wake_all();
        Ok(count)
    }

    /// Whether a message of `sender` would find room, as `poll(2)` asks.
    fn has_room_for(&self, sender: &UnixDatagram) -> bool {
        let state = self.state.lock();
        let from_peer = matches!(&state.peer, Some(peer) if peer.socket.ptr_eq(&sender.this));
        from_peer || state.inbox.len() <= MAX_QUEUED
    }
}
