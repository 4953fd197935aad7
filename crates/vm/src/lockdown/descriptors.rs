//! The files of the host that the process may read: those that the launcher has opened.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Takes over what the launcher's command line lists as `<descriptor>:<path>`.
///
/// # Safety
/// The descriptors are open, and nobody else's.
pub(crate) unsafe fn take_over(entries: &[OsString]) -> BTreeMap<PathBuf, File> {
    let parsed = entries.iter().filter_map(parse);
    parsed
        .map(|(fd, path)| {
            // SAFETY: by the caller.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            (path, File::from(fd))
        })
        .collect()
}

fn parse(entry: &OsString) -> Option<(RawFd, PathBuf)> {
    let bytes = entry.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let number = std::str::from_utf8(bytes.get(..colon)?).ok()?;
    let path = bytes.get(colon + 1..)?.to_vec();
    Some((number.parse().ok()?, OsString::from_vec(path).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_may_have_colons_and_be_no_text() {
        let entry = OsString::from_vec(b"17:/a:b/\xff".to_vec());
        let path = OsString::from_vec(b"/a:b/\xff".to_vec()).into();
        assert_eq!(parse(&entry), Some((17, path)));
        assert_eq!(parse(&"/a".into()), None);
        assert_eq!(parse(&"x:/a".into()), None);
    }
}
