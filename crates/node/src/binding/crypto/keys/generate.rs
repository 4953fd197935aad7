//! Jobs that generate keys. Follows Node's `src/crypto/crypto_keygen.h` and the `*KeyGenTraits` of
//! `src/crypto/crypto_{rsa,dsa,ec,dh}.cc`.

use std::sync::Arc;

use openssl_sys as ossl;

use super::classes::create_crypto_key;
use super::encode::{self, Encoding};
use super::{KeyData, Pkey, handle};
use crate::binding::crypto::error::{CryptoError, Result, check};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::crypto::job::{self, Encode, Mode, Output};
use crate::binding::crypto::owned_ffi::{BigNum, Md, PkeyCtx};
use crate::binding::crypto::pkey_ffi::curve_nid;
use crate::binding::crypto::{dh, owned_ffi as ffi, random};
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::convert;

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "SecretKeyGenJob", new_secret_key_job);
    job::declare(definition, "RsaKeyPairGenJob", new_rsa_job);
    job::declare(definition, "DsaKeyPairGenJob", new_dsa_job);
    job::declare(definition, "EcKeyPairGenJob", new_ec_job);
    job::declare(definition, "NidKeyPairGenJob", new_nid_job);
    job::declare(definition, "DhKeyPairGenJob", new_dh_job);
}

const FAILED: &str = "Key generation job failed";

/// What WebCrypto wants to know of a key, at `index` of the arguments.
struct CryptoKeyOptions {
    algorithm: v8::Global<v8::Value>,
    public_usages: u32,
    private_usages: u32,
    extractable: bool,
}

/// `new SecretKeyGenJob(mode, bits, algorithm, usages, extractable)`; the last three for WebCrypto.
fn new_secret_key_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let bits = attempt!(scope, input::length(scope, args.get(1), "length"));
    let length = if mode == Mode::WebCrypto {
        bits.div_ceil(8)
    } else {
        bits / 8
    };
    let unused = u32::try_from(length * 8 - bits.min(length * 8)).unwrap_or(u32::MAX);
    let options = match mode {
        Mode::WebCrypto => Some(CryptoKeyOptions {
            algorithm: v8::Global::new(scope, args.get(2)),
            public_usages: 0,
            private_usages: attempt!(scope, input::uint32(scope, args.get(3), "usages")),
            extractable: args.get(4).is_true(),
        }),
        _ => None,
    };
    let work = move || {
        let mut key = input::buffer(length)?;
        random::fill(&mut key)?;
        if let Some(last) = key.last_mut() {
            *last &= 0xffu8.checked_shl(unused).unwrap_or(0);
        }
        Ok(Output::Secret(key))
    };
    let encode: Encode = Box::new(move |scope, output| {
        let Output::Secret(key) = output else {
            return None;
        };
        let data = KeyData::Secret(Arc::new(key));
        match options {
            Some(options) => {
                let algorithm = v8::Local::new(scope, &options.algorithm);
                create_crypto_key(
                    scope,
                    data,
                    algorithm,
                    options.private_usages,
                    options.extractable,
                )
            }
            None => handle::create(scope, data).map(Into::into),
        }
    });
    job::create_with(scope, &args, mode, "KEYGENREQUEST", work, encode);
}

/// Ends a constructor of a pair: reads the encodings, or WebCrypto's options, from `index` on.
fn create_pair(
    scope: Scope,
    args: &Args,
    mode: Mode,
    index: i32,
    generate: impl FnOnce() -> Result<Pkey> + Send + 'static,
) {
    let encode: Encode = if mode == Mode::WebCrypto {
        let options = CryptoKeyOptions {
            algorithm: v8::Global::new(scope, args.get(index)),
            public_usages: attempt!(
                scope,
                input::uint32(scope, args.get(index + 1), "publicUsages")
            ),
            private_usages: attempt!(
                scope,
                input::uint32(scope, args.get(index + 2), "privateUsages")
            ),
            extractable: args.get(index + 3).is_true(),
        };
        Box::new(move |scope, output| encode_crypto_keys(scope, output, &options))
    } else {
        let public = attempt!(scope, encode::public_encoding(scope, args, index));
        let private = attempt!(scope, encode::private_encoding(scope, args, index + 2));
        Box::new(move |scope, output| encode_pair(scope, output, &public, &private))
    };
    job::create_with(
        scope,
        args,
        mode,
        "KEYPAIRGENREQUEST",
        move || generate().map(Output::Key),
        encode,
    );
}

/// `[publicKey, privateKey]`
fn encode_pair<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    output: Output,
    public: &Encoding,
    private: &Encoding,
) -> Option<v8::Local<'s, v8::Value>> {
    let Output::Key(key) = output else {
        return None;
    };
    let public = encode::encode(scope, KeyData::Public(key.clone()), public)?;
    let private = encode::encode(scope, KeyData::Private(key), private)?;
    Some(v8::Array::new_with_elements(scope, &[public, private]).into())
}

/// `{ publicKey, privateKey }`
fn encode_crypto_keys<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    output: Output,
    options: &CryptoKeyOptions,
) -> Option<v8::Local<'s, v8::Value>> {
    let Output::Key(key) = output else {
        return None;
    };
    let algorithm = v8::Local::new(scope, &options.algorithm);
    let public = create_crypto_key(
        scope,
        KeyData::Public(key.clone()),
        algorithm,
        options.public_usages,
        true,
    )?;
    let private = create_crypto_key(
        scope,
        KeyData::Private(key),
        algorithm,
        options.private_usages,
        options.extractable,
    )?;
    let pair = v8::Object::new(scope);
    convert::set(scope, pair, "publicKey", public);
    convert::set(scope, pair, "privateKey", private);
    Some(pair.into())
}

/// `new RsaKeyPairGenJob(mode, variant, modulusLength, publicExponent, [hash, mgf1Hash, saltLength,] …)`
fn new_rsa_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    /// `kKeyVariantRSA_PSS`
    const PSS: u32 = 1;
    let pss = attempt!(scope, input::uint32(scope, args.get(1), "variant")) == PSS
        && mode != Mode::WebCrypto;
    let bits = attempt!(scope, input::uint32(scope, args.get(2), "modulusLength"));
    let exponent = attempt!(scope, input::uint32(scope, args.get(3), "publicExponent"));
    // OpenSSL generates up to this size; a larger one would take longer than anybody waits.
    if bits > 16_384 {
        return CryptoError::range_error("ERR_OUT_OF_RANGE", "modulusLength is too big")
            .throw(scope);
    }
    let (mut hash, mut mgf1, mut salt) = (None, None, None);
    if pss {
        let name = attempt!(
            scope,
            input::optional_string(scope, args.get(4), "hashAlgorithm")
        );
        hash = attempt!(scope, named_digest(name, "Invalid digest"));
        let name = attempt!(
            scope,
            input::optional_string(scope, args.get(5), "mgf1HashAlgorithm")
        );
        mgf1 = attempt!(scope, named_digest(name, "Invalid MGF1 digest"));
        salt = attempt!(
            scope,
            input::optional_int32(scope, args.get(6), "saltLength")
        );
        if salt.is_some_and(|salt| salt < 0) {
            return CryptoError::range_error("ERR_OUT_OF_RANGE", "salt length is out of range")
                .throw(scope);
        }
    }
    let index = if pss { 7 } else { 4 };
    create_pair(scope, &args, mode, index, move || {
        let context = PkeyCtx::named(if pss { c"RSA-PSS" } else { c"RSA" })?;
        let exponent = BigNum::from_u32(exponent)?;
        // SAFETY: context, number and algorithms are live.
        unsafe {
            let ctx = context.as_ptr();
            check(ossl::EVP_PKEY_keygen_init(ctx), FAILED)?;
            check(
                ossl::EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits as i32),
                FAILED,
            )?;
            check(
                ossl::EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, exponent.as_ptr()),
                FAILED,
            )?;
            if let Some(hash) = &hash {
                check(
                    ffi::EVP_PKEY_CTX_set_rsa_pss_keygen_md(ctx, hash.as_ptr()),
                    FAILED,
                )?;
            }
            // RFC 8017 recommends the same digest for both and a salt of its size; OpenSSL would take SHA-1.
            if let Some(mgf1) = mgf1.as_ref().or(hash.as_ref()) {
                check(
                    ffi::EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(ctx, mgf1.as_ptr()),
                    FAILED,
                )?;
            }
            if let Some(salt) =
                salt.or_else(|| hash.as_ref().and_then(|hash| ffi::int(hash.size())))
            {
                check(
                    ffi::EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, salt),
                    FAILED,
                )?;
            }
        }
        context.generate()
    });
}

fn named_digest(name: Option<String>, message: &str) -> Result<Option<Md>> {
    let Some(name) = name else { return Ok(None) };
    let md = Md::fetch(&name);
    match md {
        Some(md) => Ok(Some(md)),
        None => Err(CryptoError::type_error(
            "ERR_CRYPTO_INVALID_DIGEST",
            format!("{message}: {name}"),
        )),
    }
}

/// `new DsaKeyPairGenJob(mode, modulusLength, divisorLength, …)`; -1 lets OpenSSL choose.
fn new_dsa_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let bits = attempt!(scope, input::uint32(scope, args.get(1), "modulusLength"));
    let divisor = attempt!(scope, input::int32(scope, args.get(2), "divisorLength"));
    if bits > 10_000 {
        return CryptoError::range_error("ERR_OUT_OF_RANGE", "modulusLength is too big")
            .throw(scope);
    }
    create_pair(scope, &args, mode, 3, move || {
        let context = PkeyCtx::named(c"DSA")?;
        let mut parameters = std::ptr::null_mut();
        // SAFETY: the context is live; a new key is stored.
        let parameters = unsafe {
            let ctx = context.as_ptr();
            check(ossl::EVP_PKEY_paramgen_init(ctx), FAILED)?;
            context.give_up_when_ended();
            check(
                ossl::EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, bits as i32),
                FAILED,
            )?;
            if divisor >= 0 {
                check(
                    ffi::EVP_PKEY_CTX_set_dsa_paramgen_q_bits(ctx, divisor),
                    FAILED,
                )?;
            }
            check(ossl::EVP_PKEY_paramgen(ctx, &mut parameters), FAILED)?;
            Pkey::own(parameters).ok_or_else(|| CryptoError::capture(FAILED))?
        };
        generate_from(&parameters)
    });
}

/// A key with the parameters of another.
pub fn generate_from(parameters: &Pkey) -> Result<Pkey> {
    let context = PkeyCtx::new(parameters)?;
    check(
        // SAFETY: the context is live.
        unsafe { ossl::EVP_PKEY_keygen_init(context.as_ptr()) },
        FAILED,
    )?;
    context.generate()
}

/// `new EcKeyPairGenJob(mode, namedCurve, paramEncoding, …)`
fn new_ec_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let name = attempt!(scope, input::string(scope, args.get(1), "namedCurve"));
    let encoding = attempt!(
        scope,
        input::optional_int32(scope, args.get(2), "paramEncoding")
    );
    let Some(nid) = curve_nid(&name) else {
        return CryptoError::type_error("ERR_CRYPTO_INVALID_CURVE", "Invalid EC curve name")
            .throw(scope);
    };
    create_pair(scope, &args, mode, 3, move || {
        let context = PkeyCtx::named(c"EC")?;
        // SAFETY: the context is live.
        unsafe {
            let ctx = context.as_ptr();
            check(ossl::EVP_PKEY_keygen_init(ctx), FAILED)?;
            check(
                ossl::EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, nid),
                FAILED,
            )?;
            check(
                ffi::EVP_PKEY_CTX_set_ec_param_enc(ctx, encoding.unwrap_or(1)),
                FAILED,
            )?;
        }
        context.generate()
    });
}

/// `new NidKeyPairGenJob(mode, nid, …)`
fn new_nid_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let nid = attempt!(scope, input::int32(scope, args.get(1), "nid"));
    create_pair(scope, &args, mode, 2, move || {
        let context = PkeyCtx::numbered(nid)?;
        check(
            // SAFETY: the context is live.
            unsafe { ossl::EVP_PKEY_keygen_init(context.as_ptr()) },
            FAILED,
        )?;
        context.generate()
    });
}

/// `new DhKeyPairGenJob(mode, group, …)` or `(mode, prime | primeLength, generator, …)`
fn new_dh_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    if args.get(1).is_string() {
        let name = convert::text(scope, args.get(1));
        let parameters = attempt!(scope, dh::group_key(&name));
        return create_pair(scope, &args, mode, 2, move || generate_from(&parameters));
    }
    let generator = attempt!(scope, input::uint32(scope, args.get(2), "generator"));
    if args.get(1).is_int32() {
        let bits = attempt!(scope, input::int32(scope, args.get(1), "primeLength"));
        return create_pair(scope, &args, mode, 3, move || {
            let context = PkeyCtx::named(c"DH")?;
            let mut parameters = std::ptr::null_mut();
            // SAFETY: the context is live; a new key is stored.
            let parameters = unsafe {
                let ctx = context.as_ptr();
                check(ossl::EVP_PKEY_paramgen_init(ctx), FAILED)?;
                context.give_up_when_ended();
                check(
                    ossl::EVP_PKEY_CTX_set_dh_paramgen_prime_len(ctx, bits),
                    FAILED,
                )?;
                check(
                    ossl::EVP_PKEY_CTX_set_dh_paramgen_generator(ctx, generator as i32),
                    FAILED,
                )?;
                check(ossl::EVP_PKEY_paramgen(ctx, &mut parameters), FAILED)?;
                Pkey::own(parameters).ok_or_else(|| CryptoError::capture(FAILED))?
            };
            generate_from(&parameters)
        });
    }
    let prime = attempt!(scope, input::bytes(scope, args.get(1), "prime"));
    let parameters = attempt!(scope, dh::parameters(&prime, &generator.to_be_bytes()));
    create_pair(scope, &args, mode, 3, move || generate_from(&parameters));
}
