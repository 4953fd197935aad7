//! Metadata: stat, lstat, fstat, statfs, and what the module loaders ask. Follows Node's `src/node_file.cc`.

use std::sync::Arc;

use secure_exec_kernel::abi::stat::Stat;
use secure_exec_kernel::{Errno, Process};

use super::arguments;
use super::reply::Reply;
use super::request::{Failure, Outcome, finish};
use crate::env::Env;

/// `stat(path, bigint, req, throwIfNoEntry)`
pub fn stat(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let process = Env::of(scope).process();
    let absent: &[Errno] = if args.get(3).is_false() {
        &[Errno::ENOENT, Errno::ENOTDIR]
    } else {
        &[]
    };
    let outcome = stat_outcome(
        process.stat(&path),
        args.get(1).is_true(),
        absent,
        "stat",
        &path,
    );
    finish(scope, args.get(2), &mut rv, outcome);
}

/// `lstat(path, bigint, req, throwIfNoEntry)`
pub fn lstat(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let process = Env::of(scope).process();
    let absent: &[Errno] = if args.get(3).is_false() {
        &[Errno::ENOENT]
    } else {
        &[]
    };
    let outcome = stat_outcome(
        process.lstat(&path),
        args.get(1).is_true(),
        absent,
        "lstat",
        &path,
    );
    finish(scope, args.get(2), &mut rv, outcome);
}

fn stat_outcome(
    result: Result<Stat, Errno>,
    bigint: bool,
    absent: &[Errno],
    syscall: &'static str,
    path: &[u8],
) -> Outcome {
    match result {
        Ok(stat) => Ok(Reply::Stat(stat, bigint)),
        Err(errno) if absent.contains(&errno) => Ok(Reply::Undefined),
        Err(errno) => Err(Failure::at(errno, syscall, path)),
    }
}

/// `fstat(fd, bigint, req)`; the fourth argument of the library has no effect in Node either.
pub fn fstat(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let process = Env::of(scope).process();
    let bigint = args.get(1).is_true();
    let outcome = process
        .fstat(fd)
        .map(|stat| Reply::Stat(stat, bigint))
        .map_err(|e| Failure::of(e, "fstat"));
    finish(scope, args.get(2), &mut rv, outcome);
}

/// `statfs(path, bigint, req)`
pub fn statfs(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let process = Env::of(scope).process();
    let bigint = args.get(1).is_true();
    let outcome = process
        .statfs(&path)
        .map(|stat| Reply::StatFs(stat, bigint))
        .map_err(|e| Failure::at(e, "statfs", &path));
    finish(scope, args.get(2), &mut rv, outcome);
}

/// 1 for a directory, 0 for anything else, negative where there is nothing.
fn module_stat(process: &Arc<Process>, path: &[u8]) -> i32 {
    match process.stat(path) {
        Ok(stat) => i32::from(stat.is_dir()),
        Err(errno) => -errno.raw(),
    }
}

/// `internalModuleStat(path)`: 1 for a directory, 0 for a file, negative for neither.
pub fn internal_module_stat(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    rv.set_int32(module_stat(&Env::of(scope).process(), &path));
}
