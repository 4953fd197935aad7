//! Jobs: operations that run at once, on the thread pool, or behind a promise. Follows `CryptoJob` in Node's
//! `src/crypto/crypto_util.h`.
//!
//! The constructor of a job class reads its arguments into a `Work` closure that owns all it needs; `run()` executes it
//! in the way that the mode, the first argument of every constructor, asks for.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{CryptoError, Result};
use super::input;
use super::keys::Pkey;
use crate::callback::{Args, NativeFunction, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::callback_scope::{AsyncContext, call_in_scope, make_named_callback};
use crate::js::class::Definition;
use crate::js::{async_wrap, convert, exception, wrap};
use crate::threads::thread_pool;

/// How a job runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// On the pool; `ondone(error, result)` is called.
    Async,
    /// At once; `run()` returns `[error, result]`.
    Sync,
    /// On the pool; `run()` returns a promise.
    WebCrypto,
}

/// What a job produces.
pub enum Output {
    /// A boolean.
    Bool(bool),
    /// An `ArrayBuffer`.
    Bytes(Vec<u8>),
    /// A secret key.
    Secret(Vec<u8>),
    /// An asymmetric key.
    Key(Pkey),
    /// Two byte strings: shared key and ciphertext.
    Pair(Vec<u8>, Vec<u8>),
}

/// What a job does; touches nothing of V8.
pub type Work = Box<dyn FnOnce() -> Result<Output> + Send>;

/// Makes the JavaScript result on the isolate's thread; `None` leaves an exception pending.
pub type Encode = Box<
    dyn for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>, Output) -> Option<v8::Local<'s, v8::Value>>,
>;

struct Job {
    mode: Mode,
    provider: &'static str,
    work: RefCell<Option<Work>>,
    encode: RefCell<Option<Encode>>,
    resolver: RefCell<Option<v8::Global<v8::PromiseResolver>>>,
}

/// Jobs on the pool.
#[derive(Default)]
struct Running {
    next: Cell<u64>,
    jobs: RefCell<HashMap<u64, v8::Global<v8::Object>>>,
}

/// Declares the job class `name`.
pub fn declare(definition: &mut Definition, name: &'static str, constructor: impl NativeFunction) {
    definition
        .class(name, constructor)
        .inherits("AsyncWrap")
        .method("run", run);
}

/// Reads the mode, the first argument of every job.
pub fn mode(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Result<Mode> {
    match input::uint32(scope, value, "mode")? {
        0 => Ok(Mode::Async),
        1 => Ok(Mode::Sync),
        2 => Ok(Mode::WebCrypto),
        _ => Err(input::invalid("mode", "a job mode")),
    }
}

/// Ends the constructor of a job whose result is encoded by [`encode_plain`].
pub fn create(
    scope: Scope,
    args: &Args,
    mode: Mode,
    provider: &'static str,
    work: impl FnOnce() -> Result<Output> + Send + 'static,
) {
    create_with(scope, args, mode, provider, work, Box::new(encode_plain));
}

/// Ends the constructor of a job: `provider` is its async type, `encode` makes its result.
pub fn create_with(
    scope: Scope,
    args: &Args,
    mode: Mode,
    provider: &'static str,
    work: impl FnOnce() -> Result<Output> + Send + 'static,
    encode: Encode,
) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "A job is made with new");
    }
    let work: Work = Box::new(work);
    let job = Job {
        mode,
        provider,
        work: RefCell::new(Some(work)),
        encode: RefCell::new(Some(encode)),
        resolver: RefCell::default(),
    };
    async_wrap::wrap_async(scope, args.this(), provider, job);
}

/// The value of `output` where it is plain data.
pub fn encode_plain<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    output: Output,
) -> Option<v8::Local<'s, v8::Value>> {
    match output {
        Output::Bool(value) => Some(v8::Boolean::new(scope, value).into()),
        Output::Bytes(bytes) => Some(convert::array_buffer(scope, bytes).into()),
        Output::Secret(_) | Output::Key(_) | Output::Pair(..) => {
            exception::throw_invalid_argument(scope, "The job has no plain result");
            None
        }
    }
}

fn run(scope: Scope, args: Args, mut rv: Return) {
    let this = args.this();
    let Some(job) = wrap::unwrap::<Job>(scope, this.into()) else {
        return exception::throw_invalid_argument(scope, "Not a job");
    };
    let Some(work) = job.work.borrow_mut().take() else {
        return exception::throw_invalid_argument(scope, "A job runs once");
    };
    if job.mode == Mode::Sync {
        let (error, result) = settle(scope, &job, work());
        let pair = v8::Array::new_with_elements(scope, &[error, result]);
        return rv.set(pair.into());
    }
    if job.mode == Mode::WebCrypto {
        let Some(resolver) = v8::PromiseResolver::new(scope) else {
            return;
        };
        let promise = resolver.get_promise(scope);
        *job.resolver.borrow_mut() = Some(v8::Global::new(scope, resolver));
        rv.set(promise.into());
    }
    let env = Env::of(scope);
    let running = env.state::<Running>();
    let id = running.next.get();
    running.next.set(id + 1);
    running
        .jobs
        .borrow_mut()
        .insert(id, v8::Global::new(scope, this));
    env.event_loop.add_reference();
    let handle = env.event_loop.handle();
    thread_pool::submit(move || {
        if handle.aborted() {
            return;
        }
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => handle.post(move |scope| {
                Env::of(scope).event_loop.remove_reference();
                finish(scope, id, result);
            }),
            // A defect of ours ends the process that met it, and no other.
            Err(_) => handle.abort(),
        }
    });
}

/// `(error, result)` of a job that has run.
fn settle<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    job: &Job,
    result: Result<Output>,
) -> (v8::Local<'s, v8::Value>, v8::Local<'s, v8::Value>) {
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    let output = match result {
        Ok(output) => output,
        // Synchronous signatures and key agreements fail as functions do.
        Err(error)
            if job.mode == Mode::Sync
                && matches!(job.provider, "SIGNREQUEST" | "DERIVEBITSREQUEST") =>
        {
            return (error.to_decorated_value(scope), undefined);
        }
        Err(error) => return (error.to_value(scope), undefined),
    };
    let Some(encode) = job.encode.borrow_mut().take() else {
        return (undefined, undefined);
    };
    match exception::catch(scope, |scope| encode(scope, output)) {
        Ok(value) => (undefined, value),
        Err(Some(thrown)) => (thrown, undefined),
        Err(None) => (
            CryptoError::operation_failed("The operation failed").to_value(scope),
            undefined,
        ),
    }
}

fn finish(scope: &mut v8::PinScope<'_, '_>, id: u64, result: Result<Output>) {
    let env = Env::of(scope);
    let Some(object) = env.state::<Running>().jobs.borrow_mut().remove(&id) else {
        return;
    };
    let object = v8::Local::new(scope, object);
    let Some(job) = wrap::unwrap::<Job>(scope, object.into()) else {
        return;
    };
    if job.mode == Mode::Async {
        let (error, result) = settle(scope, &job, result);
        let arguments = [error, result];
        // Node passes the error alone.
        let count = if error.is_undefined() { 2 } else { 1 };
        make_named_callback(scope, object, "ondone", &arguments[..count]);
    } else if let Some(resolver) = job.resolver.borrow_mut().take() {
        let resolver = v8::Local::new(scope, resolver);
        let context = wrap::async_state(scope, object)
            .map_or_else(AsyncContext::none, |state| AsyncContext::of(&state));
        call_in_scope(scope, object, &context, |scope| {
            settle_promise(scope, &job, resolver, result);
            Some(v8::undefined(scope).into())
        });
    }
}

fn settle_promise(
    scope: &mut v8::PinScope<'_, '_>,
    job: &Job,
    resolver: v8::Local<'_, v8::PromiseResolver>,
    result: Result<Output>,
) {
    let (error, value) = settle(scope, job, result);
    if !error.is_undefined() {
        let error = operation_error(scope, error).unwrap_or(error);
        resolver.reject(scope, error);
        return;
    }
    let Ok(object) = v8::Local::<v8::Object>::try_from(value) else {
        resolver.resolve(scope, value);
        return;
    };
    // Resolution reads `then`; an own property keeps guest code on the prototype chain out of it.
    let key = exception::string(scope, "then");
    let undefined = v8::undefined(scope).into();
    let shadowed = !object.has_own_property(scope, key.into()).unwrap_or(true)
        && object
            .create_data_property(scope, key.into(), undefined)
            .unwrap_or(false);
    resolver.resolve(scope, value);
    if shadowed {
        object.delete(scope, key.into());
    }
}

/// The `DOMException` that WebCrypto rejects with; `cause` is what went wrong.
fn operation_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    cause: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let exports = Env::of(scope).object(scope, Slot::PerContextExports)?;
    let constructor: v8::Local<v8::Function> = convert::get(scope, exports, "DOMException")?
        .try_cast()
        .ok()?;
    let options = v8::Object::new(scope);
    let name = exception::string(scope, "OperationError").into();
    convert::set(scope, options, "name", name);
    convert::set(scope, options, "cause", cause);
    let message = exception::string(
        scope,
        "The operation failed for an operation-specific reason",
    )
    .into();
    constructor
        .new_instance(scope, &[message, options.into()])
        .map(Into::into)
}
