//! Symbolic links: std has them on unix only.

use std::io;
use std::path::Path;

/// Makes a symbolic link.
pub fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(target, link)
    }
    #[cfg(not(unix))]
    {
        use secure_exec_cli::bytes;
        use std::ffi::CString;
        let target = CString::new(bytes(target)).map_err(io::Error::other)?;
        let link = CString::new(bytes(link)).map_err(io::Error::other)?;
        // SAFETY: both are strings that end in NUL and live until the call returns.
        let result = unsafe { libc::symlink(target.as_ptr(), link.as_ptr()) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}
