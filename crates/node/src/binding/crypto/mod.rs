//! `internalBinding('crypto')` on OpenSSL. Follows Node's `src/crypto/`.
//!
//! Layers, each using only those above it:
//! - `*_ffi`: OpenSSL's objects as Rust values that own themselves. Only here and in modules that say so is `unsafe`
//!   code; what guests choose reaches OpenSSL as pointer and length of a slice.
//! - `error`, `input`, `job`: errors as Node shapes them, checked arguments, synchronous and asynchronous operations.
//! - one module per noun: `hash`, `hmac`, `kdf`, `keys`, `cipher`, `sign`, ….
//!
//! OpenSSL reads no configuration, no certificate store and no environment of the host.

mod bignum_ffi;
mod digest;
pub(in crate::binding) mod error;
mod hash;
mod hmac;
mod input;
mod job;
mod kdf;
mod keys;
mod mac;
mod owned_ffi;
mod params_ffi;
mod prime;
mod random;
mod settings;

use super::Definition;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    hash::define(definition);
    hmac::define(definition);
    kdf::define(definition);
    keys::define(definition);
    mac::define(definition);
    prime::define(definition);
    random::define(definition);
    settings::define(definition);
    definition.init(|_, _| owned_ffi::init());
}
