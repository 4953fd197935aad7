//! `internalBinding('cjs_lexer')`: which names a CommonJS module exports, found without running it.
//!
//! The forms that count are those documented for cjs-module-lexer 2: assignments to `exports.name` and
//! `module.exports`, `Object.defineProperty` with a value or a plain getter, and the reexports that TypeScript, Babel
//! and esbuild write. The source is cut into tokens first, then the forms are looked for at each identifier.

mod detect;
mod literal;
mod token;

use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::exception;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("parse", parse);
}

/// `parse(source)`: `[Set of names, array of reexported specifiers]`. A source that cannot be understood, or that is
/// an ES module, has neither.
fn parse(scope: Scope, args: Args, mut rv: Return) {
    if !args.get(0).is_string() {
        exception::throw_invalid_argument(scope, "The \"source\" argument must be of type string");
        return;
    }
    let source = crate::js::convert::text(scope, args.get(0));
    let found = detect::detect(&source).unwrap_or_default();
    let names = v8::Set::new(scope);
    for name in found.exports {
        let name = exception::string(scope, &name).into();
        names.add(scope, name);
    }
    let reexports: Vec<v8::Local<v8::Value>> = found
        .reexports
        .iter()
        .map(|specifier| exception::string(scope, specifier).into())
        .collect();
    let reexports = v8::Array::new_with_elements(scope, &reexports).into();
    rv.set(v8::Array::new_with_elements(scope, &[names.into(), reexports]).into());
}
