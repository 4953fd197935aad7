//! `parseX509` and the class of its result. Follows Node's `src/crypto/crypto_x509.cc`.

use std::rc::Rc;

use super::certificate_object;
use super::digest;
use super::error::{CryptoError, Result};
use super::hash::string_array;
use super::input::{self, attempt};
use super::keys::{KeyData, KeyObjectHandle, create_handle};
use super::owned_ffi::{Md, Pkey, X509};
use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, class_template};
use crate::js::transfer::TransferData;
use crate::js::{convert, exception, wrap};

/// Declares the class and function.
pub fn define(definition: &mut Definition) {
    definition
        .class("X509Certificate", crate::js::class::illegal_constructor)
        .hidden()
        .method("subject", subject)
        .method("subjectAltName", subject_alt_name)
        .method("infoAccess", info_access)
        .method("issuer", issuer)
        .method("getIssuerCert", issuer_certificate)
        .method("validTo", valid_to)
        .method("validFrom", valid_from)
        .method("validToDate", valid_to_date)
        .method("validFromDate", valid_from_date)
        .method("fingerprint", fingerprint)
        .method("fingerprint256", fingerprint256)
        .method("fingerprint512", fingerprint512)
        .method("keyUsage", key_usage)
        .method("serialNumber", serial_number)
        .method("signatureAlgorithm", signature_algorithm)
        .method("signatureAlgorithmOid", signature_algorithm_oid)
        .method("pem", pem)
        .method("raw", raw)
        .method("publicKey", public_key)
        .method("checkCA", check_ca)
        .method("checkHost", check_host)
        .method("checkEmail", check_email)
        .method("checkIP", check_ip)
        .method("checkIssued", check_issued)
        .method("checkPrivateKey", check_private_key)
        .method("verify", verify)
        .method("toLegacy", to_legacy);
    definition.function("parseX509", parse);
}

/// A certificate for another heap.
pub fn clone_certificate(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    let certificate = wrap::unwrap::<X509>(scope, object.into())?;
    Some(Box::new(X509::clone(&certificate)))
}

impl TransferData for X509 {
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        create(scope, self.clone())
    }
}

/// Wraps `certificate` in a new object of the hidden class.
fn create<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    certificate: X509,
) -> Option<v8::Local<'s, v8::Object>> {
    let object = class_template(scope, "X509Certificate")?
        .instance_template(scope)
        .new_instance(scope)?;
    wrap::wrap(scope, object, certificate);
    Some(object)
}

/// The chain above a certificate that a peer sent.
struct Above(Vec<X509>);

/// As [`create`], of the first of `chain`, which knows those behind it.
pub fn create_with_chain<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    chain: &[X509],
) -> Option<v8::Local<'s, v8::Object>> {
    let (first, above) = chain.split_first()?;
    let object = create(scope, first.clone())?;
    wrap::attach(scope, object, Rc::new(Above(above.to_vec())));
    Some(object)
}

/// `parseX509(bytes)`: PEM or DER.
fn parse(scope: Scope, args: Args, mut rv: Return) {
    let bytes = attempt!(scope, input::bytes(scope, args.get(0), "buffer"));
    let certificate = attempt!(scope, X509::parse(&bytes));
    if let Some(object) = create(scope, certificate) {
        rv.set(object.into());
    }
}

fn unwrap(scope: Scope, args: &Args) -> Result<Rc<X509>> {
    wrap::unwrap::<X509>(scope, args.this().into())
        .ok_or_else(|| input::invalid("this", "a certificate"))
}

/// The object that TLS shows of a peer's certificate.
fn to_legacy(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    let object = attempt!(scope, certificate_object::create(scope, &certificate));
    rv.set(object.into());
}

/// Sets a string, or leaves undefined.
fn reply(scope: Scope, rv: &mut Return, text: Option<String>) {
    if let Some(text) = text {
        rv.set(exception::string(scope, &text).into());
    }
}

/// Declares methods that return what a method of the certificate does.
macro_rules! texts {
    ($($(#[$doc:meta])* $function:ident: |$certificate:ident| $text:expr;)*) => {$(
        $(#[$doc])*
        fn $function(
            scope: Scope,
            args: Args,
            mut rv: Return,
        ) {
            let $certificate = attempt!(scope, unwrap(scope, &args));
            let text = attempt!(scope, $text);
            reply(scope, &mut rv, text);
        }
    )*};
}

texts! {
    subject: |certificate| certificate.subject();
    issuer: |certificate| certificate.issuer();
    subject_alt_name: |certificate| certificate.alternative_names();
    info_access: |certificate| certificate.extension_text(openssl_sys::NID_info_access);
    valid_from: |certificate| certificate.time_text(false).map(Some);
    valid_to: |certificate| certificate.time_text(true).map(Some);
    fingerprint: |certificate| hash_text(&certificate, "sha1");
    fingerprint256: |certificate| hash_text(&certificate, "sha256");
    fingerprint512: |certificate| hash_text(&certificate, "sha512");
    serial_number: |certificate| certificate.serial_number().map(Some);
    signature_algorithm: |certificate| Ok::<_, CryptoError>(certificate.signature_algorithm(false));
    signature_algorithm_oid: |certificate| Ok::<_, CryptoError>(certificate.signature_algorithm(true));
    pem: |certificate| certificate.pem().map(Some);
}

fn key_usage(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    if let Some(names) = certificate.extended_key_usage() {
        rv.set(string_array(scope, &names).into());
    }
}

/// Upper-case pairs of digits with colons between.
pub fn hash_text(certificate: &X509, name: &str) -> Result<Option<String>> {
    let md = Md::named(name)?;
    let hash = digest::digest(&md, &certificate.der()?, md.size())?;
    let pairs: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(Some(pairs.join(":")))
}

/// Of a certificate that a peer sent: the one above it in the chain. Undefined else.
fn issuer_certificate(scope: Scope, args: Args, mut rv: Return) {
    let Some(chain) = wrap::attached::<Above>(scope, args.this().into()) else {
        return;
    };
    if let Some(issuer) = create_with_chain(scope, &chain.0) {
        rv.set(issuer.into());
    }
}

fn date(scope: Scope, args: &Args, rv: &mut Return, end: bool) {
    let certificate = attempt!(scope, unwrap(scope, args));
    let seconds = attempt!(scope, certificate.time(end));
    if let Some(date) = v8::Date::new(scope, seconds as f64 * 1000.0) {
        rv.set(date.into());
    }
}

fn valid_from_date(scope: Scope, args: Args, mut rv: Return) {
    date(scope, &args, &mut rv, false);
}

fn valid_to_date(scope: Scope, args: Args, mut rv: Return) {
    date(scope, &args, &mut rv, true);
}

fn raw(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    let der = attempt!(scope, certificate.der());
    rv.set(convert::buffer(scope, der));
}

fn public_key(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    let key = attempt!(scope, certificate.public_key());
    if let Some(handle) = create_handle(scope, KeyData::Public(key)) {
        rv.set(handle.into());
    }
}

fn check_ca(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    rv.set_bool(certificate.is_ca());
}

/// The name that matched, as Node returns it; undefined where none did.
fn check_name(
    scope: Scope,
    args: &Args,
    rv: &mut Return,
    check: impl Fn(&X509, &str, u32) -> Result<Option<String>>,
) {
    let certificate = attempt!(scope, unwrap(scope, args));
    let name = attempt!(scope, input::string(scope, args.get(0), "name"));
    let flags = match args.get(1) {
        flags if flags.is_undefined() => 0,
        flags => attempt!(scope, input::uint32(scope, flags, "flags")),
    };
    let text = attempt!(scope, check(&certificate, &name, flags));
    reply(scope, rv, text);
}

fn check_host(scope: Scope, args: Args, mut rv: Return) {
    check_name(scope, &args, &mut rv, X509::check_host);
}

fn check_email(scope: Scope, args: Args, mut rv: Return) {
    check_name(scope, &args, &mut rv, X509::check_email);
}

fn check_ip(scope: Scope, args: Args, mut rv: Return) {
    check_name(scope, &args, &mut rv, X509::check_ip);
}

fn check_issued(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    match wrap::unwrap::<X509>(scope, args.get(0)) {
        Some(issuer) => rv.set_bool(certificate.is_issued_by(&issuer)),
        None => input::invalid("otherCert", "a certificate").throw(scope),
    }
}

fn key_argument(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Result<Pkey> {
    match wrap::unwrap::<KeyObjectHandle>(scope, value).and_then(|handle| handle.data()) {
        Some(KeyData::Public(key) | KeyData::Private(key)) => Ok(key),
        _ => Err(input::invalid("pkey", "an asymmetric key")),
    }
}

fn check_private_key(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    let key = attempt!(scope, key_argument(scope, args.get(0)));
    rv.set_bool(certificate.belongs_to(&key));
}

fn verify(scope: Scope, args: Args, mut rv: Return) {
    let certificate = attempt!(scope, unwrap(scope, &args));
    let key = attempt!(scope, key_argument(scope, args.get(0)));
    rv.set_bool(certificate.is_signed_by(&key));
}
