//! `internalBinding('inspector')`. Follows Node's `src/inspector_js_api.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use super::main_thread_connection;
use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::inspector::{Agent, AsyncStep, Output, Session, network_event};
use crate::js::callback_scope::{self, AsyncContext};
use crate::js::class::Definition;
use crate::js::{async_wrap, convert, exception, permission, wrap};
use crate::options::permission::Access;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("consoleCall", console_call)
        .function(
            "setConsoleExtensionInstaller",
            set_console_extension_installer,
        )
        .function("registerAsyncHook", register_async_hook)
        .function("asyncTaskScheduled", async_task_scheduled)
        .function("asyncTaskCanceled", async_task_canceled)
        .function("asyncTaskStarted", async_task_started)
        .function("asyncTaskFinished", async_task_finished)
        .function("isEnabled", is_enabled)
        .function("url", url)
        .function("setupNetworkTracking", setup_network_tracking)
        .function("emitProtocolEvent", emit_protocol_event)
        .function("open", open)
        .function("waitForDebugger", wait_for_debugger)
        .function("callAndPauseOnStart", call_and_pause_on_start)
        .reference(create_task)
        .reference(run_task)
        .init(initialize);
    definition
        .class("Connection", new_connection)
        .inherits("AsyncWrap")
        .method("dispatch", dispatch)
        .method("disconnect", disconnect);
    definition
        .class("MainThreadConnection", main_thread_connection::new)
        .inherits("AsyncWrap")
        .method("dispatch", main_thread_connection::dispatch)
        .method("disconnect", main_thread_connection::disconnect);
}

/// `inspector.console` is V8's own console of the context.
fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let context = scope.get_current_context();
    let global = context.global(scope);
    let console = convert::get(scope, global, "console").filter(|console| console.is_object());
    let console = console.unwrap_or_else(|| v8::Object::new(scope).into());
    add_create_task(scope, console);
    convert::set(scope, binding, "console", console);
}

/// `console.createTask()`, which V8's inspector gives to consoles (`V8Console::createTask`). A debugger would show the
/// stack of its call above that of `run`.
fn add_create_task(scope: &mut v8::PinScope<'_, '_>, console: v8::Local<'_, v8::Value>) {
    let function = method(
        scope,
        "createTask",
        create_task,
        v8::ConstructorBehavior::Throw,
    );
    if let (Ok(console), Some(function)) = (v8::Local::<v8::Object>::try_from(console), function) {
        convert::set(scope, console, "createTask", function.into());
    }
}

fn method<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    run: impl callback::NativeFunction,
    constructor: v8::ConstructorBehavior,
) -> Option<v8::Local<'s, v8::Function>> {
    let function = v8::Function::builder_raw(callback::raw_function(run))
        .constructor_behavior(constructor)
        .build(scope)?;
    let name = exception::string(scope, name);
    function.set_name(name);
    Some(function)
}

/// What an object of `createTask` has, and nothing else.
const TASK: &str = "console_task";

fn create_task(scope: Scope, args: Args, mut rv: Return) {
    let name = v8::Local::<v8::String>::try_from(args.get(0));
    if !name.is_ok_and(|name| name.length() > 0) {
        throw_error(scope, "First argument must be a non-empty string.");
        return;
    }
    let task = v8::Object::new(scope);
    let Some(run) = method(scope, "run", run_task, v8::ConstructorBehavior::Allow) else {
        return;
    };
    convert::set(scope, task, "run", run.into());
    let key = Env::of(scope).private(scope, TASK);
    let mark = v8::Boolean::new(scope, true);
    task.set_private(scope, key, mark.into());
    rv.set(task.into());
}

/// `task.run(function)`: calls it and gives back what it returns.
fn run_task(scope: Scope, args: Args, mut rv: Return) {
    let key = Env::of(scope).private(scope, TASK);
    if !args.this().has_private(scope, key).unwrap_or(false) {
        throw_error(scope, "'run' called with illegal receiver.");
        return;
    }
    let Ok(function) = v8::Local::<v8::Function>::try_from(args.get(0)) else {
        throw_error(scope, "First argument must be a function.");
        return;
    };
    let receiver = v8::undefined(scope).into();
    if let Some(result) = function.call(scope, receiver, &[]) {
        rv.set(result);
    }
}

fn throw_error(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    let message = exception::string(scope, message);
    let error = v8::Exception::error(scope, message);
    scope.throw_exception(error);
}

/// A connection of the program's own.
struct Connection {
    session: RefCell<Option<Rc<Session>>>,
}

/// What a connection hears is told to JavaScript.
pub struct ToListener {
    listener: v8::Global<v8::Function>,
    object: v8::Global<v8::Object>,
}

impl ToListener {
    /// Tells `listener`, on behalf of the connection `object`.
    pub fn new(
        scope: &v8::PinScope<'_, '_>,
        listener: v8::Local<'_, v8::Function>,
        object: v8::Local<'_, v8::Object>,
    ) -> ToListener {
        ToListener {
            listener: v8::Global::new(scope, listener),
            object: v8::Global::new(scope, object),
        }
    }
}

impl Output for ToListener {
    fn deliver(&self, scope: &mut v8::PinScope<'_, '_>, text: String) {
        v8::scope!(let scope, scope);
        let listener = v8::Local::new(scope, &self.listener);
        let object = v8::Local::new(scope, &self.object);
        let text = exception::string(scope, &text).into();
        let told = exception::catch(scope, |scope| {
            // At a breakpoint the frame is that of what was stopped.
            let context =
                wrap::async_state(scope, object).map_or_else(AsyncContext::none, |state| {
                    AsyncContext {
                        context_frame: None,
                        ..AsyncContext::of(&state)
                    }
                });
            callback_scope::call_in_scope(scope, object, &context, |scope| {
                listener.call(scope, object.into(), &[text])
            })
        });
        if let Err(Some(thrown)) = told {
            Agent::of(&Env::of(scope)).keep_thrown(scope, thrown);
        }
    }
}

/// `new Connection(listener)`.
fn new_connection(scope: Scope, args: Args, _rv: Return) {
    if !permission::require(scope, Access::Inspector, b"Connect") {
        return;
    }
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "Connection is a class");
        return;
    }
    let Some(listener) = convert::function_argument(scope, &args, 0, "listener") else {
        return;
    };
    let output = Rc::new(ToListener::new(scope, listener, args.this()));
    let agent = Agent::of(&Env::of(scope));
    match agent.connect(scope, output, false) {
        Ok(session) => {
            let session = RefCell::new(Some(session));
            async_wrap::wrap_async(
                scope,
                args.this(),
                "INSPECTORJSBINDING",
                Connection { session },
            );
        }
        Err(refusal) => refusal.throw(scope),
    }
}

fn session_of(scope: &v8::PinScope<'_, '_>, args: &Args) -> Option<Rc<Session>> {
    let connection = wrap::unwrap::<Connection>(scope, args.this().into())?;
    connection.session.borrow().clone()
}

/// `dispatch(message)`. Nothing after the end of the connection.
fn dispatch(scope: Scope, args: Args, _rv: Return) {
    let Ok(text) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"message\" argument must be of type string");
        return;
    };
    let Some(session) = session_of(scope, &args) else {
        return;
    };
    if let Some(units) = convert::units(scope, text) {
        session.dispatch(scope, &units);
    }
}

fn disconnect(scope: Scope, args: Args, _rv: Return) {
    let Some(connection) = wrap::unwrap::<Connection>(scope, args.this().into()) else {
        return;
    };
    let session = connection.session.take();
    if let Some(session) = session {
        session.disconnect(scope);
    }
}

/// `consoleCall.call(console, inspectorMethod, nodeMethod, ...args)`: both methods run where a debugger is attached.
fn console_call(scope: Scope, args: Args, mut rv: Return) {
    let Some(node_method) = convert::function_argument(scope, &args, 1, "nodeMethod") else {
        return;
    };
    let rest: Vec<v8::Local<v8::Value>> = (2..args.length()).map(|index| args.get(index)).collect();
    let agent = Agent::of(&Env::of(scope));
    if agent.is_active() {
        let Some(method) = convert::function_argument(scope, &args, 0, "inspectorMethod") else {
            return;
        };
        if !agent.console_call(scope, method, args.this().into(), &rest) {
            return;
        }
    }
    if let Some(result) = node_method.call(scope, args.this().into(), &rest) {
        rv.set(result);
    }
}

fn set_console_extension_installer(scope: Scope, args: Args, _rv: Return) {
    if let Some(installer) = convert::function_argument(scope, &args, 0, "installer") {
        Env::of(scope).set_slot(scope, Slot::ConsoleExtensionInstaller, installer.into());
    }
}

/// `registerAsyncHook(enable, disable)`: switched on by a debugger that asks for asynchronous stacks.
fn register_async_hook(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_function() || !args.get(1).is_function() {
        exception::throw_invalid_argument(scope, "The hooks must be of type function");
        return;
    }
    let env = Env::of(scope);
    env.set_slot(scope, Slot::InspectorEnableHooks, args.get(0));
    env.set_slot(scope, Slot::InspectorDisableHooks, args.get(1));
    Agent::of(&env).hooks_ready(scope);
}

/// The id of an asynchronous resource.
fn task_id(scope: Scope, args: &Args, index: i32) -> Option<u64> {
    if !args.get(index).is_number() {
        exception::throw_invalid_argument(scope, "The id of a task must be of type number");
        return None;
    }
    let id = args.get(index).number_value(scope)?;
    Some(convert::saturating_u64(id))
}

/// `asyncTaskScheduled(type, id, recurring)`.
fn async_task_scheduled(scope: Scope, args: Args, _rv: Return) {
    let Ok(name) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"type\" argument must be of type string");
        return;
    };
    let (Some(id), Some(name)) = (task_id(scope, &args, 1), convert::units(scope, name)) else {
        return;
    };
    let step = AsyncStep::Scheduled(id, &name, args.get(2).is_true());
    Agent::of(&Env::of(scope)).async_task(step);
}

fn async_step(scope: Scope, args: &Args, step: fn(u64) -> AsyncStep<'static>) {
    if let Some(id) = task_id(scope, args, 0) {
        Agent::of(&Env::of(scope)).async_task(step(id));
    }
}

fn async_task_canceled(scope: Scope, args: Args, _rv: Return) {
    async_step(scope, &args, AsyncStep::Canceled);
}

fn async_task_started(scope: Scope, args: Args, _rv: Return) {
    async_step(scope, &args, AsyncStep::Started);
}

fn async_task_finished(scope: Scope, args: Args, _rv: Return) {
    async_step(scope, &args, AsyncStep::Finished);
}

fn is_enabled(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_bool(Agent::of(&Env::of(scope)).is_listening());
}

/// The address for debuggers; `undefined` where no port is open.
fn url(scope: Scope, _args: Args, mut rv: Return) {
    if let Some(url) = Agent::of(&Env::of(scope)).url() {
        rv.set(exception::string(scope, &url).into());
    }
}

/// `open(port, host)`, each as the command line says where it is missing.
fn open(scope: Scope, args: Args, _rv: Return) {
    if !permission::require(scope, Access::Inspector, b"StartIoThread") {
        return;
    }
    let env = Env::of(scope);
    let agent = Agent::of(&env);
    let known = agent.debug_port(&env);
    let number = if args.get(0).is_uint32() {
        args.get(0).uint32_value(scope).unwrap_or_default()
    } else {
        known.into()
    };
    let Ok(number) = u16::try_from(number) else {
        exception::throw_invalid_argument(scope, "The \"port\" argument must be below 65536");
        return;
    };
    let host = if args.get(1).is_string() {
        convert::text(scope, args.get(1))
    } else {
        agent.debug_host(&env)
    };
    agent.open_port(scope, &host, number);
}

/// `waitForDebugger()`: whether there was anything to wait for.
fn wait_for_debugger(scope: Scope, _args: Args, mut rv: Return) {
    let agent = Agent::of(&Env::of(scope));
    if agent.is_active()
        && let Err(refusal) = agent.wait_for_frontend(scope)
    {
        refusal.throw(scope);
        return;
    }
    rv.set_bool(agent.is_active());
}

/// `setupNetworkTracking(enable, disable)`: switched on by the first `Network.enable`.
fn setup_network_tracking(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_function() || !args.get(1).is_function() {
        exception::throw_invalid_argument(scope, "The hooks must be of type function");
        return;
    }
    let env = Env::of(scope);
    env.set_slot(scope, Slot::InspectorEnableNetwork, args.get(0));
    env.set_slot(scope, Slot::InspectorDisableNetwork, args.get(1));
    Agent::of(&env).update_network(scope);
}

/// `emitProtocolEvent(event, params)`.
fn emit_protocol_event<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let env = Env::of(scope);
    let is_on = env
        .options
        .borrow()
        .flag("--experimental-network-inspection");
    let agent = Agent::of(&env);
    let Ok(params) = v8::Local::<v8::Object>::try_from(args.get(1)) else {
        return;
    };
    if !is_on || !agent.wants_network() || !args.get(0).is_string() {
        return;
    }
    let event = convert::text(scope, args.get(0));
    let (params, data) = if network_event::has_data(&event) {
        let data = convert::get(scope, params, "data");
        let data = data.filter(|data| data.is_uint8_array());
        (without_data(scope, params), data.and_then(convert::bytes))
    } else {
        (params, None)
    };
    let Some(text) = v8::json::stringify(scope, params.into()) else {
        return;
    };
    let text = convert::text(scope, text.into());
    if let Err(missing) = agent.tell(scope, &event, &text, data.as_deref()) {
        let message = exception::string(scope, &missing);
        let error = v8::Exception::type_error(scope, message);
        scope.throw_exception(error);
    }
}

/// The members of an event that has bytes, without those.
fn without_data<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    params: v8::Local<'s, v8::Object>,
) -> v8::Local<'s, v8::Object> {
    let rest = v8::Object::new(scope);
    for name in [
        "requestId",
        "timestamp",
        "dataLength",
        "encodedDataLength",
        "finished",
    ] {
        if let Some(value) = convert::get(scope, params, name) {
            convert::set(scope, rest, name, value);
        }
    }
    rest
}

/// `callAndPauseOnStart(fn, receiver, ...args)`.
fn call_and_pause_on_start(scope: Scope, args: Args, mut rv: Return) {
    let Some(function) = convert::function_argument(scope, &args, 0, "fn") else {
        return;
    };
    let rest: Vec<v8::Local<v8::Value>> = (2..args.length()).map(|index| args.get(index)).collect();
    Agent::of(&Env::of(scope)).pause_on_next_statement("Break on start");
    if let Some(result) = function.call(scope, args.get(1), &rest) {
        rv.set(result);
    }
}
