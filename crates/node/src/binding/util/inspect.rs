//! What `util.inspect` asks the engine about a value.

use crate::callback::{Args, Return, Scope};
use crate::js::exception::throw_invalid_argument;

/// `[state]` or `[state, result]` of a promise; undefined for anything else.
pub fn get_promise_details(scope: Scope, args: Args, mut rv: Return) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0)) else {
        return;
    };
    let state = promise.state();
    let number = match state {
        v8::PromiseState::Pending => 0,
        v8::PromiseState::Fulfilled => 1,
        v8::PromiseState::Rejected => 2,
    };
    let mut details: Vec<v8::Local<v8::Value>> = vec![v8::Integer::new(scope, number).into()];
    if state != v8::PromiseState::Pending {
        details.push(promise.result(scope));
    }
    rv.set(v8::Array::new_with_elements(scope, &details).into());
}

/// `[target, handler]` of a proxy, or only the target where the second argument is false.
pub fn get_proxy_details(scope: Scope, args: Args, mut rv: Return) {
    let Ok(proxy) = v8::Local::<v8::Proxy>::try_from(args.get(0)) else {
        return;
    };
    let target = proxy.get_target(scope);
    if args.length() == 1 || args.get(1).is_true() {
        let handler = proxy.get_handler(scope);
        rv.set(v8::Array::new_with_elements(scope, &[target, handler]).into());
    } else {
        rv.set(target);
    }
}

/// The entries of a collection or iterator without running guest code; with a second argument `[entries, isKeyValue]`.
pub fn preview_entries(scope: Scope, args: Args, mut rv: Return) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return;
    };
    let (Some(entries), is_key_value) = object.preview_entries(scope) else {
        return;
    };
    if args.length() == 1 {
        rv.set(entries.into());
        return;
    }
    let is_key_value = v8::Boolean::new(scope, is_key_value).into();
    rv.set(v8::Array::new_with_elements(scope, &[entries.into(), is_key_value]).into());
}

/// Own keys that are no array indices, by a V8 property filter.
pub fn get_own_non_index_properties(scope: Scope, args: Args, mut rv: Return) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"object\" argument must be an object");
        return;
    };
    let bits = args.get(1).uint32_value(scope).unwrap_or(0);
    let names = object.get_property_names(
        scope,
        v8::GetPropertyNamesArgs {
            mode: v8::KeyCollectionMode::OwnOnly,
            property_filter: property_filter(bits),
            index_filter: v8::IndexFilter::SkipIndices,
            key_conversion: v8::KeyConversionMode::KeepNumbers,
        },
    );
    if let Some(names) = names {
        rv.set(names.into());
    }
}

fn property_filter(bits: u32) -> v8::PropertyFilter {
    let flags = [
        v8::PropertyFilter::ONLY_WRITABLE,
        v8::PropertyFilter::ONLY_ENUMERABLE,
        v8::PropertyFilter::ONLY_CONFIGURABLE,
        v8::PropertyFilter::SKIP_STRINGS,
        v8::PropertyFilter::SKIP_SYMBOLS,
    ];
    let mut filter = v8::PropertyFilter::ALL_PROPERTIES;
    for (bit, flag) in flags.into_iter().enumerate() {
        if bits & (1 << bit) != 0 {
            filter = filter | flag;
        }
    }
    filter
}

/// The name of the function that made the object, as V8 knows it.
pub fn get_constructor_name(scope: Scope, args: Args, mut rv: Return) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"object\" argument must be an object");
        return;
    };
    rv.set(object.get_constructor_name().into());
}

/// What stands for the address behind an `External`. The guest has no use for a host address, so that it is always
/// zero: telling it would undo the address space's randomisation.
pub fn get_external_value(scope: Scope, args: Args, mut rv: Return) {
    if !args.get(0).is_external() {
        throw_invalid_argument(scope, "The \"external\" argument must be an External");
        return;
    }
    rv.set(v8::BigInt::new_from_u64(scope, 0).into());
}

/// Whether the view's memory is an `ArrayBuffer` of its own already.
pub fn array_buffer_view_has_buffer(scope: Scope, args: Args, mut rv: Return) {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"view\" argument must be an ArrayBufferView");
        return;
    };
    rv.set_bool(view.has_buffer());
}
