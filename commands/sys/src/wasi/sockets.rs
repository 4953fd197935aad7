//! Sockets.

use std::io;

use super::{check, imports};
use crate::Fd;

pub(crate) fn sock_open(domain: i32, kind: i32, protocol: i32) -> io::Result<Fd> {
    let mut fd = -1;
    // SAFETY: room for the result.
    check(unsafe { imports::sock_open(domain, kind, protocol, &raw mut fd) })?;
    Ok(fd)
}

pub(crate) fn sock_pair(domain: i32, kind: i32, protocol: i32) -> io::Result<(Fd, Fd)> {
    let mut out = [-1; 2];
    // SAFETY: room for two numbers.
    check(unsafe { imports::sock_pair(domain, kind, protocol, out.as_mut_ptr()) })?;
    Ok((out[0], out[1]))
}

pub(crate) fn sock_bind(fd: Fd, address: &[u8]) -> io::Result<()> {
    // SAFETY: as many bytes as said.
    check(unsafe { imports::sock_bind(fd, address.as_ptr(), address.len()) })
}

pub(crate) fn sock_listen(fd: Fd, backlog: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::sock_listen(fd, backlog) })
}

pub(crate) fn sock_accept(fd: Fd, flags: i32) -> io::Result<Fd> {
    let mut accepted = -1;
    // SAFETY: room for the result.
    check(unsafe { imports::sock_accept4(fd, flags, &raw mut accepted) })?;
    Ok(accepted)
}

pub(crate) fn sock_connect(fd: Fd, address: &[u8]) -> io::Result<()> {
    // SAFETY: as many bytes as said.
    check(unsafe { imports::sock_connect(fd, address.as_ptr(), address.len()) })
}

pub(crate) fn sock_shutdown(fd: Fd, how: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::sock_end(fd, how) })
}

pub(crate) fn sock_name(fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    // SAFETY: as much room as said, and room for the length.
    check(unsafe { imports::sock_name(fd, buffer.as_mut_ptr(), buffer.len(), &raw mut length) })?;
    Ok(length)
}

pub(crate) fn sock_peer(fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    // SAFETY: as much room as said, and room for the length.
    check(unsafe { imports::sock_peer(fd, buffer.as_mut_ptr(), buffer.len(), &raw mut length) })?;
    Ok(length)
}

pub(crate) fn sock_getopt(fd: Fd, level: i32, name: i32, value: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    let (at, room) = (value.as_mut_ptr(), value.len());
    // SAFETY: as much room as said, and room for the length.
    check(unsafe { imports::sock_getopt(fd, level, name, at, room, &raw mut length) })?;
    Ok(length)
}

pub(crate) fn sock_setopt(fd: Fd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    // SAFETY: as many bytes as said.
    check(unsafe { imports::sock_setopt(fd, level, name, value.as_ptr(), value.len()) })
}

pub(crate) fn sock_sendto(fd: Fd, bytes: &[u8], flags: i32, address: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    let (to, to_length) = (address.as_ptr(), address.len());
    let (at, length) = (bytes.as_ptr(), bytes.len());
    // SAFETY: as many bytes as said, and room for the result.
    check(unsafe { imports::sock_sendto(fd, at, length, flags, to, to_length, &raw mut sent) })?;
    Ok(sent)
}

/// Bytes, and how long the sender's address is.
pub(crate) fn sock_recvfrom(
    fd: Fd,
    buffer: &mut [u8],
    flags: i32,
    from: &mut [u8],
) -> io::Result<(usize, usize)> {
    let (mut length, mut count, mut told) = (0, 0, 0);
    let (at, room) = (buffer.as_mut_ptr(), buffer.len());
    let (name, name_room) = (from.as_mut_ptr(), from.len());
    // SAFETY: as much room as said, and room for the results.
    check(unsafe {
        imports::sock_recvfrom(
            fd,
            at,
            room,
            flags,
            name,
            name_room,
            &raw mut length,
            &raw mut count,
            &raw mut told,
        )
    })?;
    Ok((count, length))
}
