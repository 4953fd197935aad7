//! Pieces that are known by what was read before them: of so many bytes or lines.

use secure_exec_cli::Failure;

use super::output::Output;
use super::source::Source;

/// Pieces of `size` each. `take` gives how many bytes of a text belong to a piece with so much room, and how much of it they
/// take.
fn pieces(
    source: &mut Source,
    output: &mut Output,
    size: u64,
    take: impl Fn(&Output, &[u8], u64) -> (usize, u64),
) -> Result<(), Failure> {
    let mut room = 0;
    loop {
        let mut text = source.read()?;
        if text.is_empty() {
            return output.finish();
        }
        while !text.is_empty() {
            if room == 0 {
                output.next()?;
                room = size;
            }
            let (length, taken) = take(output, text, room);
            let (piece, rest) = text.split_at(length);
            output.write(piece)?;
            room -= taken;
            text = rest;
        }
    }
}

/// Pieces of so many bytes.
pub fn bytes(source: &mut Source, output: &mut Output, size: u64) -> Result<(), Failure> {
    pieces(source, output, size, |_, text, room| {
        let length = usize::try_from(room).unwrap_or(usize::MAX).min(text.len());
        (length, length as u64)
    })
}

/// Pieces of so many lines.
pub fn lines(source: &mut Source, output: &mut Output, count: u64) -> Result<(), Failure> {
    pieces(source, output, count, |output, text, room| {
        let (mut length, mut taken) = (0, 0);
        while taken < room && length < text.len() {
            let end = output.separator_in(&text[length..]);
            length = end.map_or(text.len(), |end| length + end + 1);
            taken += u64::from(end.is_some());
        }
        (length, taken)
    })
}

/// Pieces of whole lines, as many as so many bytes hold; a line that is longer is in several.
pub fn line_bytes(source: &mut Source, output: &mut Output, size: u64) -> Result<(), Failure> {
    // What belongs to the piece or to the one behind it.
    let mut held: Vec<u8> = Vec::new();
    let limit = usize::try_from(size).unwrap_or(usize::MAX);
    loop {
        let text = source.read()?;
        if text.is_empty() {
            break;
        }
        held.extend(text);
        let mut at = 0;
        while held.len() - at >= limit {
            let window = &held[at..at + limit];
            let last = window.iter().rposition(|&byte| byte == output.separator);
            let length = last.map_or(limit, |last| last + 1);
            output.next()?;
            output.write(&window[..length])?;
            at += length;
        }
        held.drain(..at);
    }
    if !held.is_empty() {
        output.next()?;
        output.write(&held)?;
    }
    output.finish()
}
