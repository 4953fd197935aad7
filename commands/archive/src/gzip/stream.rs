//! Streams, and how much goes through them.

use std::io::{self, Read, Write};

/// Counts what goes through.
pub struct Counting<T> {
    pub inner: T,
    pub count: u64,
}

impl<T: Read> Read for Counting<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count += length as u64;
        Ok(length)
    }
}

impl<T: Write> Write for Counting<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(buffer)?;
        self.count += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

pub fn copy(input: &mut impl Read, output: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        output.write_all(&buffer[..length])?;
        total += length as u64;
    }
}

pub fn ratio(compressed: u64, plain: u64) -> String {
    if plain == 0 {
        return "0.0".to_owned();
    }
    format!(
        "{:.1}",
        100.0 * (plain as f64 - compressed as f64) / plain as f64
    )
}
