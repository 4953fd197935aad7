//! Files of the compile cache.

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::{Errno, Process};

use super::Entry;
use crate::binding::contextify::open_cache;
use crate::binding::fs::read_file;
use crate::binding::zlib::update_crc32;
use crate::env::Env;
use crate::options::permission::resolve;

/// Begins every file.
const MAGIC: u32 = 0x8adf_dbb2;
/// Magic number, size and sum of the source, size and sum of the cache.
const HEADER: usize = 20;

/// A path as it is seen from a folder.
pub(super) fn relative(path: &[u8], folder: &[u8]) -> Vec<u8> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        let path = resolve(b"/", path);
        path.split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let (path, folder) = (parts(path), parts(folder));
    let common = path.iter().zip(&folder).take_while(|(a, b)| a == b).count();
    let up = folder[common..].iter().map(|_| b"..".to_vec());
    let down = path[common..].iter().cloned();
    up.chain(down).collect::<Vec<_>>().join(&b'/')
}

impl Entry {
    /// What is on disk for the source, or why it is of no use.
    pub(super) fn read_file(
        &self,
        env: &Env,
        scope: &v8::PinScope<'_, '_>,
        source: v8::Local<'_, v8::String>,
    ) -> Result<Vec<u8>, String> {
        let bytes = read_file(env, &env.process(), &self.file)
            .map_err(|errno| format!(" {}", errno.message()))?;
        let numbers: Vec<u32> = bytes
            .get(..HEADER)
            .ok_or_else(|| format!("reading header failed, bytes read {}", bytes.len()))?
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        let cache = &bytes[HEADER..];
        let size = u32::try_from(cache.len()).unwrap_or(u32::MAX);
        for (what, is, wanted) in [
            ("magic number", numbers[0], MAGIC),
            ("code size", numbers[1], self.code_size),
            ("code hash", numbers[2], self.code_hash),
            ("cache size", numbers[3], size),
            ("cache hash", numbers[4], update_crc32(0, cache)),
        ] {
            if is != wanted {
                return Err(format!("{what} mismatch: expected {wanted}, actual {is}"));
            }
        }
        match self.code.seal() {
            None => Ok(cache.to_vec()),
            Some(kind) => open_cache(scope, kind, source, cache.to_vec())
                .ok_or_else(|| "cache was not made by this process".to_owned()),
        }
    }

    fn header(&self, cache: &[u8]) -> Vec<u8> {
        let size = u32::try_from(cache.len()).unwrap_or(u32::MAX);
        let numbers = [
            MAGIC,
            self.code_size,
            self.code_hash,
            size,
            update_crc32(0, cache),
        ];
        numbers.into_iter().flat_map(u32::to_le_bytes).collect()
    }
}

/// Writes a file under a name of its own and gives it the right one when it is whole.
pub(super) fn write(process: &Process, entry: &Entry, cache: &[u8]) -> Result<(), Errno> {
    let mut random = [0; 4];
    process.getrandom(&mut random)?;
    let suffix = format!(".{:08x}", u32::from_le_bytes(random));
    let name = [entry.file.as_slice(), suffix.as_bytes()].concat();
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_EXCL | OpenFlags::O_CLOEXEC;
    let fd = process.open(&name, flags, 0o600)?;
    let written = write_all(process, fd, &[entry.header(cache).as_slice(), cache]);
    let written = written.and(process.close(fd));
    let renamed = written.and_then(|()| process.rename(&name, &entry.file));
    if renamed.is_err() {
        // The first error is the one that counts.
        let _removed = process.unlink(&name);
    }
    renamed
}

fn write_all(process: &Process, fd: i32, parts: &[&[u8]]) -> Result<(), Errno> {
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            let count = process.write(fd, rest)?;
            rest = &rest[count.min(rest.len())..];
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn a_path_is_seen_from_the_folder_of_the_cache() {
        assert_eq!(relative(b"/a/b/c.js", b"/a/cache/v1"), b"../../b/c.js");
        assert_eq!(relative(b"/a/cache/v1/x", b"/a/cache/v1"), b"x");
        assert_eq!(relative(b"/x", b"/"), b"x");
    }
}
