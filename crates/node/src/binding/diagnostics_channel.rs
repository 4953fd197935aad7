//! `internalBinding('diagnostics_channel')`: counters of subscribers that native code may look at before it publishes.
//! Follows Node's `src/node_diagnostics_channel.cc`. No native code of ours publishes, so no channel is ever linked;
//! the library's callback is kept all the same, as it registers it anew in every process.

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::throw_invalid_argument;

/// Length of the array in Node.
const CHANNELS: usize = 1024;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("linkNativeChannel", link_native_channel)
        .init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let subscribers =
        Env::of(scope).aliased_array::<u32>(scope, Slot::DiagnosticsSubscribers, CHANNELS);
    convert::set(scope, binding, "subscribers", subscribers);
}

fn link_native_channel(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_function() {
        throw_invalid_argument(scope, "The \"callback\" argument must be a function");
        return;
    }
    Env::of(scope).set_slot(scope, Slot::DiagnosticsLinkChannel, args.get(0));
}
