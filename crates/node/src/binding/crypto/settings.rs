//! Functions that tell how OpenSSL is set up: FIPS, security level, engines.

use super::digest;
use super::error::CryptoError;
use super::input::{self, attempt};
use super::secure_context;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::convert;

/// Declares the functions.
pub fn define(definition: &mut Definition) {
    definition
        .function("getFipsCrypto", get_fips_crypto)
        .function("setFipsCrypto", set_fips_crypto)
        .function("testFipsCrypto", get_fips_crypto)
        .function("getOpenSSLSecLevelCrypto", get_security_level)
        .function("timingSafeEqual", timing_safe_equal)
        .function("setEngine", set_engine);
}

/// FIPS mode is off: the module is not part of the build.
fn get_fips_crypto(_scope: Scope, _args: Args, mut rv: Return) {
    rv.set_int32(0);
}

fn set_fips_crypto(scope: Scope, args: Args, _rv: Return) {
    if args.get(0).boolean_value(scope) {
        CryptoError::operation_failed("FIPS mode is not available").throw(scope);
    }
}

/// What connections start with.
fn get_security_level(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_int32(attempt!(scope, secure_context::security_level()));
}

/// No engine is found: engines are code of the host.
fn set_engine(_scope: Scope, _args: Args, mut rv: Return) {
    rv.set_bool(false);
}

/// Follows Node's `src/crypto/crypto_timing.cc`.
fn timing_safe_equal(scope: Scope, args: Args, mut rv: Return) {
    for (index, name) in (0..).zip(["buf1", "buf2"]) {
        let value = args.get(index);
        if !value.is_array_buffer_view()
            && !value.is_array_buffer()
            && !value.is_shared_array_buffer()
        {
            let message = format!(
                "The \"{name}\" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView."
            );
            return CryptoError::type_error("ERR_INVALID_ARG_TYPE", message).throw(scope);
        }
    }
    let other = attempt!(scope, input::bytes(scope, args.get(1), "buf2"));
    let equal = convert::with_bytes(args.get(0), |bytes| {
        (bytes.len() == other.len()).then(|| digest::equal(bytes, &other))
    });
    match equal.flatten() {
        Some(equal) => rv.set_bool(equal),
        None => CryptoError::range_error(
            "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH",
            "Input buffers must have the same byte length",
        )
        .throw(scope),
    }
}
