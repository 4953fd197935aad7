//! What the host attaches to a process that it starts through the API.

use std::sync::Arc;

use crate::env::Env;
use crate::exception::{self, ErrorKind, string};

/// The attachment of a process started by the host; plain `node` processes have none.
pub struct Invocation {
    /// Takes the JSON of each value that the guest hands to `globalThis.__return`.
    pub on_return: Option<Box<dyn Fn(String) + Send + Sync>>,
}

fn attached(env: &Env) -> Option<Arc<Invocation>> {
    env.process().attachment().cloned()?.downcast().ok()
}

/// Defines the globals that the process's invocation asks for.
pub(crate) fn install(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(attachment) = attached(&env) else {
        return;
    };
    if attachment.on_return.is_some() {
        let template = v8::FunctionTemplate::new(scope, return_value);
        let name = string(scope, "__return");
        template.set_class_name(name);
        if let Some(function) = template.get_function(scope) {
            let global = env.context(scope).global(scope);
            global.define_own_property(
                scope,
                name.into(),
                function.into(),
                v8::PropertyAttribute::DONT_ENUM,
            );
        }
    }
}

/// `globalThis.__return(value)`: `undefined` becomes null, what JSON cannot hold throws here.
fn return_value(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let env = Env::of(scope);
    let Some(attachment) = attached(&env) else {
        return;
    };
    let Some(on_return) = &attachment.on_return else {
        return;
    };
    let value = args.get(0);
    if value.is_undefined() {
        on_return("null".to_owned());
        return;
    }
    let Some(json) = v8::json::stringify(scope, value) else {
        // JSON.stringify threw: cycle, BigInt, a getter of the guest's.
        return;
    };
    let json = json.to_rust_string_lossy(scope);
    if json == "undefined" && (value.is_function() || value.is_symbol()) {
        exception::throw(
            scope,
            ErrorKind::TypeError,
            "ERR_INVALID_ARG_TYPE",
            "__return() takes a value that JSON can hold, not a function or symbol",
        );
        return;
    }
    on_return(json);
}
