//! The functions of library modules that an isolate has compiled, for the code caches of the build.

use std::cell::{Cell, RefCell};

use super::Env;
use crate::library::code_cache::current;

/// Functions of the library modules that an isolate has compiled. Kept only while a profile is made.
#[derive(Default)]
struct Compiled {
    /// A profile is made.
    remembers: Cell<bool>,
    functions: RefCell<Vec<(String, v8::Global<v8::Function>)>>,
}

/// Whether the functions are kept from now on.
pub(crate) fn remember(env: &Env, all: bool) {
    env.isolate_state::<Compiled>().remembers.set(all);
}

/// Remembers a compiled module for [`collect`].
pub(crate) fn note(
    scope: &v8::PinScope<'_, '_>,
    env: &Env,
    id: &str,
    function: v8::Local<'_, v8::Function>,
) {
    let compiled = env.isolate_state::<Compiled>();
    if compiled.remembers.get() {
        let function = v8::Global::new(scope, function);
        compiled
            .functions
            .borrow_mut()
            .push((id.to_owned(), function));
    }
}

/// Adds the code of everything that this isolate has run to the code caches. The build's process lives as long as its caches.
pub(crate) fn collect(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    let compiled = env.isolate_state::<Compiled>();
    for (id, function) in compiled.functions.take() {
        let function = v8::Local::new(scope, function);
        if let Some(cache) = function.create_code_cache() {
            current().insert(&id, Box::leak(cache.to_vec().into_boxed_slice()));
        }
    }
}
