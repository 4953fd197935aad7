//! Asymmetric keys as functions take them: `data, format, type, passphrase, namedCurve`. Follows
//! `KeyObjectData::GetPublicOrPrivateKeyFromJs` and `GetPrivateKeyFromJs` in Node's `src/crypto/crypto_keys.cc`.

use super::encode::format;
use super::parse::{self, Structure};
use super::raw::{self, Part};
use super::{KeyData, KeyObjectHandle, Pkey, jwk};
use crate::binding::crypto::error::{CryptoError, Result};
use crate::binding::crypto::input;
use crate::callback::{Args, Scope};
use crate::js::wrap;

/// How many arguments a key takes.
pub const COUNT: i32 = 5;

/// The key at `index`, public or private.
pub fn public_or_private(scope: Scope, args: &Args, index: i32) -> Result<KeyData> {
    read(scope, args, index, false)
}

/// The private key at `index`.
pub fn private(scope: Scope, args: &Args, index: i32) -> Result<Pkey> {
    match read(scope, args, index, true)? {
        KeyData::Private(key) => Ok(key),
        _ => Err(input::invalid("key", "a private key")),
    }
}

/// The key at `index` for what needs the public part only.
pub fn any(scope: Scope, args: &Args, index: i32) -> Result<Pkey> {
    match read(scope, args, index, false)? {
        KeyData::Private(key) | KeyData::Public(key) => Ok(key),
        KeyData::Secret(_) => Err(input::invalid("key", "an asymmetric key")),
    }
}

fn read(scope: Scope, args: &Args, index: i32, private: bool) -> Result<KeyData> {
    let value = args.get(index);
    if let Some(handle) = wrap::unwrap::<KeyObjectHandle>(scope, value) {
        return match handle.data() {
            Some(data @ (KeyData::Public(_) | KeyData::Private(_))) => Ok(data),
            _ => Err(input::invalid("key", "an asymmetric key")),
        };
    }
    let format = match args.get(index + 1) {
        format if format.is_null_or_undefined() => format::PEM,
        format => input::uint32(scope, format, "format")?,
    };
    match format {
        format::JWK => {
            let object = value
                .try_cast()
                .map_err(|_| input::invalid("key", "a JWK object"))?;
            match jwk::import(scope, object)? {
                KeyData::Public(_) if private => Err(CryptoError::type_error(
                    "ERR_CRYPTO_INVALID_JWK",
                    "Invalid JWK private key",
                )),
                data => Ok(data),
            }
        }
        format::RAW_PUBLIC | format::RAW_PRIVATE | format::RAW_SEED => {
            let part = match format {
                format::RAW_PUBLIC => Part::Public,
                format::RAW_PRIVATE => Part::Private,
                _ => Part::Seed,
            };
            let name = input::string(scope, args.get(index + 2), "asymmetricKeyType")?;
            let curve = input::optional_string(scope, args.get(index + 4), "namedCurve")?;
            let bytes = input::bytes(scope, value, "key")?;
            let key = raw::import(&name, &bytes, part, curve.as_deref())?;
            Ok(if part == Part::Public {
                KeyData::Public(key)
            } else {
                KeyData::Private(key)
            })
        }
        format::DER | format::PEM => {
            let structure = match args.get(index + 2) {
                kind if kind.is_null_or_undefined() => None,
                kind => Structure::from_number(input::uint32(scope, kind, "type")?),
            };
            let phrase = input::optional_bytes(scope, args.get(index + 3), "passphrase")?;
            let bytes = input::bytes(scope, value, "key")?;
            encoded(&bytes, format == format::PEM, structure, phrase, private)
        }
        _ => Err(CryptoError::error(
            "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
            "Keys in stores are not available in this VM",
        )),
    }
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "as the arguments of the call have them"
)]
fn encoded(
    bytes: &[u8],
    pem: bool,
    structure: Option<Structure>,
    phrase: Option<Vec<u8>>,
    private: bool,
) -> Result<KeyData> {
    if pem {
        if !private && let Some(key) = parse::public_pem(bytes)? {
            return Ok(KeyData::Public(key));
        }
        return parse::private_pem(bytes, phrase).map(KeyData::Private);
    }
    let structure = structure.ok_or_else(|| input::invalid("type", "a key structure"))?;
    let is_public = match structure {
        Structure::Pkcs1 => !parse::is_rsa_private(bytes),
        Structure::Spki => true,
        Structure::Pkcs8 | Structure::Sec1 => false,
    };
    if is_public && !private {
        return parse::public_der(bytes, structure).map(KeyData::Public);
    }
    parse::private_der(bytes, structure, phrase).map(KeyData::Private)
}
