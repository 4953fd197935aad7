//! What JavaScript asks of a connection.

use std::ffi::{c_int, c_long};

use openssl_sys as ossl;

use super::connection::TlsWrap;
use super::{callbacks, receiver, server_names};
use crate::binding::crypto::error::{CryptoError, Result, clear_errors};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::crypto::owned_ffi::{Pkey, Ssl, X509};
use crate::binding::crypto::{certificate_object, tls_ffi, x509};
use crate::callback::{Args, Return, Scope};
use crate::js::class::ClassDefinition;
use crate::js::{convert, exception};

/// A value for JavaScript, or undefined.
type Answer<'s> = Option<v8::Local<'s, v8::Value>>;

/// Adds the methods of this module.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .getter("writeQueueSize", write_queue_size)
        .method("getServername", get_servername)
        .method("exportKeyingMaterial", export_keying_material)
        .method("isSessionReused", is_session_reused)
        .method("getALPNNegotiatedProtocol", get_alpn_negotiated_protocol)
        .method("getCertificate", get_certificate)
        .method("getX509Certificate", get_x509_certificate)
        .method("getPeerCertificate", get_peer_certificate)
        .method("getPeerX509Certificate", get_peer_x509_certificate)
        .method("getCipher", get_cipher)
        .method("getEphemeralKeyInfo", get_ephemeral_key_info)
        .method("getFinished", get_finished)
        .method("getPeerFinished", get_peer_finished)
        .method("getProtocol", get_protocol)
        .method("getSession", get_session)
        .method("getSharedSigalgs", get_shared_sigalgs)
        .method("getTLSTicket", get_tls_ticket)
        .method("verifyError", verify_error);
}

/// Answers from a connection that is not destroyed; undefined of one that is.
fn answer<'s>(
    scope: Scope<'_, 's, '_>,
    args: &Args,
    rv: &mut Return,
    fact: impl FnOnce(Scope<'_, 's, '_>, &TlsWrap, &Ssl) -> Result<Answer<'s>>,
) {
    let Some(wrap) = receiver(scope, args) else {
        return;
    };
    let Some(ssl) = wrap.ssl() else { return };
    let value = fact(scope, &wrap, &ssl);
    let value = attempt!(scope, value);
    if let Some(value) = value {
        rv.set(value);
    }
}

fn write_queue_size(scope: Scope, args: Args, mut rv: Return) {
    let size = receiver(scope, &args).map_or(0, |wrap| wrap.queue_size());
    rv.set_double(size as f64);
}

/// The name, or false.
fn get_servername(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        // SAFETY: the connection is held.
        let name = unsafe { server_names::server_name_of(ssl.as_ptr()) };
        Ok(Some(match name {
            Some(name) => exception::string(scope, &name).into(),
            None => v8::Boolean::new(scope, false).into(),
        }))
    });
}

/// `exportKeyingMaterial(length, label[, context])`
fn export_keying_material(scope: Scope, args: Args, mut rv: Return) {
    let length = attempt!(scope, input::length(scope, args.get(0), "length"));
    let label = attempt!(scope, input::string(scope, args.get(1), "label"));
    let context = attempt!(scope, input::optional_bytes(scope, args.get(2), "context"));
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        let mut material = input::buffer(length)?;
        let bytes = context.as_deref().unwrap_or_default();
        clear_errors();
        // SAFETY: pointers and lengths are those of the buffers.
        let status = unsafe {
            ossl::SSL_export_keying_material(
                ssl.as_ptr(),
                material.as_mut_ptr(),
                material.len(),
                label.as_ptr().cast(),
                label.len(),
                bytes.as_ptr(),
                bytes.len(),
                c_int::from(context.is_some()),
            )
        };
        if status != 1 {
            return Err(CryptoError::capture("SSL_export_keying_material"));
        }
        Ok(Some(convert::buffer(scope, material)))
    });
}

fn is_session_reused(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        // SAFETY: the connection is held.
        let reused = unsafe { ossl::SSL_session_reused(ssl.as_ptr()) } == 1;
        Ok(Some(v8::Boolean::new(scope, reused).into()))
    });
}

/// The protocol, or false.
fn get_alpn_negotiated_protocol(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        let (mut data, mut length) = (std::ptr::null(), 0);
        // SAFETY: the bytes belong to the connection, which is held.
        let protocol = unsafe {
            ossl::SSL_get0_alpn_selected(ssl.as_ptr(), &mut data, &mut length);
            if data.is_null() || length == 0 {
                None
            } else {
                let length = usize::try_from(length).unwrap_or(0);
                Some(std::slice::from_raw_parts(data, length).to_vec())
            }
        };
        Ok(Some(match protocol {
            Some(protocol) => {
                let text =
                    v8::String::new_from_one_byte(scope, &protocol, v8::NewStringType::Normal);
                match text {
                    Some(text) => text.into(),
                    None => return Ok(None),
                }
            }
            None => v8::Boolean::new(scope, false).into(),
        }))
    });
}

/// The certificate that the connection shows.
fn own_certificate(ssl: &Ssl) -> Option<X509> {
    // SAFETY: the certificate belongs to the connection; the reference is given to the new owner.
    unsafe {
        let certificate = ossl::SSL_get_certificate(ssl.as_ptr());
        if certificate.is_null() {
            return None;
        }
        ossl::X509_up_ref(certificate);
        X509::own(certificate)
    }
}

/// What the peer sent, its own certificate first. A server has that apart from the chain.
fn peer_certificates(wrap: &TlsWrap, ssl: &Ssl) -> Vec<X509> {
    // SAFETY: the chain belongs to the connection; the certificate has a reference of its own.
    unsafe {
        let mut certificates = Vec::new();
        if wrap.is_server {
            certificates.extend(X509::own(ossl::SSL_get1_peer_certificate(ssl.as_ptr())));
        }
        let chain = ossl::SSL_get_peer_cert_chain(ssl.as_ptr());
        certificates.extend(tls_ffi::certificates(chain.cast()));
        certificates
    }
}

fn get_certificate(scope: Scope, args: Args, mut rv: Return) {
    answer(
        scope,
        &args,
        &mut rv,
        |scope, _, ssl| match own_certificate(ssl) {
            Some(certificate) => Ok(Some(
                certificate_object::create(scope, &certificate)?.into(),
            )),
            None => Ok(None),
        },
    );
}

fn get_x509_certificate(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        let Some(certificate) = own_certificate(ssl) else {
            return Ok(None);
        };
        Ok(x509::create_with_chain(scope, &[certificate]).map(Into::into))
    });
}

fn get_peer_x509_certificate(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, wrap, ssl| {
        let chain = peer_certificates(wrap, ssl);
        Ok(x509::create_with_chain(scope, &chain).map(Into::into))
    });
}

/// `getPeerCertificate(detailed)`
fn get_peer_certificate(scope: Scope, args: Args, mut rv: Return) {
    let detailed = args.get(0).is_true();
    answer(scope, &args, &mut rv, |scope, wrap, ssl| {
        let mut certificates = peer_certificates(wrap, ssl);
        if certificates.is_empty() {
            return Ok(None);
        }
        let certificate = certificates.remove(0);
        let object = certificate_object::create(scope, &certificate)?;
        if detailed {
            let context = wrap.issuers();
            let find = |certificate: &X509| context.as_ref()?.issuer(certificate);
            add_issuers(scope, certificate, object, certificates, find)?;
        }
        Ok(Some(object.into()))
    });
}

/// Chains the issuers by `issuerCertificate`: those that the peer sent, then those that are trusted. One that issued itself
/// is its own.
fn add_issuers<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    mut certificate: X509,
    mut object: v8::Local<'s, v8::Object>,
    mut sent: Vec<X509>,
    find: impl Fn(&X509) -> Option<X509>,
) -> Result<()> {
    /// Longer chains are not verified either.
    const DEEPEST: usize = 100;
    for _ in 0..DEEPEST {
        let place = sent
            .iter()
            .position(|above| certificate.is_issued_by(above));
        let above = match place {
            Some(place) => sent.remove(place),
            None if certificate.is_issued_by(&certificate) => {
                convert::set(scope, object, "issuerCertificate", object.into());
                return Ok(());
            }
            None => match find(&certificate) {
                Some(above) => above,
                None => return Ok(()),
            },
        };
        let issuer = certificate_object::create(scope, &above)?;
        convert::set(scope, object, "issuerCertificate", issuer.into());
        object = issuer;
        // One that did not allow itself to issue, and is found as its own issuer all the same.
        if place.is_none() && above.as_ptr() == certificate.as_ptr() {
            return Ok(());
        }
        certificate = above;
    }
    Ok(())
}

fn get_cipher(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        let info = v8::Object::new(scope);
        // SAFETY: the cipher is static, and so are its names.
        let names = unsafe {
            let cipher = ossl::SSL_get_current_cipher(ssl.as_ptr());
            if cipher.is_null() {
                return Ok(Some(info.into()));
            }
            [
                ("name", tls_ffi::text(ossl::SSL_CIPHER_get_name(cipher))),
                (
                    "standardName",
                    tls_ffi::text(ossl::SSL_CIPHER_standard_name(cipher)),
                ),
                (
                    "version",
                    tls_ffi::text(ossl::SSL_CIPHER_get_version(cipher)),
                ),
            ]
        };
        for (key, name) in names {
            let name = exception::string(scope, &name.unwrap_or_default()).into();
            convert::set(scope, info, key, name);
        }
        Ok(Some(info.into()))
    });
}

/// The key that the server made for this connection; null at the server.
fn get_ephemeral_key_info(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, wrap, ssl| {
        if wrap.is_server {
            return Ok(Some(v8::null(scope).into()));
        }
        let info = v8::Object::new(scope);
        let mut key = std::ptr::null_mut();
        // SAFETY: the key has a reference of its own.
        let key = unsafe {
            ossl::SSL_get_peer_tmp_key(ssl.as_ptr(), &mut key);
            Pkey::own(key)
        };
        clear_errors();
        let size = key.as_ref().map(|key| key.bits() as f64);
        let described = key.as_ref().and_then(|key| match key.type_name() {
            "DH" | "DHX" => Some(("DH", None, size)),
            "EC" => Some(("ECDH", key.text(c"group"), size)),
            name @ ("X25519" | "X448") => Some(("ECDH", Some(name.to_owned()), size)),
            _ => None,
        });
        if let Some((kind, name, size)) = described.or_else(|| group(ssl)) {
            let kind = exception::string(scope, kind).into();
            convert::set(scope, info, "type", kind);
            if let Some(name) = name {
                let name = exception::string(scope, &name).into();
                convert::set(scope, info, "name", name);
            }
            let size = match size {
                Some(size) => v8::Number::new(scope, size).into(),
                None => v8::undefined(scope).into(),
            };
            convert::set(scope, info, "size", size);
        }
        Ok(Some(info.into()))
    });
}

/// What is told of a key agreement that has no single key: kind, name of the group, size.
fn group(ssl: &Ssl) -> Option<(&'static str, Option<String>, Option<f64>)> {
    // SAFETY: the connection is held; null or a static string.
    let name = unsafe { tls_ffi::text(ossl::SSL_get0_group_name(ssl.as_ptr())) };
    clear_errors();
    name.map(|name| ("TLSGroup", Some(name), None))
}

type Finished = unsafe extern "C" fn(*const ossl::SSL, *mut std::ffi::c_void, usize) -> usize;

fn finished<'s>(scope: &mut v8::PinScope<'s, '_>, ssl: &Ssl, read: Finished) -> Answer<'s> {
    let mut message = [0u8; 128];
    // SAFETY: pointer and length are those of the array; the whole length is returned.
    let length = unsafe { read(ssl.as_ptr(), message.as_mut_ptr().cast(), message.len()) };
    let message = message
        .get(..length)
        .filter(|message| !message.is_empty())?;
    Some(convert::buffer(scope, message.to_vec()))
}

fn get_finished(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        Ok(finished(scope, ssl, ossl::SSL_get_finished))
    });
}

fn get_peer_finished(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        Ok(finished(scope, ssl, ossl::SSL_get_peer_finished))
    });
}

fn get_protocol(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        // SAFETY: a static string.
        let version = unsafe { tls_ffi::text(ossl::SSL_get_version(ssl.as_ptr())) };
        Ok(version.map(|version| exception::string(scope, &version).into()))
    });
}

fn get_session(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        // SAFETY: the session belongs to the connection, which is held.
        let encoded = unsafe {
            let session = ossl::SSL_get_session(ssl.as_ptr());
            if session.is_null() {
                return Ok(None);
            }
            callbacks::encode_session(session)
        };
        clear_errors();
        Ok(encoded.map(|encoded| convert::buffer(scope, encoded)))
    });
}

fn get_tls_ticket(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        let (mut ticket, mut length) = (std::ptr::null(), 0);
        // SAFETY: session and ticket belong to the connection, which is held.
        let ticket = unsafe {
            let session = ossl::SSL_get_session(ssl.as_ptr());
            if session.is_null() {
                return Ok(None);
            }
            tls_ffi::SSL_SESSION_get0_ticket(session, &mut ticket, &mut length);
            if ticket.is_null() {
                return Ok(None);
            }
            std::slice::from_raw_parts(ticket, length).to_vec()
        };
        Ok(Some(convert::buffer(scope, ticket)))
    });
}

/// Node's name of a kind of signature, by OpenSSL's number.
fn signature_name(sign: c_int) -> String {
    match sign {
        ossl::EVP_PKEY_RSA => "RSA".to_owned(),
        ossl::NID_rsassaPss => "RSA-PSS".to_owned(),
        ossl::EVP_PKEY_DSA => "DSA".to_owned(),
        ossl::EVP_PKEY_EC => "ECDSA".to_owned(),
        ossl::NID_ED25519 => "Ed25519".to_owned(),
        ossl::NID_ED448 => "Ed448".to_owned(),
        other => object_name(other),
    }
}

fn object_name(nid: c_int) -> String {
    // SAFETY: null or a static string.
    let name = unsafe { tls_ffi::text(ossl::OBJ_nid2sn(nid)) };
    name.unwrap_or_else(|| "UNDEF".to_owned())
}

fn get_shared_sigalgs(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        let null = std::ptr::null_mut();
        let shared = |index, sign: *mut c_int, hash: *mut c_int| {
            let (bytes, both) = (std::ptr::null_mut(), null);
            // SAFETY: the connection is held, and the pointers are null or valid.
            unsafe {
                tls_ffi::SSL_get_shared_sigalgs(ssl.as_ptr(), index, sign, hash, both, bytes, bytes)
            }
        };
        let count = shared(0, null, null);
        let mut names: Vec<v8::Local<v8::Value>> = Vec::new();
        for index in 0..count {
            let (mut sign, mut hash) = (0, 0);
            shared(index, &mut sign, &mut hash);
            let name = format!("{}+{}", signature_name(sign), object_name(hash));
            names.push(exception::string(scope, &name).into());
        }
        Ok(Some(v8::Array::new_with_elements(scope, &names).into()))
    });
}

/// The result of verifying the peer: `X509_V_OK`, or what is wrong.
fn verify_result(ssl: &Ssl) -> c_long {
    /// `X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT`: what a missing certificate is told as.
    const MISSING: c_long = 2;
    /// `NID_auth_psk`
    const AUTH_PSK: c_int = 1048;
    // SAFETY: the connection is held, and what is asked of it belongs to it; the certificate is freed.
    unsafe {
        if X509::own(ossl::SSL_get1_peer_certificate(ssl.as_ptr())).is_some() {
            return ossl::SSL_get_verify_result(ssl.as_ptr());
        }
        let cipher = ossl::SSL_get_current_cipher(ssl.as_ptr());
        let session = ossl::SSL_get_session(ssl.as_ptr());
        // Keys that both knew need no certificate; with TLS 1.3 they look like a session that is resumed.
        let by_key = !cipher.is_null() && tls_ffi::SSL_CIPHER_get_auth_nid(cipher) == AUTH_PSK;
        let resumed = !session.is_null()
            && ossl::SSL_SESSION_get_protocol_version(session) == ossl::TLS1_3_VERSION
            && ossl::SSL_session_reused(ssl.as_ptr()) == 1;
        if by_key || resumed { 0 } else { MISSING }
    }
}

/// Node's codes, by OpenSSL's numbers.
const VERIFY_CODES: [(c_long, &str); 28] = [
    (2, "UNABLE_TO_GET_ISSUER_CERT"),
    (3, "UNABLE_TO_GET_CRL"),
    (4, "UNABLE_TO_DECRYPT_CERT_SIGNATURE"),
    (5, "UNABLE_TO_DECRYPT_CRL_SIGNATURE"),
    (6, "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY"),
    (7, "CERT_SIGNATURE_FAILURE"),
    (8, "CRL_SIGNATURE_FAILURE"),
    (9, "CERT_NOT_YET_VALID"),
    (10, "CERT_HAS_EXPIRED"),
    (11, "CRL_NOT_YET_VALID"),
    (12, "CRL_HAS_EXPIRED"),
    (13, "ERROR_IN_CERT_NOT_BEFORE_FIELD"),
    (14, "ERROR_IN_CERT_NOT_AFTER_FIELD"),
    (15, "ERROR_IN_CRL_LAST_UPDATE_FIELD"),
    (16, "ERROR_IN_CRL_NEXT_UPDATE_FIELD"),
    (17, "OUT_OF_MEM"),
    (18, "DEPTH_ZERO_SELF_SIGNED_CERT"),
    (19, "SELF_SIGNED_CERT_IN_CHAIN"),
    (20, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    (21, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    (22, "CERT_CHAIN_TOO_LONG"),
    (23, "CERT_REVOKED"),
    (24, "INVALID_CA"),
    (25, "PATH_LENGTH_EXCEEDED"),
    (26, "INVALID_PURPOSE"),
    (27, "CERT_UNTRUSTED"),
    (28, "CERT_REJECTED"),
    (62, "HOSTNAME_MISMATCH"),
];

/// Null, or the error with which the peer's certificate was not verified.
fn verify_error(scope: Scope, args: Args, mut rv: Return) {
    answer(scope, &args, &mut rv, |scope, _, ssl| {
        let result = verify_result(ssl);
        if result == 0 {
            return Ok(Some(v8::null(scope).into()));
        }
        let code = VERIFY_CODES
            .iter()
            .find(|(number, _)| *number == result)
            .map_or("UNSPECIFIED", |(_, code)| code);
        // SAFETY: a static string.
        let reason = unsafe { tls_ffi::text(ossl::X509_verify_cert_error_string(result)) };
        let reason = reason.unwrap_or_default();
        Ok(Some(CryptoError::error(code, reason).to_value(scope)))
    });
}
