//! `internalBinding('inspector')`. Follows Node's `src/inspector_js_api.cc`.
//!
//! There is no debugger, and the config binding says so: the console works, `require('inspector')` loads (a patch of the
//! library), and connecting a session refuses.

use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::{convert, exception};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("consoleCall", console_call)
        .function(
            "setConsoleExtensionInstaller",
            set_console_extension_installer,
        )
        .function("registerAsyncHook", register_async_hook)
        .function("asyncTaskScheduled", ignored)
        .function("asyncTaskCanceled", ignored)
        .function("asyncTaskStarted", ignored)
        .function("asyncTaskFinished", ignored)
        .function("isEnabled", is_enabled)
        .function("url", url)
        .function("setupNetworkTracking", ignored)
        .function("emitProtocolEvent", ignored)
        .function("open", unavailable)
        .function("waitForDebugger", unavailable)
        .function("callAndPauseOnStart", call_and_pause_on_start)
        .init(initialize);
    for name in ["Connection", "MainThreadConnection"] {
        definition
            .class(name, unavailable)
            .method("dispatch", unavailable)
            .method("disconnect", unavailable);
    }
}

/// `inspector.console` is V8's own console of the context.
fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let context = scope.get_current_context();
    let global = context.global(scope);
    let console = convert::get(scope, global, "console").filter(|console| console.is_object());
    let console = console.unwrap_or_else(|| v8::Object::new(scope).into());
    convert::set(scope, binding, "console", console);
}

/// `consoleCall.call(console, inspectorMethod, nodeMethod, ...args)`: with no debugger attached only Node's method
/// runs.
fn console_call(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(node_method) = convert::function_argument(scope, &args, 1, "nodeMethod") else {
        return;
    };
    let rest: Vec<v8::Local<v8::Value>> = (2..args.length()).map(|index| args.get(index)).collect();
    if let Some(result) = node_method.call(scope, args.this().into(), &rest) {
        rv.set(result);
    }
}

fn set_console_extension_installer(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(installer) = convert::function_argument(scope, &args, 0, "installer") {
        Env::of(scope).set_slot(scope, Slot::ConsoleExtensionInstaller, installer.into());
    }
}

/// The hooks would be switched on by a debugger that asks for asynchronous stacks.
fn register_async_hook(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if !args.get(0).is_function() || !args.get(1).is_function() {
        exception::throw_invalid_argument(scope, "The hooks must be of type function");
    }
}

/// A report to the debugger that is not there.
fn ignored(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
}

fn is_enabled(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set_bool(false);
}

/// `undefined`: nothing listens.
fn url(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
}

/// `callAndPauseOnStart(fn, receiver, ...args)`: a call without the pause.
fn call_and_pause_on_start(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(function) = convert::function_argument(scope, &args, 0, "fn") else {
        return;
    };
    let rest: Vec<v8::Local<v8::Value>> = (2..args.length()).map(|index| args.get(index)).collect();
    if let Some(result) = function.call(scope, args.get(1), &rest) {
        rv.set(result);
    }
}

fn unavailable(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw_unavailable(
        scope,
        "The inspector is not available in this VM: no debugger can attach to a guest",
    );
}
