//! `internalBinding('async_context_frame')`: the value behind `AsyncLocalStorage`. Follows Node's
//! `src/async_context_frame.cc`.

use crate::callback::{Args, Return, Scope};
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

fn get_continuation_preserved_embedder_data(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(scope.get_continuation_preserved_embedder_data());
}

fn set_continuation_preserved_embedder_data(scope: Scope, args: Args, _rv: Return) {
    scope.set_continuation_preserved_embedder_data(args.get(0));
}
