//! The interface between system calls and families of sockets. It stands here because a [`File`] may be one.

use super::{At, File, FileDescription, TimeLimits, Vfs};
use crate::abi::inet::TcpState;
use crate::abi::poll::PollEvents;
use crate::abi::socket::{MsgFlags, OptionValue, Shutdown, SocketAddress, Ucred};
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use core::task::Context;
use std::sync::Arc;

/// Who makes a call on a socket, and where the paths in it begin.
pub struct SocketCaller<'a> {
    pub(crate) vfs: &'a Vfs,
    pub(crate) at: At,
    pub(crate) umask: u32,
    pub(crate) credentials: Ucred,
}

/// A descriptor on its way (`SCM_RIGHTS`).
#[derive(Clone, Debug)]
pub struct Right {
    pub(crate) file: Arc<FileDescription>,
    /// Place in the count of descriptors that are on their way.
    pub(crate) _slot: Slot,
}

/// What is sent.
pub struct Outgoing<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where to, instead of to the peer.
    pub(crate) to: Option<&'a SocketAddress>,
    pub(crate) rights: Vec<Right>,
    pub(crate) flags: MsgFlags,
}

/// What was received.
#[derive(Debug, Default)]
pub struct Received {
    /// Bytes put into the buffer; with `MSG_TRUNC` the length of the message.
    pub(crate) count: usize,
    /// `MSG_TRUNC` where the buffer was too small.
    pub(crate) flags: MsgFlags,
    /// Name of the sender, if it has one.
    pub(crate) from: Option<SocketAddress>,
    pub(crate) rights: Vec<Right>,
    /// Of the sender, where they were asked for (`SO_PASSCRED`).
    pub(crate) credentials: Option<Ucred>,
}

/// What `/proc/net` tells of a socket.
#[derive(Clone, Debug)]
pub struct SocketRow {
    pub(crate) state: TcpState,
    pub(crate) local: SocketAddress,
    pub(crate) remote: SocketAddress,
    /// Bytes, or connections of one that listens, that wait here.
    pub(crate) receive_queue: usize,
    /// Bytes that the peer has not read.
    pub(crate) send_queue: usize,
    /// Messages that found no room.
    pub(crate) drops: usize,
}

/// A socket. As a [`File`], which every socket is, it reads by [`Socket::receive_from`] without flags and writes by
/// [`Socket::send`].
///
/// Nothing blocks: what would is `EAGAIN` (for a connection that takes its time `EINPROGRESS`), and
/// [`Socket::events`] and [`Socket::wait_for`] tell when to try again, as for any file. Errors that come up later wait
/// for `SO_ERROR` and make the socket ready. Each method names the errors that every family has; others are the
/// family's.
pub trait Socket: File {
    /// Family (`AF_UNIX`).
    fn domain(&self) -> i32;

    /// Type (`SOCK_STREAM`).
    fn socket_type(&self) -> i32;

    /// Gives the socket a name.
    ///
    /// # Errors
    /// - `EINVAL`: it has one, or the address is of another family.
    /// - `EADDRINUSE`: somebody else has the name.
    fn bind(&self, caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()>;

    /// Waits for connections from now on.
    ///
    /// # Errors
    /// - `EOPNOTSUPP`: sockets of this type have no connections.
    fn listen(&self, _caller: &SocketCaller<'_>, _backlog: i32) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Takes the first connection that waits.
    ///
    /// # Errors
    /// - `EAGAIN`: none waits.
    /// - `EINVAL`: it does not listen.
    /// - `EOPNOTSUPP`: sockets of this type have no connections.
    fn accept(&self) -> Result<Arc<dyn Socket>> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Connects to a name.
    ///
    /// # Errors
    /// - `EINPROGRESS`: it goes on; the socket becomes writable at its end, and `SO_ERROR` tells how it ended.
    /// - `ECONNREFUSED`: nobody is there.
    /// - `EISCONN`: it is connected.
    fn connect(&self, caller: &SocketCaller<'_>, address: &SocketAddress) -> Result<()>;

    /// Ends halves of the connection.
    ///
    /// # Errors
    /// - `ENOTCONN`: it has no connection, where that matters.
    fn shutdown(&self, how: Shutdown) -> Result<()>;

    /// Its name.
    fn name(&self) -> SocketAddress;

    /// The name of its peer.
    ///
    /// # Errors
    /// - `ENOTCONN`: it has no peer.
    fn peer_name(&self) -> Result<SocketAddress>;

    /// Value of an option; that of `SO_ERROR` is taken.
    ///
    /// # Errors
    /// - `ENOPROTOOPT`: no such option.
    /// - `EOPNOTSUPP`: no such level.
    fn option(&self, level: i32, name: i32) -> Result<OptionValue>;

    /// Sets an option.
    ///
    /// # Errors
    /// As [`Socket::option`], and `EINVAL` for a value that makes no sense.
    fn set_option(&self, level: i32, name: i32, value: OptionValue) -> Result<()>;

    /// How long calls on it wait.
    fn time_limits(&self) -> &TimeLimits;

    /// Sends; of a stream's bytes perhaps only a part.
    ///
    /// # Errors
    /// - `EAGAIN`: there is no room.
    /// - `ENOTCONN`: there is neither a peer nor an address.
    /// - `EPIPE`: this half has ended.
    /// - `EMSGSIZE`: a message that is too long.
    fn send_to(&self, caller: &SocketCaller<'_>, message: Outgoing<'_>) -> Result<usize>;

    /// Receives: of a stream up to as many bytes as the buffer holds, else one message, of which what does not fit
    /// is lost.
    ///
    /// # Errors
    /// - `EAGAIN`: there is nothing.
    fn receive_from(&self, buf: &mut [u8], flags: MsgFlags) -> Result<Received>;

    /// Sends to the peer for nobody in particular: a process writes to a stream by it, and the embedder to any socket.
    ///
    /// # Errors
    /// As [`Socket::send_to`].
    fn send(&self, bytes: &[u8]) -> Result<usize>;

    /// What can be done now.
    fn events(&self) -> PollEvents;

    /// Registers for a change of the given events.
    fn wait_for(&self, events: PollEvents, cx: &Context<'_>);

    /// What `/proc/net` tells of it.
    fn row(&self) -> SocketRow;

    /// Makes it one that may travel with a message (`SCM_RIGHTS`), which it stays.
    ///
    /// # Errors
    /// - `EINVAL`: a local socket that could be on its way to itself for ever.
    fn begin_to_travel(&self) -> Result<()> {
        Ok(())
    }

    /// Whether what one call sends is what one call receives.
    fn keeps_boundaries(&self) -> bool {
        self.socket_type() != crate::abi::socket::SOCK_STREAM
    }
}

impl<T: Socket> File for T {
    fn kind(&self) -> FileKind {
        FileKind::Socket
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    /// As on Linux, a read of no bytes does not ask the socket.
    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let received = self.receive_from(buf, MsgFlags::empty())?;
        Ok(received.count)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        self.send(buf)
    }

    fn readiness(&self) -> PollEvents {
        self.events()
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        self.wait_for(events, cx);
    }
}
