//! The methods that every stream class has. Follows Node's `src/stream_base.cc`.

use std::rc::Rc;

use secure_exec_kernel::Errno;

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::async_wrap::ids;
use crate::js::class::ClassDefinition;
use crate::js::string_bytes::{self, Encoding};
use crate::js::{convert, uv, wrap};
use crate::memory::gathered::Gathered;
use crate::memory::memory_guard;
use crate::stream::{CustomBufferListener, KernelStream, Stream, WriteResult};

/// Adds the methods to a class whose instances have a [`Stream`].
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .getter("fd", fd)
        .getter("_externalStream", external_stream)
        .getter("bytesRead", bytes_read)
        .getter("bytesWritten", bytes_written)
        .method("readStart", read_start)
        .method("readStop", read_stop)
        .method("shutdown", shutdown)
        .method("useUserBuffer", use_user_buffer)
        .method("writev", writev)
        .method("writeBuffer", write_buffer)
        .method("writeAsciiString", write_latin1_string)
        .method("writeUtf8String", write_utf8_string)
        .method("writeUcs2String", write_ucs2_string)
        .method("writeLatin1String", write_latin1_string)
        .getter("isStreamBase", is_stream_base)
        .accessor("onread", onread, set_onread);
}

/// Runs a method on a live stream with its async id as the default trigger of what the method creates.
fn call(scope: Scope, args: &Args, rv: &mut Return, body: impl FnOnce(Scope, &Rc<Stream>) -> i32) {
    let object = args.this();
    let Some(stream) = Stream::of(scope, object.into()) else {
        return;
    };
    if !stream.resource().clone().is_alive(scope, &stream) {
        rv.set_int32(uv::error(Errno::EINVAL));
        return;
    }
    let env = Env::of(scope);
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    let previous = id_fields.get(ids::DEFAULT_TRIGGER_ASYNC_ID);
    if let Some(state) = wrap::async_state(scope, object) {
        id_fields.set(ids::DEFAULT_TRIGGER_ASYNC_ID, state.async_id.get());
    }
    let result = body(scope, &stream);
    id_fields.set(ids::DEFAULT_TRIGGER_ASYNC_ID, previous);
    rv.set_int32(result);
}

/// The request object in argument 0.
fn request<'s>(args: &Args<'s>) -> Option<v8::Local<'s, v8::Object>> {
    args.get(0).try_cast().ok()
}

fn read_start(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, |scope, stream| {
        stream.read_start(scope)
    });
}

fn read_stop(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, |scope, stream| {
        stream.read_stop(scope)
    });
}

fn shutdown(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, |scope, stream| {
        match request(&args) {
            Some(object) => stream.shutdown(scope, Some(object)),
            None => uv::error(Errno::EINVAL),
        }
    });
}

fn use_user_buffer(scope: Scope, args: Args, mut rv: Return) {
    call(
        scope,
        &args,
        &mut rv,
        |scope, stream| match CustomBufferListener::new(scope, args.get(0)) {
            Some(listener) => {
                stream.push_listener(Rc::new(listener));
                0
            }
            None => uv::error(Errno::EINVAL),
        },
    );
}

/// Writes and shows the result to the library.
fn write(scope: Scope, stream: &Rc<Stream>, args: &Args, bytes: Vec<u8>) -> i32 {
    let Some(object) = request(args) else {
        return uv::error(Errno::EINVAL);
    };
    let result = stream.write(scope, bytes.into(), Some(object));
    Stream::publish(scope, result);
    result.error
}

/// The handle in argument 2 of a write over a channel between processes, and the request.
fn handle_to_send<'s>(
    scope: &v8::PinScope<'_, '_>,
    args: &Args<'s>,
) -> Option<(v8::Local<'s, v8::Object>, v8::Local<'s, v8::Object>)> {
    // First: nearly every write has none.
    let handle = args.get(2).try_cast().ok()?;
    let kernel_stream = KernelStream::of(scope, args.this().into())?;
    kernel_stream.is_channel().then_some(())?;
    Some((handle, request(args)?))
}

/// As [`write`]; over a channel between processes the handle in argument 2 goes along.
fn write_with_handle(scope: Scope, stream: &Rc<Stream>, args: &Args, bytes: Vec<u8>) -> i32 {
    let Some((handle, object)) = handle_to_send(scope, args) else {
        return write(scope, stream, args, bytes);
    };
    // Kept until it has been written, as `StreamBase::Write` does.
    convert::set(scope, object, "handle", handle.into());
    let key = Env::of(scope).name(scope, "fd");
    let fd = handle
        .get(scope, key.into())
        .and_then(|fd| fd.int32_value(scope));
    let result = stream.write_with_descriptor(scope, bytes, fd.unwrap_or(-1), object);
    Stream::publish(scope, result);
    result.error
}

/// What a write returns whose arguments are wrong.
fn refuse(scope: &v8::PinScope<'_, '_>) -> i32 {
    let error = uv::error(Errno::EINVAL);
    Stream::publish(
        scope,
        WriteResult {
            is_async: false,
            error,
            bytes: 0,
        },
    );
    error
}

fn write_buffer(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, |scope, stream| {
        // Copied: the guest may change the memory while a write is going on, and writing may run JavaScript.
        match convert::bytes(args.get(1)) {
            Some(bytes) => write_with_handle(scope, stream, &args, bytes),
            None => refuse(scope),
        }
    });
}

fn write_string(scope: Scope, args: &Args, rv: &mut Return, encoding: Encoding) {
    call(scope, args, rv, |scope, stream| {
        let Ok(text) = v8::Local::<v8::String>::try_from(args.get(1)) else {
            return refuse(scope);
        };
        if !memory_guard::admit(text.length().saturating_mul(2)) {
            return refuse(scope);
        }
        let bytes = encode(scope, text, encoding);
        write_with_handle(scope, stream, args, bytes)
    });
}

fn encode(
    scope: &mut v8::PinScope<'_, '_>,
    text: v8::Local<'_, v8::String>,
    encoding: Encoding,
) -> Vec<u8> {
    let length = match encoding {
        Encoding::Utf8 | Encoding::Buffer => text.utf8_length(scope),
        Encoding::Utf16le => text.length() * 2,
        _ => text.length(),
    };
    let mut bytes = vec![0; length];
    let written = string_bytes::write(scope, text, &mut bytes, encoding);
    bytes.truncate(written);
    bytes
}

fn write_utf8_string(scope: Scope, args: Args, mut rv: Return) {
    write_string(scope, &args, &mut rv, Encoding::Utf8);
}

fn write_latin1_string(scope: Scope, args: Args, mut rv: Return) {
    write_string(scope, &args, &mut rv, Encoding::Latin1);
}

fn write_ucs2_string(scope: Scope, args: Args, mut rv: Return) {
    write_string(scope, &args, &mut rv, Encoding::Utf16le);
}

/// `writev(req, chunks, allBuffers)`: buffers, or chunks and encodings by turns.
fn writev(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, |scope, stream| {
        let Ok(chunks) = v8::Local::<v8::Array>::try_from(args.get(1)) else {
            return refuse(scope);
        };
        let Some(bytes) = gather(scope, chunks, args.get(2).is_true()) else {
            return refuse(scope);
        };
        write(scope, stream, &args, bytes)
    });
}

fn gather(
    scope: &mut v8::PinScope<'_, '_>,
    chunks: v8::Local<'_, v8::Array>,
    all_buffers: bool,
) -> Option<Vec<u8>> {
    let step: u32 = if all_buffers { 1 } else { 2 };
    let mut gathered = Gathered::default();
    for index in 0..chunks.length() / step {
        v8::scope!(let scope, scope);
        let chunk = chunks.get_index(scope, index * step)?;
        match convert::with_bytes(chunk, |bytes| gathered.push(bytes)) {
            Some(true) => continue,
            Some(false) => return None,
            None => {}
        }
        if all_buffers {
            return None;
        }
        let text = chunk.to_string(scope)?;
        let encoding = chunks.get_index(scope, index * step + 1)?;
        let encoding = Encoding::from_value(scope, encoding, Encoding::Utf8);
        let has_room = memory_guard::admit(text.length().saturating_mul(2))
            && gathered.push(&encode(scope, text, encoding));
        if !has_room {
            return None;
        }
    }
    Some(gathered.into_vec())
}

fn fd(scope: Scope, args: Args, mut rv: Return) {
    let Some(stream) = Stream::of(scope, args.this().into()) else {
        rv.set_int32(uv::error(Errno::EINVAL));
        return;
    };
    let alive = stream.resource().clone().is_alive(scope, &stream);
    rv.set_int32(if alive {
        stream.resource().fd()
    } else {
        uv::error(Errno::EINVAL)
    });
}

/// `undefined`: native code finds the stream by the object, and guest code has no use for a pointer.
fn external_stream(_scope: Scope, _args: Args, _rv: Return) {}

fn bytes_read(scope: Scope, args: Args, mut rv: Return) {
    let count = Stream::of(scope, args.this().into()).map_or(0, |stream| stream.bytes_read());
    rv.set_double(count as f64);
}

fn bytes_written(scope: Scope, args: Args, mut rv: Return) {
    let count = Stream::of(scope, args.this().into()).map_or(0, |stream| stream.bytes_written());
    rv.set_double(count as f64);
}

fn is_stream_base(_scope: Scope, _args: Args, mut rv: Return) {
    rv.set_bool(true);
}

fn onread(scope: Scope, args: Args, mut rv: Return) {
    if let Some(onread) =
        Stream::of(scope, args.this().into()).and_then(|stream| stream.onread(scope))
    {
        rv.set(onread.into());
    }
}

/// Anything but a function is ignored, as in Node, where the field only takes functions.
fn set_onread(scope: Scope, args: Args, _rv: Return) {
    if let Ok(function) = v8::Local::<v8::Function>::try_from(args.get(0))
        && let Some(stream) = Stream::of(scope, args.this().into())
    {
        stream.set_onread(scope, function);
    }
}
