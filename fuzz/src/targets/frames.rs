//! The decoder of both directions: genuine frames, damaged frames and bytes that were never one.

use std::fmt::Debug;
use std::time::Duration;

use secure_exec_protocol::bounds::bound;
use secure_exec_protocol::{Decoder, FrameError, HostFrame, VmFrame, encode};
use serde::Serialize;

use super::messages::{host_frame, vm_frame};
use crate::allocations::peak_of;
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "frames",
    about: "decoders of the protocol, both ways: no panic, bounded memory for each byte, any split the same",
    longest: 600,
    most_cpu: Duration::from_secs(1),
    run,
};

/// Bytes of memory that a byte of a VM process may take: some ten for what is decoded, as much again while a list
/// grows, and the bytes themselves.
const MOST_FOR_EACH_BYTE: usize = 24;
/// The same for a byte of the host, which a VM process has no reason to doubt.
const MOST_FOR_EACH_TRUSTED_BYTE: usize = 64;
/// What a frame may take besides: what a list reserves before its first element is read, for each level of nesting.
const MOST_BESIDES: usize = 2 << 20;

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let from_vm = input.once_in(2);
    let mut wire = Vec::new();
    let frames = input.below(3) + 1;
    for _ in 0..frames {
        let start = wire.len();
        let encoded = if from_vm {
            encode(&vm_frame(input), &mut wire)
        } else {
            encode(&host_frame(input), &mut wire)
        };
        encoded.map_err(|error| format!("a message does not encode: {error}"))?;
        damage(input, &mut wire, start);
    }
    input.note(|| format!("{} bytes, from the VM: {from_vm}", wire.len()));
    if from_vm {
        let next = |decoder: &mut Decoder| decoder.next_within::<VmFrame>(bound);
        check(input, &wire, next, MOST_FOR_EACH_BYTE)
    } else {
        let next = |decoder: &mut Decoder| decoder.next::<HostFrame>();
        check(input, &wire, next, MOST_FOR_EACH_TRUSTED_BYTE)
    }
}

/// Changes a frame that begins at `start`, most of the time leaving its length true.
fn damage(input: &mut Input<'_>, wire: &mut Vec<u8>, start: usize) {
    let body = start + 4;
    match input.below(6) {
        0 | 1 => {}
        2 => {
            for _ in 0..=input.below(4) {
                let at = body + input.below((wire.len() - body).max(1));
                let byte = input.byte();
                if let Some(place) = wire.get_mut(at) {
                    *place = byte;
                }
            }
        }
        // A count that says more than there is, and elements of one byte each.
        3 => {
            let at = body + input.below((wire.len() - body).max(1)).min(24);
            wire.truncate(at.min(wire.len()));
            let count = input.pick_of(&[10usize, 1000, 100_000, 1_000_000]);
            let mut left = input.pick_of(&[count, count, usize::MAX]);
            while left > 127 {
                wire.push(u8::try_from(left & 127).unwrap_or(0) | 128);
                left >>= 7;
            }
            wire.push(u8::try_from(left).unwrap_or(0));
            let filler = input.pick_of(&[0u8, 1]);
            wire.resize(wire.len() + count.min(300_000), filler);
        }
        4 => wire.truncate(body + input.below((wire.len() - body).max(1))),
        _ => {
            wire.truncate(body);
            let bytes = input.bytes(200);
            wire.extend_from_slice(&bytes);
        }
    }
    let length = if input.once_in(24) {
        input.word()
    } else {
        u32::try_from(wire.len().saturating_sub(body)).unwrap_or(u32::MAX)
    };
    if let Some(prefix) = wire.get_mut(start..body) {
        prefix.copy_from_slice(&length.to_le_bytes());
    }
}

/// Takes the next frame out of a decoder.
type Next<T> = fn(&mut Decoder) -> Result<Option<T>, FrameError>;

fn check<T: Serialize + PartialEq + Debug>(
    input: &mut Input<'_>,
    wire: &[u8],
    next: Next<T>,
    most_for_each: usize,
) -> Result<(), String> {
    let (whole, peak) = peak_of(|| decode(wire, wire.len(), next));
    let most = wire.len() * most_for_each + MOST_BESIDES;
    if peak > most {
        let length = wire.len();
        return Err(format!(
            "memory of the decoder: {peak} bytes for {length} on the wire, at most {most} are allowed"
        ));
    }
    let step = input.below(wire.len().max(1)) + 1;
    if decode(wire, step, next) != whole {
        return Err(format!(
            "decoding depends on the split: pieces of {step} bytes"
        ));
    }
    for frame in &whole.0 {
        let mut again = Vec::new();
        encode(frame, &mut again)
            .map_err(|error| format!("a decoded frame does not encode: {error}"))?;
        let (decoded, error) = decode(&again, again.len(), next);
        if error.is_some() || decoded.first() != Some(frame) {
            return Err(format!("a frame changes when it is sent on: {frame:?}"));
        }
    }
    Ok(())
}

/// All frames of a stream that comes in pieces, and what ended it.
fn decode<T>(wire: &[u8], step: usize, next: Next<T>) -> (Vec<T>, Option<FrameError>) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for piece in wire.chunks(step.max(1)) {
        decoder.push(piece);
        loop {
            match next(&mut decoder) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
