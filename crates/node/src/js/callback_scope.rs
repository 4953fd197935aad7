//! The one way from native code into JavaScript. Follows Node's `src/api/callback.cc`.
//!
//! Each call pushes the async context, restores the `AsyncContextFrame` of its resource, emits before and after, and
//! on leaving the outermost scope runs microtasks and the tick queue. Depth accounting decides the order of
//! `nextTick` and promises everywhere: nothing else may call library callbacks.

use std::cell::Cell;
use std::rc::Rc;

use crate::env::{Env, Slot};
use crate::js::async_wrap::{self, fields, ids};
use crate::js::wrap::{self, AsyncState};
use crate::tracing::phase;

/// Whose callback runs.
pub struct AsyncContext {
    /// Id of the resource; 0 for none, which emits no hooks.
    pub async_id: f64,
    /// Id that triggered it.
    pub trigger_async_id: f64,
    /// The frame to restore; `None` keeps the current one.
    pub context_frame: Option<v8::Global<v8::Value>>,
    /// Leave the tick queue alone at the end.
    pub skip_task_queues: bool,
    /// Emit neither before nor after.
    pub skip_async_hooks: bool,
    /// Its provider, for trace events; empty for those that are JavaScript's.
    pub provider: &'static str,
}

impl AsyncContext {
    /// No resource: immediates, timers, bootstrap.
    #[must_use]
    pub fn none() -> AsyncContext {
        AsyncContext {
            async_id: 0.0,
            trigger_async_id: 0.0,
            context_frame: None,
            skip_task_queues: false,
            skip_async_hooks: true,
            provider: "",
        }
    }

    /// That of a wrapped object.
    pub(crate) fn of(state: &Rc<AsyncState>) -> AsyncContext {
        AsyncContext {
            async_id: state.async_id.get(),
            trigger_async_id: state.trigger_async_id.get(),
            context_frame: state.context_frame.borrow().clone(),
            skip_task_queues: false,
            skip_async_hooks: false,
            provider: state.provider.get(),
        }
    }
}

/// What is done about an exception that nothing caught, and what V8 knows of the place where it was thrown.
pub type OnUncaught =
    fn(&mut v8::PinScope<'_, '_>, v8::Local<'_, v8::Value>, v8::Local<'_, v8::Message>);

/// What a process does at the edges of its callbacks.
#[derive(Default)]
struct Hooks {
    uncaught: Cell<Option<OnUncaught>>,
}

/// How many callback scopes are open.
#[derive(Default)]
struct Depth(Cell<u32>);

/// Runs `body` as what a callback scope is open around: what it throws is for its caller.
pub(crate) fn nested<T>(env: &Env, body: impl FnOnce() -> T) -> T {
    let depth = env.isolate_state::<Depth>();
    depth.0.set(depth.0.get() + 1);
    let result = body();
    depth.0.set(depth.0.get() - 1);
    result
}

/// Sets what is done about an exception that leaves the outermost scope. Without it such an exception is left pending.
pub fn on_uncaught(env: &Env, report: OnUncaught) {
    env.isolate_state::<Hooks>().uncaught.set(Some(report));
}

/// Gives back what nobody is there to report.
fn report_uncaught<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    env: &Env,
    error: v8::Local<'s, v8::Value>,
    message: v8::Local<'s, v8::Message>,
) -> Option<v8::Local<'s, v8::Value>> {
    let Some(report) = env.isolate_state::<Hooks>().uncaught.get() else {
        return Some(error);
    };
    report(scope, error, message);
    None
}

/// Runs `body`, a callback that native code needs the result of. What it throws is nobody's to catch, and is reported as such
/// at once: there is no result then.
pub fn with_uncaught<'s, T>(
    scope: &mut v8::PinScope<'s, '_>,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<T>,
) -> Option<T> {
    let env = Env::of(scope);
    let (result, thrown) = {
        v8::tc_scope!(let tc, scope);
        let result = body(tc);
        let thrown = tc.exception().filter(|_| !tc.has_terminated());
        (result, thrown.zip(tc.message()))
    };
    if let Some((error, message)) = thrown
        && !env.is_halted(scope)
    {
        report_uncaught(scope, &env, error, message);
    }
    result
}

/// Calls `function` with `object` as receiver and as the async resource. `None` when it threw: inside another
/// callback scope the exception is left pending for the caller; at the outermost level it has been reported as
/// uncaught.
pub fn make_callback<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    function: v8::Local<'s, v8::Function>,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<v8::Local<'s, v8::Value>> {
    let context =
        wrap::async_state(scope, object).map_or_else(AsyncContext::none, |s| AsyncContext::of(&s));
    call_in_scope(scope, object, &context, |scope| {
        let env = Env::of(scope);
        let hooked = env
            .aliased::<u32>(Slot::AsyncHookFields)
            .get(fields::BEFORE)
            + env.aliased::<u32>(Slot::AsyncHookFields).get(fields::AFTER);
        match env.function(scope, Slot::CallbackTrampoline) {
            Some(trampoline) if hooked > 0 && context.async_id != 0.0 => {
                let mut all: Vec<v8::Local<v8::Value>> = vec![
                    v8::Number::new(scope, context.async_id).into(),
                    object.into(),
                    function.into(),
                ];
                all.extend_from_slice(arguments);
                trampoline.call(scope, object.into(), &all)
            }
            _ => function.call(scope, object.into(), arguments),
        }
    })
}

/// Calls the method `name` of `object`, looked up now; nothing happens if it is no function.
pub fn make_method_callback<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: v8::Local<'s, v8::Name>,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<v8::Local<'s, v8::Value>> {
    let function = object.get(scope, name.into())?;
    let function: v8::Local<v8::Function> = function.try_cast().ok()?;
    make_callback(scope, object, function, arguments)
}

/// As [`make_method_callback`] with a plain name.
pub fn make_named_callback<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &'static str,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<v8::Local<'s, v8::Value>> {
    let name = Env::of(scope).name(scope, name);
    make_method_callback(scope, object, name.into(), arguments)
}

/// Runs `body` inside a callback scope for `context`; `resource` is what `executionAsyncResource()` returns.
pub fn call_in_scope<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    resource: v8::Local<'s, v8::Object>,
    context: &AsyncContext,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    let env = Env::of(scope);
    if env.is_halted(scope) {
        return None;
    }
    let outermost = env.isolate_state::<Depth>().0.get() == 0;
    if !outermost {
        // Caught and thrown again: leaving the scope calls V8, which is not done with an exception pending.
        v8::tc_scope!(let tc, scope);
        let result = nested(&env, || enter(tc, &env, resource, context, body));
        if result.is_none() {
            tc.rethrow();
        }
        return result;
    }
    let mut left = None;
    let result = nested(&env, || {
        enter(scope, &env, resource, context, |scope| {
            let thrown = {
                v8::tc_scope!(let tc, scope);
                if let Some(result) = body(tc) {
                    return Some(result);
                }
                let thrown = tc.exception().filter(|_| !tc.has_terminated());
                thrown.zip(tc.message())
            };
            let (error, message) = thrown.filter(|_| !env.is_halted(scope))?;
            // Within the scope, as a verbose `TryCatch` reports: the library calls the `after` hooks of what has not ended. The
            // queues run at the end of the next scope; where the exception was handled, it makes sure that there is one.
            left = report_uncaught(scope, &env, error, message);
            None
        })
    });
    if let Some(error) = left {
        scope.throw_exception(error);
    }
    if result.is_some() && !context.skip_task_queues {
        run_task_queues_at_top(scope, &env);
    }
    result
}

fn enter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    env: &Rc<Env>,
    resource: v8::Local<'s, v8::Object>,
    context: &AsyncContext,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    let previous_frame = scope.get_continuation_preserved_embedder_data();
    if let Some(frame) = &context.context_frame {
        let frame = v8::Local::new(scope, frame);
        scope.set_continuation_preserved_embedder_data(frame);
    }
    push_async_context(
        scope,
        env,
        context.async_id,
        context.trigger_async_id,
        Some(resource),
    );
    let hooks = context.async_id != 0.0 && !context.skip_async_hooks;
    if hooks {
        async_wrap::emit(
            scope,
            Slot::AsyncHooksBefore,
            fields::BEFORE,
            context.async_id,
        );
    }
    let traced = hooks && env.traces.get() && !context.provider.is_empty();
    if traced {
        async_wrap::trace_callback(
            env,
            phase::NESTABLE_BEGIN,
            context.provider,
            context.async_id,
        );
    }
    let result = body(scope);
    if traced {
        async_wrap::trace_callback(env, phase::NESTABLE_END, context.provider, context.async_id);
    }
    if hooks && result.is_some() {
        async_wrap::emit(
            scope,
            Slot::AsyncHooksAfter,
            fields::AFTER,
            context.async_id,
        );
    }
    pop_async_context(scope, env, context.async_id);
    scope.set_continuation_preserved_embedder_data(previous_frame);
    result
}

/// Microtasks and the tick queue, as at the end of an outermost callback scope, without opening one first.
pub fn run_task_queues(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    run_task_queues_at_top(scope, &env);
}

fn run_task_queues_at_top(scope: &mut v8::PinScope<'_, '_>, env: &Rc<Env>) {
    // A tick that throws is reported, and the queue goes on behind it.
    loop {
        if env.is_halted(scope) {
            return;
        }
        let tick_info = env.aliased::<u8>(Slot::TickInfo);
        if tick_info.get(0) == 0 {
            nested(env, || scope.perform_microtask_checkpoint());
        }
        if tick_info.get(0) == 0 && tick_info.get(1) == 0 {
            return;
        }
        let Some(tick) = env.function(scope, Slot::TickCallback) else {
            return;
        };
        let Some(process) = env.slot(scope, Slot::Process) else {
            return;
        };
        let thrown = nested(env, || {
            v8::tc_scope!(let tc, scope);
            let result = tick.call(tc, process, &[]);
            if result.is_some() {
                None
            } else {
                let thrown = tc.exception().filter(|_| !tc.has_terminated());
                thrown.zip(tc.message())
            }
        });
        let Some((error, message)) = thrown else {
            return;
        };
        clear_async_id_stack(scope, env);
        if let Some(error) = report_uncaught(scope, env, error, message) {
            scope.throw_exception(error);
            return;
        }
    }
}

/// Makes `async_id` the running resource.
pub fn push_async_context(
    scope: &mut v8::PinScope<'_, '_>,
    env: &Rc<Env>,
    async_id: f64,
    trigger_async_id: f64,
    resource: Option<v8::Local<'_, v8::Object>>,
) {
    let hook_fields = env.aliased::<u32>(Slot::AsyncHookFields);
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    let offset = hook_fields.get(fields::STACK_LENGTH) as usize;
    grow_stack(scope, env, offset);
    let stack = env.aliased::<f64>(Slot::AsyncIdsStack);
    stack.set(offset * 2, id_fields.get(ids::EXECUTION_ASYNC_ID));
    stack.set(offset * 2 + 1, id_fields.get(ids::TRIGGER_ASYNC_ID));
    hook_fields.set(
        fields::STACK_LENGTH,
        u32::try_from(offset + 1).unwrap_or(u32::MAX),
    );
    id_fields.set(ids::EXECUTION_ASYNC_ID, async_id);
    id_fields.set(ids::TRIGGER_ASYNC_ID, trigger_async_id);
    if let Some(resource) = resource
        && let Some(resources) = env.object(scope, Slot::ExecutionAsyncResources)
    {
        resources.set_index(
            scope,
            u32::try_from(offset).unwrap_or(u32::MAX),
            resource.into(),
        );
    }
}

fn grow_stack(scope: &mut v8::PinScope<'_, '_>, env: &Rc<Env>, offset: usize) {
    let stack = env.aliased::<f64>(Slot::AsyncIdsStack);
    if offset * 2 + 1 < stack.len() {
        return;
    }
    let length = (stack.len() * 3).max(32);
    let buffer = v8::ArrayBuffer::new(scope, length * size_of::<f64>());
    let Some(array) = v8::Float64Array::new(scope, buffer, 0, length) else {
        return;
    };
    env.adopt_array(scope, Slot::AsyncIdsStack, array.into());
    let grown = env.aliased::<f64>(Slot::AsyncIdsStack);
    for index in 0..stack.len() {
        grown.set(index, stack.get(index));
    }
    if let Some(bindings) = env.object(scope, Slot::Bindings) {
        let key = env.name(scope, "async_wrap").into();
        if let Some(binding) = bindings.get(scope, key).and_then(|b| b.to_object(scope)) {
            let key = env.name(scope, "async_ids_stack").into();
            binding.set(scope, key, array.into());
        }
    }
}

/// Leaves the resource `async_id`; true if another one is still running below it.
pub fn pop_async_context(scope: &mut v8::PinScope<'_, '_>, env: &Rc<Env>, _async_id: f64) -> bool {
    let hook_fields = env.aliased::<u32>(Slot::AsyncHookFields);
    let depth = hook_fields.get(fields::STACK_LENGTH);
    if depth == 0 {
        return false;
    }
    let offset = depth as usize - 1;
    let stack = env.aliased::<f64>(Slot::AsyncIdsStack);
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    id_fields.set(ids::EXECUTION_ASYNC_ID, stack.get(offset * 2));
    id_fields.set(ids::TRIGGER_ASYNC_ID, stack.get(offset * 2 + 1));
    hook_fields.set(fields::STACK_LENGTH, depth - 1);
    if let Some(resources) = env.object(scope, Slot::ExecutionAsyncResources) {
        let key = env.name(scope, "length").into();
        let length = v8::Integer::new_from_unsigned(scope, depth - 1).into();
        resources.set(scope, key, length);
    }
    depth > 1
}

/// Forgets every running resource: after an uncaught exception the stack is not unwound by its owners.
pub fn clear_async_id_stack(scope: &mut v8::PinScope<'_, '_>, env: &Rc<Env>) {
    let id_fields = env.aliased::<f64>(Slot::AsyncIdFields);
    id_fields.set(ids::EXECUTION_ASYNC_ID, 0.0);
    id_fields.set(ids::TRIGGER_ASYNC_ID, 0.0);
    env.aliased::<u32>(Slot::AsyncHookFields)
        .set(fields::STACK_LENGTH, 0);
    if let Some(resources) = env.object(scope, Slot::ExecutionAsyncResources) {
        let key = env.name(scope, "length").into();
        let zero = v8::Integer::new(scope, 0).into();
        resources.set(scope, key, zero);
    }
}
