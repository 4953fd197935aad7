//! Sets the times of files.

use std::ffi::CString;
use std::io;
use std::path::Path;

use crate::stat::Time;

/// `utimensat(2)`; a symbolic link's own times are set.
///
/// # Errors
/// `EPERM`: not the owner; otherwise as `stat(2)`.
pub fn set(path: &Path, accessed: Time, modified: Time) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    let times = [timespec(accessed), timespec(modified)];
    // SAFETY: the path ends with a NUL, there are two times, and both outlive the call.
    let result = unsafe {
        libc::utimensat(
            libc::AT_FDCWD,
            path.as_ptr(),
            times.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg_attr(
    not(target_os = "wasi"),
    expect(
        clippy::unnecessary_fallible_conversions,
        reason = "`long` has 32 bits on wasm32"
    )
)]
fn timespec(time: Time) -> libc::timespec {
    // SAFETY: zeros are a valid value of this plain struct, whose padding differs between targets.
    let mut spec: libc::timespec = unsafe { std::mem::zeroed() };
    spec.tv_sec = time.seconds;
    spec.tv_nsec = libc::c_long::try_from(time.nanoseconds).unwrap_or(0);
    spec
}
