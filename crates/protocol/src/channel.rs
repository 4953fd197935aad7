//! A socket between host and VM process: frames out without blocking, frames in.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounds;
use crate::frame::{Decoder, FrameError, encode};
use crate::passing::{Control, take_descriptors};

/// Bytes taken from the socket at once.
const READ_SIZE: usize = 64 << 10;

/// The sending half of a socket.
pub struct FrameWriter {
    socket: Arc<UnixStream>,
    /// What the socket did not take yet; the first one is sent up to `sent`.
    unsent: VecDeque<Unsent>,
    sent: usize,
    /// Bytes that have ever been given to be sent, and those that the socket took.
    given: u64,
    taken: u64,
}

/// A frame, and the descriptor that goes with its first byte.
struct Unsent {
    bytes: Vec<u8>,
    descriptor: Option<Arc<OwnedFd>>,
}

impl FrameWriter {
    /// Sends a frame as far as the socket takes it and keeps the rest. A dead peer is found out by reading.
    ///
    /// # Errors
    /// The frame is too long.
    pub fn send<F: Serialize>(&mut self, frame: &F) -> Result<(), FrameError> {
        self.send_with(frame, None)
    }

    /// The same with a descriptor, which the peer gets a copy of.
    ///
    /// # Errors
    /// As [`FrameWriter::send`].
    pub fn send_with<F: Serialize>(
        &mut self,
        frame: &F,
        descriptor: Option<Arc<OwnedFd>>,
    ) -> Result<(), FrameError> {
        let mut bytes = Vec::new();
        encode(frame, &mut bytes)?;
        self.given += bytes.len() as u64;
        // The socket was full when it was asked last: whoever waits for room asks again.
        let is_full = self.wants_write();
        self.unsent.push_back(Unsent { bytes, descriptor });
        if !is_full {
            self.flush();
        }
        Ok(())
    }

    /// Sends what is kept.
    pub fn flush(&mut self) {
        while let Some(first) = self.unsent.front() {
            let rest = first.bytes.get(self.sent..).unwrap_or_default();
            let written = match &first.descriptor {
                Some(descriptor) if self.sent == 0 => send_with(&self.socket, rest, descriptor),
                _ => (&*self.socket).write(rest),
            };
            match written {
                Ok(count) => {
                    self.sent += count;
                    self.taken += count as u64;
                    if self.sent >= first.bytes.len() {
                        self.unsent.pop_front();
                        self.sent = 0;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.unsent.clear();
                    self.sent = 0;
                    self.taken = self.given;
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

    /// Bytes that have been given to be sent since the beginning.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Bytes of them that the socket took.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The socket, to wait for.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Ends the connection for both sides, whoever else holds the socket.
    pub fn shut_down(&mut self) {
        self.unsent.clear();
        self.sent = 0;
        // Fails only if it is not connected any more.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// The receiving half of a socket whose peer is not trusted.
pub struct FrameReader<F> {
    socket: Arc<UnixStream>,
    /// It keeps its room: making it anew for each turn would take as long as all the rest of a short one.
    decoder: Decoder,
    frame: PhantomData<F>,
}

/// What one turn of reading brought.
#[derive(Debug)]
pub struct Turn<F> {
    /// Whole frames, in order.
    pub frames: Vec<F>,
    pub state: TurnState,
}

/// Where reading stands.
#[derive(Debug, PartialEq, Eq)]
pub enum TurnState {
    /// Nothing is left that has arrived; the flag tells that a frame has begun and not ended.
    Drained { inside: bool },
    /// The budget is used up: another turn finds more.
    More,
    /// The peer is gone.
    End,
    /// The peer is not to be trusted any further.
    Garbage(FrameError),
}

/// What one turn of reading may take.
#[derive(Clone, Copy, Debug)]
pub struct ReadBudget {
    /// Bytes from the socket. A frame that has begun is not cut short by it: it takes several turns.
    pub bytes: usize,
    /// Time for reading and decoding.
    pub time: Duration,
}

impl<F: DeserializeOwned> FrameReader<F> {
    /// Takes what has arrived, within the budget. What is decoded at most is bounded by the bytes and by the largest
    /// frame (see [`bounds`]).
    pub fn turn(&mut self, budget: ReadBudget) -> Turn<F> {
        let begun = Instant::now();
        let mut frames = Vec::new();
        let mut read = 0;
        let mut is_drained = false;
        let state = loop {
            // What came before is decoded first, so that the buffer holds one turn's bytes and one frame at most.
            match self.decode(&mut frames, begun, budget.time) {
                Ok(true) => break TurnState::More,
                Ok(false) => {}
                Err(error) => break TurnState::Garbage(error),
            }
            if is_drained {
                let inside = self.decoder.is_inside();
                break TurnState::Drained { inside };
            }
            if read >= budget.bytes || begun.elapsed() >= budget.time {
                break TurnState::More;
            }
            match (&*self.socket).read(self.decoder.room(READ_SIZE)) {
                Ok(0) => break TurnState::End,
                Ok(count) => {
                    read += count;
                    // Less than there was room for: what comes later, the end too, makes the socket readable again.
                    is_drained = count < READ_SIZE;
                    self.decoder.filled(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_drained = true,
                Err(_) => break TurnState::End,
            }
        };
        Turn { frames, state }
    }

    /// True if the time ended before the whole frames did.
    fn decode(
        &mut self,
        frames: &mut Vec<F>,
        begun: Instant,
        time: Duration,
    ) -> Result<bool, FrameError> {
        while let Some(frame) = self.decoder.next_within(bounds::bound)? {
            frames.push(frame);
            if begun.elapsed() >= time {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Cuts a connected socket into its halves, in non-blocking mode.
///
/// # Errors
/// The socket cannot be made non-blocking.
pub fn halves<F>(socket: UnixStream) -> io::Result<(FrameWriter, FrameReader<F>)> {
    socket.set_nonblocking(true)?;
    let socket = Arc::new(socket);
    let writer = FrameWriter {
        socket: socket.clone(),
        unsent: VecDeque::new(),
        sent: 0,
        given: 0,
        taken: 0,
    };
    let reader = FrameReader {
        socket,
        decoder: Decoder::new(),
        frame: PhantomData,
    };
    Ok((writer, reader))
}

/// Sends bytes, the first of them with a descriptor.
fn send_with(socket: &UnixStream, bytes: &[u8], descriptor: &OwnedFd) -> io::Result<usize> {
    let mut control = Control::new();
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: zeroes are a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    control.carry(&mut header, descriptor.as_fd())?;
    // SAFETY: everything that the header points to outlives the call.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives bytes, and the descriptor that comes with them. `None` stands for one that this process has no room for.
fn receive_with(
    socket: &UnixStream,
    room: &mut [u8],
    descriptors: &mut VecDeque<Option<OwnedFd>>,
) -> io::Result<usize> {
    let mut control = Control::new();
    let mut part = libc::iovec {
        iov_base: room.as_mut_ptr().cast(),
        iov_len: room.len(),
    };
    // SAFETY: zeroes are a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    control.offer(&mut header);
    // SAFETY: everything that the header points to outlives the call and may be written to.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) };
    let count = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has filled the header.
    let taken = unsafe { take_descriptors(&header) };
    if taken.is_empty() && header.msg_flags & libc::MSG_CTRUNC != 0 {
        descriptors.push_back(None);
    }
    descriptors.extend(taken.into_iter().map(Some));
    Ok(count)
}

/// One side of the socketpair whose peer is trusted: the VM process's.
pub struct Channel {
    writer: FrameWriter,
    decoder: Decoder,
    /// Descriptors that have come, in the order of the frames that they belong to.
    descriptors: VecDeque<Option<OwnedFd>>,
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
        let (writer, FrameReader { decoder, .. }) = halves::<()>(socket)?;
        Ok(Channel {
            writer,
            decoder,
            descriptors: VecDeque::new(),
        })
    }

    /// The descriptor of the next frame that has one; none if this process had no room for it.
    pub fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front().flatten()
    }

    /// The socket, to wait for.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.writer.fd()
    }

    /// Sends a frame as far as the socket takes it and keeps the rest. A dead peer is found out by reading.
    ///
    /// # Errors
    /// The frame is too long.
    pub fn send<F: Serialize>(&mut self, frame: &F) -> Result<(), FrameError> {
        self.writer.send(frame)
    }

    /// Sends what is kept.
    pub fn flush(&mut self) {
        self.writer.flush();
    }

    /// Whether room in the socket must be waited for.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.writer.wants_write()
    }

    /// Takes what has arrived.
    pub fn receive<F: DeserializeOwned>(&mut self) -> Received<F> {
        let mut frames = Vec::new();
        let Channel {
            writer,
            decoder,
            descriptors,
        } = self;
        loop {
            let room = decoder.room(READ_SIZE);
            let (drained, end) = match receive_with(&writer.socket, room, descriptors) {
                Ok(0) => (true, true),
                Ok(count) => {
                    decoder.filled(count);
                    // What comes meanwhile, and the end, makes the socket readable again; so does what is behind a
                    // descriptor, before which the kernel stops.
                    (count < READ_SIZE, false)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => (true, false),
                Err(_) => (true, true),
            };
            loop {
                match decoder.next() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return Received::Garbage(error),
                }
            }
            if end {
                return Received::End(frames);
            }
            // There is other work too, and a peer that never stops must not grow this list.
            if drained || frames.len() >= 64 {
                return Received::Frames(frames);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostFrame, HostMessage};

    const BUDGET: ReadBudget = ReadBudget {
        bytes: 1 << 20,
        time: Duration::from_secs(60),
    };

    fn ping(call: u64) -> HostFrame {
        HostFrame {
            vm: 0,
            call,
            message: HostMessage::Ping,
        }
    }

    fn chunk(bytes: usize) -> HostFrame {
        HostFrame {
            vm: 1,
            call: 1,
            message: HostMessage::Input {
                stream: 0,
                data: vec![7; bytes],
                end: false,
            },
        }
    }

    fn pair() -> (Channel, Channel) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Channel::new(ours).unwrap(), Channel::new(theirs).unwrap())
    }

    fn received(channel: &mut Channel) -> (Vec<HostFrame>, bool) {
        match channel.receive() {
            Received::Frames(frames) => (frames, true),
            Received::End(frames) => (frames, false),
            Received::Garbage(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_end_is_told_behind_what_came_before_it() {
        let (mut ours, mut theirs) = pair();
        assert_eq!(received(&mut theirs), (Vec::new(), true));
        ours.send(&ping(1)).unwrap();
        ours.send(&ping(2)).unwrap();
        drop(ours);
        assert_eq!(received(&mut theirs), (vec![ping(1), ping(2)], true));
        assert_eq!(received(&mut theirs), (Vec::new(), false));
    }

    #[test]
    fn what_fills_the_buffer_is_read_on() {
        let (mut ours, mut theirs) = pair();
        ours.send(&chunk(READ_SIZE)).unwrap();
        ours.send(&ping(2)).unwrap();
        assert_eq!(
            received(&mut theirs),
            (vec![chunk(READ_SIZE), ping(2)], true)
        );
    }

    #[test]
    fn a_full_socket_keeps_the_order_and_is_asked_again_by_who_waits_for_room() {
        let (mut ours, mut theirs) = pair();
        let mut sent = 0;
        while !ours.wants_write() {
            ours.send(&chunk(50_000)).unwrap();
            sent += 1;
        }
        let taken = ours.writer.taken();
        ours.send(&ping(9)).unwrap();
        assert_eq!(ours.writer.taken(), taken);
        let mut frames = Vec::new();
        while frames.len() <= sent {
            frames.extend(received(&mut theirs).0);
            ours.flush();
        }
        assert!(!ours.wants_write());
        assert_eq!(ours.writer.given(), ours.writer.taken());
        assert_eq!(frames.pop(), Some(ping(9)));
        assert!(frames.into_iter().all(|frame| frame == chunk(50_000)));
    }

    #[test]
    fn descriptors_come_in_the_order_of_their_frames() {
        let (mut ours, mut theirs) = pair();
        let (first, second) = (tempfile("first"), tempfile("second"));
        ours.send(&ping(1)).unwrap();
        ours.writer.send_with(&ping(2), Some(first)).unwrap();
        ours.writer
            .send_with(&chunk(READ_SIZE), Some(second))
            .unwrap();
        ours.send(&ping(3)).unwrap();
        let mut frames = Vec::new();
        while frames.len() < 4 {
            frames.extend(received(&mut theirs).0);
        }
        assert_eq!(frames, [ping(1), ping(2), chunk(READ_SIZE), ping(3)]);
        for name in ["first", "second"] {
            let fd = theirs.take_descriptor().unwrap();
            let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap();
            assert!(link.to_string_lossy().contains(name), "{link:?}");
        }
        assert!(theirs.take_descriptor().is_none());
    }

    /// A memory file of that name.
    fn tempfile(name: &str) -> Arc<OwnedFd> {
        let name = std::ffi::CString::new(name).unwrap();
        // SAFETY: the name is a C string; returns a new descriptor or -1.
        let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
        assert!(fd >= 0);
        // SAFETY: the descriptor is new and nobody else's.
        Arc::new(unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) })
    }

    #[test]
    fn a_turn_tells_of_a_frame_that_has_begun() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_, mut reader) = halves::<HostFrame>(theirs).unwrap();
        let mut bytes = Vec::new();
        encode(&ping(1), &mut bytes).unwrap();
        let (first, rest) = bytes.split_at(3);
        (&ours).write_all(first).unwrap();
        let turn = reader.turn(BUDGET);
        assert_eq!(turn.state, TurnState::Drained { inside: true });
        (&ours).write_all(rest).unwrap();
        let turn = reader.turn(BUDGET);
        assert_eq!(turn.frames, [ping(1)]);
        assert_eq!(turn.state, TurnState::Drained { inside: false });
        drop(ours);
        assert_eq!(reader.turn(BUDGET).state, TurnState::End);
    }
}
