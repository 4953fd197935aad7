//! What OpenSSL asks in the middle of its calls.
//!
//! Each callback finds its connection by the pointer that OpenSSL's connection carries, and the scope that was lent to the
//! call that is going on (`TlsWrap::enter`). A panic of ours ends the callback with a refusal.

use std::cell::RefMut;
use std::ffi::{c_char, c_int, c_uchar, c_void};
use std::sync::OnceLock;

use openssl_sys as ossl;

use super::connection::{Choice, TlsWrap};
use super::server_names::{self, server_name_of};
use super::{client_hello, protocols, shared_keys};
use crate::binding::crypto::owned_ffi::{Ssl, SslContext};
use crate::binding::crypto::tls_ffi;
use crate::callback::contain_bare;
use crate::env::Env;
use crate::js::{callback_scope, convert, exception};

/// Sessions beyond this size are not told of.
const LARGEST_SESSION: usize = 10 * 1024;

/// What a method of JavaScript's is called with.
pub(super) type Arguments<'a, 's> = &'a [v8::Local<'s, v8::Value>];

fn connection_index() -> c_int {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    /// `CRYPTO_EX_INDEX_SSL`
    const CLASS: c_int = 0;
    *INDEX.get_or_init(|| {
        // SAFETY: registers an index; what is stored under it is not owned.
        unsafe { ossl::CRYPTO_get_ex_new_index(CLASS, 0, std::ptr::null_mut(), None, None, None) }
    })
}

/// The connection that `ssl` belongs to.
///
/// # Safety
/// `ssl` is live, in a call of its [`TlsWrap`], and the result is not used beyond that.
pub(super) unsafe fn wrap_of<'a>(ssl: *const ossl::SSL) -> Option<&'a TlsWrap> {
    // SAFETY: only `prepare_connection` stores something under the index: the wrap, which owns the connection and is
    // held by whoever calls OpenSSL for it.
    unsafe {
        ossl::SSL_get_ex_data(ssl, connection_index())
            .cast::<TlsWrap>()
            .as_ref()
    }
}

/// Calls `body` with the connection of `ssl` and the scope of the call that is going on.
///
/// # Safety
/// As for [`wrap_of`].
pub unsafe fn with_scope_of<R>(
    ssl: *const ossl::SSL,
    body: impl FnOnce(&TlsWrap, &mut v8::PinScope<'_, '_>) -> R,
) -> Option<R> {
    // SAFETY: by the contract.
    let wrap = unsafe { wrap_of(ssl) }?;
    let lent = wrap.lent.replace(std::ptr::null_mut());
    if lent.is_null() {
        return None;
    }
    // SAFETY: `TlsWrap::enter` lent a scope that it does not use before OpenSSL returns; it was taken out above, so that
    // nobody else uses it meanwhile.
    let scope = unsafe { &mut *lent.cast::<v8::PinScope<'_, '_>>() };
    // What JavaScript does with OpenSSL is no error of this connection.
    // SAFETY: marks the calling thread's queue.
    unsafe { tls_ffi::ERR_set_mark() };
    let result = {
        v8::scope!(let scope, scope);
        body(wrap, scope)
    };
    // SAFETY: as above.
    unsafe { tls_ffi::ERR_pop_to_mark() };
    wrap.lent.set(lent);
    Some(result)
}

/// Calls the method `name` of the connection's object, if it has one.
pub fn call<'s>(
    wrap: &TlsWrap,
    scope: &mut v8::PinScope<'s, '_>,
    name: &'static str,
    arguments: Arguments<'_, 's>,
) -> Option<v8::Local<'s, v8::Value>> {
    let object = wrap.object(scope)?;
    callback_scope::make_named_callback(scope, object, name, arguments)
}

/// Sets what connections of a context ask; the same for all of them.
pub fn prepare_context(context: &SslContext) {
    let raw = context.as_ptr();
    let null = std::ptr::null_mut();
    // SAFETY: the context is live, and the functions have the signatures that are asked for.
    unsafe {
        ossl::SSL_CTX_sess_set_get_cb(raw, Some(get_session));
        ossl::SSL_CTX_sess_set_new_cb(raw, Some(new_session));
        ossl::SSL_CTX_set_tlsext_servername_callback__fixed_rust(
            raw,
            Some(server_names::server_name),
        );
        ossl::SSL_CTX_set_tlsext_status_cb(raw, Some(status));
        tls_ffi::SSL_CTX_set_alpn_callback(raw, protocols::select_protocol, null);
        tls_ffi::SSL_CTX_set_client_hello_callback(raw, client_hello::client_hello, null);
    }
}

/// Sets what the connection itself asks.
pub fn prepare_connection(wrap: &TlsWrap, ssl: &Ssl) {
    let raw = ssl.as_ptr();
    let pointer = std::ptr::from_ref(wrap).cast_mut().cast::<c_void>();
    // SAFETY: the connection is live, and the functions have the signatures that are asked for.
    unsafe {
        ossl::SSL_set_ex_data(raw, connection_index(), pointer);
        tls_ffi::SSL_set_verify_mode(raw, ossl::SSL_VERIFY_NONE, accept_any);
        tls_ffi::SSL_set_info_callback(raw, progress);
        tls_ffi::SSL_set_cert_cb(raw, choose_certificate, std::ptr::null_mut());
    }
}

/// Has the secrets of the connections of a context told (`onkeylog`).
pub fn log_keys(ssl: &Ssl) {
    // SAFETY: the connection is live, and so is its context.
    unsafe {
        ossl::SSL_CTX_set_keylog_callback(ossl::SSL_get_SSL_CTX(ssl.as_ptr()), Some(key_line))
    };
}

/// Has the program asked for keys that both ends know beforehand.
pub fn ask_for_keys(ssl: &Ssl) {
    // SAFETY: the connection is live, and the functions have the signatures that are asked for.
    unsafe {
        tls_ffi::SSL_set_psk_server_callback(ssl.as_ptr(), shared_keys::psk_server);
        tls_ffi::SSL_set_psk_client_callback(ssl.as_ptr(), shared_keys::psk_client);
    }
}

/// Every certificate may come in; the library asks for the result afterwards and rejects.
pub unsafe extern "C" fn accept_any(
    _verified: c_int,
    _context: *mut ossl::X509_STORE_CTX,
) -> c_int {
    1
}

unsafe extern "C" fn progress(ssl: *const ossl::SSL, place: c_int, _result: c_int) {
    if place & (tls_ffi::HANDSHAKE_START | tls_ffi::HANDSHAKE_DONE) == 0 {
        return;
    }
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                if place & tls_ffi::HANDSHAKE_START != 0 {
                    let now = Env::of(scope).event_loop.now();
                    let now = v8::Number::new(scope, now).into();
                    call(wrap, scope, "onhandshakestart", &[now]);
                }
                // A server that asks for a renegotiation is told of both too.
                if place & tls_ffi::HANDSHAKE_DONE != 0
                    && tls_ffi::SSL_renegotiate_pending(ssl) == 0
                {
                    wrap.established.set(true);
                    call(wrap, scope, "onhandshakedone", &[]);
                }
            });
        }
    });
}

/// # Safety
/// `data` is null or has `length` bytes, and they live as long as they are used.
pub(super) unsafe fn bytes<'a>(data: *const c_uchar, length: usize) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: by the contract.
    unsafe { std::slice::from_raw_parts(data, length) }
}

unsafe extern "C" fn get_session(
    ssl: *mut ossl::SSL,
    _id: *const c_uchar,
    _length: c_int,
    copy: *mut c_int,
) -> *mut ossl::SSL_SESSION {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call. The reference is its own from now on.
        unsafe {
            *copy = 0;
            let session = wrap_of(ssl)?.next_session.take()?;
            let raw = session.as_ptr();
            std::mem::forget(session);
            Some(raw)
        }
    })
    .flatten()
    .unwrap_or(std::ptr::null_mut())
}

/// `onnewsession(id, session)`. 0: the session is not kept here.
unsafe extern "C" fn new_session(ssl: *mut ossl::SSL, session: *mut ossl::SSL_SESSION) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call, and a live session.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                if !wrap.session_callbacks.get() {
                    return;
                }
                let Some(encoded) = encode_session(session) else {
                    return;
                };
                if encoded.len() > LARGEST_SESSION {
                    return;
                }
                let mut length = 0;
                let id = ossl::SSL_SESSION_get_id(session, &mut length);
                let id = bytes(id, usize::try_from(length).unwrap_or(0)).to_vec();
                let id = convert::buffer(scope, id);
                let encoded = convert::buffer(scope, encoded);
                if wrap.is_server {
                    wrap.awaits_new_session.set(true);
                }
                call(wrap, scope, "onnewsession", &[id, encoded]);
            });
        }
    });
    0
}

/// A session as bytes.
///
/// # Safety
/// `session` is live.
pub unsafe fn encode_session(session: *mut ossl::SSL_SESSION) -> Option<Vec<u8>> {
    // SAFETY: by the contract; a null pointer asks for the length, which the vector then has.
    unsafe {
        let length = ossl::i2d_SSL_SESSION(session, std::ptr::null_mut());
        let mut encoded = vec![0; usize::try_from(length).ok().filter(|length| *length > 0)?];
        let mut pointer = encoded.as_mut_ptr();
        ossl::i2d_SSL_SESSION(session, &mut pointer);
        Some(encoded)
    }
}

/// `oncertcb({servername, OCSPRequest})`. -1: the handshake waits for `certCbDone`.
unsafe extern "C" fn choose_certificate(ssl: *mut ossl::SSL, _argument: *mut c_void) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                if !wrap.is_server || wrap.choice.get() == Choice::Made {
                    return 1;
                }
                if wrap.choice.get() == Choice::Asked {
                    return -1;
                }
                wrap.choice.set(Choice::Asked);
                let info = v8::Object::new(scope);
                let name = server_name_of(ssl).unwrap_or_default();
                let name = exception::string(scope, &name).into();
                convert::set(scope, info, "servername", name);
                let wants_ocsp = wants_ocsp(ssl);
                let wants_ocsp = v8::Boolean::new(scope, wants_ocsp).into();
                convert::set(scope, info, "OCSPRequest", wants_ocsp);
                call(wrap, scope, "oncertcb", &[info.into()]);
                if wrap.choice.get() == Choice::Asked {
                    -1
                } else {
                    1
                }
            })
        }
    })
    .flatten()
    .unwrap_or(0)
}

/// # Safety
/// `ssl` is live.
unsafe fn wants_ocsp(ssl: *mut ossl::SSL) -> bool {
    /// `SSL_CTRL_GET_TLSEXT_STATUS_REQ_TYPE`
    const STATUS_TYPE: c_int = 127;
    // SAFETY: reads a number of a live connection.
    let kind = unsafe { ossl::SSL_ctrl(ssl, STATUS_TYPE, 0, std::ptr::null_mut()) };
    kind == std::ffi::c_long::from(ossl::TLSEXT_STATUSTYPE_ocsp)
}

/// The state of the certificate: asked of the program, or told to it.
unsafe extern "C" fn status(ssl: *mut ossl::SSL, _argument: *mut c_void) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call.
        unsafe {
            let wrap = wrap_of(ssl)?;
            if wrap.is_server {
                return Some(staple(ssl, wrap.ocsp_response.borrow_mut()));
            }
            with_scope_of(ssl, |wrap, scope| {
                let mut response = std::ptr::null_mut();
                let length = ossl::SSL_get_tlsext_status_ocsp_resp(ssl, &mut response);
                let response = match usize::try_from(length) {
                    Ok(length) if !response.is_null() => {
                        convert::buffer(scope, bytes(response, length).to_vec())
                    }
                    _ => v8::null(scope).into(),
                };
                call(wrap, scope, "onocspresponse", &[response]);
                // Accepted: a listener that does not like it ends the connection.
                1
            })
        }
    })
    .flatten()
    .unwrap_or(ossl::SSL_TLSEXT_ERR_NOACK)
}

/// # Safety
/// `ssl` is live.
unsafe fn staple(ssl: *mut ossl::SSL, mut response: RefMut<'_, Option<Vec<u8>>>) -> c_int {
    let Some(response) = response.take() else {
        return ossl::SSL_TLSEXT_ERR_NOACK;
    };
    // SAFETY: the copy is OpenSSL's own memory, which the connection frees if it takes it.
    unsafe {
        let copy = ossl::OPENSSL_malloc(response.len());
        let Ok(length) = std::ffi::c_long::try_from(response.len()) else {
            return ossl::SSL_TLSEXT_ERR_NOACK;
        };
        if copy.is_null() {
            return ossl::SSL_TLSEXT_ERR_NOACK;
        }
        std::ptr::copy_nonoverlapping(response.as_ptr(), copy.cast(), response.len());
        if ossl::SSL_set_tlsext_status_ocsp_resp(ssl, copy.cast(), length) != 1 {
            ossl::CRYPTO_free(copy, c"".as_ptr(), 0);
        }
    }
    ossl::SSL_TLSEXT_ERR_OK
}

unsafe extern "C" fn key_line(ssl: *const ossl::SSL, line: *const c_char) {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call, and a C string.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                let mut line = tls_ffi::text(line).unwrap_or_default();
                line.push('\n');
                let line = convert::buffer(scope, line.into_bytes());
                call(wrap, scope, "onkeylog", &[line]);
            });
        }
    });
}
