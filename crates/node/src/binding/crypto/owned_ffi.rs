//! OpenSSL objects that free themselves, and the functions that `openssl-sys` does not declare.

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_ulong, c_void};
use std::ptr::NonNull;
use std::sync::Once;

use openssl_sys as ossl;

/// Declares an owning pointer to an OpenSSL object.
macro_rules! owned {
    ($($(#[$doc:meta])* $name:ident($raw:ty, $free:path);)*) => {$(
        $(#[$doc])*
        pub struct $name(NonNull<$raw>);

        impl $name {
            /// Takes ownership of what OpenSSL returned; `None` for null.
            ///
            /// # Safety
            /// `raw` is null or valid, and nobody else frees it.
            pub unsafe fn own(raw: *mut $raw) -> Option<$name> {
                NonNull::new(raw).map($name)
            }

            /// The pointer, valid as long as `self`.
            pub fn as_ptr(&self) -> *mut $raw {
                self.0.as_ptr()
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: `own` took the only ownership.
                unsafe { $free(self.0.as_ptr()) };
            }
        }

        // SAFETY: the object is owned and OpenSSL keeps no thread-local state in it; `&self` methods of this crate
        // that write go through `&mut self` or a `RefCell`.
        unsafe impl Send for $name {}
    )*};
}

owned! {
    /// A digest in progress.
    MdCtx(ossl::EVP_MD_CTX, ossl::EVP_MD_CTX_free);
    /// A digest algorithm.
    Md(ossl::EVP_MD, ossl::EVP_MD_free);
    /// A cipher algorithm.
    Cipher(ossl::EVP_CIPHER, ossl::EVP_CIPHER_free);
    /// A cipher in progress.
    CipherCtx(ossl::EVP_CIPHER_CTX, ossl::EVP_CIPHER_CTX_free);
    /// A key derivation function.
    Kdf(ossl::EVP_KDF, ossl::EVP_KDF_free);
    /// A key derivation in progress.
    KdfCtx(ossl::EVP_KDF_CTX, ossl::EVP_KDF_CTX_free);
    /// A message authentication code.
    Mac(ossl::EVP_MAC, ossl::EVP_MAC_free);
    /// A message authentication code in progress.
    MacCtx(ossl::EVP_MAC_CTX, ossl::EVP_MAC_CTX_free);
    /// An asymmetric key.
    Pkey(ossl::EVP_PKEY, ossl::EVP_PKEY_free);
    /// An operation with an asymmetric key.
    PkeyCtx(ossl::EVP_PKEY_CTX, ossl::EVP_PKEY_CTX_free);
    /// A memory buffer with OpenSSL's stream interface.
    Bio(ossl::BIO, ossl::BIO_free_all);
    /// A big number; freed with its content cleared.
    BigNum(ossl::BIGNUM, ossl::BN_clear_free);
    /// What is asked now and then while big numbers are looked for.
    Progress(ossl::BN_GENCB, BN_GENCB_free);
    /// Scratch space for big numbers.
    BigNumCtx(ossl::BN_CTX, ossl::BN_CTX_free);
    /// An elliptic curve.
    EcGroup(ossl::EC_GROUP, ossl::EC_GROUP_free);
    /// A point of an elliptic curve.
    EcPoint(ossl::EC_POINT, ossl::EC_POINT_free);
    /// An ECDSA signature.
    EcdsaSig(ossl::ECDSA_SIG, ossl::ECDSA_SIG_free);
    /// A DSA signature.
    DsaSig(ossl::DSA_SIG, ossl::DSA_SIG_free);
    /// Diffie-Hellman parameters and keys.
    Dh(ossl::DH, ossl::DH_free);
    /// A certificate.
    X509(ossl::X509, ossl::X509_free);
    /// Parameters under construction.
    ParamBuilder(ossl::OSSL_PARAM_BLD, ossl::OSSL_PARAM_BLD_free);
    /// Parameters of an operation.
    Params(ossl::OSSL_PARAM, ossl::OSSL_PARAM_free);
    /// A PKCS#8 structure.
    Pkcs8(ossl::PKCS8_PRIV_KEY_INFO, ossl::PKCS8_PRIV_KEY_INFO_free);
    /// A key and certificates under a pass phrase.
    Pkcs12(ossl::PKCS12, ossl::PKCS12_free);
    /// A list of revoked certificates.
    X509Crl(ossl::X509_CRL, ossl::X509_CRL_free);
    /// Certificates that are trusted, and what else verification goes by.
    X509Store(ossl::X509_STORE, ossl::X509_STORE_free);
    /// A verification.
    X509StoreCtx(ossl::X509_STORE_CTX, ossl::X509_STORE_CTX_free);
    /// What TLS connections have in common: keys, certificates, versions, ciphers.
    SslContext(ossl::SSL_CTX, ossl::SSL_CTX_free);
    /// A TLS connection.
    Ssl(ossl::SSL, ossl::SSL_free);
    /// What a TLS connection leaves for its resumption.
    SslSession(ossl::SSL_SESSION, ossl::SSL_SESSION_free);
}

// SAFETY: the reference count of keys and algorithms is atomic, and a key that has been handed out is only read.
unsafe impl Sync for Pkey {}
// SAFETY: as for `Pkey`.
unsafe impl Sync for Md {}

// SAFETY: the reference count of certificates is atomic, and a certificate that has been parsed is only read; what
// OpenSSL caches in it is under its own lock.
unsafe impl Sync for X509 {}

impl Clone for X509 {
    fn clone(&self) -> X509 {
        // SAFETY: the certificate is live; the new reference is given to the new owner.
        unsafe {
            ossl::X509_up_ref(self.as_ptr());
            X509(self.0)
        }
    }
}

impl Clone for Pkey {
    fn clone(&self) -> Pkey {
        // SAFETY: the key is live; the new reference is given to the new owner.
        unsafe {
            ossl::EVP_PKEY_up_ref(self.as_ptr());
            Pkey(self.0)
        }
    }
}

/// `EC_builtin_curve`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct BuiltinCurve {
    /// Its number.
    pub nid: c_int,
    /// What it is.
    pub comment: *const c_char,
}

unsafe extern "C" {
    pub fn OPENSSL_init_crypto(opts: u64, settings: *const c_void) -> c_int;
    pub fn ERR_error_string_n(e: c_ulong, buf: *mut c_char, len: usize);
    pub fn OPENSSL_cleanse(ptr: *mut c_void, len: usize);

    pub fn EVP_MD_get0_name(md: *const ossl::EVP_MD) -> *const c_char;
    pub fn EVP_MD_get_flags(md: *const ossl::EVP_MD) -> c_ulong;
    pub fn EVP_MD_is_a(md: *const ossl::EVP_MD, name: *const c_char) -> c_int;
    pub fn EVP_MD_do_all_sorted(
        f: unsafe extern "C" fn(*const ossl::EVP_MD, *const c_char, *const c_char, *mut c_void),
        arg: *mut c_void,
    );

    pub fn EVP_CIPHER_do_all_sorted(
        f: unsafe extern "C" fn(*const ossl::EVP_CIPHER, *const c_char, *const c_char, *mut c_void),
        arg: *mut c_void,
    );
    pub fn EVP_CIPHER_get_mode(cipher: *const ossl::EVP_CIPHER) -> c_int;
    pub fn EVP_CIPHER_get_nid(cipher: *const ossl::EVP_CIPHER) -> c_int;

    pub fn BN_generate_prime_ex2(
        ret: *mut ossl::BIGNUM,
        bits: c_int,
        safe: c_int,
        add: *const ossl::BIGNUM,
        rem: *const ossl::BIGNUM,
        cb: *mut ossl::BN_GENCB,
        ctx: *mut ossl::BN_CTX,
    ) -> c_int;
    pub fn BN_is_prime_ex(
        p: *const ossl::BIGNUM,
        checks: c_int,
        ctx: *mut ossl::BN_CTX,
        cb: *mut ossl::BN_GENCB,
    ) -> c_int;
    pub fn BN_GENCB_new() -> *mut ossl::BN_GENCB;
    pub fn BN_GENCB_free(cb: *mut ossl::BN_GENCB);
    pub fn BN_GENCB_set(
        cb: *mut ossl::BN_GENCB,
        callback: unsafe extern "C" fn(c_int, c_int, *mut ossl::BN_GENCB) -> c_int,
        argument: *mut c_void,
    );
    pub fn EVP_PKEY_CTX_set_cb(
        ctx: *mut ossl::EVP_PKEY_CTX,
        cb: unsafe extern "C" fn(*mut ossl::EVP_PKEY_CTX) -> c_int,
    );

    pub fn EC_curve_nist2nid(name: *const c_char) -> c_int;
    pub fn EC_get_builtin_curves(r: *mut BuiltinCurve, nitems: usize) -> usize;

    pub fn EVP_PKEY_get0_type_name(pkey: *const ossl::EVP_PKEY) -> *const c_char;
    pub fn EVP_PKEY_get_bits(pkey: *const ossl::EVP_PKEY) -> c_int;
    pub fn EVP_PKEY_CTX_set_rsa_pss_keygen_md(
        ctx: *mut ossl::EVP_PKEY_CTX,
        md: *const ossl::EVP_MD,
    ) -> c_int;
    pub fn EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(
        ctx: *mut ossl::EVP_PKEY_CTX,
        md: *const ossl::EVP_MD,
    ) -> c_int;
    pub fn EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(
        ctx: *mut ossl::EVP_PKEY_CTX,
        saltlen: c_int,
    ) -> c_int;
    pub fn EVP_PKEY_CTX_set_dsa_paramgen_q_bits(ctx: *mut ossl::EVP_PKEY_CTX, bits: c_int)
    -> c_int;
    pub fn EVP_PKEY_CTX_set_ec_param_enc(ctx: *mut ossl::EVP_PKEY_CTX, param_enc: c_int) -> c_int;

    pub fn PEM_bytes_read_bio(
        pdata: *mut *mut c_uchar,
        plen: *mut c_long,
        pnm: *mut *mut c_char,
        name: *const c_char,
        bp: *mut ossl::BIO,
        cb: Option<PasswordCallback>,
        u: *mut c_void,
    ) -> c_int;
    pub fn d2i_PKCS8_PRIV_KEY_INFO_bio(
        bp: *mut ossl::BIO,
        p8inf: *mut *mut ossl::PKCS8_PRIV_KEY_INFO,
    ) -> *mut ossl::PKCS8_PRIV_KEY_INFO;
    pub fn d2i_PublicKey(
        kind: c_int,
        a: *mut *mut ossl::EVP_PKEY,
        pp: *mut *const c_uchar,
        length: c_long,
    ) -> *mut ossl::EVP_PKEY;
    pub fn d2i_PrivateKey(
        kind: c_int,
        a: *mut *mut ossl::EVP_PKEY,
        pp: *mut *const c_uchar,
        length: c_long,
    ) -> *mut ossl::EVP_PKEY;
    pub fn i2d_PublicKey(a: *const ossl::EVP_PKEY, pp: *mut *mut c_uchar) -> c_int;
    pub fn PEM_write_bio(
        bp: *mut ossl::BIO,
        name: *const c_char,
        header: *const c_char,
        data: *const c_uchar,
        len: c_long,
    ) -> c_int;
    pub fn PEM_write_bio_PrivateKey_traditional(
        bp: *mut ossl::BIO,
        x: *const ossl::EVP_PKEY,
        enc: *const ossl::EVP_CIPHER,
        kstr: *const c_uchar,
        klen: c_int,
        cb: Option<PasswordCallback>,
        u: *mut c_void,
    ) -> c_int;

    pub fn X509_check_ca(x: *mut ossl::X509) -> c_int;
    pub fn X509_check_private_key(x: *const ossl::X509, k: *const ossl::EVP_PKEY) -> c_int;
    pub fn X509_NAME_print_ex(
        out: *mut ossl::BIO,
        nm: *const ossl::X509_NAME,
        indent: c_int,
        flags: c_ulong,
    ) -> c_int;
    pub fn ASN1_TIME_to_tm(s: *const ossl::ASN1_TIME, tm: *mut libc::tm) -> c_int;

    pub fn DH_check_pub_key(
        dh: *const ossl::DH,
        pub_key: *const ossl::BIGNUM,
        codes: *mut c_int,
    ) -> c_int;
}

/// Asks for the pass phrase of an encrypted key.
pub type PasswordCallback = unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

/// `OPENSSL_INIT_NO_LOAD_CONFIG`
const NO_LOAD_CONFIG: u64 = 0x80;
/// `OPENSSL_INIT_NO_ATEXIT`
const NO_ATEXIT: u64 = 0x0008_0000;
/// `OPENSSL_INIT_LOAD_CRYPTO_STRINGS`, `ADD_ALL_CIPHERS`, `ADD_ALL_DIGESTS`
const STRINGS_AND_NAMES: u64 = 0x2 | 0x4 | 0x8;

/// Prepares the library, once. No configuration file of the host is read: what it says would be no business of the
/// guest's. No exit handler: the addon may be unloaded first.
pub fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        // SAFETY: no settings are passed; the call is made before any other of the library.
        unsafe {
            OPENSSL_init_crypto(
                NO_LOAD_CONFIG | NO_ATEXIT | STRINGS_AND_NAMES,
                std::ptr::null(),
            )
        };
    });
}

/// Length of a buffer as OpenSSL's `int`.
pub fn int(length: usize) -> Option<c_int> {
    c_int::try_from(length).ok()
}

/// How OpenSSL lists the algorithms of a kind: `EVP_MD_do_all_sorted` and its like.
type DoAllSorted<T> = unsafe extern "C" fn(
    unsafe extern "C" fn(*const T, *const c_char, *const c_char, *mut c_void),
    *mut c_void,
);

/// All names under which OpenSSL has algorithms of a kind, in its order.
///
/// # Safety
/// `list` is one of OpenSSL's functions of this signature.
pub unsafe fn algorithm_names<T>(list: DoAllSorted<T>) -> Vec<String> {
    unsafe extern "C" fn add<T>(
        _algorithm: *const T,
        from: *const c_char,
        _to: *const c_char,
        names: *mut c_void,
    ) {
        if from.is_null() {
            return;
        }
        // SAFETY: OpenSSL passes C strings and the pointer that `names` gave it.
        unsafe {
            if let (Ok(name), Some(names)) = (
                CStr::from_ptr(from).to_str(),
                names.cast::<Vec<String>>().as_mut(),
            ) {
                names.push(name.to_owned());
            }
        }
    }
    let mut names: Vec<String> = Vec::new();
    // SAFETY: the callback gets the pointer to the vector, which outlives the call.
    unsafe { list(add::<T>, (&raw mut names).cast()) };
    names
}
