//! The methods of `Http2Session`.

use std::rc::Rc;

use super::headers::{HeaderBlock, one_byte, origins};
use super::session::Http2Session;
use super::session_ffi::{Body, Code, Kind, Priority, error_text};
use super::settings::{self, Whose};
use super::stream::{Http2Stream, option};
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::ClassDefinition;
use crate::js::{convert, exception};
use crate::stream::Stream;

/// What ALTSVC can hold of origin and value.
const LARGEST_ALTSVC: usize = 16_382;

/// Adds them.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("origin", origin)
        .method("altsvc", altsvc)
        .method("ping", ping)
        .method("consume", consume)
        .method("receive", receive)
        .method("destroy", destroy)
        .method("goaway", goaway)
        .method("hasPendingData", has_pending_data)
        .method("settings", settings)
        .method("request", request)
        .method("setNextStreamID", set_next_stream_id)
        .method("setLocalWindowSize", set_local_window_size)
        .method("updateChunksSent", update_chunks_sent)
        .method("refreshState", refresh_state)
        .method("localSettings", local_settings)
        .method("remoteSettings", remote_settings)
        .method("setGracefulClose", set_graceful_close);
}

/// `new Http2Session(type)`
pub fn construct(scope: Scope, args: Args, _rv: Return) {
    let kind = match args.get(0).int32_value(scope) {
        Some(0) => Kind::Server,
        Some(1) => Kind::Client,
        _ => {
            let message = "The \"type\" argument must be that of a session";
            return exception::throw_invalid_argument(scope, message);
        }
    };
    if !args.is_construct_call() {
        let message = "Http2Session must be called with new";
        return exception::throw_invalid_argument(scope, message);
    }
    if let Err(code) = Http2Session::create(scope, args.this(), kind) {
        throw(scope, code);
    }
}

/// Throws an error of nghttp2's.
pub(super) fn throw(scope: &mut v8::PinScope<'_, '_>, code: Code) {
    let kind = exception::ErrorKind::Error;
    exception::throw(scope, kind, "ERR_HTTP2_ERROR", &error_text(code));
}

/// Runs a method on a session; what JavaScript throws meanwhile is thrown at its end.
fn with(scope: Scope, args: &Args, work: impl FnOnce(Scope, &Rc<Http2Session>)) {
    if let Some(session) = Http2Session::of(scope, args.this().into()) {
        work(scope, &session);
        session.rethrow(scope);
    }
}

/// `consume(handle)`
fn consume(scope: Scope, args: Args, _rv: Return) {
    let Some(below) = Stream::of(scope, args.get(0)) else {
        let message = "HTTP/2 is spoken over a native stream";
        return exception::throw_invalid_argument(scope, message);
    };
    with(scope, &args, |_, session| session.consume(&below));
}

/// `receive(bytes)`: as if the stream below had brought them.
fn receive(scope: Scope, args: Args, _rv: Return) {
    let Some(bytes) = convert::bytes(args.get(0)) else {
        let message = "The \"buffer\" argument must be an ArrayBufferView";
        return exception::throw_invalid_argument(scope, message);
    };
    if !bytes.is_empty() {
        with(scope, &args, |scope, session| {
            session.take_input(scope, bytes);
        });
    }
}

/// `destroy(code, isSocketClosed)`
fn destroy(scope: Scope, args: Args, _rv: Return) {
    let Some(code) = args.get(0).uint32_value(scope) else {
        return;
    };
    let is_socket_closed = args.get(1).is_true();
    with(scope, &args, |scope, session| {
        session.close(scope, code, is_socket_closed);
    });
}

/// `goaway(code, lastStreamID, data)`
fn goaway(scope: Scope, args: Args, _rv: Return) {
    let Some(code) = args.get(0).uint32_value(scope) else {
        return;
    };
    let Some(last_stream) = args.get(1).int32_value(scope) else {
        return;
    };
    let data = convert::bytes(args.get(2)).unwrap_or_default();
    with(scope, &args, |scope, session| {
        if session.flags.destroyed.get() {
            return;
        }
        session.flags.goaway_initiated.set(true);
        let _scope = session.write_scope(&Env::of(scope));
        // As in Node: a frame that cannot be is not sent.
        let _ = session.library.submit_goaway(code, last_stream, &data);
    });
}

fn has_pending_data(scope: Scope, args: Args, mut rv: Return) {
    with(scope, &args, |_, session| {
        rv.set_bool(session.has_pending_data());
    });
}

/// The function in an argument.
fn callback<'s>(scope: Scope, args: &Args<'s>, index: i32) -> Option<v8::Local<'s, v8::Function>> {
    convert::function_argument(scope, args, index, "callback")
}

/// `ping(payload, callback)`: whether it was sent.
fn ping(scope: Scope, args: Args, mut rv: Return) {
    let payload = convert::bytes(args.get(0)).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let Some(callback) = callback(scope, &args, 1) else {
        return;
    };
    with(scope, &args, |scope, session| {
        rv.set_bool(session.add_ping(scope, payload, callback));
    });
}

/// `settings(callback)`: whether they were sent.
fn settings(scope: Scope, args: Args, mut rv: Return) {
    let Some(callback) = callback(scope, &args, 0) else {
        return;
    };
    with(scope, &args, |scope, session| {
        rv.set_bool(session.add_settings(scope, callback));
    });
}

/// Where a stream is in the tree of priorities, from three arguments.
pub(super) fn priority(scope: Scope, args: &Args, first: i32) -> Option<Priority> {
    Some(Priority {
        parent: args.get(first).int32_value(scope)?,
        weight: args.get(first + 1).int32_value(scope)?,
        exclusive: args.get(first + 2).is_true(),
    })
}

/// What takes the data of a message with these options.
pub(super) fn body(options: i32) -> Body {
    if options & option::EMPTY_PAYLOAD == 0 {
        Body::Stream
    } else {
        Body::None
    }
}

/// Gives a new stream to JavaScript, or says why there is none.
pub(super) fn return_stream(
    scope: Scope,
    session: &Rc<Http2Session>,
    (result, options): (Result<i32, Code>, i32),
    rv: &mut Return,
) {
    /// `NGHTTP2_HCAT_HEADERS`
    const HEADERS: u32 = 3;
    match result {
        Ok(id) => {
            let stream = Http2Stream::create(scope, session, id, HEADERS, options);
            if let Some(object) = stream.and_then(|stream| stream.object(scope)) {
                rv.set(object.into());
            }
        }
        Err(code) => rv.set_int32(code),
    }
}

/// `request(headers, options, parent, weight, exclusive)`: the stream, or an error.
fn request(scope: Scope, args: Args, mut rv: Return) {
    let Some(headers) = HeaderBlock::read(scope, args.get(0)) else {
        return;
    };
    let Some(options) = args.get(1).int32_value(scope) else {
        return;
    };
    let Some(priority) = priority(scope, &args, 2) else {
        return;
    };
    with(scope, &args, |scope, session| {
        let _scope = session.write_scope(&Env::of(scope));
        let library = &session.library;
        let result = library.submit_request(priority, &headers, body(options));
        return_stream(scope, session, (result, options), &mut rv);
    });
}

fn set_next_stream_id(scope: Scope, args: Args, mut rv: Return) {
    if let Some(id) = args.get(0).int32_value(scope) {
        with(scope, &args, |_, session| {
            rv.set_bool(session.library.set_next_stream_id(id).is_ok());
        });
    }
}

fn set_local_window_size(scope: Scope, args: Args, mut rv: Return) {
    if let Some(bytes) = args.get(0).int32_value(scope) {
        with(scope, &args, |_, session| {
            rv.set_int32(session.library.set_local_window_size(bytes));
        });
    }
}

fn update_chunks_sent(scope: Scope, args: Args, mut rv: Return) {
    let object = args.this();
    with(scope, &args, |scope, session| {
        let chunks = session.flags.chunks_sent.get();
        let value = v8::Integer::new_from_unsigned(scope, chunks).into();
        convert::set(scope, object, "chunksSentSinceLastWrite", value);
        rv.set_uint32(chunks);
    });
}

fn refresh_state(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, session| {
        let buffer = Env::of(scope).aliased::<f64>(Slot::Http2SessionState);
        for (at, value) in session.library.session_state().into_iter().enumerate() {
            buffer.set(at, value);
        }
    });
}

fn local_settings(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, session| {
        let custom = session.local_settings.borrow();
        settings::refresh(&Env::of(scope), &session.library, Whose::Local, &custom);
    });
}

fn remote_settings(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, session| {
        let custom = session.remote_settings.borrow();
        settings::refresh(&Env::of(scope), &session.library, Whose::Remote, &custom);
    });
}

fn set_graceful_close(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, session| {
        session.flags.graceful_close.set(true)
    });
}

/// The text of an argument, as Latin-1.
fn text(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<Vec<u8>> {
    let text = value.to_string(scope)?;
    one_byte(scope, text)
}

/// `altsvc(id, origin, value)`
fn altsvc(scope: Scope, args: Args, _rv: Return) {
    let Some(id) = args.get(0).int32_value(scope) else {
        return;
    };
    let Some(origin) = text(scope, args.get(1)) else {
        return;
    };
    let Some(value) = text(scope, args.get(2)) else {
        return;
    };
    // One of the connection has an origin, one of a stream has that of the stream.
    if origin.len() + value.len() > LARGEST_ALTSVC || origin.is_empty() == (id == 0) {
        let message = "The alternative service cannot be told in one frame";
        return exception::throw_invalid_argument(scope, message);
    }
    with(scope, &args, |scope, session| {
        let _scope = session.write_scope(&Env::of(scope));
        if let Err(code) = session.library.submit_altsvc(id, &origin, &value) {
            throw(scope, code);
        }
    });
}

/// `origin(text, count)`
fn origin(scope: Scope, args: Args, _rv: Return) {
    let Some(text) = text(scope, args.get(0)) else {
        return;
    };
    let count = args.get(1).uint32_value(scope).unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    // With a NUL in one of them nothing fits, and nghttp2 would send what is no origin.
    let list = origins(&text, count).unwrap_or_else(|| vec![&[0]]);
    with(scope, &args, |scope, session| {
        let _scope = session.write_scope(&Env::of(scope));
        if let Err(code) = session.library.submit_origin(&list) {
            throw(scope, code);
        }
    });
}
