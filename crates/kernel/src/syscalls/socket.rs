//! Local sockets: making them, their names, connections, and ending halves of them.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::{OpenFlags, W_OK};
use crate::errno::{Errno, Result};
use crate::net::{LocalSocket, PATH_SIZE, Shutdown, StreamSocket};
use crate::process::Process;
use crate::trace::{self, Args, SocketPath, Traced};
use crate::vfs::{File, FileDescription, LastLink, NewInodeKind, check_permission};
use core::any::Any;
use core::fmt;
use std::sync::Arc;

impl Process {
    /// Implements `socket(2)` for local stream sockets; flags as for [`Process::socketpair`].
    ///
    /// # Errors
    /// As [`Process::socketpair`].
    pub fn socket(&self, flags: OpenFlags) -> Result<Fd> {
        self.enter(
            Sysno::Socket,
            format_args!("AF_UNIX, {}, 0", trace::Stream(flags)),
            || {
                check_flags(flags)?;
                let socket = LocalSocket::new(self.vfs.socket_slot()?);
                self.install_socket(Arc::new(socket), flags)
            },
        )
    }

    /// Implements `bind(2)`: makes the path, which must not exist.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket, or one that `socket(2)` did not make.
    /// - `EINVAL`: it has a name or a peer, or the path is empty or too long.
    /// - `EADDRINUSE`: the path exists.
    /// - `EACCES`, `ENOENT`, `ENOTDIR`: the directory cannot be written to.
    pub fn bind(&self, fd: Fd, path: &[u8]) -> Result<()> {
        self.enter(
            Sysno::Bind,
            format_args!("{fd}, {}", SocketPath(path)),
            || {
                self.with_local_socket(fd, |socket| {
                    check_path(path)?;
                    socket.check_unbound()?;
                    let at = self.at_cwd();
                    let mode = 0o777 & !self.fs.lock().umask;
                    self.vfs
                        .make(&at, path, NewInodeKind::Socket, mode)
                        .map_err(|errno| match errno {
                            Errno::EEXIST => Errno::EADDRINUSE,
                            other => other,
                        })?;
                    let made = at.find(path, LastLink::NoFollow)?;
                    socket.bind(made.inode.socket().ok_or(Errno::EADDRINUSE)?)
                })
            },
        )
    }

    /// Implements `listen(2)`.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket, or one that `socket(2)` did not make.
    /// - `EINVAL`: it has no name, or a peer.
    pub fn listen(&self, fd: Fd, backlog: i32) -> Result<()> {
        self.enter(Sysno::Listen, format_args!("{fd}, {backlog}"), || {
            self.with_local_socket(fd, |socket| socket.listen(backlog))
        })
    }

    /// Implements `accept4(2)` without blocking; flags as for [`Process::socketpair`].
    ///
    /// # Errors
    /// - `EAGAIN`: no connection waits.
    /// - `EINVAL`: it does not listen.
    /// - `EMFILE`: no descriptor is left; the connection is lost.
    pub fn accept4(&self, fd: Fd, flags: OpenFlags) -> Result<Fd> {
        self.enter(
            Sysno::Accept4,
            format_args!("{fd}, NULL, NULL, {}", trace::Accept(flags)),
            || {
                check_flags(flags)?;
                let accepted = self.with_local_socket(fd, LocalSocket::accept)?;
                self.install_socket(Arc::new(accepted), flags)
            },
        )
    }

    /// Implements `connect(2)`.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket, or one that `socket(2)` did not make.
    /// - `ENOENT`, `ENOTDIR`, `ELOOP`: there is no such path.
    /// - `EACCES`: no write permission.
    /// - `ECONNREFUSED`: nobody listens there.
    /// - `EISCONN`: it is connected.
    /// - `EAGAIN`: too many connections wait there.
    pub fn connect(&self, fd: Fd, path: &[u8]) -> Result<()> {
        self.enter(
            Sysno::Connect,
            format_args!("{fd}, {}", SocketPath(path)),
            || {
                self.with_local_socket(fd, |socket| {
                    check_path(path)?;
                    let found = self.at_cwd().find(path, LastLink::Follow)?;
                    let address = found.inode.socket().ok_or(Errno::ECONNREFUSED)?;
                    check_permission(&*found.inode, self.credentials(), W_OK)?;
                    socket.connect(&address, self.vfs.socket_slot()?)
                })
            },
        )
    }

    fn with_local_socket<T>(
        &self,
        fd: Fd,
        work: impl FnOnce(&LocalSocket) -> Result<T>,
    ) -> Result<T> {
        let file = self.file(fd)?;
        let file = file.file().ok_or(Errno::ENOTSOCK)?;
        let any: &dyn Any = &**file;
        match any.downcast_ref::<LocalSocket>() {
            Some(socket) => work(socket),
            // One of a pair: it has a peer for good.
            None if any.is::<StreamSocket>() => Err(Errno::EINVAL),
            None => Err(Errno::ENOTSOCK),
        }
    }

    fn install_socket(&self, file: Arc<dyn File>, flags: OpenFlags) -> Result<Fd> {
        let description =
            self.kernel()?
                .describe_socket(self.credentials(), file, flags & OpenFlags::O_NONBLOCK);
        let cloexec = flags.contains(OpenFlags::O_CLOEXEC);
        let [fd] = self.install_from(0, [description], cloexec)?;
        Ok(fd)
    }

    /// Implements `socketpair(2)` for local stream sockets; the flags are `O_CLOEXEC` and `O_NONBLOCK`, which on Linux
    /// equal `SOCK_CLOEXEC` and `SOCK_NONBLOCK`.
    ///
    /// # Errors
    /// - `EINVAL`: other flags.
    /// - `EMFILE`: no two descriptors are left.
    /// - `ENFILE`: the limit of sockets is reached.
    pub fn socketpair(&self, flags: OpenFlags) -> Result<(Fd, Fd)> {
        self.enter(
            Sysno::Socketpair,
            Args::around(
                format_args!("AF_UNIX, {}, 0, ", trace::Stream(flags)),
                format_args!(""),
            ),
            || {
                let (first, second) = self.make_socket_pair(flags)?;
                let cloexec = flags.contains(OpenFlags::O_CLOEXEC);
                let [first, second] = self.install_from(0, [first, second], cloexec)?;
                Ok((first, second))
            },
        )
    }

    /// As [`Process::socketpair`], with one end as a descriptor of this process that closes on exec, and the other for
    /// a child to be started with.
    ///
    /// # Errors
    /// As [`Process::socketpair`].
    pub fn socketpair_with_child(&self) -> Result<(Fd, Arc<FileDescription>)> {
        self.enter(
            Sysno::Socketpair,
            Args::around(
                format_args!("AF_UNIX, {}, 0, ", trace::Stream(OpenFlags::O_CLOEXEC)),
                format_args!(""),
            ),
            || {
                let (own, other) = self.make_socket_pair(OpenFlags::O_CLOEXEC)?;
                let [fd] = self.install_from(0, [own], true)?;
                Ok(Peer(fd, other))
            },
        )
        .map(|Peer(fd, other)| (fd, other))
    }

    fn make_socket_pair(
        &self,
        flags: OpenFlags,
    ) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        check_flags(flags)?;
        self.kernel()?
            .guest_socket_pair(self.credentials(), flags & OpenFlags::O_NONBLOCK)
    }

    /// Implements `shutdown(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `ENOTSOCK`: it is no socket.
    pub fn shutdown(&self, fd: Fd, how: Shutdown) -> Result<()> {
        self.enter(Sysno::Shutdown, format_args!("{fd}, {how}"), || {
            let file = self.file(fd)?;
            let file = file.file().ok_or(Errno::ENOTSOCK)?;
            let any: &dyn Any = &**file;
            if let Some(socket) = any.downcast_ref::<StreamSocket>() {
                socket.shutdown(how);
                return Ok(());
            }
            let socket = any.downcast_ref::<LocalSocket>().ok_or(Errno::ENOTSOCK)?;
            // As on Linux, a local socket without a peer takes it too.
            if let Some(connection) = socket.connection() {
                connection.shutdown(how);
            }
            Ok(())
        })
    }
}

fn check_flags(flags: OpenFlags) -> Result<()> {
    if flags.intersects(!(OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK)) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

fn check_path(path: &[u8]) -> Result<()> {
    if path.is_empty() || path.len() >= PATH_SIZE || path.contains(&0) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// A descriptor, and the other end of its pair, which is handed over.
struct Peer(Fd, Arc<FileDescription>);

impl Traced for Peer {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, ...]", self.0)
    }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shutdown::Read => "SHUT_RD",
            Shutdown::Write => "SHUT_WR",
            Shutdown::Both => "SHUT_RDWR",
        })
    }
}
