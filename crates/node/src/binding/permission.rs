//! `internalBinding('permission')`: Node's own permission model. Follows Node's `src/permission/permission.cc`.
//!
//! The model is off: what a guest may do is decided by the kernel it runs on, and `--permission` adds nothing to that.

use crate::js::class::Definition;
use crate::js::exception;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("has", has)
        .function("drop", drop_permission);
}

/// Everything is permitted where the model is off.
fn has(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    if !args.get(0).is_string() {
        exception::throw_invalid_argument(scope, "The \"scope\" argument must be of type string");
        return;
    }
    rv.set_bool(true);
}

fn drop_permission(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw_unavailable(
        scope,
        "process.permission.drop is not available in this VM: the permission model is off",
    );
}
