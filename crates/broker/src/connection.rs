//! A socket to a VM process: frames out without blocking, bytes in.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use secure_exec_protocol::{Decoder, FrameError, HostFrame, VmFrame, encode};

/// Bytes taken from the socket at once.
const READ_SIZE: usize = 64 << 10;

/// One side of the socketpair, in non-blocking mode.
pub(crate) struct Connection {
    socket: UnixStream,
    decoder: Decoder,
    /// What the socket did not take yet; the first one is sent up to `sent`.
    unsent: VecDeque<Vec<u8>>,
    sent: usize,
}

/// What reading brought.
pub(crate) enum Received {
    Frames(Vec<VmFrame>),
    /// The peer is gone; frames that came before it are there.
    End(Vec<VmFrame>),
    /// The peer is not to be trusted any further.
    Garbage(FrameError),
}

impl Connection {
    pub(crate) fn new(socket: UnixStream) -> io::Result<Connection> {
        socket.set_nonblocking(true)?;
        Ok(Connection { socket, decoder: Decoder::new(), unsent: VecDeque::new(), sent: 0 })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends a frame as far as the socket takes it and keeps the rest. A dead peer is found out by reading.
    ///
    /// # Errors
    /// The frame is too long.
    pub(crate) fn send(&mut self, frame: &HostFrame) -> Result<(), FrameError> {
        let mut bytes = Vec::new();
        encode(frame, &mut bytes)?;
        self.unsent.push_back(bytes);
        self.flush();
        Ok(())
    }

    /// Sends what is kept.
    pub(crate) fn flush(&mut self) {
        while let Some(first) = self.unsent.front() {
            match self.socket.write(first.get(self.sent..).unwrap_or_default()) {
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

    /// Whether the poller must wait for room in the socket.
    pub(crate) fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Takes what has arrived.
    pub(crate) fn receive(&mut self) -> Received {
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
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Frames(frames),
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
