//! open, and the whole-file shortcuts of the synchronous calls. Follows Node's `src/node_file.cc`.

use std::future::poll_fn;
use std::sync::Arc;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::{Errno, Process};

use super::arguments;
use super::encoding::Encoding;
use super::reply::{self, Reply};
use super::request::{Failure, finish};
use super::transfer;
use super::unmanaged;
use crate::convert;
use crate::env::Env;

/// open(2) as libuv does it: never inherited by programs that this one starts.
pub fn open_file(process: &Arc<Process>, path: &[u8], flags: i32, mode: u32) -> Result<i32, Errno> {
    process.open(
        path,
        OpenFlags::from_bits_retain(flags) | OpenFlags::O_CLOEXEC,
        mode,
    )
}

/// `open(path, flags, mode, req)`
pub fn open(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let Ok(flags) = arguments::int32(scope, args.get(1), "flags") else {
        return;
    };
    let Ok(mode) = arguments::mode(scope, args.get(2)) else {
        return;
    };
    let opened = open_file(&Env::of(scope).process(), &path, flags, mode);
    if let Ok(fd) = opened {
        unmanaged::opened(scope, fd);
    }
    let outcome = opened
        .map(|fd| Reply::Integer(i64::from(fd)))
        .map_err(|errno| Failure::at(errno, "open", &path));
    finish(scope, args.get(3), &mut rv, outcome);
}

/// `openFileHandle(path, flags, mode, req)`
pub fn open_file_handle(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let Ok(flags) = arguments::int32(scope, args.get(1), "flags") else {
        return;
    };
    let Ok(mode) = arguments::mode(scope, args.get(2)) else {
        return;
    };
    let outcome = open_file(&Env::of(scope).process(), &path, flags, mode)
        .map(Reply::FileHandle)
        .map_err(|errno| Failure::at(errno, "open", &path));
    finish(scope, args.get(3), &mut rv, outcome);
}

/// Reads a descriptor to its end.
pub fn read_to_end(env: &Env, process: &Arc<Process>, fd: i32) -> Result<Vec<u8>, Errno> {
    // One byte more than a regular file has left, so that its end is found by the first read.
    let size = process
        .fstat(fd)
        .map_or(0, |stat| if stat.is_file() { stat.size } else { 0 });
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0).min(1 << 30) + 1];
    let mut length = 0;
    loop {
        if length == bytes.len() {
            let grown = (bytes.len() * 2).max(8192);
            bytes
                .try_reserve(grown - length)
                .map_err(|_| Errno::ENOMEM)?;
            bytes.resize(grown, 0);
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

/// Reads a whole file by path.
pub fn read_file(env: &Env, process: &Arc<Process>, path: &[u8]) -> Result<Vec<u8>, Errno> {
    let fd = open_file(process, path, 0, 0)?;
    let result = read_to_end(env, process, fd);
    process.close(fd)?;
    result
}

/// `readFileUtf8(pathOrFd, flags)`
pub fn read_file_utf8(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
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
        open_file(&process, &path, flags, 0o666)
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
pub fn write_file_utf8(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let env = Env::of(scope);
    let process = env.process();
    let data = match convert::bytes(args.get(1)) {
        Some(bytes) => bytes,
        None => match args.get(1).to_string(scope) {
            Some(text) => text.to_rust_string_lossy(scope).into_bytes(),
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
        open_file(&process, &path, flags, mode)
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
