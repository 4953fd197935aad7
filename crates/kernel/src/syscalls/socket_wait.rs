//! Calls on sockets that wait, no longer than the socket's limits say.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::OpenFlags;
use crate::abi::poll::PollEvents;
use crate::abi::socket::{MsgFlags, SOCK_CLOEXEC, SOCK_NONBLOCK, SocketAddress};
use crate::abi::stat::Timespec;
use crate::errno::{Errno, Result};
use crate::net::Outgoing;
use crate::process::Process;
use crate::trace::{self, Args, Data};
use crate::vfs::{FileDescription, WaitSide};
use core::cell::{Cell, OnceCell};
use core::task::{Context, Poll};

/// What one call on a socket remembers between its polls; a new one for each call.
#[derive(Debug, Default)]
pub struct SocketWait {
    /// When it gives up, once it waits; none in it is never.
    deadline: Option<Option<Timespec>>,
    connecting: bool,
}

/// One call that waits, on the socket's side.
struct Attempt<'a> {
    file: &'a FileDescription,
    side: WaitSide,
    /// `MSG_DONTWAIT`.
    at_once: bool,
}

impl Process {
    /// Waits for what `attempt` gets, until the socket's limit.
    fn poll_socket<T>(
        &self,
        wait: &mut SocketWait,
        call: &Attempt<'_>,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&FileDescription) -> Result<T>,
    ) -> Poll<Result<T>> {
        let flags = call.file.status_flags();
        if call.at_once || flags.contains(OpenFlags::O_NONBLOCK) {
            return Poll::Ready(attempt(call.file));
        }
        let events = match call.side {
            WaitSide::Receive => PollEvents::POLLIN,
            WaitSide::Send => PollEvents::POLLOUT,
        };
        match call.file.poll_io(events, cx, attempt) {
            Poll::Pending => self.poll_limit(wait, call, cx, Errno::EAGAIN),
            ready => ready,
        }
    }

    /// Fails with `error` when the socket's limit is reached.
    fn poll_limit<T>(
        &self,
        wait: &mut SocketWait,
        call: &Attempt<'_>,
        cx: &Context<'_>,
        error: Errno,
    ) -> Poll<Result<T>> {
        let (kernel, limits) = match (self.kernel(), call.file.socket()) {
            (Ok(kernel), Ok(socket)) => (kernel, socket.time_limits()),
            (Err(errno), _) | (_, Err(errno)) => return Poll::Ready(Err(errno)),
        };
        let clock = &**kernel.clock();
        let deadline = wait
            .deadline
            .get_or_insert_with(|| limits.deadline(call.side, clock));
        let Some(deadline) = *deadline else {
            return Poll::Pending;
        };
        if clock.monotonic() >= deadline {
            return Poll::Ready(Err(error));
        }
        limits.register(clock, deadline, cx);
        Poll::Pending
    }

    /// Implements `recvfrom(2)`: waits if the descriptor blocks. Returns the count, the name of the sender and the
    /// flags of `struct msghdr`.
    ///
    /// # Errors
    /// As [`Process::recvfrom`]; `EAGAIN` also after `SO_RCVTIMEO`.
    ///
    /// # Blocking
    /// Pending until there is something to receive; not with `O_NONBLOCK` or `MSG_DONTWAIT`.
    pub fn poll_recvfrom(
        &self,
        wait: &mut SocketWait,
        fd: Fd,
        buf: &mut [u8],
        flags: MsgFlags,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(usize, Option<SocketAddress>, MsgFlags)>> {
        let (length, flags_shown) = (buf.len(), trace::MessageFlags(flags));
        let (from, told) = (OnceCell::new(), Cell::new(MsgFlags::empty()));
        let sender = trace::Sender(&from);
        let polled = self.enter_poll_into(
            Sysno::Recvfrom,
            Args::around(
                format_args!("{fd}, "),
                format_args!(", {length}, {flags_shown}, {sender}"),
            ),
            buf,
            cx,
            |buf, cx| {
                let file = self.file(fd)?;
                file.socket()?;
                let call = Attempt {
                    file: &file,
                    side: WaitSide::Receive,
                    at_once: flags.contains(MsgFlags::MSG_DONTWAIT),
                };
                self.poll_socket(wait, &call, cx, |file| {
                    let received = file.socket()?.receive_from(buf, flags)?;
                    told.set(received.flags);
                    if let Some(name) = received.from {
                        from.get_or_init(|| name);
                    }
                    Ok(received.count)
                })
            },
        );
        polled.map_ok(|count| (count, from.into_inner(), told.get()))
    }

    /// Implements `sendto(2)`: waits if the descriptor blocks. Of a stream's bytes perhaps only a part is sent; the
    /// caller goes on with the rest.
    ///
    /// # Errors
    /// As [`Process::sendto`]; `EAGAIN` also after `SO_SNDTIMEO`.
    ///
    /// # Blocking
    /// Pending until there is room; not with `O_NONBLOCK` or `MSG_DONTWAIT`.
    pub fn poll_sendto(
        &self,
        wait: &mut SocketWait,
        fd: Fd,
        buf: &[u8],
        flags: MsgFlags,
        to: Option<&SocketAddress>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize>> {
        let (data, flags_shown) = (Data(buf), trace::MessageFlags(flags));
        let args = format_args!(
            "{fd}, {data}, {}, {flags_shown}, {}",
            buf.len(),
            trace::OptionalAddress(to)
        );
        self.enter_poll(Sysno::Sendto, args, cx, |cx| {
            let file = self.file(fd)?;
            file.socket()?;
            let call = Attempt {
                file: &file,
                side: WaitSide::Send,
                at_once: flags.contains(MsgFlags::MSG_DONTWAIT),
            };
            self.poll_socket(wait, &call, cx, |file| {
                let message = Outgoing {
                    bytes: buf,
                    to,
                    rights: Vec::new(),
                    flags,
                };
                self.send(file, message)
            })
        })
    }

    /// Implements `accept4(2)`: waits if the descriptor blocks.
    ///
    /// # Errors
    /// As [`Process::accept4`]; `EAGAIN` also after `SO_RCVTIMEO`.
    ///
    /// # Blocking
    /// Pending until a connection waits.
    pub fn poll_accept4(
        &self,
        wait: &mut SocketWait,
        fd: Fd,
        flags: i32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Fd>> {
        let args = format_args!("{fd}, NULL, NULL, {}", trace::SocketFlags(flags));
        self.enter_poll(Sysno::Accept4, args, cx, |cx| {
            if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
                return Poll::Ready(Err(Errno::EINVAL));
            }
            let file = self.file(fd)?;
            file.socket()?;
            let call = Attempt {
                file: &file,
                side: WaitSide::Receive,
                at_once: false,
            };
            self.poll_socket(wait, &call, cx, |file| {
                let accepted = file.socket()?.accept()?;
                self.install_socket(accepted, flags)
            })
        })
    }

    /// Implements `connect(2)`: waits if the descriptor blocks and the connection goes on.
    ///
    /// # Errors
    /// As [`Process::connect`], and what `SO_ERROR` would have told; `EINPROGRESS` also after `SO_SNDTIMEO`.
    ///
    /// # Blocking
    /// Pending until the connection is made or refused.
    pub fn poll_connect(
        &self,
        wait: &mut SocketWait,
        fd: Fd,
        address: &SocketAddress,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let args = format_args!("{fd}, {}", trace::Address(address));
        self.enter_poll(Sysno::Connect, args, cx, |cx| {
            let file = self.file(fd)?;
            if !wait.connecting {
                let begun = file.socket()?.connect(&self.socket_caller(), address);
                let waits = !file.status_flags().contains(OpenFlags::O_NONBLOCK);
                if begun != Err(Errno::EINPROGRESS) || !waits {
                    return Poll::Ready(begun);
                }
                wait.connecting = true;
            }
            if let Poll::Ready(result) = file.poll_connected(cx) {
                return Poll::Ready(result);
            }
            let call = Attempt {
                file: &file,
                side: WaitSide::Send,
                at_once: false,
            };
            self.poll_limit(wait, &call, cx, Errno::EINPROGRESS)
        })
    }
}
