//! Framing: a little-endian `u32` length, then that many bytes of postcard.

use core::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::MAX_FRAME;

const PREFIX: usize = 4;

/// Why a peer's bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The announced length is over what a frame of its kind may have.
    TooLong(usize, usize),
    /// The body is not the expected message.
    Malformed,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong(length, bound) => {
                write!(f, "a frame of {length} bytes is over the limit of {bound}")
            }
            FrameError::Malformed => f.write_str("a frame does not decode"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Appends `message` as one frame to `out`, which is left as it was on failure.
///
/// # Errors
/// `TooLong`: the message is over [`MAX_FRAME`]; bulk data must be cut into chunks by the caller.
pub fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    let mut taken = core::mem::take(out);
    taken.extend_from_slice(&[0; PREFIX]);
    *out = match postcard::to_extend(message, taken) {
        Ok(bytes) => bytes,
        // The only failure of an extending serializer is a message without a known length.
        Err(_) => return Err(FrameError::Malformed),
    };
    let length = out.len() - start - PREFIX;
    if length > MAX_FRAME {
        out.truncate(start);
        return Err(FrameError::TooLong(length, MAX_FRAME));
    }
    let prefix = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(start..start + PREFIX) {
        place.copy_from_slice(&prefix);
    }
    Ok(())
}

/// Cuts a byte stream into messages.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What has come and was not taken is between the two; the rest is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Decoder {
    /// An empty decoder.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes bytes as they arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Room for so many bytes behind what has come, to read into.
    pub(crate) fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.buffer.len() - self.end < bytes && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let until = self.end + bytes;
        if self.buffer.len() < until {
            self.buffer.resize(until, 0);
        }
        self.buffer.get_mut(self.end..until).unwrap_or_default()
    }

    /// So many bytes have been read into the room.
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
    }

    /// Takes the next whole message; `None` until more bytes arrive.
    ///
    /// # Errors
    /// The stream is unusable from here on: the connection must be closed.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot choose the type of each message"
    )]
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.next_within(|_, _| Some(MAX_FRAME))
    }

    /// Takes the next whole message of a peer that is not trusted. `bound` gives the longest frame of the kind that
    /// the body begins as, or `None` while it has not seen enough of it.
    ///
    /// # Errors
    /// As [`Decoder::next`].
    pub fn next_within<T: DeserializeOwned>(
        &mut self,
        bound: fn(&[u8], usize) -> Option<usize>,
    ) -> Result<Option<T>, FrameError> {
        let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((prefix, body)) = rest.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length, MAX_FRAME));
        }
        let begun = body.get(..length.min(body.len())).unwrap_or_default();
        if let Some(bound) = bound(begun, length)
            && length > bound
        {
            return Err(FrameError::TooLong(length, bound));
        }
        let Some(body) = body.get(..length) else {
            return Ok(None);
        };
        let (message, unread) =
            postcard::take_from_bytes(body).map_err(|_| FrameError::Malformed)?;
        if !unread.is_empty() {
            return Err(FrameError::Malformed);
        }
        self.start += PREFIX + length;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            // One large frame must not pin its memory for the rest of the connection.
            if self.buffer.len() > MAX_FRAME / 4 {
                self.buffer = Vec::new();
            }
        }
        Ok(Some(message))
    }
}

impl Decoder {
    /// Whether the beginning of a message is there, and its end is not.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.start < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostFrame, HostMessage, VmFrame, VmMessage};

    fn frame(message: HostMessage) -> HostFrame {
        HostFrame {
            vm: 3,
            call: 9,
            message,
        }
    }

    #[test]
    fn frames_survive_any_split() {
        let sent = [
            frame(HostMessage::Ping),
            frame(HostMessage::Input {
                stream: 0,
                data: vec![7; 1000],
                end: true,
            }),
            frame(HostMessage::Signal { signal: 9 }),
        ];
        let mut bytes = Vec::new();
        for message in &sent {
            encode(message, &mut bytes).unwrap();
        }
        for step in [1, 3, 7, bytes.len()] {
            let mut decoder = Decoder::new();
            let mut received = Vec::new();
            for piece in bytes.chunks(step) {
                decoder.push(piece);
                while let Some(message) = decoder.next::<HostFrame>().unwrap() {
                    received.push(message);
                }
            }
            assert_eq!(received, sent);
        }
    }

    #[test]
    fn oversize_frame_is_refused_before_it_is_buffered() {
        let mut decoder = Decoder::new();
        decoder.push(&u32::MAX.to_le_bytes());
        assert_eq!(
            decoder.next::<VmFrame>(),
            Err(FrameError::TooLong(u32::MAX as usize, MAX_FRAME))
        );
    }

    #[test]
    fn oversize_message_is_not_encoded() {
        let mut out = vec![1, 2];
        let message = VmFrame {
            vm: 0,
            call: 0,
            message: VmMessage::Chunk {
                data: vec![0; MAX_FRAME],
                last: true,
            },
        };
        assert!(matches!(
            encode(&message, &mut out),
            Err(FrameError::TooLong(..))
        ));
        assert_eq!(out, [1, 2]);
    }

    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "numbers of the test are small"
    )]
    fn garbage_never_panics() {
        let mut state = 0x2545_f491_4f6c_dd1du64;
        for _ in 0..20_000 {
            let mut body = Vec::new();
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let length = (state % 40) as usize;
            for index in 0..length {
                body.push((state.rotate_left(index as u32 * 7) & 0xff) as u8);
            }
            let mut bytes = u32::try_from(length).unwrap().to_le_bytes().to_vec();
            bytes.extend_from_slice(&body);
            let mut decoder = Decoder::new();
            decoder.push(&bytes);
            let _ = decoder.next::<HostFrame>();
            let mut decoder = Decoder::new();
            decoder.push(&bytes);
            let _ = decoder.next::<VmFrame>();
        }
    }

    #[test]
    fn trailing_bytes_are_malformed() {
        let mut bytes = Vec::new();
        encode(&frame(HostMessage::Ping), &mut bytes).unwrap();
        bytes.push(0);
        let length = u32::try_from(bytes.len() - PREFIX).unwrap();
        bytes[..PREFIX].copy_from_slice(&length.to_le_bytes());
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        assert_eq!(decoder.next::<HostFrame>(), Err(FrameError::Malformed));
    }
}
