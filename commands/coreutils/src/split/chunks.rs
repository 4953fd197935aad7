//! A fixed number of pieces (`-n`), as version 9.1 makes them: the last one has what the others leave. (9.2 spreads that.)

use secure_exec_cli::Failure;

use super::options::{Chunks, Unit};
use super::output::Output;
use super::source::Source;

pub fn chunks(source: &mut Source, output: &mut Output, chunks: &Chunks) -> Result<(), Failure> {
    match chunks.unit {
        Unit::Turn => turns(source, output, chunks),
        Unit::Byte | Unit::Line => ranges(source, output, chunks),
    }
}

/// Where writing is.
struct Ranges {
    /// Bytes of all pieces but the last.
    base: u64,
    count: u64,
    /// The only piece that is wanted, from 0; it goes to standard output.
    wanted: Option<u64>,
    elides: bool,
    /// Pieces that were begun.
    begun: u64,
}

impl Ranges {
    /// The piece of the byte at a place, from 0.
    fn of(&self, at: u64) -> u64 {
        (at / self.base).min(self.count - 1)
    }

    /// Begins all pieces up to the one given.
    fn begin(&mut self, output: &mut Output, piece: u64) -> Result<(), Failure> {
        if self.wanted.is_some() {
            return Ok(());
        }
        if self.elides {
            if self.begun <= piece {
                self.begun = piece + 1;
                output.next()?;
            }
            return Ok(());
        }
        while self.begun <= piece {
            output.next()?;
            self.begun += 1;
        }
        Ok(())
    }
}

/// Pieces of equal size; whole lines belong to the piece where they begin.
fn ranges(source: &mut Source, output: &mut Output, chunks: &Chunks) -> Result<(), Failure> {
    let size = source.size()?;
    let mut ranges = Ranges {
        base: size.max(chunks.count) / chunks.count,
        count: chunks.count,
        wanted: chunks.wanted,
        elides: chunks.elides,
        begun: 0,
    };
    let (mut at, mut line_start) = (0_u64, 0_u64);
    loop {
        let mut text = source.read()?;
        if text.is_empty() {
            break;
        }
        while !text.is_empty() {
            let (piece, length) = if chunks.unit == Unit::Line {
                let end = output.separator_in(text).map_or(text.len(), |end| end + 1);
                (ranges.of(line_start), end)
            } else {
                let piece = ranges.of(at);
                let end = if piece + 1 == ranges.count {
                    u64::MAX
                } else {
                    (piece + 1) * ranges.base
                };
                let room = usize::try_from(end - at).unwrap_or(usize::MAX);
                (piece, room.min(text.len()))
            };
            let (part, rest) = text.split_at(length);
            match ranges.wanted {
                Some(wanted) if piece == wanted => output.print(part)?,
                // Nothing is left to be found.
                Some(wanted) if piece > wanted => return Ok(()),
                Some(_) => {}
                None => {
                    ranges.begin(output, piece)?;
                    output.write(part)?;
                }
            }
            at += length as u64;
            if part.last() == Some(&output.separator) {
                line_start = at;
            }
            text = rest;
        }
    }
    if !ranges.elides {
        ranges.begin(output, chunks.count - 1)?;
    }
    output.finish()
}

/// One line to each piece in turn.
fn turns(source: &mut Source, output: &mut Output, chunks: &Chunks) -> Result<(), Failure> {
    let mut turn = 0;
    // Pieces that were begun: their lines come in turn, so that the others are the last ones.
    let mut begun = 0;
    if chunks.wanted.is_none() && !chunks.elides {
        while begun < chunks.count {
            output.another()?;
            begun += 1;
        }
    }
    loop {
        let mut text = source.read()?;
        if text.is_empty() {
            break;
        }
        while !text.is_empty() {
            let end = output.separator_in(text);
            let (part, rest) = text.split_at(end.map_or(text.len(), |end| end + 1));
            match chunks.wanted {
                Some(wanted) if turn == wanted => output.print(part)?,
                Some(_) => {}
                None => {
                    if begun == turn {
                        output.another()?;
                        begun += 1;
                    }
                    output.write_to(turn, part)?;
                }
            }
            if end.is_some() {
                turn = (turn + 1) % chunks.count;
            }
            text = rest;
        }
    }
    output.finish()
}
