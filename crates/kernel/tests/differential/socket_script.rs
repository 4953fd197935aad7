//! The part of the scripts' language that is about sockets.

use super::script::{System, bytes, flags, number, path, shown_bytes};
use secure_exec_kernel::abi::inet::{Membership, SourceMembership};
use secure_exec_kernel::abi::socket::{
    AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM,
};
use secure_exec_kernel::{OptionValue, SocketAddress, UnixAddress};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What was received: bytes, flags, the sender, and how many descriptors.
pub struct Received {
    pub count: usize,
    pub flags: i32,
    pub from: Option<SocketAddress>,
    pub rights: Vec<i32>,
}

/// What both sides can do with sockets.
pub trait Sockets {
    fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<i32, i32>;
    fn socketpair(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<(i32, i32), i32>;
    fn bind(&mut self, fd: i32, address: &SocketAddress) -> Result<(), i32>;
    fn listen(&mut self, fd: i32, backlog: i32) -> Result<(), i32>;
    fn accept(&mut self, fd: i32, flags: i32) -> Result<i32, i32>;
    fn connect(&mut self, fd: i32, address: &SocketAddress) -> Result<(), i32>;
    fn shutdown(&mut self, fd: i32, how: i32) -> Result<(), i32>;
    fn getsockname(&mut self, fd: i32) -> Result<SocketAddress, i32>;
    fn getpeername(&mut self, fd: i32) -> Result<SocketAddress, i32>;
    /// Level and name of the option.
    fn getsockopt(&mut self, fd: i32, option: (i32, i32)) -> Result<i32, i32>;
    fn setsockopt(&mut self, fd: i32, option: (i32, i32), value: OptionValue) -> Result<(), i32>;
    fn sendto(
        &mut self,
        fd: i32,
        buf: &[u8],
        flags: i32,
        to: Option<&SocketAddress>,
    ) -> Result<usize, i32>;
    fn recvfrom(&mut self, fd: i32, buf: &mut [u8], flags: i32) -> Result<Received, i32>;
    fn sendmsg(&mut self, fd: i32, buf: &[u8], rights: &[i32]) -> Result<usize, i32>;
    fn recvmsg(&mut self, fd: i32, buf: &mut [u8]) -> Result<Received, i32>;
    fn writev(&mut self, fd: i32, bufs: [&[u8]; 2]) -> Result<usize, i32>;
    fn readv(&mut self, fd: i32, bufs: [&mut [u8]; 2]) -> Result<usize, i32>;
}

/// `@name` is abstract, `auto` no name, `unspec` no family, `ip:port` of IPv4, `[ip]:port` of IPv6; anything else is a
/// path.
fn address(word: &str) -> SocketAddress {
    if let Ok(address) = word.parse() {
        return match address {
            SocketAddr::V4(address) => SocketAddress::Inet(address),
            SocketAddr::V6(address) => SocketAddress::Inet6(address),
        };
    }
    match word.strip_prefix('@') {
        Some(name) => SocketAddress::Unix(UnixAddress::Abstract(name.into())),
        None if word == "auto" => SocketAddress::Unix(UnixAddress::Unnamed),
        None if word == "unspec" => SocketAddress::Unspecified,
        None => SocketAddress::path(&path(word)),
    }
}

/// Names that a kernel chose are its own affair.
fn shown(address: &SocketAddress) -> String {
    match address {
        SocketAddress::Unix(UnixAddress::Abstract(name))
            if name.len() == 5 && name.iter().all(u8::is_ascii_hexdigit) =>
        {
            "chosen".to_owned()
        }
        SocketAddress::Unix(UnixAddress::Abstract(name)) => format!("@{}", name.escape_ascii()),
        SocketAddress::Unix(UnixAddress::Path(path)) => path.escape_ascii().to_string(),
        SocketAddress::Unix(UnixAddress::Unnamed) => "unnamed".to_owned(),
        SocketAddress::Inet(address) => shown_inet((*address).into()),
        SocketAddress::Inet6(address) => shown_inet((*address).into()),
        SocketAddress::Unspecified => "unspecified".to_owned(),
    }
}

/// The same for ports.
fn shown_inet(address: SocketAddr) -> String {
    if address.port() >= 32_768 {
        return format!("{} chosen", address.ip());
    }
    address.to_string()
}

fn message_flags(words: &str) -> i32 {
    words.split(',').fold(0, |flags, word| {
        flags
            | match word {
                "0" => 0,
                "peek" => libc::MSG_PEEK,
                "trunc" => libc::MSG_TRUNC,
                "dontwait" => libc::MSG_DONTWAIT,
                "oob" => libc::MSG_OOB,
                other => panic!("unknown flag {other}"),
            }
    })
}

fn option(word: &str) -> (i32, i32) {
    use secure_exec_kernel::abi::inet;
    let of = |level, known: &[(&str, i32)], name: &str| {
        let (_, number) = known.iter().find(|(known, _)| *known == name).unwrap();
        (level, *number)
    };
    if let Some(name) = word.strip_prefix("tcp:") {
        let known = [
            ("nodelay", inet::TCP_NODELAY),
            ("cork", inet::TCP_CORK),
            ("idle", inet::TCP_KEEPIDLE),
            ("interval", inet::TCP_KEEPINTVL),
            ("probes", inet::TCP_KEEPCNT),
            ("tries", inet::TCP_SYNCNT),
            ("segment", inet::TCP_MAXSEG),
            ("linger2", inet::TCP_LINGER2),
            ("timeout", inet::TCP_USER_TIMEOUT),
            ("quickack", inet::TCP_QUICKACK),
        ];
        return of(inet::IPPROTO_TCP, &known, name);
    }
    if let Some(name) = word.strip_prefix("ip:") {
        let known = [
            ("tos", inet::IP_TOS),
            ("ttl", inet::IP_TTL),
            ("mc-ttl", inet::IP_MULTICAST_TTL),
            ("mc-loop", inet::IP_MULTICAST_LOOP),
            ("mc-all", inet::IP_MULTICAST_ALL),
            ("join", inet::IP_ADD_MEMBERSHIP),
            ("leave", inet::IP_DROP_MEMBERSHIP),
            ("join-source", inet::IP_ADD_SOURCE_MEMBERSHIP),
            ("leave-source", inet::IP_DROP_SOURCE_MEMBERSHIP),
        ];
        return of(inet::IPPROTO_IP, &known, name);
    }
    if let Some(name) = word.strip_prefix("ip6:") {
        let known = [
            ("only", inet::IPV6_V6ONLY),
            ("hops", inet::IPV6_UNICAST_HOPS),
            ("class", inet::IPV6_TCLASS),
            ("mc-hops", inet::IPV6_MULTICAST_HOPS),
            ("mc-loop", inet::IPV6_MULTICAST_LOOP),
            ("mc-all", inet::IPV6_MULTICAST_ALL),
            ("join", inet::IPV6_ADD_MEMBERSHIP),
            ("leave", inet::IPV6_DROP_MEMBERSHIP),
            ("join-source", inet::MCAST_JOIN_SOURCE_GROUP),
            ("leave-source", inet::MCAST_LEAVE_SOURCE_GROUP),
        ];
        return of(inet::IPPROTO_IPV6, &known, name);
    }
    let name = match word {
        "reuseport" => libc::SO_REUSEPORT,
        "linger" => libc::SO_LINGER,
        "type" => libc::SO_TYPE,
        "domain" => libc::SO_DOMAIN,
        "protocol" => libc::SO_PROTOCOL,
        "error" => libc::SO_ERROR,
        "acceptconn" => libc::SO_ACCEPTCONN,
        "sndbuf" => libc::SO_SNDBUF,
        "rcvbuf" => libc::SO_RCVBUF,
        "reuseaddr" => libc::SO_REUSEADDR,
        "keepalive" => libc::SO_KEEPALIVE,
        "broadcast" => libc::SO_BROADCAST,
        "oobinline" => libc::SO_OOBINLINE,
        "rcvlowat" => libc::SO_RCVLOWAT,
        "sndlowat" => libc::SO_SNDLOWAT,
        "priority" => libc::SO_PRIORITY,
        "passcred" => libc::SO_PASSCRED,
        "peercred" => libc::SO_PEERCRED,
        other => number(other) as i32,
    };
    (libc::SOL_SOCKET, name)
}

/// A number, a group, a sender `@` a group, or seconds behind `linger`.
fn value(which: &str, word: &str) -> OptionValue {
    if let Some((source, group)) = word.split_once('@') {
        let source: IpAddr = source.parse().unwrap();
        let membership = match group.parse().unwrap() {
            // The interface is told by its address: there is no room for its number.
            IpAddr::V4(group) => Membership::V4 {
                group,
                address: Ipv4Addr::LOCALHOST,
                index: 0,
            },
            IpAddr::V6(group) => Membership::V6 { group, index: 1 },
        };
        return OptionValue::SourceMembership(SourceMembership { membership, source });
    }
    match word.parse::<IpAddr>() {
        Ok(IpAddr::V4(group)) => OptionValue::Membership(Membership::V4 {
            group,
            address: Ipv4Addr::UNSPECIFIED,
            index: 1,
        }),
        Ok(IpAddr::V6(group)) => OptionValue::Membership(Membership::V6 { group, index: 1 }),
        Err(_) if which == "linger" => {
            OptionValue::Linger(Some(number(word) as i32).filter(|seconds| *seconds >= 0))
        }
        Err(_) => OptionValue::Int(number(word) as i32),
    }
}

fn shown_received(buf: &[u8], received: &Received) -> String {
    let data = shown_bytes(&buf[..received.count.min(buf.len())]);
    let from = received.from.as_ref().map_or("nobody".to_owned(), shown);
    let (count, flags) = (received.count, received.flags);
    format!(
        "{data} {count} {flags:#x} from {from} with {}",
        received.rights.len()
    )
}

/// Runs an operation on sockets; none if the words are none.
pub fn attempt(
    system: &mut dyn System,
    fds: &mut HashMap<String, i32>,
    words: &[&str],
) -> Option<Result<String, i32>> {
    setup(system, fds, words)
        .or_else(|| names_and_options(system, fds, words))
        .or_else(|| messages(system, fds, words))
}

fn fd(fds: &HashMap<String, i32>, name: &str) -> i32 {
    *fds.get(name).unwrap_or(&999_999)
}

fn ok(_: ()) -> String {
    "ok".to_owned()
}

fn setup(
    system: &mut dyn System,
    fds: &mut HashMap<String, i32>,
    words: &[&str],
) -> Option<Result<String, i32>> {
    let mut keep = |name: &str, opened: Result<i32, i32>| {
        opened.map(|opened| {
            fds.insert(name.to_owned(), opened);
            "ok".to_owned()
        })
    };
    Some(match *words {
        ["socket", name, how] => keep(name, system.socket(AF_UNIX, SOCK_STREAM | flags(how), 0)),
        ["inet", name, what] => {
            let (domain, kind) = match what {
                "tcp4" => (AF_INET, SOCK_STREAM),
                "tcp6" => (AF_INET6, SOCK_STREAM),
                "udp4" => (AF_INET, SOCK_DGRAM),
                _ => (AF_INET6, SOCK_DGRAM),
            };
            keep(name, system.socket(domain, kind | SOCK_NONBLOCK, 0))
        }
        ["dgram", name] => keep(name, system.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)),
        ["any", domain, kind, protocol] => {
            let [domain, kind, protocol] = [domain, kind, protocol].map(|n| number(n) as i32);
            keep("any", system.socket(domain, kind, protocol))
        }
        ["socketpair", first, second, how] => {
            let pair = system.socketpair(AF_UNIX, SOCK_STREAM | flags(how), 0);
            pair.and_then(|(one, two)| {
                keep(first, Ok(one))?;
                keep(second, Ok(two))
            })
        }
        ["dgram-pair", first, second] => {
            let pair = system.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
            pair.and_then(|(one, two)| {
                keep(first, Ok(one))?;
                keep(second, Ok(two))
            })
        }
        ["accept", name, from, how] => {
            let accepted = system.accept(fd(fds, from), flags(how));
            accepted.map(|accepted| {
                fds.insert(name.to_owned(), accepted);
                "ok".to_owned()
            })
        }
        _ => return None,
    })
}

fn names_and_options(
    system: &mut dyn System,
    fds: &HashMap<String, i32>,
    words: &[&str],
) -> Option<Result<String, i32>> {
    Some(match *words {
        ["bind", name, at] => system.bind(fd(fds, name), &address(at)).map(ok),
        ["listen", name, backlog] => system.listen(fd(fds, name), number(backlog) as i32).map(ok),
        ["connect", name, at] => system.connect(fd(fds, name), &address(at)).map(ok),
        ["shutdown", name, how] => system.shutdown(fd(fds, name), number(how) as i32).map(ok),
        ["getsockname", name] => system.getsockname(fd(fds, name)).map(|name| shown(&name)),
        ["getpeername", name] => system.getpeername(fd(fds, name)).map(|name| shown(&name)),
        ["getsockopt", name, which] => system
            .getsockopt(fd(fds, name), option(which))
            .map(|value| value.to_string()),
        ["setsockopt", name, which, value] => system
            .setsockopt(fd(fds, name), option(which), self::value(which, value))
            .map(ok),
        _ => return None,
    })
}

fn messages(
    system: &mut dyn System,
    fds: &mut HashMap<String, i32>,
    words: &[&str],
) -> Option<Result<String, i32>> {
    Some(match *words {
        ["sendto", name, text, how, to] => {
            let to = Some(to).filter(|to| *to != "-").map(address);
            system
                .sendto(fd(fds, name), &bytes(text), message_flags(how), to.as_ref())
                .map(|count| count.to_string())
        }
        ["recvfrom", name, count, how] => {
            let mut buf = vec![0; number(count) as usize];
            system
                .recvfrom(fd(fds, name), &mut buf, message_flags(how))
                .map(|received| shown_received(&buf, &received))
        }
        ["sendmsg", name, text, rights] => {
            let rights: Vec<i32> = rights.split(',').map(|name| fd(fds, name)).collect();
            system
                .sendmsg(fd(fds, name), &bytes(text), &rights)
                .map(|count| count.to_string())
        }
        ["recvmsg", name, count, ref keep @ ..] => {
            let mut buf = vec![0; number(count) as usize];
            system.recvmsg(fd(fds, name), &mut buf).map(|received| {
                let shown = shown_received(&buf, &received);
                for (index, right) in received.rights.into_iter().enumerate() {
                    let name = keep.first().map_or("right", |name| name);
                    let name = if index == 0 {
                        name.to_owned()
                    } else {
                        format!("{name}{index}")
                    };
                    fds.insert(name, right);
                }
                shown
            })
        }
        ["writev", name, first, second] => system
            .writev(fd(fds, name), [&bytes(first), &bytes(second)])
            .map(|count| count.to_string()),
        ["readv", name, first, second] => {
            let (mut one, mut two) = (
                vec![0; number(first) as usize],
                vec![0; number(second) as usize],
            );
            system
                .readv(fd(fds, name), [&mut one, &mut two])
                .map(|count| format!("{count} {} {}", shown_bytes(&one), shown_bytes(&two)))
        }
        _ => return None,
    })
}
