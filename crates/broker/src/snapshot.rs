//! The check of the startup snapshot, once per host process.
//!
//! The snapshot decides what every guest runs, so a damaged or swapped one must never be mapped. Its sum is in a file
//! beside it, written by the build. Hashing it takes tens of milliseconds, too much for every VM process:
//! the spawner does it before it starts the first one and remembers device, inode, size and time of the file, and
//! each VM process compares these with the file it has opened. What is guaranteed: the file that is mapped is the
//! file whose sum was right, unless somebody who can write to the installation changed it in place and put its
//! time back, and such a person could change the addon as well.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Checks the snapshot against its sum and gives the identity that VM processes compare.
pub(crate) fn verify(snapshot: &Path) -> Result<String, String> {
    let mut sum_path = snapshot.as_os_str().to_owned();
    sum_path.push(".sha256");
    let expected = std::fs::read_to_string(&sum_path)
        .map_err(|error| format!("the snapshot's sum: {error}"))?;
    let expected = expected.split_whitespace().next().unwrap_or_default();
    let mut file = File::open(snapshot).map_err(|error| format!("the snapshot: {error}"))?;
    let identity = identity(&file).map_err(|error| format!("the snapshot: {error}"))?;
    let actual = sum(&mut file).map_err(|error| format!("the snapshot: {error}"))?;
    if actual != expected {
        return Err("the snapshot does not match its SHA-256 sum; build or install again".into());
    }
    Ok(identity)
}

/// Whether the file of that identity is still the one at a path.
pub(crate) fn is_still(snapshot: &Path, known: &str) -> bool {
    let found = File::open(snapshot).and_then(|file| identity(&file));
    found.is_ok_and(|found| found == known)
}

fn identity(file: &File) -> io::Result<String> {
    let stat = file.metadata()?;
    Ok(format!(
        "{}:{}:{}:{}.{}",
        stat.dev(),
        stat.ino(),
        stat.size(),
        stat.mtime(),
        stat.mtime_nsec()
    ))
}

fn sum(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
