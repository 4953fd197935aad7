//! `getCiphers` and `getCipherInfo`. Follows Node's `src/crypto/crypto_cipher.cc`.

use super::cipher_ffi::{self, mode};
use super::error::clear_errors;
use super::hash::string_array;
use super::input::{self, attempt};
use super::owned_ffi::{Cipher, CipherCtx};
use super::pkey_ffi::short_name;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception};

/// Declares the functions.
pub fn define(definition: &mut Definition) {
    definition
        .function("getCiphers", get_ciphers)
        .function("getCipherInfo", get_cipher_info);
}

fn get_ciphers(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(string_array(scope, &cipher_ffi::names()).into());
}

fn mode_name(cipher: &Cipher) -> &'static str {
    match cipher.mode() {
        mode::CBC => "cbc",
        mode::CCM => "ccm",
        mode::CFB => "cfb",
        mode::CTR => "ctr",
        mode::ECB => "ecb",
        mode::GCM => "gcm",
        mode::OCB => "ocb",
        mode::OFB => "ofb",
        mode::WRAP => "wrap",
        mode::XTS => "xts",
        mode::STREAM => "stream",
        _ => "",
    }
}

/// `getCipherInfo(target, nameOrNid, keyLength, ivLength)`; undefined where there is no such cipher.
fn get_cipher_info(scope: Scope, args: Args, mut rv: Return) {
    let Ok(target) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return exception::throw_invalid_argument(scope, "The target must be an object");
    };
    let name = if args.get(1).is_int32() {
        let nid = args.get(1).int32_value(scope).unwrap_or(0);
        short_name(nid).map(|name| name.to_string_lossy().into_owned())
    } else {
        Some(attempt!(
            scope,
            input::string(scope, args.get(1), "nameOrNid")
        ))
    };
    let Some(cipher) = name.and_then(|name| cipher_ffi::cipher(&name).ok()) else {
        return clear_errors();
    };
    let key_length = attempt!(
        scope,
        input::optional_int32(scope, args.get(2), "keyLength")
    );
    let iv_length = attempt!(scope, input::optional_int32(scope, args.get(3), "ivLength"));
    let Some((key_length, iv_length)) = lengths(&cipher, key_length, iv_length) else {
        return;
    };
    let name = mode_name(&cipher);
    if !name.is_empty() {
        let value = exception::string(scope, name).into();
        convert::set(scope, target, "mode", value);
    }
    if let Some(name) = short_name(cipher.nid()) {
        let value = exception::string(scope, &name.to_string_lossy()).into();
        convert::set(scope, target, "name", value);
    }
    let mut set = |name, value: usize| {
        let value = v8::Number::new(scope, value as f64).into();
        convert::set(scope, target, name, value);
    };
    set("nid", usize::try_from(cipher.nid()).unwrap_or(0));
    // A stream has no block.
    if cipher.mode() != mode::STREAM {
        set("blockSize", cipher.block_size());
    }
    if iv_length != 0 {
        set("ivLength", iv_length);
    }
    set("keyLength", key_length);
    rv.set(target.into());
}

/// Key and vector length, if the cipher takes those asked for.
fn lengths(
    cipher: &Cipher,
    key_length: Option<i32>,
    iv_length: Option<i32>,
) -> Option<(usize, usize)> {
    let mut key = cipher.key_length();
    let mut iv = cipher.iv_length();
    if key_length.is_none() && iv_length.is_none() {
        return Some((key, iv));
    }
    let mut context = CipherCtx::new(cipher, true).ok()?;
    if let Some(length) = key_length {
        key = usize::try_from(length)
            .ok()
            .filter(|length| context.set_key_length(*length))?;
    }
    if let Some(length) = iv_length {
        let length = usize::try_from(length).ok()?;
        // For CCM the length is of the nonce, 7 to 13; the others of OpenSSL's limits are found by asking it.
        let taken = match cipher.mode() {
            mode::GCM | mode::OCB => context.set_iv_length(length),
            mode::CCM => (7..=13).contains(&length) && context.set_iv_length(length),
            _ if cipher.is_chacha20_poly1305() => (1..=12).contains(&length),
            _ => length == iv,
        };
        if !taken {
            return None;
        }
        iv = length;
    }
    Some((key, iv))
}
