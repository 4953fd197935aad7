//! Export and import of the file system, and what limits do to it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;

#[test]
fn export_carries_files_links_modes_and_times_to_another_kernel() {
    let first = machine();
    let guest = first.guest();
    guest.mkdir(b"deep", 0o750).unwrap();
    write_file(&guest, "deep/file", &[3; 150_000]);
    guest.link(b"deep/file", b"deep/link").unwrap();
    guest.symlink(b"file", b"deep/sym").unwrap();
    guest.mknodat(AT_FDCWD, b"deep/fifo", 0o010_600).unwrap();
    guest.chmod(b"deep/file", 0o4711).unwrap();
    let at = Timespec::new(1_234, 567);
    guest
        .utimensat(
            AT_FDCWD,
            b"deep",
            SetTime::At(at),
            SetTime::At(at),
            AtFlags::empty(),
        )
        .unwrap();
    guest.truncate(b"/etc/passwd", 0).unwrap_err();
    let before = guest.stat(b"deep/file").unwrap();
    let bytes = first.kernel.export_filesystem();

    let second = machine();
    second.clock.advance(99_000_000_000);
    let former = second.guest();
    write_file(&former, "stale", b"x");
    former.exit(0);
    drop(former);
    second.kernel.import_filesystem(&bytes).unwrap();
    let guest = second.guest();
    assert_eq!(guest.stat(b"stale"), Err(Errno::ENOENT));
    let after = guest.stat(b"deep/file").unwrap();
    assert_eq!(
        (after.mode, after.nlink, after.mtime, after.size),
        (before.mode, 2, before.mtime, 150_000)
    );
    assert_eq!(guest.stat(b"deep/link").unwrap().ino, after.ino);
    assert_eq!(guest.readlink(b"deep/sym").unwrap(), b"file");
    assert_eq!(guest.stat(b"deep").unwrap().mtime, at);
    assert_eq!(guest.stat(b"deep/fifo").unwrap().mode, 0o010_600);
    assert_eq!(read_file(&guest, "deep/sym"), vec![3; 150_000]);
    assert_eq!(guest.getcwd().unwrap(), b"/home/user");
    assert!(text(&guest, "/proc/mounts").contains("proc /proc proc"));
    let counts = second.kernel.resource_counts();
    assert_eq!(
        counts.filesystem_bytes,
        first.kernel.resource_counts().filesystem_bytes
    );
    assert_eq!(counts.inodes, first.kernel.resource_counts().inodes);
}

#[test]
fn import_that_does_not_fit_changes_nothing() {
    let first = machine();
    write_file(&first.guest(), "big", &[1; 3 << 20]);
    let bytes = first.kernel.export_filesystem();
    let second = machine_with(Limits {
        max_filesystem_bytes: 2 << 20,
        ..Limits::default()
    });
    write_file(&second.guest(), "kept", b"kept");
    let counts = second.kernel.resource_counts();
    assert_eq!(second.kernel.import_filesystem(&bytes), Err(Errno::ENOSPC));
    assert_eq!(
        second.kernel.import_filesystem(b"garbage"),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        second.kernel.import_filesystem(&bytes[..bytes.len() / 2]),
        Err(Errno::EINVAL)
    );
    let guest = second.guest();
    assert_eq!(read_file(&guest, "kept"), b"kept");
    assert_eq!(
        second.kernel.resource_counts().filesystem_bytes,
        counts.filesystem_bytes
    );
    assert_eq!(second.kernel.resource_counts().inodes, counts.inodes);
}

#[test]
fn each_limit_is_named_in_its_breach() {
    let machine = machine_with(Limits {
        max_inodes: 70,
        ..Limits::default()
    });
    let guest = machine.guest();
    let mut made = 0;
    while guest.mkdir(format!("d{made}").as_bytes(), 0o755).is_ok() {
        made += 1;
    }
    let breaches = machine.kernel.take_limit_breaches();
    assert_eq!(
        breaches,
        [LimitBreach {
            limit: "maxInodeCount",
            bound: 70,
            used: 71
        }]
    );
    assert_eq!(machine.kernel.take_limit_breaches(), []);
}

#[test]
fn breaches_are_told_apart_by_the_program_that_they_belong_to() {
    let machine = machine_with(Limits {
        max_file_bytes: 4096,
        max_pipes: 1,
        ..Limits::default()
    });
    let (first, second) = (machine.guest(), machine.guest());
    let agent = machine.kernel.file_agent();
    let too_long = |process: &Process| {
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT;
        let fd = process.open(b"/tmp/long", flags, 0o666).unwrap();
        process.ftruncate(fd, 9000).unwrap_err();
    };
    too_long(&first);
    let kept = second.pipe2(OpenFlags::empty()).unwrap();
    second.pipe2(OpenFlags::empty()).unwrap_err();
    too_long(&agent);
    let of = |origin| {
        let taken = machine.kernel.take_limit_breaches_of(origin);
        taken
            .into_iter()
            .map(|breach| (breach.limit, breach.bound, breach.used))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(Some(first.pid())), [("maxFileBytes", 4096, 9000)]);
    assert_eq!(of(Some(first.pid())), []);
    assert_eq!(of(Some(second.pid())), [("maxPipes", 1, 2)]);
    assert_eq!(of(None), [("maxFileBytes", 4096, 9000)]);
    let _ = kept;
}
