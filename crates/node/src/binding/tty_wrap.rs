//! `internalBinding('tty_wrap')`: terminals of the guest's kernel. Follows Node's `src/tty_wrap.cc`.

use secure_exec_kernel::{Errno, FileKind};

use super::stream_wrap;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::{exception, uv};
use crate::process::terminal_mode;
use crate::stream::KernelStream;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("isTTY", is_tty);
    definition
        .class("TTY", new_tty)
        .inherits("LibuvStreamWrap")
        .method("getWindowSize", window_size)
        .method("setRawMode", set_raw_mode);
}

/// Whether `fd` of the process is a terminal.
fn is_terminal(env: &Env, fd: i32) -> bool {
    env.try_process().is_some_and(|process| {
        process
            .file(fd)
            .is_ok_and(|file| file.kind() == FileKind::Tty)
    })
}

fn is_tty(scope: Scope, args: Args, mut rv: Return) {
    let Some(fd) = args.get(0).int32_value(scope) else {
        return;
    };
    rv.set_bool(is_terminal(&Env::of(scope), fd));
}

/// `new TTY(fd, ctx)`: a failure is described in `ctx`, and the object is not to be used then.
fn new_tty(scope: Scope, args: Args, _rv: Return) {
    let fd = args.get(0).int32_value(scope).unwrap_or(-1);
    if !args.is_construct_call() || fd < 0 {
        exception::throw_invalid_argument(scope, "The \"fd\" argument must be a file descriptor");
        return;
    }
    if !is_terminal(&Env::of(scope), fd) {
        exception::collect_errno(scope, args.get(1), Errno::EINVAL, "uv_tty_init");
        return;
    }
    stream_wrap::construct(scope, args.this(), "TTYWRAP", "TTYWrap").open(fd);
}

/// Descriptor of a `TTY` object.
fn descriptor(scope: &mut v8::PinScope<'_, '_>, this: v8::Local<'_, v8::Object>) -> Option<i32> {
    let fd = KernelStream::of(scope, this.into())?.fd();
    (fd >= 0).then_some(fd)
}

/// `getWindowSize([columns, rows])`: fills the array.
fn window_size(scope: Scope, args: Args, mut rv: Return) {
    let fd = descriptor(scope, args.this());
    let process = Env::of(scope).try_process();
    let (Some(fd), Some(process)) = (fd, process) else {
        return rv.set_int32(uv::error(Errno::EBADF));
    };
    match process.tiocgwinsz(fd) {
        Ok(size) => {
            if let Ok(target) = v8::Local::<v8::Object>::try_from(args.get(0)) {
                for (index, cells) in [(0, size.cols), (1, size.rows)] {
                    let cells = v8::Integer::new(scope, cells.into()).into();
                    target.set_index(scope, index, cells);
                }
            }
            rv.set_int32(0);
        }
        Err(errno) => rv.set_int32(uv::error(errno)),
    }
}

/// `setRawMode(flag)`: libuv's `UV_TTY_MODE_RAW`, and back.
fn set_raw_mode(scope: Scope, args: Args, mut rv: Return) {
    let fd = descriptor(scope, args.this());
    let process = Env::of(scope).try_process();
    let (Some(fd), Some(process)) = (fd, process) else {
        return rv.set_int32(uv::error(Errno::EBADF));
    };
    let raw = args.get(0).boolean_value(scope);
    let changed = terminal_mode::change(&process, fd, raw);
    rv.set_int32(uv::status(changed));
}
