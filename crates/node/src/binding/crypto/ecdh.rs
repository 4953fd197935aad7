//! `ECDH`, `ECDHConvertKey` and `getCurves`. Follows Node's `src/crypto/crypto_ec.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use super::error::{CryptoError, Result};
use super::hash::string_array;
use super::input::{self, attempt};
use super::owned_ffi as ffi;
use super::owned_ffi::{BigNum, EcGroup, PkeyCtx};
use super::pkey_ffi::{curve_nid, ec_key, short_name};
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception, wrap};

/// Declares the class and functions.
pub fn define(definition: &mut Definition) {
    definition
        .class("ECDH", new_ecdh)
        .method("generateKeys", generate_keys)
        .method("computeSecret", compute_secret)
        .method("getPublicKey", get_public_key)
        .method("getPrivateKey", get_private_key)
        .method("setPublicKey", set_public_key)
        .method("setPrivateKey", set_private_key);
    definition
        .function("ECDHConvertKey", convert_key)
        .function("getCurves", get_curves);
}

struct Ecdh {
    nid: i32,
    group: EcGroup,
    /// The public point, uncompressed.
    public: RefCell<Option<Vec<u8>>>,
    private: RefCell<Option<Vec<u8>>>,
}

fn curve(name: &str) -> Result<(i32, EcGroup)> {
    let invalid = || CryptoError::type_error("ERR_CRYPTO_INVALID_CURVE", "Invalid EC curve name");
    let nid = curve_nid(name).ok_or_else(invalid)?;
    Ok((nid, EcGroup::new(nid)?))
}

/// `new ECDH(curve)`
fn new_ecdh(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "ECDH is made with new");
    }
    let name = attempt!(scope, input::string(scope, args.get(0), "curve"));
    let (nid, group) = attempt!(scope, curve(&name));
    wrap::wrap(
        scope,
        args.this(),
        Ecdh {
            nid,
            group,
            public: RefCell::default(),
            private: RefCell::default(),
        },
    );
}

fn unwrap(scope: Scope, args: &Args) -> Result<Rc<Ecdh>> {
    wrap::unwrap::<Ecdh>(scope, args.this().into()).ok_or_else(|| input::invalid("this", "an ECDH"))
}

impl Ecdh {
    fn generate(&self) -> Result<()> {
        let order = self.group.order()?;
        let length = order.byte_length();
        // Uniform in 1..order by rejection.
        loop {
            let mut bytes = input::buffer(length)?;
            super::random::fill(&mut bytes)?;
            let unused = length * 8 - usize::try_from(order.bits()).unwrap_or(0);
            if let Some(first) = bytes.first_mut() {
                *first &= 0xffu8 >> unused.min(7);
            }
            let number = BigNum::from_bytes(&bytes)?;
            if !number.is_zero() && number.compare(&order).is_lt() {
                return self.set_private(number);
            }
        }
    }

    fn set_private(&self, number: BigNum) -> Result<()> {
        let public = self.group.encode(&self.group.public_of(&number)?, 4)?;
        *self.private.borrow_mut() = Some(number.to_bytes()?);
        *self.public.borrow_mut() = Some(public);
        Ok(())
    }

    /// `None` where `other` is no point of the curve.
    fn compute(&self, other: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(point) = self.group.point(other) else {
            return Ok(None);
        };
        let invalid = || CryptoError::range_error("ERR_CRYPTO_INVALID_KEYPAIR", "Invalid key pair");
        let private = self.private.borrow().clone().ok_or_else(invalid)?;
        let number = BigNum::from_bytes(&private)?;
        let own = self.group.encode(&self.group.public_of(&number)?, 4)?;
        if self.public.borrow().as_ref() != Some(&own) {
            return Err(invalid());
        }
        let private = ec_key(self.nid, &own, Some(number))?;
        let public = ec_key(self.nid, &self.group.encode(&point, 4)?, None)?;
        PkeyCtx::derive(&private, &public).map(Some)
    }
}

fn generate_keys(scope: Scope, args: Args, _rv: Return) {
    let ecdh = attempt!(scope, unwrap(scope, &args));
    attempt!(scope, ecdh.generate());
}

/// The empty string stands for a bad public key.
fn compute_secret(scope: Scope, args: Args, mut rv: Return) {
    let ecdh = attempt!(scope, unwrap(scope, &args));
    let other = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    match attempt!(scope, ecdh.compute(&other)) {
        Some(secret) => rv.set(convert::buffer(scope, secret)),
        None => rv.set_empty_string(),
    }
}

/// `getPublicKey(form)`
fn get_public_key(scope: Scope, args: Args, mut rv: Return) {
    let ecdh = attempt!(scope, unwrap(scope, &args));
    let form = attempt!(scope, input::uint32(scope, args.get(0), "form"));
    let failed = || CryptoError::operation_failed("Failed to get ECDH public key");
    let public = attempt!(scope, ecdh.public.borrow().clone().ok_or_else(failed));
    let point = attempt!(scope, ecdh.group.point(&public).ok_or_else(failed));
    let bytes = attempt!(scope, ecdh.group.encode(&point, form));
    rv.set(convert::buffer(scope, bytes));
}

fn get_private_key(scope: Scope, args: Args, mut rv: Return) {
    let ecdh = attempt!(scope, unwrap(scope, &args));
    let failed = || CryptoError::operation_failed("Failed to get ECDH private key");
    let private = attempt!(scope, ecdh.private.borrow().clone().ok_or_else(failed));
    rv.set(convert::buffer(scope, private));
}

fn set_public_key(scope: Scope, args: Args, _rv: Return) {
    let ecdh = attempt!(scope, unwrap(scope, &args));
    let bytes = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    let point = attempt!(scope, ecdh.group.point(&bytes).ok_or_else(no_point));
    let public = attempt!(scope, ecdh.group.encode(&point, 4));
    *ecdh.public.borrow_mut() = Some(public);
}

fn no_point() -> CryptoError {
    CryptoError::operation_failed("Failed to convert Buffer to EC_POINT")
}

fn set_private_key(scope: Scope, args: Args, _rv: Return) {
    let ecdh = attempt!(scope, unwrap(scope, &args));
    let bytes = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    let number = attempt!(scope, BigNum::from_bytes(&bytes));
    let order = attempt!(scope, ecdh.group.order());
    if number.is_zero() || number.compare(&order).is_ge() {
        let message = "Private key is not valid for specified curve.";
        return CryptoError::range_error("ERR_CRYPTO_INVALID_KEYTYPE", message).throw(scope);
    }
    attempt!(scope, ecdh.set_private(number));
}

/// `ECDHConvertKey(key, curve, form)`
fn convert_key(scope: Scope, args: Args, mut rv: Return) {
    let bytes = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    if bytes.is_empty() {
        return rv.set_empty_string();
    }
    let name = attempt!(scope, input::string(scope, args.get(1), "curve"));
    let (_, group) = attempt!(scope, curve(&name));
    let form = attempt!(scope, input::uint32(scope, args.get(2), "form"));
    let point = attempt!(scope, group.point(&bytes).ok_or_else(no_point));
    let bytes = attempt!(scope, group.encode(&point, form));
    rv.set(convert::buffer(scope, bytes));
}

fn get_curves(scope: Scope, _args: Args, mut rv: Return) {
    // SAFETY: a null buffer asks for the number; then the buffer has room for that many.
    let curves = unsafe {
        let count = ffi::EC_get_builtin_curves(std::ptr::null_mut(), 0);
        let mut curves = vec![
            ffi::BuiltinCurve {
                nid: 0,
                comment: std::ptr::null()
            };
            count
        ];
        ffi::EC_get_builtin_curves(curves.as_mut_ptr(), count);
        curves
    };
    let names: Vec<String> = curves
        .iter()
        .filter_map(|curve| short_name(curve.nid))
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    rv.set(string_array(scope, &names).into());
}
