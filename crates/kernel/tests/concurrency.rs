//! Many threads on one kernel: nothing deadlocks, nothing leaks, invariants hold.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of the test's own are small"
)]

mod common;
use common::*;
use secure_exec_kernel::abi::socket::{AF_INET, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET};
use secure_exec_kernel::*;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

const THREADS: usize = 8;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn path(&mut self) -> Vec<u8> {
        let names = ["a", "b", "c"];
        let depth = 1 + self.below(3);
        let parts: Vec<&str> = (0..depth).map(|_| names[self.below(3) as usize]).collect();
        format!("/workspace/{}", parts.join("/")).into_bytes()
    }
}

/// One random operation; its result is not looked at, as other threads may be in its way.
fn disturb(random: &mut Random, guest: &Process) {
    let (path, other) = (random.path(), random.path());
    let create = OpenFlags::O_RDWR | OpenFlags::O_CREAT;
    match random.below(14) {
        0 | 1 => drop(guest.mkdir(&path, 0o755)),
        2 => drop(guest.rmdir(&path)),
        3 => drop(guest.unlink(&path)),
        4..=6 => drop(guest.rename(&path, &other)),
        7 => drop(guest.renameat2(
            AT_FDCWD,
            &path,
            AT_FDCWD,
            &other,
            RenameFlags::RENAME_EXCHANGE,
        )),
        8 => drop(guest.link(&path, &other)),
        9 => drop(guest.symlink(&other, &path)),
        10 => drop(guest.read_dir(&path)),
        11 => drop(guest.stat(&path)),
        _ => {
            if let Ok(fd) = guest.open(&path, create, 0o644) {
                let _ = guest.write(fd, &[1; 5000]);
                drop(guest.getcwd());
                guest.close(fd).unwrap();
            }
        }
    }
}

fn remove_all(guest: &Process, path: &[u8]) {
    for entry in guest.read_dir(path).unwrap() {
        let child = [path, b"/", &entry.name].concat();
        if entry.kind == FileKind::Directory {
            remove_all(guest, &child);
            guest.rmdir(&child).unwrap();
        } else {
            guest.unlink(&child).unwrap();
        }
    }
}

#[test]
fn threads_that_change_one_tree_leave_it_consistent() {
    let machine = machine();
    let guests: Vec<_> = (0..THREADS).map(|_| machine.guest()).collect();
    let before = machine.kernel.resource_counts();
    let watcher = machine.guest();
    let inotify = watcher.inotify_init1(OpenFlags::empty()).unwrap();
    watcher
        .inotify_add_watch(inotify, b"/workspace", InotifyMask::IN_ALL_EVENTS)
        .unwrap();
    std::thread::scope(|scope| {
        for (seed, guest) in guests.iter().enumerate() {
            scope.spawn(move || {
                let mut random = Random(seed as u64);
                for _ in 0..3_000 {
                    disturb(&mut random, guest);
                }
            });
        }
        for _ in 0..20 {
            machine.kernel.export_filesystem();
        }
    });
    watcher.exit(0);
    remove_all(&guests[0], b"/workspace");
    assert_eq!(guests[0].stat(b"/workspace").unwrap().nlink, 2);
    assert_eq!(machine.kernel.resource_counts(), before);
}

#[test]
fn concurrent_appends_lose_nothing() {
    let machine = machine();
    let guests: Vec<_> = (0..THREADS).map(|_| machine.guest()).collect();
    std::thread::scope(|scope| {
        for (number, guest) in guests.iter().enumerate() {
            scope.spawn(move || {
                let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_APPEND;
                let fd = guest.open(b"/tmp/log", flags, 0o666).unwrap();
                for _ in 0..500 {
                    assert_eq!(guest.write(fd, &[b'0' + number as u8; 100]), Ok(100));
                }
            });
        }
    });
    let contents = read_file(&guests[0], "/tmp/log");
    assert_eq!(contents.len(), THREADS * 500 * 100);
    for record in contents.chunks(100) {
        assert!(record.iter().all(|byte| *byte == record[0]));
    }
}

#[test]
fn pipe_between_threads_carries_every_byte_in_order() {
    struct Parked(std::thread::Thread);
    impl std::task::Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn block<T>(mut poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<T>) -> T {
        let waker = Arc::new(Parked(std::thread::current())).into();
        let mut cx = std::task::Context::from_waker(&waker);
        loop {
            match poll(&mut cx) {
                std::task::Poll::Ready(value) => return value,
                std::task::Poll::Pending => std::thread::park(),
            }
        }
    }
    let machine = machine();
    let (read, write) = machine.kernel.pipe().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut random = Random(1);
            let mut next = 0u64;
            while next < 4_000_000 {
                let len = 1 + random.below(100_000);
                let bytes: Vec<u8> = (next..next + len)
                    .map(|position| (position % 251) as u8)
                    .collect();
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let count = block(|cx| write.poll_write(rest, cx)).unwrap();
                    rest = &rest[count..];
                }
                next += len;
            }
        });
        let mut random = Random(2);
        let mut next = 0u64;
        loop {
            let mut buf = vec![0; 1 + random.below(100_000) as usize];
            let count = block(|cx| read.poll_read(&mut buf, cx)).unwrap();
            if count == 0 {
                break;
            }
            for byte in &buf[..count] {
                assert_eq!(*byte, (next % 251) as u8);
                next += 1;
            }
        }
        assert!(next >= 4_000_000);
    });
}

#[test]
fn processes_started_and_killed_from_many_threads_all_go() {
    let machine = machine_with(Limits {
        max_processes: 500,
        ..Limits::default()
    });
    let before = machine.kernel.resource_counts();
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            let kernel = machine.kernel.clone();
            scope.spawn(move || {
                let mut random = Random(seed as u64);
                for _ in 0..300 {
                    let parent = kernel.spawn(command()).unwrap();
                    let child = parent.posix_spawn(command()).unwrap();
                    let _ = parent.pipe2(OpenFlags::empty());
                    match random.below(4) {
                        0 => drop(kernel.init().kill(child.raw(), Signal::SIGKILL)),
                        1 => drop(kernel.init().kill(-parent.pgid().raw(), Signal::SIGCONT)),
                        2 => drop(kernel.processes()),
                        _ => drop(poll(|cx| parent.poll_wait4(-1, WaitFlags::WNOHANG, cx))),
                    }
                    drop(parent.read_dir(b"/proc"));
                    parent.exit(0);
                    let _ = kernel.init().kill(child.raw(), Signal::SIGTERM);
                }
            });
        }
    });
    assert_eq!(machine.kernel.resource_counts(), before);
}

fn loopback(port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// Repeats a call that would block.
fn insist<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::EAGAIN) => std::thread::yield_now(),
            done => return done,
        }
    }
}

#[test]
fn connections_of_many_threads_all_come_about() {
    const EACH: usize = 300;
    let machine = machine_with(Limits {
        max_open_fds: 4096,
        ..Limits::default()
    });
    let server = machine.guest();
    let listener = server.socket(AF_INET, SOCK_STREAM, 0).unwrap();
    server.bind(listener, &loopback(80)).unwrap();
    server.listen(listener, 0).unwrap();
    let connect = |client: &Process| {
        for _ in 0..EACH {
            let socket = client.socket(AF_INET, SOCK_STREAM, 0).unwrap();
            match client.connect(socket, &loopback(80)) {
                Ok(()) => {}
                Err(errno) => {
                    assert_eq!(errno, Errno::EINPROGRESS);
                    let connected = insist(|| {
                        client.connect(socket, &loopback(80)).map_err(|errno| {
                            assert_eq!(errno, Errno::EALREADY);
                            Errno::EAGAIN
                        })
                    });
                    assert_eq!(connected, Ok(()));
                }
            }
            assert_eq!(client.write(socket, b"hello"), Ok(5));
            client.close(socket).unwrap();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| connect(&machine.guest()));
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..THREADS * EACH / 2 {
                    let accepted = insist(|| server.accept4(listener, 0)).unwrap();
                    let mut buf = [0; 16];
                    assert_eq!(insist(|| server.read(accepted, &mut buf)), Ok(5));
                    assert_eq!(insist(|| server.read(accepted, &mut buf)), Ok(0));
                    server.close(accepted).unwrap();
                }
            });
        }
    });
    server.exit(0);
    let counts = machine.kernel.resource_counts();
    assert_eq!(
        (counts.connections, counts.listeners, counts.buffered_bytes),
        (0, 0, 0)
    );
}

/// One random operation on a socket that other threads use as well.
fn disturb_socket(random: &mut Random, guest: &Process, sockets: &[Fd]) {
    let socket = sockets[random.below(sockets.len() as u64) as usize];
    let to = loopback(80 + random.below(2) as u16);
    let mut buf = [0; 64];
    match random.below(10) {
        0 => drop(guest.bind(socket, &to)),
        1 => drop(guest.listen(socket, random.below(2) as i32)),
        2 | 3 => drop(guest.connect(socket, &to)),
        4 => drop(guest.connect(socket, &SocketAddress::Unspecified)),
        5 => {
            if let Ok(accepted) = guest.accept4(socket, 0) {
                guest.close(accepted).unwrap();
            }
        }
        6 => drop(guest.write(socket, b"hello")),
        7 => drop(guest.read(socket, &mut buf)),
        8 => drop(guest.shutdown(socket, net::Shutdown::Both)),
        _ => drop(text(guest, "/proc/net/tcp")),
    }
}

#[test]
fn threads_that_use_the_same_sockets_leave_nothing_behind() {
    let machine = machine_with(Limits {
        max_open_fds: 1024,
        ..Limits::default()
    });
    let guest = machine.guest();
    guest
        .sigaction(Signal::SIGPIPE, Disposition::Ignore)
        .unwrap();
    let sockets: Vec<Fd> = (0..8)
        .map(|index| {
            let kind = if index < 6 { SOCK_STREAM } else { SOCK_DGRAM };
            let socket = guest.socket(AF_INET, kind, 0).unwrap();
            let on = OptionValue::Int(1);
            guest
                .setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, on)
                .unwrap();
            socket
        })
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (guest, sockets) = (&guest, &sockets);
            scope.spawn(move || {
                let mut random = Random(thread as u64);
                for _ in 0..3_000 {
                    disturb_socket(&mut random, guest, sockets);
                }
            });
        }
    });
    guest.exit(0);
    let counts = machine.kernel.resource_counts();
    assert_eq!(
        (counts.sockets, counts.connections, counts.listeners),
        (0, 0, 0)
    );
    assert_eq!(counts.buffered_bytes, 0);
}
