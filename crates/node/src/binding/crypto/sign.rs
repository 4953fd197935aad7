//! `Sign`, `Verify` and `SignJob`. Follows Node's `src/crypto/crypto_sig.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use super::error::{CryptoError, Result};
use super::input::{self, attempt};
use super::job::{self, Output};
use super::keys::{Pkey, argument};
use super::owned_ffi::{Md, MdCtx};
use super::signature_ffi::{self as signature, Options};
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception, wrap};

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    definition
        .class("Sign", new_signer)
        .method("init", init)
        .method("update", update)
        .method("sign", sign);
    definition
        .class("Verify", new_signer)
        .method("init", init)
        .method("update", update)
        .method("verify", verify);
    job::declare(definition, "SignJob", new_sign_job);
}

/// The digest of what is signed; `None` before `init` and after the end.
#[derive(Default)]
struct Signer {
    state: RefCell<Option<(Md, MdCtx)>>,
}

fn new_signer(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "The class is made with new");
    }
    wrap::wrap(scope, args.this(), Signer::default());
}

fn unwrap(scope: Scope, args: &Args) -> Result<Rc<Signer>> {
    wrap::unwrap::<Signer>(scope, args.this().into())
        .ok_or_else(|| input::invalid("this", "a Sign or Verify"))
}

/// `init(algorithm)`
fn init(scope: Scope, args: Args, _rv: Return) {
    let signer = attempt!(scope, unwrap(scope, &args));
    let name = attempt!(scope, input::string(scope, args.get(0), "algorithm"));
    // OpenSSL forgot the old name of SHA-1 with DSA; Node did not.
    let name = if matches!(name.as_str(), "dss1" | "DSS1") {
        "SHA1"
    } else {
        &name
    };
    let Some(md) = Md::fetch(name) else {
        return CryptoError::type_error("ERR_CRYPTO_INVALID_DIGEST", "Invalid digest").throw(scope);
    };
    let context = attempt!(scope, MdCtx::new(&md));
    *signer.state.borrow_mut() = Some((md, context));
}

fn not_initialised() -> CryptoError {
    CryptoError::error("ERR_CRYPTO_INVALID_STATE", "Not initialised")
}

fn update(scope: Scope, args: Args, _rv: Return) {
    let signer = attempt!(scope, unwrap(scope, &args));
    let add = |data: &[u8]| match &mut *signer.state.borrow_mut() {
        Some((_, context)) => context.update(data),
        None => Err(not_initialised()),
    };
    let added = match convert::with_bytes(args.get(0), add) {
        Some(added) => added,
        None => {
            let data = attempt!(scope, input::data(scope, args.get(0), args.get(1)));
            add(&data)
        }
    };
    attempt!(scope, added);
}

/// `padding, saltLength, dsaEncoding` at `index`.
fn options(scope: Scope, args: &Args, key: &Pkey, index: i32) -> Result<Options> {
    let padding = input::optional_int32(scope, args.get(index), "padding")?;
    let salt_length = input::optional_int32(scope, args.get(index + 1), "saltLength")?;
    let p1363 = input::optional_int32(scope, args.get(index + 2), "dsaEncoding")? == Some(1);
    Ok(Options {
        padding: padding.unwrap_or(signature::default_padding(key)),
        salt_length,
        p1363,
    })
}

/// The digest that `signer` has collected; it is done afterwards.
fn finish(signer: &Signer, key: &Pkey) -> Result<(Md, Vec<u8>)> {
    let (md, mut context) = signer
        .state
        .borrow_mut()
        .take()
        .ok_or_else(not_initialised)?;
    if key.is_one_shot() {
        return Err(CryptoError::error(
            "ERR_CRYPTO_UNSUPPORTED_OPERATION",
            "Unsupported crypto operation",
        ));
    }
    let digest = context.finish(&md, md.size())?;
    Ok((md, digest))
}

/// `sign(…key, padding, saltLength, dsaEncoding)`
fn sign(scope: Scope, args: Args, mut rv: Return) {
    let signer = attempt!(scope, unwrap(scope, &args));
    let key = attempt!(scope, argument::private(scope, &args, 0));
    let options = attempt!(scope, options(scope, &args, &key, argument::COUNT));
    let (md, digest) = attempt!(scope, finish(&signer, &key));
    let signature = attempt!(scope, signature::sign_digest(&key, &md, &digest, options));
    rv.set(convert::buffer(scope, signature));
}

/// `verify(…key, signature, padding, saltLength, dsaEncoding)`
fn verify(scope: Scope, args: Args, mut rv: Return) {
    let signer = attempt!(scope, unwrap(scope, &args));
    let key = attempt!(scope, argument::any(scope, &args, 0));
    let signature = attempt!(
        scope,
        input::bytes(scope, args.get(argument::COUNT), "signature")
    );
    let options = attempt!(scope, options(scope, &args, &key, argument::COUNT + 1));
    let (md, digest) = attempt!(scope, finish(&signer, &key));
    let valid = attempt!(
        scope,
        signature::verify_digest(&key, &md, &digest, &signature, options)
    );
    rv.set_bool(valid);
}

/// `new SignJob(mode, sign | verify, …key, data, digest, saltLength, padding, dsaEncoding, context, signature)`
fn new_sign_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let verify = attempt!(scope, input::uint32(scope, args.get(1), "signMode")) == 1;
    let key = match verify {
        true => attempt!(scope, argument::any(scope, &args, 2)),
        false => attempt!(scope, argument::private(scope, &args, 2)),
    };
    let index = 2 + argument::COUNT;
    let data = attempt!(scope, input::bytes(scope, args.get(index), "data"));
    let name = attempt!(
        scope,
        input::optional_string(scope, args.get(index + 1), "digest")
    );
    let md = attempt!(scope, name.map(|name| Md::named(&name)).transpose());
    let salt_length = attempt!(
        scope,
        input::optional_int32(scope, args.get(index + 2), "saltLength")
    );
    let padding = attempt!(
        scope,
        input::optional_int32(scope, args.get(index + 3), "padding")
    );
    let encoding = attempt!(
        scope,
        input::optional_int32(scope, args.get(index + 4), "dsaEncoding")
    );
    let context = attempt!(
        scope,
        input::optional_bytes(scope, args.get(index + 5), "context")
    );
    let options = Options {
        padding: padding.unwrap_or(signature::default_padding(&key)),
        salt_length,
        p1363: encoding == Some(1),
    };
    let expected = match verify {
        true => Some(attempt!(
            scope,
            input::bytes(scope, args.get(index + 6), "signature")
        )),
        false => None,
    };
    job::create(scope, &args, mode, "SIGNREQUEST", move || match expected {
        Some(expected) => signature::verify(
            &key,
            md.as_ref(),
            &data,
            &expected,
            options,
            context.as_deref(),
        )
        .map(Output::Bool),
        None => signature::sign(&key, md.as_ref(), &data, options, context.as_deref())
            .map(Output::Bytes),
    });
}
