//! What it says of its files at one moment, and what it puts into the memory that it gets for that.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use secure_exec_protocol::Captured;
use serde::Serialize;

/// What it does with a request for its files.
pub const MODES: &[&str] = &[
    "image-of-zeroes",
    "image-cut-off",
    "image-of-large-files",
    "image-of-endless-names",
    "image-of-nameless-files",
    "image-of-extents",
    "image-in-a-circle",
    "image-with-dots",
    "image-written-on",
    "captures-too-much",
    "captures-of-others",
    "captures-nothing",
];

/// Bytes of files of each mode.
const DATA: u64 = 1 << 16;
/// As long as an image may well be.
const IMAGE: usize = 8 << 20;

/// As the kernel writes them (`crates/kernel/src/fs/tmpfs/image.rs`).
const MAGIC: &[u8] = b"SEXPFS03";

type Record = (u64, u32, u32, u32, [(i64, u32); 4], Option<u64>, Body);

/// A place in the file, how much, and the segment and the place in it.
type Extent = (u64, u64, Option<(u32, u64)>);

#[derive(Serialize)]
enum Body {
    Regular(u64, Vec<Extent>),
    Directory(Vec<(Vec<u8>, u64)>, Lower, Vec<Vec<u8>>),
}

#[derive(Serialize)]
enum Lower {
    SameName,
}

/// What it says that it needs.
pub fn captured(mode: &str) -> Captured {
    let (data_bytes, image_bytes) = match mode {
        "captures-too-much" => (u64::MAX, u64::MAX),
        "captures-nothing" => (0, 0),
        // The end, for which the zeroes of the memory stand, is behind it.
        _ => (DATA, image(mode).len().max(60) as u64 + 4),
    };
    let kept = match mode {
        "captures-of-others" => (1..32).collect(),
        _ => Vec::new(),
    };
    Captured {
        data_bytes,
        image_bytes,
        kept,
    }
}

/// Fills the memory, as far as it has to be.
pub fn fill(mode: &str, memory: Option<OwnedFd>) {
    let Some(memory) = memory.map(File::from) else {
        return;
    };
    let image = image(mode);
    let _ = memory.write_all_at(&image, DATA);
    if mode == "image-written-on" {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let length = usize::try_from(DATA).unwrap_or(0);
        // SAFETY: a new mapping, which stays for ever and is never looked at.
        unsafe {
            let fd = memory.as_raw_fd();
            libc::mmap(
                std::ptr::null_mut(),
                length,
                access,
                libc::MAP_SHARED,
                fd,
                0,
            );
        }
    }
}

fn image(mode: &str) -> Vec<u8> {
    let name = |text: &str| text.as_bytes().to_vec();
    let file = |ino, size, extents| record(ino, Body::Regular(size, extents));
    let root = |entries| record(1, Body::Directory(entries, Lower::SameName, Vec::new()));
    let records = match mode {
        "image-cut-off" => return [MAGIC, &[0xff; 64]].concat(),
        "image-of-large-files" => {
            let names = (2..2000).map(|ino| (format!("{ino}").into_bytes(), ino));
            let files = (2..2000).map(|ino| file(ino, u64::MAX, Vec::new()));
            std::iter::once(root(names.collect()))
                .chain(files)
                .collect()
        }
        // A name takes two bytes here, and thirty times as many where they are read.
        "image-of-endless-names" => vec![root(vec![(Vec::new(), 1); IMAGE / 3])],
        "image-of-nameless-files" => {
            let files = (2..IMAGE as u64 / 40).map(|ino| file(ino, 0, Vec::new()));
            std::iter::once(root(Vec::new())).chain(files).collect()
        }
        "image-of-extents" => {
            let everywhere = (0..IMAGE as u64 / 12).map(|at| (at << 16, 1 << 16, Some((0, 0))));
            let files = root(vec![(name("all"), 2)]);
            vec![files, file(2, 1 << 60, everywhere.collect())]
        }
        "image-in-a-circle" => {
            let circle = Body::Directory(vec![(name("b"), 2)], Lower::SameName, Vec::new());
            vec![root(vec![(name("a"), 2)]), record(2, circle)]
        }
        "image-with-dots" => vec![root(vec![(name("../../etc/x"), 2)]), file(2, 0, Vec::new())],
        _ => return Vec::new(),
    };
    let mut image = MAGIC.to_vec();
    for record in records {
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        image.extend_from_slice(&length.to_le_bytes());
        image.extend_from_slice(&record);
    }
    image
}

fn record(ino: u64, body: Body) -> Vec<u8> {
    let record: Record = (ino, 0o644, 0, 0, [(0, 0); 4], None, body);
    postcard::to_stdvec(&record).unwrap_or_default()
}

/// Reads from the host, and keeps the descriptor that comes along.
pub fn receive(
    socket: &UnixStream,
    room: &mut [u8],
    memory: &mut Option<OwnedFd>,
) -> io::Result<usize> {
    let mut control = [0u64; 8];
    let mut part = libc::iovec {
        iov_base: room.as_mut_ptr().cast(),
        iov_len: room.len(),
    };
    // SAFETY: zeroes are a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control);
    // SAFETY: everything that the header points to outlives the call and may be written to; the kernel fills it, and a
    // descriptor that is in it is this process's own and new.
    unsafe {
        let count = libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC);
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        let first = libc::CMSG_FIRSTHDR(&raw const header);
        if !first.is_null() && (*first).cmsg_type == libc::SCM_RIGHTS {
            let fd = libc::CMSG_DATA(first).cast::<i32>().read_unaligned();
            *memory = Some(OwnedFd::from_raw_fd(fd));
        }
        Ok(count)
    }
}
