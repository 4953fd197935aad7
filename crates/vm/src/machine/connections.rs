//! Connections of the host to listeners of the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;

use secure_exec_kernel::{Errno, FileDescription, Kernel, SocketAddress, UnixAddress};
use secure_exec_protocol::{CallId, Endpoint, Failure, VmMessage};

use super::connection::{Connection, Pumped};
use super::{Machine, Outbox};
use crate::breaches;
use crate::failure::failure;
use crate::mailbox::CallWaker;

impl Machine {
    /// Connects, and tells when the connection is there.
    pub(super) fn connect(&mut self, call: CallId, endpoint: &Endpoint, outbox: &mut Outbox) {
        let opened = match endpoint {
            Endpoint::Outbound(id) => {
                let accepted = self.outbound.accept(&self.kernel, *id);
                self.ask_for_outbound(outbox);
                accepted
            }
            endpoint => open(&self.kernel, endpoint),
        };
        match opened {
            Ok(file) => {
                let waker = CallWaker::new(self.mailbox.clone(), self.id, call);
                self.connections.insert(call, Connection::new(file, waker));
                self.pump_connection(call, outbox);
            }
            Err(errno) => {
                let failed = self.named(failure(errno, "connect", path_of(endpoint)));
                outbox.push(call, VmMessage::Failed(failed));
            }
        }
    }

    /// Moves the bytes of a connection; false if there is none.
    pub(super) fn pump_connection(&mut self, call: CallId, outbox: &mut Outbox) -> bool {
        let Some(connection) = self.connections.get_mut(&call) else {
            return false;
        };
        if connection.is_let_go() {
            if !connection.linger() {
                self.connections.remove(&call);
            }
            return true;
        }
        let mut messages = Vec::new();
        let pumped = connection.pump(&mut messages);
        outbox.extend(call, messages);
        match pumped {
            Pumped::Open => {}
            Pumped::Closed => {
                self.connections.remove(&call);
                outbox.push(call, VmMessage::Closed);
            }
            Pumped::Failed(errno, syscall) => {
                self.connections.remove(&call);
                let failed = self.named(failure(errno, syscall, b""));
                outbox.push(call, VmMessage::Failed(failed));
            }
        }
        true
    }

    /// The host has no more use for a connection. Nothing happens if it has ended by itself.
    pub(super) fn disconnect(&mut self, call: CallId, reset: bool, outbox: &mut Outbox) {
        let Some(connection) = self.connections.get_mut(&call) else {
            return;
        };
        if connection.is_let_go() {
            return;
        }
        connection.close(reset);
        if !connection.linger() {
            self.connections.remove(&call);
        }
        outbox.push(call, VmMessage::Closed);
    }

    /// A failure with the limit of the machine that caused it, if one did.
    fn named(&self, failed: Failure) -> Failure {
        breaches::named(failed, &self.kernel.take_limit_breaches_of(None))
    }
}

/// A path, or behind a zero byte a name in the abstract namespace (`unix(7)`).
fn local_address(path: &[u8]) -> SocketAddress {
    match path.strip_prefix(b"\0") {
        Some(name) => SocketAddress::Unix(UnixAddress::Abstract(name.to_vec())),
        None => SocketAddress::path(path),
    }
}

/// # Errors
/// As [`Kernel::connect`]; `ECONNREFUSED` where nobody listens on a port at any address.
fn open(kernel: &Kernel, endpoint: &Endpoint) -> Result<Arc<FileDescription>, Errno> {
    let port = match endpoint {
        Endpoint::Path(path) => return kernel.connect(&local_address(path)),
        Endpoint::Port(port) => *port,
        Endpoint::Outbound(_) => return Err(Errno::EINVAL),
    };
    for ip in addresses(kernel, port) {
        match kernel.connect(&socket_address(ip, port)) {
            Err(Errno::ECONNREFUSED) => {}
            outcome => return outcome,
        }
    }
    Err(Errno::ECONNREFUSED)
}

/// Where somebody may listen on a port: the loopback's usual addresses first, since most listen there or everywhere.
fn addresses(kernel: &Kernel, port: u16) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for listener in kernel.listeners() {
        match inet(&listener.address) {
            Some(address) if address.port() == port => found.push(address.ip()),
            _ => {}
        }
    }
    if found.is_empty() {
        return found;
    }
    let usual = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let own = found.into_iter().filter(|ip| !ip.is_unspecified());
    usual.into_iter().chain(own).collect()
}

/// An address of TCP.
pub(super) fn inet(address: &SocketAddress) -> Option<SocketAddr> {
    match address {
        SocketAddress::Inet(address) => Some(SocketAddr::V4(*address)),
        SocketAddress::Inet6(address) => Some(SocketAddr::V6(*address)),
        _ => None,
    }
}

fn socket_address(ip: IpAddr, port: u16) -> SocketAddress {
    match ip {
        IpAddr::V4(ip) => SocketAddress::Inet(SocketAddrV4::new(ip, port)),
        IpAddr::V6(ip) => SocketAddress::Inet6(SocketAddrV6::new(ip, port, 0, 0)),
    }
}

fn path_of(endpoint: &Endpoint) -> &[u8] {
    match endpoint {
        Endpoint::Path(path) => path,
        Endpoint::Port(_) | Endpoint::Outbound(_) => b"",
    }
}
