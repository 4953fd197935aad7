//! `SO_RCVTIMEO` and `SO_SNDTIMEO`: the same calls on host Linux, over its loopback, and in the kernel.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "the host's waits are measured by the host's clock"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of the test's own are small"
)]

mod common;
use common::*;
use secure_exec_kernel::abi::socket::{
    AF_INET, AF_UNIX, SO_RCVTIMEO, SO_SNDTIMEO, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::*;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

type Outcome<T> = std::result::Result<T, i32>;

/// What a call gave: a count or an error, and whether it waited for at least the limit.
type Told = (Outcome<usize>, bool);

/// Both sides of the comparison.
trait Side {
    fn socket(&mut self, domain: i32, kind: i32) -> i32;
    fn bind_and_listen(&mut self, fd: i32);
    fn pair(&mut self) -> (i32, i32);
    fn set(&mut self, fd: i32, name: i32, time: (i64, i64)) -> Outcome<()>;
    fn get(&mut self, fd: i32, name: i32) -> (i64, i64);
    fn receive(&mut self, fd: i32) -> Told;
    fn accept(&mut self, fd: i32) -> Told;
    /// Sends until it fails.
    fn fill(&mut self, fd: i32) -> Told;
    fn give(&mut self, fd: i32);
}

/// The limit of the waits.
const LIMIT: (i64, i64) = (0, 40_000);
const LIMIT_TIME: Duration = Duration::from_millis(40);

struct Host;

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

fn count(result: isize) -> Outcome<usize> {
    usize::try_from(result).map_err(|_| errno())
}

fn timed(run: impl FnOnce() -> Outcome<usize>) -> Told {
    let start = Instant::now();
    let result = run();
    (result, start.elapsed() >= LIMIT_TIME)
}

impl Side for Host {
    fn socket(&mut self, domain: i32, kind: i32) -> i32 {
        // SAFETY: no pointers.
        unsafe { libc::socket(domain, kind, 0) }
    }

    fn bind_and_listen(&mut self, fd: i32) {
        let address = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).to_sockaddr();
        // SAFETY: the address is as long as said.
        let bound = unsafe { libc::bind(fd, address.as_ptr().cast(), address.len() as u32) };
        assert_eq!(bound, 0);
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::listen(fd, 1) }, 0);
    }

    fn pair(&mut self) -> (i32, i32) {
        let mut fds = [0; 2];
        // SAFETY: room for two descriptors.
        let made = unsafe { libc::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.as_mut_ptr()) };
        assert_eq!(made, 0);
        (fds[0], fds[1])
    }

    fn set(&mut self, fd: i32, name: i32, (tv_sec, tv_usec): (i64, i64)) -> Outcome<()> {
        let time = libc::timeval { tv_sec, tv_usec };
        let pointer = (&raw const time).cast();
        // SAFETY: the option is as long as said.
        let set = unsafe { libc::setsockopt(fd, SOL_SOCKET, name, pointer, 16) };
        if set == 0 { Ok(()) } else { Err(errno()) }
    }

    fn get(&mut self, fd: i32, name: i32) -> (i64, i64) {
        let mut time = libc::timeval {
            tv_sec: -1,
            tv_usec: -1,
        };
        let mut length = 16;
        let pointer = (&raw mut time).cast();
        // SAFETY: room for the option, as long as said.
        let got = unsafe { libc::getsockopt(fd, SOL_SOCKET, name, pointer, &raw mut length) };
        assert_eq!((got, length), (0, 16));
        (time.tv_sec, time.tv_usec)
    }

    fn receive(&mut self, fd: i32) -> Told {
        let mut buf = [0u8; 16];
        // SAFETY: room for the bytes, as many as said.
        timed(|| count(unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), 0) }))
    }

    fn accept(&mut self, fd: i32) -> Told {
        // SAFETY: null pointers ask for no address.
        let accept = || unsafe { libc::accept(fd, std::ptr::null_mut(), std::ptr::null_mut()) };
        timed(|| count(accept() as isize))
    }

    fn fill(&mut self, fd: i32) -> Told {
        let bytes = vec![0u8; 1 << 20];
        loop {
            // SAFETY: the bytes are as many as said.
            let told =
                timed(|| count(unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), 0) }));
            if told.0.is_err() {
                return told;
            }
        }
    }

    fn give(&mut self, fd: i32) {
        // SAFETY: one byte.
        assert_eq!(unsafe { libc::send(fd, b"x".as_ptr().cast(), 1, 0) }, 1);
    }
}

struct Guest {
    process: Arc<Process>,
    clock: Arc<VirtualClock>,
}

impl Guest {
    /// Polls a call; where it waits, the clock moves on to the limit.
    fn timed<T>(
        &self,
        mut run: impl FnMut(&mut Context<'_>) -> Poll<Result<T>>,
    ) -> (Result<T>, bool) {
        let (wakes, waker) = waker();
        let mut cx = Context::from_waker(&waker);
        if let Poll::Ready(result) = run(&mut cx) {
            return (result, false);
        }
        self.clock.advance(39_000_000);
        assert!(run(&mut cx).is_pending(), "before the limit");
        self.clock.advance(5_000_000);
        assert!(wakes.count() > 0, "the clock wakes it");
        match run(&mut cx) {
            Poll::Ready(result) => (result, true),
            Poll::Pending => panic!("still waits"),
        }
    }
}

fn raw<T>((result, waited): (Result<T>, bool), count: impl FnOnce(T) -> usize) -> Told {
    (result.map(count).map_err(Errno::raw), waited)
}

impl Side for Guest {
    fn socket(&mut self, domain: i32, kind: i32) -> i32 {
        self.process.socket(domain, kind, 0).unwrap()
    }

    fn bind_and_listen(&mut self, fd: i32) {
        let address = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        self.process.bind(fd, &address).unwrap();
        self.process.listen(fd, 1).unwrap();
    }

    fn pair(&mut self) -> (i32, i32) {
        self.process.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap()
    }

    fn set(&mut self, fd: i32, name: i32, (seconds, microseconds): (i64, i64)) -> Outcome<()> {
        let time = Timeval {
            seconds,
            microseconds,
        };
        let set = self
            .process
            .setsockopt(fd, SOL_SOCKET, name, OptionValue::Time(time));
        set.map_err(Errno::raw)
    }

    fn get(&mut self, fd: i32, name: i32) -> (i64, i64) {
        match self.process.getsockopt(fd, SOL_SOCKET, name).unwrap() {
            OptionValue::Time(time) => (time.seconds, time.microseconds),
            other => panic!("{other:?}"),
        }
    }

    fn receive(&mut self, fd: i32) -> Told {
        let (mut wait, mut buf) = (SocketWait::default(), [0; 16]);
        let told = self.timed(|cx| {
            self.process
                .poll_recvfrom(&mut wait, fd, &mut buf, MsgFlags::empty(), cx)
        });
        raw(told, |(count, ..)| count)
    }

    fn accept(&mut self, fd: i32) -> Told {
        let mut wait = SocketWait::default();
        let told = self.timed(|cx| self.process.poll_accept4(&mut wait, fd, 0, cx));
        raw(told, |fd| fd as usize)
    }

    fn fill(&mut self, fd: i32) -> Told {
        let bytes = vec![0; 1 << 20];
        loop {
            let mut wait = SocketWait::default();
            let told = self.timed(|cx| {
                self.process
                    .poll_sendto(&mut wait, fd, &bytes, MsgFlags::empty(), None, cx)
            });
            if told.0.is_err() {
                return raw(told, |count| count);
            }
        }
    }

    fn give(&mut self, fd: i32) {
        assert_eq!(self.process.write(fd, b"x"), Ok(1));
    }
}

/// Everything that is compared, line by line.
fn program(side: &mut dyn Side) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |line: String| lines.push(line);
    let (one, other) = side.pair();
    for name in [SO_RCVTIMEO, SO_SNDTIMEO] {
        say(format!("{name} at first {:?}", side.get(one, name)));
        for time in [
            (0, 40_000),
            (7, 0),
            (0, 0),
            (0, -1),
            (0, 1_000_000),
            (-1, 0),
        ] {
            say(format!("{name} {time:?} {:?}", side.set(one, name, time)));
            say(format!("{name} {:?}", side.get(one, name)));
        }
    }
    say(format!("no time at all {:?}", side.receive(one)));
    say(format!("{:?}", side.set(one, SO_RCVTIMEO, LIMIT)));
    say(format!("receive {:?}", side.receive(one)));
    side.give(other);
    say(format!("with a byte {:?}", side.receive(one)));
    say(format!("{:?}", side.set(one, SO_SNDTIMEO, LIMIT)));
    say(format!("send {:?}", side.fill(one)));
    let listener = side.socket(AF_INET, SOCK_STREAM);
    side.bind_and_listen(listener);
    say(format!("{:?}", side.set(listener, SO_RCVTIMEO, LIMIT)));
    say(format!("accept {:?}", side.accept(listener)));
    let datagrams = side.socket(AF_INET, SOCK_DGRAM);
    say(format!("{:?}", side.set(datagrams, SO_RCVTIMEO, LIMIT)));
    say(format!("datagram {:?}", side.receive(datagrams)));
    let at_once = side.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
    say(format!("{:?}", side.set(at_once, SO_RCVTIMEO, LIMIT)));
    say(format!("without blocking {:?}", side.receive(at_once)));
    lines
}

#[test]
fn waits_end_as_on_linux() {
    let machine = machine();
    let mut guest = Guest {
        process: machine.guest(),
        clock: machine.clock.clone(),
    };
    let host = program(&mut Host);
    let guest = program(&mut guest);
    assert_eq!(guest, host);
}

#[test]
fn connection_inherits_the_limits_of_its_listener() {
    let machine = machine();
    let guest = machine.guest();
    let listener = guest.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    let any = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    guest.bind(listener, &any).unwrap();
    guest.listen(listener, 1).unwrap();
    let time = OptionValue::Time(Timeval {
        seconds: 1,
        microseconds: 0,
    });
    guest
        .setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, time)
        .unwrap();
    let client = guest.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    let name = guest.getsockname(listener).unwrap();
    let mut wait = SocketWait::default();
    assert_eq!(
        ready(poll(|cx| guest.poll_connect(&mut wait, client, &name, cx))),
        Ok(())
    );
    let mut wait = SocketWait::default();
    let accepted = ready(poll(|cx| guest.poll_accept4(&mut wait, listener, 0, cx))).unwrap();
    assert_eq!(
        guest.getsockopt(accepted, SOL_SOCKET, SO_RCVTIMEO),
        Ok(time)
    );
}

#[test]
fn many_waits_leave_few_alarms() {
    let machine = machine();
    let guest = machine.guest();
    let (one, other) = guest.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    let time = OptionValue::Time(Timeval {
        seconds: 1 << 40,
        microseconds: 0,
    });
    guest
        .setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, time)
        .unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 1];
    for _ in 0..100 {
        let mut wait = SocketWait::default();
        let none = MsgFlags::empty();
        assert!(
            guest
                .poll_recvfrom(&mut wait, one, &mut buf, none, &mut cx)
                .is_pending()
        );
        guest.write(other, b"x").unwrap();
        let got = ready(guest.poll_recvfrom(&mut wait, one, &mut buf, none, &mut cx));
        assert_eq!(got.unwrap().0, 1);
    }
    let before = wakes.count();
    machine.clock.advance(2_000_000_000);
    assert!(wakes.count() <= before + 1, "one alarm rings");
}
