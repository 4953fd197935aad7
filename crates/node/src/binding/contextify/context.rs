//! Contexts of `node:vm`: an own set of globals, backed by the object that was passed to `vm.createContext`.
//!
//! The new context's global object forwards to that object (the sandbox) by interceptors, see `interceptor.rs`. The
//! sandbox holds a wrapper object under a private symbol; the wrapper was made in the context and keeps it alive, and
//! the context holds the sandbox as embedder data, so that both live and die together.

use std::cell::RefCell;
use std::rc::Rc;

use super::compile;
use super::interceptor;
use crate::binding::async_wrap;
use crate::callback::{Args, Return, Scope, contain_bare};
use crate::env::Env;
use crate::inspector::Agent;
use crate::js::{context_settings, convert, wrap};
use crate::process::frozen_clock;

/// Embedder data of a context: its sandbox object, `undefined` for one without.
const SANDBOX: i32 = 1;

/// What a context was made with; kept with the context itself.
struct Attributes {
    /// What a debugger calls it.
    name: String,
    allow_wasm: bool,
    state: std::rc::Weak<ContextifyContext>,
}

/// The contexts of an isolate.
#[derive(Default)]
struct Contexts(RefCell<Vec<Made>>);

/// A context, and what shows whether its native state is still there.
struct Made {
    context: v8::Weak<v8::Context>,
    attributes: std::rc::Weak<Attributes>,
}

impl Contexts {
    fn add(&self, made: Made) {
        let mut contexts = self.0.borrow_mut();
        if contexts.len() == contexts.capacity() {
            contexts.retain(|made| made.attributes.strong_count() > 0);
        }
        contexts.push(made);
    }
}

/// Takes the native state of all contexts from them, before their isolate is disposed of.
///
/// It hangs on a weak handle of V8's crate. Dropped while the isolate is being disposed of, such a handle leaves its
/// callback behind, with memory that is free, for the collection that V8 makes at the end if it was in the middle of one.
pub fn release_contexts(isolate: &mut v8::Isolate, env: &Env) {
    let contexts = env.state::<Contexts>().0.take();
    let attributes: Vec<_> = contexts
        .iter()
        .map(|made| made.attributes.clone())
        .collect();
    {
        v8::scope!(let scope, isolate);
        for made in contexts {
            if let Some(context) = made.context.to_local(scope) {
                context.clear_all_slots();
            }
        }
    }
    // A context that is collected already is out of reach. V8 lets its state go a while later, or at once in a collection
    // that was asked for.
    if attributes.iter().any(|state| state.strong_count() > 0) {
        isolate.low_memory_notification();
    }
}

/// Tells an inspector that starts of the contexts that there are.
pub fn announce_contexts(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let made: Vec<_> = {
        let contexts = env.state::<Contexts>();
        let contexts = contexts.0.borrow();
        let found = contexts.iter().filter_map(|made| {
            let name = made.attributes.upgrade()?.name.clone();
            Some((made.context.to_local(scope)?, name))
        });
        found.collect()
    };
    let agent = Agent::of(&env);
    for (context, name) in made {
        agent.context_created(context, &name);
    }
}

/// Runs `body` in every context that was made and is still there.
pub fn in_all_contexts(scope: &mut v8::PinScope<'_, '_>, body: fn(&mut v8::PinScope<'_, '_>)) {
    let made: Vec<_> = {
        let contexts = Env::of(scope).state::<Contexts>();
        let contexts = contexts.0.borrow();
        let alive = contexts.iter().map(|made| made.context.to_local(scope));
        alive.flatten().collect()
    };
    for context in made {
        body(&mut v8::ContextScope::new(scope, context));
    }
}

/// Native state of the wrapper object.
struct ContextifyContext {
    /// The context's own queue (`microtaskMode: 'afterEvaluate'`).
    microtask_queue: Option<v8::MicrotaskQueueHandle>,
}

/// A context made by [`make_context`], found again by the object that stands for it.
pub struct Contextified<'s> {
    /// The context.
    pub context: v8::Local<'s, v8::Context>,
    state: Rc<ContextifyContext>,
}

impl Contextified<'_> {
    /// Runs the context's own microtasks, if it has a queue of its own.
    pub fn perform_microtask_checkpoint(&self, isolate: &mut v8::Isolate) {
        if let Some(queue) = &self.state.microtask_queue {
            queue.perform_checkpoint(isolate);
        }
    }
}

/// The context behind a contextified object; `None` for any other value.
pub fn contextified_context<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<Contextified<'s>> {
    let object: v8::Local<v8::Object> = value.try_cast().ok()?;
    let key = Env::of(scope).private(scope, "contextify_context_private_symbol");
    let wrapper = object.get_private(scope, key)?;
    let state = wrap::unwrap::<ContextifyContext>(scope, wrapper)?;
    let wrapper: v8::Local<v8::Object> = wrapper.try_cast().ok()?;
    let context = wrapper.get_creation_context(scope)?;
    Some(Contextified { context, state })
}

/// Whether `context` has a microtask queue of its own (`microtaskMode: 'afterEvaluate'`).
pub fn has_own_microtask_queue(context: v8::Local<'_, v8::Context>) -> bool {
    let state = context
        .get_slot::<Attributes>()
        .and_then(|attributes| attributes.state.upgrade());
    state.is_some_and(|state| state.microtask_queue.is_some())
}

/// Runs the microtasks of `context`'s own queue, if it has one.
pub fn perform_own_microtask_checkpoint(
    isolate: &mut v8::Isolate,
    context: v8::Local<'_, v8::Context>,
) {
    let state = context
        .get_slot::<Attributes>()
        .and_then(|attributes| attributes.state.upgrade());
    if let Some(queue) = state
        .as_ref()
        .and_then(|state| state.microtask_queue.as_ref())
    {
        queue.perform_checkpoint(isolate);
    }
}

/// As [`contextified_context`], the context alone.
pub fn context_of<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<v8::Local<'s, v8::Context>> {
    contextified_context(scope, value).map(|contextified| contextified.context)
}

/// Context and sandbox of the global object that an interceptor was called on; `None` while the context is being set
/// up.
pub fn of_global<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    global: v8::Local<'_, v8::Object>,
) -> Option<(v8::Local<'s, v8::Context>, v8::Local<'s, v8::Object>)> {
    let context = global.get_creation_context(scope)?;
    context.get_slot::<Attributes>()?;
    let sandbox = context.get_embedder_data(scope, SANDBOX)?;
    Some((context, sandbox.try_cast().ok()?))
}

/// `makeContext(sandbox | vm_context_no_contextify, name, origin, strings, wasm, ownMicrotaskQueue, id)`.
pub fn make_context<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let sandbox: Option<v8::Local<v8::Object>> = args.get(0).try_cast().ok();
    let id: Option<v8::Local<v8::Symbol>> = args.get(6).try_cast().ok();
    let Some(id) = id.filter(|_| sandbox.is_some() || args.get(0).is_symbol()) else {
        return compile::refuse(scope);
    };
    let key = Env::of(scope).private(scope, "contextify_context_private_symbol");
    if sandbox.is_some_and(|sandbox| sandbox.has_private(scope, key).unwrap_or(true)) {
        return compile::refuse(scope);
    }
    let options = Options {
        name: convert::text(scope, args.get(1)),
        allow_strings: args.get(3).is_true(),
        allow_wasm: args.get(4).is_true(),
        own_microtask_queue: args.get(5).is_true(),
        id,
    };
    if let Some(result) = create(scope, sandbox, &options) {
        rv.set(result.into());
    }
}

struct Options<'s> {
    name: String,
    allow_strings: bool,
    allow_wasm: bool,
    own_microtask_queue: bool,
    id: v8::Local<'s, v8::Symbol>,
}

fn create<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    sandbox: Option<v8::Local<'s, v8::Object>>,
    options: &Options<'s>,
) -> Option<v8::Local<'s, v8::Object>> {
    let env = Env::of(scope);
    let main = env.context(scope);
    let microtask_queue = options
        .own_microtask_queue
        .then(|| v8::MicrotaskQueue::new(scope, v8::MicrotasksPolicy::Explicit));
    let queue = match &microtask_queue {
        Some(own) => Some(&raw const **own),
        None => main.get_microtask_queue().map(std::ptr::from_ref),
    };
    let global_template = sandbox.map(|_| interceptor::global_template(scope));
    let context = v8::Context::new(
        scope,
        v8::ContextOptions {
            global_template,
            global_object: None,
            microtask_queue: queue.map(<*const v8::MicrotaskQueue>::cast_mut),
        },
    );
    context_settings::initialize_runtime(scope, context);
    let token = main.get_security_token(scope);
    context.set_security_token(token);
    context.set_allow_generation_from_strings(options.allow_strings);
    if !options.allow_wasm {
        scope.set_allow_wasm_code_generation_callback(allow_wasm_code_generation);
    }

    let scope = &mut v8::ContextScope::new(scope, context);
    context_settings::apply(scope)?;
    async_wrap::install_promise_hooks(scope);
    if frozen_clock::stand_still(&env) {
        frozen_clock::remove_shared_memory(scope)?;
    }
    let global = context.global(scope);
    if let Some(sandbox) = sandbox {
        let name = sandbox.get_constructor_name();
        let plain = env.name(scope, "Object");
        if !name.strict_equals(plain.into()) {
            let tag = v8::Symbol::get_to_string_tag(scope);
            global.define_own_property(
                scope,
                tag.into(),
                name.into(),
                v8::PropertyAttribute::DONT_ENUM,
            )?;
        }
    }
    let id_key = env.private(scope, "host_defined_option_symbol");
    global.set_private(scope, id_key, options.id.into())?;

    let template = v8::ObjectTemplate::new(scope);
    template.set_internal_field_count(wrap::INTERNAL_FIELDS);
    let wrapper = template.new_instance(scope)?;
    let state = wrap::wrap(scope, wrapper, ContextifyContext { microtask_queue });
    let holder = sandbox.unwrap_or(global);
    let key = env.private(scope, "contextify_context_private_symbol");
    holder.set_private(scope, key, wrapper.into())?;
    if let Some(sandbox) = sandbox {
        sandbox.set_private(scope, id_key, options.id.into())?;
    }
    let data = sandbox.map_or_else(|| v8::undefined(scope).into(), v8::Local::<v8::Value>::from);
    context.set_embedder_data(SANDBOX, data);
    // From here on the interceptors answer.
    let attributes = Rc::new(Attributes {
        name: options.name.clone(),
        allow_wasm: options.allow_wasm,
        state: Rc::downgrade(&state),
    });
    env.state::<Contexts>().add(Made {
        context: v8::Weak::new(scope, context),
        attributes: Rc::downgrade(&attributes),
    });
    context.set_slot(attributes);
    Agent::of(&env).context_created(context, &options.name);
    Some(holder)
}

unsafe extern "C" fn allow_wasm_code_generation(
    context: v8::Local<'_, v8::Context>,
    _source: v8::Local<'_, v8::String>,
) -> bool {
    contain_bare(|| {
        let attributes = context.get_slot::<Attributes>();
        attributes.is_none_or(|attributes| attributes.allow_wasm)
    })
    .unwrap_or(false)
}
