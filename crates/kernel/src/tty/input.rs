//! Input queue of a terminal: bytes, the lines they make, and reading them.

use crate::abi::termios::Termios;
use std::collections::VecDeque;

/// Bytes the queue is made for (`N_TTY_BUF_SIZE`).
const CAPACITY: usize = 4096;

/// What a byte means for the line it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Part of a line.
    None,
    /// Ends a line.
    EndOfLine,
    /// Ends a line and is not read itself.
    EndOfFile,
}

/// Bytes that were typed and not read.
#[derive(Debug, Default)]
pub(super) struct Input {
    queue: VecDeque<(u8, Mark)>,
    /// Bytes at the front that make complete lines.
    complete: usize,
}

impl Input {
    /// How many more bytes may be taken in now. In canonical mode a line that is too long leaves room for
    /// one byte, which [`Input::put`] overwrites, so that its end can still be typed.
    pub fn room(&self, termios: &Termios) -> usize {
        let room = (CAPACITY - 1).saturating_sub(self.queue.len());
        if room == 0 && termios.canonical() && self.complete == 0 {
            return 1;
        }
        room
    }

    pub fn put(&mut self, byte: u8, mark: Mark, termios: &Termios) {
        if self.queue.len() >= CAPACITY && termios.canonical() {
            self.queue.pop_back();
        }
        self.queue.push_back((byte, mark));
        if mark != Mark::None {
            self.complete = self.queue.len();
        }
    }

    pub fn clear(&mut self) {
        self.queue.clear();
        self.complete = 0;
    }

    /// Whether a line has been begun and not finished.
    pub fn editing(&self) -> bool {
        self.queue.len() > self.complete
    }

    /// Bytes of the line being typed.
    pub fn current_line(&self) -> impl DoubleEndedIterator<Item = u8> {
        self.queue.range(self.complete..).map(|(byte, _)| *byte)
    }

    /// Takes the last byte of the line being typed away.
    pub fn unput(&mut self) {
        if self.editing() {
            self.queue.pop_back();
        }
    }

    /// Drops the line being typed.
    pub fn drop_line(&mut self) {
        self.queue.truncate(self.complete);
    }

    /// Bytes that can be read.
    pub fn available(&self, termios: &Termios) -> usize {
        if termios.canonical() {
            self.complete
        } else {
            self.queue.len()
        }
    }

    /// Follows a change of the mode: what has been typed becomes a line, or lines become bytes.
    pub fn change_mode(&mut self, termios: &Termios) {
        for (_, mark) in &mut self.queue {
            *mark = Mark::None;
        }
        self.complete = 0;
        if termios.canonical()
            && let Some((_, mark)) = self.queue.back_mut()
        {
            *mark = Mark::EndOfLine;
            self.complete = self.queue.len();
        }
    }

    /// Reads at most one line, or in the other mode whatever is there.
    pub fn read(&mut self, buf: &mut [u8], termios: &Termios) -> usize {
        if termios.canonical() {
            return self.read_line(buf);
        }
        let count = buf.len().min(self.queue.len());
        for (slot, (byte, _)) in buf.iter_mut().zip(self.queue.drain(..count)) {
            *slot = byte;
        }
        self.complete = self.complete.saturating_sub(count);
        count
    }

    fn read_line(&mut self, buf: &mut [u8]) -> usize {
        let mut count = 0;
        while count < buf.len() && self.complete > 0 {
            let Some((byte, mark)) = self.take() else {
                break;
            };
            if mark != Mark::EndOfFile {
                buf[count] = byte;
                count += 1;
            }
            if mark != Mark::None {
                return count;
            }
        }
        // As Linux: a reader whose buffer ends right before an end of file does not see it again.
        let ends = self
            .queue
            .front()
            .is_some_and(|(_, mark)| *mark == Mark::EndOfFile);
        if count > 0 && self.complete > 0 && ends {
            self.take();
        }
        count
    }

    fn take(&mut self) -> Option<(u8, Mark)> {
        let taken = self.queue.pop_front()?;
        self.complete -= 1;
        Some(taken)
    }
}
