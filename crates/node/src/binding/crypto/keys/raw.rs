//! Keys as bare bytes. Follows `KeyObjectHandle::Raw*` in Node's `src/crypto/crypto_keys.cc`.

use std::ffi::CString;

use super::Pkey;
use crate::binding::crypto::error::{CryptoError, Result};
use crate::binding::crypto::input;
use crate::binding::crypto::owned_ffi::{BigNum, EcGroup};
use crate::binding::crypto::pkey_ffi::{curve_nid, ec_key};

/// The curve of an elliptic-curve key.
pub fn curve(key: &Pkey) -> Result<(i32, EcGroup)> {
    let nid = key
        .text(c"group")
        .and_then(|name| curve_nid(&name))
        .ok_or_else(|| CryptoError::operation_failed("The key is not of a named curve"))?;
    Ok((nid, EcGroup::new(nid)?))
}

/// The public key; `form` is that of points.
pub fn public(key: &Pkey, form: u32) -> Result<Vec<u8>> {
    match key.type_name() {
        "EC" => {
            let (_, group) = curve(key)?;
            let bytes = key
                .octets(c"pub")
                .ok_or_else(|| CryptoError::operation_failed("No public key"))?;
            let point = group
                .point(&bytes)
                .ok_or_else(|| CryptoError::operation_failed("Invalid public key"))?;
            group.encode(&point, form)
        }
        name if has_raw_form(name) => key.raw_public(),
        _ => Err(unsupported()),
    }
}

/// The private key.
pub fn private(key: &Pkey) -> Result<Vec<u8>> {
    match key.type_name() {
        "EC" => {
            let (_, group) = curve(key)?;
            let number = key
                .number(c"priv")
                .ok_or_else(|| CryptoError::operation_failed("No private key"))?;
            number.to_padded_bytes(group.order_length()?)
        }
        name if has_raw_form(name) && !name.starts_with("ML-") => key.raw_private(),
        _ => Err(unsupported()),
    }
}

/// The seed of a key of the lattice schemes.
pub fn seed(key: &Pkey) -> Result<Vec<u8>> {
    if !key.type_name().starts_with("ML-") {
        return Err(unsupported());
    }
    key.octets(c"seed")
        .ok_or_else(|| CryptoError::operation_failed("Failed to get raw seed"))
}

fn has_raw_form(name: &str) -> bool {
    matches!(name, "ED25519" | "ED448" | "X25519" | "X448")
        || name.starts_with("ML-")
        || name.starts_with("SLH-")
}

fn unsupported() -> CryptoError {
    CryptoError::error(
        "ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS",
        "The selected key encoding is incompatible with the key type",
    )
}

/// What the bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// A public key.
    Public,
    /// A private key.
    Private,
    /// A seed.
    Seed,
}

/// The key of Node's type `name` in `bytes`.
pub fn import(name: &str, bytes: &[u8], part: Part, named_curve: Option<&str>) -> Result<Pkey> {
    let failed = || CryptoError::type_error("ERR_INVALID_ARG_VALUE", "Invalid key data");
    if name == "ec" {
        let nid = named_curve.and_then(curve_nid).ok_or_else(|| {
            CryptoError::type_error("ERR_CRYPTO_INVALID_CURVE", "Invalid EC curve name")
        })?;
        let group = EcGroup::new(nid)?;
        return match part {
            Part::Public => {
                group.point(bytes).ok_or_else(failed)?;
                ec_key(nid, bytes, None)
            }
            Part::Private => {
                if bytes.len() != group.order_length()? {
                    return Err(failed());
                }
                let number = BigNum::from_bytes(bytes)?;
                let order = group.order()?;
                if number.is_zero() || number.compare(&order).is_ge() {
                    return Err(failed());
                }
                let public = group.encode(&group.public_of(&number)?, 4)?;
                ec_key(nid, &public, Some(number))
            }
            Part::Seed => Err(unsupported()),
        };
    }
    let upper = name.to_ascii_uppercase();
    let type_name = CString::new(upper.as_str())
        .map_err(|_| input::invalid("asymmetricKeyType", "a key type"))?;
    if !has_raw_form(&upper) {
        return Err(CryptoError::type_error(
            "ERR_INVALID_ARG_VALUE",
            format!("Invalid asymmetricKeyType: {name}"),
        ));
    }
    let lattice = upper.starts_with("ML-");
    match part {
        Part::Seed if lattice => {
            let length = if upper.starts_with("ML-KEM") { 64 } else { 32 };
            if bytes.len() != length {
                return Err(failed());
            }
            let mut params = crate::binding::crypto::params_ffi::ParamList::new()?;
            params.octets(c"seed", bytes)?;
            Pkey::from_data(
                &type_name,
                crate::binding::crypto::pkey_ffi::KEYPAIR,
                params,
            )
        }
        Part::Private if lattice => Err(unsupported()),
        Part::Seed => Err(unsupported()),
        Part::Private => Pkey::from_raw(&type_name, bytes, true).ok_or_else(failed),
        Part::Public => Pkey::from_raw(&type_name, bytes, false).ok_or_else(failed),
    }
}
