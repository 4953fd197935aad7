//! `internalBinding('module_wrap')`: V8's modules for the ESM loader and `vm.Module`. Follows Node's
//! `src/module_wrap.cc`.

mod callbacks;
mod evaluate;
mod facade;
pub(crate) mod kept_script;
mod record;
mod requests;

use std::cell::{Cell, RefCell};

pub use callbacks::{
    import_module_dynamically, import_module_with_phase_dynamically, initialize_import_meta_object,
};

use record::{CONTEXT_FIELD, Kept, MODULE_FIELD, ModuleWrap, Registry};

use super::contextify::{CacheKind, open_cache, seal_cache};
use crate::binding::compile_cache;
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind};
use crate::js::{convert, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function(
            "setImportModuleDynamicallyCallback",
            set_import_module_dynamically_callback,
        )
        .function(
            "setInitializeImportMetaObjectCallback",
            set_initialize_import_meta_object_callback,
        )
        .function(
            "createRequiredModuleFacade",
            facade::create_required_module_facade,
        )
        .function(
            "throwIfPromiseRejected",
            evaluate::throw_if_promise_rejected,
        );
    definition
        .class("ModuleWrap", new_module_wrap)
        .method("link", requests::link)
        .method("getModuleRequests", requests::get_module_requests)
        .method("instantiate", evaluate::instantiate)
        .method("evaluateSync", evaluate::evaluate_sync)
        .method("evaluate", evaluate::evaluate)
        .method("setExport", set_export)
        .method("setModuleSourceObject", set_module_source_object)
        .method("getModuleSourceObject", get_module_source_object)
        .method("createCachedData", create_cached_data)
        .method("getNamespace", evaluate::get_namespace)
        .method("getStatus", evaluate::get_status)
        .method("getError", evaluate::get_error)
        .getter("hasAsyncGraph", evaluate::has_async_graph);
}

fn set_import_module_dynamically_callback(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope).set_slot(scope, Slot::ImportModuleDynamically, args.get(0));
}

fn set_initialize_import_meta_object_callback(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope).set_slot(scope, Slot::InitializeImportMeta, args.get(0));
}

/// `new ModuleWrap(url, context, source, lineOffset, columnOffset, cachedData | idSymbol)` or
/// `new ModuleWrap(url, context, exportNames, evaluationSteps)`.
fn new_module_wrap<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    if !args.is_construct_call() || !args.get(0).is_string() {
        exception::throw_invalid_argument(scope, "ModuleWrap needs a url");
        return;
    }
    let this = args.this();
    let Ok(url) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        return;
    };
    let context = if args.get(1).is_object() {
        match super::contextify::context_of(scope, args.get(1)) {
            Some(context) => context,
            None => {
                exception::throw_invalid_argument(scope, "ModuleWrap needs a contextified object");
                return;
            }
        }
    } else {
        scope.get_current_context()
    };
    let id_symbol = match v8::Local::<v8::Symbol>::try_from(args.get(5)) {
        Ok(symbol) => symbol,
        Err(_) => v8::Symbol::new(scope, Some(url)),
    };
    let compiled = {
        let scope = &mut v8::ContextScope::new(scope, context);
        if args.get(2).is_array() {
            create_synthetic(scope, url, args.get(2))
        } else {
            compile(scope, url, &args, id_symbol)
        }
    };
    let Some(module) = compiled else { return };
    install(scope, this, module, context, &args, id_symbol);
}

fn create_synthetic<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    url: v8::Local<'s, v8::String>,
    names: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Module>> {
    let names: v8::Local<v8::Array> = names.try_cast().ok()?;
    let mut exports = Vec::with_capacity(names.length() as usize);
    for index in 0..names.length() {
        exports.push(names.get_index(scope, index)?.to_string(scope)?);
    }
    Some(v8::Module::create_synthetic_module(
        scope,
        url,
        &exports,
        callbacks::synthetic_evaluation_steps,
    ))
}

fn compile<'s>(
    scope: Scope<'_, 's, '_>,
    url: v8::Local<'s, v8::String>,
    args: &Args<'s>,
    id_symbol: v8::Local<'s, v8::Symbol>,
) -> Option<v8::Local<'s, v8::Module>> {
    let text = args.get(2).to_string(scope)?;
    let line = args.get(3).int32_value(scope).unwrap_or(0);
    let column = args.get(4).int32_value(scope).unwrap_or(0);
    let options = v8::PrimitiveArray::new(scope, 1);
    options.set(scope, 0, id_symbol.into());
    let options: v8::Local<v8::Data> = options.into();
    let origin = v8::ScriptOrigin::new(
        scope,
        url.into(),
        line,
        column,
        true,
        -1,
        None,
        false,
        false,
        true,
        Some(options),
    );
    let given = if args.get(5).is_symbol() {
        None
    } else {
        convert::bytes(args.get(5))
    };
    let cached_data = match given {
        Some(sealed) => match open_cache(scope, CacheKind::Module, text, sealed) {
            Some(data) => Some(data),
            None => return throw_cache_rejected(scope),
        },
        None => None,
    };
    v8::tc_scope!(let tc, scope);
    let module = match &cached_data {
        Some(data) => {
            let cached = v8::script_compiler::CachedData::new(data);
            let mut source =
                v8::script_compiler::Source::new_with_cached_data(text, Some(&origin), cached);
            let module = v8::script_compiler::compile_module2(
                tc,
                &mut source,
                v8::script_compiler::CompileOptions::ConsumeCodeCache,
                v8::script_compiler::NoCacheReason::NoReason,
            );
            if module.is_some()
                && source
                    .get_cached_data()
                    .is_some_and(v8::CachedData::rejected)
            {
                throw_cache_rejected(tc);
                tc.rethrow();
                return None;
            }
            module
        }
        None => compile_without_own_cache(tc, text, url, &origin, id_symbol),
    };
    if module.is_none() && tc.has_caught() {
        if !tc.has_terminated()
            && let (Some(error), Some(message)) = (tc.exception(), tc.message())
        {
            crate::process::report::append_exception_line(tc, error, message);
        }
        tc.rethrow();
    }
    module
}

/// Compiles a module that brings no cache of its own: one of the loader's with that on disk, if there is one.
fn compile_without_own_cache<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: v8::Local<'s, v8::String>,
    url: v8::Local<'s, v8::String>,
    origin: &v8::ScriptOrigin<'s>,
    id_symbol: v8::Local<'s, v8::Symbol>,
) -> Option<v8::Local<'s, v8::Module>> {
    let loader = Env::of(scope).symbol(scope, "source_text_module_default_hdo");
    let entry = (id_symbol == loader)
        .then(|| {
            let name = url.to_rust_string_lossy(scope);
            compile_cache::entry(scope, compile_cache::Code::Esm, text, &name)
        })
        .flatten();
    let Some(entry) = entry else {
        return compile_with_kept_cache(scope, text, origin);
    };
    let cache = entry.cache();
    let mut source = match &cache {
        Some(cache) => {
            let cached = v8::script_compiler::CachedData::new(cache);
            v8::script_compiler::Source::new_with_cached_data(text, Some(origin), cached)
        }
        None => v8::script_compiler::Source::new(text, Some(origin)),
    };
    let options = if cache.is_some() {
        v8::script_compiler::CompileOptions::ConsumeCodeCache
    } else {
        v8::script_compiler::CompileOptions::NoCompileOptions
    };
    let reason = v8::script_compiler::NoCacheReason::NoReason;
    let module = v8::script_compiler::compile_module2(scope, &mut source, options, reason)?;
    let rejected = source
        .get_cached_data()
        .is_some_and(v8::CachedData::rejected);
    compile_cache::keep(scope, &entry, text, rejected, || {
        let script = module.get_unbound_module_script(scope);
        script.create_code_cache().map(|cache| cache.to_vec())
    });
    Some(module)
}

/// Compiles a module with the cache that the embedder has of it, if it has one; what V8 refuses of that it compiles itself.
fn compile_with_kept_cache<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: v8::Local<'s, v8::String>,
    origin: &v8::ScriptOrigin<'s>,
) -> Option<v8::Local<'s, v8::Module>> {
    if let Some(cache) = kept_script::cache(scope, text) {
        let cached = v8::script_compiler::CachedData::new(&cache);
        let mut source =
            v8::script_compiler::Source::new_with_cached_data(text, Some(origin), cached);
        let options = v8::script_compiler::CompileOptions::ConsumeCodeCache;
        let reason = v8::script_compiler::NoCacheReason::NoReason;
        return v8::script_compiler::compile_module2(scope, &mut source, options, reason);
    }
    let mut source = v8::script_compiler::Source::new(text, Some(origin));
    let module = v8::script_compiler::compile_module(scope, &mut source)?;
    kept_script::note(scope, text, module);
    Some(module)
}

fn throw_cache_rejected<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Module>> {
    let code = "ERR_VM_MODULE_CACHED_DATA_REJECTED";
    let message = "cachedData buffer was rejected";
    exception::throw(scope, ErrorKind::Error, code, message);
    None
}

fn install(
    scope: Scope,
    this: v8::Local<'_, v8::Object>,
    module: v8::Local<'_, v8::Module>,
    context: v8::Local<'_, v8::Context>,
    args: &Args,
    id_symbol: v8::Local<'_, v8::Symbol>,
) {
    let env = Env::of(scope);
    let synthetic = module.is_synthetic_module();
    convert::set(scope, this, "url", args.get(0));
    let value = v8::Boolean::new(scope, synthetic).into();
    convert::set(scope, this, "synthetic", value);
    if !synthetic {
        let script = module.get_unbound_module_script(scope);
        let source_url = script.get_source_url(scope);
        convert::set(scope, this, "sourceURL", source_url);
        let source_mapping_url = script.get_source_mapping_url(scope);
        convert::set(scope, this, "sourceMapURL", source_mapping_url);
    }
    let awaits = !synthetic && module.has_top_level_await();
    let awaits = v8::Boolean::new(scope, awaits).into();
    convert::set(scope, this, "hasTopLevelAwait", awaits);
    let key = env.private(scope, "host_defined_option_symbol");
    this.set_private(scope, key, id_symbol.into());
    let steps = v8::Local::<v8::Function>::try_from(args.get(3))
        .ok()
        .filter(|_| synthetic);
    if synthetic && args.get(4).is_object() {
        let key = env.symbol(scope, "imported_cjs_symbol");
        this.set(scope, key.into(), args.get(4));
    }
    let source = (!synthetic).then(|| args.get(2).to_string(scope)).flatten();
    let value = ModuleWrap {
        url: convert::text(scope, args.get(0)),
        linked: RefCell::default(),
        is_linked: Cell::new(synthetic),
        requests: RefCell::default(),
        object: RefCell::default(),
    };
    let value = wrap::wrap(scope, this, value);
    *value.object.borrow_mut() = Some(v8::Weak::new(scope, this));
    this.set_internal_field(MODULE_FIELD, module.into());
    this.set_internal_field(CONTEXT_FIELD, context.into());
    if let Some(steps) = steps {
        value.keep(scope, Kept::Steps, steps.into());
    }
    if let Some(source) = source {
        value.keep(scope, Kept::Text, source.into());
    }
    let registry = env.state::<Registry>();
    registry.add(module.get_identity_hash().get(), &value);
}

/// Places of the awaits that keep the graph of `wrap` from settling, each with its source frame.
pub fn stalled_messages(
    scope: &mut v8::PinScope<'_, '_>,
    wrap: v8::Local<'_, v8::Value>,
) -> Option<Vec<String>> {
    let wrap = wrap::unwrap::<ModuleWrap>(scope, wrap)?;
    let module = wrap.module(scope)?;
    if !module.is_source_text_module()
        || module.get_status() as i32 <= v8::ModuleStatus::Instantiated as i32
    {
        return None;
    }
    let messages = module.get_stalled_top_level_await_message(scope);
    Some(
        messages
            .into_iter()
            .map(|(_, message)| crate::process::report::source_frame(scope, message))
            .collect(),
    )
}

fn set_export<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let Some((_, module)) = ModuleWrap::and_module(scope, &args) else {
        return;
    };
    let Some(name) = args.get(0).to_string(scope) else {
        return;
    };
    if !module.is_synthetic_module() {
        exception::throw_invalid_argument(scope, "setExport needs a synthetic module");
        return;
    }
    // A false result has thrown already.
    let _ = module.set_synthetic_module_export(scope, name, args.get(1));
}

fn set_module_source_object(scope: Scope, args: Args, _rv: Return) {
    let Some(this) = ModuleWrap::of_this(scope, &args) else {
        return;
    };
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "the module source must be an object");
        return;
    };
    this.keep(scope, Kept::SourceObject, object.into());
}

fn get_module_source_object(scope: Scope, args: Args, mut rv: Return) {
    let Some(this) = ModuleWrap::of_this(scope, &args) else {
        return;
    };
    match this.kept::<v8::Object>(scope, Kept::SourceObject) {
        Some(object) => rv.set(object.into()),
        None => callbacks::throw_no_source_object(scope, &this.url),
    }
}

fn create_cached_data(scope: Scope, args: Args, mut rv: Return) {
    let Some((this, module)) = ModuleWrap::and_module(scope, &args) else {
        return;
    };
    if module.is_synthetic_module()
        || module.get_status() as i32 >= v8::ModuleStatus::Evaluating as i32
    {
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_VM_MODULE_CANNOT_CREATE_CACHED_DATA",
            "Cached data cannot be created for a module which has been evaluated",
        );
        return;
    }
    let script = module.get_unbound_module_script(scope);
    let cache = script.create_code_cache();
    let data = cache
        .zip(this.kept::<v8::String>(scope, Kept::Text))
        .map(|(cache, source)| seal_cache(scope, CacheKind::Module, source, cache.to_vec()))
        .unwrap_or_default();
    rv.set(convert::buffer(scope, data));
}
