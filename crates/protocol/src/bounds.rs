//! How much of a frame the host takes in before it knows what is in it.
//!
//! A VM process may have been taken over by its guest. So the length of a frame is judged by its kind, from its first
//! bytes and before the rest is kept, and a list is judged by its length before a place for it is made. What is
//! decoded is then at most some ten times as large as what came.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, de};

use crate::{MAX_CHUNK, MAX_FRAME, STREAM_WINDOW};

/// Steps of a boot in one message.
pub const MAX_PHASES: usize = 64;
/// Names of a directory in one message.
pub const MAX_ENTRIES: usize = 4096;
/// Guest processes in one message: as many as Linux has numbers for.
pub const MAX_PROCESSES: usize = 32_768;
/// Arguments of all processes in one message.
pub const MAX_ARGUMENTS: usize = 16_384;
/// Limits that one program can have passed.
pub const MAX_LIMITS: usize = 64;
/// Lines of a trace in one message.
pub const MAX_LINES: usize = 131_072;
/// Segments, besides a new one, that the bytes of captured files may be in.
pub const MAX_SEGMENTS: usize = 31;
/// Bytes of a text for people.
pub const MAX_TEXT: usize = 16 << 10;
/// Bytes of one `Output`, and of the output that comes with the end of a program: what a pipe and the buffer before
/// it hold.
pub const MAX_OUTPUT: usize = 4 * STREAM_WINDOW;

/// Bytes of whatever has no bound of its own.
const ORDINARY: usize = 256 << 10;
/// Room for what a message has besides its bulk.
const REST: usize = 256;

/// What [`bound`] has to see: three numbers of at most ten bytes.
const HEAD: usize = 30;

/// The longest frame of the kind that `body` begins as; `None` until enough of it is there.
///
/// The kinds are numbered in the order of [`crate::VmMessage`]; a test holds the two together.
pub fn bound(body: &[u8], length: usize) -> Option<usize> {
    let mut rest = body;
    for _ in 0..2 {
        rest = match skip_number(rest) {
            Some(rest) => rest,
            // No number of ours is that long.
            None if body.len() >= HEAD || body.len() >= length => return Some(0),
            None => return None,
        };
    }
    let kind = match rest.first() {
        Some(kind) => *kind,
        None if length > body.len() => return None,
        // Too short for any message.
        None => return Some(0),
    };
    Some(match kind {
        // Output
        4 => MAX_OUTPUT + REST,
        // Value, Chunk
        6 | 10 => MAX_CHUNK + REST,
        // Exited
        7 => MAX_CHUNK + 2 * MAX_OUTPUT + ORDINARY,
        // File: a directory of the longest names is a little longer than a piece of a file.
        8 => MAX_CHUNK + ORDINARY,
        // Processes, Request
        13 | 14 => MAX_FRAME,
        // Trace
        16 => 2 * MAX_CHUNK,
        _ => ORDINARY,
    })
}

/// Passes a number as postcard writes it: seven bits a byte, the highest bit set on all but the last.
fn skip_number(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    bytes.get(end + 1..)
}

/// Reads a list of at most `MOST` elements, whose number is looked at first.
pub(crate) fn list<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(List::<T, MOST>(PhantomData))
}

struct List<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for List<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let too_long = |length| A::Error::invalid_length(length, &self);
        let announced = seq.size_hint().unwrap_or(0);
        if announced > MOST {
            return Err(too_long(announced));
        }
        // The number is the peer's word until the elements are there.
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            if list.len() == MOST {
                return Err(too_long(MOST + 1));
            }
            list.push(element);
        }
        Ok(list)
    }
}

/// Reads a text of at most [`MAX_TEXT`] bytes; a longer one is no message.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX_TEXT {
        return Err(de::Error::invalid_length(text.len(), &"a short text"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Decoder, DirectoryEntry, Exit, FileReply, FrameError, Phase, ProcessEntry, Request,
        VmFrame, VmMessage, encode,
    };

    fn frame(message: VmMessage) -> VmFrame {
        VmFrame {
            vm: 300,
            call: 70_000,
            message,
        }
    }

    fn bytes(message: VmMessage) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&frame(message), &mut bytes).unwrap();
        bytes
    }

    fn taken(bytes: &[u8]) -> Result<Option<VmFrame>, FrameError> {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        decoder.next_within(bound)
    }

    #[test]
    fn every_kind_is_known_by_its_number() {
        let data = Vec::new;
        let kinds = [
            (
                4,
                VmMessage::Output {
                    stream: 1,
                    data: data(),
                },
            ),
            (6, VmMessage::Value { data: data() }),
            (7, VmMessage::Exited(Box::default())),
            (8, VmMessage::File(FileReply::Done)),
            (
                10,
                VmMessage::Chunk {
                    data: data(),
                    last: true,
                },
            ),
            (13, VmMessage::Processes(Vec::new())),
            (
                14,
                VmMessage::Request {
                    id: 1,
                    request: Request::Tool {
                        pid: 1,
                        tool: String::new(),
                        input: String::new(),
                    },
                },
            ),
            (
                16,
                VmMessage::Trace {
                    text: String::new(),
                    times: Vec::new(),
                },
            ),
        ];
        for (number, message) in kinds {
            let bytes = bytes(message);
            // Length, two bytes of the VM, three of the call.
            assert_eq!(bytes[4 + 2 + 3], number);
        }
    }

    #[test]
    fn a_frame_is_judged_by_its_kind_before_it_is_there() {
        for (message, fits) in [
            (
                VmMessage::Output {
                    stream: 1,
                    data: vec![7; MAX_OUTPUT],
                },
                true,
            ),
            (
                VmMessage::Output {
                    stream: 1,
                    data: vec![7; 1 << 20],
                },
                false,
            ),
            (
                VmMessage::Value {
                    data: vec![7; MAX_CHUNK],
                },
                true,
            ),
            (
                VmMessage::Value {
                    data: vec![7; 2 * MAX_CHUNK],
                },
                false,
            ),
            (
                VmMessage::Exited(Box::new(Exit {
                    value: Some(vec![7; MAX_CHUNK]),
                    ..Exit::default()
                })),
                true,
            ),
            (
                VmMessage::Failed(crate::Failure {
                    path: vec![7; 1 << 20],
                    ..Default::default()
                }),
                false,
            ),
        ] {
            let bytes = bytes(message);
            let head = taken(&bytes[..40]);
            assert_eq!(matches!(head, Ok(None)), fits, "{head:?}");
            assert_eq!(taken(&bytes).is_ok(), fits);
        }
    }

    #[test]
    fn a_number_without_end_is_no_frame() {
        let mut bytes = 1_000_000u32.to_le_bytes().to_vec();
        bytes.extend([0xff; 40]);
        assert!(matches!(taken(&bytes), Err(FrameError::TooLong(..))));
        assert!(taken(&[0, 0, 0, 0]).is_err());
        assert!(taken(&[1, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn a_list_is_judged_by_its_length_before_it_is_made() {
        let phases = |count| VmMessage::Created {
            phases: vec![
                Phase {
                    name: String::new(),
                    micros: 0
                };
                count
            ],
        };
        assert!(taken(&bytes(phases(MAX_PHASES))).is_ok());
        assert_eq!(
            taken(&bytes(phases(MAX_PHASES + 1))),
            Err(FrameError::Malformed)
        );
        let entries = |count| {
            let entries = vec![
                DirectoryEntry {
                    name: Vec::new(),
                    kind: 0
                };
                count
            ];
            VmMessage::File(FileReply::Entries {
                entries,
                more: None,
            })
        };
        assert!(taken(&bytes(entries(MAX_ENTRIES))).is_ok());
        assert_eq!(
            taken(&bytes(entries(MAX_ENTRIES + 1))),
            Err(FrameError::Malformed)
        );
        // A number alone, and nothing behind it.
        let mut lie = frame_of(&[1, 1, 13, 0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(taken(&lie), Err(FrameError::Malformed));
        lie = frame_of(&[1, 1, 13, 0xff, 0xff, 1]);
        assert_eq!(taken(&lie), Err(FrameError::Malformed));
    }

    fn frame_of(body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_text_is_bounded() {
        let condemned = |length| VmMessage::Condemned {
            why: "x".repeat(length),
            limit: None,
        };
        assert!(taken(&bytes(condemned(MAX_TEXT))).is_ok());
        assert_eq!(
            taken(&bytes(condemned(MAX_TEXT + 1))),
            Err(FrameError::Malformed)
        );
    }

    #[test]
    fn many_processes_arrive() {
        let entry = ProcessEntry {
            argv: "node\0-e\0x\0".into(),
            ..ProcessEntry::default()
        };
        let sent = frame(VmMessage::Processes(vec![entry; 5000]));
        let mut bytes = Vec::new();
        encode(&sent, &mut bytes).unwrap();
        assert_eq!(taken(&bytes), Ok(Some(sent)));
    }
}
