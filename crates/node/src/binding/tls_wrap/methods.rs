//! What JavaScript tells a connection.

use std::ffi::{c_int, c_long};
use std::rc::Rc;

use openssl_sys as ossl;

use super::connection::{Choice, Hello, TlsWrap};
use super::{callbacks, receiver, server_names};
use crate::binding::crypto::error::{CryptoError, Result, check, clear_errors, take_errors};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::crypto::owned_ffi::{Ssl, SslContext, SslSession};
use crate::binding::crypto::secure_context::SecureContext;
use crate::binding::crypto::tls_ffi;
use crate::callback::{Args, Return, Scope};
use crate::js::class::ClassDefinition;
use crate::js::{convert, exception};
use crate::process::process_env;

/// Adds the methods of this module.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("start", start)
        .method("receive", receive)
        .method("destroySSL", destroy_ssl)
        .method("writesIssuedByPrevListenerDone", earlier_writes_done)
        .method("setVerifyMode", set_verify_mode)
        .method("setServername", set_servername)
        .method("setSession", set_session)
        .method("loadSession", load_session)
        .method("newSessionDone", new_session_done)
        .method("endParser", end_parser)
        .method("enableSessionCallbacks", enable_session_callbacks)
        .method("enableKeylogCallback", enable_keylog_callback)
        .method("enableCertCb", enable_cert_cb)
        .method("certCbDone", cert_cb_done)
        .method("setKeyCert", set_key_cert)
        .method("setALPNProtocols", set_alpn_protocols)
        .method("enableALPNCb", enable_alpn_cb)
        .method("requestOCSP", request_ocsp)
        .method("setOCSPResponse", set_ocsp_response)
        .method("enablePskCallback", enable_psk_callback)
        .method("setPskIdentityHint", set_psk_identity_hint)
        .method("renegotiate", renegotiate)
        .method("setMaxSendFragment", set_max_send_fragment)
        .method("enableTrace", enable_trace);
}

/// Runs a method on a connection that is not destroyed; nothing happens to one that is.
fn with(scope: Scope, args: &Args, work: impl FnOnce(Scope, &Rc<TlsWrap>, &Ssl) -> Result<()>) {
    let Some(wrap) = receiver(scope, args) else {
        return;
    };
    let Some(ssl) = wrap.ssl() else { return };
    attempt!(scope, work(scope, &wrap, &ssl));
}

/// Refuses what OpenSSL does not expect in the middle of a call of its own.
fn check_idle(wrap: &TlsWrap) -> Result<()> {
    if wrap.is_busy() {
        let message = "The TLS connection is in the middle of a handshake message";
        return Err(CryptoError::error("ERR_TLS_INVALID_STATE", message));
    }
    Ok(())
}

/// `start()`: the client's first message.
fn start(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, wrap, _| {
        wrap.cycle(scope);
        Ok(())
    });
}

/// `receive(bytes)`: as if the stream below had brought them.
fn receive(scope: Scope, args: Args, _rv: Return) {
    let bytes = attempt!(scope, input::bytes(scope, args.get(0), "buffer"));
    with(scope, &args, |scope, wrap, _| {
        if !wrap.ended.get() {
            wrap.take_input(scope, &bytes);
        }
        Ok(())
    });
}

fn destroy_ssl(scope: Scope, args: Args, _rv: Return) {
    if let Some(wrap) = receiver(scope, &args) {
        wrap.destroy(scope);
    }
}

fn earlier_writes_done(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, wrap, _| {
        wrap.set_earlier_writes(false);
        wrap.encrypted_out(scope);
        Ok(())
    });
}

/// `setVerifyMode(requestCert, rejectUnauthorized)`
fn set_verify_mode(scope: Scope, args: Args, _rv: Return) {
    let (request, reject) = (args.get(0).is_true(), args.get(1).is_true());
    with(scope, &args, |_, wrap, ssl| {
        // A server always has a certificate; the client judges it after the handshake.
        let mode = match (wrap.is_server && request, reject) {
            (false, _) => ossl::SSL_VERIFY_NONE,
            (true, false) => ossl::SSL_VERIFY_PEER,
            (true, true) => ossl::SSL_VERIFY_PEER | ossl::SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        };
        // SAFETY: the connection is held.
        unsafe { tls_ffi::SSL_set_verify_mode(ssl.as_ptr(), mode, callbacks::accept_any) };
        Ok(())
    });
}

fn set_servername(scope: Scope, args: Args, _rv: Return) {
    let name = attempt!(scope, input::string(scope, args.get(0), "name"));
    with(scope, &args, |_, wrap, ssl| {
        check_idle(wrap)?;
        // As C sees it.
        let name = name.split('\0').next().unwrap_or_default();
        let name = tls_ffi::c_string(name, "name")?;
        // SAFETY: both are live; the name is copied.
        unsafe { ossl::SSL_set_tlsext_host_name(ssl.as_ptr(), name.as_ptr().cast_mut()) };
        clear_errors();
        Ok(())
    });
}

fn parse_session(bytes: &[u8]) -> Option<SslSession> {
    let mut pointer = bytes.as_ptr();
    let length = c_long::try_from(bytes.len()).ok()?;
    // SAFETY: pointer and length are those of the slice; the session is ours.
    let session = unsafe {
        SslSession::own(ossl::d2i_SSL_SESSION(
            std::ptr::null_mut(),
            &mut pointer,
            length,
        ))
    };
    clear_errors();
    session
}

/// `setSession(bytes)`: what is no session is ignored.
fn set_session(scope: Scope, args: Args, _rv: Return) {
    let Some(bytes) = convert::bytes(args.get(0)) else {
        let message = "Session must be a buffer";
        return exception::throw_invalid_argument(scope, message);
    };
    with(scope, &args, |_, wrap, ssl| {
        check_idle(wrap)?;
        let Some(session) = parse_session(&bytes) else {
            return Ok(());
        };
        // SAFETY: both are live; the connection takes a reference of its own.
        let status = unsafe { ossl::SSL_set_session(ssl.as_ptr(), session.as_ptr()) };
        clear_errors();
        if status == 1 {
            Ok(())
        } else {
            Err(CryptoError::error("", "SSL_set_session error"))
        }
    });
}

/// `loadSession(bytes)`: what the client may resume, from the program's own store.
fn load_session(scope: Scope, args: Args, _rv: Return) {
    let bytes = convert::bytes(args.get(0));
    with(scope, &args, |_, wrap, _| {
        if let Some(bytes) = bytes {
            let _previous = wrap.next_session.replace(parse_session(&bytes));
        }
        Ok(())
    });
}

fn new_session_done(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, wrap, _| {
        wrap.awaits_new_session.set(false);
        wrap.cycle(scope);
        Ok(())
    });
}

/// `endParser()`: the program has seen the client's first message.
fn end_parser(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |scope, wrap, _| {
        wrap.hello.set(Hello::Ended);
        wrap.cycle(scope);
        Ok(())
    });
}

fn enable_session_callbacks(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, wrap, _| {
        wrap.session_callbacks.set(true);
        if wrap.is_server {
            wrap.hello.set(Hello::Expected);
        }
        Ok(())
    });
}

fn enable_keylog_callback(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, _, ssl| {
        callbacks::log_keys(ssl);
        Ok(())
    });
}

fn enable_cert_cb(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, wrap, _| {
        wrap.choice.set(Choice::Expected);
        Ok(())
    });
}

/// Gives a connection the certificate of another context.
fn use_certificate(ssl: &Ssl, context: &SslContext) -> Result<()> {
    const FAILED: &str = "CertCbDone";
    let (ssl, other) = (ssl.as_ptr(), context.as_ptr());
    let mut chain = std::ptr::null_mut::<std::ffi::c_void>();
    // SAFETY: all are live; the connection takes references of its own.
    unsafe {
        let out = (&raw mut chain).cast();
        let status = ossl::SSL_CTX_ctrl(other, tls_ffi::SSL_CTRL_GET_CHAIN_CERTS, 0, out);
        check(c_int::from(status == 1), FAILED)?;
        check(
            ossl::SSL_use_certificate(ssl, ossl::SSL_CTX_get0_certificate(other)),
            FAILED,
        )?;
        check(
            ossl::SSL_use_PrivateKey(ssl, ossl::SSL_CTX_get0_privatekey(other)),
            FAILED,
        )?;
        if !chain.is_null() {
            let status = ossl::SSL_ctrl(ssl, tls_ffi::SSL_CTRL_CHAIN, 1, chain);
            check(c_int::from(status == 1), FAILED)?;
        }
    }
    Ok(())
}

/// `certCbDone()`: the program has chosen, by `sni_context` of the object.
fn cert_cb_done(scope: Scope, args: Args, _rv: Return) {
    let object = args.this();
    with(scope, &args, |scope, wrap, ssl| {
        if wrap.choice.get() != Choice::Asked {
            return Ok(());
        }
        let Some(value) = convert::get(scope, object, "sni_context") else {
            return Ok(());
        };
        if let Some(secure_context) = SecureContext::of(scope, value) {
            let context = secure_context.context()?;
            wrap.keep(secure_context);
            if use_certificate(ssl, &context).is_ok() {
                // SAFETY: the connection is held.
                if !unsafe { server_names::trust_as(ssl.as_ptr(), &context) } {
                    return Err(CryptoError::capture("CertCbDone"));
                }
            }
            clear_errors();
        } else if value.is_object() {
            server_names::refuse_context(wrap, scope);
            return Ok(());
        }
        wrap.choice.set(Choice::Made);
        wrap.cycle(scope);
        Ok(())
    });
}

/// `setKeyCert(secureContext)`
fn set_key_cert(scope: Scope, args: Args, _rv: Return) {
    let Some(secure_context) = SecureContext::of(scope, args.get(0)) else {
        let message = "Must give a SecureContext as first argument";
        return CryptoError::type_error("ERR_INVALID_ARG_TYPE", message).throw(scope);
    };
    with(scope, &args, |_, wrap, ssl| {
        let context = secure_context.context()?;
        use_certificate(ssl, &context)?;
        // SAFETY: the connection is held.
        if !unsafe { server_names::trust_as(ssl.as_ptr(), &context) } {
            return Err(CryptoError::capture("CertCbDone"));
        }
        wrap.keep(secure_context);
        Ok(())
    });
}

/// `setALPNProtocols(list)`: what a client offers, or a server takes.
fn set_alpn_protocols(scope: Scope, args: Args, _rv: Return) {
    let Some(list) = convert::bytes(args.get(0)) else {
        let message = "Must give a Buffer as first argument";
        return CryptoError::type_error("", message).throw(scope);
    };
    with(scope, &args, |_, wrap, ssl| {
        if wrap.is_server {
            *wrap.protocols.borrow_mut() = list;
            return Ok(());
        }
        check_idle(wrap)?;
        let length = u32::try_from(list.len()).unwrap_or(u32::MAX);
        // SAFETY: pointer and length are those of the list, which is copied. 0 is success here.
        unsafe { ossl::SSL_set_alpn_protos(ssl.as_ptr(), list.as_ptr(), length) };
        clear_errors();
        Ok(())
    });
}

fn enable_alpn_cb(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, wrap, _| {
        wrap.asks_for_protocol.set(true);
        Ok(())
    });
}

fn request_ocsp(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, _, ssl| {
        // SAFETY: sets a number of a live connection.
        unsafe {
            ossl::SSL_set_tlsext_status_type(ssl.as_ptr(), ossl::TLSEXT_STATUSTYPE_ocsp);
        }
        Ok(())
    });
}

fn set_ocsp_response(scope: Scope, args: Args, _rv: Return) {
    let Some(response) = convert::bytes(args.get(0)) else {
        let message = "OCSP response must be a buffer";
        return exception::throw_invalid_argument(scope, message);
    };
    with(scope, &args, |_, wrap, _| {
        let _previous = wrap.ocsp_response.replace(Some(response));
        Ok(())
    });
}

fn enable_psk_callback(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, _, ssl| {
        callbacks::ask_for_keys(ssl);
        Ok(())
    });
}

fn set_psk_identity_hint(scope: Scope, args: Args, _rv: Return) {
    let hint = attempt!(scope, input::string(scope, args.get(0), "hint"));
    with(scope, &args, |scope, wrap, ssl| {
        let hint = tls_ffi::c_string(&hint, "hint")?;
        // SAFETY: both are live; the hint is copied.
        if unsafe { tls_ffi::SSL_use_psk_identity_hint(ssl.as_ptr(), hint.as_ptr()) } != 1 {
            clear_errors();
            let message = "Failed to set PSK identity hint";
            let error =
                CryptoError::error("ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED", message).to_value(scope);
            callbacks::call(wrap, scope, "onerror", &[error]);
        }
        Ok(())
    });
}

fn renegotiate(scope: Scope, args: Args, _rv: Return) {
    with(scope, &args, |_, _, ssl| {
        clear_errors();
        // SAFETY: the connection is held. The call only asks: the next one into the connection does it.
        if unsafe { tls_ffi::SSL_renegotiate(ssl.as_ptr()) } == 1 {
            return Ok(());
        }
        Err(CryptoError::OpenSsl(take_errors(), "SSL_renegotiate"))
    });
}

/// `setMaxSendFragment(size)`: 1 for success.
fn set_max_send_fragment(scope: Scope, args: Args, mut rv: Return) {
    let size = args.get(0).int32_value(scope).unwrap_or(0);
    with(scope, &args, |_, _, ssl| {
        let (size, null) = (c_long::from(size), std::ptr::null_mut());
        // SAFETY: sets a number of a live connection.
        let status = unsafe {
            ossl::SSL_ctrl(
                ssl.as_ptr(),
                tls_ffi::SSL_CTRL_SET_MAX_SEND_FRAGMENT,
                size,
                null,
            )
        };
        clear_errors();
        rv.set_int32(i32::from(status == 1));
        Ok(())
    });
}

/// Warns: OpenSSL is built without its trace, which `HAVE_SSL_TRACE` says too.
fn enable_trace(scope: Scope, _args: Args, _rv: Return) {
    let message = "TLS connections cannot be traced in this VM";
    process_env::emit_warning(scope, message, "Warning", "");
}
