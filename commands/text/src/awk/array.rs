//! Associative arrays. Iteration is in the order of insertion.

use super::value::Value;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::cell::RefCell;
use std::rc::Rc;

pub type Shared = Rc<RefCell<Array>>;

#[derive(Debug, Default)]
pub struct Array {
    elements: IndexMap<Vec<u8>, Value, FxBuildHasher>,
}

impl Array {
    pub fn shared() -> Shared {
        Rc::new(RefCell::new(Self::default()))
    }

    pub fn len(&self) -> usize {
        self.elements.len()
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.elements.contains_key(key)
    }

    /// The element, made if it does not exist.
    pub fn element(&mut self, key: &[u8]) -> &mut Value {
        // Two look-ups: a key is only copied when it is new.
        if let Some(index) = self.elements.get_index_of(key) {
            return &mut self.elements[index];
        }
        self.elements.entry(key.to_vec()).or_default()
    }

    pub fn set(&mut self, key: &[u8], value: Value) {
        *self.element(key) = value;
    }

    pub fn peek(&self, key: &[u8]) -> Option<&Value> {
        self.elements.get(key)
    }

    pub fn remove(&mut self, key: &[u8]) {
        if self.elements.len() < 64 {
            self.elements.shift_remove(key);
        } else {
            self.elements.swap_remove(key);
        }
    }

    pub fn clear(&mut self) {
        self.elements.clear();
    }

    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.elements.keys().cloned().collect()
    }

    pub fn pairs(&self) -> Vec<(Vec<u8>, Value)> {
        self.elements
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}
