//! Sockets. Preview 1 cannot make one; a descriptor that was inherited can be read and written.

use secure_exec_kernel::{Errno, FileKind};

use super::io;
use crate::call::{Call, Outcome};

fn check_socket(call: &Call<'_>, fd: i32) -> Result<(), Errno> {
    match call.host.process.file(fd)?.kind() {
        FileKind::Socket => Ok(()),
        _ => Err(Errno::ENOTSOCK),
    }
}

pub(super) fn sock_accept(call: &mut Call<'_>, fd: i32, _flags: u32, out: u32) -> Outcome<()> {
    call.memory.check(out, 4)?;
    check_socket(call, fd)?;
    Err(Errno::ENOTSUP.into())
}

pub(super) fn sock_recv(
    call: &mut Call<'_>,
    fd: i32,
    vectors: u32,
    count: u32,
    flags: u32,
    length_out: u32,
    flags_out: u32,
) -> Outcome<()> {
    call.memory.check(flags_out, 2)?;
    check_socket(call, fd)?;
    // Neither peeking nor waiting for all.
    if flags != 0 {
        return Err(Errno::ENOTSUP.into());
    }
    io::fd_read(call, fd, vectors, count, length_out)?;
    call.memory.put(flags_out, &[0, 0])
}

pub(super) fn sock_send(
    call: &mut Call<'_>,
    fd: i32,
    vectors: u32,
    count: u32,
    flags: u32,
    length_out: u32,
) -> Outcome<()> {
    check_socket(call, fd)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    io::fd_write(call, fd, vectors, count, length_out)
}

pub(super) fn sock_shutdown(call: &mut Call<'_>, fd: i32, _how: u32) -> Outcome<()> {
    check_socket(call, fd)?;
    Err(Errno::ENOTSUP.into())
}
