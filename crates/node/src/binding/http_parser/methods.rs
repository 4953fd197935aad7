//! The methods of `HTTPParser`.

use std::rc::Rc;

use serde_json::Value;

use super::connections_list::ConnectionsList;
use super::listening::Listening;
use super::llhttp_ffi::{REQUEST, RESPONSE};
use super::parser::{Outcome, Parser};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::{async_wrap, convert, exception, wrap};
use crate::memory::memory_guard;
use crate::stream::Stream;

/// Makes a parser, which has no identity for async hooks before it is initialised.
pub fn construct(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "HTTPParser is a class");
        return;
    }
    let object = args.this();
    let parser = Parser::new(v8::Weak::new(scope, object));
    async_wrap::wrap_anonymous(scope, object, parser);
}

fn parser_of(scope: &v8::PinScope<'_, '_>, args: &Args) -> Option<Rc<Parser>> {
    wrap::unwrap::<Parser>(scope, args.this().into())
}

/// `initialize(type, resource, maxHeaderSize, lenientFlags, connectionsList)`.
pub fn initialize(scope: Scope, args: Args, _rv: Return) {
    let Some(parser) = parser_of(scope, &args) else {
        return;
    };
    let kind = args.get(0).int32_value(scope).unwrap_or(0);
    let resource = v8::Local::<v8::Object>::try_from(args.get(1));
    let (true, Ok(resource)) = (matches!(kind, REQUEST | RESPONSE), resource) else {
        exception::throw_invalid_argument(
            scope,
            "initialize takes REQUEST or RESPONSE and a resource",
        );
        return;
    };
    let list = wrap::unwrap::<ConnectionsList>(scope, args.get(4));
    if list.is_none() && !args.get(4).is_null_or_undefined() {
        exception::throw_invalid_argument(scope, "The fifth argument is no ConnectionsList");
        return;
    }
    let env = Env::of(scope);
    // Saturates; NaN and what is no number stand for the process's own limit.
    let max_header_size = match args.get(2).number_value(scope).map(convert::saturating_u64) {
        Some(size) if size > 0 => size,
        _ => default_max_header_size(&env),
    };
    let lenient_flags = args.get(3).uint32_value(scope).unwrap_or(0);
    let provider = if kind == REQUEST {
        "HTTPINCOMINGMESSAGE"
    } else {
        "HTTPCLIENTREQUEST"
    };
    async_wrap::reset_for(scope, args.this(), resource, Some(provider));
    parser.initialize(kind, max_header_size, lenient_flags);
    parser.join(&env, list);
}

/// `--max-http-header-size`.
fn default_max_header_size(env: &Env) -> u64 {
    let size = env
        .options
        .borrow()
        .get("--max-http-header-size")
        .and_then(Value::as_u64);
    size.unwrap_or(16_384)
}

/// `execute(buffer)`: how many bytes were parsed, or an error that is returned, not thrown.
pub fn execute(scope: Scope, args: Args, mut rv: Return) {
    // Copied: what JavaScript does to the memory meanwhile must not matter.
    let bytes = convert::with_bytes(args.get(0), |bytes| {
        memory_guard::admit(bytes.len()).then(|| bytes.to_vec())
    });
    match bytes {
        Some(Some(bytes)) => parse(scope, &args, &mut rv, Some(Rc::new(bytes))),
        Some(None) => exception::throw_array_buffer_failed(scope),
        None => exception::throw_invalid_argument(scope, "execute takes a view of memory"),
    }
}

/// `finish()`: nothing more comes. Nothing, or an error.
pub fn finish(scope: Scope, args: Args, mut rv: Return) {
    parse(scope, &args, &mut rv, None);
}

fn parse(scope: Scope, args: &Args, rv: &mut Return, input: Option<Rc<Vec<u8>>>) {
    let Some(parser) = parser_of(scope, args) else {
        return;
    };
    let at_end = input.is_none();
    let Some(outcome) = parser.execute(scope, input) else {
        return;
    };
    if at_end && matches!(outcome, Outcome::Parsed(_)) {
        return;
    }
    if let Some(value) = parser.outcome_value(scope, &outcome) {
        rv.set(value);
    }
}

/// `pause()`: the next input is an error.
pub fn pause(scope: Scope, args: Args, _rv: Return) {
    if let Some(machine) = parser_of(scope, &args).and_then(|parser| parser.machine()) {
        machine.pause();
    }
}

/// `resume()`.
pub fn resume(scope: Scope, args: Args, _rv: Return) {
    if let Some(machine) = parser_of(scope, &args).and_then(|parser| parser.machine()) {
        machine.resume();
    }
}

/// `consume(handle)`: reads from the handle's stream, and tells `kOnExecute` of it.
pub fn consume(scope: Scope, args: Args, _rv: Return) {
    let Some(parser) = parser_of(scope, &args) else {
        return;
    };
    let Some(stream) = Stream::of(scope, args.get(0)) else {
        exception::throw_invalid_argument(scope, "consume takes a native stream");
        return;
    };
    parser.unconsume();
    let object = v8::Global::new(scope, args.this());
    let listening = Listening::begin(&parser, object, &stream);
    *parser.listening.borrow_mut() = Some(listening);
}

/// `unconsume()`.
pub fn unconsume(scope: Scope, args: Args, _rv: Return) {
    if let Some(parser) = parser_of(scope, &args) {
        parser.unconsume();
    }
}

/// `getCurrentBuffer()`: a copy of what is being parsed.
pub fn current_buffer(scope: Scope, args: Args, mut rv: Return) {
    if let Some(parser) = parser_of(scope, &args) {
        let bytes = parser.current_input();
        rv.set(convert::buffer(scope, bytes));
    }
}

/// `remove()`: the connection is none of the server's any more.
pub fn remove(scope: Scope, args: Args, _rv: Return) {
    if let Some(parser) = parser_of(scope, &args) {
        parser.leave();
    }
}

/// `free()`: it goes back to the library's store; its resource is destroyed.
pub fn free(scope: Scope, args: Args, _rv: Return) {
    async_wrap::release(scope, args.this());
}

/// `close()`: nothing works any more.
pub fn close(scope: Scope, args: Args, _rv: Return) {
    if let Some(parser) = parser_of(scope, &args) {
        async_wrap::release(scope, args.this());
        parser.close();
    }
}
