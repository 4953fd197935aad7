//! Where command modules are read from: files of the host by their path, or, in a process that opens no files any more,
//! those that it was started with.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The open files of this process by their paths, if it may use no others.
static OPEN: OnceLock<BTreeMap<PathBuf, File>> = OnceLock::new();

/// From now on, only these files are there. The first call counts.
pub fn restrict_to(files: BTreeMap<PathBuf, File>) {
    // A second set would be without effect, and there is one caller, at the start of the process.
    let _ = OPEN.set(files);
}

/// A file for reading. Where it was open already it shares its offset with other users: read at positions.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let Some(files) = OPEN.get() else {
        return File::open(path);
    };
    files.get(path).ok_or(io::ErrorKind::NotFound)?.try_clone()
}

/// All of a file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for_each_piece(&open(path)?, |piece| bytes.extend_from_slice(piece))?;
    Ok(bytes)
}

/// Hands over all of a file, in order.
pub(crate) fn for_each_piece(file: &File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut position = 0;
    loop {
        let count = file.read_at(&mut buffer, position)?;
        if count == 0 {
            return Ok(());
        }
        take(buffer.get(..count).unwrap_or_default());
        position += count as u64;
    }
}

/// The files of a directory.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    if let Some(files) = OPEN.get() {
        let inside = |path: &&PathBuf| path.parent() == Some(directory);
        return Ok(files.keys().filter(inside).cloned().collect());
    }
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}
