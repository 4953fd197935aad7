//! The open files of the process.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::fd::IntoRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// First descriptor that is not the launcher's own: 0 to 2 are standard, 3 is the socket, 4 the files channel.
const FIRST_STRAY_FD: libc::c_uint = 5;

/// Files of command directories that are opened, at most: a directory of commands has a few dozen.
const MAX_FILES: usize = 4096;

/// Closes what the host process leaked into its child: descriptors that other code of it opened without CLOEXEC.
pub fn close_strays() {
    // SAFETY: the launcher has opened nothing itself; no object owns any of these descriptors.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST_STRAY_FD, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    // Linux before 5.9.
    for fd in 5..65_536 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::process::Command;

    #[test]
    fn only_files_that_may_be_commands_are_opened_and_only_for_reading() {
        let directory =
            std::env::temp_dir().join(format!("secure-exec-fds-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        for name in [
            "commands.json",
            "a.wasm",
            "a.cwasm",
            "plain",
            "notes.txt",
            "x.json",
        ] {
            fs::write(directory.join(name), name).unwrap();
        }
        fs::create_dir(directory.join("folder")).unwrap();
        let fifo = Command::new("mkfifo").arg(directory.join("fifo")).status();
        assert!(fifo.unwrap().success());
        let snapshot = directory.join("x.json").into_os_string();
        let missing = OsString::from("/nonexistent/commands");
        let entries = open(Some(&snapshot), &[directory.clone().into(), missing]);
        let names: Vec<String> = entries
            .iter()
            .map(|entry| take(entry, &directory))
            .collect();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(
            names,
            ["x.json", "a.cwasm", "a.wasm", "commands.json", "plain"]
        );
    }

    /// Closes the descriptor of an entry and gives the file's name.
    fn take(entry: &OsString, directory: &Path) -> String {
        let entry = entry.to_str().unwrap();
        let (fd, path) = entry.split_once(':').unwrap();
        let fd = fd.parse().unwrap();
        // SAFETY: takes plain numbers.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
        assert_eq!(flags & libc::O_ACCMODE, libc::O_RDONLY);
        // SAFETY: the descriptor was just opened, and nobody else's.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
        let name = Path::new(path).strip_prefix(directory).unwrap();
        name.to_str().unwrap().to_owned()
    }
}
