//! Connections of the host to listeners, and what it is told of those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use secure_exec_kernel::abi::socket::{AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM};
use secure_exec_kernel::net::{Shutdown, TCP_BUFFER};
use secure_exec_kernel::{Errno, Fd, Process, SocketAddress};
use secure_exec_protocol::connection::LISTENERS_WINDOW;
use secure_exec_protocol::{
    Answer, CONNECTION_WINDOW, CallId, Endpoint, FROM_GUEST, HostMessage, Listener,
    ListenerAddress, Request, TO_GUEST, VmConfig, VmFrame, VmLimits, VmMessage,
};

use super::{Harness, VM, failure_of, of, program};
use crate::mailbox::Notice;

fn at(text: &str) -> SocketAddress {
    match text.parse().unwrap() {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

fn listen(guest: &Process, address: &SocketAddress, backlog: i32) -> Fd {
    let family = match address {
        SocketAddress::Inet(_) => AF_INET,
        SocketAddress::Inet6(_) => AF_INET6,
        _ => AF_UNIX,
    };
    let fd = guest.socket(family, SOCK_STREAM, 0).unwrap();
    guest.bind(fd, address).unwrap();
    guest.listen(fd, backlog).unwrap();
    fd
}

fn input(data: &[u8], end: bool) -> HostMessage {
    HostMessage::Input {
        stream: TO_GUEST,
        data: data.to_vec(),
        end,
    }
}

fn output(data: &[u8]) -> VmMessage {
    VmMessage::Output {
        stream: FROM_GUEST,
        data: data.to_vec(),
    }
}

fn taken(bytes: usize) -> VmMessage {
    VmMessage::InputCredit {
        stream: TO_GUEST,
        bytes: bytes.try_into().unwrap(),
    }
}

fn lists(frames: Vec<VmFrame>) -> Vec<Vec<Listener>> {
    let list = |frame: VmFrame| match frame.message {
        VmMessage::Listeners(list) => {
            assert_eq!((frame.vm, frame.call), (VM, 0));
            Some(list)
        }
        _ => None,
    };
    frames.into_iter().filter_map(list).collect()
}

/// A guest that listens on port 80, of which the host has heard.
fn serving(backlog: i32) -> (Harness, std::sync::Arc<Process>, Fd) {
    let mut harness = Harness::new();
    let guest = harness.start(5, program());
    let listener = listen(&guest, &at("127.0.0.1:80"), backlog);
    assert_eq!(lists(harness.turn()).len(), 1);
    assert_eq!(harness.say(VM, 0, HostMessage::ListenersTaken), []);
    (harness, guest, listener)
}

fn connect(harness: &mut Harness, call: CallId) {
    let said = harness.ask(call, HostMessage::Connect(Endpoint::Port(80)));
    assert_eq!(said, [VmMessage::Connected]);
}

#[test]
fn bytes_go_both_ways_and_each_half_ends_by_itself() {
    let (mut harness, guest, listener) = serving(8);
    connect(&mut harness, 6);
    let accepted = guest.accept4(listener, 0).unwrap();
    assert_eq!(harness.ask(6, input(b"GET", false)), [taken(3)]);
    let mut buf = [0; 8];
    assert_eq!(guest.read(accepted, &mut buf), Ok(3));
    guest.write(accepted, b"200").unwrap();
    assert_eq!(of(6, harness.turn()), [output(b"200")]);
    guest.shutdown(accepted, Shutdown::Write).unwrap();
    assert_eq!(of(6, harness.turn()), [VmMessage::OutputEnd]);
    let said = harness.ask(6, input(b"more", true));
    assert_eq!(said, [taken(4), VmMessage::Closed]);
    assert_eq!(guest.read(accepted, &mut buf), Ok(4));
    assert_eq!(guest.read(accepted, &mut buf), Ok(0));
}

#[test]
fn what_is_sent_before_there_is_a_connection_waits_for_it() {
    let (mut harness, guest, listener) = serving(0);
    connect(&mut harness, 6);
    let asked = HostMessage::Connect(Endpoint::Port(80));
    assert_eq!(harness.ask(7, asked), [], "there is no room");
    assert_eq!(harness.ask(7, input(b"early", true)), []);
    guest.accept4(listener, 0).unwrap();
    let said = of(7, harness.turn());
    assert_eq!(said, [VmMessage::Connected, taken(5)]);
    let second = guest.accept4(listener, 0).unwrap();
    let mut buf = [0; 8];
    assert_eq!(guest.read(second, &mut buf), Ok(5));
    assert_eq!(guest.read(second, &mut buf), Ok(0));
}

#[test]
fn both_sides_wait_for_each_other() {
    let (mut harness, guest, listener) = serving(8);
    connect(&mut harness, 6);
    let accepted = guest.accept4(listener, 0).unwrap();
    let full = vec![7; TCP_BUFFER];
    assert_eq!(harness.ask(6, input(&full, false)), [taken(TCP_BUFFER)]);
    assert_eq!(harness.ask(6, input(b"more", false)), []);
    let mut buf = vec![0; TCP_BUFFER];
    assert_eq!(guest.read(accepted, &mut buf), Ok(TCP_BUFFER));
    assert_eq!(of(6, harness.turn()), [taken(4)]);
    // To the host it goes as far as its credit.
    let mut sent = 0;
    while let Ok(count) = guest.write(accepted, &full) {
        sent += count;
        let said = of(6, harness.turn());
        if said.is_empty() {
            break;
        }
    }
    assert_eq!(sent, CONNECTION_WINDOW + TCP_BUFFER);
    let credit = HostMessage::Credit {
        stream: FROM_GUEST,
        bytes: 10,
    };
    assert_eq!(harness.ask(6, credit), [output(&[7; 10])]);
}

#[test]
fn a_port_is_reached_at_whatever_address_somebody_listens() {
    let mut harness = Harness::new();
    let guest = harness.start(5, program());
    for (port, address) in [
        (81, "0.0.0.0:81"),
        (82, "[::]:82"),
        (83, "[::1]:83"),
        (84, "127.0.0.7:84"),
    ] {
        listen(&guest, &at(address), 8);
        harness.turn();
        let call = u64::from(port);
        let said = harness.ask(call, HostMessage::Connect(Endpoint::Port(port)));
        assert_eq!(said, [VmMessage::Connected], "{address}");
    }
    listen(&guest, &SocketAddress::path(b"/tmp/s"), 8);
    harness.turn();
    let path = Endpoint::Path(b"/tmp/s".to_vec());
    let said = harness.ask(9, HostMessage::Connect(path));
    assert_eq!(said, [VmMessage::Connected]);
    for (call, endpoint, code) in [
        (10, Endpoint::Port(99), "ECONNREFUSED"),
        (11, Endpoint::Path(b"/tmp/none".to_vec()), "ENOENT"),
        (12, Endpoint::Path(b"/etc/passwd".to_vec()), "ECONNREFUSED"),
        (13, Endpoint::Path(Vec::new()), "EINVAL"),
    ] {
        let said = harness.ask(call, HostMessage::Connect(endpoint));
        assert_eq!(failure_of(said), code);
    }
}

#[test]
fn a_reset_is_told_behind_what_came_before_it() {
    let (mut harness, guest, listener) = serving(8);
    connect(&mut harness, 6);
    let accepted = guest.accept4(listener, 0).unwrap();
    guest.write(accepted, b"last words").unwrap();
    assert_eq!(harness.ask(6, input(b"unread", false)).len(), 2);
    guest.close(accepted).unwrap();
    assert_eq!(failure_of(of(6, harness.turn())), "ECONNRESET");
    assert_eq!(harness.say(VM, 6, input(b"late", true)), []);
}

#[test]
fn a_guest_that_closes_has_its_last_words_and_refuses_more() {
    let (mut harness, guest, listener) = serving(8);
    connect(&mut harness, 6);
    let accepted = guest.accept4(listener, 0).unwrap();
    guest.write(accepted, b"413").unwrap();
    guest.close(accepted).unwrap();
    let said = of(6, harness.turn());
    assert_eq!(said, [output(b"413"), VmMessage::OutputEnd]);
    harness.ask(6, input(b"a body", false));
    let said = of(6, harness.say(VM, 6, input(b" and more", false)));
    assert!(
        matches!(&said[..], [VmMessage::InputCredit { .. }, VmMessage::Failed(failure)] if failure.code == "EPIPE"),
        "{said:?}"
    );
}

#[test]
fn the_host_lets_go_gently_or_by_a_reset() {
    let (mut harness, guest, listener) = serving(8);
    let mut buf = [0; 8];
    for (call, reset, seen) in [(6, false, Ok(0)), (7, true, Err(Errno::ECONNRESET))] {
        connect(&mut harness, call);
        let accepted = guest.accept4(listener, 0).unwrap();
        let said = harness.ask(call, HostMessage::Disconnect { reset });
        assert_eq!(said, [VmMessage::Closed]);
        assert_eq!(guest.read(accepted, &mut buf), seen);
        assert_eq!(harness.say(VM, call, HostMessage::Disconnect { reset }), []);
    }
    let said = harness.say(VM, 8, HostMessage::Disconnect { reset: true });
    assert_eq!(said, [], "there is no such connection");
}

#[test]
fn what_was_sent_arrives_after_the_host_has_let_go() {
    for (reset, end) in [(false, true), (false, false), (true, true)] {
        let (mut harness, guest, listener) = serving(8);
        connect(&mut harness, 6);
        let accepted = guest.accept4(listener, 0).unwrap();
        let full = vec![7; TCP_BUFFER];
        assert_eq!(harness.ask(6, input(&full, false)), [taken(TCP_BUFFER)]);
        assert_eq!(harness.ask(6, input(b"more", end)), []);
        let said = harness.ask(6, HostMessage::Disconnect { reset });
        assert_eq!(said, [VmMessage::Closed], "the host does not wait");
        let mut buf = vec![0; TCP_BUFFER];
        assert_eq!(guest.read(accepted, &mut buf), Ok(TCP_BUFFER));
        if reset {
            assert_eq!(guest.read(accepted, &mut buf), Err(Errno::ECONNRESET));
            continue;
        }
        assert_eq!(of(6, harness.turn()), [], "nor is it told of anything");
        assert_eq!(guest.read(accepted, &mut buf), Ok(4));
        assert_eq!(guest.read(accepted, &mut buf), Ok(0));
    }
}

#[test]
fn connections_of_the_host_count() {
    let limits = VmLimits {
        max_connections: 1,
        ..VmLimits::default()
    };
    let mut harness = Harness::with(VmConfig {
        limits,
        ..VmConfig::default()
    });
    let guest = harness.start(5, program());
    // On a thread of its own, as guests are: limits that this one meets are the host's.
    let listening = std::thread::spawn(move || {
        listen(&guest, &at("127.0.0.1:80"), 8);
    });
    listening.join().unwrap();
    harness.turn();
    connect(&mut harness, 6);
    let said = harness.ask(7, HostMessage::Connect(Endpoint::Port(80)));
    let [VmMessage::Failed(failure)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(failure.code, "ENOBUFS");
    let limit = failure.limit.as_ref().unwrap();
    assert_eq!(limit.name, "limits.resources.maxConnections");
    harness.ask(6, HostMessage::Disconnect { reset: true });
    assert_eq!(harness.server.machines.len(), 1);
}

#[test]
fn listeners_are_told_as_they_come_and_go() {
    let mut harness = Harness::new();
    let guest = harness.start(5, program());
    let four = listen(&guest, &at("0.0.0.0:80"), 8);
    listen(&guest, &at("[::1]:81"), 8);
    listen(&guest, &SocketAddress::path(b"/tmp/s"), 8);
    let inet = |ip, port| ListenerAddress::Inet { ip, port };
    let all = [
        inet(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 80),
        inet(IpAddr::V6(Ipv6Addr::LOCALHOST), 81),
        ListenerAddress::Path(b"/tmp/s".to_vec()),
    ];
    let pid = guest.pid().raw();
    let mut all = all.map(|address| Listener {
        pid,
        address,
        is_awaited: false,
    });
    assert_eq!(lists(harness.turn()), [all.to_vec()]);
    assert_eq!(guest.accept4(four, 0), Err(Errno::EAGAIN));
    all[0].is_awaited = true;
    assert_eq!(lists(harness.turn()), [all.to_vec()]);
    guest.close(four).unwrap();
    assert_eq!(lists(harness.turn()), [all[1..].to_vec()]);
    guest.exit(0);
    assert_eq!(lists(harness.turn()), [Vec::new()]);
}

#[test]
fn a_host_that_does_not_take_them_is_told_of_many_changes_at_once() {
    let mut harness = Harness::new();
    let guest = harness.start(5, program());
    let mut told = 0;
    for _ in 0..100 {
        let listener = listen(&guest, &at("127.0.0.1:80"), 8);
        told += lists(harness.turn()).len();
        guest.close(listener).unwrap();
        told += lists(harness.turn()).len();
    }
    assert_eq!(told, LISTENERS_WINDOW as usize);
    listen(&guest, &at("127.0.0.1:81"), 8);
    assert_eq!(lists(harness.turn()).len(), 0);
    // Of those who ended it hears before their end.
    let other = harness.start(6, program());
    other.exit(0);
    let said = harness.notify(Notice::Ended { pid: other.pid() });
    let [list, end] = &said[..] else {
        panic!("{said:?}");
    };
    assert!(matches!(&list.message, VmMessage::Listeners(list) if list.len() == 1));
    assert!(matches!(&end.message, VmMessage::Exited(_)));
    listen(&guest, &at("127.0.0.1:82"), 8);
    assert_eq!(lists(harness.turn()).len(), 0);
    for _ in 0..LISTENERS_WINDOW {
        let early = lists(harness.say(VM, 0, HostMessage::ListenersTaken));
        assert!(early.len() <= 1, "{early:?}");
        if let [list] = &early[..] {
            assert_eq!(list.len(), 2);
            return;
        }
    }
    panic!("the host is not told of the last change");
}

#[test]
fn guests_reach_ports_of_the_host_by_its_answer() {
    let mut harness = Harness::with(VmConfig {
        outbound_ports: vec![5432],
        ..VmConfig::default()
    });
    let guest = harness.start(5, program());
    let connect = |guest: &Process| {
        let client = guest.socket(AF_INET, SOCK_STREAM, 0).unwrap();
        let begun = guest.connect(client, &at("127.0.0.1:5432"));
        assert_eq!(begun, Err(Errno::EINPROGRESS));
        client
    };
    let asked = |harness: &mut Harness| {
        let said = harness.turn();
        match &said[..] {
            [
                VmFrame {
                    call: 0,
                    message:
                        VmMessage::Request {
                            id,
                            request: Request::Connect { port: 5432 },
                        },
                    ..
                },
            ] => *id,
            _ => panic!("{said:?}"),
        }
    };
    let client = connect(&guest);
    let id = asked(&mut harness);
    let said = harness.ask(6, HostMessage::Connect(Endpoint::Outbound(id)));
    assert_eq!(said, [VmMessage::Connected]);
    guest.write(client, b"hello").unwrap();
    assert_eq!(of(6, harness.turn()), [output(b"hello")]);
    assert_eq!(harness.ask(6, input(b"hi", true)), [taken(2)]);
    let mut buf = [0; 8];
    assert_eq!(guest.read(client, &mut buf), Ok(2));
    let refused = connect(&guest);
    let id = asked(&mut harness);
    let answer = Answer::Refused;
    assert_eq!(harness.ask(0, HostMessage::Answer { id, answer }), []);
    let again = guest.connect(refused, &at("127.0.0.1:5432"));
    assert_eq!(again, Err(Errno::ECONNREFUSED));
    // Nobody waits for this one.
    let said = harness.ask(7, HostMessage::Connect(Endpoint::Outbound(id)));
    assert_eq!(failure_of(said), "ECONNRESET");
}
