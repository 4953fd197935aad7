//! `callTool(name, input)`: the host's tools as a global function of guest programs.
//!
//! A call is a request to the host that the event loop waits for; no process is started. As commands the same tools are
//! executables of the machine, which the embedder of this crate makes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use crate::callback::{self, Args, Return, Scope};
use crate::embedder::host::{Host, Refusal};
use crate::env::Env;
use crate::js::callback_scope::{AsyncContext, call_in_scope};
use crate::js::convert;
use crate::js::exception::string;

/// The function and its other names.
const NAMES: [&str; 3] = ["callTool", "callHostTool", "callBinding"];

const SOURCE: &str = include_str!("host_tools.js");

/// Defines the globals; the function is compiled when one is first called.
pub(crate) fn install(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let template = v8::FunctionTemplate::new(scope, callback::function(call_tool));
    let class = string(scope, "callTool");
    template.set_class_name(class);
    let Some(function) = template.get_function(scope) else {
        return;
    };
    let global = env.context(scope).global(scope);
    for name in NAMES {
        let name = string(scope, name);
        global.define_own_property(
            scope,
            name.into(),
            function.into(),
            v8::PropertyAttribute::DONT_ENUM,
        );
    }
}

/// The calls of a thread.
#[derive(Default)]
struct Calls {
    /// The function of `host_tools.js`, once it has been compiled.
    helper: RefCell<Option<v8::Global<v8::Function>>>,
    waiting: RefCell<HashMap<u64, Waiting>>,
    made: Cell<u64>,
}

struct Waiting {
    host: Arc<dyn Host>,
    request: u64,
    /// `(failure, result)`.
    callback: v8::Global<v8::Function>,
}

impl Drop for Calls {
    /// The thread has ended: the host need not go on.
    fn drop(&mut self) {
        for waiting in self.waiting.get_mut().values() {
            waiting.host.abandon(waiting.request);
        }
    }
}

fn call_tool(scope: Scope, args: Args, mut rv: Return) {
    let Some(helper) = helper(scope) else {
        // It threw, or the guest is being ended.
        return;
    };
    let this = v8::undefined(scope).into();
    if let Some(promise) = helper.call(scope, this, &[args.get(0), args.get(1)]) {
        rv.set(promise);
    }
}

fn helper<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Function>> {
    let calls = Env::of(scope).state::<Calls>();
    if let Some(helper) = calls.helper.borrow().as_ref() {
        return Some(v8::Local::new(scope, helper));
    }
    let source = string(scope, SOURCE);
    let make = v8::Script::compile(scope, source, None)?.run(scope)?;
    let make: v8::Local<v8::Function> = make.try_cast().ok()?;
    let ask = v8::Function::new(scope, callback::function(ask))?;
    let this = v8::undefined(scope).into();
    let helper = make.call(scope, this, &[ask.into()])?;
    let helper: v8::Local<v8::Function> = helper.try_cast().ok()?;
    let kept = v8::Global::new(scope, helper);
    calls.helper.replace(Some(kept));
    Some(helper)
}

/// `ask(name, json, callback)`: makes the request. What is returned is why it was not let out.
fn ask(scope: Scope, args: Args, mut rv: Return) {
    let Ok(callback) = v8::Local::<v8::Function>::try_from(args.get(2)) else {
        return;
    };
    let name = args.get(0).to_rust_string_lossy(scope);
    let input = args.get(1).to_rust_string_lossy(scope);
    let env = Env::of(scope);
    let host = env
        .program()
        .and_then(|program| program.options.host.clone());
    let Some(host) = host else {
        let refusal = told(scope, no_tools());
        return rv.set(refusal);
    };
    let calls = env.state::<Calls>();
    let key = calls.made.get();
    calls.made.set(key + 1);
    let handle = env.event_loop.handle();
    let settle = Box::new(move |outcome| handle.post(move |scope| finish(scope, key, outcome)));
    match host.call_tool(&env.process(), &name, input, settle) {
        Ok(request) => {
            env.event_loop.add_reference();
            let callback = v8::Global::new(scope, callback);
            let waiting = Waiting {
                host,
                request,
                callback,
            };
            calls.waiting.borrow_mut().insert(key, waiting);
        }
        Err(refusal) => {
            let refusal = told(scope, refusal);
            rv.set(refusal);
        }
    }
}

fn no_tools() -> Refusal {
    Refusal {
        message: "no such tool".into(),
        ..Refusal::default()
    }
}

fn finish(scope: &mut v8::PinScope<'_, '_>, key: u64, outcome: Result<String, Refusal>) {
    let env = Env::of(scope);
    let waiting = env.state::<Calls>().waiting.borrow_mut().remove(&key);
    let Some(waiting) = waiting else {
        return;
    };
    env.event_loop.remove_reference();
    let callback = v8::Local::new(scope, &waiting.callback);
    let resource = v8::Object::new(scope);
    call_in_scope(scope, resource, &AsyncContext::none(), |scope| {
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        let arguments = match outcome {
            Ok(result) => [undefined, v8::String::new(scope, &result)?.into()],
            Err(refusal) => [told(scope, refusal), undefined],
        };
        callback.call(scope, undefined, &arguments)
    });
}

/// A refusal as `host_tools.js` reads it.
fn told<'s>(scope: &mut v8::PinScope<'s, '_>, refusal: Refusal) -> v8::Local<'s, v8::Value> {
    let object = v8::Object::new(scope);
    let Refusal {
        message,
        code,
        data,
    } = refusal;
    let parts = [("message", Some(message)), ("code", code), ("data", data)];
    for (name, text) in parts {
        let Some(text) = text.and_then(|text| v8::String::new(scope, &text)) else {
            continue;
        };
        convert::set(scope, object, name, text.into());
    }
    object.into()
}
