//! `internalBinding('zlib')`: compression streams. Follows Node's `src/node_zlib.cc`.

mod brotli;
mod codec;
mod deflate;
mod input;
mod setup;
mod stream;
mod write;
mod zstd;

use crate::callback::{Args, Return, Scope};
use crate::js::class::{ClassDefinition, Definition};
use crate::js::{convert, exception};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    methods(definition.class("Zlib", stream::new_zlib)).method("init", setup::init_zlib);
    methods(definition.class("BrotliEncoder", stream::new_brotli_encoder))
        .method("init", setup::init_brotli);
    methods(definition.class("BrotliDecoder", stream::new_brotli_decoder))
        .method("init", setup::init_brotli);
    methods(definition.class("ZstdCompress", stream::new_zstd_compress))
        .method("init", setup::init_zstd);
    methods(definition.class("ZstdDecompress", stream::new_zstd_decompress))
        .method("init", setup::init_zstd);
    definition.function("crc32", crc32);
}

fn methods(class: &mut ClassDefinition) -> &mut ClassDefinition {
    class
        .inherits("AsyncWrap")
        .method("write", write::write)
        .method("writeSync", write::write_sync)
        .method("close", stream::close)
        .method("params", stream::params)
        .method("reset", stream::reset)
}

/// `crc32(data, value)`.
fn crc32(scope: Scope, args: Args, mut rv: Return) {
    let value = args.get(1).uint32_value(scope).unwrap_or(0);
    let data = args.get(0);
    let result = if data.is_string() {
        Some(update_crc32(
            value,
            data.to_rust_string_lossy(scope).as_bytes(),
        ))
    } else if data.is_array_buffer_view() {
        convert::with_bytes(data, |bytes| update_crc32(value, bytes))
    } else {
        None
    };
    match result {
        Some(result) => rv.set_uint32(result),
        None => exception::throw_invalid_argument(scope, "Invalid arguments"),
    }
}

/// Goes on with a CRC-32.
pub(super) fn update_crc32(value: u32, bytes: &[u8]) -> u32 {
    // zlib takes 32-bit lengths.
    bytes.chunks(1 << 30).fold(value, |value, chunk| {
        let length = libz_sys::uInt::try_from(chunk.len()).unwrap_or(0);
        // SAFETY: the pointer is good for `length` bytes.
        let value = unsafe { libz_sys::crc32(value.into(), chunk.as_ptr(), length) };
        // A CRC-32 fits by definition; zlib returns it as an unsigned long.
        u32::try_from(value).unwrap_or(0)
    })
}
