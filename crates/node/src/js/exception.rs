//! Making and reporting errors. Follows Node's `src/node_errors.cc` and `src/api/exceptions.cc`.

use secure_exec_kernel::Errno;

use crate::embedder::refused_link;
use crate::env::Env;
use crate::js::uv;

/// Which constructor an error is made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// `Error`
    Error,
    /// `TypeError`
    TypeError,
    /// `RangeError`
    RangeError,
    /// `SyntaxError`
    SyntaxError,
}

/// A V8 string; empty where the text is longer than V8 can hold.
pub fn string<'s>(scope: &v8::PinScope<'s, '_, ()>, text: &str) -> v8::Local<'s, v8::String> {
    v8::String::new(scope, text).unwrap_or_else(|| v8::String::empty(scope))
}

/// An error object of `kind` with a `code` property (Node's `ERR_*` macros).
pub fn new_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    kind: ErrorKind,
    code: &str,
    message: &str,
) -> v8::Local<'s, v8::Value> {
    let message = string(scope, message);
    let error = match kind {
        ErrorKind::Error => v8::Exception::error(scope, message),
        ErrorKind::TypeError => v8::Exception::type_error(scope, message),
        ErrorKind::RangeError => v8::Exception::range_error(scope, message),
        ErrorKind::SyntaxError => v8::Exception::syntax_error(scope, message),
    };
    if !code.is_empty()
        && let Some(object) = error.to_object(scope)
    {
        let key = string(scope, "code").into();
        let code = string(scope, code).into();
        object.set(scope, key, code);
    }
    error
}

/// Throws an error of `kind` with `code`.
pub fn throw(scope: &mut v8::PinScope<'_, '_>, kind: ErrorKind, code: &str, message: &str) {
    let error = new_error(scope, kind, code, message);
    scope.throw_exception(error);
}

/// Runs `body` as JavaScript runs a `try` block and gives back what it threw. An end of the thread's JavaScript is nobody's
/// exception: it goes on to the caller of the native function, and there is nothing to give back.
///
/// # Errors
/// What was thrown, or `None` if `body` failed without an exception or JavaScript is being ended.
pub fn catch<'s, T>(
    scope: &mut v8::PinScope<'s, '_>,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<T>,
) -> Result<T, Option<v8::Local<'s, v8::Value>>> {
    v8::tc_scope!(let tc, scope);
    if let Some(value) = body(tc) {
        return Ok(value);
    }
    if tc.has_terminated() {
        tc.rethrow();
        return Err(None);
    }
    Err(tc.exception())
}

/// Throws `ERR_INVALID_ARG_TYPE`: native code was reached with an argument the library would not have passed.
pub fn throw_invalid_argument(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    throw(scope, ErrorKind::TypeError, "ERR_INVALID_ARG_TYPE", message);
}

/// Throws `ERR_CONSTRUCT_CALL_REQUIRED`: a class was called like a function. The message says which, where Node.js does.
pub fn throw_construct_call_required(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    let code = "ERR_CONSTRUCT_CALL_REQUIRED";
    throw(scope, ErrorKind::TypeError, code, message);
}

/// What Node.js says of a class in C++ without naming it.
pub const NO_NEW: &str = "Cannot call constructor without `new`";

/// Throws `ERR_INVALID_THIS`: a method was called on something else than what its class makes.
pub fn throw_invalid_this(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    throw(scope, ErrorKind::TypeError, "ERR_INVALID_THIS", message);
}

/// Throws `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM`: this VM lacks what was asked for. The message names it.
pub fn throw_unavailable(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    let code = "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM";
    throw(scope, ErrorKind::Error, code, message);
}

/// Throws `ERR_MEMORY_ALLOCATION_FAILED`: an array buffer does not fit into the memory of the VM.
pub fn throw_array_buffer_failed(scope: &mut v8::PinScope<'_, '_>) {
    let code = "ERR_MEMORY_ALLOCATION_FAILED";
    let message = "Array buffer allocation failed";
    throw(scope, ErrorKind::RangeError, code, message);
}

/// Context of a failed system call.
#[derive(Clone, Copy, Default)]
pub struct SyscallContext<'a> {
    /// The call, as libuv names it: `open`, `scandir`.
    pub syscall: &'a str,
    /// The path it worked on.
    pub path: Option<&'a [u8]>,
    /// The second path of rename, link, copyfile, symlink.
    pub dest: Option<&'a [u8]>,
    /// Text instead of the errno's own.
    pub message: Option<&'a str>,
}

/// The error of a failed system call, with `errno`, `code`, `syscall`, `path`, `dest` (Node's `UVException`).
pub fn new_errno_exception<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    errno: Errno,
    context: SyscallContext<'_>,
) -> v8::Local<'s, v8::Value> {
    let code = errno.name();
    let mut text = format!(
        "{code}: {}, {}",
        context.message.unwrap_or(errno.message()),
        context.syscall
    );
    if let Some(path) = context.path {
        text.push_str(&format!(" '{}'", String::from_utf8_lossy(path)));
    }
    if let Some(dest) = context.dest {
        text.push_str(&format!(" -> '{}'", String::from_utf8_lossy(dest)));
    }
    if let (Errno::ENOENT, Some(path)) = (errno, context.path) {
        text.push_str(&refused_link::explain(&String::from_utf8_lossy(path)));
    }
    let text = string(scope, &text);
    let error = v8::Exception::error(scope, text);
    let Some(object) = error.to_object(scope) else {
        return error;
    };
    let number = v8::Integer::new(scope, uv::error(errno)).into();
    set(scope, object, "errno", number);
    let value = string(scope, code).into();
    set(scope, object, "code", value);
    let value = string(scope, context.syscall).into();
    set(scope, object, "syscall", value);
    if let Some(path) = context.path {
        let value = string(scope, &String::from_utf8_lossy(path)).into();
        set(scope, object, "path", value);
    }
    if let Some(dest) = context.dest {
        let value = string(scope, &String::from_utf8_lossy(dest)).into();
        set(scope, object, "dest", value);
    }
    error
}

/// Throws the error of a failed system call.
pub fn throw_errno(scope: &mut v8::PinScope<'_, '_>, errno: Errno, context: SyscallContext<'_>) {
    let error = new_errno_exception(scope, errno, context);
    scope.throw_exception(error);
}

/// Tells the library why a system call failed, by the object that it gave for that (`CollectUVExceptionInfo`).
pub fn collect_errno(
    scope: &mut v8::PinScope<'_, '_>,
    context: v8::Local<'_, v8::Value>,
    errno: Errno,
    syscall: &str,
) {
    let Ok(context) = v8::Local::<v8::Object>::try_from(context) else {
        return;
    };
    let number = v8::Integer::new(scope, uv::error(errno)).into();
    set(scope, context, "errno", number);
    for (key, text) in [
        ("code", errno.name()),
        ("message", errno.message()),
        ("syscall", syscall),
    ] {
        let text = string(scope, text).into();
        set(scope, context, key, text);
    }
}

fn set(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: &'static str,
    value: v8::Local<'_, v8::Value>,
) {
    let key = Env::of(scope).name(scope, key).into();
    object.set(scope, key, value);
}
