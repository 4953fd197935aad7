//! Message authentication codes: the engine of `Hmac`, and `KmacJob`. Follows Node's `src/crypto/crypto_kmac.cc`.

use std::ffi::CStr;

use openssl_sys as ossl;

use super::digest::PIECE;
use super::error::{CryptoError, Result, check};
use super::hmac::sign_or_verify;
use super::input::{self, attempt};
use super::job;
use super::owned_ffi::{Mac, MacCtx, Md};
use super::params_ffi::ParamList;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::threads::interruption;

/// Declares the class.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "KmacJob", new_kmac_job);
}

/// A code in progress.
pub struct MacState {
    context: MacCtx,
}

impl MacState {
    /// HMAC with `md`.
    pub fn hmac(md: &Md, key: &[u8]) -> Result<MacState> {
        let mut params = ParamList::new()?;
        params.utf8(c"digest", md.name().to_bytes())?;
        MacState::new(c"HMAC", key, params)
    }

    fn new(algorithm: &CStr, key: &[u8], params: ParamList<'_>) -> Result<MacState> {
        const FAILED: &str = "MAC initialization failed";
        let params = params.build()?;
        // SAFETY: the name is a C string, null the default context and no properties.
        let mac = unsafe {
            Mac::own(ossl::EVP_MAC_fetch(
                std::ptr::null_mut(),
                algorithm.as_ptr(),
                std::ptr::null(),
            ))
        }
        .ok_or_else(|| CryptoError::capture(FAILED))?;
        // SAFETY: the algorithm is live; the context keeps its own reference.
        let context = unsafe { MacCtx::own(ossl::EVP_MAC_CTX_new(mac.as_ptr())) }
            .ok_or_else(|| CryptoError::capture(FAILED))?;
        // An empty key still is a key: a null pointer would mean "keep the one there is".
        let pointer = if key.is_empty() {
            [0u8].as_ptr()
        } else {
            key.as_ptr()
        };
        check(
            // SAFETY: pointer and length are those of the key; the parameters live over the call.
            unsafe { ossl::EVP_MAC_init(context.as_ptr(), pointer, key.len(), params.as_ptr()) },
            FAILED,
        )?;
        Ok(MacState { context })
    }

    /// Adds data. Stops in the middle when the program is being ended.
    pub fn update(&mut self, data: &[u8]) -> Result<()> {
        for piece in data.chunks(PIECE) {
            check(
                // SAFETY: pointer and length are those of a slice.
                unsafe { ossl::EVP_MAC_update(self.context.as_ptr(), piece.as_ptr(), piece.len()) },
                "MAC update failed",
            )?;
            if interruption::is_requested() {
                break;
            }
        }
        Ok(())
    }

    /// The code; `length` where the algorithm has a choice.
    pub fn finish(&mut self, length: Option<usize>) -> Result<Vec<u8>> {
        // SAFETY: the context is live.
        let size = length
            .unwrap_or_else(|| unsafe { ossl::EVP_MAC_CTX_get_mac_size(self.context.as_ptr()) });
        let mut code = input::buffer(size)?;
        let mut written = 0;
        // SAFETY: the buffer has the length given.
        let status = unsafe {
            ossl::EVP_MAC_final(
                self.context.as_ptr(),
                code.as_mut_ptr(),
                &mut written,
                code.len(),
            )
        };
        check(status, "MAC failed")?;
        code.truncate(written);
        Ok(code)
    }
}

/// `new KmacJob(mode, sign | verify, key, algorithm, customization, keyLength, outputBits, data, signature)`
fn new_kmac_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let verify = attempt!(scope, input::uint32(scope, args.get(1), "signMode")) == 1;
    let key = attempt!(scope, input::secret(scope, args.get(2), "key"));
    let algorithm = match attempt!(scope, input::string(scope, args.get(3), "algorithm")).as_str() {
        "KMAC128" => c"KMAC-128",
        "KMAC256" => c"KMAC-256",
        _ => return input::invalid("algorithm", "KMAC128 or KMAC256").throw(scope),
    };
    let customization = attempt!(
        scope,
        input::optional_bytes(scope, args.get(4), "customization")
    );
    let bits = attempt!(scope, input::length(scope, args.get(6), "outputLength"));
    if bits % 8 != 0 {
        return CryptoError::operation_failed("Unsupported KMAC output length").throw(scope);
    }
    let length = bits / 8;
    let data = attempt!(scope, input::bytes(scope, args.get(7), "data"));
    let signature = match verify {
        true => Some(attempt!(
            scope,
            input::bytes(scope, args.get(8), "signature")
        )),
        false => None,
    };
    job::create(scope, &args, mode, "SIGNREQUEST", move || {
        let mut params = ParamList::new()?;
        params.size(c"size", length)?;
        if let Some(customization) = &customization {
            params.octets(c"custom", customization)?;
        }
        let mut state = MacState::new(algorithm, &key, params)?;
        state.update(&data)?;
        let code = if length == 0 {
            Vec::new()
        } else {
            state.finish(Some(length))?
        };
        Ok(sign_or_verify(code, signature.as_deref()))
    });
}
