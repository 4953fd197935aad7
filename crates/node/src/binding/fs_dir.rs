//! `internalBinding('fs_dir')`: directories read piece by piece. Follows Node's `src/node_dir.cc`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::abi::stat::DirEntry;
use secure_exec_kernel::{Errno, Process};

use super::fs::{
    Encoding, Failure, Read, Reply, answer, finish, path_argument, refused, thrown, waiter,
};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::{Definition, class_template};
use crate::js::{async_wrap, exception, wrap};

/// The native side of a `DirHandle`.
pub struct DirHandle {
    fd: Cell<i32>,
    process: Arc<Process>,
    /// Entries that the kernel gave and the guest has not asked for yet; `None` before the first read.
    entries: RefCell<Option<VecDeque<DirEntry>>>,
}

impl Drop for DirHandle {
    fn drop(&mut self) {
        let fd = self.fd.replace(-1);
        if fd >= 0 {
            // The process may be gone, and its descriptors with it.
            let _closed = self.process.close(fd);
        }
    }
}

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("opendir", opendir)
        .function("opendirSync", opendir_sync);
    definition
        .class("DirHandle", crate::js::class::illegal_constructor)
        .inherits("AsyncWrap")
        .method("read", read)
        .method("close", close);
}

/// A new `DirHandle` object that owns `fd`.
pub fn new_dir_handle<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    fd: i32,
) -> Option<v8::Local<'s, v8::Value>> {
    let template = class_template(scope, "DirHandle")?;
    let object = template.instance_template(scope).new_instance(scope)?;
    let process = Env::of(scope).process();
    let handle = DirHandle {
        fd: Cell::new(fd),
        process,
        entries: RefCell::new(None),
    };
    async_wrap::wrap_async(scope, object, "DIRHANDLE", handle);
    Some(object.into())
}

fn open_directory(process: &Arc<Process>, path: &[u8]) -> Result<i32, Errno> {
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_DIRECTORY | OpenFlags::O_CLOEXEC;
    process.open(path, flags, 0)
}

/// `opendir(path, encoding, req)`
fn opendir(scope: Scope, args: Args, mut rv: Return) {
    let Ok(path) = path_argument(scope, args.get(0)) else {
        return;
    };
    if refused(scope, &args, &mut rv, 2, &[(0, Read)]) {
        return;
    }
    let outcome = open_directory(&Env::of(scope).process(), &path)
        .map(Reply::DirHandle)
        .map_err(|errno| Failure::at(errno, "opendir", &path));
    finish(scope, args.get(2), &mut rv, outcome);
}

/// `opendirSync(path)`; its error does not tell the path.
fn opendir_sync(scope: Scope, args: Args, mut rv: Return) {
    let Ok(path) = path_argument(scope, args.get(0)) else {
        return;
    };
    if thrown(scope, &args, &[(0, Read)]) {
        return;
    }
    let outcome = open_directory(&Env::of(scope).process(), &path)
        .map(Reply::DirHandle)
        .map_err(|errno| Failure::of(errno, "opendir"));
    let undefined = v8::undefined(scope).into();
    finish(scope, undefined, &mut rv, outcome);
}

fn this(scope: Scope, args: &Args) -> Option<Rc<DirHandle>> {
    let handle = wrap::unwrap::<DirHandle>(scope, args.this().into());
    if handle.is_none() {
        exception::throw_invalid_argument(scope, "The receiver is no DirHandle");
    }
    handle
}

impl DirHandle {
    /// Up to `count` more entries; none at the end.
    fn next(&self, count: usize) -> Result<Vec<DirEntry>, Errno> {
        let mut entries = self.entries.borrow_mut();
        let queue = match &mut *entries {
            Some(queue) => queue,
            None => entries.insert(self.list()?),
        };
        let count = count.min(queue.len());
        Ok(queue.drain(..count).collect())
    }

    fn list(&self) -> Result<VecDeque<DirEntry>, Errno> {
        let mut all = VecDeque::new();
        loop {
            let part = self.process.getdents(self.fd.get())?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend(
                part.into_iter()
                    .filter(|entry| entry.name != b"." && entry.name != b".."),
            );
        }
    }
}

/// `handle.read(encoding, bufferSize, req)`: `[name, type, ...]`, or `null` at the end.
fn read(scope: Scope, args: Args, mut rv: Return) {
    let Some(handle) = this(scope, &args) else {
        return;
    };
    let encoding = Encoding::parse(scope, args.get(0));
    let count = args
        .get(1)
        .integer_value(scope)
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(1);
    let outcome = match handle.next(count.max(1)) {
        Ok(entries) if entries.is_empty() => Ok(Reply::Null),
        Ok(entries) => Ok(Reply::FlatEntries(entries, encoding)),
        Err(errno) => Err(Failure::of(errno, "scandir")),
    };
    finish(scope, args.get(2), &mut rv, outcome);
}

/// `handle.close(req)`
fn close(scope: Scope, args: Args, mut rv: Return) {
    let Some(handle) = this(scope, &args) else {
        return;
    };
    let Ok(waiter) = waiter(scope, args.get(0), &mut rv) else {
        return;
    };
    let fd = handle.fd.replace(-1);
    let result = if fd < 0 {
        Err(Errno::EBADF)
    } else {
        handle.process.close(fd)
    };
    let outcome = result
        .map(|()| Reply::Undefined)
        .map_err(|errno| Failure::of(errno, "closedir"));
    answer(scope, waiter, &mut rv, outcome);
}
