//! `internalBinding('pipe_wrap')`: pipes of the guest's kernel. Follows Node's `src/pipe_wrap.cc`.
//!
//! # Deviations
//! Named pipes and Unix sockets to listen on or connect to are not there: `bind`, `listen` and `connect` return
//! `ENOTSUP`.

use secure_exec_kernel::Errno;

use super::Definition;
use super::stream_wrap;
use crate::exception;
use crate::stream::Stream;

/// Values of the constructor's argument.
const SOCKET: i32 = 0;
const SERVER: i32 = 1;
const IPC: i32 = 2;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("Pipe", new_pipe)
        .inherits("LibuvStreamWrap")
        .method("bind", unsupported)
        .method("listen", unsupported)
        .method("connect", unsupported)
        .method("open", open)
        .method("fchmod", unsupported);
    definition
        .class("PipeConnectWrap", stream_wrap::new_request)
        .inherits("AsyncWrap");
}

fn new_pipe(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let kind = args.get(0).int32_value(scope).unwrap_or(-1);
    if !args.is_construct_call() || !args.get(0).is_int32() || !(SOCKET..=IPC).contains(&kind) {
        exception::throw_invalid_argument(
            scope,
            "Pipe takes one of Pipe.SOCKET, Pipe.SERVER, Pipe.IPC",
        );
        return;
    }
    let provider = if kind == SERVER {
        "PIPESERVERWRAP"
    } else {
        "PIPEWRAP"
    };
    stream_wrap::construct(scope, args.this(), provider, "PipeWrap");
}

fn open(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(fd) = args.get(0).int32_value(scope) else {
        return;
    };
    let env = crate::env::Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let Some(stream) = Stream::of(scope, args.this().into()) else {
        rv.set_int32(-Errno::EBADF.raw());
        return;
    };
    let result = match (process.file(fd), stream.resource().as_kernel_stream()) {
        (Ok(_), Some(kernel_stream)) => {
            kernel_stream.open(fd);
            0
        }
        (Err(errno), _) => -errno.raw(),
        (Ok(_), None) => -Errno::EBADF.raw(),
    };
    rv.set_int32(result);
}

fn unsupported(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set_int32(-Errno::ENOTSUP.raw());
}
