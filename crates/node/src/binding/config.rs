//! `internalBinding('config')`: its constants are the pinned binary's.

use super::Definition;
use crate::exception::string;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("getDefaultLocale", get_default_locale);
}

fn get_default_locale(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set(string(scope, "en-US").into());
}
