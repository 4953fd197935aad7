//! Between buffers and strings.

use v8::simdutf::{self, Base64Options, ErrorCode, LastChunkHandling};

use super::arguments::{array_index, throw_index_out_of_range, throw_not_a_buffer};
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::string_bytes::{self, Encoding, Units};
use crate::memory::memory_guard;

/// Adds this part of the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("asciiSlice", ascii_slice)
        .function("base64Slice", base64_slice)
        .function("base64urlSlice", base64url_slice)
        .function("latin1Slice", latin1_slice)
        .function("hexSlice", hex_slice)
        .function("ucs2Slice", ucs2_slice)
        .function("utf8Slice", utf8_slice)
        .function("asciiWriteStatic", latin1_write)
        .function("latin1WriteStatic", latin1_write)
        .function("utf8WriteStatic", utf8_write)
        .function("base64Write", base64_write)
        .function("base64urlWrite", base64_write)
        .function("hexWrite", hex_write)
        .function("ucs2Write", ucs2_write)
        .function("byteLengthUtf8", byte_length_utf8)
        .function("isUtf8", is_utf8)
        .function("isAscii", is_ascii)
        .function("atob", atob)
        .function("btoa", btoa);
}

macro_rules! slices {
    ($($function:ident $encoding:ident;)*) => {
        $(fn $function(
            scope: Scope,
            args: Args,
            mut rv: Return,
        ) {
            slice(scope, &args, &mut rv, Encoding::$encoding);
        })*
    };
}

slices! {
    ascii_slice Ascii;
    base64_slice Base64;
    base64url_slice Base64url;
    latin1_slice Latin1;
    hex_slice Hex;
    ucs2_slice Utf16le;
    utf8_slice Utf8;
}

/// `*Slice(buffer, start, end)`: the string of a range.
fn slice(scope: Scope, args: &Args, rv: &mut Return, encoding: Encoding) {
    let buffer = args.get(0);
    let Some(length) = convert::with_bytes(buffer, <[u8]>::len) else {
        throw_not_a_buffer(scope);
        return;
    };
    if length == 0 {
        rv.set(v8::String::empty(scope).into());
        return;
    }
    let Some(start) = array_index(scope, args.get(1), 0) else {
        return;
    };
    let Some(end) = array_index(scope, args.get(2), length) else {
        return;
    };
    let end = end.max(start);
    if end > length {
        throw_index_out_of_range(scope);
        return;
    }
    // No JavaScript runs while a string is made.
    let text = convert::with_bytes(buffer, |bytes| {
        string_bytes::encode(scope, bytes.get(start..end).unwrap_or_default(), encoding)
    });
    if let Some(text) = text.flatten() {
        rv.set(text);
    }
}

macro_rules! writes {
    ($($function:ident $encoding:ident;)*) => {
        $(fn $function(
            scope: Scope,
            args: Args,
            mut rv: Return,
        ) {
            write(scope, &args, &mut rv, Encoding::$encoding);
        })*
    };
}

writes! {
    latin1_write Latin1;
    utf8_write Utf8;
    base64_write Base64;
    hex_write Hex;
    ucs2_write Utf16le;
}

/// `*Write(buffer, string, offset, length)`: the number of bytes written.
fn write(scope: Scope, args: &Args, rv: &mut Return, encoding: Encoding) {
    let buffer = args.get(0);
    let Some(length) = convert::with_bytes(buffer, <[u8]>::len) else {
        throw_not_a_buffer(scope);
        return;
    };
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(1)) else {
        throw_invalid_argument(scope, "argument must be a string");
        return;
    };
    let Some(offset) = array_index(scope, args.get(2), 0) else {
        return;
    };
    if offset > length {
        let message = "\"offset\" is outside of buffer bounds";
        exception::throw(
            scope,
            ErrorKind::RangeError,
            "ERR_BUFFER_OUT_OF_BOUNDS",
            message,
        );
        return;
    }
    let Some(room) = array_index(scope, args.get(3), length - offset) else {
        return;
    };
    let written = convert::with_bytes_mut(buffer, |bytes| {
        let end = offset.saturating_add(room).min(bytes.len());
        bytes.get_mut(offset..end).map_or(0, |target| {
            string_bytes::write(scope, string, target, encoding)
        })
    });
    rv.set_double(written.unwrap_or(0) as f64);
}

fn byte_length_utf8(scope: Scope, args: Args, mut rv: Return) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "argument must be a string");
        return;
    };
    rv.set_double(string.utf8_length(scope) as f64);
}

fn is_utf8(scope: Scope, args: Args, mut rv: Return) {
    if let Some(valid) = validate(scope, args.get(0), simdutf::validate_utf8) {
        rv.set_bool(valid);
    }
}

fn is_ascii(scope: Scope, args: Args, mut rv: Return) {
    if let Some(valid) = validate(scope, args.get(0), simdutf::validate_ascii) {
        rv.set_bool(valid);
    }
}

fn validate(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    test: fn(&[u8]) -> bool,
) -> Option<bool> {
    let buffer = match v8::Local::<v8::ArrayBufferView>::try_from(value) {
        Ok(view) if view.has_buffer() => view.buffer(scope),
        _ => v8::Local::<v8::ArrayBuffer>::try_from(value).ok(),
    };
    if buffer.is_some_and(|buffer| buffer.was_detached()) {
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_INVALID_STATE",
            "Cannot validate on a detached buffer",
        );
        return None;
    }
    let valid = convert::with_bytes(value, test);
    if valid.is_none() {
        throw_not_a_buffer(scope);
    }
    valid
}

const ATOB_REMAINDER: i32 = -1;
const ATOB_INVALID_CHARACTER: i32 = -2;
const ATOB_OTHER: i32 = -3;

/// Decodes as `atob` of the HTML standard; a negative number where that throws.
fn atob(scope: Scope, args: Args, mut rv: Return) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "argument must be a string");
        return;
    };
    let decoded = string_bytes::with_units(scope, string, |units| {
        let text: Vec<u8> = match units {
            Units::One(units) => units.to_vec(),
            Units::Two(units) => units
                .iter()
                .map(|unit| u8::try_from(*unit).unwrap_or(0xff))
                .collect(),
        };
        let mut bytes = vec![0; simdutf::maximal_binary_length_from_base64(&text)];
        // SAFETY: `bytes` has the length that simdutf asks for.
        let result = unsafe {
            simdutf::base64_to_binary(
                &text,
                &mut bytes,
                Base64Options::Default,
                LastChunkHandling::Loose,
            )
        };
        match result.error {
            ErrorCode::Success => {
                bytes.truncate(result.count);
                Ok(bytes)
            }
            ErrorCode::InvalidBase64Character => Err(ATOB_INVALID_CHARACTER),
            ErrorCode::Base64InputRemainder => Err(ATOB_REMAINDER),
            _ => Err(ATOB_OTHER),
        }
    });
    match decoded {
        Ok(bytes) => {
            if let Some(text) = string_bytes::encode(scope, &bytes, Encoding::Latin1) {
                rv.set(text);
            }
        }
        Err(code) => rv.set_int32(code),
    }
}

/// Encodes as `btoa` of the HTML standard; -1 for a character above U+00FF.
fn btoa(scope: Scope, args: Args, mut rv: Return) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "argument must be a string");
        return;
    };
    // The copy, its base64, and that as a string.
    if !memory_guard::admit(string.length().saturating_mul(4)) {
        return;
    }
    let bytes = string_bytes::with_units(scope, string, |units| match units {
        Units::One(units) => Some(units.to_vec()),
        Units::Two(units) => units.iter().map(|unit| u8::try_from(*unit).ok()).collect(),
    });
    let Some(bytes) = bytes else {
        rv.set_int32(-1);
        return;
    };
    if let Some(text) = string_bytes::encode(scope, &bytes, Encoding::Base64) {
        rv.set(text);
    }
}
