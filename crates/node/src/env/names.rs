//! Strings and symbols that an isolate makes once.

use std::cell::RefCell;
use std::collections::HashMap;

use super::Env;
use crate::library::tables::tables;

/// Names by what they are in our code.
#[derive(Default)]
pub(super) struct Names {
    strings: RefCell<HashMap<&'static str, v8::Global<v8::String>>>,
    symbols: RefCell<HashMap<&'static str, v8::Global<v8::Symbol>>>,
    privates: RefCell<HashMap<&'static str, v8::Global<v8::Private>>>,
}

impl Names {
    pub(super) fn clear(&self) {
        self.strings.borrow_mut().clear();
        self.symbols.borrow_mut().clear();
        self.privates.borrow_mut().clear();
    }
}

impl Env {
    /// An internalised string, made once.
    pub fn name<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        text: &'static str,
    ) -> v8::Local<'s, v8::String> {
        if let Some(name) = self.names.strings.borrow().get(text) {
            return v8::Local::new(scope, name);
        }
        let name =
            v8::String::new_from_utf8(scope, text.as_bytes(), v8::NewStringType::Internalized)
                .expect("a name in our code is short");
        self.names
            .strings
            .borrow_mut()
            .insert(text, v8::Global::new(scope, name));
        name
    }

    /// A symbol of `internalBinding('symbols')` by its key there, for example `owner_symbol` or `handle_onclose`.
    pub fn symbol<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        key: &'static str,
    ) -> v8::Local<'s, v8::Symbol> {
        if let Some(symbol) = self.names.symbols.borrow().get(key) {
            return v8::Local::new(scope, symbol);
        }
        let description = tables()["symbols"][key].as_str().unwrap_or(key);
        let description = v8::String::new(scope, description).expect("a description is short");
        let symbol = v8::Symbol::for_api(scope, description);
        self.names
            .symbols
            .borrow_mut()
            .insert(key, v8::Global::new(scope, symbol));
        symbol
    }

    /// A private symbol of `internalBinding('util').privateSymbols` by its key there.
    pub fn private<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        key: &'static str,
    ) -> v8::Local<'s, v8::Private> {
        if let Some(private) = self.names.privates.borrow().get(key) {
            return v8::Local::new(scope, private);
        }
        let description = tables()["privateSymbols"][key].as_str().unwrap_or(key);
        let description = v8::String::new(scope, description).expect("a description is short");
        let private = v8::Private::for_api(scope, Some(description));
        self.names
            .privates
            .borrow_mut()
            .insert(key, v8::Global::new(scope, private));
        private
    }
}
