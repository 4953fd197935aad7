//! `copyFile` and the native parts of `cpSync`. Follows Node's `src/node_file.cc` and libuv's `uv__fs_copyfile`.

use std::sync::Arc;

use secure_exec_kernel::abi::fcntl::{AT_FDCWD, AtFlags, OpenFlags};
use secure_exec_kernel::abi::stat::{
    FileKind, PERMISSIONS, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK, SetTime,
};
use secure_exec_kernel::{Errno, Process};

use super::arguments;
use super::open::open_file;
use super::path::{make_directories, scan_directory};
use super::permitted::{Needs, Read, Write, refused, thrown};
use super::reply::Reply;
use super::request::{Failure, finish};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::exception::{self, ErrorKind, SyscallContext};

/// `UV_FS_COPYFILE_EXCL`
const COPYFILE_EXCL: i32 = 1;
/// `UV_FS_COPYFILE_FICLONE_FORCE`
const COPYFILE_FICLONE_FORCE: i32 = 4;
/// Bytes copied at a time.
const CHUNK: usize = 256 * 1024;
/// How deep a copied tree may be; path length limits it to less.
const MAX_DEPTH: usize = 4096;

/// A copy reads one path and writes the other.
const BOTH: &Needs = &[(0, Read), (1, Write)];

/// `copyFile(src, dest, mode, req)`
pub fn copy_file(scope: Scope, args: Args, mut rv: Return) {
    let Ok(mode) = arguments::file_mode(scope, args.get(2)) else {
        return;
    };
    let Ok(src) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let Ok(dest) = arguments::path(scope, args.get(1)) else {
        return;
    };
    if refused(scope, &args, &mut rv, 3, BOTH) {
        return;
    }
    let outcome = copy(&Env::of(scope), &src, &dest, mode)
        .map(|()| Reply::Undefined)
        .map_err(|errno| Failure::between(errno, "copyfile", &src, &dest));
    finish(scope, args.get(3), &mut rv, outcome);
}

/// Copies data and mode of a regular file.
fn copy(env: &Env, src: &[u8], dest: &[u8], mode: i32) -> Result<(), Errno> {
    let from = open_file(env, src, 0, 0)?;
    let result = copy_from(env, from, dest, mode);
    env.process().close(from)?;
    result
}

fn copy_from(env: &Env, from: i32, dest: &[u8], mode: i32) -> Result<(), Errno> {
    let process = &env.process();
    let stat = process.fstat(from)?;
    let exclusive = if mode & COPYFILE_EXCL == 0 {
        OpenFlags::empty()
    } else {
        OpenFlags::O_EXCL
    };
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | exclusive;
    let created = process.lstat(dest).is_err();
    let to = open_file(env, dest, flags.bits(), stat.mode & PERMISSIONS)?;
    let result = (|| {
        let target = process.fstat(to)?;
        if (target.dev, target.ino) == (stat.dev, stat.ino) {
            return Ok(());
        }
        if stat.is_dir() {
            return Err(Errno::EISDIR);
        }
        if mode & COPYFILE_FICLONE_FORCE != 0 {
            // There is no file system with shared extents in a VM.
            return Err(Errno::ENOTSUP);
        }
        process.ftruncate(to, 0)?;
        process.fchmod(to, stat.mode & PERMISSIONS)?;
        copy_data(process, from, to)
    })();
    let closed = process.close(to);
    if result.is_err() && created {
        // As libuv: half a copy is not left behind; the first error is the one that counts.
        let _removed = process.unlink(dest);
    }
    result.and(closed)
}

fn copy_data(process: &Arc<Process>, from: i32, to: i32) -> Result<(), Errno> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = process.read(from, &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let written = process.write(to, rest)?;
            if written == 0 {
                return Err(Errno::EIO);
            }
            rest = &rest[written..];
        }
    }
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// Without the last component; the root is its own parent, a plain name has an empty one (`path::parent_path`).
fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(slash) => &path[..slash],
        None => b"",
    }
}

fn same_file(process: &Arc<Process>, a: &[u8], b: &[u8]) -> Result<bool, Errno> {
    let (a, b) = (process.stat(a)?, process.stat(b)?);
    Ok((a.dev, a.ino) == (b.dev, b.ino))
}

/// `cpSyncCheckPaths(src, dest, dereference, recursive)`
pub fn cp_sync_check_paths(scope: Scope, args: Args, _rv: Return) {
    let Ok(src) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let Ok(dest) = arguments::path(scope, args.get(1)) else {
        return;
    };
    if thrown(scope, &args, BOTH) {
        return;
    }
    let process = Env::of(scope).process();
    match check_paths(
        &process,
        &src,
        &dest,
        args.get(2).is_true(),
        args.get(3).is_true(),
    ) {
        Ok(()) => {}
        Err(CopyError::Named(code, message)) => {
            exception::throw(scope, ErrorKind::Error, code, &message)
        }
        Err(CopyError::Errno(failure)) => {
            let error = failure.exception(scope);
            scope.throw_exception(error);
        }
    }
}

/// Why a tree cannot be copied.
enum CopyError {
    /// An error with a code of Node's own.
    Named(&'static str, String),
    /// A failed call.
    Errno(Failure),
}

impl CopyError {
    fn at(errno: Errno, syscall: &'static str, path: &[u8]) -> CopyError {
        CopyError::Errno(Failure::at(errno, syscall, path))
    }
}

#[expect(clippy::fn_params_excessive_bools, reason = "options of `fs.cp`")]
fn check_paths(
    process: &Arc<Process>,
    src: &[u8],
    dest: &[u8],
    dereference: bool,
    recursive: bool,
) -> Result<(), CopyError> {
    // Node asks for the link itself only when links are to be followed; the names in the error are swapped likewise.
    let (src_stat, syscall) = if dereference {
        (process.lstat(src), "stat")
    } else {
        (process.stat(src), "lstat")
    };
    let src_stat = src_stat.map_err(|errno| CopyError::at(errno, syscall, src))?;
    let dest_stat = if dereference {
        process.stat(dest)
    } else {
        process.lstat(dest)
    };
    let kind = src_stat.mode & S_IFMT;
    let src_is_dir = src_stat.is_dir() || (dereference && kind == S_IFLNK);
    let mut src_text = text(src);
    let dest_text = text(dest);
    if let Ok(dest_stat) = &dest_stat {
        if same_file(process, src, dest).unwrap_or(false) {
            let message = format!("src and dest cannot be the same {dest_text}");
            return Err(CopyError::Named("ERR_FS_CP_EINVAL", message));
        }
        if src_is_dir && !dest_stat.is_dir() {
            let message =
                format!("Cannot overwrite non-directory {dest_text} with directory {src_text}");
            return Err(CopyError::Named("ERR_FS_CP_DIR_TO_NON_DIR", message));
        }
        if !src_is_dir && dest_stat.is_dir() {
            let message =
                format!("Cannot overwrite directory {dest_text} with non-directory {src_text}");
            return Err(CopyError::Named("ERR_FS_CP_NON_DIR_TO_DIR", message));
        }
    }
    if !src_text.ends_with('/') {
        src_text.push('/');
    }
    let to_subdirectory = || {
        let message = format!("Cannot copy {src_text} to a subdirectory of self {dest_text}");
        CopyError::Named("ERR_FS_CP_EINVAL", message)
    };
    if src_is_dir && dest_text.starts_with(&src_text) {
        return Err(to_subdirectory());
    }
    let mut above = parent(dest);
    while parent(src) != above && !above.is_empty() && parent(above) != above {
        match same_file(process, src, above) {
            Ok(true) => return Err(to_subdirectory()),
            Ok(false) => above = parent(above),
            Err(_) => break,
        }
    }
    if src_is_dir && !recursive {
        let message = format!("Recursive option not enabled, cannot copy a directory: {src_text}");
        return Err(CopyError::Named("ERR_FS_EISDIR", message));
    }
    match kind {
        S_IFSOCK => {
            return Err(CopyError::Named(
                "ERR_FS_CP_SOCKET",
                format!("Cannot copy a socket file: {dest_text}"),
            ));
        }
        S_IFIFO => {
            return Err(CopyError::Named(
                "ERR_FS_CP_FIFO_PIPE",
                format!("Cannot copy a FIFO pipe: {dest_text}"),
            ));
        }
        _ => {}
    }
    if dest_stat.is_err() && !parent(dest).is_empty() {
        // What fails here fails again, with its error, when the copy is made.
        let _made = make_directories(process, parent(dest), 0o777);
    }
    Ok(())
}

/// `cpSyncOverrideFile(src, dest, mode, preserveTimestamps)`
pub fn cp_sync_override_file(scope: Scope, args: Args, _rv: Return) {
    let Ok(src) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let Ok(dest) = arguments::path(scope, args.get(1)) else {
        return;
    };
    let Ok(mode) = arguments::file_mode(scope, args.get(2)) else {
        return;
    };
    if thrown(scope, &args, BOTH) {
        return;
    }
    let env = Env::of(scope);
    let process = env.process();
    let result = process
        .unlink(&dest)
        .map_err(|errno| Failure::at(errno, "unlink", &dest))
        .and_then(|()| {
            copy(&env, &src, &dest, mode).map_err(|e| Failure::between(e, "cp", &src, &dest))
        })
        .and_then(|()| {
            if args.get(3).is_true() {
                copy_times(&process, &src, &dest)
            } else {
                Ok(())
            }
        });
    if let Err(failure) = result {
        let error = failure.exception(scope);
        scope.throw_exception(error);
    }
}

fn copy_times(process: &Arc<Process>, src: &[u8], dest: &[u8]) -> Result<(), Failure> {
    let stat = process
        .stat(src)
        .map_err(|errno| Failure::at(errno, "stat", src))?;
    process
        .utimensat(
            AT_FDCWD,
            dest,
            SetTime::At(stat.atime),
            SetTime::At(stat.mtime),
            AtFlags::empty(),
        )
        .map_err(|errno| Failure::at(errno, "utime", dest))
}

struct TreeOptions {
    force: bool,
    dereference: bool,
    error_on_exist: bool,
    verbatim_symlinks: bool,
    preserve_timestamps: bool,
}

/// `cpSyncCopyDir(src, dest, force, dereference, errorOnExist, verbatimSymlinks, preserveTimestamps)`
pub fn cp_sync_copy_dir(scope: Scope, args: Args, _rv: Return) {
    let Ok(src) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let Ok(dest) = arguments::path(scope, args.get(1)) else {
        return;
    };
    let options = TreeOptions {
        force: args.get(2).is_true(),
        dereference: args.get(3).is_true(),
        error_on_exist: args.get(4).is_true(),
        verbatim_symlinks: args.get(5).is_true(),
        preserve_timestamps: args.get(6).is_true(),
    };
    if thrown(scope, &args, BOTH) {
        return;
    }
    match copy_tree(&Env::of(scope), &src, &dest, &options, 0) {
        Ok(()) => {}
        Err(CopyError::Named(code, message)) => {
            exception::throw(scope, ErrorKind::Error, code, &message)
        }
        Err(CopyError::Errno(failure)) => {
            let errno = failure.errno();
            let message = std_message(errno);
            let context = SyscallContext {
                syscall: failure.syscall,
                path: failure.path.as_deref(),
                dest: None,
                message: message.as_deref(),
            };
            exception::throw_errno(scope, errno, context);
        }
    }
}

/// The capitalised texts of the C++ library, which Node shows for a failed copy.
fn std_message(errno: Errno) -> Option<String> {
    let mut letters = errno.message().chars();
    let first = letters.next()?;
    Some(first.to_uppercase().chain(letters).collect())
}

fn copy_tree(
    env: &Env,
    src: &[u8],
    dest: &[u8],
    options: &TreeOptions,
    depth: usize,
) -> Result<(), CopyError> {
    if depth > MAX_DEPTH {
        return Err(CopyError::at(Errno::ENAMETOOLONG, "cp", src));
    }
    let process = &env.process();
    let existed = process.stat(dest).is_ok();
    if depth == 0 {
        make_directories(process, dest, 0o777).map_err(|errno| CopyError::at(errno, "cp", dest))?;
    } else if !existed {
        process
            .mkdir(dest, 0o777)
            .map_err(|errno| CopyError::at(errno, "cp", dest))?;
    }
    for entry in scan_directory(process, src).map_err(|errno| CopyError::at(errno, "cp", src))? {
        let from = [src, b"/", &entry.name].concat();
        let to = [dest, b"/", &entry.name].concat();
        let linked = entry.kind == FileKind::Symlink;
        if linked && !options.dereference {
            copy_link(process, src, &from, &to, dest, options)?;
            continue;
        }
        let stat = process
            .stat(&from)
            .map_err(|errno| CopyError::at(errno, "stat", &from))?;
        if stat.is_dir() {
            copy_tree(env, &from, &to, options, depth + 1)?;
        } else if stat.is_file() {
            copy_entry(env, &from, &to, dest, options)?;
        }
    }
    if !existed {
        // Last, since the source may be read-only.
        let stat = process
            .stat(src)
            .map_err(|errno| CopyError::at(errno, "stat", src))?;
        process
            .chmod(dest, stat.mode & PERMISSIONS)
            .map_err(|errno| CopyError::at(errno, "cp", dest))?;
    }
    if options.preserve_timestamps {
        copy_times(process, src, dest).map_err(CopyError::Errno)?;
    }
    Ok(())
}

fn copy_entry(
    env: &Env,
    from: &[u8],
    to: &[u8],
    dest: &[u8],
    options: &TreeOptions,
) -> Result<(), CopyError> {
    let process = &env.process();
    if process.stat(to).is_ok() && !options.force {
        if !options.error_on_exist {
            return Ok(());
        }
        let message = format!(
            "[ERR_FS_CP_EEXIST]: Target already exists: cp returned EEXIST ({} already exists)",
            text(to)
        );
        return Err(CopyError::Named("ERR_FS_CP_EEXIST", message));
    }
    copy(env, from, to, 0).map_err(|errno| CopyError::at(errno, "cp", dest))?;
    if options.preserve_timestamps {
        copy_times(process, from, to).map_err(CopyError::Errno)?;
    }
    Ok(())
}

fn copy_link(
    process: &Arc<Process>,
    src: &[u8],
    from: &[u8],
    to: &[u8],
    dest: &[u8],
    options: &TreeOptions,
) -> Result<(), CopyError> {
    let failed = |errno| CopyError::at(errno, "cp", dest);
    let target = process.readlink(from).map_err(failed)?;
    if options.verbatim_symlinks {
        return process.symlink(&target, to).map_err(failed);
    }
    match process.lstat(to) {
        Ok(stat) if stat.is_symlink() && process.stat(to).is_ok() => {
            let current = process.readlink(to).map_err(failed)?;
            if process.stat(&target).is_ok_and(|stat| stat.is_dir()) && is_inside(&target, &current)
            {
                let message = format!(
                    "Cannot copy {} to a subdirectory of self {}",
                    text(&target),
                    text(&current)
                );
                return Err(CopyError::Named("ERR_FS_CP_EINVAL", message));
            }
            if process.stat(to).is_ok_and(|stat| stat.is_dir()) && is_inside(&current, &target) {
                let message = format!("cannot overwrite {} with {}", text(&current), text(&target));
                return Err(CopyError::Named(
                    "ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY",
                    message,
                ));
            }
            process.unlink(to).map_err(failed)?;
        }
        Ok(stat) if stat.is_file() => return Err(CopyError::at(Errno::EEXIST, "cp", to)),
        _ => {}
    }
    let absolute = if target.starts_with(b"/") {
        target
    } else {
        [src, b"/", &target].concat()
    };
    let resolved = weakly_canonical(process, &absolute);
    process.symlink(&resolved, to).map_err(failed)
}

/// Whether `inner` is `outer` or lies below it, by components.
fn is_inside(outer: &[u8], inner: &[u8]) -> bool {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    parts(inner).starts_with(&parts(outer))
}

/// The real path of what exists, the rest made plain word by word (`std::filesystem::weakly_canonical`).
fn weakly_canonical(process: &Arc<Process>, path: &[u8]) -> Vec<u8> {
    let mut head = path.to_vec();
    let mut tail: Vec<Vec<u8>> = Vec::new();
    let mut real = loop {
        if let Ok(real) = process.realpath(&head) {
            break real;
        }
        let above = parent(&head).to_vec();
        if above == head || above.is_empty() {
            break head;
        }
        let name = head[above.len()..]
            .iter()
            .copied()
            .filter(|byte| *byte != b'/')
            .collect();
        tail.push(name);
        head = above;
    };
    for name in tail.into_iter().rev() {
        match name.as_slice() {
            b"" | b"." => {}
            b".." => real = parent(&real).to_vec(),
            name => {
                if !real.ends_with(b"/") {
                    real.push(b'/');
                }
                real.extend_from_slice(name);
            }
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::{is_inside, parent};

    #[test]
    fn the_root_is_its_own_parent() {
        assert_eq!(parent(b"/"), b"/");
        assert_eq!(parent(b"/a/b"), b"/a");
        assert_eq!(parent(b"a"), b"");
    }

    #[test]
    fn a_longer_name_is_not_inside() {
        assert!(is_inside(b"/a/b", b"/a/b/c"));
        assert!(!is_inside(b"/a/b", b"/a/bc"));
    }
}
