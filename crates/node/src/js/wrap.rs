//! Native state behind JavaScript objects (Node's `BaseObject`).
//!
//! A class template with internal fields gives each instance a field that holds an `External` to a [`WrapBox`]. The
//! box owns the native value and is dropped when the object is collected or the environment is cleared. Values are
//! handed out as `Rc`, so that JavaScript running in the middle of a native method cannot free what it uses.
//!
//! All boxes must be gone before the isolate is: a [`v8::Weak`] that is dropped while its isolate is being disposed of
//! leaves its callback behind, with memory that is free, for the collection that V8 makes at the end if it was in the
//! middle of one.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::rc::Rc;

use crate::callback::contain_bare;
use crate::env::Env;

/// Internal fields of every wrapped class: the native state, and two for V8 values that are no JavaScript values (a
/// script; a module and its context).
pub const INTERNAL_FIELDS: usize = 3;

/// The async identity of a resource (Node's `AsyncWrap`).
pub struct AsyncState {
    /// Unique id of the resource.
    pub async_id: Cell<f64>,
    /// Id of the resource that caused this one.
    pub trigger_async_id: Cell<f64>,
    /// Provider name, for example `FSREQCALLBACK`.
    pub provider: Cell<&'static str>,
    /// The `AsyncContextFrame` current when the resource was made.
    pub context_frame: RefCell<Option<v8::Global<v8::Value>>>,
}

struct WrapBox {
    value: Rc<dyn Any>,
    async_state: Option<Rc<AsyncState>>,
    strong: RefCell<Option<v8::Global<v8::Object>>>,
    weak: RefCell<Option<v8::Weak<v8::Object>>>,
    facets: RefCell<Vec<Rc<dyn Any>>>,
}

/// Owns a box that V8 has the address of.
struct Owned(NonNull<WrapBox>);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the pointer came out of `Box::into_raw` and has this one owner.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The boxes of an isolate, by address.
#[derive(Default)]
struct Boxes(RefCell<HashMap<usize, Owned>>);

impl WrapBox {
    /// Names the object while it lives.
    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// The key under which a wrapped object is listed as active; `None` for any other object.
pub fn key(scope: &v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> Option<usize> {
    wrap_box(scope, object).map(WrapBox::key)
}

/// Attaches `value` to `object`, an instance of a class with internal fields.
pub fn wrap<T: 'static>(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    value: T,
) -> Rc<T> {
    wrap_with(scope, object, value, None)
}

/// As [`wrap`], for a class that has an async identity; see `async_wrap::wrap_async`.
pub(crate) fn wrap_with<T: 'static>(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    value: T,
    async_state: Option<Rc<AsyncState>>,
) -> Rc<T> {
    let value = Rc::new(value);
    let wrap_box = Box::new(WrapBox {
        value: value.clone(),
        async_state,
        strong: RefCell::default(),
        weak: RefCell::default(),
        facets: RefCell::default(),
    });
    let raw = NonNull::from(Box::leak(wrap_box));
    let address = raw.addr().get();
    let boxes = Env::of(scope).state::<Boxes>();
    boxes.0.borrow_mut().insert(address, Owned(raw));
    // Runs when the object is unreachable, so nobody can unwrap it again.
    let boxes = Rc::downgrade(&boxes);
    let finalizer = Box::new(move || {
        contain_bare(|| {
            let gone = boxes
                .upgrade()
                .and_then(|boxes| boxes.0.borrow_mut().remove(&address));
            drop(gone);
        });
    });
    let weak = v8::Weak::with_guaranteed_finalizer(scope, object, finalizer);
    // SAFETY: the box is live until its finalizer runs, which needs the object to be unreachable.
    *unsafe { raw.as_ref() }.weak.borrow_mut() = Some(weak);
    let external = v8::External::new(scope, raw.as_ptr().cast::<c_void>());
    let stored = object.set_internal_field(0, external.into());
    debug_assert!(stored, "a wrapped class has internal fields");
    value
}

fn wrap_box<'a>(
    scope: &v8::PinScope<'_, '_>,
    object: v8::Local<'a, v8::Object>,
) -> Option<&'a WrapBox> {
    let field = object.get_internal_field(scope, 0)?;
    let value: v8::Local<v8::Value> = field.try_cast().ok()?;
    let external: v8::Local<v8::External> = value.try_cast().ok()?;
    let raw = external.value().cast::<WrapBox>();
    // SAFETY: only `wrap_with` stores an External in field 0 of an object, and guest code can neither make an External
    // nor write internal fields; the box lives as long as the object, which the Local keeps alive.
    unsafe { raw.as_ref() }
}

/// The native value of type `T` behind `value`; `None` if it is no object of that class.
pub fn unwrap<T: 'static>(
    scope: &v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<Rc<T>> {
    let object: v8::Local<v8::Object> = value.try_cast().ok()?;
    wrap_box(scope, object)?.value.clone().downcast().ok()
}

/// Adds a facet to a wrapped object: what it is besides its own class, such as a handle or a stream.
pub fn attach<T: 'static>(
    scope: &v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    facet: Rc<T>,
) {
    if let Some(wrap_box) = wrap_box(scope, object) {
        wrap_box.facets.borrow_mut().push(facet);
    }
}

/// The facet of type `T` of `value`, if it is a wrapped object that has one.
pub fn attached<T: 'static>(
    scope: &v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<Rc<T>> {
    let object: v8::Local<v8::Object> = value.try_cast().ok()?;
    let facets = wrap_box(scope, object)?.facets.borrow();
    facets
        .iter()
        .find_map(|facet| facet.clone().downcast().ok())
}

/// The async identity of a wrapped object.
pub fn async_state(
    scope: &v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Rc<AsyncState>> {
    wrap_box(scope, object)?.async_state.clone()
}

/// Keeps a wrapped object alive until [`make_weak`]: requests in flight. Handles register themselves (`handle_wrap`).
pub fn make_strong(scope: &v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) {
    if let Some(wrap_box) = wrap_box(scope, object) {
        let strong = v8::Global::new(scope, object);
        if wrap_box.async_state.is_some() {
            let env = Env::of(scope);
            crate::js::active::resources(&env).add_request(wrap_box.key(), strong.clone());
        }
        *wrap_box.strong.borrow_mut() = Some(strong);
    }
}

/// Leaves a wrapped object to the garbage collector again.
pub fn make_weak(scope: &v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) {
    if let Some(wrap_box) = wrap_box(scope, object) {
        // Dropped after the borrow ends.
        let _strong = wrap_box.strong.borrow_mut().take();
        let env = Env::of(scope);
        crate::js::active::resources(&env).remove(wrap_box.key());
    }
}
