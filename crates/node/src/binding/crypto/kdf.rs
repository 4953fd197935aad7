//! Key derivation: PBKDF2, scrypt, HKDF, Argon2. Follows Node's `src/crypto/crypto_{pbkdf2,scrypt,hkdf,argon2}.cc`.

use std::ffi::CStr;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, error_string, take_errors};
use super::input::{self, attempt};
use super::job::{self, Output};
use super::kdf_in_pieces;
use super::owned_ffi as ffi;
use super::owned_ffi::{Kdf, KdfCtx, Md, Params};
use super::params_ffi::ParamList;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::convert;

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "PBKDF2Job", new_pbkdf2_job);
    job::declare(definition, "ScryptJob", new_scrypt_job);
    job::declare(definition, "HKDFJob", new_hkdf_job);
    job::declare(definition, "Argon2Job", new_argon2_job);
}

const FAILED: &str = "Deriving bits failed";

/// `new PBKDF2Job(mode, password, salt, iterations, length, digest)`
fn new_pbkdf2_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let password = attempt!(scope, input::secret(scope, args.get(1), "password"));
    let salt = attempt!(scope, input::bytes(scope, args.get(2), "salt"));
    let iterations = attempt!(scope, input::int32(scope, args.get(3), "iterations"));
    let length = attempt!(scope, input::length(scope, args.get(4), "keylen"));
    let name = attempt!(scope, input::string(scope, args.get(5), "digest"));
    let md = attempt!(scope, Md::named(&name));
    if iterations < 1 {
        return CryptoError::range_error("ERR_OUT_OF_RANGE", "iterations must be >= 1")
            .throw(scope);
    }
    job::create(scope, &args, mode, "PBKDF2REQUEST", move || {
        pbkdf2(&md, &password, &salt, iterations, length).map(Output::Bytes)
    });
}

fn pbkdf2(
    md: &Md,
    password: &[u8],
    salt: &[u8],
    iterations: i32,
    length: usize,
) -> Result<Vec<u8>> {
    let mut key = input::buffer(length)?;
    if length == 0 {
        return Ok(key);
    }
    if kdf_in_pieces::takes_long(md, iterations, length) {
        kdf_in_pieces::pbkdf2(md, password, salt, iterations, &mut key)?;
        return Ok(key);
    }
    let too_big = || CryptoError::range_error("ERR_OUT_OF_RANGE", "The arguments are too big");
    let (password_length, salt_length, key_length) = (
        ffi::int(password.len()).ok_or_else(too_big)?,
        ffi::int(salt.len()).ok_or_else(too_big)?,
        ffi::int(length).ok_or_else(too_big)?,
    );
    // SAFETY: all pointers come with the length of their slice.
    let status = unsafe {
        ossl::PKCS5_PBKDF2_HMAC(
            password.as_ptr().cast(),
            password_length,
            salt.as_ptr(),
            salt_length,
            iterations,
            md.as_ptr(),
            key_length,
            key.as_mut_ptr(),
        )
    };
    check(status, FAILED)?;
    Ok(key)
}

/// Product of the parameters from which on scrypt takes long: some tenths of a second.
const LONG_SCRYPT: u64 = 1 << 19;

/// What scrypt costs.
#[derive(Clone, Copy)]
struct ScryptCost {
    n: u64,
    r: u64,
    p: u64,
    max_memory: u64,
}

/// `new ScryptJob(mode, password, salt, N, r, p, maxmem, length)`
fn new_scrypt_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let password = attempt!(scope, input::secret(scope, args.get(1), "password"));
    let salt = attempt!(scope, input::bytes(scope, args.get(2), "salt"));
    let max_memory = match args.get(6).number_value(scope) {
        Some(number) if args.get(6).is_number() && number >= 0.0 => convert::saturating_u64(number),
        _ => return input::invalid("maxmem", "a number").throw(scope),
    };
    let cost = ScryptCost {
        n: attempt!(scope, input::uint32(scope, args.get(3), "N")).into(),
        r: attempt!(scope, input::uint32(scope, args.get(4), "r")).into(),
        p: attempt!(scope, input::uint32(scope, args.get(5), "p")).into(),
        max_memory,
    };
    let length = attempt!(scope, input::length(scope, args.get(7), "keylen"));
    if !cost.allowed() {
        let reason = take_errors()
            .first()
            .map(|code| format!(": {}", error_string(*code)))
            .unwrap_or_default();
        let message = format!("Invalid scrypt params{reason}");
        return CryptoError::range_error("ERR_CRYPTO_INVALID_SCRYPT_PARAMS", message).throw(scope);
    }
    job::create(scope, &args, mode, "SCRYPTREQUEST", move || {
        let mut key = input::buffer(length)?;
        cost.derive(&password, &salt, &mut key)?;
        Ok(Output::Bytes(key))
    });
}

impl ScryptCost {
    /// Whether the parameters are in range and the memory they need is within `max_memory`.
    fn allowed(&self) -> bool {
        // SAFETY: without an output OpenSSL only checks the parameters.
        unsafe {
            ossl::EVP_PBE_scrypt(
                std::ptr::null(),
                0,
                std::ptr::null(),
                0,
                self.n,
                self.r,
                self.p,
                self.max_memory,
                std::ptr::null_mut(),
                0,
            ) == 1
        }
    }

    fn derive(&self, password: &[u8], salt: &[u8], key: &mut [u8]) -> Result<()> {
        if key.is_empty() {
            return Ok(());
        }
        if self.n.saturating_mul(self.r).saturating_mul(self.p) > LONG_SCRYPT {
            return kdf_in_pieces::scrypt(password, salt, (self.n, self.r, self.p), key);
        }
        // SAFETY: all pointers come with the length of their slice.
        let status = unsafe {
            ossl::EVP_PBE_scrypt(
                password.as_ptr().cast(),
                password.len(),
                salt.as_ptr(),
                salt.len(),
                self.n,
                self.r,
                self.p,
                self.max_memory,
                key.as_mut_ptr(),
                key.len(),
            )
        };
        check(status, FAILED)
    }
}

/// `new HKDFJob(mode, hash, key, salt, info, length)`
fn new_hkdf_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let name = attempt!(scope, input::string(scope, args.get(1), "hash"));
    let md = attempt!(scope, Md::named(&name));
    let key = attempt!(scope, input::secret(scope, args.get(2), "key"));
    let salt = attempt!(scope, input::bytes(scope, args.get(3), "salt"));
    let info = attempt!(scope, input::bytes(scope, args.get(4), "info"));
    let length = attempt!(scope, input::length(scope, args.get(5), "length"));
    // RFC 5869: at most 255 blocks.
    if length > md.size() * 255 {
        return CryptoError::range_error("ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length")
            .throw(scope);
    }
    job::create(scope, &args, mode, "DERIVEBITSREQUEST", move || {
        hkdf(&md, &key, &salt, &info, length).map(Output::Bytes)
    });
}

/// Written with HMAC: OpenSSL's own refuses an empty key, which Node allows.
fn hkdf(md: &Md, key: &[u8], salt: &[u8], info: &[u8], length: usize) -> Result<Vec<u8>> {
    let zeros = vec![0; md.size()];
    let pseudo_random = super::hmac::code(md, if salt.is_empty() { &zeros } else { salt }, key)?;
    let mut output = Vec::with_capacity(length + md.size());
    let mut block = Vec::new();
    let mut counter = 1u8;
    while output.len() < length {
        let mut data = std::mem::take(&mut block);
        data.extend_from_slice(info);
        data.push(counter);
        block = super::hmac::code(md, &pseudo_random, &data)?;
        output.extend_from_slice(&block);
        counter = counter.wrapping_add(1);
    }
    output.truncate(length);
    Ok(output)
}

/// `new Argon2Job(mode, message, nonce, parallelism, length, memory, passes, secret, associatedData, type)`
fn new_argon2_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let message = attempt!(scope, input::secret(scope, args.get(1), "message"));
    let nonce = attempt!(scope, input::bytes(scope, args.get(2), "nonce"));
    let lanes = attempt!(scope, input::uint32(scope, args.get(3), "parallelism"));
    let length = attempt!(scope, input::length(scope, args.get(4), "tagLength"));
    let memory = attempt!(scope, input::uint32(scope, args.get(5), "memory"));
    let passes = attempt!(scope, input::uint32(scope, args.get(6), "passes"));
    let secret = attempt!(scope, input::bytes(scope, args.get(7), "secret"));
    let associated = attempt!(scope, input::bytes(scope, args.get(8), "associatedData"));
    let algorithm = match attempt!(scope, input::uint32(scope, args.get(9), "type")) {
        0 => c"ARGON2D",
        1 => c"ARGON2I",
        2 => c"ARGON2ID",
        _ => return input::invalid("type", "a kind of Argon2").throw(scope),
    };
    // One lane after the other: the pool has the threads already.
    job::create(scope, &args, mode, "ARGON2REQUEST", move || {
        let mut params = ParamList::new()?;
        params.octets(c"pass", &message)?;
        params.octets(c"salt", &nonce)?;
        params.uint(c"threads", 1)?;
        params.uint(c"lanes", lanes)?;
        params.uint(c"memcost", memory)?;
        params.uint(c"iter", passes)?;
        if !secret.is_empty() {
            params.octets(c"secret", &secret)?;
        }
        if !associated.is_empty() {
            params.octets(c"ad", &associated)?;
        }
        let mut tag = input::buffer(length)?;
        derive(algorithm, &params.build()?, &mut tag)?;
        Ok(Output::Bytes(tag))
    });
}

fn derive(algorithm: &CStr, params: &Params, output: &mut [u8]) -> Result<()> {
    // SAFETY: the name is a C string, null the default context and no properties.
    let kdf = unsafe {
        Kdf::own(ossl::EVP_KDF_fetch(
            std::ptr::null_mut(),
            algorithm.as_ptr(),
            std::ptr::null(),
        ))
    }
    .ok_or_else(|| CryptoError::capture(FAILED))?;
    // SAFETY: the algorithm is live; the context keeps its own reference.
    let context = unsafe { KdfCtx::own(ossl::EVP_KDF_CTX_new(kdf.as_ptr())) }
        .ok_or_else(|| CryptoError::capture(FAILED))?;
    check(
        // SAFETY: the buffer has the length given; the parameters live over the call.
        unsafe {
            ossl::EVP_KDF_derive(
                context.as_ptr(),
                output.as_mut_ptr(),
                output.len(),
                params.as_ptr(),
            )
        },
        FAILED,
    )
}

#[cfg(test)]
mod tests {
    use super::{Md, ScryptCost, hkdf, pbkdf2};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn pbkdf2_known_answer() {
        super::ffi::init();
        let md = Md::fetch("sha1").unwrap();
        let key = pbkdf2(&md, b"password", b"salt", 2, 20).unwrap();
        assert_eq!(hex(&key), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
    }

    #[test]
    fn hkdf_known_answer_without_salt() {
        super::ffi::init();
        let md = Md::fetch("sha256").unwrap();
        let key = hkdf(&md, &[0x0b; 22], b"", b"", 42).unwrap();
        assert_eq!(
            hex(&key),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    #[test]
    fn scrypt_keeps_to_its_memory() {
        super::ffi::init();
        let cost = ScryptCost {
            n: 16,
            r: 1,
            p: 1,
            max_memory: 32 << 20,
        };
        assert!(cost.allowed());
        let mut key = [0; 8];
        cost.derive(b"", b"", &mut key).unwrap();
        assert_eq!(hex(&key), "77d6576238657b20");
        assert!(!ScryptCost { n: 1 << 20, ..cost }.allowed());
        assert!(!ScryptCost { n: 3, ..cost }.allowed());
        super::take_errors();
    }
}
