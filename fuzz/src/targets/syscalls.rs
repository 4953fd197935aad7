//! Sequences of system calls by several guests of a kernel with tight limits.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use secure_exec_kernel::abi::socket::{
    AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::net::Shutdown;
use secure_exec_kernel::{
    AT_FDCWD, AtFlags, Disposition, Errno, FdFlags, InotifyMask, Kernel, MsgFlags, OpenFlags,
    OptionValue, PollEvents, Process, RenameFlags, ResourceCounts, SendMessage, SetTime, Signal,
    SocketAddress, SpawnOptions, Timespec, UnixAddress, VirtualClock, WaitFlags, Winsize,
};

use super::machine::{boot, command, tight_limits};
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "syscalls",
    about: "system calls of several guests: no panic, every limit holds, all is given back at the end",
    longest: 1500,
    most_cpu: Duration::from_secs(2),
    run,
};

const PATHS: &[&str] = &[
    "a",
    "b",
    "d",
    "d/a",
    "d/b",
    "d/e",
    "l",
    "l/a",
    "s",
    "p",
    ".",
    "..",
    "/tmp/x",
    "/tmp",
    "/",
    "",
    "a/",
    "d/..",
    "/dev/ptmx",
    "/dev/tty",
    "/dev/null",
    "/dev/zero",
    "/dev/pts/0",
    "/dev/fd/1",
    "/proc/self/fd/3",
    "/proc/self/status",
    "/proc/self",
    "/proc/1/environ",
    "/proc/self/fd",
    "/home/user",
    "/usr/bin/true",
    "/etc/passwd",
    "../../..",
];

/// The guests, and what they have made.
struct World {
    kernel: Arc<Kernel>,
    clock: Arc<VirtualClock>,
    guests: Vec<Arc<Process>>,
}

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let (kernel, clock) = boot(tight_limits())?;
    let fresh = kernel.resource_counts();
    let first = kernel
        .spawn(command())
        .map_err(|errno| format!("no guest: {errno:?}"))?;
    let mut world = World {
        kernel,
        clock,
        guests: vec![first],
    };
    while !input.is_spent() {
        world.step(input);
        within_limits(&world.kernel)?;
    }
    let World { kernel, guests, .. } = world;
    let after = empty(&kernel, guests);
    if after != fresh {
        return Err(format!(
            "not everything is given back: {after:?} instead of {fresh:?}"
        ));
    }
    Ok(())
}

fn within_limits(kernel: &Kernel) -> Result<(), String> {
    let (counts, limits) = (kernel.resource_counts(), kernel.limits());
    let pairs = [
        ("processes", counts.processes, limits.max_processes),
        ("pipes", counts.pipes, limits.max_pipes),
        ("sockets", counts.sockets, limits.max_sockets),
        ("ptys", counts.ptys, limits.max_ptys),
        (
            "inotify",
            counts.inotify_instances,
            limits.max_inotify_instances,
        ),
        (
            "fds",
            counts.fds,
            (limits.max_processes + 1) * limits.max_open_fds,
        ),
    ];
    for (name, held, most) in pairs {
        if held > most {
            return Err(format!("over the limit of {name}: {held} of {most}"));
        }
    }
    if counts.inodes > limits.max_inodes || counts.filesystem_bytes > limits.max_filesystem_bytes {
        return Err(format!("over a limit of the filesystem: {counts:?}"));
    }
    Ok(())
}

/// What is held when every guest has ended and every file of theirs is gone.
fn empty(kernel: &Arc<Kernel>, guests: Vec<Arc<Process>>) -> ResourceCounts {
    for guest in &guests {
        guest.exit(0);
    }
    drop(guests);
    let agent = kernel.file_agent();
    for dir in ["/home/user", "/tmp"] {
        for entry in agent.read_dir(dir.as_bytes()).unwrap_or_default() {
            if entry.name != b"." && entry.name != b".." {
                let _ = agent.remove_tree(&[dir.as_bytes(), b"/", entry.name.as_slice()].concat());
            }
        }
    }
    kernel.resource_counts()
}

/// What an operation came to, for people.
fn told<T: core::fmt::Debug>(result: Result<T, Errno>) -> String {
    format!("{result:?}")
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) {
        let at = input.below(self.guests.len());
        let Some(guest) = self.guests.get(at).cloned() else {
            return;
        };
        let (name, result) = match input.below(8) {
            0 | 1 => files(input, &guest),
            2 => names(input, &guest),
            3 | 4 => descriptors(input, &guest),
            5 => channels(input, &guest),
            6 => attributes(input, &guest),
            _ => self.processes(input, &guest),
        };
        input.note(|| format!("{at}: {name} = {result}"));
    }

    fn processes(&mut self, input: &mut Input<'_>, guest: &Arc<Process>) -> (&'static str, String) {
        let noop = &mut Context::from_waker(Waker::noop());
        match input.below(12) {
            0 => {
                let options = SpawnOptions {
                    setsid: input.once_in(3),
                    pgid: input.once_in(3).then_some(0),
                    cwd: input.once_in(3).then(|| path(input)),
                    ..command()
                };
                let spawned = guest.posix_spawn(options);
                self.guests
                    .extend(spawned.ok().and_then(|pid| self.kernel.process(pid)));
                ("posix_spawn", told(spawned))
            }
            1 => {
                let forked = guest.fork(|_| Ok(()));
                self.guests
                    .extend(forked.ok().and_then(|pid| self.kernel.process(pid)));
                ("fork", told(forked))
            }
            2 => {
                guest.exit(input.int());
                if self.guests.iter().all(|guest| !guest.is_alive()) {
                    self.guests.extend(self.kernel.spawn(command()));
                }
                ("exit", String::new())
            }
            3 => {
                let pid = if input.once_in(2) { -1 } else { input.int() };
                let flags = WaitFlags::from_bits_retain(input.int() & 15 | 1);
                ("wait4", format!("{:?}", guest.poll_wait4(pid, flags, noop)))
            }
            4 => {
                let signal = input.pick_of(Signal::ALL);
                let pid =
                    input.pick_of(&[0, -1, 1, guest.pid().raw(), guest.pid().raw() + 1, i32::MIN]);
                (
                    "kill",
                    format!("{pid} {signal:?} {}", told(guest.kill(pid, signal))),
                )
            }
            5 => {
                let signal = input.pick_of(Signal::ALL);
                let disposition = input.pick_of(&[
                    Disposition::Default,
                    Disposition::Ignore,
                    Disposition::Handle,
                ]);
                ("sigaction", told(guest.sigaction(signal, disposition)))
            }
            6 => ("take_signal", format!("{:?}", guest.take_signal())),
            7 => ("setsid", told(guest.setsid())),
            8 => ("setpgid", told(guest.setpgid(input.int(), input.int()))),
            9 => {
                let nanoseconds = input.unsigned() >> 20;
                self.clock.advance(nanoseconds);
                ("time passes", nanoseconds.to_string())
            }
            10 => {
                let file = path(input);
                let argv = vec![b"x".to_vec(); input.below(3)];
                (
                    "execve",
                    told(guest.execve(&file, argv, Vec::new()).map(drop)),
                )
            }
            _ => ("umask", format!("{:o}", guest.umask(input.word()))),
        }
    }
}

fn path(input: &mut Input<'_>) -> Vec<u8> {
    if input.once_in(24) {
        return input.bytes(300);
    }
    input.pick(PATHS).as_bytes().to_vec()
}

fn fd(input: &mut Input<'_>) -> i32 {
    if input.once_in(12) {
        return input.int();
    }
    i32::try_from(input.below(9)).unwrap_or(0)
}

fn dirfd(input: &mut Input<'_>) -> i32 {
    if input.once_in(3) {
        fd(input)
    } else {
        AT_FDCWD
    }
}

fn files(input: &mut Input<'_>, guest: &Process) -> (&'static str, String) {
    let mut buffer = vec![0; input.pick_of(&[0, 1, 100, 5000])];
    match input.below(10) {
        0..=2 => {
            let flags = if input.once_in(6) {
                input.int()
            } else {
                input.pick_of(&[
                    0,
                    1,
                    2,
                    0o101,
                    0o102,
                    0o1102,
                    0o2102,
                    0o300,
                    0o200_000,
                    0o10_000_000,
                    0o20_200_002,
                ])
            };
            let flags = OpenFlags::from_bits_retain(flags) | OpenFlags::O_NONBLOCK;
            let (at, name) = (dirfd(input), path(input));
            (
                "openat",
                format!(
                    "{:?} {}",
                    String::from_utf8_lossy(&name),
                    told(guest.openat(at, &name, flags, input.word()))
                ),
            )
        }
        3 => ("read", told(guest.read(fd(input), &mut buffer))),
        4 => ("write", told(guest.write(fd(input), &buffer))),
        5 => (
            "pread",
            told(guest.pread(fd(input), &mut buffer, input.unsigned())),
        ),
        6 => (
            "pwrite",
            told(guest.pwrite(fd(input), &buffer, input.unsigned())),
        ),
        7 => (
            "lseek",
            told(guest.lseek(fd(input), input.number(), input.int())),
        ),
        8 => (
            "ftruncate",
            told(guest.ftruncate(fd(input), input.unsigned())),
        ),
        _ => {
            let offsets = [(); 2].map(|()| input.once_in(2).then(|| input.unsigned()));
            let length = input.unsigned() as usize;
            (
                "copy_file_range",
                told(guest.copy_file_range(fd(input), offsets[0], fd(input), offsets[1], length)),
            )
        }
    }
}

fn names(input: &mut Input<'_>, guest: &Process) -> (&'static str, String) {
    let (at, name) = (dirfd(input), path(input));
    match input.below(12) {
        0 | 1 => ("mkdirat", told(guest.mkdirat(at, &name, input.word()))),
        2 => {
            let mode = input.pick_of(&[0o10_644, 0o100_644, 0o140_644, 0o20_644, 0o40_755, 0]);
            ("mknodat", told(guest.mknodat(at, &name, mode)))
        }
        3 => (
            "unlinkat",
            told(guest.unlinkat(
                at,
                &name,
                AtFlags::from_bits_retain(input.pick_of(&[0, 0x200, 0x400])),
            )),
        ),
        4 => ("remove_tree", told(guest.remove_tree(&name))),
        5 | 6 => {
            let flags = RenameFlags::from_bits_retain(input.pick_of(&[0, 0, 1, 2, 3, 4]));
            (
                "renameat2",
                told(guest.renameat2(at, &name, dirfd(input), &path(input), flags)),
            )
        }
        7 => {
            let flags = AtFlags::from_bits_retain(input.pick_of(&[0, 0x400, 0x1000]));
            (
                "linkat",
                told(guest.linkat(at, &name, dirfd(input), &path(input), flags)),
            )
        }
        8 => ("symlinkat", told(guest.symlinkat(&path(input), at, &name))),
        9 => ("chdir", told(guest.chdir(&name))),
        10 => ("truncate", told(guest.truncate(&name, input.unsigned()))),
        _ => ("realpath", told(guest.realpath(&name))),
    }
}

fn descriptors(input: &mut Input<'_>, guest: &Process) -> (&'static str, String) {
    let noop = &mut Context::from_waker(Waker::noop());
    match input.below(12) {
        0..=2 => ("close", told(guest.close(fd(input)))),
        3 => ("dup", told(guest.dup(fd(input)))),
        4 => ("dup2", told(guest.dup2(fd(input), fd(input)))),
        5 => (
            "dup_from",
            told(guest.dup_from(fd(input), fd(input), input.once_in(2))),
        ),
        6 => (
            "set_fd_flags",
            told(guest.set_fd_flags(fd(input), FdFlags::from_bits_retain(input.int()))),
        ),
        7 => (
            "set_status_flags",
            told(guest.set_status_flags(
                fd(input),
                OpenFlags::from_bits_retain(input.int()) | OpenFlags::O_NONBLOCK,
            )),
        ),
        8 => (
            "getdents",
            told(
                guest
                    .getdents_from(fd(input), input.unsigned(), input.below(1000))
                    .map(|list| list.len()),
            ),
        ),
        9 => ("fchdir", told(guest.fchdir(fd(input)))),
        10 => {
            let events = PollEvents::from_bits_retain(input.int() as i16);
            (
                "poll",
                format!("{:?}", guest.poll_ready(fd(input), events, noop)),
            )
        }
        _ => ("getcwd", told(guest.getcwd())),
    }
}

fn socket_address(input: &mut Input<'_>) -> SocketAddress {
    match input.below(6) {
        0 => SocketAddress::Unspecified,
        1 => SocketAddress::Unix(UnixAddress::Unnamed),
        2 | 3 => SocketAddress::Unix(UnixAddress::Abstract(vec![b'a' + input.below(4) as u8])),
        _ => SocketAddress::path(&path(input)),
    }
}

fn sockets(input: &mut Input<'_>, guest: &Process) -> (&'static str, String) {
    let kind = input.pick_of(&[SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET]) | SOCK_NONBLOCK;
    match input.below(10) {
        0 => ("socketpair", told(guest.socketpair(AF_UNIX, kind, 0))),
        1 | 2 => (
            "socket",
            told(guest.socket(AF_UNIX, kind, input.below(2) as i32)),
        ),
        3 => ("bind", told(guest.bind(fd(input), &socket_address(input)))),
        4 => ("listen", told(guest.listen(fd(input), input.int()))),
        5 => ("accept4", told(guest.accept4(fd(input), SOCK_NONBLOCK))),
        6 => (
            "connect",
            told(guest.connect(fd(input), &socket_address(input))),
        ),
        7 => (
            "getsockopt",
            told(guest.getsockopt(fd(input), SOL_SOCKET, input.below(40) as i32)),
        ),
        8 => {
            let value = OptionValue::Int(input.int());
            let name = input.below(40) as i32;
            (
                "setsockopt",
                told(guest.setsockopt(fd(input), SOL_SOCKET, name, value)),
            )
        }
        _ => ("getpeername", told(guest.getpeername(fd(input)))),
    }
}

fn messages(input: &mut Input<'_>, guest: &Process) -> (&'static str, String) {
    let flags = MsgFlags::from_bits_retain(input.word() as i32 & 0xffff);
    match input.below(4) {
        0 => {
            let to = input.once_in(2).then(|| socket_address(input));
            let sent = guest.sendto(fd(input), b"message", flags, to.as_ref());
            ("sendto", told(sent))
        }
        1 => {
            let rights = [fd(input), fd(input)];
            let message = SendMessage {
                bufs: &[b"mes", b"sage"],
                to: None,
                rights: &rights,
            };
            ("sendmsg", told(guest.sendmsg(fd(input), &message, flags)))
        }
        2 => {
            let mut buf = [0; 16];
            ("recvfrom", told(guest.recvfrom(fd(input), &mut buf, flags)))
        }
        _ => {
            let (mut one, mut two) = ([0; 2], [0; 8]);
            let received = guest.recvmsg(fd(input), &mut [&mut one, &mut two], flags);
            ("recvmsg", told(received))
        }
    }
}

fn channels(input: &mut Input<'_>, guest: &Process) -> (&'static str, String) {
    let flags =
        OpenFlags::from_bits_retain(input.pick_of(&[0, 0o2_000_000])) | OpenFlags::O_NONBLOCK;
    match input.below(17) {
        0 | 1 => ("pipe2", told(guest.pipe2(flags))),
        2..=5 | 15 => sockets(input, guest),
        8 => {
            let how = input.pick_of(&[Shutdown::Read, Shutdown::Write, Shutdown::Both]);
            ("shutdown", told(guest.shutdown(fd(input), how)))
        }
        6 | 7 => messages(input, guest),
        9 => ("inotify_init1", told(guest.inotify_init1(flags))),
        10 => {
            let mask = InotifyMask::from_bits_retain(input.word());
            (
                "inotify_add_watch",
                told(guest.inotify_add_watch(fd(input), &path(input), mask)),
            )
        }
        11 => (
            "inotify_rm_watch",
            told(guest.inotify_rm_watch(fd(input), input.int())),
        ),
        12 => (
            "read_inotify",
            told(guest.read_inotify(fd(input)).map(|list| list.len())),
        ),
        13 => ("unlockpt", told(guest.unlockpt(fd(input)))),
        14 => ("tiocsctty", told(guest.tiocsctty(fd(input)))),
        _ => {
            let size = Winsize {
                rows: input.word() as u16,
                cols: input.word() as u16,
                ..Winsize::default()
            };
            ("tiocswinsz", told(guest.tiocswinsz(fd(input), size)))
        }
    }
}

fn attributes(input: &mut Input<'_>, guest: &Process) -> (&'static str, String) {
    let time = |input: &mut Input<'_>| match input.below(3) {
        0 => SetTime::Now,
        1 => SetTime::Omit,
        _ => SetTime::At(Timespec {
            sec: input.number(),
            nsec: input.word() % 1_000_000_000,
        }),
    };
    let at_flags = AtFlags::from_bits_retain(input.pick_of(&[0, 0x100, 0x1000]));
    let (at, name) = (dirfd(input), path(input));
    match input.below(8) {
        0 => (
            "fstatat",
            told(guest.fstatat(at, &name, at_flags).map(|stat| stat.size)),
        ),
        1 => (
            "faccessat",
            told(guest.faccessat(at, &name, input.int() & 7, at_flags)),
        ),
        2 => ("fchmodat", told(guest.fchmodat(at, &name, input.word()))),
        3 => (
            "fchownat",
            told(guest.fchownat(at, &name, input.word(), input.word(), at_flags)),
        ),
        4 => {
            let (atime, mtime) = (time(input), time(input));
            (
                "utimensat",
                told(guest.utimensat(at, &name, atime, mtime, at_flags)),
            )
        }
        5 => ("fstat", told(guest.fstat(fd(input)).map(|stat| stat.ino))),
        6 => ("statfs", told(guest.statfs(&name).map(drop))),
        _ => (
            "readlinkat",
            told(guest.readlinkat(at, &name).map(|target| target.len())),
        ),
    }
}
