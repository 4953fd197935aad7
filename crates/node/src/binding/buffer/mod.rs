//! `internalBinding('buffer')`: the memory operations behind `Buffer`. Follows Node's `src/node_buffer.cc`.

mod arguments;
mod compare;
mod fill;
mod search;
mod text;

use arguments::{array_index, is_view_or_buffer, throw_not_a_buffer};

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, throw_invalid_argument};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("setBufferPrototype", set_buffer_prototype)
        .function("createUnsafeArrayBuffer", create_unsafe_array_buffer)
        .function("setDetachKey", set_detach_key)
        .function("copy", copy)
        .function("copyArrayBuffer", copy_array_buffer)
        .function("compare", compare::compare)
        .function("compareOffset", compare::compare_offset)
        .function("fill", fill::fill)
        .function("swap16", fill::swap16)
        .function("swap32", fill::swap32)
        .function("swap64", fill::swap64)
        .function("indexOfBuffer", search::index_of_buffer)
        .function("indexOfNumber", search::index_of_number)
        .function("indexOfString", search::index_of_string);
    text::define(definition);
}

fn set_buffer_prototype(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_object() {
        throw_invalid_argument(scope, "The \"prototype\" argument must be an object");
        return;
    }
    Env::of(scope).set_slot(scope, Slot::BufferPrototype, args.get(0));
}

/// An `ArrayBuffer` for the library to fill.
fn create_unsafe_array_buffer(scope: Scope, args: Args, mut rv: Return) {
    let Some(length) = args.get(0).integer_value(scope) else {
        return;
    };
    let buffers = Env::of(scope).array_buffers.clone();
    let length = usize::try_from(length).ok();
    let Some(store) = length.and_then(|length| buffers.backing_store(length)) else {
        return exception::throw_array_buffer_failed(scope);
    };
    rv.set(v8::ArrayBuffer::with_backing_store(scope, &store).into());
}

/// With a key, only native code that knows it can detach the buffer: the pool must not be transferred away.
fn set_detach_key(scope: Scope, args: Args, _rv: Return) {
    let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"buffer\" argument must be an ArrayBuffer");
        return;
    };
    buffer.set_detach_key(args.get(1));
}

/// `copy(source, target, targetStart, sourceStart, length)` between views, which may overlap.
fn copy(scope: Scope, args: Args, mut rv: Return) {
    let (source, target) = (args.get(0), args.get(1));
    if !source.is_array_buffer_view() || !target.is_array_buffer_view() {
        throw_not_a_buffer(scope);
        return;
    }
    let Some(target_start) = array_index(scope, args.get(2), 0) else {
        return;
    };
    let Some(source_start) = array_index(scope, args.get(3), 0) else {
        return;
    };
    let Some(length) = array_index(scope, args.get(4), 0) else {
        return;
    };
    rv.set_double(copy_bytes(target, target_start, source, source_start, length) as f64);
}

/// `copyArrayBuffer(destination, destinationOffset, source, sourceOffset, length)` between whole buffers.
fn copy_array_buffer(scope: Scope, args: Args, _rv: Return) {
    let (target, source) = (args.get(0), args.get(2));
    if !is_view_or_buffer(target) || !is_view_or_buffer(source) {
        throw_not_a_buffer(scope);
        return;
    }
    let Some(target_start) = array_index(scope, args.get(1), 0) else {
        return;
    };
    let Some(source_start) = array_index(scope, args.get(3), 0) else {
        return;
    };
    let Some(length) = array_index(scope, args.get(4), 0) else {
        return;
    };
    copy_bytes(target, target_start, source, source_start, length);
}

fn copy_bytes(
    target: v8::Local<'_, v8::Value>,
    target_start: usize,
    source: v8::Local<'_, v8::Value>,
    source_start: usize,
    length: usize,
) -> usize {
    let (
        Some((target, target_offset, target_length)),
        Some((source, source_offset, source_length)),
    ) = (convert::memory(target), convert::memory(source))
    else {
        return 0;
    };
    let (Some(target), Some(source)) = (target, source) else {
        return 0;
    };
    let (Some(target), Some(source)) = (target.data(), source.data()) else {
        return 0;
    };
    let length = length
        .min(target_length.saturating_sub(target_start))
        .min(source_length.saturating_sub(source_start));
    if length == 0 {
        return 0;
    }
    // SAFETY: both ranges were clamped to their live stores; `copy` allows them to overlap.
    unsafe {
        let from = source
            .as_ptr()
            .cast::<u8>()
            .add(source_offset + source_start);
        let to = target
            .as_ptr()
            .cast::<u8>()
            .add(target_offset + target_start);
        std::ptr::copy(from, to, length);
    }
    length
}
