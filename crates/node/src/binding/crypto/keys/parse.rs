//! Keys from PEM and DER. Follows `EVPKeyPointer::TryParse*` in Node's `deps/ncrypto/ncrypto.cc`.

use std::ffi::{CStr, c_char, c_int, c_void};

use openssl_sys as ossl;

use super::Pkey;
use crate::binding::crypto::error::{CryptoError, Result, clear_errors};
use crate::binding::crypto::owned_ffi::{Bio, Pkcs8, X509};
use crate::binding::crypto::{input, owned_ffi as ffi};

/// `kKeyEncoding*`: the structure around a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Structure {
    /// PKCS#1, of RSA keys.
    Pkcs1,
    /// PKCS#8, of private keys.
    Pkcs8,
    /// SubjectPublicKeyInfo.
    Spki,
    /// SEC1, of private keys of elliptic curves.
    Sec1,
}

impl Structure {
    /// The structure with Node's number `number`.
    pub fn from_number(number: u32) -> Option<Structure> {
        Some(match number {
            0 => Structure::Pkcs1,
            1 => Structure::Pkcs8,
            2 => Structure::Spki,
            3 => Structure::Sec1,
            _ => return None,
        })
    }
}

/// A private key failed to parse.
pub const PRIVATE_FAILED: &str = "Failed to read private key";
/// A key failed to parse.
pub const FAILED: &str = "Failed to read asymmetric key";

impl Bio {
    /// A stream that reads a copy of `bytes`.
    pub fn reading(bytes: &[u8]) -> Result<Bio> {
        let bio = Bio::memory()?;
        let length = ffi::int(bytes.len()).ok_or_else(CryptoError::out_of_memory)?;
        // SAFETY: pointer and length are those of the slice.
        let written = unsafe { ossl::BIO_write(bio.as_ptr(), bytes.as_ptr().cast(), length) };
        if written == length || length == 0 {
            Ok(bio)
        } else {
            Err(CryptoError::out_of_memory())
        }
    }

    /// An empty buffer.
    pub fn memory() -> Result<Bio> {
        // SAFETY: the method is static.
        unsafe { Bio::own(ossl::BIO_new(ossl::BIO_s_mem())) }.ok_or_else(CryptoError::out_of_memory)
    }

    /// What has been written to it, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.contents()).into_owned()
    }

    /// What has been written to it.
    pub fn contents(&self) -> Vec<u8> {
        let mut data: *mut c_char = std::ptr::null_mut();
        // SAFETY: the stream is a memory buffer: its data are valid until it is written again.
        unsafe {
            let length =
                usize::try_from(ossl::BIO_get_mem_data(self.as_ptr(), &mut data)).unwrap_or(0);
            if data.is_null() || length == 0 {
                return Vec::new();
            }
            std::slice::from_raw_parts(data.cast::<u8>(), length).to_vec()
        }
    }
}

/// Gives OpenSSL the pass phrase; without one it fails instead of asking a terminal.
///
/// # Safety
/// `user` points at an `Option<Vec<u8>>`.
unsafe extern "C" fn password(
    buffer: *mut c_char,
    size: c_int,
    _writing: c_int,
    user: *mut c_void,
) -> c_int {
    // SAFETY: by the contract.
    let Some(Some(phrase)) = (unsafe { user.cast::<Option<Vec<u8>>>().as_ref() }) else {
        return -1;
    };
    match (ffi::int(phrase.len()), usize::try_from(size)) {
        (Some(length), Ok(size)) if phrase.len() <= size => {
            // SAFETY: the buffer has `size` bytes, and the phrase is not longer.
            unsafe { std::ptr::copy_nonoverlapping(phrase.as_ptr(), buffer.cast(), phrase.len()) };
            length
        }
        _ => -1,
    }
}

/// The content of the first PEM block of kind `name`.
fn pem_block(pem: &[u8], name: &CStr) -> Option<Vec<u8>> {
    let bio = Bio::reading(pem).ok()?;
    let (mut data, mut length) = (std::ptr::null_mut(), 0);
    let mut phrase: Option<Vec<u8>> = None;
    // SAFETY: all pointers are valid; the data become ours and are freed after the copy.
    unsafe {
        let status = ffi::PEM_bytes_read_bio(
            &mut data,
            &mut length,
            std::ptr::null_mut(),
            name.as_ptr(),
            bio.as_ptr(),
            Some(password),
            (&raw mut phrase).cast(),
        );
        if status != 1 || data.is_null() {
            return None;
        }
        let bytes = std::slice::from_raw_parts(data, usize::try_from(length).unwrap_or(0)).to_vec();
        ossl::CRYPTO_free(data.cast(), c"".as_ptr(), 0);
        Some(bytes)
    }
}

/// The public key in a PEM text; `Ok(None)` where it holds no public key at all.
pub fn public_pem(pem: &[u8]) -> Result<Option<Pkey>> {
    type Read = fn(&[u8]) -> Option<Pkey>;
    let kinds: [(&CStr, Read); 3] = [
        (c"PUBLIC KEY", spki),
        (c"RSA PUBLIC KEY", pkcs1_public),
        (c"CERTIFICATE", certificate),
    ];
    for (name, read) in kinds {
        if let Some(der) = pem_block(pem, name) {
            return read(&der)
                .map(Some)
                .ok_or_else(|| CryptoError::capture(FAILED).peeked());
        }
        clear_errors();
    }
    Ok(None)
}

fn spki(der: &[u8]) -> Option<Pkey> {
    let mut pointer = der.as_ptr();
    // SAFETY: pointer and length are those of the slice.
    unsafe {
        Pkey::own(ossl::d2i_PUBKEY(
            std::ptr::null_mut(),
            &mut pointer,
            der.len().try_into().ok()?,
        ))
    }
}

fn pkcs1_public(der: &[u8]) -> Option<Pkey> {
    let mut pointer = der.as_ptr();
    let length = der.len().try_into().ok()?;
    // SAFETY: as in `spki`.
    unsafe {
        Pkey::own(ffi::d2i_PublicKey(
            ossl::EVP_PKEY_RSA,
            std::ptr::null_mut(),
            &mut pointer,
            length,
        ))
    }
}

fn certificate(der: &[u8]) -> Option<Pkey> {
    let mut pointer = der.as_ptr();
    // SAFETY: as in `spki`; the key has its own reference.
    unsafe {
        let certificate = X509::own(ossl::d2i_X509(
            std::ptr::null_mut(),
            &mut pointer,
            der.len().try_into().ok()?,
        ))?;
        Pkey::own(ossl::X509_get_pubkey(certificate.as_ptr()))
    }
}

/// The public key in `der`.
pub fn public_der(der: &[u8], structure: Structure) -> Result<Pkey> {
    let key = match structure {
        Structure::Pkcs1 => pkcs1_public(der),
        _ => spki(der),
    };
    key.ok_or_else(|| CryptoError::capture(FAILED).unnamed())
}

/// The private key in a PEM text.
pub fn private_pem(pem: &[u8], mut phrase: Option<Vec<u8>>) -> Result<Pkey> {
    let key = read_private_pem(pem, &mut phrase)?;
    clear_on_success(key, phrase.is_some())
}

/// As OpenSSL reads it; what is wrong with a key that is none is among its errors.
pub fn read_private_pem(pem: &[u8], phrase: &mut Option<Vec<u8>>) -> Result<Option<Pkey>> {
    let bio = Bio::reading(pem)?;
    // SAFETY: the callback gets the pointer to the phrase, which outlives the call.
    Ok(unsafe {
        Pkey::own(ossl::PEM_read_bio_PrivateKey(
            bio.as_ptr(),
            std::ptr::null_mut(),
            Some(password),
            std::ptr::from_mut(phrase).cast(),
        ))
    })
}

/// The private key in `der`.
pub fn private_der(der: &[u8], structure: Structure, phrase: Option<Vec<u8>>) -> Result<Pkey> {
    let mut phrase = phrase;
    let length = der
        .len()
        .try_into()
        .map_err(|_| CryptoError::out_of_memory())?;
    let mut pointer = der.as_ptr();
    let kind = if structure == Structure::Sec1 {
        ossl::EVP_PKEY_EC
    } else {
        ossl::EVP_PKEY_RSA
    };
    // SAFETY: pointer and length are those of the slice; the callback gets the phrase, which outlives the call.
    let key = unsafe {
        match structure {
            Structure::Pkcs1 | Structure::Sec1 => Pkey::own(ffi::d2i_PrivateKey(
                kind,
                std::ptr::null_mut(),
                &mut pointer,
                length,
            )),
            Structure::Spki => return Err(input::invalid("type", "a structure of private keys")),
            Structure::Pkcs8 if is_encrypted(der) => {
                let bio = Bio::reading(der)?;
                let null = std::ptr::null_mut();
                Pkey::own(ossl::d2i_PKCS8PrivateKey_bio(
                    bio.as_ptr(),
                    null,
                    Some(password),
                    (&raw mut phrase).cast(),
                ))
            }
            Structure::Pkcs8 => {
                let bio = Bio::reading(der)?;
                Pkcs8::own(ffi::d2i_PKCS8_PRIV_KEY_INFO_bio(
                    bio.as_ptr(),
                    std::ptr::null_mut(),
                ))
                .and_then(|info| Pkey::own(ossl::EVP_PKCS82PKEY(info.as_ptr())))
            }
        }
    };
    clear_on_success(key, phrase.is_some())
}

fn clear_on_success(key: Option<Pkey>, had_phrase: bool) -> Result<Pkey> {
    /// `PEM_R_BAD_PASSWORD_READ` of the PEM library.
    const BAD_PASSWORD_READ: u64 = crate::binding::crypto::error::pack(9, 104);
    match key {
        Some(key) => {
            clear_errors();
            Ok(key)
        }
        None => match CryptoError::capture(PRIVATE_FAILED) {
            CryptoError::OpenSsl(codes, _)
                if !had_phrase && codes.first() == Some(&BAD_PASSWORD_READ) =>
            {
                Err(CryptoError::type_error(
                    "ERR_MISSING_PASSPHRASE",
                    "Passphrase required for encrypted key",
                ))
            }
            error => Err(error.peeked()),
        },
    }
}

/// Length of a DER sequence's header; `None` where `der` is none.
fn sequence(der: &[u8]) -> Option<usize> {
    if *der.first()? != 0x30 {
        return None;
    }
    let length = *der.get(1)?;
    Some(if length & 0x80 == 0 {
        2
    } else {
        2 + usize::from(length & 0x7f)
    })
}

/// Whether a PKCS#8 structure is an EncryptedPrivateKeyInfo: its first member is a sequence, not a version.
fn is_encrypted(der: &[u8]) -> bool {
    sequence(der)
        .and_then(|start| der.get(start))
        .is_some_and(|tag| *tag != 2)
}

/// Whether a PKCS#1 structure is a private key: it starts with the version 0 or 1.
pub fn is_rsa_private(der: &[u8]) -> bool {
    sequence(der)
        .and_then(|start| der.get(start..start + 3))
        .is_some_and(|version| version[0] == 2 && version[1] == 1 && version[2] & 0xfe == 0)
}
