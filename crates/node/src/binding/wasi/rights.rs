//! Which rights a descriptor has by its type (`src/wasi_rights.c` of uvwasi).

use secure_exec_kernel::OpenFlags;
use secure_exec_preview1::rights::{
    ALL, DIRECTORY, FD_FDSTAT_SET_FLAGS, FD_FILESTAT_GET, FD_READ, FD_WRITE, POLL_FD_READWRITE,
    REGULAR_FILE, SOCK_ACCEPT, SOCK_SHUTDOWN,
};
use secure_exec_preview1::{errno, file};

use super::memory::Outcome;

/// Of what is opened in a directory.
pub(super) const IN_DIRECTORY: u64 = DIRECTORY | REGULAR_FILE;

/// Of a socket, and of a pipe.
pub(super) const SOCKET: u64 = FD_READ
    | FD_FDSTAT_SET_FLAGS
    | FD_WRITE
    | FD_FILESTAT_GET
    | POLL_FD_READWRITE
    | SOCK_SHUTDOWN
    | SOCK_ACCEPT;

const TTY: u64 = FD_READ | FD_FDSTAT_SET_FLAGS | FD_WRITE | FD_FILESTAT_GET | POLL_FD_READWRITE;

/// The most that a descriptor may do, and what is opened by way of it.
///
/// # Errors
/// `EINVAL`: of no type that preview 1 has.
pub(super) fn most(filetype: u8, terminal: bool, flags: OpenFlags) -> Outcome<(u64, u64)> {
    let (mut base, inheriting) = match filetype {
        file::UNKNOWN => return Err(errno::INVAL),
        file::REGULAR_FILE => (REGULAR_FILE, 0),
        file::DIRECTORY => (DIRECTORY, IN_DIRECTORY),
        file::SOCKET_STREAM | file::SOCKET_DGRAM => (SOCKET, ALL),
        file::CHARACTER_DEVICE if terminal => (TTY, 0),
        file::CHARACTER_DEVICE | file::BLOCK_DEVICE => (ALL, ALL),
        _ => (0, 0),
    };
    match flags & OpenFlags::O_ACCMODE {
        OpenFlags::O_RDONLY => base &= !FD_WRITE,
        OpenFlags::O_WRONLY => base &= !FD_READ,
        _ => {}
    }
    Ok((base, inheriting))
}
