//! The methods of `Http2Stream` that are not those of every stream.

use std::rc::Rc;

use super::headers::HeaderBlock;
use super::session::Http2Session;
use super::session_ffi::Code;
use super::session_methods::{body, priority, return_stream, throw};
use super::stream::{Http2Stream, option};
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::ClassDefinition;

/// Adds them.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("id", id)
        .method("destroy", destroy)
        .method("priority", set_priority)
        .method("pushPromise", push_promise)
        .method("info", info)
        .method("trailers", trailers)
        .method("respond", respond)
        .method("rstStream", rst_stream)
        .method("refreshState", refresh_state);
}

/// Runs a method on a stream that belongs to a session; what JavaScript throws meanwhile is thrown at its end.
fn with(scope: Scope, args: &Args, work: impl FnOnce(Scope, &Rc<Http2Stream>, &Rc<Http2Session>)) {
    let Some(stream) = Http2Stream::of(scope, args.this().into()) else {
        return;
    };
    if let Some(session) = stream.session() {
        work(scope, &stream, &session);
        session.rethrow(scope);
    }
}

/// As [`with`], on a stream that is not destroyed.
fn with_live(
    scope: Scope,
    args: &Args,
    work: impl FnOnce(Scope, &Rc<Http2Stream>, &Rc<Http2Session>),
) {
    with(scope, args, |scope, stream, session| {
        if !stream.is_destroyed() {
            work(scope, stream, session);
        }
    });
}

/// A result as JavaScript takes it: 0, or an error.
fn number(result: Result<(), Code>) -> Code {
    result.err().unwrap_or(0)
}

fn id(scope: Scope, args: Args, mut rv: Return) {
    if let Some(stream) = Http2Stream::of(scope, args.this().into()) {
        rv.set_int32(stream.id);
    }
}

fn destroy(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, stream, _| stream.destroy(scope));
}

/// `priority(parent, weight, exclusive, silent)`
fn set_priority(scope: Scope, args: Args, _rv: Return) {
    let Some(priority) = priority(scope, &args, 0) else {
        return;
    };
    // Without a frame nothing happens: nghttp2 has no tree any more.
    if args.get(3).is_true() {
        return;
    }
    with_live(scope, &args, |scope, stream, session| {
        let _scope = session.write_scope(&Env::of(scope));
        if let Err(code) = session.library.submit_priority(stream.id, priority) {
            throw(scope, code);
        }
    });
}

/// `pushPromise(headers, options)`: the promised stream, or an error.
fn push_promise(scope: Scope, args: Args, mut rv: Return) {
    let Some(headers) = HeaderBlock::read(scope, args.get(0)) else {
        return;
    };
    let Some(options) = args.get(1).int32_value(scope) else {
        return;
    };
    with_live(scope, &args, |scope, stream, session| {
        let _scope = session.write_scope(&Env::of(scope));
        let result = session.library.submit_push_promise(stream.id, &headers);
        return_stream(scope, session, (result, options), &mut rv);
    });
}

fn info(scope: Scope, args: Args, mut rv: Return) {
    let Some(headers) = HeaderBlock::read(scope, args.get(0)) else {
        return;
    };
    with_live(scope, &args, |scope, stream, session| {
        let _scope = session.write_scope(&Env::of(scope));
        rv.set_int32(number(session.library.submit_info(stream.id, &headers)));
    });
}

fn trailers(scope: Scope, args: Args, mut rv: Return) {
    let Some(headers) = HeaderBlock::read(scope, args.get(0)) else {
        return;
    };
    with_live(scope, &args, |scope, stream, session| {
        let _scope = session.write_scope(&Env::of(scope));
        let result = if headers.is_empty() {
            session.library.submit_end(stream.id)
        } else {
            session.library.submit_trailers(stream.id, &headers)
        };
        rv.set_int32(number(result));
    });
}

/// `respond(headers, options)`
fn respond(scope: Scope, args: Args, mut rv: Return) {
    let Some(headers) = HeaderBlock::read(scope, args.get(0)) else {
        return;
    };
    let Some(mut options) = args.get(1).int32_value(scope) else {
        return;
    };
    with_live(scope, &args, |scope, stream, session| {
        let _scope = session.write_scope(&Env::of(scope));
        if options & option::GET_TRAILERS != 0 {
            stream.expect_trailers();
        }
        if !stream.is_writable() {
            options |= option::EMPTY_PAYLOAD;
        }
        let library = &session.library;
        let result = library.submit_response(stream.id, &headers, body(options));
        rv.set_int32(number(result));
    });
}

/// `rstStream(code)`
fn rst_stream(scope: Scope, args: Args, _rv: Return) {
    let Some(code) = args.get(0).uint32_value(scope) else {
        return;
    };
    with_live(scope, &args, |scope, stream, _| {
        stream.submit_reset(scope, code);
    });
}

fn refresh_state(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, stream, session| {
        let buffer = Env::of(scope).aliased::<f64>(Slot::Http2StreamState);
        let state = session.library.stream_state(stream.id);
        for (at, value) in state.into_iter().enumerate() {
            buffer.set(at, value);
        }
    });
}
