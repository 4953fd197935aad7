//! Pipes and FIFOs.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[test]
fn bytes_come_out_as_they_went_in_and_end_with_the_last_writer() {
    let machine = machine();
    let guest = machine.guest();
    let (read, write) = guest.pipe2(OpenFlags::empty()).unwrap();
    let second = guest.dup(write).unwrap();
    guest.write(write, b"one").unwrap();
    guest.close(write).unwrap();
    guest.write(second, b"two").unwrap();
    let mut buf = [0; 16];
    assert_eq!(guest.read(read, &mut buf), Ok(6));
    assert_eq!(&buf[..6], b"onetwo");
    assert_eq!(guest.read(read, &mut buf), Err(Errno::EAGAIN));
    guest.close(second).unwrap();
    assert_eq!(guest.read(read, &mut buf), Ok(0));
}

#[test]
fn reader_waits_and_is_woken_by_data_and_by_the_end() {
    let machine = machine();
    let guest = machine.guest();
    let (read, write) = guest.pipe2(OpenFlags::empty()).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 4];
    assert!(guest.poll_read(read, &mut buf, &mut cx).is_pending());
    assert!(guest.poll_read(read, &mut buf, &mut cx).is_pending());
    assert_eq!(wakes.count(), 0);
    guest.write(write, b"x").unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(guest.poll_read(read, &mut buf, &mut cx), Poll::Ready(Ok(1)));
    assert!(guest.poll_read(read, &mut buf, &mut cx).is_pending());
    guest.close(write).unwrap();
    assert_eq!(wakes.count(), 2);
    assert_eq!(guest.poll_read(read, &mut buf, &mut cx), Poll::Ready(Ok(0)));
}

#[test]
fn write_without_reader_is_epipe_and_kills_by_sigpipe() {
    let machine = machine();
    let guest = machine.guest();
    guest
        .sigaction(Signal::SIGPIPE, Disposition::Ignore)
        .unwrap();
    let (read, write) = guest.pipe2(OpenFlags::empty()).unwrap();
    guest.close(read).unwrap();
    assert_eq!(guest.write(write, b"x"), Err(Errno::EPIPE));
    assert!(guest.is_alive());
    guest
        .sigaction(Signal::SIGPIPE, Disposition::Default)
        .unwrap();
    assert_eq!(guest.write(write, b"x"), Err(Errno::EPIPE));
    assert_eq!(
        guest.exit_status(),
        Some(ExitStatus::Signaled(Signal::SIGPIPE, false))
    );
    assert_eq!(guest.exit_status().unwrap().code(), 141);
    assert_eq!(guest.write(write, b"x"), Err(Errno::ESRCH));
}

#[test]
fn capacity_is_64_kib_and_small_writes_are_atomic() {
    let machine = machine();
    let guest = machine.guest();
    let (read, write) = guest.pipe2(OpenFlags::O_NONBLOCK).unwrap();
    assert_eq!(guest.write(write, &[1; 65_000]), Ok(65_000));
    assert_eq!(guest.write(write, &[1; 1_000]), Err(Errno::EAGAIN));
    assert_eq!(guest.write(write, &[1; 5_000]), Ok(536));
    assert_eq!(guest.write(write, &[1; 1]), Err(Errno::EAGAIN));
    assert_eq!(
        ready(poll(|cx| guest.poll_write(write, &[1], cx))),
        Err(Errno::EAGAIN)
    );
    assert!(poll(|cx| guest.poll_ready(write, PollEvents::POLLOUT, cx)).is_pending());
    let mut buf = vec![0; 4096];
    assert_eq!(guest.read(read, &mut buf), Ok(4096));
    assert_eq!(
        ready(poll(|cx| guest.poll_ready(write, PollEvents::POLLOUT, cx))),
        Ok(PollEvents::POLLOUT)
    );
    assert_eq!(guest.write(write, &[1; 4096]), Ok(4096));
}

#[test]
fn blocked_writer_is_woken_when_room_appears_or_readers_go() {
    let machine = machine();
    let (read, write) = machine.kernel.pipe().unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert_eq!(
        write.poll_write(&[0; 70_000], &mut cx),
        Poll::Ready(Ok(65_536))
    );
    assert!(write.poll_write(&[0; 10], &mut cx).is_pending());
    let mut buf = [0; 100];
    assert_eq!(read.read(&mut buf), Ok(100));
    assert_eq!(wakes.count(), 1);
    assert_eq!(write.poll_write(&[0; 10], &mut cx), Poll::Ready(Ok(10)));
    assert!(write.poll_write(&[0; 100], &mut cx).is_pending());
    drop(read);
    assert_eq!(wakes.count(), 2);
    assert_eq!(
        write.poll_write(&[0; 100], &mut cx),
        Poll::Ready(Err(Errno::EPIPE))
    );
}

#[test]
fn readiness_tells_hang_up_and_error() {
    let machine = machine();
    let (read, write) = machine.kernel.pipe().unwrap();
    assert!(poll(|cx| read.poll_ready(PollEvents::POLLIN, cx)).is_pending());
    write.write(b"x").unwrap();
    drop(write);
    let both = PollEvents::POLLIN | PollEvents::POLLHUP;
    assert_eq!(
        ready(poll(|cx| read.poll_ready(PollEvents::POLLIN, cx))),
        both
    );
    read.read(&mut [0; 4]).unwrap();
    assert_eq!(
        ready(poll(|cx| read.poll_ready(PollEvents::POLLIN, cx))),
        PollEvents::POLLHUP
    );
    let (read, write) = machine.kernel.pipe().unwrap();
    drop(read);
    let ready = ready(poll(|cx| write.poll_ready(PollEvents::POLLOUT, cx)));
    assert_eq!(ready, PollEvents::POLLOUT | PollEvents::POLLERR);
}

#[test]
fn bytes_that_wait_in_pipes_are_counted_once() {
    let machine = machine();
    let guest = machine.guest();
    let held = || machine.kernel.resource_counts().buffered_bytes;
    let (read, write) = guest.pipe2(OpenFlags::empty()).unwrap();
    let copy = guest.dup(read).unwrap();
    guest.write(write, b"waiting").unwrap();
    assert_eq!(held(), 7);
    guest.read(copy, &mut [0; 3]).unwrap();
    assert_eq!(held(), 4);
    guest.close(read).unwrap();
    guest.close(copy).unwrap();
    guest.close(write).unwrap();
    assert_eq!(held(), 0);
}

#[test]
fn guest_pipes_are_limited_and_host_pipes_are_not_counted() {
    let machine = machine_with(Limits {
        max_pipes: 3,
        ..Limits::default()
    });
    let guest = machine.guest();
    let host: Vec<_> = (0..10).map(|_| machine.kernel.pipe().unwrap()).collect();
    let first = guest.pipe2(OpenFlags::O_CLOEXEC).unwrap();
    guest.pipe2(OpenFlags::empty()).unwrap();
    guest.pipe2(OpenFlags::empty()).unwrap();
    assert_eq!(guest.pipe2(OpenFlags::empty()), Err(Errno::ENFILE));
    assert_eq!(machine.kernel.take_limit_breaches()[0].limit, "maxPipes");
    assert_eq!(machine.kernel.resource_counts().pipes, 3);
    guest.close(first.0).unwrap();
    assert_eq!(guest.pipe2(OpenFlags::empty()), Err(Errno::ENFILE));
    guest.close(first.1).unwrap();
    guest.pipe2(OpenFlags::empty()).unwrap();
    drop(host);
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().pipes, 0);
}

#[test]
fn pipe_is_reopened_through_proc_self_fd() {
    let machine = machine();
    let (read, write) = machine.kernel.pipe().unwrap();
    let guest = machine
        .kernel
        .spawn(SpawnOptions {
            fds: vec![(0, read)],
            ..command()
        })
        .unwrap();
    write.write(b"input").unwrap();
    drop(write);
    assert_eq!(read_file(&guest, "/dev/stdin"), b"input");
    assert!(
        guest
            .readlink(b"/proc/self/fd/0")
            .unwrap()
            .starts_with(b"pipe:[")
    );
}

#[test]
fn fifo_connects_openers_by_name() {
    let machine = machine();
    let guest = machine.guest();
    guest.mknodat(AT_FDCWD, b"fifo", 0o010_600).unwrap();
    assert_eq!(
        guest.open(b"fifo", OpenFlags::O_WRONLY | OpenFlags::O_NONBLOCK, 0),
        Err(Errno::ENXIO)
    );
    let read = guest
        .open(b"fifo", OpenFlags::O_RDONLY | OpenFlags::O_NONBLOCK, 0)
        .unwrap();
    let write = guest.open(b"fifo", OpenFlags::O_WRONLY, 0).unwrap();
    guest.write(write, b"hi").unwrap();
    let mut buf = [0; 4];
    assert_eq!(guest.read(read, &mut buf), Ok(2));
    assert_eq!(guest.lseek(read, 0, 0), Err(Errno::ESPIPE));
    assert_eq!(guest.stat(b"fifo").unwrap().mode, 0o010_600);
    guest.close(write).unwrap();
    assert_eq!(guest.read(read, &mut buf), Ok(0));
}

/// An open by one process that waits for the other end.
struct Waiting {
    process: Arc<Process>,
    flags: OpenFlags,
    opening: Option<Opening>,
}

impl Waiting {
    fn new(process: &Arc<Process>, flags: OpenFlags) -> Waiting {
        let mut waiting = Waiting {
            process: process.clone(),
            flags,
            opening: None,
        };
        assert_eq!(waiting.poll(), Poll::Pending);
        waiting
    }

    fn poll(&mut self) -> Poll<Result<Fd>> {
        let mut cx = Context::from_waker(Waker::noop());
        self.process
            .poll_openat(&mut self.opening, AT_FDCWD, b"fifo", self.flags, 0, &mut cx)
    }

    fn ready(&mut self) -> Fd {
        match self.poll() {
            Poll::Ready(Ok(fd)) => fd,
            other => panic!("{other:?}"),
        }
    }
}

fn with_fifo() -> (Machine, Arc<Process>) {
    let machine = machine();
    let guest = machine.guest();
    guest.mknodat(AT_FDCWD, b"fifo", 0o010_600).unwrap();
    (machine, guest)
}

#[test]
fn fifo_reader_and_writer_wait_for_each_other() {
    for (first, second) in [
        (OpenFlags::O_RDONLY, OpenFlags::O_WRONLY),
        (OpenFlags::O_WRONLY, OpenFlags::O_RDONLY),
    ] {
        let (_machine, guest) = with_fifo();
        assert_eq!(guest.open(b"fifo", first, 0), Err(Errno::EAGAIN));
        let mut waiting = Waiting::new(&guest, first);
        let other = guest.open(b"fifo", second, 0).unwrap();
        let opened = waiting.ready();
        let (read, write) = if first == OpenFlags::O_RDONLY {
            (opened, other)
        } else {
            (other, opened)
        };
        assert_eq!(guest.write(write, b"hi"), Ok(2));
        let mut buf = [0; 4];
        assert_eq!(guest.read(read, &mut buf), Ok(2));
        guest.close(write).unwrap();
        assert_eq!(guest.read(read, &mut buf), Ok(0));
    }
}

#[test]
fn fifo_opener_gets_through_although_the_other_end_is_closed_again() {
    let (_machine, guest) = with_fifo();
    let mut waiting = Waiting::new(&guest, OpenFlags::O_RDONLY);
    let write = guest.open(b"fifo", OpenFlags::O_WRONLY, 0).unwrap();
    guest.close(write).unwrap();
    let read = waiting.ready();
    assert_eq!(guest.read(read, &mut [0]), Ok(0));
}

#[test]
fn fifo_opener_that_is_killed_leaves_nothing_behind() {
    let (machine, guest) = with_fifo();
    let child = machine.guest();
    let mut waiting = Waiting::new(&child, OpenFlags::O_RDONLY);
    child.kill(child.pid().raw(), Signal::SIGKILL).unwrap();
    // Nobody has polled since.
    let nonblocking = OpenFlags::O_WRONLY | OpenFlags::O_NONBLOCK;
    assert_eq!(guest.open(b"fifo", nonblocking, 0), Err(Errno::ENXIO));
    assert_eq!(waiting.poll(), Poll::Ready(Err(Errno::ESRCH)));
}

#[test]
fn fifo_opener_that_gives_up_leaves_nothing_behind() {
    let (machine, guest) = with_fifo();
    let before = machine.kernel.resource_counts();
    let waiting = Waiting::new(&guest, OpenFlags::O_RDONLY);
    // The end counts while its open waits.
    let nonblocking = OpenFlags::O_WRONLY | OpenFlags::O_NONBLOCK;
    drop(waiting);
    assert_eq!(guest.open(b"fifo", nonblocking, 0), Err(Errno::ENXIO));
    assert_eq!(machine.kernel.resource_counts(), before);
}

#[test]
fn fifo_opener_that_is_killed_stops_waiting() {
    let (_machine, guest) = with_fifo();
    let mut waiting = Waiting::new(&guest, OpenFlags::O_WRONLY);
    guest.kill(guest.pid().raw(), Signal::SIGKILL).unwrap();
    assert_eq!(waiting.poll(), Poll::Ready(Err(Errno::ESRCH)));
}

#[test]
fn watches_are_told_of_a_fifo_once_it_is_open() {
    let (_machine, guest) = with_fifo();
    let watch = guest.inotify_init1(OpenFlags::O_NONBLOCK).unwrap();
    let mask = InotifyMask::IN_OPEN | InotifyMask::IN_CLOSE_NOWRITE;
    guest.inotify_add_watch(watch, b"fifo", mask).unwrap();
    let mut events = [0; 256];
    drop(Waiting::new(&guest, OpenFlags::O_RDONLY));
    let mut waiting = Waiting::new(&guest, OpenFlags::O_RDONLY);
    assert_eq!(guest.read(watch, &mut events), Err(Errno::EAGAIN));
    guest.open(b"fifo", OpenFlags::O_WRONLY, 0).unwrap();
    assert_eq!(guest.read(watch, &mut events), Ok(16));
    waiting.ready();
    assert_eq!(guest.read(watch, &mut events), Ok(16));
}

#[test]
fn sixteen_writes_then_exit_lose_nothing() {
    for _ in 0..200 {
        let machine = machine();
        let (read, write) = machine.kernel.pipe().unwrap();
        let guest = machine
            .kernel
            .spawn(SpawnOptions {
                fds: vec![(1, write)],
                ..command()
            })
            .unwrap();
        for chunk in 0..16 {
            assert_eq!(guest.write(1, &[chunk; 4096]), Ok(4096));
        }
        guest.exit(0);
        let mut all = vec![0; 1 << 17];
        assert_eq!(read.read(&mut all), Ok(65_536));
        assert_eq!(read.read(&mut all), Ok(0));
    }
}

#[test]
fn a_reader_that_left_a_sink_behind_is_never_missed() {
    let machine = machine();
    let guest = machine.guest();
    let (read, write) = machine.kernel.pipe().unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let full = vec![b'x'; 64 << 10];
    assert_eq!(
        write.poll_write(&full, &mut cx),
        Poll::Ready(Ok(full.len()))
    );
    assert!(write.poll_write(b"more", &mut cx).is_pending());
    read.discard_input();
    drop(read);
    assert!(wakes.count() > 0);
    for _ in 0..3 {
        assert_eq!(
            write.poll_write(&full, &mut cx),
            Poll::Ready(Ok(full.len()))
        );
    }
    assert_eq!(write.readiness(), PollEvents::POLLOUT);
    assert!(guest.is_alive());
}
