//! Files written with holes where they have zeros.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// What holes are made of, in bytes.
const BLOCK: usize = 512;

/// Leaves blocks of zeros out of a new file. Its length is to be set at the end.
pub struct Sparse<'f> {
    file: &'f File,
}

impl<'f> Sparse<'f> {
    pub fn new(file: &'f File) -> Self {
        Self { file }
    }
}

impl Write for Sparse<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for chunk in bytes.chunks(BLOCK) {
            if chunk.iter().all(|&byte| byte == 0) {
                let length = i64::try_from(chunk.len()).unwrap_or(0);
                self.file.seek(SeekFrom::Current(length))?;
            } else {
                self.file.write_all(chunk)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
