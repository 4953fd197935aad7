//! Reading and writing.

use secure_exec_kernel::{Errno, Fd, FileKind, MsgFlags, OpenFlags, SocketWait};
use secure_exec_preview1::record::VECTOR;
use secure_exec_preview1::rights;

use crate::call::{Call, Fault, Outcome};
use crate::memory::{self, element};

/// `IOV_MAX`.
const MOST_VECTORS: u32 = 1024;
/// `PIPE_BUF`: a write up to this size is one piece, however many vectors it has.
const ATOMIC: usize = 4096;

/// Pointer and length of a vector, both checked.
fn vector(call: &Call<'_>, vectors: u32, index: u32) -> Outcome<(u32, u32)> {
    let at = element(vectors, index, VECTOR)?;
    let (pointer, length) = (call.memory.u32(at)?, call.memory.u32(at + 4)?);
    call.memory.check(pointer, length)?;
    Ok((pointer, length))
}

/// Checks all vectors before anything is transferred, and returns the sum of their lengths.
pub(super) fn check(call: &Call<'_>, vectors: u32, count: u32) -> Outcome<u64> {
    if count > MOST_VECTORS {
        return Err(Errno::EINVAL.into());
    }
    let mut total = 0;
    for index in 0..count {
        total += u64::from(vector(call, vectors, index)?.1);
    }
    if total > u64::from(u32::MAX) {
        return Err(Errno::EINVAL.into());
    }
    Ok(total)
}

/// Moves one vector after the other until one comes short. `step` gets how much is done, pointer and length; its error
/// is the call's only where nothing is done.
fn each_vector<'a>(
    call: &mut Call<'a>,
    vectors: u32,
    count: u32,
    mut step: impl FnMut(&mut Call<'a>, u32, u32, u32) -> Outcome<usize>,
) -> Outcome<u32> {
    let mut done = 0;
    for index in 0..count {
        let (pointer, length) = vector(call, vectors, index)?;
        if length == 0 {
            continue;
        }
        match step(call, done, pointer, length) {
            Ok(moved) => {
                // No more than was asked for.
                let moved = u32::try_from(moved).unwrap_or(length);
                done += moved;
                if moved != length {
                    break;
                }
            }
            Err(Fault::Errno(_)) if done > 0 => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(done)
}

/// Stores bytes in vectors, one after the other.
pub(super) fn scatter(call: &mut Call<'_>, vectors: u32, count: u32, bytes: &[u8]) -> Outcome<()> {
    let mut rest = bytes;
    for index in 0..count {
        let (pointer, length) = vector(call, vectors, index)?;
        let (part, left) = rest.split_at(rest.len().min(length as usize));
        call.memory.put(pointer, part)?;
        rest = left;
    }
    Ok(())
}

/// Where a transfer at `offset` goes on.
fn position(offset: u64, done: u32) -> Outcome<u64> {
    Ok(offset.checked_add(u64::from(done)).ok_or(Errno::EINVAL)?)
}

pub(super) fn fd_read(
    call: &mut Call<'_>,
    fd: Fd,
    vectors: u32,
    count: u32,
    out: u32,
) -> Outcome<()> {
    call.check_right(fd, rights::FD_READ)?;
    call.memory.check(out, 4)?;
    if check(call, vectors, count)? == 0 {
        call.host.process.read(fd, &mut [])?;
    }
    let is_socket = call.host.process.file(fd)?.kind() == FileKind::Socket;
    let done = each_vector(call, vectors, count, |call, done, pointer, length| {
        if done == 0 {
            let mut wait = SocketWait::default();
            return call.wait_for(|process, memory, cx| {
                let bytes = memory.bytes_mut(pointer, length)?;
                if !is_socket {
                    return process.poll_read(fd, bytes, cx).map_err(Fault::from);
                }
                // No longer than its limit.
                process
                    .poll_recvfrom(&mut wait, fd, bytes, MsgFlags::empty(), cx)
                    .map_ok(|(count, ..)| count)
                    .map_err(Fault::from)
            });
        }
        // What is there already; the call has something to return.
        let bytes = call.memory.bytes_mut(pointer, length)?;
        Ok(call.host.process.read(fd, bytes)?)
    })?;
    call.memory.put_u32(out, done)
}

pub(super) fn fd_pread(
    call: &mut Call<'_>,
    fd: Fd,
    vectors: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Outcome<()> {
    call.check_right(fd, rights::FD_READ | rights::FD_SEEK)?;
    call.memory.check(out, 4)?;
    if check(call, vectors, count)? == 0 {
        call.host.process.pread(fd, &mut [], offset)?;
    }
    let done = each_vector(call, vectors, count, |call, done, pointer, length| {
        let bytes = call.memory.bytes_mut(pointer, length)?;
        Ok(call
            .host
            .process
            .pread(fd, bytes, position(offset, done)?)?)
    })?;
    call.memory.put_u32(out, done)
}

/// Writes a piece of memory; a descriptor that blocks takes all of it unless something comes between.
fn write_piece(
    call: &mut Call<'_>,
    fd: Fd,
    pointer: u32,
    length: u32,
    blocks: bool,
) -> Outcome<usize> {
    let mut done = 0u32;
    let is_socket = call.host.process.file(fd)?.kind() == FileKind::Socket;
    while done < length {
        let mut wait = SocketWait::default();
        let step = call.wait_for(|process, memory, cx| {
            let bytes = memory.bytes(pointer + done, length - done)?;
            if !is_socket {
                return process.poll_write(fd, bytes, cx).map_err(Fault::from);
            }
            // No longer than its limit.
            process
                .poll_sendto(&mut wait, fd, bytes, MsgFlags::empty(), None, cx)
                .map_err(Fault::from)
        });
        match step {
            Ok(count) => done += memory::length(count)?,
            Err(Fault::Errno(_)) if done > 0 => break,
            Err(fault) => return Err(fault),
        }
        if !blocks {
            break;
        }
    }
    Ok(done as usize)
}

pub(super) fn fd_write(
    call: &mut Call<'_>,
    fd: Fd,
    vectors: u32,
    count: u32,
    out: u32,
) -> Outcome<()> {
    call.check_right(fd, rights::FD_WRITE)?;
    call.memory.check(out, 4)?;
    let total = check(call, vectors, count)?;
    let flags = call.host.process.status_flags(fd)?;
    let blocks = !flags.contains(OpenFlags::O_NONBLOCK);
    let done = if total == 0 {
        call.host.process.write(fd, &[])?;
        0
    } else if count > 1 && total <= ATOMIC as u64 {
        write_gathered(call, fd, vectors, count)?
    } else {
        each_vector(call, vectors, count, |call, _, pointer, length| {
            write_piece(call, fd, pointer, length, blocks)
        })?
    };
    call.memory.put_u32(out, done)
}

/// Writes several small vectors as one, so that nobody else's bytes come between.
fn write_gathered(call: &mut Call<'_>, fd: Fd, vectors: u32, count: u32) -> Outcome<u32> {
    let mut buffer = [0; ATOMIC];
    let mut filled = 0;
    for index in 0..count {
        let (pointer, length) = vector(call, vectors, index)?;
        let bytes = call.memory.bytes(pointer, length)?;
        if let Some(room) = buffer.get_mut(filled..filled + bytes.len()) {
            room.copy_from_slice(bytes);
            filled += bytes.len();
        }
    }
    let mut rest = buffer.get(..filled).unwrap_or_default();
    while !rest.is_empty() {
        let step =
            call.wait_for(|process, _, cx| process.poll_write(fd, rest, cx).map_err(Fault::from));
        match step {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Fault::Errno(_)) if rest.len() < filled => break,
            Err(fault) => return Err(fault),
        }
    }
    memory::length(filled - rest.len())
}

pub(super) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: Fd,
    vectors: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Outcome<()> {
    call.check_right(fd, rights::FD_WRITE | rights::FD_SEEK)?;
    call.memory.check(out, 4)?;
    if check(call, vectors, count)? == 0 {
        call.host.process.pwrite(fd, &[], offset)?;
    }
    let done = each_vector(call, vectors, count, |call, done, pointer, length| {
        let bytes = call.memory.bytes(pointer, length)?;
        Ok(call
            .host
            .process
            .pwrite(fd, bytes, position(offset, done)?)?)
    })?;
    call.memory.put_u32(out, done)
}
