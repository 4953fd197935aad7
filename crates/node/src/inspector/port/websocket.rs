//! Frames of the WebSocket protocol, as a server reads and writes them (RFC 6455).

/// Bytes of the longest message that is taken.
pub const LONGEST_MESSAGE: usize = 16 << 20;

/// Why a connection ends (section 7.4.1).
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;
const TOO_BIG: u16 = 1009;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
/// Longest payload of a control frame.
const LONGEST_CONTROL: usize = 125;

/// What the other end has sent.
#[derive(PartialEq, Eq, Debug)]
pub enum Event {
    /// A message.
    Text(String),
    /// What is to be sent back at once.
    Answer(Vec<u8>),
    /// The end, and what is to be sent before it.
    Close(Vec<u8>),
}

/// Puts messages together.
#[derive(Default)]
pub struct Reader {
    received: Vec<u8>,
    /// Of a message that goes on.
    message: Vec<u8>,
    in_message: bool,
}

/// A frame's head.
struct Head {
    first: u8,
    mask: [u8; 4],
    start: usize,
    length: usize,
}

impl Reader {
    /// Takes what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// What is complete by now; None until more arrives.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            let head = match self.head() {
                Ok(head) => head?,
                Err(status) => return Some(Event::Close(closing(status))),
            };
            let end = head.start + head.length;
            if self.received.len() < end {
                return None;
            }
            let payload = self.received.get(head.start..end).unwrap_or_default();
            let masked = payload.iter().zip(head.mask.iter().cycle());
            let payload: Vec<u8> = masked.map(|(byte, mask)| byte ^ mask).collect();
            self.received.drain(..end);
            match self.frame(head.first, payload) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(event),
                Err(status) => return Some(Event::Close(closing(status))),
            }
        }
    }

    fn head(&self) -> Result<Option<Head>, u16> {
        let [first, second, ..] = *self.received.as_slice() else {
            return Ok(None);
        };
        let (size, length) = match second & !MASKED {
            126 => (2, self.number(2, 2)),
            127 => (8, self.number(2, 8)),
            short => (0, Some(u64::from(short))),
        };
        let Some(length) = length else {
            return Ok(None);
        };
        let opcode = first & !(FINAL | RESERVED);
        let is_control = opcode >= CLOSE;
        let length = usize::try_from(length).map_err(|_| TOO_BIG)?;
        if first & RESERVED != 0 || second & MASKED == 0 {
            return Err(PROTOCOL_ERROR);
        }
        if is_control && (length > LONGEST_CONTROL || first & FINAL == 0) {
            return Err(PROTOCOL_ERROR);
        }
        if length.saturating_add(self.message.len()) > LONGEST_MESSAGE {
            return Err(TOO_BIG);
        }
        let start = 2 + size + 4;
        let Some(mask) = self.received.get(2 + size..start) else {
            return Ok(None);
        };
        let mask = mask.try_into().unwrap_or_default();
        Ok(Some(Head {
            first,
            mask,
            start,
            length,
        }))
    }

    fn number(&self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.received.get(at..at + size)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    fn frame(&mut self, first: u8, payload: Vec<u8>) -> Result<Option<Event>, u16> {
        match first & !(FINAL | RESERVED) {
            TEXT if self.in_message => Err(PROTOCOL_ERROR),
            CONTINUATION if !self.in_message => Err(PROTOCOL_ERROR),
            TEXT | CONTINUATION => {
                self.message.extend_from_slice(&payload);
                self.in_message = first & FINAL == 0;
                if self.in_message {
                    return Ok(None);
                }
                let message = std::mem::take(&mut self.message);
                let text = String::from_utf8(message).map_err(|_| INVALID_DATA)?;
                Ok(Some(Event::Text(text)))
            }
            CLOSE => Ok(Some(Event::Close(frame(CLOSE, &payload)))),
            PING => Ok(Some(Event::Answer(frame(PONG, &payload)))),
            PONG => Ok(None),
            _ => Err(PROTOCOL_ERROR),
        }
    }
}

/// A message as one frame.
pub fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

fn closing(status: u16) -> Vec<u8> {
    frame(CLOSE, &status.to_be_bytes())
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(FINAL | opcode);
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame(0, payload);
        bytes[0] = first;
        let at = bytes.len() - payload.len();
        bytes[1] |= MASKED;
        let mask = [1, 2, 3, 4];
        for (index, byte) in bytes[at..].iter_mut().enumerate() {
            *byte ^= mask[index % 4];
        }
        bytes.splice(at..at, mask);
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for byte in bytes {
            reader.push(&[*byte]);
            events.extend(reader.next());
        }
        events
    }

    #[test]
    fn messages_arrive_in_pieces() {
        let mut bytes = masked(TEXT, b"he");
        bytes.extend(masked(FINAL | PING, b"x"));
        bytes.extend(masked(FINAL, b"llo"));
        let long = "y".repeat(70_000);
        bytes.extend(masked(FINAL | TEXT, long.as_bytes()));
        let events = read(&bytes);
        assert_eq!(events[0], Event::Answer(frame(PONG, b"x")));
        assert_eq!(events[1], Event::Text("hello".to_owned()));
        assert_eq!(events[2], Event::Text(long));
    }

    #[test]
    fn what_breaks_the_protocol_ends_the_connection() {
        let ends = |bytes: &[u8], status: u16| {
            assert_eq!(
                read(bytes).pop(),
                Some(Event::Close(closing(status))),
                "{bytes:?}"
            );
        };
        ends(&frame(TEXT, b"unmasked"), PROTOCOL_ERROR);
        ends(&masked(FINAL | 0x40 | TEXT, b""), PROTOCOL_ERROR);
        ends(&masked(FINAL | 3, b""), PROTOCOL_ERROR);
        ends(&masked(FINAL, b"nothing to go on with"), PROTOCOL_ERROR);
        ends(&masked(PING, b""), PROTOCOL_ERROR);
        ends(&masked(FINAL | TEXT, b"\xff"), INVALID_DATA);
        let mut endless = vec![FINAL | TEXT, MASKED | 127];
        endless.extend(u64::MAX.to_be_bytes());
        ends(&endless, TOO_BIG);
        let mut large = vec![TEXT, MASKED | 127];
        large.extend((LONGEST_MESSAGE as u64 + 1).to_be_bytes());
        ends(&large, TOO_BIG);
    }
}
