//! Time limits of scripts and modules.

use std::time::Duration;

use crate::env::Env;
use crate::js::exception::{self, ErrorKind};
use crate::threads::watchdog::Watchdog;

/// Runs `body`, JavaScript of the guest, for at most `timeout` milliseconds; a negative one is no limit. A limit that
/// was reached becomes `ERR_SCRIPT_EXECUTION_TIMEOUT`, pending when this returns `None`.
pub fn run_with_timeout<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    timeout: i64,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    let Ok(milliseconds) = u64::try_from(timeout) else {
        return body(scope);
    };
    let watchdog = match Watchdog::arm(
        scope.thread_safe_handle(),
        Duration::from_millis(milliseconds),
    ) {
        Ok(watchdog) => watchdog,
        Err(error) => {
            let text = format!("Cannot start the thread for a time limit: {error}");
            exception::throw(
                scope,
                ErrorKind::Error,
                "ERR_SCRIPT_EXECUTION_TIMEOUT",
                &text,
            );
            return None;
        }
    };
    run_until_ended(scope, body, || {
        watchdog.disarm().then(|| {
            let text = format!("Script execution timed out after {timeout}ms");
            ("ERR_SCRIPT_EXECUTION_TIMEOUT", text)
        })
    })
}

/// Runs `body`, JavaScript that something may terminate. `ended`, behind it, sees to it that this cannot happen any more,
/// and gives the code and the message of the error that it becomes if it has happened.
pub(super) fn run_until_ended<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>,
    ended: impl FnOnce() -> Option<(&'static str, String)>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::tc_scope!(let scope, scope);
    let result = body(scope);
    if let Some((code, message)) = ended()
        && cancel_termination(scope)
    {
        scope.reset();
        exception::throw(scope, ErrorKind::Error, code, &message);
        scope.rethrow();
        return None;
    }
    if scope.has_caught() {
        scope.rethrow();
        return None;
    }
    result
}

/// Turns a termination back into running; false when the process itself is being ended, which must stay in force.
fn cancel_termination(isolate: &mut v8::Isolate) -> bool {
    let env = Env::of(isolate);
    let ending =
        || env.stopping.get() || env.heap.limit_reached.get() || env.event_loop.handle().aborted();
    if ending() {
        return false;
    }
    isolate.cancel_terminate_execution();
    if ending() {
        // The kill came between the two: it must not get lost.
        isolate.terminate_execution();
        return false;
    }
    true
}
