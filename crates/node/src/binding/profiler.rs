//! `internalBinding('profiler')`: coverage. Follows Node's `src/inspector_profiler.cc`.

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::inspector::profilers::Profilers;
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("setCoverageDirectory", set_coverage_directory)
        .function("setSourceMapCacheGetter", set_source_map_cache_getter)
        .function("startCoverage", start_coverage)
        .function("takeCoverage", take_coverage)
        .function("stopCoverage", stop_coverage)
        .function("endCoverage", end_coverage);
}

/// `setCoverageDirectory(directory)`.
fn set_coverage_directory(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_string() {
        exception::throw_invalid_argument(
            scope,
            "The \"directory\" argument must be of type string",
        );
        return;
    }
    let directory = convert::text(scope, args.get(0));
    Profilers::of(&Env::of(scope)).set_coverage_directory(directory);
}

/// `setSourceMapCacheGetter(getter)`.
fn set_source_map_cache_getter(scope: Scope, args: Args, _rv: Return) {
    if let Some(getter) = convert::function_argument(scope, &args, 0, "getter") {
        Env::of(scope).set_slot(scope, Slot::SourceMapCacheGetter, getter.into());
    }
}

fn start_coverage(scope: Scope, _args: Args, _rv: Return) {
    Profilers::of(&Env::of(scope)).start_coverage(scope);
}

fn take_coverage(scope: Scope, _args: Args, _rv: Return) {
    Profilers::of(&Env::of(scope)).take_coverage(scope);
}

fn stop_coverage(scope: Scope, _args: Args, _rv: Return) {
    Profilers::of(&Env::of(scope)).stop_coverage(scope);
}

fn end_coverage(scope: Scope, _args: Args, _rv: Return) {
    Profilers::of(&Env::of(scope)).end_coverage(scope);
}
