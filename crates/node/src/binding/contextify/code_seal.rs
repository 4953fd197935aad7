//! Code caches in the hands of guests.
//!
//! V8 trusts a code cache: it looks at lengths, flags and the version, and then runs the bytecode and the heap objects that
//! are in it. What a guest gets is therefore sealed: a code under a key of this operating system process follows the bytes,
//! over the cache and the source that it was made from. Anything else a guest may hand over is rejected before V8 sees it,
//! which every program must cope with (`cachedDataRejected`).

use std::sync::OnceLock;

use crate::binding::crypto;

/// Bytes of the code (SHA-256).
const CODE: usize = 32;

/// What a cache belongs to. A cache of another kind or of other parameters is not accepted.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// `vm.Script`
    Script,
    /// `vm.SourceTextModule`
    Module,
    /// `vm.compileFunction`, with its parameters separated by commas and the number of its context extensions.
    Function(&'a str, usize),
}

/// The cache with its code; empty where the code cannot be made, which is refused like every other unsealed cache.
pub fn seal(
    scope: &v8::PinScope<'_, '_>,
    kind: Kind<'_>,
    source: v8::Local<'_, v8::String>,
    mut cache: Vec<u8>,
) -> Vec<u8> {
    match code(scope, kind, source, &cache) {
        Some(code) => {
            cache.extend_from_slice(&code);
            cache
        }
        None => Vec::new(),
    }
}

/// The cache that was sealed for this source, or `None`.
pub fn open(
    scope: &v8::PinScope<'_, '_>,
    kind: Kind<'_>,
    source: v8::Local<'_, v8::String>,
    mut sealed: Vec<u8>,
) -> Option<Vec<u8>> {
    let length = sealed.len().checked_sub(CODE)?;
    let given = sealed.split_off(length);
    let made = code(scope, kind, source, &sealed)?;
    // In constant time: a guest must not find a code byte by byte.
    let differs = made.iter().zip(&given).fold(0, |all, (a, b)| all | (a ^ b));
    (differs == 0).then_some(sealed)
}

fn code(
    scope: &v8::PinScope<'_, '_>,
    kind: Kind<'_>,
    source: v8::Local<'_, v8::String>,
    cache: &[u8],
) -> Option<Vec<u8>> {
    let (tag, parameters, extensions) = match kind {
        Kind::Script => (1, "", 0),
        Kind::Module => (2, "", 0),
        Kind::Function(parameters, extensions) => (3, parameters, extensions),
    };
    let mut units = vec![0; source.length()];
    source.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    let text: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
    // Lengths first, so that no part can be taken for the end of another.
    let lengths = [tag, parameters.len(), extensions, text.len(), cache.len()];
    let head: Vec<u8> = lengths
        .into_iter()
        .flat_map(|length| (length as u64).to_le_bytes())
        .collect();
    crypto::hmac_sha256(key()?, &[&head, parameters.as_bytes(), &text, cache])
}

/// The key of this operating system process; `None` without random numbers.
fn key() -> Option<&'static [u8; CODE]> {
    static KEY: OnceLock<Option<[u8; CODE]>> = OnceLock::new();
    KEY.get_or_init(crypto::random_bytes).as_ref()
}
