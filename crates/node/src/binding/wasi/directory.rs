//! Listing directories.

use secure_exec_preview1::{file, record, rights};

use super::call::Call;
use super::error;
use super::memory::Outcome;

/// Fills the buffer with entries from `cookie` on, which is how many come before. The last one may be cut off, which
/// tells that there is more. `.` and `..` are not listed, nor are inodes known (`uv_fs_readdir`).
pub(super) fn fd_readdir(
    call: &mut Call<'_>,
    fd: u32,
    buffer: u32,
    length: u32,
    cookie: u64,
    out: u32,
) -> Outcome {
    call.memory.check(buffer, u64::from(length))?;
    call.memory.check(out, 4)?;
    let entry = call.entry(fd, rights::FD_READDIR)?;
    let listed = call.process.read_dir(&entry.real_path).map_err(error::of)?;
    let room = length as usize;
    let mut filled = Vec::new();
    let mut used = 0;
    let skipped = usize::try_from(cookie).unwrap_or(usize::MAX);
    for (next, listed) in (1u64..).zip(&listed).skip(skipped) {
        if filled.len() + record::DIRENT > room {
            used = room;
            break;
        }
        let filetype = file::of_kind(listed.kind);
        filled.extend_from_slice(&record::dirent(next, 0, &listed.name, filetype));
        let name = listed.name.get(..room - filled.len());
        filled.extend_from_slice(name.unwrap_or(&listed.name));
        used = filled.len();
        if used == room {
            break;
        }
    }
    call.memory.write(u64::from(buffer), &filled)?;
    call.memory.put_length(out, used)
}
