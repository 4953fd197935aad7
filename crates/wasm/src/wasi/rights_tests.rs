//! What rights refuse, and the root directory as a descriptor.

use secure_exec_kernel::Errno;
use secure_exec_preview1::rights;

use super::tests::{OUT, OUT_AT, open, opened, subscribe, write};
use super::*;
use crate::call::{Call, Outcome};
use crate::fixture::Fixture;

const NOT_CAPABLE: Option<i32> = Some(76);

/// A call of an import.
type Import<'a> = dyn Fn(&mut Call<'_>) -> Outcome<()> + 'a;

fn rights_of(fixture: &mut Fixture, fd: i32) -> (u64, u64) {
    fixture.ok(|call| descriptor::fd_fdstat_get(call, fd, OUT));
    (fixture.u64(OUT_AT + 8), fixture.u64(OUT_AT + 16))
}

#[test]
fn rights_are_given_up_for_good_and_move_with_their_descriptor() {
    let mut fixture = Fixture::plain();
    let fd = opened(&mut fixture, "workspace/f");
    write(&mut fixture, fd, b"abc");
    let kept = rights::REGULAR_FILE & !(rights::FD_READ | rights::FD_WRITE | rights::FD_TELL);
    fixture.ok(|call| descriptor::fd_fdstat_set_rights(call, fd, kept, 0));
    let other = opened(&mut fixture, "workspace/g");
    fixture.ok(|call| descriptor::fd_renumber(call, fd, other));
    assert_eq!(rights_of(&mut fixture, other), (kept, 0));
    let (vectors, count) = fixture.vectors(4000, &[3]);
    let refused: [&Import<'_>; 6] = [
        &|call| io::fd_read(call, other, vectors, count, OUT),
        &|call| io::fd_pread(call, other, vectors, count, 0, OUT),
        &|call| io::fd_write(call, other, vectors, count, OUT),
        &|call| io::fd_pwrite(call, other, vectors, count, 0, OUT),
        &|call| descriptor::fd_tell(call, other, OUT),
        &|call| descriptor::fd_fdstat_set_rights(call, other, rights::REGULAR_FILE, 0),
    ];
    for run in refused {
        assert_eq!(fixture.call(run), NOT_CAPABLE);
    }
    fixture.ok(|call| descriptor::fd_seek(call, other, 1, 0, OUT));
    // The next file with the number has all rights.
    fixture.ok(|call| descriptor::fd_close(call, other));
    let next = opened(&mut fixture, "workspace/f");
    assert_eq!(rights_of(&mut fixture, next).0, rights::REGULAR_FILE);
    fixture.ok(|call| io::fd_read(call, next, vectors, count, OUT));
    // So has one whose number was closed behind preview 1's back.
    fixture.ok(|call| descriptor::fd_fdstat_set_rights(call, next, 0, 0));
    fixture.process.close(next).unwrap();
    assert_eq!(opened(&mut fixture, "workspace/f"), next);
    fixture.ok(|call| io::fd_read(call, next, vectors, count, OUT));
}

#[test]
fn every_function_asks_for_its_right() {
    let mut fixture = Fixture::plain();
    let file = opened(&mut fixture, "workspace/f");
    assert_eq!(open(&mut fixture, "workspace", 2, 0, 0), Some(0));
    let directory = fixture.u32(OUT_AT).cast_signed();
    for fd in [file, directory] {
        fixture.ok(|call| descriptor::fd_fdstat_set_rights(call, fd, 0, 0));
        assert_eq!(rights_of(&mut fixture, fd), (0, 0));
    }
    let (at, length) = fixture.put(2000, b"f");
    subscribe(&mut fixture, 0, 1, file.cast_unsigned(), 0, 0);
    let refused: [&Import<'_>; 25] = [
        &|call| descriptor::fd_advise(call, file, 0, 0, 0),
        &|call| descriptor::fd_allocate(call, file, 0, 1),
        &|call| descriptor::fd_datasync(call, file),
        &|call| descriptor::fd_sync(call, file),
        &|call| descriptor::fd_fdstat_set_flags(call, file, 0),
        &|call| descriptor::fd_seek(call, file, 0, 0, OUT),
        &|call| descriptor::fd_seek(call, file, 0, 1, OUT),
        &|call| descriptor::fd_tell(call, file, OUT),
        &|call| filestat::fd_filestat_get(call, file, OUT),
        &|call| filestat::fd_filestat_set_size(call, file, 0),
        &|call| filestat::fd_filestat_set_times(call, file, 0, 0, 1),
        &|call| io::fd_read(call, file, 0, 0, OUT),
        &|call| io::fd_write(call, file, 0, 0, OUT),
        &|call| poll::poll_oneoff(call, 4000, 6000, 1, OUT),
        &|call| directory::fd_readdir(call, directory, 3000, 64, 0, OUT),
        &|call| filestat::path_filestat_get(call, directory, 0, at, length, OUT),
        &|call| filestat::path_filestat_set_times(call, directory, 0, at, length, 0, 0, 1),
        &|call| path::path_create_directory(call, directory, at, length),
        &|call| path::path_link(call, directory, 0, at, length, directory, at, length),
        &|call| path::path_open(call, directory, 0, at, length, 0, 0, 0, 0, OUT),
        &|call| path::path_readlink(call, directory, at, length, 3000, 64, OUT),
        &|call| path::path_remove_directory(call, directory, at, length),
        &|call| path::path_rename(call, directory, at, length, directory, at, length),
        &|call| path::path_symlink(call, at, length, directory, at, length),
        &|call| path::path_unlink_file(call, directory, at, length),
    ];
    for (index, run) in refused.into_iter().enumerate() {
        assert_eq!(fixture.call(run), NOT_CAPABLE, "{index}");
    }
    fixture.ok(|call| descriptor::fd_close(call, file));
}

#[test]
fn a_directory_passes_on_what_it_has() {
    let mut fixture = Fixture::plain();
    assert_eq!(open(&mut fixture, "workspace", 2, 0, 0), Some(0));
    let directory = fixture.u32(OUT_AT).cast_signed();
    assert_eq!(
        rights_of(&mut fixture, directory),
        (rights::DIRECTORY, rights::ALL)
    );
    let (base, inheriting) = (
        rights::DIRECTORY & !rights::PATH_FILESTAT_SET_SIZE,
        rights::ALL & !rights::FD_WRITE,
    );
    fixture.ok(|call| descriptor::fd_fdstat_set_rights(call, directory, base, inheriting));
    let (at, length) = fixture.put(2000, b"f");
    let mut open_in = |oflags, base| {
        fixture
            .call(|call| path::path_open(call, directory, 0, at, length, oflags, base, 0, 0, OUT))
    };
    assert_eq!(open_in(1, rights::FD_WRITE), NOT_CAPABLE);
    assert_eq!(open_in(8, 0), NOT_CAPABLE, "truncates");
    assert_eq!(open_in(1, rights::FD_READ), Some(0));
    let fd = fixture.u32(OUT_AT).cast_signed();
    let (vectors, count) = fixture.vectors(4000, &[3]);
    assert_eq!(
        fixture.call(|call| io::fd_write(call, fd, vectors, count, OUT)),
        NOT_CAPABLE
    );
}

#[test]
fn directories_have_no_position() {
    let mut fixture = Fixture::plain();
    assert_eq!(
        open(&mut fixture, "workspace", 2, rights::FD_SEEK, 0),
        Some(0)
    );
    let opened = fixture.u32(OUT_AT).cast_signed();
    for fd in [ROOT_FD, opened] {
        assert_eq!(rights_of(&mut fixture, fd).0 & rights::FD_SEEK, 0);
        for whence in 0..3 {
            assert_eq!(
                fixture.call(|call| descriptor::fd_seek(call, fd, 0, whence, OUT)),
                NOT_CAPABLE
            );
        }
        assert_eq!(
            fixture.call(|call| descriptor::fd_tell(call, fd, OUT)),
            NOT_CAPABLE
        );
        fixture.ok(|call| directory::fd_readdir(call, fd, 3000, 64, 0, OUT));
    }
}

#[test]
fn plain_programs_close_the_root_directory() {
    let mut fixture = Fixture::plain();
    let file = opened(&mut fixture, "workspace/f");
    fixture.ok(|call| descriptor::fd_close(call, ROOT_FD));
    fixture.fails(Errno::EBADF, |call| descriptor::fd_close(call, ROOT_FD));
    fixture.fails(Errno::EBADF, |call| {
        descriptor::fd_fdstat_get(call, ROOT_FD, OUT)
    });
    fixture.fails(Errno::EBADF, |call| {
        descriptor::fd_prestat_get(call, ROOT_FD, OUT)
    });
    assert_eq!(open(&mut fixture, "workspace/f", 0, 0, 0), Some(8));
    fixture.ok(|call| descriptor::fd_fdstat_get(call, file, OUT));
    // Programs of ours ask for whatever is open, and keep it.
    let mut ours = Fixture::new();
    ours.fails(Errno::EBADF, |call| descriptor::fd_close(call, ROOT_FD));
    opened(&mut ours, "workspace/f");
}

#[test]
fn plain_programs_renumber_the_root_directory() {
    let mut fixture = Fixture::plain();
    assert_eq!(open(&mut fixture, "workspace", 2, 0, 0), Some(0));
    let directory = fixture.u32(OUT_AT).cast_signed();
    fixture.ok(|call| descriptor::fd_renumber(call, directory, ROOT_FD));
    fixture.fails(Errno::EBADF, |call| {
        descriptor::fd_fdstat_get(call, directory, OUT)
    });
    opened(&mut fixture, "f");
    assert!(fixture.process.stat(b"/workspace/f").is_ok());
    let mut fixture = Fixture::plain();
    let file = opened(&mut fixture, "workspace/f");
    fixture.ok(|call| descriptor::fd_renumber(call, ROOT_FD, file));
    fixture.fails(Errno::EBADF, |call| {
        descriptor::fd_fdstat_get(call, ROOT_FD, OUT)
    });
    let (at, length) = fixture.put(2000, b"workspace/f");
    fixture.ok(|call| filestat::path_filestat_get(call, file, 0, at, length, OUT));
}
