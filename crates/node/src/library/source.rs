//! The sources of Node's library, as V8 strings that point at the binary's own pages.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use parking_lot::Mutex;

/// The text of one module.
#[derive(Clone, Copy)]
pub enum Source {
    /// ASCII. The startup snapshot refers to it by its place among the external references.
    Ascii(&'static v8::OneByteConst),
    /// One byte a character.
    Latin1(&'static [u8]),
    /// One byte a character, compressed with Brotli.
    Packed(&'static [u8]),
    /// Little-endian UTF-16.
    Utf16(&'static [u8]),
}

/// The resource of a text that the build has found to be ASCII.
const fn ascii(text: &'static [u8]) -> v8::OneByteConst {
    // SAFETY: build.rs calls this for ASCII texts only.
    unsafe { v8::String::create_external_onebyte_const_unchecked(text) }
}

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

static INDEX: OnceLock<HashMap<&'static str, Source>> = OnceLock::new();

/// The source of the library module `id`, for example `internal/util`.
pub fn lookup(id: &str) -> Option<Source> {
    INDEX
        .get_or_init(|| SOURCES.iter().copied().collect())
        .get(id)
        .copied()
}

impl Source {
    /// A V8 string of this text.
    pub fn to_v8<'s>(self, scope: &v8::PinScope<'s, '_, ()>) -> Option<v8::Local<'s, v8::String>> {
        match self {
            Source::Ascii(text) => v8::String::new_from_onebyte_const(scope, text),
            Source::Latin1(bytes) => v8::String::new_external_onebyte_static(scope, bytes),
            Source::Packed(bytes) => {
                v8::String::new_external_onebyte_static(scope, unpacked(bytes))
            }
            Source::Utf16(bytes) => {
                let units: Vec<u16> = bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|b| u16::from_le_bytes(*b))
                    .collect();
                v8::String::new_from_two_byte(scope, &units, v8::NewStringType::Normal)
            }
        }
    }
}

/// The texts that a snapshot may refer to, in a fixed order.
pub fn external_references() -> impl Iterator<Item = v8::ExternalReference> {
    SOURCES.iter().filter_map(|(_, source)| match source {
        Source::Ascii(text) => Some(v8::ExternalReference {
            pointer: std::ptr::from_ref(*text).cast_mut().cast(),
        }),
        _ => None,
    })
}

/// The text of a packed source, made once for the life of the process.
fn unpacked(packed: &'static [u8]) -> &'static [u8] {
    static TEXTS: Mutex<BTreeMap<usize, &'static [u8]>> = Mutex::new(BTreeMap::new());
    let mut texts = TEXTS.lock();
    texts.entry(packed.as_ptr().addr()).or_insert_with(|| {
        let mut text = Vec::new();
        brotli::BrotliDecompress(&mut &*packed, &mut text).expect("the build packed it");
        Vec::leak(text)
    })
}
