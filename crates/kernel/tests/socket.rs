//! Local sockets: waiting, waking, limits, counts.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::abi::socket::{
    AF_INET, AF_INET6, AF_UNIX, SO_PASSCRED, SO_PEERCRED, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_RAW,
    SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::net::{SOCKET_BUFFER, Shutdown};
use secure_exec_kernel::*;
use std::task::{Context, Poll, Waker};

#[test]
fn reader_waits_and_is_woken_by_data_and_by_the_end() {
    let machine = machine();
    let guest = machine.guest();
    let (one, two) = guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 4];
    assert!(guest.poll_read(one, &mut buf, &mut cx).is_pending());
    guest.write(two, b"x").unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(guest.poll_read(one, &mut buf, &mut cx), Poll::Ready(Ok(1)));
    assert!(guest.poll_read(one, &mut buf, &mut cx).is_pending());
    guest.shutdown(two, Shutdown::Write).unwrap();
    assert_eq!(wakes.count(), 2);
    assert_eq!(guest.poll_read(one, &mut buf, &mut cx), Poll::Ready(Ok(0)));
    assert_eq!(guest.write(one, b"back"), Ok(4));
}

#[test]
fn writer_waits_for_a_good_part_of_the_buffer_and_for_the_end() {
    let machine = machine();
    let guest = machine.guest();
    guest
        .sigaction(Signal::SIGPIPE, Disposition::Ignore)
        .unwrap();
    let (one, two) = guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let bytes = vec![7; SOCKET_BUFFER];
    assert_eq!(guest.write(one, &bytes), Ok(SOCKET_BUFFER));
    assert!(guest.poll_write(one, b"more", &mut cx).is_pending());
    let mut buf = vec![0; SOCKET_BUFFER / 8];
    guest.read(two, &mut buf).unwrap();
    assert_eq!(wakes.count(), 0);
    guest.read(two, &mut buf).unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(guest.poll_write(one, b"more", &mut cx), Poll::Ready(Ok(4)));
    assert!(guest.poll_write(one, &bytes, &mut cx).is_pending());
    guest.close(two).unwrap();
    assert_eq!(
        guest.poll_write(one, b"more", &mut cx),
        Poll::Ready(Err(Errno::EPIPE))
    );
}

#[test]
fn listener_is_woken_by_a_connection_and_hands_it_out() {
    let machine = machine();
    let (server, client) = (machine.guest(), machine.guest());
    let listener = server.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    server
        .bind(listener, &SocketAddress::path(b"name"))
        .unwrap();
    server.listen(listener, 1).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let waits = |cx: &mut Context<'_>| server.poll_ready(listener, PollEvents::POLLIN, cx);
    assert!(waits(&mut cx).is_pending());
    let socket = client.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    client
        .connect(socket, &SocketAddress::path(b"name"))
        .unwrap();
    client.write(socket, b"early").unwrap();
    assert_eq!(wakes.count(), 1);
    assert!(waits(&mut cx).is_ready());
    let accepted = server.accept4(listener, SOCK_CLOEXEC).unwrap();
    let mut buf = [0; 16];
    assert_eq!(server.read(accepted, &mut buf), Ok(5));
    client.exit(0);
    assert_eq!(server.read(accepted, &mut buf), Ok(0));
}

#[test]
fn sockets_are_limited_and_counted() {
    let machine = machine_with(Limits {
        max_sockets: 2,
        ..Limits::default()
    });
    let guest = machine.guest();
    let (one, two) = guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    guest.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    assert_eq!(guest.socket(AF_UNIX, SOCK_STREAM, 0), Err(Errno::ENFILE));
    assert_eq!(machine.kernel.take_limit_breaches()[0].limit, "maxSockets");
    assert_eq!(machine.kernel.resource_counts().sockets, 2);
    guest.close(one).unwrap();
    assert_eq!(machine.kernel.resource_counts().sockets, 2);
    guest.close(two).unwrap();
    assert_eq!(machine.kernel.resource_counts().sockets, 1);
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().sockets, 0);
}

#[test]
fn names_of_sockets_are_not_exported() {
    let machine = machine();
    let guest = machine.guest();
    let listener = guest.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    guest.bind(listener, &SocketAddress::path(b"name")).unwrap();
    write_file(&guest, "file", b"kept");
    let bytes = machine.kernel.export_filesystem();
    let other = common::machine();
    other.kernel.import_filesystem(&bytes).unwrap();
    let guest = other.guest();
    assert!(guest.stat(b"file").is_ok());
    assert_eq!(guest.stat(b"name").unwrap_err(), Errno::ENOENT);
}

/// Two connected sockets for datagrams.
fn datagrams(guest: &Process) -> (Fd, Fd) {
    guest.socketpair(AF_UNIX, SOCK_DGRAM, 0).unwrap()
}

#[test]
fn reader_of_datagrams_is_woken_by_one_and_gets_it_whole() {
    let machine = machine();
    let guest = machine.guest();
    let (one, two) = datagrams(&guest);
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 8];
    assert!(guest.poll_read(one, &mut buf, &mut cx).is_pending());
    guest.write(two, b"first").unwrap();
    guest.write(two, b"2nd").unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(guest.poll_read(one, &mut buf, &mut cx), Poll::Ready(Ok(5)));
    assert_eq!(guest.poll_read(one, &mut buf, &mut cx), Poll::Ready(Ok(3)));
    assert!(guest.poll_read(one, &mut buf, &mut cx).is_pending());
}

#[test]
fn sender_of_datagrams_waits_until_they_are_received() {
    let machine = machine();
    let guest = machine.guest();
    let (one, two) = datagrams(&guest);
    let message = vec![7; 50_000];
    let mut sent = 0;
    while guest.write(one, &message) == Ok(message.len()) {
        sent += 1;
    }
    assert_eq!(guest.write(one, b""), Err(Errno::EAGAIN));
    assert!((4..=5).contains(&sent), "{sent}");
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(
        guest
            .poll_ready(one, PollEvents::POLLOUT, &mut cx)
            .is_pending()
    );
    let mut buf = vec![0; 60_000];
    for _ in 0..sent {
        assert_eq!(guest.read(two, &mut buf), Ok(50_000));
    }
    assert!(wakes.count() > 0);
    assert_eq!(guest.poll_write(one, b"more", &mut cx), Poll::Ready(Ok(4)));
}

#[test]
fn inbox_takes_few_messages_of_those_it_is_not_connected_to() {
    let machine = machine();
    let guest = machine.guest();
    let here = SocketAddress::path(b"here");
    let receiver = guest.socket(AF_UNIX, SOCK_DGRAM, 0).unwrap();
    guest.bind(receiver, &here).unwrap();
    let sender = guest.socket(AF_UNIX, SOCK_DGRAM, 0).unwrap();
    guest.connect(sender, &here).unwrap();
    for _ in 0..=net::MAX_QUEUED {
        assert_eq!(guest.write(sender, b"x"), Ok(1));
    }
    assert_eq!(guest.write(sender, b"x"), Err(Errno::EAGAIN));
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let writable = |cx: &mut Context<'_>| guest.poll_ready(sender, PollEvents::POLLOUT, cx);
    assert!(writable(&mut cx).is_pending());
    guest.read(receiver, &mut [0; 1]).unwrap();
    assert!(wakes.count() > 0);
    assert!(writable(&mut cx).is_ready());
    assert_eq!(guest.write(sender, b"x"), Ok(1));
    assert!(writable(&mut cx).is_pending());
    guest.close(receiver).unwrap();
    assert!(writable(&mut cx).is_ready());
    assert_eq!(guest.write(sender, b"x"), Err(Errno::ECONNREFUSED));
}

#[test]
fn a_broken_pipe_of_datagrams_is_an_error_and_no_signal() {
    let machine = machine();
    let guest = machine.guest();
    let (one, two) = datagrams(&guest);
    guest.shutdown(two, Shutdown::Read).unwrap();
    assert_eq!(guest.write(one, b"x"), Err(Errno::EPIPE));
    let (three, _) = guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    guest.shutdown(three, Shutdown::Write).unwrap();
    let quiet = MsgFlags::MSG_NOSIGNAL;
    assert_eq!(guest.sendto(three, b"x", quiet, None), Err(Errno::EPIPE));
    assert!(guest.is_alive());
    let loud = MsgFlags::empty();
    assert_eq!(guest.sendto(three, b"x", loud, None), Err(Errno::EPIPE));
    assert!(!guest.is_alive());
}

#[test]
fn messages_bring_the_credentials_of_their_sender() {
    let machine = machine();
    let (server, client) = (machine.guest(), machine.guest());
    let here = SocketAddress::path(b"here");
    let receiver = server.socket(AF_UNIX, SOCK_DGRAM, 0).unwrap();
    server.bind(receiver, &here).unwrap();
    let on = OptionValue::Int(1);
    server
        .setsockopt(receiver, SOL_SOCKET, SO_PASSCRED, on)
        .unwrap();
    let sender = client.socket(AF_UNIX, SOCK_DGRAM, 0).unwrap();
    client.connect(sender, &here).unwrap();
    client.write(sender, b"x").unwrap();
    let mut buf = [0; 4];
    let received = server
        .recvmsg(receiver, &mut [&mut buf], MsgFlags::empty())
        .unwrap();
    let sender = Ucred {
        pid: client.pid().raw(),
        uid: 1000,
        gid: 1000,
    };
    assert_eq!(received.credentials, Some(sender));
    assert_eq!(received.count, 1);
}

#[test]
fn peers_of_a_connection_know_who_they_are() {
    let machine = machine();
    let (server, client) = (machine.guest(), machine.guest());
    let here = SocketAddress::path(b"here");
    let listener = server.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    server.bind(listener, &here).unwrap();
    server.listen(listener, 1).unwrap();
    let socket = client.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    let peer = |of: &Process, fd| of.getsockopt(fd, SOL_SOCKET, SO_PEERCRED).unwrap();
    let nobody = OptionValue::Credentials(Ucred::NOBODY);
    assert_eq!(peer(&client, socket), nobody);
    client.connect(socket, &here).unwrap();
    let accepted = server.accept4(listener, 0).unwrap();
    let pid_of = |value| match value {
        OptionValue::Credentials(Ucred { pid, .. }) => pid,
        other => panic!("{other:?}"),
    };
    assert_eq!(pid_of(peer(&client, socket)), server.pid().raw());
    assert_eq!(pid_of(peer(&server, accepted)), client.pid().raw());
}

#[test]
fn descriptors_on_their_way_are_bounded_and_given_back() {
    let machine = machine_with(Limits {
        max_open_fds: 8,
        ..Limits::default()
    });
    let guest = machine.guest();
    let (one, two) = datagrams(&guest);
    write_file(&guest, "file", b"kept");
    let file = guest.open(b"file", OpenFlags::O_RDONLY, 0).unwrap();
    let send = |rights: &[Fd]| {
        let message = SendMessage {
            bufs: &[b"x"],
            to: None,
            rights,
        };
        guest.sendmsg(one, &message, MsgFlags::empty())
    };
    assert_eq!(send(&[one]), Err(Errno::EINVAL), "a local socket");
    assert_eq!(send(&[file; 4]), Ok(1));
    assert_eq!(send(&[file; 4]), Ok(1));
    assert_eq!(send(&[file]), Err(Errno::ETOOMANYREFS));
    let mut buf = [0; 4];
    let mut receive = || {
        guest
            .recvmsg(two, &mut [&mut buf], MsgFlags::empty())
            .unwrap()
    };
    let received = receive();
    assert_eq!(received.rights.len(), 4);
    assert_eq!(received.flags, MsgFlags::empty());
    let received = receive();
    assert_eq!(received.rights.len(), 1, "eight may be open");
    assert_eq!(received.flags, MsgFlags::MSG_CTRUNC);
    guest.close(file).unwrap();
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().fds, 0);
    let next = machine.guest();
    let (one, _) = datagrams(&next);
    let file = next.open(b"file", OpenFlags::O_RDONLY, 0).unwrap();
    let message = SendMessage {
        bufs: &[b"x"],
        to: None,
        rights: &[file; 8],
    };
    assert_eq!(next.sendmsg(one, &message, MsgFlags::empty()), Ok(1));
}

fn send_rights(guest: &Process, over: Fd, rights: &[Fd]) -> Result<usize> {
    let message = SendMessage {
        bufs: &[b"x"],
        to: None,
        rights,
    };
    guest.sendmsg(over, &message, MsgFlags::empty())
}

fn receive_rights(guest: &Process, from: Fd) -> Vec<Fd> {
    let mut buf = [0; 4];
    let received = guest.recvmsg(from, &mut [&mut buf], MsgFlags::empty());
    received.unwrap().rights
}

#[test]
fn local_streams_travel_with_what_waits_at_them() {
    let machine = machine();
    let guest = machine.guest();
    let (one, two) = guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    let here = SocketAddress::path(b"here");
    let listener = guest.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    guest.bind(listener, &here).unwrap();
    assert_eq!(
        send_rights(&guest, one, &[listener]),
        Err(Errno::EINVAL),
        "idle"
    );
    guest.listen(listener, 4).unwrap();
    let connect = || {
        let socket = guest.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
        guest.connect(socket, &here).unwrap();
        socket
    };
    let early = connect();
    guest.write(early, b"early").unwrap();
    assert_eq!(send_rights(&guest, one, &[listener]), Ok(1));
    guest.close(listener).unwrap();
    let late = connect();
    let [listener] = receive_rights(&guest, two)[..] else {
        panic!("it has not come");
    };
    let accepted = guest.accept4(listener, 0).unwrap();
    let mut buf = [0; 8];
    assert_eq!(guest.read(accepted, &mut buf), Ok(5));
    assert_eq!(send_rights(&guest, one, &[accepted]), Ok(1));
    let [accepted] = receive_rights(&guest, two)[..] else {
        panic!("it has not come");
    };
    guest.write(accepted, b"answer").unwrap();
    assert_eq!(guest.read(early, &mut buf), Ok(6));
    // What waits at a listener that was sent is as the listener.
    let (fresh, _) = guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    assert_eq!(send_rights(&guest, late, &[fresh]), Err(Errno::EINVAL));
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().sockets, 0);
}

#[test]
fn a_local_socket_is_never_on_its_way_to_itself() {
    let machine = machine();
    let guest = machine.guest();
    let pair = || guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    let (one, two) = pair();
    for right in [one, two] {
        assert_eq!(send_rights(&guest, one, &[right]), Err(Errno::EINVAL));
    }
    let ((carrier, _), (other, _), (third, fourth)) = (pair(), pair(), pair());
    assert_eq!(send_rights(&guest, carrier, &[other]), Ok(1));
    assert_eq!(send_rights(&guest, third, &[carrier]), Err(Errno::EINVAL));
    assert_eq!(send_rights(&guest, other, &[third]), Err(Errno::EINVAL));
    // Files go over either.
    let file = guest.open(b".", OpenFlags::O_RDONLY, 0).unwrap();
    assert_eq!(send_rights(&guest, other, &[file]), Ok(1));
    assert_eq!(send_rights(&guest, fourth, &[file]), Ok(1));
    // By a listener.
    let here = SocketAddress::path(b"here");
    let listener = guest.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    guest.bind(listener, &here).unwrap();
    guest.listen(listener, 4).unwrap();
    let client = guest.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    guest.connect(client, &here).unwrap();
    assert_eq!(send_rights(&guest, client, &[listener]), Err(Errno::EINVAL));
    let (messages, _) = datagrams(&guest);
    assert_eq!(
        send_rights(&guest, carrier, &[messages]),
        Err(Errno::EINVAL)
    );
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().sockets, 0);
}

#[test]
fn families_that_are_not_there_are_refused() {
    let machine = machine();
    let guest = machine.guest();
    let netlink = 16;
    assert_eq!(guest.socket(netlink, SOCK_RAW, 0), Err(Errno::EAFNOSUPPORT));
    for domain in [AF_INET, AF_INET6] {
        assert_eq!(
            guest.socketpair(domain, SOCK_STREAM, 0),
            Err(Errno::EOPNOTSUPP)
        );
    }
    let kind = SOCK_SEQPACKET;
    assert_eq!(guest.socket(AF_UNIX, kind, 0), Err(Errno::ESOCKTNOSUPPORT));
}

#[test]
fn listeners_with_a_path_are_told_of_as_they_come_and_go() {
    let machine = machine();
    let guest = machine.guest();
    let (wakes, waker) = waker();
    let cx = Context::from_waker(&waker);
    assert!(machine.kernel.poll_listeners(0, &cx).is_pending());
    guest.chdir(b"/tmp").unwrap();
    let listener = guest.socket(AF_UNIX, SOCK_STREAM, 0).unwrap();
    guest.bind(listener, &SocketAddress::path(b"s")).unwrap();
    assert!(machine.kernel.listeners().is_empty(), "it is only bound");
    guest.listen(listener, 1).unwrap();
    assert_eq!(wakes.count(), 1);
    let known = machine.kernel.listeners();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].address, SocketAddress::path(b"/tmp/s"));
    assert_eq!(known[0].pid, guest.pid().raw());
    let counts = machine.kernel.resource_counts();
    assert_eq!(counts.listeners, 0, "none of TCP");
    assert!(!known[0].is_awaited);
    assert!(machine.kernel.poll_listeners(0, &cx).is_ready());
    assert!(machine.kernel.poll_listeners(1, &cx).is_pending());
    let mut waits = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        let ready = guest.poll_ready(listener, PollEvents::POLLIN, &mut waits);
        assert!(ready.is_pending());
        assert_eq!(wakes.count(), 2);
    }
    assert!(machine.kernel.listeners()[0].is_awaited);
    assert!(machine.kernel.poll_listeners(1, &cx).is_ready());
    assert!(machine.kernel.poll_listeners(2, &cx).is_pending());
    guest.close(listener).unwrap();
    assert_eq!(wakes.count(), 3);
    assert!(machine.kernel.listeners().is_empty());
}
