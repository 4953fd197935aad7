//! Failures of cryptographic operations as JavaScript errors. Follows Node's `src/crypto/crypto_util.cc`
//! (`ThrowCryptoError`, `CryptoErrorStore`, `Decorate`).

use std::ffi::{CStr, c_char, c_ulong};

use openssl_sys as ossl;

use super::owned_ffi as ffi;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

/// Why an operation failed.
#[derive(Debug)]
pub enum CryptoError {
    /// OpenSSL's queue, oldest first, and what to say where it is empty.
    OpenSsl(Vec<c_ulong>, &'static str),
    /// An error of Node's own: constructor, code, message.
    Coded(ErrorKind, &'static str, String),
}

/// Result of an operation.
pub type Result<T> = std::result::Result<T, CryptoError>;

impl CryptoError {
    /// The errors in OpenSSL's queue of this thread, which is empty afterwards.
    pub fn capture(fallback: &'static str) -> CryptoError {
        CryptoError::OpenSsl(take_errors(), fallback)
    }

    /// The same where the error that speaks stays in the list (`ERR_peek_error`).
    #[must_use]
    pub fn peeked(self) -> CryptoError {
        match self {
            CryptoError::OpenSsl(mut codes, fallback) => {
                if let Some(first) = codes.first().copied() {
                    codes.insert(0, first);
                }
                CryptoError::OpenSsl(codes, fallback)
            }
            other => other,
        }
    }

    /// The same where the fallback speaks, and all of OpenSSL's errors are in the list.
    #[must_use]
    pub fn unnamed(self) -> CryptoError {
        match self {
            CryptoError::OpenSsl(mut codes, fallback) => {
                codes.insert(0, 0);
                CryptoError::OpenSsl(codes, fallback)
            }
            other => other,
        }
    }

    /// A `TypeError` with a code.
    pub fn type_error(code: &'static str, message: impl Into<String>) -> CryptoError {
        CryptoError::Coded(ErrorKind::TypeError, code, message.into())
    }

    /// A `RangeError` with a code.
    pub fn range_error(code: &'static str, message: impl Into<String>) -> CryptoError {
        CryptoError::Coded(ErrorKind::RangeError, code, message.into())
    }

    /// An `Error` with a code.
    pub fn error(code: &'static str, message: impl Into<String>) -> CryptoError {
        CryptoError::Coded(ErrorKind::Error, code, message.into())
    }

    /// `ERR_CRYPTO_OPERATION_FAILED`
    pub fn operation_failed(message: impl Into<String>) -> CryptoError {
        CryptoError::error("ERR_CRYPTO_OPERATION_FAILED", message)
    }

    /// Memory ran out.
    pub fn out_of_memory() -> CryptoError {
        CryptoError::range_error("ERR_OUT_OF_RANGE", "The result does not fit in memory")
    }

    /// The error object of a job: the oldest error speaks, the others are its `opensslErrorStack`.
    pub fn to_value<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            CryptoError::Coded(kind, code, message) => {
                exception::new_error(scope, *kind, code, message)
            }
            CryptoError::OpenSsl(codes, fallback) => {
                let message = match codes.first() {
                    None | Some(0) => (*fallback).to_owned(),
                    Some(code) => error_string(*code),
                };
                let error = exception::new_error(scope, ErrorKind::Error, "", &message);
                set_stack(scope, error, codes.get(1..).unwrap_or_default());
                error
            }
        }
    }

    /// The error of a synchronous function: as [`CryptoError::to_value`] with `library`, `reason` and `code`.
    pub fn to_decorated_value<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> v8::Local<'s, v8::Value> {
        let error = self.to_value(scope);
        if let CryptoError::OpenSsl(codes, _) = self
            && let Some(code) = codes.first()
            && *code != 0
            && let Some(object) = error.to_object(scope)
        {
            decorate(scope, object, *code);
        }
        error
    }

    /// Throws the error of a synchronous function.
    pub fn throw(&self, scope: &mut v8::PinScope<'_, '_>) {
        let error = self.to_decorated_value(scope);
        scope.throw_exception(error);
    }
}

/// Turns OpenSSL's "1 is success" into a result.
pub fn check(status: i32, fallback: &'static str) -> Result<()> {
    if status > 0 {
        Ok(())
    } else {
        Err(CryptoError::capture(fallback))
    }
}

/// Takes what OpenSSL queued on this thread, oldest first.
pub fn take_errors() -> Vec<c_ulong> {
    let mut codes = Vec::new();
    loop {
        // SAFETY: reads the calling thread's queue.
        match unsafe { ossl::ERR_get_error() } {
            0 => return codes,
            code => codes.push(code),
        }
    }
}

/// Forgets what OpenSSL queued on this thread: the failure was an answer, not an error.
pub fn clear_errors() {
    // SAFETY: clears the calling thread's queue.
    unsafe { ossl::ERR_clear_error() };
}

/// The code of reason `reason` in library `library`, as OpenSSL packs it.
pub const fn pack(library: c_ulong, reason: c_ulong) -> c_ulong {
    library << 23 | reason
}

/// OpenSSL's text for `code`: `error:1C800064:Provider routines::bad decrypt`.
pub fn error_string(code: c_ulong) -> String {
    let mut text = [0 as c_char; 256];
    // SAFETY: the buffer has the length given and the function ends it with NUL.
    unsafe {
        ffi::ERR_error_string_n(code, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}

fn set_stack(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>, codes: &[c_ulong]) {
    if codes.is_empty() {
        return;
    }
    let Some(object) = error.to_object(scope) else {
        return;
    };
    let items: Vec<v8::Local<v8::Value>> = codes
        .iter()
        .rev()
        .map(|code| exception::string(scope, &error_string(*code)).into())
        .collect();
    let stack = v8::Array::new_with_elements(scope, &items);
    convert::set(scope, object, "opensslErrorStack", stack.into());
}

fn decorate(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>, code: c_ulong) {
    // SAFETY: both return null or a static string.
    let (library, reason) = unsafe {
        (
            static_text(ossl::ERR_lib_error_string(code)),
            static_text(ossl::ERR_reason_error_string(code)),
        )
    };
    if let Some(library) = library {
        let value = exception::string(scope, library).into();
        convert::set(scope, object, "library", value);
    }
    let Some(reason) = reason else { return };
    let value = exception::string(scope, reason).into();
    convert::set(scope, object, "reason", value);
    let name = format!(
        "ERR_{}{}",
        library_name(code),
        reason.to_ascii_uppercase().replace(' ', "_")
    );
    let value = exception::string(scope, &name).into();
    convert::set(scope, object, "code", value);
}

/// The part of a code that names the library, as Node spells it.
fn library_name(code: c_ulong) -> &'static str {
    match code >> 23 & 0xff {
        2 => "OSSL_SYS_",
        3 => "OSSL_BN_",
        4 => "OSSL_RSA_",
        5 => "OSSL_DH_",
        6 => "OSSL_EVP_",
        7 => "OSSL_BUF_",
        8 => "OSSL_OBJ_",
        9 => "OSSL_PEM_",
        10 => "OSSL_DSA_",
        11 => "OSSL_X509_",
        13 => "OSSL_ASN1_",
        14 => "OSSL_CONF_",
        15 => "OSSL_CRYPTO_",
        16 => "OSSL_EC_",
        20 => "SSL_",
        32 => "OSSL_BIO_",
        33 => "OSSL_PKCS7_",
        34 => "OSSL_X509V3_",
        35 => "OSSL_PKCS12_",
        36 => "OSSL_RAND_",
        37 => "OSSL_DSO_",
        38 => "OSSL_ENGINE_",
        39 => "OSSL_OCSP_",
        40 => "OSSL_UI_",
        41 => "OSSL_COMP_",
        42 => "OSSL_ECDSA_",
        43 => "OSSL_ECDH_",
        44 => "OSSL_OSSL_STORE_",
        45 => "OSSL_FIPS_",
        46 => "OSSL_CMS_",
        47 => "OSSL_TS_",
        48 => "OSSL_HMAC_",
        50 => "OSSL_CT_",
        51 => "OSSL_ASYNC_",
        52 => "OSSL_KDF_",
        53 => "OSSL_SM2_",
        128 => "OSSL_USER_",
        _ => "OSSL_",
    }
}

/// # Safety
/// `text` is null or a static C string.
unsafe fn static_text(text: *const c_char) -> Option<&'static str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::{error_string, pack};

    #[test]
    fn codes_are_spelled_as_openssl_does() {
        super::ffi::init();
        assert_eq!(
            error_string(pack(57, 100)),
            "error:1C800064:Provider routines::bad decrypt"
        );
    }
}
