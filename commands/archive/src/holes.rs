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
        let mut rest = bytes;
        while !rest.is_empty() {
            let zeros = run(rest, true);
            if zeros > 0 {
                let distance = i64::try_from(zeros).unwrap_or(0);
                self.file.seek(SeekFrom::Current(distance))?;
            }
            let data = run(&rest[zeros..], false);
            self.file.write_all(&rest[zeros..zeros + data])?;
            rest = &rest[zeros + data..];
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of the blocks at the start that are zeros, or are not.
fn run(bytes: &[u8], zeros: bool) -> usize {
    bytes
        .chunks(BLOCK)
        .take_while(|block| block.iter().all(|&byte| byte == 0) == zeros)
        .map(<[u8]>::len)
        .sum()
}
