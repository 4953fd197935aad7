//! The certificates that TLS trusts where a program names none. Follows Node's `src/crypto/crypto_context.cc`.
//!
//! Mozilla's, as the pinned Node has them; those of the file that `NODE_EXTRA_CA_CERTS` names among the guest's own; or
//! those that `tls.setDefaultCACertificates` put in the place of both. The host's stores are no part of it.

use std::cell::{OnceCell, RefCell};
use std::sync::OnceLock;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, clear_errors, error_string, take_errors};
use super::hash::string_array;
use super::input::{self, attempt};
use super::owned_ffi::{Bio, X509, X509Store};
use super::tls_ffi;
use crate::binding::fs::read_file;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;

const BUNDLED: &str = include_str!(concat!(env!("OUT_DIR"), "/root-certificates.json"));

/// `ERR_LIB_PEM`, `PEM_R_NO_START_LINE`: how OpenSSL says that a text is at its end.
pub const END: std::ffi::c_ulong = super::error::pack(9, 108);

/// Declares the functions.
pub fn define(definition: &mut Definition) {
    definition
        .function("getBundledRootCertificates", get_bundled)
        .function("getExtraCACertificates", get_extra)
        .function("getSystemCACertificates", get_system)
        .function("getUserRootCertificates", get_user)
        .function("startLoadingCertificatesOffThread", start_loading)
        .function("resetRootCertStore", reset)
        .function("isExtraRootCertsFileLoaded", is_extra_loaded);
}

/// What an isolate trusts.
#[derive(Default)]
pub struct RootCertificates {
    store: RefCell<Option<X509Store>>,
    extra: OnceCell<Option<Vec<X509>>>,
    user: RefCell<Option<Vec<X509>>>,
}

impl RootCertificates {
    /// Those of the isolate.
    pub fn of(env: &Env) -> std::rc::Rc<RootCertificates> {
        env.state::<RootCertificates>()
    }

    /// The store of all, which contexts share as long as they add nothing to it.
    pub fn store(&self, env: &Env) -> Result<X509Store> {
        if let Some(store) = self.store.borrow().as_ref() {
            return Ok(store.clone());
        }
        let store = self.new_store(env)?;
        let _none = self.store.replace(Some(store.clone()));
        Ok(store)
    }

    /// A store with all of them, for a context that adds its own.
    pub fn new_store(&self, env: &Env) -> Result<X509Store> {
        // SAFETY: returns null or a new store.
        let store = unsafe { X509Store::own(ossl::X509_STORE_new()) }
            .ok_or_else(CryptoError::out_of_memory)?;
        let user = self.user.borrow();
        let (bundled, extra) = match user.as_ref() {
            Some(_) => (&[] as &[X509], None),
            None => (bundled(), self.extra(env)),
        };
        for certificate in bundled
            .iter()
            .chain(extra.into_iter().flatten())
            .chain(user.iter().flatten())
        {
            // SAFETY: both are live; the store takes a reference of its own.
            unsafe { ossl::X509_STORE_add_cert(store.as_ptr(), certificate.as_ptr()) };
        }
        clear_errors();
        Ok(store)
    }

    /// The certificates of the file that the process was started with, read at the first call.
    fn extra(&self, env: &Env) -> Option<&[X509]> {
        self.extra.get_or_init(|| load_extra(env)).as_deref()
    }
}

/// Mozilla's, parsed once for all isolates.
fn bundled() -> &'static [X509] {
    static PARSED: OnceLock<Vec<X509>> = OnceLock::new();
    PARSED.get_or_init(|| {
        bundled_texts()
            .iter()
            .filter_map(|pem| X509::parse(pem.as_bytes()).ok())
            .collect()
    })
}

fn bundled_texts() -> Vec<String> {
    serde_json::from_str(BUNDLED).expect("the build wrote an array of texts")
}

/// All certificates of a PEM text, those of kind `TRUSTED CERTIFICATE` too.
///
/// # Errors
/// There is a block that is none, or no block at all.
pub fn parse_all(pem: &[u8]) -> Result<Vec<X509>> {
    let bio = Bio::reading(pem)?;
    let mut certificates = Vec::new();
    clear_errors();
    loop {
        // SAFETY: the stream is live, and the certificate is ours.
        let certificate = unsafe {
            let null = std::ptr::null_mut();
            X509::own(tls_ffi::PEM_read_bio_X509_AUX(
                bio.as_ptr(),
                std::ptr::null_mut(),
                Some(super::x509_ffi::no_password),
                null,
            ))
        };
        match certificate {
            Some(certificate) => certificates.push(certificate),
            None => break,
        }
    }
    let errors = take_errors();
    match errors.last() {
        Some(&END) if !certificates.is_empty() => Ok(certificates),
        None => Ok(certificates),
        Some(_) => Err(CryptoError::OpenSsl(errors, "Failed to parse certificate")),
    }
}

fn load_extra(env: &Env) -> Option<Vec<X509>> {
    let process = env.process();
    let (_, path) = process
        .envp()
        .into_iter()
        .find(|(name, value)| name == b"NODE_EXTRA_CA_CERTS" && !value.is_empty())?;
    let problem = match read_file(env, &process, &path) {
        Ok(pem) => match parse_all(&pem) {
            Ok(certificates) => return Some(certificates),
            Err(CryptoError::OpenSsl(codes, _)) => {
                error_string(codes.first().copied().unwrap_or(0))
            }
            Err(CryptoError::Coded(_, _, message)) => message,
        },
        // As OpenSSL says it of a file, with the system's words.
        Err(errno) => {
            let text = std::io::Error::from_raw_os_error(errno.raw()).to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            format!(
                "error:{:08X}:system library::{text}",
                0x8000_0000 | errno.raw().cast_unsigned()
            )
        }
    };
    let warning = format!(
        "Warning: Ignoring extra certs from `{}`, load failed: {problem}\n",
        String::from_utf8_lossy(&path)
    );
    // Where standard error is closed nobody can be warned.
    let _ = process.write(2, warning.as_bytes());
    None
}

/// Sets an array of PEM texts.
fn reply(scope: Scope, rv: &mut Return, certificates: &[X509]) {
    let mut texts = Vec::new();
    for certificate in certificates {
        texts.push(attempt!(scope, certificate.pem()));
    }
    rv.set(string_array(scope, &texts).into());
}

fn get_bundled(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(string_array(scope, &bundled_texts()).into());
}

fn get_extra(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let roots = RootCertificates::of(&env);
    reply(scope, &mut rv, roots.extra(&env).unwrap_or_default());
}

/// None: the machine has no store of its own, and the host's is not the guest's.
fn get_system(scope: Scope, _args: Args, mut rv: Return) {
    reply(scope, &mut rv, &[]);
}

fn get_user(scope: Scope, _args: Args, mut rv: Return) {
    let roots = RootCertificates::of(&Env::of(scope));
    let user = roots.user.borrow();
    reply(scope, &mut rv, user.as_deref().unwrap_or_default());
}

/// Nothing takes long enough to be started before it is needed.
fn start_loading(_scope: Scope, _args: Args, _rv: Return) {}

/// `resetRootCertStore(certificates)`: the next contexts trust these and no others.
fn reset(scope: Scope, args: Args, _rv: Return) {
    let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        return input::invalid("certs", "an array").throw(scope);
    };
    let mut certificates: Vec<X509> = Vec::new();
    for index in 0..list.length() {
        let Some(item) = list.get_index(scope, index) else {
            return;
        };
        let pem = attempt!(scope, input::bytes(scope, item, "certs"));
        certificates.extend(attempt!(scope, parse_given(&pem)));
    }
    if certificates.is_empty() && list.length() > 0 {
        let message = "No valid certificates found in the provided array";
        return CryptoError::operation_failed(message).throw(scope);
    }
    let roots = RootCertificates::of(&Env::of(scope));
    let _previous = roots.user.replace(Some(without_doubles(certificates)));
    let _store = roots.store.take();
}

/// As [`parse_all`], where a text without any certificate is one with none, and the newest error speaks.
fn parse_given(pem: &[u8]) -> Result<Vec<X509>> {
    match parse_all(pem) {
        Err(CryptoError::OpenSsl(errors, _)) if errors == [END] => Ok(Vec::new()),
        Err(CryptoError::OpenSsl(errors, fallback)) => {
            let newest = errors.last().copied().into_iter().collect();
            Err(CryptoError::OpenSsl(newest, fallback))
        }
        other => other,
    }
}

fn without_doubles(certificates: Vec<X509>) -> Vec<X509> {
    let mut seen = std::collections::HashSet::new();
    certificates
        .into_iter()
        .filter(|certificate| certificate.der().is_ok_and(|der| seen.insert(der)))
        .collect()
}

/// For Node's own tests.
fn is_extra_loaded(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    rv.set_bool(RootCertificates::of(&env).extra(&env).is_some());
}
