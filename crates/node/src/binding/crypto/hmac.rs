//! `Hmac` and `HmacJob`. Follows Node's `src/crypto/crypto_hmac.cc`.

use std::cell::RefCell;

use super::digest;
use super::error::{CryptoError, Result};
use super::hash;
use super::input::{self, attempt};
use super::job::{self, Output};
use super::mac::MacState;
use super::owned_ffi::Md;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception, wrap};

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    definition
        .class("Hmac", new_hmac)
        .method("init", init)
        .method("update", update)
        .method("digest", finish);
    job::declare(definition, "HmacJob", new_hmac_job);
}

/// `None` before `init` and after `digest`.
#[derive(Default)]
struct Hmac {
    state: RefCell<Option<MacState>>,
}

fn new_hmac(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "Hmac is made with new");
    }
    wrap::wrap(scope, args.this(), Hmac::default());
}

/// `init(algorithm, key)`
fn init(scope: Scope, args: Args, _rv: Return) {
    let Some(hmac) = wrap::unwrap::<Hmac>(scope, args.this().into()) else {
        return exception::throw_invalid_argument(scope, "Not an Hmac");
    };
    let name = attempt!(scope, input::string(scope, args.get(0), "hmac"));
    let key = attempt!(scope, input::secret(scope, args.get(1), "key"));
    let md = attempt!(scope, Md::named(&name));
    let state = attempt!(scope, MacState::hmac(&md, &key));
    *hmac.state.borrow_mut() = Some(state);
}

fn update(scope: Scope, args: Args, mut rv: Return) {
    let Some(hmac) = wrap::unwrap::<Hmac>(scope, args.this().into()) else {
        return exception::throw_invalid_argument(scope, "Not an Hmac");
    };
    let add = |data: &[u8]| {
        hmac.state
            .borrow_mut()
            .as_mut()
            .is_some_and(|state| state.update(data).is_ok())
    };
    let added = match convert::with_bytes(args.get(0), add) {
        Some(added) => added,
        None => {
            let data = attempt!(scope, input::data(scope, args.get(0), args.get(1)));
            add(&data)
        }
    };
    rv.set_bool(added);
}

fn finish(scope: Scope, args: Args, mut rv: Return) {
    let Some(hmac) = wrap::unwrap::<Hmac>(scope, args.this().into()) else {
        return exception::throw_invalid_argument(scope, "Not an Hmac");
    };
    let state = hmac.state.borrow_mut().take();
    let result = match state {
        Some(mut state) => attempt!(scope, state.finish(None)),
        None => Vec::new(),
    };
    if let Some(value) = hash::encode(scope, args.get(0), &result) {
        rv.set(value);
    }
}

/// `new HmacJob(mode, sign | verify, hash, key, data, signature)`
fn new_hmac_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let verify = attempt!(scope, input::uint32(scope, args.get(1), "signMode")) == 1;
    let name = attempt!(scope, input::string(scope, args.get(2), "hash"));
    let md = attempt!(scope, Md::named(&name));
    let key = attempt!(scope, input::secret(scope, args.get(3), "key"));
    let data = attempt!(scope, input::bytes(scope, args.get(4), "data"));
    let signature = match verify {
        true => Some(attempt!(
            scope,
            input::bytes(scope, args.get(5), "signature")
        )),
        false => None,
    };
    job::create(scope, &args, mode, "SIGNREQUEST", move || {
        let mut state = MacState::hmac(&md, &key)?;
        state.update(&data)?;
        Ok(sign_or_verify(state.finish(None)?, signature.as_deref()))
    });
}

/// The code itself, or whether it is `signature`.
pub fn sign_or_verify(code: Vec<u8>, signature: Option<&[u8]>) -> Output {
    match signature {
        Some(signature) => Output::Bool(digest::equal(&code, signature)),
        None => Output::Bytes(code),
    }
}

/// The code of `data` in one step.
pub fn code(md: &Md, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut state = MacState::hmac(md, key)?;
    state.update(data)?;
    let code = state.finish(None)?;
    if code.is_empty() {
        Err(CryptoError::operation_failed("HMAC failed"))
    } else {
        Ok(code)
    }
}
