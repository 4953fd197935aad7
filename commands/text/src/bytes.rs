//! Between byte strings, which is what arguments and file names are, and the standard library's types.

use std::ffi::{OsStr, OsString};
#[cfg(unix)]
use std::os::unix::ffi::{OsStrExt, OsStringExt};
#[cfg(target_os = "wasi")]
use std::os::wasi::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

pub fn from_os(text: OsString) -> Vec<u8> {
    text.into_vec()
}

pub fn os(text: &[u8]) -> &OsStr {
    OsStr::from_bytes(text)
}

pub fn path(text: &[u8]) -> &Path {
    Path::new(os(text))
}
