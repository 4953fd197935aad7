//! The stream objects of all five classes: their state, `params`, `reset` and `close`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::Mutex;

use super::codec::{Codec, CompressionError};
use super::deflate::Mode;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::exception::{self, ErrorKind};
use crate::js::{async_wrap, callback_scope, wrap};

/// Private property of a stream object: the array that a write reports its leftovers in.
pub(super) const WRITE_STATE: &str = "zlib write state";
/// Private property of a stream object: what an asynchronous write calls at its end.
pub(super) const WRITE_CALLBACK: &str = "zlib write callback";

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Zlib(Mode),
    BrotliEncoder,
    BrotliDecoder,
    ZstdCompress,
    ZstdDecompress,
}

/// The library's stream; a write that is in progress owns it on another thread.
pub(super) type Shared = Arc<Mutex<Box<dyn Codec>>>;

pub(super) struct CompressionStream {
    pub(super) kind: Kind,
    pub(super) codec: RefCell<Option<Shared>>,
    pub(super) write_in_progress: Cell<bool>,
    pub(super) pending_close: Cell<bool>,
    pub(super) closed: Cell<bool>,
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
}

pub(super) fn refuse(scope: &mut v8::PinScope<'_, '_>) {
    exception::throw_invalid_argument(scope, "Invalid arguments");
}

fn construct(scope: Scope, args: &Args, kind: Kind) {
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
pub fn new_zlib<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let mode = args.get(0).uint32_value(scope).and_then(Mode::from_number);
    match mode {
        Some(mode) if args.get(0).is_int32() => construct(scope, &args, Kind::Zlib(mode)),
        _ => refuse(scope),
    }
}

/// `new BrotliEncoder(mode)`.
pub fn new_brotli_encoder<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    construct(scope, &args, Kind::BrotliEncoder);
}

/// `new BrotliDecoder(mode)`.
pub fn new_brotli_decoder<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    construct(scope, &args, Kind::BrotliDecoder);
}

/// `new ZstdCompress()`.
pub fn new_zstd_compress<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    construct(scope, &args, Kind::ZstdCompress);
}

/// `new ZstdDecompress()`.
pub fn new_zstd_decompress<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    construct(scope, &args, Kind::ZstdDecompress);
}

/// The stream behind the receiver of a method; throws where there is none.
pub(super) fn stream_of(scope: Scope, args: &Args) -> Option<Rc<CompressionStream>> {
    let stream = wrap::unwrap::<CompressionStream>(scope, args.this().into());
    if stream.is_none() {
        refuse(scope);
    }
    stream
}

/// The receiver and its codec for a call that needs one now; throws where there is none.
pub(super) fn ready(scope: Scope, args: &Args) -> Option<(Rc<CompressionStream>, Shared)> {
    let stream = stream_of(scope, args)?;
    let codec = stream.codec.borrow().clone();
    let problem = match codec {
        _ if stream.closed.get() || stream.pending_close.get() => "already finalized",
        _ if stream.write_in_progress.get() => "write already in progress",
        None => "write before init",
        Some(codec) => return Some((stream, codec)),
    };
    exception::throw(scope, ErrorKind::Error, "ERR_INTERNAL_ASSERTION", problem);
    None
}

/// Tells the collector how much memory hangs on its objects. No write may be in progress.
pub(super) fn report_memory(scope: &mut v8::PinScope<'_, '_>, stream: &CompressionStream) {
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

/// Calls `onerror(message, errno, code)`.
pub(super) fn emit_error<'s>(
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

pub(super) fn close_stream(scope: &mut v8::PinScope<'_, '_>, stream: &CompressionStream) {
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
pub fn close<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    if let Some(stream) = stream_of(scope, &args) {
        close_stream(scope, &stream);
    }
}

/// `reset()`.
pub fn reset<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let Some((stream, codec)) = ready(scope, &args) else {
        return;
    };
    let result = codec.lock().reset();
    report_memory(scope, &stream);
    if let Err(error) = result {
        emit_error(scope, args.this(), &stream, &error);
    }
}

/// `params(level, strategy)`.
pub fn params<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let Some((stream, codec)) = ready(scope, &args) else {
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
