//! Reading and writing through descriptors, straight from and into the caller's buffers. Follows Node's
//! `src/node_file.cc`; what a regular file answers at once, a pipe or terminal may make wait for.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use secure_exec_kernel::{Errno, Process};

use super::arguments::{self, Checked, Thrown};
use super::encoding::Encoding;
use super::reply::Reply;
use super::request::{self, Failure, Outcome, Waiter};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::{convert, exception, uv};
use crate::process::exit;

/// A part of a JavaScript buffer; keeps the memory alive however long the transfer takes.
pub(super) struct Region {
    store: Option<v8::SharedRef<v8::BackingStore>>,
    offset: usize,
    length: usize,
}

impl Region {
    fn of(value: v8::Local<'_, v8::Value>) -> Option<Region> {
        let (store, offset, length) = convert::memory(value)?;
        Some(Region {
            store,
            offset,
            length,
        })
    }

    fn part(mut self, offset: usize, length: usize) -> Option<Region> {
        if offset > self.length || length > self.length - offset {
            return None;
        }
        self.offset += offset;
        self.length = length;
        Some(self)
    }

    /// The memory. A buffer that shrank meanwhile has less of it.
    fn bytes(&mut self) -> &mut [u8] {
        let Some(store) = &self.store else {
            return &mut [];
        };
        let Some(data) = store.data() else {
            return &mut [];
        };
        let offset = self.offset.min(store.byte_length());
        let length = self.length.min(store.byte_length() - offset);
        // SAFETY: offset and length lie within the store as it is now, and the store is held by `self`. No JavaScript
        // of this isolate runs while the slice lives; memory shared with others holds plain bytes, any value is valid.
        unsafe { std::slice::from_raw_parts_mut(data.as_ptr().cast::<u8>().add(offset), length) }
    }
}

/// What is transferred.
pub(super) enum Direction {
    /// From the file into the regions.
    Read,
    /// From the regions into the file.
    Write,
}

/// Where a transfer's data is.
pub(super) enum Data {
    /// Buffers of the guest.
    Regions(Vec<Region>),
    /// Bytes of our own, to be written.
    Owned(Vec<u8>),
}

/// One read or write, possibly of several buffers, that may have to wait in between.
pub(super) struct Transfer {
    process: Arc<Process>,
    fd: i32,
    direction: Direction,
    data: Data,
    position: Option<u64>,
    done: usize,
}

impl Transfer {
    /// Goes as far as it gets without waiting; done when the call would return.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Errno>> {
        // Even a transfer of nothing is made once: it tells whether the descriptor is good.
        let mut first = true;
        loop {
            let mut none = [];
            let rest = match &mut self.data {
                Data::Regions(regions) => rest_of(regions, self.done),
                Data::Owned(bytes) => bytes.get_mut(self.done..),
            };
            let rest = match rest {
                Some(rest) if first || !rest.is_empty() => rest,
                None if first => &mut none[..],
                _ => return Poll::Ready(Ok(self.done)),
            };
            first = false;
            let wanted = rest.len();
            let reads = matches!(self.direction, Direction::Read);
            match step(
                &self.process,
                self.fd,
                &self.direction,
                rest,
                self.position,
                self.done,
                cx,
            ) {
                // A read ends with what there is; a write goes on until all is written.
                Poll::Pending if reads && self.done > 0 => return Poll::Ready(Ok(self.done)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) if self.done > 0 => return Poll::Ready(Ok(self.done)),
                Poll::Ready(Err(errno)) => return Poll::Ready(Err(errno)),
                Poll::Ready(Ok(count)) => {
                    self.done += count.min(wanted);
                    if count == 0 || (reads && count < wanted) {
                        return Poll::Ready(Ok(self.done));
                    }
                }
            }
        }
    }
}

/// What is left of the region that the transfer has come to.
fn rest_of(regions: &mut [Region], done: usize) -> Option<&mut [u8]> {
    let mut start = 0;
    for region in regions {
        let length = region.bytes().len();
        if done < start + length {
            return region.bytes().get_mut(done - start..);
        }
        start += length;
    }
    None
}

fn step(
    process: &Arc<Process>,
    fd: i32,
    direction: &Direction,
    bytes: &mut [u8],
    position: Option<u64>,
    done: usize,
    cx: &mut Context<'_>,
) -> Poll<Result<usize, Errno>> {
    match (direction, position) {
        (Direction::Read, Some(position)) => {
            Poll::Ready(process.pread(fd, bytes, position + done as u64))
        }
        (Direction::Write, Some(position)) => {
            Poll::Ready(process.pwrite(fd, bytes, position + done as u64))
        }
        (Direction::Read, None) => process.poll_read(fd, bytes, cx),
        (Direction::Write, None) => process.poll_write(fd, bytes, cx),
    }
}

fn outcome(result: Result<usize, Errno>, syscall: &'static str) -> Outcome {
    match result {
        Ok(count) => Ok(Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))),
        Err(errno) => Err(Failure::of(errno, syscall)),
    }
}

/// Runs the transfer for whoever waits.
fn run(
    scope: Scope,
    mut transfer: Transfer,
    syscall: &'static str,
    waiter: Waiter,
    rv: &mut Return,
) {
    let env = Env::of(scope);
    match waiter {
        Waiter::Caller => {
            let result = env
                .event_loop
                .block_on(poll_fn(|cx| transfer.poll(cx)))
                .unwrap_or(Err(Errno::EINTR));
            request::answer(scope, Waiter::Caller, rv, outcome(result, syscall));
        }
        Waiter::Request(request) => {
            let now = transfer.poll(&mut Context::from_waker(std::task::Waker::noop()));
            if let Poll::Ready(result) = now {
                request::answer(
                    scope,
                    Waiter::Request(request),
                    rv,
                    outcome(result, syscall),
                );
                return;
            }
            env.event_loop.spawn(async move {
                let result = poll_fn(|cx| transfer.poll(cx)).await;
                let completion: Completion = Box::new(move |scope| {
                    request::complete(scope, &request, outcome(result, syscall))
                });
                completion
            });
        }
    }
}

/// Buffer, offset and length of a call, checked against each other.
fn region(
    scope: &mut v8::PinScope<'_, '_>,
    buffer: v8::Local<'_, v8::Value>,
    offset: v8::Local<'_, v8::Value>,
    length: v8::Local<'_, v8::Value>,
) -> Checked<Region> {
    let offset = arguments::integer(scope, offset, "offset")?;
    let length = arguments::integer(scope, length, "length")?;
    let region = match (
        Region::of(buffer),
        usize::try_from(offset),
        usize::try_from(length),
    ) {
        (Some(region), Ok(offset), Ok(length)) if length <= 0x7fff_ffff => {
            region.part(offset, length)
        }
        _ => None,
    };
    region.ok_or_else(|| {
        let message =
            "The \"buffer\", \"offset\" and \"length\" arguments must name a part of a buffer";
        exception::throw_invalid_argument(scope, message);
        Thrown
    })
}

/// An array of buffers.
fn regions(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Checked<Vec<Region>> {
    let mut regions = Vec::new();
    if let Ok(array) = v8::Local::<v8::Array>::try_from(value) {
        for index in 0..array.length() {
            // An accessor in the array may have thrown: that exception is the caller's.
            let Some(item) = array.get_index(scope, index) else {
                return Err(Thrown);
            };
            let Some(region) = Region::of(item) else {
                exception::throw_invalid_argument(
                    scope,
                    "The \"buffers\" argument must hold buffers only",
                );
                return Err(Thrown);
            };
            regions.push(region);
        }
        return Ok(regions);
    }
    exception::throw_invalid_argument(
        scope,
        "The \"buffers\" argument must be an array of buffers",
    );
    Err(Thrown)
}

/// What `(fd, buffer, offset, length, position, …)` names.
fn region_arguments(scope: Scope, args: &Args) -> Checked<(i32, Data, Option<u64>)> {
    let fd = arguments::fd(scope, args.get(0))?;
    let region = region(scope, args.get(1), args.get(2), args.get(3))?;
    let position = arguments::position(scope, args.get(4));
    Ok((fd, Data::Regions(vec![region]), position))
}

/// `read(fd, buffer, offset, length, position, req)`
pub fn read(scope: Scope, args: Args, mut rv: Return) {
    let Ok((fd, data, position)) = region_arguments(scope, &args) else {
        return;
    };
    let request = args.get(5);
    transfer(scope, fd, Direction::Read, data, position, request, &mut rv);
}

/// `writeBuffer(fd, buffer, offset, length, position, req, ctx)`
pub fn write_buffer(scope: Scope, args: Args, mut rv: Return) {
    let Ok((fd, data, position)) = region_arguments(scope, &args) else {
        return;
    };
    write_or_fill(scope, fd, data, position, args.get(5), args.get(6), &mut rv);
}

/// `readBuffers(fd, buffers, position, req)`
pub fn read_buffers(scope: Scope, args: Args, mut rv: Return) {
    transfer_buffers(scope, &args, Direction::Read, &mut rv);
}

/// `writeBuffers(fd, buffers, position, req)`
pub fn write_buffers(scope: Scope, args: Args, mut rv: Return) {
    transfer_buffers(scope, &args, Direction::Write, &mut rv);
}

fn transfer_buffers(scope: Scope, args: &Args, direction: Direction, rv: &mut Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let Ok(regions) = regions(scope, args.get(1)) else {
        return;
    };
    let position = arguments::position(scope, args.get(2));
    let data = Data::Regions(regions);
    transfer(scope, fd, direction, data, position, args.get(3), rv);
}

/// `writeString(fd, string, position, encoding, req, ctx)`
pub fn write_string(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let position = arguments::position(scope, args.get(2));
    let encoding = Encoding::parse(scope, args.get(3));
    let Some(string) = args.get(1).to_string(scope) else {
        return;
    };
    let data = Data::Owned(encoding.decode(scope, string));
    write_or_fill(scope, fd, data, position, args.get(4), args.get(5), &mut rv);
}

/// A write whose synchronous form reports its failure in a context object instead of throwing.
fn write_or_fill(
    scope: Scope,
    fd: i32,
    data: Data,
    position: Option<u64>,
    request: v8::Local<'_, v8::Value>,
    context: v8::Local<'_, v8::Value>,
    rv: &mut Return,
) {
    let Ok(context) = v8::Local::<v8::Object>::try_from(context) else {
        transfer(scope, fd, Direction::Write, data, position, request, rv);
        return;
    };
    if !request.is_undefined() {
        transfer(scope, fd, Direction::Write, data, position, request, rv);
        return;
    }
    let env = Env::of(scope);
    let mut transfer = Transfer {
        process: env.process(),
        fd,
        direction: Direction::Write,
        data,
        position,
        done: 0,
    };
    let written = env
        .event_loop
        .block_on(poll_fn(|cx| transfer.poll(cx)))
        .unwrap_or(Err(Errno::EINTR));
    if exit::unwind_if_aborted(scope) {
        return;
    }
    match written {
        #[expect(clippy::cast_precision_loss, reason = "a count of bytes in memory")]
        Ok(count) => rv.set_double(count as f64),
        Err(errno) => {
            let number = v8::Integer::new(scope, uv::error(errno)).into();
            convert::set(scope, context, "errno", number);
            let syscall = exception::string(scope, "write").into();
            convert::set(scope, context, "syscall", syscall);
        }
    }
}

fn transfer(
    scope: Scope,
    fd: i32,
    direction: Direction,
    data: Data,
    position: Option<u64>,
    request: v8::Local<'_, v8::Value>,
    rv: &mut Return,
) {
    let syscall = match direction {
        Direction::Read => "read",
        Direction::Write => "write",
    };
    let Ok(waiter) = request::waiter(scope, request, rv) else {
        return;
    };
    let process = Env::of(scope).process();
    run(
        scope,
        Transfer {
            process,
            fd,
            direction,
            data,
            position,
            done: 0,
        },
        syscall,
        waiter,
        rv,
    );
}

/// Writes all of `bytes` at the current position, waiting where the descriptor makes it wait.
pub(super) fn write_all(
    env: &Env,
    process: &Arc<Process>,
    fd: i32,
    mut bytes: Vec<u8>,
) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let data = Data::Owned(std::mem::take(&mut bytes));
        let mut transfer = Transfer {
            process: process.clone(),
            fd,
            direction: Direction::Write,
            data,
            position: None,
            done: 0,
        };
        let count = env
            .event_loop
            .block_on(poll_fn(|cx| transfer.poll(cx)))
            .unwrap_or(Err(Errno::EINTR))?;
        // What stopped short is tried again: the second try tells why.
        if let Data::Owned(mut rest) = transfer.data
            && count < rest.len()
        {
            bytes = rest.split_off(count);
            if count == 0 {
                return Err(Errno::EIO);
            }
        }
    }
    Ok(())
}
