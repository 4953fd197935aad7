//! Files at one moment, shared with other machines.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;

use common::{Machine, machine, machine_with, read_file, write_file};
use secure_exec_kernel::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Those of a machine with its limits as they are by themselves.
const BOUNDS: ImageBounds = ImageBounds {
    names: 1000,
    stored_bytes: 64 << 20,
    file_bytes: 32 << 20,
};

/// What an embedder would map.
struct Memory {
    number: u64,
    bytes: Vec<u8>,
}

impl Segment for Memory {
    fn number(&self) -> u64 {
        self.number
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// Files of a machine, and where they are.
struct Taken {
    segments: Vec<Arc<dyn Segment>>,
    image: Vec<u8>,
    fresh: u64,
}

fn take(machine: &Machine, known: &[Arc<dyn Segment>]) -> Taken {
    settle(machine.kernel.capture_files(known, 31).unwrap())
}

fn settle(capture: Capture) -> Taken {
    let mut bytes = Vec::new();
    capture.fill(&mut |piece| bytes.extend_from_slice(piece));
    let fresh = capture.data_bytes();
    assert_eq!(bytes.len() as u64, fresh + capture.image_bytes());
    let image = bytes[usize::try_from(fresh).unwrap()..].to_vec();
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let segment: Arc<dyn Segment> = Arc::new(Memory { number, bytes });
    let mut segments = vec![segment.clone()];
    segments.extend(capture.kept().iter().cloned());
    capture.settle(&segment);
    Taken {
        segments,
        image,
        fresh,
    }
}

impl Taken {
    fn put(&self, machine: &Machine) -> Result<()> {
        machine.kernel.restore_files(&self.image, &self.segments)
    }

    fn image(&self) -> FileImage {
        let lengths: Vec<u64> = self
            .segments
            .iter()
            .map(|segment| segment.bytes().len() as u64)
            .collect();
        FileImage::parse(&self.image, &lengths, BOUNDS).unwrap()
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// Does something as a guest that is gone afterwards.
fn as_guest<T>(machine: &Machine, act: impl FnOnce(&Process) -> T) -> T {
    let guest = machine.guest();
    let result = act(&guest);
    guest.exit(0);
    result
}

#[test]
fn files_of_every_kind_come_back_with_their_attributes() {
    let first = machine();
    let big = pattern(300_000);
    as_guest(&first, |guest| {
        write_file(guest, "big", &big);
        guest.mkdir(b"dir", 0o750).unwrap();
        write_file(guest, "dir/empty", b"");
        guest.symlink(b"../big", b"dir/link").unwrap();
        guest.link(b"big", b"dir/other").unwrap();
        guest.mknodat(AT_FDCWD, b"dir/fifo", 0o010_600).unwrap();
        guest.chmod(b"dir/empty", 0o4711).unwrap();
        write_file(guest, "odd \n\u{e9}", b"odd");
        let fd = guest.open(b"sparse", OpenFlags::O_RDWR | OpenFlags::O_CREAT, 0o644);
        let fd = fd.unwrap();
        guest.pwrite(fd, b"end", 1 << 20).unwrap();
    });
    let taken = take(&first, &[]);
    let second = machine();
    taken.put(&second).unwrap();
    as_guest(&second, |guest| {
        assert_eq!(read_file(guest, "big"), big);
        assert_eq!(guest.stat(b"big").unwrap().nlink, 2);
        assert_eq!(
            guest.stat(b"big").unwrap().ino,
            guest.stat(b"dir/other").unwrap().ino
        );
        assert_eq!(guest.stat(b"dir").unwrap().mode & 0o7777, 0o750);
        assert_eq!(guest.stat(b"dir/empty").unwrap().mode & 0o7777, 0o4711);
        assert_eq!(guest.readlink(b"dir/link").unwrap(), b"../big");
        assert!(guest.stat(b"dir/fifo").unwrap().mode & 0o170_000 == 0o010_000);
        assert_eq!(read_file(guest, "odd \n\u{e9}"), b"odd");
        let sparse = guest.stat(b"sparse").unwrap();
        assert_eq!((sparse.size, sparse.blocks), ((1 << 20) + 3, 8));
    });
    let (one, other) = (
        first.kernel.resource_counts(),
        second.kernel.resource_counts(),
    );
    assert_eq!(one.filesystem_bytes, other.filesystem_bytes);
    assert_eq!(one.inodes, other.inodes);
}

#[test]
fn machines_with_the_same_files_do_not_see_each_other_write() {
    let first = machine();
    as_guest(&first, |guest| write_file(guest, "file", &pattern(200_000)));
    let taken = take(&first, &[]);
    let second = machine();
    taken.put(&second).unwrap();
    let write = |machine: &Machine, byte: u8| {
        as_guest(machine, |guest| {
            let fd = guest.open(b"file", OpenFlags::O_RDWR, 0).unwrap();
            guest.pwrite(fd, &[byte; 10], 65_530).unwrap();
            guest.ftruncate(fd, 150_000).unwrap();
            guest.pwrite(fd, &[byte; 10], 150_100).unwrap();
            read_file(guest, "file")
        })
    };
    let expected = |byte: u8| {
        let mut bytes = pattern(150_000);
        bytes.resize(150_100, 0);
        bytes.extend([byte; 10]);
        bytes[65_530..65_540].fill(byte);
        bytes
    };
    assert_eq!(write(&first, 1), expected(1));
    assert_eq!(write(&second, 2), expected(2));
    let third = machine();
    taken.put(&third).unwrap();
    as_guest(&third, |guest| {
        assert_eq!(read_file(guest, "file"), pattern(200_000))
    });
}

#[test]
fn what_is_written_between_a_capture_and_its_memory_is_not_in_it_and_not_lost() {
    let first = machine();
    as_guest(&first, |guest| write_file(guest, "file", &[1; 100_000]));
    let capture = first.kernel.capture_files(&[], 31).unwrap();
    as_guest(&first, |guest| {
        let fd = guest.open(b"file", OpenFlags::O_RDWR, 0).unwrap();
        guest.pwrite(fd, &[2; 10], 0).unwrap();
        guest.ftruncate(fd, 70_000).unwrap();
    });
    let taken = settle(capture);
    let mut now = vec![1; 70_000];
    now[..10].fill(2);
    as_guest(&first, |guest| assert_eq!(read_file(guest, "file"), now));
    let second = machine();
    taken.put(&second).unwrap();
    as_guest(&second, |guest| {
        assert_eq!(read_file(guest, "file"), [1; 100_000])
    });
}

#[test]
fn a_further_capture_takes_what_has_changed_only() {
    let first = machine();
    as_guest(&first, |guest| write_file(guest, "file", &pattern(1 << 20)));
    let one = take(&first, &[]);
    assert!(one.fresh > 1 << 20);
    let two = take(&first, &one.segments);
    assert_eq!(two.fresh, 0);
    as_guest(&first, |guest| {
        let fd = guest.open(b"file", OpenFlags::O_RDWR, 0).unwrap();
        guest.pwrite(fd, b"x", 70_000).unwrap();
    });
    let three = take(&first, &two.segments);
    assert_eq!(three.fresh, 65_536);
    // A segment that nobody knows any more is copied, and so is one of which little is in use.
    assert_eq!(take(&first, &[]).segments.len(), 1);
    as_guest(&first, |guest| {
        let fd = guest.open(b"file", OpenFlags::O_RDWR, 0).unwrap();
        guest.ftruncate(fd, 200_000).unwrap();
    });
    let known = take(&first, &[]).segments;
    as_guest(&first, |guest| guest.unlink(b"file").unwrap());
    assert!(
        take(&first, &known)
            .segments
            .iter()
            .all(|one| one.number() != known[0].number())
    );
}

#[test]
fn a_machine_keeps_its_own_commands_and_mounts() {
    let first = machine();
    first.kernel.register_command("ours", "inert").unwrap();
    as_guest(&first, |guest| guest.stat(b"/usr/bin/ours").unwrap());
    let taken = take(&first, &[]);
    let listed = taken.image();
    assert!(listed.list().all(|(path, _)| path != b"usr/bin/ours"));
    let second = machine();
    second.kernel.register_command("theirs", "inert").unwrap();
    taken.put(&second).unwrap();
    as_guest(&second, |guest| {
        assert_eq!(guest.stat(b"/usr/bin/ours").unwrap_err(), Errno::ENOENT);
        assert_eq!(guest.stat(b"/usr/bin/theirs").unwrap().nlink, 1);
        guest.stat(b"/dev/null").unwrap();
        guest.stat(b"/proc/self/status").unwrap();
    });
}

#[test]
fn nothing_is_replaced_while_processes_run_or_where_it_does_not_fit() {
    let first = machine();
    as_guest(&first, |guest| write_file(guest, "file", &pattern(2 << 20)));
    let taken = take(&first, &[]);
    let second = machine();
    let guest = second.guest();
    assert_eq!(taken.put(&second), Err(Errno::EBUSY));
    drop(guest);
    let small = machine_with(Limits {
        max_filesystem_bytes: 1 << 20,
        ..Limits::default()
    });
    let before = small.kernel.resource_counts();
    assert_eq!(taken.put(&small), Err(Errno::ENOSPC));
    assert_eq!(small.kernel.resource_counts(), before);
    let short = machine_with(Limits {
        max_file_bytes: 1 << 20,
        ..Limits::default()
    });
    assert_eq!(taken.put(&short), Err(Errno::EFBIG));
}

#[test]
fn what_is_too_deep_for_a_path_is_told() {
    let first = machine();
    as_guest(&first, |guest| {
        let name = [b'd'; 200];
        for _ in 0..25 {
            guest.mkdir(&name, 0o755).unwrap();
            guest.chdir(&name).unwrap();
        }
    });
    let refused = first.kernel.capture_files(&[], 31);
    assert_eq!(refused.map(drop).unwrap_err(), Errno::ENAMETOOLONG);
}

#[test]
fn every_cut_and_every_flipped_byte_of_an_image_is_survived() {
    let first = machine();
    as_guest(&first, |guest| {
        write_file(guest, "file", &pattern(70_000));
        guest.link(b"file", b"again").unwrap();
        guest.symlink(b"file", b"link").unwrap();
    });
    let taken = take(&first, &[]);
    let second = machine();
    let before = second.kernel.resource_counts();
    for end in 0..taken.image.len() {
        let cut = second
            .kernel
            .restore_files(&taken.image[..end], &taken.segments);
        assert_eq!(cut, Err(Errno::EINVAL));
    }
    assert_eq!(second.kernel.resource_counts(), before);
    let lengths = [taken.segments[0].bytes().len() as u64];
    for position in (0..taken.image.len()).step_by(7) {
        let mut damaged = taken.image.clone();
        damaged[position] ^= 0xff;
        if let Ok(image) = FileImage::parse(&damaged, &lengths, BOUNDS) {
            assert!(image.list().count() <= 1000);
        }
        let other = machine();
        let before = other.kernel.resource_counts();
        if other
            .kernel
            .restore_files(&damaged, &taken.segments)
            .is_err()
        {
            assert_eq!(other.kernel.resource_counts(), before);
        }
        other.kernel.file_agent().stat(b"/dev/null").unwrap();
    }
}
