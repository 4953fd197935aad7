//! What every context gets before any other JavaScript runs in it: `primordials`, `DOMException`, `emitMessage`.
//! Follows Node's `InitializePrimordials` in `src/api/environment.cc`.

use crate::binding::compile_builtin;
use crate::env::{Env, Slot};
use crate::js::{context_settings, convert, exception};

/// Name of the private symbol under which a context's global keeps the exports of the per-context scripts.
const EXPORTS_KEY: &str = "per_context_binding_exports";

const SCRIPTS: [&str; 3] = [
    "internal/per_context/primordials",
    "internal/per_context/domexception",
    "internal/per_context/messageport",
];

/// Runs the per-context scripts in the scope's current context. Returns the exports object, whose `primordials` is
/// set; `None` with an exception pending if a script failed.
pub fn initialize_context<'s>(
    scope: &mut v8::PinScope<'s, '_>,
) -> Option<v8::Local<'s, v8::Object>> {
    let env = Env::of(scope);
    let context = scope.get_current_context();
    context_settings::initialize_runtime(scope, context);
    let exports = v8::Object::new(scope);
    let primordials = convert::null_prototype_object(scope);
    convert::set(scope, exports, "primordials", primordials.into());
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    convert::set(scope, exports, "emitMessage", undefined);
    let key = exports_key(scope);
    context
        .global(scope)
        .set_private(scope, key, exports.into());
    let private_symbols = symbols_object(scope, &env, Slot::PrivateSymbols);
    let per_isolate_symbols = symbols_object(scope, &env, Slot::PerIsolateSymbols);
    for id in SCRIPTS {
        let function = compile_builtin(scope, id)?;
        function.call(
            scope,
            undefined,
            &[
                exports.into(),
                primordials.into(),
                private_symbols.into(),
                per_isolate_symbols.into(),
            ],
        )?;
    }
    Some(exports)
}

fn exports_key<'s>(scope: &v8::PinScope<'s, '_, ()>) -> v8::Local<'s, v8::Private> {
    let name = exception::string(scope, EXPORTS_KEY);
    v8::Private::for_api(scope, Some(name))
}

/// `privateSymbols` or `perIsolateSymbols`: made once, shared by all contexts of the isolate.
pub fn symbols_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    env: &Env,
    slot: Slot,
) -> v8::Local<'s, v8::Object> {
    if let Some(object) = env.object(scope, slot) {
        return object;
    }
    let private = slot == Slot::PrivateSymbols;
    let table =
        &crate::library::tables::tables()[if private { "privateSymbols" } else { "symbols" }];
    let template = v8::ObjectTemplate::new(scope);
    for key in table.as_object().into_iter().flat_map(|table| table.keys()) {
        let key: &'static str = key;
        // The library destructures the names of the native macros; four differ from the binding's keys.
        let names: &[&str] = match key {
            "handle_onclose" => &["handle_onclose_symbol"],
            "oninit" => &["oninit_symbol"],
            "onpskexchange" => &["onpskexchange_symbol"],
            _ => &[],
        };
        for name in names.iter().chain([&key]) {
            let name = exception::string(scope, name);
            if private {
                template.set(name.into(), env.private(scope, key).into());
            } else {
                template.set(name.into(), env.symbol(scope, key).into());
            }
        }
    }
    let object = template
        .new_instance(scope)
        .unwrap_or_else(|| v8::Object::new(scope));
    env.set_slot(scope, slot, object.into());
    object
}
