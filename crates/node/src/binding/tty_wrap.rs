//! `internalBinding('tty_wrap')`: terminals of the guest's kernel. Follows Node's `src/tty_wrap.cc`.
//!
//! # Deviations
//! The kernel's terminals have no size and no modes yet: `getWindowSize` and `setRawMode` return `ENOTTY`.

use secure_exec_kernel::{Errno, FileKind};

use super::Definition;
use super::stream_wrap;
use crate::convert;
use crate::env::Env;
use crate::exception;
use crate::stream::Stream;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("isTTY", is_tty);
    definition
        .class("TTY", new_tty)
        .inherits("LibuvStreamWrap")
        .method("getWindowSize", no_terminal)
        .method("setRawMode", no_terminal);
}

/// Whether `fd` of the process is a terminal.
fn is_terminal(env: &Env, fd: i32) -> bool {
    env.try_process().is_some_and(|process| {
        process
            .file(fd)
            .is_ok_and(|file| file.kind() == FileKind::Tty)
    })
}

fn is_tty(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(fd) = args.get(0).int32_value(scope) else {
        return;
    };
    rv.set_bool(is_terminal(&Env::of(scope), fd));
}

/// `new TTY(fd, ctx)`: a failure is described in `ctx`, and the object is not to be used then.
fn new_tty(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let fd = args.get(0).int32_value(scope).unwrap_or(-1);
    if !args.is_construct_call() || fd < 0 {
        exception::throw_invalid_argument(scope, "The \"fd\" argument must be a file descriptor");
        return;
    }
    if !is_terminal(&Env::of(scope), fd) {
        if let Ok(context) = v8::Local::<v8::Object>::try_from(args.get(1)) {
            describe(scope, context, Errno::EINVAL, "uv_tty_init");
        }
        return;
    }
    let stream: std::rc::Rc<Stream> =
        stream_wrap::construct(scope, args.this(), "TTYWRAP", "TTYWrap");
    if let Some(kernel_stream) = stream.resource().as_kernel_stream() {
        kernel_stream.open(fd);
    }
}

fn describe(
    scope: &mut v8::PinScope<'_, '_>,
    context: v8::Local<'_, v8::Object>,
    errno: Errno,
    syscall: &str,
) {
    let number = v8::Integer::new(scope, -errno.raw()).into();
    convert::set(scope, context, "errno", number);
    for (key, text) in [
        ("code", errno.name()),
        ("message", errno.message()),
        ("syscall", syscall),
    ] {
        let text = exception::string(scope, text).into();
        convert::set(scope, context, key, text);
    }
}

fn no_terminal(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set_int32(-Errno::ENOTTY.raw());
}
