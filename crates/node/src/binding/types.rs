//! `internalBinding('types')`: what kind of value something is, past prototypes. Follows Node's `src/node_types.cc`.

use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;

macro_rules! predicates {
    ($($name:literal $function:ident $test:ident;)*) => {
        /// Declares the binding. The library spreads the object, so every predicate is an own property.
        pub fn define(definition: &mut Definition) {
            $(definition.function($name, $function);)*
            definition.function("isAnyArrayBuffer", is_any_array_buffer).function("isBoxedPrimitive", is_boxed_primitive);
        }

        $(fn $function(
            _scope: Scope,
            args: Args,
            mut rv: Return,
        ) {
            rv.set_bool(args.get(0).$test());
        })*
    };
}

predicates! {
    "isExternal" is_external is_external;
    "isDate" is_date is_date;
    "isArgumentsObject" is_arguments_object is_arguments_object;
    "isBigIntObject" is_big_int_object is_big_int_object;
    "isBooleanObject" is_boolean_object is_boolean_object;
    "isNumberObject" is_number_object is_number_object;
    "isStringObject" is_string_object is_string_object;
    "isSymbolObject" is_symbol_object is_symbol_object;
    "isNativeError" is_native_error is_native_error;
    "isRegExp" is_reg_exp is_reg_exp;
    "isAsyncFunction" is_async_function is_async_function;
    "isGeneratorFunction" is_generator_function is_generator_function;
    "isGeneratorObject" is_generator_object is_generator_object;
    "isPromise" is_promise is_promise;
    "isMap" is_map is_map;
    "isSet" is_set is_set;
    "isMapIterator" is_map_iterator is_map_iterator;
    "isSetIterator" is_set_iterator is_set_iterator;
    "isWeakMap" is_weak_map is_weak_map;
    "isWeakSet" is_weak_set is_weak_set;
    "isArrayBuffer" is_array_buffer is_array_buffer;
    "isSharedArrayBuffer" is_shared_array_buffer is_shared_array_buffer;
    "isProxy" is_proxy is_proxy;
    "isModuleNamespaceObject" is_module_namespace_object is_module_namespace_object;
}

fn is_any_array_buffer(_scope: Scope, args: Args, mut rv: Return) {
    rv.set_bool(args.get(0).is_array_buffer() || args.get(0).is_shared_array_buffer());
}

fn is_boxed_primitive(_scope: Scope, args: Args, mut rv: Return) {
    let value = args.get(0);
    rv.set_bool(
        value.is_number_object()
            || value.is_string_object()
            || value.is_boolean_object()
            || value.is_big_int_object()
            || value.is_symbol_object(),
    );
}
