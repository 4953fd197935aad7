//! Every function of preview 1 over an in-memory kernel.

use secure_exec_kernel::{Disposition, Errno, OpenFlags, Signal, Timespec};
use secure_exec_preview1::flags::fdflags;
use secure_exec_preview1::{rights, time};

use super::*;
use crate::call::{Call, Outcome};
use crate::fixture::Fixture;

pub(super) const OUT: u32 = 1000;
pub(super) const OUT_AT: usize = 1000;
const FOLLOW: u32 = 1;

pub(super) fn open(
    fixture: &mut Fixture,
    path: &str,
    oflags: u32,
    base: u64,
    flags: u32,
) -> Option<i32> {
    let (at, length) = fixture.put(2000, path.as_bytes());
    fixture.call(|call| {
        path::path_open(
            call, ROOT_FD, FOLLOW, at, length, oflags, base, 0, flags, OUT,
        )
    })
}

pub(super) fn opened(fixture: &mut Fixture, path: &str) -> i32 {
    assert_eq!(open(fixture, path, 1, rights::ALL, 0), Some(0));
    fixture.u32(OUT_AT).cast_signed()
}

pub(super) fn write(fixture: &mut Fixture, fd: i32, bytes: &[u8]) {
    fixture.put(4000, bytes);
    let (vectors, count) = fixture.vectors(4000, &[bytes.len() as u32]);
    fixture.ok(|call| io::fd_write(call, fd, vectors, count, OUT));
    assert_eq!(fixture.u32(OUT_AT) as usize, bytes.len());
}

#[test]
fn arguments_and_environment_are_strings_with_pointers() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| environment::args_sizes_get(call, OUT, OUT + 4));
    assert_eq!((fixture.u32(1000), fixture.u32(1004)), (2, 10));
    fixture.ok(|call| environment::args_get(call, OUT, 2000));
    assert_eq!((fixture.u32(1000), fixture.u32(1004)), (2000, 2006));
    assert_eq!(&fixture.memory[2000..2010], b"inert\0a b\0");
    fixture.ok(|call| environment::environ_sizes_get(call, OUT, OUT + 4));
    assert_eq!((fixture.u32(1000), fixture.u32(1004)), (1, 16));
    fixture.ok(|call| environment::environ_get(call, OUT, 2000));
    assert_eq!(&fixture.memory[2000..2016], b"HOME=/home/user\0");
    assert_eq!(
        fixture.call(|call| environment::args_get(call, 65_534, 0)),
        None
    );
    assert_eq!(
        fixture.call(|call| environment::environ_get(call, 0, 65_530)),
        None
    );
}

#[test]
fn clocks_are_the_kernels() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| clock::clock_time_get(call, time::REALTIME, 0, OUT));
    assert_eq!(fixture.u64(OUT_AT), 1_704_067_200_000_000_000);
    fixture.ok(|call| clock::clock_time_get(call, time::MONOTONIC, 0, OUT));
    assert_eq!(fixture.u64(OUT_AT), 0);
    for cpu in [2, 3] {
        fixture.ok(|call| clock::clock_time_get(call, cpu, 0, OUT));
        assert_eq!(fixture.u64(OUT_AT) % 1_000_000, 0);
    }
    fixture.ok(|call| clock::clock_res_get(call, 0, OUT));
    assert_eq!(fixture.u64(OUT_AT), 1_000_000);
    fixture.fails(Errno::EINVAL, |call| clock::clock_res_get(call, 4, OUT));
    fixture.fails(Errno::EINVAL, |call| clock::clock_time_get(call, 4, 0, OUT));
    assert_eq!(
        fixture.call(|call| clock::clock_time_get(call, 0, 0, 65_530)),
        None
    );
}

#[test]
fn random_bytes_fill_the_buffer() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| environment::random_get(call, 100, 64));
    assert!(fixture.memory[100..164].iter().any(|byte| *byte != 0));
    assert_eq!(fixture.memory[164], 0);
    assert_eq!(
        fixture.call(|call| environment::random_get(call, 1, u32::MAX)),
        None
    );
    fixture.ok(environment::sched_yield);
}

#[test]
fn raised_signal_has_the_number_of_preview_1() {
    let mut fixture = Fixture::new();
    fixture
        .process
        .sigaction(Signal::SIGCHLD, Disposition::Handle)
        .unwrap();
    fixture.ok(|call| environment::proc_raise(call, 16));
    assert_eq!(fixture.process.take_signal(), Some(Signal::SIGCHLD));
    fixture.ok(|call| environment::proc_raise(call, 0));
    fixture.fails(Errno::EINVAL, |call| environment::proc_raise(call, 31));
    assert_eq!(fixture.call(|call| environment::proc_raise(call, 9)), None);
    assert_eq!(
        fixture
            .process
            .exit_status()
            .and_then(|status| status.signal()),
        Some(Signal::SIGKILL)
    );
}

#[test]
fn only_descriptor_3_is_a_preopened_directory() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| descriptor::fd_prestat_get(call, 3, OUT));
    assert_eq!((fixture.u32(1000), fixture.u32(1004)), (0, 1));
    fixture.ok(|call| descriptor::fd_prestat_dir_name(call, 3, OUT, 1));
    assert_eq!(fixture.memory[OUT_AT], b'/');
    fixture.fails(Errno::ENAMETOOLONG, |call| {
        descriptor::fd_prestat_dir_name(call, 3, OUT, 0)
    });
    for fd in [0, 2, 4, -1] {
        fixture.fails(Errno::EBADF, |call| {
            descriptor::fd_prestat_get(call, fd, OUT)
        });
        fixture.fails(Errno::EBADF, |call| {
            descriptor::fd_prestat_dir_name(call, fd, OUT, 1)
        });
    }
    fixture.ok(|call| descriptor::fd_fdstat_get(call, 3, OUT));
    assert_eq!(fixture.memory[OUT_AT], 3, "a directory");
    fixture.ok(|call| filestat::fd_filestat_get(call, 3, OUT));
    assert_eq!(fixture.memory[OUT_AT + 16], 3);
    fixture.fails(Errno::EBADF, |call| descriptor::fd_close(call, 3));
}

#[test]
fn path_open_gives_no_descriptor_below_4_and_sets_cloexec() {
    let mut fixture = Fixture::new();
    let fd = opened(&mut fixture, "workspace/f");
    assert_eq!(fd, 4);
    assert!(!fixture.process.fd_flags(4).unwrap().is_empty());
    assert_eq!(
        open(&mut fixture, "workspace/f", 1 | 4, rights::ALL, 0),
        Some(20),
        "exists"
    );
    assert_eq!(
        open(&mut fixture, "workspace", 2, rights::FD_READDIR, 0),
        Some(0),
        "a directory"
    );
    assert_eq!(
        open(
            &mut fixture,
            "workspace",
            2,
            rights::ALL & !rights::FD_WRITE,
            0
        ),
        Some(0),
        "with rights of files"
    );
    assert_eq!(
        open(&mut fixture, "workspace", 2, rights::ALL, 0),
        Some(31),
        "not to write it"
    );
    assert_eq!(
        open(&mut fixture, "workspace/f", 2, rights::FD_READ, 0),
        Some(54),
        "no directory"
    );
    assert_eq!(open(&mut fixture, "nowhere/f", 1, rights::ALL, 0), Some(44));
    assert_eq!(
        open(&mut fixture, "workspace/f", 16, rights::ALL, 0),
        Some(28)
    );
    assert_eq!(
        open(&mut fixture, "workspace/f", 0, rights::ALL, 32),
        Some(28)
    );
    assert_eq!(open(&mut fixture, "a\0b", 0, rights::ALL, 0), Some(28));
    assert_eq!(
        open(&mut fixture, &"x".repeat(4096), 0, rights::ALL, 0),
        Some(37)
    );
    let call = fixture.call(|call| path::path_open(call, 3, 0, u32::MAX, 2, 0, 0, 0, 0, OUT));
    assert_eq!(call, None);
}

#[test]
fn path_of_a_plain_program_starts_at_the_working_directory_unless_in_root() {
    let mut fixture = Fixture::plain();
    opened(&mut fixture, "f");
    assert!(fixture.process.stat(b"/workspace/f").is_ok());
    opened(&mut fixture, "tmp/g");
    assert!(fixture.process.stat(b"/tmp/g").is_ok());
    opened(&mut fixture, "./h");
    assert!(fixture.process.stat(b"/workspace/h").is_ok());
    let mut ours = Fixture::new();
    assert_eq!(
        open(&mut ours, "f", 1, rights::ALL, 0),
        Some(2),
        "no permission in the root directory"
    );
}

#[test]
fn access_mode_comes_from_the_rights() {
    let mut fixture = Fixture::new();
    opened(&mut fixture, "workspace/f");
    let mut mode = |base, flags| {
        assert_eq!(open(&mut fixture, "workspace/f", 0, base, flags), Some(0));
        let fd = fixture.u32(OUT_AT).cast_signed();
        fixture.process.status_flags(fd).unwrap()
    };
    assert_eq!(mode(rights::FD_READ, 0), OpenFlags::O_RDONLY);
    assert_eq!(mode(rights::FD_WRITE, 0), OpenFlags::O_WRONLY);
    assert_eq!(
        mode(rights::FD_READ | rights::FD_WRITE, fdflags::APPEND),
        OpenFlags::O_RDWR | OpenFlags::O_APPEND
    );
    assert_eq!(mode(0, fdflags::SYNC), OpenFlags::O_SYNC);
}

#[test]
fn vectors_are_read_and_written_in_order() {
    let mut fixture = Fixture::new();
    let fd = opened(&mut fixture, "workspace/f");
    fixture.put(4000, b"abcdefgh");
    let (vectors, count) = fixture.vectors(4000, &[3, 0, 5]);
    fixture.ok(|call| io::fd_write(call, fd, vectors, count, OUT));
    assert_eq!(fixture.u32(OUT_AT), 8);
    fixture.ok(|call| io::fd_pwrite(call, fd, vectors, 1, 6, OUT));
    fixture.ok(|call| descriptor::fd_tell(call, fd, OUT));
    assert_eq!(fixture.u64(OUT_AT), 8);
    fixture.ok(|call| descriptor::fd_seek(call, fd, -9, 2, OUT));
    assert_eq!(fixture.u64(OUT_AT), 0);
    let (vectors, count) = fixture.vectors(5000, &[2, 100]);
    fixture.ok(|call| io::fd_read(call, fd, vectors, count, OUT));
    assert_eq!(fixture.u32(OUT_AT), 9);
    assert_eq!(&fixture.memory[5000..5009], b"abcdefabc");
    fixture.ok(|call| io::fd_read(call, fd, vectors, count, OUT));
    assert_eq!(fixture.u32(OUT_AT), 0, "the end");
    fixture.ok(|call| io::fd_pread(call, fd, vectors, 1, 4, OUT));
    assert_eq!(&fixture.memory[5000..5002], b"ef");
    fixture.fails(Errno::EINVAL, |call| {
        descriptor::fd_seek(call, fd, 0, 5, OUT)
    });
    fixture.fails(Errno::EINVAL, |call| {
        descriptor::fd_seek(call, fd, -1, 0, OUT)
    });
}

#[test]
fn data_and_holes_are_found_by_programs_of_ours_only() {
    const AT: i64 = 1 << 20;
    let mut fixture = Fixture::new();
    let fd = opened(&mut fixture, "workspace/f");
    fixture.ok(|call| descriptor::fd_seek(call, fd, AT, 0, OUT));
    write(&mut fixture, fd, b"text");
    fixture.ok(|call| descriptor::fd_seek(call, fd, 0, 3, OUT));
    assert_eq!(fixture.u64(OUT_AT), AT.cast_unsigned());
    fixture.ok(|call| descriptor::fd_seek(call, fd, AT, 4, OUT));
    assert_eq!(fixture.u64(OUT_AT), AT.cast_unsigned() + 4, "the end");
    fixture.fails(Errno::ENXIO, |call| {
        descriptor::fd_seek(call, fd, AT + 4, 3, OUT)
    });

    let mut plain = Fixture::plain();
    let fd = opened(&mut plain, "workspace/f");
    for whence in 3..5 {
        plain.fails(Errno::EINVAL, |call| {
            descriptor::fd_seek(call, fd, 0, whence, OUT)
        });
    }
}

#[test]
fn bad_vectors_trap_before_anything_is_transferred() {
    let mut fixture = Fixture::new();
    let fd = opened(&mut fixture, "workspace/f");
    write(&mut fixture, fd, b"text");
    let (vectors, count) = fixture.vectors(4000, &[4, 1 << 20]);
    type Transfer = fn(&mut Call, i32, u32, u32) -> Outcome<()>;
    let traps: [Transfer; 2] = [
        |call, fd, vectors, count| io::fd_write(call, fd, vectors, count, OUT),
        |call, fd, vectors, count| io::fd_pwrite(call, fd, vectors, count, 0, OUT),
    ];
    for trap in traps {
        assert_eq!(fixture.call(|call| trap(call, fd, vectors, count)), None);
        assert_eq!(fixture.call(|call| trap(call, fd, 65_532, 1)), None);
        assert_eq!(fixture.call(|call| trap(call, fd, u32::MAX - 3, 1)), None);
    }
    assert_eq!(fixture.process.fstat(fd).unwrap().size, 4);
    fixture.fails(Errno::EINVAL, |call| {
        io::fd_read(call, fd, 0, u32::MAX, OUT)
    });
    fixture.vectors(65_535, &[u32::MAX]);
    assert_eq!(fixture.call(|call| io::fd_read(call, fd, 0, 1, OUT)), None);
    assert_eq!(
        fixture.call(|call| io::fd_read(call, fd, 0, 0, 65_533)),
        None
    );
}

#[test]
fn errors_of_descriptors_are_those_of_linux() {
    let mut fixture = Fixture::new();
    let (read, write) = fixture.process.pipe2(OpenFlags::O_NONBLOCK).unwrap();
    let (vectors, count) = fixture.vectors(4000, &[4]);
    fixture.fails(Errno::EAGAIN, |call| {
        io::fd_read(call, read, vectors, count, OUT)
    });
    fixture.fails(Errno::EBADF, |call| {
        io::fd_write(call, read, vectors, count, OUT)
    });
    fixture.fails(Errno::EBADF, |call| {
        io::fd_read(call, 99, vectors, count, OUT)
    });
    fixture.fails(Errno::ESPIPE, |call| descriptor::fd_tell(call, read, OUT));
    fixture.fails(Errno::ESPIPE, |call| {
        io::fd_pread(call, read, vectors, count, 0, OUT)
    });
    fixture.fails(Errno::ESPIPE, |call| {
        descriptor::fd_advise(call, read, 0, 0, 0)
    });
    fixture.fails(Errno::ESPIPE, |call| {
        descriptor::fd_allocate(call, write, 0, 1)
    });
    fixture.fails(Errno::ENOTSOCK, |call| socket::sock_shutdown(call, read, 3));
    fixture.fails(Errno::ENOTSOCK, |call| {
        socket::sock_recv(call, read, 0, 0, 0, OUT, OUT)
    });
    fixture.fails(Errno::ENOTSOCK, |call| {
        socket::sock_send(call, read, 0, 0, 0, OUT)
    });
    fixture.fails(Errno::ENOTSOCK, |call| {
        socket::sock_accept(call, read, 0, OUT)
    });
    fixture.fails(Errno::EBADF, |call| socket::sock_shutdown(call, 77, 3));
    fixture.ok(|call| descriptor::fd_close(call, read));
    fixture
        .process
        .sigaction(Signal::SIGPIPE, Disposition::Ignore)
        .unwrap();
    fixture.fails(Errno::EPIPE, |call| {
        io::fd_write(call, write, vectors, count, OUT)
    });
    fixture
        .process
        .sigaction(Signal::SIGPIPE, Disposition::Default)
        .unwrap();
    fixture.call(|call| io::fd_write(call, write, vectors, count, OUT));
    assert_eq!(
        fixture
            .process
            .exit_status()
            .and_then(|status| status.signal()),
        Some(Signal::SIGPIPE)
    );
}

#[test]
fn small_vectors_go_into_a_pipe_as_one_piece() {
    let mut fixture = Fixture::new();
    let (read, write) = fixture.process.pipe2(OpenFlags::O_NONBLOCK).unwrap();
    let mut filled = 0;
    while let Ok(count) = fixture.process.write(write, &[0; 1000]) {
        filled += count;
    }
    let (vectors, count) = fixture.vectors(4000, &[(65_536 - filled) as u32, 4]);
    fixture.fails(Errno::EAGAIN, |call| {
        io::fd_write(call, write, vectors, count, OUT)
    });
    let mut rest = vec![0; 65_536];
    assert_eq!(fixture.process.read(read, &mut rest), Ok(filled));
}

#[test]
fn descriptor_flags_and_rights_tell_what_a_descriptor_is() {
    let mut fixture = Fixture::new();
    let fd = opened(&mut fixture, "workspace/f");
    fixture
        .ok(|call| descriptor::fd_fdstat_set_flags(call, fd, fdflags::APPEND | fdflags::NONBLOCK));
    fixture.ok(|call| descriptor::fd_fdstat_get(call, fd, OUT));
    assert_eq!(fixture.memory[OUT_AT], 4);
    assert_eq!(fixture.memory[OUT_AT + 2], 5);
    assert_eq!(fixture.u64(OUT_AT + 8), rights::REGULAR_FILE);
    assert_eq!(fixture.u64(OUT_AT + 16), 0);
    fixture.fails(Errno::EBADF, |call| {
        descriptor::fd_fdstat_set_rights(call, 50, 0, 0)
    });
    fixture.fails(Errno::EINVAL, |call| {
        descriptor::fd_fdstat_set_flags(call, fd, 64)
    });
    let (read, _) = fixture.process.pipe2(OpenFlags::empty()).unwrap();
    fixture.ok(|call| descriptor::fd_fdstat_get(call, read, OUT));
    assert_eq!(fixture.memory[OUT_AT], 0);
    assert_eq!(fixture.u64(OUT_AT + 8) & rights::FD_WRITE, 0);
    let null = fixture
        .process
        .open(b"/dev/null", OpenFlags::O_RDWR, 0)
        .unwrap();
    fixture.ok(|call| descriptor::fd_fdstat_get(call, null, OUT));
    assert_eq!(fixture.memory[OUT_AT], 2);
    assert_ne!(
        fixture.u64(OUT_AT + 8) & rights::FD_SEEK,
        0,
        "not a terminal"
    );
}

#[test]
fn renumbering_moves_onto_an_open_descriptor() {
    let mut fixture = Fixture::new();
    let (first, second) = (
        opened(&mut fixture, "workspace/f"),
        opened(&mut fixture, "workspace/g"),
    );
    write(&mut fixture, first, b"abc");
    fixture.ok(|call| descriptor::fd_renumber(call, first, second));
    assert_eq!(fixture.process.fstat(second).unwrap().size, 3);
    fixture.fails(Errno::EBADF, |call| {
        descriptor::fd_renumber(call, first, second)
    });
    fixture.fails(Errno::EBADF, |call| {
        descriptor::fd_renumber(call, second, 60)
    });
    fixture.ok(|call| descriptor::fd_renumber(call, second, second));
}

#[test]
fn sizes_are_set_and_allocated() {
    let mut fixture = Fixture::new();
    let fd = opened(&mut fixture, "workspace/f");
    fixture.ok(|call| filestat::fd_filestat_set_size(call, fd, 10));
    fixture.ok(|call| descriptor::fd_allocate(call, fd, 5, 2));
    assert_eq!(fixture.process.fstat(fd).unwrap().size, 10);
    fixture.ok(|call| descriptor::fd_allocate(call, fd, 8, 8));
    assert_eq!(fixture.process.fstat(fd).unwrap().size, 16);
    fixture.fails(Errno::EINVAL, |call| {
        descriptor::fd_allocate(call, fd, 0, 0)
    });
    fixture.fails(Errno::EFBIG, |call| {
        descriptor::fd_allocate(call, fd, i64::MAX as u64, 9)
    });
    fixture.fails(Errno::EFBIG, |call| {
        filestat::fd_filestat_set_size(call, fd, 1 << 40)
    });
    fixture.ok(|call| descriptor::fd_advise(call, fd, 0, 0, 5));
    fixture.fails(Errno::EINVAL, |call| {
        descriptor::fd_advise(call, fd, 0, 0, 6)
    });
    fixture.ok(|call| descriptor::fd_sync(call, fd));
    fixture.ok(|call| descriptor::fd_datasync(call, fd));
}

#[test]
fn metadata_has_the_layout_of_preview_1() {
    let mut fixture = Fixture::new();
    let fd = opened(&mut fixture, "workspace/f");
    write(&mut fixture, fd, b"abc");
    fixture.ok(|call| filestat::fd_filestat_set_times(call, fd, 5, 1_000_000_007, 1 | 4));
    fixture.ok(|call| filestat::fd_filestat_get(call, fd, OUT));
    let stat = fixture.process.fstat(fd).unwrap();
    assert_eq!((fixture.u64(1000), fixture.u64(1008)), (stat.dev, stat.ino));
    assert_eq!(fixture.memory[1016], 4);
    assert_eq!((fixture.u64(1024), fixture.u64(1032)), (1, 3));
    assert_eq!((fixture.u64(1040), fixture.u64(1048)), (5, 1_000_000_007));
    let (at, length) = fixture.put(2000, b"workspace/f");
    fixture.ok(|call| filestat::path_filestat_set_times(call, 3, FOLLOW, at, length, 0, 0, 2));
    assert_eq!(
        fixture.process.fstat(fd).unwrap().atime,
        Timespec::new(1_704_067_200, 0)
    );
    fixture.ok(|call| filestat::path_filestat_get(call, 3, FOLLOW, at, length, OUT));
    assert_eq!(fixture.u64(1048), 1_000_000_007, "left alone");
    for flags in [3, 12, 16] {
        fixture.fails(Errno::EINVAL, |call| {
            filestat::fd_filestat_set_times(call, fd, 0, 0, flags)
        });
    }
    fixture.fails(Errno::EBADF, |call| {
        filestat::fd_filestat_get(call, 40, OUT)
    });
}

#[test]
fn names_are_made_linked_moved_and_removed() {
    let mut fixture = Fixture::new();
    let (dir, dir_length) = fixture.put(2500, b"workspace/d");
    fixture.ok(|call| path::path_create_directory(call, 3, dir, dir_length));
    fixture.fails(Errno::EEXIST, |call| {
        path::path_create_directory(call, 3, dir, dir_length)
    });
    opened(&mut fixture, "workspace/f");
    let (file, file_length) = fixture.put(2100, b"workspace/f");
    let (link, link_length) = fixture.put(2200, b"workspace/d/l");
    fixture.ok(|call| path::path_link(call, 3, 0, file, file_length, 3, link, link_length));
    let (symlink, symlink_length) = fixture.put(2300, b"workspace/s");
    let (target, target_length) = fixture.put(2400, b"d/l");
    fixture.ok(|call| path::path_symlink(call, target, target_length, 3, symlink, symlink_length));
    fixture.ok(|call| path::path_readlink(call, 3, symlink, symlink_length, 3000, 2, OUT));
    assert_eq!(
        (fixture.u32(OUT_AT), &fixture.memory[3000..3003]),
        (2, &b"d/\0"[..])
    );
    fixture.ok(|call| filestat::path_filestat_get(call, 3, 0, symlink, symlink_length, OUT));
    assert_eq!(fixture.memory[1016], 7, "the link itself");
    fixture.ok(|call| filestat::path_filestat_get(call, 3, FOLLOW, symlink, symlink_length, OUT));
    assert_eq!((fixture.memory[1016], fixture.u64(1024)), (4, 2));
    fixture.fails(Errno::ENOTEMPTY, |call| {
        path::path_remove_directory(call, 3, dir, dir_length)
    });
    fixture.ok(|call| path::path_rename(call, 3, link, link_length, 3, file, file_length));
    fixture.ok(|call| path::path_unlink_file(call, 3, symlink, symlink_length));
    fixture.fails(Errno::EISDIR, |call| {
        path::path_unlink_file(call, 3, dir, dir_length)
    });
    fixture.ok(|call| path::path_unlink_file(call, 3, link, link_length));
    fixture.ok(|call| path::path_remove_directory(call, 3, dir, dir_length));
    fixture.fails(Errno::ENOENT, |call| {
        path::path_remove_directory(call, 3, dir, dir_length)
    });
    assert_eq!(
        fixture.call(|call| path::path_rename(call, 3, file, 4, 3, u32::MAX, 4)),
        None
    );
}

/// Names and cookies of the entries in a buffer.
fn entries(buf: &[u8]) -> Vec<(String, u64)> {
    let mut entries = Vec::new();
    let mut rest = buf;
    while rest.len() >= 24 {
        let next = u64::from_le_bytes(rest[..8].try_into().unwrap());
        let length = u32::from_le_bytes(rest[16..20].try_into().unwrap()) as usize;
        let Some(name) = rest.get(24..24 + length) else {
            break;
        };
        entries.push((String::from_utf8_lossy(name).into_owned(), next));
        rest = &rest[24 + length..];
    }
    entries
}

#[test]
fn directory_is_listed_from_every_cookie() {
    let mut fixture = Fixture::new();
    for name in ["one", "two", "three"] {
        fixture
            .process
            .mkdir(format!("/workspace/{name}").as_bytes(), 0o755)
            .unwrap();
    }
    assert_eq!(
        open(&mut fixture, "workspace", 2, rights::FD_READDIR, 0),
        Some(0)
    );
    let fd = fixture.u32(OUT_AT).cast_signed();
    fixture.ok(|call| directory::fd_readdir(call, fd, 3000, 4096, 0, OUT));
    let used = fixture.u32(OUT_AT) as usize;
    let all = entries(&fixture.memory[3000..3000 + used]);
    let mut names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..2], [".", ".."]);
    names.sort_unstable();
    assert_eq!(names, [".", "..", "one", "three", "two"]);
    for (index, (_, cookie)) in all.iter().enumerate() {
        fixture.ok(|call| directory::fd_readdir(call, fd, 3000, 4096, *cookie, OUT));
        let used = fixture.u32(OUT_AT) as usize;
        assert_eq!(
            entries(&fixture.memory[3000..3000 + used]),
            all[index + 1..]
        );
    }
    fixture.ok(|call| directory::fd_readdir(call, fd, 3000, 30, 0, OUT));
    assert_eq!(
        fixture.u32(OUT_AT),
        30,
        "a full buffer says that there is more"
    );
    fixture.ok(|call| directory::fd_readdir(call, fd, 3000, 4096, u64::MAX, OUT));
    assert_eq!(fixture.u32(OUT_AT), 0);
    assert_eq!(
        fixture.call(|call| directory::fd_readdir(call, fd, 1, u32::MAX, 0, OUT)),
        None
    );
    let file = opened(&mut fixture, "workspace/f");
    fixture.fails(Errno::ENOTDIR, |call| {
        directory::fd_readdir(call, file, 3000, 100, 0, OUT)
    });
}

/// Stores a subscription: to a clock with its flags and timeout, or to a descriptor.
pub(super) fn subscribe(
    fixture: &mut Fixture,
    index: usize,
    kind: u8,
    id: u32,
    timeout: u64,
    flags: u16,
) {
    let at = 4000 + 48 * index;
    fixture.put(at, &[0; 48]);
    fixture.put(at, &(index as u64 + 70).to_le_bytes());
    fixture.put(at + 8, &[kind]);
    fixture.put(at + 16, &id.to_le_bytes());
    fixture.put(at + 24, &timeout.to_le_bytes());
    fixture.put(at + 40, &flags.to_le_bytes());
}

/// What an event says: whose it is, error, kind, bytes, flags.
fn event(fixture: &Fixture, index: usize) -> (u64, u16, u8, u64, u16) {
    let at = 6000 + 32 * index;
    let half = |at: usize| u16::from_le_bytes([fixture.memory[at], fixture.memory[at + 1]]);
    (
        fixture.u64(at),
        half(at + 8),
        fixture.memory[at + 10],
        fixture.u64(at + 16),
        half(at + 24),
    )
}

#[test]
fn poll_reports_what_is_ready() {
    let mut fixture = Fixture::new();
    let (read, write_fd) = fixture.process.pipe2(OpenFlags::empty()).unwrap();
    subscribe(&mut fixture, 0, 1, read.cast_unsigned(), 0, 0);
    subscribe(&mut fixture, 1, 2, write_fd.cast_unsigned(), 0, 0);
    subscribe(&mut fixture, 2, 0, time::MONOTONIC, 3_600_000_000_000, 0);
    subscribe(&mut fixture, 3, 1, 88, 0, 0);
    fixture.ok(|call| poll::poll_oneoff(call, 4000, 6000, 4, OUT));
    assert_eq!(fixture.u32(OUT_AT), 2);
    assert_eq!(event(&fixture, 0), (71, 0, 2, 0, 0));
    assert_eq!(event(&fixture, 1), (73, 8, 1, 0, 0));
    fixture.process.write(write_fd, b"x").unwrap();
    fixture.ok(|call| poll::poll_oneoff(call, 4000, 6000, 1, OUT));
    assert_eq!(event(&fixture, 0), (70, 0, 1, 1, 0));
    fixture.process.read(read, &mut [0]).unwrap();
    fixture.process.close(write_fd).unwrap();
    fixture.ok(|call| poll::poll_oneoff(call, 4000, 6000, 1, OUT));
    assert_eq!(
        event(&fixture, 0),
        (70, 0, 1, 0, 1),
        "the writer has hung up"
    );
    let file = opened(&mut fixture, "workspace/f");
    write(&mut fixture, file, b"12345");
    fixture.process.lseek(file, 2, 0).unwrap();
    subscribe(&mut fixture, 0, 1, file.cast_unsigned(), 0, 0);
    fixture.ok(|call| poll::poll_oneoff(call, 4000, 6000, 1, OUT));
    assert_eq!(event(&fixture, 0), (70, 0, 1, 3, 0));
}

#[test]
fn poll_waits_for_clocks() {
    let mut fixture = Fixture::new();
    let start = std::time::Instant::now();
    subscribe(&mut fixture, 0, 0, time::MONOTONIC, 2_000_000, 0);
    subscribe(&mut fixture, 1, 0, time::REALTIME, 3_600_000_000_000, 0);
    fixture.ok(|call| poll::poll_oneoff(call, 4000, 6000, 2, OUT));
    assert!(start.elapsed().as_micros() >= 2000);
    assert_eq!(
        (fixture.u32(OUT_AT), event(&fixture, 0)),
        (1, (70, 0, 0, 0, 0))
    );
    subscribe(&mut fixture, 0, 0, time::REALTIME, 1, 1);
    fixture.ok(|call| poll::poll_oneoff(call, 4000, 6000, 1, OUT));
    assert_eq!(
        event(&fixture, 0),
        (70, 0, 0, 0, 0),
        "a time that has passed"
    );
    subscribe(&mut fixture, 0, 0, 2, 1, 0);
    fixture.ok(|call| poll::poll_oneoff(call, 4000, 6000, 1, OUT));
    assert_eq!(event(&fixture, 0).1, 58);
}

#[test]
fn poll_refuses_what_makes_no_sense() {
    let mut fixture = Fixture::new();
    fixture.fails(Errno::EINVAL, |call| {
        poll::poll_oneoff(call, 4000, 6000, 0, OUT)
    });
    fixture.fails(Errno::EINVAL, |call| {
        poll::poll_oneoff(call, 4000, 6000, 1_000_000_000, OUT)
    });
    assert_eq!(
        fixture.call(|call| poll::poll_oneoff(call, 0, 65_520, 1, OUT)),
        None
    );
    assert_eq!(
        fixture.call(|call| poll::poll_oneoff(call, 65_520, 0, 1, OUT)),
        None
    );
    assert_eq!(
        fixture.call(|call| poll::poll_oneoff(call, u32::MAX - 8, 0, 1, OUT)),
        None
    );
    subscribe(&mut fixture, 0, 9, 0, 0, 0);
    fixture.fails(Errno::EINVAL, |call| {
        poll::poll_oneoff(call, 4000, 6000, 1, OUT)
    });
    fixture
        .process
        .sigaction(Signal::SIGUSR1, Disposition::Handle)
        .unwrap();
    fixture
        .process
        .kill(fixture.process.pid().raw(), Signal::SIGUSR1)
        .unwrap();
    subscribe(&mut fixture, 0, 0, time::MONOTONIC, 3_600_000_000_000, 0);
    fixture.fails(Errno::EINTR, |call| {
        poll::poll_oneoff(call, 4000, 6000, 1, OUT)
    });
}
