//! The keys of session tickets: 16 bytes of name, 16 of HMAC with SHA-256, 16 of AES-128-CBC, as Node has them.

use std::ffi::{c_int, c_uchar};

use openssl_sys as ossl;

use super::{data_of, receiver};
use crate::binding::crypto::error::{CryptoError, Result};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::crypto::owned_ffi::SslContext;
use crate::binding::crypto::params_ffi::ParamList;
use crate::binding::crypto::{random, tls_ffi};
use crate::binding::tls_wrap::with_scope_of;
use crate::callback::{Args, Return, Scope, contain_bare};
use crate::js::class::ClassDefinition;
use crate::js::{callback_scope, convert};

/// Places in the array that a `onticketkeycallback` returns.
pub const INDICES: [(&str, u32); 5] = [
    ("kTicketKeyReturnIndex", 0),
    ("kTicketKeyHMACIndex", 1),
    ("kTicketKeyAESIndex", 2),
    ("kTicketKeyNameIndex", 3),
    ("kTicketKeyIVIndex", 4),
];

const PART: usize = 16;

/// Adds the methods of this module.
pub fn add_methods(class: &mut ClassDefinition) {
    class
        .method("setTicketKeys", set_ticket_keys)
        .method("getTicketKeys", get_ticket_keys)
        .method("enableTicketKeyCallback", enable_ticket_key_callback);
}

/// The keys of a context.
#[derive(Clone, Copy)]
pub struct TicketKeys {
    name: [u8; PART],
    hmac: [u8; PART],
    aes: [u8; PART],
}

impl TicketKeys {
    /// Keys that nobody foresees.
    pub fn random() -> Result<TicketKeys> {
        let mut bytes = [0; 3 * PART];
        random::fill(&mut bytes)?;
        Ok(TicketKeys::from_bytes(&bytes))
    }

    fn from_bytes(bytes: &[u8; 3 * PART]) -> TicketKeys {
        let part = |at: usize| {
            let mut part = [0; PART];
            part.copy_from_slice(&bytes[at..at + PART]);
            part
        };
        TicketKeys {
            name: part(0),
            hmac: part(PART),
            aes: part(2 * PART),
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        [self.name, self.hmac, self.aes].concat()
    }
}

/// Has tickets made and read with the keys of the context.
pub fn use_own_keys(context: &SslContext) {
    // SAFETY: the function has the signature that is asked for.
    unsafe { tls_ffi::SSL_CTX_set_tlsext_ticket_key_evp_cb(context.as_ptr(), own_keys) };
}

fn set_ticket_keys(scope: Scope, args: Args, mut rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    let bytes = attempt!(scope, input::bytes(scope, args.get(0), "ticketKeys"));
    let Ok(bytes) = <[u8; 3 * PART]>::try_from(bytes) else {
        let message = "The \"ticketKeys\" argument must be exactly 48 bytes";
        return CryptoError::type_error("ERR_INVALID_ARG_VALUE", message).throw(scope);
    };
    // SAFETY: the context is held.
    if let Some(data) = unsafe { data_of(context.as_ptr()) } {
        *data.keys.borrow_mut() = TicketKeys::from_bytes(&bytes);
        rv.set_bool(true);
    }
}

fn get_ticket_keys(scope: Scope, args: Args, mut rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    // SAFETY: the context is held.
    if let Some(data) = unsafe { data_of(context.as_ptr()) } {
        let bytes = data.keys.borrow().to_bytes();
        rv.set(convert::buffer(scope, bytes));
    }
}

/// For Node's own tests: JavaScript gives the keys.
fn enable_ticket_key_callback(scope: Scope, args: Args, _rv: Return) {
    let (_, context) = attempt!(scope, receiver(scope, &args));
    // SAFETY: the function has the signature that is asked for.
    unsafe { tls_ffi::SSL_CTX_set_tlsext_ticket_key_evp_cb(context.as_ptr(), keys_of_javascript) };
}

/// Starts cipher and code with the keys; false where OpenSSL fails.
///
/// # Safety
/// The contexts are live, `iv` has 16 bytes.
unsafe fn start(
    cipher: *mut ossl::EVP_CIPHER_CTX,
    mac: *mut ossl::EVP_MAC_CTX,
    iv: *const c_uchar,
    aes: &[u8; PART],
    hmac: &[u8],
    encrypt: bool,
) -> bool {
    let Ok(mut params) = ParamList::new() else {
        return false;
    };
    let Ok(params) = params
        .utf8(c"digest", b"SHA256")
        .and_then(|()| params.build())
    else {
        return false;
    };
    let engine = std::ptr::null_mut();
    // SAFETY: by the contract; the key has the length of the cipher, the other the length given.
    unsafe {
        let algorithm = ossl::EVP_aes_128_cbc();
        let status = if encrypt {
            ossl::EVP_EncryptInit_ex(cipher, algorithm, engine, aes.as_ptr(), iv)
        } else {
            ossl::EVP_DecryptInit_ex(cipher, algorithm, engine, aes.as_ptr(), iv)
        };
        status == 1 && ossl::EVP_MAC_init(mac, hmac.as_ptr(), hmac.len(), params.as_ptr()) == 1
    }
}

/// Makes or reads a ticket with the keys of the connection's context. 1 for success, 0 for a key that is not known.
unsafe extern "C" fn own_keys(
    ssl: *mut ossl::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut ossl::EVP_CIPHER_CTX,
    mac: *mut ossl::EVP_MAC_CTX,
    encrypt: c_int,
) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a live connection, whose context lives as long, and buffers of 16 bytes.
        unsafe {
            let Some(data) = data_of(ossl::SSL_get_SSL_CTX(ssl)) else {
                return -1;
            };
            let keys = *data.keys.borrow();
            let name = std::slice::from_raw_parts_mut(name, PART);
            if encrypt == 0 {
                if name != keys.name {
                    return 0;
                }
            } else {
                name.copy_from_slice(&keys.name);
                let iv = std::slice::from_raw_parts_mut(iv, PART);
                if random::fill(iv).is_err() {
                    return -1;
                }
            }
            let started = start(cipher, mac, iv, &keys.aes, &keys.hmac, encrypt != 0);
            if started { 1 } else { -1 }
        }
    })
    .unwrap_or(-1)
}

/// What JavaScript answered.
struct Answer {
    result: i32,
    hmac: Vec<u8>,
    aes: [u8; PART],
    name_and_iv: Option<([u8; PART], [u8; PART])>,
}

/// `context.onticketkeycallback(name, iv, encrypting)`; `None` where the answer is not usable.
fn ask(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &[u8],
    iv: &[u8],
    encrypt: bool,
) -> Option<Answer> {
    v8::scope!(let scope, scope);
    let object = v8::Local::new(scope, object);
    let arguments = [
        convert::buffer(scope, name.to_vec()),
        convert::buffer(scope, iv.to_vec()),
        v8::Boolean::new(scope, encrypt).into(),
    ];
    let answer =
        callback_scope::make_named_callback(scope, object, "onticketkeycallback", &arguments)?;
    let answer: v8::Local<v8::Array> = answer.try_cast().ok()?;
    let item = |scope: &mut v8::PinScope<'_, '_>, index| -> Option<Vec<u8>> {
        let item = answer.get_index(scope, index)?;
        convert::bytes(item)
    };
    let result = answer.get_index(scope, 0)?;
    let result = result.is_int32().then(|| result.int32_value(scope))??;
    if result < 0 {
        return None;
    }
    let name_and_iv = if encrypt {
        let (name, iv) = (item(scope, 3)?, item(scope, 4)?);
        Some((name.try_into().ok()?, iv.try_into().ok()?))
    } else {
        None
    };
    Some(Answer {
        result,
        hmac: item(scope, 1)?,
        aes: item(scope, 2)?.try_into().ok()?,
        name_and_iv,
    })
}

unsafe extern "C" fn keys_of_javascript(
    ssl: *mut ossl::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut ossl::EVP_CIPHER_CTX,
    mac: *mut ossl::EVP_MAC_CTX,
    encrypt: c_int,
) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a live connection, whose context lives as long, and buffers of 16 bytes.
        let (data, name, iv_bytes) = unsafe {
            (
                data_of(ossl::SSL_get_SSL_CTX(ssl))?,
                std::slice::from_raw_parts_mut(name, PART),
                std::slice::from_raw_parts_mut(iv, PART),
            )
        };
        // SAFETY: the connection is live and one of ours.
        let answer = unsafe {
            with_scope_of(ssl, |_, scope| {
                let object = data.object.to_local(scope)?;
                ask(scope, object, name, iv_bytes, encrypt != 0)
            })
        }??;
        if let Some((new_name, new_iv)) = answer.name_and_iv {
            name.copy_from_slice(&new_name);
            iv_bytes.copy_from_slice(&new_iv);
        }
        // SAFETY: as above.
        let started = unsafe { start(cipher, mac, iv, &answer.aes, &answer.hmac, encrypt != 0) };
        started.then_some(answer.result)
    })
    .flatten()
    .unwrap_or(-1)
}
