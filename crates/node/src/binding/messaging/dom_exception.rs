//! `DOMException`, a class of the library that native code throws.

use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};

/// `exposeLazyDOMExceptionProperty(target)`.
pub fn expose_lazy_dom_exception_property(scope: Scope, args: Args, _rv: Return) {
    let Ok(target) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"target\" argument must be an object");
        return;
    };
    define_lazily(scope, target);
}

/// Defines `DOMException` on `target`, a data property that is not enumerable and takes its value at the first read.
pub fn define_lazily(scope: &mut v8::PinScope<'_, '_>, target: v8::Local<'_, v8::Object>) {
    let name = Env::of(scope).name(scope, "DOMException");
    let data = v8::undefined(scope).into();
    target.set_lazy_data_property_with_data(
        scope,
        name.into(),
        callback::accessor_getter(dom_exception_getter),
        data,
        v8::PropertyAttribute::DONT_ENUM,
        v8::SideEffectType::HasSideEffect,
        v8::SideEffectType::HasSideEffect,
    );
}

/// The getter behind the lazy property.
pub fn dom_exception_getter(
    scope: Scope,
    _name: v8::Local<'_, v8::Name>,
    _args: v8::PropertyCallbackArguments<'_>,
    mut rv: Return,
) {
    if let Some(class) = dom_exception_class(scope) {
        rv.set(class.into());
    }
}

fn dom_exception_class<'s>(
    scope: &mut v8::PinScope<'s, '_>,
) -> Option<v8::Local<'s, v8::Function>> {
    let exports = Env::of(scope).object(scope, Slot::PerContextExports)?;
    convert::get(scope, exports, "DOMException")?
        .try_cast()
        .ok()
}

/// A new `DOMException` called `name`; a plain `Error` while the library has no such class yet.
pub fn new_dom_exception<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    message: v8::Local<'s, v8::String>,
    name: &'static str,
) -> Option<v8::Local<'s, v8::Value>> {
    let Some(class) = dom_exception_class(scope) else {
        let message = message.to_rust_string_lossy(scope);
        return Some(exception::new_error(scope, ErrorKind::Error, "", &message));
    };
    let name = Env::of(scope).name(scope, name);
    class
        .new_instance(scope, &[message.into(), name.into()])
        .map(Into::into)
}

/// Throws the `DataCloneError` for a value that cannot be cloned.
pub fn throw_data_clone_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    message: v8::Local<'s, v8::String>,
) {
    if let Some(error) = new_dom_exception(scope, message, "DataCloneError") {
        scope.throw_exception(error);
    }
}
