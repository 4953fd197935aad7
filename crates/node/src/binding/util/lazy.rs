//! Properties that load a module of the library when they are first read.

use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};

/// `defineLazyProperties(target, id, keys, enumerable = true)`: data properties of `target` whose values are those of
/// `require(id)`, loaded at the first read. To reflection they look like any data property.
pub fn define_lazy_properties(scope: Scope, args: Args, _rv: Return) {
    let (Ok(target), Ok(keys)) = (
        v8::Local::<v8::Object>::try_from(args.get(0)),
        v8::Local::<v8::Array>::try_from(args.get(2)),
    ) else {
        throw_invalid_argument(
            scope,
            "defineLazyProperties takes an object, an id and an array of keys",
        );
        return;
    };
    let id = args.get(1);
    if !id.is_string() {
        throw_invalid_argument(scope, "The \"id\" argument must be a string");
        return;
    }
    let attributes = || {
        if args.length() < 4 || args.get(3).is_true() {
            v8::PropertyAttribute::NONE
        } else {
            v8::PropertyAttribute::DONT_ENUM
        }
    };
    for index in 0..keys.length() {
        let Some(key) = keys.get_index(scope, index) else {
            return;
        };
        let Ok(key) = v8::Local::<v8::String>::try_from(key) else {
            throw_invalid_argument(scope, "The \"keys\" argument must be an array of strings");
            return;
        };
        let defined = target.set_lazy_data_property_with_data(
            scope,
            key.into(),
            callback::accessor_getter(lazy_property_getter),
            id,
            attributes(),
            v8::SideEffectType::HasSideEffect,
            v8::SideEffectType::HasSideEffect,
        );
        if defined.is_none() {
            return;
        }
    }
}

/// The getter behind a lazy property: `require(data)[name]`.
pub fn lazy_property_getter(
    scope: Scope,
    name: v8::Local<'_, v8::Name>,
    args: v8::PropertyCallbackArguments<'_>,
    mut rv: Return,
) {
    let env = Env::of(scope);
    let Some(require) = env.function(scope, Slot::RequireBuiltin) else {
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_INVALID_STATE",
            "The library is not loaded yet",
        );
        return;
    };
    let receiver = v8::null(scope).into();
    let id = args.data();
    let Some(module) = require.call(scope, receiver, &[id]) else {
        return;
    };
    let Some(module) = module.to_object(scope) else {
        return;
    };
    if let Some(value) = module.get(scope, name.into()) {
        rv.set(value);
    }
}
