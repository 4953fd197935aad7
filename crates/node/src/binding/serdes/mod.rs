//! `internalBinding('serdes')`: the classes behind `v8.Serializer` and `v8.Deserializer`. Follows Node's
//! `src/node_serdes.cc`.

mod deserializer;
mod serializer;

use crate::callback::{Args, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    serializer::define(definition);
    deserializer::define(definition);
}

/// Throws where a class is called like a function; true if it was.
fn refuse_plain_call(scope: Scope, args: &Args, class: &str) -> bool {
    if !args.new_target().is_undefined() {
        return false;
    }
    let message = format!("Class constructor {class} cannot be invoked without 'new'");
    exception::throw_construct_call_required(scope, &message);
    true
}

/// A method that a subclass may define; `Ok(None)` where it does not, `Err` with an exception pending.
fn hook<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    this: v8::Local<'s, v8::Object>,
    name: &'static str,
) -> Result<Option<v8::Local<'s, v8::Function>>, ()> {
    let key = Env::of(scope).name(scope, name);
    let method = this.get(scope, key.into()).ok_or(())?;
    Ok(method.try_cast().ok())
}
