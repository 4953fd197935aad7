//! Small files as a whole, several of a directory at a time: a program that loads a package reads most of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use secure_exec_protocol::files::{
    FileAccess, HostAttributes, MAX_FILE_PIECE, MAX_WHOLE_FILE, WHOLE_FILE, WholeFile,
};

use super::backend::{Backend, Opened};

/// Time after which no further file is begun: who asked waits for one of them.
const LONGEST: Duration = if cfg!(test) {
    // A test may be held up.
    Duration::from_secs(60)
} else {
    Duration::from_millis(50)
};

/// Reads those of the names, which slashes part, that are regular files and short enough, as far as there is room for them in
/// an answer. Each is opened by its path, as if it were asked for alone.
pub(super) fn read(backend: &dyn Backend, directory: &[u8], names: &[u8]) -> Vec<WholeFile> {
    read_within(LONGEST, backend, directory, names)
}

fn read_within(
    longest_time: Duration,
    backend: &dyn Backend,
    directory: &[u8],
    names: &[u8],
) -> Vec<WholeFile> {
    let mut found = Vec::new();
    let mut room = MAX_FILE_PIECE as u64;
    let mut path = directory.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    let beginning = path.len();
    let begun = Instant::now();
    for (name, number) in names.split(|byte| *byte == b'/').zip(0..) {
        let Some(longest) = room.checked_sub(WHOLE_FILE as u64) else {
            break;
        };
        if number > 0 && begun.elapsed() > longest_time {
            break;
        }
        path.truncate(beginning);
        path.extend_from_slice(name);
        // What is not read here is opened by who wants it, and hears then why not.
        let Ok((attributes, data)) = one(backend, &path, longest.min(MAX_WHOLE_FILE)) else {
            continue;
        };
        room = longest - data.len() as u64;
        found.push(WholeFile {
            name: number,
            attributes,
            data,
        });
    }
    found
}

/// A regular file, if it is no longer than that.
fn one(backend: &dyn Backend, path: &[u8], longest: u64) -> io::Result<(HostAttributes, Vec<u8>)> {
    let opened = backend.open(path, FileAccess::Read)?;
    let size = opened.attributes.size;
    if size > longest {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    let size = usize::try_from(size).map_err(io::Error::other)?;
    let attributes = opened.attributes;
    // One more, which is there if it has grown.
    let data = bytes(opened, size + 1)?;
    if data.len() != size {
        return Err(io::Error::from_raw_os_error(libc::EAGAIN));
    }
    Ok((attributes, data))
}

/// The first bytes of a file.
fn bytes(opened: Opened, most: usize) -> io::Result<Vec<u8>> {
    let mut data = vec![0; most];
    let count = match (opened.file, opened.descriptor) {
        (Some(file), _) => file.read(0, &mut data)?,
        (None, Some(descriptor)) => File::from(descriptor).read_at(&mut data, 0)?,
        (None, None) => return Err(io::ErrorKind::InvalidData.into()),
    };
    data.truncate(count);
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{HostDirectory, HostDirectoryOptions};

    #[test]
    fn no_further_file_is_begun_once_the_time_is_over() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/files");
        let options = HostDirectoryOptions::default();
        let served = HostDirectory::open(folder.as_ref(), options).unwrap();
        let names = b"whole.rs/mod.rs/whole.rs";
        let found = |longest| {
            let found = read_within(longest, &served, b"", names);
            found.iter().map(|file| file.name).collect::<Vec<_>>()
        };
        assert_eq!(found(Duration::ZERO), [0]);
        assert_eq!(found(LONGEST), [0, 1, 2]);
    }
}
