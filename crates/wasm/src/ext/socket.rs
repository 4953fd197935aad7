//! Sockets. Addresses are those of Linux (`struct sockaddr`), so are the numbers of families, types, options and flags.

use secure_exec_kernel::abi::sockaddr::BadAddress;
use secure_exec_kernel::abi::socket::Shutdown;
use secure_exec_kernel::{Errno, MsgFlags, SocketAddress, SocketWait};

use super::option_bytes;
use crate::call::{Call, Fault, Outcome};

/// Bytes of the longest address that is looked at (`struct sockaddr_storage`).
const MOST_ADDRESS: u32 = 128;
/// Bytes of the longest option.
const MOST_OPTION: u32 = 4096;

fn address(call: &Call<'_>, pointer: u32, length: u32) -> Outcome<SocketAddress> {
    let bytes = call.memory.bytes(pointer, length)?;
    if length > MOST_ADDRESS {
        return Err(Errno::EINVAL.into());
    }
    SocketAddress::from_sockaddr(bytes).map_err(|bad| {
        Fault::Errno(match bad {
            BadAddress::Short => Errno::EINVAL,
            BadAddress::Family => Errno::EAFNOSUPPORT,
        })
    })
}

/// Stores as much of an address as there is room for, and how long it is.
fn put_address(
    call: &mut Call<'_>,
    address: Option<&SocketAddress>,
    buf: u32,
    room: u32,
    length_out: u32,
) -> Outcome<()> {
    let bytes = address.map_or_else(Vec::new, SocketAddress::to_sockaddr);
    let kept = bytes.get(..room as usize).unwrap_or(&bytes);
    call.memory.put(buf, kept)?;
    call.memory.put_length(length_out, bytes.len())
}

pub(super) fn sock_open(
    call: &mut Call<'_>,
    domain: i32,
    kind: i32,
    protocol: i32,
    out: u32,
) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let fd = call.host.process.socket(domain, kind, protocol)?;
    call.memory.put_i32(out, fd)
}

pub(super) fn sock_pair(
    call: &mut Call<'_>,
    domain: i32,
    kind: i32,
    protocol: i32,
    out: u32,
) -> Outcome<()> {
    call.memory.check(out, 8)?;
    let (one, other) = call.host.process.socketpair(domain, kind, protocol)?;
    call.memory.put_i32(out, one)?;
    call.memory.put_i32(out + 4, other)
}

pub(super) fn sock_bind(call: &mut Call<'_>, fd: i32, pointer: u32, length: u32) -> Outcome<()> {
    let address = address(call, pointer, length)?;
    Ok(call.host.process.bind(fd, &address)?)
}

pub(super) fn sock_listen(call: &mut Call<'_>, fd: i32, backlog: i32) -> Outcome<()> {
    Ok(call.host.process.listen(fd, backlog)?)
}

pub(super) fn sock_accept4(call: &mut Call<'_>, fd: i32, flags: i32, out: u32) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let mut wait = SocketWait::default();
    let accepted = call.wait_for(|process, _, cx| {
        process
            .poll_accept4(&mut wait, fd, flags, cx)
            .map_err(Fault::from)
    })?;
    call.memory.put_i32(out, accepted)
}

pub(super) fn sock_connect(call: &mut Call<'_>, fd: i32, pointer: u32, length: u32) -> Outcome<()> {
    let address = address(call, pointer, length)?;
    let mut wait = SocketWait::default();
    call.wait_for(|process, _, cx| {
        process
            .poll_connect(&mut wait, fd, &address, cx)
            .map_err(Fault::from)
    })
}

pub(super) fn sock_end(call: &mut Call<'_>, fd: i32, how: i32) -> Outcome<()> {
    let how = Shutdown::from_raw(how).ok_or(Errno::EINVAL)?;
    Ok(call.host.process.shutdown(fd, how)?)
}

pub(super) fn sock_name(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    room: u32,
    length_out: u32,
) -> Outcome<()> {
    let name = call.host.process.getsockname(fd)?;
    put_address(call, Some(&name), buf, room, length_out)
}

pub(super) fn sock_peer(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    room: u32,
    length_out: u32,
) -> Outcome<()> {
    let name = call.host.process.getpeername(fd)?;
    put_address(call, Some(&name), buf, room, length_out)
}

pub(super) fn sock_getopt(
    call: &mut Call<'_>,
    fd: i32,
    level: i32,
    name: i32,
    buf: u32,
    room: u32,
    length_out: u32,
) -> Outcome<()> {
    call.memory.check(length_out, 4)?;
    call.memory.check(buf, room)?;
    let value = call.host.process.getsockopt(fd, level, name)?;
    let bytes = option_bytes::encode(value);
    let kept = bytes.get(..room as usize).unwrap_or(&bytes);
    call.memory.put(buf, kept)?;
    call.memory.put_length(length_out, kept.len())
}

pub(super) fn sock_setopt(
    call: &mut Call<'_>,
    fd: i32,
    level: i32,
    name: i32,
    pointer: u32,
    length: u32,
) -> Outcome<()> {
    let bytes = call.memory.bytes(pointer, length)?;
    if length > MOST_OPTION {
        return Err(Errno::EINVAL.into());
    }
    let value = option_bytes::decode(level, name, bytes)?;
    Ok(call.host.process.setsockopt(fd, level, name, value)?)
}

/// `sendto(2)`; without an address where its length is 0. A descriptor that blocks sends all of a stream's bytes unless
/// something comes between.
#[expect(clippy::too_many_arguments, reason = "as sendto(2)")]
pub(super) fn sock_sendto(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    length: u32,
    flags: i32,
    to: u32,
    to_length: u32,
    sent_out: u32,
) -> Outcome<()> {
    call.memory.check(buf, length)?;
    call.memory.check(sent_out, 4)?;
    let to = match to_length {
        0 => None,
        _ => Some(address(call, to, to_length)?),
    };
    let flags = MsgFlags::from_bits_retain(flags);
    let sent = send_all(call, fd, buf, length, flags, to.as_ref())?;
    call.memory.put_u32(sent_out, sent)
}

/// Sends a piece of memory; how much of it was sent before something came between.
fn send_all(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    length: u32,
    flags: MsgFlags,
    to: Option<&SocketAddress>,
) -> Outcome<u32> {
    let mut done = 0;
    loop {
        let mut wait = SocketWait::default();
        let step = call.wait_for(|process, memory, cx| {
            let bytes = memory.bytes(buf + done, length - done)?;
            process
                .poll_sendto(&mut wait, fd, bytes, flags, to, cx)
                .map_err(Fault::from)
        });
        match step {
            Ok(count) => done += crate::memory::length(count)?,
            Err(Fault::Errno(_)) if done > 0 => return Ok(done),
            Err(fault) => return Err(fault),
        }
        if done >= length {
            return Ok(length);
        }
    }
}

/// `recvfrom(2)`, with the flags of `struct msghdr`. The name of the sender is stored where there is one.
#[expect(clippy::too_many_arguments, reason = "as recvfrom(2)")]
pub(super) fn sock_recvfrom(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    room: u32,
    flags: i32,
    from: u32,
    from_room: u32,
    from_length_out: u32,
    count_out: u32,
    flags_out: u32,
) -> Outcome<()> {
    call.memory.check(buf, room)?;
    call.memory.check(from, from_room)?;
    call.memory.check(from_length_out, 4)?;
    call.memory.check(count_out, 4)?;
    call.memory.check(flags_out, 4)?;
    let flags = MsgFlags::from_bits_retain(flags);
    let mut wait = SocketWait::default();
    let (count, sender, told) = call.wait_for(|process, memory, cx| {
        let bytes = memory.bytes_mut(buf, room)?;
        process
            .poll_recvfrom(&mut wait, fd, bytes, flags, cx)
            .map_err(Fault::from)
    })?;
    put_address(call, sender.as_ref(), from, from_room, from_length_out)?;
    call.memory.put_length(count_out, count)?;
    call.memory.put_i32(flags_out, told.bits())
}
