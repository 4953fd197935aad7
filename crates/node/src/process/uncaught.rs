//! Exceptions that nothing caught. Follows `TriggerUncaughtException` in Node's `src/node_errors.cc`.

use std::cell::Cell;

use crate::env::{Env, Slot};
use crate::js::callback_scope;
use crate::process::{exit, report};

/// Who hears of an exception that ends the program, besides standard error.
pub type Listener =
    fn(&mut v8::PinScope<'_, '_>, v8::Local<'_, v8::Value>, v8::Local<'_, v8::Message>);

#[derive(Default)]
struct Listening(Cell<Option<Listener>>);

/// Has `listener` hear of the exception that ends the program.
pub fn listen(env: &Env, listener: Listener) {
    env.isolate_state::<Listening>().0.set(Some(listener));
}

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
    if aborts(&env) {
        report::print_exception(scope, error, message);
        exit::abort_process(scope);
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
    let handled = callback_scope::nested(&env, || {
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
    });
    if env.is_halted(scope) {
        return;
    }
    match handled {
        Some(true) => callback_scope::clear_async_id_stack(scope, &env),
        Some(false) => {
            report::print_exception(scope, error, message);
            if let Some(listener) = env.isolate_state::<Listening>().0.get() {
                listener(scope, error, message);
            }
            let code = env.aliased::<i32>(Slot::ExitInfo);
            // kHasExitCode, kExitCode: an exit handler may have chosen another status.
            let status = if code.get(2) != 0 { code.get(1) } else { 1 };
            exit::exit_on_request(scope, status);
        }
        // The handler itself threw.
        None if aborts(&env) => exit::abort_process(scope),
        None => exit::exit_on_request(scope, 7),
    }
}

/// Whether the process is to end by `SIGABRT`, whatever handlers it has (`ShouldAbortOnUncaughtException`). What a worker
/// does not catch ends the worker. Domains and
/// `process.setUncaughtExceptionCaptureCallback` switch it off for the time in which they take exceptions. V8 would end
/// it where the exception is thrown, so that a debugger sees the stack; here it ends where nothing has caught it.
fn aborts(env: &Env) -> bool {
    env.worker().is_none()
        && env.options.borrow().v8.abort_on_uncaught
        && env.aliased::<u32>(Slot::ShouldAbortOnUncaught).get(0) != 0
}

/// Frames that a stack has at least where it overflows, and far more than there are below a job that nobody called.
const DEEP: usize = 128;

/// Whether the stack ran out within a hook of promises, whose exceptions V8 reports and forgets. There is no room for a
/// handler then; the program that fills the stack gets the exception itself, one call later (Node's `TryCatchScope`).
pub fn overflowed_in_a_hook(
    scope: &mut v8::PinScope<'_, '_>,
    error: v8::Local<'_, v8::Value>,
) -> bool {
    if !error.is_native_error() {
        return false;
    }
    let deep = v8::StackTrace::current_stack_trace(scope, DEEP)
        .is_some_and(|trace| trace.get_frame_count() >= DEEP);
    deep && v8::Exception::create_message(scope, error)
        .get(scope)
        .to_rust_string_lossy(scope)
        .ends_with("RangeError: Maximum call stack size exceeded")
}
