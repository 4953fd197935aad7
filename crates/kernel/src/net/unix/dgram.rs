//! Datagram sockets: messages that arrive whole, in order and, within the machine, for sure.

use super::names::{Found, Name, Owner, find};
use super::{check_level, local, option};
use crate::abi::poll::PollEvents;
use crate::abi::socket::{
    AF_UNIX, MsgFlags, OptionValue, SOCK_DGRAM, Shutdown, SocketAddress, Ucred, UnixAddress,
};
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::net::options::SocketOptions;
use crate::net::{NetStack, Outgoing, Received, Right, Socket, SocketCaller};
use crate::vfs::File;
use crate::wait_queue::WaitQueue;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Context;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Messages that may wait at a socket which is not connected to their sender (`net.unix.max_dgram_qlen`), before one
/// more.
pub const MAX_QUEUED: usize = 10;

/// What a message takes of its sender's buffer beside its bytes: about what Linux keeps with each.
const OVERHEAD: usize = 768;

/// Part of the buffer that a single message cannot use.
const RESERVED: usize = 32;

/// What a sender's messages take of its buffer until somebody receives them.
#[derive(Debug, Default)]
struct Budget {
    used: AtomicUsize,
    /// Those who wait for room in it.
    writers: WaitQueue,
}

/// A message's part of its sender's buffer.
#[derive(Debug)]
struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
        self.budget.writers.wake_all();
    }
}

#[derive(Debug)]
struct Message {
    bytes: Box<[u8]>,
    /// Name of the sender, as it is when the message is received.
    from: Arc<Name>,
    credentials: Ucred,
    rights: Vec<Right>,
    _charge: Charge,
}

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
            options: SocketOptions::new(AF_UNIX, SOCK_DGRAM),
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
        if length > size - RESERVED {
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
        // As on Linux, the last message may go beyond the size.
        let bytes = length + OVERHEAD;
        let used = &self.budget.used;
        let taken = used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            (used < size).then_some(used + bytes)
        });
        taken.map_err(|_| Errno::EAGAIN)?;
        Ok(Charge {
            budget: self.budget.clone(),
            bytes,
        })
    }

    /// Sends to the peer.
    fn send(&self, bytes: &[u8], rights: Vec<Right>, credentials: Ucred) -> Result<usize> {
        let peer = self.peer().ok_or(Errno::ENOTCONN)?;
        self.name_for_credentials()?;
        let charge = self.charge(bytes.len())?;
        let Some(receiver) = peer.socket.upgrade() else {
            self.set_peer(None);
            return Err(Errno::ECONNREFUSED);
        };
        if receiver.peer().is_some() && !receiver.sends_to(self) {
            return Err(Errno::EPERM);
        }
        let message = self.message(bytes, rights, credentials, charge)?;
        receiver.deliver(message, self)
    }

    /// # Errors
    /// - `ENOBUFS`: there is no memory for it.
    fn message(
        &self,
        bytes: &[u8],
        rights: Vec<Right>,
        credentials: Ucred,
        charge: Charge,
    ) -> Result<Message> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len())
            .map_err(|_| Errno::ENOBUFS)?;
        copy.extend_from_slice(bytes);
        Ok(Message {
            bytes: copy.into_boxed_slice(),
            from: self.name.clone(),
            credentials,
            rights,
            _charge: charge,
        })
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

impl Socket for UnixDatagram {
    fn domain(&self) -> i32 {
        AF_UNIX
    }

    fn socket_type(&self) -> i32 {
        SOCK_DGRAM
    }

    fn bind(&self, caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        let owner = Owner::Datagram(self.this.clone());
        let names = &self.stack.abstract_names;
        self.name.bind(caller, names, owner, local(address)?)
    }

    /// Sets or, with `AF_UNSPEC`, takes away whom it sends to and receives from.
    ///
    /// # Errors
    /// - `EPERM`: the other one is connected to somebody else.
    /// - `EPROTOTYPE`: the name is that of another type of socket.
    fn connect(&self, caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()> {
        if *address == SocketAddress::Unspecified {
            self.set_peer(None);
            return Ok(());
        }
        let address = local(address)?;
        self.name_for_credentials()?;
        let peer = self.find(caller, address)?.as_peer();
        self.set_peer(Some(peer));
        self.budget.writers.wake_all();
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        {
            let mut state = self.state.lock();
            state.reading_ended |= how.reading();
            state.writing_ended |= how.writing();
        }
        self.wake_all();
        self.room.wake_all();
        Ok(())
    }

    fn name(&self) -> SocketAddress {
        SocketAddress::Unix(self.name.get())
    }

    fn peer_name(&self) -> Result<SocketAddress> {
        let peer = self.peer().ok_or(Errno::ENOTCONN)?;
        Ok(SocketAddress::Unix(peer.name.get()))
    }

    fn option(&self, level: i32, name: i32) -> Result<OptionValue> {
        option(
            &self.options,
            (level, name),
            || self.state.lock().error.take(),
            || false,
            || self.peer_credentials,
        )
    }

    fn set_option(&self, level: i32, name: i32, value: OptionValue) -> Result<()> {
        check_level(level)?;
        self.options.set(name, value)
    }

    /// # Errors
    /// - `ECONNREFUSED`: the peer has been closed; the socket has none from then on.
    /// - `EPERM`, `EPROTOTYPE`: as for [`Socket::connect`].
    /// - `ENOBUFS`: there is no memory for the message.
    fn send_to(&self, caller: &SocketCaller<'_>, message: Outgoing<'_>) -> Result<usize> {
        if message.flags.contains(MsgFlags::MSG_OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let Some(to) = message.to else {
            return self.send(message.bytes, message.rights, caller.credentials);
        };
        let to = local(to)?;
        if *to == UnixAddress::Unnamed {
            return Err(Errno::EINVAL);
        }
        self.name_for_credentials()?;
        let charge = self.charge(message.bytes.len())?;
        let receiver = self.find(caller, to)?;
        let message = self.message(message.bytes, message.rights, caller.credentials, charge)?;
        receiver.deliver(message, self)
    }

    /// # Errors
    /// - `EOPNOTSUPP`: urgent data.
    /// - `ECONNRESET`: the peer has left and lost what was sent to it.
    fn receive_from(&self, buf: &mut [u8], flags: MsgFlags) -> Result<Received> {
        if flags.contains(MsgFlags::MSG_OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let peeks = flags.contains(MsgFlags::MSG_PEEK);
        let mut state = self.state.lock();
        if let Some(errno) = state.error.take() {
            return Err(errno);
        }
        let message = state.inbox.front().ok_or(Errno::EAGAIN)?;
        let count = message.bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&message.bytes[..count]);
        let is_short = count < message.bytes.len();
        let mut received = Received {
            count: if flags.contains(MsgFlags::MSG_TRUNC) {
                message.bytes.len()
            } else {
                count
            },
            flags: if is_short {
                MsgFlags::MSG_TRUNC
            } else {
                MsgFlags::empty()
            },
            from: message.from.address(),
            rights: Vec::new(),
            credentials: self
                .options
                .pass_credentials()
                .then_some(message.credentials),
        };
        if peeks {
            received.rights = message.rights.clone();
            return Ok(received);
        }
        let taken = state.inbox.pop_front();
        drop(state);
        self.room.wake_all();
        received.rights = taken.map_or_else(Vec::new, |message| message.rights);
        Ok(received)
    }
}

impl File for UnixDatagram {
    fn kind(&self) -> FileKind {
        FileKind::Socket
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let received = self.receive_from(buf, MsgFlags::empty())?;
        Ok(received.count)
    }

    /// For the embedder; a process writes by [`Socket::send_to`], with its own credentials.
    fn write(&self, buf: &[u8]) -> Result<usize> {
        self.send(buf, Vec::new(), Ucred::ROOT)
    }

    fn readiness(&self) -> PollEvents {
        let mut ready = PollEvents::empty();
        let peer = {
            let state = self.state.lock();
            if state.error.is_some() {
                ready |= PollEvents::POLLERR;
            }
            if state.reading_ended {
                ready |= PollEvents::POLLIN | PollEvents::POLLRDHUP;
            }
            if state.reading_ended && state.writing_ended {
                ready |= PollEvents::POLLHUP;
            }
            if !state.inbox.is_empty() {
                ready |= PollEvents::POLLIN;
            }
            state.peer.clone()
        };
        let quarter = self.options.send_buffer() / 4;
        let peer = peer.and_then(|peer| peer.socket.upgrade());
        if self.budget.used.load(Ordering::Acquire) <= quarter
            && peer.is_none_or(|peer| peer.has_room_for(self))
        {
            ready |= PollEvents::POLLOUT;
        }
        ready
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        if events.contains(PollEvents::POLLOUT) {
            self.budget.writers.register(cx);
            if let Some(peer) = self.peer().and_then(|peer| peer.socket.upgrade()) {
                peer.room.register(cx);
            }
        }
        if events.contains(PollEvents::POLLIN) || !events.contains(PollEvents::POLLOUT) {
            self.readers.register(cx);
        }
    }
}

impl Drop for UnixDatagram {
    fn drop(&mut self) {
        self.stack
            .abstract_names
            .remove(SOCK_DGRAM, self.name.get());
        drop(core::mem::take(&mut self.state.get_mut().inbox));
        self.room.wake_all();
    }
}
