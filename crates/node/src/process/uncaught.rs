//! Exceptions that nothing caught. Follows `TriggerUncaughtException` in Node's `src/node_errors.cc`.

use crate::env::{Env, Slot};
use crate::js::callback_scope;
use crate::process::{exit, report};

/// Reports an exception that nothing caught: `process._fatalException`, and if no handler wants it, Node's report on
/// stderr and the end of the process (`errors::TriggerUncaughtException`).
pub fn trigger_uncaught_exception(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    from_promise: bool,
) {
    let message = v8::Exception::create_message(scope, error);
    trigger_uncaught_with(scope, error, message, from_promise);
}

/// As [`trigger_uncaught_exception`], with what V8 knows of the place where `error` was thrown: a value that is no error
/// does not carry it.
pub fn trigger_uncaught_with(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
    message: v8::Local<'_, v8::Message>,
    from_promise: bool,
) {
    let env = Env::of(scope);
    if env.is_halted(scope) {
        return;
    }
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    let key = env.name(scope, "_fatalException").into();
    let handler = process
        .get(scope, key)
        .and_then(|f| v8::Local::<v8::Function>::try_from(f).ok());
    let Some(handler) = handler else {
        // Before the library is up, or guest code deleted it: Node's exit status for that case.
        report::print_exception(scope, error, message);
        exit::exit_on_request(scope, 6);
        return;
    };
    env.callback_depth.set(env.callback_depth.get() + 1);
    let handled = {
        v8::tc_scope!(let tc, scope);
        let from_promise = v8::Boolean::new(tc, from_promise).into();
        let handled = handler.call(tc, process.into(), &[error, from_promise]);
        match handled {
            Some(handled) => Some(handled.is_true() || !handled.is_false()),
            None => {
                // Not where the thread was ended in the middle: that is no exception.
                if let Some(inner) = tc.exception().filter(|_| !env.is_halted(tc)) {
                    let message = match tc.message() {
                        Some(message) => message,
                        None => v8::Exception::create_message(tc, inner),
                    };
                    report::print_exception(tc, inner, message);
                }
                if tc.has_terminated() {
                    tc.rethrow();
                }
                None
            }
        }
    };
    env.callback_depth.set(env.callback_depth.get() - 1);
    if env.is_halted(scope) {
        return;
    }
    match handled {
        Some(true) => callback_scope::clear_async_id_stack(scope, &env),
        Some(false) => {
            report::print_exception(scope, error, message);
            let code = env.aliased::<i32>(Slot::ExitInfo);
            // kHasExitCode, kExitCode: an exit handler may have chosen another status.
            let status = if code.get(2) != 0 { code.get(1) } else { 1 };
            exit::exit_on_request(scope, status);
        }
        // The handler itself threw.
        None => exit::exit_on_request(scope, 7),
    }
}
