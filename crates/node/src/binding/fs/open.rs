//! open, and the whole-file shortcuts of the synchronous calls. Follows Node's `src/node_file.cc`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::abi::fcntl::{AT_FDCWD, OpenFlags};
use secure_exec_kernel::{Errno, Opening, Process};

use super::arguments::{self, Checked};
use super::encoding::Encoding;
use super::permitted;
use super::reply::{self, Reply};
use super::request::{self, Failure, Waiter, finish};
use super::transfer;
use super::unmanaged;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::convert;
use crate::memory::memory_guard;

/// open(2) as libuv does it, never inherited by programs that this one starts; polled, as that of a FIFO waits for the
/// other end.
struct Open {
    process: Arc<Process>,
    path: Vec<u8>,
    flags: OpenFlags,
    mode: u32,
    opening: Option<Opening>,
}

impl Open {
    fn new(process: &Arc<Process>, path: &[u8], flags: i32, mode: u32) -> Open {
        Open {
            process: process.clone(),
            path: path.to_vec(),
            flags: OpenFlags::from_bits_retain(flags) | OpenFlags::O_CLOEXEC,
            mode,
            opening: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<i32, Errno>> {
        self.process.poll_openat(
            &mut self.opening,
            AT_FDCWD,
            &self.path,
            self.flags,
            self.mode,
            cx,
        )
    }

    /// Blocks the thread, as the synchronous calls do.
    fn wait(mut self, env: &Env) -> Result<i32, Errno> {
        env.event_loop
            .block_on(poll_fn(|cx| self.poll(cx)))
            .unwrap_or(Err(Errno::EINTR))
    }

    /// Opens for whoever waits; `settle` makes the outcome of the descriptor.
    fn run(
        mut self,
        scope: Scope,
        request: v8::Local<'_, v8::Value>,
        rv: &mut Return,
        settle: fn(Scope, i32) -> Reply,
    ) {
        let Ok(waiter) = request::waiter(scope, request, rv) else {
            return;
        };
        let path = self.path.clone();
        let outcome = move |scope: &mut v8::PinScope<'_, '_>, opened: Result<i32, Errno>| {
            opened
                .map(|fd| settle(scope, fd))
                .map_err(|errno| Failure::at(errno, "open", &path))
        };
        let env = Env::of(scope);
        let request = match waiter {
            Waiter::Caller => {
                let outcome = outcome(scope, self.wait(&env));
                return request::answer(scope, Waiter::Caller, rv, outcome);
            }
            Waiter::Request(request) => request,
        };
        if let Poll::Ready(opened) = self.poll(&mut Context::from_waker(Waker::noop())) {
            let outcome = outcome(scope, opened);
            return request::answer(scope, Waiter::Request(request), rv, outcome);
        }
        env.event_loop.spawn(async move {
            let opened = poll_fn(|cx| self.poll(cx)).await;
            let completion: Completion = Box::new(move |scope| {
                let outcome = outcome(scope, opened);
                request::complete(scope, &request, outcome);
            });
            completion
        });
    }
}

/// Opens a file; blocks the thread while a FIFO waits for its other end.
pub fn open_file(env: &Env, path: &[u8], flags: i32, mode: u32) -> Result<i32, Errno> {
    Open::new(&env.process(), path, flags, mode).wait(env)
}

/// What `(path, flags, mode, …)` says to open.
fn open_arguments(scope: Scope, args: &Args) -> Checked<Open> {
    let path = arguments::path(scope, args.get(0))?;
    let flags = arguments::int32(scope, args.get(1), "flags")?;
    let mode = arguments::mode(scope, args.get(2))?;
    Ok(Open::new(&Env::of(scope).process(), &path, flags, mode))
}

/// `open(path, flags, mode, req)`
pub fn open(scope: Scope, args: Args, mut rv: Return) {
    let Ok(open) = open_arguments(scope, &args) else {
        return;
    };
    let needs = permitted::opening(open.flags.bits());
    if permitted::refused(scope, &args, &mut rv, 3, needs) {
        return;
    }
    open.run(scope, args.get(3), &mut rv, |scope, fd| {
        unmanaged::opened(scope, fd);
        Reply::Integer(i64::from(fd))
    });
}

/// `openFileHandle(path, flags, mode, req)`
pub fn open_file_handle(scope: Scope, args: Args, mut rv: Return) {
    let Ok(open) = open_arguments(scope, &args) else {
        return;
    };
    let needs = permitted::opening(open.flags.bits());
    if permitted::refused(scope, &args, &mut rv, 3, needs) {
        return;
    }
    open.run(scope, args.get(3), &mut rv, |_, fd| Reply::FileHandle(fd));
}

/// Reads a descriptor to its end.
pub fn read_to_end(env: &Env, process: &Arc<Process>, fd: i32) -> Result<Vec<u8>, Errno> {
    // One byte more than a regular file has left, so that its end is found by the first read.
    let size = process
        .fstat(fd)
        .map_or(0, |stat| if stat.is_file() { stat.size } else { 0 });
    let mut bytes = Vec::new();
    lengthen(
        &mut bytes,
        usize::try_from(size).unwrap_or(0).min(1 << 30) + 1,
    )?;
    let mut length = 0;
    loop {
        if length == bytes.len() {
            let grown = (bytes.len() * 2).max(8192);
            lengthen(&mut bytes, grown)?;
        }
        let rest = &mut bytes[length..];
        let count = env
            .event_loop
            .block_on(poll_fn(|cx| process.poll_read(fd, rest, cx)))
            .unwrap_or(Err(Errno::EINTR))?;
        if count == 0 {
            bytes.truncate(length);
            return Ok(bytes);
        }
        length += count;
    }
}

/// Lengthens a buffer by zeros where the machine has memory for them: how long a file is, its filesystem says, and an
/// allocator that has none ends every program of the machine.
fn lengthen(bytes: &mut Vec<u8>, length: usize) -> Result<(), Errno> {
    let more = length - bytes.len();
    if !memory_guard::offer(more) {
        memory_guard::tell_refused(more);
        return Err(Errno::ENOMEM);
    }
    bytes.try_reserve_exact(more).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(length, 0);
    Ok(())
}

/// Reads a whole file by path.
pub fn read_file(env: &Env, process: &Arc<Process>, path: &[u8]) -> Result<Vec<u8>, Errno> {
    let fd = open_file(env, path, 0, 0)?;
    let result = read_to_end(env, process, fd);
    process.close(fd)?;
    result
}

/// `readFileUtf8(pathOrFd, flags)`
pub fn read_file_utf8(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let process = env.process();
    let undefined = v8::undefined(scope).into();
    let result = if args.get(0).is_number() {
        let Ok(fd) = arguments::fd(scope, args.get(0)) else {
            return;
        };
        read_to_end(&env, &process, fd).map_err(|errno| Failure::of(errno, "read"))
    } else {
        let Ok(path) = arguments::path(scope, args.get(0)) else {
            return;
        };
        let Ok(flags) = arguments::int32(scope, args.get(1), "flags") else {
            return;
        };
        if permitted::thrown(scope, &args, permitted::opening(flags)) {
            return;
        }
        open_file(&env, &path, flags, 0o666)
            .map_err(|errno| Failure::at(errno, "open", &path))
            .and_then(|fd| {
                let result =
                    read_to_end(&env, &process, fd).map_err(|errno| Failure::of(errno, "read"));
                process
                    .close(fd)
                    .map_err(|errno| Failure::of(errno, "close"))?;
                result
            })
    };
    match result {
        Ok(bytes) => {
            if let Some(text) = reply::encode(scope, Encoding::Utf8, &bytes) {
                rv.set(text);
            }
        }
        Err(failure) => finish(scope, undefined, &mut rv, Err(failure)),
    }
}

/// `writeFileUtf8(pathOrFd, data, flags, mode)`
pub fn write_file_utf8(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let process = env.process();
    let data = match convert::bytes(args.get(1)) {
        Some(bytes) => bytes,
        None => match args.get(1).to_string(scope) {
            Some(text) => convert::text(scope, text.into()).into_bytes(),
            None => return,
        },
    };
    let Ok(flags) = arguments::int32(scope, args.get(2), "flags") else {
        return;
    };
    let Ok(mode) = arguments::mode(scope, args.get(3)) else {
        return;
    };
    let write = |fd| {
        transfer::write_all(&env, &process, fd, data).map_err(|errno| Failure::of(errno, "write"))
    };
    let result = if args.get(0).is_number() {
        let Ok(fd) = arguments::fd(scope, args.get(0)) else {
            return;
        };
        write(fd)
    } else {
        let Ok(path) = arguments::path(scope, args.get(0)) else {
            return;
        };
        if permitted::thrown(scope, &args, permitted::opening(flags)) {
            return;
        }
        open_file(&env, &path, flags, mode)
            .map_err(|errno| Failure::at(errno, "open", &path))
            .and_then(|fd| {
                let result = write(fd);
                process
                    .close(fd)
                    .map_err(|errno| Failure::of(errno, "close"))?;
                result
            })
    };
    let undefined = v8::undefined(scope).into();
    finish(scope, undefined, &mut rv, result.map(|()| Reply::Undefined));
}
