//! Byte ring.

use crate::errno::{Errno, Result};

/// A queue of bytes whose storage grows with its use and is given back when it runs empty.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// Storage; its length is a power of two or zero.
    bytes: Box<[u8]>,
    start: usize,
    len: usize,
}

/// Smallest storage.
const SMALLEST: usize = 4096;
/// Largest storage that an empty ring keeps.
const KEPT: usize = 64 << 10;

impl Ring {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Copies bytes from the front.
    pub fn peek(&self, buf: &mut [u8]) -> usize {
        let count = buf.len().min(self.len);
        let first = count.min(self.bytes.len() - self.start);
        buf[..first].copy_from_slice(&self.bytes[self.start..self.start + first]);
        buf[first..count].copy_from_slice(&self.bytes[..count - first]);
        count
    }

    /// Takes bytes from the front.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        let count = self.peek(buf);
        if count == 0 {
            return 0;
        }
        self.start = (self.start + count) & (self.bytes.len() - 1);
        self.len -= count;
        if self.len == 0 {
            self.start = 0;
            if self.bytes.len() > KEPT {
                self.bytes = Box::default();
            }
        }
        count
    }

    /// Adds bytes at the back; the caller has checked that they fit `capacity`, a power of two.
    pub fn write(&mut self, buf: &[u8], capacity: usize) -> Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let needed = self.len + buf.len();
        if needed > self.bytes.len() {
            self.grow(needed.next_power_of_two().clamp(SMALLEST, capacity))?;
        }
        let end = (self.start + self.len) & (self.bytes.len() - 1);
        let first = buf.len().min(self.bytes.len() - end);
        self.bytes[end..end + first].copy_from_slice(&buf[..first]);
        self.bytes[..buf.len() - first].copy_from_slice(&buf[first..]);
        self.len = needed;
        Ok(())
    }

    fn grow(&mut self, size: usize) -> Result<()> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        let first = self.len.min(self.bytes.len() - self.start);
        bytes.extend_from_slice(&self.bytes[self.start..self.start + first]);
        bytes.extend_from_slice(&self.bytes[..self.len - first]);
        bytes.resize(size, 0);
        self.bytes = bytes.into_boxed_slice();
        self.start = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "numbers of the test are small"
    )]
    fn bytes_stay_in_order_while_the_ring_wraps_and_grows() {
        let mut ring = Ring::default();
        let (mut put, mut got) = (0usize, 0usize);
        for round in 0..2_000 {
            let len = (round * 37) % 5_000;
            if ring.len() + len <= KEPT {
                let bytes: Vec<u8> = (put..put + len).map(|at| (at % 253) as u8).collect();
                ring.write(&bytes, KEPT).unwrap();
                put += len;
            }
            let mut buf = vec![0; (round * 53) % 4_500];
            let count = ring.read(&mut buf);
            for byte in &buf[..count] {
                assert_eq!(*byte, (got % 253) as u8);
                got += 1;
            }
            assert_eq!(ring.len(), put - got);
        }
        assert!(put > 1_000_000);
    }
}
