//! Keys as JSON Web Keys. Follows `Export/ImportJWK*` in Node's `src/crypto/crypto_{keys,rsa,ec}.cc`.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use super::raw;
use super::{KeyData, Pkey};
use crate::binding::crypto::error::{CryptoError, Result};
use crate::binding::crypto::owned_ffi::{BigNum, EcGroup};
use crate::binding::crypto::params_ffi::ParamList;
use crate::binding::crypto::pkey_ffi::{KEYPAIR, PUBLIC, curve_nid, ec_key};
use crate::js::string_bytes::{self, Encoding};
use crate::js::{convert, exception};

/// Curves that JWK names.
const CURVES: [(&str, &str); 4] = [
    ("P-256", "prime256v1"),
    ("secp256k1", "secp256k1"),
    ("P-384", "secp384r1"),
    ("P-521", "secp521r1"),
];

/// JWK's names of RSA's numbers and OpenSSL's.
const RSA_PUBLIC: [(&str, &CStr); 2] = [("n", c"n"), ("e", c"e")];
const RSA_PRIVATE: [(&str, &CStr); 6] = [
    ("d", c"d"),
    ("p", c"rsa-factor1"),
    ("q", c"rsa-factor2"),
    ("dp", c"rsa-exponent1"),
    ("dq", c"rsa-exponent2"),
    ("qi", c"rsa-coefficient1"),
];

/// Writes the members of `data` to `target`; RSA-PSS keys only for WebCrypto, which says `allow_pss`.
pub fn export(
    scope: &mut v8::PinScope<'_, '_>,
    data: &KeyData,
    target: v8::Local<'_, v8::Object>,
    allow_pss: bool,
) -> Result<()> {
    let (key, private) = match data {
        KeyData::Secret(bytes) => {
            set_text(scope, target, "kty", "oct");
            set_bytes(scope, target, "k", bytes);
            return Ok(());
        }
        KeyData::Public(key) => (key, false),
        KeyData::Private(key) => (key, true),
    };
    match key.type_name() {
        "RSA" => export_rsa(scope, key, private, target),
        "RSA-PSS" if allow_pss => export_rsa(scope, key, private, target),
        "EC" => export_ec(scope, key, private, target),
        name @ ("ED25519" | "ED448" | "X25519" | "X448") => {
            let curve = match name {
                "ED25519" => "Ed25519",
                "ED448" => "Ed448",
                other => other,
            };
            set_text(scope, target, "crv", curve);
            if private {
                let bytes = key.raw_private()?;
                set_bytes(scope, target, "d", &bytes);
            }
            let bytes = key.raw_public()?;
            set_bytes(scope, target, "x", &bytes);
            set_text(scope, target, "kty", "OKP");
            Ok(())
        }
        name if name.starts_with("ML-") => {
            let name = name.to_owned();
            if private {
                let seed = raw::seed(key)?;
                set_bytes(scope, target, "priv", &seed);
            }
            set_text(scope, target, "kty", "AKP");
            set_text(scope, target, "alg", &name);
            let bytes = key.raw_public()?;
            set_bytes(scope, target, "pub", &bytes);
            Ok(())
        }
        _ => Err(CryptoError::error(
            "ERR_CRYPTO_JWK_UNSUPPORTED_KEY_TYPE",
            "Unsupported JWK Key Type.",
        )),
    }
}

fn export_rsa(
    scope: &mut v8::PinScope<'_, '_>,
    key: &Pkey,
    private: bool,
    target: v8::Local<'_, v8::Object>,
) -> Result<()> {
    set_text(scope, target, "kty", "RSA");
    let private = if private { &RSA_PRIVATE[..] } else { &[] };
    for (name, parameter) in RSA_PUBLIC.iter().chain(private) {
        let number = key
            .number(parameter)
            .ok_or_else(|| CryptoError::operation_failed("Failed to export the key"))?;
        let bytes = number.to_bytes()?;
        set_bytes(scope, target, name, &bytes);
    }
    Ok(())
}

fn export_ec(
    scope: &mut v8::PinScope<'_, '_>,
    key: &Pkey,
    private: bool,
    target: v8::Local<'_, v8::Object>,
) -> Result<()> {
    let name = key.text(c"group").unwrap_or_default();
    let Some((crv, _)) = CURVES.iter().find(|(_, openssl)| *openssl == name) else {
        let message = format!("Unsupported JWK EC curve: {name}.");
        return Err(CryptoError::error(
            "ERR_CRYPTO_JWK_UNSUPPORTED_CURVE",
            message,
        ));
    };
    let (_, group) = raw::curve(key)?;
    let failed = || CryptoError::operation_failed("Failed to export the key");
    set_text(scope, target, "kty", "EC");
    for (name, parameter) in [("x", c"qx"), ("y", c"qy")] {
        let bytes = key
            .number(parameter)
            .ok_or_else(failed)?
            .to_padded_bytes(group.field_length())?;
        set_bytes(scope, target, name, &bytes);
    }
    set_text(scope, target, "crv", crv);
    if private {
        let bytes = key
            .number(c"priv")
            .ok_or_else(failed)?
            .to_padded_bytes(group.order_length()?)?;
        set_bytes(scope, target, "d", &bytes);
    }
    Ok(())
}

fn set_text(
    scope: &mut v8::PinScope<'_, '_>,
    target: v8::Local<'_, v8::Object>,
    name: &'static str,
    text: &str,
) {
    let value = exception::string(scope, text).into();
    convert::set(scope, target, name, value);
}

fn set_bytes(
    scope: &mut v8::PinScope<'_, '_>,
    target: v8::Local<'_, v8::Object>,
    name: &'static str,
    bytes: &[u8],
) {
    if let Some(value) = string_bytes::encode(scope, bytes, Encoding::Base64url) {
        convert::set(scope, target, name, value);
    }
}

fn invalid(message: impl Into<String>) -> CryptoError {
    CryptoError::type_error("ERR_CRYPTO_INVALID_JWK", message)
}

/// A string member.
fn text(
    scope: &mut v8::PinScope<'_, '_>,
    jwk: v8::Local<'_, v8::Object>,
    name: &'static str,
) -> Option<String> {
    let value = convert::get(scope, jwk, name)?;
    value.is_string().then(|| value.to_rust_string_lossy(scope))
}

/// A base64url member; undefined is `Ok(None)`.
fn bytes(
    scope: &mut v8::PinScope<'_, '_>,
    jwk: v8::Local<'_, v8::Object>,
    name: &'static str,
    kind: &str,
) -> Result<Option<Vec<u8>>> {
    let failed = || invalid(format!("Invalid JWK {kind} key"));
    let value = convert::get(scope, jwk, name).ok_or_else(failed)?;
    if value.is_undefined() {
        return Ok(None);
    }
    let string: v8::Local<v8::String> = value.try_cast().map_err(|_| failed())?;
    Ok(Some(string_bytes::decode(
        scope,
        string,
        Encoding::Base64url,
    )))
}

fn required(
    scope: &mut v8::PinScope<'_, '_>,
    jwk: v8::Local<'_, v8::Object>,
    name: &'static str,
    kind: &str,
) -> Result<Vec<u8>> {
    bytes(scope, jwk, name, kind)?.ok_or_else(|| invalid(format!("Invalid JWK {kind} key")))
}

/// The secret key that `jwk` describes.
pub fn import_secret(
    scope: &mut v8::PinScope<'_, '_>,
    jwk: v8::Local<'_, v8::Object>,
) -> Result<KeyData> {
    if text(scope, jwk, "kty").as_deref() != Some("oct") {
        return Err(invalid("Invalid JWK secret key format"));
    }
    let key = bytes(scope, jwk, "k", "secret")?
        .ok_or_else(|| invalid("Invalid JWK secret key format"))?;
    Ok(KeyData::Secret(Arc::new(key)))
}

/// The asymmetric key that `jwk` describes: private if it has the private part.
pub fn import(scope: &mut v8::PinScope<'_, '_>, jwk: v8::Local<'_, v8::Object>) -> Result<KeyData> {
    let kty = text(scope, jwk, "kty").ok_or_else(|| invalid("Invalid JWK keyData"))?;
    match kty.as_str() {
        "RSA" => import_rsa(scope, jwk),
        "EC" => import_ec(scope, jwk),
        "OKP" => import_okp(scope, jwk),
        "AKP" => import_lattice(scope, jwk),
        other => Err(invalid(format!("{other} is not a supported JWK key type"))),
    }
}

fn import_rsa(scope: &mut v8::PinScope<'_, '_>, jwk: v8::Local<'_, v8::Object>) -> Result<KeyData> {
    let mut params = ParamList::new()?;
    for (name, parameter) in RSA_PUBLIC {
        let number = BigNum::from_bytes(&required(scope, jwk, name, "RSA")?)?;
        params.number(parameter, number)?;
    }
    let private = bytes(scope, jwk, "d", "RSA")?.is_some();
    if private {
        for (name, parameter) in RSA_PRIVATE {
            let number = BigNum::from_bytes(&required(scope, jwk, name, "RSA")?)?;
            params.number(parameter, number)?;
        }
    }
    let selection = if private { KEYPAIR } else { PUBLIC };
    let key =
        Pkey::from_data(c"RSA", selection, params).map_err(|_| invalid("Invalid JWK RSA key"))?;
    Ok(if private {
        KeyData::Private(key)
    } else {
        KeyData::Public(key)
    })
}

fn import_ec(scope: &mut v8::PinScope<'_, '_>, jwk: v8::Local<'_, v8::Object>) -> Result<KeyData> {
    let failed = || invalid("Invalid JWK EC key");
    let crv = text(scope, jwk, "crv").ok_or_else(failed)?;
    let nid = CURVES
        .iter()
        .find(|(name, _)| *name == crv)
        .and_then(|(_, name)| curve_nid(name))
        .ok_or_else(|| CryptoError::type_error("ERR_CRYPTO_INVALID_CURVE", "Invalid JWK EC key"))?;
    let group = EcGroup::new(nid)?;
    let length = group.field_length();
    let mut point = vec![4u8];
    for name in ["x", "y"] {
        let number = BigNum::from_bytes(&required(scope, jwk, name, "EC")?)?;
        point.extend(number.to_padded_bytes(length).map_err(|_| failed())?);
    }
    group.point(&point).ok_or_else(failed)?;
    let private = bytes(scope, jwk, "d", "EC")?
        .map(|d| BigNum::from_bytes(&d))
        .transpose()?;
    let is_private = private.is_some();
    let key = ec_key(nid, &point, private).map_err(|_| failed())?;
    Ok(if is_private {
        KeyData::Private(key)
    } else {
        KeyData::Public(key)
    })
}

fn import_okp(scope: &mut v8::PinScope<'_, '_>, jwk: v8::Local<'_, v8::Object>) -> Result<KeyData> {
    let failed = || invalid("Invalid JWK OKP key");
    let name = match text(scope, jwk, "crv").as_deref() {
        Some("Ed25519") => c"ED25519",
        Some("Ed448") => c"ED448",
        Some("X25519") => c"X25519",
        Some("X448") => c"X448",
        _ => {
            return Err(CryptoError::type_error(
                "ERR_CRYPTO_INVALID_CURVE",
                "Unsupported JWK OKP curve",
            ));
        }
    };
    let public = required(scope, jwk, "x", "OKP")?;
    pair(
        name,
        &public,
        bytes(scope, jwk, "d", "OKP")?,
        |seed| Pkey::from_raw(name, seed, true),
        failed,
    )
}

fn import_lattice(
    scope: &mut v8::PinScope<'_, '_>,
    jwk: v8::Local<'_, v8::Object>,
) -> Result<KeyData> {
    let failed = || invalid("Invalid JWK AKP key");
    let alg = text(scope, jwk, "alg")
        .filter(|alg| alg.starts_with("ML-"))
        .ok_or_else(failed)?;
    let name = CString::new(alg).map_err(|_| failed())?;
    let public = required(scope, jwk, "pub", "AKP")?;
    let make = |seed: &[u8]| raw::import(&name.to_string_lossy(), seed, raw::Part::Seed, None).ok();
    pair(
        &name,
        &public,
        bytes(scope, jwk, "priv", "AKP")?,
        make,
        failed,
    )
}

/// The public key, or the private one where it belongs to the public one.
fn pair(
    name: &CStr,
    public: &[u8],
    private: Option<Vec<u8>>,
    make: impl Fn(&[u8]) -> Option<Pkey>,
    failed: impl Fn() -> CryptoError,
) -> Result<KeyData> {
    let Some(private) = private else {
        return Pkey::from_raw(name, public, false)
            .map(KeyData::Public)
            .ok_or_else(failed);
    };
    let key = make(&private).ok_or_else(&failed)?;
    if key.raw_public()? != public {
        return Err(failed());
    }
    Ok(KeyData::Private(key))
}
