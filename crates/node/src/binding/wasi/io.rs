//! Reading and writing (`uv_fs_read` and `uv_fs_write` of libuv).

use std::future::poll_fn;

use secure_exec_kernel::Fd;
use secure_exec_preview1::record::VECTOR;
use secure_exec_preview1::{errno, rights};

use super::call::Call;
use super::error;
use super::memory::Outcome;
use crate::threads::interruption;

/// `IOV_MAX`: one read fills no more vectors.
const MOST_VECTORS: u32 = 1024;
/// Bytes that are copied at a time.
const PIECE: usize = 64 << 10;
/// Vectors between two looks at whether the program is being ended.
const VECTORS_BETWEEN_LOOKS: u32 = 1 << 16;

/// A table of vectors in the memory. What it says is read again and checked again whenever it is used.
pub(super) struct Vectors<'a> {
    call: &'a Call<'a>,
    table: u32,
    count: u32,
    /// The vector that the transfer has come to, and how much of it is done.
    index: u32,
    offset: u32,
}

impl<'a> Vectors<'a> {
    /// Checks all vectors before anything is transferred.
    ///
    /// # Errors
    /// `EOVERFLOW`: the table, or memory that it names, lies outside.
    pub fn new(call: &'a Call<'a>, table: u32, count: u32) -> Outcome<Vectors<'a>> {
        call.memory
            .check(table, u64::from(count) * u64::from(VECTOR))?;
        let vectors = Vectors {
            call,
            table,
            count,
            index: 0,
            offset: 0,
        };
        for index in 0..count {
            if index % VECTORS_BETWEEN_LOOKS == 0 && interruption::is_requested() {
                return Err(errno::AGAIN);
            }
            vectors.vector(index)?;
        }
        Ok(vectors)
    }

    /// No more than the first ones.
    fn at_most(mut self, count: u32) -> Vectors<'a> {
        self.count = self.count.min(count);
        self
    }

    fn vector(&self, index: u32) -> Outcome<(u32, u32)> {
        let at = u64::from(self.table) + u64::from(index) * u64::from(VECTOR);
        let (pointer, length) = (self.call.memory.u32(at)?, self.call.memory.u32(at + 4)?);
        self.call.memory.check(pointer, u64::from(length))?;
        Ok((pointer, length))
    }

    /// The next memory that is not empty: where it is, and how much, up to `most` bytes.
    fn next(&mut self, most: usize) -> Outcome<Option<(u64, usize)>> {
        while self.index < self.count {
            let (pointer, length) = self.vector(self.index)?;
            if self.offset < length {
                let left = (length - self.offset) as usize;
                let count = left.min(most);
                let at = u64::from(pointer) + u64::from(self.offset);
                // No more than the length, which has 32 bits.
                self.offset += u32::try_from(count).unwrap_or(u32::MAX);
                return Ok(Some((at, count)));
            }
            self.index += 1;
            self.offset = 0;
        }
        Ok(None)
    }

    /// Copies from the memory into a piece, as much as there is and fits.
    fn gather(&mut self, piece: &mut [u8]) -> Outcome<usize> {
        let mut filled = 0;
        while filled < piece.len()
            && let Some((at, count)) = self.next(piece.len() - filled)?
        {
            let part = piece.get_mut(filled..filled + count).unwrap_or_default();
            self.call.memory.read(at, part)?;
            filled += count;
        }
        Ok(filled)
    }

    /// Copies a piece into the memory.
    pub fn scatter(&mut self, piece: &[u8]) -> Outcome {
        let mut rest = piece;
        while !rest.is_empty()
            && let Some((at, count)) = self.next(rest.len())?
        {
            let (part, left) = rest.split_at(count);
            self.call.memory.write(at, part)?;
            rest = left;
        }
        Ok(())
    }

    /// Bytes of all of them, as far as it matters: no more than `most`.
    pub fn room(&self, most: usize) -> Outcome<usize> {
        let mut probe = Vectors {
            index: self.index,
            offset: self.offset,
            ..*self
        };
        let mut room = 0;
        while room < most
            && let Some((_, count)) = probe.next(most - room)?
        {
            room += count;
        }
        Ok(room)
    }
}

/// One read of the process, at its offset or at a given one; the first waits, later ones take what is there.
fn read_some(
    call: &Call<'_>,
    fd: Fd,
    piece: &mut [u8],
    offset: Option<u64>,
    waits: bool,
) -> Outcome<usize> {
    match offset {
        Some(offset) => call.process.pread(fd, piece, offset).map_err(error::of),
        None if waits => call.block(poll_fn(|cx| call.process.poll_read(fd, piece, cx))),
        None => call.process.read(fd, piece).map_err(error::of),
    }
}

fn read(call: &Call<'_>, fd: Fd, vectors: Vectors<'_>, offset: Option<u64>) -> Outcome<usize> {
    let mut vectors = vectors.at_most(MOST_VECTORS);
    let mut piece = vec![0; vectors.room(PIECE)?];
    let mut done = 0;
    loop {
        let room = vectors.room(piece.len())?;
        if room == 0 && done > 0 {
            return Ok(done);
        }
        let part = piece.get_mut(..room).unwrap_or_default();
        let at = offset.map(|offset| offset.saturating_add(done as u64));
        match read_some(call, fd, part, at, done == 0) {
            Ok(count) => {
                vectors.scatter(part.get(..count).unwrap_or_default())?;
                done += count;
                if count < room || room == 0 {
                    return Ok(done);
                }
            }
            Err(_) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        }
    }
}

/// Writes a piece, all of it unless something comes between.
fn write_piece(call: &Call<'_>, fd: Fd, piece: &[u8], offset: Option<u64>) -> (usize, Outcome) {
    let mut done = 0;
    loop {
        let rest = piece.get(done..).unwrap_or_default();
        let step = match offset {
            Some(offset) => {
                let at = offset.saturating_add(done as u64);
                call.process.pwrite(fd, rest, at).map_err(error::of)
            }
            None => call.block(poll_fn(|cx| call.process.poll_write(fd, rest, cx))),
        };
        match step {
            Ok(count) => done += count,
            Err(error) => return (done, Err(error)),
        }
        if done >= piece.len() || step == Ok(0) {
            return (done, Ok(()));
        }
    }
}

fn write(call: &Call<'_>, fd: Fd, mut vectors: Vectors<'_>, offset: Option<u64>) -> Outcome<usize> {
    let mut piece = vec![0; vectors.room(PIECE)?];
    let mut done = 0;
    loop {
        let count = vectors.gather(&mut piece)?;
        if count == 0 && done > 0 {
            return Ok(done);
        }
        let part = piece.get(..count).unwrap_or_default();
        let at = offset.map(|offset| offset.saturating_add(done as u64));
        let (written, outcome) = write_piece(call, fd, part, at);
        done += written;
        match outcome {
            Err(error) if done == 0 => return Err(error),
            Ok(()) if written == count && count > 0 => {}
            _ => return Ok(done),
        }
    }
}

/// Writes what can be written at once, a piece at most.
pub(super) fn write_now(call: &Call<'_>, fd: Fd, mut vectors: Vectors<'_>) -> Outcome<usize> {
    let mut piece = vec![0; vectors.room(PIECE)?];
    let count = vectors.gather(&mut piece)?;
    let part = piece.get(..count).unwrap_or_default();
    call.process.write(fd, part).map_err(error::of)
}

/// Offsets are positive.
fn check_offset(offset: u64) -> Outcome {
    i64::try_from(offset).map(drop).map_err(|_| errno::INVAL)
}

pub(super) fn fd_read(call: &mut Call<'_>, fd: u32, table: u32, count: u32, out: u32) -> Outcome {
    transfer(call, fd, table, count, None, out, rights::FD_READ, read)
}

pub(super) fn fd_pread(
    call: &mut Call<'_>,
    fd: u32,
    table: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Outcome {
    let needed = rights::FD_READ | rights::FD_SEEK;
    transfer(call, fd, table, count, Some(offset), out, needed, read)
}

pub(super) fn fd_write(call: &mut Call<'_>, fd: u32, table: u32, count: u32, out: u32) -> Outcome {
    transfer(call, fd, table, count, None, out, rights::FD_WRITE, write)
}

pub(super) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: u32,
    table: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Outcome {
    let needed = rights::FD_WRITE | rights::FD_SEEK;
    transfer(call, fd, table, count, Some(offset), out, needed, write)
}

#[expect(clippy::too_many_arguments, reason = "as preview 1 declares the calls")]
fn transfer(
    call: &mut Call<'_>,
    fd: u32,
    table: u32,
    count: u32,
    offset: Option<u64>,
    out: u32,
    needed: u64,
    run: fn(&Call<'_>, Fd, Vectors<'_>, Option<u64>) -> Outcome<usize>,
) -> Outcome {
    let call = &*call;
    call.memory
        .check(table, u64::from(count) * u64::from(VECTOR))?;
    call.memory.check(out, 4)?;
    let vectors = Vectors::new(call, table, count)?;
    if let Some(offset) = offset {
        check_offset(offset)?;
    }
    let entry = call.entry(fd, needed)?;
    // As other runtimes, and unlike `readv(2)`.
    let done = match count {
        0 => 0,
        _ => run(call, entry.fd, vectors, offset)?,
    };
    call.memory.put_length(out, done)
}
