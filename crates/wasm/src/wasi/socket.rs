//! Sockets. Preview 1 cannot make one; those that were inherited, or made by the imports of `ext`, can be used.

use secure_exec_kernel::abi::socket::{SOCK_CLOEXEC, SOCK_NONBLOCK, Shutdown};
use secure_exec_kernel::{Errno, FileKind, MsgFlags, SocketWait};
use secure_exec_preview1::flags::fdflags;
use secure_exec_preview1::rights;

use super::{io, path};
use crate::call::{Call, Fault, Outcome};

/// `__wasi_riflags_t`.
const RECV_PEEK: u32 = 1;
const RECV_WAITALL: u32 = 2;
/// `__wasi_roflags_t`: the message was longer than the vectors.
const RECV_DATA_TRUNCATED: u16 = 1;
/// `__wasi_sdflags_t`.
const SHUT_RD: u32 = 1;
const SHUT_WR: u32 = 2;
/// Bytes that one call moves: more than the longest message.
const MOST: u32 = 512 << 10;

/// Checks that a descriptor is a socket and has a right.
fn check_socket(call: &Call<'_>, fd: i32, right: u64) -> Outcome<()> {
    if call.host.process.file(fd)?.kind() != FileKind::Socket {
        return Err(Errno::ENOTSOCK.into());
    }
    call.check_right(fd, right)
}

/// Accepts a connection. The descriptor is not below 4, and closes when another program is executed.
pub(crate) fn sock_accept(call: &mut Call<'_>, fd: i32, flags: u32, out: u32) -> Outcome<()> {
    call.memory.check(out, 4)?;
    check_socket(call, fd, rights::SOCK_ACCEPT)?;
    if flags & !fdflags::NONBLOCK != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut kind = SOCK_CLOEXEC;
    if flags & fdflags::NONBLOCK != 0 {
        kind |= SOCK_NONBLOCK;
    }
    let mut wait = SocketWait::default();
    let accepted = call.wait_for(|process, _, cx| {
        process
            .poll_accept4(&mut wait, fd, kind, cx)
            .map_err(Fault::from)
    })?;
    let placed = path::place(call, accepted)?;
    call.memory.put_i32(out, placed)
}

pub(crate) fn sock_recv(
    call: &mut Call<'_>,
    fd: i32,
    vectors: u32,
    count: u32,
    flags: u32,
    length_out: u32,
    flags_out: u32,
) -> Outcome<()> {
    call.memory.check(length_out, 4)?;
    call.memory.check(flags_out, 2)?;
    let total = io::check(call, vectors, count)?;
    check_socket(call, fd, rights::FD_READ)?;
    if flags & !(RECV_PEEK | RECV_WAITALL) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut asked = MsgFlags::empty();
    asked.set(MsgFlags::MSG_PEEK, flags & RECV_PEEK != 0);
    asked.set(MsgFlags::MSG_WAITALL, flags & RECV_WAITALL != 0);
    // No more than the constant.
    let mut bytes = vec![0; usize::try_from(total.min(u64::from(MOST))).unwrap_or(0)];
    let mut wait = SocketWait::default();
    let (received, _, told) = call.wait_for(|process, _, cx| {
        process
            .poll_recvfrom(&mut wait, fd, &mut bytes, asked, cx)
            .map_err(Fault::from)
    })?;
    io::scatter(
        call,
        vectors,
        count,
        bytes.get(..received).unwrap_or(&bytes),
    )?;
    call.memory.put_length(length_out, received)?;
    let truncated = told.contains(MsgFlags::MSG_TRUNC);
    let told = if truncated { RECV_DATA_TRUNCATED } else { 0 };
    call.memory.put(flags_out, &told.to_le_bytes())
}

pub(crate) fn sock_send(
    call: &mut Call<'_>,
    fd: i32,
    vectors: u32,
    count: u32,
    flags: u32,
    length_out: u32,
) -> Outcome<()> {
    check_socket(call, fd, rights::FD_WRITE)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    io::fd_write(call, fd, vectors, count, length_out)
}

pub(crate) fn sock_shutdown(call: &mut Call<'_>, fd: i32, how: u32) -> Outcome<()> {
    check_socket(call, fd, rights::SOCK_SHUTDOWN)?;
    let how = match how {
        SHUT_RD => Shutdown::Read,
        SHUT_WR => Shutdown::Write,
        _ if how == SHUT_RD | SHUT_WR => Shutdown::Both,
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok(call.host.process.shutdown(fd, how)?)
}
