//! `internalBinding('worker')`, as the main thread of a process sees it: flags and constants come from the tables. The
//! class `Worker` is the stand-in that refuses. Follows Node's `src/node_worker.cc`.

use super::Definition;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("getEnvMessagePort", get_env_message_port);
}

/// `undefined`: only a worker has a port to its parent.
fn get_env_message_port(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
}
