//! Ends of lines, as `-l` and `-ll` change them.

use std::io::{self, BufRead, BufReader, Read};

/// Which ends of lines a file gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    Crlf,
    Lf,
}

/// Changes the ends of lines of what is read; files that are not text are left alone.
pub struct Lines<R> {
    inner: BufReader<R>,
    ends: Ends,
    ready: Vec<u8>,
    at: usize,
}

impl<R: Read> Lines<R> {
    pub fn new(inner: R, ends: Ends) -> Self {
        Self {
            inner: BufReader::new(inner),
            ends,
            ready: Vec::new(),
            at: 0,
        }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.ready.len() {
            self.ready.clear();
            self.at = 0;
            // Lines may be as long as they like, but not their memory.
            self.inner
                .by_ref()
                .take(1 << 16)
                .read_until(b'\n', &mut self.ready)?;
            if self.ready.ends_with(b"\n") {
                match self.ends {
                    Ends::Crlf if !self.ready.ends_with(b"\r\n") => {
                        self.ready.pop();
                        self.ready.extend_from_slice(b"\r\n");
                    }
                    Ends::Lf if self.ready.ends_with(b"\r\n") => {
                        self.ready.truncate(self.ready.len() - 2);
                        self.ready.push(b'\n');
                    }
                    _ => {}
                }
            }
        }
        let length = buffer.len().min(self.ready.len() - self.at);
        buffer[..length].copy_from_slice(&self.ready[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ends, Lines};
    use std::io::Read;

    fn changed(text: &[u8], ends: Ends) -> Vec<u8> {
        let mut out = Vec::new();
        Lines::new(text, ends).read_to_end(&mut out).expect("read");
        out
    }

    #[test]
    fn ends_are_changed_once() {
        assert_eq!(changed(b"a\nb\r\nc", Ends::Crlf), b"a\r\nb\r\nc");
        assert_eq!(changed(b"a\nb\r\nc\r", Ends::Lf), b"a\nb\nc\r");
    }
}
