//! Overlays: a file system that is only read, seen with changes that lie in the machine's own files.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::fs::tmpfs::Tmpfs;
use secure_exec_kernel::*;
use std::sync::Arc;

/// A machine whose `/workspace` lies over a tree of its own, which `/mnt` shows as it is.
struct Laid {
    machine: Machine,
    lower: Arc<Tmpfs>,
    guest: Arc<Process>,
}

fn lower_of(machine: &Machine) -> Arc<Tmpfs> {
    let clock = machine.clock.clone();
    let lower = Tmpfs::new(&Limits::default(), Arc::default(), clock, 99).unwrap();
    let flags = MountFlags::empty();
    machine
        .kernel
        .mount(b"/mnt", lower.clone(), "lower", flags)
        .unwrap();
    let root = machine.kernel.file_agent();
    root.mkdir(b"/mnt/d", 0o755).unwrap();
    root.mkdir(b"/mnt/d/e", 0o755).unwrap();
    write_file(&root, "/mnt/a", b"lower a");
    write_file(&root, "/mnt/d/b", b"lower b");
    write_file(&root, "/mnt/d/e/c", b"lower c");
    root.symlink(b"d/b", b"/mnt/l").unwrap();
    lower
}

fn laid_with(limits: Limits) -> Laid {
    let machine = machine_with(limits);
    let lower = lower_of(&machine);
    machine
        .kernel
        .mount_overlay(b"/workspace", lower.clone(), MountFlags::empty())
        .unwrap();
    let guest = machine.guest();
    guest.chdir(b"/workspace").unwrap();
    Laid {
        machine,
        lower,
        guest,
    }
}

fn laid() -> Laid {
    laid_with(Limits::default())
}

fn names(process: &Process, path: &str) -> Vec<String> {
    let entries = process.read_dir(path.as_bytes()).unwrap();
    let names = entries
        .into_iter()
        .map(|entry| String::from_utf8(entry.name).unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn lower_is_untouched(laid: &Laid) {
    let root = laid.machine.kernel.file_agent();
    assert_eq!(names(&root, "/mnt"), ["a", "d", "l"]);
    assert_eq!(names(&root, "/mnt/d"), ["b", "e"]);
    assert_eq!(text(&root, "/mnt/a"), "lower a");
    assert_eq!(text(&root, "/mnt/d/b"), "lower b");
    assert_eq!(text(&root, "/mnt/d/e/c"), "lower c");
}

#[test]
fn what_is_below_is_seen_and_never_changed() {
    let laid = laid();
    let guest = &laid.guest;
    assert_eq!(names(guest, "."), ["a", "d", "l"]);
    assert_eq!(text(guest, "l"), "lower b");
    write_file(guest, "a", b"upper a");
    write_file(guest, "new", b"new");
    guest.chmod(b"d/b", 0o600).unwrap();
    guest.rename(b"d/e/c", b"c").unwrap();
    guest.unlink(b"l").unwrap();
    assert_eq!(names(guest, "."), ["a", "c", "d", "new"]);
    assert_eq!(text(guest, "a"), "upper a");
    assert_eq!(text(guest, "c"), "lower c");
    assert_eq!(guest.stat(b"d/b").unwrap().mode & 0o777, 0o600);
    assert_eq!(names(guest, "d/e"), Vec::<String>::new());
    assert_eq!(guest.stat(b"l"), Err(Errno::ENOENT));
    lower_is_untouched(&laid);
}

#[test]
fn removed_directories_come_back_empty() {
    let laid = laid();
    let guest = &laid.guest;
    assert_eq!(guest.rmdir(b"d"), Err(Errno::ENOTEMPTY));
    guest.unlink(b"d/e/c").unwrap();
    guest.rmdir(b"d/e").unwrap();
    guest.unlink(b"d/b").unwrap();
    guest.rmdir(b"d").unwrap();
    assert_eq!(guest.stat(b"d"), Err(Errno::ENOENT));
    assert_eq!(guest.rmdir(b"d"), Err(Errno::ENOENT));
    guest.mkdir(b"d", 0o755).unwrap();
    assert_eq!(names(guest, "d"), Vec::<String>::new());
    guest.rmdir(b"d").unwrap();
    write_file(guest, "d", b"a file");
    assert_eq!(text(guest, "d"), "a file");
    lower_is_untouched(&laid);
}

#[test]
fn directories_below_are_renamed_without_a_copy() {
    let laid = laid();
    let guest = &laid.guest;
    let before = laid.machine.kernel.resource_counts();
    let ino = guest.stat(b"d").unwrap().ino;
    guest.rename(b"d", b"moved").unwrap();
    assert_eq!(guest.stat(b"moved").unwrap().ino, ino);
    assert_eq!(names(guest, "."), ["a", "l", "moved"]);
    assert_eq!(text(guest, "moved/e/c"), "lower c");
    guest.mkdir(b"d", 0o755).unwrap();
    assert_eq!(names(guest, "d"), Vec::<String>::new());
    guest.rename(b"moved/e", b"d/e").unwrap();
    guest.rename(b"d", b"moved/d").unwrap();
    assert_eq!(text(guest, "moved/d/e/c"), "lower c");
    assert_eq!(names(guest, "moved"), ["b", "d"]);
    let after = laid.machine.kernel.resource_counts();
    assert_eq!(after.filesystem_bytes, before.filesystem_bytes);
    assert_eq!(guest.rename(b"moved", b"moved/d/x"), Err(Errno::EINVAL));
    guest.chdir(b"moved/d/e").unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/workspace/moved/d/e");
    lower_is_untouched(&laid);
}

#[test]
fn numbers_stay_when_files_are_copied() {
    let laid = laid();
    let guest = &laid.guest;
    let of = |path: &str| guest.stat(path.as_bytes()).unwrap().ino;
    let before = [of("a"), of("d"), of("d/b")];
    let fd = guest.open(b"d/b", OpenFlags::O_RDONLY, 0).unwrap();
    write_file(guest, "a", b"x");
    write_file(guest, "d/b", b"y");
    assert_eq!([of("a"), of("d"), of("d/b")], before);
    let mut buf = [0; 8];
    assert_eq!(guest.read(fd, &mut buf), Ok(1));
    assert_eq!(buf[0], b'y');
    assert_eq!(guest.fstat(fd).unwrap().ino, before[2]);
    for entry in guest.read_dir(b".").unwrap() {
        assert_eq!(guest.lstat(&entry.name).unwrap().ino, entry.ino);
    }
}

#[test]
fn files_open_for_reading_live_on_without_their_name() {
    let laid = laid();
    let guest = &laid.guest;
    let fd = guest.open(b"a", OpenFlags::O_RDONLY, 0).unwrap();
    guest.unlink(b"a").unwrap();
    assert_eq!(guest.fstat(fd).unwrap().nlink, 0);
    write_file(guest, "a", b"another");
    let mut buf = [0; 16];
    assert_eq!(guest.read(fd, &mut buf), Ok(7));
    assert_eq!(&buf[..7], b"lower a");
    guest.fchmod(fd, 0o400).unwrap();
    assert_eq!(guest.fstat(fd).unwrap().mode & 0o777, 0o400);
    assert_ne!(guest.fstat(fd).unwrap().ino, guest.stat(b"a").unwrap().ino);
    assert_eq!(text(guest, "a"), "another");
    assert_eq!(guest.stat(b"a").unwrap().mode & 0o777, 0o644);
}

#[test]
fn links_of_a_copied_file_are_one_file() {
    let laid = laid();
    let guest = &laid.guest;
    guest.link(b"a", b"d/a").unwrap();
    write_file(guest, "d/a", b"both");
    assert_eq!(text(guest, "a"), "both");
    let (one, other) = (guest.stat(b"a").unwrap(), guest.stat(b"d/a").unwrap());
    assert_eq!((one.ino, one.nlink), (other.ino, 2));
    guest.unlink(b"a").unwrap();
    assert_eq!(guest.stat(b"d/a").unwrap().nlink, 1);
    guest.rename(b"d/a", b"a").unwrap();
    assert_eq!(text(guest, "a"), "both");
}

#[test]
fn lower_links_are_copied_each_by_itself() {
    let machine = machine();
    let lower = lower_of(&machine);
    let root = machine.kernel.file_agent();
    root.link(b"/mnt/a", b"/mnt/z").unwrap();
    machine
        .kernel
        .mount_overlay(b"/workspace", lower, MountFlags::empty())
        .unwrap();
    let guest = machine.guest();
    guest.chdir(b"/workspace").unwrap();
    assert_eq!(guest.stat(b"a").unwrap().ino, guest.stat(b"z").unwrap().ino);
    write_file(&guest, "a", b"copied");
    assert_eq!(text(&guest, "z"), "lower a");
    assert_ne!(guest.stat(b"a").unwrap().ino, guest.stat(b"z").unwrap().ino);
    guest.unlink(b"z").unwrap();
    assert_eq!(names(&guest, "."), ["a", "d", "l"]);
}

#[test]
fn positions_of_a_listing_survive_copies_and_removals() {
    let laid = laid();
    let guest = &laid.guest;
    for index in 0..40 {
        write_file(guest, &format!("up{index}"), b"");
    }
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_DIRECTORY;
    let fd = guest.open(b".", flags, 0).unwrap();
    let mut seen = Vec::new();
    loop {
        let batch = guest.getdents_up_to(fd, 2).unwrap();
        if batch.is_empty() {
            break;
        }
        for entry in batch {
            let name = String::from_utf8(entry.name).unwrap();
            // What has been listed is copied or removed behind the reader.
            if entry.kind == FileKind::Regular && name.starts_with('a') {
                guest.chmod(name.as_bytes(), 0o600).unwrap();
            } else if entry.kind == FileKind::Regular {
                guest.unlink(name.as_bytes()).unwrap();
            }
            seen.push(name);
        }
        let _ = guest.chmod(b"d", 0o700);
    }
    seen.sort();
    let mut expected: Vec<String> = (0..40).map(|index| format!("up{index}")).collect();
    expected.extend(["a", "d", "l"].map(str::to_owned));
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(names(guest, "."), ["a", "d", "l"]);
}

#[test]
fn copies_count_towards_the_quota() {
    let laid = laid_with(Limits {
        max_filesystem_bytes: 256 << 10,
        ..Limits::default()
    });
    let root = laid.machine.kernel.file_agent();
    write_file(&root, "/mnt/large", &vec![7; 300 << 10]);
    let before = laid.machine.kernel.resource_counts();
    assert_eq!(root.chmod(b"/workspace/large", 0o666), Err(Errno::ENOSPC));
    let after = laid.machine.kernel.resource_counts();
    assert_eq!(after.filesystem_bytes, before.filesystem_bytes);
    assert_eq!(after.inodes, before.inodes);
    // Nothing of what is cut off is copied.
    root.truncate(b"/workspace/large", 10).unwrap();
    assert_eq!(read_file(&root, "/workspace/large"), [7; 10]);
    root.unlink(b"/workspace/large").unwrap();
    let freed = laid.machine.kernel.resource_counts();
    assert_eq!(freed.filesystem_bytes, before.filesystem_bytes);
}

#[test]
fn files_are_removed_when_no_inode_is_left() {
    let laid = laid_with(Limits {
        max_inodes: 120,
        ..Limits::default()
    });
    let guest = &laid.guest;
    write_file(guest, "a", b"copied");
    let mut made = 0;
    while guest.mkdir(format!("full{made}").as_bytes(), 0o755).is_ok() {
        made += 1;
    }
    guest.unlink(b"a").unwrap();
    assert_eq!(guest.stat(b"a"), Err(Errno::ENOENT));
    assert_eq!(guest.unlink(b"l"), Err(Errno::ENOSPC));
    guest.rmdir(b"full0").unwrap();
    guest.unlink(b"l").unwrap();
}

#[test]
fn watches_see_what_is_done_through_the_mount() {
    let laid = laid();
    let guest = &laid.guest;
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    let dir = guest
        .inotify_add_watch(fd, b"d", InotifyMask::IN_ALL_EVENTS)
        .unwrap();
    let file = guest
        .inotify_add_watch(
            fd,
            b"a",
            InotifyMask::IN_MODIFY | InotifyMask::IN_DELETE_SELF,
        )
        .unwrap();
    write_file(guest, "a", b"x");
    guest.unlink(b"d/b").unwrap();
    guest.unlink(b"a").unwrap();
    let events: Vec<_> = guest
        .read_inotify(fd)
        .unwrap()
        .into_iter()
        .map(|event| (event.wd, event.mask))
        .collect();
    assert_eq!(
        events,
        [
            (file, InotifyMask::IN_MODIFY),
            (dir, InotifyMask::IN_DELETE),
            (file, InotifyMask::IN_DELETE_SELF),
            (file, InotifyMask::IN_IGNORED),
        ]
    );
}

#[test]
fn changes_go_with_the_export() {
    let laid = laid();
    let guest = &laid.guest;
    write_file(guest, "a", b"upper a");
    write_file(guest, "new", b"new");
    guest.unlink(b"l").unwrap();
    guest.rename(b"d", b"moved").unwrap();
    guest.unlink(b"moved/b").unwrap();
    let ino = guest.stat(b"a").unwrap().ino;
    let bytes = laid.machine.kernel.export_filesystem();

    let next = machine();
    let flags = MountFlags::empty();
    next.kernel
        .mount_overlay(b"/workspace", laid.lower.clone(), flags)
        .unwrap();
    next.kernel.import_filesystem(&bytes).unwrap();
    let guest = next.guest();
    guest.chdir(b"/workspace").unwrap();
    assert_eq!(names(&guest, "."), ["a", "moved", "new"]);
    assert_eq!(text(&guest, "a"), "upper a");
    assert_eq!(guest.stat(b"a").unwrap().ino, ino);
    assert_eq!(names(&guest, "moved"), ["e"]);
    assert_eq!(text(&guest, "moved/e/c"), "lower c");
    let (one, other) = (
        laid.machine.kernel.resource_counts(),
        next.kernel.resource_counts(),
    );
    assert_eq!(one.inodes, other.inodes);
    assert_eq!(one.filesystem_bytes, other.filesystem_bytes);
}

#[test]
fn files_that_were_there_are_seen_with_those_below() {
    let machine = machine();
    let lower = lower_of(&machine);
    let root = machine.kernel.file_agent();
    root.mkdir(b"/workspace/d", 0o755).unwrap();
    write_file(&root, "/workspace/d/given", b"given");
    write_file(&root, "/workspace/a", b"given a");
    machine
        .kernel
        .mount_overlay(b"/workspace", lower, MountFlags::empty())
        .unwrap();
    assert_eq!(names(&root, "/workspace/d"), ["b", "e", "given"]);
    assert_eq!(text(&root, "/workspace/a"), "given a");
    machine.kernel.umount(b"/workspace").unwrap();
    assert_eq!(names(&root, "/workspace"), ["a", "d"]);
}

#[test]
fn only_directories_of_the_machine_lie_over_others() {
    let machine = machine();
    let lower = lower_of(&machine);
    let flags = MountFlags::empty();
    assert_eq!(
        machine.kernel.mount_overlay(b"/proc", lower.clone(), flags),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        machine.kernel.mount_overlay(b"/etc/passwd", lower, flags),
        Err(Errno::ENOTDIR)
    );
}

#[test]
fn ten_thousand_levels_are_dropped_without_recursion() {
    let laid = laid();
    let guest = &laid.guest;
    for _ in 0..10_000 {
        guest.mkdir(b"x", 0o755).unwrap();
        guest.chdir(b"x").unwrap();
    }
    guest.chdir(b"/").unwrap();
    assert_eq!(names(guest, "/workspace/x"), ["x"]);
}

#[test]
fn two_threads_that_copy_the_same_file_make_one_copy() {
    let laid = laid();
    std::thread::scope(|scope| {
        for index in 0..4u32 {
            let guest = laid.machine.guest();
            scope.spawn(move || {
                for path in [b"/workspace/d/b".as_slice(), b"/workspace/d/e/c"] {
                    let fd = guest.open(path, OpenFlags::O_RDONLY, 0).unwrap();
                    guest.chmod(path, 0o600 + index).unwrap();
                    assert_eq!(guest.fstat(fd).unwrap().ino, guest.stat(path).unwrap().ino);
                }
            });
        }
    });
    assert_eq!(text(&laid.guest, "d/b"), "lower b");
    assert_eq!(names(&laid.guest, "d"), ["b", "e"]);
}
