//! `internalBinding('js_stream')`: a stream whose data is produced and taken by JavaScript. Follows Node's
//! `src/js_stream.cc`.

use std::rc::Rc;

use secure_exec_kernel::Errno;

use super::stream_base;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{async_wrap, callback_scope, convert, exception, uv};
use crate::stream::{Read, Stream, StreamRequest, StreamResource, UV_EOF};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    let class = definition
        .class("JSStream", new_js_stream)
        .inherits("AsyncWrap");
    class
        .method("finishWrite", finish)
        .method("finishShutdown", finish)
        .method("readBuffer", read_buffer)
        .method("emitEOF", emit_eof);
    stream_base::add_methods(class);
}

/// Calls the methods that the library puts on the object.
struct JsStream;

impl JsStream {
    /// Calls `name` and returns its result as a number. A missing method is `EPROTO`, and so is an exception, which is
    /// reported as uncaught.
    fn call(
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        name: &'static str,
        arguments: impl for<'s> FnOnce(&mut v8::PinScope<'s, '_>) -> Vec<v8::Local<'s, v8::Value>>,
    ) -> i32 {
        v8::scope!(let scope, scope);
        let Some(object) = stream.object(scope) else {
            return uv::error(Errno::EBADF);
        };
        let arguments = arguments(scope);
        let result = callback_scope::with_uncaught(scope, |scope| {
            callback_scope::make_named_callback(scope, object, name, &arguments)?.int32_value(scope)
        });
        result.unwrap_or(uv::error(Errno::EPROTO))
    }
}

impl StreamResource for JsStream {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32 {
        JsStream::call(scope, stream, "onreadstart", |_| Vec::new())
    }

    fn read_stop(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32 {
        JsStream::call(scope, stream, "onreadstop", |_| Vec::new())
    }

    fn write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
    ) -> i32 {
        self.write_pieces(scope, stream, request, vec![bytes])
    }

    fn keeps_pieces(&self) -> bool {
        true
    }

    fn write_pieces(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        pieces: Vec<Vec<u8>>,
    ) -> i32 {
        // As in Node, where it is no request of the loop's: what JavaScript waits for decides.
        request.unref(scope);
        JsStream::call(scope, stream, "onwrite", |scope| {
            let buffers: Vec<_> = pieces
                .into_iter()
                .map(|piece| convert::buffer(scope, piece))
                .collect();
            let buffers = v8::Array::new_with_elements(scope, &buffers).into();
            request
                .object(scope)
                .map(|object| vec![object.into(), buffers])
                .unwrap_or_default()
        })
    }

    fn shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
    ) -> i32 {
        request.unref(scope);
        JsStream::call(scope, stream, "onshutdown", |scope| {
            request
                .object(scope)
                .map(|object| vec![object.into()])
                .unwrap_or_default()
        })
    }

    fn is_closing(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> bool {
        v8::scope!(let scope, scope);
        let Some(object) = stream.object(scope) else {
            return true;
        };
        let closing = callback_scope::with_uncaught(scope, |scope| {
            callback_scope::make_named_callback(scope, object, "isClosing", &[])
        });
        closing.is_none_or(|closing| closing.is_true())
    }
}

fn new_js_stream(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "JSStream must be called with new");
        return;
    }
    async_wrap::wrap_async(scope, args.this(), "JSSTREAM", ());
    Stream::attach(scope, args.this(), Rc::new(JsStream));
}

/// `finishWrite(req, status)`, `finishShutdown(req, status)`
fn finish(scope: Scope, args: Args, _rv: Return) {
    let Some(request) = StreamRequest::of(scope, args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"req\" argument must be a request");
        return;
    };
    let Some(status) = args.get(1).int32_value(scope) else {
        return;
    };
    request.done(scope, status);
}

fn read_buffer(scope: Scope, args: Args, _rv: Return) {
    let Some(stream) = Stream::of(scope, args.this().into()) else {
        return;
    };
    let Some(bytes) = convert::bytes(args.get(0)) else {
        exception::throw_invalid_argument(
            scope,
            "The \"buffer\" argument must be an ArrayBufferView",
        );
        return;
    };
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(stream.read_size(rest.len()).min(rest.len()));
        stream.emit_read(scope, Read::Data(head.to_vec()));
        rest = tail;
    }
}

fn emit_eof(scope: Scope, args: Args, _rv: Return) {
    if let Some(stream) = Stream::of(scope, args.this().into()) {
        stream.emit_read(scope, Read::End(UV_EOF));
    }
}
