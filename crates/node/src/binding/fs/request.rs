//! The three ways a call is answered: at once, through an `FSReqCallback`, by a promise. Follows `FSReqBase` of Node's
//! `src/node_file.h`.

use secure_exec_kernel::Errno;

use super::reply::{self, Reply};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::callback_scope::{self, AsyncContext};
use crate::js::class::class_template;
use crate::js::exception::{self, SyscallContext};
use crate::js::{async_wrap, permission, wrap};
use crate::options::permission::Access;
use crate::process::exit;

/// What went wrong, with what the error object tells.
#[derive(Debug, Default)]
pub struct Failure {
    /// The error number; `None` is never seen outside construction.
    pub errno: Option<Errno>,
    /// The call, as libuv names it.
    pub syscall: &'static str,
    /// The path it worked on.
    pub path: Option<Vec<u8>>,
    /// The second path.
    pub dest: Option<Vec<u8>>,
    /// What the permission model denies instead.
    pub denied: Option<Access>,
}

impl Failure {
    /// A failure of a call on a descriptor.
    pub fn of(errno: Errno, syscall: &'static str) -> Failure {
        Failure {
            errno: Some(errno),
            syscall,
            path: None,
            dest: None,
            denied: None,
        }
    }

    /// A call that the permission model denies.
    pub fn denied(access: Access, path: &[u8]) -> Failure {
        Failure {
            denied: Some(access),
            ..Failure::at(Errno::EACCES, "", path)
        }
    }

    /// A failure of a call on a path.
    pub fn at(errno: Errno, syscall: &'static str, path: &[u8]) -> Failure {
        Failure {
            path: Some(path.to_vec()),
            ..Failure::of(errno, syscall)
        }
    }

    /// A failure of a call on two paths.
    pub fn between(errno: Errno, syscall: &'static str, path: &[u8], dest: &[u8]) -> Failure {
        Failure {
            dest: Some(dest.to_vec()),
            ..Failure::at(errno, syscall, path)
        }
    }

    /// The error number.
    pub fn errno(&self) -> Errno {
        self.errno.unwrap_or(Errno::EIO)
    }

    /// The error object.
    pub fn exception<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        if let Some(access) = self.denied {
            return permission::new_error(scope, access, self.path.as_deref().unwrap_or_default());
        }
        let context = SyscallContext {
            syscall: self.syscall,
            path: self.path.as_deref(),
            dest: self.dest.as_deref(),
            message: None,
        };
        exception::new_errno_exception(scope, self.errno(), context)
    }
}

/// Result of one call.
pub type Outcome = Result<Reply, Failure>;

/// The native side of `FSReqCallback`.
pub struct CallbackRequest;

/// The native side of `FSReqPromise`.
pub struct PromiseRequest {
    resolver: v8::Global<v8::PromiseResolver>,
}

/// Who waits for the result.
pub enum Waiter {
    /// The caller itself.
    Caller,
    /// A request object; for a promise also what the call returns.
    Request(v8::Global<v8::Object>),
}

/// `new FSReqCallback(bigint)`.
pub fn new_callback_request(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        let message = "Class constructor FSReqCallback cannot be invoked without `new`";
        return exception::throw_construct_call_required(scope, message);
    }
    async_wrap::wrap_async(scope, args.this(), "FSREQCALLBACK", CallbackRequest);
}

/// Who is to get the result, by the argument that names a request; for `kUsePromises` a promise is returned through
/// `rv`.
pub fn waiter(
    scope: Scope,
    request: v8::Local<'_, v8::Value>,
    rv: &mut Return,
) -> Result<Waiter, super::arguments::Thrown> {
    if request.is_undefined() {
        return Ok(Waiter::Caller);
    }
    if wrap::unwrap::<CallbackRequest>(scope, request).is_some()
        && let Ok(object) = v8::Local::<v8::Object>::try_from(request)
    {
        return Ok(Waiter::Request(v8::Global::new(scope, object)));
    }
    let uses_promises = Env::of(scope).symbol(scope, "fs_use_promises_symbol");
    if request.strict_equals(uses_promises.into())
        && let Some((object, promise)) = promise_request(scope, "FSREQPROMISE")
    {
        rv.set(promise.into());
        return Ok(Waiter::Request(v8::Global::new(scope, object)));
    }
    exception::throw_invalid_argument(
        scope,
        "The \"req\" argument must be an FSReqCallback or kUsePromises",
    );
    Err(super::arguments::Thrown)
}

/// A request object whose promise is settled by [`complete`].
pub fn promise_request<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    provider: &'static str,
) -> Option<(v8::Local<'s, v8::Object>, v8::Local<'s, v8::Promise>)> {
    let template = class_template(scope, "FSReqPromise")?;
    let object = template.instance_template(scope).new_instance(scope)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    let value = PromiseRequest {
        resolver: v8::Global::new(scope, resolver),
    };
    async_wrap::wrap_async(scope, object, provider, value);
    crate::js::convert::set(scope, object, "promise", promise.into());
    Some((object, promise))
}

/// Gives the outcome to whoever waits: the caller now, a request in the next poll phase.
pub fn finish(scope: Scope, request: v8::Local<'_, v8::Value>, rv: &mut Return, outcome: Outcome) {
    let Ok(waiter) = waiter(scope, request, rv) else {
        return;
    };
    answer(scope, waiter, rv, outcome);
}

/// As [`finish`], for a waiter that is known already.
pub fn answer(scope: Scope, waiter: Waiter, rv: &mut Return, outcome: Outcome) {
    match waiter {
        Waiter::Caller if exit::unwind_if_aborted(scope) => {}
        Waiter::Caller => match outcome {
            Ok(reply) => {
                if let Some(value) = reply.value(scope, reply::Arrays::Shared) {
                    rv.set(value);
                }
            }
            Err(failure) => {
                let error = failure.exception(scope);
                scope.throw_exception(error);
            }
        },
        Waiter::Request(request) => {
            let env = Env::of(scope);
            env.event_loop
                .defer(Box::new(move |scope| complete(scope, &request, outcome)));
        }
    }
}

/// Completes a request, on the loop.
pub fn complete(
    scope: &mut v8::PinScope<'_, '_>,
    request: &v8::Global<v8::Object>,
    outcome: Outcome,
) {
    let object = v8::Local::new(scope, request);
    if let Some(promise) = wrap::unwrap::<PromiseRequest>(scope, object.into()) {
        settle(scope, object, &promise, outcome);
    } else {
        let arguments: Vec<v8::Local<v8::Value>> = match outcome {
            Err(failure) => vec![failure.exception(scope)],
            Ok(reply) => match encode(scope, &reply, reply::Arrays::Shared) {
                Ok(value) if value.is_undefined() => vec![v8::null(scope).into()],
                Ok(value) => vec![v8::null(scope).into(), value],
                Err(error) => vec![error],
            },
        };
        callback_scope::make_named_callback(scope, object, "oncomplete", &arguments);
    }
    if let Some(state) = wrap::async_state(scope, object) {
        async_wrap::emit_destroy(scope, state.async_id.get());
    }
}

/// The value of a reply, or what making it threw.
fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    reply: &Reply,
    arrays: reply::Arrays,
) -> Result<v8::Local<'s, v8::Value>, v8::Local<'s, v8::Value>> {
    exception::catch(scope, |scope| reply.value(scope, arrays))
        .map_err(|thrown| thrown.unwrap_or_else(|| v8::undefined(scope).into()))
}

fn settle(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    request: &PromiseRequest,
    outcome: Outcome,
) {
    let context = wrap::async_state(scope, object)
        .map_or_else(AsyncContext::none, |state| AsyncContext::of(&state));
    let object = v8::Local::new(scope, object);
    callback_scope::call_in_scope(scope, object, &context, |scope| {
        let resolver = v8::Local::new(scope, &request.resolver);
        let value = match outcome {
            Err(failure) => Err(failure.exception(scope)),
            Ok(reply) => encode(scope, &reply, reply::Arrays::Fresh),
        };
        match value {
            Ok(value) => resolver.resolve(scope, value),
            Err(error) => resolver.reject(scope, error),
        };
        Some(v8::undefined(scope).into())
    });
}
