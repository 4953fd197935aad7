//! What is known of a V8 module besides the module itself, and where it is kept.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::callback::{Args, Scope};
use crate::env::Env;
use crate::js::exception;
use crate::js::wrap;

/// Specifier and sorted attributes of an import: what makes two requests of a module the same.
pub(super) type RequestKey = (String, Vec<(String, String)>);

/// What the loader knows about a V8 module.
///
/// Everything of V8's heap hangs on the JavaScript object, where the collector sees it: a module refers to the
/// library's record of it, and that to the object, so that a handle from here would keep all of them for ever.
pub(super) struct ModuleWrap {
    pub(super) url: String,
    /// Wrapped modules in the order of the requests, once linked. The object keeps theirs.
    pub(super) linked: RefCell<Vec<Rc<ModuleWrap>>>,
    pub(super) is_linked: Cell<bool>,
    /// Request to index in `linked`.
    pub(super) requests: RefCell<HashMap<RequestKey, usize>>,
    /// The JavaScript object.
    pub(super) object: RefCell<Option<v8::Weak<v8::Object>>>,
}

/// Internal fields of the JavaScript object.
pub(super) const MODULE_FIELD: usize = 1;
pub(super) const CONTEXT_FIELD: usize = 2;

/// What the JavaScript object keeps besides, under private names.
#[derive(Clone, Copy)]
pub(super) enum Kept {
    /// The evaluation steps of a synthetic module.
    Steps,
    /// The objects of the linked modules.
    Linked,
    /// The text of a source text module: what a code cache of it belongs to.
    Text,
    /// What `import source` gives.
    SourceObject,
}

impl Kept {
    fn key<'s>(self, scope: &v8::PinScope<'s, '_, ()>) -> v8::Local<'s, v8::Private> {
        let name = match self {
            Kept::Steps => "secure-exec:module-steps",
            Kept::Linked => "secure-exec:module-linked",
            Kept::Text => "secure-exec:module-text",
            Kept::SourceObject => "secure-exec:module-source",
        };
        let name = v8::String::new(scope, name).expect("the name is short");
        v8::Private::for_api(scope, Some(name))
    }
}

/// Finds the wrap of a module that V8 hands to a callback.
#[derive(Default)]
pub(super) struct Registry {
    by_hash: RefCell<HashMap<i32, Vec<Weak<ModuleWrap>>>>,
    /// How many modules were there when those that are gone were last taken out.
    swept: Cell<usize>,
}

impl Registry {
    pub(super) fn add(&self, hash: i32, wrap: &Rc<ModuleWrap>) {
        let mut by_hash = self.by_hash.borrow_mut();
        by_hash.entry(hash).or_default().push(Rc::downgrade(wrap));
        if by_hash.len() > 2 * self.swept.get() + SWEEP {
            by_hash.retain(|_, wraps| {
                wraps.retain(|wrap| wrap.strong_count() > 0);
                !wraps.is_empty()
            });
            self.swept.set(by_hash.len());
        }
    }
}

/// How many modules come before those that are gone are looked for.
const SWEEP: usize = 64;

impl ModuleWrap {
    pub(super) fn module<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Module>> {
        self.field(scope, MODULE_FIELD)?.try_cast().ok()
    }

    /// The context that the module is evaluated in.
    pub(super) fn context<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Context>> {
        self.field(scope, CONTEXT_FIELD)?.try_cast().ok()
    }

    fn field<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        index: usize,
    ) -> Option<v8::Local<'s, v8::Data>> {
        self.object(scope)?.get_internal_field(scope, index)
    }

    /// None once the object has been collected.
    pub(super) fn object<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        self.object.borrow().as_ref()?.to_local(scope)
    }

    pub(super) fn keep(
        &self,
        scope: &v8::PinScope<'_, '_>,
        kept: Kept,
        value: v8::Local<'_, v8::Value>,
    ) {
        if let Some(object) = self.object(scope) {
            let key = kept.key(scope);
            object.set_private(scope, key, value);
        }
    }

    pub(super) fn kept<'s, T>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        kept: Kept,
    ) -> Option<v8::Local<'s, T>>
    where
        v8::Local<'s, v8::Value>: TryInto<v8::Local<'s, T>>,
    {
        let key = kept.key(scope);
        self.object(scope)?.get_private(scope, key)?.try_into().ok()
    }

    pub(super) fn of_module(
        env: &Env,
        scope: &v8::PinScope<'_, '_>,
        module: v8::Local<'_, v8::Module>,
    ) -> Option<Rc<Self>> {
        let registry = env.state::<Registry>();
        let by_hash = registry.by_hash.borrow();
        let candidates = by_hash.get(&module.get_identity_hash().get())?;
        candidates
            .iter()
            .filter_map(Weak::upgrade)
            .find(|wrap| wrap.module(scope).is_some_and(|known| known == module))
    }

    pub(super) fn of_this(scope: Scope, args: &Args) -> Option<Rc<Self>> {
        let module = wrap::unwrap::<ModuleWrap>(scope, args.this().into());
        if module.is_none() {
            exception::throw_invalid_this(scope, "Value of \"this\" is no ModuleWrap");
        }
        module
    }

    /// The receiver of a method with its module.
    pub(super) fn and_module<'s>(
        scope: Scope<'_, 's, '_>,
        args: &Args,
    ) -> Option<(Rc<Self>, v8::Local<'s, v8::Module>)> {
        let this = ModuleWrap::of_this(scope, args)?;
        let module = this.module(scope)?;
        Some((this, module))
    }
}

impl Drop for ModuleWrap {
    fn drop(&mut self) {
        // Long chains of modules end one after the other, not one inside the other.
        let mut rest = std::mem::take(self.linked.get_mut());
        while let Some(wrap) = rest.pop() {
            if let Some(mut last) = Rc::into_inner(wrap) {
                rest.append(last.linked.get_mut());
            }
        }
    }
}
