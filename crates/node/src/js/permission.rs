//! What Node's permission model denies, as errors. Follows Node's `src/permission/permission.cc`.

use crate::env::Env;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};
use crate::options::permission::{Access, Permissions, Place};

/// Runs `body` with what the program may do, and with where it is; `None` where the model is off.
pub fn with_permissions<T>(
    env: &Env,
    body: impl FnOnce(&mut Permissions, &Place<'_>) -> T,
) -> Option<T> {
    let mut permissions = env.permissions.borrow_mut();
    let permissions = permissions.as_mut()?;
    let process = env.process();
    let cwd = process.getcwd().unwrap_or_default();
    let place = Place {
        cwd: &cwd,
        is_folder: &|path| process.stat(path).is_ok_and(|stat| stat.is_dir()),
    };
    Some(body(permissions, &place))
}

/// Takes the permissions of the command line, before any code of the guest's runs.
pub fn apply(env: &Env) {
    let process = env.process();
    let cwd = process.getcwd().unwrap_or_default();
    let place = Place {
        cwd: &cwd,
        is_folder: &|path| process.stat(path).is_ok_and(|stat| stat.is_dir()),
    };
    let permissions = Permissions::of(&env.options.borrow(), &place);
    env.permissions.replace(permissions);
}

/// Whether the program may do something; always where the model is off.
pub fn has(env: &Env, access: Access, resource: &[u8]) -> bool {
    with_permissions(env, |permissions, place| {
        permissions.has(access, resource, place.cwd)
    })
    .unwrap_or(true)
}

/// `ERR_ACCESS_DENIED` with what was asked for (`Permission::CreateAccessDeniedError`).
pub fn new_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    access: Access,
    resource: &[u8],
) -> v8::Local<'s, v8::Value> {
    let message = format!(
        "Access to this API has been restricted. Use {} to manage permissions.",
        access.option()
    );
    let error = exception::new_error(scope, ErrorKind::Error, "ERR_ACCESS_DENIED", &message);
    if let Some(object) = error.to_object(scope) {
        let name = exception::string(scope, access.name()).into();
        convert::set(scope, object, "permission", name);
        let resource = exception::string(scope, &String::from_utf8_lossy(resource)).into();
        convert::set(scope, object, "resource", resource);
    }
    error
}

/// Whether the program may do something; throws where it may not (`THROW_IF_INSUFFICIENT_PERMISSIONS`).
#[must_use]
pub fn require(scope: &mut v8::PinScope<'_, '_>, access: Access, resource: &[u8]) -> bool {
    let granted = has(&Env::of(scope), access, resource);
    if !granted {
        let error = new_error(scope, access, resource);
        scope.throw_exception(error);
    }
    granted
}
