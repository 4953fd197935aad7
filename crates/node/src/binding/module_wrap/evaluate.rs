//! Instantiation, evaluation and what is known afterwards.

use std::rc::Rc;

use super::{ModuleWrap, callbacks};
use crate::binding::contextify;
use crate::callback::{Args, Return, Scope};
use crate::js::exception::{self, ErrorKind};
use crate::process::report;

/// `instantiate()`: V8's link phase over what `link` supplied.
pub(super) fn instantiate(scope: Scope, args: Args, _rv: Return) {
    let Some(this) = ModuleWrap::of_this(scope, &args) else {
        return;
    };
    if !this.is_linked.get() {
        let message = format!("module '{}' is not linked", this.url);
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_VM_MODULE_LINK_FAILURE",
            &message,
        );
        return;
    }
    let (Some(context), Some(module)) = (this.context(scope), this.module(scope)) else {
        return;
    };
    v8::tc_scope!(let tc, scope);
    let done = {
        let inner: &mut v8::PinScope<'_, '_> = tc;
        let scope = &mut v8::ContextScope::new(inner, context);
        module.instantiate_module2(scope, callbacks::resolve_module, callbacks::resolve_source)
    };
    if done.is_none() && tc.has_caught() {
        if !tc.has_terminated()
            && let (Some(error), Some(message)) = (tc.exception(), tc.message())
        {
            report::append_exception_line(tc, error, message);
        }
        tc.rethrow();
    }
}

/// `evaluate(timeout, breakOnSigint)`: the promise of the evaluation.
pub(super) fn evaluate<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let Some((this, module)) = instantiated(scope, &args) else {
        return;
    };
    let timeout = args.get(0).integer_value(scope).unwrap_or(-1);
    let breaks = args.get(1).is_true();
    let Some(context) = this.context(scope) else {
        return;
    };
    let run = |scope: &mut v8::PinScope<'s, '_>| {
        let result = {
            let scope = &mut v8::ContextScope::new(scope, context);
            module.evaluate(scope)?
        };
        if !contextify::has_own_microtask_queue(context) {
            return Some(result);
        }
        // Waiting for a promise of the module's context would take turns of its queue, which nobody drains after
        // this: the caller gets a promise of its own, and the queue is drained once the two are tied.
        let resolver = v8::PromiseResolver::new(scope)?;
        resolver.resolve(scope, result)?;
        contextify::perform_own_microtask_checkpoint(scope, context);
        Some(resolver.get_promise(scope).into())
    };
    let result = contextify::run_with_sigint(scope, breaks, |scope| {
        contextify::run_with_timeout(scope, timeout, run)
    });
    if let Some(result) = result {
        rv.set(result);
    }
}

/// `evaluateSync(filename, parentFilename)`: the namespace, for `require(esm)`.
pub(super) fn evaluate_sync(scope: Scope, args: Args, mut rv: Return) {
    let Some((this, module)) = instantiated(scope, &args) else {
        return;
    };
    let Some(context) = this.context(scope) else {
        return;
    };
    let result = {
        let scope = &mut v8::ContextScope::new(scope, context);
        module.evaluate(scope)
    };
    let Some(promise) = result.and_then(|result| v8::Local::<v8::Promise>::try_from(result).ok())
    else {
        return;
    };
    if promise.state() == v8::PromiseState::Rejected {
        promise.mark_as_handled();
        let error = promise.result(scope);
        let message = v8::Exception::create_message(scope, error);
        report::append_exception_line(scope, error, message);
        scope.throw_exception(error);
        return;
    }
    if module.is_graph_async() {
        let mut message = String::from(
            "require() cannot be used on an ESM graph with top-level await. Use import() instead. To see where the \
             top-level await comes from, use --experimental-print-required-tla.",
        );
        if args.get(1).is_string() {
            message.push_str(&format!(
                "\n  From {} ",
                crate::js::convert::text(scope, args.get(1))
            ));
        }
        if args.get(0).is_string() {
            message.push_str(&format!(
                "\n  Requiring {} ",
                crate::js::convert::text(scope, args.get(0))
            ));
        }
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_REQUIRE_ASYNC_MODULE",
            &message,
        );
        return;
    }
    rv.set(module.get_module_namespace());
}

pub(super) fn get_namespace(scope: Scope, args: Args, mut rv: Return) {
    let Some((_, module)) = instantiated(scope, &args) else {
        return;
    };
    rv.set(module.get_module_namespace());
}

pub(super) fn get_status(scope: Scope, args: Args, mut rv: Return) {
    let Some((_, module)) = ModuleWrap::and_module(scope, &args) else {
        return;
    };
    rv.set_int32(module.get_status() as i32);
}

pub(super) fn get_error(scope: Scope, args: Args, mut rv: Return) {
    let Some((_, module)) = ModuleWrap::and_module(scope, &args) else {
        return;
    };
    // V8 has an exception only in this state.
    if module.get_status() == v8::ModuleStatus::Errored {
        rv.set(module.get_exception());
    }
}

pub(super) fn has_async_graph(scope: Scope, args: Args, mut rv: Return) {
    let Some((_, module)) = instantiated(scope, &args) else {
        return;
    };
    rv.set_bool(module.is_graph_async());
}

/// `throwIfPromiseRejected(promise)`.
pub(super) fn throw_if_promise_rejected(scope: Scope, args: Args, _rv: Return) {
    if let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0))
        && promise.state() == v8::PromiseState::Rejected
    {
        let error = promise.result(scope);
        scope.throw_exception(error);
    }
}

/// The receiver and its module; throws where V8 has not linked it yet.
fn instantiated<'s>(
    scope: Scope<'_, 's, '_>,
    args: &Args,
) -> Option<(Rc<ModuleWrap>, v8::Local<'s, v8::Module>)> {
    let (this, module) = ModuleWrap::and_module(scope, args)?;
    if (module.get_status() as i32) < v8::ModuleStatus::Instantiated as i32 {
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_MODULE_NOT_INSTANTIATED",
            "Module is not instantiated",
        );
        return None;
    }
    Some((this, module))
}
