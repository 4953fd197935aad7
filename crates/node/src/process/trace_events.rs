//! Trace events of a process: what switches them on, and who hears of it.

use crate::env::{Env, Slot};
use crate::js::exception;
use crate::process::{exit, uncaught};
use crate::tracing::{self, Tracing};

/// The category that the library's hooks are for.
const ASYNC_HOOKS: &str = "node.async_hooks";

/// Switches on what the command line names (`--trace-event-categories`).
pub fn start_by_options(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(tracing) = Tracing::of(&env) else {
        return;
    };
    let names: Vec<String> = {
        let options = env.options.borrow();
        let names = options.text("--trace-event-categories").unwrap_or_default();
        let names = names.split(',').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    if !names.is_empty() && tracing.enable(&env, &names) {
        exit::at_exit(&env, finish);
    }
    tracing::synchronize(scope);
}

/// A worker starts, in a process that may be traced.
pub fn start_worker(scope: &mut v8::PinScope<'_, '_>) {
    tracing::synchronize(scope);
    let env = Env::of(scope);
    if env.traces.get()
        && let Some(tracing) = Tracing::of(&env)
    {
        tracing.describe(&env);
    }
}

/// Other categories are on than before: the library of all threads has to know.
pub fn changed(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let was_on = env.traces.get();
    tracing::synchronize(scope);
    if !was_on {
        exit::at_exit(&env, finish);
    }
    if let Some(program) = env.program() {
        program.interrupt_workers(tracing::synchronize);
    }
    let (Some(tracing), Some(handler)) = (
        Tracing::of(&env),
        env.function(scope, Slot::TraceCategoryStateUpdate),
    ) else {
        return;
    };
    let is_on = v8::Boolean::new(scope, tracing.is_enabled(ASYNC_HOOKS)).into();
    let undefined = v8::undefined(scope).into();
    let told = exception::catch(scope, |scope| handler.call(scope, undefined, &[is_on]));
    if let Err(Some(thrown)) = told {
        uncaught::trigger_uncaught_exception(scope, thrown, false);
    }
}

fn finish(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    // Of the process, not of one of its threads.
    if env.worker().is_none()
        && let Some(tracing) = Tracing::of(&env)
    {
        tracing.finish(&env);
    }
}
