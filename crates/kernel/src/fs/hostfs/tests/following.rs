//! Changes that others make.

use super::*;
use crate::abi::inotify::InotifyMask;

type Told = (i32, InotifyMask, String);

const ALL: InotifyMask = InotifyMask::IN_ALL_EVENTS;

fn told(process: &Process, fd: i32) -> Vec<Told> {
    let events = process.read_inotify(fd).unwrap_or_default().into_iter();
    events
        .map(|event| (event.wd, event.mask, String::from_utf8(event.name).unwrap()))
        .collect()
}

fn event(wd: i32, mask: InotifyMask, name: &str) -> Told {
    (wd, mask, name.to_owned())
}

impl Played {
    /// Somebody else has done something.
    fn happen(&self, path: &str, mask: InotifyMask, name: &str) {
        let hear = self.watched.lock().get(path.as_bytes()).cloned().unwrap();
        hear(&HostEvent {
            mask: mask.bits(),
            cookie: 0,
            name: name.into(),
        });
    }

    fn watched(&self) -> Vec<String> {
        let watched = self.watched.lock();
        let paths = watched.keys();
        paths
            .map(|path| String::from_utf8(path.clone()).unwrap())
            .collect()
    }
}

#[test]
fn changes_by_others_are_told_and_seen_at_once() {
    let (host, user, _kernel) = mounted(
        &[("d", Node::Directory), ("d/a", file("old"))],
        MountFlags::MS_RDONLY,
    );
    let fd = user.inotify_init1(OpenFlags::O_CLOEXEC).unwrap();
    let wd = user.inotify_add_watch(fd, b"/mnt/d", ALL).unwrap();
    assert_eq!(text(&user, "/mnt/d/a").unwrap(), "old");
    assert!(user.stat(b"/mnt/d/b").is_err());
    told(&user, fd);
    host.put("d/a", file("newer"));
    host.put("d/b", file("b"));
    host.happen("d", InotifyMask::IN_MODIFY, "a");
    host.happen("d", InotifyMask::IN_CREATE, "b");
    assert_eq!(
        told(&user, fd),
        [
            event(wd, InotifyMask::IN_MODIFY, "a"),
            event(wd, InotifyMask::IN_CREATE, "b"),
        ]
    );
    // No time has passed, in which what was found would be taken for true.
    assert_eq!(text(&user, "/mnt/d/a").unwrap(), "newer");
    assert_eq!(text(&user, "/mnt/d/b").unwrap(), "b");
    host.happen("d", InotifyMask::IN_Q_OVERFLOW, "");
    let overflow = event(-1, InotifyMask::IN_Q_OVERFLOW, "");
    assert_eq!(told(&user, fd).last(), Some(&overflow));
}

#[test]
fn changes_by_guests_are_told_once() {
    let (host, user, _kernel) = mounted(&[("d", Node::Directory)], MountFlags::empty());
    let fd = user.inotify_init1(OpenFlags::O_CLOEXEC).unwrap();
    let wd = user.inotify_add_watch(fd, b"/mnt/d", ALL).unwrap();
    write(&user, "/mnt/d/a", OpenFlags::O_CREAT, "a").unwrap();
    user.rename(b"/mnt/d/a", b"/mnt/d/b").unwrap();
    user.unlink(b"/mnt/d/b").unwrap();
    // The embedder tells of them, as they are the same to it.
    let opened = event(wd, InotifyMask::IN_OPEN, "a");
    assert_eq!(told(&user, fd), [opened]);
    host.happen("d", InotifyMask::IN_CREATE, "a");
    assert_eq!(told(&user, fd), [event(wd, InotifyMask::IN_CREATE, "a")]);
}

#[test]
fn the_embedder_is_asked_once_and_told_when_nobody_watches_any_more() {
    let (host, user, _kernel) = mounted(
        &[("d", Node::Directory), ("f", file("f"))],
        MountFlags::MS_RDONLY,
    );
    let (one, two) = (
        user.inotify_init1(OpenFlags::O_CLOEXEC).unwrap(),
        user.inotify_init1(OpenFlags::O_CLOEXEC).unwrap(),
    );
    let wd = user.inotify_add_watch(one, b"/mnt/d", ALL).unwrap();
    // The same watch once more, with another mask.
    let again = user.inotify_add_watch(one, b"/mnt/d", InotifyMask::IN_CREATE);
    assert_eq!(again, Ok(wd));
    user.inotify_add_watch(two, b"/mnt/d", ALL).unwrap();
    user.inotify_add_watch(two, b"/mnt/f", ALL).unwrap();
    assert_eq!(host.watched(), ["d", "f"]);
    host.happen("d", InotifyMask::IN_CREATE, "x");
    assert_eq!(told(&user, one).len(), 1);
    assert_eq!(told(&user, two).len(), 1);
    user.inotify_rm_watch(one, wd).unwrap();
    assert_eq!(host.watched(), ["d", "f"]);
    user.close(two).unwrap();
    assert_eq!(host.watched(), [""; 0]);
}

#[test]
fn a_watch_that_the_embedder_has_ended_is_made_anew() {
    let (host, user, _kernel) = mounted(&[("f", file("f"))], MountFlags::MS_RDONLY);
    let fd = user.inotify_init1(OpenFlags::O_CLOEXEC).unwrap();
    let wd = user.inotify_add_watch(fd, b"/mnt/f", ALL).unwrap();
    host.happen("f", InotifyMask::IN_DELETE_SELF, "");
    host.happen("f", InotifyMask::IN_IGNORED, "");
    let ended = [
        event(wd, InotifyMask::IN_DELETE_SELF, ""),
        event(wd, InotifyMask::IN_IGNORED, ""),
    ];
    assert_eq!(told(&user, fd), ended);
    assert_eq!(host.watched(), [""; 0]);
    assert_eq!(user.inotify_rm_watch(fd, wd), Err(Errno::EINVAL));
    // The file that comes in its place has the same number.
    let next = user.inotify_add_watch(fd, b"/mnt/f", ALL).unwrap();
    host.happen("f", InotifyMask::IN_ATTRIB, "");
    assert_eq!(told(&user, fd), [event(next, InotifyMask::IN_ATTRIB, "")]);
}

#[test]
fn an_embedder_that_cannot_has_the_watch_fail_and_one_that_never_tells_has_not() {
    let (host, user, _kernel) = mounted(&[("f", file("f"))], MountFlags::empty());
    let fd = user.inotify_init1(OpenFlags::O_CLOEXEC).unwrap();
    user.stat(b"/mnt/f").unwrap();
    *host.fails.lock() = Some(Errno::ENOSPC);
    let refused = user.inotify_add_watch(fd, b"/mnt/f", ALL);
    assert_eq!(refused, Err(Errno::ENOSPC));
    *host.fails.lock() = Some(Errno::ENOSYS);
    let wd = user.inotify_add_watch(fd, b"/mnt/f", ALL).unwrap();
    *host.fails.lock() = None;
    user.chmod(b"/mnt/f", 0o600).unwrap();
    assert_eq!(told(&user, fd), [event(wd, InotifyMask::IN_ATTRIB, "")]);
}

#[test]
fn an_overlay_tells_of_what_is_seen_of_the_embedders() {
    let host = Played::new(&[
        ("d", Node::Directory),
        ("d/seen", file("1")),
        ("d/copied", file("2")),
        ("d/hidden", file("3")),
    ]);
    let kernel = Kernel::boot(KernelConfig::default()).unwrap();
    let fs = HostFs::new(host.clone(), true);
    kernel.provide_mount_point(b"/mnt").unwrap();
    kernel
        .mount_overlay(b"/mnt", fs, MountFlags::empty())
        .unwrap();
    let user = kernel.file_agent();
    write(&user, "/mnt/d/copied", OpenFlags::O_APPEND, "changed").unwrap();
    user.unlink(b"/mnt/d/hidden").unwrap();
    let fd = user.inotify_init1(OpenFlags::O_CLOEXEC).unwrap();
    let wd = user.inotify_add_watch(fd, b"/mnt/d", ALL).unwrap();
    let own = user.inotify_add_watch(fd, b"/mnt/d/copied", ALL).unwrap();
    for name in ["seen", "copied", "hidden", "new"] {
        host.put(&format!("d/{name}"), file("later"));
        host.happen("d", InotifyMask::IN_MODIFY, name);
    }
    let heard = told(&user, fd);
    let names: Vec<_> = heard.iter().map(|(_, _, name)| name.as_str()).collect();
    assert_eq!(names, ["seen", "new"], "{heard:?}");
    assert_eq!(text(&user, "/mnt/d/seen").unwrap(), "later");
    told(&user, fd);
    // What guests change is theirs, and nobody else tells of it.
    user.chmod(b"/mnt/d/copied", 0o600).unwrap();
    let expected = [
        event(own, InotifyMask::IN_ATTRIB, ""),
        event(wd, InotifyMask::IN_ATTRIB, "copied"),
    ];
    assert_eq!(told(&user, fd), expected);
}
