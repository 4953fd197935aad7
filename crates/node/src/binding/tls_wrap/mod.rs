//! `internalBinding('tls_wrap')`: TLS over any native stream. Follows Node's `src/crypto/crypto_tls.cc`.
//!
//! A [`TlsWrap`] listens to the stream below and is a stream itself; between them are OpenSSL's connection and two
//! memory buffers:
//!
//! ```text
//!   JavaScript  ── write ──►  SSL_write ──►  output  ── write ──►  stream below
//!   JavaScript  ◄── onread ──  SSL_read  ◄──  input   ◄── onread ──  stream below
//! ```
//!
//! - `connection`: its state, and the way into OpenSSL; `cycle`: what moves the bytes, and what bounds them.
//! - `stream`: the two faces, towards the stream below and towards JavaScript.
//! - `callbacks`: what OpenSSL asks in the middle of a handshake; JavaScript runs there, inside OpenSSL. `client_hello`,
//!   `server_names`, `protocols`, `shared_keys`: some of it, by subject.
//! - `methods`, `facts`: what JavaScript sets and asks.
//!
//! # Re-entrance
//! OpenSSL is never entered by two calls at once on one connection: what JavaScript wants in the middle of a callback
//! (to write, to end) waits until the outer call has returned. The connection is held by whoever is inside it, so that
//! `destroySSL` in a callback frees nothing that is in use.

mod callbacks;
mod client_hello;
mod connection;
mod cycle;
mod facts;
mod methods;
mod protocols;
mod server_names;
mod shared_keys;
mod stream;

use std::rc::Rc;

pub use callbacks::with_scope_of;
pub use connection::TlsWrap;

use super::crypto::secure_context::SecureContext;
use super::stream_base;
use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, class_template, illegal_constructor};
use crate::js::{convert, exception};
use crate::stream::Stream;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    let class = definition
        .class("TLSWrap", illegal_constructor)
        .inherits("AsyncWrap");
    methods::add_methods(class);
    facts::add_methods(class);
    stream_base::add_methods(class);
    definition.function("wrap", wrap_stream);
    definition.init(|scope, binding| {
        let none = v8::Integer::new(scope, 0).into();
        convert::set(scope, binding, "HAVE_SSL_TRACE", none);
    });
}

/// `wrap(handle, secureContext, isServer, hasActiveWriteFromPreviousOwner)`
fn wrap_stream(scope: Scope, args: Args, mut rv: Return) {
    let (Some(below), Some(secure_context)) = (
        Stream::of(scope, args.get(0)),
        SecureContext::of(scope, args.get(1)),
    ) else {
        let message = "TLS wraps a native stream with a secure context";
        return exception::throw_invalid_argument(scope, message);
    };
    let template = class_template(scope, "TLSWrap");
    let Some(object) =
        template.and_then(|template| template.instance_template(scope).new_instance(scope))
    else {
        return;
    };
    let made = TlsWrap::create(scope, object, below, secure_context, args.get(2).is_true());
    match made {
        Ok(wrap) => {
            wrap.set_earlier_writes(args.get(3).is_true());
            rv.set(object.into());
        }
        Err(error) => error.throw(scope),
    }
}

/// Behind the receiver of a method.
fn receiver(scope: &v8::PinScope<'_, '_>, args: &Args) -> Option<Rc<TlsWrap>> {
    TlsWrap::of(scope, args.this().into())
}
