//! `internalBinding('builtins')`: compiles the modules of Node's library. Follows Node's `src/node_builtins.cc`.

use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot, compiled};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, string};
use crate::library::{claims, code_cache, source};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("compileFunction", compile_function)
        .function("setInternalLoaders", set_internal_loaders)
        .function("hasCachedBuiltins", has_cached_builtins)
        .reference(natives)
        .init(init);
}

fn init(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let config = string(scope, &claims::config());
    convert::set(scope, binding, "config", config.into());
    let categories = builtin_categories(scope);
    convert::set(scope, binding, "builtinCategories", categories.into());
    let name = string(scope, "natives");
    let getter = v8::FunctionTemplate::new(scope, callback::function(natives));
    if let Some(getter) = getter.get_function(scope) {
        let mut descriptor =
            v8::PropertyDescriptor::new_from_get_set(getter.into(), v8::undefined(scope).into());
        descriptor.set_enumerable(true);
        descriptor.set_configurable(true);
        binding.define_property(scope, name.into(), &descriptor);
    }
}

fn builtin_categories<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
    let cannot = [
        "internal/bootstrap/",
        "internal/per_context/",
        "internal/deps/",
        "internal/main/",
    ];
    let is_internal = |id: &str| {
        cannot.iter().any(|prefix| id.starts_with(prefix)) || id == "internal/v8_prof_polyfill"
    };
    let categories = v8::Object::new(scope);
    for (key, wanted) in [("cannotBeRequired", true), ("canBeRequired", false)] {
        let ids: Vec<v8::Local<v8::Value>> = source::SOURCES
            .iter()
            .filter(|(id, _)| is_internal(id) == wanted)
            .map(|(id, _)| string(scope, id).into())
            .collect();
        let ids = v8::Array::new_with_elements(scope, &ids);
        convert::set(scope, categories, key, ids.into());
    }
    categories
}

/// The sources as an object of strings: what `process.binding('natives')` copies.
fn natives(scope: Scope, _args: Args, mut rv: Return) {
    let object = convert::null_prototype_object(scope);
    for (id, text) in source::SOURCES {
        let key = string(scope, id);
        if let Some(text) = text.to_v8(scope) {
            object.set(scope, key.into(), text.into());
        }
    }
    rv.set(object.into());
}

fn has_cached_builtins(scope: Scope, _args: Args, mut rv: Return) {
    // Without its snapshot Node has no code cache either.
    rv.set_bool(Env::of(scope).options.borrow().flag("--node-snapshot"));
}

fn set_internal_loaders(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    env.set_slot(scope, Slot::InternalBinding, args.get(0));
    env.set_slot(scope, Slot::RequireBuiltin, args.get(1));
}

fn compile_function(scope: Scope, args: Args, mut rv: Return) {
    let id = convert::text(scope, args.get(0));
    if let Some(function) = compile(scope, &id) {
        rv.set(function.into());
    }
}

/// Names of the parameters that module `id` is called with.
fn parameters(id: &str) -> &'static [&'static str] {
    if id == "internal/bootstrap/realm" {
        &[
            "process",
            "getLinkedBinding",
            "getInternalBinding",
            "primordials",
        ]
    } else if id.starts_with("internal/per_context/") {
        &[
            "exports",
            "primordials",
            "privateSymbols",
            "perIsolateSymbols",
        ]
    } else if id.starts_with("internal/main/") || id.starts_with("internal/bootstrap/") {
        &["process", "require", "internalBinding", "primordials"]
    } else {
        &[
            "exports",
            "require",
            "module",
            "process",
            "internalBinding",
            "primordials",
        ]
    }
}

/// Compiles library module `id` to its function. `None` with an exception pending for an unknown id or when V8 refuses.
pub fn compile<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    id: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    let Some(text) = source::lookup(id) else {
        exception::throw(
            scope,
            ErrorKind::Error,
            "",
            &format!("No such built-in module: {id}"),
        );
        return None;
    };
    let text = text.to_v8(scope)?;
    let name = string(scope, &format!("node:{id}"));
    let env = Env::of(scope);
    // Builtins import nothing dynamically themselves; the option only marks them as ours.
    let options = v8::PrimitiveArray::new(scope, 1);
    let symbol = env.symbol(scope, "vm_dynamic_import_default_internal");
    options.set(scope, 0, symbol.into());
    let options: v8::Local<v8::Data> = options.into();
    let origin = v8::ScriptOrigin::new(
        scope,
        name.into(),
        0,
        0,
        true,
        -1,
        None,
        false,
        false,
        false,
        Some(options),
    );
    let (mut source, options) = match code_cache::current().get(id) {
        Some(data) => (
            v8::script_compiler::Source::new_with_cached_data(
                text,
                Some(&origin),
                v8::CachedData::new(data),
            ),
            v8::script_compiler::CompileOptions::ConsumeCodeCache,
        ),
        None => (
            v8::script_compiler::Source::new(text, Some(&origin)),
            v8::script_compiler::CompileOptions::NoCompileOptions,
        ),
    };
    let names: Vec<_> = parameters(id)
        .iter()
        .map(|parameter| env.name(scope, parameter))
        .collect();
    let function = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &names,
        &[],
        options,
        v8::script_compiler::NoCacheReason::NoReason,
    )?;
    if source
        .get_cached_data()
        .is_some_and(v8::CachedData::rejected)
    {
        code_cache::current().reject(id);
    }
    compiled::note(scope, &env, id, function);
    Some(function)
}
