//! Which handles and requests keep the event loop busy: `process._getActiveHandles()` and its siblings.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexMap;

use crate::env::Env;

/// What a registered object is to libuv.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Open until it is closed: a pipe, a timer, a signal watcher.
    Handle,
    /// Alive until it completes: a write, a file operation.
    Request,
}

type IsActive = Box<dyn Fn() -> bool>;

struct Entry {
    kind: Kind,
    object: v8::Global<v8::Object>,
    /// The class as `process.getActiveResourcesInfo()` names it; empty for the constructor's name.
    name: &'static str,
    is_active: Option<IsActive>,
}

/// The registered objects of one isolate, in order of creation.
#[derive(Default)]
pub struct ActiveResources {
    entries: RefCell<IndexMap<usize, Entry>>,
}

/// The registry of the isolate.
pub fn resources(env: &Env) -> Rc<ActiveResources> {
    env.state::<ActiveResources>()
}

impl ActiveResources {
    /// Registers a request under `key`, unique while it is registered.
    pub fn add_request(&self, key: usize, object: v8::Global<v8::Object>) {
        self.entries.borrow_mut().insert(
            key,
            Entry {
                kind: Kind::Request,
                object,
                name: "",
                is_active: None,
            },
        );
    }

    /// Registers an open handle under `key`; `is_active` says whether it keeps the loop alive right now.
    pub fn add_handle(
        &self,
        key: usize,
        object: v8::Global<v8::Object>,
        name: &'static str,
        is_active: impl Fn() -> bool + 'static,
    ) {
        let entry = Entry {
            kind: Kind::Handle,
            object,
            name,
            is_active: Some(Box::new(is_active)),
        };
        self.entries.borrow_mut().insert(key, entry);
    }

    /// Takes `key` out again.
    pub fn remove(&self, key: usize) {
        // Dropped after the borrow ends.
        let _entry = self.entries.borrow_mut().shift_remove(&key);
    }

    /// The active objects of `kind`, with the names of their classes.
    pub fn list<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        kind: Kind,
    ) -> Vec<(v8::Local<'s, v8::Object>, &'static str)> {
        self.entries
            .borrow()
            .values()
            .filter(|entry| {
                entry.kind == kind && entry.is_active.as_ref().is_none_or(|is_active| is_active())
            })
            .map(|entry| (v8::Local::new(scope, &entry.object), entry.name))
            .collect()
    }
}
