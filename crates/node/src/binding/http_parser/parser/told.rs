//! What llhttp tells of a message, on its way to JavaScript.

use std::ffi::c_int;
use std::rc::Rc;

use super::{Called, Parser, Piece, Texts, callback, now};
use crate::binding::http_parser::events::Run;
use crate::binding::http_parser::llhttp_ffi::{Machine, errno};
use crate::binding::http_parser::text::trimmed;
use crate::env::Env;
use crate::js::convert;
use crate::memory::memory_guard;

/// Headers that are handed over at a time (`kMaxHeaderFieldsCount`, one of which is the next).
const HEADERS_AT_A_TIME: usize = 31;

/// At most how many bytes the extensions of one chunk have (`kMaxChunkExtensionsSize`).
const MAX_CHUNK_EXTENSIONS: usize = 16_384;

/// Each answers what llhttp is to do.
impl Parser {
    /// A message begins.
    pub fn on_message_begin(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) -> c_int {
        self.texts.borrow_mut().clear();
        self.headers_completed.set(false);
        self.chunk_extension_bytes.set(0);
        let list = self.list.borrow().clone();
        if let Some(list) = list {
            if !self.active.replace(true) {
                list.insert(self);
            }
            self.message_start.set(now(&Env::of(scope)));
        }
        match self.call(scope, callback::ON_MESSAGE_BEGIN, true, &[]) {
            Called::Threw => -1,
            _ => errno::OK,
        }
    }

    /// A piece of the head, or of headers behind the body, at `start` of the input.
    pub fn on_piece(&self, run: &Run<'_>, piece: Piece, start: usize, length: usize) -> c_int {
        let total = self.header_bytes.get().saturating_add(length as u64);
        self.header_bytes.set(total);
        if total >= self.max_header_size.get() || !memory_guard::admit(length) {
            run.machine
                .set_reason(c"HPE_HEADER_OVERFLOW:Header overflow");
            return errno::USER;
        }
        let is_next_field = matches!(piece, Piece::HeaderField)
            && self.texts.borrow().used == 2 * HEADERS_AT_A_TIME;
        if is_next_field && run.with_scope(|scope| self.flush(scope, run.input)) == Flushed::Threw {
            return errno::USER;
        }
        let mut texts = self.texts.borrow_mut();
        // A value that llhttp does not tell of (an empty one) is empty.
        let wanted = match piece {
            Piece::HeaderField => 1,
            _ => 0,
        };
        let text = match piece {
            Piece::Url => &mut texts.url,
            Piece::StatusMessage => &mut texts.status_message,
            Piece::HeaderField | Piece::HeaderValue => {
                if texts.used % 2 != wanted {
                    texts.begin();
                }
                let last = texts.used - 1;
                &mut texts.headers[last]
            }
        };
        text.add(run.input, start, length);
        errno::OK
    }

    /// The head is there. JavaScript says whether there is no body (1), or another protocol (2).
    pub fn on_headers_complete(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        machine: &Machine,
        input: &[u8],
    ) -> c_int {
        self.headers_completed.set(true);
        self.header_bytes.set(0);
        let message = machine.message();
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        let mut arguments = [undefined; 9];
        if self.flushed.get() {
            if self.flush(scope, input) == Flushed::Threw {
                return -1;
            }
        } else {
            let texts = self.texts.borrow();
            arguments[2] = headers_array(scope, &texts, input).into();
            if message.is_request {
                arguments[4] = one_byte(scope, texts.url.bytes(input)).into();
            }
        }
        arguments[0] = v8::Integer::new(scope, message.version.0.into()).into();
        arguments[1] = v8::Integer::new(scope, message.version.1.into()).into();
        if message.is_request {
            arguments[3] = v8::Integer::new(scope, message.method.into()).into();
        } else {
            arguments[5] = v8::Integer::new(scope, message.status_code.into()).into();
            let texts = self.texts.borrow();
            arguments[6] = one_byte(scope, texts.status_message.bytes(input)).into();
        }
        arguments[7] = v8::Boolean::new(scope, message.upgrade).into();
        arguments[8] = v8::Boolean::new(scope, machine.should_keep_alive()).into();
        self.texts.borrow_mut().used = 0;
        match self.call(scope, callback::ON_HEADERS_COMPLETE, true, &arguments) {
            Called::Nothing => 0,
            Called::Threw => -1,
            Called::Returned(value) => match value.integer_value(scope) {
                Some(value) => c_int::try_from(value).unwrap_or(-1),
                None => {
                    self.threw.set(true);
                    -1
                }
            },
        }
    }

    /// A piece of the body.
    pub fn on_body(&self, scope: &mut v8::PinScope<'_, '_>, bytes: &[u8]) -> c_int {
        if bytes.is_empty() {
            return errno::OK;
        }
        v8::scope!(let scope, scope);
        let buffer = convert::buffer(scope, bytes.to_vec());
        match self.call(scope, callback::ON_BODY, false, &[buffer]) {
            Called::Threw => errno::USER,
            _ => errno::OK,
        }
    }

    /// The message is there.
    pub fn on_message_complete(&self, scope: &mut v8::PinScope<'_, '_>, input: &[u8]) -> c_int {
        v8::scope!(let scope, scope);
        self.active.set(false);
        self.message_start.set(0);
        if self.texts.borrow().used > 0 && self.flush(scope, input) == Flushed::Threw {
            return -1;
        }
        match self.call(scope, callback::ON_MESSAGE_COMPLETE, true, &[]) {
            Called::Threw => -1,
            _ => errno::OK,
        }
    }

    /// Extensions of a chunk, which nobody asks for.
    pub fn on_chunk_extension(&self, machine: &Machine, length: usize) -> c_int {
        let total = self.chunk_extension_bytes.get().saturating_add(length);
        self.chunk_extension_bytes.set(total);
        if total > MAX_CHUNK_EXTENSIONS {
            machine.set_reason(c"HPE_CHUNK_EXTENSIONS_OVERFLOW:Chunk extensions overflow");
            return errno::USER;
        }
        errno::OK
    }

    /// A chunk begins or ends: what is read of headers is counted anew.
    pub fn on_chunk(&self) {
        self.header_bytes.set(0);
        self.chunk_extension_bytes.set(0);
    }

    /// Hands over headers and URL ahead of time: there are many, or they stand behind the body.
    fn flush(&self, scope: &mut v8::PinScope<'_, '_>, input: &[u8]) -> Flushed {
        v8::scope!(let scope, scope);
        let (headers, url) = {
            let mut texts = self.texts.borrow_mut();
            let headers = headers_array(scope, &texts, input);
            let url = one_byte(scope, texts.url.bytes(input));
            texts.url.clear();
            texts.used = 0;
            (headers, url)
        };
        self.flushed.set(true);
        match self.call(
            scope,
            callback::ON_HEADERS,
            false,
            &[headers.into(), url.into()],
        ) {
            Called::Threw => Flushed::Threw,
            _ => Flushed::Done,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Flushed {
    Done,
    Threw,
}

fn one_byte<'s>(scope: &v8::PinScope<'s, '_>, bytes: &[u8]) -> v8::Local<'s, v8::String> {
    v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal)
        .unwrap_or_else(|| v8::String::empty(scope))
}

/// Names and values by turns.
fn headers_array<'s>(
    scope: &v8::PinScope<'s, '_>,
    texts: &Texts,
    input: &[u8],
) -> v8::Local<'s, v8::Array> {
    let empty: v8::Local<v8::Value> = v8::String::empty(scope).into();
    let mut values = [empty; 2 * HEADERS_AT_A_TIME];
    // A name whose value is still to come is not handed over.
    let count = texts.used - texts.used % 2;
    for (index, text) in texts.headers[..count].iter().enumerate() {
        let bytes = text.bytes(input);
        let bytes = if index % 2 == 0 {
            bytes
        } else {
            trimmed(bytes)
        };
        values[index] = one_byte(scope, bytes).into();
    }
    v8::Array::new_with_elements(scope, &values[..count])
}
