//! The namespace that `require(esm)` returns for a module with a default export.

use super::ModuleWrap;
use crate::callback::{Args, Return, Scope, contain};
use crate::js::exception::{self, string};
use crate::js::wrap;

const FACADE_SOURCE: &str =
    "export * from 'original'; export { default } from 'original'; export const __esModule = true;";

thread_local! {
    /// The module that the facade being linked re-exports; linking is synchronous and does not nest.
    static ORIGINAL: std::cell::RefCell<Option<v8::Global<v8::Module>>> = const { std::cell::RefCell::new(None) };
}

fn resolve_original<'s>(
    context: v8::Local<'s, v8::Context>,
    _specifier: v8::Local<'s, v8::String>,
    _attributes: v8::Local<'s, v8::FixedArray>,
    _referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    contain(scope, |scope| {
        ORIGINAL.with_borrow(|original| {
            let original = original.as_ref()?;
            Some(v8::Local::new(scope, original))
        })
    })
    .flatten()
}

/// `createRequiredModuleFacade(wrap)`: the original's namespace with `__esModule`.
pub(super) fn create_required_module_facade(scope: Scope, args: Args, mut rv: Return) {
    let Some(original) = wrap::unwrap::<ModuleWrap>(scope, args.get(0)) else {
        exception::throw_invalid_argument(scope, "createRequiredModuleFacade needs a ModuleWrap");
        return;
    };
    let text = string(scope, FACADE_SOURCE);
    let name = string(scope, "node:internal/require_module_default_facade");
    let origin = v8::ScriptOrigin::new(
        scope,
        name.into(),
        0,
        0,
        true,
        -1,
        None,
        false,
        false,
        true,
        None,
    );
    let mut source = v8::script_compiler::Source::new(text, Some(&origin));
    let Some(facade) = v8::script_compiler::compile_module(scope, &mut source) else {
        return;
    };
    let Some(original) = original.module(scope) else {
        return;
    };
    ORIGINAL.set(Some(v8::Global::new(scope, original)));
    let linked = facade.instantiate_module(scope, resolve_original);
    ORIGINAL.set(None);
    if linked.is_none() || facade.evaluate(scope).is_none() {
        return;
    }
    rv.set(facade.get_module_namespace());
}
