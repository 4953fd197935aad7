//! From a declaration to the binding object.

use serde_json::Value;

use super::definition;
use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::{Definition, FunctionDefinition, class_template};
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};
use crate::library::tables;

/// `internalBinding(name)`: the binding object, made at the first call. Throws for a name that Node does not have.
pub fn get_internal_binding(scope: Scope, args: Args, mut rv: Return) {
    let name = convert::text(scope, args.get(0));
    let env = Env::of(scope);
    let Some(cache) = env.object(scope, Slot::Bindings) else {
        return;
    };
    let key = exception::string(scope, &name);
    if let Some(binding) = cache.get(scope, key.into())
        && binding.is_object()
    {
        rv.set(binding);
        return;
    }
    let table = tables::binding(&name);
    let declared = definition(&name);
    if (table.is_null() && declared.is_none()) || name == "base" {
        let message = format!("No such binding: {name}");
        exception::throw(scope, ErrorKind::Error, "ERR_INVALID_MODULE", &message);
        return;
    }
    let binding = v8::Object::new(scope);
    cache.set(scope, key.into(), binding.into());
    install_constants(scope, binding, table);
    if matches!(name.as_str(), "constants" | "http2" | "sqlite" | "uv") {
        make_read_only(scope, binding);
    }
    if name == "constants" {
        let null = v8::null(scope).into();
        binding.set_prototype(scope, null);
    }
    if let Some(declared) = declared {
        install_declared(scope, binding, declared);
    }
    if let Some(initializer) = declared.and_then(|d| d.initializer) {
        initializer(scope, binding);
    }
    install_stand_ins(scope, binding, &name, table);
    rv.set(binding.into());
}

/// The callbacks of this module, for the snapshot's list of references.
pub fn callbacks() -> Vec<v8::FunctionCallback> {
    vec![
        callback::raw_function(get_internal_binding),
        callback::raw_function(unavailable),
    ]
}

fn install_constants(
    scope: &mut v8::PinScope<'_, '_>,
    binding: v8::Local<'_, v8::Object>,
    table: &Value,
) {
    let Some(constants) = table["constants"].as_object() else {
        return;
    };
    for (name, value) in constants {
        let key = exception::string(scope, name);
        let value = convert::from_json(scope, value);
        binding.set(scope, key.into(), value);
    }
}

/// Makes every number and string in a tree of constants read-only and permanent (`NODE_DEFINE_CONSTANT`).
fn make_read_only(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) {
    let Some(keys) = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())
    else {
        return;
    };
    for index in 0..keys.length() {
        let Some(key) = keys.get_index(scope, index) else {
            continue;
        };
        let (Some(value), Ok(key)) = (object.get(scope, key), key.try_cast::<v8::Name>()) else {
            continue;
        };
        match value.try_cast::<v8::Object>() {
            Ok(inner) => make_read_only(scope, inner),
            Err(_) => {
                let attributes =
                    v8::PropertyAttribute::READ_ONLY | v8::PropertyAttribute::DONT_DELETE;
                object.define_own_property(scope, key, value, attributes);
            }
        }
    }
}

fn install_declared(
    scope: &mut v8::PinScope<'_, '_>,
    binding: v8::Local<'_, v8::Object>,
    declared: &'static Definition,
) {
    for function in &declared.functions {
        set_function(scope, binding, function);
    }
    for class in &declared.classes {
        let Some(template) = class_template(scope, class.name) else {
            continue;
        };
        if !class.exported {
            continue;
        }
        let Some(constructor) = template.get_function(scope) else {
            continue;
        };
        for function in &class.statics {
            set_function(scope, constructor.into(), function);
        }
        let key = exception::string(scope, class.name);
        binding.set(scope, key.into(), constructor.into());
    }
}

fn set_function(
    scope: &mut v8::PinScope<'_, '_>,
    target: v8::Local<'_, v8::Object>,
    definition: &FunctionDefinition,
) {
    let name = exception::string(scope, definition.name);
    let template = v8::FunctionTemplate::builder_raw(definition.callback)
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope);
    template.set_class_name(name);
    if let Some(function) = template.get_function(scope) {
        function.set_name(name);
        target.set(scope, name.into(), function.into());
    }
}

/// Adds what the binary's binding has and ours lacks, as functions that throw when they are used.
fn install_stand_ins(
    scope: &mut v8::PinScope<'_, '_>,
    binding: v8::Local<'_, v8::Object>,
    binding_name: &str,
    table: &Value,
) {
    let Some(functions) = table["functions"].as_object() else {
        return;
    };
    for (name, description) in functions {
        let key = exception::string(scope, name);
        if binding.has_own_property(scope, key.into()).unwrap_or(false) {
            continue;
        }
        let path = format!("{binding_name}.{name}");
        let callback = callback::raw_function(unavailable);
        let label = exception::string(scope, &path);
        let template = v8::FunctionTemplate::builder_raw(callback)
            .data(label.into())
            .build(scope);
        template.set_class_name(key);
        if description["kind"] == "class" {
            let prototype = template.prototype_template(scope);
            for method in description["methods"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                let key = exception::string(scope, method);
                let label = exception::string(scope, &format!("{binding_name}.{name}.{method}"));
                let method = v8::FunctionTemplate::builder_raw(callback)
                    .data(label.into())
                    .build(scope);
                prototype.set(key.into(), method.into());
            }
        }
        if let Some(function) = template.get_function(scope) {
            binding.set(scope, key.into(), function.into());
        }
    }
}

/// What a binding that is not there yet stands for, in the words of Node's documentation.
fn feature_of(binding: &str) -> &'static str {
    match binding {
        "js_udp_wrap" => "this part of the network",
        "worker" | "locks" => "worker_threads",
        "inspector" | "profiler" => "the inspector",
        "webstorage" => "web storage",
        "crypto" => "this part of crypto",
        _ => "this function",
    }
}

fn unavailable(scope: Scope, args: Args, _rv: Return) {
    let label = args.data().to_rust_string_lossy(scope);
    let binding = label.split('.').next().unwrap_or_default();
    let message = format!(
        "{} is not available in this VM: {label} has no implementation",
        feature_of(binding)
    );
    exception::throw_unavailable(scope, &message);
}
