//! Async identities and the hooks that report them. Follows Node's `src/async_wrap.cc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::json;

use crate::env::{Env, Slot};
use crate::js::convert;
use crate::js::wrap::{self, AsyncState};
use crate::tracing::{self, Event, phase};

/// Indices of `async_hook_fields`.
pub mod fields {
    /// Hooks with init.
    pub const INIT: usize = 0;
    /// Hooks with before.
    pub const BEFORE: usize = 1;
    /// Hooks with after.
    pub const AFTER: usize = 2;
    /// Hooks with destroy.
    pub const DESTROY: usize = 3;
    /// Whether ids are checked for consistency.
    pub const CHECK: usize = 6;
    /// Depth of the id stack.
    pub const STACK_LENGTH: usize = 7;
    /// Whether resources are tracked by `executionAsyncResource()`.
    pub const USES_EXECUTION_ASYNC_RESOURCE: usize = 8;
}

/// Indices of `async_id_fields`.
pub mod ids {
    /// The id of the resource that is running.
    pub const EXECUTION_ASYNC_ID: usize = 0;
    /// The id that triggered it.
    pub const TRIGGER_ASYNC_ID: usize = 1;
    /// The last id given out.
    pub const ASYNC_ID_COUNTER: usize = 2;
    /// Trigger id that the next resource takes instead of the running one; -1 for none.
    pub const DEFAULT_TRIGGER_ASYNC_ID: usize = 3;
}

/// Ids whose destroy hook is still to be called.
#[derive(Default)]
pub struct DestroyQueue {
    ids: RefCell<Vec<Destroyed>>,
    scheduled: Cell<bool>,
}

/// A resource that is gone, unless the property `destroyed` of the object says that this was told already.
type Destroyed = (f64, Option<v8::Global<v8::Object>>);

/// A new async id.
pub fn new_async_id(env: &Env) -> f64 {
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    let id = id_fields.get(ids::ASYNC_ID_COUNTER) + 1.0;
    id_fields.set(ids::ASYNC_ID_COUNTER, id);
    id
}

/// The trigger id that a resource made now gets.
pub fn default_trigger_async_id(env: &Env) -> f64 {
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    let id = id_fields.get(ids::DEFAULT_TRIGGER_ASYNC_ID);
    if id < 0.0 {
        id_fields.get(ids::EXECUTION_ASYNC_ID)
    } else {
        id
    }
}

/// Attaches `value` to `object` and gives it an async identity; `provider` is a key of `async_wrap.Providers`. Emits
/// the init hook.
pub fn wrap_async<T: 'static>(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    provider: &'static str,
    value: T,
) -> Rc<T> {
    let env = Env::of(scope);
    let frame = scope.get_continuation_preserved_embedder_data();
    let state = Rc::new(AsyncState {
        async_id: Cell::new(new_async_id(&env)),
        trigger_async_id: Cell::new(default_trigger_async_id(&env)),
        provider: Cell::new(provider),
        context_frame: RefCell::new(Some(v8::Global::new(scope, frame))),
    });
    let value = wrap::wrap_with(scope, object, value, Some(state.clone()));
    emit_init(scope, object, &state);
    value
}

/// No id: what has it is no resource of anybody's.
const NO_ASYNC_ID: f64 = -1.0;

/// Attaches `value` to `object`, which gets an async identity with each [`reset_as`].
pub fn wrap_anonymous<T: 'static>(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    value: T,
) -> Rc<T> {
    let state = Rc::new(AsyncState {
        async_id: Cell::new(NO_ASYNC_ID),
        trigger_async_id: Cell::new(NO_ASYNC_ID),
        provider: Cell::new("NONE"),
        context_frame: RefCell::default(),
    });
    wrap::wrap_with(scope, object, value, Some(state))
}

/// Gives a wrapped object a new identity (`AsyncWrap::AsyncReset`): reused handles count as new resources.
pub fn async_reset(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) {
    reset_for(scope, object, object, None);
}

/// As [`async_reset`], on behalf of `resource`, which hooks and `executionAsyncResource()` are told of in place of the
/// object; as another `provider` if one is given.
pub fn reset_for(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    resource: v8::Local<'_, v8::Object>,
    provider: Option<&'static str>,
) {
    let Some(state) = wrap::async_state(scope, object) else {
        return;
    };
    if let Some(provider) = provider {
        state.provider.set(provider);
    }
    if object != resource {
        let key = Env::of(scope).symbol(scope, "resource_symbol");
        object.set(scope, key.into(), resource.into());
    }
    reset(scope, &state, resource);
}

/// Ends the identity of a wrapped object that stays (`AsyncWrap::EmitDestroy`).
pub fn release(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) {
    if let Some(state) = wrap::async_state(scope, object) {
        let async_id = state.async_id.replace(NO_ASYNC_ID);
        if async_id > 0.0 {
            trace_end(&Env::of(scope), state.provider.get(), async_id);
            emit_destroy(scope, async_id);
            // The resource is not held any longer.
            let key = Env::of(scope).symbol(scope, "resource_symbol");
            object.set(scope, key.into(), object.into());
        }
    }
}

fn reset(
    scope: &mut v8::PinScope<'_, '_>,
    state: &AsyncState,
    resource: v8::Local<'_, v8::Object>,
) {
    let env = Env::of(scope);
    let previous = state.async_id.replace(new_async_id(&env));
    if previous > 0.0 {
        trace_end(&env, state.provider.get(), previous);
        emit_destroy(scope, previous);
    }
    state.trigger_async_id.set(default_trigger_async_id(&env));
    let frame = scope.get_continuation_preserved_embedder_data();
    let frame = v8::Global::new(scope, frame);
    let _previous = state.context_frame.replace(Some(frame));
    emit_init(scope, resource, state);
}

fn emit_init(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    state: &AsyncState,
) {
    let env = Env::of(scope);
    if env.traces.get() {
        trace_init(&env, state);
    }
    if env.aliased::<u32>(Slot::AsyncHookFields).get(fields::INIT) == 0 {
        return;
    }
    let Some(init) = env.function(scope, Slot::AsyncHooksInit) else {
        return;
    };
    let arguments: [v8::Local<v8::Value>; 4] = [
        v8::Number::new(scope, state.async_id.get()).into(),
        env.name(scope, state.provider.get()).into(),
        v8::Number::new(scope, state.trigger_async_id.get()).into(),
        object.into(),
    ];
    let receiver = object.into();
    // The library's hook runner catches what hooks throw and ends the process itself.
    init.call(scope, receiver, &arguments);
}

/// The category of what is traced here.
const CATEGORY: &str = "node,node.async_hooks";

fn trace_init(env: &Env, state: &AsyncState) {
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    let id = |id: f64| convert::saturating_u64(id);
    tracing::emit(
        env,
        &Event {
            phase: phase::NESTABLE_BEGIN,
            category: CATEGORY,
            name: state.provider.get(),
            id: Some(id(state.async_id.get())),
            args: json!({ "data": {
                "executionAsyncId": id(id_fields.get(ids::EXECUTION_ASYNC_ID)),
                "triggerAsyncId": id(state.trigger_async_id.get()),
            } }),
        },
    );
}

/// Traces that a callback of a resource begins or ends.
pub(crate) fn trace_callback(env: &Env, phase: char, provider: &str, async_id: f64) {
    tracing::emit(
        env,
        &Event {
            phase,
            category: CATEGORY,
            name: &format!("{provider}_CALLBACK"),
            id: Some(convert::saturating_u64(async_id)),
            args: serde_json::Value::Null,
        },
    );
}

fn trace_end(env: &Env, provider: &str, async_id: f64) {
    if env.traces.get() {
        tracing::emit(
            env,
            &Event {
                phase: phase::NESTABLE_END,
                category: CATEGORY,
                name: provider,
                id: Some(convert::saturating_u64(async_id)),
                args: serde_json::Value::Null,
            },
        );
    }
}

/// Calls the hook of `slot` with `async_id` if the counter of `field` says that there are hooks.
pub(crate) fn emit(scope: &mut v8::PinScope<'_, '_>, slot: Slot, field: usize, async_id: f64) {
    let env = Env::of(scope);
    if env.aliased::<u32>(Slot::AsyncHookFields).get(field) == 0 {
        return;
    }
    let Some(hook) = env.function(scope, slot) else {
        return;
    };
    let receiver = v8::undefined(scope).into();
    let id = v8::Number::new(scope, async_id).into();
    hook.call(scope, receiver, &[id]);
}

/// Queues the destroy hook for `async_id`; it is called from the loop, never in the middle of other JavaScript.
pub fn emit_destroy(scope: &mut v8::PinScope<'_, '_>, async_id: f64) {
    let env = Env::of(scope);
    if env
        .aliased::<u32>(Slot::AsyncHookFields)
        .get(fields::DESTROY)
        == 0
    {
        return;
    }
    queue_destroy(&env, async_id);
}

/// As [`emit_destroy`], from where no scope is to be had (finalizers).
pub fn queue_destroy(env: &Rc<Env>, async_id: f64) {
    queue_destroy_unless(env, async_id, None);
}

/// As [`queue_destroy`], for a resource of JavaScript's that was collected; `destroyed` is an object that says in a property
/// of that name whether the program has called the hook itself.
pub fn queue_destroy_unless(
    env: &Rc<Env>,
    async_id: f64,
    destroyed: Option<v8::Global<v8::Object>>,
) {
    let queue = env.state::<DestroyQueue>();
    queue.ids.borrow_mut().push((async_id, destroyed));
    if !queue.scheduled.replace(true) {
        env.event_loop
            .set_immediate_unref(Box::new(run_destroy_hooks));
    }
}

/// Calls the destroy hooks that wait. The loop does, and so does its end: what a collection of the last turn has found is
/// told before `beforeExit` (`EmitProcessBeforeExit` in Node's `src/api/hooks.cc`).
pub fn run_destroy_hooks(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let queue = env.state::<DestroyQueue>();
    queue.scheduled.set(false);
    // A hook may destroy what is next.
    loop {
        let ids = queue.ids.take();
        if ids.is_empty() {
            return;
        }
        call_destroy_hooks(scope, ids);
    }
}

fn call_destroy_hooks(scope: &mut v8::PinScope<'_, '_>, ids: Vec<Destroyed>) {
    for (id, destroyed) in ids {
        let is_told = destroyed.is_some_and(|destroyed| {
            let destroyed = v8::Local::new(scope, destroyed);
            convert::get(scope, destroyed, "destroyed").is_some_and(|value| value.is_true())
        });
        if !is_told {
            emit(scope, Slot::AsyncHooksDestroy, fields::DESTROY, id);
        }
    }
}
