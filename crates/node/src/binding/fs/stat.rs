//! Metadata: stat, lstat, fstat, statfs, and what the module loaders ask. Follows Node's `src/node_file.cc`.

use std::sync::Arc;

use secure_exec_kernel::abi::stat::Stat;
use secure_exec_kernel::{Errno, Process};

use super::arguments;
use super::permitted::{Read, refused};
use super::reply::Reply;
use super::request::{Failure, finish};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::uv;

/// `stat(path, bigint, req, throwIfNoEntry)`
pub fn stat(scope: Scope, args: Args, mut rv: Return) {
    if refused(scope, &args, &mut rv, 2, &[(0, Read)]) {
        return;
    }
    let absent = [Errno::ENOENT, Errno::ENOTDIR];
    stat_path(scope, &args, &mut rv, ("stat", Process::stat), &absent);
}

/// `lstat(path, bigint, req, throwIfNoEntry)`; the library asks the permission model, except where it resolves links.
pub fn lstat(scope: Scope, args: Args, mut rv: Return) {
    let absent = [Errno::ENOENT];
    stat_path(scope, &args, &mut rv, ("lstat", Process::lstat), &absent);
}

type StatCall = fn(&Process, &[u8]) -> Result<Stat, Errno>;

/// The errors of `absent` are no errors for a caller that passes false as `throwIfNoEntry`.
fn stat_path(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    (syscall, call): (&'static str, StatCall),
    absent: &[Errno],
) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let process = Env::of(scope).process();
    let outcome = match call(&process, &path) {
        Ok(stat) => Ok(Reply::Stat(stat, args.get(1).is_true())),
        Err(errno) if args.get(3).is_false() && absent.contains(&errno) => Ok(Reply::Undefined),
        Err(errno) => Err(Failure::at(errno, syscall, &path)),
    };
    finish(scope, args.get(2), rv, outcome);
}

/// `fstat(fd, bigint, req)`; the fourth argument of the library has no effect in Node either.
pub fn fstat(scope: Scope, args: Args, mut rv: Return) {
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
pub fn statfs(scope: Scope, args: Args, mut rv: Return) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    if refused(scope, &args, &mut rv, 2, &[(0, Read)]) {
        return;
    }
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
        Err(errno) => uv::error(errno),
    }
}

/// `internalModuleStat(path)`: 1 for a directory, 0 for a file, negative for neither.
pub fn internal_module_stat(scope: Scope, args: Args, mut rv: Return) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    rv.set_int32(module_stat(&Env::of(scope).process(), &path));
}
