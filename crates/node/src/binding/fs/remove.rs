//! `rmSync`: removal of whole trees. Follows `RmSync` of Node's `src/node_file.cc`.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use secure_exec_kernel::{Errno, Process};

use super::arguments;
use super::path::scan_directory;
use super::permitted::{Write, thrown};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::exception::{self, ErrorKind, SyscallContext};
use crate::threads::sleep::Sleep;

/// How deep a tree may be; path length limits it to less.
const MAX_DEPTH: usize = 4096;

/// Removes `path` with everything below it. Nothing there is no error.
pub fn remove_tree(process: &Arc<Process>, path: &[u8]) -> Result<(), Errno> {
    remove_below(process, path, 0)
}

fn remove_below(process: &Arc<Process>, path: &[u8], depth: usize) -> Result<(), Errno> {
    if depth > MAX_DEPTH {
        return Err(Errno::ENAMETOOLONG);
    }
    let stat = match process.lstat(path) {
        Err(Errno::ENOENT) => return Ok(()),
        other => other?,
    };
    if !stat.is_dir() {
        return ignore_absent(process.unlink(path));
    }
    for entry in scan_directory(process, path)? {
        let child = [path, b"/", &entry.name].concat();
        remove_below(process, &child, depth + 1)?;
    }
    ignore_absent(process.rmdir(path))
}

fn ignore_absent(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

fn retryable(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EBUSY | Errno::EMFILE | Errno::ENFILE | Errno::ENOTEMPTY | Errno::EPERM
    )
}

/// `rmSync(path, maxRetries, recursive, retryDelay)`
pub fn rm_sync(scope: Scope, args: Args, _rv: Return) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let Ok(max_retries) = arguments::int32(scope, args.get(1), "maxRetries") else {
        return;
    };
    let recursive = args.get(2).is_true();
    let Ok(retry_delay) = arguments::int32(scope, args.get(3), "retryDelay") else {
        return;
    };
    if thrown(scope, &args, &[(0, Write)]) {
        return;
    }
    let env = Env::of(scope);
    let process = env.process();
    let Ok(stat) = process.lstat(&path) else {
        return;
    };
    if stat.is_dir() && !recursive {
        let message = format!("Path is a directory: {}", String::from_utf8_lossy(&path));
        exception::throw(scope, ErrorKind::Error, "ERR_FS_EISDIR", &message);
        return;
    }
    let mut attempt = 0;
    let errno = loop {
        let result = if recursive {
            remove_tree(&process, &path)
        } else {
            process.unlink(&path)
        };
        match result {
            Ok(()) | Err(Errno::ENOENT) => return,
            Err(errno) if retryable(errno) && attempt < max_retries => {
                attempt += 1;
                let delay =
                    u64::try_from(retry_delay).unwrap_or(0) * u64::try_from(attempt).unwrap_or(0);
                let mut sleep = pin!(Sleep::new(Duration::from_millis(delay)));
                if env
                    .event_loop
                    .block_on(poll_fn(|cx| sleep.as_mut().poll(cx)))
                    .is_none()
                {
                    return;
                }
            }
            Err(errno) => break errno,
        }
    };
    let (errno, message) = match errno {
        Errno::EPERM => (errno, "Operation not permitted:".to_owned()),
        Errno::ENOTEMPTY => (errno, "Directory not empty:".to_owned()),
        Errno::ENOTDIR => (errno, "Not a directory:".to_owned()),
        Errno::EACCES => (errno, "Permission denied:".to_owned()),
        _ => (errno, format!("Unknown error: {}", errno.message())),
    };
    let context = SyscallContext {
        syscall: "rm",
        path: Some(&path),
        dest: None,
        message: Some(message.as_str()),
    };
    exception::throw_errno(scope, errno, context);
}
