//! Keys: what a `KeyObject` holds, and how it comes in and goes out. Follows Node's `src/crypto/crypto_keys.cc`.

pub mod argument;
mod classes;
pub mod encode;
mod generate;
mod handle;
mod jwk;
mod parse;
pub mod raw;

use std::cell::RefCell;
use std::sync::Arc;

pub use self::classes::clone_key;
pub use self::handle::create as create_handle;
pub use self::parse::read_private_pem;
pub use super::owned_ffi::Pkey;
use crate::js::class::Definition;

/// Declares the classes and functions.
pub fn define(definition: &mut Definition) {
    classes::define(definition);
    generate::define(definition);
    handle::define(definition);
}

/// A key and what it may be used for.
#[derive(Clone)]
pub enum KeyData {
    /// A symmetric key.
    Secret(Arc<Vec<u8>>),
    /// The public part of a pair.
    Public(Pkey),
    /// Both parts.
    Private(Pkey),
}

/// The native part of a `KeyObject`; empty until `init`.
#[derive(Default)]
pub struct KeyObjectHandle {
    data: RefCell<Option<KeyData>>,
}

impl KeyObjectHandle {
    /// The key.
    pub fn data(&self) -> Option<KeyData> {
        self.data.borrow().clone()
    }

    /// Sets the key.
    pub fn set(&self, data: KeyData) {
        *self.data.borrow_mut() = Some(data);
    }

    /// The bytes of a secret key.
    pub fn secret_bytes(&self) -> Option<Vec<u8>> {
        match &*self.data.borrow() {
            Some(KeyData::Secret(bytes)) => Some(bytes.to_vec()),
            _ => None,
        }
    }
}
