//! `callTool(name, input)`: the host's tools as a global function of guest programs.
//!
//! A tool is an executable of the machine, so calling one is running it, from whatever directory `PATH` names.

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

fn call_tool(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let source = string(scope, SOURCE);
    let compiled = v8::Script::compile(scope, source, None);
    let helper = compiled.and_then(|script| script.run(scope));
    let Some(Ok(helper)) = helper.map(v8::Local::<v8::Function>::try_from) else {
        // It threw, or the guest is being ended.
        return;
    };
    let this = v8::undefined(scope).into();
    if let Some(promise) = helper.call(scope, this, &[args.get(0), args.get(1)]) {
        rv.set(promise);
    }
}
