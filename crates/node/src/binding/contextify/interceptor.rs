//! The global object of a contextified sandbox: every access goes to the sandbox first.
//!
//! V8 no longer tells interceptors the receiver of a store, so `x = 5` and `this.x = 5` look alike here. An undeclared
//! name assigned in strict mode therefore reaches the sandbox before V8 throws its ReferenceError.

use v8::Intercepted::{self, kNo as No, kYes as Yes};

use super::context::of_global;
use crate::callback::{self, Return, Scope};
use crate::env::Env;

/// A template for global objects with all interceptors.
pub fn global_template<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::ObjectTemplate> {
    const KEY: &str = "contextify global";
    let env = Env::of(scope);
    if let Some(template) = env.template(scope, KEY) {
        return template.instance_template(scope);
    }
    let function = v8::FunctionTemplate::builder_raw(unused_constructor()).build(scope);
    let template = function.instance_template(scope);
    template.set_named_property_handler(
        v8::NamedPropertyHandlerConfiguration::new()
            .getter(callback::named_getter(named_getter))
            .setter(callback::named_setter(named_setter))
            .query(callback::named_query(named_query))
            .deleter(callback::named_deleter(named_deleter))
            .enumerator(callback::property_enumerator(named_enumerator))
            .definer(callback::named_definer(named_definer))
            .descriptor(callback::named_descriptor(named_descriptor))
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
    template.set_indexed_property_handler(
        v8::IndexedPropertyHandlerConfiguration::new()
            .getter(callback::indexed_getter(indexed_getter))
            .setter(callback::indexed_setter(indexed_setter))
            .query(callback::indexed_query(indexed_query))
            .deleter(callback::indexed_deleter(indexed_deleter))
            .enumerator(callback::property_enumerator(indexed_enumerator))
            .definer(callback::indexed_definer(indexed_definer))
            .descriptor(callback::indexed_descriptor(indexed_descriptor))
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
    env.set_template(scope, KEY, function);
    template
}

fn unused_constructor() -> v8::FunctionCallback {
    callback::raw_function(crate::js::class::illegal_constructor)
}

fn get(
    scope: Scope,
    key: v8::Local<'_, v8::Name>,
    holder: v8::Local<'_, v8::Object>,
    rv: &mut Return,
) -> Intercepted {
    let Some((context, sandbox)) = of_global(scope, holder) else {
        return No;
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    v8::tc_scope!(let scope, scope);
    let global = context.global(scope);
    let mut found = sandbox.get_real_named_property(scope, key);
    if found.is_none() && !scope.has_caught() {
        found = global.get_real_named_property(scope, key);
    }
    if scope.has_caught() {
        scope.rethrow();
        return Yes;
    }
    let Some(value) = found else { return No };
    if value.strict_equals(sandbox.into()) {
        rv.set(global.into());
    } else {
        rv.set(value);
    }
    Yes
}

fn set(
    scope: &mut v8::PinScope<'_, '_>,
    key: v8::Local<'_, v8::Name>,
    value: v8::Local<'_, v8::Value>,
    holder: v8::Local<'_, v8::Object>,
) -> Intercepted {
    let Some((context, sandbox)) = of_global(scope, holder) else {
        return No;
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    let global = context.global(scope);
    let (on_global, read_only) = declared(scope, global, key);
    if read_only {
        return No;
    }
    let (on_sandbox, read_only) = declared(scope, sandbox, key);
    if read_only {
        return No;
    }
    if !on_global && !on_sandbox && key.is_symbol() {
        return No;
    }
    if sandbox.set(scope, key.into(), value).is_none() {
        return No;
    }
    // An accessor on the sandbox has taken the value; V8 must not define a data property over it.
    if on_sandbox
        && let Some(descriptor) = sandbox.get_own_property_descriptor(scope, key)
        && let Ok(descriptor) = v8::Local::<v8::Object>::try_from(descriptor)
    {
        let env = Env::of(scope);
        let getter = env.name(scope, "get").into();
        let setter = env.name(scope, "set").into();
        if descriptor.has_own_property(scope, getter).unwrap_or(false)
            || descriptor.has_own_property(scope, setter).unwrap_or(false)
        {
            return Yes;
        }
    }
    No
}

/// Whether `object` or its prototypes have `key` as a real property, and whether it is read-only.
fn declared(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: v8::Local<'_, v8::Name>,
) -> (bool, bool) {
    match object.get_real_named_property_attributes(scope, key) {
        Some(attributes) => {
            let found = attributes != v8::PropertyAttribute::NONE
                || object.has_real_named_property(scope, key).unwrap_or(false)
                || object.get_real_named_property(scope, key).is_some();
            (found, attributes.is_read_only())
        }
        None => (false, false),
    }
}

fn query(
    scope: &mut v8::PinScope<'_, '_>,
    key: v8::Local<'_, v8::Name>,
    holder: v8::Local<'_, v8::Object>,
    rv: &mut v8::ReturnValue<'_, v8::Integer>,
) -> Intercepted {
    let Some((context, sandbox)) = of_global(scope, holder) else {
        return No;
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    let global = context.global(scope);
    for object in [sandbox, global] {
        match object.has_real_named_property(scope, key) {
            None => return No,
            Some(false) => {}
            Some(true) => {
                let Some(attributes) = object.get_real_named_property_attributes(scope, key) else {
                    return No;
                };
                rv.set_uint32(attributes.as_u32());
                return Yes;
            }
        }
    }
    No
}

fn delete(
    scope: &mut v8::PinScope<'_, '_>,
    key: v8::Local<'_, v8::Name>,
    holder: v8::Local<'_, v8::Object>,
    rv: &mut v8::ReturnValue<'_, v8::Boolean>,
) -> Intercepted {
    let Some((context, sandbox)) = of_global(scope, holder) else {
        return No;
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    if sandbox.delete(scope, key.into()).unwrap_or(false) {
        return No;
    }
    // What stays on the sandbox stays on the global too.
    rv.set_bool(false);
    Yes
}

fn define(
    scope: &mut v8::PinScope<'_, '_>,
    key: v8::Local<'_, v8::Name>,
    descriptor: &v8::PropertyDescriptor,
    holder: v8::Local<'_, v8::Object>,
) -> Intercepted {
    let Some((context, sandbox)) = of_global(scope, holder) else {
        return No;
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    let global = context.global(scope);
    if let Some(attributes) = global.get_real_named_property_attributes(scope, key)
        && attributes.is_read_only()
        && attributes.is_dont_delete()
    {
        return No;
    }
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    let mut copy = if descriptor.has_get() || descriptor.has_set() {
        let getter = if descriptor.has_get() {
            descriptor.get()
        } else {
            undefined
        };
        let setter = if descriptor.has_set() {
            descriptor.set()
        } else {
            undefined
        };
        v8::PropertyDescriptor::new_from_get_set(getter, setter)
    } else {
        let value = if descriptor.has_value() {
            descriptor.value()
        } else {
            undefined
        };
        if descriptor.has_writable() {
            v8::PropertyDescriptor::new_from_value_writable(value, descriptor.writable())
        } else {
            v8::PropertyDescriptor::new_from_value(value)
        }
    };
    if descriptor.has_enumerable() {
        copy.set_enumerable(descriptor.enumerable());
    }
    if descriptor.has_configurable() {
        copy.set_configurable(descriptor.configurable());
    }
    sandbox.define_property(scope, key, &copy);
    No
}

fn describe(
    scope: Scope,
    key: v8::Local<'_, v8::Name>,
    holder: v8::Local<'_, v8::Object>,
    rv: &mut Return,
) -> Intercepted {
    let Some((context, sandbox)) = of_global(scope, holder) else {
        return No;
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    if sandbox.has_own_property(scope, key).unwrap_or(false)
        && let Some(descriptor) = sandbox.get_own_property_descriptor(scope, key)
    {
        rv.set(descriptor);
        return Yes;
    }
    No
}

fn own_keys<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    holder: v8::Local<'_, v8::Object>,
    property_filter: v8::PropertyFilter,
    index_filter: v8::IndexFilter,
) -> Option<v8::Local<'s, v8::Array>> {
    let (context, sandbox) = of_global(scope, holder)?;
    let scope = &mut v8::ContextScope::new(scope, context);
    sandbox.get_property_names(
        scope,
        v8::GetPropertyNamesArgs {
            mode: v8::KeyCollectionMode::OwnOnly,
            property_filter,
            index_filter,
            key_conversion: v8::KeyConversionMode::KeepNumbers,
        },
    )
}

fn named_enumerator(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::PropertyCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Array>,
) {
    // V8 filters the list by the query interceptor.
    let names = own_keys(
        scope,
        args.holder(),
        v8::PropertyFilter::ALL_PROPERTIES,
        v8::IndexFilter::SkipIndices,
    );
    if let Some(names) = names {
        rv.set(names);
    }
}

fn indexed_enumerator(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::PropertyCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Array>,
) {
    let names = own_keys(
        scope,
        args.holder(),
        v8::PropertyFilter::SKIP_SYMBOLS,
        v8::IndexFilter::IncludeIndices,
    );
    let Some(names) = names else { return };
    let mut indices = Vec::new();
    for index in 0..names.length() {
        match names.get_index(scope, index) {
            Some(name) if name.is_number() => indices.push(name),
            Some(_) => {}
            None => return,
        }
    }
    let indices = v8::Array::new_with_elements(scope, &indices);
    rv.set(indices);
}

fn name_of<'s>(scope: &mut v8::PinScope<'s, '_>, index: u32) -> v8::Local<'s, v8::Name> {
    crate::js::exception::string(scope, &index.to_string()).into()
}

fn named_getter<'s>(
    scope: Scope<'_, 's, '_>,
    key: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) -> Intercepted {
    get(scope, key, args.holder(), &mut rv)
}

fn indexed_getter<'s>(
    scope: Scope<'_, 's, '_>,
    index: u32,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) -> Intercepted {
    let key = name_of(scope, index);
    get(scope, key, args.holder(), &mut rv)
}

fn named_setter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    value: v8::Local<'s, v8::Value>,
    args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Boolean>,
) -> Intercepted {
    set(scope, key, value, args.holder())
}

fn indexed_setter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    index: u32,
    value: v8::Local<'s, v8::Value>,
    args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Boolean>,
) -> Intercepted {
    let key = name_of(scope, index);
    set(scope, key, value, args.holder())
}

fn named_query<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Integer>,
) -> Intercepted {
    query(scope, key, args.holder(), &mut rv)
}

fn indexed_query<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    index: u32,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Integer>,
) -> Intercepted {
    let key = name_of(scope, index);
    query(scope, key, args.holder(), &mut rv)
}

fn named_deleter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Boolean>,
) -> Intercepted {
    delete(scope, key, args.holder(), &mut rv)
}

fn indexed_deleter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    index: u32,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Boolean>,
) -> Intercepted {
    let key = name_of(scope, index);
    delete(scope, key, args.holder(), &mut rv)
}

fn named_definer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    descriptor: &v8::PropertyDescriptor,
    args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Boolean>,
) -> Intercepted {
    define(scope, key, descriptor, args.holder())
}

fn indexed_definer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    index: u32,
    descriptor: &v8::PropertyDescriptor,
    args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Boolean>,
) -> Intercepted {
    let key = name_of(scope, index);
    define(scope, key, descriptor, args.holder())
}

fn named_descriptor<'s>(
    scope: Scope<'_, 's, '_>,
    key: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) -> Intercepted {
    describe(scope, key, args.holder(), &mut rv)
}

fn indexed_descriptor<'s>(
    scope: Scope<'_, 's, '_>,
    index: u32,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) -> Intercepted {
    let key = name_of(scope, index);
    describe(scope, key, args.holder(), &mut rv)
}
