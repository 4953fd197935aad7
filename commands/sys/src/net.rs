//! Sockets of the machine, and names as its `/etc/hosts` has them.
//!
//! What lies outside of the machine fails at once, with `EACCES`.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use secure_exec_abi::sockaddr::BadAddress;
pub use secure_exec_abi::socket::{
    AF_INET, AF_INET6, AF_UNIX, MsgFlags, SO_ERROR, SO_RCVTIMEO, SO_REUSEADDR, SO_SNDTIMEO,
    SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, Shutdown, SocketAddress,
    UnixAddress,
};

use crate::{Fd, backend};

/// Bytes of the longest address (`struct sockaddr_storage`).
const MOST_ADDRESS: usize = 128;

/// The address of a socket of the network.
#[must_use]
pub fn inet(address: SocketAddr) -> SocketAddress {
    match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

fn read_address(bytes: &[u8]) -> io::Result<SocketAddress> {
    SocketAddress::from_sockaddr(bytes).map_err(|bad| {
        io::Error::other(match bad {
            BadAddress::Short => "an address that is cut off",
            BadAddress::Family => "an address of no known family",
        })
    })
}

/// A socket; closed when it is dropped.
#[derive(Debug)]
pub struct Socket(Fd);

impl Drop for Socket {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = crate::fd::close(self.0);
    }
}

impl Socket {
    /// `socket(2)`; `SOCK_CLOEXEC` and `SOCK_NONBLOCK` stand beside the type.
    ///
    /// # Errors
    /// `EAFNOSUPPORT`, `EPROTONOSUPPORT`: the machine has no such sockets. `EMFILE`: too many descriptors.
    pub fn open(domain: i32, kind: i32) -> io::Result<Socket> {
        backend::sock_open(domain, kind, 0).map(Socket)
    }

    /// Two sockets that are connected.
    ///
    /// # Errors
    /// As [`Socket::open`].
    pub fn pair(domain: i32, kind: i32) -> io::Result<(Socket, Socket)> {
        let (one, other) = backend::sock_pair(domain, kind, 0)?;
        Ok((Socket(one), Socket(other)))
    }

    /// Takes a descriptor over, as one that was inherited.
    #[must_use]
    pub fn from_fd(fd: Fd) -> Socket {
        Socket(fd)
    }

    #[must_use]
    pub fn fd(&self) -> Fd {
        self.0
    }

    /// # Errors
    /// `EADDRINUSE`: somebody has the name.
    pub fn bind(&self, address: &SocketAddress) -> io::Result<()> {
        backend::sock_bind(self.0, &address.to_sockaddr())
    }

    /// # Errors
    /// `EOPNOTSUPP`: a socket without connections.
    pub fn listen(&self, backlog: i32) -> io::Result<()> {
        backend::sock_listen(self.0, backlog)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// `EAGAIN`: it does not block, or its time is over. `EINVAL`: it does not listen.
    pub fn accept(&self, flags: i32) -> io::Result<Socket> {
        backend::sock_accept(self.0, flags).map(Socket)
    }

    /// # Errors
    /// `ECONNREFUSED`: nobody is there. `EACCES`: outside of the machine. `EINPROGRESS`: it does not block.
    pub fn connect(&self, address: &SocketAddress) -> io::Result<()> {
        backend::sock_connect(self.0, &address.to_sockaddr())
    }

    /// # Errors
    /// `ENOTCONN`: it has no connection.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let number = match how {
            Shutdown::Read => 0,
            Shutdown::Write => 1,
            Shutdown::Both => 2,
        };
        backend::sock_shutdown(self.0, number)
    }

    /// # Errors
    /// `ENOTSOCK`: no socket.
    pub fn name(&self) -> io::Result<SocketAddress> {
        let mut bytes = [0; MOST_ADDRESS];
        let length = backend::sock_name(self.0, &mut bytes)?;
        read_address(&bytes[..length.min(MOST_ADDRESS)])
    }

    /// # Errors
    /// `ENOTCONN`: it has no peer.
    pub fn peer(&self) -> io::Result<SocketAddress> {
        let mut bytes = [0; MOST_ADDRESS];
        let length = backend::sock_peer(self.0, &mut bytes)?;
        read_address(&bytes[..length.min(MOST_ADDRESS)])
    }

    /// The value of an option that is a number.
    ///
    /// # Errors
    /// `ENOPROTOOPT`: no such option.
    pub fn option(&self, level: i32, name: i32) -> io::Result<i32> {
        let mut value = [0; 4];
        backend::sock_getopt(self.0, level, name, &mut value)?;
        Ok(i32::from_le_bytes(value))
    }

    /// # Errors
    /// `ENOPROTOOPT`: no such option. `EINVAL`: no such value.
    pub fn set_option(&self, level: i32, name: i32, value: i32) -> io::Result<()> {
        backend::sock_setopt(self.0, level, name, &value.to_le_bytes())
    }

    /// How long calls wait, by `SO_RCVTIMEO` or `SO_SNDTIMEO`; none is for ever.
    ///
    /// # Errors
    /// `ENOTSOCK`: no socket.
    pub fn set_time_limit(&self, name: i32, time: Option<Duration>) -> io::Result<()> {
        let time = time.unwrap_or_default();
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let micros = i64::from(time.subsec_micros());
        let bytes = [seconds, micros].map(i64::to_le_bytes).concat();
        backend::sock_setopt(self.0, SOL_SOCKET, name, &bytes)
    }

    /// Sends to the peer.
    ///
    /// # Errors
    /// `EAGAIN`: it does not block, or its time is over. `EPIPE`: nobody receives.
    pub fn send(&self, bytes: &[u8], flags: MsgFlags) -> io::Result<usize> {
        backend::sock_sendto(self.0, bytes, flags.bits(), &[])
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// `EMSGSIZE`: too long. `EACCES`: outside of the machine.
    pub fn send_to(
        &self,
        bytes: &[u8],
        flags: MsgFlags,
        address: &SocketAddress,
    ) -> io::Result<usize> {
        backend::sock_sendto(self.0, bytes, flags.bits(), &address.to_sockaddr())
    }

    /// Receives bytes or one datagram.
    ///
    /// # Errors
    /// `EAGAIN`: it does not block, or its time is over.
    pub fn receive(&self, buffer: &mut [u8], flags: MsgFlags) -> io::Result<usize> {
        let (count, _) = backend::sock_recvfrom(self.0, buffer, flags.bits(), &mut [])?;
        Ok(count)
    }

    /// Receives one datagram, and who sent it, if that has a name.
    ///
    /// # Errors
    /// As [`Socket::receive`].
    pub fn receive_from(
        &self,
        buffer: &mut [u8],
        flags: MsgFlags,
    ) -> io::Result<(usize, Option<SocketAddress>)> {
        let mut from = [0; MOST_ADDRESS];
        let (count, length) = backend::sock_recvfrom(self.0, buffer, flags.bits(), &mut from)?;
        let from = match length.min(MOST_ADDRESS) {
            0 | 1 => None,
            length => Some(read_address(&from[..length])?),
        };
        Ok((count, from))
    }
}

/// The addresses of a name: a number, `localhost` and all below it, or one of `/etc/hosts`.
///
/// # Errors
/// `NotFound`: no such name. Nobody outside of the machine is asked.
pub fn lookup(name: &str) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut found = hosts_addresses(&hosts, name);
    let last = name.rsplit('.').next().unwrap_or_default();
    if found.is_empty() && last.eq_ignore_ascii_case("localhost") {
        found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    if found.is_empty() {
        let message = format!("{name}: no such name in this machine");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(found)
}

fn hosts_addresses(hosts: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in hosts.lines() {
        let mut fields = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let Some(Ok(address)) = fields.next().map(str::parse) else {
            continue;
        };
        if fields.any(|known| known.eq_ignore_ascii_case(name)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: MsgFlags = MsgFlags::empty();

    #[test]
    fn names_are_those_of_the_file() {
        let hosts = "127.0.0.1 localhost # the machine\n::1 localhost ip6\n10.0.0.2\tTen ten.example\nbad line\n";
        let ten: IpAddr = "10.0.0.2".parse().expect("an address");
        assert_eq!(hosts_addresses(hosts, "TEN"), [ten]);
        assert_eq!(hosts_addresses(hosts, "localhost").len(), 2);
        assert!(hosts_addresses(hosts, "line").is_empty());
        assert_eq!(lookup("10.0.0.2").expect("a number"), [ten]);
        assert!(lookup("no.such.name.invalid").is_err());
    }

    #[test]
    fn connection_and_datagrams_within_the_machine() -> io::Result<()> {
        let listener = Socket::open(AF_INET, SOCK_STREAM | SOCK_CLOEXEC)?;
        listener.bind(&inet(([127, 0, 0, 1], 0).into()))?;
        listener.listen(1)?;
        let client = Socket::open(AF_INET, SOCK_STREAM)?;
        client.connect(&listener.name()?)?;
        let server = listener.accept(SOCK_CLOEXEC)?;
        assert_eq!(server.peer()?, client.name()?);
        assert_eq!(client.send(b"hello", NONE)?, 5);
        let mut buffer = [0; 16];
        assert_eq!(server.receive(&mut buffer, NONE)?, 5);
        assert_eq!(&buffer[..5], b"hello");
        server.set_time_limit(SO_RCVTIMEO, Some(Duration::from_millis(20)))?;
        let late = server
            .receive(&mut buffer, NONE)
            .expect_err("nothing comes");
        assert_eq!(late.kind(), io::ErrorKind::WouldBlock);
        client.shutdown(Shutdown::Write)?;
        assert_eq!(server.receive(&mut buffer, NONE)?, 0);
        let receiver = Socket::open(AF_INET, SOCK_DGRAM)?;
        receiver.bind(&inet(([127, 0, 0, 1], 0).into()))?;
        let sender = Socket::open(AF_INET, SOCK_DGRAM)?;
        sender.bind(&inet(([127, 0, 0, 1], 0).into()))?;
        sender.send_to(b"datagram", NONE, &receiver.name()?)?;
        let (count, from) = receiver.receive_from(&mut buffer, NONE)?;
        assert_eq!(
            (&buffer[..count], from),
            (&b"datagram"[..], Some(sender.name()?))
        );
        Ok(())
    }
}
