//! The machine's own network, for the embedder: who listens, and connections of its own to them.

use super::Kernel;
use crate::abi::fcntl::OpenFlags;
use crate::abi::socket::{SOCK_STREAM, SocketAddress, Ucred};
use crate::errno::{Errno, Result};
use crate::net::{ListenerInfo, NewSocket, SocketCaller, family};
use crate::vfs::{Credentials, FileDescription, USER_ID};
use core::task::{Context, Poll};
use std::sync::Arc;

impl Kernel {
    /// Sockets of TCP that wait for connections, by port.
    pub fn listeners(&self) -> Vec<ListenerInfo> {
        self.net.loopback.listeners()
    }

    /// Waits until one of them has come or gone; how often that has happened. A caller asks with what it was told last,
    /// first with 0, and then looks at [`Kernel::listeners`].
    pub fn poll_listeners(&self, seen: u64, cx: &Context<'_>) -> Poll<u64> {
        self.net.loopback.poll_listeners(seen, cx)
    }

    /// Connects to a socket of the machine: of TCP by an address, of local streams by a path from the root on.
    ///
    /// The connection may take its time ([`FileDescription::poll_connected`]), since a listener may have no room.
    ///
    /// # Errors
    /// - `ECONNREFUSED`: nobody listens there.
    /// - `EACCES`: the address is not the machine's.
    /// - `ENOENT`, `ENOTDIR`, `ELOOP`: there is no such path.
    /// - `ENFILE`, `ENOBUFS`: there are as many sockets, or connections, as allowed.
    pub fn connect(&self, address: &SocketAddress) -> Result<Arc<FileDescription>> {
        let socket = (family(address.family(), SOCK_STREAM)?.socket)(&NewSocket {
            stack: &self.net,
            kind: SOCK_STREAM,
            protocol: 0,
            credentials: Ucred::ROOT,
        })?;
        let caller = SocketCaller {
            vfs: &self.vfs,
            at: self.root_at(),
            umask: 0,
            credentials: Ucred::ROOT,
        };
        match socket.connect(&caller, address) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno),
        }
        let credentials = Credentials::user(USER_ID);
        Ok(self.describe_socket(&credentials, socket, OpenFlags::O_NONBLOCK))
    }
}
