//! Files: opening, offsets, sharing, quota, deferred unlink.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of the test's own are small"
)]

mod common;
use common::*;
use secure_exec_kernel::*;

const RDWR_CREAT: OpenFlags = OpenFlags::from_bits_retain(0o102);

#[test]
fn what_is_written_is_read_back() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "hello", b"hello world");
    assert_eq!(read_file(&guest, "/home/user/hello"), b"hello world");
    let stat = guest.stat(b"hello").unwrap();
    assert_eq!(
        (stat.size, stat.mode, stat.uid, stat.nlink),
        (11, 0o100644, 1000, 1)
    );
}

#[test]
fn offset_is_shared_after_dup_and_not_between_opens() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "f", b"abcdef");
    let first = guest.open(b"f", OpenFlags::O_RDONLY, 0).unwrap();
    let copy = guest.dup(first).unwrap();
    let other = guest.open(b"f", OpenFlags::O_RDONLY, 0).unwrap();
    let mut buf = [0; 2];
    guest.read(first, &mut buf).unwrap();
    assert_eq!(&buf, b"ab");
    guest.read(copy, &mut buf).unwrap();
    assert_eq!(&buf, b"cd");
    guest.read(other, &mut buf).unwrap();
    assert_eq!(&buf, b"ab");
}

#[test]
fn append_goes_to_the_end_whatever_the_offset() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "log", b"one");
    let fd = guest
        .open(b"log", OpenFlags::O_WRONLY | OpenFlags::O_APPEND, 0)
        .unwrap();
    guest.lseek(fd, 0, 0).unwrap();
    guest.write(fd, b"two").unwrap();
    guest.pwrite(fd, b"six", 0).unwrap();
    assert_eq!(read_file(&guest, "log"), b"onetwosix");
}

#[test]
fn unlinked_file_lives_until_its_last_descriptor_closes() {
    let machine = machine();
    let guest = machine.guest();
    let before = machine.kernel.resource_counts();
    let fd = guest.open(b"gone", RDWR_CREAT, 0o600).unwrap();
    guest.write(fd, &[7; 10_000]).unwrap();
    guest.unlink(b"gone").unwrap();
    assert_eq!(guest.stat(b"gone"), Err(Errno::ENOENT));
    assert_eq!(guest.fstat(fd).unwrap().nlink, 0);
    let mut buf = [0; 4];
    assert_eq!(guest.pread(fd, &mut buf, 9_998), Ok(2));
    assert_eq!(
        machine.kernel.resource_counts().filesystem_bytes,
        before.filesystem_bytes + 12_288
    );
    guest.close(fd).unwrap();
    assert_eq!(machine.kernel.resource_counts(), before);
}

#[test]
fn rename_over_an_open_file_keeps_the_old_one_readable() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "a", b"old");
    write_file(&guest, "b", b"new");
    let fd = guest.open(b"a", OpenFlags::O_RDONLY, 0).unwrap();
    guest.rename(b"b", b"a").unwrap();
    let mut buf = [0; 3];
    guest.read(fd, &mut buf).unwrap();
    assert_eq!(&buf, b"old");
    assert_eq!(read_file(&guest, "a"), b"new");
    assert_eq!(guest.stat(b"b"), Err(Errno::ENOENT));
}

#[test]
fn sparse_write_far_out_fails_with_efbig_and_takes_nothing() {
    let machine = machine();
    let guest = machine.guest();
    let fd = guest.open(b"f", RDWR_CREAT, 0o600).unwrap();
    let before = machine.kernel.resource_counts();
    assert_eq!(guest.pwrite(fd, b"x", 1 << 53), Err(Errno::EFBIG));
    assert_eq!(guest.ftruncate(fd, 1 << 53), Err(Errno::EFBIG));
    assert_eq!(
        guest.truncate(b"f", 1_000_000_000_000_000),
        Err(Errno::EFBIG)
    );
    assert_eq!(machine.kernel.resource_counts(), before);
    let breaches = machine.kernel.take_limit_breaches();
    assert_eq!(breaches[0].limit, "maxFileBytes");
    assert_eq!(breaches[0].bound, 32 << 20);
}

#[test]
fn sparse_file_within_the_limit_takes_only_what_was_written() {
    let limits = Limits {
        max_file_bytes: 1 << 60,
        ..Limits::default()
    };
    let machine = machine_with(limits);
    let guest = machine.guest();
    let fd = guest.open(b"f", RDWR_CREAT, 0o600).unwrap();
    let before = machine.kernel.resource_counts().filesystem_bytes;
    assert_eq!(guest.pwrite(fd, b"xyz", 1 << 53), Ok(3));
    assert_eq!(guest.fstat(fd).unwrap().size, (1 << 53) + 3);
    assert_eq!(
        machine.kernel.resource_counts().filesystem_bytes,
        before + 4096
    );
    let mut buf = [1; 8];
    assert_eq!(guest.pread(fd, &mut buf, (1 << 53) - 4), Ok(7));
    assert_eq!(&buf[..7], b"\0\0\0\0xyz");
    assert_eq!(guest.lseek(fd, 0, 3), Ok(1 << 53));
    assert_eq!(guest.lseek(fd, 0, 4), Ok(0));
}

#[test]
fn full_quota_is_enospc_and_deleting_frees_it() {
    let limits = Limits {
        max_filesystem_bytes: 1 << 20,
        ..Limits::default()
    };
    let machine = machine_with(limits);
    let guest = machine.guest();
    let fd = guest.open(b"fill", RDWR_CREAT, 0o600).unwrap();
    let mut written = 0;
    let error = loop {
        match guest.write(fd, &[1; 10_000]) {
            Ok(count) => written += count,
            Err(errno) => break errno,
        }
    };
    assert_eq!(error, Errno::ENOSPC);
    let counts = machine.kernel.resource_counts();
    assert_eq!(counts.filesystem_bytes, 1 << 20);
    assert_eq!(guest.fstat(fd).unwrap().size, written as u64);
    assert_eq!(
        machine.kernel.take_limit_breaches()[0].limit,
        "maxFilesystemBytes"
    );
    guest.close(fd).unwrap();
    guest.unlink(b"fill").unwrap();
    write_file(&guest, "again", &[2; 500_000]);
    assert_eq!(read_file(&guest, "again").len(), 500_000);
}

#[test]
fn full_inode_quota_is_enospc_for_files_links_and_directories() {
    let limits = Limits {
        max_inodes: 80,
        ..Limits::default()
    };
    let machine = machine_with(limits);
    let guest = machine.guest();
    write_file(&guest, "first", b"");
    let mut made = 0;
    while guest.link(b"first", format!("l{made}").as_bytes()).is_ok() {
        made += 1;
    }
    assert!(made > 10);
    assert_eq!(guest.link(b"first", b"more"), Err(Errno::ENOSPC));
    assert_eq!(guest.mkdir(b"dir", 0o755), Err(Errno::ENOSPC));
    assert_eq!(guest.symlink(b"x", b"sym"), Err(Errno::ENOSPC));
    assert_eq!(guest.open(b"new", RDWR_CREAT, 0o644), Err(Errno::ENOSPC));
    guest.unlink(b"l0").unwrap();
    guest.mkdir(b"dir", 0o755).unwrap();
    for index in 1..made {
        guest.unlink(format!("l{index}").as_bytes()).unwrap();
    }
    guest.rmdir(b"dir").unwrap();
    let one = machine.kernel.resource_counts().inodes;
    guest.unlink(b"first").unwrap();
    assert_eq!(machine.kernel.resource_counts().inodes, one - 1);
}

#[test]
fn truncate_cuts_extends_with_zeroes_and_frees() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "f", &[9; 200_000]);
    let before = machine.kernel.resource_counts().filesystem_bytes;
    guest.truncate(b"f", 5).unwrap();
    assert_eq!(
        machine.kernel.resource_counts().filesystem_bytes,
        before - 49 * 4096 + 4096
    );
    guest.truncate(b"f", 70_000).unwrap();
    let contents = read_file(&guest, "f");
    assert_eq!(contents.len(), 70_000);
    assert_eq!(&contents[..6], &[9, 9, 9, 9, 9, 0]);
    assert!(contents[5..].iter().all(|byte| *byte == 0));
}

#[test]
fn random_writes_agree_with_a_model() {
    let machine = machine();
    let guest = machine.guest();
    let fd = guest.open(b"f", RDWR_CREAT, 0o600).unwrap();
    let mut model: Vec<u8> = Vec::new();
    let mut state = 1u64;
    let mut next = |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % bound
    };
    for step in 0..400 {
        let (offset, len) = (next(300_000), next(90_000));
        if step % 7 == 0 {
            guest.ftruncate(fd, offset).unwrap();
            model.resize(offset as usize, 0);
        } else {
            let bytes = vec![(step % 250) as u8 + 1; len as usize];
            assert_eq!(guest.pwrite(fd, &bytes, offset), Ok(bytes.len()));
            if len > 0 {
                model.resize(model.len().max((offset + len) as usize), 0);
                model[offset as usize..(offset + len) as usize].copy_from_slice(&bytes);
            }
        }
    }
    assert_eq!(read_file(&guest, "f"), model);
}

#[test]
fn descriptors_run_out_with_emfile_and_a_breach() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "f", b"");
    let mut opened = 0;
    let error = loop {
        match guest.open(b"f", OpenFlags::O_RDONLY, 0) {
            Ok(fd) => assert_eq!(fd, opened),
            Err(errno) => break errno,
        }
        opened += 1;
    };
    assert_eq!((opened, error), (256, Errno::EMFILE));
    assert_eq!(guest.pipe2(OpenFlags::empty()), Err(Errno::EMFILE));
    assert_eq!(machine.kernel.take_limit_breaches()[0].limit, "maxOpenFds");
    assert_eq!(
        guest.open(b"not-made", RDWR_CREAT, 0o600),
        Err(Errno::EMFILE)
    );
    assert_eq!(guest.stat(b"not-made"), Err(Errno::ENOENT));
    guest.close(17).unwrap();
    guest.close(3).unwrap();
    assert_eq!(guest.dup(0), Ok(3));
    assert_eq!(guest.dup(0), Ok(17));
}

#[test]
fn odd_descriptors_are_ebadf() {
    let machine = machine();
    let guest = machine.guest();
    for fd in [-1, 0, 1_000_000_000, i32::MAX, i32::MIN] {
        assert_eq!(guest.read(fd, &mut [0]), Err(Errno::EBADF));
        assert_eq!(guest.write(fd, b"x"), Err(Errno::EBADF));
        assert_eq!(guest.close(fd), Err(Errno::EBADF));
        assert_eq!(guest.fsync(fd), Err(Errno::EBADF));
        assert_eq!(guest.fstat(fd).unwrap_err(), Errno::EBADF);
        assert_eq!(guest.dup2(fd, 1), Err(Errno::EBADF));
    }
    let fd = guest.open(b"f", RDWR_CREAT, 0o600).unwrap();
    assert_eq!(guest.dup2(fd, 1_000_000_000), Err(Errno::EBADF));
    assert_eq!(guest.dup2(fd, -1), Err(Errno::EBADF));
    assert_eq!(guest.dup2(fd, fd), Ok(fd));
    assert_eq!(guest.dup3(fd, fd, OpenFlags::empty()), Err(Errno::EINVAL));
}

#[test]
fn vectored_io_fills_and_drains_buffers_in_order() {
    let machine = machine();
    let guest = machine.guest();
    let fd = guest.open(b"f", RDWR_CREAT, 0o600).unwrap();
    assert_eq!(guest.writev(fd, &[b"ab", b"", b"cde"]), Ok(5));
    assert_eq!(guest.pwritev(fd, &[b"X", b"Y"], 1), Ok(2));
    let (mut one, mut two) = ([0; 2], [0; 9]);
    assert_eq!(guest.preadv(fd, &mut [&mut one, &mut two], 0), Ok(5));
    assert_eq!((&one, &two[..3]), (b"aX", b"Yde".as_slice()));
    guest.lseek(fd, 3, 0).unwrap();
    assert_eq!(guest.readv(fd, &mut [&mut one, &mut two]), Ok(2));
    assert_eq!(&one, b"de");
}

#[test]
fn copy_file_range_copies_between_offsets() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "a", &[5; 100_000]);
    let from = guest.open(b"a", OpenFlags::O_RDONLY, 0).unwrap();
    let to = guest.open(b"b", RDWR_CREAT, 0o600).unwrap();
    assert_eq!(
        guest.copy_file_range(from, None, to, None, 1 << 20),
        Ok(100_000)
    );
    assert_eq!(guest.copy_file_range(from, None, to, None, 1 << 20), Ok(0));
    assert_eq!(
        guest.copy_file_range(from, Some(0), to, Some(50), 10),
        Ok(10)
    );
    assert_eq!(read_file(&guest, "b"), vec![5; 100_000]);
    assert_eq!(
        guest.copy_file_range(to, Some(0), to, Some(5), 10),
        Err(Errno::EINVAL)
    );
}

#[test]
fn times_follow_the_clock() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "f", b"x");
    let made = guest.stat(b"f").unwrap();
    machine.clock.advance(5_000_000_001);
    guest.chmod(b"f", 0o600).unwrap();
    let changed = guest.stat(b"f").unwrap();
    assert_eq!(changed.mtime, made.mtime);
    assert_eq!(
        changed.ctime,
        Timespec::new(made.ctime.sec + 5, made.ctime.nsec + 1)
    );
    let at = Timespec::new(-7, 123_456_789);
    guest
        .utimensat(
            AT_FDCWD,
            b"f",
            SetTime::Omit,
            SetTime::At(at),
            AtFlags::empty(),
        )
        .unwrap();
    let set = guest.stat(b"f").unwrap();
    assert_eq!(
        (set.mtime, set.atime, set.btime),
        (at, changed.atime, made.btime)
    );
}

#[test]
fn write_beyond_rlimit_fsize_is_efbig_and_sigxfsz() {
    let machine = machine();
    let guest = machine.guest();
    guest
        .sigaction(Signal::SIGXFSZ, Disposition::Handle)
        .unwrap();
    guest
        .setrlimit(Resource::RLIMIT_FSIZE, Rlimit { soft: 10, hard: 10 })
        .unwrap();
    let fd = guest.open(b"f", RDWR_CREAT, 0o600).unwrap();
    assert_eq!(guest.write(fd, b"123456789012"), Ok(10));
    assert_eq!(guest.write(fd, b"1"), Err(Errno::EFBIG));
    assert_eq!(ready(poll(|cx| guest.poll_signal(cx))), Signal::SIGXFSZ);
}

#[test]
fn directory_listing_survives_removal_of_what_it_lists() {
    let machine = machine_with(Limits {
        max_inodes: 20_000,
        ..Limits::default()
    });
    let guest = machine.guest();
    guest.mkdir(b"d", 0o755).unwrap();
    for index in 0..3_000 {
        guest
            .mknodat(AT_FDCWD, format!("d/{index}").as_bytes(), 0o600)
            .unwrap();
    }
    let fd = guest.open(b"d", OpenFlags::O_DIRECTORY, 0).unwrap();
    let mut seen = 0;
    loop {
        let batch = guest.getdents(fd).unwrap();
        if batch.is_empty() {
            break;
        }
        for entry in batch {
            guest
                .unlink(&[b"d/", entry.name.as_slice()].concat())
                .unwrap();
            seen += 1;
        }
    }
    assert_eq!(seen, 3_000);
    guest.rmdir(b"d").unwrap();
    assert_eq!(guest.getdents(fd), Err(Errno::ENOENT));
}

#[test]
fn tree_ten_thousand_levels_deep_is_built_and_dropped() {
    let machine = machine();
    let guest = machine.guest();
    for _ in 0..10_000 {
        guest.mkdir(b"d", 0o755).unwrap();
        guest.chdir(b"d").unwrap();
    }
    assert_eq!(guest.getcwd().unwrap().len(), "/home/user".len() + 20_000);
    guest.chdir(b"/").unwrap();
    drop(guest);
    drop(machine);
}

#[test]
fn o_tmpfile_has_no_name_until_linked() {
    let machine = machine();
    let guest = machine.guest();
    let fd = guest
        .open(b".", OpenFlags::O_TMPFILE | OpenFlags::O_RDWR, 0o600)
        .unwrap();
    guest.write(fd, b"late").unwrap();
    assert_eq!(guest.read_dir(b".").unwrap(), []);
    guest
        .linkat(fd, b"", AT_FDCWD, b"named", AtFlags::AT_EMPTY_PATH)
        .unwrap();
    assert_eq!(read_file(&guest, "named"), b"late");
    guest.close(fd).unwrap();
    let inodes = machine.kernel.resource_counts().inodes;
    guest.unlink(b"named").unwrap();
    assert_eq!(machine.kernel.resource_counts().inodes, inodes - 1);
}
