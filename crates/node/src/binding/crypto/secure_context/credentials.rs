//! Keys and certificates of a context: its own and those it trusts.

use std::ffi::{CString, c_int, c_ulong, c_void};

use openssl_sys as ossl;

use super::{SecureContext, receiver};
use crate::binding::crypto::error::{CryptoError, Result, check, clear_errors, take_errors};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::crypto::keys::read_private_pem;
use crate::binding::crypto::owned_ffi::{Bio, Pkcs12, Pkey, SslContext, X509, X509Crl};
use crate::binding::crypto::root_certificates::{END, RootCertificates};
use crate::binding::crypto::tls_ffi;
use crate::binding::crypto::x509_ffi::no_password;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::ClassDefinition;
use crate::js::{convert, exception};

/// Adds the methods of this module.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("setKey", set_key)
        .method("setCert", set_cert)
        .method("addCACert", add_ca_cert)
        .method("addCRL", add_crl)
        .method("addRootCerts", add_root_certs)
        .method("setAllowPartialTrustChain", set_allow_partial_trust_chain)
        .method("setDHParam", set_dh_param)
        .method("loadPKCS12", load_pkcs12)
        .method("getCertificate", get_certificate)
        .method("getIssuer", get_issuer);
}

/// `setKey(pem, passphrase)`
fn set_key(scope: Scope, args: Args, _rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    let pem = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    let phrase = attempt!(
        scope,
        input::optional_bytes(scope, args.get(1), "passphrase")
    );
    // None is an empty one: then the key is decrypted to something wrong, which the error says.
    let phrase = Some(phrase.unwrap_or_default());
    attempt!(scope, use_key(&context, &pem, phrase));
    clear_errors();
}

fn use_key(context: &SslContext, pem: &[u8], mut phrase: Option<Vec<u8>>) -> Result<()> {
    let key = read_private_pem(pem, &mut phrase)?
        .ok_or_else(|| CryptoError::capture("PEM_read_bio_PrivateKey"))?;
    // SAFETY: both are live; the context takes a reference of its own.
    let status = unsafe { ossl::SSL_CTX_use_PrivateKey(context.as_ptr(), key.as_ptr()) };
    check(status, "SSL_CTX_use_PrivateKey")
}

/// `setCert(pem)`: the certificate and those above it.
fn set_cert(scope: Scope, args: Args, _rv: Return) {
    let (secure_context, context) = attempt!(scope, receiver(scope, &args));
    let pem = attempt!(scope, input::bytes(scope, args.get(0), "cert"));
    let chain = attempt!(scope, parse_chain(&pem));
    attempt!(scope, use_chain(&secure_context, &context, chain));
    clear_errors();
}

/// A certificate and what follows it, which may be nothing.
fn parse_chain(pem: &[u8]) -> Result<Vec<X509>> {
    const FAILED: &str = "SSL_CTX_use_certificate_chain";
    let bio = Bio::reading(pem)?;
    clear_errors();
    let null = std::ptr::null_mut::<c_void>();
    // SAFETY: the stream is live, and the certificate is ours.
    let first = unsafe {
        X509::own(tls_ffi::PEM_read_bio_X509_AUX(
            bio.as_ptr(),
            std::ptr::null_mut(),
            Some(no_password),
            null,
        ))
    };
    let mut chain = vec![first.ok_or_else(|| CryptoError::capture(FAILED))?];
    // SAFETY: as above.
    while let Some(next) = unsafe {
        X509::own(ossl::PEM_read_bio_X509(
            bio.as_ptr(),
            std::ptr::null_mut(),
            Some(no_password),
            null,
        ))
    } {
        chain.push(next);
    }
    let errors = take_errors();
    match errors.last() {
        None | Some(&END) => Ok(chain),
        Some(_) => Err(CryptoError::OpenSsl(errors, FAILED)),
    }
}

fn use_chain(
    secure_context: &SecureContext,
    context: &SslContext,
    mut chain: Vec<X509>,
) -> Result<()> {
    const FAILED: &str = "SSL_CTX_use_certificate_chain";
    let certificate = chain.remove(0);
    let raw = context.as_ptr();
    check(
        // SAFETY: both are live; the context takes a reference of its own.
        unsafe { ossl::SSL_CTX_use_certificate(raw, certificate.as_ptr()) },
        FAILED,
    )?;
    // SAFETY: forgets the chain of a live context.
    unsafe { ossl::SSL_CTX_ctrl(raw, tls_ffi::SSL_CTRL_CHAIN, 0, std::ptr::null_mut()) };
    for above in &chain {
        // SAFETY: both are live; with 1 the context takes a reference of its own.
        let status =
            unsafe { ossl::SSL_CTX_ctrl(raw, ossl::SSL_CTRL_CHAIN_CERT, 1, above.as_ptr().cast()) };
        check(c_int::from(status == 1), FAILED)?;
    }
    let issuer = chain
        .into_iter()
        .find(|above| certificate.is_issued_by(above))
        .or_else(|| context.issuer(&certificate));
    let _previous = secure_context.certificate.replace(Some(certificate));
    let _previous = secure_context.issuer.replace(issuer);
    Ok(())
}

/// The context's own store: what it shares with others it does not change.
fn own_store(
    scope: &v8::PinScope<'_, '_>,
    secure_context: &SecureContext,
    context: &SslContext,
) -> Result<*mut ossl::X509_STORE> {
    if secure_context.shares_store.get() {
        let env = Env::of(scope);
        let store = RootCertificates::of(&env).new_store(&env)?;
        // SAFETY: both are live; the store is the context's from now on.
        unsafe { ossl::SSL_CTX_set_cert_store(context.as_ptr(), store.as_ptr()) };
        std::mem::forget(store);
        secure_context.shares_store.set(false);
    }
    Ok(context.store())
}

fn trust(context: &SslContext, store: *mut ossl::X509_STORE, certificate: &X509) {
    // SAFETY: all are live; store and context take references of their own.
    unsafe {
        ossl::X509_STORE_add_cert(store, certificate.as_ptr());
        ossl::SSL_CTX_add_client_CA(context.as_ptr(), certificate.as_ptr());
    }
}

/// `addCACert(pem)`: what is no certificate ends the list without an error.
fn add_ca_cert(scope: Scope, args: Args, _rv: Return) {
    let (secure_context, context) = attempt!(scope, receiver(scope, &args));
    let pem = attempt!(scope, input::bytes(scope, args.get(0), "ca"));
    let bio = attempt!(scope, Bio::reading(&pem));
    // SAFETY: the stream is live, and the certificates are ours.
    while let Some(certificate) = unsafe {
        X509::own(tls_ffi::PEM_read_bio_X509_AUX(
            bio.as_ptr(),
            std::ptr::null_mut(),
            Some(no_password),
            std::ptr::null_mut(),
        ))
    } {
        let store = attempt!(scope, own_store(scope, &secure_context, &context));
        trust(&context, store, &certificate);
    }
    clear_errors();
}

/// `addCRL(pem)`
fn add_crl(scope: Scope, args: Args, _rv: Return) {
    let (secure_context, context) = attempt!(scope, receiver(scope, &args));
    let pem = attempt!(scope, input::bytes(scope, args.get(0), "crl"));
    let bio = attempt!(scope, Bio::reading(&pem));
    // SAFETY: the stream is live, and the list is ours.
    let list = unsafe {
        X509Crl::own(ossl::PEM_read_bio_X509_CRL(
            bio.as_ptr(),
            std::ptr::null_mut(),
            Some(no_password),
            std::ptr::null_mut(),
        ))
    };
    clear_errors();
    let Some(list) = list else {
        return CryptoError::operation_failed("Failed to parse CRL").throw(scope);
    };
    let store = attempt!(scope, own_store(scope, &secure_context, &context));
    // SAFETY: both are live; the store takes a reference of its own.
    unsafe {
        tls_ffi::X509_STORE_add_crl(store, list.as_ptr());
        ossl::X509_STORE_set_flags(store, tls_ffi::CHECK_ALL_CRLS);
    }
    clear_errors();
}

fn add_root_certs(scope: Scope, args: Args, _rv: Return) {
    let (secure_context, context) = attempt!(scope, receiver(scope, &args));
    let env = Env::of(scope);
    let store = attempt!(scope, RootCertificates::of(&env).store(&env));
    // SAFETY: both are live; this reference is the context's from now on.
    unsafe { ossl::SSL_CTX_set_cert_store(context.as_ptr(), store.as_ptr()) };
    std::mem::forget(store);
    secure_context.shares_store.set(true);
}

fn set_allow_partial_trust_chain(scope: Scope, args: Args, _rv: Return) {
    let (secure_context, context) = attempt!(scope, receiver(scope, &args));
    let store = attempt!(scope, own_store(scope, &secure_context, &context));
    // SAFETY: the store is live.
    unsafe { ossl::X509_STORE_set_flags(store, tls_ffi::PARTIAL_CHAIN) };
}

/// `setDHParam(pem | true)`: a warning, or undefined. What is no parameter leaves Diffie-Hellman out.
fn set_dh_param(scope: Scope, args: Args, mut rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    if args.get(0).is_true() {
        // SAFETY: sets a flag of a live context.
        unsafe { ossl::SSL_CTX_set_dh_auto(context.as_ptr(), 1) };
        return;
    }
    let pem = attempt!(scope, input::bytes(scope, args.get(0), "dhparam"));
    let bio = attempt!(scope, Bio::reading(&pem));
    // SAFETY: the stream is live, and the parameters are ours.
    let parameters = unsafe {
        Pkey::own(tls_ffi::PEM_read_bio_Parameters(
            bio.as_ptr(),
            std::ptr::null_mut(),
        ))
    };
    clear_errors();
    let Some(parameters) = parameters.filter(|key| matches!(key.type_name(), "DH" | "DHX")) else {
        return;
    };
    if parameters.bits() < 1024 {
        let message = "DH parameter is less than 1024 bits";
        return CryptoError::type_error("ERR_INVALID_ARG_VALUE", message).throw(scope);
    }
    if parameters.bits() < 2048 {
        let warning = "DH parameter is less than 2048 bits";
        rv.set(exception::string(scope, warning).into());
    }
    // SAFETY: both are live; where the call succeeds this reference is the context's.
    let status = unsafe { ossl::SSL_CTX_set0_tmp_dh_pkey(context.as_ptr(), parameters.as_ptr()) };
    clear_errors();
    if status == 1 {
        std::mem::forget(parameters);
    } else {
        CryptoError::operation_failed("Error setting temp DH parameter").throw(scope);
    }
}

/// `loadPKCS12(bytes, passphrase)`
fn load_pkcs12(scope: Scope, args: Args, _rv: Return) {
    let (secure_context, context) = attempt!(scope, receiver(scope, &args));
    let bytes = attempt!(scope, input::bytes(scope, args.get(0), "pfx"));
    let phrase = attempt!(
        scope,
        input::optional_bytes(scope, args.get(1), "passphrase")
    );
    let loaded = use_pkcs12(scope, &secure_context, &context, &bytes, phrase);
    clear_errors();
    match loaded {
        Err(CryptoError::OpenSsl(codes, _)) => pkcs12_error(&codes).throw(scope),
        Err(error) => error.throw(scope),
        Ok(()) => {}
    }
}

fn pkcs12_error(errors: &[c_ulong]) -> CryptoError {
    /// `ERR_R_UNSUPPORTED`
    const UNSUPPORTED: c_ulong = 0x8_010c;
    let code = errors.first().copied().unwrap_or(0);
    if code & 0x7f_ffff == UNSUPPORTED {
        let message = "Unsupported PKCS12 PFX data";
        return CryptoError::error("ERR_CRYPTO_UNSUPPORTED_OPERATION", message);
    }
    // SAFETY: null or a static string.
    let reason = unsafe { tls_ffi::text(ossl::ERR_reason_error_string(code)) };
    CryptoError::error("", reason.unwrap_or_else(|| "Unknown error".to_owned()))
}

fn use_pkcs12(
    scope: &v8::PinScope<'_, '_>,
    secure_context: &SecureContext,
    context: &SslContext,
    bytes: &[u8],
    phrase: Option<Vec<u8>>,
) -> Result<()> {
    const FAILED: &str = "Unable to load PFX certificate";
    let mut phrase = phrase.unwrap_or_default();
    if let Some(end) = phrase.iter().position(|byte| *byte == 0) {
        phrase.truncate(end);
    }
    let phrase = CString::new(phrase).map_err(|_| CryptoError::operation_failed(FAILED))?;
    let bio = Bio::reading(bytes)?;
    let null = std::ptr::null_mut();
    let (mut key, mut certificate, mut others) = (
        std::ptr::null_mut(),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    );
    // SAFETY: stream and phrase are live; what is parsed becomes ours, the stack's certificates with references of ours
    // before the stack is freed with its own.
    let (key, certificate, others) = unsafe {
        let pkcs12 = Pkcs12::own(tls_ffi::d2i_PKCS12_bio(bio.as_ptr(), null))
            .ok_or_else(|| CryptoError::capture(FAILED))?;
        let status = ossl::PKCS12_parse(
            pkcs12.as_ptr(),
            phrase.as_ptr(),
            &mut key,
            &mut certificate,
            &mut others,
        );
        check(status, FAILED)?;
        let stack = others.cast::<ossl::OPENSSL_STACK>();
        let others = tls_ffi::certificates(stack.cast());
        ossl::OPENSSL_sk_pop_free(stack, Some(free_certificate));
        (Pkey::own(key), X509::own(certificate), others)
    };
    let key = key.ok_or_else(|| lacks("private key"))?;
    let certificate = certificate.ok_or_else(|| lacks("certificate"))?;
    let mut chain = vec![certificate];
    chain.extend(others.iter().cloned());
    use_chain(secure_context, context, chain)?;
    check(
        // SAFETY: both are live; the context takes a reference of its own.
        unsafe { ossl::SSL_CTX_use_PrivateKey(context.as_ptr(), key.as_ptr()) },
        FAILED,
    )?;
    for other in &others {
        trust(context, own_store(scope, secure_context, context)?, other);
    }
    Ok(())
}

fn lacks(what: &str) -> CryptoError {
    CryptoError::operation_failed(format!("Unable to load {what} from PFX data"))
}

unsafe extern "C" fn free_certificate(certificate: *mut c_void) {
    // SAFETY: the stack had a reference, which ends here.
    unsafe { ossl::X509_free(certificate.cast()) };
}

fn show(scope: Scope, rv: &mut Return, certificate: Option<&X509>) {
    match certificate {
        Some(certificate) => {
            let der = attempt!(scope, certificate.der());
            rv.set(convert::buffer(scope, der));
        }
        None => rv.set_null(),
    }
}

fn get_certificate(scope: Scope, args: Args, mut rv: Return) {
    let (secure_context, _) = attempt!(scope, receiver(scope, &args));
    let certificate = secure_context.certificate.borrow().clone();
    show(scope, &mut rv, certificate.as_ref());
}

fn get_issuer(scope: Scope, args: Args, mut rv: Return) {
    let (secure_context, _) = attempt!(scope, receiver(scope, &args));
    let issuer = secure_context.issuer.borrow().clone();
    show(scope, &mut rv, issuer.as_ref());
}
