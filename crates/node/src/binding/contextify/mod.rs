//! `internalBinding('contextify')`: scripts, compiled functions and contexts of `node:vm`, and the compilation of
//! CommonJS modules. Follows Node's `src/node_contextify.cc`.

mod code_seal;
mod commonjs;
mod compile;
mod context;
mod function;
mod interceptor;
mod measure_memory;
mod script;
mod sigint;
mod timeout;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use sigint::SigintWatchdog;

pub use code_seal::{Kind as CacheKind, open as open_cache, seal as seal_cache};
pub use compile::host_defined_options;
pub use context::{
    announce_contexts, context_of, contextified_context, has_own_microtask_queue, in_all_contexts,
    perform_own_microtask_checkpoint, release_contexts,
};
pub use sigint::{run_with_sigint, take_sigint};
pub use timeout::run_with_timeout;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("makeContext", context::make_context)
        .function("compileFunction", function::compile_function)
        .function("startSigintWatchdog", start_sigint_watchdog)
        .function("stopSigintWatchdog", stop_sigint_watchdog)
        .function("watchdogHasPendingSigint", watchdog_has_pending_sigint)
        .function("measureMemory", measure_memory::measure_memory)
        .function(
            "compileFunctionForCJSLoader",
            commonjs::compile_function_for_cjs_loader,
        )
        .function("containsModuleSyntax", commonjs::contains_module_syntax)
        .function("shouldRetryAsESM", commonjs::should_retry_as_esm);
    definition
        .class("ContextifyScript", script::new)
        .method("createCachedData", script::create_cached_data)
        .method("runInContext", script::run_in_context);
}

/// `startSigintWatchdog()`: whether SIGINT is watched from now on.
fn start_sigint_watchdog(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    rv.set_bool(env.state::<SigintWatchdog>().start(&env));
}

/// `stopSigintWatchdog()`: whether a signal came that interrupted nothing.
fn stop_sigint_watchdog(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_bool(Env::of(scope).state::<SigintWatchdog>().stop());
}

fn watchdog_has_pending_sigint(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_bool(Env::of(scope).state::<SigintWatchdog>().has_pending());
}

#[cfg(test)]
mod tests;
