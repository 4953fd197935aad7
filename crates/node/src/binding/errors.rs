//! `internalBinding('errors')`. Follows Node's `src/node_errors.cc`.

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::process::report::SourceMaps;
use crate::process::uncaught;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function(
            "setPrepareStackTraceCallback",
            set_prepare_stack_trace_callback,
        )
        .function(
            "setGetSourceMapErrorSource",
            set_get_source_map_error_source,
        )
        .function("setSourceMapsEnabled", set_source_maps_enabled)
        .function(
            "setMaybeCacheGeneratedSourceMap",
            set_maybe_cache_generated_source_map,
        )
        .function(
            "setEnhanceStackForFatalException",
            set_enhance_stack_for_fatal_exception,
        )
        .function("noSideEffectsToString", no_side_effects_to_string)
        .function("triggerUncaughtException", trigger_uncaught_exception)
        .function("getErrorSourcePositions", get_error_source_positions);
}

fn set_prepare_stack_trace_callback(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope).set_slot(scope, Slot::PrepareStackTrace, args.get(0));
}

fn set_get_source_map_error_source(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope).set_slot(scope, Slot::GetSourceMapErrorSource, args.get(0));
}

/// Whether the frame of a fatal exception is that of the mapped source.
fn set_source_maps_enabled(scope: Scope, args: Args, _rv: Return) {
    let state = Env::of(scope).state::<SourceMaps>();
    state.enabled.set(args.get(0).is_true());
}

fn set_maybe_cache_generated_source_map(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope).set_slot(scope, Slot::MaybeCacheGeneratedSourceMap, args.get(0));
}

fn set_enhance_stack_for_fatal_exception(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    env.set_slot(scope, Slot::EnhanceStackBefore, args.get(0));
    env.set_slot(scope, Slot::EnhanceStackAfter, args.get(1));
}

fn no_side_effects_to_string(scope: Scope, args: Args, mut rv: Return) {
    if let Some(text) = args.get(0).to_detail_string(scope) {
        rv.set(text.into());
    }
}

fn trigger_uncaught_exception(scope: Scope, args: Args, _rv: Return) {
    uncaught::trigger_uncaught_exception(scope, args.get(0), args.get(1).is_true());
}

fn get_error_source_positions(scope: Scope, args: Args, mut rv: Return) {
    let message = v8::Exception::create_message(scope, args.get(0));
    let object = v8::Object::new(scope);
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    let source_line = message.get_source_line(scope).map_or(undefined, Into::into);
    crate::js::convert::set(scope, object, "sourceLine", source_line);
    let name = message.get_script_resource_name(scope).unwrap_or(undefined);
    crate::js::convert::set(scope, object, "scriptResourceName", name);
    let line = u32::try_from(message.get_line_number(scope).unwrap_or(0)).unwrap_or(0);
    let line = v8::Integer::new_from_unsigned(scope, line).into();
    crate::js::convert::set(scope, object, "lineNumber", line);
    let column = u32::try_from(message.get_start_column()).unwrap_or(0);
    let column = v8::Integer::new_from_unsigned(scope, column).into();
    crate::js::convert::set(scope, object, "startColumn", column);
    rv.set(object.into());
}
