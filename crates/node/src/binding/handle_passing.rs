//! Handles that arrive over a channel between processes: an object of the right class is made of the descriptor. Follows
//! `AcceptHandle` and `OnUvRead` in Node's `src/stream_wrap.cc`.

use secure_exec_kernel::Fd;

use super::util::{HandleType, handle_type};
use crate::env::Env;
use crate::js::class::class_template;
use crate::js::convert;

/// Puts a handle for `fd` where the library looks for it at the next read of `channel`: `pendingHandle`.
pub fn take_descriptor(
    scope: &mut v8::PinScope<'_, '_>,
    channel: v8::Local<'_, v8::Object>,
    fd: Fd,
) {
    match make_handle(scope, fd) {
        Some(handle) => convert::set(scope, channel, "pendingHandle", handle.into()),
        None => {
            if let Some(process) = Env::of(scope).try_process() {
                // It arrived just now, so it is open.
                let _ = process.close(fd);
            }
        }
    }
}

/// `None` for what no class of handles is made for, as in Node, or if making it threw.
fn make_handle<'s>(scope: &mut v8::PinScope<'s, '_>, fd: Fd) -> Option<v8::Local<'s, v8::Object>> {
    let class = match handle_type(scope, fd) {
        HandleType::Tcp => "TCP",
        HandleType::Udp => "UDP",
        HandleType::Pipe => "Pipe",
        _ => return None,
    };
    let constructor = class_template(scope, class)?.get_function(scope)?;
    // `SOCKET` of every class that takes a kind.
    let kind = v8::Integer::new(scope, 0).into();
    let object = constructor.new_instance(scope, &[kind])?;
    let key = Env::of(scope).name(scope, "open");
    let open: v8::Local<'_, v8::Function> = object.get(scope, key.into())?.try_cast().ok()?;
    let fd = v8::Integer::new(scope, fd).into();
    open.call(scope, object.into(), &[fd])?;
    Some(object)
}
