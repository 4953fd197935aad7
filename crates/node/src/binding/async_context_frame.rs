//! `internalBinding('async_context_frame')`: the value behind `AsyncLocalStorage`. Follows Node's
//! `src/async_context_frame.cc`.

use crate::js::class::Definition;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function(
            "getContinuationPreservedEmbedderData",
            get_continuation_preserved_embedder_data,
        )
        .function(
            "setContinuationPreservedEmbedderData",
            set_continuation_preserved_embedder_data,
        );
}

fn get_continuation_preserved_embedder_data(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set(scope.get_continuation_preserved_embedder_data());
}

fn set_continuation_preserved_embedder_data(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    scope.set_continuation_preserved_embedder_data(args.get(0));
}
