//! Options of the command line that change every context of a program: what V8 or Node's `InitializeContextRuntime`
//! (`src/api/environment.cc`) does to a context before code runs in it.

use std::cell::Cell;

use crate::callback::{self, Args, Return, Scope};
use crate::env::Env;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, string};

/// Applies the options of the environment to the context that is entered.
///
/// Returns None where JavaScript threw.
pub(crate) fn apply(scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
    let env = Env::of(scope);
    let (proto, limit, v8_settings) = {
        let options = env.options.borrow();
        let limit = options
            .given("--stack-trace-limit")
            .and_then(|value| value.as_i64());
        let proto = options
            .text("--disable-proto")
            .unwrap_or_default()
            .to_owned();
        (proto, limit, options.v8.clone())
    };
    if let Some(limit) = limit {
        limit_stack_traces(scope, limit)?;
    }
    if !proto.is_empty() {
        disable_proto(scope, &proto)?;
    }
    if v8_settings.expose_gc {
        expose_gc(scope)?;
    }
    Some(())
}

/// `--stack-trace-limit`: the initial value of `Error.stackTraceLimit`.
fn limit_stack_traces(scope: &mut v8::PinScope<'_, '_>, limit: i64) -> Option<()> {
    let global = scope.get_current_context().global(scope);
    let error = convert::get(scope, global, "Error")?.to_object(scope)?;
    let limit = v8::Number::new(scope, limit as f64);
    convert::set(scope, error, "stackTraceLimit", limit.into());
    Some(())
}

/// `--disable-proto`: `Object.prototype.__proto__` is gone, or throws.
fn disable_proto(scope: &mut v8::PinScope<'_, '_>, mode: &str) -> Option<()> {
    let plain = v8::Object::new(scope);
    let prototype = plain.get_prototype(scope)?.to_object(scope)?;
    let key = string(scope, "__proto__");
    if mode == "delete" {
        prototype.delete(scope, key.into())?;
        return Some(());
    }
    let thrower = v8::Function::new(scope, callback::function(refuse_proto))?;
    let mut descriptor = v8::PropertyDescriptor::new_from_get_set(thrower.into(), thrower.into());
    descriptor.set_enumerable(false);
    prototype.define_property(scope, key.into(), &descriptor)?;
    Some(())
}

fn refuse_proto(scope: Scope, _args: Args, _rv: Return) {
    exception::throw(
        scope,
        ErrorKind::Error,
        "ERR_PROTO_ACCESS",
        "Accessing Object.prototype.__proto__ has been disallowed with --disable-proto=throw",
    );
}

/// `globalThis.gc` of `--expose-gc`. V8's own extension is a flag of the whole host process.
pub(crate) fn expose_gc(scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
    let global = scope.get_current_context().global(scope);
    let key = Env::of(scope).name(scope, "gc");
    let function = v8::Function::new(scope, callback::function(gc))?;
    function.set_name(key);
    global.define_own_property(
        scope,
        key.into(),
        function.into(),
        v8::PropertyAttribute::DONT_ENUM,
    )?;
    Some(())
}

/// Whether the program's own `gc()` is collecting.
#[derive(Default)]
pub(crate) struct ForcedCollection(pub Cell<bool>);

/// `gc({ execution })`: collects everything; a promise where `execution` is `async`.
fn gc(scope: Scope, args: Args, mut rv: Return) {
    let mut is_async = false;
    if let Ok(options) = v8::Local::<v8::Object>::try_from(args.get(0)) {
        let Some(execution) = convert::get(scope, options, "execution") else {
            return;
        };
        is_async = execution.is_string() && execution.to_rust_string_lossy(scope) == "async";
    }
    let forced = Env::of(scope).state::<ForcedCollection>();
    forced.0.set(true);
    scope.low_memory_notification();
    forced.0.set(false);
    if is_async && let Some(resolver) = v8::PromiseResolver::new(scope) {
        let undefined = v8::undefined(scope).into();
        resolver.resolve(scope, undefined);
        rv.set(resolver.get_promise(scope).into());
    }
}

/// Adapts the globals of `context` to Node's: removes what V8 has and Node hides. Follows
/// `InitializeContextRuntime`.
pub fn initialize_runtime(scope: &mut v8::PinScope<'_, '_>, context: v8::Local<'_, v8::Context>) {
    let scope = &mut v8::ContextScope::new(scope, context);
    let global = context.global(scope);
    if let Some(intl) = convert::get(scope, global, "Intl")
        && let Ok(intl) = v8::Local::<v8::Object>::try_from(intl)
    {
        let key = Env::of(scope).name(scope, "v8BreakIterator");
        intl.delete(scope, key.into());
    }
}
