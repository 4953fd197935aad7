//! Local sockets: waiting, waking, limits, counts.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::net::{SOCKET_BUFFER, Shutdown};
use secure_exec_kernel::*;
use std::task::{Context, Poll};

#[test]
fn reader_waits_and_is_woken_by_data_and_by_the_end() {
    let machine = machine();
    let guest = machine.guest();
    let (one, two) = guest.socketpair(OpenFlags::empty()).unwrap();
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
    let (one, two) = guest.socketpair(OpenFlags::empty()).unwrap();
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
    let listener = server.socket(OpenFlags::empty()).unwrap();
    server.bind(listener, b"name").unwrap();
    server.listen(listener, 1).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let waits = |cx: &mut Context<'_>| server.poll_ready(listener, PollEvents::POLLIN, cx);
    assert!(waits(&mut cx).is_pending());
    let socket = client.socket(OpenFlags::empty()).unwrap();
    client.connect(socket, b"name").unwrap();
    client.write(socket, b"early").unwrap();
    assert_eq!(wakes.count(), 1);
    assert!(waits(&mut cx).is_ready());
    let accepted = server.accept4(listener, OpenFlags::O_CLOEXEC).unwrap();
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
    let (one, two) = guest.socketpair(OpenFlags::empty()).unwrap();
    guest.socket(OpenFlags::empty()).unwrap();
    assert_eq!(guest.socket(OpenFlags::empty()), Err(Errno::ENFILE));
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
    let listener = guest.socket(OpenFlags::empty()).unwrap();
    guest.bind(listener, b"name").unwrap();
    write_file(&guest, "file", b"kept");
    let bytes = machine.kernel.export_filesystem();
    let other = common::machine();
    other.kernel.import_filesystem(&bytes).unwrap();
    let guest = other.guest();
    assert!(guest.stat(b"file").is_ok());
    assert_eq!(guest.stat(b"name").unwrap_err(), Errno::ENOENT);
}
