//! `internalBinding('symbols')`: the symbols that native code and the library share. Follows Node's `src/node_symbols.cc`.

use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::{convert, exception};
use crate::library::tables::tables;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    for key in keys() {
        let symbol = env.symbol(scope, key);
        let name = exception::string(scope, key);
        binding.set(scope, name.into(), symbol.into());
    }
}

fn keys() -> impl Iterator<Item = &'static str> {
    tables()["symbols"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
}

/// Names that `env_properties.h` gives symbols whose description differs from the name.
const MACRO_NAMES: &[(&str, &str)] = &[
    ("handle_onclose", "handle_onclose_symbol"),
    ("oninit", "oninit_symbol"),
    ("onpskexchange", "onpskexchange_symbol"),
];

/// `perIsolateSymbols`: the same symbols under the names of Node's `env_properties.h`, as the per-context scripts take
/// them. Made once per isolate.
pub fn per_isolate_symbols<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
    let env = Env::of(scope);
    if let Some(object) = env.object(scope, Slot::PerIsolateSymbols) {
        return object;
    }
    let object = convert::null_prototype_object(scope);
    for key in keys() {
        let name = MACRO_NAMES
            .iter()
            .find(|(description, _)| *description == key)
            .map_or(key, |(_, name)| name);
        let symbol = env.symbol(scope, key);
        let name = exception::string(scope, name);
        object.set(scope, name.into(), symbol.into());
    }
    env.set_slot(scope, Slot::PerIsolateSymbols, object.into());
    object
}
