//! Between JavaScript strings and bytes in Node's encodings. Follows Node's `src/string_bytes.cc`.

pub mod base64;
mod hex;

use v8::simdutf;

use crate::heap::heap_limit;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};
use crate::library::tables;
use crate::memory::memory_guard;

/// Strings below this size are not looked at before they are made.
const UNCHECKED_BYTES: usize = 1 << 20;

/// Node's encodings, with the numbers of `internalBinding('string_decoder').encodings`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Encoding {
    /// Seven bits; writing is as latin1.
    Ascii = 0,
    /// UTF-8
    Utf8 = 1,
    /// Base64 with padding.
    Base64 = 2,
    /// UTF-16 in little-endian order.
    Utf16le = 3,
    /// One byte a character, also known as binary.
    Latin1 = 4,
    /// Two hexadecimal digits a byte.
    Hex = 5,
    /// No string but a `Buffer`.
    Buffer = 6,
    /// Base64 of the URL alphabet, without padding.
    Base64url = 7,
}

impl Encoding {
    /// The encoding with `number` in the library's table.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Encoding> {
        const ALL: [Encoding; 8] = [
            Encoding::Ascii,
            Encoding::Utf8,
            Encoding::Base64,
            Encoding::Utf16le,
            Encoding::Latin1,
            Encoding::Hex,
            Encoding::Buffer,
            Encoding::Base64url,
        ];
        usize::try_from(number)
            .ok()
            .and_then(|index| ALL.get(index).copied())
    }

    /// The encoding called `name`, in any case and spelling that Node takes (`ParseEncoding`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Encoding> {
        let encoding = match name.to_ascii_lowercase().as_str() {
            "utf8" | "utf-8" => Encoding::Utf8,
            "ucs2" | "ucs-2" | "utf16le" | "utf-16le" => Encoding::Utf16le,
            "latin1" | "binary" => Encoding::Latin1,
            "base64" => Encoding::Base64,
            "base64url" => Encoding::Base64url,
            "hex" => Encoding::Hex,
            "ascii" => Encoding::Ascii,
            "buffer" => Encoding::Buffer,
            _ => return None,
        };
        Some(encoding)
    }

    /// The encoding that an argument names by number or string, or `default`.
    #[must_use]
    pub fn from_value(
        scope: &mut v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
        default: Encoding,
    ) -> Encoding {
        if value.is_int32() {
            return value
                .integer_value(scope)
                .and_then(Encoding::from_number)
                .unwrap_or(default);
        }
        if value.is_string() {
            return Encoding::from_name(&value.to_rust_string_lossy(scope)).unwrap_or(default);
        }
        default
    }
}

/// `ERR_STRING_TOO_LONG`, thrown where a result is longer than V8's strings can be.
pub fn throw_string_too_long(scope: &mut v8::PinScope<'_, '_>) {
    let limit = tables::binding("buffer")["constants"]["kStringMaxLength"]
        .as_u64()
        .unwrap_or(0x1fff_ffe8);
    let message = format!("Cannot create a string longer than 0x{limit:x} characters");
    exception::throw(scope, ErrorKind::Error, "ERR_STRING_TOO_LONG", &message);
}

/// A string of `bytes`, or a `Buffer` for that encoding. Throws and returns `None` where it would be too long.
pub fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
    encoding: Encoding,
) -> Option<v8::Local<'s, v8::Value>> {
    if encoding == Encoding::Buffer {
        return Some(convert::buffer(scope, bytes.to_vec()));
    }
    if bytes.is_empty() {
        return Some(v8::String::empty(scope).into());
    }
    if !fits_heap(scope, bytes.len()) {
        throw_string_too_long(scope);
        return None;
    }
    let normal = v8::NewStringType::Normal;
    let fits = |length: usize| length <= v8::String::MAX_LENGTH;
    let text = match encoding {
        Encoding::Utf8 => v8::String::new_from_utf8(scope, bytes, normal),
        Encoding::Latin1 => v8::String::new_from_one_byte(scope, bytes, normal),
        Encoding::Ascii if simdutf::validate_ascii(bytes) => {
            v8::String::new_from_one_byte(scope, bytes, normal)
        }
        Encoding::Ascii if fits(bytes.len()) => {
            let stripped: Vec<u8> = bytes.iter().map(|byte| byte & 0x7f).collect();
            v8::String::new_from_one_byte(scope, &stripped, normal)
        }
        Encoding::Utf16le if fits(bytes.len() / 2) => {
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            v8::String::new_from_two_byte(scope, &units, normal)
        }
        Encoding::Hex if fits(bytes.len().saturating_mul(2)) => {
            v8::String::new_from_one_byte(scope, &hex::encode(bytes), normal)
        }
        Encoding::Base64 | Encoding::Base64url if fits(bytes.len() / 3 * 4) => {
            let text = base64::encode(bytes, encoding == Encoding::Base64url);
            v8::String::new_from_one_byte(scope, &text, normal)
        }
        _ => None,
    };
    if text.is_none() {
        throw_string_too_long(scope);
    }
    text.map(Into::into)
}

/// Whether a string of about this many bytes has room in V8's heap. V8 gives up the operating system process for one
/// that has not.
fn fits_heap(scope: &mut v8::PinScope<'_, '_>, bytes: usize) -> bool {
    if bytes < UNCHECKED_BYTES {
        return true;
    }
    let used = scope.get_heap_statistics().used_heap_size();
    let left = heap_limit::size_limit(scope).saturating_sub(used);
    bytes < left && memory_guard::admit(bytes)
}

/// Writes `string` to `target` as far as it fits; returns the number of bytes written. UTF-8 and UTF-16 are cut
/// between characters.
pub fn write(
    scope: &mut v8::PinScope<'_, '_>,
    string: v8::Local<'_, v8::String>,
    target: &mut [u8],
    encoding: Encoding,
) -> usize {
    match encoding {
        Encoding::Utf8 | Encoding::Buffer => {
            string.write_utf8_v2(scope, target, v8::WriteFlags::kReplaceInvalidUtf8, None)
        }
        Encoding::Ascii | Encoding::Latin1 => {
            let length = string.length().min(target.len());
            string.write_one_byte_v2(scope, 0, &mut target[..length], v8::WriteFlags::empty());
            length
        }
        Encoding::Utf16le => write_utf16(scope, string, target),
        Encoding::Hex => with_units(scope, string, |units| hex::decode(units, target)),
        Encoding::Base64 | Encoding::Base64url => {
            with_units(scope, string, |units| base64::decode(units, target))
        }
    }
}

fn write_utf16(
    scope: &mut v8::PinScope<'_, '_>,
    string: v8::Local<'_, v8::String>,
    target: &mut [u8],
) -> usize {
    let count = string.length().min(target.len() / 2);
    let target = &mut target[..count * 2];
    // SAFETY: any two bytes are a valid u16, and align_to_mut gives only whole, aligned elements.
    let (head, aligned, tail) = unsafe { target.align_to_mut::<u16>() };
    if head.is_empty() && tail.is_empty() {
        string.write_v2(scope, 0, aligned, v8::WriteFlags::empty());
        if cfg!(target_endian = "big") {
            aligned.iter_mut().for_each(|unit| *unit = unit.to_le());
        }
        return count * 2;
    }
    let mut units = vec![0_u16; count];
    string.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    for (pair, unit) in target.chunks_exact_mut(2).zip(&units) {
        pair.copy_from_slice(&unit.to_le_bytes());
    }
    count * 2
}

/// The code units of a string, one or two bytes wide.
#[derive(Clone, Copy)]
pub enum Units<'a> {
    /// Latin-1
    One(&'a [u8]),
    /// UTF-16
    Two(&'a [u16]),
}

impl Units<'_> {
    /// The unit at `index`.
    #[must_use]
    pub fn get(self, index: usize) -> Option<u16> {
        match self {
            Units::One(units) => units.get(index).map(|unit| u16::from(*unit)),
            Units::Two(units) => units.get(index).copied(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Units::One(units) => units.len(),
            Units::Two(units) => units.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Calls `body` with the string's own code units, without copying them. `body` must not reach V8.
pub fn with_units<T>(
    scope: &mut v8::PinScope<'_, '_>,
    string: v8::Local<'_, v8::String>,
    body: impl FnOnce(Units<'_>) -> T,
) -> T {
    let view = v8::ValueView::new(scope, string);
    match view.data() {
        v8::ValueViewData::OneByte(units) => body(Units::One(units)),
        v8::ValueViewData::TwoByte(units) => body(Units::Two(units)),
    }
}

/// How many bytes `string` takes in `encoding`; an upper bound for base64.
pub fn size(
    scope: &mut v8::PinScope<'_, '_>,
    string: v8::Local<'_, v8::String>,
    encoding: Encoding,
) -> usize {
    let length = string.length();
    match encoding {
        Encoding::Utf8 | Encoding::Buffer => string.utf8_length(scope),
        Encoding::Ascii | Encoding::Latin1 => length,
        Encoding::Utf16le => length * 2,
        Encoding::Hex => length / 2,
        Encoding::Base64 | Encoding::Base64url => length / 4 * 3 + 3,
    }
}

/// The bytes of `string` in `encoding`.
pub fn decode(
    scope: &mut v8::PinScope<'_, '_>,
    string: v8::Local<'_, v8::String>,
    encoding: Encoding,
) -> Vec<u8> {
    if !memory_guard::admit(string.length().saturating_mul(2)) {
        return Vec::new();
    }
    let mut bytes = vec![0; size(scope, string, encoding)];
    let written = write(scope, string, &mut bytes, encoding);
    bytes.truncate(written);
    bytes
}
