//! What stays open until it is closed: pipes, terminals, timers, signal watchers. Follows Node's `src/handle_wrap.cc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use secure_exec_kernel::Process;

use super::active::{self, OpenHandle};
use super::{async_wrap, callback_scope, wrap};
use crate::env::Env;

/// What a kind of handle does when it is closed.
pub trait HandleResource {
    /// Ends all activity at once.
    fn close(&self, scope: &mut v8::PinScope<'_, '_>);

    /// Runs in the closing phase, before the close callback.
    fn closed(&self, _scope: &mut v8::PinScope<'_, '_>) {}

    /// The isolate ends while the handle is open: nobody hears of what is still going on.
    fn abandoned(&self) {}

    /// As [`OpenHandle::close_descriptor`], for what has one.
    fn close_descriptor(&self, _process: &Process) {}
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closing,
    Closed,
}

/// The handle side of a JavaScript object. It keeps the object alive until it is closed, and the event loop alive
/// while it is both active and referenced.
pub struct Handle {
    key: usize,
    state: Cell<State>,
    referenced: Cell<bool>,
    active: Cell<bool>,
    counted: Cell<bool>,
    resource: RefCell<Option<Rc<dyn HandleResource>>>,
}

impl Handle {
    /// Makes the wrapped `object` an open, inactive, referenced handle; `name` is what
    /// `process.getActiveResourcesInfo()` says of it.
    pub fn attach(
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        name: &'static str,
    ) -> Rc<Handle> {
        let handle = Rc::new(Handle {
            key: wrap::key(scope, object).unwrap_or_default(),
            state: Cell::new(State::Open),
            referenced: Cell::new(true),
            active: Cell::new(false),
            counted: Cell::new(false),
            resource: RefCell::default(),
        });
        wrap::attach(scope, object, handle.clone());
        let env = Env::of(scope);
        let object = v8::Global::new(scope, object);
        active::resources(&env).add_handle(handle.key, object, name, handle.clone());
        handle
    }

    /// Sets what closing does.
    pub fn set_resource(&self, resource: Rc<dyn HandleResource>) {
        *self.resource.borrow_mut() = Some(resource);
    }

    /// Makes `object`, just constructed, a handle whose native side is `value`: what closes it, and what `wrap::unwrap` finds.
    /// `provider` is its kind for async hooks, `name` as for [`Handle::attach`].
    pub fn construct<T: HandleResource + 'static>(
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        (provider, name): (&'static str, &'static str),
        value: T,
    ) -> (Rc<T>, Rc<Handle>) {
        let value = async_wrap::wrap_async(scope, object, provider, value);
        let handle = Handle::attach(scope, object, name);
        handle.set_resource(value.clone());
        (value, handle)
    }

    /// The handle of a JavaScript object, if it is one.
    pub fn of(scope: &v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<Rc<Handle>> {
        wrap::attached::<Handle>(scope, value)
    }

    /// Whether it is neither closed nor being closed.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.state.get() == State::Open
    }

    /// Whether its close is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.get() == State::Closed
    }

    /// Whether it is open and referenced.
    #[must_use]
    pub fn has_ref(&self) -> bool {
        self.is_alive() && self.referenced.get()
    }

    /// Whether it waits for something.
    pub fn set_active(&self, env: &Env, active: bool) {
        self.active.set(active);
        self.recount(env);
    }

    /// Whether it keeps the loop alive while it is active.
    pub fn set_referenced(&self, env: &Env, referenced: bool) {
        self.referenced.set(referenced);
        self.recount(env);
    }

    fn recount(&self, env: &Env) {
        let counts = self.active.get() && self.referenced.get() && self.is_alive();
        if self.counted.replace(counts) == counts {
            return;
        }
        if counts {
            env.event_loop.add_reference();
        } else {
            env.event_loop.remove_reference();
        }
    }

    /// Closes it (`uv_close`); the callback stored under `handle_onclose` runs in the closing phase.
    pub fn close(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
    ) {
        if !self.is_alive() {
            return;
        }
        let env = Env::of(scope);
        let resource = self.resource.borrow().clone();
        if let Some(resource) = &resource {
            resource.close(scope);
        }
        self.active.set(false);
        self.recount(&env);
        self.state.set(State::Closing);
        let handle = self.clone();
        let object = v8::Global::new(scope, object);
        env.event_loop.defer_close(Box::new(move |scope| {
            let env = Env::of(scope);
            if let Some(resource) = &resource {
                resource.closed(scope);
            }
            handle.state.set(State::Closed);
            active::resources(&env).remove(handle.key);
            let _resource = handle.resource.take();
            let object = v8::Local::new(scope, &object);
            let key = env.symbol(scope, "handle_onclose_symbol");
            callback_scope::make_method_callback(scope, object, key.into(), &[]);
        }));
    }
}

impl OpenHandle for Handle {
    fn close_descriptor(&self, process: &Process) {
        if let Some(resource) = &*self.resource.borrow() {
            resource.close_descriptor(process);
        }
    }

    fn is_active(&self) -> bool {
        self.has_ref()
    }

    fn abandon(&self) {
        // It refers to the handle, by way of a stream for example.
        if let Some(resource) = self.resource.take() {
            resource.abandoned();
        }
    }
}
