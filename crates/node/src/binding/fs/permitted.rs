//! What the permission model says of paths before they are used (`THROW_IF_INSUFFICIENT_PERMISSIONS` and
//! `ASYNC_THROW_IF_INSUFFICIENT_PERMISSIONS` in Node's `src/node_file.cc`).

use secure_exec_kernel::abi::fcntl::OpenFlags;

use super::request::{Failure, finish};
use crate::env::Env;
use crate::js::{convert, permission};
pub use crate::options::permission::Access::{
    self, FileSystemRead as Read, FileSystemWrite as Write,
};

/// What a call needs: the argument that is a path, and what is done there, in the order of Node's checks.
pub type Needs = [(i32, Access)];

/// The first of `needs` that is denied. An argument that is no path is the call's own to complain of.
fn denied(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    needs: &Needs,
) -> Option<Failure> {
    let env = Env::of(scope);
    if env.permissions.borrow().is_none() {
        return None;
    }
    needs.iter().find_map(|(index, access)| {
        let path = convert::path_bytes(scope, args.get(*index))?;
        (!permission::has(&env, *access, &path)).then(|| Failure::denied(*access, &path))
    })
}

/// Answers a call that is denied, whose request is the argument `request`; whether it was.
pub fn refused(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    request: i32,
    needs: &Needs,
) -> bool {
    let Some(failure) = denied(scope, args, needs) else {
        return false;
    };
    finish(scope, args.get(request), rv, Err(failure));
    true
}

/// Throws for a call without a request that is denied; whether it was.
pub fn thrown(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    needs: &Needs,
) -> bool {
    let Some(failure) = denied(scope, args, needs) else {
        return false;
    };
    let error = failure.exception(scope);
    scope.throw_exception(error);
    true
}

/// What opening a file needs (`CheckOpenPermissions`): one that is made or cut is written, however it is opened.
pub fn opening(flags: i32) -> &'static Needs {
    let flags = OpenFlags::from_bits_retain(flags);
    let mode = flags.bits() & OpenFlags::O_ACCMODE.bits();
    let changes = OpenFlags::O_APPEND | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
    let reads = mode != OpenFlags::O_WRONLY.bits();
    let writes = mode != OpenFlags::O_RDONLY.bits() || flags.intersects(changes);
    match (reads, writes) {
        (true, false) => &[(0, Read)],
        (true, true) => &[(0, Read), (0, Write)],
        (false, _) => &[(0, Write)],
    }
}
