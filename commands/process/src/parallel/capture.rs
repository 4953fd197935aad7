//! What a job writes, in a file without a name until it is passed on.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use secure_exec_sys::fd::{self, Cloexec, O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY};
use secure_exec_sys::{Fd, errno, process};

/// Descriptors of our own are above those that a job may have.
const HIGH: Fd = 10;
const BUFFER: usize = 32 << 10;

/// A file that a job writes, or reads.
#[derive(Debug)]
pub struct Capture {
    writer: Fd,
    reader: Fd,
    /// A line whose end has not come.
    held: Vec<u8>,
    /// Bytes that were read.
    pub length: usize,
}

impl Capture {
    /// A file in a directory, whose name is gone at once.
    ///
    /// # Errors
    /// As `open(2)`.
    pub fn new(folder: &Path) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let pid = process::getpid();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = folder.join(format!(".par{pid}-{number}"));
            let writer = match fd::open(&name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) {
                Ok(writer) => writer,
                Err(error) if errno::is(&error, errno::EEXIST) => continue,
                Err(error) => return Err(error),
            };
            let reader = fd::open(&name, O_RDONLY | O_CLOEXEC, 0);
            let removed = std::fs::remove_file(&name);
            let writer = high(writer)?;
            let reader = high(reader?)?;
            removed?;
            return Ok(Self {
                writer,
                reader,
                held: Vec::new(),
                length: 0,
            });
        }
    }

    /// The end to write to.
    #[must_use]
    pub fn writer(&self) -> Fd {
        self.writer
    }

    /// The end to read from.
    #[must_use]
    pub fn reader(&self) -> Fd {
        self.reader
    }

    /// Passes on what was written since the last time, in pieces, or only the lines that are whole.
    ///
    /// # Errors
    /// What reading or `put` fails with.
    pub fn drain(
        &mut self,
        whole_lines: bool,
        put: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = match fd::read(self.reader, &mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if length == 0 {
                break;
            }
            self.length += length;
            self.held.extend_from_slice(&buffer[..length]);
            let end = self.held.iter().rposition(|&byte| byte == b'\n');
            let end = if whole_lines {
                end.map_or(0, |at| at + 1)
            } else {
                self.held.len()
            };
            if end > 0 {
                let rest = self.held.split_off(end);
                put(&std::mem::replace(&mut self.held, rest))?;
            }
        }
        if !whole_lines && !self.held.is_empty() {
            put(&std::mem::take(&mut self.held))?;
        }
        Ok(())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        for each in [self.writer, self.reader] {
            // Nothing is lost by a descriptor that is closed already.
            let _ = fd::close(each);
        }
    }
}

fn high(low: Fd) -> io::Result<Fd> {
    let high = fd::dup_from(low, HIGH, Cloexec::Set);
    fd::close(low)?;
    high
}
