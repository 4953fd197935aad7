//! `netinet/in.h`, `netinet/tcp.h` and `netinet/udp.h`: protocols, options and groups of the internet's families.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Any protocol, or IP's level of options.
pub const IPPROTO_IP: i32 = 0;
/// ICMP, which raw sockets and those of `ping` speak.
pub const IPPROTO_ICMP: i32 = 1;
/// TCP.
pub const IPPROTO_TCP: i32 = 6;
/// UDP.
pub const IPPROTO_UDP: i32 = 17;
/// IPv6's level of options.
pub const IPPROTO_IPV6: i32 = 41;
/// ICMP of IPv6.
pub const IPPROTO_ICMPV6: i32 = 58;
/// One more than the largest protocol.
pub const IPPROTO_MAX: i32 = 263;

/// TCP sends small pieces at once.
pub const TCP_NODELAY: i32 = 1;
/// Largest segment.
pub const TCP_MAXSEG: i32 = 2;
/// TCP sends full segments only.
pub const TCP_CORK: i32 = 3;
/// Seconds of silence before the first probe.
pub const TCP_KEEPIDLE: i32 = 4;
/// Seconds between probes.
pub const TCP_KEEPINTVL: i32 = 5;
/// Probes without an answer that end a connection.
pub const TCP_KEEPCNT: i32 = 6;
/// Tries of a connection that nobody answers.
pub const TCP_SYNCNT: i32 = 7;
/// Seconds that a closed connection waits for the other half to end.
pub const TCP_LINGER2: i32 = 8;
/// A listener wakes for data only.
pub const TCP_DEFER_ACCEPT: i32 = 9;
/// Bound of the window.
pub const TCP_WINDOW_CLAMP: i32 = 10;
/// What the kernel knows about a connection (`struct tcp_info`).
pub const TCP_INFO: i32 = 11;
/// Receipts are sent at once.
pub const TCP_QUICKACK: i32 = 12;
/// Name of the congestion control.
pub const TCP_CONGESTION: i32 = 13;
/// Milliseconds that sent data may go without a receipt.
pub const TCP_USER_TIMEOUT: i32 = 18;

/// Type of service.
pub const IP_TOS: i32 = 1;
/// Hops of a packet.
pub const IP_TTL: i32 = 2;
/// Whether the path's largest packet is found out.
pub const IP_MTU_DISCOVER: i32 = 10;
/// Errors are queued.
pub const IP_RECVERR: i32 = 11;
/// Binding to addresses that are not there.
pub const IP_FREEBIND: i32 = 15;
/// Interface that multicast leaves by.
pub const IP_MULTICAST_IF: i32 = 32;
/// Hops of multicast.
pub const IP_MULTICAST_TTL: i32 = 33;
/// Whether multicast comes back to this machine.
pub const IP_MULTICAST_LOOP: i32 = 34;
/// Joins a group.
pub const IP_ADD_MEMBERSHIP: i32 = 35;
/// Leaves a group.
pub const IP_DROP_MEMBERSHIP: i32 = 36;
/// Joins a group for what one sender sends to it.
pub const IP_ADD_SOURCE_MEMBERSHIP: i32 = 39;
/// Hears one sender to a group no longer.
pub const IP_DROP_SOURCE_MEMBERSHIP: i32 = 40;
/// Whether groups that others have joined are heard too.
pub const IP_MULTICAST_ALL: i32 = 49;

/// Hops of a packet.
pub const IPV6_UNICAST_HOPS: i32 = 16;
/// Interface that multicast leaves by.
pub const IPV6_MULTICAST_IF: i32 = 17;
/// Hops of multicast.
pub const IPV6_MULTICAST_HOPS: i32 = 18;
/// Whether multicast comes back to this machine.
pub const IPV6_MULTICAST_LOOP: i32 = 19;
/// Joins a group.
pub const IPV6_ADD_MEMBERSHIP: i32 = 20;
/// Leaves a group.
pub const IPV6_DROP_MEMBERSHIP: i32 = 21;
/// Errors are queued.
pub const IPV6_RECVERR: i32 = 25;
/// An IPv6 socket takes no IPv4.
pub const IPV6_V6ONLY: i32 = 26;
/// Whether groups that others have joined are heard too.
pub const IPV6_MULTICAST_ALL: i32 = 29;
/// Type of service.
pub const IPV6_TCLASS: i32 = 67;

/// Joins a group for what one sender sends to it, at the level of either family.
pub const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
/// Hears one sender to a group no longer.
pub const MCAST_LEAVE_SOURCE_GROUP: i32 = 47;

/// Index of the loopback interface.
pub const LOOPBACK_INDEX: i32 = 1;

/// A group, and the interface by which it is joined (`struct ip_mreqn`, `struct ipv6_mreq`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Membership {
    /// Of IPv4.
    V4 {
        /// `imr_multiaddr`.
        group: Ipv4Addr,
        /// `imr_address`: of the interface, where there is no index.
        address: Ipv4Addr,
        /// `imr_ifindex`, or 0.
        index: i32,
    },
    /// Of IPv6.
    V6 {
        /// `ipv6mr_multiaddr`.
        group: Ipv6Addr,
        /// `ipv6mr_interface`, or 0.
        index: i32,
    },
}

/// A group, and a sender who is heard in it (`struct ip_mreq_source`, `struct group_source_req`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceMembership {
    /// The group and the interface.
    pub membership: Membership,
    /// `imr_sourceaddr`, `gsr_source`.
    pub source: IpAddr,
}

/// State of a connection, as `/proc/net/tcp` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TcpState {
    /// `TCP_ESTABLISHED`; also of datagram sockets with a peer.
    Established = 1,
    /// `TCP_SYN_SENT`.
    SynSent = 2,
    /// `TCP_FIN_WAIT2`.
    FinWait2 = 5,
    /// `TCP_CLOSE`; also of datagram sockets without a peer.
    Close = 7,
    /// `TCP_CLOSE_WAIT`.
    CloseWait = 8,
    /// `TCP_LISTEN`.
    Listen = 10,
}
