//! `internalBinding('permission')`: Node's own permission model. Follows Node's `src/permission/permission.cc`.

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::{convert, exception, permission};
use crate::options::permission::Access;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("has", has)
        .function("drop", drop_permission);
}

/// What a call names: an access that the model knows, and a path. `None` with an exception pending; the access is
/// missing where there is none of that name.
fn arguments(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Option<(Option<Access>, Vec<u8>)> {
    if !args.get(0).is_string() {
        exception::throw_invalid_argument(scope, "The \"scope\" argument must be of type string");
        return None;
    }
    let access = Access::from_scope(&args.get(0).to_rust_string_lossy(scope));
    let reference = args.get(1);
    let path = if reference.is_null_or_undefined() {
        Vec::new()
    } else {
        convert::path_bytes(scope, reference).unwrap_or_default()
    };
    Some((access, path))
}

/// `has(scope, reference)`
fn has(scope: Scope, args: Args, mut rv: Return) {
    let Some((access, path)) = arguments(scope, &args) else {
        return;
    };
    let env = Env::of(scope);
    rv.set_bool(access.is_some_and(|access| permission::has(&env, access, &path)));
}

/// `drop(scope, reference)`
fn drop_permission(scope: Scope, args: Args, _rv: Return) {
    let Some((Some(access), path)) = arguments(scope, &args) else {
        return;
    };
    permission::with_permissions(&Env::of(scope), |permissions, place| {
        permissions.drop(access, &path, place);
    });
}
