//! Sockets: making them, their names, connections, and ending halves of them.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::OpenFlags;
use crate::abi::socket::{
    AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOCK_TYPE_MASK, Shutdown, SocketAddress,
    Ucred,
};
use crate::errno::{Errno, Result};
use crate::net::{NewSocket, Socket, SocketCaller, family};
use crate::process::Process;
use crate::trace::{self, Args, Traced};
use crate::vfs::FileDescription;
use core::fmt;
use std::sync::Arc;

impl Process {
    /// Implements `socket(2)`; `SOCK_CLOEXEC` and `SOCK_NONBLOCK` stand beside the type.
    ///
    /// # Errors
    /// - `EAFNOSUPPORT`: the machine does not have the family.
    /// - `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`: the family does not have the type, or not with the protocol.
    /// - `EINVAL`: no type has this number, or other flags.
    /// - `EMFILE`: no descriptor is left.
    /// - `ENFILE`: the limit of sockets is reached.
    pub fn socket(&self, domain: i32, kind: i32, protocol: i32) -> Result<Fd> {
        let shown = (trace::SocketFamily(domain), trace::SocketKind(kind));
        let args = format_args!("{}, {}, {protocol}", shown.0, shown.1);
        self.enter(Sysno::Socket, args, || {
            let family = family(domain, kind)?;
            let kernel = self.kernel()?;
            let socket = (family.socket)(&NewSocket {
                stack: &kernel.net,
                kind: kind & SOCK_TYPE_MASK,
                protocol,
                credentials: self.ucred(),
            })?;
            self.install_socket(socket, kind)
        })
    }

    /// Implements `bind(2)`. A path must not exist, and is made.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `EINVAL`: it has a name, or the address is of another family, or a path is empty or too long.
    /// - `EADDRINUSE`: somebody has the name, or the path exists.
    /// - `EACCES`, `ENOENT`, `ENOTDIR`: the directory cannot be written to.
    pub fn bind(&self, fd: Fd, address: &SocketAddress) -> Result<()> {
        let args = format_args!("{fd}, {}", trace::Address(address));
        self.enter(Sysno::Bind, args, || {
            let file = self.file(fd)?;
            file.socket()?.bind(&self.socket_caller(), address)
        })
    }

    /// Implements `listen(2)`.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `EOPNOTSUPP`: its type has no connections.
    /// - `EINVAL`: it has no name, or a peer.
    pub fn listen(&self, fd: Fd, backlog: i32) -> Result<()> {
        self.enter(Sysno::Listen, format_args!("{fd}, {backlog}"), || {
            let file = self.file(fd)?;
            file.socket()?.listen(&self.socket_caller(), backlog)
        })
    }

    /// Implements `accept4(2)` without blocking, with the flags `SOCK_CLOEXEC` and `SOCK_NONBLOCK`.
    ///
    /// # Errors
    /// - `EAGAIN`: no connection waits.
    /// - `EINVAL`: it does not listen.
    /// - `EOPNOTSUPP`: its type has no connections.
    /// - `EMFILE`: no descriptor is left; the connection is lost.
    pub fn accept4(&self, fd: Fd, flags: i32) -> Result<Fd> {
        let args = format_args!("{fd}, NULL, NULL, {}", trace::SocketFlags(flags));
        self.enter(Sysno::Accept4, args, || {
            if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
                return Err(Errno::EINVAL);
            }
            let accepted = self.file(fd)?.socket()?.accept()?;
            self.install_socket(accepted, flags)
        })
    }

    /// Implements `connect(2)` without blocking.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `ENOENT`, `ENOTDIR`, `ELOOP`: there is no such path.
    /// - `EACCES`: no write permission.
    /// - `ECONNREFUSED`: nobody is there.
    /// - `EPROTOTYPE`: who is there has another type.
    /// - `EISCONN`: it is connected.
    /// - `EAGAIN`: too many connections wait there.
    /// - `EINPROGRESS`: it goes on; writable at its end, and `SO_ERROR` tells how it ended.
    pub fn connect(&self, fd: Fd, address: &SocketAddress) -> Result<()> {
        let args = format_args!("{fd}, {}", trace::Address(address));
        self.enter(Sysno::Connect, args, || {
            let file = self.file(fd)?;
            file.socket()?.connect(&self.socket_caller(), address)
        })
    }

    /// Implements `getsockname(2)`.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    pub fn getsockname(&self, fd: Fd) -> Result<SocketAddress> {
        self.enter_name(Sysno::Getsockname, fd, |socket| Ok(socket.name()))
    }

    /// Implements `getpeername(2)`.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `ENOTCONN`: it has no peer.
    pub fn getpeername(&self, fd: Fd) -> Result<SocketAddress> {
        self.enter_name(Sysno::Getpeername, fd, |socket| socket.peer_name())
    }

    fn enter_name(
        &self,
        call: Sysno,
        fd: Fd,
        name: impl FnOnce(&dyn Socket) -> Result<SocketAddress>,
    ) -> Result<SocketAddress> {
        self.enter(
            call,
            Args::around(format_args!("{fd}, "), format_args!("")),
            || name(self.file(fd)?.socket()?),
        )
    }

    /// Implements `socketpair(2)`; flags as for [`Process::socket`].
    ///
    /// # Errors
    /// As [`Process::socket`], and `EOPNOTSUPP` where the family has no pairs.
    pub fn socketpair(&self, domain: i32, kind: i32, protocol: i32) -> Result<(Fd, Fd)> {
        let shown = (trace::SocketFamily(domain), trace::SocketKind(kind));
        self.enter(
            Sysno::Socketpair,
            Args::around(
                format_args!("{}, {}, {protocol}, ", shown.0, shown.1),
                format_args!(""),
            ),
            || {
                let (first, second) = self.make_socket_pair(domain, kind, protocol)?;
                let cloexec = kind & SOCK_CLOEXEC != 0;
                let [first, second] = self.install_from(0, [first, second], cloexec)?;
                Ok((first, second))
            },
        )
    }

    /// As [`Process::socketpair`] for local streams, with one end as a descriptor of this process that closes on exec,
    /// and the other for a child to be started with.
    ///
    /// # Errors
    /// As [`Process::socketpair`].
    pub fn socketpair_with_child(&self) -> Result<(Fd, Arc<FileDescription>)> {
        let kind = SOCK_STREAM | SOCK_CLOEXEC;
        let shown = trace::SocketKind(kind);
        self.enter(
            Sysno::Socketpair,
            Args::around(format_args!("AF_UNIX, {shown}, 0, "), format_args!("")),
            || {
                let (own, other) = self.make_socket_pair(AF_UNIX, kind, 0)?;
                let [fd] = self.install_from(0, [own], true)?;
                Ok(Peer(fd, other))
            },
        )
        .map(|Peer(fd, other)| (fd, other))
    }

    fn make_socket_pair(
        &self,
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        let family = family(domain, kind)?;
        let kernel = self.kernel()?;
        let (first, second) = (family.pair)(&NewSocket {
            stack: &kernel.net,
            kind: kind & SOCK_TYPE_MASK,
            protocol,
            credentials: self.ucred(),
        })?;
        let flags = status_flags(kind);
        Ok((
            kernel.describe_socket(self.credentials(), first, flags),
            kernel.describe_socket(self.credentials(), second, flags),
        ))
    }

    pub(super) fn install_socket(&self, socket: Arc<dyn Socket>, flags: i32) -> Result<Fd> {
        let kernel = self.kernel()?;
        let description = kernel.describe_socket(self.credentials(), socket, status_flags(flags));
        let [fd] = self.install_from(0, [description], flags & SOCK_CLOEXEC != 0)?;
        Ok(fd)
    }

    /// Implements `shutdown(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `ENOTSOCK`: it is no socket.
    pub fn shutdown(&self, fd: Fd, how: Shutdown) -> Result<()> {
        let args = format_args!("{fd}, {}", trace::Half(how));
        self.enter(Sysno::Shutdown, args, || {
            self.file(fd)?.socket()?.shutdown(how)
        })
    }

    /// Who this process is to the other end of a socket.
    pub(super) fn ucred(&self) -> Ucred {
        Ucred {
            pid: self.pid().raw(),
            uid: self.euid(),
            gid: self.egid(),
        }
    }

    pub(super) fn socket_caller(&self) -> SocketCaller<'_> {
        SocketCaller {
            vfs: &self.vfs,
            at: self.at_cwd(),
            umask: self.fs.lock().umask,
            credentials: self.ucred(),
        }
    }
}

/// Status flags of a new socket, of the flags beside its type.
fn status_flags(kind: i32) -> OpenFlags {
    if kind & SOCK_NONBLOCK == 0 {
        OpenFlags::empty()
    } else {
        OpenFlags::O_NONBLOCK
    }
}

/// A descriptor, and the other end of its pair, which is handed over.
struct Peer(Fd, Arc<FileDescription>);

impl Traced for Peer {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, ...]", self.0)
    }
}
