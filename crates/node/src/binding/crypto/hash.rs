//! `Hash`, `HashJob`, `oneShotDigest` and the lists of digests. Follows Node's `src/crypto/crypto_hash.cc`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::digest::{self, output_length};
use super::error::{CryptoError, Result};
use super::input::{self, attempt};
use super::job::{self, Output};
use super::owned_ffi::{Md, MdCtx};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::string_bytes::{self, Encoding};
use crate::js::{convert, exception, wrap};

/// Declares the classes and functions.
pub fn define(definition: &mut Definition) {
    definition
        .class("Hash", new_hash)
        .method("update", update)
        .method("digest", finish);
    definition
        .function("oneShotDigest", one_shot_digest)
        .function("getHashes", get_hashes)
        .function("getCachedAliases", get_cached_aliases);
    job::declare(definition, "HashJob", new_hash_job);
}

struct Hash {
    md: Rc<Md>,
    length: usize,
    context: RefCell<MdCtx>,
    /// What `digest()` gave: the stream interface may ask twice.
    result: RefCell<Option<Vec<u8>>>,
    failed: Cell<bool>,
}

/// Algorithms by the names that were used: fetching costs more than hashing a short string.
#[derive(Default)]
struct Algorithms {
    fetched: RefCell<HashMap<String, Rc<Md>>>,
}

/// More spellings than an honest program uses.
const MAX_CACHED: usize = 128;

/// The algorithm `name`.
fn fetch(env: &Env, name: &str) -> Option<Rc<Md>> {
    let algorithms = env.state::<Algorithms>();
    if let Some(md) = algorithms.fetched.borrow().get(name) {
        return Some(md.clone());
    }
    let md = Rc::new(Md::fetch(name)?);
    let mut fetched = algorithms.fetched.borrow_mut();
    if fetched.len() < MAX_CACHED {
        fetched.insert(name.to_owned(), md.clone());
    }
    Some(md)
}

/// `new Hash(algorithm | hash, outputLength, cacheId, cache)`; the cache is ours.
fn new_hash(scope: Scope, args: Args, _rv: Return) {
    let hash = attempt!(scope, hash_of(scope, &args));
    wrap::wrap(scope, args.this(), hash);
}

fn hash_of(scope: Scope, args: &Args) -> Result<Hash> {
    if args.new_target().is_undefined() {
        return Err(input::invalid("this", "made with new"));
    }
    let wanted = match args.get(1) {
        length if length.is_undefined() => None,
        length => Some(input::uint32(scope, length, "outputLength")? as usize),
    };
    let (md, context) = match wrap::unwrap::<Hash>(scope, args.get(0)) {
        Some(original) => {
            let context = original.context.borrow().duplicate()?;
            (original.md.clone(), context)
        }
        None => {
            let name = input::string(scope, args.get(0), "algorithm")?;
            let unknown = || CryptoError::OpenSsl(Vec::new(), "Digest method not supported");
            let md = fetch(&Env::of(scope), &name).ok_or_else(unknown)?;
            let context = MdCtx::new(&md)?;
            (md, context)
        }
    };
    let length = output_length(&md, wanted)?;
    Ok(Hash {
        md,
        length,
        context: RefCell::new(context),
        result: RefCell::default(),
        failed: Cell::new(false),
    })
}

fn update(scope: Scope, args: Args, mut rv: Return) {
    let Some(hash) = wrap::unwrap::<Hash>(scope, args.this().into()) else {
        return exception::throw_invalid_argument(scope, "Not a Hash");
    };
    let add = |data: &[u8]| {
        hash.result.borrow().is_none() && hash.context.borrow_mut().update(data).is_ok()
    };
    // Bytes are hashed where they are; only strings need decoding.
    let added = match convert::with_bytes(args.get(0), add) {
        Some(added) => added,
        None => {
            let data = attempt!(scope, input::data(scope, args.get(0), args.get(1)));
            add(&data)
        }
    };
    hash.failed.set(!added);
    rv.set_bool(added);
}

fn finish(scope: Scope, args: Args, mut rv: Return) {
    let Some(hash) = wrap::unwrap::<Hash>(scope, args.this().into()) else {
        return exception::throw_invalid_argument(scope, "Not a Hash");
    };
    let done = hash.result.borrow().clone();
    let result = match done {
        Some(result) => result,
        None => {
            let result = hash.context.borrow_mut().finish(&hash.md, hash.length);
            let result = attempt!(scope, result);
            *hash.result.borrow_mut() = Some(result.clone());
            result
        }
    };
    if let Some(value) = encode(scope, args.get(0), &result) {
        rv.set(value);
    }
}

/// `bytes` in the encoding that `encoding` names, a Buffer where it names none.
pub fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    encoding: v8::Local<'_, v8::Value>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    let encoding = Encoding::from_value(scope, encoding, Encoding::Buffer);
    string_bytes::encode(scope, bytes, encoding)
}

/// `oneShotDigest(algorithm, cacheId, cache, input, encoding, encodingId, outputLength)`
fn one_shot_digest(scope: Scope, args: Args, mut rv: Return) {
    let name = attempt!(scope, input::string(scope, args.get(0), "algorithm"));
    let Some(md) = fetch(&Env::of(scope), &name) else {
        let message = format!("Digest method {name} is not supported");
        return exception::throw(scope, exception::ErrorKind::Error, "", &message);
    };
    let wanted = match args.get(6) {
        length if length.is_undefined() => None,
        length => Some(attempt!(scope, input::uint32(scope, length, "outputLength")) as usize),
    };
    let length = attempt!(scope, output_length(&md, wanted));
    let result = match convert::with_bytes(args.get(3), |data| digest::digest(&md, data, length)) {
        Some(result) => result,
        None => {
            let data = attempt!(scope, input::bytes(scope, args.get(3), "input"));
            digest::digest(&md, &data, length)
        }
    };
    let result = attempt!(scope, result);
    if let Some(value) = encode(scope, args.get(4), &result) {
        rv.set(value);
    }
}

fn get_hashes(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(string_array(scope, &digest::names()).into());
}

/// An array of strings.
pub fn string_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    items: &[String],
) -> v8::Local<'s, v8::Array> {
    let items: Vec<v8::Local<v8::Value>> = items
        .iter()
        .map(|item| exception::string(scope, item).into())
        .collect();
    v8::Array::new_with_elements(scope, &items)
}

/// Nothing: the library's cache of algorithm numbers stays empty, ours is by name.
fn get_cached_aliases(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(convert::null_prototype_object(scope).into());
}

/// `new HashJob(mode, algorithm, data, outputBits)`
fn new_hash_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let name = attempt!(scope, input::string(scope, args.get(1), "algorithm"));
    let md = attempt!(scope, Md::named(&name));
    let data = attempt!(scope, input::bytes(scope, args.get(2), "data"));
    let wanted = match args.get(3) {
        bits if bits.is_undefined() => None,
        bits => Some(attempt!(scope, input::uint32(scope, bits, "length")) as usize / 8),
    };
    let length = attempt!(scope, output_length(&md, wanted));
    job::create(scope, &args, mode, "HASHREQUEST", move || {
        digest::digest(&md, &data, length).map(Output::Bytes)
    });
}
