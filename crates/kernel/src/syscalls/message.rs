//! Sending and receiving messages.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::signal::Signal;
use crate::abi::socket::{MsgFlags, SCM_MAX_FD, SocketAddress, Ucred};
use crate::errno::{Errno, Result};
use crate::net::{Outgoing, Received, Right};
use crate::process::Process;
use crate::trace::{self, Args, Data, Traced};
use crate::vfs::FileDescription;
use core::cell::OnceCell;
use core::fmt::{self, Display};

/// Most bytes that one call moves: more than the longest message.
const MOST: usize = 512 << 10;

/// What `sendmsg(2)` sends (`struct msghdr`).
#[derive(Clone, Copy, Debug, Default)]
pub struct SendMessage<'a> {
    /// The bytes.
    pub bufs: &'a [&'a [u8]],
    /// Where to, instead of to the peer.
    pub to: Option<&'a SocketAddress>,
    /// Descriptors to go along (`SCM_RIGHTS`).
    pub rights: &'a [Fd],
}

/// What `recvmsg(2)` received (`struct msghdr`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// Bytes put into the buffers; with `MSG_TRUNC` the length of the message.
    pub count: usize,
    /// `MSG_TRUNC`: the message was longer than the buffers. `MSG_CTRUNC`: descriptors were lost.
    pub flags: MsgFlags,
    /// Name of the sender, if it has one.
    pub from: Option<SocketAddress>,
    /// Descriptors that came along.
    pub rights: Vec<Fd>,
    /// Of the sender, with `SO_PASSCRED`.
    pub credentials: Option<Ucred>,
}

impl SendMessage<'_> {
    fn header(&self) -> trace::Header<'_> {
        trace::Header {
            name: self.to,
            bufs: self.bufs.iter().map(|buf| (*buf, buf.len())).collect(),
            rights: self.rights,
            credentials: None,
            flags: MsgFlags::empty(),
        }
    }
}

/// A message that was received, and the buffers it is in.
struct Told<'a, 'b> {
    message: ReceivedMessage,
    bufs: &'a [&'b mut [u8]],
}

impl Traced for Told<'_, '_> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.message.count;
        let filled = self.bufs.iter().map(|buf| {
            let part = left.min(buf.len());
            left -= part;
            (&buf[..part], buf.len())
        });
        let header = trace::Header {
            name: self.message.from.as_ref(),
            bufs: filled.collect(),
            rights: &self.message.rights,
            credentials: self.message.credentials,
            flags: self.message.flags,
        };
        header.fmt(f)
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.count.fmt(f)
    }
}

impl Process {
    /// Implements `sendto(2)` without blocking.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `EAGAIN`: there is no room.
    /// - `ENOTCONN`: there is neither a peer nor an address.
    /// - `EISCONN`, `EOPNOTSUPP`: an address for a stream.
    /// - `ECONNREFUSED`: the receiver has been closed.
    /// - `EMSGSIZE`: the message is longer than `SO_SNDBUF`.
    /// - `EPIPE`: this half has ended; a stream also brings `SIGPIPE`, unless `MSG_NOSIGNAL` is given.
    pub fn sendto(
        &self,
        fd: Fd,
        buf: &[u8],
        flags: MsgFlags,
        to: Option<&SocketAddress>,
    ) -> Result<usize> {
        let (data, flags_shown) = (Data(buf), trace::MessageFlags(flags));
        let args = format_args!(
            "{fd}, {data}, {}, {flags_shown}, {}",
            buf.len(),
            trace::OptionalAddress(to)
        );
        self.enter(Sysno::Sendto, args, || {
            let file = self.file(fd)?;
            self.send(
                &file,
                Outgoing {
                    bytes: buf,
                    to,
                    rights: Vec::new(),
                    flags,
                },
            )
        })
    }

    /// Implements `sendmsg(2)` without blocking.
    ///
    /// # Errors
    /// As [`Process::sendto`], and
    /// - `EBADF`: a descriptor that is to go along is not open.
    /// - `EINVAL`: more than 253 descriptors, or a local socket among them that could be on its way to itself for ever:
    ///   one of datagrams, one that is neither connected nor listens, one whose connection has carried local sockets;
    ///   and a connection that was sent carries none.
    /// - `ETOOMANYREFS`: too many descriptors are on their way.
    pub fn sendmsg(&self, fd: Fd, message: &SendMessage<'_>, flags: MsgFlags) -> Result<usize> {
        let (shown, flags_shown) = (message.header(), trace::MessageFlags(flags));
        let args = format_args!("{fd}, {shown}, {flags_shown}");
        self.enter(Sysno::Sendmsg, args, || {
            let file = self.file(fd)?;
            file.socket()?;
            let rights = self.rights(message.rights)?;
            let joined;
            let bytes = match message.bufs {
                [] => &[],
                [one] => *one,
                several => {
                    joined = several.concat();
                    &joined
                }
            };
            self.send(
                &file,
                Outgoing {
                    bytes,
                    to: message.to,
                    rights,
                    flags,
                },
            )
        })
    }

    /// Sends over a socket, and raises what that raises.
    pub(super) fn send(&self, file: &FileDescription, message: Outgoing<'_>) -> Result<usize> {
        let socket = file.socket()?;
        let quiet = message.flags.contains(MsgFlags::MSG_NOSIGNAL) || socket.keeps_boundaries();
        let sent = socket.send_to(&self.socket_caller(), message);
        if sent == Err(Errno::EPIPE) && !quiet {
            self.deliver_from(Signal::SIGPIPE, self.signal_info());
        }
        sent
    }

    /// The open files behind descriptors that are to go along.
    fn rights(&self, fds: &[Fd]) -> Result<Vec<Right>> {
        if fds.len() > SCM_MAX_FD {
            return Err(Errno::EINVAL);
        }
        let kernel = self.kernel()?;
        let right = |fd: &Fd| {
            let file = self.file(*fd)?;
            if let Ok(socket) = file.socket() {
                socket.begin_to_travel()?;
            }
            let _slot = kernel.net.flight_slot()?;
            Ok(Right { file, _slot })
        };
        fds.iter().map(right).collect()
    }

    /// Implements `recvfrom(2)` without blocking: the count (with `MSG_TRUNC` the length of the message) and the name
    /// of the sender, if it has one.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `EAGAIN`: there is nothing.
    /// - `EINVAL`: a stream without a peer.
    pub fn recvfrom(
        &self,
        fd: Fd,
        buf: &mut [u8],
        flags: MsgFlags,
    ) -> Result<(usize, Option<SocketAddress>)> {
        let (length, flags_shown) = (buf.len(), trace::MessageFlags(flags));
        let from = OnceCell::new();
        let sender = trace::Sender(&from);
        let count = self.enter_into(
            Sysno::Recvfrom,
            Args::around(
                format_args!("{fd}, "),
                format_args!(", {length}, {flags_shown}, {sender}"),
            ),
            buf,
            |buf| {
                let received = self.file(fd)?.socket()?.receive_from(buf, flags)?;
                if let Some(name) = received.from {
                    from.get_or_init(|| name);
                }
                Ok(received.count)
            },
        )?;
        Ok((count, from.into_inner()))
    }

    /// Implements `recvmsg(2)` without blocking.
    ///
    /// # Errors
    /// As [`Process::recvfrom`].
    pub fn recvmsg(
        &self,
        fd: Fd,
        bufs: &mut [&mut [u8]],
        flags: MsgFlags,
    ) -> Result<ReceivedMessage> {
        let flags_shown = trace::MessageFlags(flags);
        let received = self.enter(
            Sysno::Recvmsg,
            Args::around(format_args!("{fd}, "), format_args!(", {flags_shown}")),
            || {
                let file = self.file(fd)?;
                let received = self.receive_into(&file, bufs, flags)?;
                let message = self.accept_rights(received, flags);
                Ok(Told { message, bufs })
            },
        )?;
        Ok(received.message)
    }

    /// Receives one message, or bytes of a stream, into several buffers.
    pub(super) fn receive_into(
        &self,
        file: &FileDescription,
        bufs: &mut [&mut [u8]],
        flags: MsgFlags,
    ) -> Result<Received> {
        let socket = file.socket()?;
        if let [buf] = bufs {
            return socket.receive_from(buf, flags);
        }
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        let mut joined = vec![0; total.min(MOST)];
        let received = socket.receive_from(&mut joined, flags)?;
        let mut rest = &joined[..received.count.min(joined.len())];
        for buf in bufs {
            let (part, behind) = rest.split_at(buf.len().min(rest.len()));
            buf[..part.len()].copy_from_slice(part);
            rest = behind;
        }
        Ok(received)
    }

    /// Gives numbers to descriptors that came along; those for which none is left are closed.
    fn accept_rights(&self, received: Received, flags: MsgFlags) -> ReceivedMessage {
        let cloexec = flags.contains(MsgFlags::MSG_CMSG_CLOEXEC);
        let mut message = ReceivedMessage {
            count: received.count,
            flags: received.flags,
            from: received.from,
            rights: Vec::new(),
            credentials: received.credentials,
        };
        if cloexec {
            message.flags |= MsgFlags::MSG_CMSG_CLOEXEC;
        }
        for right in received.rights {
            match self.install_from(0, [right.file], cloexec) {
                Ok([fd]) => message.rights.push(fd),
                Err(_) => message.flags |= MsgFlags::MSG_CTRUNC,
            }
        }
        message
    }
}
