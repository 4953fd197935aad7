//! Sockets. Preview 1 cannot make one; those that an instance gets as its standard streams can be used.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use secure_exec_kernel::abi::socket::{SOCK_CLOEXEC, SOCK_NONBLOCK};
use secure_exec_kernel::net::Shutdown;
use secure_exec_kernel::{Errno, Fd, FileKind, PollEvents, Process};
use secure_exec_preview1::flags::fdflags;
use secure_exec_preview1::{errno, file, rights};

use super::call::Call;
use super::memory::Outcome;
use super::rights::SOCKET;
use super::table::{Entry, Opened};
use super::{error, io};

/// `__wasi_sdflags_t`: of the two halves only that for writing can be ended (`uvwasi_sock_shutdown`).
const SHUT_WR: u32 = 2;
/// Numbers with 8 and 16 bits in preview 1.
const EIGHT_BITS: u32 = 0xff;
const SIXTEEN_BITS: u32 = 0xffff;

/// The descriptor of a socket. Pipes have the rights of one, and are none.
fn socket(call: &Call<'_>, id: u32) -> Outcome<Rc<Entry>> {
    let entry = call.entry(id, SOCKET)?;
    let open = call.process.file(entry.fd).map_err(error::of)?;
    match open.kind() {
        FileKind::Socket => Ok(entry),
        _ => Err(errno::NOTSOCK),
    }
}

/// Waits for a connection, also where the socket itself does not block.
fn poll_accept(process: &Process, fd: Fd, cx: &mut Context<'_>) -> Poll<Result<Fd, Errno>> {
    loop {
        match process.accept4(fd, SOCK_CLOEXEC) {
            Err(Errno::EAGAIN) => match process.poll_ready(fd, PollEvents::POLLIN, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(errno)) => return Poll::Ready(Err(errno)),
                Poll::Ready(Ok(_)) => {}
            },
            result => return Poll::Ready(result),
        }
    }
}

pub(super) fn sock_accept(call: &mut Call<'_>, sock: u32, flags: u32, out: u32) -> Outcome {
    call.memory.check(out, 4)?;
    let flags = flags & SIXTEEN_BITS;
    if flags & !fdflags::NONBLOCK != 0 {
        return Err(errno::NOTSUP);
    }
    let entry = socket(call, sock)?;
    let process = &call.process;
    let accepted = if flags & fdflags::NONBLOCK != 0 {
        process
            .accept4(entry.fd, SOCK_CLOEXEC | SOCK_NONBLOCK)
            .map_err(error::of)?
    } else {
        call.block(poll_fn(|cx| poll_accept(process, entry.fd, cx)))?
    };
    let inserted = call.wasi.table.borrow_mut().insert(Opened {
        fd: accepted,
        path: Vec::new(),
        real_path: Vec::new(),
        filetype: file::SOCKET_STREAM,
        base: SOCKET,
        inheriting: rights::ALL,
        preopen: false,
        owned: true,
    });
    if inserted.is_err() {
        // The first error is the one to tell.
        let _ = call.process.close(accepted);
    }
    call.memory.put_u32(out, inserted?)
}

/// Waits for bytes, also where the socket itself does not block.
fn poll_receive(
    process: &Process,
    fd: Fd,
    piece: &mut [u8],
    cx: &mut Context<'_>,
) -> Poll<Result<usize, Errno>> {
    loop {
        match process.read(fd, piece) {
            Err(Errno::EAGAIN) => match process.poll_ready(fd, PollEvents::POLLIN, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(errno)) => return Poll::Ready(Err(errno)),
                Poll::Ready(Ok(_)) => {}
            },
            result => return Poll::Ready(result),
        }
    }
}

pub(super) fn sock_recv(
    call: &mut Call<'_>,
    sock: u32,
    table: u32,
    count: u32,
    flags: u32,
    length_out: u32,
    flags_out: u32,
) -> Outcome {
    /// Bytes that are received at once.
    const PIECE: usize = 64 << 10;
    let call = &*call;
    let mut vectors = io::Vectors::new(call, table, count)?;
    call.memory.check(length_out, 4)?;
    call.memory.check(flags_out, 4)?;
    if flags & SIXTEEN_BITS != 0 {
        return Err(errno::NOTSUP);
    }
    let entry = socket(call, sock)?;
    let mut piece = vec![0; vectors.room(PIECE)?];
    let process = &call.process;
    let received = call.block(poll_fn(|cx| {
        poll_receive(process, entry.fd, &mut piece, cx)
    }))?;
    vectors.scatter(piece.get(..received).unwrap_or_default())?;
    call.memory.put_length(length_out, received)?;
    call.memory.write(u64::from(flags_out), &[0, 0])
}

/// Sends what can be sent at once (`uv_try_write`).
pub(super) fn sock_send(
    call: &mut Call<'_>,
    sock: u32,
    table: u32,
    count: u32,
    flags: u32,
    out: u32,
) -> Outcome {
    let call = &*call;
    let vectors = io::Vectors::new(call, table, count)?;
    call.memory.check(out, 4)?;
    if flags & SIXTEEN_BITS != 0 {
        return Err(errno::INVAL);
    }
    let entry = socket(call, sock)?;
    let sent = io::write_now(call, entry.fd, vectors)?;
    call.memory.put_length(out, sent)
}

pub(super) fn sock_shutdown(call: &mut Call<'_>, sock: u32, how: u32) -> Outcome {
    let how = how & EIGHT_BITS;
    if how & !SHUT_WR != 0 {
        return Err(errno::NOTSUP);
    }
    let entry = socket(call, sock)?;
    if how & SHUT_WR == 0 {
        return Ok(());
    }
    call.process
        .shutdown(entry.fd, Shutdown::Write)
        .map_err(error::of)
}
