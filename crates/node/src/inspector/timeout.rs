//! What a command asks of V8 that is done here instead, or is bounded.

use std::cell::RefCell;
use std::time::Duration;

use super::message::{Command, Members};
use crate::env::Env;
use crate::threads::watchdog::Watchdog;

/// Microseconds between two samples of the processor's profiler at least: a thread of V8's takes them, and nobody's account
/// has its time. Node has no bound; its default is 1000.
const SHORTEST_SAMPLING_INTERVAL: i64 = 100;

/// Asynchronous calls of a stack at most, each of which is within the one before in V8's messages
/// ([`super::session::ToSession`]). Debuggers ask for 32.
const DEEPEST_ASYNC_STACK: i64 = 200;

/// Evaluations that may take a limited time. V8's own limits stay in lists of its platform, which all guests share, until
/// they are due, also where the evaluation has ended; and it takes back whatever has ended the program meanwhile.
#[derive(Default)]
pub(super) struct Timeouts(RefCell<Vec<(i64, Watchdog)>>);

impl Timeouts {
    /// Starts what `command` asks for. Gives back the command without it, where V8 is not to see it.
    ///
    /// # Errors
    /// What the parameters are not.
    pub fn take_over(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        command: &Command<'_>,
    ) -> Result<Option<String>, String> {
        match &*command.method {
            "Runtime.evaluate" | "Debugger.evaluateOnCallFrame" => self.limit(scope, command),
            "Profiler.setSamplingInterval" => bounded(command, "interval", |asked| {
                asked.max(SHORTEST_SAMPLING_INTERVAL)
            }),
            "Debugger.setAsyncCallStackDepth" | "Runtime.setAsyncCallStackDepth" => {
                bounded(command, "maxDepth", |asked| asked.min(DEEPEST_ASYNC_STACK))
            }
            _ => Ok(None),
        }
    }

    fn limit(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        command: &Command<'_>,
    ) -> Result<Option<String>, String> {
        let Ok(mut members) = command.members() else {
            // V8 says so.
            return Ok(None);
        };
        let (Some(timeout), Some(id)) = (members.remove("timeout"), command.id) else {
            return Ok(None);
        };
        let Ok(timeout) = serde_json::from_str::<f64>(timeout.get()) else {
            return refused(command, members, "timeout");
        };
        // What is no time in the future is no limit.
        if let Ok(timeout) = Duration::try_from_secs_f64(timeout / 1000.0) {
            let watchdog = Watchdog::arm(scope.thread_safe_handle(), timeout)
                .map_err(|error| error.to_string())?;
            self.0.borrow_mut().push((id, watchdog));
        }
        Ok(Some(command.with(&members)))
    }

    /// The command has its answer, or waits for a promise: it may take as long as it likes from now on.
    pub fn ended(&self, scope: &mut v8::PinScope<'_, '_>, env: &Env, id: i64) {
        let mut armed = self.0.borrow_mut();
        let Some(at) = armed.iter().rposition(|(other, _)| *other == id) else {
            return;
        };
        let (_, watchdog) = armed.swap_remove(at);
        drop(armed);
        let is_ending =
            env.stopping.get() || env.heap.limit_reached.get() || env.event_loop.is_aborted();
        if watchdog.disarm() && !is_ending {
            scope.cancel_terminate_execution();
        }
    }
}

/// The command with a parameter that V8 refuses in its own words: it takes numbers that are none here.
fn refused(
    command: &Command<'_>,
    mut members: Members,
    name: &str,
) -> Result<Option<String>, String> {
    let none = serde_json::value::to_raw_value("").map_err(|error| error.to_string())?;
    members.insert(name.to_owned(), none);
    Ok(Some(command.with(&members)))
}

/// The command with another number in the place of one that is beyond its bound.
fn bounded(
    command: &Command<'_>,
    name: &str,
    bound: impl FnOnce(i64) -> i64,
) -> Result<Option<String>, String> {
    let Ok(mut members) = command.members() else {
        return Ok(None);
    };
    let Some(asked) = members.get(name) else {
        return Ok(None);
    };
    let Ok(asked) = serde_json::from_str::<i64>(asked.get()) else {
        return refused(command, members, name);
    };
    let within = bound(asked);
    if within == asked {
        return Ok(None);
    }
    let within = serde_json::value::to_raw_value(&within);
    members.insert(name.to_owned(), within.map_err(|error| error.to_string())?);
    Ok(Some(command.with(&members)))
}
