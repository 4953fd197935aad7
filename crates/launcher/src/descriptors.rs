//! The open files of the process.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::fd::IntoRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// First descriptor that is not the launcher's own: 0 to 2 are standard, 3 is the socket.
const FIRST_STRAY_FD: libc::c_uint = 4;

/// Files of command directories that are opened, at most: a directory of commands has a few dozen.
const MAX_FILES: usize = 4096;

/// Closes what the host process leaked into its child: descriptors that other code of it opened without CLOEXEC.
pub fn close_strays() {
    // SAFETY: the launcher has opened nothing itself; no object owns any of these descriptors.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST_STRAY_FD, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    // Linux before 5.9.
    for fd in 4..65_536 {
        // SAFETY: as above; closing a free number does nothing.
        unsafe { libc::close(fd) };
    }
}

/// Opens the snapshot and the files of the command directories for reading. Gives `<descriptor>:<path>` for each. What
/// cannot be opened is left out: whoever needs it says so.
pub fn open(snapshot: Option<&OsString>, directories: &[OsString]) -> Vec<OsString> {
    let mut paths: Vec<PathBuf> = snapshot.into_iter().map(PathBuf::from).collect();
    for directory in directories {
        paths.extend(command_files(Path::new(directory)));
    }
    paths.truncate(MAX_FILES);
    make_room(paths.len());
    paths.iter().filter_map(|path| open_file(path)).collect()
}

/// Files that may be a command, or list commands.
fn command_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let is_command = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name == "commands.json")
            || path
                .extension()
                .is_none_or(|extension| extension == "wasm" || extension == "cwasm")
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = paths.filter(is_command).collect();
    files.sort();
    files
}

fn open_file(path: &Path) -> Option<OsString> {
    let mut options = OpenOptions::new();
    // A fifo among them must not hold up the start.
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = options.open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut entry = OsString::from(format!("{}:", file.into_raw_fd()));
    entry.push(path);
    Some(entry)
}

/// Lifts the soft limit of open files as far as this many need.
fn make_room(count: usize) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is valid for the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return;
    }
    limit.rlim_cur = limit.rlim_cur.max(count as u64 + 64).min(limit.rlim_max);
    // SAFETY: as above. What does not fit is left out.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
}
