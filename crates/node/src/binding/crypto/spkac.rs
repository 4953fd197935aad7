//! `crypto.Certificate`. Follows Node's `src/crypto/crypto_spkac.cc`.

use super::input::{self, attempt};
use super::spkac_ffi::Spki;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception};

/// Declares the functions.
pub fn define(definition: &mut Definition) {
    definition
        .function("certVerifySpkac", verify_spkac)
        .function("certExportPublicKey", export_public_key)
        .function("certExportChallenge", export_challenge);
}

/// `certVerifySpkac(spkac)`
fn verify_spkac(scope: Scope, args: Args, mut rv: Return) {
    let text = attempt!(scope, input::bytes(scope, args.get(0), "spkac"));
    rv.set_bool(Spki::parse(&text).is_some_and(|spki| spki.verify()));
}

/// `certExportPublicKey(spkac)`: PEM, or an empty string.
fn export_public_key(scope: Scope, args: Args, rv: Return) {
    let text = attempt!(scope, input::bytes(scope, args.get(0), "spkac"));
    let key = match Spki::parse(&text) {
        Some(spki) => attempt!(scope, spki.public_key()),
        None => None,
    };
    answer(scope, key, rv);
}

/// `certExportChallenge(spkac)`: the text, or an empty string.
fn export_challenge(scope: Scope, args: Args, rv: Return) {
    let text = attempt!(scope, input::bytes(scope, args.get(0), "spkac"));
    let challenge = match Spki::parse(&text) {
        Some(spki) => Some(attempt!(scope, spki.challenge())),
        None => None,
    };
    answer(scope, challenge, rv);
}

fn answer(
    scope: &mut v8::PinScope<'_, '_>,
    bytes: Option<Vec<u8>>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    match bytes {
        Some(bytes) => rv.set(convert::buffer(scope, bytes)),
        None => rv.set(exception::string(scope, "").into()),
    }
}
