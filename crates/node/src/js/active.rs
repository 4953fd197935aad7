//! Which handles and requests keep the event loop busy: `process._getActiveHandles()` and its siblings.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexMap;
use secure_exec_kernel::Process;

use crate::env::Env;

/// What a registered object is to libuv.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Open until it is closed: a pipe, a timer, a signal watcher.
    Handle,
    /// Alive until it completes: a write, a file operation.
    Request,
}

/// An open handle, as the registry knows it.
pub trait OpenHandle {
    /// Whether it keeps the loop alive right now.
    fn is_active(&self) -> bool;

    /// The isolate ends while the handle is open. It lets go of everything that may refer back to it.
    fn abandon(&self);

    /// The thread ends, and its process goes on: the descriptor of the handle is closed.
    fn close_descriptor(&self, process: &Process);
}

struct Entry {
    kind: Kind,
    object: v8::Global<v8::Object>,
    /// The class as `process.getActiveResourcesInfo()` names it; empty for the constructor's name.
    name: &'static str,
    /// Absent for a request.
    handle: Option<Rc<dyn OpenHandle>>,
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
                handle: None,
            },
        );
    }

    /// Registers an open handle under `key`.
    pub fn add_handle(
        &self,
        key: usize,
        object: v8::Global<v8::Object>,
        name: &'static str,
        handle: Rc<dyn OpenHandle>,
    ) {
        let entry = Entry {
            kind: Kind::Handle,
            object,
            name,
            handle: Some(handle),
        };
        self.entries.borrow_mut().insert(key, entry);
    }

    /// Takes `key` out again.
    pub fn remove(&self, key: usize) {
        // Dropped after the borrow ends.
        let _entry = self.entries.borrow_mut().shift_remove(&key);
    }

    /// Closes the descriptors of the open handles: a thread ends that is not the last of its process.
    pub fn close_descriptors(&self, process: &Process) {
        let entries = self.entries.borrow();
        let handles = entries.values().filter_map(|entry| entry.handle.as_ref());
        handles.for_each(|handle| handle.close_descriptor(process));
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
                let handle = entry.handle.as_ref();
                entry.kind == kind && handle.is_none_or(|handle| handle.is_active())
            })
            .map(|entry| (v8::Local::new(scope, &entry.object), entry.name))
            .collect()
    }
}

impl Drop for ActiveResources {
    /// A program ends with handles open: at least those of its standard streams.
    fn drop(&mut self) {
        let entries = self.entries.take();
        let handles = entries.values().filter_map(|entry| entry.handle.as_ref());
        handles.for_each(|handle| handle.abandon());
    }
}
