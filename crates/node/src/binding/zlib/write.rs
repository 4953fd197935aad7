//! `write` and `writeSync` of the stream classes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::codec::{CompressionError, Progress};
use super::input::Input;
use super::stream::{
    CompressionStream, WRITE_CALLBACK, WRITE_STATE, close_stream, emit_error, ready, refuse,
    report_memory,
};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::{callback_scope, convert, wrap};
use crate::threads::thread_pool;

/// Writes of an isolate that are in progress.
#[derive(Default)]
struct Writes {
    pending: RefCell<HashMap<u64, PendingWrite>>,
    next: Cell<u64>,
}

/// An asynchronous write between its start and its end.
struct PendingWrite {
    stream: v8::Global<v8::Object>,
    output: v8::Global<v8::Value>,
    output_offset: usize,
}

/// The arguments of a write.
struct Write<'s> {
    flush: u32,
    input: Input,
    output: v8::Local<'s, v8::Value>,
    output_offset: usize,
    output_length: usize,
}

/// `(flush, in, inOffset, inLength, out, outOffset, outLength)`; `None` where they make no sense.
fn write_arguments<'s>(scope: Scope<'_, 's, '_>, args: &Args<'s>) -> Option<Write<'s>> {
    let number = |index| args.get(index).uint32_value(scope);
    let flush = number(0).filter(|flush| *flush <= 5)?;
    let (input_offset, input_length) = (number(2)? as usize, number(3)? as usize);
    let (output_offset, output_length) = (number(5)? as usize, number(6)? as usize);
    let input = if args.get(1).is_null() {
        Input::empty()
    } else {
        Input::of(args.get(1), input_offset, input_length)?
    };
    let output = args.get(4);
    if !output.is_array_buffer_view() {
        return None;
    }
    let available = convert::with_bytes(output, <[u8]>::len)?;
    if output_offset.checked_add(output_length)? > available {
        return None;
    }
    Some(Write {
        flush,
        input,
        output,
        output_offset,
        output_length,
    })
}

/// `writeSync(...)`.
pub fn write_sync<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let Some((stream, codec)) = ready(scope, &args) else {
        return;
    };
    let Some(write) = write_arguments(scope, &args) else {
        return refuse(scope);
    };
    let mut output = vec![0; write.output_length];
    let result = codec.lock().write(write.flush, &write.input, &mut output);
    report_memory(scope, &stream);
    match result {
        Ok(progress) => {
            let filled = output.len() - progress.available_out;
            copy_output(write.output, write.output_offset, &output[..filled]);
            store_progress(scope, args.this(), progress);
        }
        Err(error) => emit_error(scope, args.this(), &stream, &error),
    }
}

/// `write(...)`: as [`write_sync`] on another thread; the callback given at `init` is called at the end.
pub fn write<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let Some((stream, codec)) = ready(scope, &args) else {
        return;
    };
    let Some(write) = write_arguments(scope, &args) else {
        return refuse(scope);
    };
    let env = Env::of(scope);
    let writes = env.state::<Writes>();
    let number = writes.next.get();
    writes.next.set(number + 1);
    let pending = PendingWrite {
        stream: v8::Global::new(scope, args.this()),
        output: v8::Global::new(scope, write.output),
        output_offset: write.output_offset,
    };
    writes.pending.borrow_mut().insert(number, pending);
    stream.write_in_progress.set(true);
    env.event_loop.add_reference();
    let handle = env.event_loop.handle();
    let Write {
        flush,
        input,
        output_length,
        ..
    } = write;
    thread_pool::submit(move || {
        if handle.aborted() {
            return;
        }
        let mut output = vec![0; output_length];
        let result = codec.lock().write(flush, &input, &mut output);
        // Gone before the loop hears of it: the stream may be closed in the callback.
        drop((codec, input));
        handle.post(move |scope| finish_write(scope, number, &output, result));
    });
}

fn finish_write(
    scope: &mut v8::PinScope<'_, '_>,
    number: u64,
    output: &[u8],
    result: Result<Progress, CompressionError>,
) {
    let env = Env::of(scope);
    let Some(pending) = env.state::<Writes>().pending.borrow_mut().remove(&number) else {
        return;
    };
    env.event_loop.remove_reference();
    let object = v8::Local::new(scope, &pending.stream);
    let Some(stream) = wrap::unwrap::<CompressionStream>(scope, object.into()) else {
        return;
    };
    stream.write_in_progress.set(false);
    report_memory(scope, &stream);
    match result {
        Ok(progress) => {
            let filled = output.len() - progress.available_out;
            let target = v8::Local::new(scope, &pending.output);
            copy_output(target, pending.output_offset, &output[..filled]);
            store_progress(scope, object, progress);
            let key = env.private(scope, WRITE_CALLBACK);
            if let Some(callback) = object.get_private(scope, key)
                && let Ok(callback) = callback.try_cast()
            {
                callback_scope::make_callback(scope, object, callback, &[]);
            }
            if stream.pending_close.get() {
                close_stream(scope, &stream);
            }
        }
        Err(error) => emit_error(scope, object, &stream, &error),
    }
}

/// Copies what was produced into the caller's buffer, as far as it still has room: it may have been detached.
fn copy_output(target: v8::Local<'_, v8::Value>, offset: usize, bytes: &[u8]) {
    convert::with_bytes_mut(target, |memory| {
        if let Some(room) = memory.get_mut(offset..) {
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
        }
    });
}

/// Writes `[availOut, availIn]` for the library.
fn store_progress(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    progress: Progress,
) {
    let key = Env::of(scope).private(scope, WRITE_STATE);
    let Some(state) = object.get_private(scope, key) else {
        return;
    };
    convert::with_bytes_mut(state, |memory| {
        let numbers = [progress.available_out, progress.available_in];
        for (chunk, number) in memory.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *chunk = u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes();
        }
    });
}
