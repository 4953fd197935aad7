//! Random bytes. Follows Node's `src/crypto/crypto_random.cc`.
//!
//! The bytes come from OpenSSL's generator, which the operating system's `getrandom(2)` seeds.

use openssl_sys as ossl;

use super::error::{Result, check};
use super::input::{self, attempt};
use super::job::{self, Output};
use super::owned_ffi as ffi;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception};

/// Declares the class and functions.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "RandomBytesJob", new_random_bytes_job);
    definition
        .function("secureBuffer", secure_buffer)
        .function("secureHeapUsed", secure_heap_used);
}

/// Fills `bytes`.
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    for chunk in bytes.chunks_mut(1 << 20) {
        let length = ffi::int(chunk.len()).unwrap_or(0);
        check(
            // SAFETY: pointer and length are those of the chunk.
            unsafe { ossl::RAND_bytes(chunk.as_mut_ptr(), length) },
            "Random bytes are not available",
        )?;
    }
    Ok(())
}

/// `new RandomBytesJob(mode, buffer, offset, size)`
fn new_random_bytes_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let target = args.get(1);
    let offset = attempt!(scope, input::length(scope, args.get(2), "offset"));
    let size = attempt!(scope, input::length(scope, args.get(3), "size"));
    let fits = convert::with_bytes(target, |bytes| {
        offset
            .checked_add(size)
            .is_some_and(|end| end <= bytes.len())
    });
    if fits != Some(true) {
        return input::invalid("buffer", "a buffer that holds offset + size bytes").throw(scope);
    }
    let target = v8::Global::new(scope, target);
    let work = move || {
        let mut bytes = input::buffer(size)?;
        fill(&mut bytes)?;
        Ok(Output::Bytes(bytes))
    };
    job::create_with(
        scope,
        &args,
        mode,
        "RANDOMBYTESREQUEST",
        work,
        Box::new(move |scope, output| {
            let target = v8::Local::new(scope, &target);
            if let Output::Bytes(random) = output {
                // The buffer may have been detached or shrunk meanwhile: then there is nothing to fill.
                convert::with_bytes_mut(target, |bytes| {
                    if let Some(place) = bytes
                        .get_mut(offset..)
                        .and_then(|rest| rest.get_mut(..random.len()))
                    {
                        place.copy_from_slice(&random);
                    }
                });
            }
            Some(v8::undefined(scope).into())
        }),
    );
}

/// A zeroed `Uint8Array`; Node takes it from OpenSSL's secure heap, which is off here.
fn secure_buffer(scope: Scope, args: Args, mut rv: Return) {
    let length = attempt!(scope, input::length(scope, args.get(0), "length"));
    let bytes = attempt!(scope, input::buffer(length));
    let buffer = convert::array_buffer(scope, bytes);
    match v8::Uint8Array::new(scope, buffer, 0, length) {
        Some(array) => rv.set(array.into()),
        None => exception::throw_invalid_argument(scope, "The length is too big"),
    }
}

/// Undefined: there is no secure heap.
fn secure_heap_used(_scope: Scope, _args: Args, mut rv: Return) {
    rv.set_undefined();
}
