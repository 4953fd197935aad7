//! Keys that both ends know beforehand (PSK).

use std::ffi::{c_char, c_uchar, c_uint};

use openssl_sys as ossl;

use super::callbacks::{Arguments, with_scope_of};
use super::connection::TlsWrap;
use crate::binding::crypto::tls_ffi;
use crate::callback::contain_bare;
use crate::env::Env;
use crate::js::{callback_scope, convert, exception};

/// Calls the function that the library keeps under a symbol, and returns what it said.
fn exchange<'s>(
    wrap: &TlsWrap,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: Arguments<'_, 's>,
) -> Option<v8::Local<'s, v8::Value>> {
    let object = wrap.object(scope)?;
    let name = Env::of(scope).symbol(scope, "onpskexchange");
    callback_scope::make_method_callback(scope, object, name.into(), arguments)
}

/// Copies a key to where OpenSSL wants it; its length, or 0 where it is too long.
///
/// # Safety
/// `target` has `room` bytes.
unsafe fn give_key(key: v8::Local<'_, v8::Value>, target: *mut c_uchar, room: c_uint) -> c_uint {
    convert::with_bytes(key, |key| {
        let length = c_uint::try_from(key.len())
            .ok()
            .filter(|length| *length <= room)?;
        // SAFETY: by the contract; the key is not longer.
        unsafe { std::ptr::copy_nonoverlapping(key.as_ptr(), target, key.len()) };
        Some(length)
    })
    .flatten()
    .unwrap_or(0)
}

/// The key of the client that names itself; its length, or 0 for none.
pub unsafe extern "C" fn psk_server(
    ssl: *mut ossl::SSL,
    identity: *const c_char,
    key: *mut c_uchar,
    room: c_uint,
) -> c_uint {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call, a C string, and a buffer of the length given.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                if identity.is_null() {
                    return 0;
                }
                let Ok(identity) = std::ffi::CStr::from_ptr(identity).to_str() else {
                    return 0;
                };
                let arguments = [
                    exception::string(scope, identity).into(),
                    v8::Integer::new_from_unsigned(scope, room).into(),
                ];
                exchange(wrap, scope, &arguments).map_or(0, |answer| give_key(answer, key, room))
            })
        }
    })
    .flatten()
    .unwrap_or(0)
}

/// The name and key for a server; the length of the key, or 0 for none.
pub unsafe extern "C" fn psk_client(
    ssl: *mut ossl::SSL,
    hint: *const c_char,
    identity: *mut c_char,
    identity_room: c_uint,
    key: *mut c_uchar,
    room: c_uint,
) -> c_uint {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call, null or a C string, and buffers of the lengths
        // given.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                let hint: v8::Local<v8::Value> = match tls_ffi::text(hint) {
                    Some(hint) => exception::string(scope, &hint).into(),
                    None => v8::null(scope).into(),
                };
                let arguments = [
                    hint,
                    v8::Integer::new_from_unsigned(scope, room).into(),
                    v8::Integer::new_from_unsigned(scope, identity_room).into(),
                ];
                let answer = exchange(wrap, scope, &arguments)?;
                let answer: v8::Local<v8::Object> = answer.try_cast().ok()?;
                let secret = convert::get(scope, answer, "psk")?;
                let name =
                    convert::get(scope, answer, "identity").filter(|name| name.is_string())?;
                let name = convert::text(scope, name).into_bytes();
                if c_uint::try_from(name.len()).ok()? > identity_room {
                    return None;
                }
                let length = give_key(secret, key, room);
                std::ptr::copy_nonoverlapping(name.as_ptr(), identity.cast(), name.len());
                Some(length)
            })
        }
    })
    .flatten()
    .flatten()
    .unwrap_or(0)
}
