//! Sockets as strace shows them: families, types, addresses, options, messages.

use super::flags::{Names, names};
use super::text::{Data, Quoted, list};
use super::values::Traced;
use crate::abi::inet::{self, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, Membership, SourceMembership};
use crate::abi::socket::{
    AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, MsgFlags, OptionValue, SOCK_DGRAM, SOCK_RAW,
    SOCK_SEQPACKET, SOCK_STREAM, SOCK_TYPE_MASK, SOL_SOCKET, Shutdown, SocketAddress, Ucred,
    UnixAddress,
};
use crate::abi::{Fd, socket};
use core::cell::OnceCell;
use core::fmt::{self, Display};
use core::net::IpAddr;

const SOCK: Names = &[(0o2_000_000, "SOCK_CLOEXEC"), (0o4000, "SOCK_NONBLOCK")];
const MSG: Names = &[
    (0x1, "MSG_OOB"),
    (0x2, "MSG_PEEK"),
    (0x4, "MSG_DONTROUTE"),
    (0x8, "MSG_CTRUNC"),
    (0x20, "MSG_TRUNC"),
    (0x40, "MSG_DONTWAIT"),
    (0x80, "MSG_EOR"),
    (0x100, "MSG_WAITALL"),
    (0x4000, "MSG_NOSIGNAL"),
    (0x8000, "MSG_MORE"),
    (0x4000_0000, "MSG_CMSG_CLOEXEC"),
];

/// Options of level `SOL_SOCKET`.
const OPTIONS: &[(i32, &str)] = &[
    (socket::SO_DEBUG, "SO_DEBUG"),
    (socket::SO_REUSEADDR, "SO_REUSEADDR"),
    (socket::SO_TYPE, "SO_TYPE"),
    (socket::SO_ERROR, "SO_ERROR"),
    (socket::SO_DONTROUTE, "SO_DONTROUTE"),
    (socket::SO_BROADCAST, "SO_BROADCAST"),
    (socket::SO_SNDBUF, "SO_SNDBUF"),
    (socket::SO_RCVBUF, "SO_RCVBUF"),
    (socket::SO_KEEPALIVE, "SO_KEEPALIVE"),
    (socket::SO_OOBINLINE, "SO_OOBINLINE"),
    (socket::SO_PRIORITY, "SO_PRIORITY"),
    (socket::SO_LINGER, "SO_LINGER"),
    (socket::SO_REUSEPORT, "SO_REUSEPORT"),
    (socket::SO_PASSCRED, "SO_PASSCRED"),
    (socket::SO_PEERCRED, "SO_PEERCRED"),
    (socket::SO_RCVLOWAT, "SO_RCVLOWAT"),
    (socket::SO_SNDLOWAT, "SO_SNDLOWAT"),
    (socket::SO_RCVTIMEO, "SO_RCVTIMEO_OLD"),
    (socket::SO_SNDTIMEO, "SO_SNDTIMEO_OLD"),
    (socket::SO_ACCEPTCONN, "SO_ACCEPTCONN"),
    (socket::SO_PROTOCOL, "SO_PROTOCOL"),
    (socket::SO_DOMAIN, "SO_DOMAIN"),
];
/// Options of level `SOL_TCP`.
const TCP_OPTIONS: &[(i32, &str)] = &[
    (inet::TCP_NODELAY, "TCP_NODELAY"),
    (inet::TCP_MAXSEG, "TCP_MAXSEG"),
    (inet::TCP_CORK, "TCP_CORK"),
    (inet::TCP_KEEPIDLE, "TCP_KEEPIDLE"),
    (inet::TCP_KEEPINTVL, "TCP_KEEPINTVL"),
    (inet::TCP_KEEPCNT, "TCP_KEEPCNT"),
    (inet::TCP_SYNCNT, "TCP_SYNCNT"),
    (inet::TCP_LINGER2, "TCP_LINGER2"),
    (inet::TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT"),
    (inet::TCP_WINDOW_CLAMP, "TCP_WINDOW_CLAMP"),
    (inet::TCP_INFO, "TCP_INFO"),
    (inet::TCP_QUICKACK, "TCP_QUICKACK"),
    (inet::TCP_CONGESTION, "TCP_CONGESTION"),
    (inet::TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT"),
];
/// Options of level `SOL_IP`.
const IP_OPTIONS: &[(i32, &str)] = &[
    (inet::IP_TOS, "IP_TOS"),
    (inet::IP_TTL, "IP_TTL"),
    (inet::IP_MTU_DISCOVER, "IP_MTU_DISCOVER"),
    (inet::IP_RECVERR, "IP_RECVERR"),
    (inet::IP_FREEBIND, "IP_FREEBIND"),
    (inet::IP_MULTICAST_IF, "IP_MULTICAST_IF"),
    (inet::IP_MULTICAST_TTL, "IP_MULTICAST_TTL"),
    (inet::IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP"),
    (inet::IP_ADD_MEMBERSHIP, "IP_ADD_MEMBERSHIP"),
    (inet::IP_DROP_MEMBERSHIP, "IP_DROP_MEMBERSHIP"),
    (inet::IP_ADD_SOURCE_MEMBERSHIP, "IP_ADD_SOURCE_MEMBERSHIP"),
    (inet::IP_DROP_SOURCE_MEMBERSHIP, "IP_DROP_SOURCE_MEMBERSHIP"),
    (inet::MCAST_JOIN_SOURCE_GROUP, "MCAST_JOIN_SOURCE_GROUP"),
    (inet::MCAST_LEAVE_SOURCE_GROUP, "MCAST_LEAVE_SOURCE_GROUP"),
    (inet::IP_MULTICAST_ALL, "IP_MULTICAST_ALL"),
];
/// Options of level `SOL_IPV6`.
const IPV6_OPTIONS: &[(i32, &str)] = &[
    (inet::IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS"),
    (inet::IPV6_MULTICAST_IF, "IPV6_MULTICAST_IF"),
    (inet::IPV6_MULTICAST_HOPS, "IPV6_MULTICAST_HOPS"),
    (inet::IPV6_MULTICAST_LOOP, "IPV6_MULTICAST_LOOP"),
    (inet::IPV6_ADD_MEMBERSHIP, "IPV6_ADD_MEMBERSHIP"),
    (inet::IPV6_DROP_MEMBERSHIP, "IPV6_DROP_MEMBERSHIP"),
    (inet::IPV6_RECVERR, "IPV6_RECVERR"),
    (inet::IPV6_V6ONLY, "IPV6_V6ONLY"),
    (inet::MCAST_JOIN_SOURCE_GROUP, "MCAST_JOIN_SOURCE_GROUP"),
    (inet::MCAST_LEAVE_SOURCE_GROUP, "MCAST_LEAVE_SOURCE_GROUP"),
    (inet::IPV6_MULTICAST_ALL, "IPV6_MULTICAST_ALL"),
    (inet::IPV6_TCLASS, "IPV6_TCLASS"),
];

/// A number by its name in a list.
fn named(
    f: &mut fmt::Formatter<'_>,
    number: i32,
    known: &[(i32, &'static str)],
    unknown: &str,
) -> fmt::Result {
    match known.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => f.write_str(name),
        None => write!(f, "{number:#x} /* {unknown}_??? */"),
    }
}

/// A family.
pub(crate) struct SocketFamily(pub i32);

impl fmt::Display for SocketFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FAMILIES: &[(i32, &str)] = &[
            (AF_UNSPEC, "AF_UNSPEC"),
            (AF_UNIX, "AF_UNIX"),
            (AF_INET, "AF_INET"),
            (AF_INET6, "AF_INET6"),
        ];
        named(f, self.0, FAMILIES, "AF")
    }
}

/// A type with the flags beside it.
pub(crate) struct SocketKind(pub i32);

impl fmt::Display for SocketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KINDS: &[(i32, &str)] = &[
            (SOCK_STREAM, "SOCK_STREAM"),
            (SOCK_DGRAM, "SOCK_DGRAM"),
            (SOCK_RAW, "SOCK_RAW"),
            (SOCK_SEQPACKET, "SOCK_SEQPACKET"),
        ];
        named(f, self.0 & SOCK_TYPE_MASK, KINDS, "SOCK")?;
        match self.0 & !SOCK_TYPE_MASK {
            0 => Ok(()),
            flags => write!(f, "|{}", SocketFlags(flags)),
        }
    }
}

/// Flags of `accept4(2)`.
pub(crate) struct SocketFlags(pub i32);

impl fmt::Display for SocketFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(f, self.0.cast_unsigned().into(), SOCK, "0")
    }
}

/// Flags of a message.
#[derive(Clone, Copy)]
pub(crate) struct MessageFlags(pub MsgFlags);

impl fmt::Display for MessageFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(f, self.0.bits().cast_unsigned().into(), MSG, "0")
    }
}

/// What `shutdown(2)` ends.
pub(crate) struct Half(pub Shutdown);

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Shutdown::Read => "SHUT_RD",
            Shutdown::Write => "SHUT_WR",
            Shutdown::Both => "SHUT_RDWR",
        })
    }
}

/// The structure of an address.
struct Structure<'a>(&'a SocketAddress);

impl fmt::Display for Structure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SocketAddress::Unspecified => f.write_str("{sa_family=AF_UNSPEC}"),
            SocketAddress::Unix(UnixAddress::Unnamed) => f.write_str("{sa_family=AF_UNIX}"),
            SocketAddress::Unix(UnixAddress::Path(path)) => {
                write!(f, "{{sa_family=AF_UNIX, sun_path={}}}", Quoted(path))
            }
            SocketAddress::Unix(UnixAddress::Abstract(name)) => {
                write!(f, "{{sa_family=AF_UNIX, sun_path=@{}}}", Quoted(name))
            }
            SocketAddress::Inet(address) => write!(
                f,
                "{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{}\")}}",
                address.port(),
                address.ip()
            ),
            SocketAddress::Inet6(address) => write!(
                f,
                "{{sa_family=AF_INET6, sin6_port=htons({}), sin6_flowinfo=htonl({}), \
                 inet_pton(AF_INET6, \"{}\", &sin6_addr), sin6_scope_id={}}}",
                address.port(),
                address.flowinfo(),
                address.ip(),
                address.scope_id()
            ),
        }
    }
}

/// Bytes of an address.
fn length(address: &SocketAddress) -> usize {
    const FAMILY: usize = 2;
    match address {
        SocketAddress::Unspecified | SocketAddress::Inet(_) => 16,
        SocketAddress::Unix(UnixAddress::Path(path)) => FAMILY + path.len() + 1,
        SocketAddress::Unix(address) => FAMILY + address.bytes().len(),
        SocketAddress::Inet6(_) => 28,
    }
}

/// Room that a caller leaves for an address.
fn room(address: &SocketAddress) -> usize {
    match address {
        SocketAddress::Unix(_) => 110,
        _ => 128,
    }
}

/// An address that a call is given, with its length.
pub(crate) struct Address<'a>(pub &'a SocketAddress);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", Structure(self.0), length(self.0))
    }
}

/// The same, where it may be left out.
pub(crate) struct OptionalAddress<'a>(pub Option<&'a SocketAddress>);

impl fmt::Display for OptionalAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => Address(address).fmt(f),
            None => f.write_str("NULL, 0"),
        }
    }
}

/// An address that is given back, with the room for it and its length.
struct Told<'a>(&'a SocketAddress);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (room, length) = (room(self.0), length(self.0));
        write!(f, "{}, [{room} => {length}]", Structure(self.0))
    }
}

impl Traced for SocketAddress {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Told(self).fmt(f)
    }
}

/// Level and name of an option.
pub(crate) struct SocketOption(pub i32, pub i32);

impl fmt::Display for SocketOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LEVELS: &[(i32, &str)] = &[
            (SOL_SOCKET, "SOL_SOCKET"),
            (IPPROTO_IP, "SOL_IP"),
            (IPPROTO_TCP, "SOL_TCP"),
            (IPPROTO_IPV6, "SOL_IPV6"),
        ];
        let (options, unknown): (&[(i32, &str)], _) = match self.0 {
            SOL_SOCKET => (OPTIONS, "SO"),
            IPPROTO_TCP => (TCP_OPTIONS, "TCP"),
            IPPROTO_IP => (IP_OPTIONS, "IP"),
            IPPROTO_IPV6 => (IPV6_OPTIONS, "IPV6"),
            _ => (&[], "SO"),
        };
        named(f, self.0, LEVELS, "SOL")?;
        f.write_str(", ")?;
        named(f, self.1, options, unknown)
    }
}

/// The value of an option.
struct Value(OptionValue);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OptionValue::Int(number) => write!(f, "[{number}]"),
            OptionValue::Linger(linger) => {
                let (on, seconds) = (i32::from(linger.is_some()), linger.unwrap_or(0));
                write!(f, "{{l_onoff={on}, l_linger={seconds}}}")
            }
            OptionValue::Credentials(Ucred { pid, uid, gid }) => {
                write!(f, "{{pid={pid}, uid={uid}, gid={gid}}}")
            }
            OptionValue::Time(time) => write!(
                f,
                "{{tv_sec={}, tv_usec={}}}",
                time.seconds, time.microseconds
            ),
            OptionValue::Address(address) => write!(f, "inet_addr(\"{address}\")"),
            OptionValue::Membership(Membership::V4 {
                group,
                address,
                index,
            }) => write!(
                f,
                "{{imr_multiaddr=inet_addr(\"{group}\"), imr_address=inet_addr(\"{address}\"), \
                 imr_ifindex={index}}}"
            ),
            OptionValue::Membership(Membership::V6 { group, index }) => write!(
                f,
                "{{inet_pton(AF_INET6, \"{group}\", &ipv6mr_multiaddr), ipv6mr_interface={index}}}"
            ),
            OptionValue::SourceMembership(SourceMembership { membership, source }) => {
                source_membership(f, membership, source)
            }
        }
    }
}

fn source_membership(
    f: &mut fmt::Formatter<'_>,
    membership: Membership,
    source: IpAddr,
) -> fmt::Result {
    match membership {
        Membership::V4 { group, address, .. } => write!(
            f,
            "{{imr_multiaddr=inet_addr(\"{group}\"), imr_interface=inet_addr(\"{address}\"), \
             imr_sourceaddr=inet_addr(\"{source}\")}}"
        ),
        Membership::V6 { group, index } => write!(
            f,
            "{{gsr_interface={index}, gsr_group={{sa_family=AF_INET6, inet_pton(AF_INET6, \"{group}\", \
             &sin6_addr)}}, gsr_source={{sa_family=AF_INET6, inet_pton(AF_INET6, \"{source}\", \
             &sin6_addr)}}}}"
        ),
    }
}

/// Bytes of a value.
fn size(value: OptionValue) -> usize {
    match value {
        OptionValue::Int(_) | OptionValue::Address(_) => 4,
        OptionValue::Linger(_) => 8,
        OptionValue::Time(_) => 16,
        OptionValue::Credentials(_) | OptionValue::Membership(Membership::V4 { .. }) => 12,
        OptionValue::Membership(Membership::V6 { .. }) => 20,
        OptionValue::SourceMembership(source) => match source.membership {
            Membership::V4 { .. } => 12,
            Membership::V6 { .. } => 264,
        },
    }
}

/// A value that is given.
pub(crate) struct OptionSet(pub OptionValue);

impl fmt::Display for OptionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", Value(self.0), size(self.0))
    }
}

/// A value that was read.
pub(crate) struct OptionRead(pub OptionValue);

impl Traced for OptionRead {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, [{}]", Value(self.0), size(self.0))
    }
}

/// The name of a sender, once it is known.
pub(crate) struct Sender<'a>(pub &'a OnceCell<SocketAddress>);

impl fmt::Display for Sender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            Some(from) => Told(from).fmt(f),
            None => f.write_str("NULL, NULL"),
        }
    }
}

/// `struct msghdr`.
pub(crate) struct Header<'a> {
    pub name: Option<&'a SocketAddress>,
    /// What is in each buffer, and how much room it has.
    pub bufs: Vec<(&'a [u8], usize)>,
    pub rights: &'a [Fd],
    pub credentials: Option<Ucred>,
    pub flags: MsgFlags,
}

impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(
                f,
                "{{msg_name={}, msg_namelen={}",
                Structure(name),
                length(name)
            )?,
            None => f.write_str("{msg_name=NULL, msg_namelen=0")?,
        }
        f.write_str(", msg_iov=")?;
        list(f, &self.bufs, |(data, length), f| {
            write!(f, "{{iov_base={}, iov_len={length}}}", Data(data))
        })?;
        write!(f, ", msg_iovlen={}", self.bufs.len())?;
        self.control(f)?;
        write!(f, ", msg_flags={}}}", MessageFlags(self.flags))
    }
}

impl Header<'_> {
    fn control(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Bytes of `struct cmsghdr`.
        const HEAD: usize = 16;
        let mut total = 0;
        let mut separator = ", msg_control=[";
        if let Some(Ucred { pid, uid, gid }) = self.credentials {
            let length = HEAD + 12;
            total += length.next_multiple_of(8);
            write!(
                f,
                "{separator}{{cmsg_len={length}, cmsg_level=SOL_SOCKET, cmsg_type=SCM_CREDENTIALS, \
                 cmsg_data={{pid={pid}, uid={uid}, gid={gid}}}}}"
            )?;
            separator = ", ";
        }
        if !self.rights.is_empty() {
            let length = HEAD + 4 * self.rights.len();
            total += length.next_multiple_of(8);
            write!(
                f,
                "{separator}{{cmsg_len={length}, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data="
            )?;
            list(f, self.rights, |fd, f| write!(f, "{fd}"))?;
            f.write_str("}")?;
        }
        if total > 0 {
            f.write_str("]")?;
        }
        write!(f, ", msg_controllen={total}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, SocketAddrV4};

    #[test]
    fn families_types_and_options_by_name() {
        assert_eq!(
            [SocketFamily(AF_UNIX), SocketFamily(44)].map(|family| family.to_string()),
            ["AF_UNIX", "0x2c /* AF_??? */"]
        );
        let kind = SocketKind(SOCK_STREAM | 0o2_004_000);
        assert_eq!(kind.to_string(), "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK");
        let options = [
            (SOL_SOCKET, socket::SO_TYPE),
            (IPPROTO_TCP, inet::TCP_NODELAY),
        ];
        assert_eq!(
            options.map(|(level, name)| SocketOption(level, name).to_string()),
            ["SOL_SOCKET, SO_TYPE", "SOL_TCP, TCP_NODELAY"]
        );
    }

    #[test]
    fn addresses_with_their_lengths() {
        let unix = |address| Address(&SocketAddress::Unix(address)).to_string();
        assert_eq!(
            unix(UnixAddress::Path(b"/tmp/s".to_vec())),
            r#"{sa_family=AF_UNIX, sun_path="/tmp/s"}, 9"#
        );
        assert_eq!(
            unix(UnixAddress::Abstract(b"x".to_vec())),
            r#"{sa_family=AF_UNIX, sun_path=@"x"}, 4"#
        );
        assert_eq!(unix(UnixAddress::Unnamed), "{sa_family=AF_UNIX}, 2");
        let inet = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80));
        assert_eq!(
            Address(&inet).to_string(),
            r#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16"#
        );
    }
}
