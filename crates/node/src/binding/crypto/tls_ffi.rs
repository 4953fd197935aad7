//! What TLS needs of OpenSSL beyond `openssl-sys`: declarations, and small safe forms of the calls used in several places.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uchar, c_uint, c_void};

use openssl_sys as ossl;

use super::error::{CryptoError, Result, error_string};
use super::owned_ffi::{SslContext, X509, X509Store, X509StoreCtx};

/// `SSL_CTRL_MODE`'s neighbours that `openssl-sys` lacks.
pub const SSL_CTRL_SET_MAX_SEND_FRAGMENT: c_int = 52;
pub const SSL_CTRL_CHAIN: c_int = 88;
pub const SSL_CTRL_GET_CHAIN_CERTS: c_int = 115;
/// `SSL_CB_HANDSHAKE_START`
pub const HANDSHAKE_START: c_int = 0x10;
/// `SSL_CB_HANDSHAKE_DONE`
pub const HANDSHAKE_DONE: c_int = 0x20;
/// `SSL_OP_ALLOW_CLIENT_RENEGOTIATION`
pub const ALLOW_CLIENT_RENEGOTIATION: u64 = 1 << 8;
/// `X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL`
pub const CHECK_ALL_CRLS: std::ffi::c_ulong = 0x4 | 0x8;
/// `X509_V_FLAG_PARTIAL_CHAIN`
pub const PARTIAL_CHAIN: std::ffi::c_ulong = 0x80000;

/// Tells of the progress of a handshake.
pub type InfoCallback = unsafe extern "C" fn(*const ossl::SSL, c_int, c_int);
/// Chooses the certificate of a server.
pub type CertCallback = unsafe extern "C" fn(*mut ossl::SSL, *mut c_void) -> c_int;
/// Judges each certificate of a chain.
pub type VerifyCallback = unsafe extern "C" fn(c_int, *mut ossl::X509_STORE_CTX) -> c_int;
/// Gives the key of a server.
pub type PskServerCallback =
    unsafe extern "C" fn(*mut ossl::SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint;
/// Gives the identity and key of a client.
pub type PskClientCallback = unsafe extern "C" fn(
    *mut ossl::SSL,
    *const c_char,
    *mut c_char,
    c_uint,
    *mut c_uchar,
    c_uint,
) -> c_uint;
/// Gives the keys of a ticket.
pub type TicketKeyCallback = unsafe extern "C" fn(
    *mut ossl::SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut ossl::EVP_CIPHER_CTX,
    *mut ossl::EVP_MAC_CTX,
    c_int,
) -> c_int;
/// Chooses the protocol of a server.
pub type AlpnCallback = unsafe extern "C" fn(
    *mut ossl::SSL,
    *mut *const c_uchar,
    *mut c_uchar,
    *const c_uchar,
    c_uint,
    *mut c_void,
) -> c_int;
/// Hears of a client's first message.
pub type ClientHelloCallback =
    unsafe extern "C" fn(*mut ossl::SSL, *mut c_int, *mut c_void) -> c_int;

unsafe extern "C" {
    pub fn ERR_set_mark() -> c_int;
    pub fn ERR_pop_to_mark() -> c_int;
    pub fn BIO_ctrl_pending(bio: *mut ossl::BIO) -> usize;

    pub fn SSL_set_info_callback(ssl: *mut ossl::SSL, callback: InfoCallback);
    pub fn SSL_set_cert_cb(ssl: *mut ossl::SSL, callback: CertCallback, argument: *mut c_void);
    #[link_name = "SSL_set_verify"]
    pub fn SSL_set_verify_mode(ssl: *mut ossl::SSL, mode: c_int, callback: VerifyCallback);
    pub fn SSL_renegotiate(ssl: *mut ossl::SSL) -> c_int;
    pub fn SSL_renegotiate_pending(ssl: *const ossl::SSL) -> c_int;
    pub fn SSL_set_psk_server_callback(ssl: *mut ossl::SSL, callback: PskServerCallback);
    pub fn SSL_set_psk_client_callback(ssl: *mut ossl::SSL, callback: PskClientCallback);
    pub fn SSL_use_psk_identity_hint(ssl: *mut ossl::SSL, hint: *const c_char) -> c_int;
    pub fn SSL_get_ciphers(ssl: *const ossl::SSL) -> *mut ossl::OPENSSL_STACK;
    pub fn SSL_get_shared_sigalgs(
        ssl: *mut ossl::SSL,
        index: c_int,
        sign: *mut c_int,
        hash: *mut c_int,
        sign_hash: *mut c_int,
        raw_sign: *mut c_uchar,
        raw_hash: *mut c_uchar,
    ) -> c_int;
    pub fn SSL_SESSION_get0_ticket(
        session: *const ossl::SSL_SESSION,
        ticket: *mut *const c_uchar,
        length: *mut usize,
    );
    pub fn SSL_CIPHER_get_auth_nid(cipher: *const ossl::SSL_CIPHER) -> c_int;
    pub fn SSL_dup_CA_list(list: *const c_void) -> *mut c_void;
    pub fn SSL_CTX_get_client_CA_list(context: *const ossl::SSL_CTX) -> *mut c_void;
    #[link_name = "SSL_set_client_CA_list"]
    pub fn SSL_take_client_CA_list(ssl: *mut ossl::SSL, list: *mut c_void);
    pub fn SSL_CTX_set_timeout(context: *mut ossl::SSL_CTX, seconds: c_long) -> c_long;
    pub fn SSL_CTX_set_tlsext_ticket_key_evp_cb(
        context: *mut ossl::SSL_CTX,
        callback: TicketKeyCallback,
    ) -> c_int;
    #[link_name = "SSL_CTX_set_alpn_select_cb"]
    pub fn SSL_CTX_set_alpn_callback(
        context: *mut ossl::SSL_CTX,
        callback: AlpnCallback,
        argument: *mut c_void,
    );
    #[link_name = "SSL_CTX_set_client_hello_cb"]
    pub fn SSL_CTX_set_client_hello_callback(
        context: *mut ossl::SSL_CTX,
        callback: ClientHelloCallback,
        argument: *mut c_void,
    );

    pub fn PEM_read_bio_X509_AUX(
        bio: *mut ossl::BIO,
        out: *mut *mut ossl::X509,
        callback: Option<super::owned_ffi::PasswordCallback>,
        user: *mut c_void,
    ) -> *mut ossl::X509;
    pub fn PEM_read_bio_Parameters(
        bio: *mut ossl::BIO,
        out: *mut *mut ossl::EVP_PKEY,
    ) -> *mut ossl::EVP_PKEY;
    pub fn d2i_PKCS12_bio(bio: *mut ossl::BIO, out: *mut *mut ossl::PKCS12) -> *mut ossl::PKCS12;
    pub fn X509_STORE_up_ref(store: *mut ossl::X509_STORE) -> c_int;
    pub fn X509_STORE_add_crl(store: *mut ossl::X509_STORE, crl: *mut ossl::X509_CRL) -> c_int;
    pub fn X509_STORE_CTX_get1_issuer(
        issuer: *mut *mut ossl::X509,
        context: *mut ossl::X509_STORE_CTX,
        certificate: *mut ossl::X509,
    ) -> c_int;
}

/// A C string of a guest's text; an error where it has a NUL in it.
pub fn c_string(text: &str, name: &str) -> Result<CString> {
    CString::new(text).map_err(|_| {
        CryptoError::type_error(
            "ERR_INVALID_ARG_VALUE",
            format!("The \"{name}\" argument must be without null bytes"),
        )
    })
}

/// A static or borrowed C string; `None` for null.
///
/// # Safety
/// `text` is null or a C string that lives over the call.
pub unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by the contract.
    Some(
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned(),
    )
}

/// The certificates of a stack of OpenSSL's, each with a reference of its own.
///
/// # Safety
/// `stack` is null or a live stack of certificates.
pub unsafe fn certificates(stack: *const c_void) -> Vec<X509> {
    let stack = stack.cast::<ossl::OPENSSL_STACK>();
    if stack.is_null() {
        return Vec::new();
    }
    // SAFETY: by the contract; the reference is given to the new owner.
    unsafe {
        (0..ossl::OPENSSL_sk_num(stack))
            .filter_map(|index| {
                let certificate = ossl::OPENSSL_sk_value(stack, index).cast::<ossl::X509>();
                if certificate.is_null() {
                    return None;
                }
                ossl::X509_up_ref(certificate);
                X509::own(certificate)
            })
            .collect()
    }
}

impl SslContext {
    /// The store that verification of this context's connections goes by.
    pub fn store(&self) -> *mut ossl::X509_STORE {
        // SAFETY: the context is live and keeps its store.
        unsafe { ossl::SSL_CTX_get_cert_store(self.as_ptr()) }
    }

    /// Who issued `certificate`, if the store knows.
    pub fn issuer(&self, certificate: &X509) -> Option<X509> {
        // SAFETY: store and certificate are live; the issuer that is found has a reference of its own.
        let issuer = unsafe {
            let context = X509StoreCtx::own(ossl::X509_STORE_CTX_new())?;
            let null = std::ptr::null_mut();
            if ossl::X509_STORE_CTX_init(context.as_ptr(), self.store(), null, std::ptr::null_mut())
                != 1
            {
                None
            } else {
                let mut issuer = std::ptr::null_mut();
                let found =
                    X509_STORE_CTX_get1_issuer(&mut issuer, context.as_ptr(), certificate.as_ptr());
                if found == 1 { X509::own(issuer) } else { None }
            }
        };
        super::error::clear_errors();
        issuer
    }
}

impl Clone for X509Store {
    fn clone(&self) -> X509Store {
        // SAFETY: the store is live; the new reference is given to the new owner.
        unsafe {
            X509_STORE_up_ref(self.as_ptr());
            X509Store::own(self.as_ptr()).expect("the pointer of an owner is not null")
        }
    }
}

/// The errors of a connection, as Node tells them: the newest as a line of text, the oldest by its parts.
pub struct TlsError {
    /// `error:0A00010B:SSL routines:…` with the place in OpenSSL's source.
    pub message: String,
    /// Name of the library.
    pub library: Option<String>,
    /// What is wrong.
    pub reason: Option<String>,
}

impl TlsError {
    /// Takes the calling thread's queue.
    pub fn take() -> TlsError {
        let mut error = TlsError {
            message: String::new(),
            library: None,
            reason: None,
        };
        let mut oldest = true;
        loop {
            let (mut file, mut line, mut function) = (std::ptr::null(), 0, std::ptr::null());
            let (mut data, mut flags) = (std::ptr::null(), 0);
            // SAFETY: reads the thread's queue; the texts are valid until it is written again.
            let (code, file, function, data) = unsafe {
                let code = ossl::ERR_get_error_all(
                    &mut file,
                    &mut line,
                    &mut function,
                    &mut data,
                    &mut flags,
                );
                (code, text(file), text(function), text(data))
            };
            if code == 0 {
                return error;
            }
            if std::mem::take(&mut oldest) {
                // SAFETY: both return null or a static string.
                unsafe {
                    error.library = text(ossl::ERR_lib_error_string(code));
                    error.reason = text(ossl::ERR_reason_error_string(code));
                }
            }
            error.message = error_line(
                &error_string(code),
                &function.unwrap_or_default(),
                &file.unwrap_or_default(),
                line,
                &data.unwrap_or_default(),
            );
        }
    }
}

/// As `ERR_print_errors_cb` with the paths of Node's build. Where OpenSSL prints the thread's number, which is an
/// address, there are zeros.
fn error_line(text: &str, function: &str, file: &str, line: c_int, data: &str) -> String {
    let mut parts: Vec<&str> = text.splitn(5, ':').collect();
    if let Some(place) = parts.get_mut(3) {
        *place = function;
    }
    format!(
        "0000000000000000:{}:../deps/openssl/openssl/{file}:{line}:{data}\n",
        parts.join(":")
    )
}

#[cfg(test)]
mod tests {
    use super::error_line;

    #[test]
    fn errors_read_as_those_of_the_pinned_build() {
        let line = error_line(
            "error:0A00010B:SSL routines::wrong version number",
            "tls_validate_record_header",
            "ssl/record/methods/tlsany_meth.c",
            77,
            "",
        );
        assert_eq!(
            line,
            "0000000000000000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version \
             number:../deps/openssl/openssl/ssl/record/methods/tlsany_meth.c:77:\n"
        );
    }
}
