//! Files that the runtime leaves for whoever looks at a program: their names, and writing them (`DiagnosticFilename` in
//! Node's `src/util.cc`, `WriteFileSync`).

use std::cell::Cell;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::{Errno, Process};

use super::diagnostic_report::{civil, wall_clock};
use crate::env::Env;

/// How many of them got their name from their number.
#[derive(Default)]
struct Named(Cell<u32>);

/// `<kind>.<date>.<time>.<pid>.<thread>.<sequence>.<extension>`.
pub fn name(env: &Env, kind: &str, extension: &str) -> String {
    let (year, month, day, hour, minute, second) = civil(wall_clock(env) / 1000);
    let named = env.isolate_state::<Named>();
    named.0.set(named.0.get() + 1);
    let pid = env.try_process().map_or(0, |process| process.pid().raw());
    let thread = env.worker().map_or(0, |worker| worker.id);
    let sequence = named.0.get();
    format!(
        "{kind}.{year:04}{month:02}{day:02}.{hour:02}{minute:02}{second:02}.{pid}.{thread}.{sequence:03}.{extension}"
    )
}

/// Writes a file, which is made or emptied.
///
/// # Errors
/// As of `open(2)` and `write(2)`.
pub fn write(process: &Process, path: &[u8], mut bytes: &[u8]) -> Result<(), Errno> {
    let flags =
        OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_CLOEXEC;
    let fd = process.open(path, flags, 0o644)?;
    let mut result = Ok(());
    while !bytes.is_empty() && result.is_ok() {
        result = process
            .write(fd, bytes)
            .map(|count| bytes = bytes.get(count..).unwrap_or_default());
    }
    process.close(fd).and(result)
}

/// Makes a directory and those above it that are missing.
///
/// # Errors
/// As of `mkdir(2)`, but for one that is there.
pub fn make_directories(process: &Process, path: &str) -> Result<(), Errno> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    for end in ends.chain([path.len()]).filter(|end| *end > 0) {
        let part = path.get(..end).unwrap_or(path);
        match process.mkdir(part.as_bytes(), 0o777) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
