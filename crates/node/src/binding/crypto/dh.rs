//! `DiffieHellman`, `DiffieHellmanGroup` and `DHBitsJob`. Follows Node's `src/crypto/crypto_dh.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, clear_errors, pack};
use super::input::{self, attempt};
use super::job::{self, Output};
use super::keys::{Pkey, argument};
use super::owned_ffi as ffi;
use super::owned_ffi::{BigNum, Dh, PkeyCtx, Progress};
use super::params_ffi::ParamList;
use super::pkey_ffi::PARAMETERS;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception, wrap};

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "DHBitsJob", new_dh_bits_job);
    definition
        .class("DiffieHellman", new_diffie_hellman)
        .method("generateKeys", generate_keys)
        .method("computeSecret", compute_secret)
        .method("getPrime", get_prime)
        .method("getGenerator", get_generator)
        .method("getPublicKey", get_public_key)
        .method("getPrivateKey", get_private_key)
        .method("setPublicKey", set_public_key)
        .method("setPrivateKey", set_private_key)
        .getter("verifyError", verify_error);
    definition
        .class("DiffieHellmanGroup", new_group)
        .method("generateKeys", generate_keys)
        .method("computeSecret", compute_secret)
        .method("getPrime", get_prime)
        .method("getGenerator", get_generator)
        .method("getPublicKey", get_public_key)
        .method("getPrivateKey", get_private_key)
        .getter("verifyError", verify_error);
}

/// `DH_R_MODULUS_TOO_SMALL`
const MODULUS_TOO_SMALL: u64 = pack(5, 126);
/// `DH_R_BAD_GENERATOR`
const BAD_GENERATOR: u64 = pack(5, 101);
/// OpenSSL's limit of the modulus in bits.
const MAX_BITS: i32 = 10_000;

struct Exchange {
    prime: BigNum,
    generator: BigNum,
    public: RefCell<Option<BigNum>>,
    private: RefCell<Option<BigNum>>,
}

impl Exchange {
    fn new(prime: BigNum, generator: BigNum) -> Exchange {
        Exchange {
            prime,
            generator,
            public: RefCell::default(),
            private: RefCell::default(),
        }
    }

    /// OpenSSL's object, with the keys there are.
    fn dh(&self) -> Result<Dh> {
        let copy = |number: &BigNum| {
            // SAFETY: the number is live; the copy is given away below.
            let copy = unsafe { ossl::BN_dup(number.as_ptr()) };
            if copy.is_null() {
                Err(CryptoError::out_of_memory())
            } else {
                Ok(copy)
            }
        };
        let optional = |number: &RefCell<Option<BigNum>>| match &*number.borrow() {
            Some(number) => copy(number),
            None => Ok(std::ptr::null_mut()),
        };
        // SAFETY: `set0` takes ownership of the copies when it succeeds, and fails only for a missing parameter.
        unsafe {
            let dh = Dh::own(ossl::DH_new()).ok_or_else(CryptoError::out_of_memory)?;
            let (prime, generator) = (copy(&self.prime)?, copy(&self.generator)?);
            check(
                ossl::DH_set0_pqg(dh.as_ptr(), prime, std::ptr::null_mut(), generator),
                "Invalid DH parameters",
            )?;
            let (public, private) = (optional(&self.public)?, optional(&self.private)?);
            ossl::DH_set0_key(dh.as_ptr(), public, private);
            Ok(dh)
        }
    }

    fn generate(&self) -> Result<Vec<u8>> {
        let dh = self.dh()?;
        // SAFETY: the object is live; the numbers it hands out are copied.
        unsafe {
            check(ossl::DH_generate_key(dh.as_ptr()), "Key generation failed")?;
            let (mut public, mut private) = (std::ptr::null(), std::ptr::null());
            ossl::DH_get0_key(dh.as_ptr(), &mut public, &mut private);
            *self.public.borrow_mut() = BigNum::copy_of(public);
            *self.private.borrow_mut() = BigNum::copy_of(private);
        }
        self.public_bytes()
    }

    fn public_bytes(&self) -> Result<Vec<u8>> {
        let missing = || no_key("No public key - did you forget to generate one?");
        self.public
            .borrow()
            .as_ref()
            .ok_or_else(missing)?
            .to_bytes()
    }

    fn compute(&self, other: &BigNum) -> Result<Vec<u8>> {
        let unspecified = || {
            CryptoError::range_error("ERR_CRYPTO_INVALID_KEYTYPE", "Unspecified validation error")
        };
        let dh = self.dh()?;
        let mut codes = 0;
        // SAFETY: both are live.
        let status = unsafe { ffi::DH_check_pub_key(dh.as_ptr(), other.as_ptr(), &mut codes) };
        clear_errors();
        let length_error = |message| {
            Err(CryptoError::range_error(
                "ERR_CRYPTO_INVALID_KEYLEN",
                message,
            ))
        };
        match codes {
            _ if status != 1 => return Err(unspecified()),
            codes if codes & 1 != 0 => return length_error("Supplied key is too small"),
            codes if codes & 2 != 0 => return length_error("Supplied key is too large"),
            0 => {}
            _ => return Err(unspecified()),
        }
        if self.private.borrow().is_none() {
            return Err(CryptoError::operation_failed(
                "Failed to compute shared secret",
            ));
        }
        let length = self.prime.byte_length();
        let mut secret = input::buffer(length)?;
        // SAFETY: the buffer has the length of the prime, which is what is written at most.
        let written =
            unsafe { ossl::DH_compute_key(secret.as_mut_ptr(), other.as_ptr(), dh.as_ptr()) };
        let written = usize::try_from(written)
            .map_err(|_| CryptoError::capture("Failed to compute the secret"))?;
        // Leading zeros keep the length.
        secret.rotate_right(length - written.min(length));
        Ok(secret)
    }
}

fn no_key(message: &str) -> CryptoError {
    CryptoError::error("ERR_CRYPTO_INVALID_STATE", message)
}

/// `new DiffieHellman(bits | prime, generator)`
fn new_diffie_hellman(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "DiffieHellman is made with new");
    }
    let exchange = attempt!(scope, exchange_of(scope, &args));
    wrap::wrap(scope, args.this(), exchange);
}

fn exchange_of(scope: Scope, args: &Args) -> Result<Exchange> {
    let bad_generator = || CryptoError::OpenSsl(vec![BAD_GENERATOR], "Invalid generator");
    if args.get(0).is_int32() {
        let bits = input::int32(scope, args.get(0), "sizeOrKey")?;
        if bits < 2 {
            return Err(CryptoError::OpenSsl(
                vec![MODULUS_TOO_SMALL],
                "Invalid prime length",
            ));
        }
        if bits > MAX_BITS {
            return Err(CryptoError::type_error(
                "ERR_INVALID_ARG_VALUE",
                "Invalid DH parameters",
            ));
        }
        if !args.get(1).is_int32() {
            return Err(CryptoError::type_error(
                "ERR_INVALID_ARG_TYPE",
                "Second argument must be an int32",
            ));
        }
        let generator = input::int32(scope, args.get(1), "generator")?;
        if generator < 2 {
            return Err(bad_generator());
        }
        return generate_parameters(bits, generator);
    }
    let prime = BigNum::from_bytes(&input::bytes(scope, args.get(0), "sizeOrKey")?)?;
    let generator = if args.get(1).is_int32() {
        let generator = input::int32(scope, args.get(1), "generator")?;
        BigNum::from_u32(u32::try_from(generator).map_err(|_| bad_generator())?)?
    } else {
        BigNum::from_bytes(&input::bytes(scope, args.get(1), "generator")?)?
    };
    if generator.bits() < 2 {
        return Err(bad_generator());
    }
    Ok(Exchange::new(prime, generator))
}

fn generate_parameters(bits: i32, generator: i32) -> Result<Exchange> {
    let progress = Progress::new()?;
    // SAFETY: the object is live; the numbers it hands out are copied; the callback outlives the call.
    unsafe {
        let dh = Dh::own(ossl::DH_new()).ok_or_else(CryptoError::out_of_memory)?;
        if ossl::DH_generate_parameters_ex(dh.as_ptr(), bits, generator, progress.as_ptr()) != 1 {
            clear_errors();
            return Err(CryptoError::type_error(
                "ERR_INVALID_ARG_VALUE",
                "Invalid DH parameters",
            ));
        }
        let (mut p, mut q, mut g) = (std::ptr::null(), std::ptr::null(), std::ptr::null());
        ossl::DH_get0_pqg(dh.as_ptr(), &mut p, &mut q, &mut g);
        match (BigNum::copy_of(p), BigNum::copy_of(g)) {
            (Some(p), Some(g)) => Ok(Exchange::new(p, g)),
            _ => Err(CryptoError::out_of_memory()),
        }
    }
}

/// The prime of the group that RFC 2409 or RFC 3526 calls so.
fn group_prime(name: &str) -> Result<BigNum> {
    let null = std::ptr::null_mut();
    // SAFETY: null asks for a new number.
    let prime = unsafe {
        BigNum::own(match name.to_ascii_lowercase().as_str() {
            "modp1" => ossl::BN_get_rfc2409_prime_768(null),
            "modp2" => ossl::BN_get_rfc2409_prime_1024(null),
            "modp5" => ossl::BN_get_rfc3526_prime_1536(null),
            "modp14" => ossl::BN_get_rfc3526_prime_2048(null),
            "modp15" => ossl::BN_get_rfc3526_prime_3072(null),
            "modp16" => ossl::BN_get_rfc3526_prime_4096(null),
            "modp17" => ossl::BN_get_rfc3526_prime_6144(null),
            "modp18" => ossl::BN_get_rfc3526_prime_8192(null),
            _ => null,
        })
    };
    prime.ok_or_else(|| CryptoError::error("ERR_CRYPTO_UNKNOWN_DH_GROUP", "Unknown DH group"))
}

/// A key that holds the parameters only.
pub fn parameters(prime: &[u8], generator: &[u8]) -> Result<Pkey> {
    let mut params = ParamList::new()?;
    params.number(c"p", BigNum::from_bytes(prime)?)?;
    params.number(c"g", BigNum::from_bytes(generator)?)?;
    Pkey::from_data(c"DH", PARAMETERS, params)
}

/// The parameters of the group `name`.
pub fn group_key(name: &str) -> Result<Pkey> {
    parameters(&group_prime(name)?.to_bytes()?, &[2])
}

/// `new DiffieHellmanGroup(name)`
fn new_group(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "DiffieHellmanGroup is made with new");
    }
    let name = attempt!(scope, input::string(scope, args.get(0), "name"));
    let prime = attempt!(scope, group_prime(&name));
    let generator = attempt!(scope, BigNum::from_u32(2));
    wrap::wrap(scope, args.this(), Exchange::new(prime, generator));
}

fn unwrap(scope: Scope, args: &Args) -> Result<Rc<Exchange>> {
    wrap::unwrap::<Exchange>(scope, args.this().into())
        .ok_or_else(|| input::invalid("this", "a DiffieHellman"))
}

fn reply(scope: Scope, rv: &mut Return, bytes: Result<Vec<u8>>) {
    let bytes = attempt!(scope, bytes);
    rv.set(convert::buffer(scope, bytes));
}

fn generate_keys(scope: Scope, args: Args, mut rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    reply(scope, &mut rv, exchange.generate());
}

fn compute_secret(scope: Scope, args: Args, mut rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    let other = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    let other = attempt!(scope, BigNum::from_bytes(&other));
    reply(scope, &mut rv, exchange.compute(&other));
}

fn get_prime(scope: Scope, args: Args, mut rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    reply(scope, &mut rv, exchange.prime.to_bytes());
}

fn get_generator(scope: Scope, args: Args, mut rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    reply(scope, &mut rv, exchange.generator.to_bytes());
}

fn get_public_key(scope: Scope, args: Args, mut rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    reply(scope, &mut rv, exchange.public_bytes());
}

fn get_private_key(scope: Scope, args: Args, mut rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    let missing = || no_key("No private key - did you forget to generate one?");
    let bytes = exchange
        .private
        .borrow()
        .as_ref()
        .ok_or_else(missing)
        .and_then(BigNum::to_bytes);
    reply(scope, &mut rv, bytes);
}

fn set_public_key(scope: Scope, args: Args, _rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    let key = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    *exchange.public.borrow_mut() = Some(attempt!(scope, BigNum::from_bytes(&key)));
}

fn set_private_key(scope: Scope, args: Args, _rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    let key = attempt!(scope, input::bytes(scope, args.get(0), "key"));
    *exchange.private.borrow_mut() = Some(attempt!(scope, BigNum::from_bytes(&key)));
}

/// `DH_check`'s flags.
fn verify_error(scope: Scope, args: Args, mut rv: Return) {
    let exchange = attempt!(scope, unwrap(scope, &args));
    let dh = attempt!(scope, exchange.dh());
    let mut codes = 0;
    // SAFETY: the object is live.
    let status = unsafe { ossl::DH_check(dh.as_ptr(), &mut codes) };
    clear_errors();
    rv.set_int32(if status == 1 || codes != 0 { codes } else { 0 });
}

/// `new DHBitsJob(mode, …publicKey, …privateKey)`
fn new_dh_bits_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let public = attempt!(scope, argument::any(scope, &args, 1));
    let private = attempt!(scope, argument::private(scope, &args, 1 + argument::COUNT));
    let (one, other) = (
        private.type_name().to_ascii_lowercase(),
        public.type_name().to_ascii_lowercase(),
    );
    if one != other || !matches!(one.as_str(), "dh" | "dhx" | "ec" | "x25519" | "x448") {
        let message = format!("Incompatible key types for Diffie-Hellman: {one} and {other}");
        return CryptoError::error("ERR_CRYPTO_INCOMPATIBLE_KEY", message).throw(scope);
    }
    job::create(scope, &args, mode, "DERIVEBITSREQUEST", move || {
        PkeyCtx::derive(&private, &public).map(Output::Bytes)
    });
}
