//! Certificates as plain objects, as TLS shows those of its peers. Follows Node's `src/crypto/crypto_x509.cc`
//! (`X509ToObject`).

use std::ffi::{CStr, c_int};

use openssl_sys as ossl;

use super::error::Result;
use super::hash::string_array;
use super::owned_ffi::{Pkey, X509};
use super::pkey_ffi::short_name;
use super::x509::hash_text;
use crate::js::exception::string;
use crate::js::{convert, exception};

/// What TLS shows of `certificate`.
pub fn create<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    certificate: &X509,
) -> Result<v8::Local<'s, v8::Object>> {
    let object = v8::Object::new(scope);
    // SAFETY: the names belong to the certificate.
    let (subject, issuer) = unsafe {
        (
            name_object(scope, ossl::X509_get_subject_name(certificate.as_ptr())),
            name_object(scope, ossl::X509_get_issuer_name(certificate.as_ptr())),
        )
    };
    convert::set(scope, object, "subject", subject.into());
    convert::set(scope, object, "issuer", issuer.into());
    let names = certificate.alternative_names()?;
    set_text(scope, object, "subjectaltname", names.as_deref());
    let access = certificate.extension_text(ossl::NID_info_access)?;
    set_text(scope, object, "infoAccess", access.as_deref());
    let is_ca = v8::Boolean::new(scope, certificate.is_ca()).into();
    convert::set(scope, object, "ca", is_ca);
    let key = certificate.public_key().ok();
    set_key(scope, object, key.as_ref());
    set_text(
        scope,
        object,
        "valid_from",
        Some(&certificate.time_text(false)?),
    );
    set_text(
        scope,
        object,
        "valid_to",
        Some(&certificate.time_text(true)?),
    );
    for (property, digest) in [
        ("fingerprint", "sha1"),
        ("fingerprint256", "sha256"),
        ("fingerprint512", "sha512"),
    ] {
        let text = hash_text(certificate, digest)?;
        set_text(scope, object, property, text.as_deref());
    }
    let usage = match certificate.extended_key_usage() {
        Some(names) => string_array(scope, &names).into(),
        None => v8::undefined(scope).into(),
    };
    convert::set(scope, object, "ext_key_usage", usage);
    set_text(
        scope,
        object,
        "serialNumber",
        Some(&certificate.serial_number()?),
    );
    let raw = convert::buffer(scope, certificate.der()?);
    convert::set(scope, object, "raw", raw);
    set_curve(scope, object, key.as_ref());
    Ok(object)
}

fn set_text(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: &'static str,
    text: Option<&str>,
) {
    let value = match text {
        Some(text) => string(scope, text).into(),
        None => v8::undefined(scope).into(),
    };
    convert::set(scope, object, key, value);
}

/// What of the key depends on its type; the properties are always there.
fn set_key(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: Option<&Pkey>,
) {
    let rsa = key.filter(|key| key.is_rsa());
    let digits = |name: &CStr| {
        let bytes = rsa?.number(name)?.to_bytes().ok()?;
        Some(
            bytes
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect::<String>(),
        )
    };
    set_text(scope, object, "modulus", digits(c"n").as_deref());
    let exponent = digits(c"e").map(|digits| {
        let digits = digits.trim_start_matches('0').to_ascii_lowercase();
        format!("0x{digits}")
    });
    set_text(scope, object, "exponent", exponent.as_deref());
    let elliptic = key.filter(|key| key.type_name() == "EC");
    let bytes = match (rsa, elliptic) {
        (Some(key), _) => spki(key),
        (None, Some(key)) => key.octets(c"pub"),
        (None, None) => None,
    };
    let bits: v8::Local<v8::Value> = match (rsa.or(elliptic), bytes.is_some()) {
        (Some(key), true) => v8::Number::new(scope, key.bits() as f64).into(),
        _ => v8::undefined(scope).into(),
    };
    let public = match bytes {
        Some(bytes) => convert::buffer(scope, bytes),
        None => v8::undefined(scope).into(),
    };
    convert::set(scope, object, "pubkey", public);
    convert::set(scope, object, "bits", bits);
}

fn spki(key: &Pkey) -> Option<Vec<u8>> {
    let bio = super::owned_ffi::Bio::memory().ok()?;
    // SAFETY: both are live.
    let status = unsafe { ossl::i2d_PUBKEY_bio(bio.as_ptr(), key.as_ptr()) };
    (status == 1).then(|| bio.contents())
}

/// Names of the curve of an elliptic key, where they have one.
fn set_curve(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: Option<&Pkey>,
) {
    let group = key
        .filter(|key| key.type_name() == "EC")
        .and_then(|key| key.text(c"group"));
    // NIST's name of a curve, by OpenSSL's.
    let nist = group.as_deref().and_then(|group| match group {
        "prime192v1" => Some("P-192"),
        "secp224r1" => Some("P-224"),
        "prime256v1" => Some("P-256"),
        "secp384r1" => Some("P-384"),
        "secp521r1" => Some("P-521"),
        _ => None,
    });
    set_text(scope, object, "asn1Curve", group.as_deref());
    set_text(scope, object, "nistCurve", nist);
}

/// The parts of a name by their short names; a list where there are several of a kind.
///
/// # Safety
/// `name` is null or live.
unsafe fn name_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: *const ossl::X509_NAME,
) -> v8::Local<'s, v8::Object> {
    let object = convert::null_prototype_object(scope);
    if name.is_null() {
        return object;
    }
    // SAFETY: the name is live, and so are its entries.
    let count = unsafe { ossl::X509_NAME_entry_count(name) };
    for index in 0..count {
        // SAFETY: as above.
        let Some((key, value)) = (unsafe { entry(name, index) }) else {
            continue;
        };
        let key: v8::Local<v8::Value> = exception::string(scope, &key).into();
        let value: v8::Local<v8::Value> = exception::string(scope, &value).into();
        match object.get(scope, key) {
            Some(present) if present.is_array() => {
                if let Ok(list) = v8::Local::<v8::Array>::try_from(present) {
                    list.set_index(scope, list.length(), value);
                }
            }
            Some(present) if !present.is_undefined() => {
                let list = v8::Array::new_with_elements(scope, &[present, value]);
                object.set(scope, key, list.into());
            }
            _ => {
                object.set(scope, key, value);
            }
        }
    }
    object
}

/// Name and text of a part of a name.
///
/// # Safety
/// `name` is live.
unsafe fn entry(name: *const ossl::X509_NAME, index: c_int) -> Option<(String, String)> {
    // SAFETY: the entry belongs to the name; the buffers have the lengths given, and the text is freed after the copy.
    unsafe {
        let entry = ossl::X509_NAME_get_entry(name, index);
        if entry.is_null() {
            return None;
        }
        let object = ossl::X509_NAME_ENTRY_get_object(entry);
        let key = match ossl::OBJ_obj2nid(object) {
            0 => {
                let mut text = [0u8; 80];
                let length = c_int::try_from(text.len()).unwrap_or(0);
                ossl::OBJ_obj2txt(text.as_mut_ptr().cast(), length, object, 1);
                CStr::from_bytes_until_nul(&text)
                    .ok()?
                    .to_string_lossy()
                    .into_owned()
            }
            nid => short_name(nid)?.to_string_lossy().into_owned(),
        };
        let mut text = std::ptr::null_mut();
        let length = ossl::ASN1_STRING_to_UTF8(&mut text, ossl::X509_NAME_ENTRY_get_data(entry));
        let length = usize::try_from(length).ok()?;
        let value = std::slice::from_raw_parts(text, length);
        let value = String::from_utf8_lossy(value).into_owned();
        ossl::CRYPTO_free(text.cast(), c"".as_ptr(), 0);
        Some((key, value))
    }
}
