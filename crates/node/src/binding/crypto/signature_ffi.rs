//! Making and checking signatures.

use std::ffi::c_int;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, clear_errors};
use super::input;
use super::keys::{Pkey, raw};
use super::owned_ffi::{BigNum, DsaSig, EcdsaSig, Md, MdCtx, PkeyCtx};
use super::params_ffi::ParamList;

const FAILED: &str = "PEM_read_bio_PrivateKey failed";
/// `RSA_PKCS1_PADDING`
const PKCS1: c_int = 1;
/// `RSA_PKCS1_PSS_PADDING`
const PSS: c_int = 6;

/// How to sign.
#[derive(Clone, Copy)]
pub struct Options {
    /// RSA padding.
    pub padding: c_int,
    /// Salt length of PSS.
    pub salt_length: Option<c_int>,
    /// Whether (EC)DSA signatures are r and s side by side (IEEE P1363) rather than DER.
    pub p1363: bool,
}

/// The padding of a key where none is asked for.
pub fn default_padding(key: &Pkey) -> c_int {
    if key.type_name() == "RSA-PSS" {
        PSS
    } else {
        PKCS1
    }
}

/// The signature of a digest.
pub fn sign_digest(key: &Pkey, md: &Md, digest: &[u8], options: Options) -> Result<Vec<u8>> {
    let context = PkeyCtx::new(key)?;
    let mut length = 0;
    // SAFETY: the context is live; a null buffer asks for the length, then the buffer has that length.
    unsafe {
        let ctx = context.as_ptr();
        check(ossl::EVP_PKEY_sign_init(ctx), FAILED)?;
        context.set_rsa_padding(key, options.padding, options.salt_length)?;
        context.set_signature_md(md)?;
        check(
            ossl::EVP_PKEY_sign(
                ctx,
                std::ptr::null_mut(),
                &mut length,
                digest.as_ptr(),
                digest.len(),
            ),
            FAILED,
        )?;
        let mut signature = input::buffer(length)?;
        let status = ossl::EVP_PKEY_sign(
            ctx,
            signature.as_mut_ptr(),
            &mut length,
            digest.as_ptr(),
            digest.len(),
        );
        check(status, FAILED)?;
        signature.truncate(length);
        outgoing(key, signature, options)
    }
}

/// Whether `signature` is one of the digest.
pub fn verify_digest(
    key: &Pkey,
    md: &Md,
    digest: &[u8],
    signature: &[u8],
    options: Options,
) -> Result<bool> {
    let Some(signature) = incoming(key, signature, options)? else {
        return Ok(false);
    };
    let context = PkeyCtx::new(key)?;
    // SAFETY: the context is live; pointers come with the length of their slice.
    let status = unsafe {
        let ctx = context.as_ptr();
        check(ossl::EVP_PKEY_verify_init(ctx), FAILED)?;
        context.set_rsa_padding(key, options.padding, options.salt_length)?;
        context.set_signature_md(md)?;
        ossl::EVP_PKEY_verify(
            ctx,
            signature.as_ptr(),
            signature.len(),
            digest.as_ptr(),
            digest.len(),
        )
    };
    clear_errors();
    Ok(status == 1)
}

/// Sets up `context` for the message form of a signature.
fn prepare(
    context: &MdCtx,
    key: &Pkey,
    md: Option<&Md>,
    options: Options,
    context_string: Option<&[u8]>,
    verify: bool,
) -> Result<()> {
    let mut operation = std::ptr::null_mut();
    let init = if verify {
        ossl::EVP_DigestVerifyInit
    } else {
        ossl::EVP_DigestSignInit
    };
    let md = md.map_or(std::ptr::null(), |md| md.as_ptr().cast_const());
    // SAFETY: all are live; the operation belongs to the context.
    unsafe {
        check(
            init(
                context.as_ptr(),
                &mut operation,
                md,
                std::ptr::null_mut(),
                key.as_ptr(),
            ),
            FAILED,
        )?;
        if key.is_rsa() {
            check(
                ossl::EVP_PKEY_CTX_set_rsa_padding(operation, options.padding),
                FAILED,
            )?;
            if options.padding == PSS
                && let Some(length) = options.salt_length
            {
                check(
                    ossl::EVP_PKEY_CTX_set_rsa_pss_saltlen(operation, length),
                    FAILED,
                )?;
            }
        }
        if let Some(string) = context_string.filter(|string| !string.is_empty()) {
            if !key.is_one_shot() || key.type_name() == "ED25519" {
                return Err(CryptoError::operation_failed(
                    "Context parameter is unsupported",
                ));
            }
            let mut params = ParamList::new()?;
            params.octets(c"context-string", string)?;
            let params = params.build()?;
            check(
                ossl::EVP_PKEY_CTX_set_params(operation, params.as_ptr()),
                FAILED,
            )?;
        }
    }
    Ok(())
}

/// The signature of a message.
pub fn sign(
    key: &Pkey,
    md: Option<&Md>,
    data: &[u8],
    options: Options,
    context_string: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let context = MdCtx::empty()?;
    prepare(
        &context,
        key,
        md.filter(|_| !key.is_one_shot()),
        options,
        context_string,
        false,
    )?;
    let mut length = 0;
    // SAFETY: a null buffer asks for the length, then the buffer has that length.
    unsafe {
        let ctx = context.as_ptr();
        check(
            ossl::EVP_DigestSign(
                ctx,
                std::ptr::null_mut(),
                &mut length,
                data.as_ptr(),
                data.len(),
            ),
            FAILED,
        )?;
        let mut signature = input::buffer(length)?;
        check(
            ossl::EVP_DigestSign(
                ctx,
                signature.as_mut_ptr(),
                &mut length,
                data.as_ptr(),
                data.len(),
            ),
            FAILED,
        )?;
        signature.truncate(length);
        outgoing(key, signature, options)
    }
}

/// Whether `signature` is one of the message.
pub fn verify(
    key: &Pkey,
    md: Option<&Md>,
    data: &[u8],
    signature: &[u8],
    options: Options,
    context_string: Option<&[u8]>,
) -> Result<bool> {
    let Some(signature) = incoming(key, signature, options)? else {
        return Ok(false);
    };
    let context = MdCtx::empty()?;
    prepare(
        &context,
        key,
        md.filter(|_| !key.is_one_shot()),
        options,
        context_string,
        true,
    )?;
    // SAFETY: pointers come with the length of their slice.
    let status = unsafe {
        let (signature, length) = (signature.as_ptr(), signature.len());
        ossl::EVP_DigestVerify(
            context.as_ptr(),
            signature,
            length,
            data.as_ptr(),
            data.len(),
        )
    };
    clear_errors();
    Ok(status == 1)
}

/// Bytes of r and of s; `None` for keys whose signatures are not such a pair.
fn half_length(key: &Pkey) -> Result<Option<usize>> {
    match key.type_name() {
        "EC" => Ok(Some(raw::curve(key)?.1.order_length()?)),
        "DSA" => Ok(key.number(c"q").map(|q| q.byte_length())),
        _ => Ok(None),
    }
}

/// A signature as OpenSSL makes it, in the form asked for.
fn outgoing(key: &Pkey, signature: Vec<u8>, options: Options) -> Result<Vec<u8>> {
    let Some(length) = half_length(key)?.filter(|_| options.p1363) else {
        return Ok(signature);
    };
    let malformed = || CryptoError::operation_failed("Malformed signature");
    let mut pointer = signature.as_ptr();
    let der_length = signature.len().try_into().map_err(|_| malformed())?;
    // SAFETY: pointer and length are those of the vector; the numbers handed out are copied.
    let (r, s) = unsafe {
        let (mut r, mut s) = (std::ptr::null(), std::ptr::null());
        if key.type_name() == "EC" {
            let pair = EcdsaSig::own(ossl::d2i_ECDSA_SIG(
                std::ptr::null_mut(),
                &mut pointer,
                der_length,
            ))
            .ok_or_else(malformed)?;
            ossl::ECDSA_SIG_get0(pair.as_ptr(), &mut r, &mut s);
            (BigNum::copy_of(r), BigNum::copy_of(s))
        } else {
            let pair = DsaSig::own(ossl::d2i_DSA_SIG(
                std::ptr::null_mut(),
                &mut pointer,
                der_length,
            ))
            .ok_or_else(malformed)?;
            ossl::DSA_SIG_get0(pair.as_ptr(), &mut r, &mut s);
            (BigNum::copy_of(r), BigNum::copy_of(s))
        }
    };
    let (Some(r), Some(s)) = (r, s) else {
        return Err(malformed());
    };
    let mut bytes = r.to_padded_bytes(length)?;
    bytes.extend(s.to_padded_bytes(length)?);
    Ok(bytes)
}

/// A signature as OpenSSL wants it; `None` where it can be none.
fn incoming(key: &Pkey, signature: &[u8], options: Options) -> Result<Option<Vec<u8>>> {
    let Some(length) = half_length(key)?.filter(|_| options.p1363) else {
        return Ok(Some(signature.to_vec()));
    };
    if signature.len() != length * 2 {
        return Ok(None);
    }
    let (r, s) = signature.split_at(length);
    let integer = |bytes: &[u8]| {
        // DER: no leading zeros but one where the number would look negative.
        let start = bytes
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(bytes.len().saturating_sub(1));
        let mut content = bytes[start..].to_vec();
        if content.first().is_none_or(|first| first & 0x80 != 0) {
            content.insert(0, 0);
        }
        let mut der = vec![2];
        der.extend(der_length(content.len()));
        der.extend(content);
        der
    };
    let mut content = integer(r);
    content.extend(integer(s));
    let mut der = vec![0x30];
    der.extend(der_length(content.len()));
    der.extend(content);
    Ok(Some(der))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "each byte is taken out of the length"
)]
fn der_length(length: usize) -> Vec<u8> {
    match length {
        0..=0x7f => vec![length as u8],
        0x80..=0xff => vec![0x81, length as u8],
        _ => vec![0x82, (length >> 8) as u8, length as u8],
    }
}
