//! `internalBinding('mksnapshot')`: user-land snapshots are not built inside a VM; the setters only keep their callback
//! from being lost. Follows Node's `src/node_snapshotable.cc`.

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::exception;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("setSerializeCallback", set_callback)
        .function("setDeserializeCallback", set_callback)
        .function("setDeserializeMainFunction", set_callback)
        .function("runEmbedderPreload", refuse)
        .function("compileSerializeMain", refuse)
        .init(init);
}

fn init(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let building = Env::of(scope).aliased_array::<u8>(scope, Slot::IsBuildingSnapshot, 1);
    crate::js::convert::set(scope, binding, "isBuildingSnapshotBuffer", building);
}

/// The library registers its hooks here while it boots; they run only when a user-land snapshot is built.
fn set_callback(_scope: Scope, _args: Args, _rv: Return) {}

fn refuse(scope: Scope, _args: Args, _rv: Return) {
    exception::throw_unavailable(scope, "--build-snapshot is not available in this VM");
}
