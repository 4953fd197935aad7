//! `KEMEncapsulateJob` and `KEMDecapsulateJob`. Follows Node's `src/crypto/crypto_kem.cc`.

use openssl_sys as ossl;

use super::error::{CryptoError, Result};
use super::input::{self, attempt};
use super::job::{self, Mode, Output};
use super::keys::{Pkey, argument};
use super::owned_ffi::PkeyCtx;
use super::params_ffi::ParamList;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::convert;

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "KEMEncapsulateJob", new_encapsulate_job);
    job::declare(definition, "KEMDecapsulateJob", new_decapsulate_job);
}

/// The operation that a key's type knows; lattice keys have one only, which has no name.
fn set_operation(context: &PkeyCtx, key: &Pkey) -> Result<()> {
    let name: &[u8] = match key.type_name() {
        "RSA" => b"RSASVE",
        "EC" | "X25519" | "X448" => b"DHKEM",
        _ => return Ok(()),
    };
    let mut params = ParamList::new()?;
    params.utf8(c"operation", name)?;
    let params = params.build()?;
    // SAFETY: context and parameters are live.
    let status = unsafe { ossl::EVP_PKEY_CTX_set_params(context.as_ptr(), params.as_ptr()) };
    if status > 0 {
        Ok(())
    } else {
        Err(failed("Failed to perform encapsulation"))
    }
}

fn failed(message: &str) -> CryptoError {
    super::error::clear_errors();
    CryptoError::operation_failed(message)
}

fn encapsulate(key: &Pkey) -> Result<Output> {
    let failed = || failed("Failed to perform encapsulation");
    let context = PkeyCtx::new(key)?;
    let (mut ciphertext_length, mut secret_length) = (0, 0);
    let ctx = context.as_ptr();
    // SAFETY: the context is live; null buffers ask for the lengths, then the buffers have them.
    unsafe {
        if ossl::EVP_PKEY_encapsulate_init(ctx, std::ptr::null()) <= 0 {
            return Err(failed());
        }
        set_operation(&context, key)?;
        let null = std::ptr::null_mut();
        if ossl::EVP_PKEY_encapsulate(ctx, null, &mut ciphertext_length, null, &mut secret_length)
            <= 0
        {
            return Err(failed());
        }
        let (mut ciphertext, mut secret) = (
            input::buffer(ciphertext_length)?,
            input::buffer(secret_length)?,
        );
        let status = ossl::EVP_PKEY_encapsulate(
            ctx,
            ciphertext.as_mut_ptr(),
            &mut ciphertext_length,
            secret.as_mut_ptr(),
            &mut secret_length,
        );
        if status <= 0 {
            return Err(failed());
        }
        ciphertext.truncate(ciphertext_length);
        secret.truncate(secret_length);
        Ok(Output::Pair(secret, ciphertext))
    }
}

fn decapsulate(key: &Pkey, ciphertext: &[u8]) -> Result<Vec<u8>> {
    let failed = || failed("Failed to perform decapsulation");
    let context = PkeyCtx::new(key)?;
    let mut length = 0;
    let ctx = context.as_ptr();
    let (data, size) = (ciphertext.as_ptr(), ciphertext.len());
    // SAFETY: as in `encapsulate`; data come with their length.
    unsafe {
        if ossl::EVP_PKEY_decapsulate_init(ctx, std::ptr::null()) <= 0 {
            return Err(failed());
        }
        set_operation(&context, key)?;
        if ossl::EVP_PKEY_decapsulate(ctx, std::ptr::null_mut(), &mut length, data, size) <= 0 {
            return Err(failed());
        }
        let mut secret = input::buffer(length)?;
        if ossl::EVP_PKEY_decapsulate(ctx, secret.as_mut_ptr(), &mut length, data, size) <= 0 {
            return Err(failed());
        }
        secret.truncate(length);
        Ok(secret)
    }
}

/// `new KEMEncapsulateJob(mode, …key)`
fn new_encapsulate_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let key = attempt!(scope, argument::any(scope, &args, 1));
    let work = move || encapsulate(&key);
    let encode: job::Encode = Box::new(move |scope, output| {
        let Output::Pair(secret, ciphertext) = output else {
            return None;
        };
        if mode == Mode::WebCrypto {
            let result = v8::Object::new(scope);
            let value = convert::array_buffer(scope, secret).into();
            convert::set(scope, result, "sharedKey", value);
            let value = convert::array_buffer(scope, ciphertext).into();
            convert::set(scope, result, "ciphertext", value);
            return Some(result.into());
        }
        let pair = [
            convert::buffer(scope, secret),
            convert::buffer(scope, ciphertext),
        ];
        Some(v8::Array::new_with_elements(scope, &pair).into())
    });
    job::create_with(scope, &args, mode, "DERIVEBITSREQUEST", work, encode);
}

/// `new KEMDecapsulateJob(mode, …key, ciphertext)`
fn new_decapsulate_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let key = attempt!(scope, argument::private(scope, &args, 1));
    let ciphertext = attempt!(
        scope,
        input::bytes(scope, args.get(1 + argument::COUNT), "ciphertext")
    );
    let work = move || decapsulate(&key, &ciphertext).map(Output::Bytes);
    let encode: job::Encode = Box::new(move |scope, output| match output {
        Output::Bytes(secret) if mode != Mode::WebCrypto => Some(convert::buffer(scope, secret)),
        output => job::encode_plain(scope, output),
    });
    job::create_with(scope, &args, mode, "DERIVEBITSREQUEST", work, encode);
}
