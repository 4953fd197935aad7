//! Calls on paths: names, links, directories, permissions, owners, times. Follows Node's `src/node_file.cc` and the
//! calls of libuv's `src/unix/fs.c`.

use std::sync::Arc;

use secure_exec_kernel::abi::fcntl::{AT_FDCWD, AtFlags};
use secure_exec_kernel::abi::stat::{DirEntry, SetTime, Timespec};
use secure_exec_kernel::{Errno, Process};

use super::arguments::{self, Checked};
use super::encoding::Encoding;
use super::permitted::{Needs, Read, Write, refused, thrown};
use super::reply::Reply;
use super::request::{Failure, Outcome, finish};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::permission;

const READ: &Needs = &[(0, Read)];
const WRITE: &Needs = &[(0, Write)];

/// Runs a call whose arguments `body` checks; `request` is the index of the argument that names the request, `needs` what
/// the permission model is asked first.
fn call(
    scope: &mut v8::PinScope<'_, '_>,
    args: &Args<'_>,
    rv: &mut Return<'_>,
    (request, needs): (i32, &Needs),
    body: impl FnOnce(&mut v8::PinScope<'_, '_>, &Args<'_>, &Arc<Process>) -> Checked<Outcome>,
) {
    if refused(scope, args, rv, request, needs) {
        return;
    }
    let process = Env::of(scope).process();
    if let Ok(outcome) = body(scope, args, &process) {
        finish(scope, args.get(request), rv, outcome);
    }
}

/// The outcome of a call on one path that yields nothing.
fn done(result: Result<(), Errno>, syscall: &'static str, path: &[u8]) -> Outcome {
    result
        .map(|()| Reply::Undefined)
        .map_err(|errno| Failure::at(errno, syscall, path))
}

/// The outcome of a call on two paths that yields nothing.
fn done_between(
    result: Result<(), Errno>,
    syscall: &'static str,
    path: &[u8],
    dest: &[u8],
) -> Outcome {
    result
        .map(|()| Reply::Undefined)
        .map_err(|errno| Failure::between(errno, syscall, path, dest))
}

/// `access(path, mode, req)`
pub fn access(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (2, READ), |scope, args, process| {
        let mode = arguments::file_mode(scope, args.get(1))?;
        let path = arguments::path(scope, args.get(0))?;
        Ok(done(process.access(&path, mode), "access", &path))
    });
}

/// `existsSync(path)`
pub fn exists_sync(scope: Scope, args: Args, mut rv: Return) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    if thrown(scope, &args, READ) {
        return;
    }
    let process = Env::of(scope).process();
    rv.set_bool(
        process
            .access(&path, secure_exec_kernel::abi::fcntl::F_OK)
            .is_ok(),
    );
}

/// `rename(oldPath, newPath, req)`
pub fn rename(scope: Scope, args: Args, mut rv: Return) {
    call(
        scope,
        &args,
        &mut rv,
        (2, &[(0, Read), (0, Write), (1, Write)]),
        |scope, args, process| {
            let old = arguments::path(scope, args.get(0))?;
            let new = arguments::path(scope, args.get(1))?;
            Ok(done_between(
                process.rename(&old, &new),
                "rename",
                &old,
                &new,
            ))
        },
    );
}

/// `link(existingPath, newPath, req)`
pub fn link(scope: Scope, args: Args, mut rv: Return) {
    call(
        scope,
        &args,
        &mut rv,
        (2, &[(0, Read), (0, Write), (1, Write)]),
        |scope, args, process| {
            let existing = arguments::path(scope, args.get(0))?;
            let new = arguments::path(scope, args.get(1))?;
            Ok(done_between(
                process.link(&existing, &new),
                "link",
                &existing,
                &new,
            ))
        },
    );
}

/// `symlink(target, path, flags, req)`; the flags matter on Windows only.
pub fn symlink(scope: Scope, args: Args, mut rv: Return) {
    call(
        scope,
        &args,
        &mut rv,
        (3, &[(0, Write), (1, Write)]),
        |scope, args, process| {
            let target = arguments::path(scope, args.get(0))?;
            let path = arguments::path(scope, args.get(1))?;
            Ok(done_between(
                process.symlink(&target, &path),
                "symlink",
                &target,
                &path,
            ))
        },
    );
}

/// `readlink(path, encoding, req)`
pub fn readlink(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (2, READ), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let encoding = Encoding::parse(scope, args.get(1));
        let target = process.readlink(&path);
        Ok(target
            .map(|target| Reply::Name(target, encoding))
            .map_err(|e| Failure::at(e, "readlink", &path)))
    });
}

/// `realpath(path, encoding, req)`
pub fn realpath(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (2, READ), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let encoding = Encoding::parse(scope, args.get(1));
        let real = process.realpath(&path);
        Ok(real
            .map(|real| Reply::Name(real, encoding))
            .map_err(|e| Failure::at(e, "realpath", &path)))
    });
}

/// `unlink(path, req)`
pub fn unlink(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (1, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        Ok(done(process.unlink(&path), "unlink", &path))
    });
}

/// `rmdir(path, req)`
pub fn rmdir(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (1, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        Ok(done(process.rmdir(&path), "rmdir", &path))
    });
}

/// `mkdir(path, mode, recursive, req)`; recursive calls tell the first directory that they made.
pub fn mkdir(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (3, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let mode = arguments::mode(scope, args.get(1))?;
        if !args.get(2).is_true() {
            return Ok(done(process.mkdir(&path, mode), "mkdir", &path));
        }
        Ok(match make_directories(process, &path, mode) {
            Ok(Some(first)) => Ok(Reply::Name(first, Encoding::Utf8)),
            Ok(None) => Ok(Reply::Undefined),
            Err(errno) => Err(Failure::at(errno, "mkdir", &path)),
        })
    });
}

/// Makes `path` and what is missing above it (`MKDirpSync`); the outermost directory made.
pub fn make_directories(
    process: &Arc<Process>,
    path: &[u8],
    mode: u32,
) -> Result<Option<Vec<u8>>, Errno> {
    let mut first = None;
    let mut todo = vec![path.to_vec()];
    while let Some(next) = todo.pop() {
        let errno = match process.mkdir(&next, mode) {
            Ok(()) => {
                first = first.or(Some(next));
                continue;
            }
            Err(errno @ (Errno::EACCES | Errno::ENOSPC | Errno::ENOTDIR | Errno::EPERM)) => {
                return Err(errno);
            }
            Err(Errno::ENOENT) => {
                // A path without a slash is its own parent, as in Node: nothing above it can be made.
                let parent = next
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .map(|slash| next[..slash].to_vec());
                match parent {
                    Some(parent) if parent != next => {
                        todo.push(next);
                        todo.push(parent);
                        continue;
                    }
                    _ if todo.is_empty() => Errno::EEXIST,
                    _ => continue,
                }
            }
            Err(errno) => errno,
        };
        if !process.stat(&next)?.is_dir() {
            let inner = errno == Errno::EEXIST && !todo.is_empty();
            return Err(if inner { Errno::ENOTDIR } else { Errno::EEXIST });
        }
    }
    Ok(first)
}

/// `mkdtemp(prefix, encoding, req)`
pub fn mkdtemp(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (2, &[]), |scope, args, process| {
        let prefix = arguments::path(scope, args.get(0))?;
        let encoding = Encoding::parse(scope, args.get(1));
        let template = [&prefix[..], b"XXXXXX"].concat();
        if !permission::has(&Env::of(scope), Write, &template) {
            return Ok(Err(Failure::denied(Write, &template)));
        }
        Ok(make_temporary_directory(process, &prefix).map(|path| Reply::Name(path, encoding)))
    });
}

/// mkdtemp(3): up to 100 random names.
fn make_temporary_directory(process: &Arc<Process>, prefix: &[u8]) -> Result<Vec<u8>, Failure> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for _ in 0..100 {
        let mut random = [0u8; 6];
        process
            .getrandom(&mut random)
            .map_err(|errno| Failure::at(errno, "mkdtemp", prefix))?;
        let mut path = prefix.to_vec();
        path.extend(
            random
                .iter()
                .map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]),
        );
        match process.mkdir(&path, 0o700) {
            Ok(()) => return Ok(path),
            Err(Errno::EEXIST) => {}
            Err(errno) => {
                let template = [prefix, b"XXXXXX"].concat();
                return Err(Failure::at(errno, "mkdtemp", &template));
            }
        }
    }
    Err(Failure::at(
        Errno::EEXIST,
        "mkdtemp",
        &[prefix, b"XXXXXX"].concat(),
    ))
}

/// `readdir(path, encoding, withFileTypes, req)`
pub fn readdir(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (3, READ), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let encoding = Encoding::parse(scope, args.get(1));
        let typed = args.get(2).is_true();
        Ok(match scan_directory(process, &path) {
            Ok(entries) if typed => Ok(Reply::TypedNames(entries, encoding)),
            Ok(entries) => Ok(Reply::Names(entries, encoding)),
            Err(errno) => Err(Failure::at(errno, "scandir", &path)),
        })
    });
}

/// The entries of a directory by name, without `.` and `..` (`uv_fs_scandir`).
pub fn scan_directory(process: &Arc<Process>, path: &[u8]) -> Result<Vec<DirEntry>, Errno> {
    let mut entries = process.read_dir(path)?;
    entries.retain(|entry| entry.name != b"." && entry.name != b"..");
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// `chmod(path, mode, req)`
pub fn chmod(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (2, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let mode = arguments::mode(scope, args.get(1))?;
        Ok(done(process.chmod(&path, mode), "chmod", &path))
    });
}

/// `chown(path, uid, gid, req)`
pub fn chown(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (3, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let uid = arguments::id(scope, args.get(1), "uid")?;
        let gid = arguments::id(scope, args.get(2), "gid")?;
        Ok(done(process.chown(&path, uid, gid), "chown", &path))
    });
}

/// `lchown(path, uid, gid, req)`
pub fn lchown(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (3, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let uid = arguments::id(scope, args.get(1), "uid")?;
        let gid = arguments::id(scope, args.get(2), "gid")?;
        Ok(done(process.lchown(&path, uid, gid), "lchown", &path))
    });
}

/// `utimes(path, atime, mtime, req)`
pub fn utimes(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (3, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let (atime, mtime) = times(scope, args.get(1), args.get(2))?;
        let result = process.utimensat(AT_FDCWD, &path, atime, mtime, AtFlags::empty());
        Ok(done(result, "utime", &path))
    });
}

/// `lutimes(path, atime, mtime, req)`
pub fn lutimes(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, (3, WRITE), |scope, args, process| {
        let path = arguments::path(scope, args.get(0))?;
        let (atime, mtime) = times(scope, args.get(1), args.get(2))?;
        let result = process.utimensat(AT_FDCWD, &path, atime, mtime, AtFlags::AT_SYMLINK_NOFOLLOW);
        Ok(done(result, "lutime", &path))
    });
}

/// Access and modification time in seconds.
pub fn times(
    scope: &mut v8::PinScope<'_, '_>,
    atime: v8::Local<'_, v8::Value>,
    mtime: v8::Local<'_, v8::Value>,
) -> Checked<(SetTime, SetTime)> {
    let atime = arguments::number(scope, atime, "atime")?;
    let mtime = arguments::number(scope, mtime, "mtime")?;
    Ok((set_time(atime), set_time(mtime)))
}

/// libuv's `uv__fs_to_timespec`: what a double holds of the nanoseconds; infinite is now, NaN leaves the time as it is.
fn set_time(seconds: f64) -> SetTime {
    if seconds.is_infinite() {
        return SetTime::Now;
    }
    if seconds.is_nan() {
        return SetTime::Omit;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates at the ends of time"
    )]
    let mut whole = seconds.trunc() as i64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a fraction of a second"
    )]
    let mut nanoseconds = ((seconds - whole as f64) * 1e9) as i64;
    if nanoseconds < 0 {
        nanoseconds += 1_000_000_000;
        whole = whole.saturating_sub(1);
    }
    SetTime::At(Timespec::new(
        whole,
        u32::try_from(nanoseconds).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::{SetTime, Timespec, set_time};

    #[test]
    fn times_before_1970_have_positive_nanoseconds() {
        assert_eq!(set_time(-1.25), SetTime::At(Timespec::new(-2, 750_000_000)));
        assert_eq!(set_time(1.5), SetTime::At(Timespec::new(1, 500_000_000)));
    }

    #[test]
    fn nanoseconds_are_those_of_the_double_cut_off() {
        assert_eq!(
            set_time(1.123_456_789),
            SetTime::At(Timespec::new(1, 123_456_789))
        );
        assert_eq!(
            set_time(1_234.000_000_999),
            SetTime::At(Timespec::new(1_234, 998))
        );
        assert_eq!(set_time(1e-9), SetTime::At(Timespec::new(0, 1)));
    }

    #[test]
    fn infinite_is_now_and_nan_is_left_alone() {
        assert_eq!(set_time(f64::INFINITY), SetTime::Now);
        assert_eq!(set_time(f64::NAN), SetTime::Omit);
    }
}
