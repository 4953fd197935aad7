//! What modules keep for an isolate.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::Env;

/// One value of each type.
#[derive(Default)]
pub(super) struct States(RefCell<HashMap<TypeId, Rc<dyn Any>>>);

impl States {
    fn of<T: Default + 'static>(&self) -> Rc<T> {
        let mut states = self.0.borrow_mut();
        let state = states
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Rc::new(T::default()))
            .clone();
        state.downcast().expect("the key is the type")
    }

    /// Drops all of them. What is dropped may ask for a state itself.
    pub(super) fn clear(&self) {
        let states = self.0.take();
        drop(states);
    }
}

impl Env {
    /// A module's own state, one value of each type per isolate, made by `Default` at the first use.
    pub fn state<T: Default + 'static>(&self) -> Rc<T> {
        self.states.of()
    }

    /// As [`Env::state`], for what is not of the main context: it stays until [`Env::clear`].
    pub fn isolate_state<T: Default + 'static>(&self) -> Rc<T> {
        self.isolate_states.of()
    }
}
