//! What a datagram socket does.

use super::{Message, UnixDatagram};
use crate::abi::inet::TcpState;
use crate::abi::poll::PollEvents;
use crate::abi::socket::{
    AF_UNIX, MsgFlags, OptionValue, SOCK_DGRAM, Shutdown, SocketAddress, Ucred, UnixAddress,
};
use crate::errno::{Errno, Result};
use crate::net::budget::Share;
use crate::net::unix::names::Owner;
use crate::net::unix::{check_level, local, option};
use crate::net::{Outgoing, Received, Socket, SocketCaller};
use crate::vfs::{SocketRow, TimeLimits};
use core::task::Context;

impl Socket for UnixDatagram {
    fn domain(&self) -> i32 {
        AF_UNIX
    }

    fn socket_type(&self) -> i32 {
        SOCK_DGRAM
    }

    fn time_limits(&self) -> &TimeLimits {
        self.options.time_limits()
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
    /// - `EINVAL`: always, since its inbox may hold local sockets.
    fn begin_to_travel(&self) -> Result<()> {
        Err(Errno::EINVAL)
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
            return self.send_to_peer(message.bytes, message.rights, caller.credentials);
        };
        let to = local(to)?;
        if *to == UnixAddress::Unnamed {
            return Err(Errno::EINVAL);
        }
        self.name_for_credentials()?;
        let charge = self.charge(message.bytes.len())?;
        let receiver = self.find(caller, to)?;
        let share = Share::take(&self.stack.buffered, message.bytes.len())?;
        let message = Message::new(
            message.bytes,
            &self.name,
            caller.credentials,
            message.rights,
            (charge, share),
        )?;
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

    /// For the embedder; a process writes by [`Socket::send_to`], with its own credentials.
    fn send(&self, buf: &[u8]) -> Result<usize> {
        self.send_to_peer(buf, Vec::new(), Ucred::ROOT)
    }

    fn row(&self) -> SocketRow {
        let state = self.state.lock();
        SocketRow {
            state: if state.peer.is_some() {
                TcpState::Established
            } else {
                TcpState::Close
            },
            local: SocketAddress::Unix(self.name.get()),
            remote: SocketAddress::Unspecified,
            receive_queue: state.inbox.iter().map(|message| message.bytes.len()).sum(),
            send_queue: 0,
            drops: 0,
        }
    }

    fn events(&self) -> PollEvents {
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
        let peer = peer.and_then(|peer| peer.socket.upgrade());
        if self.budget.is_writable(self.options.send_buffer())
            && peer.is_none_or(|peer| peer.has_room_for(self))
        {
            ready |= PollEvents::POLLOUT;
        }
        ready
    }

    fn wait_for(&self, events: PollEvents, cx: &Context<'_>) {
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
