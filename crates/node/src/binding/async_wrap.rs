//! `internalBinding('async_wrap')`. Follows Node's `src/async_wrap.cc`.

use crate::callback::{Args, Return, Scope, contain_bare};
use crate::env::{Env, Slot};
use crate::js::async_wrap::{self, ids};
use crate::js::class::Definition;
use crate::js::{callback_scope, convert};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("setupHooks", setup_hooks)
        .function("setCallbackTrampoline", set_callback_trampoline)
        .function("pushAsyncContext", push_async_context)
        .function("popAsyncContext", pop_async_context)
        .function("executionAsyncResource", execution_async_resource)
        .function("clearAsyncIdStack", clear_async_id_stack)
        .function("queueDestroyAsyncId", queue_destroy_async_id)
        .function("setPromiseHooks", set_promise_hooks)
        .function("getPromiseHooks", get_promise_hooks)
        .function("registerDestroyHook", register_destroy_hook)
        .init(init);
}

fn init(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let hook_fields = env.aliased_array::<u32>(scope, Slot::AsyncHookFields, 9);
    convert::set(scope, binding, "async_hook_fields", hook_fields);
    let id_fields = env.aliased_array::<f64>(scope, Slot::AsyncIdFields, 4);
    convert::set(scope, binding, "async_id_fields", id_fields);
    let ids_stack = env.aliased_array::<f64>(scope, Slot::AsyncIdsStack, 32);
    convert::set(scope, binding, "async_ids_stack", ids_stack);
    let resources: v8::Local<v8::Value> = v8::Array::new(scope, 0).into();
    env.set_slot(scope, Slot::ExecutionAsyncResources, resources);
    convert::set(scope, binding, "execution_async_resources", resources);
    let fields = env.aliased::<f64>(Slot::AsyncIdFields);
    fields.set(ids::ASYNC_ID_COUNTER, 1.0);
    fields.set(ids::DEFAULT_TRIGGER_ASYNC_ID, -1.0);
    env.aliased::<u32>(Slot::AsyncHookFields)
        .set(crate::js::async_wrap::fields::CHECK, 1);
}

fn setup_hooks(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let Some(hooks) = args.get(0).to_object(scope) else {
        return;
    };
    for (name, slot) in [
        ("init", Slot::AsyncHooksInit),
        ("before", Slot::AsyncHooksBefore),
        ("after", Slot::AsyncHooksAfter),
        ("destroy", Slot::AsyncHooksDestroy),
        ("promise_resolve", Slot::AsyncHooksPromiseResolve),
    ] {
        if let Some(hook) = convert::get(scope, hooks, name) {
            env.set_slot(scope, slot, hook);
        }
    }
}

fn set_callback_trampoline(scope: Scope, args: Args, _rv: Return) {
    // undefined takes the trampoline away: `Env::function` then finds none.
    Env::of(scope).set_slot(scope, Slot::CallbackTrampoline, args.get(0));
}

fn push_async_context(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let async_id = args.get(0).number_value(scope).unwrap_or(0.0);
    let trigger = args.get(1).number_value(scope).unwrap_or(0.0);
    let resource = v8::Local::<v8::Object>::try_from(args.get(2)).ok();
    callback_scope::push_async_context(scope, &env, async_id, trigger, resource);
}

fn pop_async_context(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let async_id = args.get(0).number_value(scope).unwrap_or(0.0);
    rv.set_bool(callback_scope::pop_async_context(scope, &env, async_id));
}

fn execution_async_resource(scope: Scope, args: Args, mut rv: Return) {
    let index = args.get(0).uint32_value(scope).unwrap_or(0);
    let resources = Env::of(scope).object(scope, Slot::ExecutionAsyncResources);
    if let Some(resource) = resources.and_then(|resources| resources.get_index(scope, index)) {
        rv.set(resource);
    }
}

fn clear_async_id_stack(scope: Scope, _args: Args, _rv: Return) {
    let env = Env::of(scope);
    callback_scope::clear_async_id_stack(scope, &env);
}

fn queue_destroy_async_id(scope: Scope, args: Args, _rv: Return) {
    let async_id = args.get(0).number_value(scope).unwrap_or(0.0);
    async_wrap::emit_destroy(scope, async_id);
}

fn set_promise_hooks(scope: Scope, args: Args, _rv: Return) {
    let hooks: Vec<v8::Local<v8::Value>> = (0..4).map(|index| args.get(index)).collect();
    let hooks = v8::Array::new_with_elements(scope, &hooks);
    Env::of(scope).set_slot(scope, Slot::PromiseHooks, hooks.into());
    install_promise_hooks(scope);
    super::contextify::in_all_contexts(scope, install_promise_hooks);
}

/// Has promises of the current context call the hooks, as those of every context do (`AsyncHooks::InstallPromiseHooks`).
pub(super) fn install_promise_hooks(scope: &mut v8::PinScope<'_, '_>) {
    let hooks = Env::of(scope).slot(scope, Slot::PromiseHooks);
    let Some(Ok(hooks)) = hooks.map(v8::Local::<v8::Array>::try_from) else {
        return;
    };
    let hook = |index| {
        let hook = hooks.get_index(scope, index)?;
        v8::Local::<v8::Function>::try_from(hook).ok()
    };
    let hooks = [hook(0), hook(1), hook(2), hook(3)];
    scope.set_promise_hooks(hooks[0], hooks[1], hooks[2], hooks[3]);
}

fn get_promise_hooks(scope: Scope, _args: Args, mut rv: Return) {
    match Env::of(scope).slot(scope, Slot::PromiseHooks) {
        Some(hooks) => rv.set(hooks),
        None => {
            let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
            rv.set(v8::Array::new_with_elements(scope, &[undefined; 4]).into());
        }
    }
}

/// `registerDestroyHook(resource, asyncId, destroyed)`: emits destroy when the resource is collected.
fn register_destroy_hook(scope: Scope, args: Args, _rv: Return) {
    let Ok(resource) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return;
    };
    let async_id = args.get(1).number_value(scope).unwrap_or(0.0);
    let destroyed = v8::Local::<v8::Object>::try_from(args.get(2))
        .ok()
        .map(|d| v8::Global::new(scope, d));
    let env = std::rc::Rc::downgrade(&Env::of(scope));
    let watched = Env::of(scope).state::<WatchedResources>();
    let key = watched.next.get();
    watched.next.set(key + 1);
    let weak = v8::Weak::with_finalizer(
        scope,
        resource,
        Box::new(move |_isolate| {
            contain_bare(|| {
                let Some(env) = env.upgrade() else { return };
                let watched = env.state::<WatchedResources>();
                watched.weaks.borrow_mut().remove(&key);
                async_wrap::queue_destroy_unless(&env, async_id, destroyed);
            });
        }),
    );
    watched.weaks.borrow_mut().insert(key, weak);
}

/// Resources whose collection emits a destroy hook.
#[derive(Default)]
struct WatchedResources {
    next: std::cell::Cell<u64>,
    weaks: std::cell::RefCell<std::collections::HashMap<u64, v8::Weak<v8::Object>>>,
}
