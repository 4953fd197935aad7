//! An isolate without Node's library, in which tests reach the bindings.

use super::{declare_classes, get_internal_binding};
use crate::env::{Env, Slot};

/// Runs `test` in a new isolate whose global object has `internalBinding`.
pub fn with_bindings<T>(test: impl FnOnce(&mut v8::PinScope<'_, '_>, &Env) -> T) -> T {
    crate::threads::watchdog::initialize_v8_for_tests();
    let mut isolate = v8::Isolate::new(v8::CreateParams::default());
    let env = Env::new(std::sync::Arc::default());
    isolate.set_slot(env.clone());
    declare_classes(&env);
    let result = {
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        env.set_context(v8::Global::new(scope, context));
        let bindings = v8::Object::new(scope);
        env.set_slot(scope, Slot::Bindings, bindings.into());
        let loader =
            v8::Function::new(scope, crate::callback::function(get_internal_binding)).unwrap();
        let global = context.global(scope);
        crate::js::convert::set(scope, global, "internalBinding", loader.into());
        test(scope, &env)
    };
    env.clear();
    result
}
