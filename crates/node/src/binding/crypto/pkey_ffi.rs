//! Asymmetric keys: their parts and the operations on them.

use std::ffi::{CStr, c_int};

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, clear_errors};
use super::input;
use super::owned_ffi as ffi;
use super::owned_ffi::{BigNum, BigNumCtx, EcGroup, EcPoint, Md, Pkey, PkeyCtx};
use super::params_ffi::ParamList;
use crate::callback::contain_bare;
use crate::threads::interruption;

/// `EVP_PKEY_PUBLIC_KEY`: what `from_data` is to take from the parameters.
pub const PUBLIC: c_int = 0x86;
/// `EVP_PKEY_KEYPAIR`
pub const KEYPAIR: c_int = 0x87;
/// `EVP_PKEY_KEY_PARAMETERS`
pub const PARAMETERS: c_int = 0x84;

impl Pkey {
    /// OpenSSL's name of the type: `RSA`, `EC`, `ED25519`, `ML-DSA-44`.
    pub fn type_name(&self) -> &str {
        // SAFETY: null or a C string that lives as long as the key.
        unsafe {
            let name = ffi::EVP_PKEY_get0_type_name(self.as_ptr());
            if name.is_null() {
                ""
            } else {
                CStr::from_ptr(name).to_str().unwrap_or("")
            }
        }
    }

    /// Whether the type is RSA or RSA-PSS.
    pub fn is_rsa(&self) -> bool {
        matches!(self.type_name(), "RSA" | "RSA-PSS")
    }

    /// Whether signatures are made of the message itself, without a digest of one's choice.
    pub fn is_one_shot(&self) -> bool {
        let name = self.type_name();
        matches!(name, "ED25519" | "ED448")
            || name.starts_with("ML-DSA")
            || name.starts_with("SLH-DSA")
    }

    /// Size of the key in bits.
    pub fn bits(&self) -> usize {
        // SAFETY: the key is live.
        usize::try_from(unsafe { ffi::EVP_PKEY_get_bits(self.as_ptr()) }).unwrap_or(0)
    }

    /// The number called `name`.
    pub fn number(&self, name: &CStr) -> Option<BigNum> {
        let mut number = std::ptr::null_mut();
        // SAFETY: the key is live; a new number is stored.
        let status =
            unsafe { ossl::EVP_PKEY_get_bn_param(self.as_ptr(), name.as_ptr(), &mut number) };
        if status != 1 {
            clear_errors();
            return None;
        }
        // SAFETY: the number is ours now.
        unsafe { BigNum::own(number) }
    }

    /// The byte string called `name`.
    pub fn octets(&self, name: &CStr) -> Option<Vec<u8>> {
        let mut length = 0;
        let key = self.as_ptr();
        // SAFETY: a null buffer asks for the length; then the buffer has that length.
        unsafe {
            if ossl::EVP_PKEY_get_octet_string_param(
                key,
                name.as_ptr(),
                std::ptr::null_mut(),
                0,
                &mut length,
            ) != 1
            {
                clear_errors();
                return None;
            }
            let mut bytes = vec![0; length];
            let status = ossl::EVP_PKEY_get_octet_string_param(
                key,
                name.as_ptr(),
                bytes.as_mut_ptr(),
                length,
                &mut length,
            );
            if status != 1 {
                clear_errors();
                return None;
            }
            bytes.truncate(length);
            Some(bytes)
        }
    }

    /// The string called `name`.
    pub fn text(&self, name: &CStr) -> Option<String> {
        let mut text = [0u8; 128];
        let mut length = 0;
        // SAFETY: the buffer has the length given.
        let status = unsafe {
            ossl::EVP_PKEY_get_utf8_string_param(
                self.as_ptr(),
                name.as_ptr(),
                text.as_mut_ptr().cast(),
                text.len(),
                &mut length,
            )
        };
        if status != 1 {
            clear_errors();
            return None;
        }
        Some(String::from_utf8_lossy(text.get(..length)?).into_owned())
    }

    /// The `int` called `name`.
    pub fn int(&self, name: &CStr) -> Option<i32> {
        let mut value = 0;
        // SAFETY: the key is live.
        if unsafe { ossl::EVP_PKEY_get_int_param(self.as_ptr(), name.as_ptr(), &mut value) } != 1 {
            clear_errors();
            return None;
        }
        Some(value)
    }

    /// The public key of types that have a raw form.
    pub fn raw_public(&self) -> Result<Vec<u8>> {
        let mut length = 0;
        // SAFETY: a null buffer asks for the length; then the buffer has that length.
        unsafe {
            let status =
                ossl::EVP_PKEY_get_raw_public_key(self.as_ptr(), std::ptr::null_mut(), &mut length);
            check(status, "Failed to get raw public key")?;
            let mut bytes = input::buffer(length)?;
            let status =
                ossl::EVP_PKEY_get_raw_public_key(self.as_ptr(), bytes.as_mut_ptr(), &mut length);
            check(status, "Failed to get raw public key")?;
            bytes.truncate(length);
            Ok(bytes)
        }
    }

    /// The private key of types that have a raw form.
    pub fn raw_private(&self) -> Result<Vec<u8>> {
        let mut length = 0;
        // SAFETY: as in `raw_public`.
        unsafe {
            let status = ossl::EVP_PKEY_get_raw_private_key(
                self.as_ptr(),
                std::ptr::null_mut(),
                &mut length,
            );
            check(status, "Failed to get raw private key")?;
            let mut bytes = input::buffer(length)?;
            let status =
                ossl::EVP_PKEY_get_raw_private_key(self.as_ptr(), bytes.as_mut_ptr(), &mut length);
            check(status, "Failed to get raw private key")?;
            bytes.truncate(length);
            Ok(bytes)
        }
    }

    /// A key of a raw public or private key.
    pub fn from_raw(type_name: &CStr, bytes: &[u8], private: bool) -> Option<Pkey> {
        let make = if private {
            ossl::EVP_PKEY_new_raw_private_key_ex
        } else {
            ossl::EVP_PKEY_new_raw_public_key_ex
        };
        // SAFETY: the name is a C string; pointer and length are those of the slice.
        let key = unsafe {
            let null = std::ptr::null_mut();
            Pkey::own(make(
                null,
                type_name.as_ptr(),
                std::ptr::null(),
                bytes.as_ptr(),
                bytes.len(),
            ))
        };
        if key.is_none() {
            clear_errors();
        }
        key
    }

    /// A key of type `type_name` from its parts.
    pub fn from_data(type_name: &CStr, selection: c_int, params: ParamList<'_>) -> Result<Pkey> {
        const FAILED: &str = "Invalid key data";
        let params = params.build()?;
        let context = PkeyCtx::named(type_name)?;
        let mut key = std::ptr::null_mut();
        // SAFETY: context and parameters are live; a new key is stored.
        unsafe {
            check(ossl::EVP_PKEY_fromdata_init(context.as_ptr()), FAILED)?;
            check(
                ossl::EVP_PKEY_fromdata(context.as_ptr(), &mut key, selection, params.as_ptr()),
                FAILED,
            )?;
            Pkey::own(key).ok_or_else(|| CryptoError::capture(FAILED))
        }
    }

    /// Whether both are the same key, as far as the public part tells.
    pub fn same_as(&self, other: &Pkey) -> bool {
        // SAFETY: both are live.
        let same = unsafe { ossl::EVP_PKEY_eq(self.as_ptr(), other.as_ptr()) } == 1;
        clear_errors();
        same
    }

    /// Whether the public part is a valid key.
    pub fn is_valid_public(&self) -> bool {
        let Ok(context) = PkeyCtx::new(self) else {
            return false;
        };
        // SAFETY: the context is live.
        let valid = unsafe { ossl::EVP_PKEY_public_check(context.as_ptr()) } == 1;
        clear_errors();
        valid
    }
}

impl PkeyCtx {
    /// An operation with `key`.
    pub fn new(key: &Pkey) -> Result<PkeyCtx> {
        // SAFETY: the key is live; the context keeps its own reference.
        unsafe { PkeyCtx::own(ossl::EVP_PKEY_CTX_new(key.as_ptr(), std::ptr::null_mut())) }
            .ok_or_else(|| CryptoError::capture("Failed to create a key context"))
    }

    /// An operation for keys of type `type_name`.
    pub fn named(type_name: &CStr) -> Result<PkeyCtx> {
        // SAFETY: the name is a C string; null is the default context.
        unsafe {
            PkeyCtx::own(ossl::EVP_PKEY_CTX_new_from_name(
                std::ptr::null_mut(),
                type_name.as_ptr(),
                std::ptr::null(),
            ))
        }
        .ok_or_else(|| CryptoError::capture("Unsupported key type"))
    }

    /// An operation for keys of the type with number `id`.
    pub fn numbered(id: c_int) -> Result<PkeyCtx> {
        // SAFETY: any number may be asked for.
        unsafe { PkeyCtx::own(ossl::EVP_PKEY_CTX_new_id(id, std::ptr::null_mut())) }
            .ok_or_else(|| CryptoError::capture("Unsupported key type"))
    }

    /// Has a generation of keys or parameters give up when the program is ended.
    pub fn give_up_when_ended(&self) {
        unsafe extern "C" fn goes_on(_: *mut ossl::EVP_PKEY_CTX) -> c_int {
            contain_bare(interruption::is_requested).map_or(0, |ends| c_int::from(!ends))
        }
        // SAFETY: the context is live.
        unsafe { ffi::EVP_PKEY_CTX_set_cb(self.as_ptr(), goes_on) };
    }

    /// Generates a key; the context has been set up for it.
    pub fn generate(&self) -> Result<Pkey> {
        const FAILED: &str = "Key generation job failed";
        let mut key = std::ptr::null_mut();
        self.give_up_when_ended();
        // SAFETY: the context is live; a new key is stored.
        unsafe {
            check(ossl::EVP_PKEY_keygen(self.as_ptr(), &mut key), FAILED)?;
            Pkey::own(key).ok_or_else(|| CryptoError::capture(FAILED))
        }
    }

    /// The shared secret of two keys.
    pub fn derive(private: &Pkey, public: &Pkey) -> Result<Vec<u8>> {
        const FAILED: &str = "Deriving bits failed";
        let context = PkeyCtx::new(private)?;
        let mut length = 0;
        // SAFETY: context and keys are live; a null buffer asks for the length, then the buffer has that length.
        unsafe {
            check(ossl::EVP_PKEY_derive_init(context.as_ptr()), FAILED)?;
            check(
                ossl::EVP_PKEY_derive_set_peer(context.as_ptr(), public.as_ptr()),
                FAILED,
            )?;
            check(
                ossl::EVP_PKEY_derive(context.as_ptr(), std::ptr::null_mut(), &mut length),
                FAILED,
            )?;
            let mut secret = input::buffer(length)?;
            check(
                ossl::EVP_PKEY_derive(context.as_ptr(), secret.as_mut_ptr(), &mut length),
                FAILED,
            )?;
            // A Diffie-Hellman secret may be shorter than the prime: Node keeps its length by leading zeros.
            let missing = secret.len() - length.min(secret.len());
            secret.rotate_right(missing);
            Ok(secret)
        }
    }

    /// Sets RSA padding, and the salt length of PSS.
    pub fn set_rsa_padding(
        &self,
        key: &Pkey,
        padding: c_int,
        salt_length: Option<c_int>,
    ) -> Result<()> {
        const FAILED: &str = "Invalid padding";
        /// `RSA_PKCS1_PSS_PADDING`
        const PSS: c_int = 6;
        if !key.is_rsa() {
            return Ok(());
        }
        // SAFETY: the context is live.
        unsafe {
            check(
                ossl::EVP_PKEY_CTX_set_rsa_padding(self.as_ptr(), padding),
                FAILED,
            )?;
            if padding == PSS
                && let Some(length) = salt_length
            {
                check(
                    ossl::EVP_PKEY_CTX_set_rsa_pss_saltlen(self.as_ptr(), length),
                    FAILED,
                )?;
            }
        }
        Ok(())
    }

    /// Sets the digest whose output is signed.
    pub fn set_signature_md(&self, md: &Md) -> Result<()> {
        check(
            // SAFETY: context and algorithm are live.
            unsafe { ossl::EVP_PKEY_CTX_set_signature_md(self.as_ptr(), md.as_ptr()) },
            "Invalid digest",
        )
    }
}

/// The number of the curve `name`; NIST's names are known too.
pub fn curve_nid(name: &str) -> Option<c_int> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: the name is a C string.
    let nid = unsafe {
        match ffi::EC_curve_nist2nid(name.as_ptr()) {
            0 => ossl::OBJ_sn2nid(name.as_ptr()),
            nid => nid,
        }
    };
    (nid != 0 && EcGroup::new(nid).is_ok()).then_some(nid)
}

/// The short name of object `nid`.
pub fn short_name(nid: c_int) -> Option<&'static CStr> {
    // SAFETY: null or a static C string.
    unsafe {
        let name = ossl::OBJ_nid2sn(nid);
        if name.is_null() {
            None
        } else {
            Some(CStr::from_ptr(name))
        }
    }
}

impl EcGroup {
    /// The curve `nid`.
    pub fn new(nid: c_int) -> Result<EcGroup> {
        // SAFETY: any number may be asked for.
        let group = unsafe { EcGroup::own(ossl::EC_GROUP_new_by_curve_name(nid)) };
        group.ok_or_else(|| {
            clear_errors();
            CryptoError::type_error("ERR_CRYPTO_INVALID_CURVE", "Invalid EC curve name")
        })
    }

    /// Bytes of a field element.
    pub fn field_length(&self) -> usize {
        // SAFETY: the group is live.
        usize::try_from(unsafe { ossl::EC_GROUP_get_degree(self.as_ptr()) })
            .unwrap_or(0)
            .div_ceil(8)
    }

    /// The order of the generator.
    pub fn order(&self) -> Result<BigNum> {
        let order = BigNum::zero()?;
        let context = BigNumCtx::new()?;
        check(
            // SAFETY: all are live.
            unsafe { ossl::EC_GROUP_get_order(self.as_ptr(), order.as_ptr(), context.as_ptr()) },
            "Failed to get the order",
        )?;
        Ok(order)
    }

    /// Bytes of a private key.
    pub fn order_length(&self) -> Result<usize> {
        Ok(self.order()?.byte_length())
    }

    /// The point that `bytes` encode, if it is one of the curve.
    pub fn point(&self, bytes: &[u8]) -> Option<EcPoint> {
        let context = BigNumCtx::new().ok()?;
        // SAFETY: all are live; pointer and length are those of the slice.
        unsafe {
            let point = EcPoint::own(ossl::EC_POINT_new(self.as_ptr()))?;
            let status = ossl::EC_POINT_oct2point(
                self.as_ptr(),
                point.as_ptr(),
                bytes.as_ptr(),
                bytes.len(),
                context.as_ptr(),
            );
            clear_errors();
            (status == 1).then_some(point)
        }
    }

    /// The public point of the private key `private`.
    pub fn public_of(&self, private: &BigNum) -> Result<EcPoint> {
        let context = BigNumCtx::new()?;
        // SAFETY: all are live; without a second point only the generator is multiplied.
        unsafe {
            let point = EcPoint::own(ossl::EC_POINT_new(self.as_ptr()))
                .ok_or_else(CryptoError::out_of_memory)?;
            let status = ossl::EC_POINT_mul(
                self.as_ptr(),
                point.as_ptr(),
                private.as_ptr(),
                std::ptr::null(),
                std::ptr::null(),
                context.as_ptr(),
            );
            check(status, "Failed to compute the public key")?;
            Ok(point)
        }
    }

    /// The bytes of `point` in `form`: 2 compressed, 4 uncompressed, 6 hybrid.
    pub fn encode(&self, point: &EcPoint, form: u32) -> Result<Vec<u8>> {
        const FAILED: &str = "Failed to encode the point";
        use ossl::point_conversion_form_t as Form;
        let form = match form {
            2 => Form::POINT_CONVERSION_COMPRESSED,
            6 => Form::POINT_CONVERSION_HYBRID,
            _ => Form::POINT_CONVERSION_UNCOMPRESSED,
        };
        let context = BigNumCtx::new()?;
        // SAFETY: all are live; a null buffer asks for the length, then the buffer has that length.
        unsafe {
            let (group, point, context) = (self.as_ptr(), point.as_ptr(), context.as_ptr());
            let length =
                ossl::EC_POINT_point2oct(group, point, form, std::ptr::null_mut(), 0, context);
            if length == 0 {
                return Err(CryptoError::capture(FAILED));
            }
            let mut bytes = input::buffer(length)?;
            let written =
                ossl::EC_POINT_point2oct(group, point, form, bytes.as_mut_ptr(), length, context);
            if written == length {
                Ok(bytes)
            } else {
                Err(CryptoError::capture(FAILED))
            }
        }
    }
}

/// A key of the curve `nid` from its public point, and the private number if there is one.
pub fn ec_key(nid: c_int, public: &[u8], private: Option<BigNum>) -> Result<Pkey> {
    let name = short_name(nid).ok_or_else(|| input::invalid("namedCurve", "a known curve"))?;
    let mut params = ParamList::new()?;
    params.utf8(c"group", name.to_bytes())?;
    params.octets(c"pub", public)?;
    let selection = if private.is_some() { KEYPAIR } else { PUBLIC };
    if let Some(private) = private {
        params.number(c"priv", private)?;
    }
    Pkey::from_data(c"EC", selection, params)
}
