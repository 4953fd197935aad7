//! `internalBinding('config')`: its constants are the pinned binary's, except for what a guest lacks.

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::string;
use crate::process::default_locale;

/// What the pinned binary was built with and a guest does not have. The library asks here before it relies on it.
const ABSENT: [&str; 1] = ["hasNodeOptions"];

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getDefaultLocale", get_default_locale)
        .init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    for name in ABSENT {
        let absent = v8::Boolean::new(scope, false);
        convert::set(scope, binding, name, absent.into());
    }
}

fn get_default_locale(scope: Scope, _args: Args, mut rv: Return) {
    let tag = default_locale::tag(&Env::of(scope));
    rv.set(string(scope, &tag).into());
}
