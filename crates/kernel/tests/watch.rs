//! Inotify.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use std::task::{Context, Poll};

fn drain(guest: &Process, fd: Fd) -> Vec<(i32, InotifyMask, String)> {
    let events = guest.read_inotify(fd).unwrap_or_default();
    events
        .into_iter()
        .map(|e| (e.wd, e.mask, String::from_utf8(e.name).unwrap()))
        .collect()
}

fn event(wd: i32, mask: InotifyMask, name: &str) -> (i32, InotifyMask, String) {
    (wd, mask, name.to_owned())
}

#[test]
fn directory_watch_sees_its_names_come_change_and_go() {
    let machine = machine();
    let guest = machine.guest();
    guest.mkdir(b"d", 0o755).unwrap();
    let fd = guest.inotify_init1(OpenFlags::O_CLOEXEC).unwrap();
    let wd = guest
        .inotify_add_watch(fd, b"d", InotifyMask::IN_ALL_EVENTS)
        .unwrap();
    write_file(&guest, "d/f", b"x");
    assert_eq!(
        drain(&guest, fd),
        [
            event(wd, InotifyMask::IN_CREATE, "f"),
            event(wd, InotifyMask::IN_OPEN, "f"),
            event(wd, InotifyMask::IN_MODIFY, "f"),
            event(wd, InotifyMask::IN_CLOSE_WRITE, "f"),
        ]
    );
    guest.mkdir(b"d/sub", 0o755).unwrap();
    guest.chmod(b"d/f", 0o600).unwrap();
    guest.unlink(b"d/f").unwrap();
    guest.rmdir(b"d/sub").unwrap();
    assert_eq!(
        drain(&guest, fd),
        [
            event(wd, InotifyMask::IN_CREATE | InotifyMask::IN_ISDIR, "sub"),
            event(wd, InotifyMask::IN_ATTRIB, "f"),
            event(wd, InotifyMask::IN_DELETE, "f"),
            event(wd, InotifyMask::IN_DELETE | InotifyMask::IN_ISDIR, "sub"),
        ]
    );
    guest.rmdir(b"d").unwrap();
    assert_eq!(
        drain(&guest, fd),
        [
            event(wd, InotifyMask::IN_DELETE_SELF, ""),
            event(wd, InotifyMask::IN_IGNORED, ""),
        ]
    );
}

#[test]
fn both_halves_of_a_rename_share_a_cookie() {
    let machine = machine();
    let guest = machine.guest();
    guest.mkdir(b"a", 0o755).unwrap();
    guest.mkdir(b"b", 0o755).unwrap();
    write_file(&guest, "a/old", b"");
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    let from = guest
        .inotify_add_watch(fd, b"a", InotifyMask::IN_MOVED_FROM)
        .unwrap();
    let to = guest
        .inotify_add_watch(fd, b"b", InotifyMask::IN_MOVED_TO)
        .unwrap();
    guest.rename(b"a/old", b"b/new").unwrap();
    let events = guest.read_inotify(fd).unwrap();
    assert_eq!(
        (events[0].wd, events[0].name.as_slice()),
        (from, &b"old"[..])
    );
    assert_eq!((events[1].wd, events[1].name.as_slice()), (to, &b"new"[..]));
    assert_eq!(events[0].cookie, events[1].cookie);
    assert_ne!(events[0].cookie, 0);
}

#[test]
fn reader_is_woken_and_bytes_have_linux_layout() {
    let machine = machine();
    let guest = machine.guest();
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    let wd = guest
        .inotify_add_watch(fd, b".", InotifyMask::IN_CREATE)
        .unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(guest.poll_inotify(fd, &mut cx).is_pending());
    guest.mkdir(b"abc", 0o755).unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(
        ready(poll(|cx| guest.poll_ready(fd, PollEvents::POLLIN, cx))),
        Ok(PollEvents::POLLIN)
    );
    let mut buf = [0; 64];
    assert_eq!(guest.read(fd, &mut buf[..16]), Err(Errno::EINVAL));
    assert_eq!(guest.read(fd, &mut buf), Ok(32));
    assert_eq!(buf[..4], wd.to_le_bytes());
    assert_eq!(buf[4..8], 0x4000_0100u32.to_le_bytes());
    assert_eq!(buf[12..20], *b"\x10\0\0\0abc\0");
    assert_eq!(guest.read(fd, &mut buf), Err(Errno::EAGAIN));
    assert!(matches!(guest.poll_inotify(fd, &mut cx), Poll::Pending));
}

#[test]
fn watches_end_on_request_and_with_their_instance() {
    let machine = machine();
    let guest = machine.guest();
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    let wd = guest
        .inotify_add_watch(fd, b".", InotifyMask::IN_CREATE)
        .unwrap();
    assert_eq!(
        guest.inotify_add_watch(fd, b".", InotifyMask::IN_DELETE),
        Ok(wd)
    );
    guest.inotify_rm_watch(fd, wd).unwrap();
    assert_eq!(guest.inotify_rm_watch(fd, wd), Err(Errno::EINVAL));
    assert_eq!(drain(&guest, fd), [event(wd, InotifyMask::IN_IGNORED, "")]);
    assert_eq!(
        guest.inotify_add_watch(0, b".", InotifyMask::empty()),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        guest.inotify_add_watch(fd, b"/root", InotifyMask::IN_OPEN),
        Err(Errno::EACCES)
    );
    guest.close(fd).unwrap();
    assert_eq!(machine.kernel.resource_counts().inotify_instances, 0);
}

#[test]
fn full_queue_ends_with_one_overflow_event() {
    let machine = machine_with(Limits {
        max_inotify_events: 4,
        ..Limits::default()
    });
    let guest = machine.guest();
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    guest
        .inotify_add_watch(fd, b".", InotifyMask::IN_CREATE)
        .unwrap();
    for index in 0..10 {
        guest.mkdir(format!("d{index}").as_bytes(), 0o755).unwrap();
    }
    let events = drain(&guest, fd);
    assert_eq!(events.len(), 5);
    assert_eq!(events[4], event(-1, InotifyMask::IN_Q_OVERFLOW, ""));
}
