//! File names and arguments as the bytes they are.

use std::ffi::{OsStr, OsString};
#[cfg(unix)]
use std::os::unix::ffi::{OsStrExt, OsStringExt};
#[cfg(target_os = "wasi")]
use std::os::wasi::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The bytes of a name.
#[must_use]
pub fn bytes(text: &(impl AsRef<OsStr> + ?Sized)) -> &[u8] {
    text.as_ref().as_bytes()
}

#[must_use]
pub fn os_string(bytes: impl Into<Vec<u8>>) -> OsString {
    OsString::from_vec(bytes.into())
}

#[must_use]
pub fn path(bytes: impl Into<Vec<u8>>) -> PathBuf {
    os_string(bytes).into()
}
