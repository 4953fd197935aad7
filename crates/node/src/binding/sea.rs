//! `internalBinding('sea')`: single executable applications, of which a guest's `node` is none. Follows Node's
//! `src/node_sea.cc`.

use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;

/// Declares the binding. Without an application nothing else of it is called.
pub fn define(definition: &mut Definition) {
    definition
        .function("isSea", never)
        .function("isExperimentalSeaWarningNeeded", never);
}

fn never(_scope: Scope, _args: Args, mut rv: Return) {
    rv.set_bool(false);
}
