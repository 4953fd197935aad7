//! `RandomPrimeJob` and `CheckPrimeJob`. Follows Node's `src/crypto/crypto_random.cc`.

use std::cmp::Ordering;

use super::error::CryptoError;
use super::input::{self, attempt};
use super::job::{self, Output};
use super::owned_ffi::BigNum;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "RandomPrimeJob", new_random_prime_job);
    job::declare(definition, "CheckPrimeJob", new_check_prime_job);
}

/// `new RandomPrimeJob(mode, bits, safe, add, rem)`
fn new_random_prime_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let bits = attempt!(scope, input::int32(scope, args.get(1), "size"));
    let safe = args.get(2).is_true();
    let number = |bytes: Option<Vec<u8>>| bytes.map(|bytes| BigNum::from_bytes(&bytes)).transpose();
    let add = attempt!(
        scope,
        input::optional_bytes(scope, args.get(3), "options.add")
    );
    let rem = attempt!(
        scope,
        input::optional_bytes(scope, args.get(4), "options.rem")
    );
    let (add, rem) = (attempt!(scope, number(add)), attempt!(scope, number(rem)));
    if bits < 1 {
        return CryptoError::range_error("ERR_OUT_OF_RANGE", "invalid size").throw(scope);
    }
    if let Some(add) = &add {
        // OpenSSL would search without an end.
        if add.bits() > bits {
            return CryptoError::range_error("ERR_OUT_OF_RANGE", "invalid options.add")
                .throw(scope);
        }
        if rem
            .as_ref()
            .is_some_and(|rem| add.compare(rem) != Ordering::Greater)
        {
            return CryptoError::range_error("ERR_OUT_OF_RANGE", "invalid options.rem")
                .throw(scope);
        }
    }
    job::create(scope, &args, mode, "RANDOMPRIMEREQUEST", move || {
        let prime = BigNum::generate_prime(bits, safe, add.as_ref(), rem.as_ref())?;
        prime.to_bytes().map(Output::Bytes)
    });
}

/// `new CheckPrimeJob(mode, candidate, checks)`
fn new_check_prime_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let candidate = attempt!(scope, input::bytes(scope, args.get(1), "candidate"));
    let candidate = attempt!(scope, BigNum::from_bytes(&candidate));
    let checks = attempt!(scope, input::int32(scope, args.get(2), "options.checks"));
    if checks < 0 {
        return input::invalid("options.checks", "at least 0").throw(scope);
    }
    job::create(scope, &args, mode, "CHECKPRIMEREQUEST", move || {
        candidate.is_prime(checks).map(Output::Bool)
    });
}
