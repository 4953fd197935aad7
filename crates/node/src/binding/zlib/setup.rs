//! `init` of the stream classes: what a stream compresses with.

use std::sync::Arc;

use parking_lot::Mutex;

use super::brotli::{self, BrotliDecoder, BrotliEncoder};
use super::codec::Codec;
use super::deflate::{self, ZlibCodec};
use super::stream::{
    CompressionStream, Kind, WRITE_CALLBACK, WRITE_STATE, refuse, report_memory, stream_of,
};
use super::zstd::{self, ZstdCompress, ZstdDecompress};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

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
pub fn init_zlib<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
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
pub fn init_brotli<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
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
pub fn init_zstd<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
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
