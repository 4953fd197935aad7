//! The sources of Node's library, as V8 strings that point at the binary's own pages.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use parking_lot::Mutex;

/// The text of one module.
#[derive(Clone, Copy)]
pub enum Source {
    /// One byte a character.
    Latin1(&'static [u8]),
    /// One byte a character, compressed with Brotli.
    Packed(&'static [u8]),
    /// Little-endian UTF-16.
    Utf16(&'static [u8]),
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
