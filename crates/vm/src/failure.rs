//! Failures of system calls, as the host is told of them.

use secure_exec_kernel::Errno;
use secure_exec_protocol::Failure;

/// Bytes of a path in the text of an error, and beside it: a longer one than the first is none.
const LONGEST_SHOWN: usize = 4096;
const LONGEST_NAMED: usize = 64 << 10;

/// An error as Node words it: `ENOENT: no such file or directory, open '/a'`.
pub(crate) fn failure(errno: Errno, syscall: &str, path: &[u8]) -> Failure {
    let mut message = format!("{}: {}, {syscall}", errno.name(), errno.message());
    if !path.is_empty() {
        let shown = path.get(..LONGEST_SHOWN).unwrap_or(path);
        message.push_str(&format!(" '{}'", String::from_utf8_lossy(shown)));
    }
    Failure {
        code: errno.name().into(),
        errno: -errno.raw(),
        message,
        syscall: syscall.into(),
        path: path.get(..LONGEST_NAMED).unwrap_or(path).to_vec(),
        limit: None,
    }
}
