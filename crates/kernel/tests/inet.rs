//! TCP and UDP over the machine's loopback: waiting, waking, limits, counts, and what lies beyond.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::abi::inet::{
    IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP, IP_MULTICAST_LOOP,
    IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPV6_ADD_MEMBERSHIP, Membership, SourceMembership,
    TCP_INFO,
};
use secure_exec_kernel::abi::socket::{
    AF_INET, AF_INET6, SO_BROADCAST, SO_ERROR, SO_LINGER, SO_REUSEADDR, SO_REUSEPORT, SOCK_DGRAM,
    SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::net::{Network, Shutdown, TCP_BUFFER, Transport};
use secure_exec_kernel::*;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

fn at(text: &str) -> SocketAddress {
    match text.parse().unwrap() {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

fn tcp(guest: &Process) -> Fd {
    guest.socket(AF_INET, SOCK_STREAM, 0).unwrap()
}

fn udp(guest: &Process) -> Fd {
    guest.socket(AF_INET, SOCK_DGRAM, 0).unwrap()
}

fn server(guest: &Process, address: &str, backlog: i32) -> Fd {
    let listener = tcp(guest);
    guest.bind(listener, &at(address)).unwrap();
    guest.listen(listener, backlog).unwrap();
    listener
}

/// Two ends of a connection, and the listener.
fn connection(guest: &Process) -> (Fd, Fd, Fd) {
    let listener = server(guest, "127.0.0.1:80", 8);
    let client = tcp(guest);
    guest.connect(client, &at("127.0.0.1:80")).unwrap();
    let accepted = guest.accept4(listener, 0).unwrap();
    (client, accepted, listener)
}

fn readiness(guest: &Process, fd: Fd) -> PollEvents {
    let all = PollEvents::POLLIN | PollEvents::POLLOUT | PollEvents::POLLRDHUP;
    match poll(|cx| guest.poll_ready(fd, all, cx)) {
        Poll::Ready(ready) => ready.unwrap(),
        Poll::Pending => PollEvents::empty(),
    }
}

fn port_of(address: &SocketAddress) -> u16 {
    match address {
        SocketAddress::Inet(address) => address.port(),
        SocketAddress::Inet6(address) => address.port(),
        other => panic!("{other:?}"),
    }
}

/// What a machine holds of the network.
fn held(machine: &Machine) -> [usize; 4] {
    let counts = machine.kernel.resource_counts();
    [
        counts.sockets,
        counts.connections,
        counts.listeners,
        counts.buffered_bytes,
    ]
}

#[test]
fn reader_is_woken_by_bytes_and_by_the_end() {
    let machine = machine();
    let guest = machine.guest();
    let (client, accepted, _) = connection(&guest);
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 8];
    assert!(guest.poll_read(accepted, &mut buf, &mut cx).is_pending());
    guest.write(client, b"x").unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(
        guest.poll_read(accepted, &mut buf, &mut cx),
        Poll::Ready(Ok(1))
    );
    assert!(guest.poll_read(accepted, &mut buf, &mut cx).is_pending());
    guest.shutdown(client, Shutdown::Write).unwrap();
    assert_eq!(
        guest.poll_read(accepted, &mut buf, &mut cx),
        Poll::Ready(Ok(0))
    );
    assert_eq!(guest.write(accepted, b"back"), Ok(4));
}

#[test]
fn writer_waits_for_a_good_part_of_the_buffer() {
    let machine = machine();
    let guest = machine.guest();
    let (client, accepted, _) = connection(&guest);
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let bytes = vec![7; TCP_BUFFER];
    assert_eq!(guest.write(client, &bytes), Ok(TCP_BUFFER));
    assert_eq!(machine.kernel.resource_counts().buffered_bytes, TCP_BUFFER);
    assert!(guest.poll_write(client, b"more", &mut cx).is_pending());
    let mut buf = vec![0; TCP_BUFFER / 8];
    guest.read(accepted, &mut buf).unwrap();
    assert_eq!(wakes.count(), 0);
    guest.read(accepted, &mut buf).unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(
        guest.poll_write(client, b"more", &mut cx),
        Poll::Ready(Ok(4))
    );
}

#[test]
fn connection_waits_for_room_and_goes_on_when_there_is_some() {
    let machine = machine();
    let guest = machine.guest();
    let listener = server(&guest, "127.0.0.1:80", 0);
    let [first, second, third] = [(); 3].map(|()| tcp(&guest));
    guest.connect(first, &at("127.0.0.1:80")).unwrap();
    let full = |fd| guest.connect(fd, &at("127.0.0.1:80"));
    assert_eq!(full(second), Err(Errno::EINPROGRESS));
    assert_eq!(full(third), Err(Errno::EINPROGRESS));
    assert_eq!(full(second), Err(Errno::EALREADY));
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let writable = |cx: &mut Context<'_>| guest.poll_ready(second, PollEvents::POLLOUT, cx);
    assert!(writable(&mut cx).is_pending());
    guest.accept4(listener, 0).unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(writable(&mut cx), Poll::Ready(Ok(PollEvents::POLLOUT)));
    let error = |fd| guest.getsockopt(fd, SOL_SOCKET, SO_ERROR).unwrap();
    assert_eq!(error(second), OptionValue::Int(0));
    // The third never gets its turn.
    guest.close(listener).unwrap();
    assert_eq!(error(third), OptionValue::Int(Errno::ECONNREFUSED.raw()));
    assert_eq!(
        readiness(&guest, third) & PollEvents::POLLHUP,
        PollEvents::POLLHUP
    );
}

#[test]
fn whatever_is_not_the_machines_own_is_refused_at_once() {
    let machine = machine();
    let guest = machine.guest();
    for (family, address) in [
        (AF_INET, "1.1.1.1:80"),
        (AF_INET, "10.0.0.1:80"),
        (AF_INET, "169.254.169.254:80"),
        (AF_INET6, "[2606:4700::1111]:80"),
        (AF_INET6, "[::ffff:8.8.8.8]:80"),
        (AF_INET6, "[fe80::1]:80"),
    ] {
        let stream = guest.socket(family, SOCK_STREAM, 0).unwrap();
        assert_eq!(guest.connect(stream, &at(address)), Err(Errno::EACCES));
        let datagram = guest.socket(family, SOCK_DGRAM, 0).unwrap();
        assert_eq!(guest.connect(datagram, &at(address)), Err(Errno::EACCES));
        let sent = guest.sendto(datagram, b"x", MsgFlags::empty(), Some(&at(address)));
        assert_eq!(sent, Err(Errno::EACCES));
        assert_eq!(guest.bind(stream, &at(address)), Err(Errno::EADDRNOTAVAIL));
    }
    let raw = |domain, kind, protocol| guest.socket(domain, kind, protocol).unwrap_err();
    assert_eq!(raw(AF_INET, SOCK_RAW, 1), Errno::EPERM);
    assert_eq!(raw(AF_INET, SOCK_DGRAM, 1), Errno::EACCES);
    assert_eq!(raw(AF_INET6, SOCK_DGRAM, 58), Errno::EACCES);
}

#[test]
fn the_embedder_says_why_a_destination_is_not_reached() {
    struct Down;
    impl Network for Down {
        fn refusal(&self, to: SocketAddr, transport: Transport) -> Errno {
            assert_eq!((to.port(), transport), (80, Transport::Tcp));
            Errno::ENETDOWN
        }
    }
    let config = KernelConfig {
        network: Arc::new(Down),
        ..KernelConfig::default()
    };
    let kernel = Kernel::boot(config).unwrap();
    let guest = kernel.init();
    let client = tcp(&guest);
    assert_eq!(
        guest.connect(client, &at("1.1.1.1:80")),
        Err(Errno::ENETDOWN)
    );
}

#[test]
fn ports_below_1024_are_for_everybody() {
    let machine = machine();
    let guest = machine.guest();
    assert_ne!(guest.uid(), 0);
    server(&guest, "0.0.0.0:80", 1);
}

#[test]
fn chosen_ports_are_ephemeral_and_not_foreseen() {
    let machine = machine();
    let guest = machine.guest();
    let mut ports = Vec::new();
    for _ in 0..50 {
        let listener = server(&guest, "127.0.0.1:0", 1);
        ports.push(port_of(&guest.getsockname(listener).unwrap()));
    }
    assert!(ports.iter().all(|port| (32_768..=60_999).contains(port)));
    assert!(!ports.is_sorted());
    assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 50);
}

#[test]
fn a_killed_servers_port_is_free_at_once() {
    let machine = machine();
    let client = machine.guest();
    for round in 0..20 {
        let server_process = machine.guest();
        let listener = server(&server_process, "127.0.0.1:3000", 8);
        let socket = tcp(&client);
        client.connect(socket, &at("127.0.0.1:3000")).unwrap();
        server_process.accept4(listener, 0).unwrap();
        if round % 2 == 0 {
            client.close(socket).unwrap();
        }
        let init = machine.kernel.init();
        init.kill(server_process.pid().raw(), Signal::SIGKILL)
            .unwrap();
        if round % 2 == 1 {
            // One end is still there: without `SO_REUSEADDR` the port is not free, as on Linux.
            let again = machine.guest();
            let listener = tcp(&again);
            assert_eq!(
                again.bind(listener, &at("127.0.0.1:3000")),
                Err(Errno::EADDRINUSE)
            );
            client.close(socket).unwrap();
            again.bind(listener, &at("127.0.0.1:3000")).unwrap();
            again.exit(0);
        }
    }
    client.exit(0);
    assert_eq!(held(&machine), [0; 4]);
}

#[test]
fn with_reuseaddr_a_server_starts_again_beside_its_clients() {
    let machine = machine();
    let guest = machine.guest();
    let on = OptionValue::Int(1);
    let start = || {
        let listener = tcp(&guest);
        guest
            .setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, on)
            .unwrap();
        guest.bind(listener, &at("127.0.0.1:3000")).unwrap();
        guest.listen(listener, 8).unwrap();
        listener
    };
    let listener = start();
    let client = tcp(&guest);
    guest.connect(client, &at("127.0.0.1:3000")).unwrap();
    let accepted = guest.accept4(listener, 0).unwrap();
    guest.close(accepted).unwrap();
    guest.close(listener).unwrap();
    start();
    assert_eq!(guest.read(client, &mut [0; 1]), Ok(0));
}

#[test]
fn listeners_that_share_a_port_share_its_connections() {
    let machine = machine();
    let guest = machine.guest();
    let on = OptionValue::Int(1);
    let listeners = [(); 2].map(|()| {
        let listener = tcp(&guest);
        guest
            .setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, on)
            .unwrap();
        guest.bind(listener, &at("127.0.0.1:3000")).unwrap();
        guest.listen(listener, 64).unwrap();
        listener
    });
    for _ in 0..40 {
        let client = tcp(&guest);
        guest.connect(client, &at("127.0.0.1:3000")).unwrap();
    }
    let accepted =
        listeners.map(|listener| core::iter::from_fn(|| guest.accept4(listener, 0).ok()).count());
    assert_eq!(accepted.iter().sum::<usize>(), 40);
    assert!(accepted.iter().all(|count| *count > 5), "{accepted:?}");
}

#[test]
fn listeners_are_told_of_as_they_come_and_go() {
    let machine = machine();
    let guest = machine.guest();
    let (wakes, waker) = waker();
    let cx = Context::from_waker(&waker);
    assert!(machine.kernel.poll_listeners(0, &cx).is_pending());
    let listener = server(&guest, "127.0.0.1:3000", 1);
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(seen) = machine.kernel.poll_listeners(0, &cx) else {
        panic!("a listener has come");
    };
    let known = machine.kernel.listeners();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].address, at("127.0.0.1:3000"));
    assert_eq!(known[0].pid, guest.pid().raw());
    assert!(!known[0].is_awaited, "it may be closed at once");
    assert!(machine.kernel.poll_listeners(seen, &cx).is_pending());
    for _ in 0..2 {
        assert_eq!(guest.accept4(listener, 0), Err(Errno::EAGAIN));
        assert_eq!(wakes.count(), 2);
    }
    assert!(machine.kernel.listeners()[0].is_awaited);
    let Poll::Ready(seen) = machine.kernel.poll_listeners(seen, &cx) else {
        panic!("it is awaited");
    };
    assert!(machine.kernel.poll_listeners(seen, &cx).is_pending());
    guest.close(listener).unwrap();
    assert_eq!(wakes.count(), 3);
    assert!(machine.kernel.listeners().is_empty());
}

#[test]
fn the_embedder_connects_to_a_guest() {
    let machine = machine();
    let guest = machine.guest();
    let refused = machine.kernel.connect(&at("127.0.0.1:3000"));
    assert_eq!(refused.err(), Some(Errno::ECONNREFUSED));
    let listener = server(&guest, "0.0.0.0:3000", 0);
    let first = machine.kernel.connect(&at("127.0.0.1:3000")).unwrap();
    let second = machine.kernel.connect(&at("127.0.0.1:3000")).unwrap();
    assert_eq!(poll(|cx| first.poll_connected(cx)), Poll::Ready(Ok(())));
    assert!(poll(|cx| second.poll_connected(cx)).is_pending());
    let accepted = guest.accept4(listener, 0).unwrap();
    assert_eq!(poll(|cx| second.poll_connected(cx)), Poll::Ready(Ok(())));
    first.write(b"GET").unwrap();
    let mut buf = [0; 8];
    assert_eq!(guest.read(accepted, &mut buf), Ok(3));
    guest.write(accepted, b"200").unwrap();
    assert_eq!(first.read(&mut buf), Ok(3));
    drop((first, second));
    guest.exit(0);
    assert_eq!(held(&machine), [0; 4]);
}

#[test]
fn limits_have_names_and_are_met_one_after_the_other() {
    let machine = machine_with(Limits {
        max_sockets: 12,
        max_connections: 2,
        max_socket_buffered_bytes: 100_000,
        ..Limits::default()
    });
    let guest = machine.guest();
    let listener = server(&guest, "127.0.0.1:80", 8);
    let [first, second, third] = [(); 3].map(|()| tcp(&guest));
    guest.connect(first, &at("127.0.0.1:80")).unwrap();
    guest.connect(second, &at("127.0.0.1:80")).unwrap();
    assert_eq!(
        guest.connect(third, &at("127.0.0.1:80")),
        Err(Errno::ENOBUFS)
    );
    assert_eq!(
        machine.kernel.take_limit_breaches()[0].limit,
        "maxConnections"
    );
    assert_eq!(guest.write(first, &[0; 60_000]), Ok(60_000));
    assert_eq!(guest.write(second, &[0; 60_000]), Err(Errno::ENOBUFS));
    let breach = machine.kernel.take_limit_breaches()[0];
    assert_eq!(breach.limit, "maxSocketBufferedBytes");
    assert_eq!((breach.bound, breach.used), (100_000, 120_000));
    // Two more sockets are those that nobody has accepted yet.
    for _ in 0..6 {
        tcp(&guest);
    }
    assert_eq!(guest.socket(AF_INET, SOCK_STREAM, 0), Err(Errno::ENFILE));
    assert_eq!(machine.kernel.take_limit_breaches()[0].limit, "maxSockets");
    guest.close(listener).unwrap();
    assert_eq!(machine.kernel.resource_counts().buffered_bytes, 0);
    guest.exit(0);
    assert_eq!(held(&machine), [0; 4]);
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    let machine = machine();
    let guest = machine.guest();
    let listener = server(&guest, "127.0.0.1:80", 8);
    let linger = OptionValue::Linger(Some(0));
    let before = held(&machine);
    let fds = machine.kernel.resource_counts().fds;
    for round in 0..10_000 {
        let client = tcp(&guest);
        guest.connect(client, &at("127.0.0.1:80")).unwrap();
        guest.write(client, b"hello").unwrap();
        let accepted = guest.accept4(listener, 0).unwrap();
        if round % 3 == 0 {
            guest.read(accepted, &mut [0; 8]).unwrap();
        }
        if round % 5 == 0 {
            guest
                .setsockopt(client, SOL_SOCKET, SO_LINGER, linger)
                .unwrap();
        }
        let (first, second) = if round % 2 == 0 {
            (client, accepted)
        } else {
            (accepted, client)
        };
        guest.close(first).unwrap();
        guest.close(second).unwrap();
    }
    assert_eq!(held(&machine), before);
    assert_eq!(machine.kernel.resource_counts().fds, fds);
    guest.exit(0);
    assert_eq!(held(&machine), [0; 4]);
}

#[test]
fn who_floods_or_never_reads_harms_itself_only() {
    let machine = machine_with(Limits {
        max_open_fds: 4096,
        max_sockets: 600,
        max_connections: 200,
        ..Limits::default()
    });
    let (bad, good) = (machine.guest(), machine.guest());
    let listener = server(&good, "127.0.0.1:80", 4);
    // Half-open: as many as it gets.
    let mut open = Vec::new();
    loop {
        let client = tcp(&bad);
        match bad.connect(client, &at("127.0.0.1:80")) {
            Ok(()) | Err(Errno::EINPROGRESS) => open.push(client),
            Err(errno) => {
                assert_eq!(errno, Errno::ENOBUFS);
                break;
            }
        }
    }
    assert_eq!(open.len(), 200);
    assert_eq!(
        machine.kernel.take_limit_breaches_of(Some(bad.pid()))[0].limit,
        "maxConnections"
    );
    assert!(
        machine
            .kernel
            .take_limit_breaches_of(Some(good.pid()))
            .is_empty()
    );
    bad.exit(0);
    assert_eq!(machine.kernel.resource_counts().connections, 5);
    // What the flood left is reset, and the server goes on.
    let client = tcp(&good);
    assert_eq!(
        good.connect(client, &at("127.0.0.1:80")),
        Err(Errno::EINPROGRESS)
    );
    for _ in 0..5 {
        let dead = good.accept4(listener, 0).unwrap();
        assert_eq!(good.read(dead, &mut [0; 1]), Ok(0));
        good.close(dead).unwrap();
    }
    let accepted = good.accept4(listener, 0).unwrap();
    assert_eq!(good.write(client, b"hello"), Ok(5));
    assert_eq!(good.read(accepted, &mut [0; 8]), Ok(5));
}

#[test]
fn one_that_tries_again_and_again_connects_once() {
    let machine = machine();
    let guest = machine.guest();
    let listener = server(&guest, "127.0.0.1:80", 0);
    let [first, second] = [(); 2].map(|()| tcp(&guest));
    guest.connect(first, &at("127.0.0.1:80")).unwrap();
    for _ in 0..1000 {
        let full = guest.connect(second, &at("127.0.0.1:80"));
        assert_eq!(full, Err(Errno::EINPROGRESS));
        guest.connect(second, &SocketAddress::Unspecified).unwrap();
    }
    // It has given up: there is room for somebody else.
    guest.accept4(listener, 0).unwrap();
    assert_eq!(guest.accept4(listener, 0), Err(Errno::EAGAIN));
    let third = tcp(&guest);
    guest.connect(third, &at("127.0.0.1:80")).unwrap();
    guest.accept4(listener, 0).unwrap();
    assert_eq!(machine.kernel.resource_counts().connections, 2);
}

#[test]
fn datagrams_that_nobody_reads_are_dropped() {
    let machine = machine();
    let guest = machine.guest();
    let (receiver, sender) = (udp(&guest), udp(&guest));
    guest.bind(receiver, &at("127.0.0.1:53")).unwrap();
    guest.connect(sender, &at("127.0.0.1:53")).unwrap();
    for _ in 0..10_000 {
        assert_eq!(guest.write(sender, &[1; 1000]), Ok(1000));
    }
    let held = machine.kernel.resource_counts().buffered_bytes;
    assert!((100_000..=212_992).contains(&held), "{held}");
    let row = text(&guest, "/proc/net/udp");
    let drops: u32 = row
        .lines()
        .nth(1)
        .unwrap()
        .split(' ')
        .rfind(|word| !word.is_empty())
        .unwrap()
        .parse()
        .unwrap();
    assert!(drops > 9_000);
    guest.close(receiver).unwrap();
    assert_eq!(machine.kernel.resource_counts().buffered_bytes, 0);
    // The next one is told that nobody is there.
    guest.write(sender, b"x").unwrap();
    assert_eq!(guest.write(sender, b"x"), Err(Errno::ECONNREFUSED));
}

#[test]
fn groups_are_heard_by_those_who_joined() {
    let machine = machine();
    let guest = machine.guest();
    let on = OptionValue::Int(1);
    let listen = || {
        let socket = udp(&guest);
        guest
            .setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, on)
            .unwrap();
        guest.bind(socket, &at("0.0.0.0:5353")).unwrap();
        socket
    };
    let (first, second, sender) = (listen(), listen(), udp(&guest));
    let send = |bytes: &[u8]| {
        let to = at("224.0.0.251:5353");
        guest
            .sendto(sender, bytes, MsgFlags::empty(), Some(&to))
            .unwrap();
    };
    let heard = |socket| {
        guest
            .recvfrom(socket, &mut [0; 8], MsgFlags::empty())
            .map(|(count, _)| count)
    };
    send(b"nobody");
    assert_eq!(heard(first), Err(Errno::EAGAIN));
    let membership = OptionValue::Membership(Membership::V4 {
        group: Ipv4Addr::new(224, 0, 0, 251),
        address: Ipv4Addr::UNSPECIFIED,
        index: 0,
    });
    guest
        .setsockopt(first, IPPROTO_IP, IP_ADD_MEMBERSHIP, membership)
        .unwrap();
    guest
        .setsockopt(second, IPPROTO_IP, IP_ADD_MEMBERSHIP, membership)
        .unwrap();
    send(b"both");
    assert_eq!((heard(first), heard(second)), (Ok(4), Ok(4)));
    guest
        .setsockopt(sender, IPPROTO_IP, IP_MULTICAST_LOOP, OptionValue::Int(0))
        .unwrap();
    send(b"silent");
    assert_eq!(heard(first), Err(Errno::EAGAIN));
    let six = guest.socket(AF_INET6, SOCK_DGRAM, 0).unwrap();
    guest.bind(six, &at("[::]:5454")).unwrap();
    let membership = OptionValue::Membership(Membership::V6 {
        group: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb),
        index: 0,
    });
    guest
        .setsockopt(six, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, membership)
        .unwrap();
    let other = guest.socket(AF_INET6, SOCK_DGRAM, 0).unwrap();
    guest
        .sendto(
            other,
            b"six",
            MsgFlags::empty(),
            Some(&at("[ff02::fb]:5454")),
        )
        .unwrap();
    assert_eq!(heard(six), Ok(3));
}

#[test]
fn group_is_heard_from_the_senders_that_it_was_joined_for() {
    let machine = machine();
    let guest = machine.guest();
    let listen = || {
        let socket = udp(&guest);
        guest
            .setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, OptionValue::Int(1))
            .unwrap();
        guest.bind(socket, &at("0.0.0.0:5353")).unwrap();
        socket
    };
    let (first, second) = (listen(), listen());
    let send = |from: &str| {
        let sender = udp(&guest);
        guest.bind(sender, &at(from)).unwrap();
        let to = at("232.1.1.1:5353");
        guest
            .sendto(sender, b"x", MsgFlags::empty(), Some(&to))
            .unwrap();
        guest.close(sender).unwrap();
    };
    let heard = |socket| {
        guest
            .recvfrom(socket, &mut [0; 8], MsgFlags::empty())
            .is_ok()
    };
    let change = |socket, name, source: &str| {
        let membership = Membership::V4 {
            group: Ipv4Addr::new(232, 1, 1, 1),
            address: Ipv4Addr::UNSPECIFIED,
            index: 0,
        };
        let source = source.parse().unwrap();
        let value = OptionValue::SourceMembership(SourceMembership { membership, source });
        guest.setsockopt(socket, IPPROTO_IP, name, value)
    };
    change(first, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.2").unwrap();
    send("127.0.0.2:0");
    // The second has not joined and hears what others have joined for.
    assert_eq!((heard(first), heard(second)), (true, true));
    send("127.0.0.3:0");
    assert_eq!((heard(first), heard(second)), (false, false));
    change(second, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.3").unwrap();
    send("127.0.0.2:0");
    assert_eq!((heard(first), heard(second)), (true, false));
    send("127.0.0.3:0");
    assert_eq!((heard(first), heard(second)), (false, true));
    change(first, IP_DROP_SOURCE_MEMBERSHIP, "127.0.0.2").unwrap();
    guest.close(second).unwrap();
    send("127.0.0.2:0");
    assert!(!heard(first));
    for sender in 1..=10 {
        change(
            first,
            IP_ADD_SOURCE_MEMBERSHIP,
            &format!("127.0.0.{sender}"),
        )
        .unwrap();
    }
    let more = change(first, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.11");
    assert_eq!(more, Err(Errno::ENOBUFS));
}

#[test]
fn broadcasts_need_leave() {
    let machine = machine();
    let guest = machine.guest();
    let (receiver, sender) = (udp(&guest), udp(&guest));
    guest.bind(receiver, &at("0.0.0.0:9")).unwrap();
    let send = || {
        guest.sendto(
            sender,
            b"x",
            MsgFlags::empty(),
            Some(&at("255.255.255.255:9")),
        )
    };
    assert_eq!(send(), Err(Errno::EACCES));
    guest
        .setsockopt(sender, SOL_SOCKET, SO_BROADCAST, OptionValue::Int(1))
        .unwrap();
    assert_eq!(send(), Ok(1));
    assert_eq!(guest.read(receiver, &mut [0; 1]), Ok(1));
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let machine = machine();
    let guest = machine.guest();
    let (client, accepted, _) = connection(&guest);
    assert_eq!(
        guest.getsockopt(client, IPPROTO_TCP, TCP_INFO),
        Err(Errno::ENOPROTOOPT)
    );
    assert_eq!(
        guest.sendto(client, b"!", MsgFlags::MSG_OOB, None),
        Err(Errno::EOPNOTSUPP)
    );
    let urgent = guest.recvfrom(accepted, &mut [0; 1], MsgFlags::MSG_OOB);
    assert_eq!(urgent.err(), Some(Errno::EOPNOTSUPP));
    let message = SendMessage {
        bufs: &[b"x"],
        to: None,
        rights: &[accepted],
    };
    assert_eq!(
        guest.sendmsg(client, &message, MsgFlags::empty()),
        Err(Errno::EINVAL)
    );
}

#[test]
fn a_socket_may_travel_and_be_used_elsewhere() {
    let machine = machine();
    let guest = machine.guest();
    let (client, accepted, _) = connection(&guest);
    let (one, two) = guest
        .socketpair(secure_exec_kernel::abi::socket::AF_UNIX, SOCK_STREAM, 0)
        .unwrap();
    let message = SendMessage {
        bufs: &[b"x"],
        to: None,
        rights: &[accepted],
    };
    guest.sendmsg(one, &message, MsgFlags::empty()).unwrap();
    guest.close(accepted).unwrap();
    let mut buf = [0; 8];
    let received = guest
        .recvmsg(two, &mut [&mut buf], MsgFlags::empty())
        .unwrap();
    guest.write(client, b"hello").unwrap();
    assert_eq!(guest.read(received.rights[0], &mut buf), Ok(5));
}

#[test]
fn sockets_are_listed_as_linux_lists_them() {
    let machine = machine();
    let guest = machine.guest();
    let (client, _, _) = connection(&guest);
    guest.write(client, b"hello").unwrap();
    let listing = text(&guest, "/proc/net/tcp");
    let lines: Vec<&str> = listing.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.len() == 149), "{listing}");
    assert!(lines[1].starts_with(
        "   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    ));
    assert!(
        lines[2].contains(" 0100007F:0050 01 00000005:00000000 "),
        "{listing}"
    );
    assert!(
        lines[3].starts_with("   2: 0100007F:0050 0100007F:"),
        "{listing}"
    );
    let six = guest.socket(AF_INET6, SOCK_STREAM, 0).unwrap();
    guest.bind(six, &at("[::1]:8080")).unwrap();
    guest.listen(six, 1).unwrap();
    let listing = text(&guest, "/proc/net/tcp6");
    let local = "00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A";
    assert!(listing.contains(local), "{listing}");
    let unix = guest
        .socket(secure_exec_kernel::abi::socket::AF_UNIX, SOCK_STREAM, 0)
        .unwrap();
    guest.bind(unix, &SocketAddress::path(b"/tmp/s")).unwrap();
    guest.listen(unix, 1).unwrap();
    let listing = text(&guest, "/proc/net/unix");
    assert!(
        listing.contains(": 00000002 00000000 00010000 0001 01 "),
        "{listing}"
    );
    assert!(listing.trim_end().ends_with(" /tmp/s"), "{listing}");
}

#[test]
fn the_embedder_ends_a_half_or_resets() {
    let machine = machine();
    let guest = machine.guest();
    let listener = server(&guest, "127.0.0.1:80", 8);
    let mut buf = [0; 8];
    let ended = machine.kernel.connect(&at("127.0.0.1:80")).unwrap();
    let accepted = guest.accept4(listener, 0).unwrap();
    ended.shut_down(Shutdown::Write).unwrap();
    assert_eq!(guest.read(accepted, &mut buf), Ok(0));
    guest.write(accepted, b"late").unwrap();
    assert_eq!(ended.read(&mut buf), Ok(4));
    let reset = machine.kernel.connect(&at("127.0.0.1:80")).unwrap();
    let accepted = guest.accept4(listener, 0).unwrap();
    reset.reset_when_closed().unwrap();
    drop(reset);
    assert_eq!(guest.read(accepted, &mut buf), Err(Errno::ECONNRESET));
}

/// A machine two of whose ports lead out of it.
fn open_machine() -> Machine {
    machine_of(KernelConfig {
        outbound_ports: vec![5432, 6379],
        limits: Limits {
            max_connections: 3,
            ..Limits::default()
        },
        ..KernelConfig::default()
    })
}

#[test]
fn connections_to_ports_that_lead_out_wait_for_the_embedder() {
    let machine = open_machine();
    let guest = machine.guest();
    let (wakes, waker) = waker();
    let cx = &Context::from_waker(&waker);
    assert!(machine.kernel.poll_outbound(cx).is_pending());
    let client = tcp(&guest);
    let to = at("127.0.0.1:5432");
    assert_eq!(guest.connect(client, &to), Err(Errno::EINPROGRESS));
    assert_eq!(wakes.count(), 1);
    assert_eq!(readiness(&guest, client), PollEvents::empty());
    let Poll::Ready(outbound) = machine.kernel.poll_outbound(cx) else {
        panic!("it has not come");
    };
    assert_eq!(outbound.port(), 5432);
    let other = machine.kernel.accept_outbound(&outbound).unwrap();
    assert_eq!(guest.connect(client, &to), Ok(()));
    assert_eq!(guest.getpeername(client), Ok(to));
    guest.write(client, b"hello").unwrap();
    let mut buf = [0; 8];
    assert_eq!(poll(|cx| other.poll_read(&mut buf, cx)), Poll::Ready(Ok(5)));
    assert_eq!(poll(|cx| other.poll_write(b"hi", cx)), Poll::Ready(Ok(2)));
    other.shut_down(Shutdown::Write).unwrap();
    assert_eq!(guest.read(client, &mut buf), Ok(2));
    assert_eq!(guest.read(client, &mut buf), Ok(0));
    drop((other, outbound));
    guest.close(client).unwrap();
    assert_eq!(held(&machine), [0; 4]);
}

#[test]
fn connections_that_the_embedder_does_not_make_are_refused() {
    let machine = open_machine();
    let guest = machine.guest();
    let begin = |guest: &Process| {
        let client = tcp(guest);
        let begun = guest.connect(client, &at("127.0.0.1:6379"));
        (client, begun)
    };
    let (refused, _) = begin(&guest);
    let take = || match poll(|cx| machine.kernel.poll_outbound(cx)) {
        Poll::Ready(outbound) => outbound,
        Poll::Pending => panic!("it has not come"),
    };
    drop(take());
    assert_eq!(
        guest.connect(refused, &at("127.0.0.1:6379")),
        Err(Errno::ECONNREFUSED)
    );
    // One that gives up before there is an answer.
    let (left, _) = begin(&guest);
    guest.close(left).unwrap();
    let late = take();
    assert_eq!(
        machine.kernel.accept_outbound(&late).err(),
        Some(Errno::ECONNRESET)
    );
    // Those that wait are connections like others.
    let waiting: Vec<_> = (0..4).map(|_| begin(&guest)).collect();
    assert_eq!(waiting[2].1, Err(Errno::EINPROGRESS));
    assert_eq!(waiting[3].1, Err(Errno::ENOBUFS));
    guest.exit(0);
    assert_eq!(held(&machine), [0; 4]);
}

#[test]
fn only_what_was_named_leads_out_and_only_for_guests() {
    let machine = open_machine();
    let guest = machine.guest();
    let refused = ["127.0.0.1:5433", "127.0.0.2:5432", "[::1]:5432"];
    for to in refused {
        let family = if to.starts_with('[') {
            AF_INET6
        } else {
            AF_INET
        };
        let client = guest.socket(family, SOCK_STREAM, 0).unwrap();
        assert_eq!(
            guest.connect(client, &at(to)),
            Err(Errno::ECONNREFUSED),
            "{to}"
        );
    }
    let foreign = tcp(&guest);
    assert_eq!(
        guest.connect(foreign, &at("192.0.2.1:5432")),
        Err(Errno::EACCES)
    );
    let own = machine.kernel.connect(&at("127.0.0.1:5432"));
    assert_eq!(own.err(), Some(Errno::ECONNREFUSED), "the embedder's own");
    // Who listens in the machine comes first.
    let listener = server(&guest, "127.0.0.1:5432", 8);
    let client = tcp(&guest);
    assert_eq!(guest.connect(client, &at("127.0.0.1:5432")), Ok(()));
    assert!(guest.accept4(listener, 0).is_ok());
    assert!(poll(|cx| machine.kernel.poll_outbound(cx)).is_pending());
}
