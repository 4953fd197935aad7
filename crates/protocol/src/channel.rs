//! A socket between host and VM process: frames out without blocking, frames in.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{Decoder, FrameError, encode};

/// Bytes taken from the socket at once.
const READ_SIZE: usize = 64 << 10;

/// One side of the socketpair, in non-blocking mode.
pub struct Channel {
    socket: UnixStream,
    decoder: Decoder,
    /// What the socket did not take yet; the first one is sent up to `sent`.
    unsent: VecDeque<Vec<u8>>,
    sent: usize,
}

/// What reading brought.
#[derive(Debug)]
pub enum Received<F> {
    /// What came, possibly nothing.
    Frames(Vec<F>),
    /// The peer is gone; frames that came before that are there.
    End(Vec<F>),
    /// The peer is not to be trusted any further.
    Garbage(FrameError),
}

impl Channel {
    /// Takes over a connected socket.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn new(socket: UnixStream) -> io::Result<Channel> {
        socket.set_nonblocking(true)?;
        Ok(Channel {
            socket,
            decoder: Decoder::new(),
            unsent: VecDeque::new(),
            sent: 0,
        })
    }

    /// The socket, to wait for.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends a frame as far as the socket takes it and keeps the rest. A dead peer is found out by reading.
    ///
    /// # Errors
    /// The frame is too long.
    pub fn send<F: Serialize>(&mut self, frame: &F) -> Result<(), FrameError> {
        let mut bytes = Vec::new();
        encode(frame, &mut bytes)?;
        self.unsent.push_back(bytes);
        self.flush();
        Ok(())
    }

    /// Sends what is kept.
    pub fn flush(&mut self) {
        while let Some(first) = self.unsent.front() {
            match self
                .socket
                .write(first.get(self.sent..).unwrap_or_default())
            {
                Ok(count) => {
                    self.sent += count;
                    if self.sent >= first.len() {
                        self.unsent.pop_front();
                        self.sent = 0;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.unsent.clear();
                    self.sent = 0;
                    return;
                }
            }
        }
    }

    /// Whether room in the socket must be waited for.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Takes what has arrived.
    pub fn receive<F: DeserializeOwned>(&mut self) -> Received<F> {
        let mut frames = Vec::new();
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let end = match self.socket.read(&mut buffer) {
                Ok(0) => true,
                Ok(count) => {
                    self.decoder.push(buffer.get(..count).unwrap_or_default());
                    false
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Received::Frames(frames);
                }
                Err(_) => true,
            };
            loop {
                match self.decoder.next() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return Received::Garbage(error),
                }
            }
            if end {
                return Received::End(frames);
            }
            // Other connections are waiting too, and a peer that never stops must not grow this list.
            if frames.len() >= 64 {
                return Received::Frames(frames);
            }
        }
    }
}
