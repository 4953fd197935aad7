//! The code cache of an ES module that the embedder keeps, for commands that run a large one at each start.
//!
//! V8 trusts a code cache, so it comes from the embedder alone ([`Host::prepared`](crate::host::Host::prepared)), together with
//! the text that it was made of: it is laid over that text only, wherever the module comes from. Text that is not the same is
//! compiled as any other.

use std::cell::RefCell;

use crate::env::Env;
use crate::memory::memory_guard;
use crate::process::invocation;

/// What the embedder calls the bytes: the length of the text (64 bits, little-endian), the text, and the cache.
const FILE: &str = "script";

/// Characters from which on a module is the command's.
const LARGE: usize = 1 << 20;

/// The module of this program of which the embedder has no cache yet.
#[derive(Default)]
struct Compiled(RefCell<Option<(v8::Global<v8::String>, v8::Global<v8::UnboundModuleScript>)>>);

/// Whether a module of this program may be one that the embedder keeps.
fn is_candidate(env: &Env, text: v8::Local<'_, v8::String>) -> bool {
    text.length() >= LARGE && invocation::script(env).is_some_and(|script| script.has_module)
}

/// The cache for a text, if the embedder has one that was made of the same.
pub(super) fn cache(
    scope: &v8::PinScope<'_, '_>,
    text: v8::Local<'_, v8::String>,
) -> Option<Vec<u8>> {
    let env = Env::of(scope);
    if !is_candidate(&env, text) {
        return None;
    }
    let mut file = env.program()?.options.host.as_ref()?.prepared(FILE)?;
    // With the text, to compare it.
    if !memory_guard::admit(file.len()) {
        return None;
    }
    let start = cache_start(&file, &bytes_of(scope, text))?;
    Some(file.split_off(start))
}

/// Where in a file the cache lies, if it was made of that text.
fn cache_start(file: &[u8], text: &[u8]) -> Option<usize> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let is_same = u64::from_le_bytes(*length) == text.len() as u64 && rest.starts_with(text);
    is_same.then_some(length.len() + text.len())
}

/// Notes a module that was compiled without a cache, for [`bytes`].
pub(super) fn note(
    scope: &v8::PinScope<'_, '_>,
    text: v8::Local<'_, v8::String>,
    module: v8::Local<'_, v8::Module>,
) {
    let env = Env::of(scope);
    if is_candidate(&env, text) {
        let script = module.get_unbound_module_script(scope);
        let noted = (v8::Global::new(scope, text), v8::Global::new(scope, script));
        env.state::<Compiled>().0.replace(Some(noted));
    }
}

/// What the embedder is to keep of the large module that this program has compiled: the code of what of it has run.
pub(crate) fn bytes(scope: &v8::PinScope<'_, '_>) -> Option<Vec<u8>> {
    let (text, script) = Env::of(scope).state::<Compiled>().0.take()?;
    let cache = v8::Local::new(scope, script).create_code_cache()?;
    let text = bytes_of(scope, v8::Local::new(scope, text));
    let length = (text.len() as u64).to_le_bytes();
    Some([&length, text.as_slice(), &cache].concat())
}

fn bytes_of(scope: &v8::PinScope<'_, '_>, text: v8::Local<'_, v8::String>) -> Vec<u8> {
    text.to_rust_string_lossy(scope).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::cache_start;

    #[test]
    fn a_cache_is_laid_over_the_text_that_it_was_made_of_only() {
        let file = [&3u64.to_le_bytes(), &b"abcde"[..]].concat();
        assert_eq!(cache_start(&file, b"abc"), Some(11));
        for text in ["abd", "ab", "abcd", ""] {
            assert_eq!(cache_start(&file, text.as_bytes()), None, "{text}");
        }
        assert_eq!(cache_start(&file[..10], b"abc"), None);
        assert_eq!(cache_start(&file[..7], b"abc"), None);
    }
}
