//! Names of servers (SNI), and the contexts that programs have for them.

use std::ffi::{c_int, c_void};

use openssl_sys as ossl;

use super::callbacks::{call, prepare_context, with_scope_of};
use super::connection::TlsWrap;
use crate::binding::crypto::owned_ffi::SslContext;
use crate::binding::crypto::secure_context::SecureContext;
use crate::binding::crypto::tls_ffi;
use crate::callback::contain_bare;
use crate::env::Env;
use crate::js::{convert, exception};

/// The name that the client asked for.
///
/// # Safety
/// `ssl` is live.
pub unsafe fn server_name_of(ssl: *const ossl::SSL) -> Option<String> {
    // SAFETY: null or a C string that lives as long as the connection.
    unsafe {
        tls_ffi::text(ossl::SSL_get_servername(
            ssl,
            ossl::TLSEXT_NAMETYPE_host_name,
        ))
    }
}

/// A server learns the name that the client wants, and may have another context for it.
pub unsafe extern "C" fn server_name(
    ssl: *mut ossl::SSL,
    _alert: *mut c_int,
    _argument: *mut c_void,
) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                if wrap.is_server && select_context(ssl, wrap, scope).is_some() {
                    ossl::SSL_TLSEXT_ERR_OK
                } else {
                    ossl::SSL_TLSEXT_ERR_NOACK
                }
            })
        }
    })
    .flatten()
    .unwrap_or(ossl::SSL_TLSEXT_ERR_NOACK)
}

/// # Safety
/// `ssl` is live and belongs to `wrap`.
unsafe fn select_context(
    ssl: *mut ossl::SSL,
    wrap: &TlsWrap,
    scope: &mut v8::PinScope<'_, '_>,
) -> Option<()> {
    let object = wrap.object(scope)?;
    // SAFETY: by the contract.
    if let Some(name) = unsafe { server_name_of(ssl) } {
        let key = Env::of(scope).symbol(scope, "owner_symbol");
        let owner = object.get(scope, key.into())?;
        if let Ok(owner) = v8::Local::<v8::Object>::try_from(owner) {
            let name = exception::string(scope, &name).into();
            convert::set(scope, owner, "servername", name);
        }
    }
    let value = convert::get(scope, object, "sni_context").filter(|value| value.is_object())?;
    let Some(secure_context) = SecureContext::of(scope, value) else {
        refuse_context(wrap, scope);
        return None;
    };
    let context = secure_context.context().ok()?;
    prepare_context(&context);
    wrap.keep(secure_context);
    // SAFETY: both are live; the connection takes a reference of its own.
    unsafe {
        ossl::SSL_set_SSL_CTX(ssl, context.as_ptr());
        trust_as(ssl, &context);
    }
    Some(())
}

/// Tells the library that what a program gave for a name is no context.
pub fn refuse_context(wrap: &TlsWrap, scope: &mut v8::PinScope<'_, '_>) {
    let message = exception::string(scope, "Invalid SNI context");
    let error = v8::Exception::type_error(scope, message);
    call(wrap, scope, "onerror", &[error]);
}

/// Has a connection trust what a context trusts.
///
/// # Safety
/// `ssl` is live.
pub unsafe fn trust_as(ssl: *mut ossl::SSL, context: &SslContext) -> bool {
    // SAFETY: by the contract; with 1 the connection takes a reference of its own, and it owns the copied list.
    unsafe {
        let store = context.store().cast::<c_void>();
        let status = ossl::SSL_ctrl(ssl, ossl::SSL_CTRL_SET_VERIFY_CERT_STORE, 1, store);
        if status != 1 {
            return false;
        }
        let names = tls_ffi::SSL_CTX_get_client_CA_list(context.as_ptr());
        tls_ffi::SSL_take_client_CA_list(ssl, tls_ffi::SSL_dup_CA_list(names));
    }
    true
}
