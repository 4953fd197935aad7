//! `internalBinding('http2')`: HTTP/2 over any native stream, by nghttp2. Follows Node's `src/node_http2.cc`.
//!
//! An [`session::Http2Session`] listens to the stream below; each [`stream::Http2Stream`] of it is a stream itself:
//!
//! ```text
//!   JavaScript  ── write ──►  queue of a stream  ── mem_send ──►  outgoing  ── write ──►  stream below
//!   JavaScript  ◄── onread, headers, … ──  callbacks  ◄── mem_recv ──  onread  ◄──  stream below
//! ```
//!
//! - `session_ffi`, `callbacks_ffi`, `frame_ffi`, `memory_ffi`: nghttp2, and nothing else that is unsafe.
//! - `session`: its state, the way into nghttp2 and out of it into JavaScript; `receive`, `send`: what moves the bytes.
//! - `stream`: one stream, and what bounds it. `headers`, `settings`, `acknowledged` (pings and settings that wait).
//! - `options`, `state`: what the library sets by shared arrays. `session_methods`, `stream_methods`: what it calls.
//!
//! # Re-entrance
//! nghttp2 calls JavaScript in the middle of taking bytes or giving them, and JavaScript may do anything: write, reset,
//! destroy the session. nghttp2 is then asked for nothing but frames to be queued: bytes that are to be sent, and a
//! session that is to be closed, wait until the call has returned. Whoever is inside nghttp2 holds the session, which is
//! freed only with its object.
//!
//! # Bounds
//! What nghttp2 allocates, headers, and data on its way count against `maxSessionMemory`: beyond it no stream of a peer's
//! begins. A peer that sends too many frames that are invalid or say nothing, too many resets, settings or continuations
//! ends its session. What is gathered for the peer is bounded by `send::BATCH`.

mod acknowledged;
mod callbacks_ffi;
mod frame_ffi;
mod headers;
mod memory_ffi;
mod options;
mod receive;
mod send;
mod session;
mod session_ffi;
mod session_methods;
mod settings;
mod state;
mod statistics;
mod stream;
mod stream_methods;

use super::stream_base;
use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, illegal_constructor};
use crate::js::exception;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("nghttp2ErrorString", error_string)
        .function("refreshDefaultSettings", settings::refresh_defaults)
        .function("packSettings", settings::pack)
        .function("setCallbackFunctions", state::set_callback_functions);
    for name in ["Http2Ping", "Http2Settings"] {
        definition
            .class(name, illegal_constructor)
            .inherits("AsyncWrap")
            .hidden();
    }
    let class = definition
        .class("Http2Stream", illegal_constructor)
        .inherits("AsyncWrap");
    stream_methods::add_methods(class);
    stream_base::add_methods(class);
    let class = definition
        .class("Http2Session", session_methods::construct)
        .inherits("AsyncWrap");
    session_methods::add_methods(class);
    definition.init(state::initialize);
}

/// `nghttp2ErrorString(code)`
fn error_string(scope: Scope, args: Args, mut rv: Return) {
    if let Some(code) = args.get(0).int32_value(scope) {
        let text = session_ffi::error_text(code);
        rv.set(exception::string(scope, &text).into());
    }
}
