//! Sockets.

use std::io;

use super::check;
use crate::Fd;

fn length(bytes: &[u8]) -> libc::socklen_t {
    bytes.len() as libc::socklen_t
}

pub(crate) fn sock_open(domain: i32, kind: i32, protocol: i32) -> io::Result<Fd> {
    // SAFETY: no pointers.
    check(unsafe { libc::socket(domain, kind, protocol) })
}

pub(crate) fn sock_pair(domain: i32, kind: i32, protocol: i32) -> io::Result<(Fd, Fd)> {
    let mut out = [-1; 2];
    // SAFETY: room for two numbers.
    check(unsafe { libc::socketpair(domain, kind, protocol, out.as_mut_ptr()) })?;
    Ok((out[0], out[1]))
}

pub(crate) fn sock_bind(fd: Fd, address: &[u8]) -> io::Result<()> {
    // SAFETY: as many bytes as said.
    check(unsafe { libc::bind(fd, address.as_ptr().cast(), length(address)) })?;
    Ok(())
}

pub(crate) fn sock_listen(fd: Fd, backlog: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::listen(fd, backlog) })?;
    Ok(())
}

pub(crate) fn sock_accept(fd: Fd, flags: i32) -> io::Result<Fd> {
    let none = std::ptr::null_mut();
    // SAFETY: null pointers ask for no address.
    check(unsafe { libc::accept4(fd, none, std::ptr::null_mut(), flags) })
}

pub(crate) fn sock_connect(fd: Fd, address: &[u8]) -> io::Result<()> {
    // SAFETY: as many bytes as said.
    check(unsafe { libc::connect(fd, address.as_ptr().cast(), length(address)) })?;
    Ok(())
}

pub(crate) fn sock_shutdown(fd: Fd, how: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::shutdown(fd, how) })?;
    Ok(())
}

pub(crate) fn sock_name(fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    let mut room = length(buffer);
    // SAFETY: as much room as said.
    check(unsafe { libc::getsockname(fd, buffer.as_mut_ptr().cast(), &raw mut room) })?;
    Ok(room as usize)
}

pub(crate) fn sock_peer(fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    let mut room = length(buffer);
    // SAFETY: as much room as said.
    check(unsafe { libc::getpeername(fd, buffer.as_mut_ptr().cast(), &raw mut room) })?;
    Ok(room as usize)
}

pub(crate) fn sock_getopt(fd: Fd, level: i32, name: i32, value: &mut [u8]) -> io::Result<usize> {
    let mut room = length(value);
    let at = value.as_mut_ptr().cast();
    // SAFETY: as much room as said.
    check(unsafe { libc::getsockopt(fd, level, name, at, &raw mut room) })?;
    Ok(room as usize)
}

pub(crate) fn sock_setopt(fd: Fd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    // SAFETY: as many bytes as said.
    check(unsafe { libc::setsockopt(fd, level, name, value.as_ptr().cast(), length(value)) })?;
    Ok(())
}

fn count(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

pub(crate) fn sock_sendto(fd: Fd, bytes: &[u8], flags: i32, address: &[u8]) -> io::Result<usize> {
    let to = match address {
        [] => std::ptr::null(),
        _ => address.as_ptr().cast(),
    };
    let at = bytes.as_ptr().cast();
    // SAFETY: as many bytes as said; no address is null.
    count(unsafe { libc::sendto(fd, at, bytes.len(), flags, to, length(address)) })
}

/// Bytes, and how long the sender's address is.
pub(crate) fn sock_recvfrom(
    fd: Fd,
    buffer: &mut [u8],
    flags: i32,
    from: &mut [u8],
) -> io::Result<(usize, usize)> {
    let mut room = length(from);
    let name = from.as_mut_ptr().cast();
    let (at, size) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: as much room as said.
    let received = count(unsafe { libc::recvfrom(fd, at, size, flags, name, &raw mut room) })?;
    Ok((received, room as usize))
}
