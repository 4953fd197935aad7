//! `internalBinding('encoding_binding')`: UTF-8 for `TextEncoder` and `TextDecoder`. Follows Node's
//! `src/encoding_binding.cc`.

use v8::simdutf;

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::string_bytes::{self, Encoding};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("encodeInto", encode_into)
        .function("encodeUtf8String", encode_utf8_string)
        .function("decodeUTF8", decode_utf8)
        .function("toASCII", to_ascii)
        .function("toUnicode", to_unicode)
        .init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let results = Env::of(scope).aliased_array::<u32>(scope, Slot::EncodeIntoResults, 2);
    convert::set(scope, binding, "encodeIntoResults", results);
}

/// Writes the string and leaves how much was read and written in `encodeIntoResults`.
fn encode_into(scope: Scope, args: Args, _rv: Return) {
    let (Ok(source), true) = (
        v8::Local::<v8::String>::try_from(args.get(0)),
        args.get(1).is_uint8_array(),
    ) else {
        throw_invalid_argument(scope, "encodeInto takes a string and a Uint8Array");
        return;
    };
    let mut read = 0;
    let written = convert::with_bytes_mut(args.get(1), |target| {
        source.write_utf8_v2(
            scope,
            target,
            v8::WriteFlags::kReplaceInvalidUtf8,
            Some(&mut read),
        )
    });
    let results = Env::of(scope).aliased::<u32>(Slot::EncodeIntoResults);
    results.set(0, u32::try_from(read).unwrap_or(u32::MAX));
    results.set(1, u32::try_from(written.unwrap_or(0)).unwrap_or(u32::MAX));
}

fn encode_utf8_string(scope: Scope, args: Args, mut rv: Return) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"string\" argument must be of type string");
        return;
    };
    let length = string.utf8_length(scope);
    let Some(store) = Env::of(scope).array_buffers.backing_store(length) else {
        return exception::throw_array_buffer_failed(scope);
    };
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
    let Some(array) = v8::Uint8Array::new(scope, buffer, 0, length) else {
        return;
    };
    convert::with_bytes_mut(array.into(), |target| {
        string.write_utf8_v2(scope, target, v8::WriteFlags::kReplaceInvalidUtf8, None)
    });
    rv.set(array.into());
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// `decodeUTF8(buffer, ignoreBOM, fatal)`.
fn decode_utf8(scope: Scope, args: Args, mut rv: Return) {
    let ignore_bom = args.get(1).is_true();
    let fatal = args.get(2).is_true();
    let text = convert::with_bytes(args.get(0), |bytes| {
        if fatal && !simdutf::validate_utf8(bytes) {
            let message = "The encoded data was not valid for encoding utf-8";
            exception::throw(
                scope,
                ErrorKind::TypeError,
                "ERR_ENCODING_INVALID_ENCODED_DATA",
                message,
            );
            return None;
        }
        let bytes = if ignore_bom {
            bytes
        } else {
            bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
        };
        string_bytes::encode(scope, bytes, Encoding::Utf8)
    });
    match text {
        Some(Some(text)) => rv.set(text),
        Some(None) => {}
        None => throw_invalid_argument(
            scope,
            "The \"list\" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.",
        ),
    }
}

/// The domain in ASCII form (UTS 46), empty where it is none.
fn to_ascii(scope: Scope, args: Args, mut rv: Return) {
    let domain = convert::text(scope, args.get(0));
    let ascii = ada_url::Idna::ascii(&domain);
    rv.set(exception::string(scope, &ascii).into());
}

/// The domain with its labels in Unicode form.
fn to_unicode(scope: Scope, args: Args, mut rv: Return) {
    let domain = convert::text(scope, args.get(0));
    let unicode = ada_url::Idna::unicode(&domain);
    rv.set(exception::string(scope, &unicode).into());
}
