//! Versions, ciphers, curves and other choices of a context.

use std::ffi::{CStr, c_int, c_long, c_void};

use openssl_sys as ossl;

use super::receiver;
use crate::binding::crypto::error::{CryptoError, Result, check, clear_errors, take_errors};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::crypto::owned_ffi::SslContext;
use crate::binding::crypto::tls_ffi;
use crate::callback::{Args, Return, Scope};
use crate::js::class::ClassDefinition;

/// Adds the methods of this module.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("setCipherSuites", set_cipher_suites)
        .method("setCiphers", set_ciphers)
        .method("setSigalgs", set_sigalgs)
        .method("setECDHCurve", set_ecdh_curve)
        .method("setMinProto", set_min_proto)
        .method("setMaxProto", set_max_proto)
        .method("getMinProto", get_min_proto)
        .method("getMaxProto", get_max_proto)
        .method("setOptions", set_options)
        .method("setSessionIdContext", set_session_id_context)
        .method("setSessionTimeout", set_session_timeout)
        .method("setCertificateCompression", set_certificate_compression);
}

/// Passes the text of argument 0 to a setting that takes a list.
fn set_list(
    scope: Scope,
    args: &Args,
    name: &str,
    set: impl FnOnce(&SslContext, &CStr) -> Result<()>,
) {
    let (_, context) = attempt!(scope, receiver(scope, args));
    let list = attempt!(scope, input::string(scope, args.get(0), name));
    let list = attempt!(scope, tls_ffi::c_string(&list, name));
    attempt!(scope, set(&context, &list));
    clear_errors();
}

fn set_cipher_suites(scope: Scope, args: Args, _rv: Return) {
    set_list(scope, &args, "ciphers", |context, list| {
        // SAFETY: both are live.
        let status = unsafe { ossl::SSL_CTX_set_ciphersuites(context.as_ptr(), list.as_ptr()) };
        check(status, "Failed to set ciphers")
    });
}

fn set_ciphers(scope: Scope, args: Args, _rv: Return) {
    /// `ERR_LIB_SSL`, `SSL_R_NO_CIPHER_MATCH`
    const NONE: std::ffi::c_ulong = crate::binding::crypto::error::pack(20, 185);
    set_list(scope, &args, "ciphers", |context, list| {
        // SAFETY: both are live.
        let status = unsafe { ossl::SSL_CTX_set_cipher_list(context.as_ptr(), list.as_ptr()) };
        if status == 1 {
            return Ok(());
        }
        let errors = take_errors();
        // No cipher below TLS 1.3 is a choice too.
        if list.is_empty() && errors.first() == Some(&NONE) {
            return Ok(());
        }
        Err(CryptoError::OpenSsl(errors, "Failed to set ciphers"))
    });
}

/// What OpenSSL says of an empty queue: a list that is wrong leaves no error there.
const NO_ERROR: &str = "error:00000000:lib(0)::reason(0)";

fn set_sigalgs(scope: Scope, args: Args, _rv: Return) {
    set_list(scope, &args, "sigalgs", |context, list| {
        control_list(context, ossl::SSL_CTRL_SET_SIGALGS_LIST, list, NO_ERROR)
    });
}

fn control_list(
    context: &SslContext,
    command: c_int,
    list: &CStr,
    fallback: &'static str,
) -> Result<()> {
    let pointer = list.as_ptr().cast_mut().cast::<c_void>();
    // SAFETY: both are live; the list is only read.
    let status = unsafe { ossl::SSL_CTX_ctrl(context.as_ptr(), command, 0, pointer) };
    check(c_int::from(status == 1), fallback)
}

fn set_ecdh_curve(scope: Scope, args: Args, _rv: Return) {
    const FAILED: &str = "Failed to set ECDH curve";
    set_list(scope, &args, "ecdhCurve", |context, list| {
        if list == c"auto" {
            return Ok(());
        }
        control_list(context, ossl::SSL_CTRL_SET_GROUPS_LIST, list, FAILED)
            .map_err(|_| CryptoError::operation_failed(FAILED))
    });
}

/// Passes the number in argument 0.
fn set_version(scope: Scope, args: &Args, command: c_int) {
    let (_, context) = attempt!(scope, receiver(scope, args));
    let version = attempt!(scope, input::int32(scope, args.get(0), "version"));
    let null = std::ptr::null_mut();
    // SAFETY: sets a number of a live context.
    let status =
        unsafe { ossl::SSL_CTX_ctrl(context.as_ptr(), command, c_long::from(version), null) };
    attempt!(
        scope,
        check(c_int::from(status == 1), "Failed to set the version")
    );
}

fn set_min_proto(scope: Scope, args: Args, _rv: Return) {
    set_version(scope, &args, ossl::SSL_CTRL_SET_MIN_PROTO_VERSION);
}

fn set_max_proto(scope: Scope, args: Args, _rv: Return) {
    set_version(scope, &args, ossl::SSL_CTRL_SET_MAX_PROTO_VERSION);
}

fn version(scope: Scope, args: &Args, rv: &mut Return, command: c_int) {
    let (_, context) = attempt!(scope, receiver(scope, args));
    // SAFETY: reads a number of a live context.
    let version = unsafe { ossl::SSL_CTX_ctrl(context.as_ptr(), command, 0, std::ptr::null_mut()) };
    rv.set_uint32(u32::try_from(version).unwrap_or(0));
}

fn get_min_proto(scope: Scope, args: Args, mut rv: Return) {
    version(scope, &args, &mut rv, ossl::SSL_CTRL_GET_MIN_PROTO_VERSION);
}

fn get_max_proto(scope: Scope, args: Args, mut rv: Return) {
    version(scope, &args, &mut rv, ossl::SSL_CTRL_GET_MAX_PROTO_VERSION);
}

fn set_options(scope: Scope, args: Args, _rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    let options = args.get(0).integer_value(scope).unwrap_or(0);
    // SAFETY: sets bits of a live context.
    unsafe { ossl::SSL_CTX_set_options(context.as_ptr(), options.cast_unsigned()) };
}

fn set_session_id_context(scope: Scope, args: Args, _rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    let id = attempt!(scope, input::string(scope, args.get(0), "sessionIdContext"));
    let length = u32::try_from(id.len()).unwrap_or(u32::MAX);
    // SAFETY: pointer and length are those of the text, which is copied.
    let status =
        unsafe { ossl::SSL_CTX_set_session_id_context(context.as_ptr(), id.as_ptr(), length) };
    if status != 1 {
        let message = tls_ffi::TlsError::take().message;
        CryptoError::type_error("", message).throw(scope);
    }
}

fn set_session_timeout(scope: Scope, args: Args, _rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    let seconds = attempt!(scope, input::int32(scope, args.get(0), "sessionTimeout"));
    // SAFETY: sets a number of a live context.
    unsafe { tls_ffi::SSL_CTX_set_timeout(context.as_ptr(), c_long::from(seconds)) };
}

/// OpenSSL is built without the libraries for it.
fn set_certificate_compression(scope: Scope, _args: Args, _rv: Return) {
    let message = "certificates are not compressed in this VM: its OpenSSL has no compression";
    CryptoError::error("ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", message).throw(scope);
}
