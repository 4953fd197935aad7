//! Compiled code of library functions, so that guests do not compile what nearly every program runs.
//!
//! V8 compiles a function when it is first called. The build runs a typical program without a snapshot and keeps, for
//! each module of the library, V8's code cache: the bytecode of exactly the functions that ran. Modules of the startup
//! snapshot are then compiled from it, so the snapshot has their bytecode.
//!
//! Such a cache fits only the read-only heap and the flags that it was made with. The modules that are not in the
//! snapshot therefore get theirs by a second run, of a new process that has the snapshot; they are stored behind it and
//! used when a guest loads one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use parking_lot::{Mutex, RwLock};

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
