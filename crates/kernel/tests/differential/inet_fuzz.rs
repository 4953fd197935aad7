//! Random scripts over a few sockets, addresses and ports, so that operations meet each other's results.

use super::fuzz::Random;

/// Operations per script.
const LENGTH: usize = 50;

/// Scripts per run; more by `INET_SEEDS`.
#[expect(
    clippy::disallowed_methods,
    reason = "the ban is for the kernel, not for its tests"
)]
pub fn seeds() -> u64 {
    let asked = std::env::var("INET_SEEDS").ok();
    asked.map_or(500, |asked| asked.parse().unwrap())
}

const SOCKETS: &[&str] = &["a", "b", "c", "d", "e"];
const TEXTS: &[&str] = &["x", "hello", "''", "#300"];
const COUNTS: &[&str] = &["0", "1", "3", "1000"];
const RECEIVE: &[&str] = &["0", "0", "0", "peek", "trunc", "peek,trunc", "dontwait"];
const OF_IPV4: &[&str] = &["127.0.0.1", "127.0.0.1", "127.0.0.2", "0.0.0.0"];
const OF_IPV6: &[&str] = &["[::1]", "[::1]", "[::]"];
const MAPPED: &[&str] = &["[::ffff:127.0.0.1]", "[::ffff:127.0.0.2]"];

/// Addresses of a script. Its sockets of IPv6 use addresses of one kind: what Linux makes of one that is bound to `::1`
/// and sends to an address of IPv4 is nothing to follow.
struct Addresses {
    of_v6: &'static [&'static str],
    is_v6: std::collections::HashMap<&'static str, bool>,
}

impl Addresses {
    fn new(random: &mut Random) -> Addresses {
        let of_v6 = if random.below(2) == 0 {
            OF_IPV6
        } else {
            MAPPED
        };
        let is_v6 = std::collections::HashMap::new();
        Addresses { of_v6, is_v6 }
    }

    /// One to bind to: of IPv6 the wildcard more often, which stands for both families.
    fn own(&self, random: &mut Random, socket: &str) -> String {
        let address = self.of(random, socket);
        match address.rsplit_once(':') {
            Some((ip, port)) if ip.starts_with('[') && random.below(3) == 0 => {
                format!("[::]:{port}")
            }
            _ => address,
        }
    }

    /// One of a few, to meet others; seldom of IPv6 for a socket of IPv4.
    fn of(&self, random: &mut Random, socket: &str) -> String {
        let is_v6 = self.is_v6[socket] || random.below(20) == 0;
        let known = if is_v6 { self.of_v6 } else { OF_IPV4 };
        format!("{}:{}", random.of(known), 9000 + random.below(2))
    }
}

fn make(
    random: &mut Random,
    addresses: &mut Addresses,
    lines: &mut Vec<String>,
    (socket, protocol): (&'static str, &str),
) {
    lines.push(format!("close {socket}"));
    let version = if random.below(3) == 0 { "6" } else { "4" };
    addresses.is_v6.insert(socket, version == "6");
    lines.push(format!("inet {socket} {protocol}{version}"));
    if protocol == "tcp" {
        lines.push(format!("setsockopt {socket} tcp:nodelay 1"));
    }
    if version == "6" && random.below(4) == 0 {
        lines.push(format!("setsockopt {socket} ip6:only 1"));
    }
    // Without `SO_REUSEPORT`: which of several gets something is each kernel's own affair.
    if random.below(2) == 0 {
        lines.push(format!("setsockopt {socket} reuseaddr 1"));
    }
}

fn common(random: &mut Random, socket: &str) -> String {
    match random.below(10) {
        0 => format!("shutdown {socket} {}", random.below(3)),
        1 | 2 => format!("write {socket} {}", random.of(TEXTS)),
        3 => format!("read {socket} {}", random.of(COUNTS)),
        4..=6 => format!(
            "recvfrom {socket} {} {}",
            random.of(COUNTS),
            random.of(RECEIVE)
        ),
        7 => format!("getpeername {socket}"),
        8 => format!("getsockname {socket}"),
        _ => format!("getsockopt {socket} error"),
    }
}

/// Streams: the scripts begin with a listener more often than not, so that something comes about.
pub fn tcp(seed: u64) -> Vec<String> {
    let random = &mut Random(seed);
    let mut addresses = Addresses::new(random);
    let mut lines = Vec::new();
    for socket in SOCKETS {
        make(random, &mut addresses, &mut lines, (socket, "tcp"));
    }
    while lines.len() < LENGTH * 2 {
        let socket = random.of(SOCKETS);
        let line = match random.below(20) {
            0 => {
                make(random, &mut addresses, &mut lines, (socket, "tcp"));
                continue;
            }
            1..=3 => format!("bind {socket} {}", addresses.own(random, socket)),
            4 | 5 => format!("listen {socket} 20"),
            6..=9 => format!("connect {socket} {}", addresses.of(random, socket)),
            10 if random.below(4) == 0 => format!("connect {socket} unspec"),
            10 if random.below(2) == 0 => format!("setsockopt {socket} linger 0"),
            10..=12 => {
                let from = random.of(SOCKETS);
                if from == socket {
                    continue;
                }
                lines.push(format!("close {socket}"));
                addresses.is_v6.insert(socket, addresses.is_v6[from]);
                format!("accept {socket} {from} nonblock")
            }
            _ => common(random, socket),
        };
        lines.push(line);
        lines.push(format!("poll {socket} 8197"));
    }
    lines
}

/// Datagrams.
pub fn udp(seed: u64) -> Vec<String> {
    let random = &mut Random(seed);
    let mut addresses = Addresses::new(random);
    let mut lines = Vec::new();
    for socket in SOCKETS {
        make(random, &mut addresses, &mut lines, (socket, "udp"));
    }
    while lines.len() < LENGTH * 2 {
        let socket = random.of(SOCKETS);
        let line = match random.below(20) {
            0 => {
                make(random, &mut addresses, &mut lines, (socket, "udp"));
                continue;
            }
            1..=3 => format!("bind {socket} {}", addresses.own(random, socket)),
            4..=6 => format!("connect {socket} {}", addresses.of(random, socket)),
            7 if random.below(2) == 0 => format!("connect {socket} unspec"),
            7..=11 => format!(
                "sendto {socket} {} 0 {}",
                random.of(TEXTS),
                addresses.of(random, socket)
            ),
            _ => common(random, socket),
        };
        lines.push(line);
        lines.push(format!("poll {socket} 8197"));
    }
    lines
}
