//! `KeyObjectHandle`. Follows the class of that name in Node's `src/crypto/crypto_keys.cc`.

use std::rc::Rc;
use std::sync::Arc;

use super::encode::{self, format};
use super::{KeyData, KeyObjectHandle, Pkey, argument, jwk, raw};
use crate::binding::crypto::digest;
use crate::binding::crypto::error::{CryptoError, Result};
use crate::binding::crypto::input::{self, attempt};
use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, class_template};
use crate::js::{convert, exception, wrap};

/// Declares the class.
pub fn define(definition: &mut Definition) {
    definition
        .class("KeyObjectHandle", new_handle)
        .method("init", init)
        .method("getKeyType", key_type)
        .method("getSymmetricKeySize", symmetric_key_size)
        .method("getAsymmetricKeyType", asymmetric_key_type)
        .method("checkEcKeyData", check_ec_key_data)
        .method("export", export)
        .method("exportJwk", export_jwk)
        .method("rawPublicKey", raw_public_key)
        .method("rawPrivateKey", raw_private_key)
        .method("rawSeed", raw_seed)
        .method("exportECPublicRaw", export_ec_public_raw)
        .method("exportECPrivateRaw", raw_private_key)
        .method("keyDetail", key_detail)
        .method("equals", equals);
}

/// A handle of `data`; `None` leaves an exception pending.
pub fn create<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    data: KeyData,
) -> Option<v8::Local<'s, v8::Object>> {
    let constructor = class_template(scope, "KeyObjectHandle")?.get_function(scope)?;
    let object = constructor.new_instance(scope, &[])?;
    wrap::unwrap::<KeyObjectHandle>(scope, object.into())?.set(data);
    Some(object)
}

fn new_handle(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "KeyObjectHandle is made with new");
    }
    wrap::wrap(scope, args.this(), KeyObjectHandle::default());
}

fn handle_of(scope: Scope, args: &Args) -> Result<Rc<KeyObjectHandle>> {
    wrap::unwrap::<KeyObjectHandle>(scope, args.this().into())
        .ok_or_else(|| input::invalid("this", "a key handle"))
}

fn data_of(scope: Scope, args: &Args) -> Result<KeyData> {
    handle_of(scope, args)?
        .data()
        .ok_or_else(|| input::invalid("this", "a key handle with a key"))
}

fn asymmetric(scope: Scope, args: &Args) -> Result<Pkey> {
    match data_of(scope, args)? {
        KeyData::Public(key) | KeyData::Private(key) => Ok(key),
        KeyData::Secret(_) => Err(input::invalid("this", "an asymmetric key")),
    }
}

/// `init(keyType, data, format, type, passphrase, namedCurve)`
fn init(scope: Scope, args: Args, _rv: Return) {
    let handle = attempt!(scope, handle_of(scope, &args));
    let data = attempt!(scope, read(scope, &args));
    handle.set(data);
}

fn read(scope: Scope, args: &Args) -> Result<KeyData> {
    match input::uint32(scope, args.get(0), "keyType")? {
        0 if args.get(2).is_uint32() && args.get(2).uint32_value(scope) == Some(format::JWK) => {
            let object = args
                .get(1)
                .try_cast()
                .map_err(|_| input::invalid("key", "a JWK object"))?;
            jwk::import_secret(scope, object)
        }
        0 => Ok(KeyData::Secret(Arc::new(input::bytes(
            scope,
            args.get(1),
            "key",
        )?))),
        1 => match argument::public_or_private(scope, args, 1)? {
            KeyData::Public(key) | KeyData::Private(key) => Ok(KeyData::Public(key)),
            KeyData::Secret(_) => Err(input::invalid("key", "an asymmetric key")),
        },
        2 => argument::private(scope, args, 1).map(KeyData::Private),
        _ => Err(input::invalid("keyType", "a key type")),
    }
}

/// The number of a key's type in the library.
pub fn type_number(data: &KeyData) -> u32 {
    match data {
        KeyData::Secret(_) => 0,
        KeyData::Public(_) => 1,
        KeyData::Private(_) => 2,
    }
}

fn key_type(scope: Scope, args: Args, mut rv: Return) {
    let data = attempt!(scope, data_of(scope, &args));
    rv.set_uint32(type_number(&data));
}

fn symmetric_key_size(scope: Scope, args: Args, mut rv: Return) {
    match attempt!(scope, data_of(scope, &args)) {
        KeyData::Secret(bytes) => rv.set_double(bytes.len() as f64),
        _ => input::invalid("this", "a secret key").throw(scope),
    }
}

fn asymmetric_key_type(scope: Scope, args: Args, mut rv: Return) {
    let key = attempt!(scope, asymmetric(scope, &args));
    let name = match key.type_name() {
        "DHX" => "dh".to_owned(),
        "" | "SM2" => return rv.set_undefined(),
        name => name.to_ascii_lowercase(),
    };
    rv.set(exception::string(scope, &name).into());
}

fn check_ec_key_data(scope: Scope, args: Args, mut rv: Return) {
    let key = attempt!(scope, asymmetric(scope, &args));
    rv.set_bool(key.type_name() == "EC" && key.is_valid_public());
}

/// `export(format, type, cipher, passphrase)`
fn export(scope: Scope, args: Args, mut rv: Return) {
    let data = attempt!(scope, data_of(scope, &args));
    let value = match data {
        KeyData::Secret(bytes) => Some(convert::buffer(scope, bytes.to_vec())),
        KeyData::Public(_) => {
            let mut encoding = attempt!(scope, encode::public_encoding(scope, &args, 0));
            encoding.format.get_or_insert(format::PEM);
            encode::encode(scope, data, &encoding)
        }
        KeyData::Private(_) => {
            let mut encoding = attempt!(scope, encode::private_encoding(scope, &args, 0));
            encoding.format.get_or_insert(format::PEM);
            encode::encode(scope, data, &encoding)
        }
    };
    if let Some(value) = value {
        rv.set(value);
    }
}

/// `exportJwk(target, allowRsaPss)`
fn export_jwk(scope: Scope, args: Args, mut rv: Return) {
    let data = attempt!(scope, data_of(scope, &args));
    let Ok(target) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return exception::throw_invalid_argument(scope, "The target must be an object");
    };
    attempt!(
        scope,
        jwk::export(scope, &data, target, args.get(1).is_true())
    );
    rv.set(target.into());
}

fn raw_public_key(scope: Scope, args: Args, mut rv: Return) {
    let key = attempt!(scope, asymmetric(scope, &args));
    let bytes = attempt!(scope, raw::public(&key, 4));
    rv.set(convert::buffer(scope, bytes));
}

fn private_of(scope: Scope, args: &Args) -> Result<Pkey> {
    match data_of(scope, args)? {
        KeyData::Private(key) => Ok(key),
        _ => Err(input::invalid("this", "a private key")),
    }
}

fn raw_private_key(scope: Scope, args: Args, mut rv: Return) {
    let key = attempt!(scope, private_of(scope, &args));
    let bytes = attempt!(scope, raw::private(&key));
    rv.set(convert::buffer(scope, bytes));
}

fn raw_seed(scope: Scope, args: Args, mut rv: Return) {
    let key = attempt!(scope, private_of(scope, &args));
    let bytes = attempt!(scope, raw::seed(&key));
    rv.set(convert::buffer(scope, bytes));
}

/// `exportECPublicRaw(form)`
fn export_ec_public_raw(scope: Scope, args: Args, mut rv: Return) {
    let key = attempt!(scope, asymmetric(scope, &args));
    let form = attempt!(scope, input::uint32(scope, args.get(0), "form"));
    let bytes = attempt!(scope, raw::public(&key, form));
    rv.set(convert::buffer(scope, bytes));
}

/// `keyDetail(target)`: what `asymmetricKeyDetails` shows.
fn key_detail(scope: Scope, args: Args, mut rv: Return) {
    let key = attempt!(scope, asymmetric(scope, &args));
    let Ok(target) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return exception::throw_invalid_argument(scope, "The target must be an object");
    };
    let bits = v8::Number::new(scope, key.bits() as f64).into();
    match key.type_name() {
        "RSA" | "RSA-PSS" => {
            convert::set(scope, target, "modulusLength", bits);
            if let Some(exponent) = key.number(c"e") {
                let bytes = attempt!(scope, exponent.to_bytes());
                let value = convert::array_buffer(scope, bytes).into();
                convert::set(scope, target, "publicExponent", value);
            }
            if key.type_name() == "RSA-PSS" {
                pss_detail(scope, &key, target);
            }
        }
        "DSA" => {
            convert::set(scope, target, "modulusLength", bits);
            let divisor = key.number(c"q").map_or(0, |q| q.bits());
            let value = v8::Integer::new(scope, divisor).into();
            convert::set(scope, target, "divisorLength", value);
        }
        "EC" => {
            if let Some(name) = key.text(c"group") {
                let value = exception::string(scope, &name).into();
                convert::set(scope, target, "namedCurve", value);
            }
        }
        _ => {}
    }
    rv.set(target.into());
}

/// The restrictions of an RSA-PSS key. OpenSSL leaves out what is the standard's default.
fn pss_detail(scope: &mut v8::PinScope<'_, '_>, key: &Pkey, target: v8::Local<'_, v8::Object>) {
    let (digest, mgf1, salt) = (
        key.text(c"digest"),
        key.text(c"mgf1-digest"),
        key.int(c"saltlen"),
    );
    if digest.is_none() && mgf1.is_none() && salt.is_none() {
        return;
    }
    let name = |name: Option<String>| match name.as_deref() {
        Some(name) => name
            .to_ascii_lowercase()
            .replace("sha2-", "sha")
            .replace('/', "-"),
        None => "sha1".to_owned(),
    };
    let value = exception::string(scope, &name(digest)).into();
    convert::set(scope, target, "hashAlgorithm", value);
    let value = exception::string(scope, &name(mgf1)).into();
    convert::set(scope, target, "mgf1HashAlgorithm", value);
    let value = v8::Integer::new(scope, salt.unwrap_or(20)).into();
    convert::set(scope, target, "saltLength", value);
}

fn equals(scope: Scope, args: Args, mut rv: Return) {
    let one = attempt!(scope, data_of(scope, &args));
    let other =
        wrap::unwrap::<KeyObjectHandle>(scope, args.get(0)).and_then(|handle| handle.data());
    let other = attempt!(
        scope,
        other.ok_or_else(|| CryptoError::type_error("ERR_INVALID_ARG_TYPE", "Not a key"))
    );
    rv.set_bool(match (&one, &other) {
        (KeyData::Secret(a), KeyData::Secret(b)) => digest::equal(a, b),
        (KeyData::Public(a), KeyData::Public(b)) | (KeyData::Private(a), KeyData::Private(b)) => {
            a.same_as(b)
        }
        _ => false,
    });
}
