//! Compiled code of library functions, so that guests do not compile what nearly every program runs.
//!
//! V8 compiles a function when it is first called. The build runs a typical program without a snapshot and keeps, for
//! each module of the library, V8's code cache: the bytecode of exactly the functions that ran. Modules of the startup
//! snapshot are then compiled from it, so the snapshot has their bytecode.
//!
//! Such a cache fits only the read-only heap and the flags that it was made with. The modules that are not in the
//! snapshot therefore get theirs by a second run, of a new process that has the snapshot; they are stored behind it and
//! used when a guest loads one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use parking_lot::{Mutex, RwLock};

use crate::env::Env;

/// Code caches by module id.
#[derive(Default, Debug)]
pub struct CodeCache {
    entries: RwLock<BTreeMap<String, &'static [u8]>>,
    rejected: Mutex<BTreeSet<String>>,
}

static CURRENT: OnceLock<CodeCache> = OnceLock::new();

/// What the process compiles library modules from.
pub fn current() -> &'static CodeCache {
    CURRENT.get_or_init(CodeCache::default)
}

impl CodeCache {
    /// The cache of module `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&'static [u8]> {
        self.entries.read().get(id).copied()
    }

    /// Adds the cache of a module; the first one counts.
    pub fn insert(&self, id: &str, data: &'static [u8]) {
        self.entries.write().entry(id.to_owned()).or_insert(data);
    }

    /// V8 refused the cache of a module and compiled its text instead.
    pub(crate) fn reject(&self, id: &str) {
        self.rejected.lock().insert(id.to_owned());
    }

    /// Modules whose cache V8 has refused, in order. There are none unless the caches are of another build.
    #[must_use]
    pub fn rejected(&self) -> Vec<String> {
        self.rejected.lock().iter().cloned().collect()
    }

    /// All entries, by id.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, &'static [u8])> {
        let entries = self.entries.read();
        entries
            .iter()
            .map(|(id, data)| (id.clone(), *data))
            .collect()
    }
}

/// Functions of the library modules that an isolate has compiled. Kept only while a profile is made.
#[derive(Default)]
struct Compiled {
    functions: RefCell<Vec<(String, v8::Global<v8::Function>)>>,
}

/// Remembers a compiled module for [`collect`].
pub(crate) fn note(
    scope: &v8::PinScope<'_, '_>,
    env: &Env,
    id: &str,
    function: v8::Local<'_, v8::Function>,
) {
    if env.profiling.get() {
        let compiled = env.state::<Compiled>();
        let function = v8::Global::new(scope, function);
        compiled
            .functions
            .borrow_mut()
            .push((id.to_owned(), function));
    }
}

/// Adds the code of everything that this isolate has run to [`current`]. The build's process lives as long as its caches.
pub(crate) fn collect(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    let compiled = env.state::<Compiled>();
    for (id, function) in compiled.functions.take() {
        let function = v8::Local::new(scope, function);
        if let Some(cache) = function.create_code_cache() {
            current().insert(&id, Box::leak(cache.to_vec().into_boxed_slice()));
        }
    }
}
