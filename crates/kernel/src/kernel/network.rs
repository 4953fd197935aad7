//! The machine's own network, for the embedder: who listens, and connections of its own to them.

use super::Kernel;
use crate::abi::fcntl::OpenFlags;
use crate::abi::socket::{
    OptionValue, SO_LINGER, SOCK_STREAM, SOL_SOCKET, Shutdown, SocketAddress, Ucred,
};
use crate::errno::{Errno, Result};
use crate::net::{ListenerInfo, NewSocket, Outbound, SocketCaller, family};
use crate::vfs::{Credentials, FileDescription, USER_ID};
use core::task::{Context, Poll};
use std::sync::Arc;

impl Kernel {
    /// Sockets that wait for connections: of TCP by port, then local streams that have a path, by age.
    pub fn listeners(&self) -> Vec<ListenerInfo> {
        let mut all = self.net.loopback.listeners();
        all.append(&mut self.net.path_listeners());
        all
    }

    /// Waits until one of them has come or gone; how often that has happened. A caller asks with what it was told last,
    /// first with 0, and then looks at [`Kernel::listeners`].
    pub fn poll_listeners(&self, seen: u64, cx: &Context<'_>) -> Poll<u64> {
        self.net.poll_listeners(seen, cx)
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

    /// Waits until a guest connects to a port that leads out of the machine.
    pub fn poll_outbound(&self, cx: &Context<'_>) -> Poll<Outbound> {
        self.net.poll_outbound(cx)
    }

    /// Lets such a connection come about; the other end of it.
    ///
    /// # Errors
    /// - `ECONNRESET`: the guest has given up.
    pub fn accept_outbound(&self, outbound: &Outbound) -> Result<Arc<FileDescription>> {
        let socket = self.net.accept_outbound(outbound)?;
        let credentials = Credentials::user(USER_ID);
        Ok(self.describe_socket(&credentials, socket, OpenFlags::O_NONBLOCK))
    }
}

/// What an embedder does with a connection of its own besides reading and writing.
impl FileDescription {
    /// Ends halves of the connection (`shutdown(2)`).
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - `ENOTCONN`: it is over.
    pub fn shut_down(&self, how: Shutdown) -> Result<()> {
        self.socket()?.shutdown(how)
    }

    /// Has the connection end by a reset when it is closed, whatever was read of it.
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    pub fn reset_when_closed(&self) -> Result<()> {
        let at_once = OptionValue::Linger(Some(0));
        self.socket()?.set_option(SOL_SOCKET, SO_LINGER, at_once)
    }
}
