//! `internalBinding('crypto')` on OpenSSL. Follows Node's `src/crypto/`.
//!
//! Layers, each using only those above it:
//! - `*_ffi`: OpenSSL's objects as Rust values that own themselves. Only here and in modules that say so is `unsafe`
//!   code; what guests choose reaches OpenSSL as pointer and length of a slice.
//! - `error`, `input`, `job`: errors as Node shapes them, checked arguments, synchronous and asynchronous operations.
//! - one module per noun: `hash`, `hmac`, `kdf`, `keys`, `cipher`, `sign`, ….
//!
//! OpenSSL reads no configuration, no certificate store and no environment of the host.

mod alternative_names_ffi;
mod bignum_ffi;
pub(in crate::binding) mod certificate_object;
mod cipher;
mod cipher_ffi;
mod cipher_info;
mod cipher_job;
mod dh;
mod digest;
mod ecdh;
pub(in crate::binding) mod error;
mod hash;
mod hmac;
pub(in crate::binding) mod input;
mod job;
mod kdf;
mod kdf_in_pieces;
mod kem;
mod keys;
mod mac;
pub(in crate::binding) mod owned_ffi;
mod params_ffi;
mod pkey_ffi;
mod prime;
mod random;
mod root_certificates;
mod rsa_cipher;
pub(in crate::binding) mod secure_context;
mod settings;
mod sign;
mod signature_ffi;
mod spkac;
mod spkac_ffi;
pub(in crate::binding) mod tls_ffi;
pub(in crate::binding) mod x509;
mod x509_ffi;

use crate::js::class::Definition;
pub use keys::clone_key;
pub use x509::clone_certificate;

/// The HMAC with SHA-256 of `parts` one behind the other; `None` where OpenSSL fails.
pub(in crate::binding) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    owned_ffi::init();
    let md = owned_ffi::Md::named("sha256").ok()?;
    let mut state = mac::MacState::hmac(&md, key).ok()?;
    for part in parts {
        state.update(part).ok()?;
    }
    state.finish(None).ok()
}

/// Random bytes nobody can foretell; `None` where OpenSSL has none.
pub(in crate::binding) fn random_bytes<const N: usize>() -> Option<[u8; N]> {
    owned_ffi::init();
    let mut bytes = [0; N];
    random::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    cipher::define(definition);
    cipher_info::define(definition);
    cipher_job::define(definition);
    dh::define(definition);
    ecdh::define(definition);
    hash::define(definition);
    hmac::define(definition);
    kdf::define(definition);
    kem::define(definition);
    keys::define(definition);
    mac::define(definition);
    prime::define(definition);
    random::define(definition);
    root_certificates::define(definition);
    rsa_cipher::define(definition);
    secure_context::define(definition);
    settings::define(definition);
    sign::define(definition);
    spkac::define(definition);
    x509::define(definition);
    definition.init(|scope, binding| {
        owned_ffi::init();
        secure_context::set_statics(scope, binding);
    });
}
