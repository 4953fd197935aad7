//! Class templates by the names of their classes.

use std::cell::RefCell;

use indexmap::IndexMap;

use super::Env;

/// The templates of an isolate, in the order of their registration.
pub(super) type Templates = RefCell<IndexMap<String, v8::Global<v8::FunctionTemplate>>>;

impl Env {
    /// The class template registered under `key`.
    pub fn template<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        key: &str,
    ) -> Option<v8::Local<'s, v8::FunctionTemplate>> {
        self.templates
            .borrow()
            .get(key)
            .map(|template| v8::Local::new(scope, template))
    }

    /// Registers a class template; the order of registration is kept for the snapshot.
    pub fn set_template(
        &self,
        scope: &v8::PinScope<'_, '_, ()>,
        key: &str,
        template: v8::Local<'_, v8::FunctionTemplate>,
    ) {
        self.templates
            .borrow_mut()
            .insert(key.to_owned(), v8::Global::new(scope, template));
    }

    /// Keys of the registered templates in order.
    pub fn template_keys(&self) -> Vec<String> {
        self.templates.borrow().keys().cloned().collect()
    }
}
