//! Signed public keys and challenges, as browsers once made them (`<keygen>`).

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, clear_errors};
use super::owned_ffi::{Bio, Pkey};

/// `NETSCAPE_SPKAC`
#[repr(C)]
struct RawContent {
    key: *mut c_void,
    challenge: *mut ossl::ASN1_STRING,
}

/// `NETSCAPE_SPKI`, as far as it is looked into.
#[repr(C)]
struct RawSpki {
    content: *mut RawContent,
}

unsafe extern "C" {
    fn NETSCAPE_SPKI_b64_decode(text: *const c_char, length: c_int) -> *mut RawSpki;
    fn NETSCAPE_SPKI_get_pubkey(spki: *mut RawSpki) -> *mut ossl::EVP_PKEY;
    fn NETSCAPE_SPKI_verify(spki: *mut RawSpki, key: *mut ossl::EVP_PKEY) -> c_int;
    fn NETSCAPE_SPKI_free(spki: *mut RawSpki);
}

/// A key with a challenge under a signature.
pub struct Spki(NonNull<RawSpki>);

impl Drop for Spki {
    fn drop(&mut self) {
        // SAFETY: `parse` took the only ownership.
        unsafe { NETSCAPE_SPKI_free(self.0.as_ptr()) };
    }
}

impl Spki {
    /// What is written in base64; `None` where it is none.
    pub fn parse(text: &[u8]) -> Option<Spki> {
        // OpenSSL takes no length for one that ends with a NUL.
        let length = c_int::try_from(text.len())
            .ok()
            .filter(|length| *length > 0)?;
        // SAFETY: pointer and length are those of the slice.
        let spki = unsafe { NETSCAPE_SPKI_b64_decode(text.as_ptr().cast(), length) };
        clear_errors();
        NonNull::new(spki).map(Spki)
    }

    /// The key.
    fn key(&self) -> Option<Pkey> {
        // SAFETY: the structure is live, and the caller owns the key.
        let key = unsafe { Pkey::own(NETSCAPE_SPKI_get_pubkey(self.0.as_ptr())) };
        clear_errors();
        key
    }

    /// Whether the signature is the key's.
    pub fn verify(&self) -> bool {
        let Some(key) = self.key() else {
            return false;
        };
        // SAFETY: both are live.
        let verified = unsafe { NETSCAPE_SPKI_verify(self.0.as_ptr(), key.as_ptr()) };
        clear_errors();
        verified > 0
    }

    /// The key in PEM; `None` where it is none that OpenSSL knows.
    pub fn public_key(&self) -> Result<Option<Vec<u8>>> {
        let Some(key) = self.key() else {
            return Ok(None);
        };
        let bio = Bio::memory()?;
        check(
            // SAFETY: both are live.
            unsafe { ossl::PEM_write_bio_PUBKEY(bio.as_ptr(), key.as_ptr()) },
            "Failed to encode public key",
        )?;
        Ok(Some(bio.contents()))
    }

    /// The challenge, in UTF-8.
    pub fn challenge(&self) -> Result<Vec<u8>> {
        let mut text = std::ptr::null_mut();
        // SAFETY: what was decoded has a content with a challenge; the text is copied before it is freed.
        unsafe {
            let challenge = (*(*self.0.as_ptr()).content).challenge;
            let length = ossl::ASN1_STRING_to_UTF8(&mut text, challenge);
            let Ok(length) = usize::try_from(length) else {
                return Err(CryptoError::capture("Failed to read challenge"));
            };
            let bytes = std::slice::from_raw_parts(text, length).to_vec();
            ossl::OPENSSL_free(text.cast());
            Ok(bytes)
        }
    }
}
