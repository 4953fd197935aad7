//! `SecureContext`: what TLS connections have in common. Follows Node's `src/crypto/crypto_context.cc`.

mod credentials;
mod settings;
mod tickets;

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_long, c_void};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::OnceLock;

use openssl_sys as ossl;

use super::error::{CryptoError, Result};
use super::hash::string_array;
use super::input::{self, attempt};
use super::owned_ffi::{self as ffi, Ssl, SslContext, X509};
use super::tls_ffi;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, wrap};
use tickets::TicketKeys;

/// Declares the class and functions.
pub fn define(definition: &mut Definition) {
    let class = definition.class("SecureContext", new_secure_context);
    class.method("init", init).method("close", close);
    credentials::add_methods(class);
    settings::add_methods(class);
    tickets::add_methods(class);
    definition
        .function("getSSLCiphers", get_ssl_ciphers)
        .function("getCertificateCompressionAlgorithms", no_compression);
}

/// Sets what is no function on the class.
pub fn set_statics(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let Some(class) = convert::get(scope, binding, "SecureContext") else {
        return;
    };
    let Ok(class) = v8::Local::<v8::Object>::try_from(class) else {
        return;
    };
    for (name, index) in tickets::INDICES {
        let index = v8::Integer::new_from_unsigned(scope, index).into();
        convert::set(scope, class, name, index);
    }
}

/// The native side of a `SecureContext`.
#[derive(Default)]
pub struct SecureContext {
    context: RefCell<Option<Rc<SslContext>>>,
    certificate: RefCell<Option<X509>>,
    issuer: RefCell<Option<X509>>,
    /// Whether its store is the one that all contexts without additions share.
    shares_store: Cell<bool>,
}

impl SecureContext {
    /// Behind a JavaScript value.
    pub fn of(
        scope: &v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
    ) -> Option<Rc<SecureContext>> {
        wrap::unwrap::<SecureContext>(scope, value)
    }

    /// OpenSSL's context.
    ///
    /// # Errors
    /// It was not initialised, or was closed.
    pub fn context(&self) -> Result<Rc<SslContext>> {
        self.context.borrow().clone().ok_or_else(|| {
            CryptoError::error(
                "ERR_TLS_INVALID_CONTEXT",
                "The secure context is not initialised or is closed",
            )
        })
    }
}

/// What our callbacks need of a context; it belongs to OpenSSL's context and lives as long.
struct ContextData {
    keys: RefCell<TicketKeys>,
    object: v8::Weak<v8::Object>,
}

fn data_index() -> c_int {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    unsafe extern "C" fn free(
        _parent: *mut c_void,
        data: *mut c_void,
        _list: *mut ossl::CRYPTO_EX_DATA,
        _index: c_int,
        _argument: c_long,
        _pointer: *mut c_void,
    ) {
        if let Some(data) = NonNull::new(data.cast::<ContextData>()) {
            // SAFETY: `attach_data` leaked the box, and the context that owned it ends.
            crate::callback::contain_bare(|| drop(unsafe { Box::from_raw(data.as_ptr()) }));
        }
    }
    *INDEX.get_or_init(|| {
        // SAFETY: registers an index; the function frees what is stored under it.
        unsafe {
            ossl::CRYPTO_get_ex_new_index(
                CLASS_OF_CONTEXTS,
                0,
                std::ptr::null_mut(),
                None,
                None,
                Some(free),
            )
        }
    })
}

/// `CRYPTO_EX_INDEX_SSL_CTX`
const CLASS_OF_CONTEXTS: c_int = 1;

fn attach_data(context: &SslContext, data: ContextData) {
    let data = Box::into_raw(Box::new(data)).cast();
    // SAFETY: the context frees the box.
    if unsafe { ossl::SSL_CTX_set_ex_data(context.as_ptr(), data_index(), data) } != 1 {
        // SAFETY: the box was not taken.
        drop(unsafe { Box::from_raw(data.cast::<ContextData>()) });
    }
}

/// # Safety
/// `context` is live and stays so while the result is used.
unsafe fn data_of<'a>(context: *mut ossl::SSL_CTX) -> Option<&'a ContextData> {
    // SAFETY: by the contract; only `attach_data` stores something under the index.
    unsafe {
        ossl::SSL_CTX_get_ex_data(context, data_index())
            .cast::<ContextData>()
            .as_ref()
    }
}

fn new_secure_context(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        return input::invalid("this", "a new SecureContext").throw(scope);
    }
    wrap::wrap(scope, args.this(), SecureContext::default());
}

/// The receiver of a method, and its initialised context.
fn receiver(
    scope: &v8::PinScope<'_, '_>,
    args: &Args,
) -> Result<(Rc<SecureContext>, Rc<SslContext>)> {
    let secure_context = SecureContext::of(scope, args.this().into())
        .ok_or_else(|| input::invalid("this", "a SecureContext"))?;
    let context = secure_context.context()?;
    Ok((secure_context, context))
}

const ANY: c_int = 0;
const NEWEST: c_int = ossl::TLS1_3_VERSION;

/// Versions that a method's name stands for, and for which side it is; `None` for no such name.
fn method_versions(name: &str) -> Option<(Option<(c_int, c_int)>, &str)> {
    let (family, side) = name.split_once("_method").map(|(family, rest)| {
        let side = ["_server", "_client"]
            .iter()
            .find_map(|side| family.strip_suffix(side).map(|family| (family, *side)));
        if rest.is_empty() {
            side.unwrap_or((family, ""))
        } else {
            ("", "")
        }
    })?;
    let versions = match family {
        "SSLv23" => None,
        "TLS" => Some((ANY, NEWEST)),
        "TLSv1" => Some((ossl::TLS1_VERSION, ossl::TLS1_VERSION)),
        "TLSv1_1" => Some((ossl::TLS1_1_VERSION, ossl::TLS1_1_VERSION)),
        "TLSv1_2" => Some((ossl::TLS1_2_VERSION, ossl::TLS1_2_VERSION)),
        _ => return None,
    };
    Some((versions, side))
}

fn refused_method(name: &str) -> CryptoError {
    let message = if name.starts_with("SSLv2_") {
        "SSLv2 methods disabled".to_owned()
    } else if name.starts_with("SSLv3_") {
        "SSLv3 methods disabled".to_owned()
    } else {
        format!("Unknown method: {name}")
    };
    CryptoError::type_error("ERR_TLS_INVALID_PROTOCOL_METHOD", message)
}

/// `init(method, minVersion, maxVersion)`
fn init(scope: Scope, args: Args, _rv: Return) {
    ffi::init();
    let Some(secure_context) = SecureContext::of(scope, args.this().into()) else {
        return;
    };
    let mut minimum = attempt!(scope, input::int32(scope, args.get(1), "minVersion"));
    let mut maximum = attempt!(scope, input::int32(scope, args.get(2), "maxVersion"));
    if maximum == 0 {
        maximum = NEWEST;
    }
    // SAFETY: the methods are static.
    let mut method = unsafe { ossl::TLS_method() };
    if args.get(0).is_string() {
        let name = convert::text(scope, args.get(0));
        let Some((versions, side)) = method_versions(&name) else {
            return refused_method(&name).throw(scope);
        };
        match versions {
            Some(both) => (minimum, maximum) = both,
            None => maximum = ossl::TLS1_2_VERSION,
        }
        // SAFETY: as above.
        unsafe {
            match side {
                "_server" => method = ossl::TLS_server_method(),
                "_client" => method = ossl::TLS_client_method(),
                _ => {}
            }
        }
    }
    let context = attempt!(scope, new_context(method, minimum, maximum));
    let keys = attempt!(scope, TicketKeys::random());
    let object = v8::Weak::new(scope, args.this());
    let keys = RefCell::new(keys);
    attach_data(&context, ContextData { keys, object });
    tickets::use_own_keys(&context);
    let _previous = secure_context.context.replace(Some(Rc::new(context)));
}

fn new_context(
    method: *const ossl::SSL_METHOD,
    minimum: c_int,
    maximum: c_int,
) -> Result<SslContext> {
    // SAFETY: the method is static; the new context is ours, and the calls only set numbers in it.
    unsafe {
        let context = SslContext::own(ossl::SSL_CTX_new(method))
            .ok_or_else(|| CryptoError::capture("SSL_CTX_new"))?;
        let raw = context.as_ptr();
        let options = ossl::SSL_OP_NO_SSLv3 | tls_ffi::ALLOW_CLIENT_RENEGOTIATION;
        ossl::SSL_CTX_set_options(raw, options);
        let cache = ossl::SSL_SESS_CACHE_BOTH
            | ossl::SSL_SESS_CACHE_NO_INTERNAL
            | ossl::SSL_SESS_CACHE_NO_AUTO_CLEAR;
        let null = std::ptr::null_mut::<c_void>();
        ossl::SSL_CTX_ctrl(raw, ossl::SSL_CTRL_SET_SESS_CACHE_MODE, cache, null);
        let (low, high) = (c_long::from(minimum), c_long::from(maximum));
        ossl::SSL_CTX_ctrl(raw, ossl::SSL_CTRL_SET_MIN_PROTO_VERSION, low, null);
        ossl::SSL_CTX_ctrl(raw, ossl::SSL_CTRL_SET_MAX_PROTO_VERSION, high, null);
        Ok(context)
    }
}

/// The level of security that connections start with.
pub fn security_level() -> Result<c_int> {
    ffi::init();
    // SAFETY: the method is static; reads a number of a live context.
    unsafe {
        let context = new_context(ossl::TLS_method(), ANY, NEWEST)?;
        Ok(ossl::SSL_CTX_get_security_level(context.as_ptr()))
    }
}

/// Connections that were made keep what they have.
fn close(scope: Scope, args: Args, _rv: Return) {
    if let Some(secure_context) = SecureContext::of(scope, args.this().into()) {
        let _context = secure_context.context.take();
        let _certificate = secure_context.certificate.take();
        let _issuer = secure_context.issuer.take();
    }
}

/// Node's names of the ciphers of TLS 1.3, those that its default leaves out included.
const NEW_CIPHERS: [&str; 5] = [
    "tls_aes_256_gcm_sha384",
    "tls_chacha20_poly1305_sha256",
    "tls_aes_128_gcm_sha256",
    "tls_aes_128_ccm_8_sha256",
    "tls_aes_128_ccm_sha256",
];

fn cipher_names() -> Result<Vec<String>> {
    // SAFETY: context and connection are ours; the stack belongs to the connection, the names are static.
    unsafe {
        let context = new_context(ossl::TLS_method(), ANY, NEWEST)?;
        let ssl = Ssl::own(ossl::SSL_new(context.as_ptr()))
            .ok_or_else(|| CryptoError::capture("SSL_new"))?;
        let stack = tls_ffi::SSL_get_ciphers(ssl.as_ptr());
        let mut names: Vec<String> = (0..ossl::OPENSSL_sk_num(stack))
            .filter_map(|index| {
                let cipher = ossl::OPENSSL_sk_value(stack, index).cast::<ossl::SSL_CIPHER>();
                tls_ffi::text(ossl::SSL_CIPHER_get_name(cipher))
            })
            .collect();
        names.extend(NEW_CIPHERS.map(str::to_owned));
        Ok(names)
    }
}

fn get_ssl_ciphers(scope: Scope, _args: Args, mut rv: Return) {
    ffi::init();
    let names = attempt!(scope, cipher_names());
    rv.set(string_array(scope, &names).into());
}

/// OpenSSL is built without the libraries for them.
fn no_compression(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(string_array(scope, &[]).into());
}

#[cfg(test)]
mod tests {
    use super::method_versions;

    #[test]
    fn methods_are_known_by_family_and_side() {
        assert_eq!(method_versions("SSLv23_method"), Some((None, "")));
        assert_eq!(
            method_versions("TLSv1_2_server_method"),
            Some((Some((0x303, 0x303)), "_server"))
        );
        assert_eq!(
            method_versions("TLS_client_method"),
            Some((Some((0, 0x304)), "_client"))
        );
        assert_eq!(method_versions("SSLv3_method"), None);
        assert_eq!(method_versions("blub"), None);
        assert_eq!(method_versions("TLS_methods"), None);
    }
}
