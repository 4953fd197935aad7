//! What V8 asks while modules are linked, evaluated and imported.

use std::rc::Rc;

use super::{Kept, ModuleWrap, requests};
use crate::callback::contain;
use crate::env::{Env, Slot};
use crate::js::exception::{self, ErrorKind};

fn resolve<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<Rc<ModuleWrap>> {
    let env = Env::of(scope);
    let key = requests::request_key(scope, specifier, attributes);
    let Some(dependent) = ModuleWrap::of_module(&env, scope, referrer) else {
        let message = format!("request for '{}' is from invalid module", key.0);
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_VM_MODULE_LINK_FAILURE",
            &message,
        );
        return None;
    };
    let index = dependent.requests.borrow().get(&key).copied();
    let found = index.and_then(|index| dependent.linked.borrow().get(index).cloned());
    if found.is_none() {
        let message = format!(
            "request for '{}' can not be resolved on module '{}' that is not linked",
            key.0, dependent.url
        );
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_VM_MODULE_LINK_FAILURE",
            &message,
        );
    }
    found
}

/// V8's `ResolveModuleCallback`.
pub(super) fn resolve_module<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    contain(scope, |scope| {
        let found = resolve(scope, specifier, attributes, referrer)?;
        found.module(scope)
    })
    .flatten()
}

/// V8's `ResolveSourceCallback`, for `import source`.
pub(super) fn resolve_source<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Object>> {
    v8::callback_scope!(unsafe scope, context);
    contain(scope, |scope| {
        let found = resolve(scope, specifier, attributes, referrer)?;
        let object = found.kept::<v8::Object>(scope, Kept::SourceObject);
        if object.is_none() {
            throw_no_source_object(scope, &found.url);
        }
        object
    })
    .flatten()
}

/// Throws `ERR_SOURCE_PHASE_NOT_DEFINED`.
pub(super) fn throw_no_source_object(scope: &mut v8::PinScope<'_, '_>, url: &str) {
    let message = format!("Source phase import object is not defined for module '{url}'");
    let message = exception::string(scope, &message);
    let error = v8::Exception::syntax_error(scope, message);
    if let Some(object) = error.to_object(scope) {
        let code = exception::string(scope, "ERR_SOURCE_PHASE_NOT_DEFINED").into();
        crate::js::convert::set(scope, object, "code", code);
    }
    scope.throw_exception(error);
}

/// Runs the evaluation steps of a synthetic module with the wrap as `this`.
pub(super) fn synthetic_evaluation_steps<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    contain(scope, |scope| run_steps(scope, module)).flatten()
}

fn run_steps<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    let env = Env::of(scope);
    if let Some(wrap) = ModuleWrap::of_module(&env, scope, module)
        && let Some(steps) = wrap.kept::<v8::Function>(scope, Kept::Steps)
    {
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        let receiver = wrap.object(scope).map_or(undefined, Into::into);
        steps.call(scope, receiver, &[])?;
    }
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope).into();
    resolver.resolve(scope, undefined)?;
    Some(resolver.get_promise(scope).into())
}

/// V8's hook for `import.meta`.
///
/// # Safety
/// Called by V8 alone, with live handles of the current isolate.
pub unsafe extern "C" fn initialize_import_meta_object(
    context: v8::Local<'_, v8::Context>,
    module: v8::Local<'_, v8::Module>,
    meta: v8::Local<'_, v8::Object>,
) {
    v8::callback_scope!(unsafe scope, context);
    contain(scope, |scope| fill_import_meta(scope, module, meta));
}

fn fill_import_meta<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
    meta: v8::Local<'s, v8::Object>,
) {
    let env = Env::of(scope);
    let Some(wrap) = ModuleWrap::of_module(&env, scope, module) else {
        return;
    };
    let Some(object) = wrap.object(scope) else {
        return;
    };
    let Some(callback) = env.function(scope, Slot::InitializeImportMeta) else {
        return;
    };
    let key = env.private(scope, "host_defined_option_symbol");
    let Some(id) = object.get_private(scope, key) else {
        return;
    };
    if !id.is_symbol() {
        return;
    }
    let receiver = v8::undefined(scope).into();
    callback.call(scope, receiver, &[id, meta.into(), object.into()]);
}

/// V8's hook for `import()`.
pub fn import_module_dynamically<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'s, v8::Data>,
    resource_name: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    contain(scope, |scope| {
        import_dynamically(scope, options, resource_name, specifier, 2, attributes)
    })
    .flatten()
}

/// V8's hook for `import.source()`.
pub fn import_module_with_phase_dynamically<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'s, v8::Data>,
    resource_name: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    phase: v8::ModuleImportPhase,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let phase = requests::phase_number(phase);
    contain(scope, |scope| {
        import_dynamically(scope, options, resource_name, specifier, phase, attributes)
    })
    .flatten()
}

fn import_dynamically<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'s, v8::Data>,
    resource_name: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    phase: i32,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let env = Env::of(scope);
    let Some(callback) = env.function(scope, Slot::ImportModuleDynamically) else {
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_EXECUTION_ENVIRONMENT_NOT_AVAILABLE",
            "dynamic import is not available before the module loader is up",
        );
        return None;
    };
    let context = scope.get_current_context();
    let id = v8::Local::<v8::FixedArray>::try_from(options)
        .ok()
        .filter(|options| options.length() == 1)
        .and_then(|options| options.get(scope, 0))
        .and_then(|data| v8::Local::<v8::Value>::try_from(data).ok())
        .filter(|value| value.is_symbol());
    let id = match id {
        Some(id) => id,
        None => id_of_context(scope, &env, context),
    };
    let attributes = requests::attributes_object(scope, attributes, 2);
    let phase = v8::Integer::new(scope, phase).into();
    let receiver = v8::undefined(scope).into();
    let result = callback.call(
        scope,
        receiver,
        &[
            id,
            specifier.into(),
            phase,
            attributes.into(),
            resource_name,
        ],
    )?;
    // The library's promise is of the main context; the caller gets one of its own.
    let resolver = v8::PromiseResolver::new(scope)?;
    resolver.resolve(scope, result)?;
    Some(resolver.get_promise(scope))
}

/// The referrer of code without host-defined options (`eval` as a promise reaction): that of its context.
fn id_of_context<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    env: &Env,
    context: v8::Local<'s, v8::Context>,
) -> v8::Local<'s, v8::Value> {
    let key = env.private(scope, "host_defined_option_symbol");
    let own = context
        .global(scope)
        .get_private(scope, key)
        .filter(|value| value.is_symbol());
    own.unwrap_or_else(|| {
        let main = env.context(scope) == context;
        let name = if main {
            "vm_dynamic_import_main_context_default"
        } else {
            "vm_dynamic_import_missing_flag"
        };
        env.symbol(scope, name).into()
    })
}
