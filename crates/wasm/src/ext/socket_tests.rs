//! Sockets by the imports, in one process: a listener of the machine has room for connections that nobody accepted yet.

use secure_exec_kernel::abi::socket::{
    AF_INET, AF_UNIX, SO_RCVTIMEO, SO_REUSEADDR, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::{Errno, SocketAddress};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::socket;
use crate::fixture::Fixture;
use crate::wasi;

const OUT: u32 = 1000;
const OUT_AT: usize = 1000;
const ADDRESS: usize = 2000;
const BYTES: usize = 3000;

fn inet(ip: [u8; 4], port: u16) -> Vec<u8> {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::from(ip), port)).to_sockaddr()
}

fn open(fixture: &mut Fixture, domain: i32, kind: i32) -> i32 {
    fixture.ok(|call| socket::sock_open(call, domain, kind, 0, OUT));
    fixture.u32(OUT_AT).cast_signed()
}

/// A listener, and where it listens.
fn listener(fixture: &mut Fixture) -> (i32, (u32, u32)) {
    let fd = open(fixture, AF_INET, SOCK_STREAM);
    let (at, length) = fixture.put(ADDRESS, &inet([127, 0, 0, 1], 0));
    fixture.ok(|call| socket::sock_bind(call, fd, at, length));
    fixture.ok(|call| socket::sock_listen(call, fd, 5));
    fixture.ok(|call| socket::sock_name(call, fd, at, 64, OUT));
    assert_eq!(fixture.u32(OUT_AT), 16);
    (fd, (at, 16))
}

#[test]
fn connection_carries_bytes_both_ways() {
    let mut fixture = Fixture::new();
    let (server, (at, length)) = listener(&mut fixture);
    let client = open(&mut fixture, AF_INET, SOCK_STREAM);
    fixture.ok(|call| socket::sock_connect(call, client, at, length));
    fixture.ok(|call| socket::sock_accept4(call, server, 0, OUT));
    let accepted = fixture.u32(OUT_AT).cast_signed();
    fixture.ok(|call| socket::sock_peer(call, accepted, 2100, 64, OUT));
    fixture.ok(|call| socket::sock_name(call, client, 2200, 64, OUT));
    assert_eq!(fixture.memory[2100..2116], fixture.memory[2200..2216]);
    let (buf, length) = fixture.put(BYTES, b"hello");
    fixture.ok(|call| socket::sock_sendto(call, client, buf, length, 0, 0, 0, OUT));
    assert_eq!(fixture.u32(OUT_AT), 5);
    fixture
        .ok(|call| socket::sock_recvfrom(call, accepted, 3100, 64, 0, 0, 0, OUT, OUT + 4, OUT + 8));
    assert_eq!(fixture.u32(OUT_AT + 4), 5);
    assert_eq!(&fixture.memory[3100..3105], b"hello");
    fixture.ok(|call| socket::sock_end(call, client, 1));
    fixture
        .ok(|call| socket::sock_recvfrom(call, accepted, 3100, 64, 0, 0, 0, OUT, OUT + 4, OUT + 8));
    assert_eq!(fixture.u32(OUT_AT + 4), 0, "the end");
    fixture.fails(Errno::EINVAL, |call| socket::sock_end(call, client, 3));
}

#[test]
fn preview_1_uses_sockets_that_were_made() {
    let mut fixture = Fixture::new();
    let (server, (at, length)) = listener(&mut fixture);
    let client = open(&mut fixture, AF_INET, SOCK_STREAM);
    fixture.ok(|call| socket::sock_connect(call, client, at, length));
    fixture.ok(|call| wasi::socket::sock_accept(call, server, 4, OUT));
    let accepted = fixture.u32(OUT_AT).cast_signed();
    assert!(accepted > wasi::ROOT_FD);
    let (vectors, count) = fixture.vectors(BYTES as u32, &[2, 3]);
    fixture.fails(Errno::EAGAIN, |call| {
        wasi::socket::sock_recv(call, accepted, vectors, count, 0, OUT, OUT + 4)
    });
    fixture.put(BYTES, b"hello");
    fixture.ok(|call| wasi::socket::sock_send(call, client, vectors, count, 0, OUT));
    assert_eq!(fixture.u32(OUT_AT), 5);
    fixture.memory[BYTES..BYTES + 5].fill(0);
    for flags in [1, 0] {
        fixture.ok(|call| {
            wasi::socket::sock_recv(call, accepted, vectors, count, flags, OUT, OUT + 4)
        });
        assert_eq!(fixture.u32(OUT_AT), 5);
        assert_eq!(&fixture.memory[BYTES..BYTES + 5], b"hello");
    }
    fixture.ok(|call| wasi::socket::sock_shutdown(call, client, 2));
    fixture.ok(|call| wasi::socket::sock_recv(call, accepted, vectors, count, 0, OUT, OUT + 4));
    assert_eq!(fixture.u32(OUT_AT), 0, "the end");
    fixture.fails(Errno::EINVAL, |call| {
        wasi::socket::sock_shutdown(call, client, 0)
    });
    fixture.fails(Errno::EINVAL, |call| {
        wasi::socket::sock_accept(call, server, 1, OUT)
    });
}

#[test]
fn datagram_that_is_too_long_says_so() {
    let mut fixture = Fixture::new();
    let receiver = open(&mut fixture, AF_INET, SOCK_DGRAM);
    let (at, length) = fixture.put(ADDRESS, &inet([127, 0, 0, 1], 0));
    fixture.ok(|call| socket::sock_bind(call, receiver, at, length));
    fixture.ok(|call| socket::sock_name(call, receiver, at, 64, OUT));
    let sender = open(&mut fixture, AF_INET, SOCK_DGRAM);
    let (buf, size) = fixture.put(BYTES, b"a datagram");
    fixture.ok(|call| socket::sock_sendto(call, sender, buf, size, 0, at, length, OUT));
    fixture.ok(|call| {
        socket::sock_recvfrom(call, receiver, 3100, 4, 0, 3200, 64, OUT, OUT + 4, OUT + 8)
    });
    assert_eq!(
        [OUT_AT, OUT_AT + 4, OUT_AT + 8].map(|at| fixture.u32(at)),
        [16, 4, 0x20],
        "length of the name, bytes, MSG_TRUNC"
    );
    assert_eq!(&fixture.memory[3204..3208], [127, 0, 0, 1]);
}

#[test]
fn outside_of_the_machine_nothing_is_reached() {
    let mut fixture = Fixture::new();
    let fd = open(&mut fixture, AF_INET, SOCK_STREAM);
    let (at, length) = fixture.put(ADDRESS, &inet([192, 0, 2, 1], 80));
    fixture.fails(Errno::EACCES, |call| {
        socket::sock_connect(call, fd, at, length)
    });
    let (at, length) = fixture.put(ADDRESS, &inet([127, 0, 0, 1], 9));
    fixture.fails(Errno::ECONNREFUSED, |call| {
        socket::sock_connect(call, fd, at, length)
    });
    let fd = open(&mut fixture, AF_INET, SOCK_DGRAM);
    let (at, length) = fixture.put(ADDRESS, &inet([192, 0, 2, 1], 53));
    fixture.fails(Errno::EACCES, |call| {
        socket::sock_sendto(call, fd, at, 1, 0, at, length, OUT)
    });
}

#[test]
fn options_are_bytes() {
    let mut fixture = Fixture::new();
    let fd = open(&mut fixture, AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    let (at, _) = fixture.put(BYTES, &1i32.to_le_bytes());
    fixture.ok(|call| socket::sock_setopt(call, fd, SOL_SOCKET, SO_REUSEADDR, at, 4));
    fixture.ok(|call| socket::sock_getopt(call, fd, SOL_SOCKET, SO_REUSEADDR, 3100, 16, OUT));
    assert_eq!((fixture.u32(3100), fixture.u32(OUT_AT)), (1, 4));
    let time = [2i64, 500_000].map(i64::to_le_bytes).concat();
    let (at, length) = fixture.put(BYTES, &time);
    fixture.ok(|call| socket::sock_setopt(call, fd, SOL_SOCKET, SO_RCVTIMEO, at, length));
    fixture.ok(|call| socket::sock_getopt(call, fd, SOL_SOCKET, SO_RCVTIMEO, 3100, 16, OUT));
    assert_eq!(fixture.u32(OUT_AT), 16);
    assert_eq!(fixture.memory[3100..3116], time);
    fixture.fails(Errno::EINVAL, |call| {
        socket::sock_setopt(call, fd, SOL_SOCKET, SO_RCVTIMEO, at, 8)
    });
    fixture.fails(Errno::ENOPROTOOPT, |call| {
        socket::sock_getopt(call, fd, SOL_SOCKET, 999, 3100, 16, OUT)
    });
}

#[test]
fn bad_arguments_are_refused() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| socket::sock_pair(call, AF_UNIX, SOCK_STREAM, 0, OUT));
    let fd = fixture.u32(OUT_AT).cast_signed();
    let far = u32::MAX;
    for (what, told) in [
        (
            "open",
            fixture.call(|call| socket::sock_open(call, AF_INET, 1, 0, far)),
        ),
        (
            "bind",
            fixture.call(|call| socket::sock_bind(call, fd, far, 16)),
        ),
        (
            "connect",
            fixture.call(|call| socket::sock_connect(call, fd, 0, far)),
        ),
        (
            "accept",
            fixture.call(|call| socket::sock_accept4(call, fd, 0, far)),
        ),
        (
            "send",
            fixture.call(|call| socket::sock_sendto(call, fd, 0, far, 0, 0, 0, OUT)),
        ),
        (
            "to",
            fixture.call(|call| socket::sock_sendto(call, fd, 0, 1, 0, far, 16, OUT)),
        ),
        (
            "option",
            fixture.call(|call| socket::sock_setopt(call, fd, 1, 2, far, 4)),
        ),
        (
            "receive",
            fixture.call(|call| socket::sock_recvfrom(call, fd, 0, far, 0, 0, 0, OUT, OUT, OUT)),
        ),
        (
            "from",
            fixture.call(|call| socket::sock_recvfrom(call, fd, 0, 1, 0, far, 16, OUT, OUT, OUT)),
        ),
    ] {
        assert_eq!(told, None, "{what}");
    }
    fixture.fails(Errno::EINVAL, |call| socket::sock_bind(call, fd, 0, 1));
    fixture.fails(Errno::EINVAL, |call| socket::sock_bind(call, fd, 0, 4000));
    fixture.put(ADDRESS, &[99, 0, 0, 0]);
    fixture.fails(Errno::EAFNOSUPPORT, |call| {
        socket::sock_bind(call, fd, ADDRESS as u32, 4)
    });
    fixture.fails(Errno::EBADF, |call| socket::sock_listen(call, 99, 1));
    fixture.fails(Errno::EAFNOSUPPORT, |call| {
        socket::sock_open(call, 17, 1, 0, OUT)
    });
}
