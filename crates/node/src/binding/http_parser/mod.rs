//! `internalBinding('http_parser')`: messages of HTTP/1 from bytes, by llhttp. Follows Node's `src/node_http_parser.cc`.
//!
//! - `llhttp_ffi`: llhttp's C interface.
//! - `events`: from its callbacks to those of a parser; every input is one run.
//! - `parser`, `text`: what a parser has of the current message.
//! - `listening`: a parser on a native stream.
//! - `methods`, `connections_list`: the classes.
//!
//! # Deviations
//! What Node's parser does when a callback of it gives it another input or initialises it anew depends on where it is.
//! Here the other input is parsed behind the one it is at, and the latter ends what is being parsed.

mod connections_list;
mod events;
mod listening;
mod llhttp_ffi;
mod methods;
mod parser;
#[cfg(test)]
mod tests;
mod text;

use parser::callback;

use crate::js::class::Definition;
use crate::js::convert;

/// Declares the binding. The lists of methods are among the pinned binary's constants.
pub fn define(definition: &mut Definition) {
    definition
        .class("HTTPParser", methods::construct)
        .inherits("AsyncWrap")
        .method("close", methods::close)
        .method("free", methods::free)
        .method("remove", methods::remove)
        .method("execute", methods::execute)
        .method("finish", methods::finish)
        .method("initialize", methods::initialize)
        .method("pause", methods::pause)
        .method("resume", methods::resume)
        .method("consume", methods::consume)
        .method("unconsume", methods::unconsume)
        .method("getCurrentBuffer", methods::current_buffer);
    definition
        .class("ConnectionsList", connections_list::construct)
        .method("all", connections_list::all)
        .method("idle", connections_list::idle)
        .method("active", connections_list::active)
        .method("expired", connections_list::expired);
    definition.init(init);
}

/// Constants of the class.
const CONSTANTS: [(&str, u32); 22] = [
    ("REQUEST", llhttp_ffi::REQUEST as u32),
    ("RESPONSE", llhttp_ffi::RESPONSE as u32),
    ("kOnMessageBegin", callback::ON_MESSAGE_BEGIN),
    ("kOnHeaders", callback::ON_HEADERS),
    ("kOnHeadersComplete", callback::ON_HEADERS_COMPLETE),
    ("kOnBody", callback::ON_BODY),
    ("kOnMessageComplete", callback::ON_MESSAGE_COMPLETE),
    ("kOnExecute", callback::ON_EXECUTE),
    ("kOnTimeout", callback::ON_TIMEOUT),
    ("kLenientNone", 0),
    ("kLenientHeaders", 1 << 0),
    ("kLenientChunkedLength", 1 << 1),
    ("kLenientKeepAlive", 1 << 2),
    ("kLenientTransferEncoding", 1 << 3),
    ("kLenientVersion", 1 << 4),
    ("kLenientDataAfterClose", 1 << 5),
    ("kLenientOptionalLFAfterCR", 1 << 6),
    ("kLenientOptionalCRLFAfterChunk", 1 << 7),
    ("kLenientOptionalCRBeforeLF", 1 << 8),
    ("kLenientSpacesAfterChunkSize", 1 << 9),
    ("kLenientHeaderValueRelaxed", 1 << 10),
    // Not the last, which one asks for by name.
    ("kLenientAll", (1 << 10) - 1),
];

fn init(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let Some(class) = convert::get(scope, binding, "HTTPParser").and_then(|c| c.to_object(scope))
    else {
        return;
    };
    for (name, value) in CONSTANTS {
        let value = v8::Integer::new_from_unsigned(scope, value).into();
        convert::set(scope, class, name, value);
    }
}
