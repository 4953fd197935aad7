//! `callTool(name, input)`: the host's tools as a global function of guest programs.
//!
//! A tool is an executable of the machine, so calling one is running it, from whatever directory `PATH` names.

use std::cell::RefCell;

use crate::callback;
use crate::env::Env;
use crate::exception::string;

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

/// The function of `host_tools.js`, once it has been compiled: it knows of all calls of the thread.
#[derive(Default)]
struct Helper(RefCell<Option<v8::Global<v8::Function>>>);

fn call_tool(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
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
    let state = Env::of(scope).state::<Helper>();
    if let Some(helper) = state.0.borrow().as_ref() {
        return Some(v8::Local::new(scope, helper));
    }
    let source = string(scope, SOURCE);
    let result = v8::Script::compile(scope, source, None)?.run(scope)?;
    let helper: v8::Local<v8::Function> = result.try_cast().ok()?;
    let kept = v8::Global::new(scope, helper);
    state.0.replace(Some(kept));
    Some(helper)
}
