//! Sockets: making them, ending halves of their connections.

use super::Sysno;
use crate::abi::fcntl::OpenFlags;
use crate::errno::{Errno, Result};
use crate::net::{Shutdown, StreamSocket};
use crate::process::{Fd, Process};
use crate::vfs::FileDescription;
use core::any::Any;
use std::sync::Arc;

impl Process {
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
            format_args!("AF_UNIX, SOCK_STREAM, {:#o}", flags.bits()),
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
            format_args!("AF_UNIX, SOCK_STREAM, {:#o}", OpenFlags::O_CLOEXEC.bits()),
            || {
                let (own, other) = self.make_socket_pair(OpenFlags::O_CLOEXEC)?;
                let [fd] = self.install_from(0, [own], true)?;
                Ok((fd, Peer(other)))
            },
        )
        .map(|(fd, peer)| (fd, peer.0))
    }

    fn make_socket_pair(
        &self,
        flags: OpenFlags,
    ) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        if flags.intersects(!(OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK)) {
            return Err(Errno::EINVAL);
        }
        self.kernel()?
            .guest_socket_pair(self.credentials(), flags & OpenFlags::O_NONBLOCK)
    }

    /// Implements `shutdown(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `ENOTSOCK`: it is no socket.
    pub fn shutdown(&self, fd: Fd, how: Shutdown) -> Result<()> {
        self.enter(Sysno::Shutdown, format_args!("{fd}, {how:?}"), || {
            let description = self.file(fd)?;
            let file = description.file().ok_or(Errno::ENOTSOCK)?;
            let file: &dyn Any = &**file;
            let socket = file.downcast_ref::<StreamSocket>().ok_or(Errno::ENOTSOCK)?;
            socket.shutdown(how);
            Ok(())
        })
    }
}

/// The end of a pair that is handed over, for the trace.
struct Peer(Arc<FileDescription>);

impl core::fmt::Debug for Peer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("(handed over)")
    }
}
