//! Calls on descriptors that move no data. Follows Node's `src/node_file.cc`.

use secure_exec_kernel::Errno;

use super::arguments;
use super::path::times;
use super::reply::Reply;
use super::request::{Failure, Outcome, finish};
use super::unmanaged;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;

fn done(result: Result<(), Errno>, syscall: &'static str) -> Outcome {
    result
        .map(|()| Reply::Undefined)
        .map_err(|errno| Failure::of(errno, syscall))
}

/// `close(fd, req)`
pub fn close(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    unmanaged::closed(scope, fd);
    let outcome = done(Env::of(scope).process().close(fd), "close");
    finish(scope, args.get(1), &mut rv, outcome);
}

/// `fsync(fd, req)`
pub fn fsync(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let outcome = done(Env::of(scope).process().fsync(fd), "fsync");
    finish(scope, args.get(1), &mut rv, outcome);
}

/// `fdatasync(fd, req)`
pub fn fdatasync(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let outcome = done(Env::of(scope).process().fdatasync(fd), "fdatasync");
    finish(scope, args.get(1), &mut rv, outcome);
}

/// `ftruncate(fd, length, req)`
pub fn ftruncate(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let Ok(length) = arguments::integer(scope, args.get(1), "len") else {
        return;
    };
    let result = match u64::try_from(length) {
        Ok(length) => Env::of(scope).process().ftruncate(fd, length),
        Err(_) => Err(Errno::EINVAL),
    };
    finish(scope, args.get(2), &mut rv, done(result, "ftruncate"));
}

/// `fchmod(fd, mode, req)`
pub fn fchmod(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let Ok(mode) = arguments::mode(scope, args.get(1)) else {
        return;
    };
    let outcome = done(Env::of(scope).process().fchmod(fd, mode), "fchmod");
    finish(scope, args.get(2), &mut rv, outcome);
}

/// `fchown(fd, uid, gid, req)`
pub fn fchown(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let Ok(uid) = arguments::id(scope, args.get(1), "uid") else {
        return;
    };
    let Ok(gid) = arguments::id(scope, args.get(2), "gid") else {
        return;
    };
    let outcome = done(Env::of(scope).process().fchown(fd, uid, gid), "fchown");
    finish(scope, args.get(3), &mut rv, outcome);
}

/// `futimes(fd, atime, mtime, req)`
pub fn futimes(scope: Scope, args: Args, mut rv: Return) {
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let Ok((atime, mtime)) = times(scope, args.get(1), args.get(2)) else {
        return;
    };
    let outcome = done(
        Env::of(scope).process().futimens(fd, atime, mtime),
        "futime",
    );
    finish(scope, args.get(3), &mut rv, outcome);
}
