//! `FileHandle`: a descriptor with an owner, behind `fs/promises`, and a stream of its file. Follows `FileHandle` of Node's `src/node_file.cc`.

use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use parking_lot::Mutex;
use secure_exec_kernel::Process;

use super::arguments;
use super::file_stream::{FileStream, Range};
use super::reply::Reply;
use super::request::{self, Failure, Waiter};
use crate::binding::stream_base;
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::{Definition, class_template};
use crate::js::exception::{self, SyscallContext};
use crate::js::transfer::TransferData;
use crate::js::{async_wrap, convert, wrap};
use crate::stream::Stream;

/// The native side of a `FileHandle`.
pub struct FileHandle {
    fd: Cell<i32>,
    process: Arc<Process>,
    env: Weak<Env>,
}

impl FileHandle {
    /// The descriptor; -1 once closed or released.
    pub fn fd(&self) -> i32 {
        self.fd.get()
    }

    /// Whose descriptor it is.
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }
}

impl Drop for FileHandle {
    /// Closes what the guest forgot, and says so as Node does.
    fn drop(&mut self) {
        let fd = self.fd.replace(-1);
        if fd < 0 || self.process.close(fd).is_err() {
            return;
        }
        if let Some(env) = self.env.upgrade()
            && !env.stopping.get()
        {
            env.event_loop
                .set_immediate_unref(Box::new(move |scope| warn_of_collection(scope, fd)));
        }
    }
}

/// Declares the class.
pub fn define(definition: &mut Definition) {
    let class = definition
        .class("FileHandle", construct)
        .inherits("AsyncWrap");
    class
        .method("close", close)
        .method("closeSync", close_sync)
        .method("releaseFD", release_fd);
    stream_base::add_methods(class);
}

/// A new `FileHandle` object that owns `fd`.
pub fn new_file_handle<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    fd: i32,
) -> Option<v8::Local<'s, v8::Value>> {
    let template = class_template(scope, "FileHandle")?;
    let object = template.instance_template(scope).new_instance(scope)?;
    attach(scope, object, fd, Range::default());
    Some(object.into())
}

fn attach(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    fd: i32,
    range: Range,
) {
    let env = Env::of(scope);
    let handle = FileHandle {
        fd: Cell::new(fd),
        process: env.process(),
        env: Rc::downgrade(&env),
    };
    let handle = async_wrap::wrap_async(scope, object, "FILEHANDLE", handle);
    Stream::attach(scope, object, FileStream::new(handle, range));
}

/// A number that is not below zero; anything else stands for none.
fn natural(value: v8::Local<'_, v8::Value>) -> Option<u64> {
    let number = v8::Local::<v8::Number>::try_from(value).ok()?.value();
    (number >= 0.0).then(|| convert::saturating_u64(number))
}

/// `new FileHandle(fd, offset, length)`: as a stream it is the part of the file at `offset`, or where the descriptor stands, of
/// `length` bytes, or up to its end.
fn construct(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(
            scope,
            "Class constructor FileHandle cannot be invoked without `new`",
        );
        return;
    }
    let Ok(fd) = arguments::fd(scope, args.get(0)) else {
        return;
    };
    let range = Range {
        offset: natural(args.get(1)),
        length: natural(args.get(2)),
    };
    attach(scope, args.this(), fd, range);
}

/// A descriptor on its way to another heap; closed if it never arrives.
struct FileHandleData {
    fd: Mutex<Option<i32>>,
    process: Arc<Process>,
}

/// Takes the descriptor out of a handle for another heap; the handle is closed. `None` for what is no open handle.
pub fn transfer_file_handle(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    let handle = wrap::unwrap::<FileHandle>(scope, object.into())?;
    let fd = Some(handle.fd.replace(-1)).filter(|fd| *fd >= 0)?;
    Some(Box::new(FileHandleData {
        fd: Mutex::new(Some(fd)),
        process: handle.process.clone(),
    }))
}

/// Whether `object` is an open handle.
pub fn is_file_handle(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool {
    wrap::unwrap::<FileHandle>(scope, object.into()).is_some_and(|handle| handle.fd() >= 0)
}

impl TransferData for FileHandleData {
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let fd = self.fd.lock().take()?;
        new_file_handle(scope, fd)?.try_cast().ok()
    }
}

impl Drop for FileHandleData {
    fn drop(&mut self) {
        if let Some(fd) = self.fd.lock().take() {
            // Nobody is left to hear of a failure.
            let _ = self.process.close(fd);
        }
    }
}

fn this(scope: Scope, args: &Args) -> Option<Rc<FileHandle>> {
    let handle = wrap::unwrap::<FileHandle>(scope, args.this().into());
    if handle.is_none() {
        exception::throw_invalid_argument(scope, "The receiver is no FileHandle");
    }
    handle
}

/// `handle.close()`: a promise.
fn close(scope: Scope, args: Args, mut rv: Return) {
    let Some(handle) = this(scope, &args) else {
        return;
    };
    let Some((request, promise)) = request::promise_request(scope, "FILEHANDLECLOSEREQ") else {
        return;
    };
    rv.set(promise.into());
    let fd = handle.fd.replace(-1);
    let outcome = if fd < 0 {
        Ok(Reply::Undefined)
    } else {
        let result = handle.process.close(fd);
        result
            .map(|()| Reply::Undefined)
            .map_err(|errno| Failure::of(errno, "close"))
    };
    let request = Waiter::Request(v8::Global::new(scope, request));
    request::answer(scope, request, &mut rv, outcome);
}

/// `handle.closeSync()`
fn close_sync(scope: Scope, args: Args, _rv: Return) {
    let Some(handle) = this(scope, &args) else {
        return;
    };
    let fd = handle.fd.replace(-1);
    if fd >= 0
        && let Err(errno) = handle.process.close(fd)
    {
        exception::throw_errno(
            scope,
            errno,
            SyscallContext {
                syscall: "close",
                ..SyscallContext::default()
            },
        );
    }
}

/// `handle.releaseFD()`: the descriptor, which the handle no longer owns.
fn release_fd(scope: Scope, args: Args, mut rv: Return) {
    if let Some(handle) = this(scope, &args) {
        rv.set_int32(handle.fd.replace(-1));
    }
}

fn warn_of_collection(scope: &mut v8::PinScope<'_, '_>, fd: i32) {
    let env = Env::of(scope);
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    let key = env.name(scope, "emitWarning").into();
    let Some(emit) = process
        .get(scope, key)
        .and_then(|f| v8::Local::<v8::Function>::try_from(f).ok())
    else {
        return;
    };
    let text = exception::string(
        scope,
        &format!("Closing file descriptor {fd} on garbage collection"),
    )
    .into();
    let context = crate::js::callback_scope::AsyncContext::none();
    crate::js::callback_scope::call_in_scope(scope, process, &context, |scope| {
        emit.call(scope, process.into(), &[text])?;
        let text = exception::string(
            scope,
            "Closing a FileHandle object on garbage collection is deprecated. Please close FileHandle objects \
             explicitly using FileHandle.prototype.close(). In the future, an error will be thrown if a file \
             descriptor is closed during garbage collection.",
        )
        .into();
        let kind = exception::string(scope, "DeprecationWarning").into();
        let code = exception::string(scope, "DEP0137").into();
        emit.call(scope, process.into(), &[text, kind, code])
    });
}
