//! What a hostile guest tries against the file system and its descriptors. Each attempt ends in an
//! error number, and what it took comes back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;

const CREATE: OpenFlags = OpenFlags::from_bits_retain(0o102);

fn fill(attempt: impl FnMut(usize) -> Result<()>) -> (usize, Errno) {
    let mut attempt = attempt;
    let mut made = 0;
    loop {
        match attempt(made) {
            Ok(()) => made += 1,
            Err(errno) => return (made, errno),
        }
        assert!(made < 2_000_000, "nothing stopped it");
    }
}

#[test]
fn a_hundred_thousand_opens_end_with_emfile() {
    let machine = machine();
    let guest = machine.guest();
    let mut refused = 0;
    for _ in 0..100_000 {
        refused += usize::from(guest.open(b"/dev/null", OpenFlags::O_RDWR, 0).is_err());
    }
    assert_eq!(refused, 100_000 - 256);
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().fds, 0);
}

#[test]
fn a_million_empty_files_end_with_enospc() {
    let machine = machine();
    let guest = machine.guest();
    let before = machine.kernel.resource_counts();
    guest.mkdir(b"d", 0o755).unwrap();
    let name = |index: usize| format!("d/{index}").into_bytes();
    let (made, errno) = fill(|index| guest.mknodat(AT_FDCWD, &name(index), 0o600));
    assert_eq!(errno, Errno::ENOSPC);
    assert_eq!(machine.kernel.resource_counts().inodes, 16_384);
    for index in 0..made {
        guest.unlink(&name(index)).unwrap();
    }
    guest.rmdir(b"d").unwrap();
    assert_eq!(machine.kernel.resource_counts(), before);
}

#[test]
fn long_symbolic_links_count_against_the_quota() {
    let machine = machine_with(Limits {
        max_filesystem_bytes: 1 << 20,
        ..Limits::default()
    });
    let guest = machine.guest();
    let target = vec![b'x'; 4_000];
    let (made, errno) = fill(|index| guest.symlink(&target, format!("l{index}").as_bytes()));
    assert_eq!(errno, Errno::ENOSPC);
    assert!(made < 256);
    guest.unlink(b"l0").unwrap();
    guest.symlink(&target, b"again").unwrap();
}

#[test]
fn every_way_to_write_stops_at_the_quota() {
    let machine = machine_with(Limits {
        max_filesystem_bytes: 1 << 20,
        ..Limits::default()
    });
    let guest = machine.guest();
    write_file(&guest, "source", &[1; 100_000]);
    let source = guest.open(b"source", OpenFlags::O_RDONLY, 0).unwrap();
    let fd = guest
        .open(b"sink", CREATE | OpenFlags::O_APPEND, 0o600)
        .unwrap();
    let (_, errno) = fill(|_| guest.write(fd, &[2; 999]).map(drop));
    assert_eq!(errno, Errno::ENOSPC);
    guest.ftruncate(fd, 0).unwrap();
    guest.set_status_flags(fd, OpenFlags::empty()).unwrap();
    let (_, errno) = fill(|index| guest.pwrite(fd, b"x", index as u64 * 65_536).map(drop));
    assert_eq!(errno, Errno::ENOSPC);
    guest.ftruncate(fd, 0).unwrap();
    let (_, errno) = fill(|index| {
        guest
            .copy_file_range(source, Some(0), fd, Some(index as u64 * 100_000), 100_000)
            .map(drop)
    });
    assert_eq!(errno, Errno::ENOSPC);
    let counts = machine.kernel.resource_counts();
    assert!(counts.filesystem_bytes <= 1 << 20);
    guest.ftruncate(fd, 0).unwrap();
    let freed = counts.filesystem_bytes - machine.kernel.resource_counts().filesystem_bytes;
    assert!(freed > 800_000);
}

#[test]
fn open_fifos_are_limited_as_pipes_are() {
    let machine = machine();
    let guest = machine.guest();
    guest.mknodat(AT_FDCWD, b"fifo", 0o010_600).unwrap();
    let (made, errno) = fill(|_| guest.open(b"fifo", OpenFlags::O_RDWR, 0).map(drop));
    assert_eq!((made, errno), (128, Errno::ENFILE));
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().pipes, 0);
}

#[test]
fn a_directory_of_a_hundred_thousand_entries_lists_and_empties() {
    let machine = machine_with(Limits {
        max_inodes: 200_000,
        ..Limits::default()
    });
    let guest = machine.guest();
    guest.mkdir(b"d", 0o755).unwrap();
    for index in 0..100_000 {
        guest
            .mknodat(AT_FDCWD, format!("d/{index}").as_bytes(), 0o600)
            .unwrap();
    }
    let entries = guest.read_dir(b"d").unwrap();
    assert_eq!(entries.len(), 100_000);
    for entry in entries {
        guest
            .unlink(&[b"d/", entry.name.as_slice()].concat())
            .unwrap();
    }
    guest.rmdir(b"d").unwrap();
}

#[test]
fn closing_standard_descriptors_and_copying_over_them_harms_nobody() {
    let machine = machine();
    let (read, write) = machine.kernel.pipe().unwrap();
    let fds = vec![(0, read.clone()), (1, write.clone()), (2, write.clone())];
    let guest = machine
        .kernel
        .spawn(SpawnOptions { fds, ..command() })
        .unwrap();
    let null = guest.open(b"/dev/null", OpenFlags::O_RDWR, 0).unwrap();
    for fd in 0..3 {
        guest.dup2(null, fd).unwrap();
    }
    guest.write(1, b"nowhere").unwrap();
    for fd in 0..4 {
        guest.close(fd).unwrap();
    }
    assert_eq!(guest.write(1, b"x"), Err(Errno::EBADF));
    guest.exit(0);
    drop(write);
    assert_eq!(read.read(&mut [0; 8]), Ok(0));
}

#[test]
fn links_do_not_lead_out_of_the_tree() {
    let machine = machine();
    let guest = machine.guest();
    for (index, target) in [
        "/../../../etc",
        "../../../../../../../etc",
        "/proc/self/root/etc",
        "/proc/self/cwd/../../etc",
    ]
    .iter()
    .enumerate()
    {
        let link = format!("l{index}");
        guest.symlink(target.as_bytes(), link.as_bytes()).unwrap();
        assert_eq!(text(&guest, &format!("{link}/hostname")), "secure-exec\n");
        assert_eq!(guest.realpath(link.as_bytes()).unwrap(), b"/etc");
    }
}

#[test]
fn files_of_other_users_in_proc_stay_closed() {
    let machine = machine();
    let guest = machine.guest();
    let root = SpawnOptions {
        credentials: Some(Credentials::root()),
        envp: vec![(b"SECRET".to_vec(), b"1".to_vec())],
        ..command()
    };
    let root = machine.kernel.spawn(root).unwrap();
    let pid = root.pid();
    for name in ["environ", "fd", "cwd/x", "root/x", "fd/0"] {
        let path = format!("/proc/{pid}/{name}");
        let refused = guest.open(path.as_bytes(), OpenFlags::O_RDONLY, 0);
        assert!(matches!(refused, Err(Errno::EACCES)), "{path}: {refused:?}");
    }
    assert!(
        guest
            .open(
                format!("/proc/{pid}/status").as_bytes(),
                OpenFlags::O_RDONLY,
                0
            )
            .is_ok()
    );
}

#[test]
fn programs_of_the_embedder_do_not_see_into_each_other() {
    let machine = machine();
    let (guest, other) = (machine.guest(), machine.guest());
    let child = guest.posix_spawn(command()).unwrap();
    let child = machine.kernel.process(child).unwrap();
    let open = |by: &Process, pid: Pid, name: &str| {
        let path = format!("/proc/{pid}/{name}");
        by.open(path.as_bytes(), OpenFlags::O_RDONLY, 0).map(drop)
    };
    for name in ["environ", "fd", "cwd", "root", "fd/0", "cwd/x"] {
        for (by, of) in [(&other, &guest), (&other, &child), (&child, &other)] {
            let refused = open(by, of.pid(), name);
            assert_eq!(refused, Err(Errno::EACCES), "{name}");
        }
    }
    for name in ["environ", "fd", "cwd", "root"] {
        for (by, of) in [(&guest, &guest), (&guest, &child), (&child, &guest)] {
            assert_eq!(open(by, of.pid(), name), Ok(()), "{name}");
        }
    }
    for name in ["cmdline", "stat", "status"] {
        assert_eq!(open(&other, guest.pid(), name), Ok(()), "{name}");
    }
}

#[test]
fn full_event_queues_hold_a_bounded_number() {
    let machine = machine();
    let guest = machine.guest();
    let (made, errno) = fill(|_| guest.inotify_init1(OpenFlags::empty()).map(drop));
    assert_eq!((made, errno), (32, Errno::EMFILE));
    assert_eq!(
        machine.kernel.take_limit_breaches()[0].limit,
        "maxInotifyInstances"
    );
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().inotify_instances, 0);
}

#[test]
fn a_directory_read_behind_its_last_position_is_at_its_end() {
    let machine = machine();
    let guest = machine.guest();
    for dir in [&b"."[..], b"/dev", b"/proc", b"/proc/self/fd", b"/dev/pts"] {
        let fd = guest.open(dir, OpenFlags::O_RDONLY, 0).unwrap();
        for position in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
            assert_eq!(guest.getdents_from(fd, position, 10), Ok(Vec::new()));
        }
    }
}

#[test]
fn a_forged_filesystem_does_not_keep_mounts_from_their_places() {
    let machine = machine();
    let guest = machine.guest();
    let image = machine.kernel.export_filesystem();
    // The root's names of what is mounted on become other names; none is a directory then.
    let mut forged = image.clone();
    for (name, other) in [
        (&b"\x03dev"[..], &b"\x03etX"[..]),
        (b"\x04proc", b"\x04rocX"),
    ] {
        let at = image.windows(name.len()).position(|window| window == name);
        let at = at.unwrap();
        forged[at..at + name.len()].copy_from_slice(other);
    }
    machine.kernel.import_filesystem(&forged).unwrap();
    guest.stat(b"/dev/null").unwrap();
    guest.stat(b"/proc/self/status").unwrap();
}

#[test]
fn an_instance_without_a_watch_left_names_the_limit() {
    let limits = Limits {
        max_inotify_watches: 3,
        ..Limits::default()
    };
    let machine = machine_with(limits);
    let guest = machine.guest();
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    let (made, errno) = fill(|index| {
        let path = format!("/tmp/{index}");
        guest.mkdir(path.as_bytes(), 0o700)?;
        let watch = guest.inotify_add_watch(fd, path.as_bytes(), InotifyMask::IN_CREATE)?;
        // The same once more is the same watch.
        assert_eq!(
            guest.inotify_add_watch(fd, path.as_bytes(), InotifyMask::IN_CREATE),
            Ok(watch)
        );
        Ok(())
    });
    assert_eq!((made, errno), (3, Errno::ENOSPC));
    let breaches = machine.kernel.take_limit_breaches();
    assert_eq!(breaches.len(), 1);
    let breach = breaches[0];
    assert_eq!(
        (breach.limit, breach.bound, breach.used),
        ("maxInotifyWatches", 3, 4)
    );
}
