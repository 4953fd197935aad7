//! `sys/socket.h` and its neighbours: families, types, options, flags of messages, addresses.

use crate::inet::{Membership, SourceMembership};
use bitflags::bitflags;
use core::net::{Ipv4Addr, SocketAddrV4, SocketAddrV6};
use std::borrow::Cow;

/// No family: takes away the peer of a socket for datagrams.
pub const AF_UNSPEC: i32 = 0;
/// Within the machine (`unix(7)`).
pub const AF_UNIX: i32 = 1;
/// IPv4 (`ip(7)`).
pub const AF_INET: i32 = 2;
/// IPv6 (`ipv6(7)`).
pub const AF_INET6: i32 = 10;
/// One more than the largest family.
pub const AF_MAX: i32 = 46;

/// Bytes in order, over a connection.
pub const SOCK_STREAM: i32 = 1;
/// Messages that may be lost.
pub const SOCK_DGRAM: i32 = 2;
/// Packets as the network has them.
pub const SOCK_RAW: i32 = 3;
/// Messages in order, over a connection.
pub const SOCK_SEQPACKET: i32 = 5;
/// One more than the largest type.
pub const SOCK_MAX: i32 = 11;
/// The type, in the argument that takes flags beside it.
pub const SOCK_TYPE_MASK: i32 = 0xf;
/// Beside the type: the descriptor does not block.
pub const SOCK_NONBLOCK: i32 = 0o4000;
/// Beside the type: the descriptor closes on exec.
pub const SOCK_CLOEXEC: i32 = 0o2_000_000;

/// Level of the options that every family has (`socket(7)`).
pub const SOL_SOCKET: i32 = 1;
/// Debugging.
pub const SO_DEBUG: i32 = 1;
/// Binding to an address that was in use a moment ago.
pub const SO_REUSEADDR: i32 = 2;
/// Type of the socket.
pub const SO_TYPE: i32 = 3;
/// Error that waits to be told; reading takes it.
pub const SO_ERROR: i32 = 4;
/// Only to hosts of the same network.
pub const SO_DONTROUTE: i32 = 5;
/// Datagrams may go to a broadcast address.
pub const SO_BROADCAST: i32 = 6;
/// Size of the buffer for sending.
pub const SO_SNDBUF: i32 = 7;
/// Size of the buffer for receiving.
pub const SO_RCVBUF: i32 = 8;
/// A silent connection is probed.
pub const SO_KEEPALIVE: i32 = 9;
/// Urgent data stays in order.
pub const SO_OOBINLINE: i32 = 10;
/// Priority of packets.
pub const SO_PRIORITY: i32 = 12;
/// Whether and how long a close waits for what was written.
pub const SO_LINGER: i32 = 13;
/// Several sockets at one address.
pub const SO_REUSEPORT: i32 = 15;
/// Messages bring the credentials of their sender.
pub const SO_PASSCRED: i32 = 16;
/// Credentials of the peer.
pub const SO_PEERCRED: i32 = 17;
/// Fewest bytes that a receiver wakes for.
pub const SO_RCVLOWAT: i32 = 18;
/// Fewest bytes of room that a sender wakes for.
pub const SO_SNDLOWAT: i32 = 19;
/// Longest wait of a receiver.
pub const SO_RCVTIMEO: i32 = 20;
/// Longest wait of a sender.
pub const SO_SNDTIMEO: i32 = 21;
/// Whether the socket listens.
pub const SO_ACCEPTCONN: i32 = 30;
/// Protocol.
pub const SO_PROTOCOL: i32 = 38;
/// Family.
pub const SO_DOMAIN: i32 = 39;

/// Most connections that wait to be accepted (`net.core.somaxconn`).
pub const SOMAXCONN: usize = 4096;

/// Type of control message: descriptors.
pub const SCM_RIGHTS: i32 = 1;
/// Type of control message: credentials.
pub const SCM_CREDENTIALS: i32 = 2;
/// Most descriptors in one message.
pub const SCM_MAX_FD: usize = 253;

/// Bytes of the path in `struct sockaddr_un`, the NUL behind it included.
pub const UNIX_PATH_MAX: usize = 108;

bitflags! {
    /// Flags of `sendmsg(2)` and `recvmsg(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct MsgFlags: i32 {
        /// Urgent data.
        const MSG_OOB = 0x1;
        /// What is received stays.
        const MSG_PEEK = 0x2;
        /// Only to hosts of the same network.
        const MSG_DONTROUTE = 0x4;
        /// Told: control messages were lost.
        const MSG_CTRUNC = 0x8;
        /// Told: the message was longer than the buffer. Asked: its whole length is returned.
        const MSG_TRUNC = 0x20;
        /// This call does not block.
        const MSG_DONTWAIT = 0x40;
        /// End of a record.
        const MSG_EOR = 0x80;
        /// Waits until the buffer is full.
        const MSG_WAITALL = 0x100;
        /// No `SIGPIPE`.
        const MSG_NOSIGNAL = 0x4000;
        /// More will follow.
        const MSG_MORE = 0x8000;
        /// Descriptors that arrive close on exec.
        const MSG_CMSG_CLOEXEC = 0x4000_0000;
        const _ = !0;
    }
}

/// Which half of a connection `shutdown(2)` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// `SHUT_RD`: nothing more is read.
    Read,
    /// `SHUT_WR`: nothing more is written.
    Write,
    /// `SHUT_RDWR`: both.
    Both,
}

impl Shutdown {
    /// As the constants of `sys/socket.h` number it.
    pub const fn from_raw(how: i32) -> Option<Shutdown> {
        match how {
            0 => Some(Shutdown::Read),
            1 => Some(Shutdown::Write),
            2 => Some(Shutdown::Both),
            _ => None,
        }
    }

    /// Whether the reading half ends.
    pub const fn reading(self) -> bool {
        matches!(self, Shutdown::Read | Shutdown::Both)
    }

    /// Whether the writing half ends.
    pub const fn writing(self) -> bool {
        matches!(self, Shutdown::Write | Shutdown::Both)
    }
}

/// Name of a socket within the machine (`struct sockaddr_un`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum UnixAddress {
    /// None: of a socket that was not bound. To bind to it is to ask for a name in the abstract namespace.
    #[default]
    Unnamed,
    /// A path.
    Path(Vec<u8>),
    /// In the abstract namespace, without the NUL that begins it.
    Abstract(Vec<u8>),
}

impl UnixAddress {
    /// What the bytes of `sun_path` name, as many as the length of the address covers.
    pub fn from_bytes(bytes: &[u8]) -> UnixAddress {
        match bytes {
            [] => UnixAddress::Unnamed,
            [0, name @ ..] => UnixAddress::Abstract(name.to_vec()),
            path => UnixAddress::Path(path.to_vec()),
        }
    }

    /// The bytes of `sun_path`, without the NUL behind a path.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            UnixAddress::Unnamed => Cow::Borrowed(&[]),
            UnixAddress::Path(path) => Cow::Borrowed(path),
            UnixAddress::Abstract(name) => Cow::Owned([b"\0", name.as_slice()].concat()),
        }
    }
}

/// Address of a socket of any family (`struct sockaddr`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SocketAddress {
    /// `AF_UNSPEC`.
    Unspecified,
    /// `AF_UNIX`.
    Unix(UnixAddress),
    /// `AF_INET`.
    Inet(SocketAddrV4),
    /// `AF_INET6`.
    Inet6(SocketAddrV6),
}

impl SocketAddress {
    /// A path.
    pub fn path(path: &[u8]) -> SocketAddress {
        SocketAddress::Unix(UnixAddress::Path(path.to_vec()))
    }

    /// Its family.
    pub const fn family(&self) -> i32 {
        match self {
            SocketAddress::Unspecified => AF_UNSPEC,
            SocketAddress::Unix(_) => AF_UNIX,
            SocketAddress::Inet(_) => AF_INET,
            SocketAddress::Inet6(_) => AF_INET6,
        }
    }
}

/// Credentials of whoever is at the other end (`struct ucred`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ucred {
    /// Process.
    pub pid: i32,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
}

impl Ucred {
    /// Those of the machine itself.
    pub const ROOT: Ucred = Ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };

    /// Nobody's.
    pub const NOBODY: Ucred = Ucred {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };
}

/// A length of time as options have it (`struct timeval`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Timeval {
    /// Seconds.
    pub seconds: i64,
    /// Millionths of a second.
    pub microseconds: i64,
}

/// Value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A number, or 0 and 1.
    Int(i32),
    /// Seconds of `struct linger`, if it is on.
    Linger(Option<i32>),
    /// Credentials.
    Credentials(Ucred),
    /// A length of time.
    Time(Timeval),
    /// Address of an interface.
    Address(Ipv4Addr),
    /// A group that is joined or left.
    Membership(Membership),
    /// One that is joined or left for one sender.
    SourceMembership(SourceMembership),
}

impl OptionValue {
    /// The number.
    pub const fn int(self) -> Option<i32> {
        match self {
            OptionValue::Int(number) => Some(number),
            _ => None,
        }
    }
}
