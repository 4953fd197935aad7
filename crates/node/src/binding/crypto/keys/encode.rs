//! Keys as PEM and DER. Follows `KeyObjectData::ToEncodedPublicKey` and `ToEncodedPrivateKey` in Node's
//! `src/crypto/crypto_keys.cc`.

use openssl_sys as ossl;

use super::parse::Structure;
use super::{KeyData, Pkey};
use crate::binding::crypto::error::{CryptoError, Result, check};
use crate::binding::crypto::owned_ffi::{Bio, Cipher};
use crate::binding::crypto::{cipher_ffi, input, owned_ffi as ffi};
use crate::callback::{Args, Scope};
use crate::js::{convert, exception};

/// Numbers of `kKeyFormat*`.
pub mod format {
    pub const DER: u32 = 0;
    pub const PEM: u32 = 1;
    pub const JWK: u32 = 2;
    pub const RAW_PUBLIC: u32 = 3;
    pub const RAW_PRIVATE: u32 = 4;
    pub const RAW_SEED: u32 = 5;
}

/// How a key is to come out.
pub struct Encoding {
    /// `None` for a `KeyObjectHandle`.
    pub format: Option<u32>,
    /// The structure, or the point form of a raw public key.
    pub kind: Option<u32>,
    /// What encrypts a private key, and with which phrase.
    pub encryption: Option<(Cipher, Vec<u8>)>,
}

/// Reads `format, type` at `index`.
pub fn public_encoding(scope: Scope, args: &Args, index: i32) -> Result<Encoding> {
    let number = |scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>, name| {
        if value.is_null_or_undefined() {
            Ok(None)
        } else {
            input::uint32(scope, value, name).map(Some)
        }
    };
    let format = number(scope, args.get(index), "format")?;
    let kind = number(scope, args.get(index + 1), "type")?;
    Ok(Encoding {
        format,
        kind,
        encryption: None,
    })
}

/// Reads `format, type, cipher, passphrase` at `index`.
pub fn private_encoding(scope: Scope, args: &Args, index: i32) -> Result<Encoding> {
    let mut encoding = public_encoding(scope, args, index)?;
    if let Some(name) = input::optional_string(scope, args.get(index + 2), "cipher")? {
        let cipher = cipher_ffi::cipher(&name)?;
        let phrase =
            input::optional_bytes(scope, args.get(index + 3), "passphrase")?.unwrap_or_default();
        encoding.encryption = Some((cipher, phrase));
    }
    Ok(encoding)
}

/// The key in the form asked for; `None` leaves an exception pending.
pub fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    data: KeyData,
    encoding: &Encoding,
) -> Option<v8::Local<'s, v8::Value>> {
    let Some(format) = encoding.format else {
        return super::handle::create(scope, data).map(Into::into);
    };
    let result = match (format, &data) {
        (format::JWK, _) => {
            let target = v8::Object::new(scope);
            super::jwk::export(scope, &data, target, false).map(|()| target.into())
        }
        (_, KeyData::Secret(bytes)) => Ok(convert::buffer(scope, bytes.to_vec())),
        (format::RAW_PUBLIC, KeyData::Public(key) | KeyData::Private(key)) => {
            super::raw::public(key, encoding.kind.unwrap_or(4))
                .map(|bytes| convert::buffer(scope, bytes))
        }
        (format::RAW_PRIVATE, KeyData::Private(key)) => {
            super::raw::private(key).map(|bytes| convert::buffer(scope, bytes))
        }
        (format::RAW_SEED, KeyData::Private(key)) => {
            super::raw::seed(key).map(|bytes| convert::buffer(scope, bytes))
        }
        (format::DER | format::PEM, KeyData::Public(key)) => {
            write_public(key, encoding).map(|bytes| text_or_buffer(scope, format, bytes))
        }
        (format::DER | format::PEM, KeyData::Private(key)) => {
            write_private(key, encoding).map(|bytes| text_or_buffer(scope, format, bytes))
        }
        _ => Err(input::invalid("format", "a format of the key's type")),
    };
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            error.throw(scope);
            None
        }
    }
}

fn text_or_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    format: u32,
    bytes: Vec<u8>,
) -> v8::Local<'s, v8::Value> {
    if format == format::PEM {
        exception::string(scope, &String::from_utf8_lossy(&bytes)).into()
    } else {
        convert::buffer(scope, bytes)
    }
}

fn structure(encoding: &Encoding) -> Result<Structure> {
    encoding
        .kind
        .and_then(Structure::from_number)
        .ok_or_else(|| input::invalid("type", "a key structure"))
}

fn write_public(key: &Pkey, encoding: &Encoding) -> Result<Vec<u8>> {
    const FAILED: &str = "Failed to encode public key";
    let bio = Bio::memory()?;
    let pem = encoding.format == Some(format::PEM);
    // SAFETY: stream and key are live.
    unsafe {
        match structure(encoding)? {
            Structure::Pkcs1 => {
                if key.type_name() != "RSA" {
                    return Err(CryptoError::operation_failed(FAILED));
                }
                let mut der = std::ptr::null_mut();
                let length = ffi::i2d_PublicKey(key.as_ptr(), &mut der);
                check(length, FAILED)?;
                let bytes =
                    std::slice::from_raw_parts(der, usize::try_from(length).unwrap_or(0)).to_vec();
                ossl::CRYPTO_free(der.cast(), c"".as_ptr(), 0);
                if !pem {
                    return Ok(bytes);
                }
                let name = c"RSA PUBLIC KEY".as_ptr();
                check(
                    ffi::PEM_write_bio(
                        bio.as_ptr(),
                        name,
                        c"".as_ptr(),
                        bytes.as_ptr(),
                        length.into(),
                    ),
                    FAILED,
                )?;
            }
            Structure::Spki if pem => check(
                ossl::PEM_write_bio_PUBKEY(bio.as_ptr(), key.as_ptr()),
                FAILED,
            )?,
            Structure::Spki => check(ossl::i2d_PUBKEY_bio(bio.as_ptr(), key.as_ptr()), FAILED)?,
            _ => return Err(input::invalid("type", "a structure of public keys")),
        }
    }
    Ok(bio.contents())
}

fn write_private(key: &Pkey, encoding: &Encoding) -> Result<Vec<u8>> {
    const FAILED: &str = "Failed to encode private key";
    let bio = Bio::memory()?;
    let pem = encoding.format == Some(format::PEM);
    let (cipher, phrase, length) = match &encoding.encryption {
        // An empty phrase is still one: null would mean that OpenSSL asks for it.
        Some((cipher, phrase)) => {
            let pointer = if phrase.is_empty() {
                c"".as_ptr().cast()
            } else {
                phrase.as_ptr()
            };
            (
                cipher.as_ptr().cast_const(),
                pointer,
                ffi::int(phrase.len()).ok_or_else(CryptoError::out_of_memory)?,
            )
        }
        None => (std::ptr::null(), std::ptr::null(), 0),
    };
    let structure = structure(encoding)?;
    match structure {
        Structure::Pkcs1 if key.type_name() != "RSA" => {
            return Err(CryptoError::operation_failed(FAILED));
        }
        Structure::Sec1 if key.type_name() != "EC" => {
            return Err(CryptoError::operation_failed(FAILED));
        }
        _ => {}
    }
    let null = std::ptr::null_mut();
    // SAFETY: stream, key and cipher are live; pointer and length are those of the phrase.
    let status = unsafe {
        match (structure, pem) {
            (Structure::Pkcs8, true) => ossl::PEM_write_bio_PKCS8PrivateKey(
                bio.as_ptr(),
                key.as_ptr(),
                cipher,
                phrase.cast_mut().cast(),
                length,
                None,
                null,
            ),
            (Structure::Pkcs8, false) => ossl::i2d_PKCS8PrivateKey_bio(
                bio.as_ptr(),
                key.as_ptr(),
                cipher,
                phrase.cast_mut().cast(),
                length,
                None,
                null,
            ),
            (Structure::Pkcs1 | Structure::Sec1, true) => {
                ffi::PEM_write_bio_PrivateKey_traditional(
                    bio.as_ptr(),
                    key.as_ptr(),
                    cipher,
                    phrase,
                    length,
                    None,
                    null,
                )
            }
            (Structure::Pkcs1 | Structure::Sec1, false) => {
                let mut der = std::ptr::null_mut();
                let length = ossl::i2d_PrivateKey(key.as_ptr(), &mut der);
                if length > 0 {
                    ossl::BIO_write(bio.as_ptr(), der.cast(), length);
                    ffi::OPENSSL_cleanse(der.cast(), usize::try_from(length).unwrap_or(0));
                    ossl::CRYPTO_free(der.cast(), c"".as_ptr(), 0);
                }
                length
            }
            (Structure::Spki, _) => {
                return Err(input::invalid("type", "a structure of private keys"));
            }
        }
    };
    check(status, FAILED)?;
    Ok(bio.contents())
}
