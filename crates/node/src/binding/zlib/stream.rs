//! The stream objects: `write`, `writeSync`, `params`, `reset`, `close` of all five classes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::Mutex;

use super::brotli::{self, BrotliDecoder, BrotliEncoder};
use super::codec::{Codec, CompressionError, Progress};
use super::deflate::{self, Mode, ZlibCodec};
use super::input::Input;
use super::zstd::{self, ZstdCompress, ZstdDecompress};
use crate::async_wrap;
use crate::callback_scope;
use crate::convert;
use crate::env::Env;
use crate::exception::{self, ErrorKind};
use crate::thread_pool;
use crate::wrap;

/// Private property of a stream object: the array that a write reports its leftovers in.
const WRITE_STATE: &str = "zlib write state";
/// Private property of a stream object: what an asynchronous write calls at its end.
const WRITE_CALLBACK: &str = "zlib write callback";

#[derive(Clone, Copy)]
enum Kind {
    Zlib(Mode),
    BrotliEncoder,
    BrotliDecoder,
    ZstdCompress,
    ZstdDecompress,
}

/// The library's stream; a write that is in progress owns it on another thread.
type Shared = Arc<Mutex<Box<dyn Codec>>>;

struct CompressionStream {
    kind: Kind,
    codec: RefCell<Option<Shared>>,
    write_in_progress: Cell<bool>,
    pending_close: Cell<bool>,
    closed: Cell<bool>,
    /// Bytes that the collector was told of.
    reported: Cell<usize>,
    /// Where a collected stream leaves the bytes that it no longer holds.
    released: Rc<Cell<usize>>,
}

impl Drop for CompressionStream {
    fn drop(&mut self) {
        self.released.set(self.released.get() + self.reported.get());
    }
}

/// What the streams of an isolate share.
#[derive(Default)]
struct Streams {
    released: Rc<Cell<usize>>,
    writes: RefCell<HashMap<u64, PendingWrite>>,
    next_write: Cell<u64>,
}

/// An asynchronous write between its start and its end.
struct PendingWrite {
    stream: v8::Global<v8::Object>,
    output: v8::Global<v8::Value>,
    output_offset: usize,
}

fn refuse(scope: &mut v8::PinScope<'_, '_>) {
    exception::throw_invalid_argument(scope, "Invalid arguments");
}

fn construct(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    kind: Kind,
) {
    if !args.is_construct_call() {
        return refuse(scope);
    }
    let released = Env::of(scope).state::<Streams>().released.clone();
    let stream = CompressionStream {
        kind,
        codec: RefCell::default(),
        write_in_progress: Cell::new(false),
        pending_close: Cell::new(false),
        closed: Cell::new(false),
        reported: Cell::new(0),
        released,
    };
    async_wrap::wrap_async(scope, args.this(), "ZLIB", stream);
}

/// `new Zlib(mode)`.
pub fn new_zlib<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let mode = args.get(0).uint32_value(scope).and_then(Mode::from_number);
    match mode {
        Some(mode) if args.get(0).is_int32() => construct(scope, &args, Kind::Zlib(mode)),
        _ => refuse(scope),
    }
}

/// `new BrotliEncoder(mode)`.
pub fn new_brotli_encoder<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    construct(scope, &args, Kind::BrotliEncoder);
}

/// `new BrotliDecoder(mode)`.
pub fn new_brotli_decoder<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    construct(scope, &args, Kind::BrotliDecoder);
}

/// `new ZstdCompress()`.
pub fn new_zstd_compress<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    construct(scope, &args, Kind::ZstdCompress);
}

/// `new ZstdDecompress()`.
pub fn new_zstd_decompress<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    construct(scope, &args, Kind::ZstdDecompress);
}

/// The stream behind the receiver of a method; throws where there is none.
fn stream_of(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Option<Rc<CompressionStream>> {
    let stream = wrap::unwrap::<CompressionStream>(scope, args.this().into());
    if stream.is_none() {
        refuse(scope);
    }
    stream
}

/// Keeps the array and the callback of a stream that is being set up; false where they are something else, or the
/// stream is in use.
fn keep_callback(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    stream: &CompressionStream,
    state: v8::Local<'_, v8::Value>,
    callback: v8::Local<'_, v8::Value>,
) -> bool {
    let usable = state
        .try_cast::<v8::Uint32Array>()
        .is_ok_and(|array| array.length() >= 2)
        && callback.is_function()
        && !stream.write_in_progress.get()
        && !stream.closed.get();
    if !usable {
        refuse(scope);
        return false;
    }
    let env = Env::of(scope);
    let key = env.private(scope, WRITE_STATE);
    object.set_private(scope, key, state);
    let key = env.private(scope, WRITE_CALLBACK);
    object.set_private(scope, key, callback);
    true
}

fn optional_bytes(value: v8::Local<'_, v8::Value>) -> Vec<u8> {
    if value.is_array_buffer_view() {
        convert::bytes(value).unwrap_or_default()
    } else {
        Vec::new()
    }
}

fn parameters(value: v8::Local<'_, v8::Value>) -> Option<Vec<u32>> {
    value.try_cast::<v8::Uint32Array>().ok()?;
    let bytes = convert::bytes(value)?;
    Some(
        bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|chunk| u32::from_ne_bytes(*chunk))
            .collect(),
    )
}

/// `init(windowBits, level, memLevel, strategy, writeState, processCallback, dictionary, rejectGarbageAfterEnd)`.
pub fn init_zlib<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(stream) = stream_of(scope, &args) else {
        return;
    };
    let Kind::Zlib(mode) = stream.kind else {
        return refuse(scope);
    };
    let number = |index| args.get(index).int32_value(scope).unwrap_or(i32::MIN);
    let settings = deflate::Settings {
        window_bits: number(0),
        level: number(1),
        memory_level: number(2),
        strategy: number(3),
        dictionary: optional_bytes(args.get(6)),
        reject_garbage_after_end: args.get(7).is_true(),
    };
    if !settings.valid(mode) {
        return refuse(scope);
    }
    if keep_callback(scope, args.this(), &stream, args.get(4), args.get(5)) {
        set_codec(scope, &stream, Box::new(ZlibCodec::new(mode, settings)));
    }
}

/// `init(params, writeState, processCallback, dictionary)` of Brotli.
pub fn init_brotli<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(stream) = stream_of(scope, &args) else {
        return;
    };
    let Some(parameters) = parameters(args.get(0)) else {
        return refuse(scope);
    };
    if !keep_callback(scope, args.this(), &stream, args.get(1), args.get(2)) {
        return;
    }
    let settings = brotli::Settings {
        parameters,
        dictionary: optional_bytes(args.get(3)),
    };
    let codec = match stream.kind {
        Kind::BrotliEncoder => {
            BrotliEncoder::new(settings).map(|codec| Box::new(codec) as Box<dyn Codec>)
        }
        Kind::BrotliDecoder => {
            BrotliDecoder::new(settings).map(|codec| Box::new(codec) as Box<dyn Codec>)
        }
        _ => return refuse(scope),
    };
    match codec {
        Ok(codec) => set_codec(scope, &stream, codec),
        Err(_) => initialization_failed(scope, "Initialization failed"),
    }
}

/// `init(params, pledgedSrcSize, writeState, processCallback, dictionary)` of Zstandard.
pub fn init_zstd<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(stream) = stream_of(scope, &args) else {
        return;
    };
    let Some(parameters) = parameters(args.get(0)) else {
        return refuse(scope);
    };
    let pledged_size = if args.get(1).is_number() {
        let size = args
            .get(1)
            .integer_value(scope)
            .and_then(|size| u64::try_from(size).ok());
        if size.is_none() {
            let text = "pledgedSrcSize must be non-negative";
            return exception::throw(scope, ErrorKind::RangeError, "ERR_OUT_OF_RANGE", text);
        }
        size
    } else {
        None
    };
    if !keep_callback(scope, args.this(), &stream, args.get(2), args.get(3)) {
        return;
    }
    let settings = zstd::Settings {
        parameters,
        pledged_size,
        dictionary: optional_bytes(args.get(4)),
    };
    let codec = match stream.kind {
        Kind::ZstdCompress => {
            ZstdCompress::new(settings).map(|codec| Box::new(codec) as Box<dyn Codec>)
        }
        Kind::ZstdDecompress => {
            ZstdDecompress::new(&settings).map(|codec| Box::new(codec) as Box<dyn Codec>)
        }
        _ => return refuse(scope),
    };
    match codec {
        Ok(codec) => set_codec(scope, &stream, codec),
        Err(error) => initialization_failed(scope, &error.message),
    }
}

fn initialization_failed(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    exception::throw(
        scope,
        ErrorKind::Error,
        "ERR_ZLIB_INITIALIZATION_FAILED",
        message,
    );
}

fn set_codec(scope: &mut v8::PinScope<'_, '_>, stream: &CompressionStream, codec: Box<dyn Codec>) {
    *stream.codec.borrow_mut() = Some(Arc::new(Mutex::new(codec)));
    report_memory(scope, stream);
}

/// Tells the collector how much memory hangs on its objects. No write may be in progress.
fn report_memory(scope: &mut v8::PinScope<'_, '_>, stream: &CompressionStream) {
    let held = stream
        .codec
        .borrow()
        .as_ref()
        .map_or(0, |codec| codec.lock().memory());
    let before = stream.reported.replace(held) + stream.released.take();
    let change = i64::try_from(held).unwrap_or(0) - i64::try_from(before).unwrap_or(0);
    if change != 0 {
        scope.adjust_amount_of_external_allocated_memory(change);
    }
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
fn write_arguments<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
) -> Option<Write<'s>> {
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

/// The codec for a write that may start now; throws where none may.
fn ready_codec(scope: &mut v8::PinScope<'_, '_>, stream: &CompressionStream) -> Option<Shared> {
    let codec = stream.codec.borrow().clone();
    let problem = match &codec {
        _ if stream.closed.get() || stream.pending_close.get() => "already finalized",
        _ if stream.write_in_progress.get() => "write already in progress",
        None => "write before init",
        Some(_) => return codec,
    };
    exception::throw(scope, ErrorKind::Error, "ERR_INTERNAL_ASSERTION", problem);
    None
}

/// `writeSync(...)`.
pub fn write_sync<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(stream) = stream_of(scope, &args) else {
        return;
    };
    let Some(codec) = ready_codec(scope, &stream) else {
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
pub fn write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(stream) = stream_of(scope, &args) else {
        return;
    };
    let Some(codec) = ready_codec(scope, &stream) else {
        return;
    };
    let Some(write) = write_arguments(scope, &args) else {
        return refuse(scope);
    };
    let env = Env::of(scope);
    let streams = env.state::<Streams>();
    let number = streams.next_write.get();
    streams.next_write.set(number + 1);
    let pending = PendingWrite {
        stream: v8::Global::new(scope, args.this()),
        output: v8::Global::new(scope, write.output),
        output_offset: write.output_offset,
    };
    streams.writes.borrow_mut().insert(number, pending);
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
    let Some(pending) = env.state::<Streams>().writes.borrow_mut().remove(&number) else {
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

/// Calls `onerror(message, errno, code)`.
fn emit_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    stream: &CompressionStream,
    error: &CompressionError,
) {
    let arguments: [v8::Local<v8::Value>; 3] = [
        exception::string(scope, &error.message).into(),
        v8::Integer::new(scope, error.errno).into(),
        exception::string(scope, &error.code).into(),
    ];
    callback_scope::make_named_callback(scope, object, "onerror", &arguments);
    stream.write_in_progress.set(false);
    if stream.pending_close.get() {
        close_stream(scope, stream);
    }
}

fn close_stream(scope: &mut v8::PinScope<'_, '_>, stream: &CompressionStream) {
    if stream.write_in_progress.get() {
        stream.pending_close.set(true);
        return;
    }
    stream.pending_close.set(false);
    stream.closed.set(true);
    let codec = stream.codec.borrow_mut().take();
    drop(codec);
    report_memory(scope, stream);
}

/// `close()`: frees the stream, at the end of the write in progress if there is one.
pub fn close<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    if let Some(stream) = stream_of(scope, &args) {
        close_stream(scope, &stream);
    }
}

/// `reset()`.
pub fn reset<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(stream) = stream_of(scope, &args) else {
        return;
    };
    let Some(codec) = ready_codec(scope, &stream) else {
        return;
    };
    let result = codec.lock().reset();
    report_memory(scope, &stream);
    if let Err(error) = result {
        emit_error(scope, args.this(), &stream, &error);
    }
}

/// `params(level, strategy)`.
pub fn params<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(stream) = stream_of(scope, &args) else {
        return;
    };
    let Some(codec) = ready_codec(scope, &stream) else {
        return;
    };
    let (Some(level), Some(strategy)) = (
        args.get(0).int32_value(scope),
        args.get(1).int32_value(scope),
    ) else {
        return;
    };
    let result = codec.lock().set_parameters(level, strategy);
    report_memory(scope, &stream);
    if let Err(error) = result {
        emit_error(scope, args.this(), &stream, &error);
    }
}
